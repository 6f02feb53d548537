/** `birdc show static` (proto/static/static.c: static_show()). */

import { formatIp, type IpAddr } from '../address.js';
import type { StaticConfig, StaticRoute } from '../config/types.js';
import type { Interfaces } from '../interfaces.js';
import { reach } from '../protocols/local-routes.js';
import type { Protocol } from '../protocols/protocol.js';

/** A next hop, alone or one of several. */
interface Hop {
  readonly gateway: IpAddr | undefined;
  readonly iface: string | undefined;
  readonly onlink: boolean;
  readonly weight: number;
}

const REFUSED = { blackhole: 'blackhole', unreachable: 'unreachable', prohibit: 'prohibited' } as const;

function hopsOf({ target }: StaticRoute): readonly Hop[] {
  switch (target.kind) {
    case 'via':
      return [{ ...target, weight: 1 }];
    case 'device':
      return [{ gateway: undefined, iface: target.iface, onlink: false, weight: 1 }];
    case 'multipath':
      return target.hops;
    default:
      return [];
  }
}

/** `10.0.0.1`, `fe80::1%eth0`. */
const scoped = ({ gateway, iface }: Hop): string =>
  `${gateway === undefined ? '' : formatIp(gateway)}${iface === undefined ? '' : `%${iface}`}`;

const dormant = (active: boolean): string => (active ? '' : ' (dormant)');

class StaticRoutes {
  readonly #config: StaticConfig;
  readonly #interfaces: Interfaces;
  readonly #up: boolean;

  constructor(config: StaticConfig, interfaces: Interfaces, up: boolean) {
    this.#config = config;
    this.#interfaces = interfaces;
    this.#up = up;
  }

  readonly #isActive = (hop: Hop): boolean =>
    this.#up && reach(this.#config, { interfaces: this.#interfaces }, hop) !== undefined;

  /** BIRD 2: a line for each next hop. */
  showIn2(): string[] {
    return this.#config.routes.flatMap((route) => {
      const { net, target } = route;
      switch (target.kind) {
        case 'blackhole':
        case 'unreachable':
        case 'prohibit':
          return [`${net.toString()}\t${REFUSED[target.kind]}`];
        case 'recursive':
          return [`${net.toString()}\trecursive ${formatIp(target.gateway)}`];
        default:
          return [net.toString(), ...hopsOf(route).map((hop) => `\t${this.#hopIn2(hop)}`)];
      }
    });
  }

  #hopIn2(hop: Hop): string {
    const whereto = hop.gateway === undefined ? `dev ${hop.iface ?? ''}` : `via ${scoped(hop)}`;
    return `${whereto}${hop.onlink && hop.gateway !== undefined ? ' onlink' : ''}${dormant(this.#isActive(hop))}`;
  }

  /** 1.6: routes of interfaces have a list of their own. */
  showIn1(): string[] {
    const isDevice = ({ target }: StaticRoute): boolean => target.kind === 'device';
    const { routes } = this.#config;
    return [...routes.filter((route) => !isDevice(route)), ...routes.filter(isDevice)].flatMap((route) =>
      this.#routeIn1(route),
    );
  }

  #routeIn1(route: StaticRoute): string[] {
    const { net, target } = route;
    const hops = hopsOf(route);
    const line = (text: string, active: boolean): string => `${net.toString()} ${text}${dormant(active)}`;
    switch (target.kind) {
      case 'recursive':
        return [line(`recursive ${formatIp(target.gateway)}`, this.#up)];
      case 'via':
        return [line(`via ${hops.map(scoped).join('')}`, hops.some(this.#isActive))];
      case 'device':
        return [line(`dev ${target.iface}`, hops.some(this.#isActive))];
      case 'multipath':
        return [
          line('multipath', hops.some(this.#isActive)),
          ...hops.map((hop) => `\tvia ${scoped(hop)} weight ${hop.weight}${dormant(this.#isActive(hop))}`),
        ];
      default:
        return [line(REFUSED[target.kind], this.#up)];
    }
  }
}

/** Undefined for a protocol of another kind. */
export function showStatic({ config, router, state }: Protocol): string[] | undefined {
  if (config.kind !== 'static') return undefined;
  const routes = new StaticRoutes(config, router.interfaces, state === 'up');
  return router.isBird2 ? routes.showIn2() : routes.showIn1();
}
