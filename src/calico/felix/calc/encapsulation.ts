/** Which encapsulations are on, and what they leave of the MTU; felix/calc/encapsulation_resolver.go, int_dataplane.go. */

import type { Cause } from '../../../trace/index.js';
import { type IpPool, poolCause } from '../../model.js';
import type { FelixConfig } from '../parameters.js';
import type { Mtus } from '../state.js';
import type { HostInterface } from './input.js';

export interface Encapsulations {
  readonly vxlan: boolean;
  readonly vxlanV6: boolean;
  readonly ipip: boolean;
  /** Felix programs routes without encapsulation. */
  readonly noEncapRoutes: boolean;
  readonly because: Readonly<Record<'vxlan' | 'vxlanV6' | 'ipip', readonly Cause[]>>;
}

/** Disabled pools count: addresses from before may still be in use. */
export function encapsulations(pools: readonly IpPool[], config: FelixConfig): Encapsulations {
  const vxlan = pools.filter((pool) => pool.vxlanMode !== 'Never' && pool.cidr.version === 4);
  const vxlanV6 = pools.filter((pool) => pool.vxlanMode !== 'Never' && pool.cidr.version === 6);
  const ipip = pools.filter((pool) => pool.ipipMode !== 'Never');
  const vxlanCauses = (list: readonly IpPool[]): Cause[] =>
    list.map((pool) => poolCause(pool, `vxlanMode ${pool.vxlanMode}`));
  const on = {
    vxlan: config.vxlanEnabled ?? vxlan.length > 0,
    vxlanV6: vxlanV6.length > 0,
    ipip: config.ipipEnabled ?? ipip.length > 0,
  };
  return {
    ...on,
    // Beside an overlay the manager of these is not started (int_dataplane.go).
    noEncapRoutes: config.programClusterRoutes && !on.vxlan && !on.ipip && !config.wireguard.v4.enabled,
    because: {
      vxlan: [...config.sourceOf('VXLANEnabled'), ...vxlanCauses(vxlan)],
      vxlanV6: vxlanCauses(vxlanV6),
      ipip: [...config.sourceOf('IpInIpEnabled'), ...ipip.map((pool) => poolCause(pool, `ipipMode ${pool.ipipMode}`))],
    },
  };
}

/** Smallest among the usual clouds' networks. */
const FALLBACK_HOST_MTU = 1460;
/** Outer headers: IPv4; Ethernet, IPv4, UDP, VXLAN; IPv4, UDP, WireGuard; the last two over IPv6. */
const OVERHEAD = { ipip: 20, vxlan: 50, vxlanV6: 70, wireguard: 60, wireguardV6: 80 } as const;

/** Interfaces that are down do not count, nor those whose name does not look like an uplink's. */
function hostMtu(interfaces: readonly HostInterface[], pattern: string): number {
  const uplink = new RegExp(pattern);
  const mtus = interfaces.filter(({ name, up }) => up && uplink.test(name)).map(({ mtu }) => mtu);
  return mtus.length === 0 ? FALLBACK_HOST_MTU : Math.min(...mtus);
}

/** A configured MTU replaces the one worked out. Pods get the smallest of the encapsulations that are on. */
export function mtus(interfaces: readonly HostInterface[], config: FelixConfig, on: Encapsulations): Mtus {
  const host = hostMtu(interfaces, config.mtuInterfacePattern);
  const ipip = config.ipipMtu || host - OVERHEAD.ipip;
  const vxlan = config.vxlanMtu || host - OVERHEAD.vxlan;
  const vxlanV6 = config.vxlanMtuV6 || host - OVERHEAD.vxlanV6;
  const { v4, v6 } = config.wireguard;
  const enabled = [
    ...(on.ipip ? [ipip] : []),
    ...(on.vxlan ? [vxlan] : []),
    ...(on.vxlanV6 ? [vxlanV6] : []),
    ...(v4.enabled ? [v4.mtu || host - OVERHEAD.wireguard] : []),
    ...(v6.enabled ? [v6.mtu || host - OVERHEAD.wireguardV6] : []),
  ];
  return { host, ipip, vxlan, vxlanV6, pod: enabled.length === 0 ? host : Math.min(...enabled) };
}
