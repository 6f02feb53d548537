/** A reply that fits what the asker can take (miekg/dns msg_truncate.go, request/request.go:Scrub()). */

import { DNS_FLAG, DnsWriter, type DnsMessage, type DnsRecord, encodeDns } from '../../packet/index.js';

const LEAST_SIZE = 512;
/** Above this a datagram may be cut into fragments: it is compressed even where it would fit (NSD's limit for IPv4). */
const FRAGMENTATION_LIMIT = 1480;
export const MOST_OVER_TCP = 65_535;

const OPT_FIXED_LENGTH = 11;

/** How many records fit, in order: after the first that does not, none is tried. */
function countFitting(message: DnsMessage, records: readonly DnsRecord[], budget: number): number {
  const writer = new DnsWriter('compressed');
  for (const question of message.questions) writer.question(question);
  for (const [i, record] of records.entries()) {
    if (writer.length >= budget) return i;
    writer.record(record);
    if (writer.length > budget) return i;
  }
  return records.length;
}

function shorten(message: DnsMessage, size: number): DnsMessage {
  const opt = message.additionals.find((record) => record.type === 'OPT');
  const budget = size - (opt === undefined ? 0 : OPT_FIXED_LENGTH + (opt.options?.length ?? 0));
  const { answers, authorities } = message;
  const others = message.additionals.filter((record) => record !== opt);
  const all = [...answers, ...authorities, ...others];
  const kept = countFitting(message, all, budget);
  const beforeAuthorities = answers.length;
  const beforeOthers = beforeAuthorities + authorities.length;
  const additionals = all.slice(beforeOthers, Math.max(kept, beforeOthers));
  return {
    ...message,
    flags: message.flags | (kept < all.length ? DNS_FLAG.truncated : 0),
    answers: all.slice(0, Math.min(kept, beforeAuthorities)),
    authorities: all.slice(beforeAuthorities, Math.min(Math.max(kept, beforeAuthorities), beforeOthers)),
    additionals: opt === undefined ? additionals : [...additionals, opt],
  };
}

/** The bytes of a reply, of at most `size` octets: plain where it fits so, compressed else, and then cut. */
export function encodeToFit(
  message: DnsMessage,
  { size, protocol }: { size: number; protocol: 'udp' | 'tcp' },
): Uint8Array {
  const limit = Math.max(size, LEAST_SIZE);
  const plain = encodeDns(message);
  if (plain.length <= limit)
    return protocol === 'udp' && plain.length > FRAGMENTATION_LIMIT ? encodeDns(message, 'compressed') : plain;
  return encodeDns(shorten(message, limit), 'compressed');
}
