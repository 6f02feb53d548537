/**
 * The rules of a load balancer that is a Linux machine, as text for iptables-restore: who may come in, and, in the mode
 * Proxy, to which node and node port a connection goes. In the mode VIP packets pass unchanged, by routes.
 */

import { createHash } from 'node:crypto';
import { formatCidr } from '../../../kubernetes/index.js';
import { formatIpv4 } from '../../../packet/index.js';
import type { Cause } from '../../../trace/index.js';
import type { Front, FrontPort, Target } from './front.js';

export interface ServedFront {
  readonly front: Front;
  /** Those that are well. */
  readonly targets: readonly Target[];
}

export interface BalancerRules {
  readonly text: string;
  /** Why a line is there, counted from 1. */
  readonly causes: (line: number) => readonly Cause[];
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16).toUpperCase();
const comment = (text: string): string => `-m comment --comment "${text}"`;
const match = ({ address }: Front, { protocol, port }: FrontPort): string =>
  `-d ${formatIpv4(address)}/32 -p ${protocol} -m ${protocol} --dport ${port}`;

/** Addresses of the balancer take in what a Service wants, from where it wants it; without anybody behind them nothing. */
function firewall({ front, targets }: ServedFront): { readonly jump: string; readonly rules: readonly string[] } {
  const chain = `LB-FW-${hash(front.name)}`;
  const { name, ports, sourceRanges } = front;
  const sources = sourceRanges.length === 0 ? [''] : sourceRanges.map((range) => `-s ${formatCidr(range)} `);
  const allowed = ports.flatMap((port) =>
    sources.map(
      (source) =>
        `-A ${chain} ${source}-p ${port.protocol} -m ${port.protocol} --dport ${port.port} ${comment(name)} -j RETURN`,
    ),
  );
  return {
    jump: `-A PREROUTING -d ${formatIpv4(front.address)}/32 ${comment(name)} -j ${chain}`,
    rules: [
      `:${chain} - [0:0]`,
      ...(targets.length === 0
        ? [`-A ${chain} ${comment(`${name}: no node is healthy`)} -j DROP`]
        : [
            ...allowed,
            `-A ${chain} -p icmp -m conntrack --ctstate RELATED ${comment(name)} -j RETURN`,
            `-A ${chain} ${comment(`${name}: neither a port nor a source of it`)} -j DROP`,
          ]),
    ],
  };
}

/** Each node gets the same share, as kube-proxy writes it. */
function proxies({ front, targets }: ServedFront): {
  readonly chains: readonly string[];
  readonly rules: readonly string[];
} {
  const chains: string[] = [];
  const rules: string[] = [];
  if (targets.length === 0) return { chains, rules };
  for (const port of front.ports.filter(({ nodePort }) => nodePort !== 0)) {
    const name = `${front.name}:${port.port}`;
    const chain = `LB-${hash(`${name}/${port.protocol}`)}`;
    chains.push(`:${chain} - [0:0]`);
    rules.push(`-A PREROUTING ${match(front, port)} ${comment(name)} -j ${chain}`);
    targets.forEach(({ node, address }, i) => {
      const left = targets.length - i;
      const share = left === 1 ? '' : `-m statistic --mode random --probability ${(1 / left).toFixed(10)} `;
      rules.push(
        `-A ${chain} ${comment(`${name} -> ${node}`)} ${share}-p ${port.protocol} -j DNAT --to-destination ${formatIpv4(address)}:${port.nodePort}`,
      );
    });
  }
  return { chains, rules };
}

/** The whole tables, for a restore that replaces what was there. */
export function renderBalancer(served: readonly ServedFront[]): BalancerRules {
  const guards = served.map(firewall);
  const proxied = served.filter(({ front }) => front.ipMode === 'Proxy').map(proxies);
  const chains = guards.flatMap(({ rules }) => rules.filter((rule) => rule.startsWith(':')));
  const lines = [
    '*mangle',
    ':PREROUTING ACCEPT [0:0]',
    ':INPUT ACCEPT [0:0]',
    ':FORWARD ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ':POSTROUTING ACCEPT [0:0]',
    ...chains,
    ...guards.map(({ jump }) => jump),
    ...guards.flatMap(({ rules }) => rules.filter((rule) => !rule.startsWith(':'))),
    'COMMIT',
    '*nat',
    ':PREROUTING ACCEPT [0:0]',
    ':INPUT ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ':POSTROUTING ACCEPT [0:0]',
    ...proxied.flatMap((one) => one.chains),
    ...proxied.flatMap((one) => one.rules),
    ...(proxied.length === 0
      ? []
      : [`-A POSTROUTING -m conntrack --ctstate DNAT ${comment('the nodes answer to the balancer')} -j MASQUERADE`]),
    'COMMIT',
  ];
  return {
    text: lines.map((line) => `${line}\n`).join(''),
    causes: (line) => causeOf(lines[line - 1] ?? '', served),
  };
}

/** A rule's comment begins with the name of its Service. */
const causeOf = (line: string, served: readonly ServedFront[]): readonly Cause[] =>
  served.find(({ front: { name } }) => line.includes(`"${name}"`) || line.includes(`"${name}:`))?.front.because ?? [];
