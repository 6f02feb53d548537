/** Ports of endpoints: a Service's ports as one pod has them (k8s.io/endpointslice/utils.go:getEndpointPorts(), FindPort()). */

import type { Pod, Service, ServicePort } from '../../kubernetes/index.js';
import type { SlicePort } from './context.js';

/** A named port is that of a container that runs: an init container only if it is a sidecar. */
function namedPort({ spec }: Pod, name: string, protocol: string): number | undefined {
  const sidecars = spec.initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const { ports } of [...spec.containers, ...sidecars]) {
    const found = ports.find((port) => port.name === name && port.protocol === protocol);
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}

/** A target port by number, or by the name that a container of the pod gives it. */
export const targetPortOf = ({ targetPort, protocol }: ServicePort, pod: Pod): number | undefined =>
  typeof targetPort === 'number' ? targetPort : namedPort(pod, targetPort, protocol);

/** Ports whose name the pod does not have are left out. */
export function endpointPorts({ spec }: Service, pod: Pod): readonly SlicePort[] {
  return spec.ports.flatMap((port) => {
    const number = targetPortOf(port, pod);
    if (number === undefined) return [];
    return [{ name: port.name, protocol: port.protocol, port: number, appProtocol: port.appProtocol }];
  });
}

/** Equal for lists of the same ports in whatever order (util/controller_utils.go:NewPortMapKey()). */
export const portMapKey = (ports: readonly SlicePort[]): string =>
  ports
    .map(({ name, protocol, port, appProtocol }) => `${name} ${protocol} ${port ?? ''} ${appProtocol}`)
    .sort()
    .join(', ');
