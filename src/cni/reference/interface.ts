/** Configuring the container's interface, and checking it later (pkg/ipam, pkg/ip). */

import {
  assert,
  type Device,
  type FibRoute,
  type Host,
  KernelError,
  type Netns,
  RT_TABLE,
  type Veth,
} from '../../kernel/index.js';
import {
  formatIpv4,
  type Ipv4Addr,
  ipv4BroadcastOf,
  ipv4Mask,
  ipv4Network,
  type Ipv4Prefix,
  type Mac,
  parseIpv4,
  parseIpv4Destination,
  parseIpv4Prefix,
} from '../../packet/index.js';
import { internalError } from '../errors.js';
import type { PluginCall } from '../plugin.js';
import { type CniDns, type CniIp, type CniObject, type CniResult, type CniRoute, parseResult } from '../result.js';
import { goErrno } from '../skel.js';
import { requireNetns } from './common.js';

/** The addresses of a result that are IPv4. */
export const ipv4Of = (ips: readonly CniIp[]): readonly { readonly ip: CniIp; readonly prefix: Ipv4Prefix }[] =>
  ips.flatMap((ip) => {
    const prefix = parseIpv4Prefix(ip.address);
    return prefix === undefined ? [] : [{ ip, prefix }];
  });

export const gatewayOf = (ip: CniIp): Ipv4Addr | undefined =>
  ip.gateway === undefined ? undefined : parseIpv4(ip.gateway);

/** AddrAdd() of the plugins' netlink library: with the broadcast address, where the subnet has one. */
export const addAddress = ({ fib }: Netns, dev: Device, { addr, length }: Ipv4Prefix): void =>
  fib.addAddress(dev, {
    address: addr,
    prefixLength: length,
    ...(length < 31 ? { broadcast: ipv4BroadcastOf(addr, length) } : {}),
  });

/** ipam.ConfigureIface(): addresses, up, then routes, by the address's gateway where they name none. @throws CniError */
export function configureInterface(
  netns: Netns,
  dev: Device,
  result: CniResult,
  /** Routes of the result that the plugin itself added. */
  added: readonly CniRoute[] = [],
): void {
  for (const { prefix } of ipv4Of(result.ips)) addAddress(netns, dev, prefix);
  netns.links.set(dev, { up: true });
  const gateway = ipv4Of(result.ips)
    .map(({ ip }) => gatewayOf(ip))
    .find((one) => one !== undefined);
  for (const route of result.routes) {
    addRoute(netns, dev, { route, gateway, mask: added.includes(route) ? 'ipv6-form' : 'ipv4-form' });
  }
}

/** RouteAddEcmp(): before equals, and refused where it is there already. */
function addRoute(
  netns: Netns,
  dev: Device,
  {
    route,
    gateway,
    mask,
  }: { readonly route: CniRoute; readonly gateway: Ipv4Addr | undefined; readonly mask: MaskForm },
): void {
  const destination = parseIpv4Destination(route.dst);
  if (destination === undefined) return;
  const via = route.gw === undefined ? gateway : parseIpv4(route.gw);
  try {
    netns.fib.addRoute({ destination, scope: 'global', nextHops: [{ dev, via }] }, 'create');
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const gatewayText = via === undefined ? '<nil>' : formatIpv4(via);
    throw internalError(
      `failed to add route '{${formatIpv4(destination.addr)} ${maskText(destination.length, mask)}} via ${gatewayText} dev ${dev.name}': ${goErrno(error.errno)}`,
    );
  }
}

/** net.IPv4zero, which the plugins take for the mask of a default route, is sixteen octets long. */
type MaskForm = 'ipv4-form' | 'ipv6-form';

/** net.IPMask prints as hexadecimal digits. */
const maskText = (length: number, form: MaskForm = 'ipv4-form'): string =>
  `${form === 'ipv6-form' ? '00000000000000000000ffff' : ''}${(ipv4Mask(length) >>> 0).toString(16).padStart(8, '0')}`;

/** ip.SetupVeth(): the host's end is up, neither has a queue. @throws CniError */
export function setupVeth(
  host: Host,
  call: PluginCall,
  { mtu, mac }: { readonly mtu: number; readonly mac?: Mac | undefined },
): { readonly inside: Veth; readonly outside: Veth } {
  const netns = requireNetns(call);
  if (netns.devices.named(call.ifName) !== undefined) {
    throw internalError(`container veth name provided (${call.ifName}) already exists`);
  }
  const options = { txqlen: 0, ...(mtu === 0 ? {} : { mtu }) };
  const inside = netns.links.addVeth(
    { ...options, name: call.ifName, ...(mac === undefined ? {} : { mac }) },
    { ...options, name: vethName(host, `${call.containerId}/${call.ifName}`), netns: host.netns },
  );
  const outside = inside.peer;
  assert(outside !== undefined, 'a veth is made with its other end');
  host.netns.links.set(outside, { up: true });
  return { inside, outside };
}

/** ip.DelLinkByNameAddr(): the addresses that the container's link had; none where it is gone. @throws CniError */
export function deleteLink({ netns, ifName }: PluginCall): readonly Ipv4Addr[] {
  const dev = netns?.devices.named(ifName);
  if (dev === undefined) return [];
  const addresses = dev.addresses.map(({ address }) => address);
  try {
    dev.netns.links.remove(dev);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    throw internalError(`failed to delete "${ifName}": ${goErrno(error.errno)}`);
  }
  return addresses;
}

/** A name for the host's end that depends on what it is for alone. (The real one is drawn at random.) */
export function vethName(host: Host, purpose: string): string {
  for (let i = 0; ; i += 1) {
    let hash = 0x811c9dc5;
    for (const char of `${purpose}/${i}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
    const name = `veth${(hash >>> 0).toString(16).padStart(8, '0')}`;
    if (host.netns.devices.named(name) === undefined) return name;
  }
}

/** ip.ValidateExpectedInterfaceIPs() and ip.ValidateExpectedRoute(). @throws CniError what is broken */
export function checkAddresses(call: PluginCall, netns: Netns, expected: CniResult): void {
  const routes = [...netns.fib.routes(RT_TABLE.main)].filter(({ table }) => table === RT_TABLE.main);
  for (const { prefix, ip } of ipv4Of(expected.ips)) {
    const dev = netns.devices.named(call.ifName);
    if (dev === undefined) throw internalError(`Cannot find container link ${call.ifName}`);
    const there = dev.addresses.some(
      ({ address, prefixLength }) => address === prefix.addr && prefixLength === prefix.length,
    );
    if (!there) throw internalError(`Failed to match addr ${ip.address} on interface ${call.ifName}`);
    const subnet = ipv4Network(prefix.addr, prefix.length);
    if (!routes.some(({ destination: { addr, length } }) => addr === subnet && length === prefix.length)) {
      throw internalError(`Failed to find Gateway ${ip.gateway ?? '<nil>'} for interface ${call.ifName}`);
    }
  }
  for (const route of expected.routes) checkRoute(routes, route);
}

/** A default route may be by any gateway. */
function checkRoute(routes: readonly FibRoute[], route: CniRoute): void {
  const destination = parseIpv4Destination(route.dst);
  if (destination === undefined) return;
  const { addr, length } = destination;
  const via = route.gw === undefined ? undefined : parseIpv4(route.gw);
  const found = routes.some(
    (one) =>
      one.destination.addr === addr &&
      one.destination.length === length &&
      (length === 0 || one.nextHops.some((hop) => hop.via === via)),
  );
  if (found) return;
  const gateway = via === undefined ? '<nil>' : formatIpv4(via);
  throw internalError(
    `Expected Route {Dst:{IP:${formatIpv4(addr)} Mask:${maskText(length)}} GW:${gateway}} not found in routing table`,
  );
}

/** `dns` of a configuration, as a result has it. */
export const dnsOf = (config: CniObject): CniDns => parseResult({ dns: config['dns'] ?? {} }).dns;
