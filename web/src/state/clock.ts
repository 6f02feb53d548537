/** Virtual time of the cluster that is shown, as it was last read. */

import { type Signal, signal } from '@preact/signals';
import type { Clock } from '../api-types.js';
import type { Api } from './api.js';
import { InOrder, Repeated } from './in-order.js';

interface Asked {
  readonly api: Api;
  readonly current: Signal<string | undefined>;
  readonly isLost: () => boolean;
}

export class ReadClock {
  readonly clock = signal<Clock | undefined>(undefined);
  readonly #with: Asked;
  readonly #reads = new InOrder();
  readonly #repeated = new Repeated(async () => this.read());

  constructor(asked: Asked) {
    this.#with = asked;
  }

  /** @throws ApiError */
  ask(name: string, ask: (cluster: string) => Promise<Clock> = this.#with.api.clock): Promise<void> {
    return this.#reads.show(
      () => ask(name),
      (clock) => {
        if (this.#with.current.value === name) this.clock.value = clock;
      },
    );
  }

  async read(): Promise<void> {
    const { current, isLost } = this.#with;
    if (current.value !== undefined && !isLost()) await this.ask(current.value).catch(() => undefined);
  }

  /** It has changed, once or often. */
  changed(): void {
    void this.#repeated.again();
  }

  /** It is that late at least; one that runs is read now and then. */
  seen(timeNs: number): void {
    const { value: clock } = this.clock;
    if (clock !== undefined && !clock.running && timeNs > clock.nowNs) this.changed();
  }
}
