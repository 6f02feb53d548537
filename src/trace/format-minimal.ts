/**
 * A traced connection in few words, for golden files: what was decided, not how many rules it took. The
 * form is a promise: one line for each hop, and no field that depends on chance, counters or rule numbers.
 */

import { formatIpv4 } from '../packet/index.js';
import { branchTitle, type TraceBranches } from './branches.js';
import type { ConnectionTrace, TracePacket } from './connection.js';
import { formatTuple, protocolName } from './format-step.js';
import type { RecordedStep } from './recorder.js';
import type { Step } from './step.js';
import type { Hop } from './story.js';

/** The step's word, or undefined where it is left out. */
function word(step: Step): string | undefined {
  switch (step.kind) {
    case 'receive':
      return `rx ${step.dev}`;
    case 'transmit':
      return `tx ${step.dev}`;
    case 'nat':
      return `${step.type} ${formatTuple(step.before)} = ${formatTuple(step.after)}`;
    case 'route':
      return step.dev === undefined
        ? `route ${step.type}`
        : `route ${step.type} dev ${step.dev}${step.gateway === undefined ? '' : ` via ${formatIpv4(step.gateway)}`}`;
    case 'conntrack':
      return step.direction === 'reply' ? `ct ${step.state} reply` : `ct ${step.state}`;
    case 'encapsulate':
      return `encap ${step.protocol} ${formatIpv4(step.source)} > ${formatIpv4(step.destination)}`;
    case 'decapsulate':
      return `decap ${step.protocol}`;
    case 'forward':
      return `forward ttl ${step.ttl}`;
    case 'fragment':
      return `fragment ${step.pieces}`;
    case 'icmp':
      return step.sent ? `icmp ${step.type}/${step.code}` : undefined;
    case 'deliver':
      return `deliver ${protocolName(step.protocol)}`;
    case 'drop':
      return `drop ${step.reason}`;
    default:
      return undefined;
  }
}

function hopLine(hop: Hop, nameOf: ConnectionTrace['nameOf']): string {
  const words = hop.steps.map(({ step }: RecordedStep) => word(step)).filter((text) => text !== undefined);
  return `  ${nameOf(hop.place)}: ${words.filter((text, i) => text !== words[i - 1]).join(', ')}`;
}

/** The first request and the first of each kind of answer. */
function firsts(packets: readonly TracePacket[]): TracePacket[] {
  return (['request', 'reply', 'icmp-error'] as const).flatMap((role) => {
    const first = packets.find((packet) => packet.role === role);
    return first === undefined ? [] : [first];
  });
}

export function formatMinimal(trace: ConnectionTrace): string {
  const port = trace.to.port === undefined ? '' : `:${trace.to.port}`;
  const size = trace.size === undefined ? '' : ` size ${trace.size}`;
  const lines = [`${trace.protocol}${size} ${trace.from.label} ${trace.to.label}${port} ${trace.verdict}`];
  for (const packet of firsts(trace.packets)) {
    lines.push(packet.role, ...packet.story.hops.map((hop) => hopLine(hop, trace.nameOf)));
  }
  return lines.join('\n');
}

/** Each branch below its title. */
export const formatMinimalBranches = ({ branches }: TraceBranches): string =>
  branches.map((branch, number) => `${branchTitle(branch, number)}\n${formatMinimal(branch.trace)}`).join('\n');
