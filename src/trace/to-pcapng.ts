/** A traced connection as a capture: every frame that was received or sent, with its interface and fate. */

import { LINKTYPE, PcapngWriter } from '../packet/index.js';
import type { ConnectionTrace } from './connection.js';
import { explainEnd } from './connection.js';
import type { RecordedStep } from './recorder.js';

/** Bytes of a pcapng file. One interface for each device that saw a frame, named `<place> <device>`. */
export function tracePcapng(trace: ConnectionTrace): Uint8Array {
  const writer = new PcapngWriter({ userApplication: 'podwire' });
  const interfaces = new Map<string, number>();
  const rows: {
    recorded: RecordedStep;
    name: string;
    direction: 'inbound' | 'outbound';
    comment: string | undefined;
  }[] = [];
  for (const { story } of [...(trace.resolution?.packets ?? []), ...trace.packets]) {
    const end = explainEnd(story, trace.nameOf);
    const frames = story.hops.flatMap((hop) => hop.steps);
    const last = frames.findLast(({ step }) => step.kind === 'receive' || step.kind === 'transmit');
    for (const recorded of frames) {
      const { step } = recorded;
      if (step.kind !== 'receive' && step.kind !== 'transmit') continue;
      const direction = step.kind === 'receive' ? 'inbound' : 'outbound';
      const comment = recorded === last ? end : undefined;
      rows.push({ recorded, name: `${trace.nameOf(recorded.place)} ${step.dev}`, direction, comment });
    }
  }
  rows.sort((a, b) => a.recorded.order - b.recorded.order);
  for (const { recorded, name, direction, comment } of rows) {
    // A tunnel has no link layer.
    const linkType = recorded.hasLinkHeader ? LINKTYPE.ethernet : LINKTYPE.raw;
    const id = interfaces.get(name) ?? writer.addInterface({ name, linkType });
    interfaces.set(name, id);
    if (recorded.bytes === undefined) continue;
    writer.addPacket({
      interfaceId: id,
      timestamp: recorded.timeNs,
      bytes: recorded.bytes,
      direction,
      ...(comment === undefined ? {} : { comments: [comment] }),
    });
  }
  return writer.take();
}
