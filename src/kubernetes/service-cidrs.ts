/** The ranges of cluster IPs: what the API server's own configuration says, in whichever object it is. */

import { type Cidr, isIpv4Cidr, parseCidr } from './address.js';
import { kubeadmNetworking } from './kubeadm.js';
import { labelOf } from './selector.js';
import { isList } from './source/json.js';
import type { Store } from './store.js';
import type { Ipv4Prefix } from '../packet/index.js';

/** kubeadm's networking.serviceSubnet. */
const DEFAULT_SUBNET = parseCidr('10.96.0.0/12');
const FLAG = /^--service-cluster-ip-range=(.+)$/;

const cidrsOf = (text: string): readonly Cidr[] => text.split(',').flatMap((one) => parseCidr(one.trim()) ?? []);

/** Static pods of the API server. */
const ofApiServer = (store: Store): readonly Cidr[] =>
  store
    .list('Pod', 'kube-system')
    .filter(({ labels }) => labelOf(labels, 'component') === 'kube-apiserver')
    .flatMap(({ spec }) => spec.containers)
    .flatMap(({ command, args }) => [command, args].filter(isList).flat())
    .flatMap((word) => (typeof word === 'string' ? cidrsOf(FLAG.exec(word)?.[1] ?? '') : []));

/** Empty where the input does not tell. */
export function knownServiceCidrs(store: Store): readonly Cidr[] {
  const objects = store.list('ServiceCIDR').flatMap(({ spec }) => spec.cidrs);
  return [...kubeadmNetworking(store).serviceSubnets, ...ofApiServer(store), ...objects];
}

/** IPv4's subnet for Services that have no address yet: where the input says, or kubeadm's default. */
export function serviceSubnet(store: Store): Ipv4Prefix {
  const found = [...knownServiceCidrs(store), DEFAULT_SUBNET].find((cidr) => cidr !== undefined && isIpv4Cidr(cidr));
  if (found === undefined || !isIpv4Cidr(found)) throw new Error('assertion failed: the default subnet is one');
  return found;
}
