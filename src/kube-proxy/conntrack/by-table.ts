/**
 * Which entries of the table kube-proxy deletes since 1.32: one pass over all of them
 * (pkg/proxy/conntrack/cleanup.go:CleanStaleEntries()).
 */

import { joinHostPort } from '../family.js';
import type { ServicePort } from '../tracker/service-port.js';
import type { EndpointsByPort } from './stale.js';

/** A UDP entry as it was asked and as it is answered. */
export interface UdpFlow {
  readonly destination: string;
  readonly destinationPort: number;
  readonly replySource: string;
  readonly replySourcePort: number;
}

/** What an endpoint is known by: since 1.34 its port counts, so that entries go where a Service's target port changes. */
export type EndpointKey = (endpoint: { readonly ip: string; readonly port: number }) => string;

export const byIp: EndpointKey = ({ ip }) => ip;
export const byIpAndPort: EndpointKey = ({ ip, port }) => joinHostPort(ip, port);

export class StaleFlows {
  /** Endpoints that serve, by `ip:port` of the Service. */
  readonly #byAddress = new Map<string, ReadonlySet<string>>();
  readonly #byNodePort = new Map<number, ReadonlySet<string>>();
  readonly #keyOf: EndpointKey;

  constructor(ports: ReadonlyMap<string, ServicePort>, endpoints: EndpointsByPort, keyOf: EndpointKey) {
    this.#keyOf = keyOf;
    for (const [key, port] of ports) {
      if (port.protocol !== 'udp') continue;
      const serving = new Set((endpoints.get(key) ?? []).filter((one) => one.serving).map(keyOf));
      // Nobody to lead them to instead: rules refuse what is new, and what is old runs out.
      if (serving.size === 0) continue;
      for (const ip of [port.clusterIp, ...port.externalIps, ...port.loadBalancerVips])
        this.#byAddress.set(joinHostPort(ip, port.port), serving);
      if (port.nodePort !== 0) this.#byNodePort.set(port.nodePort, serving);
    }
  }

  /** A node port is asked for at any address, also at one where a Service has another port of that number. */
  has({ destination, destinationPort, replySource, replySourcePort }: UdpFlow): boolean {
    const endpoint = this.#keyOf({ ip: replySource, port: replySourcePort });
    const asked = [
      this.#byAddress.get(joinHostPort(destination, destinationPort)),
      this.#byNodePort.get(destinationPort),
    ];
    return asked.some((serving) => serving !== undefined && !serving.has(endpoint));
  }
}
