/**
 * Machines that are told of a narrow path, in each of the ways that ip_no_pmtu_disc has: whom they believe, how long their packets
 * are then, and whether these may be cut. What TCP sends fits into one segment: with more, Linux begins to tune its window.
 */

import { ETHERTYPE, encodeEthernet, ETHERNET_HEADER_LENGTH, toHex } from '../../../src/packet/index.js';
import { icmp, udp } from '../../kernel/conntrack/packets.js';
import { EmulatedRun } from './emulated.js';
import type { KernelCase, Order } from './record.js';

const PODWIRE = 'podwire.dev/v1alpha1';
const MODES = [0, 1, 2, 3] as const;
/** What routers say: a narrow path, one below min_pmtu, and nothing, as those older than RFC 1191. */
const TOLD = [1200, 100, 0] as const;
const QUOTED_OCTETS = 28;
const octets = (length: number): string => toHex(Uint8Array.from({ length }, (_, i) => i & 0xff));
const LONG = octets(1300);

const hostOf = (mode: number): { readonly name: string; readonly address: string } => ({
  name: `mode${mode}`,
  address: `10.1.0.${10 + mode}`,
});
const farOf = (i: number): { readonly name: string; readonly address: string } => ({
  name: `far${i}`,
  address: `10.9.0.${10 + i}`,
});

const DOCUMENTS = [
  {
    apiVersion: PODWIRE,
    kind: 'PhysicalNetwork',
    metadata: { name: 'net' },
    spec: {
      subnets: [
        { name: 'near', cidr: '10.1.0.0/24', gateway: '10.1.0.1' },
        { name: 'far', cidr: '10.9.0.0/24', gateway: '10.9.0.1' },
      ],
      routers: [
        {
          name: 'gateway',
          interfaces: [
            { subnet: 'near', address: '10.1.0.1' },
            { subnet: 'far', address: '10.9.0.1' },
          ],
        },
      ],
      hosts: [
        ...MODES.map((mode) => ({
          name: hostOf(mode).name,
          interfaces: [{ subnet: 'near', address: hostOf(mode).address }],
        })),
        ...TOLD.map((_, i) => ({
          name: farOf(i).name,
          interfaces: [{ subnet: 'far', address: farOf(i).address }],
          listen: [
            { protocol: 'tcp', port: 80 },
            { protocol: 'udp', port: 53 },
          ],
        })),
      ],
    },
  },
  ...MODES.map((mode) => ({
    apiVersion: PODWIRE,
    kind: 'HostConfig',
    metadata: { name: hostOf(mode).name },
    spec: { hosts: [hostOf(mode).name], sysctls: { 'net.ipv4.ip_no_pmtu_disc': String(mode) } },
  })),
];

/** An error of the gateway's about a datagram, as a frame. */
function fragmentationNeeded(
  run: EmulatedRun,
  about: {
    readonly host: ReturnType<typeof hostOf>;
    readonly far: string;
    readonly port: number;
    readonly mtu: number;
  },
): string {
  const { host, far, port, mtu } = about;
  const quoted = udp({ from: `${host.address}:${port}`, to: `${far}:53`, data: 4 }).subarray(0, QUOTED_OCTETS);
  const packet = icmp({ from: '10.1.0.1', to: host.address, type: 3, code: 4, rest: mtu, quoted });
  const frame = new Uint8Array(ETHERNET_HEADER_LENGTH + packet.length);
  encodeEthernet(new DataView(frame.buffer), 0, {
    destination: run.netns(`host/${host.name}`).links.require('eth0').mac,
    source: run.netns('host/gateway').links.require('eth0').mac,
    etherType: ETHERTYPE.ipv4,
  });
  frame.set(packet, ETHERNET_HEADER_LENGTH);
  return toHex(frame);
}

export function pathMtuCase(): KernelCase {
  const name = 'path MTUs';
  const items = { apiVersion: 'v1', kind: 'List', items: DOCUMENTS };
  const sources = [{ file: 'path-mtu.json', text: JSON.stringify(items) }];
  const run = new EmulatedRun({ name, sources, orders: [] });
  const orders = MODES.flatMap((mode) =>
    TOLD.flatMap((mtu, i): Order[] => {
      const host = hostOf(mode);
      const far = farOf(i).address;
      const port = 45_000 + i;
      const note = `mode ${mode}, told ${mtu}`;
      const common = { place: `host/${host.name}`, destination: far, note };
      return [
        { ...common, kind: 'udp', sourcePort: port, port: 53, hex: LONG },
        {
          kind: 'frame',
          place: 'host/gateway',
          dev: 'eth0',
          hex: fragmentationNeeded(run, { host, far, port, mtu }),
          note,
        },
        { ...common, kind: 'udp', sourcePort: port + 100, port: 53, hex: LONG },
        { ...common, kind: 'udp', sourcePort: port + 200, port: 53, hex: octets(100) },
        { ...common, kind: 'ping', id: 900 + i, sequence: 1, hex: LONG },
        { ...common, kind: 'tcp', sourcePort: port + 300, port: 80, hex: octets(400) },
      ];
    }),
  );
  return { name, sources, orders };
}
