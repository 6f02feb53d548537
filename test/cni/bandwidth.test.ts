/** Limits of the bandwidth plugin as traffic feels them, on virtual time. */

import t from 'tap';
import { type CniEnvironment, execPlugin, pluginMachine, REFERENCE_PLUGINS } from '../../src/cni/index.js';
import { Emulation, Host, type Netns, NS_PER_MS } from '../../src/kernel/index.js';
import { type Ipv4Addr, parseIpv4 } from '../../src/packet/index.js';

const NETNS = '/run/netns/box';
const PORT = 9;
/** 1,000 octets with UDP, IPv4 and Ethernet headers. */
const KILO = new Uint8Array(1_000 - 42);

const address = (text: string): Ipv4Addr => {
  const addr = parseIpv4(text);
  if (addr === undefined) throw new Error(text);
  return addr;
};

/** A container by the plugins ptp and bandwidth, with these limits. */
function container(limits: Readonly<Record<string, number>>): { host: Host; box: Netns; containerIp: Ipv4Addr } {
  const host = new Host(new Emulation(), 'host');
  const box = host.addNetns('box');
  const env: CniEnvironment = {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: 'c1',
    CNI_NETNS: NETNS,
    CNI_IFNAME: 'eth0',
    CNI_ARGS: '',
    CNI_PATH: '/opt/cni/bin',
  };
  const common = { cniVersion: '1.0.0', name: 'net' };
  const run = (type: string, config: object): string => {
    const plugin = REFERENCE_PLUGINS.get(type);
    if (plugin === undefined) throw new Error(type);
    const stdin = JSON.stringify({ ...common, type, ...config });
    const exit = execPlugin(plugin, { env, stdin }, pluginMachine(host, REFERENCE_PLUGINS));
    t.equal(exit.exitCode, 0, exit.stdout);
    return exit.stdout;
  };
  const first = run('ptp', { ipam: { type: 'host-local', subnet: '10.1.0.0/24', routes: [{ dst: '0.0.0.0/0' }] } });
  run('bandwidth', { ...limits, prevResult: JSON.parse(first) });
  return { host, box, containerIp: address('10.1.0.2') };
}

/** Sends five datagrams at once; when each arrives, in milliseconds. */
function arrivals(from: Netns, to: Netns, destination: Ipv4Addr): number[] {
  const { emulation } = from;
  const times: number[] = [];
  const start = { ns: 0 };
  const onMessage = (): unknown => times.push(Math.round((emulation.clock.nowNs - start.ns) / NS_PER_MS));
  to.sockets.listen({ protocol: 'udp', address: destination, port: PORT, onMessage });
  const socket = from.sockets.udp();
  socket.connect(destination, PORT);
  // Neighbours first, and a full bucket again.
  socket.send(new Uint8Array(1));
  emulation.advance(1_000 * NS_PER_MS);
  times.length = 0;
  start.ns = emulation.clock.nowNs;
  for (let i = 0; i < 5; i += 1) socket.send(KILO);
  emulation.advance(1_000 * NS_PER_MS);
  return times;
}

t.test('ingress is held back on the way to the container', (t) => {
  // 100,000 octets a second, two packets at once; 25 ms of waiting room are 2,500 octets and the burst.
  const { host, box, containerIp } = container({ ingressRate: 800_000, ingressBurst: 16_000 });
  t.same(arrivals(host.netns, box, containerIp), [0, 0, 10, 20, 30]);
  t.same(arrivals(box, host.netns, address('10.1.0.1')), [0, 0, 0, 0, 0], 'the other way is free');
  t.end();
});

t.test('egress is held back on the way from the container', (t) => {
  const { host, box } = container({ egressRate: 800_000, egressBurst: 8_000 });
  t.same(arrivals(box, host.netns, address('10.1.0.1')), [0, 10, 20, 30], 'the fifth finds no room to wait');
  t.end();
});

t.test('without limits nothing is held back', (t) => {
  const { host, box, containerIp } = container({});
  t.same(arrivals(host.netns, box, containerIp), [0, 0, 0, 0, 0]);
  t.end();
});
