/** The plugin `cache` (plugin/cache): answers and denials are remembered for as long as their TTLs, within limits, say. */

import { DNS_FLAG, DNS_RCODE, type DnsMessage, type DnsQuestion, type DnsRecord } from '../../../packet/index.js';
import { CorefileError, type CorefileLine, type Directive, type ServerBlock } from '../corefile/parse.js';
import { argumentZones, durationMs, integer, originsOf, unknownProperty, wrongArguments } from '../corefile/values.js';
import { type DnsRequest, ednsOf, type Plugin, questionOf, replyTo } from '../exchange.js';
import { canonical, matchZone } from '../name.js';

interface Limits {
  readonly capacity: number;
  /** In seconds. */
  readonly most: number;
  readonly least: number;
  /** Zones of which nothing of the kind is remembered. */
  readonly except: readonly string[];
}

export interface CacheSettings {
  readonly zones: readonly string[];
  readonly success: Limits;
  readonly denial: Limits;
  /** Seconds for SERVFAIL. */
  readonly failure: number;
  readonly keepTtl: boolean;
}

const LEAST_TTL = 5;
const MOST_TTL = 3_600;
const CAPACITY = 10_000;
const MOST_FAILURE_MS = 300_000;
const UNMODELLED = new Set(['prefetch', 'serve_stale', 'serve_stale_policy']);

const limitsFrom = (limits: Limits, line: CorefileLine): Limits => {
  const [capacity, most, least] = line.args;
  return {
    ...limits,
    capacity: integer(capacity, line, [0, Number.MAX_SAFE_INTEGER]),
    ...(most === undefined ? {} : { most: integer(most, line, [1, Number.MAX_SAFE_INTEGER]) }),
    ...(least === undefined ? {} : { least: integer(least, line, [0, Number.MAX_SAFE_INTEGER]) }),
  };
};

/** `disable success|denial [ZONES…]`. */
function exceptions(line: CorefileLine): { readonly kind: 'success' | 'denial'; readonly zones: readonly string[] } {
  const [kind, ...zones] = line.args;
  if (kind !== 'success' && kind !== 'denial')
    throw new CorefileError(line.line, 'cache type for disable must be "success" or "denial"');
  return { kind, zones: zones.length === 0 ? ['.'] : argumentZones(zones) };
}

/** @throws CorefileError */
export function cacheSettings(
  directive: Directive,
  block: ServerBlock,
  unmodelled: (line: CorefileLine) => void,
): CacheSettings {
  const [first, ...others] = directive.args;
  const ttl =
    first !== undefined && /^-?\d+$/.test(first) ? integer(first, directive, [1, Number.MAX_SAFE_INTEGER]) : undefined;
  const zones = originsOf(ttl === undefined ? directive.args : others, block);
  let success: Limits = { capacity: CAPACITY, most: ttl ?? MOST_TTL, least: LEAST_TTL, except: [] };
  let denial: Limits = { capacity: CAPACITY, most: ttl ?? MOST_TTL / 2, least: LEAST_TTL, except: [] };
  let failure = LEAST_TTL;
  let keepTtl = false;
  for (const line of directive.block) {
    if (line.name === 'success') success = limitsFrom(success, line);
    else if (line.name === 'denial') denial = limitsFrom(denial, line);
    else if (line.name === 'keepttl') keepTtl = true;
    else if (line.name === 'servfail') {
      const ms = durationMs(line.args[0], line);
      if (ms > MOST_FAILURE_MS)
        throw new CorefileError(line.line, 'caching SERVFAIL responses over 5 minutes is not permitted');
      failure = ms / 1_000;
    } else if (line.name === 'disable') {
      const { kind, zones: except } = exceptions(line);
      if (kind === 'success') success = { ...success, except };
      else denial = { ...denial, except };
    } else if (UNMODELLED.has(line.name)) unmodelled(line);
    else throw line.args.length === 0 ? wrongArguments(line) : unknownProperty(line);
  }
  return { zones, success, denial, failure, keepTtl };
}

type Kind = 'success' | 'denial' | 'failure' | 'none';

const hasSoa = ({ authorities }: DnsMessage): boolean => authorities.some(({ type }) => type === 'SOA');
const typeOf = (record: DnsRecord): string => (record.type === 'other' ? record.typeName : record.type);

/** Whether the answers lead from the question to a record of the type that was asked for (cache.go:answersQuestion()). */
function answersQuestion(answers: readonly DnsRecord[], { name, type }: DnsQuestion): boolean {
  const visited = new Set<string>();
  let owner = canonical(name);
  while (!visited.has(owner)) {
    visited.add(owner);
    const here = answers.filter((record) => canonical(record.name) === owner);
    if (type === 'ANY' && here.length > 0) return true;
    if (here.some((record) => typeOf(record) === type)) return true;
    const alias = here.find((record) => record.type === 'CNAME');
    if (alias?.type !== 'CNAME') return false;
    owner = canonical(alias.target);
  }
  return false;
}

/** plugin/pkg/response/typify.go and cache.go:key(): as what a message is remembered, if at all. */
function classify(message: DnsMessage, question: DnsQuestion): Kind {
  if ((message.flags & DNS_FLAG.truncated) !== 0 || message.opcode !== 0) return 'none';
  if (question.type === 'AXFR' || question.type === 'IXFR') return 'none';
  if (message.rcode === DNS_RCODE.servFail || message.rcode === DNS_RCODE.notImp) return 'failure';
  if (message.rcode === DNS_RCODE.nxDomain) return message.answers.length === 0 && hasSoa(message) ? 'denial' : 'none';
  if (message.rcode !== DNS_RCODE.noError) return 'none';
  if (message.answers.length === 0) return hasSoa(message) ? 'denial' : 'success';
  if (answersQuestion(message.answers, question)) return 'success';
  return hasSoa(message) ? 'denial' : 'none';
}

/** The least TTL of the message; five seconds where it says nothing (plugin/pkg/dnsutil/ttl.go). */
function leastTtl(message: DnsMessage, most: number): number {
  const records = [...message.answers, ...message.authorities, ...message.additionals].filter(
    ({ type }) => type !== 'OPT',
  );
  return records.length === 0 ? LEAST_TTL : Math.min(most, ...records.map(({ ttl }) => ttl));
}

const withTtl = (records: readonly DnsRecord[], ttl: number): readonly DnsRecord[] =>
  records.filter(({ type }) => type !== 'OPT').map((record) => ({ ...record, ttl }));

const retimed = (message: DnsMessage, ttl: number): DnsMessage => ({
  ...message,
  answers: withTtl(message.answers, ttl),
  authorities: withTtl(message.authorities, ttl),
  additionals: withTtl(message.additionals, ttl),
});

interface Item {
  readonly message: DnsMessage;
  readonly ttl: number;
  readonly storedNs: number;
}

const NS_PER_SECOND = 1e9;

class Cache {
  readonly #settings: CacheSettings;
  readonly #nowNs: () => number;
  readonly #items = { success: new Map<string, Item>(), denial: new Map<string, Item>() };

  constructor(settings: CacheSettings, nowNs: () => number) {
    this.#settings = settings;
    this.#nowNs = nowNs;
  }

  /** The message that is remembered, its TTLs as they are now. A failure does not hide what is still good. */
  get(key: string): DnsMessage | undefined {
    const denial = this.#fresh('denial', key);
    const success = this.#fresh('success', key);
    if (denial === undefined || denial.message.rcode === DNS_RCODE.servFail) return (success ?? denial)?.message;
    return denial.message;
  }

  /** The message with the TTL that everything in it has from now on; it is remembered where it may be. */
  put(key: string, question: DnsQuestion, message: DnsMessage): DnsMessage {
    const kind = classify(message, question);
    const ttl = this.#ttlOf(kind, message);
    const capped = retimed(message, ttl);
    if (kind === 'none' || ttl <= 0) return capped;
    const name = kind === 'success' ? 'success' : 'denial';
    const { except, capacity } = this.#settings[name];
    if (matchZone(except, question.name) !== undefined) return capped;
    const items = this.#items[name];
    // Differs: the oldest makes room, where CoreDNS throws out one of the same shard at random.
    if (items.size >= capacity)
      for (const [oldest] of items) {
        items.delete(oldest);
        break;
      }
    items.delete(key);
    items.set(key, { message: capped, ttl, storedNs: this.#nowNs() });
    return capped;
  }

  #ttlOf(kind: Kind, message: DnsMessage): number {
    const { success, denial, failure } = this.#settings;
    if (kind === 'failure') return Math.floor(failure);
    const limits = kind === 'denial' ? denial : success;
    // Of what is neither, nothing is known but the least.
    const told = kind === 'none' && message.rcode !== DNS_RCODE.noError ? LEAST_TTL : leastTtl(message, limits.most);
    return Math.min(Math.max(told, limits.least), limits.most);
  }

  #fresh(name: 'success' | 'denial', key: string): { readonly message: DnsMessage } | undefined {
    const item = this.#items[name].get(key);
    if (item === undefined) return undefined;
    const left = item.ttl - Math.floor((this.#nowNs() - item.storedNs) / NS_PER_SECOND);
    if (left <= 0) return undefined;
    return { message: retimed(item.message, this.#settings.keepTtl ? item.ttl : left) };
  }
}

function keyOf(request: DnsRequest): string {
  const { name, type, class: questionClass } = questionOf(request);
  const dnssec = ednsOf(request.message)?.dnssecOk === true;
  const unchecked = (request.message.flags & DNS_FLAG.checkingDisabled) !== 0;
  return `${canonical(name)} ${type} ${questionClass ?? 1} ${dnssec} ${unchecked}`;
}

/** AD is told only to those who ask for it (RFC 6840 §5.7). */
function forAsker(request: DnsRequest, message: DnsMessage): DnsMessage {
  const wanted = ednsOf(request.message)?.dnssecOk === true || (request.message.flags & DNS_FLAG.authenticData) !== 0;
  return wanted ? message : { ...message, flags: message.flags & ~DNS_FLAG.authenticData };
}

export function cachePlugin(settings: CacheSettings, nowNs: () => number): Plugin {
  const cache = new Cache(settings, nowNs);
  return (next) => (request, reply) => {
    const question = questionOf(request);
    if (matchZone(settings.zones, question.name) === undefined) {
      next(request, reply);
      return;
    }
    const key = keyOf(request);
    const remembered = cache.get(key);
    if (remembered !== undefined) {
      const { rcode, flags, answers, authorities, additionals } = remembered;
      const kept = flags & (DNS_FLAG.recursionAvailable | DNS_FLAG.authenticData);
      // Always authoritative: old resolvers throw away what is not (cache/item.go:toMsg()).
      const answer = { rcode, flags: DNS_FLAG.authoritative | kept, answers, authorities, additionals };
      reply({ message: forAsker(request, replyTo(request.message, answer)) });
      return;
    }
    const { message } = request;
    const asked = { ...request, message: { ...message, flags: message.flags | DNS_FLAG.authenticData } };
    next(asked, (outcome) =>
      reply('message' in outcome ? { message: forAsker(request, cache.put(key, question, outcome.message)) } : outcome),
    );
  };
}
