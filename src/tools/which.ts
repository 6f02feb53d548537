/** `which` of debianutils 5.7: `[-a] NAME...`. */

import { getopt, isBadOption } from './getopt.js';
import { failure, lines, type Programs, type ToolResult } from './tool.js';

export function which(args: readonly string[], { pathOf }: Programs): ToolResult {
  const given = getopt(args, 'as');
  if (isBadOption(given))
    return failure(
      2,
      `Illegal option ${args.find((word) => /^-[^as]/.test(word)) ?? '-'}\nUsage: /usr/bin/which [-as] args`,
    );
  const paths = given.rest.map(pathOf);
  const found = paths.filter((path) => path !== undefined);
  return {
    exitCode: given.rest.length > 0 && found.length === paths.length ? 0 : 1,
    stdout: given.flags.has('s') ? '' : lines(found),
    stderr: '',
  };
}
