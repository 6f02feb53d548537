/** A traced connection as data for programs. */

import { formatIpv4, formatMac, type Ipv4Addr, LINKTYPE, type Mac, summarize, toHex } from '../packet/index.js';
import type { Cause } from './cause.js';
import { changedFields } from './changed-fields.js';
import type { ConnectionTrace, TracePacket } from './connection.js';
import { formatStep } from './format-step.js';
import type { RecordedStep } from './recorder.js';
import { firstBytes } from './story.js';
import type { NameResolution } from './resolution.js';
import type { FlowTuple, Step } from './step.js';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Changed only when a reader of the former form would stumble. */
const TRACE_FORMAT_VERSION = 1;

const tuple = (flow: FlowTuple): JsonValue => ({
  protocol: flow.protocol,
  source: formatIpv4(flow.source),
  destination: formatIpv4(flow.destination),
  sourcePort: flow.sourcePort,
  destinationPort: flow.destinationPort,
});

const optional = <T>(
  key: string,
  value: T | undefined,
  form: (value: T) => JsonValue,
): { readonly [key: string]: JsonValue } => (value === undefined ? {} : { [key]: form(value) });

const ip = (addr: Ipv4Addr): JsonValue => formatIpv4(addr);
const mac = (addr: Mac): JsonValue => formatMac(addr);
const asText = (value: { toString(): string }): JsonValue => value.toString();
const same = (value: string | number | boolean): JsonValue => value;

const causeJson = (cause: Cause): JsonValue => ({
  kind: cause.kind,
  name: cause.name,
  ...optional('namespace', cause.namespace, same),
  ...optional('detail', cause.detail, same),
});

type Fields = { readonly [key: string]: JsonValue };
type FieldsOf = { readonly [K in Step['kind']]: (step: Extract<Step, { kind: K }>) => Fields };

/** For steps whose fields are plain values already. */
function plainFields(
  step: Extract<Step, { kind: 'set' | 'send' | 'forward' | 'fragment' | 'reassemble' | 'link' }>,
): Fields {
  const { kind: _, ...fields } = step;
  return fields;
}

const devOnly = ({ dev }: { readonly dev: string }): Fields => ({ dev });

/** The fields of a step that are its own, beside kind and text. */
const DETAILS: FieldsOf = {
  receive: devOnly,
  transmit: devOnly,
  // Most steps of most traces.
  rule: ({ hook, table, chain, position, outcome, rule, target }) => {
    if (rule === undefined) return { hook, table, chain, position, outcome };
    const text = rule.toString();
    return target === undefined
      ? { hook, table, chain, position, outcome, rule: text }
      : { hook, table, chain, position, outcome, rule: text, target };
  },
  table: ({ hook, table, rulesTried }) => ({ hook, table, rulesTried }),
  conntrack: ({ hook, state, direction, entry, note }) => ({
    hook,
    state,
    direction,
    ...optional('entry', entry, asText),
    ...optional('note', note, same),
  }),
  nat: ({ hook, type, before, after }) => ({ hook, type, before: tuple(before), after: tuple(after) }),
  route: (step) => ({
    direction: step.direction,
    destination: formatIpv4(step.destination),
    type: step.type,
    table: step.table,
    ...optional('route', step.route, asText),
    ...optional('rule', step.rule, asText),
    ...optional('dev', step.dev, same),
    ...optional('gateway', step.gateway, ip),
    ...optional('source', step.source, ip),
    ...optional('mtu', step.mtu, same),
  }),
  neighbour: ({ dev, address, state, pending, mac: lladdr }) => ({
    dev,
    address: formatIpv4(address),
    state,
    pending,
    ...optional('mac', lladdr, mac),
  }),
  arp: ({ dev, action, address, note }) => ({
    dev,
    action,
    address: formatIpv4(address),
    ...optional('note', note, same),
  }),
  bridge: ({ bridge, action, ports }) => ({ bridge, action, ports }),
  fdb: (step) => ({ dev: step.dev, mac: formatMac(step.mac), ...optional('remote', step.remote, ip) }),
  encapsulate: (step) => ({
    dev: step.dev,
    protocol: step.protocol,
    source: formatIpv4(step.source),
    destination: formatIpv4(step.destination),
    ...optional('vni', step.vni, same),
  }),
  decapsulate: ({ dev, protocol, vni }) => ({ dev, protocol, ...optional('vni', vni, same) }),
  icmp: ({ type, code, to, sent, note }) => ({ type, code, to: formatIpv4(to), sent, ...optional('note', note, same) }),
  deliver: ({ protocol, port, note }) => ({ protocol, port, note }),
  drop: ({ reason, note, by }) => ({ reason, ...optional('note', note, same), ...optional('by', by, asText) }),
  set: plainFields,
  send: plainFields,
  forward: plainFields,
  fragment: plainFields,
  reassemble: plainFields,
  link: plainFields,
};

function details(step: Step): Fields {
  const fieldsOf: (step: never) => Fields = DETAILS[step.kind];
  return fieldsOf(step as never);
}

function stepJson(recorded: RecordedStep, before: RecordedStep | undefined): JsonValue {
  const { step, timeNs, bytes } = recorded;
  const { text, because } = formatStep(step);
  const json: { [key: string]: JsonValue } = { kind: step.kind, timeNs, text };
  Object.assign(json, details(step));
  if (because.length > 0) json['because'] = because.map(causeJson);
  if (bytes === undefined) return json;
  const changes = changedFields(before, recorded);
  if (changes.length > 0)
    json['changes'] = changes.map(({ field, before: old, after }) => ({ field, before: old, after }));
  json['bytes'] = toHex(bytes);
  return json;
}

function packetJson({ role, story }: TracePacket, trace: ConnectionTrace): JsonValue {
  let before: RecordedStep | undefined;
  const first = firstBytes(story);
  return {
    id: story.id,
    parent: story.parent,
    role,
    startNs: story.startNs,
    summary:
      first?.bytes === undefined
        ? ''
        : summarize(first.bytes, { linkType: first.hasLinkHeader ? LINKTYPE.ethernet : LINKTYPE.raw }),
    hops: story.hops.map((hop) => ({
      place: trace.nameOf(hop.place),
      host: hop.place.host,
      netns: hop.place.netns,
      steps: hop.steps.map((recorded) => {
        const json = stepJson(recorded, before);
        if (recorded.bytes !== undefined) before = recorded;
        return json;
      }),
    })),
  };
}

const resolutionJson = (resolution: NameResolution, trace: ConnectionTrace): JsonValue => ({
  name: resolution.name,
  ...optional('address', resolution.address, ip),
  source: resolution.fromFile ? 'files' : 'dns',
  queries: resolution.queries.map(({ name, type, server, protocol, atNs, result }) => ({
    name,
    type,
    server: formatIpv4(server),
    protocol,
    atNs,
    result,
  })),
  packets: resolution.packets.map((packet) => packetJson(packet, trace)),
});

/** The document that `-o json` prints. */
export function traceJson(trace: ConnectionTrace): JsonValue {
  return {
    format: 'podwire-trace',
    version: TRACE_FORMAT_VERSION,
    from: { label: trace.from.label, address: formatIpv4(trace.from.address) },
    to: {
      label: trace.to.label,
      ...optional('address', trace.to.address, ip),
      ...optional('port', trace.to.port, same),
    },
    protocol: trace.protocol,
    ...optional('size', trace.size, same),
    verdict: trace.verdict,
    explanation: trace.explanation,
    ...optional('resolution', trace.resolution, (resolution) => resolutionJson(resolution, trace)),
    packets: trace.packets.map((packet) => packetJson(packet, trace)),
  };
}
