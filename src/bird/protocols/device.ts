/** `protocol device`: interfaces are read by it (sysdep/unix/krt.c: kif_*). */

import type { Timer } from '../../kernel/index.js';
import type { DeviceConfig, ProtocolConfig } from '../config/types.js';
import type { Router } from '../router.js';
import { Protocol, type ProtocolState } from './protocol.js';

export class DeviceProtocol extends Protocol {
  #config: DeviceConfig;
  #timer: Timer | undefined = undefined;
  #stopHearing: (() => void) | undefined = undefined;

  constructor(router: Router, config: DeviceConfig) {
    super(router, config);
    this.#config = config;
  }

  protected begin(): ProtocolState {
    this.router.scanInterfaces();
    this.#stopHearing = this.router.hear((event) => this.router.interfaceEvent(event));
    this.#schedule();
    return 'up';
  }

  protected end(): ProtocolState {
    this.#timer?.cancel();
    this.#stopHearing?.();
    return 'down';
  }

  #schedule(): void {
    this.#timer?.cancel();
    if (this.#config.scanTime === 0) return;
    this.#timer = this.router.after(this.#config.scanTime, () => {
      this.router.scanInterfaces();
      this.#schedule();
    });
  }

  reconfigure(config: ProtocolConfig): boolean {
    if (config.kind !== 'device') return false;
    const { scanTime } = this.#config;
    this.#config = config;
    if (scanTime !== config.scanTime) this.#schedule();
    return true;
  }
}
