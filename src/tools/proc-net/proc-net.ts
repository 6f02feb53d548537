/** Files of /proc/net that show the state of a namespace. */

import { type Device, type FibRoute, type Neighbour, type Netns, RT_TABLE } from '../../kernel/index.js';
import { formatIpv4, formatMac, ipv4Mask, parseIpv4 } from '../../packet/index.js';
import { groupsOf } from '../groups.js';
import { devicesOf } from '../ip/device.js';
import { fibTrieStatText, fibTrieText } from './fib-trie.js';
import { littleEndian } from './hex.js';

import { netstatText, snmpText, sockstatText } from './mib.js';
import { lines } from '../tool.js';
import { socketFiles } from './sockets.js';

/** net/core/net-procfs.c:dev_seq_printf_stats(). */
function deviceRow({ name, counters: c }: Device): string {
  const received = [c.rxBytes, c.rxPackets, c.rxErrors, c.rxDropped, 0, 0, 0, 0];
  const sent = [c.txBytes, c.txPackets, c.txErrors, c.txDropped, 0, c.collisions, c.txCarrierErrors, 0];
  const widths = [7, 7, 4, 4, 4, 5, 10, 9, 8, 7, 4, 4, 4, 5, 7, 10];
  const numbers = [...received, ...sent].map((value, i) => String(value).padStart(widths[i] ?? 0));
  return `${name.padStart(6)}: ${numbers.join(' ')}`;
}

const DEV_HEADER = [
  'Inter-|   Receive                                                |  Transmit',
  ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
];

const dev = (netns: Netns): string => lines([...DEV_HEADER, ...devicesOf(netns).map(deviceRow)]);

/** include/uapi/linux/if_arp.h. */
const ATF = { complete: 0x02, permanent: 0x04, published: 0x08 } as const;

const arpRow = (address: string, flags: number, mac: string, { name }: Device): string =>
  `${address.padEnd(16)} 0x1         0x${flags.toString(16).padEnd(10)}${mac}     *        ${name}`;

const flagsOf = ({ state, valid }: Neighbour): number =>
  state === 'permanent' ? ATF.complete | ATF.permanent : valid ? ATF.complete : 0;

/** net/ipv4/arp.c:arp_seq_show(): entries that need no ARP are left out. */
function arp({ neighbours }: Netns): string {
  const entries = [...neighbours.entries()]
    .filter(({ state }) => state !== 'noarp' && state !== 'none')
    .map((entry) => {
      const mac = entry.valid ? formatMac(entry.mac) : '00:00:00:00:00:00';
      return arpRow(formatIpv4(entry.address), flagsOf(entry), mac, entry.dev);
    });
  const proxies = [...neighbours.proxies()].map((entry) =>
    arpRow(formatIpv4(entry.address), ATF.permanent | ATF.published, '00:00:00:00:00:00', entry.dev),
  );
  const header = 'IP address       HW type     Flags       HW address            Mask     Device';
  return lines([header, ...entries, ...proxies]);
}

/** include/uapi/linux/route.h. */
const RTF = { up: 0x0001, gateway: 0x0002, host: 0x0004, reject: 0x0200 } as const;

const ROW = 127;

/** net/ipv4/fib_trie.c:fib_route_seq_show(): of several next hops the first. */
function routeRow({ type, destination, metric, nextHops }: FibRoute): string {
  const [hop] = nextHops;
  const gateway = hop?.via;
  const rejects = type === 'unreachable' || type === 'prohibit';
  const flags =
    RTF.up |
    (rejects ? RTF.reject : 0) |
    (gateway === undefined ? 0 : RTF.gateway) |
    (destination.length === 32 ? RTF.host : 0);
  const fields = [
    hop?.dev?.name ?? '*',
    littleEndian(destination.addr),
    littleEndian(gateway ?? 0),
    flags.toString(16).padStart(4, '0').toUpperCase(),
    '0',
    '0',
    String(metric),
    littleEndian(ipv4Mask(destination.length)),
    '0',
    '0',
    '0',
  ];
  return fields.join('\t').padEnd(ROW);
}

/** Of the table main, where nobody is at home. */
function route({ fib }: Netns): string {
  const shown = fib
    .routes(RT_TABLE.main)
    .filter(({ type }) => type !== 'local' && type !== 'broadcast' && type !== 'multicast' && type !== 'anycast');
  const header = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT';
  return lines([header.padEnd(ROW), ...shown.map(routeRow)]);
}

/** net/netfilter/nf_conntrack_standalone.c:ct_seq_show(), which holds what it shows. */
const conntrack = ({ conntrack: table }: Netns): string =>
  lines(
    table.entries().map((entry) => table.format(entry, { extended: true, use: 2 }).replace(/ use=2$/, ' zone=0 use=2')),
  );

/** net/ipv4/igmp.c:igmp_mc_seq_show(): groups that the kernel itself has joined, by the third version, whose timers are the device's. */
const igmp = (netns: Netns): string =>
  lines([
    'Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter',
    ...devicesOf(netns).flatMap((device) => {
      const groups = groupsOf(device);
      if (groups.length === 0) return [];
      const title = `${device.ifindex}\t${device.name.padEnd(10)}: ${String(groups.length).padStart(5)}      V3`;
      const rows = groups.map((group) => `\t\t\t\t${littleEndian(parseIpv4(group) ?? 0)}     1 0:00000000\t\t0`);
      return [title, ...rows];
    }),
  ]);

/** net/sched/sch_api.c:psched_show(): what a tick of the scheduler is, for `tc`. */
const PSCHED = '000003e8 00000040 000f4240 3b9aca00';

export const procNetFiles = (netns: Netns): readonly (readonly [path: string, content: string])[] => [
  ['/proc/net/arp', arp(netns)],
  ['/proc/net/dev', dev(netns)],
  ['/proc/net/fib_trie', fibTrieText(netns)],
  ['/proc/net/fib_triestat', fibTrieStatText(netns)],
  ['/proc/net/igmp', igmp(netns)],
  ['/proc/net/netstat', netstatText(netns)],
  ['/proc/net/nf_conntrack', conntrack(netns)],
  ['/proc/net/psched', lines([PSCHED])],
  ['/proc/net/route', route(netns)],
  ['/proc/net/snmp', snmpText(netns)],
  ['/proc/net/sockstat', sockstatText(netns)],
  ...socketFiles(netns),
];
