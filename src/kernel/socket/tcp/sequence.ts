/** Sequence numbers: unsigned 32 bits that wrap (RFC 9293 §3.4; include/net/tcp.h:before(), between()). */

export const before = (a: number, b: number): boolean => ((a - b) | 0) < 0;
export const after = (a: number, b: number): boolean => ((b - a) | 0) < 0;
/** low <= value <= high. */
export const between = (value: number, low: number, high: number): boolean =>
  !before(value, low) && !after(value, high);
export const advance = (sequence: number, octets: number): number => (sequence + octets) >>> 0;
/** Octets from `low` up to `high`; negative where `high` lies before it. */
export const distance = (low: number, high: number): number => (high - low) | 0;
