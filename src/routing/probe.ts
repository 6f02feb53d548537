/** A connection such as BIRD opens, sent through the kernels to see what becomes of it. */

import type { BgpConfig } from '../bird/index.js';
import { type Errno, KernelError, NS_PER_S } from '../kernel/index.js';
import { formatIpv4, IP_PROTOCOL, Ipv4, Tcp } from '../packet/index.js';
import {
  assignRoles,
  explainEnd,
  firstBytes,
  type PacketStory,
  type Place,
  Recorder,
  tellStories,
} from '../trace/index.js';
import type { Underlay } from '../underlay/index.js';

/** Three SYNs. */
const PATIENCE_NS = 4 * NS_PER_S;

const ETHERNET_HEADER_LENGTH = 14;

export type Connection = Pick<BgpConfig, 'localAddress' | 'remoteAddress' | 'remotePort'> &
  Partial<Pick<BgpConfig, 'password'>>;

export interface Tried {
  readonly connected: boolean;
  /** What the socket said, where it said anything. */
  readonly errno: Errno | undefined;
  /** Where it could not be bound. */
  readonly refused: string | undefined;
}

/** Opens the connection and waits for its outcome; undefined where there is no such machine, or no IPv4 address. */
export function tryConnection(underlay: Underlay, name: string, connection: Connection): Tried | undefined {
  const { emulation } = underlay;
  const { localAddress, remoteAddress, remotePort } = connection;
  const netns = underlay.host(name)?.netns;
  if (netns === undefined || typeof remoteAddress !== 'number') return undefined;
  const socket = netns.sockets.tcp();
  socket.md5Key = connection.password;
  let connected = false;
  let errno: Errno | undefined;
  socket.onConnect = () => {
    connected = true;
  };
  socket.onError = (error) => {
    errno = error;
  };
  try {
    if (typeof localAddress === 'number') socket.bind(localAddress, 0);
    errno = socket.connect(remoteAddress, remotePort);
    emulation.run(() => connected || errno !== undefined, emulation.clock.nowNs + PATIENCE_NS);
    return { connected, errno, refused: undefined };
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return { connected: false, errno: undefined, refused: error.message };
  } finally {
    socket.close();
  }
}

/** Whether a packet goes to that address and port or comes from there: daemons send more than what is asked about. */
function isBetween(story: PacketStory, { remoteAddress, remotePort }: Connection): boolean {
  const first = firstBytes(story);
  if (first?.bytes === undefined) return false;
  const { bytes, hasLinkHeader } = first;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ip = Ipv4.parse(view, hasLinkHeader ? ETHERNET_HEADER_LENGTH : 0, bytes.length);
  const tcp = ip?.protocol === IP_PROTOCOL.tcp ? Tcp.parse(view, ip.payloadOffset, ip.end) : undefined;
  if (ip === undefined || tcp === undefined) return false;
  return (
    (ip.destination === remoteAddress && tcp.destinationPort === remotePort) ||
    (ip.source === remoteAddress && tcp.sourcePort === remotePort)
  );
}

/** Why a session's connection is not made, in words; undefined where it is. */
export function whyUnreached(
  underlay: Underlay,
  name: string,
  connection: Connection,
  nameOf: (place: Place) => string,
): string | undefined {
  const { emulation } = underlay;
  const { remoteAddress, remotePort } = connection;
  const place: Place = { host: name, netns: '' };
  // Built before it is watched: what a machine sends when it starts is not asked for.
  underlay.host(name);
  const recorder = new Recorder(() => emulation.clock.nowNs);
  emulation.tracer = recorder;
  const tried = tryConnection(underlay, name, connection);
  emulation.tracer = undefined;
  if (tried === undefined || tried.connected || typeof remoteAddress !== 'number') return undefined;
  const whose = `the connection of ${nameOf(place)} to ${formatIpv4(remoteAddress)}`;
  if (tried.refused !== undefined) return `${whose} cannot start: ${tried.refused}`;
  for (const { role, story } of assignRoles(tellStories(recorder.moments), place)) {
    const end = role === 'arp' || !isBetween(story, connection) ? undefined : explainEnd(story, nameOf);
    if (end !== undefined) return `${whose}, port ${remotePort}, fails: ${end}`;
  }
  return `${whose} fails: ${tried.errno ?? 'nothing comes back'}`;
}
