/** Random but valid clusters: nodes, subnets, pools, MTUs, pods, and what somebody has set on the machines by hand. */

import type { Dice } from './dice.js';
import { EXTERNAL_ADDRESSES, policies, SERVICE_ADDRESSES, services, someLabels } from './policies.js';
import { someRules, someSets } from './rules.js';
import { UDP_PORT, type Universe } from './universe.js';

export type Document = Readonly<Record<string, unknown>>;

interface NodePlan {
  readonly name: string;
  readonly address: string;
  readonly subnet: number;
}

const PODWIRE = 'podwire.dev/v1alpha1';
const MTUS = [1500, 1500, 1500, 1400, 1300] as const;

const subnet = (i: number): string => `10.1.${i}.0/24`;
const gateway = (i: number): string => `10.1.${i}.1`;
const OUTSIDE = '203.0.113.0/24';
const LAPTOP = '203.0.113.10';

const cniConflist = (dice: Dice, plugin: 'bridge' | 'ptp', podCidr: string): string =>
  JSON.stringify({
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: plugin,
        ...(plugin === 'bridge'
          ? {
              bridge: 'cni0',
              isGateway: true,
              hairpinMode: dice.chance(0.5),
            }
          : {}),
        ipMasq: dice.chance(0.4),
        mtu: dice.pick([0, 1400]),
        ipam: { type: 'host-local', ranges: [[{ subnet: podCidr }]], routes: [{ dst: '0.0.0.0/0' }] },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  });

function pods(dice: Dice, nodes: readonly NodePlan[]): Document[] {
  return nodes.flatMap(({ name: nodeName }, n) =>
    Array.from({ length: dice.between(1, 2) }, (_, i): Document => {
      const port = dice.pick([80, 8080, 53]);
      return {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `p${n}${i}`, namespace: 'default', labels: someLabels(dice) },
        spec: {
          nodeName,
          containers: [
            {
              name: 'c',
              image: 'x',
              ports: [
                { containerPort: port, ...(dice.chance(0.25) ? { hostPort: 30_000 + port } : {}) },
                { containerPort: UDP_PORT, protocol: 'UDP' },
              ],
            },
          ],
        },
      };
    }),
  );
}

function physicalNetwork(dice: Dice, nodes: readonly NodePlan[]): Document {
  const subnets = [...new Set(nodes.map(({ subnet: i }) => i))];
  return {
    apiVersion: PODWIRE,
    kind: 'PhysicalNetwork',
    metadata: { name: 'net' },
    spec: {
      subnets: [
        ...subnets.map((i) => ({ name: `rack${i}`, cidr: subnet(i), gateway: gateway(i), mtu: dice.pick(MTUS) })),
        { name: 'outside', cidr: OUTSIDE, gateway: '203.0.113.1', mtu: dice.pick(MTUS) },
      ],
      routers: [
        {
          name: 'router',
          interfaces: [
            ...subnets.map((i) => ({ subnet: `rack${i}`, address: gateway(i) })),
            { subnet: 'outside', address: '203.0.113.1' },
          ],
        },
      ],
      hosts: [
        {
          name: 'laptop',
          interfaces: [{ subnet: 'outside', address: LAPTOP }],
          listen: [
            { protocol: 'tcp', port: 443 },
            { protocol: 'udp', port: UDP_PORT },
          ],
        },
      ],
    },
  };
}

const SWITCHES: readonly (readonly [path: string, values: readonly number[]])[] = [
  ['net.ipv4.conf.all.rp_filter', [0, 1, 2]],
  ['net.ipv4.conf.eth0.rp_filter', [0, 1, 2]],
  ['net.ipv4.conf.all.accept_local', [0, 1]],
  ['net.ipv4.conf.eth0.route_localnet', [0, 1]],
  ['net.ipv4.conf.all.arp_ignore', [0, 1, 2]],
  ['net.ipv4.conf.all.arp_announce', [0, 1, 2]],
  ['net.ipv4.conf.all.arp_filter', [0, 1]],
  ['net.ipv4.conf.eth0.proxy_arp', [0, 1]],
  ['net.ipv4.conf.all.src_valid_mark', [0, 1]],
  ['net.ipv4.conf.all.send_redirects', [0]],
  ['net.ipv4.conf.eth0.send_redirects', [0]],
  ['net.ipv4.ip_default_ttl', [64, 37]],
  ['net.ipv4.ip_forward_use_pmtu', [0, 1]],
  ['net.ipv4.ip_no_pmtu_disc', [0, 1, 2, 3]],
  ['net.ipv4.icmp_echo_ignore_all', [0, 0, 1]],
  ['net.ipv4.icmp_errors_use_inbound_ifaddr', [0, 1]],
  ['net.ipv4.fwmark_reflect', [0, 1]],
  ['net.netfilter.nf_conntrack_tcp_be_liberal', [0, 1]],
  ['net.netfilter.nf_conntrack_tcp_loose', [0, 1]],
  ['net.netfilter.nf_conntrack_checksum', [0, 1]],
  ['net.bridge.bridge-nf-call-iptables', [0, 1]],
];

/** Lines of `ip`: more addresses (each machine its own, on a link), routes of every kind, policy rules, neighbours. */
function ipLines(dice: Dice, number: number, via: string): string[] {
  const lines = [
    'addr add 10.99.0.1/32 dev lo',
    `addr add 10.98.0.${number}/24 broadcast + dev eth0`,
    `route add ${dice.pick(['blackhole', 'unreachable', 'prohibit', 'throw'])} 10.66.0.0/16`,
    `route add 10.65.0.0/24 via ${via} metric ${dice.between(0, 50)}`,
    `route add 10.64.0.0/24 via ${via} mtu ${dice.pick([900, 1200])}`,
    `route add 10.63.0.0/24 dev eth0 src 10.99.0.1`,
    `route add 10.62.0.0/16 nexthop via ${via} dev eth0 nexthop via 10.1.0.200 dev eth0 onlink weight ${dice.between(1, 3)}`,
    `route add table 100 default via ${via}`,
    `route add table 100 ${dice.pick(['unreachable', 'prohibit', 'blackhole'])} 198.51.100.0/24`,
    `rule add pref 1000 fwmark ${dice.pick(['0x1', '0x10/0x10'])} lookup 100`,
    `rule add pref 1001 from 10.98.0.0/24 lookup 100`,
    `rule add pref 1002 to 198.51.100.0/25 ${dice.pick(['prohibit', 'unreachable', 'blackhole'])}`,
    `rule add pref 1003 iif eth0 ipproto udp dport 53 lookup 100`,
    `neigh replace 10.1.0.200 lladdr 02:00:00:00:02:00 dev eth0 nud permanent`,
    `neigh add proxy 10.97.0.1 dev eth0`,
    `link set eth0 ${dice.pick(['promisc', 'allmulticast'])} on`,
  ];
  // Some lines need others: an address before what is said of it.
  return lines.filter((line) => dice.chance(line.includes('10.99.0.1/32') ? 1 : 0.45));
}

function hostConfig(
  dice: Dice,
  name: string,
  about: { readonly number: number; readonly via: string; readonly universe: Omit<Universe, 'sets'> },
): Document {
  const { number, universe, via } = about;
  const { text: ipsets, sets } = someSets(dice, universe);
  const sysctls = Object.fromEntries(
    dice.some(SWITCHES, 0.25).map(([path, values]) => [path, String(dice.pick(values))]),
  );
  return {
    apiVersion: PODWIRE,
    kind: 'HostConfig',
    metadata: { name: `hand-${name}` },
    spec: {
      hosts: [name],
      ip: `${ipLines(dice, number, via).join('\n')}\n`,
      sysctls: {
        ...sysctls,
        // Which of several equal ways a flow takes hangs on a key of the boot, or on this.
        'net.ipv4.fib_multipath_hash_seed': '4711',
      },
      ...(dice.chance(0.8) ? { ipsets, iptables: someRules(dice, { ...universe, sets }) } : {}),
    },
  };
}

/** Without Calico: pods by bridge or ptp, and static routes between the nodes. */
function plainCni(dice: Dice, nodes: readonly NodePlan[]): Document[] {
  const plugin = dice.pick(['bridge', 'ptp'] as const);
  return nodes.map(({ name }, i) => ({
    apiVersion: PODWIRE,
    kind: 'HostConfig',
    metadata: { name: `cni-${name}` },
    spec: {
      hosts: [name],
      routes: nodes.flatMap((other, j) =>
        j === i
          ? []
          : [
              {
                to: `10.22.${j}.0/24`,
                via: other.subnet === nodes[i]?.subnet ? other.address : gateway(nodes[i]?.subnet ?? 0),
              },
            ],
      ),
      files: { '/etc/cni/net.d/10-pods.conflist': cniConflist(dice, plugin, `10.22.${i}.0/24`) },
    },
  }));
}

function calico(dice: Dice): Document[] {
  return [
    {
      apiVersion: 'projectcalico.org/v3',
      kind: 'IPPool',
      metadata: { name: 'pool' },
      spec: {
        cidr: '10.244.0.0/16',
        blockSize: dice.pick([26, 26, 28, 29]),
        vxlanMode: dice.pick(['Always', 'CrossSubnet']),
        ipipMode: 'Never',
        natOutgoing: dice.chance(0.7),
      },
    },
    {
      apiVersion: 'projectcalico.org/v3',
      kind: 'FelixConfiguration',
      metadata: { name: 'default' },
      spec: {
        ...(dice.chance(0.3) ? { defaultEndpointToHostAction: dice.pick(['Accept', 'Drop', 'Return']) } : {}),
        ...(dice.chance(0.2) ? { chainInsertMode: 'Append' } : {}),
        ...(dice.chance(0.2) ? { vxlanVNI: 77 } : {}),
      },
    },
  ];
}

/** How often a redirect is sent depends on milliseconds: on no machine, by no device. */
const NO_REDIRECTS: Document = {
  apiVersion: PODWIRE,
  kind: 'HostConfig',
  metadata: { name: 'no-redirects' },
  spec: {
    sysctls: {
      'net.ipv4.conf.all.send_redirects': '0',
      'net.ipv4.conf.default.send_redirects': '0',
      'net.ipv4.conf.eth0.send_redirects': '0',
    },
  },
};

/** A cluster before anybody has put a hand to its machines. */
export interface PlainCluster {
  readonly documents: readonly Document[];
  readonly machines: readonly { readonly name: string; readonly via: string }[];
}

export function someCluster(dice: Dice): PlainCluster {
  const twoRacks = dice.chance(0.4);
  const count = dice.weighted([
    [1, 1],
    [4, 2],
    [1, 3],
  ]);
  const nodes: NodePlan[] = Array.from({ length: count }, (_, i) => {
    const rack = twoRacks && i > 0 ? 1 : 0;
    return { name: `n${i}`, address: `10.1.${rack}.1${i}`, subnet: rack };
  });
  return {
    documents: [
      ...nodes.map(
        ({ name, address }): Document => ({
          apiVersion: 'v1',
          kind: 'Node',
          metadata: {
            name,
            labels: { 'kubernetes.io/hostname': name },
            annotations: { 'projectcalico.org/IPv4Address': `${address}/24` },
          },
          spec: {},
          status: { addresses: [{ type: 'InternalIP', address }] },
        }),
      ),
      physicalNetwork(dice, nodes),
      NO_REDIRECTS,
      ...(dice.chance(0.7) ? [...calico(dice), ...(dice.chance(0.5) ? policies(dice) : [])] : plainCni(dice, nodes)),
      ...pods(dice, nodes),
      ...services(dice, nodes[0]?.address ?? LAPTOP),
    ],
    machines: [
      ...nodes.map(({ name, subnet: i }) => ({ name, via: gateway(i) })),
      { name: 'router', via: nodes[0]?.address ?? LAPTOP },
    ],
  };
}

/** What somebody has done by hand on the machines of a cluster, in words of the addresses that are there. */
export function someHands(dice: Dice, { machines }: PlainCluster, addresses: readonly string[]): Document[] {
  const universe = {
    addresses: [
      ...new Set([...addresses, '10.99.0.1', '10.98.0.1', '127.0.0.1', ...SERVICE_ADDRESSES, ...EXTERNAL_ADDRESSES]),
    ],
    prefixes: ['10.244.0.0/16', '10.22.0.0/16', '10.1.0.0/24', OUTSIDE, '10.96.0.0/12', '0.0.0.0/0', '10.64.0.0/10'],
    interfaces: ['eth0', 'eth+', 'cali+', 'vxlan.calico', 'cni0', 'veth+', 'lo'],
  };
  return machines
    .filter(({ name }) => dice.chance(name === 'router' ? 0.4 : 0.85))
    .map(({ name, via }, i) => hostConfig(dice, name, { number: i + 1, via, universe }));
}
