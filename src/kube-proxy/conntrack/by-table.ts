/** Which entries of the table kube-proxy deletes since 1.32: one pass over all of them (pkg/proxy/conntrack/cleanup.go:CleanStaleEntries()). */

import { joinHostPort } from '../family.js';
import type { ServicePort } from '../tracker/service-port.js';
import type { EndpointsByPort } from './stale.js';

/** A UDP entry as it was asked and as it is answered. */
export interface UdpFlow {
  readonly destination: string;
  readonly destinationPort: number;
  readonly replySource: string;
}

export class StaleFlows {
  /** Addresses of endpoints that serve, by `ip:port` of the Service. */
  readonly #byAddress = new Map<string, ReadonlySet<string>>();
  readonly #byNodePort = new Map<number, ReadonlySet<string>>();

  constructor(ports: ReadonlyMap<string, ServicePort>, endpoints: EndpointsByPort) {
    for (const [key, port] of ports) {
      if (port.protocol !== 'udp') continue;
      const serving = new Set((endpoints.get(key) ?? []).filter((one) => one.serving).map(({ ip }) => ip));
      // Nobody to lead them to instead: rules refuse what is new, and what is old runs out.
      if (serving.size === 0) continue;
      for (const ip of [port.clusterIp, ...port.externalIps, ...port.loadBalancerVips])
        this.#byAddress.set(joinHostPort(ip, port.port), serving);
      if (port.nodePort !== 0) this.#byNodePort.set(port.nodePort, serving);
    }
  }

  has({ destination, destinationPort, replySource }: UdpFlow): boolean {
    const serving =
      this.#byAddress.get(joinHostPort(destination, destinationPort)) ?? this.#byNodePort.get(destinationPort);
    return serving !== undefined && !serving.has(replySource);
  }
}
