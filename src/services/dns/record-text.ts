/** A record as a zone file has it, `NAME [TTL] [CLASS] TYPE DATA` (RFC 1035 §5.1), on one line. */

import { type DnsRecord, isDnsName, parseIpv4, parseIpv6 } from '../../packet/index.js';
import { undotted } from './name.js';

/** miekg/dns scan.go:defaultTtl. */
const DEFAULT_TTL = 3_600;

/** Words; `"…"` is one, and keeps that it was quoted. */
const wordsOf = (text: string): readonly string[] =>
  [...text.matchAll(/"((?:[^"\\]|\\.)*)"|\S+/g)].map(([whole, quoted]) => quoted ?? whole);

const UNIT: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };

/** `300`, `5m`, `1h30m`. */
function seconds(word: string): number | undefined {
  if (!/^(?:\d+[smhdw]?)+$/i.test(word)) return undefined;
  return [...word.matchAll(/(\d+)([smhdw]?)/gi)].reduce(
    (sum, [, number, unit = '']) => sum + Number(number) * (UNIT[unit.toLowerCase()] ?? 1),
    0,
  );
}

const numberOf = (word: string | undefined, most: number): number | undefined => {
  const value = Number(word);
  return word !== undefined && /^\d+$/.test(word) && value <= most ? value : undefined;
};

const nameOf = (word: string | undefined): string | undefined =>
  word !== undefined && isDnsName(word) ? undotted(word) : undefined;

type Owner = { readonly name: string; readonly ttl: number };

function targetRecord(
  owner: Owner,
  type: 'CNAME' | 'NS' | 'PTR' | 'DNAME',
  data: readonly string[],
): DnsRecord | undefined {
  const target = nameOf(data[0]);
  return target === undefined || data.length > 1 ? undefined : { ...owner, type, target };
}

function serviceRecord(owner: Owner, data: readonly string[]): DnsRecord | undefined {
  const [priority, weight, port] = data.map((word) => numberOf(word, 0xffff));
  const target = nameOf(data[3]);
  if (priority === undefined || weight === undefined || port === undefined || target === undefined) return undefined;
  return { ...owner, type: 'SRV', priority, weight, port, target };
}

function authorityRecord(owner: Owner, data: readonly string[]): DnsRecord | undefined {
  const [mname, rname] = [nameOf(data[0]), nameOf(data[1])];
  const [serial, refresh, retry, expire, minimum] = data.slice(2).map(seconds);
  if (mname === undefined || rname === undefined || serial === undefined || refresh === undefined) return undefined;
  if (retry === undefined || expire === undefined || minimum === undefined) return undefined;
  return { ...owner, type: 'SOA', mname, rname, serial, refresh, retry, expire, minimum };
}

function dataOf(owner: Owner, type: string, data: readonly string[]): DnsRecord | undefined {
  switch (type) {
    case 'A': {
      const address = parseIpv4(data[0] ?? '');
      return address === undefined ? undefined : { ...owner, type, address };
    }
    case 'AAAA': {
      const address = parseIpv6(data[0] ?? '');
      return address === undefined ? undefined : { ...owner, type, address };
    }
    case 'CNAME':
    case 'NS':
    case 'PTR':
    case 'DNAME':
      return targetRecord(owner, type, data);
    case 'MX': {
      const [preference, exchange] = [numberOf(data[0], 0xffff), nameOf(data[1])];
      return preference === undefined || exchange === undefined ? undefined : { ...owner, type, preference, exchange };
    }
    case 'TXT':
      return data.length === 0 ? undefined : { ...owner, type, texts: data };
    case 'SRV':
      return serviceRecord(owner, data);
    case 'SOA':
      return authorityRecord(owner, data);
    default:
      return undefined;
  }
}

/** The record, or undefined where the text is none of a type that is known here. */
export function parseRecord(text: string): DnsRecord | undefined {
  const [first, ...rest] = wordsOf(text);
  const name = nameOf(first);
  if (name === undefined) return undefined;
  const words = [...rest];
  let ttl = DEFAULT_TTL;
  for (let i = 0; i < 2; i += 1) {
    const given = seconds(words[0] ?? '');
    if (given !== undefined) ttl = given;
    else if (!/^(?:IN|CH|HS|ANY)$/i.test(words[0] ?? '')) break;
    words.shift();
  }
  const [type = '', ...data] = words;
  return dataOf({ name, ttl }, type.toUpperCase(), data);
}
