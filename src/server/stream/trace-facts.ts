/** What a filter may ask of a trace: both ends, the way that its packets took, and what they were translated into. */

import { type ConnectionTrace, firstBytes, type FlowTuple, type PacketStory, stepsOfKind } from '../../trace/index.js';
import { FrameFacts, type FrameNames, namesOf, type NameLookup, type Told } from '../filter/facts.js';
import { headersOf } from '../filter/headers.js';
import type { TraceSummary } from '../session/traces.js';

const NO_BYTES = new Uint8Array(0);
const PROTOCOL_NAMES: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp' };
/** Fields that a trace has, of all the headers that its first packet had. */
const HEADERS = [
  'ip',
  'ip.src',
  'ip.dst',
  'ip.proto',
  'icmp',
  'tcp',
  'tcp.srcport',
  'tcp.dstport',
  'udp',
  'udp.srcport',
];
const TAKEN: ReadonlySet<string> = new Set([...HEADERS, 'udp.dstport']);

/** What a label such as `pod/shop/web-1` names. */
export function namesIn(labels: readonly string[]): FrameNames {
  const of = (kind: string): string[] =>
    labels.filter((label) => label.startsWith(`${kind}/`)).map((label) => label.slice(kind.length + 1));
  const [pods, services] = [of('pod'), of('svc')];
  const namespaces = [...pods, ...services].map((name) => name.split('/')[0] ?? '');
  return { pods, services, namespaces, nodes: of('node') };
}

export const joined = (one: FrameNames, other: FrameNames): FrameNames => ({
  pods: [...one.pods, ...other.pods],
  namespaces: [...one.namespaces, ...other.namespaces],
  services: [...one.services, ...other.services],
  nodes: [...one.nodes, ...other.nodes],
});

class Way {
  readonly hosts = new Set<string>();
  readonly places = new Set<string>();
  readonly interfaces = new Set<string>();
  readonly dropReasons = new Set<string>();
  readonly #headers = new Map<string, Set<number>>();

  #put(name: string, value: number): void {
    const held = this.#headers.get(name);
    if (held === undefined) this.#headers.set(name, new Set([value]));
    else held.add(value);
  }

  get headers(): ReadonlyMap<string, readonly number[]> {
    return new Map([...this.#headers].map(([name, values]) => [name, [...values]]));
  }

  end(field: 'ip.src' | 'ip.dst', address: number | undefined): void {
    if (address !== undefined) this.#put(field, address);
  }

  #tuple({ protocol, source, destination, sourcePort, destinationPort }: FlowTuple): void {
    this.#put('ip.src', source);
    this.#put('ip.dst', destination);
    const name = PROTOCOL_NAMES[protocol];
    if (name === undefined || name === 'icmp') return;
    this.#put(`${name}.srcport`, sourcePort);
    this.#put(`${name}.dstport`, destinationPort);
  }

  #takeHeaders(story: PacketStory): void {
    const first = firstBytes(story);
    if (first?.bytes === undefined) return;
    for (const [name, values] of headersOf(first.bytes, first.hasLinkHeader)) {
      if (!TAKEN.has(name)) continue;
      for (const value of values) this.#put(name, value);
    }
  }

  /** ARP is asked everywhere: what it passes is not on the way. */
  take({ packets, nameOf }: ConnectionTrace): void {
    for (const { role, story } of packets) {
      if (role === 'arp') continue;
      if (role === 'request') this.#takeHeaders(story);
      for (const { place } of story.hops) {
        this.hosts.add(place.host);
        this.places.add(nameOf(place));
      }
      for (const { dev } of [...stepsOfKind(story, 'receive'), ...stepsOfKind(story, 'transmit')])
        this.interfaces.add(dev);
      for (const { before, after } of stepsOfKind(story, 'nat'))
        for (const tuple of [before, after]) this.#tuple(tuple);
      for (const { reason } of stepsOfKind(story, 'drop')) this.dropReasons.add(reason);
    }
  }
}

/** Of all branches together. */
export function traceFacts(
  { from, to, branches, timeNs }: TraceSummary,
  traces: readonly ConnectionTrace[],
  lookup: NameLookup,
): FrameFacts {
  const way = new Way();
  for (const trace of traces) {
    way.end('ip.src', trace.from.address);
    way.end('ip.dst', trace.to.address);
    way.take(trace);
  }
  const { headers } = way;
  const told: Told = {
    verdicts: branches.map(({ verdict }) => verdict),
    dropReasons: [...way.dropReasons],
    hosts: [...way.hosts],
    places: [...way.places],
    interfaces: [...way.interfaces],
  };
  const addresses = [...(headers.get('ip.src') ?? []), ...(headers.get('ip.dst') ?? [])];
  const names = joined(namesIn([from.label, to.label]), namesOf(addresses, lookup));
  const seen = { timeNs, place: from.label, host: '', netns: '' };
  return new FrameFacts(NO_BYTES, false, { seen, lookup, told, names, headers });
}
