/** bridge: a veth from a bridge of the host into the container; plugins/main/bridge. */

import { assert, Bridge, type Device, type Host, KernelError, type Veth } from '../../kernel/index.js';
import {
  formatIpv4,
  formatMac,
  type Ipv4Addr,
  type Ipv4Prefix,
  ipv4,
  ipv4Network,
  MAC_BROADCAST,
  MAC_ZERO,
  type Mac,
  parseMac,
} from '../../packet/index.js';
import { internalError } from '../errors.js';
import type { Plugin, PluginCall, PluginMachine } from '../plugin.js';
import type { CniObject, CniResult, CniRoute } from '../result.js';
import { goErrno } from '../skel.js';
import { checkBridge } from './bridge-check.js';
import { checkArgs, checkFields, flag, number, object, reference, requireNetns, text } from './common.js';
import {
  addAddress,
  configureInterface,
  deleteLink,
  dnsOf,
  gatewayOf,
  ipv4Of,
  setupVeth,
  vethName,
} from './interface.js';
import { setupMasquerade, teardownError } from './masquerade.js';

interface BridgeConfig {
  readonly name: string;
  readonly bridge: string;
  readonly isGateway: boolean;
  readonly isDefaultGateway: boolean;
  readonly forceAddress: boolean;
  readonly ipMasq: boolean;
  readonly mtu: number;
  readonly hairpin: boolean;
  readonly promisc: boolean;
  /** 0 for none. */
  readonly vlan: number;
  readonly preserveDefaultVlan: boolean;
  readonly mac: string;
  readonly ipamType: string;
}

const DEFAULT_BRIDGE = 'cni0';

const FIELDS = {
  bridge: 'string',
  isGateway: 'bool',
  isDefaultGateway: 'bool',
  forceAddress: 'bool',
  ipMasq: 'bool',
  mtu: 'int',
  hairpinMode: 'bool',
  promiscMode: 'bool',
  vlan: 'int',
  preserveDefaultVlan: 'bool',
  macspoofchk: 'bool',
} as const;

/** loadNetConf(). @throws CniError */
function load(call: PluginCall): BridgeConfig {
  const { config } = call;
  checkFields(call, FIELDS, 'failed to load netconf');
  const vlan = number(config['vlan']);
  if (vlan < 0 || vlan > 4094) throw internalError(`invalid VLAN ID ${vlan} (must be between 0 and 4094)`);
  checkArgs(call, ['MAC']);
  const isDefaultGateway = flag(config['isDefaultGateway']);
  return {
    name: text(config['name']),
    bridge: text(config['bridge']) || DEFAULT_BRIDGE,
    isGateway: flag(config['isGateway']) || isDefaultGateway,
    isDefaultGateway,
    forceAddress: flag(config['forceAddress']),
    ipMasq: flag(config['ipMasq']),
    mtu: number(config['mtu']),
    hairpin: flag(config['hairpinMode']),
    promisc: flag(config['promiscMode']),
    vlan,
    preserveDefaultVlan: config['preserveDefaultVlan'] !== false,
    mac: macOf(config) || (call.args.get('MAC') ?? ''),
    ipamType: text(object(config['ipam'])['type']),
  };
}

const macOf = (config: CniObject): string =>
  text(object(config['runtimeConfig'])['mac']) || text(object(object(config['args'])['cni'])['mac']);

/** setupBridge(). @throws CniError where it cannot be made, or the name is something else's */
function setupBridge(host: Host, conf: BridgeConfig): Bridge {
  const { links, devices } = host.netns;
  const { bridge: name, mtu } = conf;
  const there = devices.named(name);
  if (there !== undefined && !(there instanceof Bridge))
    throw internalError(`failed to create bridge "${name}": "${name}" already exists but is not a bridge`);
  try {
    const bridge = there ?? links.addBridge({ name, ...(mtu === 0 ? {} : { mtu }) });
    links.set(bridge, { up: true, ...(conf.promisc ? { promisc: true } : {}) });
    if (conf.vlan !== 0) bridge.vlanFiltering = true;
    return bridge;
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    // nla_policy of IFLA_IFNAME answers for a name that is too long before dev_valid_name() does.
    const errno = goErrno(name.length > 15 ? 'ERANGE' : error.errno);
    throw internalError(`failed to create bridge "${name}": could not add "${name}": ${errno}`);
  }
}

/** setupVeth(): one end in the container, the other a port of the bridge. */
function addPort(
  host: Host,
  call: PluginCall,
  { bridge, conf }: { readonly bridge: Bridge; readonly conf: BridgeConfig },
): { readonly inside: Veth; readonly outside: Veth } {
  requireNetns(call);
  const mac = conf.mac === '' ? undefined : parseMac(conf.mac);
  if (conf.mac !== '' && mac === undefined)
    throw internalError(`failed to make veth pair: address ${conf.mac}: invalid MAC address`);
  const ends = setupVeth(host, call, { mtu: conf.mtu, mac });
  host.netns.links.set(ends.outside, { master: bridge, bridgePort: { hairpin: conf.hairpin } });
  joinVlan(ends.outside, conf);
  return ends;
}

/** BridgeVlanAdd(), and removeDefaultVlan(): what comes from the container without a tag is of that VLAN. */
function joinVlan({ port }: Veth, { vlan, preserveDefaultVlan }: BridgeConfig): void {
  if (vlan === 0 || port === undefined) return;
  port.vlans.add({ vlan, pvid: true, untagged: true });
  const { defaultPvid } = port.bridge;
  if (!preserveDefaultVlan && vlan !== defaultPvid) port.vlans.delete(defaultPvid);
}

/** ensureVlanInterface(): the host's own place in the VLAN, one end of a veth `cni0.100` whose other end is a port. */
function vlanInterface(host: Host, bridge: Bridge, conf: BridgeConfig): Device {
  const { links, devices } = host.netns;
  const name = `${bridge.name}.${conf.vlan}`;
  const there = devices.named(name);
  if (there !== undefined) return there;
  const options = { txqlen: 0, mtu: bridge.mtu };
  const inside = links.addVeth({ ...options, name }, { ...options, name: vethName(host, name) });
  const { peer } = inside;
  assert(peer !== undefined, 'a veth is made with its other end');
  links.set(peer, { up: true, master: bridge, bridgePort: { hairpin: false } });
  joinVlan(peer, conf);
  links.set(inside, { up: true });
  return inside;
}

/** calcGateways(): the first address of the subnet where IPAM names none; a default route where it is wanted. */
function withGateways(result: CniResult, conf: BridgeConfig): CniResult & { readonly added: readonly CniRoute[] } {
  const ips = result.ips.map((ip) => {
    const [found] = ipv4Of([ip]);
    if (found === undefined) return { ...ip, interface: 2 };
    const gateway =
      gatewayOf(ip) ?? (conf.isGateway ? ipv4(ipv4Network(found.prefix.addr, found.prefix.length) + 1) : undefined);
    return { ...ip, interface: 2, ...(gateway === undefined ? {} : { gateway: formatIpv4(gateway) }) };
  });
  const [first] = ips;
  // A default route that names no gateway does not count: the one that is added then meets it.
  const found = result.routes.some(({ dst, gw }) => dst === '0.0.0.0/0' && gw !== undefined);
  const gw = conf.isDefaultGateway && !found ? first?.gateway : undefined;
  const added = gw === undefined ? [] : [{ dst: '0.0.0.0/0', gw }];
  return { ...result, ips, routes: [...result.routes, ...added], added };
}

/** ensureAddr(): the gateway's address on the bridge; any other is in the way. @throws CniError */
function ensureAddress(
  host: Host,
  bridge: Device,
  wanted: { readonly prefix: Ipv4Prefix; readonly mac: Mac; readonly force: 'force' | 'keep' },
): void {
  const { prefix, force } = wanted;
  for (const { address, prefixLength } of bridge.addresses.slice()) {
    if (address === prefix.addr && prefixLength === prefix.length) return;
    if (force === 'keep') {
      const text = `${formatIpv4(prefix.addr)}/${prefix.length}`;
      throw internalError(
        `failed to set bridge addr: "${bridge.name}" already has an IP address different from ${text}`,
      );
    }
    host.netns.fib.deleteAddress(bridge, address, prefixLength);
  }
  addAddress(host.netns, bridge, prefix);
  try {
    // The address that it had before there were ports: from now on it follows them no more.
    host.netns.links.set(bridge, { mac: wanted.mac });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    // The netlink library reads an address of zeros as none, and what is too short is no address.
    const errno = goErrno(wanted.mac === MAC_ZERO ? 'EINVAL' : error.errno);
    throw internalError(`failed to set bridge addr: could not set bridge's mac: ${errno}`);
  }
}

function add(call: PluginCall, machine: PluginMachine): CniResult {
  const conf = load(call);
  if (conf.hairpin && conf.promisc)
    throw internalError('cannot set hairpin mode and promiscuous mode at the same time.');
  const { host } = machine;
  const bridge = setupBridge(host, conf);
  const bridgeMac = bridge.mac;
  const { inside, outside } = addPort(host, call, { bridge, conf });
  const layer3 = conf.ipamType === '' ? undefined : addLayer3(call, machine, { bridge, bridgeMac, inside, conf });
  if (layer3 === undefined) inside.netns.links.set(inside, { up: true });
  const gateway = conf.vlan === 0 ? undefined : host.netns.devices.named(`${bridge.name}.${conf.vlan}`);
  return {
    interfaces: [
      { name: bridge.name, mac: formatMac(bridge.mac) },
      { name: outside.name, mac: formatMac(outside.mac) },
      { name: call.ifName, mac: formatMac(inside.mac), sandbox: call.netnsPath },
      ...(gateway === undefined ? [] : [{ name: gateway.name, mac: formatMac(gateway.mac) }]),
    ],
    ips: layer3?.ips ?? [],
    routes: layer3?.routes ?? [],
    dns: layer3?.dns ?? {},
  };
}

interface Connected {
  readonly bridge: Bridge;
  /** The bridge's before the container came. */
  readonly bridgeMac: Mac;
  readonly inside: Veth;
  readonly conf: BridgeConfig;
}

/** Addresses and routes from IPAM; what it gave is given back where something fails. */
function addLayer3(call: PluginCall, machine: PluginMachine, connected: Connected): CniResult {
  const { bridge, bridgeMac, inside, conf } = connected;
  const { host } = machine;
  const assigned = machine.delegate(conf.ipamType, call, 'ADD');
  try {
    if (assigned.ips.length === 0) throw internalError('IPAM plugin returned missing IP config');
    const result = withGateways(assigned, conf);
    const netns = requireNetns(call);
    netns.sysctl.set(`net.ipv4.conf.${call.ifName}.arp_notify`, '1');
    configureInterface(netns, inside, result, result.added);
    // inetdev_send_gratuitous_arp(): the interface comes up with its addresses on it.
    for (const { address } of inside.addresses) netns.arp.announce(inside, address, MAC_BROADCAST);
    if (conf.isGateway) addGateways(host, bridge, { result, conf, mac: bridgeMac });
    if (conf.ipMasq)
      for (const { prefix } of ipv4Of(result.ips))
        setupMasquerade(host.netns, prefix, { network: conf.name, containerId: call.containerId });
    return { ...result, dns: dnsOf(call.config) };
  } catch (error) {
    machine.delegate(conf.ipamType, call, 'DEL');
    throw error;
  }
}

function addGateways(
  host: Host,
  bridge: Bridge,
  { result, conf, mac }: { readonly result: CniResult; readonly conf: BridgeConfig; readonly mac: Mac },
): void {
  for (const { ip, prefix } of ipv4Of(result.ips)) {
    const addr: Ipv4Addr | undefined = gatewayOf(ip);
    if (addr === undefined) continue;
    const force = conf.forceAddress ? 'force' : 'keep';
    const own = conf.vlan === 0 ? bridge : vlanInterface(host, bridge, conf);
    ensureAddress(host, own, {
      prefix: { addr, length: prefix.length },
      mac: own === bridge ? mac : own.mac,
      force,
    });
  }
  host.netns.sysctl.set('net.ipv4.ip_forward', '1');
}

/** DEL succeeds however often it comes, and without the namespace. */
function del(call: PluginCall, machine: PluginMachine): void {
  const conf = load(call);
  // The link goes whatever IPAM says then.
  const addresses = deleteLink(call);
  if (conf.ipamType !== '') machine.delegate(conf.ipamType, call, 'DEL');
  if (conf.ipamType === '' || !conf.ipMasq) return;
  const of = { network: conf.name, containerId: call.containerId };
  for (const address of addresses) {
    const error = teardownError(machine.host.netns, address, of);
    if (error !== undefined) throw error;
  }
}

function check(call: PluginCall, machine: PluginMachine): undefined {
  const conf = load(call);
  requireNetns(call);
  machine.delegate(conf.ipamType, call, 'CHECK');
  checkBridge(call, machine.host.netns, conf.bridge);
  return undefined;
}

export const bridge: Plugin = { ...reference('bridge'), add, del, check };
