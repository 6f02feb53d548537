/** Transmission sequence numbers: 32 bits that wrap (RFC 1982; include/net/sctp/sm.h:TSN_lt()). */

export const tsnPlus = (tsn: number, count: number): number => (tsn + count) >>> 0;

export const tsnAfter = (a: number, b: number): boolean => ((b - a) | 0) < 0;
