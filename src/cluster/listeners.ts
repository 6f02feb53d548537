/**
 * On which ports a pod is taken to listen, and why: those that its containers declare, the target ports of
 * Services that select it, and what the topology says. Any other port is closed.
 */

import type { Cause } from '../trace/index.js';
import type { Pod, Service, Store } from '../kubernetes/index.js';
import { targetPortOf } from '../services/index.js';
import { runningContainers } from './containers.js';
import type { Site } from './servers.js';

/** Protocols that have ports. */
export type PortProtocol = 'tcp' | 'udp' | 'sctp';

export interface PodListener {
  readonly protocol: PortProtocol;
  readonly port: number;
  readonly because: readonly Cause[];
}

const PROTOCOLS = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;

const selects = (service: Service, pod: Pod): boolean => {
  const wanted = Object.entries(service.spec.selector);
  return (
    service.namespace === pod.namespace &&
    wanted.length > 0 &&
    wanted.every(([key, value]) => pod.labels[key] === value)
  );
};

/** All listeners of a pod, each port once, with every reason for it. */
export function podListeners(pod: Pod, store: Store): readonly PodListener[] {
  const found = new Map<string, { protocol: PodListener['protocol']; port: number; because: Cause[] }>();
  const add = (protocol: PodListener['protocol'], port: number, cause: Cause): void => {
    const key = `${protocol}/${port}`;
    const listener = found.get(key) ?? { protocol, port, because: [] };
    listener.because.push(cause);
    found.set(key, listener);
  };
  for (const { name, ports } of runningContainers(pod)) {
    for (const { containerPort, protocol } of ports) {
      const detail = `container ${name} declares port ${containerPort}`;
      add(PROTOCOLS[protocol], containerPort, { kind: 'Pod', namespace: pod.namespace, name: pod.name, detail });
    }
  }
  for (const service of store.list('Service', pod.namespace)) {
    if (!selects(service, pod)) continue;
    for (const port of service.spec.ports) {
      const target = targetPortOf(port, pod);
      if (target === undefined) continue;
      const detail = `target port ${target}`;
      add(PROTOCOLS[port.protocol], target, {
        kind: 'Service',
        namespace: service.namespace,
        name: service.name,
        detail,
      });
    }
  }
  return [...found.values()];
}

/** What a pod's HTTP server knows: its own name, and the paths that its probes ask for. */
export function podSite(pod: Pod): Site {
  const { namespace, name } = pod;
  const probes = runningContainers(pod).flatMap(({ livenessProbe, readinessProbe, startupProbe }) => [
    livenessProbe,
    readinessProbe,
    startupProbe,
  ]);
  const paths = probes.flatMap((probe) =>
    probe?.httpGet === undefined ? [] : [probe.httpGet.path.replace(/\?.*/, '')],
  );
  return { name: `pod ${namespace}/${name}`, paths: ['/', ...paths] };
}

/** Why a port of a pod is taken as closed, as a sentence. */
export function explainClosed(pod: Pod, protocol: PortProtocol, port: number): string {
  return (
    `Port ${port}/${protocol} is taken as closed: no container of Pod ${pod.namespace}/${pod.name} declares it, ` +
    'no Service that selects the pod has it as a target port, and no HostConfig lists it.'
  );
}
