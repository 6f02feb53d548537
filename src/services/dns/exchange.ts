/**
 * How plugins hand a question on and an answer back. Each plugin is made around the next one, as in CoreDNS
 * (plugin/plugin.go); a reply may come later on virtual time, so it is a callback that is called once.
 */

import {
  DNS_FLAG,
  DNS_RCODE,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  type Ipv4Addr,
} from '../../packet/index.js';

export interface DnsClient {
  readonly address: Ipv4Addr;
  readonly protocol: 'udp' | 'tcp';
}

export interface DnsRequest {
  /** With its question as rewriting left it. */
  readonly message: DnsMessage;
  readonly client: DnsClient;
}

/** A message, or a code of which the server makes one (plugin.ClientWrite()). */
export type DnsReply = { readonly message: DnsMessage } | { readonly rcode: number };

export type Reply = (reply: DnsReply) => void;
export type Handler = (request: DnsRequest, reply: Reply) => void;
/** Makes a plugin's handler around that of the next plugin. */
export type Plugin = (next: Handler) => Handler;

const NO_QUESTION: DnsQuestion = { name: '.', type: 'A' };

export const questionOf = ({ message }: DnsRequest): DnsQuestion => message.questions[0] ?? NO_QUESTION;

export const withQuestion = (request: DnsRequest, question: DnsQuestion): DnsRequest => ({
  ...request,
  message: { ...request.message, questions: [question] },
});

export const ednsOf = (message: DnsMessage): Extract<DnsRecord, { type: 'OPT' }> | undefined =>
  message.additionals.find((record) => record.type === 'OPT');

interface Answer {
  readonly rcode?: number;
  readonly flags?: number;
  readonly answers?: readonly DnsRecord[];
  readonly authorities?: readonly DnsRecord[];
  readonly additionals?: readonly DnsRecord[];
}

/** miekg/dns defaults.go:SetReply(): the identity, the question, RD and CD are the request's. */
export function replyTo(request: DnsMessage, answer: Answer): DnsMessage {
  const { rcode = DNS_RCODE.noError, flags = 0, answers = [], authorities = [], additionals = [] } = answer;
  const kept = request.flags & (DNS_FLAG.recursionDesired | DNS_FLAG.checkingDisabled);
  return {
    id: request.id,
    flags: DNS_FLAG.response | (request.opcode === 0 ? kept : 0) | flags,
    opcode: request.opcode,
    rcode,
    questions: request.questions.slice(0, 1),
    answers,
    authorities,
    additionals,
  };
}

/** Where no plugin is left (plugin.NextOrFailure()). */
export const noNextPlugin: Handler = (_request, reply) => reply({ rcode: DNS_RCODE.servFail });
