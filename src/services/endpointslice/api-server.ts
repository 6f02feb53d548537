/**
 * The endpoints of the Service `kubernetes`, which API servers keep themselves (pkg/controlplane/reconcilers): one for
 * each API server that runs as a static pod.
 */

import {
  type EndpointSlice,
  isIpv4,
  isList,
  type IpAddress,
  labelOf,
  parseIp,
  type Pod,
  type Service,
  type Store,
} from '../../kubernetes/index.js';
import { SERVICE_NAME, type SliceEndpoint } from './context.js';

/** kubeadm writes it on the static pod: `172.18.0.2:6443`. */
const ADVERTISED = 'kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint';

/** Where API servers run. */
export const API_SERVER_NAMESPACE = 'kube-system';

export const isApiServerService = ({ namespace, name }: Service): boolean =>
  namespace === 'default' && name === 'kubernetes';

const endpointOf = (address: IpAddress): SliceEndpoint => ({
  addresses: [address],
  conditions: { ready: true, serving: true, terminating: false },
  hostname: '',
  nodeName: '',
  zone: '',
  targetRef: undefined,
  hints: undefined,
});

const DEFAULT_PORT = 6443;

interface Advertised {
  readonly address: IpAddress;
  readonly port: number;
}

const addressIn = (text: string): IpAddress | undefined => parseIp(text.replace(/:\d+$/, '').replace(/[[\]]/g, ''));

/** What a flag of a container is set to: `--secure-port=6443`. */
function flagOf({ spec }: Pod, name: string): string | undefined {
  const words = spec.containers.flatMap(({ command, args }) => [command, args].filter(isList).flat());
  const start = `--${name}=`;
  return words.find((word): word is string => typeof word === 'string' && word.startsWith(start))?.slice(start.length);
}

/** As kubeadm notes it; else by the flags, or their defaults: the address of its machine (pkg/controlplane/apiserver/options). */
function advertisedBy(pod: Pod, store: Store): readonly Advertised[] {
  const noted = labelOf(pod.annotations, ADVERTISED);
  if (noted === undefined && labelOf(pod.labels, 'component') !== 'kube-apiserver') return [];
  const port = noted === undefined ? flagOf(pod, 'secure-port') : /:(\d+)$/.exec(noted)?.[1];
  const own = store.get('Node', '', pod.spec.nodeName)?.status.internalIPs.find(isIpv4);
  const address = addressIn(noted ?? flagOf(pod, 'advertise-address') ?? '') ?? own;
  return address === undefined ? [] : [{ address, port: Number(port ?? DEFAULT_PORT) }];
}

/** Nothing where no API server is among the pods. */
export function apiServerSlices(service: Service, pods: readonly Pod[], store: Store): readonly EndpointSlice[] {
  const advertised = pods.flatMap((pod) => advertisedBy(pod, store));
  const [first] = advertised;
  if (first === undefined) return [];
  return [
    {
      ...service,
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      // The API server's own has the Service's name, and nobody manages it.
      labels: { [SERVICE_NAME]: service.name },
      annotations: {},
      uid: undefined,
      ownerReferences: [],
      addressType: 'IPv4',
      ports: [{ name: 'https', protocol: 'TCP', port: first.port, appProtocol: '' }],
      endpoints: advertised.flatMap(({ address }) => (isIpv4(address) ? [endpointOf(address)] : [])),
    },
  ];
}
