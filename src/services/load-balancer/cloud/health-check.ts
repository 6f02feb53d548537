/**
 * A load balancer's question whether a node is well, again and again: a TCP connection, or a GET that must be answered
 * with 200. Thresholds and periods are those of the cloud provider of GCE
 * (legacy-cloud-providers/gce/gce_healthchecks.go) where the topology does not say others.
 */

import { NS_PER_S, type Netns, type Timer } from '../../../kernel/index.js';
import { formatIpv4 } from '../../../packet/index.js';
import type { Cause } from '../../../trace/index.js';
import { exchangeHttp } from '../../http/client.js';
import type { Check, Target } from './front.js';

export interface CheckTiming {
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

export interface HealthCheckRequest {
  readonly netns: Netns;
  readonly target: Target;
  readonly check: Check;
  readonly timing: CheckTiming;
  readonly process: string;
  readonly because: readonly Cause[];
  readonly changed: () => void;
}

/** `initial` until so many answers have come, or failed to come, that something can be said. */
export type HealthState = 'initial' | 'healthy' | 'unhealthy';

export class HealthCheck {
  readonly #request: HealthCheckRequest;
  #state: HealthState = 'initial';
  #successes = 0;
  #failures = 0;
  /** What the last one came to. */
  #reason = '';
  #next: Timer | undefined = undefined;
  #running = false;

  constructor(request: HealthCheckRequest) {
    this.#request = request;
  }

  get state(): HealthState {
    return this.#state;
  }

  get reason(): string {
    return this.#reason;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#ask();
  }

  /** An answer that is under way still counts. */
  stop(): void {
    this.#running = false;
    this.#next?.cancel();
    this.#next = undefined;
  }

  #ask(): void {
    const { netns, timing } = this.#request;
    this.#next = netns.emulation.clock.schedule(timing.intervalSeconds * NS_PER_S, () => this.#ask());
    netns.emulation.wake(() => this.#send());
  }

  #send(): void {
    const { netns, target, check, timing, process, because } = this.#request;
    const timeoutNs = timing.timeoutSeconds * NS_PER_S;
    if (check.kind === 'tcp') this.#connect(check.port, timeoutNs);
    else {
      const host = `${formatIpv4(target.address)}:${check.port}`;
      exchangeHttp(
        {
          netns,
          address: target.address,
          port: check.port,
          text: `GET ${check.path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: ${process}\r\nConnection: close\r\n\r\n`,
          withBody: true,
          connectTimeoutNs: timeoutNs,
          timeoutNs,
          process,
          because,
        },
        ({ head, end }) => this.#answered(head?.status === 200, head === undefined ? end : `status ${head.status}`),
      );
    }
  }

  #connect(port: number, timeoutNs: number): void {
    const { netns, target, process, because } = this.#request;
    const socket = netns.sockets.tcp({ process, because });
    let over = false;
    const end = (success: boolean, reason: string): void => {
      if (over) return;
      over = true;
      timer.cancel();
      socket.close();
      this.#answered(success, reason);
    };
    const timer = netns.emulation.clock.schedule(timeoutNs, () => end(false, 'timeout'));
    socket.onConnect = () => end(true, 'connected');
    socket.onError = (errno) => end(false, errno);
    const errno = socket.connect(target.address, port);
    if (errno !== undefined) end(false, errno);
  }

  #answered(success: boolean, reason: string): void {
    const { timing, changed } = this.#request;
    this.#reason = reason;
    this.#successes = success ? this.#successes + 1 : 0;
    this.#failures = success ? 0 : this.#failures + 1;
    const before = this.#state;
    if (this.#successes >= timing.healthyThreshold) this.#state = 'healthy';
    if (this.#failures >= timing.unhealthyThreshold) this.#state = 'unhealthy';
    if (this.#state !== before) changed();
  }
}
