/** Counters of interfaces, as far as they have changed. */

import type { Cluster } from '../../cluster/index.js';
import type { Device } from '../../kernel/index.js';
import type { CountersMessage, InterfaceCounters } from './messages.js';

export class Counters {
  readonly #cluster: Cluster;
  /** Packets and drops at the last look. */
  readonly #seen = new WeakMap<Device, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Undefined where nothing has changed. Machines that nobody has built have nothing to count. */
  sample(): CountersMessage | undefined {
    const interfaces: InterfaceCounters[] = [];
    for (const host of this.#cluster.underlay.built)
      for (const netns of host.namespaces)
        for (const device of netns.devices) {
          const { counters } = device;
          const { rxPackets, rxBytes, rxDropped, txPackets, txBytes, txDropped } = counters;
          const sum = rxPackets + txPackets + rxDropped + txDropped;
          if (sum === (this.#seen.get(device) ?? 0)) continue;
          this.#seen.set(device, sum);
          const place = this.#cluster.nameOf(netns.place);
          interfaces.push({
            place,
            interface: device.name,
            rxPackets,
            rxBytes,
            rxDropped,
            txPackets,
            txBytes,
            txDropped,
          });
        }
    return interfaces.length === 0
      ? undefined
      : { type: 'counters', timeNs: this.#cluster.emulation.clock.nowNs, interfaces };
  }
}
