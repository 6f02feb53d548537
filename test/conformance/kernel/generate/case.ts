/** A whole generated case: a cluster, hands on its machines, and packets between its places. */

import type { Device, Netns } from '../../../../src/kernel/index.js';
import {
  ETHERNET_HEADER_LENGTH,
  formatIpv4,
  INADDR_ANY,
  type Mac,
  mac,
  MAC_BROADCAST,
  parseIpv4,
  toHex,
} from '../../../../src/packet/index.js';
import { EmulatedRun } from '../emulated.js';
import type { KernelCase, Order } from '../record.js';
import { type Document, someCluster, someHands } from './cluster.js';
import { Dice } from './dice.js';
import { framed, someFrames, type Way } from './frames.js';
import { EXTERNAL_ADDRESSES, SERVICE_ADDRESSES } from './policies.js';
import { replyTo } from './replies.js';
import { PORTS } from './universe.js';

/** Orders of a case: more find more in one cluster, fewer find more clusters in the same time. */
const ORDERS = { least: 10, most: 16 } as const;

export const sourcesOf = (documents: readonly Document[]): KernelCase['sources'] => [
  { file: 'cluster.json', text: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: documents }, null, 1) },
];

/** A device on which frames are put, and what is known there. */
export interface Sender {
  readonly place: string;
  readonly netns: Netns;
  readonly dev: Device;
  readonly address: string;
}

/** What can be seen of a cluster once it is built. */
export class Scene {
  readonly senders: readonly Sender[];
  readonly addresses: readonly string[];
  readonly #macs = new Map<string, Mac>();

  constructor(run: EmulatedRun) {
    const senders: Sender[] = [];
    const addresses: string[] = [];
    for (const { name: place } of run.places) {
      const netns = run.netns(place);
      for (const dev of netns.devices) {
        for (const { address } of dev.addresses) {
          const text = formatIpv4(address);
          if (dev.name !== 'lo') addresses.push(text);
          this.#macs.set(text, dev.mac);
        }
        const [first] = dev.addresses;
        if (dev.name === 'eth0' && first !== undefined)
          senders.push({ place, netns, dev, address: formatIpv4(first.address) });
      }
    }
    this.senders = senders;
    this.addresses = addresses;
  }

  /** The MAC address to which a host's own stack would send. */
  nextHop({ netns, dev }: Sender, to: string): Mac {
    const destination = parseIpv4(to) ?? INADDR_ANY;
    const route = netns.fib.routeOutput({ destination, source: INADDR_ANY });
    const via = typeof route === 'string' ? undefined : (route.gateway ?? destination);
    const known = via === undefined ? undefined : this.#macs.get(formatIpv4(via));
    if (known !== undefined) return known;
    // Calico's host end answers for everything.
    return dev.kind === 'veth' ? mac(0xeeee_eeee_eeee) : MAC_BROADCAST;
  }
}

/** Addresses that no honest host has. */
const STRANGE = ['127.0.0.1', '0.0.0.0', '255.255.255.255', '224.0.0.5', '240.0.0.1', '169.254.1.1'];
const NOBODYS = [
  '10.66.1.1',
  '10.65.0.9',
  '10.64.0.9',
  '10.63.0.9',
  '10.62.0.1',
  '10.62.0.2',
  '10.62.7.3',
  ...SERVICE_ADDRESSES,
  ...EXTERNAL_ADDRESSES,
  '198.51.100.7',
  '198.51.100.200',
  '10.244.77.7',
  '10.1.0.77',
  '10.1.0.200',
  '10.97.0.1',
  '10.99.0.1',
  '10.98.0.2',
  '10.1.0.255',
];

export function someWay(dice: Dice, scene: Scene, sender: Sender): Way {
  const to = dice.weighted([
    [8, () => dice.pick(scene.addresses)],
    [3, () => dice.pick(NOBODYS)],
    [0.5, () => dice.pick(STRANGE)],
  ])();
  const from = dice.weighted([
    [12, () => sender.address],
    [1, () => dice.pick(scene.addresses)],
    [0.7, () => dice.pick([...STRANGE, ...NOBODYS])],
  ])();
  const destinationMac = dice.weighted([
    [14, () => scene.nextHop(sender, to)],
    [0.6, () => MAC_BROADCAST],
    [0.5, () => mac(0x0200_0000_9999)],
    [0.3, () => mac(0x0100_5e00_0005)],
  ])();
  return { from, to, sourceMac: sender.dev.mac, destinationMac, mtu: sender.dev.mtu };
}

export function someSocket(dice: Dice, scene: Scene, number: number): Order {
  const sender = dice.pick(scene.senders);
  const destination = dice.weighted([
    [9, () => dice.pick(scene.addresses)],
    [3, () => dice.pick([...SERVICE_ADDRESSES, ...EXTERNAL_ADDRESSES])],
    [1, () => dice.pick(NOBODYS)],
  ])();
  const common = { place: sender.place, destination, note: `to ${destination}` };
  return dice.weighted([
    [
      3,
      (): Order => ({
        ...common,
        kind: 'udp',
        sourcePort: 45_000 + number,
        port: dice.pick(PORTS),
        hex: dice.hex(dice.between(1, 40)),
      }),
    ],
    [
      2,
      (): Order => ({
        ...common,
        kind: 'ping',
        id: 1000 + number,
        sequence: 1,
        hex: dice.hex(dice.pick([8, 32, 1600])),
      }),
    ],
    [
      2,
      (): Order => ({
        ...common,
        kind: 'tcp',
        sourcePort: 46_000 + number,
        port: dice.pick(PORTS),
        hex: dice.hex(dice.between(1, 30)),
      }),
    ],
  ])();
}

/** Fits into what a packet socket lets out: the device's MTU, its header and a VLAN tag. */
export const fits = (bytes: Uint8Array, dev: Device): boolean => bytes.length >= 14 && bytes.length <= dev.mtu + 14;

interface Sent {
  readonly way: Way;
  readonly packet: Uint8Array;
}

/** An answer to one of the packets that were sent, put on the wire where its destination is. */
function someReply(dice: Dice, scene: Scene, sent: readonly Sent[]): Order | undefined {
  if (sent.length === 0) return undefined;
  const { way, packet } = dice.pick(sent);
  const sender = scene.senders.find(({ address }) => address === way.to);
  const answer = sender === undefined ? undefined : replyTo(dice, packet);
  if (sender === undefined || answer === undefined) return undefined;
  const macs = { sourceMac: sender.dev.mac, destinationMac: scene.nextHop(sender, way.from) };
  const bytes = framed(macs, answer);
  if (!fits(bytes, sender.dev)) return undefined;
  const note = `reply, ${way.to} to ${way.from}`;
  return { kind: 'frame', place: sender.place, dev: sender.dev.name, hex: toHex(bytes), note };
}

function someOrders(dice: Dice, scene: Scene): Order[] {
  const orders: Order[] = [];
  const sent: Sent[] = [];
  const wanted = dice.between(ORDERS.least, ORDERS.most);
  while (orders.length < wanted) {
    if (dice.chance(0.25)) {
      orders.push(someSocket(dice, scene, orders.length));
      continue;
    }
    const reply = dice.chance(0.2) ? someReply(dice, scene, sent) : undefined;
    if (reply !== undefined) {
      orders.push(reply);
      continue;
    }
    const sender = dice.pick(scene.senders);
    const way = someWay(dice, scene, sender);
    for (const { bytes, note } of someFrames(dice, way)) {
      if (!fits(bytes, sender.dev)) continue;
      sent.push({ way, packet: bytes.subarray(ETHERNET_HEADER_LENGTH) });
      orders.push({
        kind: 'frame',
        place: sender.place,
        dev: sender.dev.name,
        hex: toHex(bytes),
        note: `${note}, ${way.from} to ${way.to}`,
      });
    }
  }
  return orders;
}

/** The case of a seed. */
export function generateCase(seed: number): KernelCase {
  const dice = new Dice(seed);
  const name = `seed ${seed}`;
  const plain = someCluster(dice);
  const before = new Scene(new EmulatedRun({ name, sources: sourcesOf(plain.documents), orders: [] }));
  const sources = sourcesOf([...plain.documents, ...someHands(dice, plain, before.addresses)]);
  const run = new EmulatedRun({ name, sources, orders: [] });
  // A line that is refused takes its whole text with it, and the case would look at less than it seems to.
  const refused = run.cluster.findings.find(({ code }) => code === 'unmodelled');
  if (refused !== undefined) throw new Error(`${name} has a line that is refused: ${refused.message}`);
  const scene = new Scene(run);
  return { name, sources, orders: someOrders(dice, scene) };
}
