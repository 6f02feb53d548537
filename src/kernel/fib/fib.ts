/**
 * IPv4 routing of a namespace: addresses, routes and policy rules as they are configured, and the decision for
 * each packet (net/ipv4/fib_*.c, devinet.c, route.c). This class is the face; the parts:
 *
 *     addAddress, linkUp…   addresses.ts ─┐                 ┌─ output.ts   routeOutput
 *     addRoute              create-route ─┼→ tables.ts ←────┼─ input.ts    routeInput
 *     addRule               rules.ts ─────┘  prefix-tree.ts └─ select.ts   ECMP, source.ts, exceptions.ts
 */

import { formatIpv4, INADDR_ANY, type Ipv4Addr } from '../../packet/index.js';
import type { DropReason, RouteType } from '../../trace/index.js';
import { NS_PER_S } from '../clock.js';
import type { Device } from '../device.js';
import { ERRNO_TEXT, type Errno } from '../errors.js';
import type { Scope } from '../host-state.js';
import { orConf } from '../sysctl.js';
import { Addresses, inSubnet } from './addresses.js';
import type { FibContext } from './context.js';
import { checkTarget, checkTos, createRoute, defaultScope, defaultTable } from './create-route.js';
import { FlowKey, LookupResult } from './flow-key.js';
import {
  describeRoute,
  formatRoute,
  formatRouteGet,
  formatRule,
  type RouteGetAnswer,
  type RuleSurroundings,
} from './format.js';
import { type InputFlow, InputRouter } from './input.js';
import { SCOPE } from './names.js';
import { NetlinkError, type Refusal } from './netlink-error.js';
import { OutputRouter } from './output.js';
import { deviceMtuChanged, learned, learnGateway, learnMtu, outputMtu } from './exceptions.js';
import { type NextHopException, Route, type RouteNextHop } from './route.js';
import type { FibRule } from './rules.js';
import { PathSelector } from './select.js';
import { nextHopSource, selectAddress } from './source.js';
import type { AddressSpec, RouteMode, RouteSelector, RouteSpec, RuleSpec } from './spec.js';
import { syncDown } from './sync.js';
import { Tables } from './tables.js';
import type { FibResult, FibRoute, Flow4, RouteResult } from './types.js';

/** 224.0.0.1: every device that is up listens to it (ip_mc_up()). */
const ALL_HOSTS = 0xe000_0001 | 0;

/** What inet_rtm_getroute() takes where no protocol is asked for. */
const IPPROTO_UDP = 17;

const ERRNOS = Object.keys(ERRNO_TEXT) as readonly Errno[];

export class Fib {
  readonly #context: FibContext;
  readonly #tables: Tables;
  readonly #addresses: Addresses;
  readonly #output: OutputRouter;
  readonly #input: InputRouter;
  readonly #groups = new Map<Device, Set<Ipv4Addr>>();
  readonly #key = new FlowKey();
  readonly #result = new LookupResult();
  readonly #around: RuleSurroundings;

  constructor(context: FibContext) {
    this.#context = context;
    this.#tables = new Tables(context.sysctl, (kind, route) => context.rtnetlink?.notify({ kind, route }));
    context.sysctl.beforeLinkdownSwitch = () => this.#tables.noticeAllCarriers();
    this.#addresses = new Addresses(context, this.#tables);
    const parts = {
      context,
      tables: this.#tables,
      addresses: this.#addresses,
      paths: new PathSelector(context, this.#tables),
    };
    this.#output = new OutputRouter(parts);
    this.#input = new InputRouter({ ...parts, inGroup: (dev, group) => this.inGroup(dev, group) });
    this.#around = {
      hasDevice: (name) => context.devices.named(name) !== undefined,
      hasPriority: (priority) => this.rules.some((rule) => rule.priority === priority),
    };
  }

  // Addresses.

  /** `ip address add`. @throws NetlinkError EEXIST, EINVAL */
  addAddress(dev: Device, spec: AddressSpec): void {
    this.#require(
      this.#addresses.add(dev, spec),
      () => `address add ${formatIpv4(spec.address)}/${spec.prefixLength} dev ${dev.name}`,
    );
  }

  /** `ip address del`. @throws NetlinkError EADDRNOTAVAIL */
  deleteAddress(dev: Device, address: Ipv4Addr, prefixLength: number): void {
    this.#require(
      this.#addresses.delete(dev, address, prefixLength),
      () => `address del ${formatIpv4(address)}/${prefixLength} dev ${dev.name}`,
    );
  }

  // Devices.

  /** The device is up now: lo gets its address, addresses get their routes, multipath next hops wake. */
  linkUp(dev: Device): void {
    this.#addresses.linkUp(dev);
  }

  /** The device is down now: routes by it go, and only those of its addresses come back. */
  linkDown(dev: Device): void {
    syncDown(this.#tables, dev, 'down');
  }

  /** The device leaves the namespace: its addresses and all routes by it go. */
  linkRemoved(dev: Device): void {
    this.#addresses.deleteAll(dev);
    syncDown(this.#tables, dev, 'unregister');
    this.#groups.delete(dev);
  }

  /** The device has another name: labels of its addresses follow. */
  linkRenamed(dev: Device): void {
    this.#addresses.relabel(dev);
  }

  /** `dev.mtu` was `before`: learned path MTUs follow. */
  linkMtuChanged(dev: Device, before: number): void {
    for (const route of this.#tables.routes())
      for (const nextHop of route.nextHops) deviceMtuChanged(nextHop, dev, before);
  }

  /** A socket or a VXLAN device joins a group on that device. */
  joinGroup(dev: Device, group: Ipv4Addr): void {
    const groups = this.#groups.get(dev) ?? new Set<Ipv4Addr>();
    this.#groups.set(dev, groups.add(group));
  }

  leaveGroup(dev: Device, group: Ipv4Addr): void {
    this.#groups.get(dev)?.delete(group);
  }

  /** ip_check_mc_rcu(). */
  inGroup(dev: Device, group: Ipv4Addr): boolean {
    return (group === ALL_HOSTS && dev.up) || this.#groups.get(dev)?.has(group) === true;
  }

  // Routes.

  /** `ip route add` and its kin. @throws NetlinkError EEXIST, EINVAL, ENETUNREACH, ENETDOWN, ENODEV, ENOENT */
  addRoute(spec: RouteSpec, mode: RouteMode = 'exclusive-create'): void {
    const created = createRoute(this.#tables, spec);
    const refusal = 'errno' in created ? created : this.#tables.insert(created, mode);
    this.#require(refusal, () => `route add ${describeRoute(spec.destination, spec.nextHops?.[0]?.via)}`);
    if (spec.type === 'local') this.#input.customLocalRoutes = true;
  }

  /** `ip route del`. @throws NetlinkError ESRCH, EINVAL */
  deleteRoute(selector: RouteSelector): void {
    const { type, table } = selector;
    const id = table === undefined || table === 0 ? defaultTable(type) : table;
    // iproute2 looks for any scope, unless the type is one that has its own.
    const scope = selector.scope ?? (type === undefined || type === 'unicast' ? undefined : defaultScope(type, []));
    const refusal =
      checkTos(selector.tos ?? 0) ?? checkTarget(selector.destination) ?? this.#tables.delete(id, selector, scope);
    this.#require(refusal, () => `route del ${describeRoute(selector.destination, selector.nextHops?.[0]?.via)}`);
  }

  /** The routes of a table, or of all, as `ip route show` lists them. */
  routes(table?: number): readonly FibRoute[] {
    if (table !== undefined) return this.#tables.list(table);
    return this.#tables.dumpOrder().flatMap((each) => this.#tables.list(each.id));
  }

  /** By table what is in its tree: of `main` and `local`, which share one until a rule is added, both. */
  trees(): readonly { readonly table: number; readonly routes: readonly FibRoute[] }[] {
    return this.#tables.trees();
  }

  /** The lines of `ip route show table N`, or without a number of `ip route show table all` (IPv4 part). */
  listRoutes(table?: number): string[] {
    return this.routes(table).map((route) => formatRoute(route, { showTable: table === undefined }));
  }

  // Policy rules.

  get rules(): readonly FibRule[] {
    return this.#tables.rules.all;
  }

  /** `ip rule add`. @throws NetlinkError EEXIST, EINVAL */
  addRule(spec: RuleSpec): void {
    const outcome = this.#tables.rules.add(spec);
    this.#require('errno' in outcome ? outcome : undefined, () => 'rule add');
    this.#tables.unmerge();
  }

  /** `ip rule del`: the first that has all that is named. @throws NetlinkError ENOENT */
  deleteRule(spec: RuleSpec): void {
    this.#require(this.#tables.rules.delete(spec), () => 'rule del');
    this.#tables.unmerge();
  }

  /** The lines of `ip rule`. */
  listRules(): string[] {
    return this.rules.map((rule) => formatRule(rule, this.#around));
  }

  // Decisions.

  /** fib_lookup(): what rules and tables say to that flow; undefined where they say nothing. */
  lookup(flow: Flow4): FibResult | undefined {
    const result = this.#result;
    this.#key.set(flow);
    this.#tables.lookup(this.#key, result);
    const { route, rule, error } = result;
    if (route !== undefined)
      return { type: route.type, route, nextHop: result.nextHop, table: route.table, rule, error };
    if (rule === undefined || rule.action === 'lookup' || rule.action === 'goto' || rule.action === 'nop')
      return undefined;
    return { type: rule.action, route: undefined, nextHop: undefined, table: rule.table, rule, error };
  }

  /** Whether some rule asks for protocol or ports; where none does, packets routed anew are not read for them. */
  get dissects(): boolean {
    return this.#tables.rules.dissects;
  }

  /** ip_route_output_key_hash(): for a packet that is made here. */
  routeOutput(flow: Flow4): RouteResult | Errno {
    return this.#output.route(flow);
  }

  /** ip_route_input(): for a packet that came in. Without a way it is a result with `error`, and ICMP's matter. */
  routeInput(flow: InputFlow): RouteResult | DropReason {
    return this.#input.route(flow);
  }

  /** inet_addr_type(), or with `dev` inet_dev_addr_type(): addresses of other devices are unicast then. */
  addressType(addr: Ipv4Addr, dev?: Device): RouteType {
    return this.#tables.addressType(addr, dev);
  }

  isLocal(addr: Ipv4Addr): boolean {
    return this.#tables.addressType(addr) === 'local';
  }

  /** The device that has that address (ip_dev_find()). */
  deviceWith(addr: Ipv4Addr): Device | undefined {
    return this.#addresses.owner(addr) ?? this.#tables.localDevice(addr);
  }

  /** inet_select_addr(): 0.0.0.0 where no device has an address of that scope. */
  selectSource(dev: Device, destination: Ipv4Addr, scope: Scope): Ipv4Addr {
    return selectAddress(this.#context, dev, destination, SCOPE[scope]);
  }

  /** fib_compute_spec_dst(): the address of ours by which a packet is answered that came to `result`. */
  answerFrom(flow: InputFlow, result: RouteResult): Ipv4Addr {
    if (result.type === 'local') return flow.destination;
    const { iif } = flow;
    if (flow.source === INADDR_ANY) return selectAddress(this.#context, iif, flow.source, SCOPE.link);
    const useMark = orConf(this.#context.sysctl.all, iif.ipv4Conf, 'src_valid_mark');
    const back = this.#result;
    this.#key.setAddress(flow.source);
    this.#key.tos = flow.tos ?? 0;
    this.#key.mark = useMark ? (flow.mark ?? 0) : 0;
    if (!this.#tables.lookup(this.#key, back) || back.route === undefined || back.nextHop === undefined) {
      return selectAddress(this.#context, iif, flow.source, SCOPE.global);
    }
    return back.route.prefSrc ?? nextHopSource(this.#context, this.#addresses, back.route, back.nextHop);
  }

  // Path MTU.

  /** ipv4_update_pmtu(): somebody on the way to `destination` takes packets of at most `mtu` octets. */
  learnPmtu(destination: Ipv4Addr, mtu: number, flow: Partial<Flow4> = {}): void {
    this.#key.set({ source: INADDR_ANY, ...flow, destination });
    const { route, nextHop } = this.#tables.lookup(this.#key, this.#result) ? this.#result : new LookupResult();
    if (route === undefined || nextHop === undefined) return;
    const { sysctl, emulation } = this.#context;
    learnMtu(route, nextHop, { destination, mtu, clock: emulation.clock, sysctl });
  }

  /** ipv4_mtu() of a decision: what was learned of the way counts for packets of others too. */
  dstMtu(decision: RouteResult, destination: Ipv4Addr): number {
    const { route, dev, gateway, mtu } = decision;
    if (!(route instanceof Route) || dev === undefined) return mtu;
    const leadsTo = (one: RouteNextHop): Ipv4Addr | undefined =>
      one.exceptions?.get(destination)?.gateway ?? one.gateway;
    const nextHop = route.nextHops.find((one) => one.dev === dev && leadsTo(one) === gateway);
    return outputMtu(nextHop, route, { dev, destination, clock: this.#context.emulation.clock });
  }

  /** What ICMP told of the way of that flow, and until when it is kept. */
  learned(flow: Flow4): NextHopException | undefined {
    this.#key.set(flow);
    if (!this.#tables.lookup(this.#key, this.#result)) return undefined;
    return learned(this.#result.nextHop, flow.destination, this.#context.emulation.clock);
  }

  // Redirects.

  /** __ip_do_redirect()'s end: packets of that flow go to `gateway` first, which a router named. */
  learnGateway(flow: Flow4, gateway: Ipv4Addr): void {
    this.#key.set(flow);
    const { nextHop } = this.#tables.lookup(this.#key, this.#result) ? this.#result : new LookupResult();
    const { destination } = flow;
    if (nextHop !== undefined) learnGateway(nextHop, { destination, gateway, clock: this.#context.emulation.clock });
  }

  /** ip_fib_check_default(): some route leads over that gateway on that device. */
  isGateway(gateway: Ipv4Addr, dev: Device): boolean {
    for (const route of this.#tables.routes())
      for (const nextHop of route.nextHops)
        if (nextHop.dev === dev && nextHop.gateway === gateway && !nextHop.dead) return true;
    return false;
  }

  /** inet_addr_onlink(): one subnet of the device has both. */
  sharesSubnet(dev: Device, a: Ipv4Addr, b: Ipv4Addr): boolean {
    return dev.addresses.some((entry) => inSubnet(a, entry) && inSubnet(b, entry));
  }

  /**
   * `ip route get` (inet_rtm_getroute()): the lines that it prints, or why there is no way; input that would be
   * dropped is EINVAL, whatever the reason. No protocol means UDP.
   */
  routeGet(asked: Flow4): { readonly text: string; readonly answer: RouteGetAnswer } | { readonly errno: Errno } {
    const flow = { ...asked, protocol: asked.protocol ?? IPPROTO_UDP };
    const { iif } = flow;
    const result = iif === undefined ? this.routeOutput(flow) : this.routeInput({ ...flow, iif });
    if (typeof result === 'string') return { errno: ERRNOS.find((errno) => errno === result) ?? 'EINVAL' };
    if (result.error !== undefined) return { errno: result.error };
    const dev = iif ?? result.dev;
    const { nowNs } = this.#context.emulation.clock;
    const kept = result.type === 'unicast' ? this.learned(flow) : undefined;
    const told = kept && {
      mtu: kept.mtu,
      mtuLocked: kept.mtuLocked,
      redirected: kept.gateway !== undefined,
      seconds: Math.floor((kept.expiresNs - nowNs) / NS_PER_S),
    };
    const inGroup = dev !== undefined && this.inGroup(dev, flow.destination);
    const isLocal = result.type === 'multicast' ? inGroup : result.type !== 'unicast';
    const table = result.route && this.#tables.foundIn(result.route.table);
    const answer = { flow, result, learned: told, table, isLocal };
    return { text: formatRouteGet(answer), answer };
  }

  #require(refusal: Refusal | undefined, request: () => string): void {
    if (refusal !== undefined) throw new NetlinkError(refusal, request());
  }
}
