/** Traffic without end is told of, and the emulation can go on. */

import t from 'tap';
import { Emulation, Host } from '../../src/kernel/index.js';
import { parseIpv4, type Ipv4Addr } from '../../src/packet/index.js';

const address = (text: string): Ipv4Addr => parseIpv4(text) ?? (0 as Ipv4Addr);

/** Two namespaces on a link, each with a UDP server at port 7 that sends back what it gets. */
function echoes() {
  const emulation = new Emulation();
  const host = new Host(emulation, 'host');
  const far = host.addNetns('far');
  const near = host.netns.links.addVeth({ name: 'v0' }, { name: 'v1', netns: far });
  const end = far.links.require('v1');
  const sides = [
    { netns: host.netns, dev: near, at: address('10.0.0.1') },
    { netns: far, dev: end, at: address('10.0.0.2') },
  ];
  for (const { netns, dev } of sides) netns.links.set(dev, { up: true });
  const servers = sides.map(({ netns, dev, at }) => {
    netns.fib.addAddress(dev, { address: at, prefixLength: 24 });
    const server = netns.sockets.udp();
    server.bind(at, 7);
    server.onMessage = (bytes, { source, port }) => server.sendTo(bytes, source, port);
    return server;
  });
  return { emulation, netns: host.netns, servers };
}

t.test('two servers that answer each other are told of, and are stopped', (t) => {
  const { emulation, netns, servers } = echoes();
  emulation.tracer = { step: () => undefined };
  t.throws(() => {
    servers[0]?.sendTo(Uint8Array.of(1), address('10.0.0.2'), 7);
    emulation.run();
  }, /does not come to rest: 200000 frames at one instant, the last for v\d of .*servers that answer each other/);
  const client = netns.sockets.udp();
  const answers: number[] = [];
  client.onMessage = (bytes) => answers.push(bytes.length);
  client.sendTo(Uint8Array.of(1, 2, 3), address('10.0.0.2'), 7);
  emulation.run();
  t.same(answers, [3], 'what comes afterwards is as ever');
  t.end();
});
