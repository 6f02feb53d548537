/** The plugin `kubernetes` at work: a question to an answer (plugin/kubernetes/handler.go). */

import { DNS_FLAG, DNS_RCODE, type DnsMessage, type DnsRecord } from '../../../packet/index.js';
import {
  type DnsRequest,
  type Handler,
  type Plugin,
  questionOf,
  type Reply,
  replyTo,
  withQuestion,
} from '../exchange.js';
import { canonical, matchZone, relativeTo } from '../name.js';
import type { KubernetesBackend, Question } from './backend.js';
import { addressRecords, nameServerRecords, serviceRecords, startOfAuthority } from './records.js';

/** DNSSchemaVersion of the Kubernetes DNS specification. */
const SCHEMA_VERSION = '1.1.0';
const SCHEMA_TTL = 28_800;

interface Found {
  readonly records: readonly DnsRecord[];
  readonly additionals?: readonly DnsRecord[];
  /** A name outside the zone that has the rest of the answer. */
  readonly onward?: string;
}

const NOTHING: Found = { records: [] };

const existence = (backend: KubernetesBackend, question: Question): Found | 'nxdomain' =>
  addressRecords(backend, { ...question, type: 'A' }) === 'nxdomain' ? 'nxdomain' : NOTHING;

function textRecords(backend: KubernetesBackend, { name, zone }: Question): Found | 'nxdomain' {
  if (canonical(relativeTo(name, zone)) === 'dns-version')
    return { records: [{ name, ttl: SCHEMA_TTL, type: 'TXT', texts: [SCHEMA_VERSION] }] };
  const others = backend.targets({ name, zone, type: 'TXT' });
  return others === 'nxdomain' || others.length === 0 ? 'nxdomain' : NOTHING;
}

function aliasRecords(backend: KubernetesBackend, question: Question): Found | 'nxdomain' {
  const targets = backend.targets(question);
  if (targets === 'nxdomain') return 'nxdomain';
  const host = targets[0]?.host;
  const { ttl } = backend.settings;
  return typeof host === 'string' ? { records: [{ name: question.name, ttl, type: 'CNAME', target: host }] } : NOTHING;
}

function pointerRecords(backend: KubernetesBackend, { name, zone }: Question): Found | 'nxdomain' {
  const names = backend.namesOf(name, zone);
  if (names === 'nxdomain') return 'nxdomain';
  const { ttl } = backend.settings;
  return { records: names.map((target) => ({ name, ttl, type: 'PTR', target })) };
}

function lookup(backend: KubernetesBackend, question: Question): Found | 'nxdomain' {
  const { name, zone, type } = question;
  const apex = relativeTo(name, zone) === '';
  switch (type) {
    case 'A':
    case 'AAAA':
      return addressRecords(backend, question);
    case 'SRV':
      return serviceRecords(backend, question);
    case 'PTR':
      return pointerRecords(backend, question);
    case 'CNAME':
      return aliasRecords(backend, question);
    case 'TXT':
      return textRecords(backend, question);
    case 'SOA':
      return apex ? { records: [startOfAuthority(backend, zone)] } : NOTHING;
    case 'NS':
      return apex ? nameServerRecords(backend, name, zone) : existence(backend, question);
    default:
      return existence(backend, question);
  }
}

/** BackendError(): the code, and the SOA of the zone for those who remember that there is nothing. */
const nothing = (request: DnsRequest, rcode: number, soa: DnsRecord): DnsMessage =>
  replyTo(request.message, { rcode, flags: DNS_FLAG.authoritative, authorities: [soa] });

export interface KubernetesPlugin {
  readonly backend: KubernetesBackend;
  /** Asks this server itself, for names that lead out of the zone (plugin/pkg/upstream). */
  readonly lookup: Handler;
}

export const kubernetesPlugin =
  ({ backend, lookup: askAgain }: KubernetesPlugin): Plugin =>
  (next) =>
  (request, reply) => {
    const { name, type } = questionOf(request);
    const matched = matchZone(backend.settings.zones, name);
    if (matched === undefined) {
      next(request, reply);
      return;
    }
    // As the asker wrote it.
    const zone = matched === '.' ? '.' : name.slice(name.length - matched.length);
    if (type === 'AXFR' || type === 'IXFR') {
      reply({ rcode: DNS_RCODE.refused });
      return;
    }
    const found = lookup(backend, { name, zone, type });
    if (found === 'nxdomain' && matchZone(backend.settings.fallthrough, name) !== undefined) next(request, reply);
    else if (found === 'nxdomain')
      reply({ message: nothing(request, DNS_RCODE.nxDomain, startOfAuthority(backend, zone)) });
    else if (found.onward === undefined) reply({ message: answer(request, found, startOfAuthority(backend, zone)) });
    else goOn(request, { found, onward: found.onward, askAgain }, reply);
  };

function answer(request: DnsRequest, { records, additionals = [] }: Found, soa: DnsRecord): DnsMessage {
  if (records.length === 0) return nothing(request, DNS_RCODE.noError, soa);
  return replyTo(request.message, { flags: DNS_FLAG.authoritative, answers: records, additionals });
}

/** The rest of the answer is wherever this server finds it; with none, the CNAME stands alone. */
function goOn(
  request: DnsRequest,
  { found, onward, askAgain }: { readonly found: Found; readonly onward: string; readonly askAgain: Handler },
  reply: Reply,
): void {
  const { type } = questionOf(request);
  askAgain(withQuestion(request, { name: onward, type }), (outcome) => {
    const further = 'message' in outcome ? outcome.message : undefined;
    const cut = (further?.flags ?? 0) & DNS_FLAG.truncated;
    const answers = [...found.records, ...(further?.answers ?? [])];
    reply({ message: replyTo(request.message, { flags: DNS_FLAG.authoritative | cut, answers }) });
  });
}
