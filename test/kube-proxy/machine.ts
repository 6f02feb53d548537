/** A node with kube-proxy over a store of Services and slices that a test changes, and a client beside it. */

import { Emulation, Host, type Netns, NS_PER_S } from '../../src/kernel/index.js';
import { findInstallation, KubeProxy, ServiceTracker, type Installation } from '../../src/kube-proxy/index.js';
import { loadCluster, type Store } from '../../src/kubernetes/index.js';
import { type Ipv4Addr, parseIpv4, parseIpv4Prefix } from '../../src/packet/index.js';
import { manifests, node } from '../kubernetes/cluster-text.js';

export const service = (spec: object, name = 'web', status: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec,
  status,
});

export const slice = (endpoints: readonly object[], ports: readonly object[], name = 'web') => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  endpoints,
  ports,
});

export const address = (text: string): Ipv4Addr => {
  const parsed = parseIpv4(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
};

const NODE = node('here', { status: { addresses: [{ type: 'InternalIP', address: '192.168.0.2' }] } });

export interface Machine {
  readonly netns: Netns;
  readonly store: Store;
  readonly proxy: KubeProxy;
  readonly installation: Installation;
  /** The store becomes what these objects say, but for Nodes and ConfigMaps. */
  become(...objects: readonly object[]): void;
}

const storeOf = (objects: readonly object[]): Store =>
  loadCluster([{ file: 'in.yaml', text: manifests(...objects) }], { seed: 1 }).store;

export function machine(...objects: readonly object[]): Machine {
  const store = storeOf([NODE, ...objects]);
  const emulation = new Emulation();
  const { netns } = new Host(emulation, 'here');
  netns.links.set(netns.links.require('lo'), { up: true });
  const eth0 = netns.links.addEthernet({ name: 'eth0' });
  netns.links.set(eth0, { up: true });
  const prefix = parseIpv4Prefix('192.168.0.2/24');
  if (prefix !== undefined) netns.fib.addAddress(eth0, { address: prefix.addr, prefixLength: prefix.length });
  netns.sysctl.set('net.ipv4.ip_forward', '1');
  const installation = findInstallation(store);
  const tracker = new ServiceTracker(store, 'IPv4', installation.features);
  const proxy = new KubeProxy({ netns, store, installation, tracker });
  proxy.start();
  proxy.sync();
  return {
    netns,
    store,
    proxy,
    installation,
    become: (...next) => {
      const other = storeOf(next);
      for (const kind of ['Service', 'EndpointSlice'] as const) {
        for (const { namespace, name } of store.list(kind)) store.delete(kind, namespace, name);
      }
      for (const one of other.list('Service')) store.put('Service', one);
      for (const one of other.list('EndpointSlice')) store.put('EndpointSlice', one);
    },
  };
}

/** What a server on this machine answers to an HTTP request by loopback. */
export function httpGet(netns: Netns, port: number, request: string): string {
  const socket = netns.sockets.tcp();
  let answer = '';
  socket.onData = (bytes) => {
    answer += new TextDecoder().decode(bytes);
  };
  socket.onConnect = () => socket.send(new TextEncoder().encode(request));
  socket.onError = (errno) => {
    answer = errno;
  };
  socket.connect(address('127.0.0.1'), port);
  netns.emulation.advance(NS_PER_S);
  return answer;
}

export const rulesOf = (netns: Netns, table: 'nat' | 'filter', chain: string): string[] =>
  netns.netfilter.iptables.table(table)?.chains.get(chain)?.rules.map(String) ?? [];

export const chainsOf = (netns: Netns, prefix: string): string[] =>
  [...(netns.netfilter.iptables.table('nat')?.chains.keys() ?? [])].filter((name) => name.startsWith(prefix));
