/**
 * `kind: Expectations`, `apiVersion: podwire.dev/v1alpha1`: what a topology's traces must come to. It says
 * nothing about the cluster; tests, and people who write their own, read it.
 */

import { type Declared, durationSeconds, type KindDefinition, schema, type Value } from '../../kubernetes/index.js';
import { faultRequest } from '../input/fault.js';
import { LARGEST_SIZE } from './connection.js';
import { UnknownEndpoint } from './unknown-endpoint.js';
import { PODWIRE_GROUP } from '../../underlay/index.js';
import { formatIpv4, Ipv4 } from '../../packet/index.js';
import { type ConnectionTrace, type PacketStory, stepsOf, stepsOfKind, VERDICTS } from '../../trace/index.js';

const { addressText, integer, listOf, map, matching, oneOf, optional, record, text, withDefault } = schema;

type VerdictName = keyof typeof VERDICTS;
const isVerdict = (name: string): name is VerdictName => Object.hasOwn(VERDICTS, name);
const verdicts = Object.keys(VERDICTS).filter(isVerdict);

const expectedTrace = record(
  {
    name: text,
    from: text,
    to: text,
    protocol: withDefault(oneOf('tcp', 'udp', 'sctp', 'icmp'), 'tcp'),
    /** Octets of data to send. */
    size: optional(integer(1, LARGEST_SIZE)),
    verdict: oneOf(...verdicts),
    /** Places that the first request passes, in order, all of them. */
    passes: optional(listOf(text)),
    encapsulation: optional(oneOf('none', 'vxlan', 'ipip')),
    /** Source address of the request where it is delivered. */
    sourceSeen: optional(addressText),
    /** What the answer in plain words has to say, an object's name say. */
    says: optional(text),
  },
  { closed: true },
);

const seconds = map(matching(/^(?:\d+[smh])+$/, 'a duration such as 90s or 1h30m'), durationSeconds);

/** What happens while the cluster runs: objects go, come or are replaced, things break or are mended, time passes. Then traces. */
const expectedChange = record(
  {
    name: text,
    /** `Pod/shop/web-1`, `Node/worker1`. */
    delete: listOf(text),
    /** YAML. */
    apply: withDefault(text, ''),
    /** All that is broken from then on: what was broken before and is not among it is mended. */
    faults: listOf(faultRequest),
    /** Virtual time that passes then. */
    wait: withDefault(seconds, 0),
    traces: listOf(expectedTrace),
  },
  { closed: true },
);

export const expectationsBody = record({
  spec: record({ traces: listOf(expectedTrace), changes: listOf(expectedChange) }, { closed: true }),
});

export type ExpectationsSpec = Value<typeof expectationsBody>['spec'];
export type ExpectedTrace = ExpectationsSpec['traces'][number];

export type ExpectedChange = ExpectationsSpec['changes'][number];

/** The objects after the change. @throws UnknownEndpoint for a name that none of them has */
export function changedObjects(declared: Declared, change: ExpectedChange): Declared {
  const ids = change.delete.map((name) => {
    const found = declared.named(name);
    if (found === undefined) throw new UnknownEndpoint(`${change.name}: no object is called ${name}`);
    return found.id;
  });
  const rest = declared.without(new Set(ids));
  return change.apply === '' ? rest : rest.with({ file: change.name, text: change.apply }).declared;
}

export const expectationsKind: KindDefinition<Value<typeof expectationsBody>> = {
  kind: 'Expectations',
  groups: [PODWIRE_GROUP],
  namespaced: false,
  body: expectationsBody,
};

/** Places of a packet in order, each once where it stays there. */
const placesOf = (trace: ConnectionTrace, story: PacketStory): string[] =>
  story.hops.map(({ place }) => trace.nameOf(place)).filter((name, i, all) => name !== all[i - 1]);

const encapsulationOf = (story: PacketStory): string => stepsOfKind(story, 'encapsulate')[0]?.protocol ?? 'none';

const ETHERNET_HEADER_LENGTH = 14;

/** Source address in the last bytes that were seen of a packet. */
function lastSource(story: PacketStory): string | undefined {
  let source: string | undefined;
  for (const { bytes, hasLinkHeader } of stepsOf(story)) {
    if (bytes === undefined) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    source = formatIpv4(new Ipv4(view, hasLinkHeader ? ETHERNET_HEADER_LENGTH : 0).source);
  }
  return source;
}

/** In what a trace is not as expected, one sentence each. */
export function unmetBy(expected: ExpectedTrace, trace: ConnectionTrace): readonly string[] {
  const unmet: string[] = [];
  const compare = (what: string, wanted: string | undefined, got: string | undefined): void => {
    if (wanted !== undefined && wanted !== got) unmet.push(`${what}: expected ${wanted}, got ${got ?? 'nothing'}`);
  };
  const request = trace.packets.find(({ role }) => role === 'request')?.story;
  compare('verdict', expected.verdict, trace.verdict);
  compare('passes', expected.passes?.join(', '), request && placesOf(trace, request).join(', '));
  compare('encapsulation', expected.encapsulation, request && encapsulationOf(request));
  compare('source seen', expected.sourceSeen, request && lastSource(request));
  const said = trace.explanation.join('\n');
  if (expected.says !== undefined && !said.includes(expected.says))
    unmet.push(`explanation: expected it to say "${expected.says}", got "${said}"`);
  return unmet;
}
