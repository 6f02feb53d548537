/** `calicoctl get`: what there is of a kind, as a table; calicoctl/calicoctl/commands/get.go, resourcemgr. */

import { storedTiers, vethName, workloadEndpointName } from '../calico/index.js';
import {
  calicoNodes,
  formatCidr,
  formatIp,
  isFinished,
  type Kind,
  type ObjectOf,
  type Store,
} from '../kubernetes/index.js';
import { formatIpv4 } from '../packet/index.js';
import { spacedTable } from './table.js';
import { failure, ok, type ToolPlace, type ToolResult } from './tool.js';

interface Row {
  /** Empty where the kind has none. */
  readonly namespace: string;
  readonly name: string;
  readonly cells: Readonly<Record<string, string>>;
}

interface Listed {
  readonly names: readonly string[];
  readonly narrow: readonly string[];
  readonly wide: readonly string[];
  /** As errors name it. */
  readonly kind: string;
  readonly isNamespaced?: true;
  readonly rows: (place: ToolPlace) => readonly Row[];
}

const rowsOf =
  <K extends Kind>(kind: K, cells: (object: ObjectOf<K>) => Record<string, string> = () => ({})) =>
  ({ cluster }: ToolPlace): readonly Row[] =>
    cluster.store.list(kind).map((object) => ({
      namespace: 'namespace' in object ? object.namespace : '',
      name: object.name,
      cells: cells(object),
    }));

const globalAsNumber = (store: Store): number => store.get('BGPConfiguration', '', 'default')?.spec.asNumber ?? 64_512;

function nodeRows({ cluster: { store } }: ToolPlace): readonly Row[] {
  return calicoNodes(store).map(({ name, bgp }) => {
    const asNumber = bgp?.asNumber ?? `(${globalAsNumber(store)})`;
    const cells = {
      ASN: bgp === undefined ? '' : String(asNumber),
      IPV4: bgp?.ipv4Address === undefined ? '' : formatCidr(bgp.ipv4Address),
      IPV6: bgp?.ipv6Address === undefined ? '' : formatCidr(bgp.ipv6Address),
    };
    return { namespace: '', name, cells };
  });
}

/** From a million on Go prints numbers of its float64 with an exponent of two digits. */
const EXPONENT_FROM = 1e6;

/** `{{.Spec.Order}}` of a pointer to a float64. */
function orderText(order: number | undefined): string {
  if (order === undefined) return '<nil>';
  if (Math.abs(order) < EXPONENT_FROM) return String(order);
  return order.toExponential().replace(/e\+(\d)$/, 'e+0$1');
}

const MOST_OCTETS = 80;

/** joinAndTruncate() */
function joined(items: readonly string[]): string {
  const text = items.join(',');
  return text.length > MOST_OCTETS ? `${text.slice(0, MOST_OCTETS - 3)}...` : text;
}

interface PolicySpec {
  readonly tier: string;
  readonly order?: number | undefined;
  readonly selector: { readonly text: string } | string | undefined;
}

const policyCells = ({ spec }: { readonly spec: PolicySpec }): Record<string, string> => ({
  TIER: spec.tier,
  ORDER: orderText(spec.order),
  SELECTOR: typeof spec.selector === 'string' ? spec.selector : (spec.selector?.text ?? ''),
});

const POLICY_COLUMNS = { narrow: ['NAME', 'TIER'], wide: ['NAME', 'TIER', 'ORDER', 'SELECTOR'] } as const;
const NAME_ALONE = { narrow: ['NAME'], wide: ['NAME'] } as const;
const same = (...columns: readonly string[]) => ({ narrow: columns, wide: columns });

/** Pods that Calico connects; libcalico-go/lib/backend/k8s/conversion: IsReadyCalicoPod(). */
const endpointRows = ({ cluster }: ToolPlace): readonly Row[] =>
  cluster.store.list('Pod').flatMap((pod) => {
    const { namespace, name, spec } = pod;
    if (spec.hostNetwork || spec.nodeName === '' || isFinished(pod)) return [];
    const address = cluster.podAddress(pod);
    if (address === undefined) return [];
    const serviceAccount = spec.serviceAccountName || 'default';
    const cells = {
      WORKLOAD: name,
      NODE: spec.nodeName,
      NETWORKS: `${formatIpv4(address)}/32`,
      INTERFACE: vethName(namespace, name),
      PROFILES: `kns.${namespace},ksa.${namespace}.${serviceAccount}`,
      NATS: '',
    };
    return [{ namespace, name: workloadEndpointName(spec.nodeName, name), cells }];
  });

const byName = (a: Row, b: Row): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

const LISTED: readonly Listed[] = [
  {
    names: ['node', 'nodes', 'no', 'nos'],
    kind: 'Node',
    narrow: ['NAME'],
    wide: ['NAME', 'ASN', 'IPV4', 'IPV6'],
    rows: nodeRows,
  },
  {
    names: ['ippool', 'ippools', 'ipp', 'ipps', 'pool', 'pools'],
    kind: 'IPPool',
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
    rows: rowsOf('IPPool', ({ spec }) => ({
      CIDR: formatCidr(spec.cidr),
      NAT: String(spec.natOutgoing),
      IPIPMODE: spec.ipipMode,
      VXLANMODE: spec.vxlanMode,
      DISABLED: String(spec.disabled),
      DISABLEBGPEXPORT: String(spec.disableBGPExport),
      SELECTOR: spec.nodeSelector,
      ASSIGNMENTMODE: spec.assignmentMode,
    })),
  },
  {
    names: ['bgppeer', 'bgppeers', 'bgpp', 'bgpps', 'bp', 'bps'],
    kind: 'BGPPeer',
    ...same('NAME', 'PEERIP', 'NODE', 'ASN'),
    rows: rowsOf('BGPPeer', ({ spec }) => ({
      PEERIP: spec.peerIP,
      NODE: spec.node || spec.nodeSelector || '(global)',
      ASN: String(spec.asNumber ?? 0),
    })),
  },
  {
    names: ['bgpconfiguration', 'bgpconfigurations', 'bgpconfig', 'bgpconfigs'],
    kind: 'BGPConfiguration',
    ...same('NAME', 'LOGSEVERITY', 'MESHENABLED', 'ASNUMBER'),
    rows: rowsOf('BGPConfiguration', ({ spec }) => ({
      LOGSEVERITY: spec.logSeverityScreen,
      MESHENABLED: String(spec.nodeToNodeMeshEnabled),
      ASNUMBER: spec.asNumber === undefined ? '-' : String(spec.asNumber),
    })),
  },
  {
    names: ['bgpfilter', 'bgpfilters', 'bgpf', 'bgpfs', 'bf', 'bfs'],
    kind: 'BGPFilter',
    ...same('NAME', 'NUMEXPORTV4', 'NUMIMPORTV4', 'NUMEXPORTV6', 'NUMIMPORTV6'),
    rows: rowsOf('BGPFilter', ({ spec }) => ({
      NUMEXPORTV4: String(spec.exportV4.length),
      NUMIMPORTV4: String(spec.importV4.length),
      NUMEXPORTV6: String(spec.exportV6.length),
      NUMIMPORTV6: String(spec.importV6.length),
    })),
  },
  {
    names: ['felixconfiguration', 'felixconfigurations', 'felixconfig', 'felixconfigs'],
    kind: 'FelixConfiguration',
    ...NAME_ALONE,
    rows: rowsOf('FelixConfiguration'),
  },
  {
    names: [
      'kubecontrollersconfiguration',
      'kubecontrollersconfigurations',
      'kubecontrollersconfig',
      'kubecontrollersconfigs',
    ],
    kind: 'KubeControllersConfiguration',
    ...NAME_ALONE,
    rows: rowsOf('KubeControllersConfiguration'),
  },
  {
    names: ['clusterinformation', 'clusterinformations', 'clusterinfo', 'clusterinfos'],
    kind: 'ClusterInformation',
    ...same('NAME', 'CLUSTERGUID', 'CLUSTERTYPE', 'CALICOVERSION', 'DATASTOREREADY'),
    rows: rowsOf('ClusterInformation', ({ spec }) => ({
      CLUSTERGUID: spec.clusterGUID,
      CLUSTERTYPE: spec.clusterType,
      CALICOVERSION: spec.calicoVersion,
      DATASTOREREADY: spec.datastoreReady === undefined ? '<nil>' : String(spec.datastoreReady),
    })),
  },
  {
    names: ['tier', 'tiers'],
    kind: 'Tier',
    ...same('NAME', 'ORDER'),
    rows: ({ cluster }) =>
      storedTiers(cluster.store)
        .map(({ name, order }) => ({ namespace: '', name, cells: { ORDER: orderText(order) } }))
        .sort(byName),
  },
  {
    names: ['globalnetworkpolicy', 'globalnetworkpolicies', 'gnp', 'gnps'],
    kind: 'GlobalNetworkPolicy',
    ...POLICY_COLUMNS,
    rows: rowsOf('GlobalNetworkPolicy', policyCells),
  },
  {
    names: ['networkpolicy', 'networkpolicies', 'policy', 'np', 'policies', 'pol', 'pols'],
    kind: 'NetworkPolicy',
    isNamespaced: true,
    ...POLICY_COLUMNS,
    rows: rowsOf('CalicoNetworkPolicy', policyCells),
  },
  {
    names: ['stagedglobalnetworkpolicy', 'stagedglobalnetworkpolicies', 'sgnp', 'sgnps'],
    kind: 'StagedGlobalNetworkPolicy',
    ...POLICY_COLUMNS,
    rows: rowsOf('StagedGlobalNetworkPolicy', policyCells),
  },
  {
    names: ['stagednetworkpolicy', 'stagednetworkpolicies', 'stagedpolicy', 'snp', 'stagedpolicies', 'spol', 'spols'],
    kind: 'StagedNetworkPolicy',
    isNamespaced: true,
    ...POLICY_COLUMNS,
    rows: rowsOf('StagedNetworkPolicy', policyCells),
  },
  {
    names: ['globalnetworkset', 'globalnetworksets', 'gnetsets'],
    kind: 'GlobalNetworkSet',
    narrow: ['NAME'],
    wide: ['NAME', 'NETS'],
    rows: rowsOf('GlobalNetworkSet', ({ spec }) => ({ NETS: joined(spec.nets.map(formatCidr)) })),
  },
  {
    names: ['networkset', 'networksets', 'netsets'],
    kind: 'NetworkSet',
    isNamespaced: true,
    narrow: ['NAME'],
    wide: ['NAME', 'NETS'],
    rows: rowsOf('NetworkSet', ({ spec }) => ({ NETS: joined(spec.nets.map(formatCidr)) })),
  },
  {
    names: ['ipreservation', 'ipreservations', 'reservation', 'reservations'],
    kind: 'IPReservation',
    narrow: ['NAME'],
    wide: ['NAME', 'CIDRS'],
    rows: rowsOf('IPReservation', ({ spec }) => ({ CIDRS: joined(spec.reservedCIDRs.map(formatCidr)) })),
  },
  {
    names: ['hostendpoint', 'hostendpoints', 'hep', 'heps'],
    kind: 'HostEndpoint',
    narrow: ['NAME', 'NODE'],
    wide: ['NAME', 'NODE', 'INTERFACE', 'IPS', 'PROFILES'],
    rows: rowsOf('HostEndpoint', ({ spec }) => ({
      NODE: spec.node,
      INTERFACE: spec.interfaceName,
      IPS: spec.expectedIPs.map(formatIp).join(','),
      PROFILES: spec.profiles.join(','),
    })),
  },
  {
    names: ['workloadendpoint', 'workloadendpoints', 'wep', 'weps'],
    kind: 'WorkloadEndpoint',
    isNamespaced: true,
    narrow: ['WORKLOAD', 'NODE', 'NETWORKS', 'INTERFACE'],
    wide: ['NAME', 'WORKLOAD', 'NODE', 'NETWORKS', 'INTERFACE', 'PROFILES', 'NATS'],
    rows: endpointRows,
  },
];

interface Asked {
  readonly output: string;
  /** `-n`; undefined: that of nobody who asks for one. */
  readonly namespace: string | undefined;
  readonly everywhere: boolean;
  readonly words: readonly string[];
}

const VALUED: Readonly<Record<string, 'output' | 'namespace'>> = {
  '-o': 'output',
  '--output': 'output',
  '-n': 'namespace',
  '--namespace': 'namespace',
};

function readArguments(args: readonly string[]): Asked {
  const words: string[] = [];
  const values: { output: string; namespace?: string } = { output: 'ps' };
  let everywhere = false;
  for (let i = 0; i < args.length; i += 1) {
    const word = args[i] ?? '';
    const [, option = '', attached] = /^(-[on]|--output|--namespace)=?(.+)?$/s.exec(word) ?? [];
    const name = VALUED[option];
    if (name !== undefined) {
      values[name] = attached ?? args[i + 1] ?? '';
      if (attached === undefined) i += 1;
    } else if (/^(?:-A|-a|--all-namespaces)$/.test(word)) everywhere = true;
    else if (word !== '--allow-version-mismatch') words.push(word);
  }
  return { output: values.output, namespace: values.namespace, everywhere, words };
}

/** `custom-columns=NAME,ORDER`, or those that the kind usually has; undefined where they are no table's. */
function headingsOf({ narrow, wide }: Listed, output: string): readonly string[] | undefined {
  if (output === 'ps') return narrow;
  if (output === 'wide') return wide;
  return /^custom-columns=(.+)$/.exec(output)?.[1]?.split(',');
}

const cellOf = ({ namespace, name, cells }: Row, heading: string): string =>
  heading === 'NAME' ? name : heading === 'NAMESPACE' ? namespace : (cells[heading] ?? '');

export function calicoctlGet(place: ToolPlace, args: readonly string[]): ToolResult {
  const { output, namespace, everywhere, words } = readArguments(args);
  const [kind = '', ...names] = words;
  const listed = LISTED.find((one) => one.names.includes(kind.toLowerCase()));
  if (listed === undefined) {
    const known = LISTED.map((one) => one.names[0]).join(', ');
    return failure(1, `calicoctl get ${kind}: only ${known} are offered here`);
  }
  const given = headingsOf(listed, output);
  if (given === undefined) return failure(1, `calicoctl get: output "${output}" is not offered here`);
  const isNamespaced = listed.isNamespaced === true;
  const known = new Set([...listed.wide, ...listed.narrow, 'NAME', ...(isNamespaced ? ['NAMESPACE'] : [])]);
  const wrong = given.find((heading) => !known.has(heading));
  if (wrong !== undefined) return failure(1, `unknown heading ${wrong}, valid values are: ${[...known].join(', ')}`);
  const headings = isNamespaced && (everywhere || namespace !== undefined) ? ['NAMESPACE', ...given] : given;
  const wanted = namespace || 'default';
  const all = listed.rows(place).filter((row) => !isNamespaced || everywhere || row.namespace === wanted);
  const missing = names.filter((name) => !all.some((row) => row.name === name));
  const rows = all.filter(({ name }) => names.length === 0 || names.includes(name));
  const table = spacedTable(
    headings,
    rows.map((row) => headings.map((heading) => cellOf(row, heading))),
  );
  if (missing.length === 0) return ok(`${table}\n`);
  const within = isNamespaced ? `${wanted}/` : '';
  const errors = missing.map((name) => `resource does not exist: ${listed.kind}(${within}${name}) with error: <nil>`);
  return failure(1, errors.join('\n'), rows.length === 0 ? '' : `${table}\n`);
}
