/** Upstream's manifests through the loader: which daemons run, which pool is made, which tunnel a node gets. */

import t from 'tap';
import { type Cluster } from '../../../src/cluster/index.js';
import { RoutedCluster } from '../../../src/routing/index.js';
import { networkingBackend } from '../../../src/calico/startup/environment.js';
import { nodeEnvironment } from '../../../src/calico/datastore/felix.js';
import { calicoNodeSettings } from '../../../src/kubernetes/index.js';
import { type Json, loadVector, NEEDS_VECTORS } from './vectors.js';

interface Outcome {
  readonly backend: 'bird' | 'vxlan' | 'none';
  readonly pool: { readonly ipipMode: string; readonly vxlanMode: string };
  readonly tunnel: 'IPv4IPIPTunnelAddr' | 'IPv4VXLANTunnelAddr' | undefined;
  readonly files: boolean;
}

const IPIP: Outcome = {
  backend: 'bird',
  pool: { ipipMode: 'Always', vxlanMode: 'Never' },
  tunnel: 'IPv4IPIPTunnelAddr',
  files: true,
};

const POLICY_ONLY: Outcome = {
  backend: 'none',
  pool: { ipipMode: 'Never', vxlanMode: 'Never' },
  tunnel: undefined,
  files: false,
};

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  'calico.yaml': IPIP,
  'calico-typha.yaml': IPIP,
  'calico-etcd.yaml': IPIP,
  'calico-bpf.yaml': { ...POLICY_ONLY, backend: 'bird', files: true },
  'calico-policy-only.yaml': POLICY_ONLY,
  'canal.yaml': POLICY_ONLY,
  'calico-vxlan.yaml': {
    backend: 'vxlan',
    pool: { ipipMode: 'Never', vxlanMode: 'CrossSubnet' },
    tunnel: 'IPv4VXLANTunnelAddr',
    files: false,
  },
};

/** An `env` list as the manifest had it, out of the vector's shorter form. */
const envOf = (container: Json): object[] =>
  container
    .get('env')
    .entries()
    .map(([name, value]) => {
      if (typeof value.value === 'string') return { name, value: value.value };
      const from = value.get('from');
      const field = from.get('fieldPath');
      return field.absent
        ? { name, valueFrom: { configMapKeyRef: { name: from.get('name').text(), key: from.get('key').text() } } }
        : { name, valueFrom: { fieldRef: { fieldPath: field.text() } } };
    });

function clusterOf(manifest: Json): Cluster {
  const all = manifest.get('containers').list();
  const workload =
    all
      .find((container) => container.get('name').text() === 'calico-node')
      ?.get('workload')
      .text() ?? '';
  const containers = all.filter((container) => container.get('workload').text() === workload);
  const name = workload.replace('DaemonSet/', '');
  const template = (init: boolean) =>
    containers
      .filter((container) => container.get('init').flag() === init)
      .map((container) => ({ name: container.get('name').text(), env: envOf(container) }));
  const selector = { 'k8s-app': 'calico-node' };
  const documents = [
    {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'node1' },
      status: { addresses: [{ type: 'InternalIP', address: '172.18.0.2' }] },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'calico-config', namespace: 'kube-system' },
      data: manifest.get('configMap').labels(),
    },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name, namespace: 'kube-system' },
      spec: {
        selector: { matchLabels: selector },
        template: {
          metadata: { labels: selector },
          spec: { hostNetwork: true, initContainers: template(true), containers: template(false) },
        },
      },
    },
  ];
  return new RoutedCluster([
    { file: 'manifest.json', text: JSON.stringify({ kind: 'List', apiVersion: 'v1', items: documents }) },
  ]);
}

t.test('a cluster that is installed by one of upstream’s manifests', NEEDS_VECTORS, async (t) => {
  const manifests = new Map(loadVector('manifest/manifests.json').entries());
  for (const [name, wanted] of Object.entries(OUTCOMES)) {
    const manifest = manifests.get(name);
    if (manifest === undefined) {
      t.fail(`no ${name}`);
      continue;
    }
    const cluster = clusterOf(manifest);
    t.same(cluster.errors, [], name);
    const settings = calicoNodeSettings(cluster.store);
    t.equal(settings && networkingBackend(nodeEnvironment(settings, 'node1')), wanted.backend, `${name}: backend`);
    const [pool] = cluster.store.list('IPPool');
    t.match(pool?.spec, { ...wanted.pool, natOutgoing: true, blockSize: 26 }, `${name}: pool`);
    const annotations = cluster.store.get('Node', '', 'node1')?.annotations ?? {};
    const address = wanted.backend === 'none' ? undefined : '172.18.0.2/24';
    t.equal(annotations['projectcalico.org/IPv4Address'], address, `${name}: address`);
    const tunnels = Object.entries(annotations).filter(([key]) => key.endsWith('TunnelAddr'));
    const tunnel = wanted.tunnel === undefined ? [] : [[`projectcalico.org/${wanted.tunnel}`, '192.168.166.128']];
    t.same(tunnels, tunnel, `${name}: tunnel`);
    const host = cluster.node('node1');
    cluster.routing?.refreshFiles(host);
    t.equal(host.files.has('/etc/calico/confd/config/bird.cfg'), wanted.files, `${name}: files of BIRD`);
  }
});
