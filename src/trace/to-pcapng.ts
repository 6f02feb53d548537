/** A traced connection as a capture: every frame that was received or sent, with its interface and fate. */

import { type CaptureDirection, LINKTYPE, PcapngWriter } from '../packet/index.js';
import { branchTitle, type TraceBranches } from './branches.js';
import type { ConnectionTrace } from './connection.js';
import { explainEnd } from './connection.js';
import type { RecordedStep } from './recorder.js';

interface Row {
  readonly recorded: RecordedStep;
  /** `<place> <device>`. */
  readonly name: string;
  readonly direction: CaptureDirection;
  readonly comments: readonly string[];
}

function rowsOf(trace: ConnectionTrace): Row[] {
  const rows: Row[] = [];
  for (const { story } of [...(trace.resolution?.packets ?? []), ...trace.packets]) {
    const end = explainEnd(story, trace.nameOf);
    const frames = story.hops.flatMap((hop) => hop.steps);
    const last = frames.findLast(({ step }) => step.kind === 'receive' || step.kind === 'transmit');
    for (const recorded of frames) {
      const { step } = recorded;
      if (step.kind !== 'receive' && step.kind !== 'transmit') continue;
      const direction = step.kind === 'receive' ? 'inbound' : 'outbound';
      const comments = recorded === last && end !== undefined ? [end] : [];
      rows.push({ recorded, name: `${trace.nameOf(recorded.place)} ${step.dev}`, direction, comments });
    }
  }
  return rows.sort((a, b) => a.recorded.order - b.recorded.order);
}

/** Interfaces of their own for each branch, whose description names it, as the comment of its first frame does. */
function addFrames(writer: PcapngWriter, trace: ConnectionTrace, branch?: string): void {
  const interfaces = new Map<string, number>();
  let title = branch === undefined ? [] : [branch];
  const about = branch === undefined ? {} : { description: branch };
  for (const { recorded, name, direction, comments } of rowsOf(trace)) {
    // A tunnel has no link layer.
    const linkType = recorded.hasLinkHeader ? LINKTYPE.ethernet : LINKTYPE.raw;
    const id = interfaces.get(name) ?? writer.addInterface({ name, linkType, ...about });
    interfaces.set(name, id);
    if (recorded.bytes === undefined) continue;
    writer.addPacket({
      interfaceId: id,
      timestamp: recorded.timeNs,
      bytes: recorded.bytes,
      direction,
      comments: [...title, ...comments],
    });
    title = [];
  }
}

/** Bytes of a pcapng file. One interface for each device that saw a frame, named `<place> <device>`. */
export function tracePcapng(trace: ConnectionTrace): Uint8Array {
  const writer = new PcapngWriter({ userApplication: 'podwire' });
  addFrames(writer, trace);
  return writer.take();
}

/** One branch after the other, as they were sent. */
export function branchesPcapng({ branches }: TraceBranches): Uint8Array {
  const writer = new PcapngWriter({ userApplication: 'podwire' });
  for (const [number, branch] of branches.entries()) addFrames(writer, branch.trace, branchTitle(branch, number));
  return writer.take();
}
