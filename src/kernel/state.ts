/**
 * HostState in and out: what is programmed on a host as plain data, and a host made from it. Learned and
 * counted things (conntrack, neighbours that were asked for, counters) are not in it.
 */

import type { Ipv4Addr } from '../packet/index.js';
import { NO_CAUSE } from '../trace/index.js';
import type { Device } from './device.js';
import { assert } from './errors.js';
import type { FibRoute } from './fib/index.js';
import type { Host } from './host.js';
import type {
  AddressState,
  FdbEntryState,
  HostState,
  LinkState,
  NeighbourEntryState,
  NetnsState,
  NextHopState,
  RouteState,
} from './host-state.js';
import { Bridge, Ethernet, Ipip, Veth, Vxlan } from './link/index.js';
import type { Netns } from './netns.js';
import { TokenBucket } from './qdisc/token-bucket.js';

/** Everything that is programmed on a host. */
export function hostState(host: Host): HostState {
  return {
    name: host.name,
    netns: host.namespaces.map(netnsState),
    files: Object.fromEntries([...host.files].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

export function netnsState(netns: Netns): NetnsState {
  const devices = [...netns.devices];
  return {
    name: netns.name,
    links: devices.map(linkState),
    addresses: devices.flatMap(addressStates),
    routes: [...netns.fib.routes()].map(routeState),
    rules: netns.fib.rules.map((rule) => rule.toState()),
    neighbours: neighbourStates(netns),
    fdb: devices.flatMap(fdbStates),
    sysctls: Object.fromEntries(netns.sysctl.changed()),
    ipsets: netns.ipsets.state(),
    iptables: netns.netfilter.iptables.state(),
    listeners: netns.sockets.listeners(),
  };
}

function linkState(dev: Device): LinkState {
  return {
    ifindex: dev.ifindex,
    name: dev.name,
    kind: dev.kind,
    mac: dev.mac,
    mtu: dev.mtu,
    up: dev.up,
    txqlen: dev.txqlen,
    because: dev.because,
    ...(dev.port === undefined ? {} : { master: dev.port.bridge.name, bridgePort: dev.port.state }),
    ...(dev instanceof Veth && dev.peer !== undefined
      ? { peer: { netns: dev.peer.netns.name, name: dev.peer.name } }
      : {}),
    ...(dev instanceof Ethernet && dev.cable !== undefined ? { cable: dev.cable.state } : {}),
    ...(dev instanceof Vxlan ? { vxlan: dev.config } : {}),
    ...(dev instanceof Ipip ? { ipip: dev.config } : {}),
    ...vlanState(dev),
    ...(dev.promisc ? { promisc: true } : {}),
    ...(dev.allmulti ? { allmulti: true } : {}),
    ...(dev.qdisc === undefined ? {} : { qdisc: dev.qdisc.state }),
  };
}

/** Only of bridges that filter: for others VLANs are numbers without an effect. */
function vlanState(dev: Device): Pick<LinkState, 'vlans' | 'vlanFiltering'> {
  const bridge = dev instanceof Bridge ? dev : dev.port?.bridge;
  if (bridge?.vlanFiltering !== true) return {};
  return dev instanceof Bridge
    ? { vlanFiltering: true, vlans: dev.vlans.list() }
    : { vlans: dev.port?.vlans.list() ?? [] };
}

/** The VLANs are those that are named, and no others. */
function applyVlans(dev: Device, link: LinkState): void {
  if (dev instanceof Bridge && link.vlanFiltering === true) dev.vlanFiltering = true;
  const group = dev instanceof Bridge ? dev.vlans : dev.port?.vlans;
  if (group === undefined || link.vlans === undefined) return;
  for (const { vlan } of group.list()) group.delete(vlan);
  for (const vlan of link.vlans) group.add(vlan);
}

const addressStates = (dev: Device): AddressState[] =>
  dev.addresses.map((address) => ({
    dev: dev.name,
    address: address.address,
    prefixLength: address.prefixLength,
    scope: address.scope,
    secondary: address.secondary,
    label: address.label,
    noPrefixRoute: address.noPrefixRoute,
    because: address.because,
    ...(address.peer === address.address ? {} : { peer: address.peer }),
    ...(address.broadcast === undefined ? {} : { broadcast: address.broadcast }),
  }));

const routeState = (route: FibRoute): RouteState => ({
  table: route.table,
  type: route.type,
  destination: route.destination,
  tos: route.tos,
  metric: route.metric,
  scope: route.scope,
  protocol: route.protocol,
  nextHops: route.nextHops.map(
    ({ dev, via, onlink, weight }): NextHopState => ({
      onlink,
      weight,
      ...(dev === undefined ? {} : { dev: dev.name }),
      ...(via === undefined ? {} : { via }),
    }),
  ),
  because: route.because,
  ...(route.prefSrc === undefined ? {} : { prefSrc: route.prefSrc }),
  ...(route.mtu === undefined ? {} : { mtu: route.mtu }),
});

/** Only what somebody programmed: permanent and noarp entries, and proxies. */
function neighbourStates(netns: Netns): NeighbourEntryState[] {
  const states: NeighbourEntryState[] = [];
  for (const entry of netns.neighbours.entries()) {
    if (entry.state !== 'permanent') continue;
    states.push({
      dev: entry.dev.name,
      address: entry.address,
      mac: entry.mac,
      state: entry.state,
      proxy: false,
      because: entry.because,
    });
  }
  for (const { dev, address, because } of netns.neighbours.proxies()) {
    states.push({ dev: dev.name, address, state: 'permanent', proxy: true, because });
  }
  return states;
}

function fdbStates(dev: Device): FdbEntryState[] {
  if (dev instanceof Vxlan) {
    return [...dev.entries()]
      .filter(({ permanent, mac }) => permanent && mac !== 0)
      .map(({ mac, remote, because }) => ({ dev: dev.name, mac, where: 'self', remote, permanent: true, because }));
  }
  if (!(dev instanceof Bridge)) return [];
  return [...dev.entries()]
    .filter(({ permanent, vlan }) => permanent && vlan === 0)
    .map(({ mac, port, because }) => ({
      dev: port.dev.name,
      mac,
      where: 'master',
      permanent: true,
      because,
    }));
}

/** Programs a host from scratch. Other ends of veths are made with the namespace that names them first. */
export function applyHostState(host: Host, state: HostState): void {
  for (const [path, content] of Object.entries(state.files)) host.files.set(path, content);
  for (const netns of state.netns) if (netns.name !== '') host.addNetns(netns.name);
  const spaces = state.netns.map((netns) => ({ netns: require(host, netns.name), state: netns }));
  for (const { netns, state: part } of spaces) applyModules(netns, part);
  if (state.netns.some(({ links }) => links.some(({ kind }) => kind === 'ipip'))) host.loadModule('ipip');
  for (const { netns, state: part } of spaces) applyLinks(host, netns, { part, all: state });
  for (const { netns, state: part } of spaces) applyNetnsState(netns, part);
}

function require(host: Host, name: string): Netns {
  const netns = name === '' ? host.netns : host.namedNetns(name);
  assert(netns !== undefined, `namespace ${name} was just made`);
  return netns;
}

/** What a module brings comes first: with the module it would come by itself, and under another index. */
function applyModules(netns: Netns, part: NetnsState): void {
  for (const link of part.links)
    if (link.ipip?.fallback === true && netns.devices.named(link.name) === undefined)
      netns.links.addIpip(link, link.ipip);
}

function applyLinks(host: Host, netns: Netns, { part, all }: { part: NetnsState; all: HostState }): void {
  for (const link of part.links) {
    if (netns.devices.named(link.name) === undefined) addLink(host, netns, { link, all });
  }
}

function addLink(host: Host, netns: Netns, { link, all }: { link: LinkState; all: HostState }): void {
  switch (link.kind) {
    case 'bridge':
      netns.links.addBridge(link);
      return;
    case 'dummy':
      netns.links.addDummy(link);
      return;
    case 'ethernet':
      netns.links.addEthernet(link);
      return;
    case 'vxlan':
      assert(link.vxlan !== undefined, 'a vxlan link says which');
      netns.links.addVxlan(link, link.vxlan);
      return;
    case 'ipip':
      assert(link.ipip !== undefined, 'an ipip link says between whom');
      netns.links.addIpip(link, link.ipip);
      return;
    case 'veth': {
      const { peer } = link;
      const far =
        peer && all.netns.find(({ name }) => name === peer.netns)?.links.find(({ name }) => name === peer.name);
      assert(peer !== undefined && far !== undefined, `the other end of veth ${link.name} is in the state`);
      netns.links.addVeth(link, { ...far, netns: require(host, peer.netns) });
      return;
    }
    default:
      assert(link.kind === 'loopback', `link kind ${link.kind} can be made`);
  }
}

/** Everything of a namespace but its devices, which are there. */
function applyNetnsState(netns: Netns, state: NetnsState): void {
  const { links, fib } = netns;
  for (const link of state.links) {
    if (link.master === undefined) continue;
    const master = links.require(link.master);
    assert(master instanceof Bridge, 'a master is a bridge');
    links.set(links.require(link.name), {
      master,
      ...(link.bridgePort === undefined ? {} : { bridgePort: link.bridgePort }),
    });
  }
  for (const [path, value] of Object.entries(state.sysctls)) netns.sysctl.set(path, value);
  for (const link of state.links) {
    const dev = links.require(link.name);
    applyVlans(dev, link);
    const { up, mtu, mac, promisc = false, allmulti = false } = link;
    links.set(dev, { up, mtu, promisc, allmulti, ...(mac === dev.mac ? {} : { mac }) });
    if (link.qdisc !== undefined) dev.qdisc = new TokenBucket(netns.emulation.clock, link.qdisc);
  }
  for (const address of state.addresses) {
    const dev = links.require(address.dev);
    if (!dev.addresses.some(({ address: there }: { address: Ipv4Addr }) => there === address.address))
      fib.addAddress(dev, address);
  }
  for (const rule of state.rules) if (!isDefaultRule(rule.priority)) fib.addRule(rule);
  for (const route of state.routes) applyRoute(netns, route);
  for (const entry of state.neighbours) netns.neighbours.set(entry);
  for (const entry of state.fdb) applyFdb(netns, entry);
  netns.ipsets.apply(state.ipsets);
  netns.netfilter.iptables.apply(state.iptables);
}

/** local, main, default: there in every namespace. */
const isDefaultRule = (priority: number): boolean => priority === 0 || priority === 32_766 || priority === 32_767;

/** Routes that came with addresses are there already. */
function applyRoute(netns: Netns, route: RouteState): void {
  const { protocol, ...rest } = route;
  if (protocol === 2) return;
  netns.fib.addRoute(
    {
      ...rest,
      protocol,
      nextHops: route.nextHops.map(({ dev, via, onlink, weight }) => ({
        onlink,
        weight,
        dev: dev === undefined ? undefined : netns.links.require(dev),
        via,
      })),
    },
    'append',
  );
}

function applyFdb(netns: Netns, entry: FdbEntryState): void {
  const dev = netns.links.require(entry.dev);
  if (entry.where === 'master') dev.port?.bridge.addEntry(entry.mac, dev.port, entry.because ?? NO_CAUSE);
  else if (dev instanceof Vxlan && entry.remote !== undefined) dev.replaceEntry(entry.mac, entry.remote, entry.because);
}
