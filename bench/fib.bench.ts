/**
 * Routing by itself, in tables as they are on nodes: 70 of 100 routes are /26 blocks of pods, 20 are single
 * addresses, the rest mixed; addresses asked for are spread over the routes. Longest prefix match alone, then
 * whole decisions for packets that come in and that are made here, then what changes cost.
 */

import { PrefixTree } from '../src/kernel/fib/prefix-tree.js';
import { Random } from '../src/kernel/random.js';
import { type Ipv4Addr, type Ipv4Prefix, ipv4, ipv4Network } from '../src/packet/index.js';
import { type FakeNetns, ip, netnsWith } from '../test/kernel/fib/fake-netns.js';

const ROUNDS = 9;
const LOOKUPS = 1_000_000;
const ASKED = 65_536;
const SIZES = [8, 120, 10_000, 50_000] as const;

/** Millions a second: the median of several rounds, with least and most. */
function measure(name: string, count: number, round: () => void): void {
  const rates: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const start = process.cpuUsage();
    round();
    const { user, system } = process.cpuUsage(start);
    rates.push(count / (user + system));
  }
  const sorted = rates.toSorted((a, b) => a - b);
  const at = (part: number): string => (sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(2);
  console.log(`${name.padEnd(58)} ${at(0.5).padStart(7)} M/s   [${at(0)}..${at(1)}]`);
}

function makePrefixes(count: number, random: Random): Ipv4Prefix[] {
  const prefixes = new Map<string, Ipv4Prefix>();
  while (prefixes.size < count) {
    const kind = random.below(10);
    const length = kind < 7 ? 26 : kind < 9 ? 32 : 8 + random.below(24);
    const addr = ipv4Network(ipv4(0x0a00_0000 + random.below(0x0100_0000)), length);
    prefixes.set(`${addr}/${length}`, { addr, length });
  }
  return [...prefixes.values()];
}

const makeAsked = (prefixes: readonly Ipv4Prefix[], random: Random): Ipv4Addr[] =>
  Array.from({ length: ASKED }, () => {
    const prefix = prefixes[random.below(prefixes.length)]!;
    return ipv4(prefix.addr + random.below(2 ** (32 - prefix.length)));
  });

function node(prefixes: readonly Ipv4Prefix[]): FakeNetns {
  const netns = netnsWith('172.16.0.1/24', '192.168.0.1/24');
  netns.sysctl.set('net.ipv4.ip_forward', '1');
  const via = ip('172.16.0.2');
  const dev = netns.dev('v0');
  netns.fib.addRoute({ destination: { addr: ipv4(0), length: 0 }, nextHops: [{ via }] });
  for (const destination of prefixes) netns.fib.addRoute({ destination, nextHops: [{ via, dev }], protocol: 12 });
  return netns;
}

for (const size of SIZES) {
  const random = new Random(size);
  const prefixes = makePrefixes(size, random);
  const asked = makeAsked(prefixes, random);
  const tree = new PrefixTree();
  for (const prefix of prefixes) tree.require(prefix.addr, prefix.length);
  let hits = 0;
  measure(`longest prefix match, ${size} prefixes`, LOOKUPS, () => {
    for (let i = 0; i < LOOKUPS; i++) if (tree.find(asked[i & (ASKED - 1)]!) !== undefined) hits += 1;
  });
  if (hits < LOOKUPS * ROUNDS) throw new Error('every address has a prefix');

  const netns = node(prefixes);
  const iif = netns.dev('v1');
  const flows = asked.map((destination) => ({ destination, source: ip('192.168.0.9'), iif, tos: 0, mark: 0 }));
  const out = asked.map((destination) => ({ destination, source: ipv4(0) }));
  measure(`routeInput (forward), ${size} routes`, LOOKUPS, () => {
    for (let i = 0; i < LOOKUPS; i++)
      if (typeof netns.fib.routeInput(flows[i & (ASKED - 1)]!) === 'string') throw new Error('dropped');
  });
  measure(`routeOutput, ${size} routes`, LOOKUPS, () => {
    for (let i = 0; i < LOOKUPS; i++)
      if (typeof netns.fib.routeOutput(out[i & (ASKED - 1)]!) === 'string') throw new Error('no route');
  });
  netns.sysctl.set('net.ipv4.conf.all.rp_filter', '1');
  measure(`routeInput with rp_filter 1, ${size} routes`, LOOKUPS, () => {
    for (let i = 0; i < LOOKUPS; i++)
      if (typeof netns.fib.routeInput(flows[i & (ASKED - 1)]!) === 'string') throw new Error('dropped');
  });
  netns.fib.addRule({ priority: 100, fwmark: { value: 0x10, mask: 0xff }, table: 100 });
  measure(`routeInput with rp_filter 1 and a rule, ${size} routes`, LOOKUPS, () => {
    for (let i = 0; i < LOOKUPS; i++)
      if (typeof netns.fib.routeInput(flows[i & (ASKED - 1)]!) === 'string') throw new Error('dropped');
  });

  const start = process.cpuUsage();
  node(prefixes);
  const { user, system } = process.cpuUsage(start);
  console.log(
    `${`adding ${size} routes with gateways`.padEnd(58)} ${((user + system) / 1000).toFixed(2).padStart(7)} ms`,
  );
  if (globalThis.gc === undefined) continue;
  globalThis.gc();
  const before = process.memoryUsage();
  const kept = node(prefixes);
  for (const flow of asked) kept.fib.lookup({ destination: flow, source: ipv4(0) });
  globalThis.gc();
  const after = process.memoryUsage();
  const octets = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  console.log(
    `${`memory of the namespace, index included, ${size} routes`.padEnd(58)} ${(octets / 1024).toFixed(0).padStart(7)} KiB (${(octets / size).toFixed(0)} octets a route, ${kept.devices.size} devices)`,
  );
}
