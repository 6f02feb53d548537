/** What `kubeadm init` has written down of a cluster's networks: ClusterConfiguration in ConfigMap kube-system/kubeadm-config. */

import { type Cidr, parseCidr } from './address.js';
import { labelOf } from './selector.js';
import { parseEmbedded } from './source/documents.js';
import { field } from './source/json.js';
import type { Store } from './store.js';

export interface KubeadmNetworking {
  /** calico-node and its operator prefer them to their own default pool. */
  readonly podSubnets: readonly Cidr[];
  readonly serviceSubnets: readonly Cidr[];
  /** Which kubelets and CoreDNS are given; '' where it is not written. */
  readonly dnsDomain: string;
}

/** kubeadm's own defaults (cmd/kubeadm/app/apis/kubeadm/v1beta4/defaults.go), for what is left out. */
const DEFAULT_SERVICE_SUBNET = parseCidr('10.96.0.0/12');

const cidrsOf = (text: string): readonly Cidr[] => text.split(',').flatMap((one) => parseCidr(one.trim()) ?? []);

const NOTHING: KubeadmNetworking = { podSubnets: [], serviceSubnets: [], dnsDomain: '' };

/** Nothing where kubeadm has not made the cluster, or the input leaves its configuration out. */
export function kubeadmNetworking(store: Store): KubeadmNetworking {
  const config = store.get('ConfigMap', 'kube-system', 'kubeadm-config');
  if (config === undefined) return NOTHING;
  const networking = field(parseEmbedded(labelOf(config.data, 'ClusterConfiguration') ?? ''), 'networking');
  const text = (name: string): string => {
    const value = field(networking, name);
    return typeof value === 'string' ? value : '';
  };
  const services = cidrsOf(text('serviceSubnet'));
  const usual = DEFAULT_SERVICE_SUBNET === undefined ? [] : [DEFAULT_SERVICE_SUBNET];
  return {
    podSubnets: cidrsOf(text('podSubnet')),
    serviceSubnets: services.length > 0 ? services : usual,
    dnsDomain: text('dnsDomain'),
  };
}
