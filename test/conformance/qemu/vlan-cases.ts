/**
 * Random cases about a bridge that filters by VLAN, as the CNI plugin `bridge` makes it where its network has a `vlan`:
 * frames of the pods without a tag, with their VLAN's, with another one's, and with a priority alone.
 */

import { encodeVlan, ETHERNET_HEADER_LENGTH, ETHERTYPE, toHex } from '../../../src/packet/index.js';
import { EmulatedRun } from '../kernel/emulated.js';
import { fits, Scene, someSocket, someWay, sourcesOf } from '../kernel/generate/case.js';
import type { Document } from '../kernel/generate/cluster.js';
import { Dice } from '../kernel/generate/dice.js';
import { someFrames } from '../kernel/generate/frames.js';
import type { KernelCase, Order } from '../kernel/record.js';

const PODWIRE = 'podwire.dev/v1alpha1';
const VLAN = 100;
/** Those of the pods' VLAN, of nobody's, of every bridge's own, and a priority without a VLAN. */
const TAGS = [VLAN, VLAN, 200, 1, 0] as const;
const MACS_LENGTH = 12;
const TAG_LENGTH = 4;

const NODES = [
  { name: 'n0', address: '10.1.0.10', pods: ['p0', 'p1', 'p2'], subnet: '10.22.0.0/24', bridge: { vlan: VLAN } },
  { name: 'n1', address: '10.1.0.11', pods: ['q0'], subnet: '10.22.1.0/24', bridge: {} },
] as const;

const conflist = (dice: Dice, subnet: string, bridge: object): string =>
  JSON.stringify({
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        hairpinMode: dice.chance(0.5),
        ...bridge,
        ipam: { type: 'host-local', ranges: [[{ subnet }]], routes: [{ dst: '0.0.0.0/0' }] },
      },
    ],
  });

const documents = (dice: Dice): Document[] => [
  {
    apiVersion: PODWIRE,
    kind: 'PhysicalNetwork',
    metadata: { name: 'net' },
    spec: { subnets: [{ name: 'rack', cidr: '10.1.0.0/24' }] },
  },
  ...NODES.flatMap(({ name, address, pods, subnet, bridge }): Document[] => [
    {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: { 'kubernetes.io/hostname': name } },
      spec: {},
      status: { addresses: [{ type: 'InternalIP', address }] },
    },
    {
      apiVersion: PODWIRE,
      kind: 'HostConfig',
      metadata: { name: `cni-${name}` },
      spec: {
        hosts: [name],
        files: { '/etc/cni/net.d/10-pods.conflist': conflist(dice, subnet, bridge) },
        routes: NODES.filter((other) => other.name !== name).map((other) => ({ to: other.subnet, via: other.address })),
        sysctls: {
          'net.ipv4.conf.all.send_redirects': '0',
          'net.ipv4.conf.default.send_redirects': '0',
          'net.ipv4.conf.eth0.send_redirects': '0',
        },
      },
    },
    ...pods.map(
      (pod): Document => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: pod, namespace: 'default' },
        spec: {
          nodeName: name,
          containers: [
            { name: 'c', image: 'x', ports: [{ containerPort: 80 }, { containerPort: 53, protocol: 'UDP' }] },
          ],
        },
      }),
    ),
  ]),
];

function tagged(frame: Uint8Array, vlanId: number, priority: number): Uint8Array {
  const bytes = new Uint8Array(frame.length + TAG_LENGTH);
  bytes.set(frame.subarray(0, MACS_LENGTH));
  bytes.set(frame.subarray(MACS_LENGTH), MACS_LENGTH + TAG_LENGTH);
  const view = new DataView(bytes.buffer);
  const etherType = view.getUint16(MACS_LENGTH + TAG_LENGTH);
  view.setUint16(MACS_LENGTH, ETHERTYPE.vlan);
  encodeVlan(view, ETHERNET_HEADER_LENGTH, { vlanId, priority, etherType });
  return bytes;
}

/** The case of a seed. */
export function vlanCase(seed: number, count = 24): KernelCase {
  const dice = new Dice(seed * 7919 + 3);
  const name = `VLANs of seed ${seed}`;
  const sources = sourcesOf(documents(dice));
  const scene = new Scene(new EmulatedRun({ name, sources, orders: [] }));
  const orders: Order[] = [];
  while (orders.length < count) {
    if (dice.chance(0.25)) {
      orders.push(someSocket(dice, scene, orders.length));
      continue;
    }
    const sender = dice.pick(scene.senders);
    for (const { bytes: frame, note } of someFrames(dice, someWay(dice, scene, sender))) {
      const vlanId = sender.place.startsWith('pod/') && dice.chance(0.5) ? dice.pick(TAGS) : undefined;
      const bytes = vlanId === undefined ? frame : tagged(frame, vlanId, dice.between(0, 7));
      if (!fits(bytes, sender.dev)) continue;
      const what = vlanId === undefined ? note : `${note}, tag ${vlanId}`;
      orders.push({ kind: 'frame', place: sender.place, dev: sender.dev.name, hex: toHex(bytes), note: what });
    }
  }
  return { name, sources, orders };
}
