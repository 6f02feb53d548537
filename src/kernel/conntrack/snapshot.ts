/** An entry as it stands at one moment, for traces and lists: the entry itself goes on. */

import { NS_PER_S } from '../clock.js';
import { type Cause, NO_CAUSE, type Programmed } from '../../trace/index.js';
import type { CtBothCounters, CtEntry, CtTuple } from './entry.js';
import { formatEntry } from './format.js';

/** Prints as `conntrack -L` does. */
export class CtSnapshot implements Programmed {
  readonly because: readonly Cause[] = NO_CAUSE;
  readonly id: number;
  readonly original: CtTuple;
  readonly reply: CtTuple;
  readonly status: number;
  readonly mark: number;
  readonly state: string;
  readonly timeoutSeconds: number;
  readonly counters: CtBothCounters | undefined;

  constructor(entry: CtEntry, remainingNs: number) {
    this.id = entry.id;
    this.original = entry.original;
    this.reply = entry.reply;
    this.status = entry.status;
    this.mark = entry.mark;
    this.state = entry.protocolState.state;
    this.timeoutSeconds = Math.max(0, Math.floor(remainingNs / NS_PER_S));
    const { counters } = entry;
    this.counters = entry.accounted ? { original: { ...counters.original }, reply: { ...counters.reply } } : undefined;
  }

  toString(): string {
    return formatEntry(this);
  }
}
