/**
 * The two kinds of message: a `ConfigError` is what cannot be understood and ends
 * the run; a `Finding` is what a real cluster would accept, and suffer from, and changes no exit status.
 */

import type { ObjectSource } from './source/documents.js';
import { type FieldPath, formatPath } from './source/json.js';

export interface ConfigError {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `IPPool default-ipv4-ippool`, `Pod shop/web-1`; empty where no object could be read. */
  readonly object: string;
  /** `spec.cidr`; empty for the object as a whole. */
  readonly path: string;
  /** `an address`, `one of TCP, UDP, SCTP`. */
  readonly expected: string;
  /** The value as it was written, or `nothing`. */
  readonly got: string;
  /** The API server would refuse it, and yet it is there. */
  readonly taken?: true;
  /** Names that exist and look like the one that was given. */
  readonly near?: readonly string[];
}

export type FindingCode =
  | 'address-in-use-twice'
  | 'address-outside-pools'
  | 'bgp-peer-selects-nothing'
  | 'bgp-setting'
  | 'bird'
  | 'calico-setting'
  | 'cni-assumed'
  | 'cni-failed'
  | 'cronjob-running'
  | 'dns'
  | 'duplicate-object'
  | 'endpoints'
  | 'endpoints-differ'
  | 'external-address-pending'
  | 'host-endpoint'
  | 'kube-proxy'
  | 'kube-proxy-assumed'
  | 'load-balancer'
  | 'namespace-assumed'
  | 'network'
  | 'no-address'
  | 'object-refused'
  | 'pod-on-missing-node'
  | 'pod-pending'
  | 'pod-refused'
  | 'pool-changed'
  | 'policy-not-enforced'
  | 'policy-staged'
  | 'probe'
  | 'pool-missing'
  | 'pools-overlap'
  | 'service-address-assumed'
  | 'service-in-conflict'
  | 'service-selects-nothing'
  | 'tier-missing'
  | 'unknown-field'
  | 'unmodelled'
  | 'unmodelled-field'
  | 'unmodelled-kind';

/** `warning`: traffic suffers in a real cluster too. `notice`: podwire assumes or leaves out something. */
export type Severity = 'warning' | 'notice';

export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly message: string;
  readonly object: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
}

/** What a message needs of an object. */
export interface Subject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly source: ObjectSource;
}

/** `Pod shop/web-1`, `Node worker-1`. */
export const formatObject = ({ kind, namespace, name }: Omit<Subject, 'source'>): string =>
  namespace === '' ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;

/** Where in the files a field of an object stands. */
const position = (object: Pick<Subject, 'source'>, path: FieldPath) => object.source.position(path);

export const syntaxError = (
  source: ObjectSource,
  expected: string,
  got: string,
  path: FieldPath = [],
): ConfigError => ({
  ...source.position(path),
  object: '',
  path: formatPath(path),
  expected,
  got,
});

export const configError = (
  subject: Subject,
  path: FieldPath,
  { expected, got, near }: { readonly expected: string; readonly got: string; readonly near?: readonly string[] },
): ConfigError => ({
  ...position(subject, path),
  object: formatObject(subject),
  path: formatPath(path),
  expected,
  got,
  ...(near === undefined || near.length === 0 ? {} : { near }),
});

export const finding = (
  subject: Subject,
  path: FieldPath,
  { code, severity, message }: { readonly code: FindingCode; readonly severity: Severity; readonly message: string },
): Finding => ({
  code,
  severity,
  message,
  object: formatObject(subject),
  ...position(subject, path),
  path: formatPath(path),
});

/** What the API server says no to: the object is left out, or taken as it is. */
export const refusal = ({ file, line, column, object, path, expected, got, taken }: ConfigError): Finding => {
  const where = path === '' ? '' : `${path}: `;
  const fate = taken === true ? 'it is taken as it is' : 'it is left out';
  const message = `${where}expected ${expected}, got ${got}: the API server would refuse it, and ${fate}`;
  return { code: 'object-refused', severity: 'warning', message, object, file, line, column, path };
};

const place = ({ file, line, column }: { file: string; line: number; column: number }): string =>
  `${file}:${line}:${column}`;

/** `cluster.yaml:12:9: IPPool pool-a: spec.cidr: expected a CIDR, got "10.0.0.0/99"`. */
export function formatConfigError(error: ConfigError): string {
  const where = [place(error), error.object, error.path].filter((part) => part !== '').join(': ');
  const near = error.near === undefined ? '' : ` (near: ${error.near.join(', ')})`;
  return `${where}: expected ${error.expected}, got ${error.got}${near}`;
}

/** `cluster.yaml:3:5: warning: Pod shop/web-1: …`. */
export const formatFinding = (found: Finding): string =>
  `${place(found)}: ${found.severity}: ${found.object}: ${found.message}`;

/** Levenshtein's distance, in which two letters that have changed places are one mistake. */
function distance(a: string, b: string): number {
  let above: readonly number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = isSwapped ? (above[j - 2] ?? 0) + 1 : substitution;
      next.push(Math.min(substitution, swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    above = row;
    row = next;
  }
  return row[b.length] ?? 0;
}

const MAX_NEAR = 3;
const LONGEST_COMPARED = 253; // no Kubernetes name is longer

/** The candidates that a mistyped name may have meant, best first, at most three. */
export function nearMatches(name: string, candidates: Iterable<string>): readonly string[] {
  const wanted = name.toLowerCase().slice(0, LONGEST_COMPARED);
  // Of a short name not more than half may be wrong: else anything as short would do.
  const limit = Math.min(Math.floor(wanted.length / 2), Math.max(2, Math.floor(wanted.length / 3)));
  const scored: { candidate: string; score: number }[] = [];
  for (const candidate of new Set(candidates)) {
    const text = candidate.toLowerCase().slice(0, LONGEST_COMPARED);
    const contained = wanted.length > 2 && (text.includes(wanted) || (text.length > 2 && wanted.includes(text)));
    // What differs in length by more than the limit cannot be nearer than that.
    if (!contained && Math.abs(text.length - wanted.length) > limit) continue;
    const apart = distance(wanted, text);
    if (apart <= limit) scored.push({ candidate, score: apart });
    else if (contained) scored.push({ candidate, score: limit + 1 });
  }
  scored.sort((a, b) => a.score - b.score || (a.candidate < b.candidate ? -1 : 1));
  return scored.slice(0, MAX_NEAR).map(({ candidate }) => candidate);
}
