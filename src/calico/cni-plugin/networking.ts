/** What ADD programs in the kernel; cni-plugin/pkg/dataplane/linux/dataplane_linux.go:DoNetworking(). */

import { internalError } from '../../cni/index.js';
import type { Cause } from '../../trace/index.js';
import { type Host, KernelError, type Netns, type Veth } from '../../kernel/index.js';
import {
  DEFAULT_PREFIX,
  formatIpv4,
  hostPrefix,
  type Ipv4Addr,
  ipv4,
  type Mac,
  macFromParts,
} from '../../packet/index.js';

/** The gateway of every pod: an address that nobody has, answered for by proxy ARP. */
const POD_GATEWAY: Ipv4Addr = ipv4(0xa9fe0101);
/** The host's end has the same address everywhere, so that a pod's neighbour entry never goes stale. */
const HOST_VETH_MAC: Mac = macFromParts(0xeeee, 0xeeeeeeee);

export interface PodNetwork {
  readonly host: Host;
  readonly netns: Netns;
  readonly ifName: string;
  readonly hostVeth: string;
  readonly addresses: readonly Ipv4Addr[];
  readonly mtu: number;
  /** Annotation hwAddr. */
  readonly mac: Mac | undefined;
  readonly allowIpForwarding: boolean;
  readonly hostRoutes: 'each-address' | 'none';
  readonly because: readonly Cause[];
}

/**
 * Makes the veth and, where the pod has IPv4 addresses, the routes and switches that they need. Returns the pod's MAC.
 * @throws CniError, KernelError
 */
export function connectPod(pod: PodNetwork): Mac {
  const { host, netns, ifName, hostVeth, because } = pod;
  const old = host.netns.devices.named(hostVeth);
  if (old !== undefined) host.netns.links.remove(old);
  if (netns.devices.named(ifName) !== undefined)
    throw internalError(`container veth name provided (${ifName}) already exists`);
  const options = { mtu: pod.mtu, because };
  const inside = netns.links.addVeth(
    { ...options, name: ifName, ...(pod.mac === undefined ? {} : { mac: pod.mac }) },
    { ...options, name: hostVeth, netns: host.netns, mac: HOST_VETH_MAC },
  );
  const outside = inside.peer;
  if (outside === undefined) throw internalError('the veth has no other end');
  host.netns.links.set(outside, { up: true });
  netns.links.set(inside, { up: true });
  for (const address of pod.addresses) netns.fib.addAddress(inside, { address, prefixLength: 32, because });
  if (pod.addresses.length > 0) {
    addPodRoutes(pod, inside);
    netns.sysctl.set('net.ipv4.ip_forward', pod.allowIpForwarding ? '1' : '0');
    setHostSwitches(host, hostVeth);
  }
  host.netns.sysctl.set(`net.ipv6.conf.${hostVeth}.accept_ra`, '0');
  if (pod.hostRoutes === 'each-address') addHostRoutes(pod, outside);
  return inside.mac;
}

function addPodRoutes({ netns, because }: PodNetwork, dev: Veth): void {
  netns.fib.addRoute({ destination: hostPrefix(POD_GATEWAY), scope: 'link', nextHops: [{ dev }], because }, 'replace');
  netns.fib.addRoute({ destination: DEFAULT_PREFIX, nextHops: [{ dev, via: POD_GATEWAY }], because }, 'replace');
}

/** SetupRoutes(): an equal route is kept; one that leads elsewhere is somebody else's. */
function addHostRoutes({ host, addresses, because }: PodNetwork, dev: Veth): void {
  for (const address of addresses) {
    try {
      host.netns.fib.addRoute(
        { destination: hostPrefix(address), scope: 'link', nextHops: [{ dev }], because },
        'exclusive-create',
      );
    } catch (error) {
      if (!(error instanceof KernelError) || error.errno !== 'EEXIST') throw error;
      const there = [...host.netns.fib.routes()].find(
        ({ destination }) => destination.addr === address && destination.length === 32,
      );
      const nextHop = there?.nextHops[0]?.dev;
      if (nextHop === dev) continue;
      const owner = nextHop === undefined ? 'no interface' : nextHop.name;
      throw internalError(
        `error adding host side routes for interface: ${dev.name}, error: route (Ifindex: ${nextHop?.ifindex ?? 0}, Dst: ${formatIpv4(address)}/32, Scope: link) already exists for an interface other than '${dev.name}': route is for ${owner}`,
      );
    }
  }
}

/** configureSysctls(). */
function setHostSwitches(host: Host, name: string): void {
  const { sysctl } = host.netns;
  sysctl.set(`net.ipv4.conf.${name}.route_localnet`, '1');
  sysctl.set(`net.ipv4.neigh.${name}.proxy_delay`, '0');
  sysctl.set(`net.ipv4.conf.${name}.proxy_arp`, '1');
  sysctl.set(`net.ipv4.conf.${name}.forwarding`, '1');
}

/** CleanUpNamespace(): deleting the pod's end takes the host's end with it. */
export function disconnectPod(netns: Netns | undefined, ifName: string): void {
  const dev = netns?.devices.named(ifName);
  if (dev !== undefined) dev.netns.links.remove(dev);
}
