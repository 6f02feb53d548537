/** Where the kubelet sends the probes of a container: what a pod's manifest says of hosts and ports. */

import type { Container, Pod, Probe } from '../../kubernetes/index.js';
import { INADDR_LOOPBACK, type Ipv4Addr, parseIpv4 } from '../../packet/index.js';
import { runningContainers } from './containers.js';

export const probesOf = ({ startupProbe, livenessProbe, readinessProbe }: Container): Probe[] =>
  [startupProbe, livenessProbe, readinessProbe].filter((probe) => probe !== undefined);

/** As the probe names it; undefined for a command. */
export const portReference = ({ httpGet, tcpSocket, grpc }: Probe): number | string | undefined =>
  httpGet?.port ?? tcpSocket?.port ?? grpc?.port;

/** probe/util.go:ResolveContainerPort(): a number, or the name of a port of the container. */
export const probePort = ({ ports }: Container, port: number | string): number | undefined =>
  typeof port === 'number' ? port : ports.find(({ name }) => name === port)?.containerPort;

/** What the probe asks in the pod's place, as it is written; empty where it asks the pod. */
const probeHost = ({ httpGet, tcpSocket }: Probe): string => httpGet?.host || tcpSocket?.host || '';

/** The address that it asks in the pod's place. */
export const probeAddress = (probe: Probe): Ipv4Addr | undefined =>
  probeHost(probe) === 'localhost' ? INADDR_LOOPBACK : parseIpv4(probeHost(probe));

/** One of another host, which is the node's own loopback where the pod has a network of its own, says nothing about the pod. */
export const asksPod = (probe: Probe, { spec }: Pod): boolean => probeHost(probe) === '' || spec.hostNetwork;

const isLoopback = (address: Ipv4Addr): boolean => address >>> 24 === 127;

export interface ProbedPort {
  readonly container: string;
  readonly port: number;
  /** Who is asked at a loopback address alone listens there alone. */
  readonly address: Ipv4Addr | undefined;
}

/** The TCP ports at which the containers of a pod are asked. */
export const probedPorts = (pod: Pod): readonly ProbedPort[] =>
  runningContainers(pod).flatMap((container) =>
    probesOf(container).flatMap((probe): ProbedPort[] => {
      if (!asksPod(probe, pod)) return [];
      const reference = portReference(probe);
      const port = reference === undefined ? undefined : probePort(container, reference);
      if (port === undefined) return [];
      const address = probeAddress(probe);
      const own = address !== undefined && isLoopback(address) ? address : undefined;
      return [{ container: container.name, port, address: own }];
    }),
  );
