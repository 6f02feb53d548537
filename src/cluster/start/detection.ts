/** What calico-node sees of a machine when it looks for its address: the interfaces and routes of the plan. */

import {
  type Address,
  addressOfIpv4,
  type Cidr,
  cidrAt,
  cidrContains,
  type DetectionHost,
  parseAddress,
} from '../../calico/index.js';
import type { MachinePlan } from '../../underlay/index.js';

const LOOPBACK: Cidr = { version: 4, value: 0x7f000001n, length: 8 };

const cidrsOf = (machine: MachinePlan | undefined): { name: string; cidr: Cidr | undefined }[] =>
  (machine?.interfaces ?? []).map(({ name, address, prefixLength }) => ({
    name,
    cidr: address === undefined ? undefined : cidrAt(addressOfIpv4(address), prefixLength),
  }));

/** All IPv4 addresses of a machine's interfaces. */
export const hostAddresses = (machine: MachinePlan | undefined): Address[] =>
  cidrsOf(machine).flatMap(({ cidr }) => cidr ?? []);

/** The address of the interface whose network holds `target`. */
const connected = (machine: MachinePlan, target: Address): Cidr | undefined =>
  cidrsOf(machine)
    .flatMap(({ cidr }) => cidr ?? [])
    .filter((cidr) => cidrContains(cidr, target))
    .sort((a, b) => b.length - a.length)[0];

/** The route's device, or that towards its gateway. */
function routedBy(machine: MachinePlan, target: Address | undefined): Cidr | undefined {
  const [route] = machine.routes
    .map((one) => ({ ...one, cidr: cidrAt(addressOfIpv4(one.to.addr), one.to.length) }))
    .filter(({ cidr }) => (target === undefined ? cidr.length === 0 : cidrContains(cidr, target)))
    .sort((a, b) => b.cidr.length - a.cidr.length || (a.metric ?? 0) - (b.metric ?? 0));
  if (route === undefined) return undefined;
  if (route.dev !== undefined) return cidrsOf(machine).find(({ name }) => name === route.dev)?.cidr;
  return route.via === undefined ? undefined : connected(machine, addressOfIpv4(route.via));
}

/** The source that a socket to `destination` gets. A name is taken to stand for something outside. */
function sourceFor(machine: MachinePlan, destination: string): Address | undefined {
  const target = parseAddress(destination);
  if (target?.version === 6) return undefined;
  const source = (target && connected(machine, target)) ?? routedBy(machine, target);
  const own = target && hostAddresses(machine).find(({ value }) => value === target.value);
  return own ?? (source && { version: 4, value: source.value });
}

export const detectionHost = (machine: MachinePlan | undefined, internalIps: readonly Address[]): DetectionHost => ({
  interfaces: [
    { name: 'lo', addresses: [LOOPBACK] },
    ...cidrsOf(machine).map(({ name, cidr }) => ({ name, addresses: cidr === undefined ? [] : [cidr] })),
  ],
  internalIps,
  sourceFor: (destination, version) =>
    machine === undefined || version === 6 ? undefined : sourceFor(machine, destination),
});
