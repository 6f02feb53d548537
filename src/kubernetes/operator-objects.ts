/**
 * What tigera/operator makes of its Installation: pools where there are none (pkg/controller/ippool), settings of Felix
 * and BIRD (pkg/controller/installation/core_controller.go). Defaults are those of its controllers; reference: v1.42.
 */

import { ipv4 } from '../packet/index.js';
import { type Cidr, cidrContains, formatCidr, formatIp, isIpv4, isIpv4Cidr, networkOf } from './address.js';
import { bgpConfigurationBody } from './kinds/calico-bgp.js';
import { felixConfigurationBody } from './kinds/calico.js';
import type { InstallationPool, InstallationSpec } from './kinds/operator.js';
import type { ObjectOf } from './kinds/table.js';
import { kubeadmNetworking } from './kubeadm.js';
import { type Finding, finding } from './messages.js';
import { INVALID, Reader, type Schema } from './schema/schema.js';
import type { FieldPath, JsonObject } from './source/json.js';
import type { Store } from './store.js';

export type CalicoInstallation = ObjectOf<'Installation'>;

/** The only one that the operator heeds, but for `overlay` over it. */
const NAME = 'default';
const API_VERSION = 'projectcalico.org/v3';
/** Where the operator puts calico-node. */
export const OPERATOR_NAMESPACE = 'calico-system';

export const calicoInstallation = (store: Store): CalicoInstallation | undefined => store.get('Installation', '', NAME);

/** fillDefaults(): by the platform, where it is named. */
export function cniOf({ cni, kubernetesProvider }: InstallationSpec) {
  const byProvider = { AKS: 'AzureVNET', EKS: 'AmazonVPC', GKE: 'GKE' } as const;
  const provider = kubernetesProvider as keyof typeof byProvider;
  const type = cni.type ?? (Object.hasOwn(byProvider, provider) ? byProvider[provider] : 'Calico');
  const byType = { AzureVNET: 'AzureVNET', AmazonVPC: 'AmazonVPC', GKE: 'HostLocal', Calico: 'Calico' } as const;
  return { type, ipam: cni.ipam.type ?? byType[type] };
}

export const runsBgp = (spec: InstallationSpec): boolean => {
  const { bgp } = spec.calicoNetwork;
  return bgp === undefined ? cniOf(spec).type === 'Calico' && spec.kubernetesProvider !== 'EKS' : bgp === 'Enabled';
};

const V4_POOL = 'default-ipv4-ippool';
const V6_POOL = 'default-ipv6-ippool';
const USUAL: Cidr = { addr: ipv4(0xc0a80000), length: 16 };
const USUAL_EKS: Cidr = { addr: ipv4(0xac100000), length: 16 };

type Wanted = Pick<InstallationPool, 'cidr'> & Partial<InstallationPool>;

/** Those that are written; else one for each of kubeadm's podSubnets; else the usual one, of Calico's IPAM alone. */
function wantedPools(spec: InstallationSpec, subnets: readonly Cidr[]): readonly Wanted[] {
  const { type, ipam } = cniOf(spec);
  const { ipPools } = spec.calicoNetwork;
  if (ipPools !== undefined) return ipPools;
  if (type === 'Calico' && subnets.length > 0) {
    const first = new Set([subnets.find(isIpv4Cidr), subnets.find((one) => !isIpv4Cidr(one))]);
    return subnets.map((one) =>
      first.has(one) ? { cidr: one, name: isIpv4Cidr(one) ? V4_POOL : V6_POOL } : { cidr: one },
    );
  }
  if (ipam !== 'Calico') return [];
  return spec.kubernetesProvider === 'EKS'
    ? [{ cidr: USUAL_EKS, name: V4_POOL, encapsulation: 'VXLAN' }]
    : [{ cidr: USUAL, name: V4_POOL }];
}

const ENCAPSULATIONS = {
  IPIP: { ipipMode: 'Always', vxlanMode: 'Never' },
  IPIPCrossSubnet: { ipipMode: 'CrossSubnet', vxlanMode: 'Never' },
  VXLAN: { ipipMode: 'Never', vxlanMode: 'Always' },
  VXLANCrossSubnet: { ipipMode: 'Never', vxlanMode: 'CrossSubnet' },
  None: { ipipMode: 'Never', vxlanMode: 'Never' },
} as const;

const BLOCK_SIZES = { 4: { least: 20, most: 32, usual: 26 }, 6: { least: 116, most: 128, usual: 122 } } as const;
const versionOf = (one: Cidr): 4 | 6 => (isIpv4Cidr(one) ? 4 : 6);

/** cidrToName(): an IPv6 address in full. */
function nameOfCidr(one: Cidr): string {
  const { addr, length } = networkOf(one);
  if (isIpv4(addr)) return `${formatIp(addr)}-${length}`;
  const groups = addr
    .flatMap((word) => [word >>> 16, word & 0xffff])
    .map((group) => group.toString(16).padStart(4, '0'));
  return `${groups.join('.')}-${length}`;
}

/** The standard name for one alone, and for one of each family. */
function nameOf({ name = '', cidr }: Wanted, all: readonly Wanted[]): string {
  if (name !== '') return name;
  const families = new Set(all.map((one) => versionOf(one.cidr)));
  if (all.length === families.size) return isIpv4Cidr(cidr) ? V4_POOL : V6_POOL;
  return nameOfCidr(cidr);
}

type PoolSpec = ObjectOf<'IPPool'>['spec'];

function poolSpec(wanted: Wanted, spec: InstallationSpec): PoolSpec {
  const { cidr, disableNewAllocations, disableBGPExport, natOutgoing, allowedUses = [] } = wanted;
  const version = versionOf(cidr);
  const encapsulation = wanted.encapsulation ?? (version === 4 && cniOf(spec).type === 'Calico' ? 'IPIP' : 'None');
  return {
    cidr,
    ...ENCAPSULATIONS[encapsulation],
    blockSize: wanted.blockSize ?? BLOCK_SIZES[version].usual,
    natOutgoing: (natOutgoing ?? (version === 4 ? 'Enabled' : 'Disabled')) === 'Enabled',
    nodeSelector: wanted.nodeSelector || 'all()',
    namespaceSelector: '',
    disabled: disableNewAllocations ?? false,
    disableBGPExport: disableBGPExport ?? false,
    allowedUses: allowedUses.length > 0 ? allowedUses : ['Workload', 'Tunnel'],
    assignmentMode: wanted.assignmentMode ?? 'Automatic',
    ipip: undefined,
    'nat-outgoing': undefined,
  };
}

const holds = (outer: Cidr, inner: Cidr): boolean => inner.length >= outer.length && cidrContains(outer, inner.addr);

/** Why the operator refuses a pool, or undefined (mergePlatformPodCIDRs(), ValidatePools(), validation.go). */
function poolProblem(pool: PoolSpec, spec: InstallationSpec, subnets: readonly Cidr[]): string | undefined {
  const { cidr, blockSize, ipipMode, vxlanMode, allowedUses } = pool;
  const { least, most } = BLOCK_SIZES[versionOf(cidr)];
  const text = formatCidr(cidr);
  const { type, ipam } = cniOf(spec);
  if (type === 'Calico' && subnets.length > 0 && !subnets.some((one) => holds(one, cidr)))
    return `${text} is not within kubeadm's podSubnet ${subnets.map(formatCidr).join(', ')}`;
  if (blockSize < least || blockSize > most) return `blockSize is to be from ${least} to ${most}, not ${blockSize}`;
  if (cidr.length > blockSize) return `${text} is smaller than one block (/${blockSize})`;
  if (ipipMode !== 'Never' && !isIpv4Cidr(cidr)) return `IPIP is for IPv4 alone, not for ${text}`;
  const encapsulated = ipipMode !== 'Never' || vxlanMode !== 'Never';
  if (allowedUses.includes('LoadBalancer') && (allowedUses.length > 1 || encapsulated))
    return 'a pool for load balancers has no other use and no encapsulation';
  if (type !== 'Calico') return encapsulated ? `encapsulation is to be None with the CNI plugin ${type}` : undefined;
  if (ipam === 'HostLocal' && vxlanMode !== 'Never') return 'VXLAN does not go with HostLocal IPAM';
  const birdNeeded = spec.calicoNetwork.clusterRoutingMode !== 'Felix' && vxlanMode === 'Never' && ipam === 'Calico';
  return birdNeeded && !runsBgp(spec) ? 'a pool without VXLAN needs BGP, which is disabled' : undefined;
}

export interface InstallationPools {
  readonly pools: readonly ObjectOf<'IPPool'>[];
  readonly findings: readonly Finding[];
}

/** The pools that the operator makes where there are none; none as soon as it refuses one. */
export function installationPools(store: Store): InstallationPools {
  const installation = calicoInstallation(store);
  if (installation === undefined) return { pools: [], findings: [] };
  const { spec, source } = installation;
  const subnets = kubeadmNetworking(store).podSubnets;
  const wanted = wantedPools(spec, subnets);
  const pools = wanted.map((one) => ({
    ...installation,
    apiVersion: API_VERSION,
    kind: 'IPPool' as const,
    name: nameOf(one, wanted),
    labels: { 'app.kubernetes.io/managed-by': 'tigera-operator' },
    annotations: {},
    uid: undefined,
    ownerReferences: [],
    source,
    spec: poolSpec(one, spec),
  }));
  const findings = pools.flatMap((pool, i) => {
    const problem = poolProblem(pool.spec, spec, subnets);
    if (problem === undefined) return [];
    const path: FieldPath = ['spec', 'calicoNetwork', 'ipPools', i];
    const message = `the operator refuses this pool, and makes none: ${problem}`;
    return [finding(installation, path, { code: 'calico-setting', severity: 'warning', message })];
  });
  return { pools: findings.length > 0 ? [] : pools, findings };
}

// Settings (core_controller.go: setBPFUpdatesOnFelixConfiguration(), setNftablesMode(), setClusterRoutingOn…()).

function bodyOf<T>(body: Schema<T>, spec: JsonObject): T {
  const read = body.read({ metadata: { name: NAME }, spec }, new Reader({ scalarsAsText: false }));
  if (read === INVALID) throw new Error("assertion failed: the operator's own settings can be read");
  return read;
}

/** What it sets of Felix; where FelixConfiguration `default` is there, it has been set. */
export function installationFelix(store: Store): ObjectOf<'FelixConfiguration'> | undefined {
  const installation = calicoInstallation(store);
  if (installation === undefined || store.get('FelixConfiguration', '', NAME) !== undefined) return undefined;
  const { linuxDataplane, clusterRoutingMode } = installation.spec.calicoNetwork;
  const spec = {
    bpfEnabled: linuxDataplane === 'BPF',
    nftablesMode: linuxDataplane === 'Nftables' ? 'Auto' : 'Disabled',
    ...(clusterRoutingMode !== undefined && {
      programClusterRoutes: clusterRoutingMode === 'Felix' ? 'Enabled' : 'Disabled',
    }),
  };
  return {
    ...installation,
    kind: 'FelixConfiguration',
    apiVersion: API_VERSION,
    ...bodyOf(felixConfigurationBody, spec),
  };
}

/** What it sets of BIRD, which is nothing but who programs the routes between nodes. */
export function installationBgp(store: Store): ObjectOf<'BGPConfiguration'> | undefined {
  const installation = calicoInstallation(store);
  const mode = installation?.spec.calicoNetwork.clusterRoutingMode;
  if (installation === undefined || mode === undefined || store.get('BGPConfiguration', '', NAME) !== undefined)
    return undefined;
  const spec = { programClusterRoutes: mode === 'Felix' ? 'Disabled' : 'Enabled' };
  return { ...installation, kind: 'BGPConfiguration', apiVersion: API_VERSION, ...bodyOf(bgpConfigurationBody, spec) };
}

/** The operator heeds two names, of which `overlay` goes over the other. */
export const otherInstallations = (store: Store): Finding[] =>
  store
    .list('Installation')
    .filter(({ name }) => name !== NAME)
    .map((other) => {
      const message =
        other.name === 'overlay'
          ? 'what it lays over Installation default is not modelled'
          : 'the operator heeds Installation default alone';
      return finding(other, [], { code: 'unmodelled', severity: 'notice', message });
    });
