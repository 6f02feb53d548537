/** What a plugin answers instead of a result: the specification's codes, "Error" in CNI SPEC.md 1.1.0. */

export const CNI_ERROR = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  io: 5,
  decoding: 6,
  invalidNetworkConfig: 7,
  tryAgainLater: 11,
  notAvailable: 50,
  limitedConnectivity: 51,
  /** pkg/types: ErrInternal, for everything that a plugin reports without a code. */
  internal: 999,
} as const;

/** Codes below 100 are the specification's, 100 and above a plugin's own. */
export class CniError extends Error {
  readonly code: number;
  readonly details: string;

  constructor(code: number, message: string, details = '') {
    super(message);
    this.name = 'CniError';
    this.code = code;
    this.details = details;
  }

  /** As the reference library prints it on stdout. */
  toJson(): { readonly code: number; readonly msg: string; readonly details?: string } {
    const base = { code: this.code, msg: this.message };
    return this.details === '' ? base : { ...base, details: this.details };
  }
}

/** An error without a code of its own. */
export const internalError = (message: string): CniError => new CniError(CNI_ERROR.internal, message);
