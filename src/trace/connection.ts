/** A traced connection: who asked whom, every packet with its role, and the verdict. */

import type { Ipv4Addr } from '../packet/index.js';
import { explainDrop, firstBytes, lastOf, type PacketStory, stepsOfKind } from './story.js';
import type { DropReason } from './drop-reason.js';
import type { Place } from './tracer.js';
import type { Verdict } from './verdict.js';
import { formatCause } from './cause.js';
import type { NameResolution } from './resolution.js';

export type TraceProtocol = 'tcp' | 'udp' | 'sctp' | 'icmp';

/** One end of a traced connection. */
export interface TraceEnd {
  /** `pod/shop/cart`, `node/worker-1`, `host/client`, or an address. */
  readonly label: string;
  readonly address: Ipv4Addr;
  /** Undefined where the address belongs to nobody that is known. */
  readonly place: Place | undefined;
}

/** A name may lead to no address. */
export interface TraceDestination extends Omit<TraceEnd, 'address'> {
  readonly address: Ipv4Addr | undefined;
  readonly port: number | undefined;
}

export type PacketRole = 'request' | 'reply' | 'icmp-error' | 'arp';

export interface TracePacket {
  readonly role: PacketRole;
  readonly story: PacketStory;
}

/** What the socket of the asking side saw in the end. */
export type Outcome =
  | { readonly kind: 'answered' }
  /** A reset of TCP, an ABORT of SCTP, or an ICMP error. */
  | { readonly kind: 'refused'; readonly by: 'reset' | 'icmp'; readonly note: string }
  /** The call failed before anything was sent; `mtu` is that of the sender's way where it was too long for it. */
  | { readonly kind: 'failed'; readonly note: string; readonly mtu?: number }
  /** A connection that was opened may have heard that, and no more; or that its data arrived, and no whole answer to it. */
  | { readonly kind: 'silence'; readonly heard?: 'handshake' | 'acknowledgment' };

export interface ConnectionTrace {
  readonly from: TraceEnd;
  readonly to: TraceDestination;
  /** Where the destination was given by name. */
  readonly resolution?: NameResolution;
  readonly protocol: TraceProtocol;
  /** Octets of data that were to go there, where the asking side named a number. */
  readonly size?: number;
  readonly verdict: Verdict;
  /** The answer in plain words, one sentence a line. */
  readonly explanation: readonly string[];
  readonly packets: readonly TracePacket[];
  /** Name of a place as a person says it: `pod/shop/cart`, `node/worker-1`. */
  readonly nameOf: (place: Place) => string;
}

const samePlace = (a: Place, b: Place): boolean => a.host === b.host && a.netns === b.netns;

/** What tells the two directions of a connection apart: ports, or for ICMP its type. */
interface Headers {
  readonly icmpType: number | undefined;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

const ETHERNET_LENGTH = 14;
const ICMP = 1;
const ICMP_ERRORS: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);
const ECHO_REPLY = 0;

/** Of the first bytes that were seen of a packet. */
function headersOf(story: PacketStory): Headers | undefined {
  const first = firstBytes(story);
  if (first?.bytes === undefined) return undefined;
  const { bytes, hasLinkHeader } = first;
  const ip = hasLinkHeader ? ETHERNET_LENGTH : 0;
  const transport = ip + ((bytes[ip] ?? 0) & 0xf) * 4;
  const word = (at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return {
    icmpType: bytes[ip + 9] === ICMP ? bytes[transport] : undefined,
    sourcePort: word(transport),
    destinationPort: word(transport + 2),
  };
}

/** Ports that a connection's first packet had as its source, its own and those that NAT gave it. */
function portsOfAsker(first: PacketStory): ReadonlySet<number> {
  const ports = new Set<number>();
  const own = headersOf(first);
  if (own !== undefined) ports.add(own.sourcePort);
  for (const { type, after } of stepsOfKind(first, 'nat')) if (type === 'snat') ports.add(after.sourcePort);
  return ports;
}

/** The part that each packet plays, seen from the side that asked, which may be the one that answers too. */
export function assignRoles(stories: readonly PacketStory[], from: Place): TracePacket[] {
  const isFromAsker = ({ hops: [first] }: PacketStory): boolean => first !== undefined && samePlace(first.place, from);
  const asked = stories.find((story) => !story.arp && isFromAsker(story));
  const ports = asked === undefined ? new Set<number>() : portsOfAsker(asked);
  const answers = ({ icmpType, sourcePort, destinationPort }: Headers): boolean =>
    icmpType === undefined ? ports.has(destinationPort) && !ports.has(sourcePort) : icmpType === ECHO_REPLY;
  const roleOf = (story: PacketStory): PacketRole => {
    if (story.arp) return 'arp';
    const headers = headersOf(story);
    if (headers?.icmpType !== undefined && ICMP_ERRORS.has(headers.icmpType)) return 'icmp-error';
    return isFromAsker(story) && (headers === undefined || !answers(headers)) ? 'request' : 'reply';
  };
  return stories.map((story) => ({ role: roleOf(story), story }));
}

const REASON_VERDICTS: Partial<Record<DropReason, Verdict>> = {
  'pkt-too-big': 'too-big',
  'ip-innoroutes': 'unreachable',
  'ip-outnoroutes': 'unreachable',
  'ip-inaddrerrors': 'unreachable',
  'neigh-failed': 'unreachable',
  'no-carrier': 'unreachable',
  'link-down': 'unreachable',
  'bridge-no-egress-port': 'unreachable',
  'no-socket': 'refused',
  'ip-noproto': 'refused',
  'ip-too-many-hops': 'ttl-exceeded',
  'unknown-rule': 'unknown',
};

/** The rule that rejected it, where the last thing that matched was a REJECT. */
function rejection(story: PacketStory): string | undefined {
  const rule = lastOf(story, 'rule')?.step.rule?.toString();
  return rule !== undefined && /(^| )-j REJECT( |$)/.test(rule) ? rule : undefined;
}

function fateOf(story: PacketStory): Verdict | undefined {
  const drop = lastOf(story, 'drop')?.step;
  if (drop === undefined) return undefined;
  if (rejection(story) !== undefined && drop.reason === 'netfilter-drop') return 'rejected';
  if (drop.reason === 'ip-inhdr' && drop.note?.startsWith('TTL') === true) return 'ttl-exceeded';
  return REASON_VERDICTS[drop.reason] ?? 'dropped';
}

const delivered = (story: PacketStory): boolean => lastOf(story, 'deliver') !== undefined;

/** The verdict, from what the socket saw and from what became of the packets. */
export function judge(packets: readonly TracePacket[], outcome: Outcome): Verdict {
  const requests = packets.filter(({ role }) => role === 'request').map(({ story }) => story);
  const replies = packets.filter(({ role }) => role === 'reply').map(({ story }) => story);
  const all = [...requests, ...replies];
  const { kind } = outcome;
  if (kind === 'answered') return 'answered';
  const heard = kind === 'silence' ? outcome.heard : undefined;
  if (all.some((story) => fateOf(story) === 'unknown')) return 'unknown';
  const fates = requests.map(fateOf).filter((fate) => fate !== undefined);
  const worst = fates.find((fate) => fate !== 'refused');
  if (worst !== undefined && (heard === 'handshake' || !requests.some(delivered))) return worst;
  if ((kind === 'refused' || heard === 'acknowledgment') && fates.includes('rejected')) return 'rejected';
  if (kind === 'refused') return 'refused';
  if (kind === 'failed' && requests.length === 0) return outcome.note === 'EMSGSIZE' ? 'too-big' : 'unreachable';
  const lostReply = replies.map(fateOf).find((fate) => fate !== undefined);
  if (lostReply !== undefined) return lostReply === 'too-big' ? 'too-big' : 'reply-dropped';
  // A server that keeps silent, or says something else, was reached all the same.
  if (heard === 'acknowledgment') return 'answered';
  return fates.includes('refused') ? 'refused' : 'unanswered';
}

/** Where and why a packet ended, as a sentence; undefined where it did not end in a drop. */
export function explainEnd(story: PacketStory, nameOf: (place: Place) => string): string | undefined {
  const drop = lastOf(story, 'drop');
  if (drop === undefined) return undefined;
  const where = nameOf(drop.recorded.place);
  const rule = lastOf(story, 'rule')?.step;
  const by = drop.step.reason === 'netfilter-drop' || drop.step.reason === 'unknown-rule' ? rule : undefined;
  // Of two ends of a cable, the one that is unplugged may be the other.
  if (drop.step.reason === 'link-down') return `It left ${where} and was lost on the wire: ${explainDrop(drop.step)}.`;
  if (by === undefined) return `${where} dropped it: ${explainDrop(drop.step)}.`;
  const text = by.rule === undefined ? 'the chain’s policy' : `rule ${by.position}, ${by.rule.toString()}`;
  const because = (by.rule?.because ?? []).map(formatCause).join('; ');
  if (drop.step.reason === 'unknown-rule')
    return `What ${where} does with it is not known: in ${by.hook}, table ${by.table}, chain ${by.chain}, ${text} is not modelled${because === '' ? '' : ` (${because})`}.`;
  const action = rejection(story) === undefined ? 'dropped' : 'rejected';
  return `${where} ${action} it in ${by.hook}, table ${by.table}, chain ${by.chain}: ${text}${because === '' ? '' : ` (${because})`}.`;
}
