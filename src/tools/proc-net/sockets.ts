/**
 * /proc/net/tcp, udp, udplite, raw and icmp (net/ipv4/tcp_ipv4.c:tcp4_seq_show(), udp.c, raw.c). Differs: pointers are 0 and inodes
 * count on from 1, which are drawn in life, as is the place in a hash that `sl` of udp tells; of timers and windows of TCP there is
 * what a connection at rest has.
 */

import type { Netns, SocketEntry } from '../../kernel/index.js';
import { socketsOf } from '../ss/ss.js';
import { STATE_NAMES, stateOf } from '../ss/states.js';
import { lines } from '../tool.js';
import { littleEndian } from './hex.js';

const hex = (value: number, width: number): string => value.toString(16).toUpperCase().padStart(width, '0');

const end = (address: number, port: number): string => `${littleEndian(address)}:${hex(port, 4)}`;

const COLUMNS = 'local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
/** Octets of a line of tcp, and of the others. */
const WIDTH = { tcp: 149, others: 127 } as const;

const ends = ({ localAddress, localPort, remoteAddress, remotePort }: SocketEntry): string =>
  `${end(localAddress, localPort)} ${end(remoteAddress, remotePort)}`;

/** State, queues, no timer, the owner. */
function middle(entry: SocketEntry): string {
  const sent = entry.state === 'LISTEN' ? 0 : entry.sendQueue;
  const queues = `${hex(sent, 8)}:${hex(entry.receiveQueue, 8)}`;
  const state = hex(STATE_NAMES.indexOf(stateOf(entry)), 2);
  return `${state} ${queues} 00:00000000 00000000 ${String(entry.uid).padStart(5)} ${'0'.padStart(8)}`;
}

const NO_POINTER = '0'.repeat(16);
/** Of one that listens: what a first segment waits for, in hundredths of a second, and the first window. */
const LISTENING = '100 0 0 10 0';
/** Of a connection on a fast way. */
const CONNECTED = '20 4 0 10 -1';

function tcpRow(entry: SocketEntry, i: number): string {
  const isTimeWait = stateOf(entry) === 'TIME-WAIT';
  const references = entry.state === 'LISTEN' || isTimeWait ? 1 : 2;
  const rest = isTimeWait ? '' : ` ${entry.state === 'LISTEN' ? LISTENING : CONNECTED}`;
  const inode = isTimeWait ? 0 : i + 1;
  return `${String(i).padStart(4)}: ${ends(entry)} ${middle(entry)} ${inode} ${references} ${NO_POINTER}${rest}`;
}

const isListening = ({ state }: SocketEntry): boolean => state === 'LISTEN';

function tcpText(netns: Netns): string {
  const all = socketsOf(netns).filter(({ protocol }) => protocol === 'tcp');
  const rows = [...all.filter(isListening), ...all.filter((entry) => !isListening(entry))].map(tcpRow);
  return lines([`  sl  ${COLUMNS}`, ...rows].map((row) => row.padEnd(WIDTH.tcp)));
}

/** Buckets of udp_table: 65,536 where there is memory enough. */
const BUCKETS = 65_536;

function datagramRow(entry: SocketEntry, i: number): string {
  const place = String(entry.localPort % BUCKETS).padStart(5);
  return `${place}: ${ends(entry)} ${middle(entry)} ${i + 1} 2 ${NO_POINTER} 0`;
}

function udpText(netns: Netns): string {
  const all = socketsOf(netns)
    .filter(({ protocol }) => protocol === 'udp')
    .toSorted((a, b) => a.localPort - b.localPort);
  return lines([`   sl  ${COLUMNS} ref pointer drops`, ...all.map(datagramRow)].map((row) => row.padEnd(WIDTH.others)));
}

/** Of what nobody opens here. */
const NO_ROWS = `  sl  ${COLUMNS} ref pointer drops`;

export const socketFiles = (netns: Netns): readonly (readonly [path: string, content: string])[] => [
  ['/proc/net/icmp', lines([NO_ROWS.padEnd(WIDTH.others)])],
  ['/proc/net/raw', lines([NO_ROWS])],
  ['/proc/net/tcp', tcpText(netns)],
  ['/proc/net/udp', udpText(netns)],
  ['/proc/net/udplite', lines([` ${NO_ROWS}`.padEnd(WIDTH.others)])],
];
