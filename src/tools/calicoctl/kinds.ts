/** What `calicoctl get` lists, kind by kind, in its columns; calicoctl/calicoctl/resourcemgr. */

import { formatCidr, formatIp } from '../../kubernetes/index.js';
import { clusterInformationSpec, felixSpec, poolSpec } from './documents.js';
import { endpointRows, joined, nodeRows, policyRows, profileRows, type Row, rowsOf, tierRows } from './rows.js';
import type { ToolPlace } from '../tool.js';

export interface Listed {
  readonly names: readonly string[];
  readonly narrow: readonly string[];
  readonly wide: readonly string[];
  /** As errors name it. */
  readonly kind: string;
  /** Headings that are in neither table. */
  readonly others?: readonly string[];
  /** What the datastore says where there is none of a name. */
  readonly absent: (name: string) => string;
  /** What is said of a name that none can have. */
  readonly unfit?: (name: string) => string | undefined;
  readonly isNamespaced?: true;
  readonly rows: (place: ToolPlace) => readonly Row[];
}

const CRDS = 'crd.projectcalico.org';

const absentFrom =
  (table: string) =>
  (name: string): string =>
    `${table} "${name}" not found`;

function absentPod(endpoint: string): string {
  const pod = /-k8s-(.+)-eth0$/.exec(endpoint)?.[1];
  if (pod === undefined) return 'malformed WorkloadEndpoint name - unable to determine Pod name';
  return absentFrom('pods')(pod.replaceAll('--', '-'));
}

function absentProfile(profile: string): string {
  const [prefix = '', namespace = '', ...account] = profile.split('.');
  return prefix === 'ksa'
    ? absentFrom('serviceaccounts')(account.join('.'))
    : absentFrom('namespaces')([namespace, ...account].join('.'));
}

const POLICY_COLUMNS = { narrow: ['NAME', 'TIER'], wide: ['NAME', 'TIER', 'ORDER', 'SELECTOR'] } as const;
const NAME_ALONE = { narrow: ['NAME'], wide: ['NAME'] } as const;
const same = (...columns: readonly string[]) => ({ narrow: columns, wide: columns });

export const LISTED: readonly Listed[] = [
  {
    names: ['node', 'nodes', 'no', 'nos'],
    kind: 'Node',
    absent: absentFrom('nodes'),
    narrow: ['NAME'],
    wide: ['NAME', 'ASN', 'IPV4', 'IPV6'],
    rows: nodeRows,
  },
  {
    names: ['ippool', 'ippools', 'ipp', 'ipps', 'pool', 'pools'],
    kind: 'IPPool',
    absent: absentFrom(`ippools.${CRDS}`),
    narrow: ['NAME', 'CIDR', 'SELECTOR'],
    wide: [
      'NAME',
      'CIDR',
      'NAT',
      'IPIPMODE',
      'VXLANMODE',
      'DISABLED',
      'DISABLEBGPEXPORT',
      'SELECTOR',
      'ASSIGNMENTMODE',
    ],
    rows: rowsOf('IPPool', {
      spec: ({ spec }) => poolSpec(spec),
      cells: ({ spec }) => ({
        CIDR: formatCidr(spec.cidr),
        NAT: String(spec.natOutgoing),
        IPIPMODE: spec.ipipMode,
        VXLANMODE: spec.vxlanMode,
        DISABLED: String(spec.disabled),
        DISABLEBGPEXPORT: String(spec.disableBGPExport),
        SELECTOR: spec.nodeSelector,
        ASSIGNMENTMODE: spec.assignmentMode,
      }),
    }),
  },
  {
    names: ['bgppeer', 'bgppeers', 'bgpp', 'bgpps', 'bp', 'bps'],
    kind: 'BGPPeer',
    absent: absentFrom(`bgppeers.${CRDS}`),
    ...same('NAME', 'PEERIP', 'NODE', 'ASN'),
    rows: rowsOf('BGPPeer', {
      cells: ({ spec }) => ({
        PEERIP: spec.peerIP,
        NODE: spec.node || spec.nodeSelector || '(global)',
        ASN: String(spec.asNumber ?? 0),
      }),
    }),
  },
  {
    names: ['bgpconfiguration', 'bgpconfigurations', 'bgpconfig', 'bgpconfigs'],
    kind: 'BGPConfiguration',
    absent: absentFrom(`bgpconfigurations.${CRDS}`),
    ...same('NAME', 'LOGSEVERITY', 'MESHENABLED', 'ASNUMBER'),
    rows: rowsOf('BGPConfiguration', {
      cells: ({ spec }) => ({
        LOGSEVERITY: spec.logSeverityScreen,
        MESHENABLED: String(spec.nodeToNodeMeshEnabled),
        ASNUMBER: spec.asNumber === undefined ? '-' : String(spec.asNumber),
      }),
    }),
  },
  {
    names: ['bgpfilter', 'bgpfilters', 'bgpf', 'bgpfs', 'bf', 'bfs'],
    kind: 'BGPFilter',
    absent: absentFrom(`bgpfilters.${CRDS}`),
    ...same('NAME', 'NUMEXPORTV4', 'NUMIMPORTV4', 'NUMEXPORTV6', 'NUMIMPORTV6'),
    rows: rowsOf('BGPFilter', {
      cells: ({ spec }) => ({
        NUMEXPORTV4: String(spec.exportV4.length),
        NUMIMPORTV4: String(spec.importV4.length),
        NUMEXPORTV6: String(spec.exportV6.length),
        NUMIMPORTV6: String(spec.importV6.length),
      }),
    }),
  },
  {
    names: ['felixconfiguration', 'felixconfigurations', 'felixconfig', 'felixconfigs'],
    kind: 'FelixConfiguration',
    absent: absentFrom(`felixconfigurations.${CRDS}`),
    ...NAME_ALONE,
    rows: rowsOf('FelixConfiguration', { spec: felixSpec }),
  },
  {
    names: [
      'kubecontrollersconfiguration',
      'kubecontrollersconfigurations',
      'kubecontrollersconfig',
      'kubecontrollersconfigs',
    ],
    kind: 'KubeControllersConfiguration',
    absent: absentFrom(`kubecontrollersconfigurations.${CRDS}`),
    ...NAME_ALONE,
    rows: rowsOf('KubeControllersConfiguration', { status: {} }),
  },
  {
    names: ['clusterinformation', 'clusterinformations', 'clusterinfo', 'clusterinfos'],
    kind: 'ClusterInformation',
    absent: absentFrom(`clusterinformations.${CRDS}`),
    ...same('NAME', 'CLUSTERGUID', 'CLUSTERTYPE', 'CALICOVERSION', 'DATASTOREREADY'),
    rows: rowsOf('ClusterInformation', {
      spec: ({ spec }) => clusterInformationSpec(spec),
      cells: ({ spec }) => ({
        CLUSTERGUID: spec.clusterGUID,
        CLUSTERTYPE: spec.clusterType,
        CALICOVERSION: spec.calicoVersion,
        DATASTOREREADY: spec.datastoreReady === undefined ? '<nil>' : String(spec.datastoreReady),
      }),
    }),
  },
  {
    names: ['tier', 'tiers'],
    kind: 'Tier',
    absent: absentFrom(`tiers.${CRDS}`),
    ...same('NAME', 'ORDER'),
    rows: tierRows,
  },
  {
    names: ['globalnetworkpolicy', 'globalnetworkpolicies', 'gnp', 'gnps'],
    kind: 'GlobalNetworkPolicy',
    absent: absentFrom(`globalnetworkpolicies.${CRDS}`),
    ...POLICY_COLUMNS,
    rows: policyRows('GlobalNetworkPolicy'),
  },
  {
    names: ['networkpolicy', 'networkpolicies', 'policy', 'np', 'policies', 'pol', 'pols'],
    kind: 'NetworkPolicy',
    absent: absentFrom(`networkpolicies.${CRDS}`),
    isNamespaced: true,
    ...POLICY_COLUMNS,
    rows: policyRows('CalicoNetworkPolicy'),
  },
  {
    names: ['stagedglobalnetworkpolicy', 'stagedglobalnetworkpolicies', 'sgnp', 'sgnps'],
    kind: 'StagedGlobalNetworkPolicy',
    absent: absentFrom(`stagedglobalnetworkpolicies.${CRDS}`),
    ...POLICY_COLUMNS,
    rows: policyRows('StagedGlobalNetworkPolicy'),
  },
  {
    names: ['stagednetworkpolicy', 'stagednetworkpolicies', 'stagedpolicy', 'snp', 'stagedpolicies', 'spol', 'spols'],
    kind: 'StagedNetworkPolicy',
    absent: absentFrom(`stagednetworkpolicies.${CRDS}`),
    isNamespaced: true,
    ...POLICY_COLUMNS,
    rows: policyRows('StagedNetworkPolicy'),
  },
  {
    names: ['globalnetworkset', 'globalnetworksets', 'gnetsets'],
    kind: 'GlobalNetworkSet',
    absent: absentFrom(`globalnetworksets.${CRDS}`),
    narrow: ['NAME'],
    wide: ['NAME', 'NETS'],
    rows: rowsOf('GlobalNetworkSet', { cells: ({ spec }) => ({ NETS: joined(spec.nets.map(formatCidr)) }) }),
  },
  {
    names: ['networkset', 'networksets', 'netsets'],
    kind: 'NetworkSet',
    absent: absentFrom(`networksets.${CRDS}`),
    isNamespaced: true,
    narrow: ['NAME'],
    wide: ['NAME', 'NETS'],
    rows: rowsOf('NetworkSet', { cells: ({ spec }) => ({ NETS: joined(spec.nets.map(formatCidr)) }) }),
  },
  {
    names: ['ipreservation', 'ipreservations', 'reservation', 'reservations'],
    kind: 'IPReservation',
    absent: absentFrom(`ipreservations.${CRDS}`),
    narrow: ['NAME'],
    wide: ['NAME', 'CIDRS'],
    rows: rowsOf('IPReservation', { cells: ({ spec }) => ({ CIDRS: joined(spec.reservedCIDRs.map(formatCidr)) }) }),
  },
  {
    names: ['hostendpoint', 'hostendpoints', 'hep', 'heps'],
    kind: 'HostEndpoint',
    absent: absentFrom(`hostendpoints.${CRDS}`),
    narrow: ['NAME', 'NODE'],
    wide: ['NAME', 'NODE', 'INTERFACE', 'IPS', 'PROFILES'],
    rows: rowsOf('HostEndpoint', {
      cells: ({ spec }) => ({
        NODE: spec.node,
        INTERFACE: spec.interfaceName,
        IPS: spec.expectedIPs.map(formatIp).join(','),
        PROFILES: spec.profiles.join(','),
      }),
    }),
  },
  {
    names: ['workloadendpoint', 'workloadendpoints', 'wep', 'weps'],
    kind: 'WorkloadEndpoint',
    absent: absentPod,
    others: ['ORCHESTRATOR'],
    isNamespaced: true,
    narrow: ['WORKLOAD', 'NODE', 'NETWORKS', 'INTERFACE'],
    wide: ['NAME', 'WORKLOAD', 'NODE', 'NETWORKS', 'INTERFACE', 'PROFILES', 'NATS'],
    rows: endpointRows,
  },
  {
    names: ['profile', 'profiles', 'pro', 'pros'],
    kind: 'Profile',
    absent: absentProfile,
    unfit: (name) => (name.includes('.') ? undefined : `Invalid name ${name}`),
    narrow: ['NAME'],
    wide: ['NAME', 'LABELS'],
    rows: profileRows,
  },
];
