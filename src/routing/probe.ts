/** A connection such as BIRD opens, sent through the kernels to see what becomes of it. */

import type { BgpConfig } from '../bird/index.js';
import { KernelError, NS_PER_S } from '../kernel/index.js';
import { formatIpv4, Ipv4, type Ipv4Addr } from '../packet/index.js';
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

/** Whether a packet goes to that address or comes from it: daemons send more than what is asked about. */
function isBetween(story: PacketStory, address: Ipv4Addr): boolean {
  const first = firstBytes(story);
  if (first?.bytes === undefined) return false;
  const { bytes, hasLinkHeader } = first;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ip = Ipv4.parse(view, hasLinkHeader ? ETHERNET_HEADER_LENGTH : 0, bytes.length);
  return ip?.source === address || ip?.destination === address;
}

/** Why a session's connection is not made, as a sentence or part of one; undefined where it is. */
export function whyUnreached(
  underlay: Underlay,
  name: string,
  { localAddress, remoteAddress, remotePort }: BgpConfig,
  nameOf: (place: Place) => string,
): string | undefined {
  const { emulation } = underlay;
  const netns = underlay.host(name)?.netns;
  if (netns === undefined || typeof remoteAddress !== 'number') return undefined;
  const whose = `the connection of ${nameOf(netns.place)} to ${formatIpv4(remoteAddress)}`;
  const recorder = new Recorder(() => emulation.clock.nowNs);
  const socket = netns.sockets.tcp();
  let connected = false;
  let failed: string | undefined;
  socket.onConnect = () => {
    connected = true;
  };
  socket.onError = (errno) => {
    failed = errno;
  };
  emulation.tracer = recorder;
  try {
    if (typeof localAddress === 'number') socket.bind(localAddress, 0);
    failed = socket.connect(remoteAddress, remotePort);
    emulation.run(() => connected || failed !== undefined, emulation.clock.nowNs + PATIENCE_NS);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return `${whose} cannot start: ${error.message}`;
  } finally {
    emulation.tracer = undefined;
    socket.close();
  }
  if (connected) return undefined;
  const packets = assignRoles(tellStories(recorder.steps), netns.place);
  for (const { role, story } of packets) {
    const end = role === 'arp' || !isBetween(story, remoteAddress) ? undefined : explainEnd(story, nameOf);
    if (end !== undefined) return `${whose}, port ${remotePort}, fails: ${end}`;
  }
  return `${whose} fails: ${failed ?? 'nothing comes back'}`;
}
