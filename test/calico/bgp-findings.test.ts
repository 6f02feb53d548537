import t from 'tap';
import { bgpFindings } from '../../src/calico/datastore/bgp-findings.js';
import { poolFindings } from '../../src/calico/datastore/pool-findings.js';
import { formatFinding } from '../../src/kubernetes/index.js';
import { load, node, NODES, POOL, resource } from './confd-samples.js';

const CLUSTER = [...NODES, POOL];
const messages = (documents: readonly string[]): string[] =>
  bgpFindings(load(documents), 'kube-system').map((found) => `${found.path}: ${found.message}`);

const PEERS: readonly { readonly spec: string; readonly says: readonly (string | RegExp)[] }[] = [
  { spec: '{peerIP: 192.0.2.1, asNumber: 65001}', says: [] },
  { spec: '{peerIP: "[2001:db8::1]:1790", asNumber: 65001}', says: [] },
  {
    spec: "{nodeSelector: rack == 'x', peerIP: 192.0.2.1, asNumber: 65001}",
    says: ['spec.nodeSelector: it selects no node: no session is made'],
  },
  {
    spec: '{node: node11, peerIP: 192.0.2.1, asNumber: 65001}',
    says: [/^spec\.node: there is no node node11 \(near: node1/],
  },
  { spec: "{peerSelector: rack == 'x'}", says: ['spec.peerSelector: it selects no node: no session is made'] },
  { spec: '{asNumber: 65001}', says: [/it names no other end/] },
  { spec: '{peerIP: 192.0.2.300, asNumber: 65001}', says: [/"192\.0\.2\.300" is no address/] },
  { spec: '{peerIP: 192.0.2.1}', says: [/taken to be in AS 0/] },
  {
    spec: '{peerIP: 192.0.2.1, asNumber: 65001, reachableBy: "fe80::1"}',
    says: [/spec\.reachableBy: it is of another family/],
  },
  {
    spec: '{peerIP: 192.0.2.1, asNumber: 65001, filters: [export-al], password: {secretKeyRef: {name: bgp, key: tor}}}',
    says: [
      /Secret kube-system\/bgp with key tor is not there/,
      /spec\.filters\[0\]: there is no BGPFilter export-al \(near: export-all\)/,
    ],
  },
];

for (const { spec, says } of PEERS) {
  t.test(`of a BGPPeer ${spec} is said: ${says.length === 0 ? 'nothing' : says.map(String).join(', ')}`, async (t) => {
    const found = messages([...CLUSTER, resource('BGPFilter', 'export-all', '{}'), resource('BGPPeer', 'peer', spec)]);
    t.equal(found.length, says.length, found.join('\n'));
    says.forEach((wanted, i) => (typeof wanted === 'string' ? t.equal(found[i], wanted) : t.match(found[i], wanted)));
  });
}

t.test('a BGPConfiguration that nobody reads, and fields that count elsewhere only, are told', async (t) => {
  const found = messages([
    ...CLUSTER,
    resource('BGPConfiguration', 'mine', '{}'),
    resource('BGPConfiguration', 'node.node4', '{listenPort: 1790}'),
    resource('BGPConfiguration', 'node.node1', '{asNumber: 65001, ignoredInterfaces: [eth1]}'),
    resource(
      'BGPConfiguration',
      'default',
      '{communities: [{name: gold, value: "65001:1"}], prefixAdvertisements: [{cidr: 10.1.0.0/16, communities: [gold, glod, "65001:2"]}]}',
    ),
  ]);
  t.same(found, [
    'spec.prefixAdvertisements[0].communities[1]: there is no community glod (near: gold): it is not added',
    'metadata.name: only "default" and "node.<name>" are read: it has no effect',
    'spec.asNumber: it counts in the configuration "default" only',
    'spec.ignoredInterfaces: it counts in the configuration "default" only',
    'metadata.name: there is no node node4 (near: node1, node2, node3): nobody reads it',
  ]);
});

t.test('a mesh between nodes with and without an AS of their own is told', async (t) => {
  const other = `
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: node4}
spec: {bgp: {ipv4Address: 10.0.0.4/24, asNumber: 65001}}
`;
  t.match(messages([...CLUSTER, other]), [/its AS 65001 is not told to nodes that name none, such as node1/]);
  t.same(messages([...CLUSTER, other, resource('BGPConfiguration', 'default', '{nodeToNodeMeshEnabled: false}')]), []);
  t.same(messages([other, POOL]), [], 'a node alone has nobody to disagree with');
});

t.test('a BGPPeer where no BIRD runs is told', async (t) => {
  const vxlan = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: kube-system}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec: {containers: [{name: calico-node, env: [{name: CALICO_NETWORKING_BACKEND, value: vxlan}]}]}
`;
  const peer = resource('BGPPeer', 'peer', '{peerIP: 192.0.2.1, asNumber: 65001}');
  t.match(messages([...CLUSTER, vxlan, peer]), [/the networking backend is vxlan: it has no effect/]);
});

const pod = (name: string, address: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: shop}
spec: {nodeName: node1, containers: [{name: c}]}
status: {phase: Running, podIP: ${address}}
`;

t.test('pods whose pool was changed under them are told, where the address stands', async (t) => {
  const found = poolFindings(load([...CLUSTER, pod('inside', '10.1.0.5'), pod('outside', '10.9.0.5')]));
  t.same(found.map(formatFinding), [
    'c.yaml:32:33: warning: Pod shop/outside: its address 10.9.0.5 is in no IP pool of today: it keeps it, and only a new pod gets another',
  ]);
  t.same(
    poolFindings(load([node('node1', '10.0.0.9/24'), pod('a', '10.9.0.5')])),
    [],
    'another plugin may have no pools',
  );
});

t.test('a block that was cut with another block size is told', async (t) => {
  const block = resource('IPAMBlock', '10-1-0-0-24', '{cidr: 10.1.0.0/24, affinity: "host:node1"}');
  t.match(
    poolFindings(load([...CLUSTER, block])).map(({ message }) => message),
    [/10\.1\.0\.0\/24 was cut before IPPool pods had block size 26/],
  );
});
