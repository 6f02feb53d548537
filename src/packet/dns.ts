/**
 * DNS messages (RFC 1035 §4) as our own plain data; names and record data are read by `@dnsquery/dns-packet`,
 * and written by `dns-encode.ts`.
 *
 * The library does not bound what it reads by a record's length, so records are found here first and each is
 * handed to it with its bounds checked: one malformed record leaves the others readable.
 */

import { type Answer, answer as answerCodec, name as nameCodec } from '@dnsquery/dns-packet';
import { toType, toString as typeText } from '@dnsquery/dns-packet/types.js';
import { parseIpv4, parseIpv6 } from './address-text.js';
import { viewOf } from './bytes.js';
import type { Ipv4Addr, Ipv6Addr } from './ip.js';

export const DNS_PORT = 53;
export const DNS_HEADER_LENGTH = 12;

/** RCODE (RFC 1035 §4.1.1). */
export const DNS_RCODE = { noError: 0, formErr: 1, servFail: 2, nxDomain: 3, notImp: 4, refused: 5 } as const;

/** Bits of the second word (RFC 1035 §4.1.1; AD and CD by RFC 4035). */
export const DNS_FLAG = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  authenticData: 0x0020,
  checkingDisabled: 0x0010,
} as const;

/** CLASS (RFC 1035 §3.2.4, RFC 2136). */
export const DNS_CLASS = { in: 1, chaos: 3, hesiod: 4, none: 254, any: 255 } as const;

export interface DnsQuestion {
  /** Without the final dot; the root is `.`. */
  readonly name: string;
  /** `A`, `AAAA`, `SRV`, …, `UNKNOWN_1234` where it has no name here. */
  readonly type: string;
  /** `DNS_CLASS.in` where it is absent. */
  readonly class?: number;
}

interface RecordOwner {
  readonly name: string;
  readonly ttl: number;
}

export type DnsRecord = RecordOwner &
  (
    | { readonly type: 'A'; readonly address: Ipv4Addr }
    | { readonly type: 'AAAA'; readonly address: Ipv6Addr }
    | { readonly type: 'CNAME' | 'NS' | 'PTR' | 'DNAME'; readonly target: string }
    | {
        readonly type: 'SRV';
        readonly priority: number;
        readonly weight: number;
        readonly port: number;
        readonly target: string;
      }
    | { readonly type: 'MX'; readonly preference: number; readonly exchange: string }
    | { readonly type: 'TXT'; readonly texts: readonly string[] }
    | {
        readonly type: 'SOA';
        readonly mname: string;
        readonly rname: string;
        readonly serial: number;
        readonly refresh: number;
        readonly retry: number;
        readonly expire: number;
        readonly minimum: number;
      }
    /** EDNS (RFC 6891 §6.1.2); its name is the root and its ttl is 0 here. What is absent is 0, or empty. */
    | {
        readonly type: 'OPT';
        readonly udpPayloadSize: number;
        /** The upper eight bits of the response code. */
        readonly extendedRcode?: number;
        readonly version?: number;
        /** DO (RFC 3225): the asker wants DNSSEC records. */
        readonly dnssecOk?: boolean;
        /** Options as they are on the wire. */
        readonly options?: Uint8Array;
      }
    /** Any other, its data undecoded. */
    | { readonly type: 'other'; readonly typeName: string; readonly bytes: Uint8Array }
  );

export interface DnsMessage {
  readonly id: number;
  /** The second word without opcode and rcode: `DNS_FLAG` bits. */
  readonly flags: number;
  readonly opcode: number;
  readonly rcode: number;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

export type DnsSection = 'question' | 'answer' | 'authority' | 'additional';

/** One entry of a section and where it lies, offsets counted from the message's start. */
export interface DnsEntry {
  readonly section: DnsSection;
  readonly offset: number;
  readonly length: number;
  /** Of its record data; 0 for a question. */
  readonly dataOffset: number;
  /** Decoded, or undefined where its data is not what its type says. */
  readonly question?: DnsQuestion;
  readonly record?: DnsRecord;
  /** What is wrong; the last entry where it does not fit. */
  readonly problem?: string;
}

/** Past a name at `at`: labels up to the root or a pointer (RFC 1035 §4.1.4); undefined where it does not end. */
function skipName(view: DataView, start: number, end: number): number | undefined {
  let at = start;
  while (at < end) {
    const length = view.getUint8(at);
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2 <= end ? at + 2 : undefined;
    if (length > 63) return undefined;
    at += 1 + length;
  }
  return undefined;
}

/** Types that the library does not know by name (RFC 9460). */
const FURTHER_TYPES: Readonly<Record<string, number>> = { SVCB: 64, HTTPS: 65 };
const FURTHER_NAMES = new Map(Object.entries(FURTHER_TYPES).map(([name, number]) => [number, name]));

const typeName = (number: number): string => FURTHER_NAMES.get(number) ?? typeText(number);

/** The library throws on what it cannot read; here that is an answer. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const utf8 = new TextDecoder();

const texts = (data: unknown): string[] =>
  (Array.isArray(data) ? data : [data]).map((part: unknown) =>
    part instanceof Uint8Array ? utf8.decode(part) : String(part),
  );

/** What the library made of a record, as ours. */
function recordOf(answer: Answer, data: Uint8Array): DnsRecord | undefined {
  const owner = { name: answer.name, ttl: answer.ttl ?? 0 };
  switch (answer.type) {
    case 'A': {
      const address = data.length === 4 ? parseIpv4(answer.data) : undefined;
      return address === undefined ? undefined : { ...owner, type: 'A', address };
    }
    case 'AAAA': {
      const address = data.length === 16 ? parseIpv6(answer.data) : undefined;
      return address === undefined ? undefined : { ...owner, type: 'AAAA', address };
    }
    case 'CNAME':
    case 'NS':
    case 'PTR':
    case 'DNAME':
      return { ...owner, type: answer.type, target: answer.data };
    case 'SRV': {
      const { priority = 0, weight = 0, port = 0, target } = answer.data;
      return data.length < 7 ? undefined : { ...owner, type: 'SRV', priority, weight, port, target };
    }
    case 'MX':
      return data.length < 3
        ? undefined
        : { ...owner, type: 'MX', preference: answer.data.preference ?? 0, exchange: answer.data.exchange };
    case 'TXT':
      return { ...owner, type: 'TXT', texts: texts(answer.data) };
    case 'SOA': {
      const { mname, rname, serial = 0, refresh = 0, retry = 0, expire = 0, minimum = 0 } = answer.data;
      return { ...owner, type: 'SOA', mname, rname, serial, refresh, retry, expire, minimum };
    }
    default:
      return { ...owner, type: 'other', typeName: answer.type, bytes: data };
  }
}

const OPT = 41;
/** The types whose data is taken apart. */
const DECODED: ReadonlySet<string> = new Set(['A', 'AAAA', 'CNAME', 'NS', 'PTR', 'DNAME', 'SRV', 'MX', 'TXT', 'SOA']);

/** EDNS says the rest in what is the TTL of other records (RFC 6891 §6.1.3). */
function decodeOpt(view: DataView, fixed: number, options: Uint8Array): DnsRecord {
  const extendedRcode = view.getUint8(fixed + 4);
  const version = view.getUint8(fixed + 5);
  return {
    name: '.',
    ttl: 0,
    type: 'OPT',
    udpPayloadSize: view.getUint16(fixed + 2),
    ...(extendedRcode === 0 ? {} : { extendedRcode }),
    ...(version === 0 ? {} : { version }),
    ...((view.getUint8(fixed + 6) & 0x80) === 0 ? {} : { dnssecOk: true }),
    ...(options.length === 0 ? {} : { options }),
  };
}

/** The record at `offset`, whose name ends at `fixed` and whose data is `[dataOffset, end)`; the library sees no more. */
function decodeRecord(bytes: Uint8Array, offset: number, fixed: number, end: number): DnsRecord | undefined {
  const view = viewOf(bytes);
  const type = view.getUint16(fixed);
  const data = bytes.slice(fixed + 10, end);
  if (type === OPT) return decodeOpt(view, fixed, data);
  const label = typeName(type);
  if (!DECODED.has(label)) {
    const owner = attempt(() => nameCodec.decode(bytes, offset));
    const ttl = view.getUint32(fixed + 4);
    return owner === undefined ? undefined : { name: owner, ttl, type: 'other', typeName: label, bytes: data };
  }
  return attempt(() => recordOf(answerCodec.decode(bytes.subarray(0, end), offset), data));
}

const NOT_IN_MESSAGE = 'runs past the end of the message';
const NOT_ITS_TYPE = 'is not what its type says';

function questionAt(bytes: Uint8Array, offset: number): DnsEntry {
  const view = viewOf(bytes);
  const fixed = skipName(view, offset, bytes.length);
  if (fixed === undefined || fixed + 4 > bytes.length) {
    const length = bytes.length - offset;
    return { section: 'question', offset, length, dataOffset: 0, problem: NOT_IN_MESSAGE };
  }
  const place = { section: 'question', offset, length: fixed + 4 - offset, dataOffset: 0 } as const;
  const name = attempt(() => nameCodec.decode(bytes, offset));
  if (name === undefined) return { ...place, problem: 'has a name that cannot be read' };
  const questionClass = view.getUint16(fixed + 2);
  const question = { name, type: typeName(view.getUint16(fixed)) };
  return { ...place, question: questionClass === DNS_CLASS.in ? question : { ...question, class: questionClass } };
}

function recordAt(bytes: Uint8Array, section: DnsSection, offset: number): DnsEntry {
  const view = viewOf(bytes);
  const fixed = skipName(view, offset, bytes.length);
  const dataOffset = (fixed ?? bytes.length) + 10;
  const end = dataOffset <= bytes.length ? dataOffset + view.getUint16(dataOffset - 2) : bytes.length + 1;
  if (fixed === undefined || end > bytes.length) {
    return { section, offset, length: bytes.length - offset, dataOffset: 0, problem: NOT_IN_MESSAGE };
  }
  const place = { section, offset, length: end - offset, dataOffset };
  const record = decodeRecord(bytes, offset, fixed, end);
  return record === undefined ? { ...place, problem: NOT_ITS_TYPE } : { ...place, record };
}

const SECTIONS: readonly DnsSection[] = ['question', 'answer', 'authority', 'additional'];

/** The entries of a message in order; one that does not fit is the last. `bytes` is the message and nothing else. */
export function* dnsEntries(bytes: Uint8Array): Generator<DnsEntry, void> {
  if (bytes.length < DNS_HEADER_LENGTH) return;
  const view = viewOf(bytes);
  let at = DNS_HEADER_LENGTH;
  for (const [i, section] of SECTIONS.entries()) {
    for (let left = view.getUint16(4 + 2 * i); left > 0; left--) {
      const entry = section === 'question' ? questionAt(bytes, at) : recordAt(bytes, section, at);
      yield entry;
      if (entry.problem === NOT_IN_MESSAGE) return;
      at += entry.length;
    }
  }
}

/** The message that `bytes` are, or undefined where any part of it cannot be read. */
export function parseDns(bytes: Uint8Array): DnsMessage | undefined {
  if (bytes.length < DNS_HEADER_LENGTH) return undefined;
  const view = viewOf(bytes);
  const word = view.getUint16(2);
  const questions: DnsQuestion[] = [];
  const records: Record<DnsSection, DnsRecord[]> = { question: [], answer: [], authority: [], additional: [] };
  for (const { section, question, record, problem } of dnsEntries(bytes)) {
    if (problem !== undefined) return undefined;
    if (question !== undefined) questions.push(question);
    if (record !== undefined) records[section].push(record);
  }
  return {
    id: view.getUint16(0),
    flags: word & 0x87f0,
    opcode: (word >>> 11) & 0x0f,
    rcode: word & 0x0f,
    questions,
    answers: records.answer,
    authorities: records.authority,
    additionals: records.additional,
  };
}

/** The number of a type by its name, `UNKNOWN_1234` included; 0 where no type is called so. */
export const dnsTypeNumber = (type: string): number =>
  (Object.hasOwn(FURTHER_TYPES, type) ? FURTHER_TYPES[type] : undefined) ?? toType(type);
