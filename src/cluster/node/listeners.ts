/**
 * On which ports a pod is taken to listen, and why: those that its containers declare, the target ports of
 * Services that select it, those at which its containers are probed, and what the topology says. Any other port is closed,
 * as those of containers are that do not run.
 */

import type { Ipv4Addr } from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import { formatObject, type Pod, type Service, type Store } from '../../kubernetes/index.js';
import { targetPortOf } from '../../services/index.js';
import { longContainers, runningContainers, whyStopped } from '../input/containers.js';
import { type ProbedPort, probedPorts, probesOf } from '../input/probed-ports.js';
import type { Site } from './servers.js';

/** Protocols that have ports. */
export type PortProtocol = 'tcp' | 'udp' | 'sctp';

export interface PodListener {
  readonly protocol: PortProtocol;
  readonly port: number;
  /** The only address at which it listens; undefined for any of the pod's. */
  readonly address: Ipv4Addr | undefined;
  /** The container that listens. */
  readonly process: string;
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

/**
 * All listeners of a pod, each port once, with every reason for it. That somebody is probed at a port that is declared
 * says no more of it.
 */
export function podListeners(pod: Pod, store: Store): readonly PodListener[] {
  const found = new Map<string, Omit<PodListener, 'because'> & { because: Cause[] }>();
  const first = runningContainers(pod)[0]?.name ?? pod.name;
  const add = (
    { protocol, port, address, process = first }: Partial<PodListener> & Pick<PodListener, 'protocol' | 'port'>,
    cause: Cause,
  ): void => {
    const key = `${protocol}/${port}`;
    const listener = found.get(key) ?? { protocol, port, address, process, because: [] };
    listener.because.push(cause);
    found.set(key, listener);
  };
  const ofPod = (detail: string): Cause => ({ kind: 'Pod', namespace: pod.namespace, name: pod.name, detail });
  for (const { name, ports } of runningContainers(pod)) {
    for (const { containerPort, protocol } of ports)
      add(
        { protocol: PROTOCOLS[protocol], port: containerPort, process: name },
        ofPod(`container ${name} declares port ${containerPort}`),
      );
  }
  for (const service of store.list('Service', pod.namespace)) {
    if (!selects(service, pod)) continue;
    for (const port of service.spec.ports) {
      const target = targetPortOf(port, pod);
      if (target === undefined || isOfStopped(pod, port.protocol, target)) continue;
      const detail = `target port ${target}`;
      add(
        { protocol: PROTOCOLS[port.protocol], port: target },
        { kind: 'Service', namespace: service.namespace, name: service.name, detail },
      );
    }
  }
  for (const { container, port, address } of undeclaredProbes(pod))
    add(
      { protocol: 'tcp', port, process: container, address },
      ofPod(`container ${container} is probed at port ${port}`),
    );
  return [...found.values()];
}

/** Ports of a protocol that containers which run declare. */
const declaredPorts = (pod: Pod, protocol: PortProtocol): readonly number[] =>
  runningContainers(pod)
    .flatMap(({ ports }) => ports)
    .filter((one) => PROTOCOLS[one.protocol] === protocol)
    .map(({ containerPort }) => containerPort);

/** Ports at which containers are probed and which none declares, each once. */
function undeclaredProbes(pod: Pod): readonly ProbedPort[] {
  const declared = declaredPorts(pod, 'tcp');
  return probedPorts(pod).filter(
    ({ container, port }, i, all) =>
      !declared.includes(port) && all.findIndex((one) => one.container === container && one.port === port) === i,
  );
}

/** Whether nobody is there to listen: whose port it is does not run, or where nobody declares it none runs. */
function isOfStopped(pod: Pod, protocol: keyof typeof PROTOCOLS, port: number): boolean {
  const containers = longContainers(pod);
  const owners = containers.filter(({ ports }) =>
    ports.some((one) => one.containerPort === port && one.protocol === protocol),
  );
  const all = owners.length > 0 ? owners : containers;
  return all.length > 0 && all.every(({ name }) => whyStopped(pod, name) !== undefined);
}

/** What a pod's HTTP server knows: its own name, and the paths that its probes ask for. */
export function podSite(pod: Pod): Site {
  const { namespace, name } = pod;
  const paths = runningContainers(pod)
    .flatMap(probesOf)
    .flatMap(({ httpGet }) => (httpGet === undefined ? [] : [httpGet.path.replace(/\?.*/, '')]));
  return { name: `pod ${namespace}/${name}`, paths: ['/', ...paths] };
}

/**
 * That an open port is so by the word of Services and probes alone, where the pod's containers declare others; as a
 * sentence, or undefined.
 */
export function explainUndeclared(
  pod: Pod,
  { protocol, port }: { readonly protocol: PortProtocol; readonly port: number },
  store: Store,
): string | undefined {
  const declared = declaredPorts(pod, protocol);
  if (declared.length === 0 || declared.includes(port)) return undefined;
  const causes = podListeners(pod, store).find((one) => one.protocol === protocol && one.port === port)?.because ?? [];
  const service = causes.find(({ kind }) => kind === 'Service');
  const probed = protocol === 'tcp' ? undeclaredProbes(pod).find((one) => one.port === port) : undefined;
  const reasons = [
    ...(service === undefined ? [] : [`that is a target port of Service ${service.namespace}/${service.name}`]),
    ...(probed === undefined ? [] : [`container ${probed.container} is probed there`]),
  ];
  if (reasons.length === 0) return undefined;
  return (
    `No container of ${formatObject(pod)} declares ${protocol} port ${port}, but ${declared.join(', ')}: ` +
    `it is taken to listen there since ${reasons.join(' and ')}.`
  );
}

/** Why a port of a pod is taken as closed, as a sentence. */
export function explainClosed(pod: Pod, protocol: PortProtocol, port: number): string {
  const whose = `Pod ${pod.namespace}/${pod.name}`;
  const stopped = longContainers(pod).flatMap(({ name, ports }) => {
    const declares = ports.some((one) => one.containerPort === port && PROTOCOLS[one.protocol] === protocol);
    const why = whyStopped(pod, name);
    return why === undefined ? [] : [{ name, why, declares }];
  });
  const [owner] = [...stopped.filter(({ declares }) => declares), ...stopped];
  const noneRuns = stopped.length > 0 && stopped.length === longContainers(pod).length;
  if (owner !== undefined && (owner.declares || noneRuns))
    return `Port ${port}/${protocol} is closed: container ${owner.name} of ${whose} does not run (${owner.why}).`;
  return (
    `Port ${port}/${protocol} is taken as closed: no container of ${whose} declares it or is probed there, ` +
    'no Service that selects the pod has it as a target port, and no HostConfig lists it.'
  );
}
