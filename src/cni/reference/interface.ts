/** Configuring the container's interface, and checking it later (pkg/ipam, pkg/ip). */

import type { Device, Host, Netns } from '../../kernel/index.js';
import {
  formatIpv4,
  formatMac,
  type Ipv4Addr,
  type Ipv4Prefix,
  MAC_BROADCAST,
  parseIpv4,
  parseIpv4Destination,
  parseIpv4Prefix,
} from '../../packet/index.js';
import { internalError } from '../errors.js';
import type { PluginCall } from '../plugin.js';
import type { CniIp, CniResult, CniRoute } from '../result.js';

/** The addresses of a result that are IPv4. */
export const ipv4Of = (ips: readonly CniIp[]): readonly { readonly ip: CniIp; readonly prefix: Ipv4Prefix }[] =>
  ips.flatMap((ip) => {
    const prefix = parseIpv4Prefix(ip.address);
    return prefix === undefined ? [] : [{ ip, prefix }];
  });

export const gatewayOf = (ip: CniIp): Ipv4Addr | undefined =>
  ip.gateway === undefined ? undefined : parseIpv4(ip.gateway);

/** ipam.ConfigureIface(): up, addresses, then routes, by the address's gateway where they name none. @throws KernelError */
export function configureInterface(netns: Netns, dev: Device, result: CniResult): void {
  netns.links.set(dev, { up: true });
  for (const { prefix } of ipv4Of(result.ips))
    netns.fib.addAddress(dev, { address: prefix.addr, prefixLength: prefix.length });
  const gateway = ipv4Of(result.ips)
    .map(({ ip }) => gatewayOf(ip))
    .find((one) => one !== undefined);
  for (const route of result.routes) addRoute(netns, dev, { route, gateway });
  announce(netns, dev);
}

function addRoute(
  netns: Netns,
  dev: Device,
  { route, gateway }: { readonly route: CniRoute; readonly gateway: Ipv4Addr | undefined },
): void {
  const destination = parseIpv4Destination(route.dst);
  if (destination === undefined) return;
  const via = route.gw === undefined ? gateway : parseIpv4(route.gw);
  netns.fib.addRoute({ destination, nextHops: [{ dev, via }] }, 'replace');
}

/** arp_notify: the new addresses are made known. */
function announce(netns: Netns, dev: Device): void {
  for (const { address } of dev.addresses) netns.arp.announce(dev, address, MAC_BROADCAST);
}

/** A name for the host's end that depends on the container alone. (The real one is drawn at random.) */
export function vethName(host: Host, call: PluginCall): string {
  for (let i = 0; ; i += 1) {
    let hash = 0x811c9dc5;
    for (const char of `${call.containerId}/${call.ifName}/${i}`)
      hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
    const name = `veth${(hash >>> 0).toString(16).padStart(8, '0')}`;
    if (host.netns.devices.named(name) === undefined) return name;
  }
}

/** ip.ValidateExpectedInterfaceIPs() and ip.ValidateExpectedRoute(). @throws CniError what is broken */
export function checkInterface(call: PluginCall, netns: Netns, expected: CniResult): void {
  const dev = netns.devices.named(call.ifName);
  if (dev === undefined) throw internalError(`failed to find link ${call.ifName}: Link not found`);
  const nic = expected.interfaces.find(({ name, sandbox }) => name === call.ifName && sandbox !== undefined);
  if (nic?.mac !== undefined && nic.mac !== formatMac(dev.mac)) {
    throw internalError(`Interface ${call.ifName} Mac ${nic.mac} doesn't match container Mac: ${formatMac(dev.mac)}`);
  }
  for (const { prefix, ip } of ipv4Of(expected.ips)) {
    const there = dev.addresses.some(
      ({ address, prefixLength }) => address === prefix.addr && prefixLength === prefix.length,
    );
    if (!there) throw internalError(`Failed to match addr ${ip.address} on interface ${call.ifName}`);
  }
  for (const route of expected.routes) checkRoute(netns, route);
}

function checkRoute(netns: Netns, route: CniRoute): void {
  const destination = parseIpv4Destination(route.dst);
  if (destination === undefined) return;
  const via = route.gw === undefined ? undefined : parseIpv4(route.gw);
  const found = [...netns.fib.routes()].some(
    (one) =>
      one.destination.addr === destination.addr &&
      one.destination.length === destination.length &&
      (via === undefined || one.nextHops.some((hop) => hop.via === via)),
  );
  if (!found)
    throw internalError(
      `Expected Route ${route.dst} via ${via === undefined ? '<nil>' : formatIpv4(via)} not found in routing table`,
    );
}
