/** Messages in a TCP stream: each behind two octets of its length (RFC 1035 §4.2.2). */

export function framed(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(message.length + 2);
  new DataView(frame.buffer).setUint16(0, message.length);
  frame.set(message, 2);
  return frame;
}

/** Puts messages together from a stream. */
export class FrameReader {
  #waiting = new Uint8Array(0);

  /** The messages that are complete with these octets. */
  push(bytes: Uint8Array): readonly Uint8Array[] {
    const all = new Uint8Array(this.#waiting.length + bytes.length);
    all.set(this.#waiting);
    all.set(bytes, this.#waiting.length);
    const view = new DataView(all.buffer);
    const messages: Uint8Array[] = [];
    let at = 0;
    while (at + 2 <= all.length && at + 2 + view.getUint16(at) <= all.length) {
      const length = view.getUint16(at);
      messages.push(all.slice(at + 2, at + 2 + length));
      at += 2 + length;
    }
    this.#waiting = all.slice(at);
    return messages;
  }
}
