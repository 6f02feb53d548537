/** Counters of interfaces, as far as they have changed. */

import type { Cluster } from '../../cluster/index.js';
import type { Device } from '../../kernel/index.js';
import { FrameFacts } from '../filter/facts.js';
import type { InterfaceCounters } from './messages.js';
import { namesIn } from './trace-facts.js';

/** Of one interface, and what a filter may ask of it. */
export interface CountedInterface {
  readonly counters: InterfaceCounters;
  readonly facts: FrameFacts;
}

export interface CounterSample {
  readonly timeNs: number;
  readonly interfaces: readonly CountedInterface[];
}

const NO_BYTES = new Uint8Array(0);

export class Counters {
  readonly #cluster: Cluster;
  /** Packets and drops at the last look. */
  readonly #seen = new WeakMap<Device, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Undefined where nothing has changed. Machines that nobody has built have nothing to count. */
  sample(): CounterSample | undefined {
    const { nowNs: timeNs } = this.#cluster.emulation.clock;
    const interfaces: CountedInterface[] = [];
    for (const host of this.#cluster.underlay.built)
      for (const netns of host.namespaces)
        for (const device of netns.devices)
          if (this.#hasChanged(device)) interfaces.push(this.#counted(device, timeNs));
    return interfaces.length === 0 ? undefined : { timeNs, interfaces };
  }

  #hasChanged(device: Device): boolean {
    const { rxPackets, rxDropped, txPackets, txDropped } = device.counters;
    const sum = rxPackets + txPackets + rxDropped + txDropped;
    if (sum === (this.#seen.get(device) ?? 0)) return false;
    this.#seen.set(device, sum);
    return true;
  }

  #counted(device: Device, timeNs: number): CountedInterface {
    const { rxPackets, rxBytes, rxDropped, txPackets, txBytes, txDropped } = device.counters;
    const { host, netns } = device.netns.place;
    const place = this.#cluster.nameOf(device.netns.place);
    const seen = { timeNs, place, host, netns, interface: device.name };
    const names = namesIn([place]);
    // A pod is on the machine that its namespace is on.
    const about = { seen, lookup: () => undefined, names: { ...names, nodes: [...names.nodes, host] } };
    return {
      counters: { place, interface: device.name, rxPackets, rxBytes, rxDropped, txPackets, txBytes, txDropped },
      facts: new FrameFacts(NO_BYTES, false, about),
    };
  }
}
