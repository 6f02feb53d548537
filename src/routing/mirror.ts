/**
 * A machine that was built twice: what somebody has changed on the one that packets pass is changed on the one on which
 * its daemon runs. Routes of the daemon itself stay as they are.
 */

import {
  type Device,
  type FibRoute,
  type Host,
  KernelError,
  type Netns,
  netnsState,
  RT_PROTOCOL,
} from '../kernel/index.js';
import type { Underlay } from '../underlay/index.js';
import { addRoutes, routeText } from './program.js';

/** Pulls the cables and switches off what is down in the other network, by name; whether anything was different. */
export function copyFaults(from: Underlay, to: Underlay): boolean {
  const theirs = new Map([...from.switches].map((fabric) => [fabric.name, fabric]));
  let changed = false;
  for (const fabric of to.switches) {
    const other = theirs.get(fabric.name);
    if (other === undefined) continue;
    const ports = new Map(other.ports.map((port) => [port.name, port]));
    const parts = fabric.ports.map((port) => ({ part: port, wanted: ports.get(port.name)?.down ?? false }));
    for (const { part, wanted } of [{ part: fabric, wanted: other.down }, ...parts]) {
      changed ||= part.down !== wanted;
      part.down = wanted;
    }
  }
  return changed;
}

/** Whether a cable is pulled or a switch is off. */
export const hasFaults = (underlay: Underlay): boolean =>
  [...underlay.switches].some(({ down, ports }) => down || ports.some((port) => port.down));

/** Links, addresses, routes of others than BIRD, sysctls, sets and rules of `from`, on `to`. */
export function mirrorMachine({ netns: from }: Host, { netns: to }: Host): void {
  for (const [path, value] of from.sysctl.changed()) attempt(() => to.sysctl.set(path, value));
  mirrorLinks(from, to);
  for (const dev of from.devices) {
    const twin = to.devices.named(dev.name);
    if (twin !== undefined) mirrorAddresses(dev, twin);
  }
  mirrorRoutes(from, to);
  const { ipsets, iptables } = netnsState(from);
  to.ipsets.apply(ipsets);
  to.netfilter.iptables.apply(iptables);
  // Those that a rule has used until now.
  to.ipsets.apply(ipsets);
}

/** A call that the kernel may refuse for a reason that holds on the other machine too. */
function attempt(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
  }
}

/** The end of a pod's veth that the node has is a device that leads nowhere there: no packet of a daemon goes by it. */
function mirrorLinks(from: Netns, to: Netns): void {
  const gone = Array.from(to.devices).filter(({ name }) => from.devices.named(name) === undefined);
  for (const dev of gone) attempt(() => to.links.remove(dev));
  for (const { name, mtu, up, because } of from.devices) {
    const twin = to.devices.named(name) ?? to.links.addDummy({ name, mtu, because });
    if (twin.mtu !== mtu || twin.up !== up) attempt(() => to.links.set(twin, { mtu, up }));
  }
}

function mirrorAddresses(dev: Device, twin: Device): void {
  const { fib } = twin.netns;
  const key = ({ address, prefixLength }: Device['addresses'][number]): string => `${address}/${prefixLength}`;
  const wanted = new Set(dev.addresses.map(key));
  const present = new Set(twin.addresses.map(key));
  const gone = twin.addresses.filter((address) => !wanted.has(key(address)));
  for (const { address, prefixLength } of gone) attempt(() => fib.deleteAddress(twin, address, prefixLength));
  for (const address of dev.addresses) if (!present.has(key(address))) attempt(() => fib.addAddress(twin, address));
}

const isMirrored = ({ protocol }: FibRoute): boolean =>
  protocol !== RT_PROTOCOL.bird && protocol !== RT_PROTOCOL.kernel;

function mirrorRoutes(from: Netns, to: Netns): void {
  const wanted = from.fib.routes().filter(isMirrored);
  const texts = new Set(wanted.map(routeText));
  const present = to.fib.routes().filter(isMirrored);
  for (const route of present) if (!texts.has(routeText(route))) attempt(() => to.fib.deleteRoute(route));
  const held = new Set(present.map(routeText));
  addRoutes(
    to,
    wanted.filter((route) => !held.has(routeText(route))),
  );
}
