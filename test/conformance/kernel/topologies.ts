/** Every topology as a case: traffic of each kind between everybody. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatIpv4, toHex } from '../../../src/packet/index.js';
import { EmulatedRun } from './emulated.js';
import type { KernelCase, Order } from './record.js';

const FOLDER = 'topologies';
/** Enough to meet every pair of nodes and kinds; more would only take time. */
const MAX_PAIRS = 14;
const PAYLOAD = toHex(new TextEncoder().encode('what happens to this packet?'));

export const topologyNames = (): string[] => readdirSync(FOLDER).toSorted();

export const topologySources = (name: string): KernelCase['sources'] =>
  readdirSync(join(FOLDER, name))
    .filter((file) => /\.ya?ml$/.test(file))
    .toSorted()
    .map((file) => ({ file, text: readFileSync(join(FOLDER, name, file), 'utf8') }));

/** A case whose orders are made for the places that it turns out to have. */
export function topologyCase(name: string): KernelCase {
  const sources = topologySources(name);
  const run = new EmulatedRun({ name, sources, orders: [] });
  const ends = run.places.flatMap(({ name: place }) => {
    const netns = run.netns(place);
    const addresses = [...netns.devices].flatMap((dev) => dev.addresses.map(({ address }) => address));
    const address = addresses.find((one) => !formatIpv4(one).startsWith('127.'));
    return address === undefined ? [] : [{ place, address: formatIpv4(address), listeners: netns.sockets.listeners() }];
  });
  const pairs = ends.flatMap((from, i) =>
    ends.flatMap((to, j) => (i === j ? [] : [{ from, to, step: i * 7 + j * 13 }])),
  );
  const chosen = pairs.toSorted((a, b) => (a.step % 31) - (b.step % 31)).slice(0, MAX_PAIRS);
  const orders = chosen.flatMap(({ from, to }, i): Order[] => {
    const tcp = to.listeners.find(({ protocol }) => protocol === 'tcp')?.port;
    const udp = to.listeners.find(({ protocol }) => protocol === 'udp')?.port;
    const common = { place: from.place, destination: to.address, note: `${from.place} to ${to.place}`, hex: PAYLOAD };
    return [
      { ...common, kind: 'ping', id: 100 + i, sequence: 1 },
      { ...common, kind: 'udp', sourcePort: 42_000 + i, port: udp ?? 9999 },
      { ...common, kind: 'tcp', sourcePort: 43_000 + i, port: tcp ?? 9998 },
    ];
  });
  return { name, sources, orders };
}
