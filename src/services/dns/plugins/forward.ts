/** The plugin `forward` (plugin/forward, plugin/pkg/proxy): hands questions on to other servers, by packets. */

import type { Netns, Random } from '../../../kernel/index.js';
import { DNS_RCODE, type DnsMessage, formatIpv4, type Ipv4Addr, parseIpv4 } from '../../../packet/index.js';
import { type DnsOutcome, sendQuery } from '../client.js';
import { CorefileError, type CorefileLine, type Directive } from '../corefile/parse.js';
import { argumentZones, durationMs, integer, unknownProperty, wrongArguments } from '../corefile/values.js';
import {
  type DnsReply,
  type DnsRequest,
  type Handler,
  type Plugin,
  questionOf,
  type Reply,
  replyTo,
} from '../exchange.js';
import { canonical, isBelow, matchZone } from '../name.js';
import { rcodeNumber } from '../rcode.js';

export interface Upstream {
  readonly address: Ipv4Addr;
  readonly port: number;
}

export interface ForwardSettings {
  readonly from: string;
  readonly upstreams: readonly Upstream[];
  readonly except: readonly string[];
  readonly policy: 'random' | 'round_robin' | 'sequential';
  readonly forceTcp: boolean;
  readonly preferUdp: boolean;
  readonly maxFails: number;
  /** 0: no limit. */
  readonly maxConcurrent: number;
  /** 0: no limit. */
  readonly maxAttempts: number;
  readonly readTimeoutMs: number;
  readonly failFast: boolean;
  /** Codes that make it ask the next upstream. */
  readonly failover: readonly number[];
  /** Codes, and `nodata`, with which the next `forward` is tried. */
  readonly next: readonly number[];
  readonly nextOnNodata: boolean;
}

const MOST_UPSTREAMS = 15;
const READ_TIMEOUT_MS = 2_000;
const DEADLINE_MS = 5_000;
const ATTEMPTS_PER_UPSTREAM = 2;
/** hcInterval: no server is looked at more often. */
const HEALTH_CHECK_MS = 500;
const HEALTH_TIMEOUT_MS = 1_000;
const NS_PER_MS = 1e6;

/** How connections are kept and checked: nothing that changes an answer. */
const ABOUT_CONNECTIONS = new Set(['expire', 'max_age', 'max_idle_conns', 'health_check']);
const UNMODELLED = new Set(['tls', 'tls_servername', 'resolver', 'source_address', 'doh_method']);

export interface ForwardContext {
  readonly readFile: (path: string) => string | undefined;
  readonly unmodelled: (line: CorefileLine) => void;
  /** A file of name servers that is not there, or names none. */
  readonly withoutServers: (path: string, line: number) => void;
}

/** `nameserver` lines of a resolv.conf. */
const nameServersOf = (text: string): readonly string[] =>
  [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address = '']) => address);

/** `1.1.1.1`, `1.1.1.1:5353`, `dns://1.1.1.1`, or a file in the form of resolv.conf. */
function upstreamsOf(text: string, line: number, context: ForwardContext): readonly Upstream[] {
  const bare = text.replace(/^dns:\/\//, '');
  if (/^(?:tls|https|grpc|quic):\/\//.test(text)) {
    context.unmodelled({ name: `forward to ${text}`, args: [], line });
    return [];
  }
  if (bare.startsWith('/')) {
    const addresses = nameServersOf(context.readFile(bare) ?? '');
    if (addresses.length === 0) context.withoutServers(bare, line);
    return addresses.flatMap((address) => upstreamsOf(address, line, context));
  }
  const [, host = bare, port] = /^([^:[\]]+)(?::(\d+))?$/.exec(bare) ?? [];
  const address = parseIpv4(host);
  if (address !== undefined) return [{ address, port: port === undefined ? 53 : Number(port) }];
  if (!bare.includes(':')) throw new CorefileError(line, `not an IP address or file: "${text}"`);
  context.unmodelled({ name: `forward to the IPv6 address ${text}`, args: [], line });
  return [];
}

type Draft = { -readonly [K in keyof ForwardSettings]: ForwardSettings[K] };

const rcodes = (line: CorefileLine): readonly number[] => {
  if (line.args.length === 0) throw wrongArguments(line);
  return line.args.map((word) => {
    const rcode = rcodeNumber(word);
    if (rcode === undefined) throw new CorefileError(line.line, `${word} is not a valid rcode`);
    return rcode;
  });
};

const COUNT = [0, 0xffff_ffff] as const;

function readProperty(draft: Draft, line: CorefileLine, context: ForwardContext): void {
  const { name, args } = line;
  const [first] = args;
  switch (name) {
    case 'except':
      if (args.length === 0) throw wrongArguments(line);
      draft.except = [...draft.except, ...argumentZones(args)];
      return;
    case 'policy':
      if (first !== 'random' && first !== 'round_robin' && first !== 'sequential')
        throw new CorefileError(line.line, `unknown policy '${first ?? ''}'`);
      draft.policy = first;
      return;
    case 'force_tcp':
      draft.forceTcp = true;
      return;
    case 'prefer_udp':
      draft.preferUdp = true;
      return;
    case 'max_fails':
      draft.maxFails = integer(first, line, COUNT);
      return;
    case 'max_concurrent':
      draft.maxConcurrent = integer(first, line, COUNT);
      return;
    case 'max_connect_attempts':
      draft.maxAttempts = integer(first, line, COUNT);
      return;
    case 'read_timeout':
      draft.readTimeoutMs = durationMs(first, line);
      return;
    case 'failfast_all_unhealthy_upstreams':
      draft.failFast = true;
      return;
    case 'failover':
      draft.failover = rcodes(line);
      return;
    case 'next':
      draft.next = rcodes(line);
      return;
    case 'next_on_nodata':
      draft.nextOnNodata = true;
      return;
    default:
      if (UNMODELLED.has(name)) context.unmodelled(line);
      else if (!ABOUT_CONNECTIONS.has(name)) throw unknownProperty(line);
  }
}

/** @throws CorefileError */
export function forwardSettings(directive: Directive, context: ForwardContext): ForwardSettings {
  const [from, ...to] = directive.args;
  if (from === undefined || to.length === 0) throw wrongArguments(directive);
  const seen = new Map<string, Upstream>();
  for (const upstream of to.flatMap((text) => upstreamsOf(text, directive.line, context)))
    seen.set(`${formatIpv4(upstream.address)}:${upstream.port}`, upstream);
  const upstreams = [...seen.values()];
  if (upstreams.length > MOST_UPSTREAMS)
    throw new CorefileError(directive.line, `more than ${MOST_UPSTREAMS} TOs configured: ${upstreams.length}`);
  const draft: Draft = {
    from: argumentZones([from])[0] ?? '.',
    upstreams,
    except: [],
    policy: 'random',
    forceTcp: false,
    preferUdp: false,
    maxFails: 2,
    maxConcurrent: 0,
    maxAttempts: ATTEMPTS_PER_UPSTREAM * upstreams.length,
    readTimeoutMs: READ_TIMEOUT_MS,
    failFast: false,
    failover: [],
    next: [],
    nextOnNodata: false,
  };
  for (const line of directive.block) readProperty(draft, line, context);
  return draft;
}

/** A server and how it has been of late (plugin/pkg/proxy.Proxy). */
class Proxy {
  readonly upstream: Upstream;
  fails = 0;
  #checkedNs = Number.NEGATIVE_INFINITY;

  constructor(upstream: Upstream) {
    this.upstream = upstream;
  }

  /** Differs: it is asked for the root's servers when a question meets it, not every half second. */
  check(netns: Netns): void {
    const { nowNs } = netns.emulation.clock;
    if (nowNs - this.#checkedNs < HEALTH_CHECK_MS * NS_PER_MS) return;
    this.#checkedNs = nowNs;
    const question = { name: '.', type: 'NS' };
    const id = netns.emulation.random.below(0x10000);
    const message = {
      id,
      flags: 0x0100,
      opcode: 0,
      rcode: 0,
      questions: [question],
      answers: [],
      authorities: [],
      additionals: [],
    };
    const timeoutNs = HEALTH_TIMEOUT_MS * NS_PER_MS;
    const { address: server, port } = this.upstream;
    sendQuery({ netns, server, port, protocol: 'udp', message, timeoutNs, process: 'coredns' }, (outcome) => {
      this.fails = outcome.kind === 'message' ? 0 : this.fails + 1;
    });
  }
}

interface Attempt {
  readonly request: DnsRequest;
  readonly order: readonly Proxy[];
  readonly deadlineNs: number;
  index: number;
  failed: number;
  failovers: number;
}

export class Forwarder {
  readonly settings: ForwardSettings;
  readonly #netns: Netns;
  readonly #random: Random;
  readonly #proxies: readonly Proxy[];
  #turn = 0;
  #concurrent = 0;

  constructor(settings: ForwardSettings, netns: Netns) {
    this.settings = settings;
    this.#netns = netns;
    this.#random = netns.emulation.random;
    this.#proxies = settings.upstreams.map((upstream) => new Proxy(upstream));
  }

  takes(name: string): boolean {
    const { from, except } = this.settings;
    if (!isBelow(from, name)) return false;
    return canonical(name) === from || matchZone(except, name) === undefined;
  }

  ask(request: DnsRequest, reply: Reply): void {
    const { maxConcurrent } = this.settings;
    if (maxConcurrent > 0 && this.#concurrent >= maxConcurrent) {
      reply({ rcode: DNS_RCODE.refused });
      return;
    }
    this.#concurrent += 1;
    const deadlineNs = this.#netns.emulation.clock.nowNs + DEADLINE_MS * NS_PER_MS;
    const attempt: Attempt = { request, order: this.#order(), deadlineNs, index: 0, failed: 0, failovers: 0 };
    this.#try(attempt, (outcome) => {
      this.#concurrent -= 1;
      reply(outcome);
    });
  }

  #order(): readonly Proxy[] {
    const all = this.#proxies;
    const { policy } = this.settings;
    if (policy === 'sequential' || all.length < 2) return all;
    if (policy === 'round_robin') {
      this.#turn += 1;
      const first = this.#turn % all.length;
      return [...all.slice(first, first + 1), ...all.slice(0, first), ...all.slice(first + 1)];
    }
    const order = [...all];
    return order
      .map((_, i) => order.splice(this.#random.below(all.length - i), 1)[0])
      .filter((one) => one !== undefined);
  }

  /** The next server in order that is not down; with all down, one of them by chance. */
  #choose(attempt: Attempt): Proxy | undefined {
    const { maxFails, failFast } = this.settings;
    for (let looked = 0; looked < attempt.order.length; looked += 1) {
      const proxy = attempt.order[attempt.index % attempt.order.length];
      attempt.index += 1;
      if (proxy === undefined) return undefined;
      if (maxFails === 0 || proxy.fails < maxFails) return proxy;
      proxy.check(this.#netns);
    }
    return failFast ? undefined : attempt.order[this.#random.below(attempt.order.length)];
  }

  #try(attempt: Attempt, reply: Reply): void {
    const { maxAttempts } = this.settings;
    const { nowNs } = this.#netns.emulation.clock;
    const spent = nowNs >= attempt.deadlineNs || (maxAttempts > 0 && attempt.failed >= maxAttempts);
    const proxy = spent ? undefined : this.#choose(attempt);
    if (proxy === undefined) reply({ rcode: DNS_RCODE.servFail });
    else this.#exchange(attempt, proxy, reply);
  }

  #exchange(attempt: Attempt, proxy: Proxy, reply: Reply, again?: 'tcp'): void {
    const { forceTcp, preferUdp, readTimeoutMs, maxFails } = this.settings;
    const { message, client } = attempt.request;
    const protocol = again ?? (forceTcp ? 'tcp' : preferUdp ? 'udp' : client.protocol);
    const query: DnsMessage = { ...message, id: this.#random.below(0x10000) };
    const { address: server, port } = proxy.upstream;
    const timeoutNs = readTimeoutMs * NS_PER_MS;
    sendQuery(
      { netns: this.#netns, server, port, protocol, message: query, timeoutNs, process: 'coredns' },
      (outcome) => {
        const cut = outcome.kind === 'message' && (outcome.message.flags & 0x0200) !== 0;
        if (cut && preferUdp && protocol === 'udp') this.#exchange(attempt, proxy, reply, 'tcp');
        else if (outcome.kind === 'message') this.#answered(attempt, { proxy, message: outcome.message }, reply);
        else this.#failed(attempt, { proxy, outcome, counts: maxFails > 0 }, reply);
      },
    );
  }

  #failed(
    attempt: Attempt,
    { proxy, counts }: { proxy: Proxy; outcome: DnsOutcome; counts: boolean },
    reply: Reply,
  ): void {
    attempt.failed += 1;
    if (counts) proxy.check(this.#netns);
    this.#try(attempt, reply);
  }

  #answered(attempt: Attempt, { proxy, message }: { proxy: Proxy; message: DnsMessage }, reply: Reply): void {
    proxy.fails = 0;
    const { request } = attempt;
    if (!isAnswerTo(request, message)) {
      reply({ message: replyTo(request.message, { rcode: DNS_RCODE.formErr }) });
      return;
    }
    if (this.settings.failover.includes(message.rcode)) {
      attempt.failovers += 1;
      if (attempt.failovers < this.#proxies.length) {
        this.#try(attempt, reply);
        return;
      }
    }
    reply({ message: { ...message, id: request.message.id } });
  }
}

/** request/request.go:Match(). */
function isAnswerTo(request: DnsRequest, { questions, flags }: DnsMessage): boolean {
  const asked = questionOf(request);
  const [question] = questions;
  return (
    questions.length === 1 &&
    question !== undefined &&
    (flags & 0x8000) !== 0 &&
    canonical(question.name) === canonical(asked.name) &&
    question.type === asked.type &&
    question.class === asked.class
  );
}

/** Several `forward` of one server block stand behind one another; codes of `next` lead on to the following one only. */
export const forwardPlugin =
  (forwarders: readonly Forwarder[]): Plugin =>
  (next) =>
    forwarders.reduceRight<Handler>((following, forwarder, i) => {
      const last = i === forwarders.length - 1;
      return (request, reply) => {
        if (!forwarder.takes(questionOf(request).name)) following(request, reply);
        else
          forwarder.ask(request, (outcome) =>
            !last && leadsOn(forwarder.settings, outcome) ? following(request, reply) : reply(outcome),
          );
      };
    }, next);

const leadsOn = ({ next, nextOnNodata }: ForwardSettings, outcome: DnsReply): boolean =>
  'message' in outcome &&
  (next.includes(outcome.message.rcode) ||
    (nextOnNodata && outcome.message.rcode === DNS_RCODE.noError && outcome.message.answers.length === 0));
