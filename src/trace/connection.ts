/** A traced connection: who asked whom, every packet with its role, and the verdict. */

import type { Ipv4Addr } from '../packet/index.js';
import { explainDrop, lastOf, type PacketStory, stepsOf } from './story.js';
import type { DropReason } from './drop-reason.js';
import type { Place } from './tracer.js';
import type { Verdict } from './verdict.js';
import { formatCause } from './cause.js';
import type { NameResolution } from './resolution.js';

export type TraceProtocol = 'tcp' | 'udp' | 'icmp';

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
  /** TCP reset, or an ICMP error. */
  | { readonly kind: 'refused'; readonly by: 'reset' | 'icmp'; readonly note: string }
  /** The call failed before anything was sent. */
  | { readonly kind: 'failed'; readonly note: string }
  | { readonly kind: 'silence' };

export interface ConnectionTrace {
  readonly from: TraceEnd;
  readonly to: TraceDestination;
  /** Where the destination was given by name. */
  readonly resolution?: NameResolution;
  readonly protocol: TraceProtocol;
  readonly verdict: Verdict;
  /** The answer in plain words, one sentence a line. */
  readonly explanation: readonly string[];
  readonly packets: readonly TracePacket[];
  /** Name of a place as a person says it: `pod/shop/cart`, `node/worker-1`. */
  readonly nameOf: (place: Place) => string;
}

const samePlace = (a: Place, b: Place): boolean => a.host === b.host && a.netns === b.netns;

/** Whether the packet carries an ICMP error (types 3, 5, 11, 12), by its first bytes. */
function isIcmpError(story: PacketStory): boolean {
  for (const { bytes, hasLinkHeader } of stepsOf(story)) {
    if (bytes === undefined) continue;
    const ip = hasLinkHeader ? 14 : 0;
    const headerLength = ((bytes[ip] ?? 0) & 0xf) * 4;
    const type = bytes[ip + headerLength] ?? 0;
    return bytes[ip + 9] === 1 && (type === 3 || type === 5 || type === 11 || type === 12);
  }
  return false;
}

/** The part that each packet plays, seen from the side that asked. */
export function assignRoles(stories: readonly PacketStory[], from: Place): TracePacket[] {
  return stories.map((story) => {
    const first = story.hops[0]?.place;
    const role: PacketRole = story.arp
      ? 'arp'
      : isIcmpError(story)
        ? 'icmp-error'
        : first !== undefined && samePlace(first, from)
          ? 'request'
          : 'reply';
    return { role, story };
  });
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
  if (outcome.kind === 'answered') return 'answered';
  if (all.some((story) => fateOf(story) === 'unknown')) return 'unknown';
  const fates = requests.map(fateOf).filter((fate) => fate !== undefined);
  const worst = fates.find((fate) => fate !== 'refused');
  if (worst !== undefined && !requests.some(delivered)) return worst;
  if (outcome.kind === 'refused') return fates.includes('rejected') ? 'rejected' : 'refused';
  if (outcome.kind === 'failed' && requests.length === 0) return 'unreachable';
  const lostReply = replies.map(fateOf).find((fate) => fate !== undefined);
  if (lostReply !== undefined) return lostReply === 'too-big' ? 'too-big' : 'reply-dropped';
  return fates.includes('refused') ? 'refused' : 'unanswered';
}

/** Where and why a packet ended, as a sentence; undefined where it did not end in a drop. */
export function explainEnd(story: PacketStory, nameOf: (place: Place) => string): string | undefined {
  const drop = lastOf(story, 'drop');
  if (drop === undefined) return undefined;
  const where = nameOf(drop.recorded.place);
  const rule = lastOf(story, 'rule')?.step;
  const by = drop.step.reason === 'netfilter-drop' || drop.step.reason === 'unknown-rule' ? rule : undefined;
  if (by === undefined) return `${where} dropped it: ${explainDrop(drop.step)}.`;
  const text = by.rule === undefined ? 'the chain’s policy' : `rule ${by.position}, ${by.rule.toString()}`;
  const because = (by.rule?.because ?? []).map(formatCause).join('; ');
  const action = rejection(story) === undefined ? 'dropped' : 'rejected';
  return `${where} ${action} it in ${by.hook}, table ${by.table}, chain ${by.chain}: ${text}${because === '' ? '' : ` (${because})`}.`;
}
