/**
 * The network that is assumed where no PhysicalNetwork is given: the nodes' InternalIPs on one subnet, or on
 * several where Calico's records say so, and one router with an address on each.
 */

import {
  compareIpv4,
  formatPrefix,
  type Ipv4Addr,
  type Ipv4Prefix,
  ipv4,
  ipv4Network,
  ipv4Range,
  prefixEquals,
} from '../packet/index.js';
import type { PhysicalNetworkSpec } from './document.js';
import type { NodePlace } from './plan.js';

/** Longest and shortest prefix that a subnet is guessed to have. */
const LONGEST = 24;
const SHORTEST = 16;

const DEFAULT_ROUTER = 'gateway';

/** The shortest prefix that holds all addresses, or undefined where that would be shorter than a /16. */
function cover(addresses: readonly Ipv4Addr[]): Ipv4Prefix | undefined {
  for (let length = LONGEST; length >= SHORTEST; length -= 1) {
    const networks = new Set(addresses.map((addr) => ipv4Network(addr, length)));
    const [only] = networks;
    if (networks.size === 1 && only !== undefined) return { addr: only, length };
  }
  return undefined;
}

function subnetsOf(nodes: readonly NodePlace[]): Ipv4Prefix[] {
  const found: Ipv4Prefix[] = [];
  const add = (prefix: Ipv4Prefix): void => {
    if (!found.some((other) => prefixEquals(other, prefix))) found.push(prefix);
  };
  const guessed: Ipv4Addr[] = [];
  for (const { internalIp, prefixLength } of nodes) {
    if (internalIp === undefined) continue;
    if (prefixLength === undefined || prefixLength === 32) guessed.push(internalIp);
    else add({ addr: ipv4Network(internalIp, prefixLength), length: prefixLength });
  }
  const left = guessed.filter(
    (addr) => !found.some(({ addr: network, length }) => ipv4Network(addr, length) === network),
  );
  const one = left.length === 0 ? undefined : cover(left);
  if (one !== undefined) add(one);
  else for (const addr of left) add({ addr: ipv4Network(addr, LONGEST), length: LONGEST });
  return found.sort((a, b) => compareIpv4(a.addr, b.addr));
}

/** The first address of a subnet that no node has. */
function freeAddress(subnet: Ipv4Prefix, taken: ReadonlySet<Ipv4Addr>): Ipv4Addr | undefined {
  const { first, size } = ipv4Range(subnet);
  for (let i = 1; i < size - 1; i += 1) {
    const addr = ipv4(first + i);
    if (!taken.has(addr)) return addr;
  }
  return undefined;
}

/** A PhysicalNetwork for these nodes, as somebody would write it. */
export function defaultNetwork(nodes: readonly NodePlace[]): PhysicalNetworkSpec {
  const taken = new Set(nodes.flatMap(({ internalIp }) => (internalIp === undefined ? [] : [internalIp])));
  const none = { mtu: undefined, delay: undefined, loss: undefined };
  const subnets = subnetsOf(nodes).map((cidr) => ({
    name: formatPrefix(cidr),
    cidr,
    switch: undefined,
    gateway: freeAddress(cidr, taken),
    ...none,
  }));
  const interfaces = subnets.flatMap(({ name, gateway }) =>
    gateway === undefined ? [] : [{ name: undefined, subnet: name, address: gateway, ...none }],
  );
  return {
    switches: [],
    links: [],
    subnets,
    routers: interfaces.length === 0 ? [] : [{ name: DEFAULT_ROUTER, interfaces, routes: [], bird: undefined }],
    nodes: [],
    hosts: [],
    loadBalancer: undefined,
  };
}
