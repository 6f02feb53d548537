/**
 * DNS messages to bytes (RFC 1035 §4). Names are compressed only where that is asked for (§4.1.4), and then as the
 * widely used Go library does it (miekg/dns msg.go:packDomainName()): owners and the names in NS, CNAME, PTR, MX and
 * SOA records, never those in SRV and DNAME (RFC 2782, RFC 6672), letter by letter the same.
 */

import {
  DNS_CLASS,
  DNS_HEADER_LENGTH,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  dnsTypeNumber,
} from './dns.js';

/** RFC 1035 §2.3.4. */
export const DNS_LABEL_MAXIMUM = 63;
export const DNS_NAME_MAXIMUM = 255;

/** A pointer has 14 bits. */
const POINTER_LIMIT = 1 << 14;

const utf8 = new TextEncoder();

const labelsOf = (name: string): string[] => {
  const bare = name.endsWith('.') ? name.slice(0, -1) : name;
  return bare === '' ? [] : bare.split('.');
};

/** Whether text can be a name on the wire: no empty label, none above 63 octets, 255 octets in all. */
export function isDnsName(name: string): boolean {
  const labels = labelsOf(name);
  let length = 1;
  for (const label of labels) {
    const octets = utf8.encode(label).length;
    if (octets === 0 || octets > DNS_LABEL_MAXIMUM) return false;
    length += octets + 1;
  }
  return length <= DNS_NAME_MAXIMUM;
}

/** Writes a message entry by entry; `length` says how long it has become. */
export class DnsWriter {
  #bytes = new Uint8Array(512);
  #view = new DataView(this.#bytes.buffer);
  /** Where a name, spelled so, begins; undefined where nothing is compressed. */
  readonly #names: Map<string, number> | undefined;
  length = DNS_HEADER_LENGTH;

  constructor(compression: 'compressed' | 'plain') {
    this.#names = compression === 'compressed' ? new Map() : undefined;
  }

  question({ name, type, class: questionClass }: DnsQuestion): void {
    this.#name(name, 'compressible');
    this.#u16(dnsTypeNumber(type));
    this.#u16(questionClass ?? DNS_CLASS.in);
  }

  record(record: DnsRecord): void {
    this.#name(record.name, 'compressible');
    this.#u16(dnsTypeNumber(record.type === 'other' ? record.typeName : record.type));
    if (record.type === 'OPT') {
      const { udpPayloadSize, extendedRcode = 0, version = 0, dnssecOk = false } = record;
      this.#u16(udpPayloadSize);
      this.#u16((extendedRcode << 8) | version);
      this.#u16(dnssecOk ? 0x8000 : 0);
    } else {
      this.#u16(DNS_CLASS.in);
      this.#u32(record.ttl);
    }
    const lengthAt = this.length;
    this.#u16(0);
    this.#data(record);
    this.#view.setUint16(lengthAt, this.length - lengthAt - 2);
  }

  /** The message, with its header in front of what was written. */
  finish({ id, flags, opcode, rcode, questions, answers, authorities, additionals }: DnsMessage): Uint8Array {
    const counts = [questions, answers, authorities, additionals].map((section) => section.length);
    this.#view.setUint16(0, id);
    this.#view.setUint16(2, (flags & 0x87f0) | (opcode << 11) | (rcode & 0x0f));
    counts.forEach((count, i) => this.#view.setUint16(4 + 2 * i, count));
    return this.#bytes.slice(0, this.length);
  }

  #data(record: DnsRecord): void {
    switch (record.type) {
      case 'A':
        this.#u32(record.address);
        return;
      case 'AAAA':
        for (const word of record.address) this.#u32(word);
        return;
      case 'CNAME':
      case 'NS':
      case 'PTR':
        this.#name(record.target, 'compressible');
        return;
      case 'DNAME':
        this.#name(record.target, 'whole');
        return;
      case 'SRV':
        for (const number of [record.priority, record.weight, record.port]) this.#u16(number);
        this.#name(record.target, 'whole');
        return;
      case 'MX':
        this.#u16(record.preference);
        this.#name(record.exchange, 'compressible');
        return;
      case 'TXT':
        for (const text of record.texts) this.#text(text);
        return;
      case 'SOA':
        this.#name(record.mname, 'compressible');
        this.#name(record.rname, 'compressible');
        for (const number of [record.serial, record.refresh, record.retry, record.expire, record.minimum])
          this.#u32(number);
        return;
      case 'OPT':
        if (record.options !== undefined) this.#octets(record.options);
        return;
      case 'other':
        this.#octets(record.bytes);
        return;
    }
  }

  #name(name: string, form: 'compressible' | 'whole'): void {
    const labels = labelsOf(name);
    for (let i = 0; i < labels.length; i += 1) {
      const rest = labels.slice(i).join('.');
      const known = this.#names?.get(rest);
      if (known !== undefined && form === 'compressible') {
        this.#u16(0xc000 | known);
        return;
      }
      if (known === undefined && this.length < POINTER_LIMIT) this.#names?.set(rest, this.length);
      const octets = utf8.encode(labels[i] ?? '');
      this.#u8(Math.min(octets.length, DNS_LABEL_MAXIMUM));
      this.#octets(octets.subarray(0, DNS_LABEL_MAXIMUM));
    }
    this.#u8(0);
  }

  /** A character-string (RFC 1035 §3.3): at most 255 octets. */
  #text(text: string): void {
    const octets = utf8.encode(text).subarray(0, 255);
    this.#u8(octets.length);
    this.#octets(octets);
  }

  #u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.length++] = value;
  }

  #u16(value: number): void {
    this.#reserve(2);
    this.#view.setUint16(this.length, value);
    this.length += 2;
  }

  #u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.length, value);
    this.length += 4;
  }

  #octets(octets: Uint8Array): void {
    this.#reserve(octets.length);
    this.#bytes.set(octets, this.length);
    this.length += octets.length;
  }

  #reserve(more: number): void {
    if (this.length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.length + more));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** The message as bytes. */
export function encodeDns(message: DnsMessage, compression: 'compressed' | 'plain' = 'plain'): Uint8Array {
  const writer = new DnsWriter(compression);
  for (const question of message.questions) writer.question(question);
  for (const section of [message.answers, message.authorities, message.additionals])
    for (const record of section) writer.record(record);
  return writer.finish(message);
}
