/** Pods that controllers made, read, changed and deleted as in a real cluster. */

import t, { type Test } from 'tap';
import { cluster, type Parsed, running, YAML } from './running.js';

const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' };
const AT = '/clusters/vx';
const OBJECTS = `${AT}/objects`;

const template = (app: string) => `
  selector: {matchLabels: {app: ${app}}}
  template:
    metadata: {labels: {app: ${app}}, annotations: {note: kept}}
    spec:
      containers:
      - {name: c, image: "c:1", ports: [{containerPort: 80}], env: [{name: A, value: b}]}
      affinity: {podAffinity: {}}
      tolerations: [{key: dedicated, operator: Exists}]
`;
const WORKLOADS = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 3${template('api')}
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {selector: {app: api}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2${template('db')}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:${template('agent')}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    metadata: {labels: {app: once}}
    spec: {restartPolicy: Never, containers: [{name: c, image: "c:1"}]}
`;

async function workloads(test: Test) {
  const { ask } = await running(test, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  const created = await ask('POST', OBJECTS, WORKLOADS, YAML);
  test.equal(created.status, 201, created.text);
  const pods = async (app: string): Promise<Parsed[]> => (await ask('GET', `${AT}/pods?labels=app=${app}`)).json.items;
  const pathOf = (name: string) => `${OBJECTS}/core/Pod/default/${name}`;
  const patch = (name: string, body: object) => ask('PATCH', pathOf(name), JSON.stringify(body), STRATEGIC);
  return { ask, pods, pathOf, patch };
}

const namesOf = (pods: readonly Parsed[]): string[] => pods.map(({ name }) => name);

t.test('a pod that a controller made reads as its template says, with what the controller put in', async (t) => {
  const { ask, pods, pathOf } = await workloads(t);
  const read = async (app: string): Promise<Parsed> => {
    const [{ name }] = await pods(app);
    return (await ask('GET', pathOf(name))).json.object;
  };
  const container = { name: 'c', image: 'c:1', ports: [{ containerPort: 80 }], env: [{ name: 'A', value: 'b' }] };
  t.match(await read('api'), {
    metadata: {
      annotations: { note: 'kept' },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', controller: true, blockOwnerDeletion: true }],
    },
    spec: { containers: [container], tolerations: [{ key: 'dedicated', operator: 'Exists' }] },
    status: { phase: 'Running' },
  });
  t.match(await read('db'), { spec: { hostname: 'db-0', subdomain: 'db', containers: [container] } });
  const agent = await read('agent');
  t.match(agent.spec.affinity, {
    podAffinity: {},
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [agent.spec.nodeName] }] }],
      },
    },
  });
  t.ok(
    agent.spec.tolerations.some(({ key }: Parsed) => key === 'node.kubernetes.io/unreachable'),
    'the tolerations of daemons',
  );
});

t.test('to change one changes nothing else: address, node and sandbox stay', async (t) => {
  const { pods, patch, ask, pathOf } = await workloads(t);
  for (const app of ['api', 'db', 'agent', 'once']) {
    const before = await pods(app);
    const [first] = before;
    const { json, status } = await patch(first.name, { metadata: { annotations: { seen: 'yes' } } });
    t.equal(status, 200, app);
    t.match(json, { change: { rebuilt: false }, objects: [{ metadata: { annotations: { seen: 'yes' } } }] });
    t.strictSame(await pods(app), before, app);
    const read = await ask('GET', pathOf(first.name));
    t.equal(read.json.origin, 'file');
    const put = await ask('PUT', pathOf(first.name), read.json.object);
    t.equal(put.status, 200, put.text);
    t.strictSame(await pods(app), before, app);
  }
});

t.test('a pod whose label goes is let go: it is nobody’s, another comes, and Services leave it out', async (t) => {
  const { ask, pods, patch, pathOf } = await workloads(t);
  const before = await pods('api');
  const [first, ...others] = namesOf(before);
  t.equal((await patch(String(first), { metadata: { labels: { app: 'quarantine' } } })).status, 200);
  const after = namesOf(await pods('api'));
  t.equal(after.length, 3);
  t.notOk(after.includes(String(first)));
  t.ok(others.every((name) => after.includes(name)));
  const { object } = (await ask('GET', pathOf(String(first)))).json;
  t.equal(object.metadata.ownerReferences, undefined);
  const slices = (await ask('GET', `${OBJECTS}?kind=EndpointSlice&full=true&namespace=default`)).json.items;
  const behind = slices
    .filter(({ name }: Parsed) => name.startsWith('api-'))
    .flatMap(({ object: slice }: Parsed) => slice.endpoints.map(({ targetRef }: Parsed) => targetRef.name));
  t.strictSame(new Set(behind), new Set(after));
  const template = { metadata: { labels: { v: '2' } } };
  await ask('PATCH', `${OBJECTS}/apps/Deployment/default/api`, JSON.stringify({ spec: { template } }), STRATEGIC);
  const rolled = await pods('api');
  t.equal(rolled.length, 3);
  const hash = ({ labels }: Parsed): string => labels['pod-template-hash'];
  t.notOk(
    rolled.some((pod) => hash(pod) === hash(before[0])),
    'its old hash is not taken up again',
  );
  await ask('DELETE', `${OBJECTS}/apps/Deployment/default/api`);
  t.strictSame(await pods('api'), []);
  t.equal((await ask('GET', pathOf(String(first)))).status, 200, 'it outlives its Deployment');
});

t.test('one that gets its label back is adopted, and one too many goes', async (t) => {
  const { pods, patch } = await workloads(t);
  const before = namesOf(await pods('api'));
  await patch(String(before[0]), { metadata: { labels: { app: 'quarantine' } } });
  await patch(String(before[0]), { metadata: { labels: { app: 'api' } } });
  t.strictSame(namesOf(await pods('api')), before);
});

t.test('one that was changed goes as others go: with its Deployment, its node, and by itself', async (t) => {
  const { ask, pods, patch, pathOf } = await workloads(t);
  const annotate = (name: string) => patch(name, { metadata: { annotations: { seen: 'yes' } } });
  const [first] = namesOf(await pods('api'));
  await annotate(String(first));
  t.match((await ask('DELETE', pathOf(String(first)))).json.deleted, [{ kind: 'Pod', name: first }]);
  const without = namesOf(await pods('api'));
  t.equal(without.length, 3);
  t.notOk(without.includes(String(first)), 'another has come, of another name');
  await annotate('db-0');
  t.equal((await ask('DELETE', pathOf('db-0'))).status, 200);
  t.strictSame(namesOf(await pods('db')), ['db-0', 'db-1']);
  await annotate(String(without[0]));
  await ask('DELETE', `${OBJECTS}/apps/Deployment/default/api`);
  t.strictSame(await pods('api'), []);
});

t.test('what may not change of a pod may not of these either, and their names are taken', async (t) => {
  const { ask, pods, patch } = await workloads(t);
  const [{ name }] = await pods('api');
  const refused = await patch(name, { spec: { containers: [{ name: 'c', command: ['x'] }] } });
  t.match([refused.status, refused.json.detail], [422, /pod updates may not change fields other than/]);
  t.equal((await patch(name, { spec: { containers: [{ name: 'c', image: 'c:2' }] } })).status, 200);
  const other = (await pods('api'))[1].name;
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: other }, spec: { containers: [] } };
  t.equal((await ask('POST', OBJECTS, pod)).status, 409);
  t.equal((await ask('POST', `${OBJECTS}?apply=true`, pod)).status, 422);
});

t.test('what-if takes such a patch, and changes nothing', async (t) => {
  const { ask, pods } = await workloads(t);
  const before = await pods('api');
  const changes = before.map(({ name }) => ({
    patch: { kind: 'Pod', namespace: 'default', name, patch: { metadata: { labels: { app: 'none' } } } },
  }));
  const flows = [{ from: 'pod/default/client', to: `pod/default/${before[0]?.name}:80` }];
  const answer = await ask('POST', `${AT}/what-if`, { changes, flows });
  t.equal(answer.status, 200, answer.text);
  t.match(answer.json.flows, [{ before: { verdict: 'answered' }, after: { verdict: 'answered' } }]);
  t.strictSame(await pods('api'), before);
});
