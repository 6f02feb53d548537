/**
 * Questions about one name sent to the servers of resolv.conf (glibc resolv/res_send.c:__res_context_send()): at most two
 * at once, A and AAAA, from one socket. Differs: musl asks all servers at the same time, and takes the first answer.
 */

import { type Errno, type Netns, NS_PER_S, type Timer, type UdpSocket } from '../../kernel/index.js';
import {
  DNS_FLAG,
  DNS_PORT,
  DNS_RCODE,
  type DnsMessage,
  type DnsRecord,
  encodeDns,
  type Ipv4Addr,
  parseDns,
} from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import { sendQuery } from '../dns/client.js';
import { canonical } from '../dns/name.js';
import type { ResolvConf } from './resolv-conf.js';

/** One question as it was sent, and what came of it: for explanations. */
export interface SentQuery {
  readonly name: string;
  readonly type: string;
  readonly server: Ipv4Addr;
  readonly protocol: 'udp' | 'tcp';
  readonly atNs: number;
  result: 'waiting' | 'timeout' | 'garbled' | Errno | DnsMessage;
}

export interface ResolverPlace {
  readonly netns: Netns;
  readonly conf: ResolvConf;
  readonly process: string;
  readonly because: readonly Cause[];
  /** Every query that is sent is added. */
  readonly log: SentQuery[];
  /** Options that an answer in part has switched on: RES_SNGLKUP, RES_SNGLKUPREOP. */
  readonly learned: { singleRequest: boolean; singleRequestReopen: boolean };
}

/**
 * Messages in the order in which they came, of each question that one was got for; `refused` where nobody was even there to
 * be silent; `last`: what was heard first at the last server that said anything.
 */
export type TransactionResult =
  | { readonly kind: 'answered'; readonly messages: readonly DnsMessage[] }
  | { readonly kind: 'failed'; readonly refused: boolean; readonly last: DnsMessage | undefined };

type Done = (result: TransactionResult) => void;

const EDNS_SIZE = 1_200;
/** Codes that say more of the server than of the name. */
const NEXT_SERVER = new Set<number>([DNS_RCODE.servFail, DNS_RCODE.notImp, DNS_RCODE.refused]);

/** A referral, or an answer of nothing by somebody who does not know. */
const isLame = ({ rcode, answers, additionals, flags }: DnsMessage): boolean =>
  rcode === DNS_RCODE.noError &&
  answers.length === 0 &&
  additionals.length === 0 &&
  (flags & (DNS_FLAG.authoritative | DNS_FLAG.recursionAvailable)) === 0;

export class Transaction {
  readonly #place: ResolverPlace;
  readonly #questions: readonly { readonly name: string; readonly type: string }[];
  readonly #done: Done;
  readonly #servers: readonly Ipv4Addr[];
  #attempt = 0;
  #index = 0;
  /** Somebody was there: time ran out, and nobody refused. */
  #gotSomewhere = false;
  #last: DnsMessage | undefined = undefined;

  constructor(place: ResolverPlace, name: string, types: readonly string[], done: Done) {
    this.#place = place;
    this.#questions = types.map((type) => ({ name, type }));
    this.#done = done;
    const { servers, rotate } = place.conf;
    const first = rotate && servers.length > 1 ? place.netns.emulation.random.below(servers.length) : 0;
    this.#servers = [...servers.slice(first), ...servers.slice(0, first)];
  }

  start(): void {
    this.#next();
  }

  #next(): void {
    const { attempts, useTcp } = this.#place.conf;
    if (this.#index >= this.#servers.length) {
      this.#index = 0;
      this.#attempt += 1;
    }
    const server = this.#servers[this.#index];
    if (server === undefined || this.#attempt >= Math.max(attempts, 1)) {
      this.#done({ kind: 'failed', refused: !this.#gotSomewhere, last: this.#last });
      return;
    }
    const position = this.#index;
    this.#index += 1;
    if (useTcp) this.#overTcp(server, 0, []);
    else new Datagrams(this, server, position).open();
  }

  get place(): ResolverPlace {
    return this.#place;
  }

  get questions(): readonly { readonly name: string; readonly type: string }[] {
    return this.#questions;
  }

  get serverCount(): number {
    return this.#servers.length;
  }

  message(index: number): DnsMessage {
    const { conf, netns } = this.#place;
    const question = this.#questions[index];
    const opt: DnsRecord = { name: '.', ttl: 0, type: 'OPT', udpPayloadSize: EDNS_SIZE };
    return {
      id: netns.emulation.random.below(0x1_0000),
      flags: DNS_FLAG.recursionDesired | (conf.trustAd ? DNS_FLAG.authenticData : 0),
      opcode: 0,
      rcode: 0,
      questions: question === undefined ? [] : [question],
      answers: [],
      authorities: [],
      additionals: conf.edns0 ? [opt] : [],
    };
  }

  logged(index: number, server: Ipv4Addr, protocol: 'udp' | 'tcp'): SentQuery {
    const { log, netns } = this.#place;
    const { name = '', type = '' } = this.#questions[index] ?? {};
    const query: SentQuery = { name, type, server, protocol, atNs: netns.emulation.clock.nowNs, result: 'waiting' };
    log.push(query);
    return query;
  }

  /** The server has said all that it says. */
  finished(messages: readonly DnsMessage[]): void {
    this.#done({ kind: 'answered', messages });
  }

  /** The server is of no use: the next one. */
  failed(how: 'refused' | 'timeout' | 'unhelpful'): void {
    if (how !== 'refused') this.#gotSomewhere = true;
    this.#next();
  }

  /** What a server has said first, which is all that is left of it where it is of no use. */
  heard(message: DnsMessage): void {
    this.#last = message;
  }

  /** send_vc(): what was cut, or everything where TCP is wished for; one question after the other. */
  #overTcp(server: Ipv4Addr, index: number, got: readonly DnsMessage[]): void {
    if (index >= this.#questions.length) {
      this.finished(got);
      return;
    }
    const { netns, conf, process, because } = this.#place;
    const entry = this.logged(index, server, 'tcp');
    const timeoutNs = conf.timeoutSeconds * NS_PER_S;
    const query = {
      netns,
      server,
      port: DNS_PORT,
      protocol: 'tcp',
      message: this.message(index),
      timeoutNs,
      process,
      because,
    } as const;
    sendQuery(query, (outcome) => {
      entry.result =
        outcome.kind === 'message' ? outcome.message : outcome.kind === 'failed' ? outcome.errno : outcome.kind;
      if (outcome.kind === 'message') this.#overTcp(server, index + 1, [...got, outcome.message]);
      else this.failed(outcome.kind === 'timeout' ? 'timeout' : 'refused');
    });
  }

  retryOverTcp(server: Ipv4Addr): void {
    this.#gotSomewhere = true;
    this.#overTcp(server, 0, []);
  }
}

/** send_dg(): one try at one server. */
class Datagrams {
  readonly #owner: Transaction;
  readonly #server: Ipv4Addr;
  readonly #timeoutNs: number;
  /** In the order in which they came. */
  #messages: DnsMessage[] = [];
  /** Questions that have been answered, be it by what is of no use. */
  #answered = new Set<number>();
  #sent: { readonly id: number; readonly entry: SentQuery }[] = [];
  #socket: UdpSocket | undefined = undefined;
  #timer: Timer | undefined = undefined;
  #over = false;

  constructor(owner: Transaction, server: Ipv4Addr, position: number) {
    this.#owner = owner;
    this.#server = server;
    // The later in the list, the longer; shared among all of them.
    const seconds = (owner.place.conf.timeoutSeconds << position) >>> 0;
    const shared = position > 0 ? Math.floor(seconds / owner.serverCount) : seconds;
    this.#timeoutNs = Math.max(shared, 1) * NS_PER_S;
  }

  open(): void {
    const { clock } = this.#owner.place.netns.emulation;
    this.#timer?.cancel();
    this.#timer = clock.schedule(this.#timeoutNs, () => this.#timedOut());
    this.#sent = [];
    this.#messages = [];
    this.#answered = new Set();
    if (!this.#reopen()) return;
    this.#send(0);
    if (this.#one) return;
    for (let i = 1; i < this.#owner.questions.length; i += 1) this.#send(i);
  }

  /** One question waits for the answer to the other. */
  get #one(): boolean {
    const { conf, learned } = this.#owner.place;
    return conf.singleRequest || conf.singleRequestReopen || learned.singleRequest || learned.singleRequestReopen;
  }

  get #reopens(): boolean {
    const { conf, learned } = this.#owner.place;
    return conf.singleRequestReopen || learned.singleRequestReopen;
  }

  #reopen(): boolean {
    this.#socket?.close();
    const { netns, process, because } = this.#owner.place;
    const socket = netns.sockets.udp({ process, because });
    socket.onMessage = (bytes) => this.#received(bytes);
    socket.onError = (errno) => this.#refused(errno);
    this.#socket = socket;
    const errno = socket.connect(this.#server, DNS_PORT);
    if (errno !== undefined) this.#refused(errno);
    return errno === undefined;
  }

  #send(index: number): void {
    if (this.#over) return;
    const message = this.#owner.message(index);
    const entry = this.#owner.logged(index, this.#server, 'udp');
    this.#sent[index] = { id: message.id, entry };
    const errno = this.#socket?.send(encodeDns(message));
    if (errno !== undefined) this.#refused(errno);
  }

  #received(bytes: Uint8Array): void {
    const message = parseDns(bytes);
    if (this.#over || message === undefined) return;
    const index = this.#sent.findIndex(({ id }) => id === message.id);
    const asked = this.#owner.questions[index];
    const [question] = message.questions;
    if (asked === undefined || this.#answered.has(index)) return;
    if (question === undefined || canonical(question.name) !== canonical(asked.name) || question.type !== asked.type)
      return;
    const entry = this.#sent[index]?.entry;
    if (entry !== undefined) entry.result = message;
    if (this.#answered.size === 0) this.#owner.heard(message);
    this.#answered.add(index);
    if (NEXT_SERVER.has(message.rcode) || isLame(message)) {
      this.#unhelpful();
      return;
    }
    if ((message.flags & DNS_FLAG.truncated) !== 0) {
      this.#end();
      this.#owner.retryOverTcp(this.#server);
      return;
    }
    this.#messages.push(message);
    const missing = this.#owner.questions.findIndex((_, i) => !this.#answered.has(i));
    if (missing < 0) {
      this.#end();
      this.#owner.finished(this.#messages);
    } else if (this.#sent[missing] === undefined) {
      if (!this.#reopens || this.#reopen()) this.#send(missing);
    }
  }

  /**
   * The answer to the other question, where it has been sent, is waited for, and is all there is; where that is of no use
   * either, the next server.
   */
  #unhelpful(): void {
    if (!this.#one && this.#answered.size < this.#owner.questions.length) return;
    this.#end();
    if (this.#messages.length > 0) this.#owner.finished(this.#messages);
    else this.#owner.failed('unhelpful');
  }

  #refused(errno: Errno): void {
    if (this.#over) return;
    for (const { entry } of this.#sent) if (entry.result === 'waiting') entry.result = errno;
    this.#end();
    this.#owner.failed('refused');
  }

  /** Half an answer in time: some servers take one question at a time only, so that is tried, on a new socket at last. */
  #timedOut(): void {
    if (this.#over) return;
    for (const { entry } of this.#sent) if (entry.result === 'waiting') entry.result = 'timeout';
    const { learned } = this.#owner.place;
    const half = this.#messages.length > 0;
    if (half && !this.#one) {
      learned.singleRequest = true;
      this.open();
    } else if (half && !this.#reopens) {
      learned.singleRequestReopen = true;
      this.open();
    } else {
      this.#end();
      if (half) this.#owner.finished(this.#messages);
      else this.#owner.failed('timeout');
    }
  }

  #end(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#socket?.close();
  }
}
