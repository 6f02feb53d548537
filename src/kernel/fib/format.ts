/** Routes and rules as iproute2 6.1 prints them (ip/iproute.c:print_route(), ip/iprule.c:print_rule()). */

import { formatIpv4, formatPrefix, type Ipv4Addr, type Ipv4Prefix, isLimitedBroadcast } from '../../packet/index.js';
import { RT_PROTOCOL, RT_TABLE } from '../host-state.js';
import { formatRouteProtocol, formatRuleIpProtocol, formatTable, formatTos } from './names.js';
import type { PortRange } from './spec.js';
import type { FibRoute, Flow4, NextHop, RouteResult } from './types.js';

/** A single address without its /32. */
const formatTarget = (prefix: Ipv4Prefix): string =>
  prefix.length === 32 ? formatIpv4(prefix.addr) : formatPrefix(prefix);

/** print_rt_flags(), with the space that follows each. */
function formatNextHopFlags(nextHop: NextHop): string {
  return `${nextHop.dead === true ? 'dead ' : ''}${nextHop.onlink ? 'onlink ' : ''}${nextHop.linkdown === true ? 'linkdown ' : ''}`;
}

const formatVia = (nextHop: NextHop): string =>
  `${nextHop.via === undefined ? '' : `via ${formatIpv4(nextHop.via)} `}${nextHop.dev === undefined ? '' : `dev ${nextHop.dev.name} `}`;

export interface RouteFormat {
  /** `ip route show table all` says to which table a route belongs, unless it is main. */
  readonly showTable: boolean;
}

/**
 * One route as `ip route show` prints it, with the space that ends each of its lines; the next hops of a
 * multipath route are lines of their own.
 */
export function formatRoute(route: FibRoute, format: RouteFormat = { showTable: false }): string {
  const { destination, nextHops } = route;
  const only = nextHops.length === 1 ? nextHops[0] : undefined;
  let text = route.type === 'unicast' ? '' : `${route.type} `;
  text += destination.length === 0 ? 'default ' : `${formatTarget(destination)} `;
  if (route.tos !== 0) text += `tos ${formatTos(route.tos)} `;
  if (only !== undefined) text += formatVia(only);
  if (format.showTable && route.table !== RT_TABLE.main) text += `table ${formatTable(route.table)} `;
  if (route.protocol !== RT_PROTOCOL.boot) text += `proto ${formatRouteProtocol(route.protocol)} `;
  if (route.scope !== 'global') text += `scope ${route.scope} `;
  if (route.prefSrc !== undefined) text += `src ${formatIpv4(route.prefSrc)} `;
  if (route.metric !== 0) text += `metric ${route.metric} `;
  if (only !== undefined) text += formatNextHopFlags(only);
  if (route.mtu !== undefined) text += `mtu ${route.mtu} `;
  if (nextHops.length > 1) {
    for (const nextHop of nextHops) {
      text += `\n\tnexthop ${formatVia(nextHop)}weight ${nextHop.weight} ${formatNextHopFlags(nextHop)}`;
    }
  }
  return text;
}

const hex = (value: number): string => (value === 0 ? '0' : `0x${(value >>> 0).toString(16)}`);

/** RTCF_* flags of a decision, as the second line of `ip route get` shows them. */
export function cacheFlags({ result, learned, isLocal }: RouteGetAnswer): readonly string[] {
  const flags: string[] = [];
  if (isLocal) flags.push('local');
  if (result.type === 'broadcast') flags.push('brd');
  if (result.type === 'multicast') flags.push('mc');
  if (learned?.redirected === true) flags.push('redirected');
  if (result.redirect) flags.push('redirect');
  return flags;
}

export interface RouteGetAnswer {
  readonly flow: Flow4;
  readonly result: RouteResult;
  /** A learned path MTU or first hop, and the whole seconds for which it is kept. */
  readonly learned:
    | {
        readonly mtu: number | undefined;
        readonly mtuLocked: boolean;
        readonly redirected: boolean;
        readonly seconds: number;
      }
    | undefined;
  /** Table in which the route was found; undefined where none was asked. */
  readonly table: number | undefined;
  /** RTCF_LOCAL: the packet is for this host too. */
  readonly isLocal: boolean;
}

/** The two lines of `ip route get` (net/ipv4/route.c:rt_fill_info()). */
export function formatRouteGet(answer: RouteGetAnswer): string {
  const { flow, result, learned, table } = answer;
  const { type, route } = result;
  const isInput = flow.iif !== undefined;
  const source = flow.source === 0 ? undefined : flow.source;
  let text = type === 'unicast' ? '' : `${type} `;
  text += `${formatIpv4(flow.destination)} `;
  if (source !== undefined) text += `from ${formatIpv4(source)} `;
  if (route !== undefined && route.tos !== 0) text += `tos ${formatTos(route.tos)} `;
  if (result.gateway !== undefined) text += `via ${formatIpv4(result.gateway)} `;
  if (result.dev !== undefined) text += `dev ${result.dev.name} `;
  if (table !== undefined && table !== RT_TABLE.main) text += `table ${formatTable(table)} `;
  if (!isInput && source !== result.source) text += `src ${formatIpv4(result.source)} `;
  // iproute2 6.1 takes RTCF_MULTICAST, bit 29, for RTM_F_OFFLOAD_FAILED.
  if (type === 'multicast') text += 'rt_offload_failed ';
  if (flow.mark !== undefined && flow.mark !== 0) {
    text += `mark ${flow.mark >>> 0 >= 16 ? hex(flow.mark) : flow.mark} `;
  }
  if (!isInput) text += 'uid 0 ';
  const usesRoute = isInput
    ? type === 'unicast'
    : !isLimitedBroadcast(flow.destination) && (type !== 'multicast' || (route?.destination.length ?? 0) >= 4);
  const mtu = learned?.mtu ?? (usesRoute ? route?.mtu : undefined);
  const flags = cacheFlags(answer);
  text += `\n    cache ${flags.length === 0 ? '' : `<${flags.join(',')}> `}`;
  if (learned !== undefined) text += `expires ${learned.seconds}sec `;
  if (mtu !== undefined) text += `mtu ${learned?.mtuLocked === true ? 'lock ' : ''}${mtu} `;
  if (flow.iif !== undefined) text += `iif ${flow.iif.name} `;
  return text;
}

/** What of a rule is printed; FibRule has it all. */
export interface RuleText {
  readonly priority: number;
  readonly not: boolean;
  readonly from: Ipv4Prefix | undefined;
  readonly to: Ipv4Prefix | undefined;
  readonly tos: number;
  readonly mark: number;
  readonly mask: number;
  readonly iif: string | undefined;
  readonly oif: string | undefined;
  readonly ipProtocol: number | undefined;
  readonly sourcePorts: PortRange | undefined;
  readonly destinationPorts: PortRange | undefined;
  readonly action: 'lookup' | 'blackhole' | 'unreachable' | 'prohibit' | 'goto' | 'nop';
  readonly table: number;
  readonly goto: number;
  readonly suppressPrefixLength: number | undefined;
  readonly protocol: number;
}

/** What the namespace adds to a rule's text: names that no device has, targets that no rule has. */
export interface RuleSurroundings {
  hasDevice(name: string): boolean;
  hasPriority(priority: number): boolean;
}

const formatPorts = ({ first, last }: PortRange): string => (first === last ? String(first) : `${first}-${last}`);

function formatRuleMatches(rule: RuleText, around: RuleSurroundings | undefined): string {
  const device = (word: string, name: string): string =>
    ` ${word} ${name}${around === undefined || around.hasDevice(name) ? '' : ' [detached]'}`;
  let text = `${rule.not ? 'not ' : ''}from ${rule.from === undefined ? 'all' : formatTarget(rule.from)}`;
  if (rule.to !== undefined) text += ` to ${formatTarget(rule.to)}`;
  if (rule.tos !== 0) text += ` tos ${formatTos(rule.tos)}`;
  if (rule.mark !== 0 || rule.mask !== 0) {
    text += ` fwmark ${hex(rule.mark)}${rule.mask >>> 0 === 0xffffffff ? '' : `/${hex(rule.mask)}`}`;
  }
  if (rule.iif !== undefined) text += device('iif', rule.iif);
  if (rule.oif !== undefined) text += device('oif', rule.oif);
  if (rule.ipProtocol !== undefined) text += ` ipproto ${formatRuleIpProtocol(rule.ipProtocol)}`;
  if (rule.sourcePorts !== undefined) text += ` sport ${formatPorts(rule.sourcePorts)}`;
  if (rule.destinationPorts !== undefined) text += ` dport ${formatPorts(rule.destinationPorts)}`;
  return text;
}

/** The rule without its priority: `from all fwmark 0x10 lookup 100`. */
export function formatRuleBody(rule: RuleText, around?: RuleSurroundings): string {
  let text = formatRuleMatches(rule, around);
  if (rule.action === 'lookup') {
    text += ` lookup ${formatTable(rule.table)}`;
    if (rule.suppressPrefixLength !== undefined) text += ` suppress_prefixlength ${rule.suppressPrefixLength}`;
  } else if (rule.action === 'goto') {
    text += ` goto ${rule.goto}${around === undefined || around.hasPriority(rule.goto) ? '' : ' [unresolved]'}`;
  } else text += ` ${rule.action}`;
  if (rule.protocol !== RT_PROTOCOL.unspec && rule.protocol !== RT_PROTOCOL.kernel) {
    text += ` proto ${formatRouteProtocol(rule.protocol)}`;
  }
  return text;
}

/** A line of `ip rule`. */
export const formatRule = (rule: RuleText, around?: RuleSurroundings): string =>
  `${rule.priority}:\t${formatRuleBody(rule, around)}`;

/** `10.0.0.0/24 via 10.0.0.1`: how errors name a route that was asked for. */
export function describeRoute(destination: Ipv4Prefix, via: Ipv4Addr | undefined): string {
  const target = destination.length === 0 ? 'default' : formatTarget(destination);
  return via === undefined ? target : `${target} via ${formatIpv4(via)}`;
}
