/** What went wrong last, in the server's words: told until the same goes well. */

import type { ApiError } from './api.js';

/** What the page's user does. */
export type Action = 'open' | 'load' | 'send' | 'break' | 'change' | 'clock' | 'read';

export interface Problem {
  readonly action: Action;
  readonly error: ApiError;
}

/** Nobody answered: the server is away. */
export const isAway = (problem: Problem | undefined): boolean => problem?.error.status === 0;
