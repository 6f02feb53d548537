/** What the other side might answer to a packet that was sent before, whether it has arrived there or not. */

import {
  formatIpv4,
  Icmp,
  ICMP_TYPE,
  IP_PROTOCOL,
  Ipv4,
  IPV4_HEADER_LENGTH,
  Tcp,
  TCP_HEADER_LENGTH,
  Udp,
  viewOf,
} from '../../../../src/packet/index.js';
import { icmp, tcp, udp } from '../../../kernel/conntrack/packets.js';
import type { Dice } from './dice.js';

/** Undefined where nobody would answer: to fragments, to options, to what is cut short or no question. */
export function replyTo(dice: Dice, packet: Uint8Array): Uint8Array | undefined {
  if (packet.length < IPV4_HEADER_LENGTH) return undefined;
  const view = viewOf(packet);
  const header = new Ipv4(view, 0);
  const end = Math.min(packet.length, header.totalLength);
  if (header.version !== 4 || header.headerLength !== IPV4_HEADER_LENGTH || header.isFragment) return undefined;
  const ends = (from: number, to: number): { from: string; to: string; ipId: number } => ({
    from: `${formatIpv4(header.destination)}:${from}`,
    to: `${formatIpv4(header.source)}:${to}`,
    ipId: dice.between(1, 0xffff),
  });
  const at = header.payloadOffset;
  if (header.protocol === IP_PROTOCOL.udp && end >= at + 8) {
    const { sourcePort, destinationPort } = new Udp(view, at);
    return udp({ ...ends(destinationPort, sourcePort), data: dice.between(0, 20) });
  }
  if (header.protocol === IP_PROTOCOL.tcp && end >= at + TCP_HEADER_LENGTH) {
    const question = new Tcp(view, at);
    return tcp({
      ...ends(question.destinationPort, question.sourcePort),
      flags: question.syn ? dice.pick(['SA', 'SA', 'RA', 'A']) : dice.pick(['A', 'PA', 'FA', 'R']),
      seq: question.ack ? question.acknowledgment : dice.between(0, 0xffff_ffff),
      ack: (question.sequence + (question.syn ? 1 : 0)) >>> 0,
      data: question.syn ? 0 : dice.between(0, 20),
    });
  }
  const echo = header.protocol === IP_PROTOCOL.icmp ? Icmp.parse(view, at, end) : undefined;
  if (echo?.type !== ICMP_TYPE.echoRequest) return undefined;
  return icmp({ ...ends(0, 0), type: ICMP_TYPE.echoReply, id: echo.identifier, seq: echo.sequence });
}
