/** Which objects a route of BIRD's comes from. */

import { formatIp, type IpAddr, type Route } from '../bird/index.js';
import { addressOfIpv4, cidrContains, type IpPool, storedPools } from '../calico/index.js';
import type { RoutingSite } from '../cluster/index.js';
import type { Store } from '../kubernetes/index.js';
import type { Cause } from '../trace/index.js';
import type { MachinePlan } from '../underlay/index.js';

const poolMode = ({ ipipMode, vxlanMode }: IpPool): string =>
  vxlanMode === 'Never' ? `ipipMode ${ipipMode}` : `vxlanMode ${vxlanMode}`;

export class Causes {
  readonly #store: Store;
  #pools: readonly IpPool[] | undefined = undefined;
  readonly #owners = new Map<unknown, MachinePlan>();

  constructor({ store, plan }: RoutingSite) {
    this.#store = store;
    for (const machine of plan.machines.values())
      for (const { address } of machine.interfaces) if (address !== undefined) this.#owners.set(address, machine);
  }

  /** The machine at the other end of a session. */
  ownerOf(address: IpAddr): MachinePlan | undefined {
    return typeof address === 'number' ? this.#owners.get(address) : undefined;
  }

  /** Of a route in the table of that machine. */
  of(machine: string, { net, origin }: Route): readonly Cause[] {
    const causes: Cause[] = [];
    const session = origin.bgp;
    if (session !== undefined) {
      const neighbor = this.ownerOf(session.remoteAddress);
      const detail = `BGP session ${origin.name} of ${machine} with ${formatIp(session.remoteAddress)}`;
      if (neighbor?.role === 'node') causes.push({ kind: 'Node', name: neighbor.name, detail });
      else causes.push(...(neighbor?.because ?? []).map((cause) => ({ ...cause, detail })));
    } else causes.push({ kind: 'Node', name: machine, detail: `${origin.name} of its BIRD` });
    const pool = typeof net.addr === 'number' ? this.#poolOf(net.addr) : undefined;
    if (pool !== undefined) causes.push({ kind: 'IPPool', name: pool.name, detail: poolMode(pool) });
    return causes;
  }

  /** Objects have changed. */
  forget(): void {
    this.#pools = undefined;
  }

  #poolOf(address: Parameters<typeof addressOfIpv4>[0]): IpPool | undefined {
    this.#pools ??= storedPools(this.#store);
    return this.#pools.find(({ cidr }) => cidr.version === 4 && cidrContains(cidr, addressOfIpv4(address)));
  }
}
