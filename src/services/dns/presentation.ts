/** Records in the words of a zone file (RFC 1035 §5), as `dig` and `nslookup` print them. */

import { type DnsRecord, formatIpv4, formatIpv6 } from '../../packet/index.js';
import { dotted } from './name.js';

/** What has no place in a name of plain letters is written with a backslash (BIND lib/dns/name.c:totext_filter_proc). */
const escapeName = (name: string): string =>
  dotted(name)
    .replace(/["();@$\\]/g, '\\$&')
    .replace(/[^\x21-\x7e]/g, (char) => `\\${String(char.charCodeAt(0)).padStart(3, '0')}`);

const quote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

/** As BIND prints bytes whose type it does not know (RFC 3597 §5). */
const unknown = (bytes: Uint8Array): string => {
  const hex = Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0').toUpperCase()).join('');
  return `\\# ${bytes.length}${hex === '' ? '' : ` ${hex}`}`;
};

export function formatData(record: DnsRecord): string {
  switch (record.type) {
    case 'A':
      return formatIpv4(record.address);
    case 'AAAA':
      return formatIpv6(record.address);
    case 'CNAME':
    case 'NS':
    case 'PTR':
    case 'DNAME':
      return escapeName(record.target);
    case 'SRV':
      return `${record.priority} ${record.weight} ${record.port} ${escapeName(record.target)}`;
    case 'MX':
      return `${record.preference} ${escapeName(record.exchange)}`;
    case 'TXT':
      return record.texts.map(quote).join(' ');
    case 'SOA': {
      const { mname, rname, serial, refresh, retry, expire, minimum } = record;
      return `${escapeName(mname)} ${escapeName(rname)} ${serial} ${refresh} ${retry} ${expire} ${minimum}`;
    }
    case 'OPT':
      return '';
    case 'other':
      return unknown(record.bytes);
  }
}

/** The type's name as it is printed: `TYPE65` where it has none. */
export const formatType = (type: string): string => type.replace(/^UNKNOWN_/, 'TYPE');

export const formatName = escapeName;

/** `web.shop.svc.cluster.local. 30 IN A 10.96.0.20`. */
export const formatRecord = (record: DnsRecord): string => {
  const type = record.type === 'other' ? formatType(record.typeName) : record.type;
  return `${escapeName(record.name)} ${record.ttl} IN ${type} ${formatData(record)}`;
};
