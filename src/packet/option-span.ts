/**
 * The shape that IPv4 and TCP options share (RFC 791 §3.1, RFC 9293 §3.2): kind 0 ends the list, kind 1 is one
 * octet of padding, every other kind is followed by a length that counts both octets before its data.
 */

/** One option and where it lies; `offset` and `length` include the kind and length octets. */
export interface OptionSpan {
  readonly kind: number;
  readonly offset: number;
  readonly length: number;
  /** The length octet is missing, below 2, or past the header: nothing behind it can be read. */
  readonly malformed: boolean;
}

export const OPTION_END = 0;
export const OPTION_NOP = 1;

function spanAt(view: DataView, offset: number, end: number): OptionSpan {
  const kind = view.getUint8(offset);
  if (kind === OPTION_END || kind === OPTION_NOP) return { kind, offset, length: 1, malformed: false };
  const length = offset + 1 < end ? view.getUint8(offset + 1) : 0;
  const malformed = length < 2 || offset + length > end;
  return { kind, offset, length: malformed ? end - offset : length, malformed };
}

/** The options in `[offset, end)`, the end marker included; a malformed one is the last. */
export function* optionSpans(view: DataView, offset: number, end: number): Generator<OptionSpan, void> {
  let at = offset;
  while (at < end) {
    const span = spanAt(view, at, end);
    yield span;
    if (span.kind === OPTION_END || span.malformed) return;
    at += span.length;
  }
}
