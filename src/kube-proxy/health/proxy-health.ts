/** kube-proxy's own health (pkg/proxy/healthcheck/proxy_health.go): /healthz asks for the node too, /livez for kube-proxy alone. */

import type { Netns } from '../../kernel/index.js';
import type { KubeNode } from '../../kubernetes/index.js';
import type { Ipv4Addr } from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import { goTime } from './utc.js';
import { type HttpRequest, type HttpResponse, startHttpServer } from './http.js';

/** The cluster autoscaler puts it on a node that it is about to take away. */
const DELETION_TAINT = 'ToBeDeletedByClusterAutoscaler';
const NOSNIFF = { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' };

/** A load balancer is to send nothing new to a node that goes (KEP-3836). */
const isEligible = (node: KubeNode | undefined): boolean =>
  node === undefined || (!node.terminating && !node.spec.taints.some(({ key }) => key === DELETION_TAINT));

export class ProxyHealth {
  readonly #netns: Netns;
  readonly #node: () => KubeNode | undefined;
  #healthy = false;
  /** When rules were last brought up to date. */
  #lastNs = 0;

  constructor(netns: Netns, node: () => KubeNode | undefined) {
    this.#netns = netns;
    this.#node = node;
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  updated(): void {
    this.#healthy = true;
    this.#lastNs = this.#netns.emulation.clock.nowNs;
  }

  failed(): void {
    this.#healthy = false;
  }

  /** Why it cannot listen, or undefined. */
  listen(address: Ipv4Addr, port: number, because: readonly Cause[]): string | undefined {
    const answer = (request: HttpRequest): HttpResponse => this.#answer(request);
    const listener = startHttpServer({ netns: this.#netns, address, port, process: 'kube-proxy', because, answer });
    return typeof listener === 'string' ? listener : undefined;
  }

  #answer({ path }: HttpRequest): HttpResponse {
    if (path !== '/healthz' && path !== '/livez') {
      const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };
      return { status: 404, headers, body: '404 page not found\n' };
    }
    const eligible = isEligible(this.#node());
    const ok = this.healthy && (path === '/livez' || eligible);
    const now = goTime(this.#netns.emulation.clock.nowNs);
    // In health, "updated" means: nothing is waiting to be written.
    const last = this.healthy ? now : goTime(this.#lastNs);
    const node = path === '/healthz' ? `,"nodeEligible": ${eligible}` : '';
    return {
      status: ok ? 200 : 503,
      headers: NOSNIFF,
      body: `{"lastUpdated": "${last}","currentTime": "${now}"${node}}`,
    };
  }
}
