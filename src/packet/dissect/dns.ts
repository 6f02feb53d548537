/** DNS messages as nodes. */

import { bytesOf } from '../bytes.js';
import { DNS_FLAG, DNS_HEADER_LENGTH, DNS_RCODE, type DnsEntry, type DnsRecord, dnsEntries } from '../dns.js';
import { formatIpv4, formatIpv6 } from '../ip.js';
import { type DissectedNode, Fields, hex, type Layer, layerNode, nameIn, named, type Place, tooShort } from './node.js';

/** A record's data in the words of a zone file. */
function dnsDataText(record: DnsRecord): string {
  switch (record.type) {
    case 'A':
      return formatIpv4(record.address);
    case 'AAAA':
      return formatIpv6(record.address);
    case 'CNAME':
    case 'NS':
    case 'PTR':
    case 'DNAME':
      return record.target;
    case 'SRV':
      return `${record.priority} ${record.weight} ${record.port} ${record.target}`;
    case 'MX':
      return `${record.preference} ${record.exchange}`;
    case 'TXT':
      return record.texts.map((text) => JSON.stringify(text)).join(' ');
    case 'SOA': {
      const { mname, rname, serial, refresh, retry, expire, minimum } = record;
      return `${mname} ${rname} ${serial} ${refresh} ${retry} ${expire} ${minimum}`;
    }
    case 'OPT':
      return `UDP payload size ${record.udpPayloadSize}`;
    case 'other':
      return `${record.bytes.length} octets`;
  }
}

function entryText({ question, record }: DnsEntry): string {
  if (question !== undefined) return `${question.name} ${question.type}`;
  if (record === undefined) return '';
  const type = record.type === 'other' ? record.typeName : record.type;
  return `${record.name} ${record.ttl} ${type} ${dnsDataText(record)}`;
}

function entryNode(entry: DnsEntry, base: number): DissectedNode {
  const { section, offset, length, problem } = entry;
  const node = { name: section, label: section, value: entryText(entry), offset: base + offset, length, children: [] };
  return problem === undefined ? node : { ...node, problem };
}

const FLAG_NAMES: Readonly<Record<string, number>> = DNS_FLAG;

const flagsText = (word: number): string =>
  Object.keys(FLAG_NAMES)
    .filter((name) => (word & (FLAG_NAMES[name] ?? 0)) !== 0)
    .map((name) => nameIn(FLAG_NAMES, FLAG_NAMES[name] ?? 0))
    .join(', ') || 'none';

export function dissectDns(place: Place): Layer {
  const text = { name: 'dns', label: 'Domain Name System' };
  const { view, offset, end } = place;
  if (end - offset < DNS_HEADER_LENGTH) return tooShort(text, place, DNS_HEADER_LENGTH);
  const word = view.getUint16(offset + 2);
  const fields = new Fields(offset)
    .add('id', 'Transaction', [0, 2], view.getUint16(offset))
    .add('flags', 'Flags', [2, 2], `${hex(word, 4)} (${flagsText(word)})`)
    .add('opcode', 'Operation', [2, 1], (word >>> 11) & 0x0f)
    .add('rcode', 'Response code', [3, 1], named(DNS_RCODE, word & 0x0f))
    .add('questions', 'Questions', [4, 2], view.getUint16(offset + 4))
    .add('answers', 'Answers', [6, 2], view.getUint16(offset + 6))
    .add('authorities', 'Authorities', [8, 2], view.getUint16(offset + 8))
    .add('additionals', 'Additionals', [10, 2], view.getUint16(offset + 10));
  const entries = [...dnsEntries(bytesOf(view, offset, end))];
  for (const entry of entries) fields.push(entryNode(entry, offset));
  const what = (word & DNS_FLAG.response) === 0 ? 'query' : 'response';
  const question = entries[0]?.question;
  const value = question === undefined ? what : `${what} ${question.type} ${question.name}`;
  const length = entries.reduce((sum, entry) => sum + entry.length, DNS_HEADER_LENGTH);
  const node = layerNode({ ...text, value }, fields, offset + length);
  return { node, next: { table: 'fixed', keys: [], place: { ...place, offset: offset + length } } };
}
