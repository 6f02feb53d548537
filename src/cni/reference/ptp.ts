/** ptp: a veth whose host end is the container's gateway; plugins/main/ptp. */

import { formatMac, hostPrefix, type Ipv4Addr, type Ipv4Prefix, ipv4Network } from '../../packet/index.js';
import type { Netns, Veth } from '../../kernel/index.js';
import { internalError } from '../errors.js';
import type { Plugin, PluginCall, PluginMachine } from '../plugin.js';
import type { CniResult } from '../result.js';
import { flag, number, object, reference, requireNetns, text } from './common.js';
import { checkInterface, configureInterface, gatewayOf, ipv4Of, vethName } from './interface.js';
import { setupMasquerade, teardownMasquerade } from './masquerade.js';

const ipamType = ({ config }: PluginCall): string => text(object(config['ipam'])['type']);

/** setupContainerVeth(): to everything, the gateway included, by the gateway. */
function routeThroughGateway(
  netns: Netns,
  dev: Veth,
  { prefix, gateway }: { prefix: Ipv4Prefix; gateway: Ipv4Addr },
): void {
  const subnet = { addr: ipv4Network(prefix.addr, prefix.length), length: prefix.length };
  if (subnet.length < 32) {
    netns.fib.deleteRoute({ destination: subnet, scope: 'link' });
  }
  netns.fib.addRoute(
    { destination: hostPrefix(gateway), scope: 'link', prefSrc: prefix.addr, nextHops: [{ dev }] },
    'replace',
  );
  if (subnet.length < 32) {
    netns.fib.addRoute({ destination: subnet, prefSrc: prefix.addr, nextHops: [{ dev, via: gateway }] }, 'replace');
  }
}

function connect(
  call: PluginCall,
  { host }: PluginMachine,
  result: CniResult,
): { readonly inside: Veth; readonly outside: Veth } {
  const netns = requireNetns(call);
  if (netns.devices.named(call.ifName) !== undefined)
    throw internalError(`container veth name provided (${call.ifName}) already exists`);
  const mtu = number(call.config['mtu']) === 0 ? {} : { mtu: number(call.config['mtu']) };
  const inside = netns.links.addVeth(
    { name: call.ifName, ...mtu },
    { name: vethName(host, call), ...mtu, netns: host.netns },
  );
  const outside = inside.peer;
  if (outside === undefined) throw internalError('the veth has no other end');
  host.netns.links.set(outside, { up: true });
  configureInterface(netns, inside, { ...result, routes: [] });
  for (const { ip, prefix } of ipv4Of(result.ips)) {
    const gateway = gatewayOf(ip);
    if (gateway !== undefined) routeThroughGateway(netns, inside, { prefix, gateway });
  }
  configureInterface(netns, inside, { ...result, ips: [], routes: withGateway(result) });
  return { inside, outside };
}

const withGateway = ({ routes, ips }: CniResult): CniResult['routes'] =>
  routes.map((route) =>
    route.gw !== undefined || ips[0]?.gateway === undefined ? route : { ...route, gw: ips[0].gateway },
  );

function add(call: PluginCall, machine: PluginMachine): CniResult {
  const { host } = machine;
  const assigned = machine.delegate(ipamType(call), call, 'ADD');
  if (assigned.ips.length === 0) throw internalError('IPAM plugin returned missing IP config');
  host.netns.sysctl.set('net.ipv4.ip_forward', '1');
  try {
    const { inside, outside } = connect(call, machine, assigned);
    for (const { ip, prefix } of ipv4Of(assigned.ips)) {
      const gateway = gatewayOf(ip);
      if (gateway !== undefined) host.netns.fib.addAddress(outside, { address: gateway, prefixLength: 32 });
      host.netns.fib.addRoute(
        { destination: hostPrefix(prefix.addr), scope: 'host', nextHops: [{ dev: outside }] },
        'replace',
      );
      if (flag(call.config['ipMasq']))
        setupMasquerade(host.netns, prefix, { network: text(call.config['name']), containerId: call.containerId });
    }
    return {
      ...assigned,
      interfaces: [
        { name: outside.name, mac: formatMac(outside.mac) },
        { name: call.ifName, mac: formatMac(inside.mac), sandbox: call.netnsPath },
      ],
      ips: assigned.ips.map((ip) => ({ ...ip, interface: 1 })),
    };
  } catch (error) {
    machine.delegate(ipamType(call), call, 'DEL');
    throw error;
  }
}

function del(call: PluginCall, machine: PluginMachine): void {
  machine.delegate(ipamType(call), call, 'DEL');
  const dev = call.netns?.devices.named(call.ifName);
  if (dev !== undefined) call.netns?.links.remove(dev);
  if (flag(call.config['ipMasq'])) {
    teardownMasquerade(machine.host.netns, { network: text(call.config['name']), containerId: call.containerId });
  }
}

function check(call: PluginCall, machine: PluginMachine): undefined {
  const netns = requireNetns(call);
  machine.delegate(ipamType(call), call, 'CHECK');
  if (call.prevResult === undefined) throw internalError('ptp: Required prevResult missing');
  checkInterface(call, netns, call.prevResult);
  return undefined;
}

export const ptp: Plugin = { ...reference, add, del, check };
