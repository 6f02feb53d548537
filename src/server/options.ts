/** What `serve` is asked for, and the limits that keep one user's wishes from being everybody's trouble. */

import type { SourceText } from '../kubernetes/index.js';

export interface Limits {
  readonly clusters: number;
  /** Of one cluster. */
  readonly captures: number;
  /** Octets that one capture keeps. */
  readonly captureBytes: number;
  /** Traces that a cluster keeps; the oldest goes. */
  readonly traces: number;
  /** Octets of a request. */
  readonly bodyBytes: number;
  /** Megabytes of a cluster's own memory. */
  readonly memoryMiB: number;
  /** How long a request may take. */
  readonly requestMs: number;
  /** How long a command of `exec` may take before it is ended; by default at most half of what a request may. */
  readonly execMs: number;
  /** Events of the emulation that a command of `exec` may bring about. */
  readonly execEvents: number;
  /** How long loading or changing a cluster may take. */
  readonly loadMs: number;
  /** How long requests that are under way have at the end. */
  readonly graceMs: number;
  /** Branches of one trace. */
  readonly branches: number;
  /** Flows of one what-if. */
  readonly flows: number;
  readonly sockets: number;
  /** How long a websocket may be there without a subscription. */
  readonly idleSocketMs: number;
  /** Octets of answers that wait for one client; batches have a bound of their own. */
  readonly socketBytes: number;
  /** Messages of one cluster that are kept for clients that come back. */
  readonly replay: number;
}

const DEFAULT_LIMITS: Limits = {
  clusters: 16,
  captures: 16,
  captureBytes: 64 << 20,
  traces: 64,
  bodyBytes: 64 << 20,
  memoryMiB: 2048,
  requestMs: 30_000,
  execMs: 15_000,
  execEvents: 5_000_000,
  loadMs: 120_000,
  graceMs: 10_000,
  branches: 64,
  flows: 400,
  sockets: 256,
  idleSocketMs: 10_000,
  socketBytes: 1 << 20,
  replay: 4096,
};

/** Those that were given, and what they leave open. */
export function limitsOf(given: Partial<Limits> = {}): Limits {
  const limits = { ...DEFAULT_LIMITS, ...given };
  return { ...limits, execMs: given.execMs ?? Math.min(limits.execMs, limits.requestMs / 2) };
}

/** A cluster that is there from the start. */
export interface InitialCluster {
  readonly name: string;
  readonly sources: readonly SourceText[];
}

export interface ServeOptions {
  readonly host?: string;
  /** 0 takes any free port. */
  readonly port?: number;
  readonly token?: string | undefined;
  /** Origins of pages that may use the API from a browser, beside the server's own. */
  readonly origins?: readonly string[];
  readonly seed?: number;
  readonly clusters?: readonly InitialCluster[];
  readonly limits?: Partial<Limits>;
  /** `silent` writes no log. */
  readonly logLevel?: string;
  /** Log lines go there; standard error by default. */
  readonly logStream?: { write(line: string): void };
  /** The compiled worker; beside the built program by default. */
  readonly workerUrl?: URL;
  /** The built page's folder; beside the built program by default. */
  readonly pageFolder?: URL;
}
