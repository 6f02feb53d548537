/**
 * Routes of packets that came in: net/ipv4/route.c:ip_route_input_rcu() and ip_route_input_slow(), and the check
 * that their source is what it says it is (net/ipv4/fib_frontend.c:fib_validate_source()).
 *
 * Differs: broadcasts are never forwarded (bc_forwarding), multicasts only received.
 */

import { INADDR_ANY, type Ipv4Addr, isLimitedBroadcast, isLoopback, isMulticast } from '../../packet/index.js';
import type { DropReason, RouteType } from '../../trace/index.js';
import type { Device } from '../device.js';
import type { Errno } from '../errors.js';
import { orConf } from '../sysctl.js';
import { type Addresses, inSubnet } from './addresses.js';
import { type FibContext, loopbackOf } from './context.js';
import { FlowKey, LookupResult } from './flow-key.js';
import { SCOPE } from './names.js';
import { isLocalMulticast, type OutputParts } from './output.js';
import { firstHopMtu, learned } from './exceptions.js';
import type { PathSelector } from './select.js';
import type { Tables } from './tables.js';
import type { Flow4, RouteResult } from './types.js';

const IPPROTO_IGMP = 2;

export type InputFlow = Flow4 & { readonly iif: Device };

/** fib_validate_source(): on-link where the source is a neighbour on the device of arrival. */
type SourceVerdict = 'valid' | 'on-link' | DropReason;

const isValid = (verdict: SourceVerdict): verdict is 'valid' | 'on-link' =>
  verdict === 'valid' || verdict === 'on-link';

export interface InputParts extends OutputParts {
  /** ip_check_mc(): the device listens to that group. */
  readonly inGroup: (dev: Device, group: Ipv4Addr) => boolean;
}

export class InputRouter {
  readonly #context: FibContext;
  readonly #tables: Tables;
  readonly #addresses: Addresses;
  readonly #paths: PathSelector;
  readonly #inGroup: InputParts['inGroup'];
  readonly #key = new FlowKey();
  readonly #result = new LookupResult();
  readonly #backKey = new FlowKey();
  readonly #backResult = new LookupResult();
  /** fib_has_custom_local_routes. */
  customLocalRoutes = false;

  constructor(parts: InputParts) {
    this.#context = parts.context;
    this.#tables = parts.tables;
    this.#addresses = parts.addresses;
    this.#paths = parts.paths;
    this.#inGroup = parts.inGroup;
  }

  route(flow: InputFlow): RouteResult | DropReason {
    const { destination, source, iif } = flow;
    if (isMulticast(destination)) return this.#multicast(flow);
    if (isMulticast(source) || isLimitedBroadcast(source)) return 'ip-invalid-source';
    if (isLimitedBroadcast(destination) || (source === INADDR_ANY && destination === INADDR_ANY)) {
      this.#result.clear();
      return this.#broadcast(flow);
    }
    if (source === INADDR_ANY) return 'ip-invalid-source';
    if (destination === INADDR_ANY) return 'ip-invalid-dest';
    if ((isLoopback(destination) || isLoopback(source)) && !this.#conf(iif, 'route_localnet')) return 'ip-localnet';
    return this.#slow(flow);
  }

  #conf(
    dev: Device,
    key: 'route_localnet' | 'accept_local' | 'src_valid_mark' | 'send_redirects' | 'shared_media',
  ): boolean {
    return orConf(this.#context.sysctl.all, dev.ipv4Conf, key);
  }

  #slow(flow: InputFlow): RouteResult | DropReason {
    const result = this.#result;
    const forwarding = flow.iif.ipv4Conf.forwarding !== 0;
    this.#key.set(flow);
    this.#key.oif = undefined;
    if (!this.#tables.lookup(this.#key, result)) {
      return this.#unreachable(forwarding ? (result.error ?? 'ENETUNREACH') : 'EHOSTUNREACH');
    }
    const type = result.route?.type ?? 'unicast';
    if (type === 'broadcast') return this.#broadcast(flow);
    if (type === 'local') {
      const verdict = this.#validate(flow, flow.destination, undefined);
      return isValid(verdict) ? this.#local('local', flow.destination) : verdict;
    }
    if (!forwarding) {
      result.clear();
      return this.#unreachable('EHOSTUNREACH');
    }
    if (type !== 'unicast') return 'ip-invalid-dest';
    return this.#forward(flow);
  }

  /** no_route: the packet is not dropped here but by ip_error(), which may send ICMP. */
  #unreachable(error: Errno): RouteResult {
    const { route, rule } = this.#result;
    const type = error === 'EACCES' ? 'prohibit' : error === 'EINVAL' ? 'blackhole' : 'unreachable';
    return {
      type,
      dev: undefined,
      gateway: undefined,
      source: INADDR_ANY,
      mtu: 0,
      mtuLocked: false,
      route,
      redirect: false,
      error,
      rule,
    };
  }

  #broadcast(flow: InputFlow): RouteResult | DropReason {
    if (flow.source !== INADDR_ANY) {
      const verdict = this.#validate(flow, INADDR_ANY, undefined);
      if (!isValid(verdict)) return verdict;
    }
    return this.#local('broadcast', INADDR_ANY);
  }

  /** ip_route_input_mc(). Groups that nobody here listens to are dropped without a reason, as by the kernel. */
  #multicast(flow: InputFlow): RouteResult | DropReason {
    const { source, destination, iif } = flow;
    if (!this.#inGroup(iif, destination)) return 'not-specified';
    if (isMulticast(source) || isLimitedBroadcast(source)) return 'ip-invalid-source';
    if (isLoopback(source) && !this.#conf(iif, 'route_localnet')) return 'ip-localnet';
    if (source === INADDR_ANY) {
      if (!isLocalMulticast(destination) && flow.protocol !== IPPROTO_IGMP) return 'ip-invalid-source';
    } else {
      const verdict = this.#validate(flow, INADDR_ANY, undefined);
      if (!isValid(verdict)) return verdict;
    }
    this.#result.clear();
    return this.#local('multicast', INADDR_ANY);
  }

  #local(type: 'local' | 'broadcast' | 'multicast', source: Ipv4Addr): RouteResult {
    const { route, nextHop, rule } = this.#result;
    const last = nextHop?.input;
    if (last !== undefined && last.source === source && last.rule === rule) return last;
    const dev = loopbackOf(this.#context);
    const mtu = dev === undefined ? 0 : firstHopMtu(undefined, dev);
    const decision = {
      type,
      dev,
      gateway: undefined,
      source,
      mtu,
      mtuLocked: false,
      route,
      redirect: false,
      error: undefined,
      rule,
    };
    if (nextHop !== undefined) nextHop.input = decision;
    return decision;
  }

  /** ip_mkroute_input(). */
  #forward(flow: InputFlow): RouteResult | DropReason {
    const result = this.#result;
    const { route, rule } = result;
    if (route !== undefined && route.nextHops.length > 1) {
      this.#paths.multipath(result, this.#paths.hash(this.#key, flow), () => false);
    }
    const { nextHop } = result;
    const dev = nextHop?.dev;
    if (route === undefined || nextHop === undefined || dev === undefined) return 'not-specified';
    const verdict = this.#validate(flow, flow.destination, dev);
    if (!isValid(verdict)) return verdict;
    const redirect = dev === flow.iif && verdict === 'on-link' && this.#redirects(dev, flow.source, nextHop.gateway);
    const exception =
      nextHop.exceptions === undefined ? undefined : learned(nextHop, flow.destination, this.#context.emulation.clock);
    // ip_dst_mtu_maybe_forward(): learned path MTUs are not for packets of others, unless a switch says so.
    const counts = exception !== undefined && this.#context.sysctl.values['ipv4.ip_forward_use_pmtu'] !== 0;
    const mtu = (counts ? exception.mtu : undefined) ?? firstHopMtu(route, dev);
    const gateway = exception?.gateway ?? nextHop.gateway;
    const last = nextHop.input;
    if (
      last !== undefined &&
      last.mtu === mtu &&
      last.redirect === redirect &&
      last.rule === rule &&
      last.gateway === gateway
    )
      return last;
    const type: RouteType = 'unicast';
    nextHop.input = {
      type,
      dev,
      gateway,
      source: INADDR_ANY,
      mtu,
      mtuLocked: false,
      route,
      redirect,
      error: undefined,
      rule,
    };
    return nextHop.input;
  }

  #redirects(dev: Device, source: Ipv4Addr, gateway: Ipv4Addr | undefined): boolean {
    if (!this.#conf(dev, 'send_redirects')) return false;
    if (this.#conf(dev, 'shared_media')) return true;
    return dev.addresses.some(
      (entry) => inSubnet(source, entry) && (gateway === undefined || inSubnet(gateway, entry)),
    );
  }

  /** fib_validate_source(). `out` is the device by which the packet would leave. */
  #validate(flow: InputFlow, destination: Ipv4Addr, out: Device | undefined): SourceVerdict {
    const { iif: dev } = flow;
    const { all } = this.#context.sysctl;
    const conf = dev.ipv4Conf;
    // By their names, not by orConf() and maxConf(): every packet comes this way.
    const filter = Math.max(all.rp_filter, conf.rp_filter);
    if (filter === 0 && (dev !== out || (all.send_redirects === 0 && conf.send_redirects === 0))) {
      if (all.accept_local !== 0 || conf.accept_local !== 0) return 'valid';
      if (!this.customLocalRoutes && !this.#tables.rules.custom) {
        return this.#addresses.owner(flow.source) === undefined ? 'valid' : 'ip-local-source';
      }
    }
    return this.#validateByRoute(flow, destination, { out, filter });
  }

  /** __fib_validate_source(): where would an answer go? */
  #validateByRoute(
    flow: InputFlow,
    destination: Ipv4Addr,
    by: { readonly out: Device | undefined; readonly filter: number },
  ): SourceVerdict {
    const { iif: dev } = flow;
    const key = this.#backKey;
    const result = this.#backResult;
    key.set(flow);
    key.destination = flow.source;
    key.source = destination;
    key.sourcePort = flow.destinationPort ?? 0;
    key.destinationPort = flow.sourcePort ?? 0;
    key.iif = by.out;
    key.oif = undefined;
    key.mark = this.#conf(dev, 'src_valid_mark') ? (flow.mark ?? 0) : 0;
    if (!this.#tables.lookup(key, result) || result.route === undefined)
      return by.filter === 0 ? 'valid' : 'ip-rpfilter';
    const { type, nextHops } = result.route;
    if (type !== 'unicast') {
      if (type !== 'local') return 'ip-invalid-source';
      if (!this.#conf(dev, 'accept_local')) return 'ip-local-source';
    }
    if (leavesBy(nextHops, dev) || (type === 'local' && dev.isLoopback)) return onLink(result);
    if (dev.addresses.length === 0) return by.filter === 0 ? 'valid' : 'ip-rpfilter';
    if (by.filter === 1) return 'ip-rpfilter';
    key.oif = dev;
    key.ignoreLinkState = true;
    return this.#tables.lookup(key, result) && result.route?.type === 'unicast' ? onLink(result) : 'valid';
  }
}

const onLink = (result: LookupResult): SourceVerdict =>
  (result.nextHop?.scope ?? 0) >= SCOPE.host ? 'on-link' : 'valid';

function leavesBy(nextHops: readonly { readonly dev: Device | undefined }[], dev: Device): boolean {
  for (let i = 0; i < nextHops.length; i++) if (nextHops[i]?.dev === dev) return true;
  return false;
}
