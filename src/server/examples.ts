/** Requests as the document shows them, of the demo topology (two-nodes-vxlan): a test sends each of them. */

export const clusterYaml = `apiVersion: v1
kind: Node
metadata: {name: node1}
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: nginx, image: nginx, ports: [{containerPort: 80}]}]}
`;

export const newCluster = { name: 'small', sources: [{ file: 'cluster.yaml', text: clusterYaml }] };

export const manifest = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'deny-web', namespace: 'default' },
  spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'] },
};

export const manifestYaml = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-web, namespace: default}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
`;

export const mergePatch = { spec: { ingress: [{ from: [{ podSelector: {} }] }] } };
export const jsonPatch = [
  { op: 'test', path: '/spec/policyTypes/0', value: 'Ingress' },
  { op: 'add', path: '/metadata/labels', value: { tier: 'front' } },
];
export const strategicPatch = { metadata: { labels: { tier: 'front' }, $retainKeys: ['name', 'namespace', 'labels'] } };

export const exec = { target: 'pod/default/client', command: ['ip', 'route'] };

export const trace = { from: 'pod/default/client', to: 'pod/default/web:80', protocol: 'tcp' };

export const whatIf = {
  changes: [{ apply: manifestYaml }],
  flows: [{ from: 'pod/default/client', to: 'pod/default/web:80' }],
};

export const capture = { interfaces: [{ target: 'pod/default/web', interface: 'eth0' }], filter: 'tcp.port == 80' };

export const runClock = { pace: 10 };
export const stepClock = { events: 1 };
export const jumpClock = { byNs: 1_000_000_000 };

export const faults = [
  { kind: 'link', host: 'node1', interface: 'eth0' },
  { kind: 'pod', namespace: 'default', name: 'web' },
];

export const runScenario = { cluster: 'mine', replace: true };
