/** Routes of packets that are made here: net/ipv4/route.c:ip_route_output_key_hash_rcu(). */

import {
  INADDR_ANY,
  INADDR_LOOPBACK,
  type Ipv4Addr,
  isLimitedBroadcast,
  isLoopback,
  isMulticast,
} from '../../packet/index.js';
import type { RouteType } from '../../trace/index.js';
import type { Device } from '../device.js';
import type { Errno } from '../errors.js';
import { orConf } from '../sysctl.js';
import type { Addresses } from './addresses.js';
import { type FibContext, loopbackOf } from './context.js';
import { FlowKey, LookupResult } from './flow-key.js';
import { SCOPE } from './names.js';
import { firstHopMtu, learned } from './exceptions.js';
import type { PathSelector } from './select.js';
import { nextHopSource, selectAddress } from './source.js';
import type { Tables } from './tables.js';
import type { Flow4, RouteResult } from './types.js';

const IPPROTO_IGMP = 2;

/** 224.0.0.0/24, ipv4_is_local_multicast(). */
export const isLocalMulticast = (addr: Ipv4Addr): boolean => (addr & 0xffff_ff00) === (0xe000_0000 | 0);

/** Addresses that no packet may come from. */
const isInvalidSource = (addr: Ipv4Addr): boolean =>
  isMulticast(addr) || isLimitedBroadcast(addr) || addr === INADDR_ANY;

export interface OutputParts {
  readonly context: FibContext;
  readonly tables: Tables;
  readonly addresses: Addresses;
  readonly paths: PathSelector;
}

export class OutputRouter {
  readonly #context: FibContext;
  readonly #tables: Tables;
  readonly #addresses: Addresses;
  readonly #paths: PathSelector;
  readonly #key = new FlowKey();
  readonly #result = new LookupResult();

  constructor(parts: OutputParts) {
    this.#context = parts.context;
    this.#tables = parts.tables;
    this.#addresses = parts.addresses;
    this.#paths = parts.paths;
  }

  route(flow: Flow4): RouteResult | Errno {
    const key = this.#key;
    const result = this.#result;
    key.set(flow);
    key.iif = undefined;
    result.clear();
    const boundTo = flow.oif;
    if (key.source !== INADDR_ANY) {
      if (isInvalidSource(key.source)) return 'EINVAL';
      const owner = this.#addresses.owner(key.source) ?? this.#tables.localDevice(key.source);
      if (boundTo === undefined && (isMulticast(key.destination) || isLimitedBroadcast(key.destination))) {
        return owner === undefined ? 'ENETUNREACH' : this.#decide(owner, 'unicast');
      }
      if (flow.anySource !== true && owner === undefined) return 'ENETUNREACH';
    }
    if (boundTo !== undefined) {
      if (!boundTo.up) return 'ENETUNREACH';
      if (this.#staysOnLink(key, boundTo)) return this.#decide(boundTo, 'unicast');
    }
    if (key.destination === INADDR_ANY) return this.#toSelf();
    return this.#lookup(flow);
  }

  /** Bound to a device: the source that this alone decides, and whether no table has to be asked. */
  #staysOnLink(key: FlowKey, dev: Device): boolean {
    if (isLocalMulticast(key.destination) || isLimitedBroadcast(key.destination) || key.protocol === IPPROTO_IGMP) {
      if (key.source === INADDR_ANY) key.source = selectAddress(this.#context, dev, INADDR_ANY, SCOPE.link);
      return true;
    }
    if (key.source !== INADDR_ANY) return false;
    if (isMulticast(key.destination)) key.source = selectAddress(this.#context, dev, INADDR_ANY, SCOPE.global);
    else if (key.destination === INADDR_ANY) key.source = selectAddress(this.#context, dev, INADDR_ANY, SCOPE.host);
    return false;
  }

  /** 0.0.0.0 is this host. */
  #toSelf(): RouteResult | Errno {
    const key = this.#key;
    key.destination = key.source === INADDR_ANY ? INADDR_LOOPBACK : key.source;
    key.source = key.destination;
    const loopback = loopbackOf(this.#context);
    return loopback === undefined ? 'ENODEV' : this.#decide(loopback, 'local');
  }

  #lookup(flow: Flow4): RouteResult | Errno {
    const key = this.#key;
    const result = this.#result;
    if (!this.#tables.lookup(key, result)) {
      if (flow.oif === undefined) return result.error ?? 'ENETUNREACH';
      // The tables say nothing good, but the sender names the device: the destination is taken to be on its link.
      result.clear();
      if (key.source === INADDR_ANY) key.source = selectAddress(this.#context, flow.oif, INADDR_ANY, SCOPE.link);
      return this.#decide(flow.oif, 'unicast');
    }
    const type = result.route?.type ?? 'unicast';
    if (type === 'local') {
      if (key.source === INADDR_ANY) key.source = result.route?.prefSrc ?? key.destination;
      const loopback = loopbackOf(this.#context);
      return loopback === undefined ? 'ENODEV' : this.#decide(loopback, type);
    }
    this.#selectPath(flow);
    const dev = result.nextHop?.dev;
    return dev === undefined ? 'ENETUNREACH' : this.#decide(dev, type);
  }

  /** fib_select_path(). */
  #selectPath(flow: Flow4): void {
    const key = this.#key;
    const result = this.#result;
    const { route } = result;
    if (route === undefined) return;
    if (flow.oif === undefined) {
      if (route.nextHops.length > 1) {
        this.#paths.multipath(
          result,
          this.#paths.hash(key, flow),
          (nextHop) =>
            key.source !== INADDR_ANY && nextHopSource(this.#context, this.#addresses, route, nextHop) === key.source,
        );
      } else if (route.destination.length === 0 && route.type === 'unicast' && this.#hasMoreDefaults(route.table)) {
        this.#paths.defaultRoute(result, key.tos);
      }
    }
    if (key.source === INADDR_ANY) key.source = this.#sourceOf();
  }

  #hasMoreDefaults(table: number): boolean {
    return (this.#tables.get(table)?.defaults ?? 0) > 1;
  }

  /** fib_result_prefsrc(). */
  #sourceOf(): Ipv4Addr {
    const { route, nextHop } = this.#result;
    if (route?.prefSrc !== undefined) return route.prefSrc;
    if (route === undefined || nextHop === undefined) return INADDR_ANY;
    return nextHopSource(this.#context, this.#addresses, route, nextHop);
  }

  /** __mkroute_output(). */
  #decide(dev: Device, routeType: RouteType): RouteResult | Errno {
    const { destination, source } = this.#key;
    const { sysctl } = this.#context;
    if (isLoopback(source) && !dev.isLoopback && !orConf(sysctl.all, dev.ipv4Conf, 'route_localnet')) return 'EINVAL';
    if (isLimitedBroadcast(destination)) return this.#fresh(dev, 'broadcast');
    if (isMulticast(destination)) return this.#fresh(dev, 'multicast');
    if (destination === INADDR_ANY) return 'EINVAL';
    return this.#cached(dev, routeType);
  }

  /** The limited broadcast and multicasts: to the link, whatever gateway or MTU the route has. */
  #fresh(dev: Device, type: 'broadcast' | 'multicast'): RouteResult {
    const { route, nextHop, rule } = this.#result;
    // A default route carries multicasts too, but not to its gateway.
    const specific = type === 'multicast' && route !== undefined && route.destination.length >= 4;
    const mtu = firstHopMtu(specific ? route : undefined, dev);
    const gateway = specific ? nextHop?.gateway : undefined;
    const { source } = this.#key;
    return { type, dev, gateway, source, mtu, mtuLocked: false, route, redirect: false, error: undefined, rule };
  }

  #cached(dev: Device, type: RouteType): RouteResult {
    const { destination, source } = this.#key;
    const { route, nextHop, rule } = this.#result;
    const exception =
      nextHop?.exceptions === undefined ? undefined : learned(nextHop, destination, this.#context.emulation.clock);
    const mtu = exception?.mtu ?? firstHopMtu(route, dev);
    const mtuLocked = exception?.mtuLocked ?? false;
    const gateway = exception?.gateway ?? nextHop?.gateway;
    const last = nextHop?.output;
    if (
      last !== undefined &&
      last.source === source &&
      last.mtu === mtu &&
      last.mtuLocked === mtuLocked &&
      last.rule === rule &&
      last.dev === dev &&
      last.gateway === gateway
    )
      return last;
    const decision = { type, dev, gateway, source, mtu, mtuLocked, route, redirect: false, error: undefined, rule };
    if (nextHop !== undefined) nextHop.output = decision;
    return decision;
  }
}
