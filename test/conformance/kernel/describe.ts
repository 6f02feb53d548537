/** The state of a namespace in the words of the tools: the emulator's own, and the real tools' brought to the same form. */

import type { Netns } from '../../../src/kernel/index.js';
import { formatIpv4, formatMac } from '../../../src/packet/index.js';

export type StateName =
  | 'addresses'
  | 'routes'
  | 'rules'
  | 'neighbours'
  | 'iptables'
  | 'ipsets'
  | 'conntrack'
  | 'counters';

/** What is compared as it is when all is over. */
type Described = Record<Exclude<StateName, 'counters'>, string>;

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');

const join = (lines: readonly string[]): string => lines.join('\n');
const sorted = (lines: readonly string[]): string => join(lines.toSorted());

/** Multipath routes are several lines each: brought to one. */
const routeLines = (text: string): string[] =>
  linesOf(text.replaceAll(/\s*\n\tnexthop/g, ' nexthop')).map((line) =>
    line
      .replaceAll(/ linkdown\b/g, '')
      .replaceAll(/\s+/g, ' ')
      .trim(),
  );

export function describeNetns(netns: Netns): Described {
  const devices = [...netns.devices].toSorted((a, b) => a.ifindex - b.ifindex);
  return {
    addresses: join(
      devices.flatMap((dev) =>
        dev.addresses.map(
          ({ address, prefixLength, peer, broadcast, scope, secondary }) =>
            `${dev.ifindex} ${dev.name} ${formatIpv4(address)}${peer === address ? '' : ` peer ${formatIpv4(peer)}`}/${prefixLength}` +
            `${broadcast === undefined ? '' : ` brd ${formatIpv4(broadcast)}`} scope ${scope}${secondary ? ' secondary' : ''}`,
        ),
      ),
    ),
    routes: sorted(routeLines(netns.fib.listRoutes().join('\n'))),
    rules: join(netns.fib.listRules()),
    neighbours: sorted(
      [...netns.neighbours.entries()]
        .filter(({ state }) => state !== 'noarp' && state !== 'none')
        .map(
          (entry) =>
            `${formatIpv4(entry.address)} dev ${entry.dev.name}${entry.valid ? ` lladdr ${formatMac(entry.mac)}` : ''} ${entry.state.toUpperCase()}`,
        ),
    ),
    iptables: netns.netfilter.iptables.save({ counters: true }).trimEnd(),
    ipsets: sorted(linesOf(netns.ipsets.save())),
    conntrack: sorted(netns.conntrack.entries().map((entry) => withoutTimeout(netns.conntrack.format(entry)))),
  };
}

/** Seconds that are left depend on how long a run took, and who else holds an entry on the moment of the look. */
const withoutTimeout = (line: string): string =>
  line
    .replace(/^(\S+\s+\d+) \d+ /, '$1 ')
    .replace(/ use=\d+/, '')
    .replaceAll(/\s+/g, ' ')
    .trim();

/** What the real tools printed, in the same form. */
export function normalizeReal(asked: Readonly<Record<string, string>>): Described {
  const of = (name: StateName): string => asked[name] ?? '';
  return {
    addresses: join(
      linesOf(of('addresses')).flatMap((line) => {
        const match = /^(\d+): (\S+)\s+inet (.+?)(?: brd (\S+))? scope (\S+)( secondary)?/.exec(line);
        if (match === null) return [`not understood: ${line}`];
        const [, index, dev, address, broadcast, scope, secondary] = match;
        return [
          `${index} ${dev} ${address}${broadcast === undefined ? '' : ` brd ${broadcast}`} scope ${scope}${secondary ?? ''}`,
        ];
      }),
    ),
    routes: sorted(routeLines(of('routes'))),
    rules: join(linesOf(of('rules'))),
    neighbours: sorted(linesOf(of('neighbours')).map((line) => line.trim())),
    iptables: join(linesOf(of('iptables')).filter((line) => !line.startsWith('#'))),
    ipsets: sorted(linesOf(of('ipsets'))),
    conntrack: sorted(
      linesOf(of('conntrack'))
        .filter((line) => !line.startsWith('conntrack v'))
        .map(withoutTimeout),
    ),
  };
}
