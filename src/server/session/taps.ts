/** Several readers of one device: its own tap is a single one. */

import type { Device, Skb } from '../../kernel/index.js';

/** A frame as it passes a device. The bytes are the reader's own. */
export interface TappedFrame {
  readonly device: Device;
  readonly direction: 'in' | 'out';
  readonly timeNs: number;
  readonly bytes: Uint8Array;
  readonly hasLinkHeader: boolean;
  /** Identity of the packet, the same on every device that it passes. */
  readonly packet: number;
}

export type TapReader = (frame: TappedFrame) => void;

interface Tapped {
  readonly readers: Set<TapReader>;
  readonly tap: NonNullable<Device['tap']>;
}

function tapped(): Tapped {
  const readers = new Set<TapReader>();
  const tap: Tapped['tap'] = (device, skb, direction) => {
    const frame = frameOf(device, skb, direction);
    for (const read of readers) read(frame);
  };
  return { readers, tap };
}

export class Taps {
  readonly #tapped = new Map<Device, Tapped>();

  /** Reads along until the answer is called. */
  add(device: Device, reader: TapReader): () => void {
    const { readers, tap } = this.#tapped.get(device) ?? tapped();
    this.#tapped.set(device, { readers, tap });
    device.tap = tap;
    readers.add(reader);
    return () => {
      readers.delete(reader);
      if (readers.size > 0) return;
      this.#tapped.delete(device);
      // Those that were carried to other taps read on.
      if (device.tap === tap) device.tap = undefined;
    };
  }
}

function frameOf(device: Device, skb: Skb, direction: 'in' | 'out'): TappedFrame {
  const { view, data, tail } = skb;
  return {
    device,
    direction,
    timeNs: device.netns.emulation.clock.nowNs,
    bytes: new Uint8Array(view.buffer, view.byteOffset + data, tail - data).slice(),
    hasLinkHeader: device.hardHeaderLength > 0,
    packet: skb.id,
  };
}
