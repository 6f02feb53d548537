/**
 * Protocol names as iptables and ipset print them: what getprotobynumber(3) answers with the /etc/protocols
 * of Debian's netbase, and the aliases that are understood besides.
 */

const NAMES: readonly (readonly [number: number, name: string])[] = [
  [0, 'ip'],
  [1, 'icmp'],
  [2, 'igmp'],
  [3, 'ggp'],
  [4, 'ipencap'],
  [5, 'st'],
  [6, 'tcp'],
  [8, 'egp'],
  [9, 'igp'],
  [12, 'pup'],
  [17, 'udp'],
  [20, 'hmp'],
  [22, 'xns-idp'],
  [27, 'rdp'],
  [29, 'iso-tp4'],
  [33, 'dccp'],
  [36, 'xtp'],
  [37, 'ddp'],
  [38, 'idpr-cmtp'],
  [41, 'ipv6'],
  [43, 'ipv6-route'],
  [44, 'ipv6-frag'],
  [45, 'idrp'],
  [46, 'rsvp'],
  [47, 'gre'],
  [50, 'esp'],
  [51, 'ah'],
  [57, 'skip'],
  [58, 'ipv6-icmp'],
  [59, 'ipv6-nonxt'],
  [60, 'ipv6-opts'],
  [73, 'rspf'],
  [81, 'vmtp'],
  [88, 'eigrp'],
  [89, 'ospf'],
  [93, 'ax.25'],
  [94, 'ipip'],
  [97, 'etherip'],
  [98, 'encap'],
  [103, 'pim'],
  [108, 'ipcomp'],
  [112, 'vrrp'],
  [115, 'l2tp'],
  [124, 'isis'],
  [132, 'sctp'],
  [133, 'fc'],
  [135, 'mobility-header'],
  [136, 'udplite'],
  [137, 'mpls-in-ip'],
  [138, 'manet'],
  [139, 'hip'],
  [140, 'shim6'],
  [141, 'wesp'],
  [142, 'rohc'],
  [143, 'ethernet'],
];

/** Other spellings, in lower case. */
const ALIASES: readonly (readonly [name: string, number: number])[] = [
  ['hopopt', 0],
  ['all', 0],
  ['ip-encap', 4],
  ['icmpv6', 58],
  ['ipsec-esp', 50],
  ['ipsec-ah', 51],
  ['ospfigp', 89],
  ['cphb', 73],
  ['mh', 135],
];

const BY_NUMBER: ReadonlyMap<number, string> = new Map(NAMES);
const BY_NAME: ReadonlyMap<string, number> = new Map([
  ...NAMES.map(([number, name]) => [name, number] as const),
  ...ALIASES,
]);

/** The number of a name or of digits, or undefined. */
export function parseProtocol(text: string): number | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text) < 256 ? Number(text) : undefined;
  return BY_NAME.get(text.toLowerCase());
}

/** The name where there is one, else digits. */
export const formatProtocol = (protocol: number): string => BY_NUMBER.get(protocol) ?? String(protocol);
