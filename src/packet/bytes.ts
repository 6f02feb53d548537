/** Small things done with bytes. The only module that indexes them with `!`. */

const HEX = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));

/** The octet at `index`; the caller has checked that it is there. */
export const octet = (bytes: Uint8Array, index: number): number => bytes[index]!;

/** Lower-case hexadecimal of `bytes[offset..end)`, two digits an octet, nothing between. */
export function toHex(bytes: Uint8Array, offset = 0, end: number = bytes.length): string {
  let text = '';
  for (let i = offset; i < end; i++) text += HEX[bytes[i]!]!;
  return text;
}

/** Octets of hexadecimal text (white space ignored), or undefined where it is something else. */
export function fromHex(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) return undefined;
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A view over exactly `bytes`, offsets counted from its first octet. Once a buffer, never once a packet. */
export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The octets `view[offset..end)`, shared and not copied. */
export const bytesOf = (view: DataView, offset: number, end: number): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset + offset, end - offset);

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
