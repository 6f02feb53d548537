/** ptp: a veth whose host end is the container's gateway; plugins/main/ptp. */

import { type Host, KernelError, type Netns, type RouteSpec, Veth } from '../../kernel/index.js';
import {
  formatIpv4,
  formatMac,
  formatPrefix,
  hostPrefix,
  type Ipv4Addr,
  type Ipv4Prefix,
  ipv4Network,
} from '../../packet/index.js';
import { internalError } from '../errors.js';
import type { Plugin, PluginCall, PluginMachine } from '../plugin.js';
import type { CniInterface, CniResult } from '../result.js';
import { goErrno } from '../skel.js';
import { checkFields, flag, number, object, reference, requireNetns, text } from './common.js';
import {
  addAddress,
  checkAddresses,
  configureInterface,
  deleteLink,
  dnsOf,
  gatewayOf,
  ipv4Of,
  setupVeth,
} from './interface.js';
import { setupMasquerade, teardownError } from './masquerade.js';

const FIELDS = { ipMasq: 'bool', mtu: 'int' } as const;

const ipamType = ({ config }: PluginCall): string => text(object(config['ipam'])['type']);

const load = (call: PluginCall): void => checkFields(call, FIELDS, 'failed to load netconf');

/** setupContainerVeth(): to everything, neighbours of the subnet included, by the gateway. */
function routeThroughGateway(
  netns: Netns,
  dev: Veth,
  { prefix, gateway }: { prefix: Ipv4Prefix; gateway: Ipv4Addr },
): void {
  const subnet = { addr: ipv4Network(prefix.addr, prefix.length), length: prefix.length };
  const { fib } = netns;
  fib.deleteRoute({ destination: subnet, nextHops: [{ dev }] });
  const own = { prefSrc: prefix.addr };
  const add = (route: RouteSpec, words: string): void => {
    try {
      fib.addRoute({ ...route, ...own }, 'exclusive-create');
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      throw internalError(
        `failed to add route {Ifindex: ${dev.ifindex} Dst: ${formatPrefix(route.destination)} Src: ${formatIpv4(prefix.addr)} Gw: ${words} Flags: [] Table: 0 Realm: 0}: ${goErrno(error.errno)}`,
      );
    }
  };
  add({ destination: hostPrefix(gateway), scope: 'link', nextHops: [{ dev }] }, '<nil>');
  add({ destination: subnet, nextHops: [{ dev, via: gateway }] }, formatIpv4(gateway));
}

/** setupHostVeth(): the gateway's address, and a route to the container. */
function setupHostEnd(host: Host, dev: Veth, { ips }: CniResult): void {
  for (const { ip, prefix } of ipv4Of(ips)) {
    const gateway = gatewayOf(ip);
    if (gateway !== undefined) addAddress(host.netns, dev, hostPrefix(gateway));
    try {
      host.netns.fib.addRoute(
        { destination: hostPrefix(prefix.addr), scope: 'host', nextHops: [{ dev }] },
        'exclusive-create',
      );
    } catch (error) {
      // The address may be the gateway's own.
      if (!(error instanceof KernelError) || error.errno !== 'EEXIST') throw error;
    }
  }
}

function connect(call: PluginCall, { host }: PluginMachine, result: CniResult): CniResult {
  const netns = requireNetns(call);
  const { inside, outside } = setupVeth(host, call, { mtu: number(call.config['mtu']) });
  configureInterface(netns, inside, result);
  for (const { ip, prefix } of ipv4Of(result.ips)) {
    const gateway = gatewayOf(ip);
    if (gateway !== undefined) routeThroughGateway(netns, inside, { prefix, gateway });
  }
  setupHostEnd(host, outside, result);
  const dns = dnsOf(call.config);
  return {
    ...result,
    interfaces: [
      { name: outside.name, mac: formatMac(outside.mac) },
      { name: call.ifName, mac: formatMac(inside.mac), sandbox: call.netnsPath },
    ],
    ips: result.ips.map((ip) => ({ ...ip, interface: 1 })),
    dns: Object.keys(dns).length === 0 ? result.dns : dns,
  };
}

function add(call: PluginCall, machine: PluginMachine): CniResult {
  load(call);
  const { host } = machine;
  const assigned = machine.delegate(ipamType(call), call, 'ADD');
  try {
    if (assigned.ips.length === 0) throw internalError('IPAM plugin returned missing IP config');
    host.netns.sysctl.set('net.ipv4.ip_forward', '1');
    const result = connect(call, machine, assigned);
    if (flag(call.config['ipMasq']))
      for (const { prefix } of ipv4Of(assigned.ips))
        setupMasquerade(host.netns, prefix, { network: text(call.config['name']), containerId: call.containerId });
    return result;
  } catch (error) {
    machine.delegate(ipamType(call), call, 'DEL');
    throw error;
  }
}

function del(call: PluginCall, machine: PluginMachine): void {
  load(call);
  machine.delegate(ipamType(call), call, 'DEL');
  const addresses = deleteLink(call);
  if (!flag(call.config['ipMasq'])) return;
  const of = { network: text(call.config['name']), containerId: call.containerId };
  // One after another, and the last one's error is the answer.
  const errors = addresses.map((address) => teardownError(machine.host.netns, address, of));
  const last = errors.at(-1);
  if (last !== undefined) throw last;
}

/** validateCniContainerInterface(). @throws CniError */
function checkContainerVeth({ devices }: Netns, { name, mac }: CniInterface): void {
  const dev = devices.named(name);
  if (dev === undefined) throw internalError(`ptp: Container Interface name in prevResult: ${name} not found`);
  if (!(dev instanceof Veth)) throw internalError(`Error: Container interface ${name} not of type veth/p2p`);
  if (mac !== undefined && mac !== formatMac(dev.mac))
    throw internalError(`ptp: Interface ${name} Mac ${mac} doesn't match container Mac: ${formatMac(dev.mac)}`);
}

function check(call: PluginCall, machine: PluginMachine): undefined {
  load(call);
  const netns = requireNetns(call);
  machine.delegate(ipamType(call), call, 'CHECK');
  const { prevResult, netnsPath, ifName } = call;
  if (prevResult === undefined) throw internalError('ptp: Required prevResult missing');
  const own = prevResult.interfaces.findLast(({ name, sandbox }) => name === ifName && sandbox === netnsPath);
  if (own === undefined) throw internalError(`Sandbox in prevResult  doesn't match configured netns: ${netnsPath}`);
  checkContainerVeth(netns, own);
  checkAddresses(call, netns, prevResult);
  return undefined;
}

export const ptp: Plugin = { ...reference('ptp'), add, del, check };
