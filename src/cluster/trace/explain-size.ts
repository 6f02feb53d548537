/** What became of data whose size was asked for, and of packets that were too large for a link on their way, in sentences. */

import { formatIpv4, Ipv4 } from '../../packet/index.js';
import {
  type ConnectionTrace,
  explainEnd,
  firstBytes,
  lastOf,
  type Outcome,
  type PacketStory,
  stepsOfKind,
  type TracePacket,
  type Verdict,
} from '../../trace/index.js';

type Sent = Pick<ConnectionTrace, 'packets' | 'protocol' | 'size' | 'to' | 'nameOf'>;

const ETHERNET_HEADER_LENGTH = 14;
/** Of IPv4 without options, and of UDP or an echo request. */
const HEADERS_LENGTH = 28;

function lengthOf(story: PacketStory): number {
  const first = firstBytes(story);
  if (first?.bytes === undefined) return 0;
  const { bytes, hasLinkHeader } = first;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return new Ipv4(view, hasLinkHeader ? ETHERNET_HEADER_LENGTH : 0).totalLength;
}

const storiesOf = ({ packets }: Sent, ...roles: readonly TracePacket['role'][]): PacketStory[] =>
  packets.filter(({ role }) => roles.includes(role)).map(({ story }) => story);

/** In which packets the data came. */
function inPackets(sent: Sent): string {
  const arrived = storiesOf(sent, 'request').filter((story) => lastOf(story, 'drop') === undefined);
  const largest = Math.max(0, ...arrived.map(lengthOf));
  if (arrived.some((story) => stepsOfKind(story, 'fragment').length > 0)) return 'in pieces';
  return sent.protocol === 'tcp' || sent.protocol === 'sctp'
    ? `in packets of at most ${largest} octets`
    : `in a packet of ${largest} octets`;
}

function explainArrival(sent: Sent, outcome: Outcome): string[] {
  const { size } = sent;
  if (size === undefined) return [];
  if (outcome.kind === 'answered')
    return [`${size} octets of data went there, ${inPackets(sent)}, and an answer to all of them came back.`];
  return [
    `All ${size} octets of data arrived, ${inPackets(sent)}. The answer to them is the server’s own, and was not waited for.`,
  ];
}

/** Whether who sent a packet was told that it was too large, and why not. */
function explainError(
  story: PacketStory,
  sent: Sent,
): { readonly told: boolean; readonly sentence: string | undefined } {
  const step = lastOf(story, 'icmp')?.step;
  if (step === undefined)
    return { told: false, sentence: 'Nobody told its sender: what is lost on a link makes no ICMP error.' };
  if (!step.sent) return { told: false, sentence: `No ICMP error told its sender: ${step.note ?? 'none was sent'}.` };
  const error = storiesOf(sent, 'icmp-error').find(({ parent }) => parent === story.id);
  const end = error && explainEnd(error, sent.nameOf);
  return end === undefined
    ? { told: true, sentence: undefined }
    : { told: false, sentence: `The ICMP error that was to tell its sender did not arrive: ${end}` };
}

/** What went on with smaller packets, and how its sender knew. */
function explainSmaller(story: PacketStory, sent: Sent): string[] {
  const end = `A packet of ${lengthOf(story)} octets was too long for the way: ${explainEnd(story, sent.nameOf) ?? ''}`;
  const { told, sentence } = explainError(story, sent);
  const how = told
    ? 'Its sender was told by ICMP, and went on with smaller ones.'
    : 'It went on with smaller ones when it had waited for an acknowledgment in vain (net.ipv4.tcp_mtu_probing).';
  return [end, sentence, how].filter((text) => text !== undefined);
}

/** `explainEnd` of what was lost is told beside it, but where the connection went on. */
export function explainSize(sent: Sent, verdict: Verdict, outcome: Outcome): string[] {
  const tooBig = storiesOf(sent, 'request', 'reply').find(
    (story) => lastOf(story, 'drop')?.step.reason === 'pkt-too-big',
  );
  if (verdict === 'answered')
    return [...explainArrival(sent, outcome), ...(tooBig === undefined ? [] : explainSmaller(tooBig, sent))];
  if (verdict !== 'too-big') return [];
  if (tooBig !== undefined) {
    return [explainError(tooBig, sent).sentence ?? 'Its sender was told by ICMP.'];
  }
  if (
    outcome.kind !== 'failed' ||
    outcome.mtu === undefined ||
    sent.size === undefined ||
    sent.to.address === undefined
  )
    return [];
  return [
    `The sender’s own way to ${formatIpv4(sent.to.address)} carries packets of ${outcome.mtu} octets, ` +
      `${outcome.mtu - HEADERS_LENGTH} of data: with ${sent.size} this one would have ${sent.size + HEADERS_LENGTH}.`,
  ];
}
