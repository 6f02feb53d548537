/**
 * confd in a cluster of 5,000 nodes: the files of one node, first, again, and after one change, in a full mesh
 * and with three route reflectors. CPU time of this process, with the reading of the store apart.
 */

import { ConfdDatastore, runConfd } from '../src/calico/confd/index.js';
import { storedIpam } from '../src/calico/index.js';
import { loadCluster, type Store } from '../src/kubernetes/index.js';

const NODES = 5_000;
const REFLECTORS = 3;

const octets = (i: number): string => `${Math.floor(i / 250)}.${(i % 250) + 1}`;

/** Nodes with an address and a block each, a pool, Services that are announced. */
function documents(kind: 'mesh' | 'reflectors'): string {
  const nodes = Array.from({ length: NODES }, (_, i) => {
    const reflects = kind === 'reflectors' && i < REFLECTORS;
    return `apiVersion: v1
kind: Node
metadata:
  name: node-${i}
  labels: {rack: r${i % 40}${reflects ? ', reflector: "true"' : ''}}
  annotations:
    projectcalico.org/IPv4Address: 10.0.${octets(i)}/16
${reflects ? '    projectcalico.org/RouteReflectorClusterID: 244.0.0.1\n' : ''}---
apiVersion: crd.projectcalico.org/v1
kind: BlockAffinity
metadata: {name: node-${i}-block}
spec: {node: node-${i}, cidr: 10.${64 + (i >> 10)}.${(i >> 2) & 255}.${(i & 3) * 64}/26, state: confirmed, deleted: "false"}
`;
  });
  const peers = `apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: {name: default}
spec: {nodeToNodeMeshEnabled: ${kind === 'mesh'}, serviceClusterIPs: [{cidr: 10.96.0.0/12}]}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: pods}
spec: {cidr: 10.64.0.0/11, ipipMode: CrossSubnet}
${
  kind === 'reflectors'
    ? `---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: to-reflectors}
spec: {nodeSelector: "!has(reflector)", peerSelector: has(reflector)}
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: among-reflectors}
spec: {nodeSelector: has(reflector), peerSelector: has(reflector)}
`
    : ''
}`;
  return [...nodes, peers].join('---\n');
}

function cpuMs(run: () => unknown): number {
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

const show = (what: string, ms: number): void => console.log(`${what.padEnd(48)} ${ms.toFixed(1).padStart(9)} ms`);

/** A node's AS number changes: what has nodes in it is read again. */
function changeNode(store: Store): void {
  const node = store.get('Node', '', `node-${NODES - 1}`);
  if (node === undefined) throw new Error('no node');
  const annotations = { ...node.annotations, 'projectcalico.org/ASNumber': '64999' };
  store.put('Node', { ...node, annotations });
}

function changePool(store: Store): void {
  const pool = store.get('IPPool', '', 'pods');
  if (pool !== undefined) store.put('IPPool', { ...pool, spec: { ...pool.spec, disableBGPExport: true } });
}

function measure(kind: 'mesh' | 'reflectors', name: string): void {
  const { store, errors } = loadCluster([{ file: 'cluster.yaml', text: documents(kind) }], { seed: 1 });
  if (errors.length > 0) throw new Error(JSON.stringify(errors[0]));
  const datastore = new ConfdDatastore(store, storedIpam(store));
  const files = new Map<string, string>();
  const host = { node: name, routerId: '' };
  const run = () => runConfd(files, datastore.cluster, host);
  console.log(`${kind}, ${name} of ${NODES} nodes`);
  show(
    '  reading the store',
    cpuMs(() => datastore.cluster),
  );
  show('  first rendering', cpuMs(run));
  show('  again, nothing changed', cpuMs(run));
  changePool(store);
  show('  after a pool changed', cpuMs(run));
  changeNode(store);
  show('  after another node changed', cpuMs(run));
  let changed = 0;
  const others = Array.from({ length: 20 }, (_, i) => `node-${100 + i}`);
  const each = cpuMs(() => {
    for (const node of others) changed += runConfd(new Map(), datastore.cluster, { node, routerId: '' }).changed.length;
  });
  show(`  20 more nodes, each (${changed} files)`, each / others.length);
  const length = [...files.values()].reduce((sum, text) => sum + text.length, 0);
  console.log(`  ${(length / 1024).toFixed(0)} KiB of text`);
}

measure('mesh', 'node-7');
measure('reflectors', 'node-7');
measure('reflectors', 'node-0');
