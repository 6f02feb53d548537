/** A traced connection as data for programs. schemas/trace.schema.json describes it. */

import { formatIpv4, formatMac, type Ipv4Addr, LINKTYPE, type Mac, summarize } from '../packet/index.js';
import type { Cause } from './cause.js';
import { changedFields } from './changed-fields.js';
import type { ConnectionTrace, TracePacket } from './connection.js';
import { formatStep } from './format-step.js';
import type { RecordedStep } from './recorder.js';
import type { FlowTuple, Step } from './step.js';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Changed only when a reader of the former form would stumble. */
export const TRACE_FORMAT_VERSION = 1;

const tuple = (flow: FlowTuple): JsonValue => ({
  protocol: flow.protocol,
  source: formatIpv4(flow.source),
  destination: formatIpv4(flow.destination),
  sourcePort: flow.sourcePort,
  destinationPort: flow.destinationPort,
});

const optional = <T>(key: string, value: T | undefined, form: (value: T) => JsonValue): { readonly [key: string]: JsonValue } =>
  value === undefined ? {} : { [key]: form(value) };

const ip = (addr: Ipv4Addr): JsonValue => formatIpv4(addr);
const mac = (addr: Mac): JsonValue => formatMac(addr);
const asText = (value: { toString(): string }): JsonValue => value.toString();
const same = (value: string | number | boolean): JsonValue => value;

export const causeJson = (cause: Cause): JsonValue => ({
  kind: cause.kind,
  name: cause.name,
  ...optional('namespace', cause.namespace, same),
  ...optional('detail', cause.detail, same),
});

/** The fields of a step that are its own, beside kind and text. */
function details(step: Step): { readonly [key: string]: JsonValue } {
  switch (step.kind) {
    case 'receive':
    case 'transmit':
      return { dev: step.dev };
    case 'rule':
      return {
        hook: step.hook,
        table: step.table,
        chain: step.chain,
        position: step.position,
        outcome: step.outcome,
        ...optional('rule', step.rule, asText),
        ...optional('target', step.target, same),
      };
    case 'table':
      return { hook: step.hook, table: step.table, rulesTried: step.rulesTried };
    case 'conntrack':
      return { hook: step.hook, state: step.state, direction: step.direction, ...optional('entry', step.entry, asText), ...optional('note', step.note, same) };
    case 'nat':
      return { hook: step.hook, type: step.type, before: tuple(step.before), after: tuple(step.after) };
    case 'route':
      return {
        direction: step.direction,
        destination: formatIpv4(step.destination),
        type: step.type,
        table: step.table,
        ...optional('route', step.route, asText),
        ...optional('dev', step.dev, same),
        ...optional('gateway', step.gateway, ip),
        ...optional('source', step.source, ip),
        ...optional('mtu', step.mtu, same),
      };
    case 'neighbour':
      return { dev: step.dev, address: formatIpv4(step.address), state: step.state, pending: step.pending, ...optional('mac', step.mac, mac) };
    case 'arp':
      return { dev: step.dev, action: step.action, address: formatIpv4(step.address), ...optional('note', step.note, same) };
    case 'bridge':
      return { bridge: step.bridge, action: step.action, ports: step.ports };
    case 'fdb':
      return { dev: step.dev, mac: formatMac(step.mac), ...optional('remote', step.remote, ip) };
    case 'encapsulate':
      return { dev: step.dev, protocol: step.protocol, source: formatIpv4(step.source), destination: formatIpv4(step.destination), ...optional('vni', step.vni, same) };
    case 'decapsulate':
      return { dev: step.dev, protocol: step.protocol, ...optional('vni', step.vni, same) };
    case 'icmp':
      return { type: step.type, code: step.code, to: formatIpv4(step.to), sent: step.sent, ...optional('note', step.note, same) };
    case 'drop':
      return { reason: step.reason, ...optional('note', step.note, same), ...optional('by', step.by, asText) };
    case 'deliver':
      return { protocol: step.protocol, port: step.port, note: step.note };
    default:
      return otherDetails(step);
  }
}

type Covered = 'receive' | 'transmit' | 'rule' | 'table' | 'conntrack' | 'nat' | 'route' | 'neighbour' | 'arp' | 'bridge' | 'fdb' | 'encapsulate' | 'decapsulate' | 'icmp' | 'drop' | 'deliver';

/** Steps whose fields are plain values already. */
function otherDetails(step: Exclude<Step, { kind: Covered }>): { readonly [key: string]: JsonValue } {
  const { kind: _, ...fields } = step;
  return fields;
}

function stepJson(recorded: RecordedStep, before: RecordedStep | undefined): JsonValue {
  const { step, timeNs } = recorded;
  const { text, because } = formatStep(step);
  const changes = changedFields(before, recorded);
  return {
    kind: step.kind,
    timeNs,
    text,
    ...details(step),
    ...(because.length === 0 ? {} : { because: because.map(causeJson) }),
    ...(changes.length === 0 ? {} : { changes: changes.map(({ field, before: old, after }) => ({ field, before: old, after })) }),
    ...(recorded.bytes === undefined ? {} : { bytes: hex(recorded.bytes) }),
  };
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join('');

function packetJson({ role, story }: TracePacket, trace: ConnectionTrace): JsonValue {
  let before: RecordedStep | undefined;
  const first = story.hops.flatMap(({ steps }) => steps).find(({ bytes }) => bytes !== undefined);
  return {
    id: story.id,
    parent: story.parent,
    role,
    startNs: story.startNs,
    summary: first?.bytes === undefined ? '' : summarize(first.bytes, { linkType: first.hasLinkHeader ? LINKTYPE.ethernet : LINKTYPE.raw }),
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

/** The document that `-o json` prints. */
export function traceJson(trace: ConnectionTrace): JsonValue {
  return {
    format: 'podwire-trace',
    version: TRACE_FORMAT_VERSION,
    from: { label: trace.from.label, address: formatIpv4(trace.from.address) },
    to: { label: trace.to.label, address: formatIpv4(trace.to.address), ...optional('port', trace.to.port, same) },
    protocol: trace.protocol,
    verdict: trace.verdict,
    explanation: trace.explanation,
    packets: trace.packets.map((packet) => packetJson(packet, trace)),
  };
}
