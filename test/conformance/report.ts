/** How much a conformance suite has compared: comments of its TAP that `npm run conformance` makes a table of. */

import type { Test } from 'tap';

export interface Compared {
  /** What was held against what, in a few words. */
  readonly what: string;
  readonly cases: number;
  readonly packets: number;
  readonly octets: number;
  readonly rules: number;
  readonly differences: number;
}

export const tellCompared = (t: Pick<Test, 'comment'>, compared: Compared): void =>
  t.comment(`compared ${JSON.stringify(compared)}`);
