/** Where a configuration's text comes from, where in it something stands, and what is wrong there. */

export interface Position {
  readonly file: string;
  /** Both counted from 1. */
  readonly line: number;
  readonly column: number;
}

/** What BIRD would refuse: the message in its own words, lower-case position in front of it. */
export interface ConfigProblem extends Position {
  readonly message: string;
}

/** Thrown inside the parser alone: `parseConfig` answers with values. */
export class BirdSyntaxError extends Error {
  readonly problem: ConfigProblem;

  constructor(message: string, at: Position) {
    super(`${at.file}:${at.line}:${at.column} ${message}`);
    this.name = 'BirdSyntaxError';
    this.problem = { file: at.file, line: at.line, column: at.column, message };
  }
}

/** As BIRD 1.6.8 and 2 print it. */
/** Without a line it is about the file as a whole. */
export const formatProblem = ({ file, line, column, message }: ConfigProblem): string =>
  line === 0 ? `${file}: ${message}` : `${file}:${line}:${column} ${message}`;

/** Reads an included file; undefined where there is none. `list` gives the files that a pattern with wildcards matches. */
export interface ConfigFiles {
  readonly read: (path: string) => string | undefined;
  readonly list?: (pattern: string) => readonly string[];
}

/** conf/cf-lex.l: MAX_INCLUDE_DEPTH. */
export const MAX_INCLUDE_DEPTH = 8;

/** Relative to the directory of the file that includes it. */
export function resolveInclude(from: string, path: string): string {
  if (path.startsWith('/')) return path;
  const slash = from.lastIndexOf('/');
  return slash < 0 ? path : `${from.slice(0, slash)}/${path}`;
}
