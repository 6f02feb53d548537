/** Which node answers for an address, and what speakers and balancers say on the wire. */

import t from 'tap';
import { Emulation, Host, type Netns } from '../../../src/kernel/index.js';
import {
  ARP_OPERATION,
  Arp,
  Ethernet,
  ETHERTYPE,
  formatIpv4,
  MAC_BROADCAST,
  parseIpv4,
} from '../../../src/packet/index.js';
import { ArpResponder } from '../../../src/services/load-balancer/arp-responder.js';
import { candidates } from '../../../src/services/load-balancer/metallb/election.js';
import { suspicionTimeoutNs } from '../../../src/services/load-balancer/metallb/members.js';
import { encodeMemberMessage, parseMemberMessage } from '../../../src/services/load-balancer/metallb/ping.js';
import { load, node } from '../../kubernetes/cluster-text.js';

const address = (text: string) => {
  const parsed = parseIpv4(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

const endpoint = (nodeName: string, conditions: object = {}) => ({ addresses: ['10.0.0.1'], nodeName, conditions });

interface Case {
  readonly what: string;
  readonly ip?: string;
  readonly endpoints?: readonly object[];
  readonly spec?: object;
  readonly nodes?: readonly object[];
  readonly layer2?: Parameters<typeof candidates>[0]['layer2'];
  readonly are: readonly string[];
}

const ANYWHERE = [{ nodeSelectors: [], interfaces: [] }];
const select = (key: string) => ({
  nodeSelectors: [{ matchLabels: { [key]: 'yes' }, matchExpressions: [] }],
  interfaces: [],
});

const CASES: readonly Case[] = [
  { what: 'by the hash of name and address', ip: '172.18.0.100', are: order('172.18.0.100') },
  { what: 'another address, another order', ip: '172.18.0.102', are: order('172.18.0.102') },
  { what: 'nobody without an endpoint', endpoints: [], are: [] },
  { what: 'nor with one that is not ready', endpoints: [endpoint('a', { ready: false, serving: false })], are: [] },
  {
    what: 'one that still serves while it ends counts',
    endpoints: [endpoint('a', { ready: false, serving: true, terminating: true })],
    are: order('172.18.0.100'),
  },
  {
    what: 'the policy Local wants an endpoint on the node',
    endpoints: [endpoint('b'), endpoint('c', { ready: false, serving: false })],
    spec: { externalTrafficPolicy: 'Local' },
    are: ['b'],
  },
  {
    what: 'nodes that are excluded, or have no network, stay out',
    nodes: [
      node('a', { labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } }),
      node('b', { status: { conditions: [{ type: 'NetworkUnavailable', status: 'True' }] } }),
      node('c'),
    ],
    are: ['c'],
  },
  {
    what: 'advertisements choose nodes, one of them is enough',
    nodes: [node('a', { labels: { x: 'yes' } }), node('b'), node('c', { labels: { y: 'yes' } })],
    layer2: [select('x'), select('y')],
    are: order('172.18.0.100').filter((name) => name !== 'b'),
  },
  { what: 'without an advertisement nobody', layer2: [], are: [] },
];

/** Computed outside: python3 -c "import hashlib; print(sorted('abc', key=lambda n: hashlib.sha256((n+'#'+IP).encode()).hexdigest()))". */
function order(ip: '172.18.0.100' | '172.18.0.102'): string[] {
  return { '172.18.0.100': ['b', 'a', 'c'], '172.18.0.102': ['a', 'c', 'b'] }[ip];
}

for (const { what, ip = '172.18.0.100', endpoints = [endpoint('a')], spec = {}, nodes, layer2, are } of CASES) {
  t.test(`election: ${what}`, (t) => {
    const { store, errors } = load(
      ...(nodes ?? [node('a'), node('b'), node('c')]),
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web' },
        spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
      },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: 'IPv4',
        endpoints,
        ports: [{ port: 80 }],
      },
    );
    t.same(errors, []);
    const [service] = store.list('Service');
    if (service === undefined) throw new Error('no Service');
    const election = { address: address(ip), service, slices: store.list('EndpointSlice'), layer2: layer2 ?? ANYWHERE };
    t.same(
      candidates(election, store.list('Node')).map(({ name }) => name),
      are,
    );
    t.end();
  });
}

t.test('a ping as MessagePack has it, and its acknowledgement', (t) => {
  const ping = encodeMemberMessage({ type: 'ping', sequence: 0x01020304 }, 'node1');
  // 0, then {"SeqNo": 16909060, "Node": "node1"} by the MessagePack specification.
  t.equal(Buffer.from(ping).toString('hex'), '0082a55365714e6fce01020304a44e6f6465a56e6f646531');
  t.same(parseMemberMessage(ping), { type: 'ping', sequence: 0x01020304 });
  const ack = encodeMemberMessage({ type: 'ack', sequence: 7 }, '');
  t.equal(Buffer.from(ack).toString('hex'), '0282a55365714e6fce00000007a75061796c6f6164a0');
  t.same(parseMemberMessage(ack), { type: 'ack', sequence: 7 });
  for (const wrong of ['', '00', '0182a55365714e6fce01020304', '0082a55365714e6fce0102', '0082a55365714e70ce01020304'])
    t.equal(parseMemberMessage(Uint8Array.from(Buffer.from(wrong, 'hex'))), undefined, wrong);
  t.same([1, 3, 10, 100].map(suspicionTimeoutNs), [4e9, 4e9, 4e9, 8e9]);
  t.end();
});

interface Wire {
  readonly netns: Netns;
  readonly frames: string[];
}

/** A host on a cable whose other end notes what comes, and sends what it is told. */
function wire(): Wire & {
  readonly send: (operation: number, target: string, to?: 'broadcast' | 'own' | 'other') => void;
} {
  const emulation = new Emulation({ seed: 1 });
  const [here, there] = [new Host(emulation, 'here'), new Host(emulation, 'there')];
  const { netns } = here;
  const dev = netns.links.addEthernet({ name: 'eth0', mac: 0x02_00_00_00_00_01 as never });
  const far = there.netns.links.addEthernet({ name: 'eth0', mac: 0x02_00_00_00_00_02 as never });
  const cable = (to: typeof dev) => ({
    state: { switch: '', delayNs: 0, loss: 0, mtu: 0 },
    carrier: true,
    send: (skb: Parameters<typeof dev.arrive>[0]) => to.arrive(skb),
  });
  dev.cable = cable(far);
  far.cable = cable(dev);
  netns.links.set(dev, { up: true });
  there.netns.links.set(far, { up: true });
  const frames: string[] = [];
  far.tap = (_, skb, direction) => {
    const header = new Ethernet(skb.view, skb.data);
    const arp = Arp.parse(skb.view, skb.data + 14, skb.tail);
    if (direction !== 'in' || arp === undefined) return;
    const kind = arp.operation === ARP_OPERATION.request ? 'request' : 'reply';
    const to = header.destination === MAC_BROADCAST ? 'all' : 'you';
    const target = arp.targetMac === MAC_BROADCAST ? 'all' : 'you';
    frames.push(`${kind} to ${to}: ${formatIpv4(arp.senderIp)} is here, for ${formatIpv4(arp.targetIp)} (${target})`);
  };
  const asking = there.netns.frames.open({ dev: far, etherType: ETHERTYPE.arp, process: 'test', onFrame: () => {} });
  return {
    netns,
    frames,
    send: (operation, target, to = 'broadcast') => {
      const mac = to === 'broadcast' ? MAC_BROADCAST : to === 'own' ? dev.mac : far.mac;
      const bytes = Buffer.alloc(42);
      bytes.writeUIntBE(mac, 0, 6);
      bytes.writeUIntBE(far.mac, 6, 6);
      bytes.write('08060001080006040000', 12, 'hex');
      bytes.writeUInt16BE(operation, 20);
      bytes.writeUIntBE(far.mac, 22, 6);
      bytes.writeInt32BE(address('10.0.0.2'), 28);
      bytes.writeInt32BE(address(target), 38);
      asking.send(Uint8Array.from(bytes));
      emulation.drain();
    },
  };
}

t.test('ARP by a program: requests for its addresses, broadcast or to the host, and no others', (t) => {
  const { netns, frames, send } = wire();
  const own = address('192.0.2.9');
  const responder = new ArpResponder({ netns, process: 'speaker', answersFor: (asked) => asked === own });
  const answer = 'reply to you: 192.0.2.9 is here, for 10.0.0.2 (you)';
  send(1, '192.0.2.9');
  t.same(frames, [answer]);
  send(1, '192.0.2.9', 'own');
  t.same(frames, [answer, answer]);
  for (const [operation, target, to] of [
    [2, '192.0.2.9', 'broadcast'],
    [1, '192.0.2.8', 'broadcast'],
    [1, '192.0.2.9', 'other'],
  ] as const)
    send(operation, target, to);
  t.equal(frames.length, 2, 'a reply, another address and another host are not answered');
  responder.close();
  send(1, '192.0.2.9');
  t.equal(frames.length, 2, 'nor is anything when the program has ended');
  t.end();
});

t.test('a new announcement is told to all for five seconds, as a request and as a reply', (t) => {
  const { netns, frames } = wire();
  const own = address('192.0.2.9');
  let mine = true;
  const responder = new ArpResponder({ netns, process: 'speaker', answersFor: (asked) => mine && asked === own });
  responder.announce(own);
  netns.emulation.advance(0);
  const pair = ['request', 'reply'].map((kind) => `${kind} to all: 192.0.2.9 is here, for 192.0.2.9 (all)`);
  t.same(frames, pair);
  netns.emulation.advance(4_400_000_000);
  t.same(frames, [...pair, ...pair, ...pair, ...pair, ...pair]);
  netns.emulation.advance(60_000_000_000);
  t.equal(frames.length, 10);
  responder.announce(own);
  mine = false;
  netns.emulation.advance(60_000_000_000);
  t.equal(frames.length, 10, "nobody announces what is another's again");
  t.end();
});
