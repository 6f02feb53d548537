/** Problem details (RFC 9457): what went wrong with a request, as data that crosses threads. */

import type { ConfigError } from '../kubernetes/index.js';
import { formatConfigError } from '../kubernetes/index.js';

/** Kind of problem → status and title. A closed list: a client can decide by `type`. */
export const PROBLEMS = {
  'bad-request': { status: 400, title: 'The request cannot be understood' },
  'bad-object': { status: 400, title: 'An object cannot be understood' },
  'bad-filter': { status: 400, title: 'The filter cannot be understood' },
  unauthorized: { status: 401, title: 'A token is needed' },
  forbidden: { status: 403, title: 'Not from there' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'method-not-allowed': { status: 405, title: 'Not in this way' },
  'not-acceptable': { status: 406, title: 'Not in that form' },
  'request-timeout': { status: 408, title: 'The request came too slowly' },
  conflict: { status: 409, title: 'The state does not allow it' },
  invalid: { status: 422, title: 'An object cannot become that' },
  'too-large': { status: 413, title: 'The request is too large' },
  'expectation-failed': { status: 417, title: 'That cannot be expected of this server' },
  'upgrade-required': { status: 426, title: 'In another protocol' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  'unsupported-media-type': { status: 415, title: 'Not in that form' },
  'limit-reached': { status: 429, title: 'A limit of this server is reached' },
  internal: { status: 500, title: 'A mistake of podwire' },
  unavailable: { status: 503, title: 'Not at the moment' },
  timeout: { status: 504, title: 'It took too long' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;

export type ProblemKind = keyof typeof PROBLEMS;

/** One mistake of several, with its place. */
export interface Mistake {
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** What kind of mistake it is, of several that one request may have: the API server's word (metav1.CauseType). */
  readonly reason?: 'FieldManagerConflict';
  /** `Pod shop/web-1`. */
  readonly object?: string;
  /** `spec.ports[0].port`, or a JSON pointer into the request's own body. */
  readonly field?: string;
  readonly expected?: string;
  readonly got?: string;
  /** Names that exist and look like the one given. */
  readonly near?: readonly string[];
}

/** The members of a problem document. */
export interface ProblemDetail {
  readonly kind: ProblemKind;
  readonly detail: string;
  readonly errors: readonly Mistake[];
}

/** URN, since the types are explained in the API's own document. */
export const problemType = (kind: ProblemKind): string => `urn:podwire:problem:${kind}`;

export class Problem extends Error {
  override readonly name = 'Problem';
  readonly kind: ProblemKind;
  readonly errors: readonly Mistake[];

  constructor(kind: ProblemKind, detail: string, errors: readonly Mistake[] = []) {
    super(detail);
    this.kind = kind;
    this.errors = errors;
  }

  /** As data, for another thread. */
  get detail(): ProblemDetail {
    return { kind: this.kind, detail: this.message, errors: this.errors };
  }

  static from({ kind, detail, errors }: ProblemDetail): Problem {
    return new Problem(kind, detail, errors);
  }
}

const MAX_ERRORS = 100;

/** A loader's error, field for field. */
export const mistakeOf = (error: ConfigError): Mistake => ({
  message: formatConfigError(error),
  file: error.file,
  line: error.line,
  column: error.column,
  object: error.object,
  field: error.path,
  expected: error.expected,
  got: error.got,
  ...(error.near === undefined ? {} : { near: error.near }),
});

/** What a loader refused. @throws nothing: the caller throws it */
export function badObjects(errors: readonly ConfigError[]): Problem {
  const [first] = errors;
  const more = errors.length > 1 ? `, and ${errors.length - 1} more` : '';
  const detail = first === undefined ? 'nothing could be read' : `${formatConfigError(first)}${more}`;
  return new Problem('bad-object', detail, errors.slice(0, MAX_ERRORS).map(mistakeOf));
}
