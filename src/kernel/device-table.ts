/** The devices of a namespace, by index and by name. */

import type { Device } from './device.js';

export class DeviceTable implements Iterable<Device> {
  readonly #byIndex = new Map<number, Device>();
  readonly #byName = new Map<string, Device>();
  #lastIndex = 0;

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

  /** dev_index_reserve(): the next one after that of the device that was made last, if nobody has asked for it. */
  freeIndex(): number {
    do this.#lastIndex += 1;
    while (this.#byIndex.has(this.#lastIndex));
    return this.#lastIndex;
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
