/** Which names a rewrite rule is for, and what becomes of them (plugin/rewrite/name.go). Names have their final dot here. */

import { CorefileError } from '../corefile/parse.js';
import { regularExpression } from '../corefile/values.js';
import { dotted } from '../name.js';

export type TextRewriter = (text: string) => string;

export interface NameMatch {
  /** The name in place of this one, or undefined where the rule is not for it. */
  readonly replace: (name: string) => string | undefined;
  /** Turns names of answers back, where that takes more than the two names. */
  readonly back?: TextRewriter;
}

const GROUP = /\{(\d{1,3})\}/g;

/** `{1}` in the replacement stands for the first group. */
const fill = (replacement: string, groups: readonly (string | undefined)[]): string =>
  replacement.replace(GROUP, (whole, number: string) =>
    Number(number) < groups.length ? (groups[Number(number)] ?? '') : whole,
  );

export const withGroups =
  (pattern: RegExp, replacement: string): TextRewriter =>
  (text) => {
    const groups = pattern.exec(text);
    return groups === null ? text : fill(replacement, groups);
  };

const exact = (from: string, to: string): NameMatch => ({ replace: (name) => (name === from ? to : undefined) });

const prefix = (from: string, to: string): NameMatch => ({
  replace: (name) => (name.startsWith(from) ? to + name.slice(from.length) : undefined),
});

const suffix = (from: string, to: string): NameMatch => ({
  replace: (name) => (name.endsWith(from) ? name.slice(0, name.length - from.length) + to : undefined),
  back: (name) => (name.endsWith(to) ? name.slice(0, name.length - to.length) + from : name),
});

const substring = (from: string, to: string): NameMatch => ({
  replace: (name) => (name.includes(from) ? name.replaceAll(from, () => to) : undefined),
});

const regex = (pattern: RegExp, to: string): NameMatch => ({
  replace: (name) => {
    const groups = pattern.exec(name);
    return groups === null ? undefined : fill(to, groups);
  },
});

/**
 * A prefix or part of a name is normalised like a whole one, final dot and all: `rewrite name substring old new` means
 * `old.` and `new.` there too.
 * @throws CorefileError
 */
export function nameMatch(kind: string, [from, to]: readonly [string, string], line: number): NameMatch {
  const [name, replacement] = [dotted(from).toLowerCase(), dotted(to).toLowerCase()];
  switch (kind) {
    case 'exact':
      return exact(name, replacement);
    case 'prefix':
      return prefix(name, replacement);
    case 'suffix':
      return suffix(name, replacement);
    case 'substring':
      return substring(name, replacement);
    case 'regex': {
      const pattern = regularExpression(from, line);
      const groups = new RegExp(`${pattern.source}|`, pattern.flags).exec('')?.length ?? 1;
      const used = new Set([...replacement.matchAll(GROUP)].map(([, number]) => number)).size;
      if (used > groups - 1)
        throw new CorefileError(
          line,
          `the rewrite regex pattern (${to}) uses more subexpressions than its corresponding matching regex pattern (${from})`,
        );
      return regex(pattern, replacement);
    }
    default:
      throw new CorefileError(
        line,
        `name rule supports only exact, prefix, suffix, substring, and regex name matching, received: ${kind}`,
      );
  }
}
