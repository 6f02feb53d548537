/** Words that mean something to a shell where a command begins, and what is assigned there. */

import { type Dialect, NAME } from './state.js';

export const RESERVED: Readonly<Record<Dialect, RegExp>> = {
  sh: /(?:if|then|elif|else|fi|for|while|until|do|done|case|esac|in|[{}!])(?=[\s;&|<>()]|$)/y,
  bash: /(?:if|then|elif|else|fi|for|while|until|do|done|case|esac|in|function|\[\[|[{}!])(?=[\s;&|<>()]|$)/y,
};
/** These open what is read further; the others mean something only behind them. */
export const OPENING = new Set(['if', 'for', 'while', 'until', '{', '!', 'case', 'function', '[[']);
export const ASSIGNMENT: Readonly<Record<Dialect, RegExp>> = {
  sh: /[A-Za-z_]\w*=/y,
  bash: /[A-Za-z_]\w*(?:\[[^\]\n]*\])?\+?=/y,
};
/** What a function is called. */
export const FUNCTION_NAME: Readonly<Record<Dialect, RegExp>> = { sh: NAME, bash: /^[^\s$'"\\=]+$/ };
