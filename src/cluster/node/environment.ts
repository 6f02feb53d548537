/**
 * The environment of programs: of a pod's containers as kubelet and runtime make it (pkg/kubelet/kubelet_pods.go,
 * pkg/kubelet/envvars), of a machine that of who logs in as root.
 */

import {
  type Container,
  containerVariables,
  type EnvValue,
  formatIp,
  type IpAddress,
  isIpv4,
  labelOf,
  type Pod,
  type Service,
  type Store,
} from '../../kubernetes/index.js';

export interface Environment {
  readonly variables: ReadonlyMap<string, string>;
  /** Variables that have a value which nobody here knows, and where it stands; `DB_*` for all those of a Secret. */
  readonly unresolved: ReadonlyMap<string, string>;
}

/** What images and runtimes set where an image says nothing, and Debian for root. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const HOME = '/root';

/** `su -`. */
export const LOGIN: Environment = {
  variables: new Map([
    ['SHELL', '/bin/bash'],
    ['LOGNAME', 'root'],
    ['HOME', HOME],
    ['USER', 'root'],
    ['PATH', PATH],
  ]),
  unresolved: new Map(),
};

/** envvars.go:makeEnvVariableName(). */
const variableName = (text: string): string =>
  text
    .replaceAll(/[.-]/g, '_')
    .toUpperCase()
    .replace(/^(?=\d)/, '_');

const hostPort = (ip: IpAddress, port: number): string => `${isIpv4(ip) ? formatIp(ip) : `[${formatIp(ip)}]`}:${port}`;

/** envvars.go:FromServices(), makeLinkVariables(); nothing for a Service without an address. */
function serviceVariables({ name, spec: { clusterIPs, ports } }: Service): readonly (readonly [string, string])[] {
  const [ip] = clusterIPs;
  const [first] = ports;
  if (ip === undefined || first === undefined) return [];
  const own = variableName(name);
  const url = ({ protocol, port }: typeof first): string => `${protocol.toLowerCase()}://${hostPort(ip, port)}`;
  return [
    [`${own}_SERVICE_HOST`, formatIp(ip)],
    [`${own}_SERVICE_PORT`, String(first.port)],
    ...ports.flatMap((port) =>
      port.name === '' ? [] : [[`${own}_SERVICE_PORT_${variableName(port.name)}`, String(port.port)] as const],
    ),
    [`${own}_PORT`, url(first)],
    ...ports.flatMap((port) => {
      const prefix = `${own}_PORT_${port.port}_${port.protocol}`;
      return [
        [prefix, url(port)],
        [`${prefix}_PROTO`, port.protocol.toLowerCase()],
        [`${prefix}_PORT`, String(port.port)],
        [`${prefix}_ADDR`, formatIp(ip)],
      ] as const;
    }),
  ];
}

/** kubelet_pods.go:getServiceEnvVarMap(): `kubernetes` of default everywhere, the others in their own namespace. */
function visibleServices(store: Store, { namespace, spec }: Pod): readonly Service[] {
  const master = store.get('Service', 'default', 'kubernetes');
  const own = spec.enableServiceLinks ? store.list('Service', namespace) : [];
  return [...(master === undefined ? [] : [master]), ...own.filter((service) => service !== master)];
}

/** third_party/forked/golang/expansion: `$$` is a dollar sign, what is not known stays as it is written. */
export const expanded = (text: string, valueOf: (name: string) => string | undefined): string =>
  text.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (written, name?: string) =>
    name === undefined ? '$' : (valueOf(name) ?? written),
  );

export interface PodEnvironmentRequest {
  readonly pod: Pod;
  readonly store: Store;
  readonly hostname: string;
  readonly addresses: readonly IpAddress[];
  /** Which of its containers. */
  readonly container: Container | undefined;
}

const NO_VARIABLES = { env: [], envFrom: [] };

/** podFieldSelectorRuntimeValue(): the fields that the API server lets stand in a variable. */
function fieldValue(path: string, { pod, store, addresses }: PodEnvironmentRequest): string | undefined {
  const [, map, key = ''] = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path) ?? [];
  if (map !== undefined) return labelOf(map === 'labels' ? pod.labels : pod.annotations, key) ?? '';
  const { nodeName, serviceAccountName } = pod.spec;
  const hostIps = (store.get('Node', '', nodeName)?.status.internalIPs ?? []).map(formatIp);
  const fields: Readonly<Record<string, string | undefined>> = {
    'metadata.name': pod.name,
    'metadata.namespace': pod.namespace,
    'metadata.uid': pod.uid,
    'spec.nodeName': nodeName,
    'spec.serviceAccountName': serviceAccountName,
    'status.hostIP': hostIps[0],
    'status.hostIPs': hostIps.join(','),
    'status.podIP': addresses.slice(0, 1).map(formatIp).join(''),
    'status.podIPs': addresses.map(formatIp).join(','),
  };
  return fields[path];
}

/** In which commands run: that which the annotation names (kubectl/pkg/cmd/util/podcmd), else the first. */
export function defaultContainer({ annotations, spec: { containers } }: Pod): Container | undefined {
  const chosen = labelOf(annotations, 'kubectl.kubernetes.io/default-container');
  return containers.find(({ name }) => name === chosen) ?? containers[0];
}

/** What a variable comes to before `$(NAME)` is looked at, or where a value stands that nobody here knows. */
function valueOf(value: EnvValue, request: PodEnvironmentRequest): { text: string } | { from: string } {
  if (value.kind === 'text') return value;
  if (value.kind === 'unresolved') return value;
  const text = fieldValue(value.fieldPath, request);
  return text === undefined ? { from: value.fieldPath } : { text };
}

/**
 * Of a container that starts now: what the runtime sets, Services, and then as the container has it; the real order is that of
 * a map. Differs: what an image sets is not known.
 */
export function podEnvironment(request: PodEnvironmentRequest): Environment {
  const { pod, store, hostname, container = NO_VARIABLES } = request;
  const services = new Map(visibleServices(store, pod).flatMap(serviceVariables));
  const own = new Map<string, string>();
  const unresolved = new Map<string, string>();
  for (const [name, given] of containerVariables(container, store, pod.namespace)) {
    const value = valueOf(given, request);
    if ('from' in value) {
      unresolved.set(name, value.from);
      continue;
    }
    const expands = given.kind === 'text' && given.expands === true;
    own.set(name, expands ? expanded(value.text, (asked) => own.get(asked) ?? services.get(asked)) : value.text);
  }
  return {
    variables: new Map([['PATH', PATH], ['HOSTNAME', hostname], ['HOME', HOME], ...services, ...own]),
    unresolved,
  };
}
