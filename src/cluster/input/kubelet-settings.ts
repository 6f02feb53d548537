/** What of KubeletConfiguration pods notice: the cluster's DNS, its domain, the node's own resolv.conf. */

import {
  field,
  type Finding,
  finding,
  formatIp,
  type IpAddress,
  isList,
  kubeadmNetworking,
  parseEmbedded,
  parseIp,
  type Pod,
  serviceSubnet,
  type Store,
} from '../../kubernetes/index.js';
import { ipv4 } from '../../packet/index.js';

export interface KubeletSettings {
  readonly clusterDns: readonly IpAddress[];
  readonly clusterDomain: string;
  /** The node's file that pods' resolv.conf begin with; empty where they are to ask nobody (`resolvConf: ""`). */
  readonly resolvConf: string;
}

const DEFAULT_DOMAIN = 'cluster.local';
const NODE_RESOLV_CONF = '/etc/resolv.conf';
/** kubeadm gives kube-dns the tenth address of the subnet (cmd/kubeadm/app/constants:GetDNSIP()). */
const DNS_INDEX = 10;

const NAMESPACE = 'kube-system';
const DNS_SERVICE = 'kube-dns';

/** kubeadm's ConfigMap; before 1.24 its name ended in the version. */
function configuration(store: Store) {
  const maps = store.list('ConfigMap', NAMESPACE).filter(({ name }) => /^kubelet-config(?:-1\.\d+)?$/.test(name));
  const map = maps.at(-1);
  return { map, json: parseEmbedded(map?.data['kubelet'] ?? '') ?? null };
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

export function kubeletSettings(store: Store): KubeletSettings {
  const { json } = configuration(store);
  const given = field(json, 'clusterDNS');
  const servers = isList(given) ? given.flatMap((one) => addressesOf(typeof one === 'string' ? one : '')) : [];
  const service = store.get('Service', NAMESPACE, DNS_SERVICE)?.spec.clusterIPs ?? [];
  const resolvConf = field(json, 'resolvConf');
  const assumed = [ipv4(serviceSubnet(store).addr + DNS_INDEX)];
  return {
    clusterDns: servers.length > 0 ? servers.map(({ ip }) => ip) : service.length > 0 ? service : assumed,
    clusterDomain: textOf(field(json, 'clusterDomain')) ?? textOf(kubeadmNetworking(store).dnsDomain) ?? DEFAULT_DOMAIN,
    resolvConf: typeof resolvConf === 'string' ? resolvConf : NODE_RESOLV_CONF,
  };
}

/** In an object: flatMap() would take an IPv6 address apart. */
const addressesOf = (text: string): readonly { readonly ip: IpAddress }[] => {
  const ip = parseIp(text);
  return ip === undefined ? [] : [{ ip }];
};

/** Name servers that pods are told of, and that no Service has: said of kubelet's configuration, or of the pod. */
export function clusterDnsFindings(store: Store, { clusterDns }: KubeletSettings, pod?: Pod): readonly Finding[] {
  const { map } = configuration(store);
  const subject = map ?? pod;
  if (subject === undefined) return [];
  const known = new Set(store.list('Service').flatMap(({ spec }) => spec.clusterIPs.map(formatIp)));
  return clusterDns
    .map(formatIp)
    .filter((address) => !known.has(address))
    .map((address) =>
      finding(subject, map === undefined ? ['spec'] : ['data', 'kubelet'], {
        code: 'dns',
        severity: 'notice',
        message: `pods are told to ask ${address} for names, and no Service has that address`,
      }),
    );
}
