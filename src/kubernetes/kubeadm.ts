/** What `kubeadm init` has written down of a cluster's networks: ClusterConfiguration in ConfigMap kube-system/kubeadm-config. */

import { type Cidr, parseCidr } from './address.js';
import { labelOf } from './selector.js';
import { parseEmbedded } from './source/documents.js';
import { field, isList, type Json } from './source/json.js';
import type { Store } from './store.js';

export interface KubeadmNetworking {
  /** calico-node and its operator prefer them to their own default pool. */
  readonly podSubnets: readonly Cidr[];
  readonly serviceSubnets: readonly Cidr[];
  /** Of the ranges that kube-controller-manager gives nodes out of podSubnets, by family. */
  readonly nodeMaskSizes: Readonly<Record<4 | 6, number>>;
  /** Which kubelets and CoreDNS are given; '' where it is not written. */
  readonly dnsDomain: string;
}

/** kubeadm's own defaults (cmd/kubeadm/app/apis/kubeadm/v1beta4/defaults.go), for what is left out. */
const DEFAULT_SERVICE_SUBNET = parseCidr('10.96.0.0/12');

const cidrsOf = (text: string): readonly Cidr[] => text.split(',').flatMap((one) => parseCidr(one.trim()) ?? []);

/** cmd/kube-controller-manager: --node-cidr-mask-size-ipv4 and -ipv6. */
const MASK_SIZES = { 4: 24, 6: 64 } as const;

const NOTHING: KubeadmNetworking = { podSubnets: [], serviceSubnets: [], nodeMaskSizes: MASK_SIZES, dnsDomain: '' };

/** A flag of kube-controller-manager's: a map in v1beta3, a list of name and value in v1beta4. */
function managerFlag(configuration: Json | undefined, name: string): string | undefined {
  const extra = field(field(configuration, 'controllerManager'), 'extraArgs');
  const listed = isList(extra) ? extra.findLast((one) => field(one, 'name') === name) : undefined;
  const value = isList(extra) ? field(listed, 'value') : field(extra, name);
  return typeof value === 'string' ? value : undefined;
}

function maskSizes(configuration: Json | undefined): KubeadmNetworking['nodeMaskSizes'] {
  const size = (version: 4 | 6): number => {
    const text =
      managerFlag(configuration, `node-cidr-mask-size-ipv${version}`) ??
      managerFlag(configuration, 'node-cidr-mask-size');
    return text !== undefined && /^\d+$/.test(text) ? Number(text) : MASK_SIZES[version];
  };
  return { 4: size(4), 6: size(6) };
}

/** Nothing where kubeadm has not made the cluster, or the input leaves its configuration out. */
export function kubeadmNetworking(store: Store): KubeadmNetworking {
  const config = store.get('ConfigMap', 'kube-system', 'kubeadm-config');
  if (config === undefined) return NOTHING;
  const configuration = parseEmbedded(labelOf(config.data, 'ClusterConfiguration') ?? '');
  const networking = field(configuration, 'networking');
  const text = (name: string): string => {
    const value = field(networking, name);
    return typeof value === 'string' ? value : '';
  };
  const services = cidrsOf(text('serviceSubnet'));
  const usual = DEFAULT_SERVICE_SUBNET === undefined ? [] : [DEFAULT_SERVICE_SUBNET];
  return {
    podSubnets: cidrsOf(text('podSubnet')),
    serviceSubnets: services.length > 0 ? services : usual,
    nodeMaskSizes: maskSizes(configuration),
    dnsDomain: text('dnsDomain'),
  };
}
