/**
 * Two routers on one network, of which the hosts know the one that is not the way: what it tells them, whom they believe, and
 * where their packets go then.
 *
 * Without TCP: over a veth pair the redirect is there before connect() has let go of its socket, and Linux passes over it then.
 */

import { toHex } from '../../../src/packet/index.js';
import type { KernelCase, Order } from './record.js';

const PODWIRE = 'podwire.dev/v1alpha1';
const FAR = '10.9.0.9';
const OTHER = '10.9.0.8';
const BETTER = '10.1.0.2';
const PAYLOAD = toHex(new TextEncoder().encode('what happens to this packet?'));
/** Longer than the three redirects of a case to one host wait for each other: 0, 40 and 80 ms (ip_rt_redirect_load). */
const APART_MS = 100;

interface Listener {
  /** The last octet of its address. */
  readonly octet: number;
  readonly why: string;
  /** Of eth0; `all` says what the kernel begins with. */
  readonly switches: Readonly<Record<string, string>>;
  /** Of `ip`, on this host. */
  readonly ip?: string;
}

/** A redirect is heeded where a switch is on `all` or the device, so both have to be set. */
const both = (key: string, value: string): Readonly<Record<string, string>> => ({
  [`net.ipv4.conf.all.${key}`]: value,
  [`net.ipv4.conf.eth0.${key}`]: value,
});

const HOSTS: readonly Listener[] = [
  { octet: 10, why: 'as the kernel begins', switches: {} },
  { octet: 11, why: 'heeds none', switches: both('accept_redirects', '0') },
  { octet: 12, why: 'routes, and heeds none', switches: { 'net.ipv4.ip_forward': '1' } },
  {
    octet: 16,
    why: 'routes, and heeds them all the same',
    switches: { 'net.ipv4.ip_forward': '1', ...both('accept_redirects', '1') },
  },
  { octet: 13, why: 'believes known gateways alone', switches: both('shared_media', '0') },
  {
    octet: 14,
    why: 'knows that gateway by another route',
    switches: both('shared_media', '0'),
    ip: 'route add 10.77.0.0/16 via 10.1.0.2',
  },
  {
    octet: 15,
    why: 'believes whoever is on the network',
    switches: { ...both('shared_media', '0'), ...both('secure_redirects', '0') },
  },
];

const documents = [
  {
    apiVersion: PODWIRE,
    kind: 'PhysicalNetwork',
    metadata: { name: 'net' },
    spec: {
      subnets: [
        { name: 'near', cidr: '10.1.0.0/24', gateway: '10.1.0.1' },
        { name: 'far', cidr: '10.9.0.0/24', gateway: '10.9.0.1', mtu: 1400 },
      ],
      routers: [
        { name: 'r1', interfaces: [{ subnet: 'near', address: '10.1.0.1' }] },
        {
          name: 'r2',
          interfaces: [
            { subnet: 'near', address: BETTER },
            { subnet: 'far', address: '10.9.0.1' },
          ],
        },
      ],
      hosts: [
        ...HOSTS.map(({ octet }) => ({
          name: `h${octet}`,
          interfaces: [{ subnet: 'near', address: `10.1.0.${octet}` }],
        })),
        ...[FAR, OTHER].map((address, i) => ({
          name: `x${i}`,
          interfaces: [{ subnet: 'far', address }],
          listen: [{ protocol: 'udp', port: 53 }],
        })),
      ],
    },
  },
  {
    apiVersion: PODWIRE,
    kind: 'HostConfig',
    metadata: { name: 'r1' },
    spec: { hosts: ['r1'], ip: 'route replace 10.9.0.0/24 via 10.1.0.2' },
  },
  ...HOSTS.map(({ octet, switches, ip }) => ({
    apiVersion: PODWIRE,
    kind: 'HostConfig',
    metadata: { name: `h${octet}` },
    spec: { hosts: [`h${octet}`], sysctls: switches, ...(ip === undefined ? {} : { ip }) },
  })),
];

const ordersOf = ({ octet, why }: Listener): Order[] => {
  const common = { place: `host/h${octet}`, hex: PAYLOAD, waitMs: APART_MS };
  const udp = { ...common, kind: 'udp', destination: FAR, port: 53 } as const;
  return [
    { ...udp, sourcePort: 45_000, note: `${why}: the better gateway's address is asked for` },
    { ...udp, sourcePort: 45_001, note: `${why}: told again` },
    { ...udp, sourcePort: 45_002, note: `${why}: by the better gateway` },
    { ...common, kind: 'ping', destination: FAR, id: 7, sequence: 1, note: `${why}: the same destination` },
    // Longer than the far network takes: the exception has a path MTU beside its gateway then.
    { ...udp, sourcePort: 45_004, destination: OTHER, hex: PAYLOAD.repeat(52), note: `${why}: a long datagram` },
    { ...udp, sourcePort: 45_005, destination: OTHER, hex: PAYLOAD.repeat(52), note: `${why}: the same once more` },
  ];
};

export const redirectCase = (): KernelCase => ({
  name: 'redirects',
  sources: [{ file: 'redirects.json', text: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: documents }) }],
  orders: HOSTS.flatMap(ordersOf),
});
