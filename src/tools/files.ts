/** `cat`, `ls`, `hostname`: files of a host, and those that the kubelet writes for a pod. */

import { formatIp, type Pod } from '../kubernetes/index.js';
import { formatIpv4 } from '../packet/index.js';
import { failure, lines, ok, type Tool, type ToolPlace, type ToolResult } from './tool.js';

/** kubeadm's default for the Service of the cluster's DNS. */
const DEFAULT_CLUSTER_DNS = '10.96.0.10';
const CLUSTER_DOMAIN = 'cluster.local';
const NODE_RESOLV_CONF = '/etc/resolv.conf';

const clusterDns = ({ cluster }: ToolPlace): string => {
  const [address] = cluster.store.get('Service', 'kube-system', 'kube-dns')?.spec.clusterIPs ?? [];
  return address === undefined ? DEFAULT_CLUSTER_DNS : formatIp(address);
};

/** pkg/kubelet/network/dns/dns.go:GetPodDNS(). */
function resolvConf(place: ToolPlace, pod: Pod): string {
  const { dnsPolicy, dnsConfig, hostNetwork } = pod.spec;
  const host = place.netns.host.files.get(NODE_RESOLV_CONF) ?? '';
  const usesCluster = dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
  const extra = (dnsConfig?.nameservers ?? []).map(formatIp);
  const searches = dnsConfig?.searches ?? [];
  const options = (dnsConfig?.options ?? []).map(({ name, value }) =>
    value === undefined ? name : `${name}:${value}`,
  );
  if (!usesCluster && dnsPolicy !== 'None') {
    return (
      host +
      lines([
        ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
        ...extra.map((one) => `nameserver ${one}`),
      ])
    );
  }
  const domains = usesCluster
    ? [`${pod.namespace}.svc.${CLUSTER_DOMAIN}`, `svc.${CLUSTER_DOMAIN}`, CLUSTER_DOMAIN]
    : [];
  const hostSearch = usesCluster ? (/^search\s+(.*)$/m.exec(host)?.[1]?.split(/\s+/) ?? []) : [];
  const search = [...domains, ...hostSearch, ...searches];
  const servers = [...(usesCluster ? [clusterDns(place)] : []), ...extra];
  const all = [...(usesCluster && !options.some((one) => one.startsWith('ndots:')) ? ['ndots:5'] : []), ...options];
  return lines([
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...servers.map((one) => `nameserver ${one}`),
    ...(all.length > 0 ? [`options ${all.join(' ')}`] : []),
  ]);
}

/** pkg/kubelet/kubelet_pods.go:managedHostsFileContent(). */
function hostsFile(place: ToolPlace, pod: Pod): string {
  const address = place.cluster.podAddress(pod);
  const rows = [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
  ];
  if (address !== undefined)
    rows.push(`${formatIpv4(address)}\t${pod.spec.hostname === '' ? pod.name : pod.spec.hostname}`);
  if (pod.spec.hostAliases.length > 0) {
    rows.push('', '# Entries added by HostAliases.');
    for (const { ip, hostnames } of pod.spec.hostAliases) rows.push(`${formatIp(ip)}\t${hostnames.join('\t')}`);
  }
  return lines(rows);
}

const podHostname = (pod: Pod): string => (pod.spec.hostname === '' ? pod.name : pod.spec.hostname);

function files(place: ToolPlace): ReadonlyMap<string, () => string> {
  const { pod, netns } = place;
  if (pod === undefined) place.cluster.routing?.refreshFiles(netns.host);
  if (pod === undefined) return new Map([...netns.host.files].map(([path, content]) => [path, () => content]));
  return new Map([
    ['/etc/resolv.conf', () => resolvConf(place, pod)],
    ['/etc/hosts', () => hostsFile(place, pod)],
    ['/etc/hostname', () => `${podHostname(pod)}\n`],
  ]);
}

export const cat: Tool = (place, args) => {
  const known = files(place);
  return args
    .map((path): ToolResult => {
      const content = known.get(path);
      return content === undefined ? failure(1, `cat: ${path}: No such file or directory`) : ok(content());
    })
    .reduce(
      (all, one) => ({
        exitCode: Math.max(all.exitCode, one.exitCode),
        stdout: all.stdout + one.stdout,
        stderr: all.stderr + one.stderr,
      }),
      ok(''),
    );
};

export const ls: Tool = (place, args) => {
  const folder = (args.find((word) => !word.startsWith('-')) ?? '/').replace(/\/+$/, '');
  const names = new Set<string>();
  for (const path of files(place).keys()) {
    if (path === folder) names.add(path);
    else if (path.startsWith(`${folder}/`)) names.add(path.slice(folder.length + 1).split('/')[0] ?? '');
  }
  return names.size === 0
    ? failure(2, `ls: cannot access '${folder}': No such file or directory`)
    : ok(lines([...names].sort()));
};

export const hostname: Tool = ({ pod, netns }) =>
  ok(`${pod === undefined || pod.spec.hostNetwork ? netns.host.name : podHostname(pod)}\n`);
