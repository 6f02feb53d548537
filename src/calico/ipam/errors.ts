/** What IPAM answers where it cannot do what was asked, in upstream's words: the CNI plugin prints them as they are. */

import type { Assignments } from './model.js';

export type IpamErrorCode =
  | 'does-not-exist'
  | 'already-exists'
  | 'conflict'
  | 'no-qualified-pool'
  | 'block-limit'
  | 'block-not-empty'
  | 'affinity'
  | 'invalid';

export class IpamError extends Error {
  readonly code: IpamErrorCode;
  /** What was assigned before the failure, where anything could be. */
  readonly partial: Assignments | undefined;

  constructor(code: IpamErrorCode, message: string, partial?: Assignments) {
    super(message);
    this.name = 'IpamError';
    this.code = code;
    this.partial = partial;
  }
}

/** libcalico-go/lib/errors: ErrorResourceDoesNotExist, as it prints without an inner error. */
export const doesNotExist = (identifier: string): IpamError =>
  new IpamError('does-not-exist', `resource does not exist: ${identifier} with error: <nil>`);
