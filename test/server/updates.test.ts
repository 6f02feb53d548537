/** Updates that the API server refuses since a field may not change. */

import t, { type Test } from 'tap';
import { type Asked, cluster, type Parsed, running, YAML } from './running.js';

const VXLAN = 'two-nodes-vxlan';
const AT = `/clusters/${VXLAN}`;
const OBJECTS = `${AT}/objects`;
const MERGE = { 'content-type': 'application/merge-patch+json' };

const SETUP = `apiVersion: v1
kind: Service
metadata: {name: given, namespace: default}
spec: {clusterIP: 10.96.0.77, ports: [{port: 80}], selector: {app: web}}
---
apiVersion: v1
kind: Service
metadata: {name: allocated, namespace: default}
spec: {ports: [{port: 80}], selector: {app: web}}
---
apiVersion: v1
kind: Service
metadata: {name: headless, namespace: default}
spec: {clusterIP: None, ports: [{port: 80}], selector: {app: web}}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere, namespace: default}
spec: {type: ExternalName, externalName: example.org}
---
apiVersion: v1
kind: Pod
metadata: {name: placed, namespace: default}
spec:
  nodeName: node1
  activeDeadlineSeconds: 100
  tolerations: [{key: a, operator: Exists, effect: NoSchedule}]
  containers:
    - {name: c, image: 'c:1', ports: [{containerPort: 80}], resources: {requests: {cpu: 500m}}}
---
apiVersion: v1
kind: Pod
metadata: {name: scheduled, namespace: default}
spec: {nodeSelector: {kubernetes.io/hostname: node2}, containers: [{name: c, image: c}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d, namespace: default}
spec:
  replicas: 1
  selector: {matchLabels: {app: d}}
  template: {metadata: {labels: {app: d, v: a}}, spec: {containers: [{name: c, image: c}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: s, namespace: default}
spec:
  serviceName: headless
  replicas: 1
  selector: {matchLabels: {app: s}}
  template: {metadata: {labels: {app: s}}, spec: {containers: [{name: c, image: c}]}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: j, namespace: default}
spec:
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: c}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: slice, namespace: default, labels: {kubernetes.io/service-name: given}}
addressType: IPv4
endpoints: [{addresses: [203.0.113.9]}]
ports: [{port: 80}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: locked, namespace: default}
immutable: true
data: {a: b}
`;

interface Change {
  readonly name: string;
  /** Below `/objects`. */
  readonly path: string;
  /** A merge patch. */
  readonly patch: object;
}

const POD_WORDS =
  /^spec\.[\w.[\]]+: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`/;
const pod = (spec: object) => ({ path: 'core/Pod/default/placed', patch: { spec } });
const container = (more: object) => ({
  containers: [
    { name: 'c', image: 'c:1', ports: [{ containerPort: 80 }], resources: { requests: { cpu: '500m' } }, ...more },
  ],
});

const REFUSED: readonly (Change & { readonly field: string; readonly words: RegExp })[] = [
  {
    name: 'an address that was given',
    path: 'core/Service/default/given',
    patch: { spec: { clusterIP: '10.96.0.78' } },
    field: 'spec.clusterIPs[0]',
    words: /^spec\.clusterIPs\[0\]: Invalid value: \["10\.96\.0\.78"\]: may not change once set$/,
  },
  {
    name: 'an address that was allocated',
    path: 'core/Service/default/allocated',
    patch: { spec: { clusterIPs: ['10.96.0.78'] } },
    field: 'spec.clusterIPs[0]',
    words: /may not change once set$/,
  },
  {
    name: 'from an address to none',
    path: 'core/Service/default/allocated',
    patch: { spec: { clusterIP: 'None' } },
    field: 'spec.clusterIPs[0]',
    words: /Invalid value: \["None"\]: may not change once set$/,
  },
  {
    name: 'from none to an address',
    path: 'core/Service/default/headless',
    patch: { spec: { clusterIP: '10.96.0.79' } },
    field: 'spec.clusterIPs[0]',
    words: /may not change once set$/,
  },
  {
    name: 'the family of an address',
    path: 'core/Service/default/given',
    patch: { spec: { ipFamilies: ['IPv6'] } },
    field: 'spec.ipFamilies[0]',
    words: /may not change once set$/,
  },
  { name: 'the node of a pod', ...pod({ nodeName: 'node2' }), field: 'spec.nodeName', words: POD_WORDS },
  { name: 'a pod that is on no node any more', ...pod({ nodeName: null }), field: 'spec.nodeName', words: POD_WORDS },
  {
    name: 'the node that the scheduler chose',
    path: 'core/Pod/default/scheduled',
    patch: { spec: { nodeName: 'node1' } },
    field: 'spec.nodeName',
    words: POD_WORDS,
  },
  { name: 'a pod onto the host network', ...pod({ hostNetwork: true }), field: 'spec.hostNetwork', words: POD_WORDS },
  {
    name: 'a port of a container',
    ...pod(container({ ports: [{ containerPort: 81 }] })),
    field: 'spec.containers[0].ports[0].containerPort',
    words: POD_WORDS,
  },
  {
    name: 'resources of a container',
    ...pod(container({ resources: { requests: { cpu: '501m' } } })),
    field: 'spec.containers[0].resources.requests.cpu',
    words: POD_WORDS,
  },
  {
    name: 'another container',
    ...pod({
      containers: [
        { name: 'c', image: 'c:1' },
        { name: 'd', image: 'd' },
      ],
    }),
    field: 'spec.containers',
    words: /^spec\.containers: Forbidden: pod updates may not add or remove containers$/,
  },
  {
    name: 'fewer tolerations',
    ...pod({ tolerations: [] }),
    field: 'spec.tolerations',
    words: /^spec\.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds$/,
  },
  {
    name: 'a later deadline',
    ...pod({ activeDeadlineSeconds: 101 }),
    field: 'spec.activeDeadlineSeconds',
    words: /Invalid value: 101: must be less than or equal to previous value$/,
  },
  {
    name: 'no deadline',
    ...pod({ activeDeadlineSeconds: null }),
    field: 'spec.activeDeadlineSeconds',
    words: /must not update from a positive integer to nil value$/,
  },
  {
    name: 'the selector of a Deployment',
    path: 'apps/Deployment/default/d',
    patch: { spec: { selector: { matchLabels: { v: 'a' } } } },
    field: 'spec.selector',
    words: /^spec\.selector: Invalid value: \{"matchLabels":\{"app":"d","v":"a"\}\}: field is immutable$/,
  },
  {
    name: 'the Service of a StatefulSet',
    path: 'apps/StatefulSet/default/s',
    patch: { spec: { serviceName: 'given' } },
    field: 'spec',
    words:
      /^spec: Forbidden: updates to statefulset spec for fields other than 'replicas', .* and 'minReadySeconds' are forbidden$/,
  },
  {
    name: 'the template of a Job',
    path: 'batch/Job/default/j',
    patch: { spec: { template: { spec: { containers: [{ name: 'c', image: 'd' }] } } } },
    field: 'spec.template',
    words: /field is immutable$/,
  },
  {
    name: 'the family of a slice',
    path: 'discovery.k8s.io/EndpointSlice/default/slice',
    patch: { addressType: 'IPv6', endpoints: [] },
    field: 'addressType',
    words: /^addressType: Invalid value: "IPv6": field is immutable$/,
  },
  {
    name: 'data that was locked',
    path: 'core/ConfigMap/default/locked',
    patch: { data: { a: 'c' } },
    field: 'data',
    words: /^data: Forbidden: field is immutable when `immutable` is set$/,
  },
  {
    name: 'the range of a pool',
    path: 'projectcalico.org/IPPool/-/default-ipv4-ippool',
    patch: { spec: { cidr: '192.168.0.0/17' } },
    field: 'spec.cidr',
    words: /^spec\.cidr: Invalid value: "192\.168\.0\.0\/17": IPPool CIDR cannot be modified$/,
  },
  {
    name: 'the blocks of a pool',
    path: 'projectcalico.org/IPPool/-/default-ipv4-ippool',
    patch: { spec: { blockSize: 28 } },
    field: 'spec.blockSize',
    words: /IPPool BlockSize cannot be modified$/,
  },
];

const TAKEN: readonly Change[] = [
  {
    name: 'the address that it has',
    path: 'core/Service/default/given',
    patch: { spec: { clusterIPs: ['10.96.0.77'] } },
  },
  { name: 'ports of a Service', path: 'core/Service/default/given', patch: { spec: { ports: [{ port: 81 }] } } },
  {
    name: 'an address left out',
    path: 'core/Service/default/given',
    patch: { spec: { clusterIP: null, clusterIPs: null } },
  },
  { name: 'the type of a Service', path: 'core/Service/default/allocated', patch: { spec: { type: 'NodePort' } } },
  {
    name: 'from a name elsewhere to an address',
    path: 'core/Service/default/elsewhere',
    patch: { spec: { type: 'ClusterIP', externalName: null, clusterIP: '10.96.0.80', ports: [{ port: 80 }] } },
  },
  { name: 'an image', ...pod(container({ image: 'c:2' })) },
  { name: 'what was the default', ...pod({ restartPolicy: 'Always', dnsPolicy: 'ClusterFirst', hostNetwork: false }) },
  { name: 'the same quantity', ...pod(container({ image: 'c:2', resources: { requests: { cpu: 0.5 } } })) },
  {
    name: 'one more toleration',
    ...pod({
      tolerations: [
        { key: 'b', operator: 'Exists' },
        { key: 'a', operator: 'Exists', effect: 'NoSchedule' },
      ],
    }),
  },
  { name: 'a nearer deadline', ...pod({ activeDeadlineSeconds: 50 }) },
  { name: 'labels of a pod', path: 'core/Pod/default/scheduled', patch: { metadata: { labels: { a: 'b' } } } },
  { name: 'the node that it is on', path: 'core/Pod/default/scheduled', patch: { spec: { nodeName: 'node2' } } },
  { name: 'replicas', path: 'apps/StatefulSet/default/s', patch: { spec: { replicas: 2 } } },
  {
    name: 'the template of a Deployment',
    path: 'apps/Deployment/default/d',
    patch: { spec: { template: { metadata: { labels: { v: 'b' } } } } },
  },
  {
    name: 'labels of what is locked',
    path: 'core/ConfigMap/default/locked',
    patch: { metadata: { labels: { a: 'b' } } },
  },
];

async function withObjects(t: Test): Promise<Asked> {
  const asked = await running(t, { clusters: [cluster(VXLAN)] });
  const created = await asked.ask('POST', OBJECTS, SETUP, YAML);
  t.equal(created.status, 201, created.text);
  return asked;
}

t.test('what may not change is refused by PATCH, PUT, apply and what-if, and nothing has changed', async (t) => {
  const { ask } = await withObjects(t);
  const generation = async () => (await ask('GET', AT)).json.generation;
  const before = await generation();
  for (const { name, path, patch, field, words } of REFUSED) {
    const { object } = (await ask('GET', `${OBJECTS}/${path}`)).json;
    const answer = await ask('PATCH', `${OBJECTS}/${path}`, JSON.stringify(patch), MERGE);
    t.equal(answer.status, 422, `${name}: ${answer.text}`);
    t.match(
      answer.json,
      { type: 'urn:podwire:problem:invalid', errors: [{ field, message: words, line: Number }] },
      name,
    );
    t.match(answer.json.detail, new RegExp(`^${object.kind} "${object.metadata.name}" is invalid: `), name);
    t.strictSame((await ask('GET', `${OBJECTS}/${path}`)).json.object, object, `${name}: as it was`);

    const wanted = JSON.stringify(merged(object, patch));
    const JSON_TYPE = { 'content-type': 'application/json' };
    t.equal((await ask('PUT', `${OBJECTS}/${path}`, wanted, JSON_TYPE)).status, 422, `${name}: PUT`);
    t.equal((await ask('POST', `${OBJECTS}?apply=true`, wanted, JSON_TYPE)).status, 422, `${name}: apply`);
    const flows = [{ from: 'pod/default/client', to: 'pod/default/web:80' }];
    const whatIf = await ask('POST', `${AT}/what-if`, { changes: [{ apply: wanted }], flows });
    t.equal(whatIf.status, 422, `${name}: what-if`);
  }
  t.equal(await generation(), before);
});

/** RFC 7396, written down once more. */
function merged(target: Parsed, patch: Parsed): Parsed {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value);
  }
  return result;
}

t.test('what may change is taken', async (t) => {
  const { ask } = await withObjects(t);
  for (const { name, path, patch } of TAKEN) {
    const answer = await ask('PATCH', `${OBJECTS}/${path}`, JSON.stringify(patch), MERGE);
    t.equal(answer.status, 200, `${name}: ${answer.text}`);
  }
});

t.test('an object of a name that is free again may be anything', async (t) => {
  const { ask } = await withObjects(t);
  const path = `${OBJECTS}/core/Service/default/given`;
  const { object } = (await ask('GET', path)).json;
  const spec = { ...object.spec, clusterIP: '10.96.0.78', clusterIPs: ['10.96.0.78'] };
  const other = { ...object, spec };
  const flows = [{ from: 'pod/default/client', to: 'pod/default/web:80' }];
  const named = { kind: 'Service', namespace: 'default', name: 'given' };
  const chain = { changes: [{ delete: named }, { apply: other }], flows };
  t.equal((await ask('POST', `${AT}/what-if`, chain)).status, 200);
  t.equal((await ask('DELETE', path)).status, 200);
  t.equal((await ask('POST', OBJECTS, other)).status, 201);
});
