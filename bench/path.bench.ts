/**
 * Packets per second over the whole way between two pods on two nodes: veth, proxy ARP, Felix's rules,
 * conntrack, routes, a tunnel, the wire, and the same again. CPU time of one core; no tracer, then a recorder.
 */

import { Cluster } from '../src/cluster/index.js';
import { INADDR_ANY } from '../src/packet/index.js';
import { Recorder } from '../src/trace/index.js';

const PORT = 9;
const WARM_UP = 20_000;
const PACKETS = 40_000;
const TRACED = 5_000;
const ROUNDS = 9;

/** Topologies in which default/client reaches default/web by a tunnel. */
const TUNNELS = { VXLAN: 'topologies/two-nodes-vxlan', 'IP-in-IP': 'topologies/ipip-always-felix' } as const;

for (const [tunnel, topology] of Object.entries(TUNNELS)) {
  const cluster = Cluster.load([topology]);
  const client = cluster.podNetns(cluster.pod('default', 'client'));
  const web = cluster.podNetns(cluster.pod('default', 'web'));
  const address = cluster.podAddress(cluster.pod('default', 'web'));
  if (address === undefined) throw new Error('the pod has no address');

  let received = 0;
  web.sockets.listen({ protocol: 'udp', address: INADDR_ANY, port: PORT, onMessage: () => (received += 1) });
  const socket = client.sockets.udp();
  socket.connect(address, PORT);
  const payload = new Uint8Array(22); // 64 octets of IPv4 packet and Ethernet header

  const send = (count: number): number => {
    const before = received;
    const start = process.cpuUsage();
    for (let i = 0; i < count; i += 1) {
      socket.send(payload);
      cluster.emulation.run();
    }
    const { user, system } = process.cpuUsage(start);
    if (received - before !== count) throw new Error(`${received - before} of ${count} packets arrived`);
    return Math.round(count / ((user + system) / 1e6));
  };

  /** The best round and the median: others may use the machine too. */
  const report = (what: string, packets: number): void => {
    const rates = Array.from({ length: ROUNDS }, () => send(packets)).sort((a, b) => a - b);
    const [best, median] = [rates.at(-1), rates[ROUNDS >> 1]];
    const name = `two-node path, ${tunnel}, ${what}`;
    console.log(`${name.padEnd(42)} ${best?.toLocaleString('en')} packets/s, median ${median?.toLocaleString('en')}`);
  };

  send(WARM_UP);
  report('untraced', PACKETS);
  cluster.emulation.tracer = new Recorder(() => cluster.emulation.clock.nowNs, Number.POSITIVE_INFINITY);
  report('every step kept', TRACED);
}
