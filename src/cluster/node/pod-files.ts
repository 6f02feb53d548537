/** Files that kubelet and the container runtime write for a pod: /etc/resolv.conf, /etc/hosts, /etc/hostname. */

import { formatIp, type IpAddress, type Pod } from '../../kubernetes/index.js';
import type { KubeletSettings } from '../input/kubelet-settings.js';

export interface PodFilesRequest {
  readonly pod: Pod;
  readonly settings: KubeletSettings;
  readonly addresses: readonly IpAddress[];
  readonly nodeName: string;
  readonly nodeFiles: ReadonlyMap<string, string>;
}

/** HostnameMaxLen of Linux less one: longer names are cut (pkg/kubelet/kubelet_pods.go:truncatePodHostnameIfNeeded()). */
const HOSTNAME_LIMIT = 63;

/** pkg/apis/core/validation: MaxDNSNameservers, MaxDNSSearchPaths, MaxDNSSearchListChars; DNS1123SubdomainMaxLength. */
const MOST_SERVERS = 3;
const MOST_SEARCHES = 32;
const MOST_SEARCH_CHARACTERS = 2_048;
const LONGEST_SEARCH = 253;

interface DnsParts {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

const distinct = (texts: readonly string[]): readonly string[] => [...new Set(texts)];

const wordsOf = (text: string, keyword: string): readonly (readonly string[])[] =>
  text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([first]) => first === keyword)
    .map(([, ...words]) => words);

/** pkg/kubelet/network/dns/dns.go:parseResolvConf(). */
const nodeDns = (text: string): DnsParts => ({
  servers: wordsOf(text, 'nameserver').flatMap(([address]) => (address === undefined ? [] : [address])),
  searches: (wordsOf(text, 'search').at(-1) ?? []).map((one) => (one.length > 1 ? one.replace(/\.$/, '') : one)),
  options: wordsOf(text, 'options').at(-1) ?? [],
});

/** Options of the pod's dnsConfig in place of those of the same name. Differs: upstream's order is that of a map. */
function mergeOptions(
  options: readonly string[],
  given: readonly { readonly name: string; readonly value?: string | undefined }[],
): readonly string[] {
  const merged = new Map<string, string>();
  for (const option of options) {
    const [name = '', ...value] = option.split(':');
    merged.set(name, value.join(':'));
  }
  for (const { name, value } of given) merged.set(name, value ?? '');
  return [...merged].map(([name, value]) => (value === '' ? name : `${name}:${value}`));
}

/** formDNSSearchFitsLimits(): what is too much is left out, and a name that glibc 2.28 ends a program for. */
function fittingSearches(searches: readonly string[]): readonly string[] {
  const few = searches.slice(0, MOST_SEARCHES).filter(({ length }) => length <= LONGEST_SEARCH);
  while (few.join(' ').length > MOST_SEARCH_CHARACTERS) few.pop();
  return few;
}

/** Where kubelet has no file to begin with: a resolver that asks the machine itself, where nobody listens. */
const NO_DNS: DnsParts = { servers: ['127.0.0.1'], searches: ['.'], options: [] };

function hostDns({ settings: { resolvConf }, nodeFiles }: PodFilesRequest): DnsParts {
  return resolvConf === '' ? NO_DNS : nodeDns(nodeFiles.get(resolvConf) ?? nodeFiles.get('/etc/resolv.conf') ?? '');
}

/** pkg/kubelet/network/dns/dns.go:GetPodDNS(). */
function podDns(request: PodFilesRequest): DnsParts {
  const { pod, settings } = request;
  const { dnsPolicy, dnsConfig, hostNetwork } = pod.spec;
  const { clusterDns, clusterDomain, resolvConf } = settings;
  const node = hostDns(request);
  const cluster = dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
  const own: DnsParts = {
    servers: clusterDns.map(formatIp),
    searches: distinct([
      `${pod.namespace}.svc.${clusterDomain}`,
      `svc.${clusterDomain}`,
      clusterDomain,
      ...(resolvConf === '' ? [] : node.searches),
    ]),
    options: ['ndots:5'],
  };
  const base =
    dnsPolicy === 'None' ? { servers: [], searches: [], options: [] } : cluster && clusterDns.length > 0 ? own : node;
  if (dnsConfig === undefined) return base;
  return {
    servers: distinct([...base.servers, ...dnsConfig.nameservers.map(formatIp)]),
    searches: distinct([...base.searches, ...dnsConfig.searches]),
    options: mergeOptions(base.options, dnsConfig.options),
  };
}

/** containerd internal/cri/server:parseDNSOptions(); with nothing to say it is the node's own file. */
function resolvConfOf(request: PodFilesRequest): string {
  const { servers, searches, options } = podDns(request);
  const search = fittingSearches(searches);
  const lines = [
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...servers.slice(0, MOST_SERVERS).map((address) => `nameserver ${address}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ];
  return lines.length > 0
    ? lines.map((line) => `${line}\n`).join('')
    : (request.nodeFiles.get('/etc/resolv.conf') ?? '');
}

const shortName = ({ name, spec }: Pod): string => {
  const full = spec.hostname === '' ? name : spec.hostname;
  return full.slice(0, HOSTNAME_LIMIT).replace(/[-.]+$/, '');
};

const domainOf = ({ namespace, spec }: Pod, { clusterDomain }: KubeletSettings): string =>
  spec.subdomain === '' ? '' : `${spec.subdomain}.${namespace}.svc.${clusterDomain}`;

/** What `hostname` prints in the pod (GeneratePodHostNameAndDomain()). */
export function podHostname(pod: Pod, settings: KubeletSettings, nodeName: string): string {
  if (pod.spec.hostNetwork) return nodeName;
  const domain = domainOf(pod, settings);
  return pod.spec.setHostnameAsFQDN && domain !== '' ? `${shortName(pod)}.${domain}` : shortName(pod);
}

const LOCAL_LINES = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
];

/** pkg/kubelet/kubelet_pods.go:managedHostsFileContent(), nodeHostsFileContent(). */
function hostsOf({ pod, settings, addresses, nodeFiles }: PodFilesRequest): string {
  const name = shortName(pod);
  const domain = domainOf(pod, settings);
  const names = domain === '' ? name : `${name}.${domain}\t${name}`;
  const node = nodeFiles.get('/etc/hosts') ?? '';
  const base = pod.spec.hostNetwork
    ? `# Kubernetes-managed hosts file (host network).\n${node}`
    : ['# Kubernetes-managed hosts file.', ...LOCAL_LINES, ...addresses.map((ip) => `${formatIp(ip)}\t${names}`)]
        .map((line) => `${line}\n`)
        .join('');
  const aliases = pod.spec.hostAliases.map(({ ip, hostnames }) => `${formatIp(ip)}\t${hostnames.join('\t')}\n`);
  return aliases.length === 0 ? base : `${base}\n# Entries added by HostAliases.\n${aliases.join('')}`;
}

export function podFiles(request: PodFilesRequest): Map<string, string> {
  const { pod, settings, nodeName } = request;
  return new Map([
    ['/etc/hostname', `${podHostname(pod, settings, nodeName)}\n`],
    ['/etc/hosts', hostsOf(request)],
    ['/etc/resolv.conf', resolvConfOf(request)],
  ]);
}
