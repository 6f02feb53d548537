/**
 * `calicoctl`: IPAM's commands, and lists of the kinds that an operator asks for most;
 * calicoctl/calicoctl/commands/get.go, resourcemgr.
 */

import { calicoNodes, formatCidr, type Kind, type ObjectOf, type Store } from '../kubernetes/index.js';
import { calicoctlDatastore } from './calicoctl-datastore.js';
import { calicoctlIpam } from './calicoctl-ipam.js';
import { calicoctlNode } from './calicoctl-node.js';
import { spacedTable } from './table.js';
import { failure, ok, type Tool, type ToolResult } from './tool.js';

interface Row {
  readonly name: string;
  readonly cells: Readonly<Record<string, string>>;
}

interface Listed {
  readonly names: readonly string[];
  readonly narrow: readonly string[];
  readonly wide: readonly string[];
  /** As errors name it. */
  readonly kind: string;
  readonly rows: (store: Store) => readonly Row[];
}

const rowsOf =
  <K extends Kind>(kind: K, cells: (object: ObjectOf<K>) => Record<string, string>) =>
  (store: Store): readonly Row[] =>
    store.list(kind).map((object) => ({ name: object.name, cells: cells(object) }));

const globalAsNumber = (store: Store): number => store.get('BGPConfiguration', '', 'default')?.spec.asNumber ?? 64_512;

function nodeRows(store: Store): readonly Row[] {
  return calicoNodes(store).map(({ name, bgp }) => {
    const asNumber = bgp?.asNumber ?? `(${globalAsNumber(store)})`;
    const cells = {
      ASN: bgp === undefined ? '' : String(asNumber),
      IPV4: bgp?.ipv4Address === undefined ? '' : formatCidr(bgp.ipv4Address),
      IPV6: bgp?.ipv6Address === undefined ? '' : formatCidr(bgp.ipv6Address),
    };
    return { name, cells };
  });
}

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
    narrow: ['NAME', 'PEERIP', 'NODE', 'ASN'],
    wide: ['NAME', 'PEERIP', 'NODE', 'ASN'],
    rows: rowsOf('BGPPeer', ({ spec }) => ({
      PEERIP: spec.peerIP,
      NODE: spec.node || spec.nodeSelector || '(global)',
      ASN: String(spec.asNumber ?? 0),
    })),
  },
  {
    names: ['bgpconfiguration', 'bgpconfigurations', 'bgpconfig', 'bgpconfigs'],
    kind: 'BGPConfiguration',
    narrow: ['NAME', 'LOGSEVERITY', 'MESHENABLED', 'ASNUMBER'],
    wide: ['NAME', 'LOGSEVERITY', 'MESHENABLED', 'ASNUMBER'],
    rows: rowsOf('BGPConfiguration', ({ spec }) => ({
      LOGSEVERITY: spec.logSeverityScreen,
      MESHENABLED: String(spec.nodeToNodeMeshEnabled),
      ASNUMBER: spec.asNumber === undefined ? '-' : String(spec.asNumber),
    })),
  },
];

const OUTPUT = /^(?:-o|--output=)(.+)$/;

/** The value of `-o`, and the words that are no option. */
function readArguments(args: readonly string[]): { readonly output: string; readonly words: readonly string[] } {
  const words: string[] = [];
  let output = 'ps';
  for (let i = 0; i < args.length; i += 1) {
    const word = args[i] ?? '';
    if (word === '-o' || word === '--output') {
      output = args[i + 1] ?? '';
      i += 1;
    } else if (OUTPUT.test(word)) output = OUTPUT.exec(word)?.[1] ?? '';
    else words.push(word);
  }
  return { output, words };
}

function get(store: Store, args: readonly string[]): ToolResult {
  const { output, words } = readArguments(args);
  const [kind = '', ...names] = words;
  const listed = LISTED.find((one) => one.names.includes(kind.toLowerCase()));
  if (listed === undefined) {
    const known = LISTED.map((one) => one.names[0]).join(', ');
    return failure(1, `calicoctl get ${kind}: only ${known} are offered here`);
  }
  if (output !== 'ps' && output !== 'wide') return failure(1, `calicoctl get: output "${output}" is not offered here`);
  const headings = output === 'wide' ? listed.wide : listed.narrow;
  const all = listed.rows(store);
  const missing = names.filter((name) => !all.some((row) => row.name === name));
  const rows = all.filter(({ name }) => names.length === 0 || names.includes(name));
  const table = spacedTable(
    headings,
    rows.map(({ name, cells }) => headings.map((heading) => (heading === 'NAME' ? name : (cells[heading] ?? '')))),
  );
  if (missing.length === 0) return ok(`${table}\n`);
  const errors = missing.map((name) => `resource does not exist: ${listed.kind}(${name}) with error: <nil>`);
  return failure(1, errors.join('\n'), rows.length === 0 ? '' : `${table}\n`);
}

export const calicoctl: Tool = (place, [command = '', ...args]) => {
  const { cluster } = place;
  if (command === 'node') return calicoctlNode(place, args);
  if (command === 'ipam') return calicoctlIpam(place, args);
  if (command === 'datastore') return calicoctlDatastore(cluster.store, args);
  if (command === 'get') return get(cluster.store, args);
  return failure(1, `calicoctl ${command}: only node, ipam, datastore and get are offered here`);
};
