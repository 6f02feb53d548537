/** What conntrack-tools 1.4.7 says to a command line that is wrong. */

import { failure, type ToolResult } from '../tool.js';

export const NAME = 'conntrack v1.4.7 (conntrack-tools)';

const TRY_HELP = "Try `conntrack -h' or 'conntrack --help' for more information.";

/** What the user got wrong, on its way to who answers for it. */
export class Refused extends Error {
  readonly result: ToolResult;

  constructor(result: ToolResult) {
    super(result.stderr);
    this.result = result;
  }
}

/** There is no connlabel.conf, which is said where labels are asked for. */
export const NO_LABELS = 'nfct_labelmap_new: No such file or directory\n';

/** exit_error(PARAMETER_PROBLEM), behind what the tool has said before. */
export const refusal = (message: string, before = ''): ToolResult =>
  failure(2, `${before}${NAME}: ${message}\n${TRY_HELP}`);

export function refuse(message: string): never {
  throw new Refused(refusal(message));
}

/** exit_error(OTHER_PROBLEM), and what the kernel refuses. */
export function fail(message: string): never {
  throw new Refused(failure(1, `${NAME}: ${message}`));
}
