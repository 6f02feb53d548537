/** The rules of one container's host ports; plugins/meta/portmap/portmap.go: fillDnatRules(). */

import { formatProtocol, parseProtocol } from '../../kernel/index.js';
import { formatIpv4, formatPrefix, type Ipv4Prefix, ipv4Network, parseIpv4 } from '../../packet/index.js';

export const DNAT_CHAIN = 'CNI-HOSTPORT-DNAT';
export const SETMARK_CHAIN = 'CNI-HOSTPORT-SETMARK';
export const MASQ_CHAIN = 'CNI-HOSTPORT-MASQ';

/** What multiport takes. */
const MAX_PORTS = 15;

export interface Mapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: string;
  /** Empty, or the address of the host that the port is for. */
  readonly hostIp: string;
}

/** A rule in the spelling of iptables-save, and as the plugin hands it to iptables. */
export interface Rule {
  readonly text: string;
  readonly args: readonly string[];
  /** Why iptables does not take it. */
  readonly refused: string | undefined;
}

export interface DnatChain {
  readonly name: string;
  readonly rules: readonly Rule[];
  /** Rules of CNI-HOSTPORT-DNAT that lead to it. */
  readonly entryRules: readonly Rule[];
}

export interface DnatRequest {
  readonly name: string;
  readonly mappings: readonly Mapping[];
  readonly container: Ipv4Prefix;
  /** The chain that marks for masquerading; undefined without SNAT. */
  readonly setMark: string | undefined;
  readonly conditions: readonly string[];
  /** The container's comment, escaped and not. */
  readonly note: string;
  readonly plainNote: string;
}

/** What leads to all containers' chains. */
export const ENTRY_RULE = `-m addrtype --dst-type LOCAL -j ${DNAT_CHAIN}`;

/** A port of an IPv6 address of the host is none of the IPv4 table's. */
const isIpv4 = ({ hostIp }: Mapping): boolean => hostIp === '' || parseIpv4(hostIp) !== undefined;

/** Protocols whose ports iptables 1.8.9 knows, and what it makes of one that is too large. */
const WITH_PORTS: Readonly<Record<string, 'refused' | 'cut'>> = {
  tcp: 'refused',
  sctp: 'refused',
  udp: 'cut',
  dccp: 'cut',
};
const PORTS = 0x1_0000;

/** As iptables-save names it, or as it is written where nobody has that name. */
function savedName(protocol: string): string {
  const number = parseProtocol(protocol);
  return number === undefined ? protocol : formatProtocol(number);
}

/** Of `-p` and the option for ports behind it. */
function refusedProtocol(protocol: string, option: string): string | undefined {
  if (parseProtocol(protocol) === undefined) return `unknown protocol "${protocol}" specified`;
  return Object.hasOwn(WITH_PORTS, savedName(protocol)) ? undefined : `unknown option "${option}"`;
}

const refusedPort = (port: number): string | undefined =>
  port < PORTS ? undefined : `invalid port/service \`${port}' specified`;

function refusedMatch({ protocol, hostPort }: Mapping): string | undefined {
  const wrong = refusedProtocol(protocol, '--dport');
  return wrong ?? (WITH_PORTS[savedName(protocol)] === 'cut' ? undefined : refusedPort(hostPort));
}

/** Marks for hairpin and for the host's own connections, then the translation. */
function rulesOf(one: Mapping, { container, setMark }: DnatRequest): Rule[] {
  const { protocol, hostPort, containerPort, hostIp } = one;
  const only = hostIp !== '' && hostIp !== '0.0.0.0';
  const base = ['-p', protocol, '--dport', String(hostPort), ...(only ? ['-d', hostIp] : [])];
  const name = savedName(protocol);
  const match = `${only ? `-d ${hostIp}/32 ` : ''}-p ${name} -m ${name} --dport ${hostPort % PORTS}`;
  const refused = refusedMatch(one);
  const mark = (source: string, saved: string, chain: string): Rule => ({
    text: `-s ${saved} ${match} -j ${chain}`,
    args: [...base, '-s', source, '-j', chain],
    refused,
  });
  const own = formatPrefix(container);
  const subnet = formatPrefix({ addr: ipv4Network(container.addr, container.length), length: container.length });
  const to = `${formatIpv4(container.addr)}:${containerPort}`;
  return [
    ...(setMark === undefined ? [] : [mark(own, subnet, setMark), mark('127.0.0.1', '127.0.0.1/32', setMark)]),
    {
      text: `${match} -j DNAT --to-destination ${to}`,
      args: [...base, '-j', 'DNAT', '--to-destination', to],
      refused: refused ?? (containerPort < PORTS ? undefined : `Port \`${containerPort}' not valid`),
    },
  ];
}

const chunks = (ports: readonly number[]): string[] =>
  Array.from({ length: Math.ceil(ports.length / MAX_PORTS) }, (_, i) =>
    ports.slice(i * MAX_PORTS, (i + 1) * MAX_PORTS).join(','),
  );

/** One rule for the ports of a protocol, or more where multiport cannot take them. */
function entries({ mappings, conditions, name, note, plainNote }: DnatRequest): Rule[] {
  const protocols = [...new Set(mappings.map(({ protocol }) => protocol))].toSorted();
  return protocols.flatMap((protocol) => {
    const ports = mappings.filter((one) => one.protocol === protocol).map(({ hostPort }) => hostPort);
    return chunks(ports).map((list) => ({
      text: savedEntry({ protocol, conditions, note, list, name }),
      args: `-m comment --comment dnat ${plainNote} -m multiport -p ${protocol} --destination-ports ${list}`
        .split(' ')
        .concat(conditions),
      refused: list
        .split(',')
        .map(Number)
        .map(refusedPort)
        .find((wrong) => wrong !== undefined),
    }));
  });
}

/** iptables-save names addresses first, then the protocol, then the matches. */
function savedEntry(entry: {
  readonly protocol: string;
  readonly conditions: readonly string[];
  readonly note: string;
  readonly list: string;
  readonly name: string;
}): string {
  const { protocol, conditions, note, list, name } = entry;
  const { addresses, others } = splitConditions(conditions);
  return [
    ...addresses,
    `-p ${savedName(protocol)}`,
    `-m comment --comment "dnat ${note}"`,
    `-m multiport --dports ${list}`,
    ...others,
    `-j ${name}`,
  ].join(' ');
}

const ADDRESS_OPTIONS: Readonly<Record<string, number>> = { '-s': 0, '-d': 1, '-i': 2, '-o': 3 };

function splitConditions(conditions: readonly string[]): { readonly addresses: string[]; readonly others: string[] } {
  const addresses: { readonly at: number; readonly text: string }[] = [];
  const others: string[] = [];
  for (let i = 0; i < conditions.length; i += 1) {
    const not = conditions[i] === '!' ? '! ' : '';
    const option = conditions[not === '' ? i : i + 1] ?? '';
    const at = ADDRESS_OPTIONS[option];
    if (at === undefined) {
      others.push(conditions[i] ?? '');
      continue;
    }
    i += not === '' ? 1 : 2;
    const value = conditions[i] ?? '';
    addresses.push({ at, text: `${not}${option} ${at < 2 && !value.includes('/') ? `${value}/32` : value}` });
  }
  return { addresses: addresses.toSorted((a, b) => a.at - b.at).map(({ text }) => text), others };
}

export function dnatChain(request: DnatRequest): DnatChain {
  const { name, mappings } = request;
  return {
    name,
    rules: mappings.filter(isIpv4).flatMap((one) => rulesOf(one, request)),
    entryRules: entries(request),
  };
}
