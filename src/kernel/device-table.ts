/** The devices of a namespace, by index and by name. */

import type { Device } from './device.js';

export class DeviceTable implements Iterable<Device> {
  readonly #byIndex = new Map<number, Device>();
  readonly #byName = new Map<string, Device>();

  [Symbol.iterator](): IterableIterator<Device> {
    return this.#byIndex.values();
  }

  get size(): number {
    return this.#byIndex.size;
  }

  /** By interface index. */
  at(ifindex: number): Device | undefined {
    return this.#byIndex.get(ifindex);
  }

  named(name: string): Device | undefined {
    return this.#byName.get(name);
  }

  /** The lowest index that nobody has, above 0. */
  freeIndex(): number {
    let index = this.#byIndex.size + 1;
    while (this.#byIndex.has(index)) index += 1;
    return index;
  }

  insert(dev: Device): void {
    this.#byIndex.set(dev.ifindex, dev);
    this.#byName.set(dev.name, dev);
  }

  remove(dev: Device): void {
    this.#byIndex.delete(dev.ifindex);
    this.#byName.delete(dev.name);
  }

  rename(dev: Device, name: string): void {
    this.#byName.delete(dev.name);
    dev.name = name;
    this.#byName.set(name, dev);
  }
}
