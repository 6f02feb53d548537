/**
 * kube-proxy at the size that Kubernetes supports: rendering Services, writing them into the virtual kernel, and packets
 * through the rules, found by the index and row by row. CPU time of this process, medians of rounds.
 */

import {
  IptablesProxier,
  featuresOf,
  formatMark,
  NodePortAddresses,
  detectByCidr,
  ensureJumps,
  ServiceTracker,
  type IptablesSettings,
} from '../src/kube-proxy/index.js';
import { Emulation, Host, type Netns, type Skb } from '../src/kernel/index.js';
import { RulePacket } from '../src/kernel/netfilter/packet.js';
import { RuleRows } from '../src/kernel/netfilter/rule-rows.js';
import { ChainIndex } from '../src/kernel/netfilter/chain-index.js';
import { loadCluster, parseCidr, Store, type EndpointSlice, type Service } from '../src/kubernetes/index.js';
import {
  encodeIpv4,
  encodeTcp,
  ETHERTYPE,
  ipv4,
  pseudoHeaderSum,
  Tcp,
  TCP_SYN,
  parseIpv4Prefix,
} from '../src/packet/index.js';

const ROUNDS = 5;
const ENDPOINTS = 10;

function cpuSeconds(run: () => void, rounds = ROUNDS): number {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(start);
    times.push((user + system) / 1e6);
  }
  return times.toSorted((a, b) => a - b)[rounds >> 1] ?? 0;
}

const told = (name: string, value: string): void => console.log(`${name.padEnd(64)} ${value.padStart(14)}`);
const ms = (seconds: number): string => `${(seconds * 1e3).toFixed(1)} ms`;
const us = (seconds: number): string => `${(seconds * 1e6).toFixed(2)} µs`;

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's', namespace: 'n' },
  spec: { clusterIP: '10.96.0.1', ports: [{ name: 'http', port: 80 }] },
};
const SLICE = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 's', namespace: 'n', labels: { 'kubernetes.io/service-name': 's' } },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.244.0.1'] }],
  ports: [{ name: 'http', port: 8080 }],
};

/** One object of each kind through the loader, and as many like it as are wanted. */
function storeOf(services: number): Store {
  const text = [SERVICE, SLICE].map((object) => JSON.stringify(object)).join('\n');
  const { store: loaded } = loadCluster([{ file: 'bench.json', text }], { seed: 1 });
  const [service] = loaded.list('Service');
  const [slice] = loaded.list('EndpointSlice');
  const store = new Store();
  if (service === undefined || slice === undefined) throw new Error('nothing to begin with');
  for (let i = 0; i < services; i++) {
    store.put('Service', serviceLike(service, i));
    store.put('EndpointSlice', sliceLike(slice, i, ENDPOINTS));
  }
  return store;
}

const nameOf = (i: number): string => `service-${String(i).padStart(5, '0')}`;

const serviceLike = (service: Service, i: number): Service => ({
  ...service,
  name: nameOf(i),
  spec: { ...service.spec, clusterIPs: [ipv4(0x0a60_0100 + i)] },
});

function sliceLike(slice: EndpointSlice, i: number, endpoints: number): EndpointSlice {
  const [like] = slice.endpoints;
  if (like === undefined) throw new Error('a slice has an endpoint');
  return {
    ...slice,
    name: nameOf(i),
    labels: { 'kubernetes.io/service-name': nameOf(i) },
    endpoints: Array.from({ length: endpoints }, (_, j) => ({
      ...like,
      addresses: [ipv4(0x0af4_0000 + i * ENDPOINTS + j)],
    })),
  };
}

const settings = (): IptablesSettings => ({
  family: 'IPv4',
  node: { name: 'node', zone: '' },
  nodeIp: undefined,
  features: featuresOf(),
  masqueradeMark: formatMark(14),
  masqueradeAll: false,
  localDetector: detectByCidr(parseCidr('10.244.0.0/16') ?? { addr: ipv4(0), length: 0 }),
  nodePortAddresses: new NodePortAddresses([], 'IPv4'),
  localhostNodePorts: true,
  conntrackTcpBeLiberal: false,
  counters: new Set(),
  randomFully: true,
});

const contextOf = (tracker: ServiceTracker, netns?: Netns) => ({
  tracked: tracker.current(),
  natChains: netns?.netfilter.iptables.table('nat')?.chains.keys() ?? [],
  nodeAddresses: [],
  nowNs: 0,
  syncPeriodNs: 30e9,
});

function render(services: number): void {
  const store = storeOf(services);
  const size = `${services} Services × ${ENDPOINTS} endpoints`;
  told(
    `endpoints of ${size} out of slices, once for all nodes`,
    ms(cpuSeconds(() => void new ServiceTracker(store, 'IPv4', featuresOf()).current())),
  );
  let text = '';
  const shared = new ServiceTracker(store, 'IPv4', featuresOf());
  const seconds = cpuSeconds(() => {
    text = new IptablesProxier(settings()).next(contextOf(shared)).text;
  });
  told(`render ${size}`, ms(seconds));
  told('  of that text', `${(text.length / 2 ** 20).toFixed(1)} MiB`);
  const tracker = new ServiceTracker(store, 'IPv4', featuresOf());
  const proxier = new IptablesProxier(settings());
  proxier.next(contextOf(tracker));
  const [slice] = store.list('EndpointSlice');
  if (slice === undefined) return;
  let flip = 0;
  let rendered = 0;
  const changed = cpuSeconds(() => {
    flip += 1;
    store.put('EndpointSlice', sliceLike(slice, 0, ENDPOINTS - (flip % 2)));
    rendered = proxier.next(contextOf(tracker)).rendered;
  });
  told(`  one endpoint changes: ${rendered} Service is written anew`, ms(changed));
}

const PACKET_LENGTH = 40;

function packet(netns: Netns, destination: number, sourcePort: number): Skb {
  const skb = netns.emulation.allocSkb(PACKET_LENGTH);
  const { view, data } = skb;
  const source = ipv4(0x0af4_ffff);
  encodeIpv4(view, data, { source, destination: ipv4(destination), protocol: 6, payloadLength: 20 });
  encodeTcp(view, data + 20, { sourcePort, destinationPort: 80, sequence: 1, flags: TCP_SYN, window: 65_535 });
  new Tcp(view, data + 20).fillChecksum(pseudoHeaderSum(source, ipv4(destination), 6, 20), data + PACKET_LENGTH);
  skb.tail = data + PACKET_LENGTH;
  skb.network = data;
  skb.protocol = ETHERTYPE.ipv4;
  return skb;
}

function nodeOf(): Netns {
  const { netns } = new Host(new Emulation(), 'node');
  const dev = netns.links.addEthernet({ name: 'eth0' });
  netns.links.set(dev, { up: true });
  const prefix = parseIpv4Prefix('192.168.0.2/24');
  if (prefix !== undefined) netns.fib.addAddress(dev, { address: prefix.addr, prefixLength: prefix.length });
  ensureJumps(netns, { localhostNodePorts: true, because: [] });
  return netns;
}

/** Packets to Services spread over the whole chain. */
function walks(services: number): void {
  const tracker = new ServiceTracker(storeOf(services), 'IPv4', featuresOf());
  const proxier = new IptablesProxier(settings());
  const sync = proxier.next(contextOf(tracker));
  const netns = nodeOf();
  const restoreInto = (node: Netns): number =>
    cpuSeconds(() => {
      const problems = node.netfilter.iptables.restore(sync.parts, { noflush: true });
      if (problems.length > 0) throw new Error(problems[0]?.message);
    }, 1);
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const restore = restoreInto(netns);
  told(`restore ${services} Services × ${ENDPOINTS} into the kernel`, ms(restore));
  const dev = netns.devices.named('eth0');
  const { netfilter } = netns;
  const through = (skb: Skb): void => {
    netfilter.run('prerouting', skb, dev, undefined);
    netfilter.run('forward', skb, dev, dev);
    netfilter.run('postrouting', skb, undefined, dev);
  };
  told('the very first packet after that', us(cpuSeconds(() => through(packet(netns, 0x0a60_0100, 1)), 1)));
  // Behind a collection, what that leaves to sweep would be the packet's.
  globalThis.gc?.();
  const mib = (since: number): string => `${((process.memoryUsage().heapUsed - since) / 2 ** 20).toFixed(0)} MiB`;
  told('  heap for it', mib(heapBefore));
  const other = nodeOf();
  const heapBeforeOther = process.memoryUsage().heapUsed;
  told('the same rules into the kernel of another machine', ms(restoreInto(other)));
  globalThis.gc?.();
  told('  heap for it', mib(heapBeforeOther));
  told('  chains of nat in it', String(other.netfilter.iptables.table('nat')?.chains.size ?? 0));
  const count = 5000;
  let port = 1024;
  const first = cpuSeconds(() => {
    for (let i = 0; i < count; i++)
      through(packet(netns, 0x0a60_0100 + ((i * 7919) % services), 1024 + (port++ % 60_000)));
    netns.conntrack.flush();
  });
  told(`first packet of a connection, ${services} Services`, us(first / count));
  through(packet(netns, 0x0a60_0100 + services - 1, 999));
  const steady = cpuSeconds(() => {
    for (let i = 0; i < count; i++) through(packet(netns, 0x0a60_0100 + services - 1, 999));
  });
  told('further packets of a connection (a SYN again)', us(steady / count));
  candidates(netns, services);
}

/** The last Service's rule in KUBE-SERVICES, found both ways. */
function candidates(netns: Netns, services: number): void {
  const chain = netns.netfilter.iptables.table('nat')?.chains.get('KUBE-SERVICES');
  const rows = new RuleRows(chain?.rules ?? []);
  const index = new ChainIndex(rows);
  const skb = packet(netns, 0x0a60_0100 + services - 1, 1);
  const asked = new RulePacket(netns, skb);
  asked.load(skb, 'prerouting', undefined, undefined);
  if (index.firstFrom(0, asked) !== rows.firstFrom(0, asked)) throw new Error('the index and the walk differ');
  const count = 10_000;
  for (const [name, finder] of [
    ['by the index', index],
    ['row by row', rows],
  ] as const) {
    const seconds = cpuSeconds(() => {
      for (let i = 0; i < count; i++) finder.firstFrom(0, asked);
    });
    told(`  rule ${services} of KUBE-SERVICES ${name}`, us(seconds / count));
  }
}

for (const services of [1_000, 10_000]) render(services);
for (const services of [1_000, 10_000]) walks(services);
