/** The name that a program would use for a destination, and what its resolver makes of it, by packets. */

import { type Netns, NS_PER_S } from '../../kernel/index.js';
import { isIpv4, type Pod, type Store } from '../../kubernetes/index.js';
import { type DnsRecord, formatIpv4, formatIpv6 } from '../../packet/index.js';
import { FAILURE_TEXT, rcodeName, type Resolution, type SentQuery, StubResolver } from '../../services/index.js';
import type { NameQuery, NameResolution } from '../../trace/index.js';
import type { Destination } from './endpoint-name.js';

/** No resolver tries longer: three servers, five attempts, thirty seconds each. */
const LIMIT_NS = 900 * NS_PER_S;

/** A program whose resolver is asked. */
export interface Asker {
  readonly netns: Netns;
  readonly files: ReadonlyMap<string, string>;
  readonly hostname: string;
  readonly process: string;
}

export interface ResolvedName {
  readonly answer: Resolution;
  readonly queries: readonly SentQuery[];
}

export const resolverOf = ({ netns, files, hostname, process }: Asker): StubResolver =>
  new StubResolver({ netns, readFile: (path) => files.get(path), hostname, process });

/** Runs the emulation until a lookup has come to its end. */
export function awaitLookup(netns: Netns, start: (done: (answer: Resolution) => void) => void): Resolution {
  let answer: Resolution | undefined;
  const { emulation } = netns;
  start((given) => {
    answer = given;
  });
  emulation.run(() => answer !== undefined, emulation.clock.nowNs + LIMIT_NS);
  return answer ?? { kind: 'failed', why: 'TRY_AGAIN' };
}

/** getaddrinfo(), as nearly every program calls it. */
export function resolveName(asker: Asker, name: string): ResolvedName {
  const resolver = resolverOf(asker);
  const answer = awaitLookup(asker.netns, (done) => resolver.addressesOf(name, done));
  return { answer, queries: resolver.queries };
}

/** `db` within a namespace, `db.shop` from outside of it: as people write it. */
const shortName = (namespace: string, name: string, pod: Pod): string =>
  pod.namespace === namespace ? name : `${name}.${namespace}`;

/** The name to ask for first, or undefined where the destination is an address, or known by its place. */
export function nameToAsk(
  { endpoint }: Destination,
  { store, pod }: { readonly store: Store; readonly pod: Pod | undefined },
): string | undefined {
  if (endpoint.kind === 'name') return endpoint.name;
  if (endpoint.kind !== 'svc' || pod === undefined) return undefined;
  const known = store.get('Service', endpoint.namespace, endpoint.name) !== undefined;
  return known ? shortName(endpoint.namespace, endpoint.name, pod) : undefined;
}

const dataText = (record: DnsRecord): string => {
  switch (record.type) {
    case 'A':
      return formatIpv4(record.address);
    case 'AAAA':
      return formatIpv6(record.address);
    case 'CNAME':
      return `CNAME ${record.target}`;
    default:
      return record.type;
  }
};

function resultText({ result }: SentQuery): string {
  if (result === 'timeout' || result === 'waiting') return 'no answer';
  if (typeof result === 'string') return result;
  if (result.rcode !== 0) return rcodeName(result.rcode);
  const cut = (result.flags & 0x0200) === 0 ? '' : 'truncated';
  return [...result.answers.map(dataText), cut].filter((text) => text !== '').join(', ') || 'no data';
}

const queryOf = (query: SentQuery): NameQuery => {
  const { name, type, server, protocol, atNs } = query;
  return { name, type, server, protocol, atNs, result: resultText(query) };
};

export function nameResolution(name: string, { answer, queries }: ResolvedName): Omit<NameResolution, 'packets'> {
  const address = answer.kind === 'found' ? answer.addresses.find(isIpv4) : undefined;
  const fromFile = answer.kind === 'found' && answer.source === 'files';
  return { name, address, fromFile, queries: queries.map(queryOf) };
}

/** Why there is no address, as a sentence. */
export function explainUnresolved(name: string, { answer, queries }: ResolvedName): string {
  const servers = [...new Set(queries.map(({ server }) => formatIpv4(server)))].join(', ');
  const asked = [...new Set(queries.map((query) => query.name))].join(', ');
  const why = answer.kind === 'failed' ? FAILURE_TEXT[answer.why].toLowerCase() : 'it has no IPv4 address';
  const where = queries.length === 0 ? 'no name server is known' : `asked of ${servers}: ${asked}`;
  return `The name ${name} cannot be resolved, ${why} (${where}).`;
}

/** Whether the servers said nothing at all: then it is a matter of packets, not of names. */
export const wasSilence = ({ queries }: ResolvedName): boolean =>
  queries.length > 0 && queries.every(({ result }) => typeof result === 'string');
