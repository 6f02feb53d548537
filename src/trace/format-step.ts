/** One step as one line, for people. */

import { formatIpv4, formatMac, IP_PROTOCOL, type Ipv4Addr } from '../packet/index.js';
import { type Cause, formatCause } from './cause.js';
import { DROP_REASONS } from './drop-reason.js';
import type { FlowTuple, Step } from './step.js';

export interface StepText {
  /** First column: `receive`, `raw`, `route`. */
  readonly label: string;
  readonly text: string;
  readonly because: readonly Cause[];
}

const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(IP_PROTOCOL).map(([name, number]) => [number, name]),
);

/** `tcp`, `udp`, or the number. */
export const protocolName = (protocol: number): string => PROTOCOL_NAMES.get(protocol) ?? `protocol ${protocol}`;

const at = (address: Ipv4Addr, port: number): string => `${formatIpv4(address)}:${port}`;

/** `10.0.0.1:4000 → 10.0.0.2:80`; ICMP without its type. */
export function formatTuple(tuple: FlowTuple): string {
  if (tuple.protocol !== IP_PROTOCOL.tcp && tuple.protocol !== IP_PROTOCOL.udp && tuple.protocol !== IP_PROTOCOL.sctp) {
    return `${formatIpv4(tuple.source)} → ${formatIpv4(tuple.destination)}`;
  }
  return `${at(tuple.source, tuple.sourcePort)} → ${at(tuple.destination, tuple.destinationPort)}`;
}

const NONE: readonly Cause[] = [];
const line = (label: string, text: string, because: readonly Cause[] = NONE): StepText => ({ label, text, because });
const withNote = (text: string, note: string | undefined): string => (note === undefined ? text : `${text} (${note})`);

type Formatters = { readonly [K in Step['kind']]: (step: Extract<Step, { kind: K }>) => StepText };

const ICMP_NAMES: Readonly<Record<number, string>> = {
  3: 'destination unreachable',
  5: 'redirect',
  11: 'time exceeded',
  12: 'parameter problem',
};

function formatRule(step: Extract<Step, { kind: 'rule' }>): StepText {
  const where = `${step.hook} ${step.chain}`;
  if (step.rule === undefined) return line(step.table, `${where}: end of chain, ${step.outcome}`);
  const target = step.target === undefined || step.rule.toString().endsWith(step.target) ? '' : ` → ${step.target}`;
  return line(step.table, `${where} #${step.position}: ${step.rule.toString()}${target}`, step.rule.because);
}

function formatRoute(step: Extract<Step, { kind: 'route' }>): StepText {
  if (step.route === undefined) {
    const text =
      step.type === 'unicast'
        ? `${formatIpv4(step.destination)} dev ${step.dev ?? '?'}`
        : `no route to ${formatIpv4(step.destination)}`;
    return line('route', text);
  }
  const table = step.table === 'main' || step.table === '' ? '' : ` table ${step.table}`;
  return line('route', `${step.route.toString()}${table}`, step.route.because);
}

function formatNeighbour(step: Extract<Step, { kind: 'neighbour' }>): StepText {
  const who = `${formatIpv4(step.address)} dev ${step.dev}`;
  if (step.pending) return line('neighbour', `${who} is unknown: asks by ARP, the packet waits`, step.because);
  const mac = step.mac === undefined ? '' : ` is at ${formatMac(step.mac)}`;
  return line('neighbour', `${who}${mac} (${step.state})`, step.because);
}

const FORMATTERS: Formatters = {
  receive: ({ dev }) => line('receive', dev),
  transmit: ({ dev }) => line('transmit', dev),
  rule: formatRule,
  table: ({ table, hook, rulesTried }) => line(table, `${hook}: none of ${rulesTried} rules matched`),
  conntrack: (step) =>
    line(
      'conntrack',
      withNote(`${step.state}${step.direction === 'reply' ? ', reply direction' : ''}`, step.note),
      step.entry?.because,
    ),
  nat: ({ type, before, after }) => line(type, `${formatTuple(before)} becomes ${formatTuple(after)}`),
  route: formatRoute,
  neighbour: formatNeighbour,
  arp: ({ action, address, note }) => line('arp', withNote(`${action} ${formatIpv4(address)}`, note)),
  bridge: ({ bridge, action, ports }) =>
    line('bridge', `${bridge}: ${action}${ports.length === 0 ? '' : ` to ${ports.join(', ')}`}`),
  fdb: ({ dev, mac, remote, because }) =>
    line(
      'fdb',
      `${formatMac(mac)} dev ${dev}${remote === undefined ? ': no entry' : ` dst ${formatIpv4(remote)}`}`,
      because,
    ),
  encapsulate: ({ protocol, source, destination, vni }) =>
    line(
      'encapsulate',
      `${protocol}${vni === undefined ? '' : ` vni ${vni}`} ${formatIpv4(source)} → ${formatIpv4(destination)}`,
    ),
  decapsulate: ({ dev, protocol, vni }) =>
    line('decapsulate', `${protocol}${vni === undefined ? '' : ` vni ${vni}`} into ${dev}`),
  forward: ({ ttl }) => line('forward', `TTL is ${ttl} now`),
  fragment: ({ mtu, pieces }) => line('fragment', `into ${pieces} pieces for MTU ${mtu}`),
  reassemble: ({ pieces, complete }) =>
    line('reassemble', complete ? `${pieces} fragments` : `waits, ${pieces} fragments so far`),
  icmp: ({ type, code, to, sent, note }) =>
    line(
      'icmp',
      withNote(
        `${ICMP_NAMES[type] ?? `type ${type}`} code ${code} ${sent ? 'sent to' : 'not sent to'} ${formatIpv4(to)}`,
        note,
      ),
    ),
  deliver: ({ protocol, note, because }) => line('deliver', `${protocolName(protocol)}: ${note}`, because),
  send: ({ protocol, note }) => line('send', `${protocolName(protocol)}: ${note}`),
  set: ({ field, value }) => line('set', `${field} ${value}`),
  link: ({ from, to, delayNs }) => line('cable', `${from} → ${to}${delayNs === 0 ? '' : `, ${delayNs / 1000} µs`}`),
  drop: ({ reason, note, by }) => line('drop', withNote(`${reason}: ${DROP_REASONS[reason]}`, note), by?.because),
};

/** The step's line. */
export function formatStep(step: Step): StepText {
  const format: (step: never) => StepText = FORMATTERS[step.kind];
  return format(step as never);
}

/** `[IPPool default, vxlanMode Always; Node node1]`, or ''. */
export const formatBecause = (because: readonly Cause[]): string =>
  because.length === 0 ? '' : `[${because.map(formatCause).join('; ')}]`;
