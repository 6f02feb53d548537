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

/** Whether it names what was typed: `there is no pod "shop/web"`, of `pod/shop/web:80`. */
export function isAbout({ error }: Problem, typed: string): boolean {
  const name = typed.replace(/^(?:pod|svc|lb|node|host)\//, '').replace(/:\d+$/, '');
  return name !== '' && [name, typed].some((one) => error.message.includes(`"${one}"`));
}

interface Told {
  readonly words: string;
  /** Where in the text that was written. */
  readonly at?: { readonly line: number; readonly column: number };
}

/** A message without the name that the server gives the text of a request, which nobody has ever seen. */
export function toldOf(message: string): Told {
  const [, line, column, words = ''] = /^request-\w+\.yaml:(\d+):(\d+): (.*)$/s.exec(message) ?? [];
  return line === undefined ? { words: message } : { words, at: { line: Number(line), column: Number(column) } };
}

/** What is sent is told of below the form that it was sent with. */
export const isOfForm = (problem: Problem): boolean => problem.action === 'send' && !isAway(problem);
