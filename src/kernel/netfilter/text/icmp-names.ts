/** Names of ICMP types and codes: what `iptables -p icmp -h` lists, and ipset's for single type/code pairs. */

export interface IcmpName {
  readonly type: number;
  /** Undefined: every code of the type. */
  readonly code: number | undefined;
}

/** Names with one type and one code, the first of each pair being ipset's. */
const PAIRS: readonly (readonly [name: string, type: number, code: number])[] = [
  ['echo-reply', 0, 0],
  ['network-unreachable', 3, 0],
  ['host-unreachable', 3, 1],
  ['protocol-unreachable', 3, 2],
  ['port-unreachable', 3, 3],
  ['fragmentation-needed', 3, 4],
  ['source-route-failed', 3, 5],
  ['network-unknown', 3, 6],
  ['host-unknown', 3, 7],
  ['network-prohibited', 3, 9],
  ['host-prohibited', 3, 10],
  ['TOS-network-unreachable', 3, 11],
  ['TOS-host-unreachable', 3, 12],
  ['communication-prohibited', 3, 13],
  ['host-precedence-violation', 3, 14],
  ['precedence-cutoff', 3, 15],
  ['source-quench', 4, 0],
  ['network-redirect', 5, 0],
  ['host-redirect', 5, 1],
  ['TOS-network-redirect', 5, 2],
  ['TOS-host-redirect', 5, 3],
  ['echo-request', 8, 0],
  ['router-advertisement', 9, 0],
  ['router-solicitation', 10, 0],
  ['ttl-zero-during-transit', 11, 0],
  ['ttl-zero-during-reassembly', 11, 1],
  ['ip-header-bad', 12, 0],
  ['required-option-missing', 12, 1],
  ['timestamp-request', 13, 0],
  ['timestamp-reply', 14, 0],
  ['address-mask-request', 17, 0],
  ['address-mask-reply', 18, 0],
];

/** Names that iptables takes for a whole type. */
const WHOLE: readonly (readonly [name: string, type: number])[] = [
  ['any', 255],
  ['echo-reply', 0],
  ['pong', 0],
  ['destination-unreachable', 3],
  ['source-quench', 4],
  ['redirect', 5],
  ['echo-request', 8],
  ['ping', 8],
  ['router-advertisement', 9],
  ['router-solicitation', 10],
  ['time-exceeded', 11],
  ['ttl-exceeded', 11],
  ['parameter-problem', 12],
  ['timestamp-request', 13],
  ['timestamp-reply', 14],
  ['address-mask-request', 17],
  ['address-mask-reply', 18],
];

/** Names that iptables takes for every code of an ICMPv6 type, and those for one code (RFC 4443). */
const V6: readonly (readonly [name: string, type: number, code?: number])[] = [
  ['destination-unreachable', 1],
  ['no-route', 1, 0],
  ['communication-prohibited', 1, 1],
  ['beyond-scope', 1, 2],
  ['address-unreachable', 1, 3],
  ['port-unreachable', 1, 4],
  ['failed-policy', 1, 5],
  ['reject-route', 1, 6],
  ['packet-too-big', 2],
  ['time-exceeded', 3],
  ['ttl-exceeded', 3],
  ['ttl-zero-during-transit', 3, 0],
  ['ttl-zero-during-reassembly', 3, 1],
  ['parameter-problem', 4],
  ['bad-header', 4, 0],
  ['unknown-header-type', 4, 1],
  ['unknown-option', 4, 2],
  ['echo-request', 128],
  ['ping', 128],
  ['echo-reply', 129],
  ['pong', 129],
  ['router-solicitation', 133],
  ['router-advertisement', 134],
  ['neighbour-solicitation', 135],
  ['neighbor-solicitation', 135],
  ['neighbour-advertisement', 136],
  ['neighbor-advertisement', 136],
  ['redirect', 137],
];

const lower = (name: string): string => name.toLowerCase();

const V4_NAMES: ReadonlyMap<string, IcmpName> = new Map([
  ...PAIRS.map(([name, type, code]): [string, IcmpName] => [lower(name), { type, code }]),
  ...WHOLE.map(([name, type]): [string, IcmpName] => [name, { type, code: undefined }]),
]);
const V6_NAMES: ReadonlyMap<string, IcmpName> = new Map(
  V6.map(([name, type, code]): [string, IcmpName] => [name, { type, code }]),
);
const PAIR_NAMES: ReadonlyMap<string, IcmpName> = new Map([
  ...PAIRS.map(([name, type, code]): [string, IcmpName] => [lower(name), { type, code }]),
  ['ping', { type: 8, code: 0 }],
  ['pong', { type: 0, code: 0 }],
]);
const PAIR_TEXT: ReadonlyMap<number, string> = new Map(PAIRS.map(([name, type, code]) => [type * 256 + code, name]));

/** `8`, `8/0`, or undefined. */
function parseNumbers(text: string): IcmpName | undefined {
  const match = /^(\d{1,3})(?:\/(\d{1,3}))?$/.exec(text);
  if (match === null) return undefined;
  const type = Number(match[1]);
  const code = match[2] === undefined ? undefined : Number(match[2]);
  return type < 256 && (code ?? 0) < 256 ? { type, code } : undefined;
}

/** The value of `--icmp-type`. */
export const parseIcmpType = (text: string): IcmpName | undefined => V4_NAMES.get(lower(text)) ?? parseNumbers(text);
/** The value of `--icmpv6-type`. */
export const parseIcmpv6Type = (text: string): IcmpName | undefined => V6_NAMES.get(lower(text)) ?? parseNumbers(text);

/** As `iptables -L` names it; undefined for what has no name. */
export function formatIcmpType({ type, code }: IcmpName): string | undefined {
  const whole = WHOLE.find(([, known]) => known === type)?.[0];
  if (code === undefined) return whole;
  return PAIRS.find(([name, known, own]) => known === type && own === code && name !== whole)?.[0];
}

/** ipset's pseudo port of an ICMP packet, type × 256 + code, from `echo-request` or `8/0`. */
export function parseIcmpPort(text: string): number | undefined {
  const name = PAIR_NAMES.get(lower(text)) ?? (text.includes('/') ? parseNumbers(text) : undefined);
  return name === undefined ? undefined : name.type * 256 + (name.code ?? 0);
}

export const formatIcmpPort = (port: number): string => PAIR_TEXT.get(port) ?? `${port >>> 8}/${port & 0xff}`;
