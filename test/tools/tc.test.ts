/** tc beside that of iproute2 6.1, for devices with one queue. */

import t from 'tap';
import { Cluster } from '../../src/cluster/index.js';
import { Emulation, Host, runIpCommand, TokenBucket } from '../../src/kernel/index.js';
import type { ToolResult } from '../../src/tools/index.js';
import { tc } from '../../src/tools/tc.js';
import { loadTopology, outputOf, toolIn } from './run-in.js';
import { RealNetns } from './real-netns.js';

/** Rate in octets a second, burst in octets, and how long a packet may wait. */
const BUCKETS = [
  { rate: 125_000, burst: 32_768, latencyMs: 25, as: 'rate 1mbit burst 32kb latency 25ms' },
  { rate: 187_500, burst: 100_000, latencyMs: 25, as: 'rate 1500kbit burst 100000 latency 25ms' },
  { rate: 1_250_000_000, burst: 10_485_760, latencyMs: 2, as: 'rate 10gbit burst 10mb latency 2ms' },
] as const;

const DEVICES = BUCKETS.map((_, i) => `d${i}`);

const SETUP = [
  'ip link set lo up',
  ...DEVICES.map(
    (name) =>
      `ip link add ${name} numtxqueues 1 numrxqueues 1 type veth peer name p${name} numtxqueues 1 numrxqueues 1`,
  ),
  ...DEVICES.map((name) => `ip link set ${name} up`),
  'ip link add br0 type bridge',
  'ip link set br0 up',
] as const;

const SHOWN = [
  'tc qdisc',
  'tc qdisc show',
  'tc qdisc ls',
  'tc q s dev d0',
  'tc qdisc show dev d1 root',
  'tc qdisc show dev lo',
  'tc -s qdisc show dev lo',
  'tc -s qdisc show dev pd0',
  'tc qdisc show dev nope',
  'tc qdisc show d0',
  'tc qdisc foo',
  'tc foo',
  'tc',
  'tc help',
  'tc -z',
  'tc class show dev d0',
  'tc class show dev lo',
  'tc class show',
  'tc filter show dev d0',
  'tc filter show',
  'tc -j qdisc show dev d0',
  'tc -j qdisc show dev d2',
  'tc -js qdisc show dev d0',
  'tc -json -stats qdisc show dev d0',
  'tc -j -p qdisc show dev d0',
  'tc -j -p -s qdisc show dev d1',
  'tc -d qdisc show dev d0',
  'tc -j -d qdisc show dev d0',
  'tc -pretty -json filter show dev d0',
  'tc -j -p qdisc show dev pd0',
  'tc -j qdisc show dev pd0',
  'tc -j qdisc show dev lo',
  'tc -j filter show dev d0 ingress',
  'tc filter show dev d0 egress',
  'tc qdisc show dev d0 ingress',
  'tc qdisc show dev d0 clsact',
  'tc -j qdisc show dev d0 ingress',
  'tc class show dev d0 ingress',
  'tc -j class show dev d0',
  'tc -s class show dev d0',
] as const;

const namespace = new RealNetns(t, 'tc');
const real = (command: string): ToolResult => namespace.run(command);
if (namespace.missing === false) namespace.withoutIpv6();
const skip = namespace.isNot('tc -V', 'iproute2-6.1');

/** The kernel lists devices by a hash of their names. */
const alike = <R extends { stdout: string }>(result: R): R => ({
  ...result,
  stdout: result.stdout.split('\n').sort().join('\n'),
});

t.test('tc shows what the real one does, and refuses in its words', { skip }, (t) => {
  const { netns } = new Host(new Emulation(), 'machine');
  for (const command of SETUP) {
    t.equal(real(command).exitCode, 0, command);
    t.equal(runIpCommand(netns, command.replaceAll(/ num[tr]xqueues 1/g, ''), []), undefined, command);
  }
  BUCKETS.forEach(({ rate, burst, latencyMs, as }, i) => {
    t.equal(real(`tc qdisc add dev d${i} root handle 1: tbf ${as}`).exitCode, 0, as);
    const dev = netns.devices.named(`d${i}`);
    const limit = (rate * latencyMs) / 1_000 + burst;
    if (dev !== undefined) dev.qdisc = new TokenBucket(netns.emulation.clock, { rate, burst, limit });
  });
  for (const command of SHOWN) {
    const ours = tc({ cluster: new Cluster([]), netns, pod: undefined }, command.split(' ').slice(1));
    t.same(alike(ours), alike(real(command)), command);
  }
  t.end();
});

t.test('tc counts what a device has sent, and changes nothing', (t) => {
  const cluster = loadTopology('two-nodes-vxlan');
  toolIn(cluster, 'node/node1', 'ping -c 1 172.18.0.3');
  t.match(
    outputOf(cluster, 'node/node1', 'tc -s qdisc show dev eth0'),
    /^qdisc pfifo_fast 0: root refcnt 2 bands 3 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1\n Sent 140 bytes 2 pkt \(dropped 0, /,
  );
  t.match(
    outputOf(cluster, 'node/node1', 'tc -j qdisc show dev eth0'),
    '"options":{"bands":3,"priomap":[1,2,2,2,1,2,0,0,1,1,1,1,1,1,1,1],"multiqueue":false}}]\n',
  );
  t.match(toolIn(cluster, 'node/node1', 'tc qdisc add dev eth0 root netem loss 10%'), {
    exitCode: 2,
    stderr: 'tc qdisc add: only what shows is offered here\n',
  });
  t.end();
});
