/** bridge: a veth from a bridge of the host into the container; plugins/main/bridge. */

import { Bridge, type Host, type Veth } from '../../kernel/index.js';
import {
  formatIpv4,
  formatMac,
  type Ipv4Addr,
  ipv4,
  ipv4BroadcastOf,
  ipv4Network,
  parseMac,
} from '../../packet/index.js';
import { internalError } from '../errors.js';
import type { Plugin, PluginCall, PluginMachine } from '../plugin.js';
import type { CniObject, CniResult } from '../result.js';
import { flag, number, object, reference, requireNetns, text } from './common.js';
import { checkInterface, configureInterface, gatewayOf, ipv4Of, vethName } from './interface.js';
import { setupMasquerade, teardownMasquerade } from './masquerade.js';

interface BridgeConfig {
  readonly name: string;
  readonly bridge: string;
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
  readonly forceAddress: boolean;
  readonly ipMasq: boolean;
  readonly mtu: number;
  readonly hairpin: boolean;
  readonly mac: string;
  readonly ipamType: string;
}

const DEFAULT_BRIDGE = 'cni0';

/** loadNetConf(). @throws CniError */
function load({ config }: PluginCall): BridgeConfig {
  if (number(config['vlan']) !== 0) throw internalError('vlan of the bridge plugin is not modelled');
  const hairpin = flag(config['hairpinMode']);
  if (hairpin && flag(config['promiscMode']))
    throw internalError('cannot set hairpin mode and promiscuous mode at the same time.');
  const isDefaultGateway = flag(config['isDefaultGateway']);
  return {
    name: text(config['name']),
    bridge: text(config['bridge']) || DEFAULT_BRIDGE,
    isGateway: flag(config['isGateway']) || isDefaultGateway,
    isDefaultGateway,
    forceAddress: flag(config['forceAddress']),
    ipMasq: flag(config['ipMasq']),
    mtu: number(config['mtu']),
    hairpin,
    mac: macOf(config),
    ipamType: text(object(config['ipam'])['type']),
  };
}

const macOf = (config: CniObject): string =>
  text(object(config['runtimeConfig'])['mac']) ||
  text(object(object(config['args'])['cni'])['mac']) ||
  text(config['mac']);

/** ensureBridge(). @throws CniError where the name is something else's */
function ensureBridge(host: Host, { bridge: name, mtu }: BridgeConfig): Bridge {
  const { links, devices } = host.netns;
  const there = devices.named(name);
  if (there !== undefined && !(there instanceof Bridge))
    throw internalError(`"${name}" already exists but is not a bridge`);
  const bridge = there ?? links.addBridge({ name, ...(mtu === 0 ? {} : { mtu }) });
  links.set(bridge, { up: true });
  return bridge;
}

/** setupVeth(): one end in the container, the other a port of the bridge. */
function addVeth(
  host: Host,
  call: PluginCall,
  { bridge, conf }: { readonly bridge: Bridge; readonly conf: BridgeConfig },
): Veth {
  const netns = requireNetns(call);
  if (netns.devices.named(call.ifName) !== undefined) {
    throw internalError(`container veth name provided (${call.ifName}) already exists`);
  }
  const mac = conf.mac === '' ? undefined : parseMac(conf.mac);
  const mtu = conf.mtu === 0 ? {} : { mtu: conf.mtu };
  const inside = netns.links.addVeth(
    { name: call.ifName, ...mtu, ...(mac === undefined ? {} : { mac }) },
    { name: vethName(host, call), ...mtu, netns: host.netns },
  );
  const outside = inside.peer;
  if (outside === undefined) throw internalError('the veth has no other end');
  netns.links.set(inside, { up: true });
  host.netns.links.set(outside, { up: true, master: bridge, bridgePort: { hairpin: conf.hairpin } });
  return inside;
}

/** calcGateways(): the first address of the subnet where IPAM names none; a default route where it is wanted. */
function withGateways(result: CniResult, conf: BridgeConfig): CniResult {
  const ips = result.ips.map((ip) => {
    const [found] = ipv4Of([ip]);
    if (found === undefined) return { ...ip, interface: 2 };
    const gateway =
      gatewayOf(ip) ?? (conf.isGateway ? ipv4(ipv4Network(found.prefix.addr, found.prefix.length) + 1) : undefined);
    return { ...ip, interface: 2, ...(gateway === undefined ? {} : { gateway: formatIpv4(gateway) }) };
  });
  const [first] = ips;
  const wantsDefault = conf.isDefaultGateway && !result.routes.some(({ dst }) => dst === '0.0.0.0/0');
  const added = wantsDefault && first?.gateway !== undefined ? [{ dst: '0.0.0.0/0', gw: first.gateway }] : [];
  return { ...result, ips, routes: [...result.routes, ...added] };
}

/** ensureAddr(): the gateway's address on the bridge; another of the same subnet is in the way. @throws CniError */
function ensureAddress(
  host: Host,
  bridge: Bridge,
  wanted: { readonly address: Ipv4Addr; readonly length: number; readonly force: 'force' | 'keep' },
): void {
  const { address, length, force } = wanted;
  for (const other of bridge.addresses.slice()) {
    if (other.address === address && other.prefixLength === length) return;
    const overlaps =
      ipv4Network(other.address, Math.min(length, other.prefixLength)) ===
      ipv4Network(address, Math.min(length, other.prefixLength));
    if (!overlaps) continue;
    if (force === 'keep') {
      throw internalError(`"${bridge.name}" already has an IP address different from ${formatIpv4(address)}/${length}`);
    }
    host.netns.fib.deleteAddress(bridge, other.address, other.prefixLength);
  }
  host.netns.fib.addAddress(bridge, { address, prefixLength: length, broadcast: ipv4BroadcastOf(address, length) });
}

function add(call: PluginCall, machine: PluginMachine): CniResult {
  const conf = load(call);
  const { host } = machine;
  const bridge = ensureBridge(host, conf);
  const inside = addVeth(host, call, { bridge, conf });
  const outside = inside.peer;
  const interfaces = [
    { name: bridge.name, mac: formatMac(bridge.mac) },
    { name: outside?.name ?? '', mac: formatMac(outside?.mac ?? bridge.mac) },
    { name: call.ifName, mac: formatMac(inside.mac), sandbox: call.netnsPath },
  ];
  if (conf.ipamType === '') return { interfaces, ips: [], routes: [], dns: {} };
  const assigned = assign(call, machine, conf);
  try {
    const result = withGateways(assigned, conf);
    configureInterface(requireNetns(call), inside, result);
    if (conf.isGateway) addGateways(host, bridge, { result, conf });
    if (conf.ipMasq)
      for (const { prefix } of ipv4Of(result.ips))
        setupMasquerade(host.netns, prefix, { network: conf.name, containerId: call.containerId });
    return { ...result, interfaces };
  } catch (error) {
    machine.delegate(conf.ipamType, call, 'DEL');
    throw error;
  }
}

function assign(call: PluginCall, machine: PluginMachine, { ipamType }: BridgeConfig): CniResult {
  const result = machine.delegate(ipamType, call, 'ADD');
  if (result.ips.length === 0) throw internalError('IPAM plugin returned missing IP config');
  return result;
}

function addGateways(
  host: Host,
  bridge: Bridge,
  { result, conf }: { readonly result: CniResult; readonly conf: BridgeConfig },
): void {
  for (const { ip, prefix } of ipv4Of(result.ips)) {
    const gateway = gatewayOf(ip);
    if (gateway === undefined) continue;
    ensureAddress(host, bridge, {
      address: gateway,
      length: prefix.length,
      force: conf.forceAddress ? 'force' : 'keep',
    });
  }
  host.netns.sysctl.set('net.ipv4.ip_forward', '1');
}

/** DEL succeeds however often it comes, and without the namespace. */
function del(call: PluginCall, machine: PluginMachine): void {
  const conf = load(call);
  if (conf.ipamType !== '') machine.delegate(conf.ipamType, call, 'DEL');
  const dev = call.netns?.devices.named(call.ifName);
  if (dev !== undefined) call.netns?.links.remove(dev);
  if (conf.ipMasq) teardownMasquerade(machine.host.netns, { network: conf.name, containerId: call.containerId });
}

function check(call: PluginCall, machine: PluginMachine): undefined {
  const conf = load(call);
  const netns = requireNetns(call);
  if (conf.ipamType !== '') machine.delegate(conf.ipamType, call, 'CHECK');
  if (call.prevResult === undefined) throw internalError('Required prevResult missing');
  const bridge = machine.host.netns.devices.named(conf.bridge);
  if (!(bridge instanceof Bridge)) throw internalError(`Interface name ${conf.bridge} not found`);
  checkInterface(call, netns, call.prevResult);
  return undefined;
}

export const bridge: Plugin = { ...reference, add, del, check };
