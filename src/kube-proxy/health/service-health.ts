/**
 * What load balancers ask a node on `healthCheckNodePort`: whether endpoints of a Service with the external policy Local
 * are here (pkg/proxy/healthcheck/service_health.go).
 */

import type { Netns, TcpListener } from '../../kernel/index.js';
import { formatIpv4, type Ipv4Addr } from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import { type HttpResponse, startHttpServer } from './http.js';

export interface HealthService {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

interface Served {
  readonly service: HealthService;
  readonly listeners: readonly TcpListener[];
}

export class ServiceHealth {
  readonly #netns: Netns;
  /** Where it listens; the address 0.0.0.0 for everywhere. */
  readonly #addresses: () => readonly Ipv4Addr[];
  readonly #proxyHealthy: () => boolean;
  readonly #served = new Map<string, Served>();
  #localEndpoints: ReadonlyMap<string, number> = new Map();

  constructor(netns: Netns, addresses: () => readonly Ipv4Addr[], proxyHealthy: () => boolean) {
    this.#netns = netns;
    this.#addresses = addresses;
    this.#proxyHealthy = proxyHealthy;
  }

  /** Opens and closes ports until they are those of `services`; what could not be opened, one sentence each. */
  sync(services: ReadonlyMap<string, HealthService>, localEndpoints: ReadonlyMap<string, number>): readonly string[] {
    this.#localEndpoints = localEndpoints;
    for (const [key, { service, listeners }] of this.#served) {
      if (services.get(key)?.port === service.port) continue;
      for (const listener of listeners) listener.close();
      this.#served.delete(key);
    }
    const problems: string[] = [];
    for (const [key, service] of services) {
      if (this.#served.has(key)) continue;
      const listeners: TcpListener[] = [];
      for (const address of this.#addresses()) {
        const listener = this.#listen(key, service, address);
        if (typeof listener !== 'string') listeners.push(listener);
        else
          problems.push(
            `health check node port of Service ${key}: ${formatIpv4(address)}:${service.port}: ${listener}`,
          );
      }
      this.#served.set(key, { service, listeners });
    }
    return problems;
  }

  #listen(key: string, { namespace, name, port }: HealthService, address: Ipv4Addr): TcpListener | string {
    const because: readonly Cause[] = [{ kind: 'Service', namespace, name, detail: `healthCheckNodePort ${port}` }];
    const answer = (): HttpResponse => this.#answer(key, namespace, name);
    return startHttpServer({ netns: this.#netns, address, port, process: 'kube-proxy', because, answer });
  }

  #answer(key: string, namespace: string, name: string): HttpResponse {
    const count = this.#localEndpoints.get(key) ?? 0;
    const healthy = this.#proxyHealthy();
    const body = [
      '{',
      '\t"service": {',
      `\t\t"namespace": ${JSON.stringify(namespace)},`,
      `\t\t"name": ${JSON.stringify(name)}`,
      '\t},',
      `\t"localEndpoints": ${count},`,
      `\t"serviceProxyHealthy": ${healthy}`,
      '}',
    ].join('\n');
    const headers = {
      'Content-Type': 'application/json',
      'X-Content-Type-Options': 'nosniff',
      'X-Load-Balancing-Endpoint-Weight': String(count),
    };
    return { status: count > 0 && healthy ? 200 : 503, headers, body };
  }
}
