/**
 * The endpoints of the Service `kubernetes`, which API servers keep themselves (pkg/controlplane/reconcilers): one for
 * each API server that kubeadm runs as a static pod.
 */

import {
  type EndpointSlice,
  isIpv4,
  type IpAddress,
  labelOf,
  parseIp,
  type Service,
  type Store,
} from '../../kubernetes/index.js';
import { SERVICE_NAME, type SliceEndpoint } from './context.js';

/** kubeadm writes it on the static pod: `172.18.0.2:6443`. */
const ADVERTISED = 'kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint';

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

/** Nothing where no API server is among the pods. */
export function apiServerSlices(service: Service, store: Store): readonly EndpointSlice[] {
  const advertised = store
    .list('Pod', 'kube-system')
    .flatMap(({ annotations }) => labelOf(annotations, ADVERTISED) ?? []);
  const [first] = advertised;
  if (first === undefined) return [];
  const addresses = advertised
    .map((text) => parseIp(text.replace(/:\d+$/, '').replace(/[[\]]/g, '')))
    .filter((address) => address !== undefined);
  const port = Number(/:(\d+)$/.exec(first)?.[1] ?? '6443');
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
      ports: [{ name: 'https', protocol: 'TCP', port, appProtocol: '' }],
      endpoints: addresses.filter(isIpv4).map(endpointOf),
    },
  ];
}
