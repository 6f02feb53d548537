/** A traced connection as text, hop by hop: what `podwire trace` prints. */

import { formatIpv4, LINKTYPE, summarize } from '../packet/index.js';
import { formatBecause, formatStep } from './format-step.js';
import type { ConnectionTrace, PacketRole, TracePacket } from './connection.js';
import { changedFields } from './changed-fields.js';
import type { RecordedStep } from './recorder.js';
import type { NameResolution } from './resolution.js';
import { firstBytes, type Hop, lastOf } from './story.js';
import { VERDICTS, type Verdict } from './verdict.js';

/** How parts of the text stand out; plain text by default. */
export interface TextStyle {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly heading: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly changed: (text: string) => string;
}

const plain = (text: string): string => text;
export const PLAIN_STYLE: TextStyle = { good: plain, bad: plain, heading: plain, faint: plain, changed: plain };

export interface TextOptions {
  readonly style?: TextStyle;
  /** Further packets of the connection hop by hop too, not only the first of each direction. */
  readonly everyPacket?: boolean;
}

const ROLE_TITLES: Readonly<Record<PacketRole, string>> = {
  request: 'Request',
  reply: 'Reply',
  'icmp-error': 'ICMP error',
  arp: 'ARP',
};

const LABEL_WIDTH = 11;

/** `192.168.0.1.40000 > 192.168.0.2.80: Flags [S], …` without the link-layer part. */
function headline(packet: TracePacket): string {
  const first = firstBytes(packet.story);
  if (first?.bytes === undefined) return '';
  return summarize(first.bytes, { linkType: first.hasLinkHeader ? LINKTYPE.ethernet : LINKTYPE.raw });
}

const milliseconds = (ns: number): string => `${(ns / 1e6).toFixed(3)} ms`;

/** Which packets are shown hop by hop: the first of each role, and the first of each role that was dropped. */
function worthShowing(packets: readonly TracePacket[]): ReadonlySet<TracePacket> {
  const shown = new Set<TracePacket>();
  const seen = new Set<string>();
  for (const packet of packets) {
    if (packet.role === 'arp') continue;
    const dropped = lastOf(packet.story, 'drop') !== undefined;
    if (!seen.has(packet.role) || (dropped && !seen.has(`${packet.role} dropped`))) shown.add(packet);
    seen.add(packet.role);
    if (dropped) seen.add(`${packet.role} dropped`);
  }
  return shown;
}

/** A chain of somebody's own that ends without a decision says nothing. */
const isSilent = ({ step }: RecordedStep): boolean =>
  step.kind === 'rule' && step.rule === undefined && step.outcome === 'return';

function formatHop(
  hop: Hop,
  before: RecordedStep | undefined,
  context: { trace: ConnectionTrace; style: TextStyle },
): { lines: string[]; last: RecordedStep | undefined } {
  const { trace, style } = context;
  const lines = [`  ${style.heading(trace.nameOf(hop.place))}`];
  let last = before;
  for (const recorded of hop.steps) {
    if (isSilent(recorded)) continue;
    const { label, text, because } = formatStep(recorded.step);
    const why = formatBecause(because);
    const paint = recorded.step.kind === 'drop' ? style.bad : recorded.step.kind === 'deliver' ? style.good : plain;
    lines.push(
      `    ${style.faint(label.padEnd(LABEL_WIDTH))} ${paint(text)}${why === '' ? '' : ` ${style.faint(why)}`}`,
    );
    if (recorded.bytes === undefined) continue;
    for (const change of changedFields(last, recorded)) {
      lines.push(
        `    ${''.padEnd(LABEL_WIDTH)} ${style.changed(`${change.field}: ${change.before} → ${change.after}`)}`,
      );
    }
    last = recorded;
  }
  return { lines, last };
}

function formatPacket(
  packet: TracePacket,
  number: number,
  context: { trace: ConnectionTrace; style: TextStyle },
): string[] {
  const { style } = context;
  const title = `${ROLE_TITLES[packet.role]}, packet ${number}, at ${milliseconds(packet.story.startNs)}`;
  const lines = [style.heading(title), `  ${headline(packet)}`];
  let last: RecordedStep | undefined;
  for (const hop of packet.story.hops) {
    const formatted = formatHop(hop, last, context);
    lines.push(...formatted.lines);
    last = formatted.last;
  }
  return lines;
}

const isGood = (verdict: Verdict): boolean => verdict === 'answered';

/** The whole trace. Lines end without a line feed; join them. */
export function formatTrace(trace: ConnectionTrace, options: TextOptions = {}): string {
  const style = options.style ?? PLAIN_STYLE;
  const port = trace.to.port === undefined ? '' : `:${trace.to.port}`;
  const ends = `${trace.from.label} (${formatIpv4(trace.from.address)}) → ${destinationText(trace)}${port}, ${trace.protocol}${sizeText(trace)}`;
  const paint = isGood(trace.verdict) ? style.good : style.bad;
  const lines = [
    style.heading(ends),
    `${paint(trace.verdict)}: ${VERDICTS[trace.verdict]}`,
    ...trace.explanation.map((sentence) => `  ${sentence}`),
  ];
  const context = { trace, style };
  if (trace.resolution !== undefined) lines.push('', ...formatResolution(trace.resolution, context, options));
  lines.push(...formatPackets(trace.packets, context, options));
  return lines.join('\n');
}

const sizeText = ({ size }: ConnectionTrace): string => (size === undefined ? '' : `, ${size} octets of data`);

/** The address beside the label, unless the label has it. */
function destinationText({ to: { label, address } }: ConnectionTrace): string {
  const text = address === undefined ? '' : formatIpv4(address);
  return text === '' || label.includes(text) ? label : `${label} (${text})`;
}

type Context = { readonly trace: ConnectionTrace; readonly style: TextStyle };

/** The questions one a line; the packets that carried them where they came to nothing, or where everything is wished for. */
function formatResolution(resolution: NameResolution, context: Context, options: TextOptions): string[] {
  const { name, address, fromFile, queries, packets } = resolution;
  const to = address === undefined ? 'no address' : formatIpv4(address);
  const where = fromFile ? 'in /etc/hosts' : 'by DNS';
  const width = Math.max(0, ...queries.map((query) => query.name.length));
  const lines = queries.map(
    (query) =>
      `  ${milliseconds(query.atNs).padStart(12)}  ${formatIpv4(query.server)} ${query.protocol}  ${query.type.padEnd(4)} ${query.name.padEnd(width)}  ${query.result}`,
  );
  const shown = address === undefined || options.everyPacket === true;
  return [
    context.style.heading(`Name ${name}, ${where}: ${to}`),
    ...lines,
    ...(shown ? formatPackets(packets, context, options) : []),
  ];
}

function formatPackets(packets: readonly TracePacket[], context: Context, options: TextOptions): string[] {
  const lines: string[] = [];
  const shown = options.everyPacket === true ? new Set(packets) : worthShowing(packets);
  packets.forEach((packet, i) => {
    if (shown.has(packet)) lines.push('', ...formatPacket(packet, i + 1, context));
  });
  const others = packets.filter((packet) => !shown.has(packet));
  if (others.length > 0) lines.push('', context.style.heading('Other packets'));
  for (const packet of others)
    lines.push(
      `  ${String(packets.indexOf(packet) + 1).padStart(3)}  ${milliseconds(packet.story.startNs)}  ${headline(packet)}`,
    );
  return lines;
}
