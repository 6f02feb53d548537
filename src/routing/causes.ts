/** Which objects a route of BIRD's comes from. */

import { formatIp, type IpAddr, type Route } from '../bird/index.js';
import {
  addressOf,
  addressOfIpv4,
  type Cidr,
  cidrAt,
  cidrContains,
  type IpPool,
  storedPools,
} from '../calico/index.js';
import type { RoutingSite } from '../cluster/index.js';
import { calicoNodes } from '../kubernetes/index.js';
import type { Cause } from '../trace/index.js';
import type { MachinePlan, NetworkPlan } from '../underlay/index.js';

const poolMode = ({ ipipMode, vxlanMode }: IpPool): string =>
  vxlanMode === 'Never' ? `ipipMode ${ipipMode}` : `vxlanMode ${vxlanMode}`;

/** Machines by the addresses of their interfaces. */
function ownersIn({ machines }: NetworkPlan): ReadonlyMap<unknown, MachinePlan> {
  const owners = new Map<unknown, MachinePlan>();
  for (const machine of machines.values())
    for (const { address } of machine.interfaces) if (address !== undefined) owners.set(address, machine);
  return owners;
}

export class Causes {
  readonly #site: RoutingSite;
  #pools: readonly IpPool[] | undefined = undefined;
  #owners: ReadonlyMap<unknown, MachinePlan> | undefined = undefined;
  /** Addresses that nodes have on record, which need not be those of the plan. */
  #recorded: ReadonlyMap<unknown, string> | undefined = undefined;

  constructor(site: RoutingSite) {
    this.#site = site;
  }

  /** The machine at the other end of a session. */
  ownerOf(address: IpAddr): MachinePlan | undefined {
    this.#owners ??= ownersIn(this.#site.plan);
    return typeof address === 'number' ? this.#owners.get(address) : undefined;
  }

  /** The node that has an address on record: it has moved since the network was planned. */
  #recordedAt(address: IpAddr): MachinePlan | undefined {
    this.#recorded ??= new Map(calicoNodes(this.#site.store).map(({ name, bgp }) => [bgp?.ipv4Address?.addr, name]));
    return this.#site.plan.machines.get(this.#recorded.get(address) ?? '');
  }

  /** Of a route in the table of that machine. */
  of(machine: string, { net, origin }: Route): readonly Cause[] {
    const causes: Cause[] = [];
    const session = origin.bgp;
    if (session !== undefined) {
      const neighbor = this.ownerOf(session.remoteAddress) ?? this.#recordedAt(session.remoteAddress);
      const detail = `BGP session ${origin.name} of ${machine} with ${formatIp(session.remoteAddress)}`;
      if (neighbor?.role === 'node') causes.push({ kind: 'Node', name: neighbor.name, detail });
      else causes.push(...(neighbor?.because ?? []).map((cause) => ({ ...cause, detail })));
    } else causes.push({ kind: 'Node', name: machine, detail: `${origin.name} of its BIRD` });
    const pool = typeof net.addr === 'number' ? this.poolOf(cidrAt(addressOfIpv4(net.addr), net.length)) : undefined;
    if (pool !== undefined) causes.push({ kind: 'IPPool', name: pool.name, detail: poolMode(pool) });
    return causes;
  }

  /** Objects have changed. */
  forget(): void {
    this.#pools = undefined;
    this.#recorded = undefined;
    this.#owners = undefined;
  }

  /** The pool that a block is of. */
  poolOf(block: Cidr): IpPool | undefined {
    this.#pools ??= storedPools(this.#site.store);
    return this.#pools.find(({ cidr }) => cidr.version === block.version && cidrContains(cidr, addressOf(block)));
  }
}
