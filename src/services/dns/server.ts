/**
 * One port of CoreDNS: whole messages in, whole messages out (core/dnsserver/server.go:ServeDNS(), miekg/dns
 * server.go and acceptfunc.go). It knows its zones and hands each question to the plugins of the closest one.
 */

import {
  DNS_CLASS,
  DNS_FLAG,
  DNS_HEADER_LENGTH,
  DNS_RCODE,
  type DnsMessage,
  type DnsRecord,
  encodeDns,
  parseDns,
} from '../../packet/index.js';
import { type DnsClient, type DnsReply, ednsOf, type Handler, questionOf, replyTo } from './exchange.js';
import { canonical } from './name.js';
import { BAD_VERSION } from './rcode.js';
import { encodeToFit, MOST_OVER_TCP } from './truncate.js';

const QUERY = 0;
const NOTIFY = 4;

/** EDNS options that are sent back as they came: NSID, EXPIRE, COOKIE, TCP-KEEPALIVE, PADDING (pkg/edns). */
const ECHOED_OPTIONS = new Set([3, 9, 10, 11, 12]);

/** `undefined`: the message is taken; `ignore`: nothing is said; else the code that it is refused with. */
function acceptance(bytes: Uint8Array): 'ignore' | number | undefined {
  if (bytes.length < DNS_HEADER_LENGTH) return 'ignore';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = view.getUint16(2);
  if ((word & DNS_FLAG.response) !== 0) return 'ignore';
  const opcode = (word >>> 11) & 0xf;
  if (opcode !== QUERY && opcode !== NOTIFY) return DNS_RCODE.notImp;
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => view.getUint16(at));
  const usual = questions === 1 && (answers ?? 0) <= 1 && (authorities ?? 0) <= 1 && (additionals ?? 0) <= 2;
  return usual ? undefined : DNS_RCODE.formErr;
}

/** A refusal of what could not be read: the header, and nothing behind it. */
function refusal(bytes: Uint8Array, rcode: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = view.getUint16(2);
  const flags = DNS_FLAG.response | (word & DNS_FLAG.recursionDesired);
  const opcode = rcode === DNS_RCODE.notImp ? (word >>> 11) & 0xf : QUERY;
  return encodeDns({
    id: view.getUint16(0),
    flags,
    opcode,
    rcode,
    questions: [],
    answers: [],
    authorities: [],
    additionals: [],
  });
}

function echoedOptions(options: Uint8Array): Uint8Array {
  const view = new DataView(options.buffer, options.byteOffset, options.length);
  const kept: number[] = [];
  for (let at = 0; at + 4 <= options.length; ) {
    const length = 4 + view.getUint16(at + 2);
    if (ECHOED_OPTIONS.has(view.getUint16(at))) kept.push(...options.subarray(at, at + length));
    at += length;
  }
  return Uint8Array.from(kept);
}

/** request/request.go:SizeAndDo(): a reply to a question with EDNS has it too, and says what the question said. */
function withEdns(message: DnsMessage, request: DnsMessage): DnsMessage {
  const asked = ednsOf(request);
  if (asked === undefined) return message;
  const { udpPayloadSize, dnssecOk = false, options } = asked;
  const own = ednsOf(message);
  const kept = own === undefined ? (options === undefined ? undefined : echoedOptions(options)) : own.options;
  const opt: DnsRecord = {
    name: '.',
    ttl: 0,
    type: 'OPT',
    udpPayloadSize,
    ...(dnssecOk ? { dnssecOk } : {}),
    ...(kept === undefined || kept.length === 0 ? {} : { options: kept }),
  };
  const others = message.additionals.filter(({ type }) => type !== 'OPT');
  return { ...message, additionals: [...others, opt] };
}

/** edns.Version(). */
function badVersion(request: DnsMessage): DnsMessage {
  const opt: DnsRecord = { name: '.', ttl: 0, type: 'OPT', udpPayloadSize: 0, extendedRcode: BAD_VERSION >>> 4 };
  return replyTo(request, { rcode: BAD_VERSION & 0xf, additionals: [opt] });
}

export class DnsServer {
  /** By zone, canonical. */
  readonly zones: ReadonlyMap<string, Handler>;

  constructor(zones: ReadonlyMap<string, Handler>) {
    this.zones = zones;
  }

  /** Answers a message off the wire, once, now or later; nothing comes back for what is no question at all. */
  serve(bytes: Uint8Array, client: DnsClient, send: (bytes: Uint8Array) => void): void {
    const accepted = acceptance(bytes);
    if (accepted === 'ignore') return;
    const message = accepted === undefined ? parseDns(bytes) : undefined;
    if (message === undefined) {
      send(refusal(bytes, accepted ?? DNS_RCODE.formErr));
      return;
    }
    const version = ednsOf(message)?.version ?? 0;
    if (version !== 0 && isInternet(message)) {
      send(encodeDns(badVersion(message)));
      return;
    }
    const size = client.protocol === 'tcp' ? MOST_OVER_TCP : (ednsOf(message)?.udpPayloadSize ?? 0);
    this.handle({ message, client }, (reply) => {
      const answer = withEdns(asMessage(reply, message), message);
      send(encodeToFit(answer, { size, protocol: client.protocol }));
    });
  }

  /** The plugins of the closest zone; a DS record belongs to the zone above its own. */
  readonly handle: Handler = (request, reply) => {
    const { name, type } = questionOf(request);
    if (!isInternet(request.message)) {
      reply({ rcode: DNS_RCODE.refused });
      return;
    }
    const found = this.#closest(canonical(name), type === 'DS');
    if (found === undefined) reply({ rcode: DNS_RCODE.refused });
    else found(request, reply);
  };

  #closest(name: string, above: boolean): Handler | undefined {
    let own: Handler | undefined;
    for (let at = 0; at >= 0; at = name.indexOf('.', at) + 1 || -1) {
      const handler = this.zones.get(name.slice(at));
      if (handler === undefined) continue;
      if (!above) return handler;
      own = handler;
    }
    return own ?? this.zones.get('.');
  }
}

const isInternet = (message: DnsMessage): boolean => (message.questions[0]?.class ?? DNS_CLASS.in) === DNS_CLASS.in;

const asMessage = (reply: DnsReply, request: DnsMessage): DnsMessage =>
  'message' in reply ? reply.message : replyTo(request, { rcode: reply.rcode });
