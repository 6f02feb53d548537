import t from 'tap';
import { cluster, DENY_WEB, running, YAML, type Parsed } from './running.js';

const VXLAN = 'two-nodes-vxlan';
const OBJECTS = `/clusters/${VXLAN}/objects`;
const POLICY = `${OBJECTS}/networking.k8s.io/NetworkPolicy/default/deny-web`;
const TO_WEB = { from: 'pod/default/client', to: 'pod/default/web:80' };
const MERGE = { 'content-type': 'application/merge-patch+json' };
const JSON_PATCH = { 'content-type': 'application/json-patch+json' };

t.test('a policy is created, read, patched, replaced and deleted, and flows follow', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const verdict = async () => (await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB)).json.verdict;
  t.equal(await verdict(), 'answered');

  const created = await ask('POST', OBJECTS, DENY_WEB, YAML);
  t.equal(created.status, 201);
  t.match(created.json.objects, [{ kind: 'NetworkPolicy', metadata: { name: 'deny-web' } }]);
  t.equal(await verdict(), 'dropped');

  const read = await ask('GET', POLICY);
  t.match(read.json, { group: 'networking.k8s.io', namespace: 'default', name: 'deny-web', origin: 'file', line: 1 });
  t.strictSame(read.json.object.spec.policyTypes, ['Ingress']);

  const allowed = { spec: { ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }] }] } };
  t.equal((await ask('PATCH', POLICY, JSON.stringify(allowed), MERGE)).status, 200);
  t.equal(await verdict(), 'answered');
  const other = [
    { op: 'test', path: '/spec/policyTypes/0', value: 'Ingress' },
    { op: 'replace', path: '/spec/ingress/0/from/0/podSelector/matchLabels/app', value: 'nobody' },
  ];
  t.equal((await ask('PATCH', POLICY, JSON.stringify(other), JSON_PATCH)).status, 200);
  t.equal(await verdict(), 'dropped');

  const replaced = await ask('PUT', POLICY, DENY_WEB.replace('app: web', 'app: other'), YAML);
  t.equal(replaced.status, 200);
  t.equal(await verdict(), 'answered');
  t.equal((await ask('DELETE', POLICY)).status, 200);
  t.equal((await ask('GET', POLICY)).status, 404);
  t.equal((await ask('PUT', POLICY, DENY_WEB, YAML)).status, 201, 'PUT creates');
  t.equal(await verdict(), 'dropped');
  t.equal((await ask('GET', `/clusters/${VXLAN}`)).json.generation, 7);
});

t.test('a request that fails changes nothing', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  await ask('POST', OBJECTS, DENY_WEB, YAML);
  const before = (await ask('GET', `${OBJECTS}?full=true`)).json;
  const generation = async () => (await ask('GET', `/clusters/${VXLAN}`)).json.generation;
  const pool = (cidr: string) =>
    JSON.stringify({ apiVersion: 'projectcalico.org/v3', kind: 'IPPool', metadata: { name: 'other' }, spec: { cidr } });
  const deployment = (replicas: number) =>
    JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'many' },
      spec: {
        replicas,
        selector: { matchLabels: { app: 'many' } },
        template: { metadata: { labels: { app: 'many' } } },
      },
    });
  const JSON_TYPE = { 'content-type': 'application/json' };
  const second = DENY_WEB.replace('deny-web', 'second');
  const cases: readonly (readonly [string, Parameters<typeof ask>, number, object])[] = [
    [
      'it is there already',
      ['POST', OBJECTS, DENY_WEB, YAML],
      409,
      { errors: [{ object: 'NetworkPolicy default/deny-web', line: 1 }] },
    ],
    [
      'the second of two is wrong',
      ['POST', OBJECTS, `${second}---\n${second.replace('second', 'third').replace('[Ingress]', '[Sideways]')}`, YAML],
      400,
      { errors: [{ line: 21, object: 'NetworkPolicy default/third', field: 'spec.policyTypes[0]' }] },
    ],
    [
      'a pool without a prefix',
      ['POST', OBJECTS, pool('10.0.0.0/99'), JSON_TYPE],
      400,
      { errors: [{ field: 'spec.cidr', line: 1 }] },
    ],
    [
      'an object that stands there twice',
      ['POST', OBJECTS, `${second}---\n${DENY_WEB.replace('deny-web', 'third')}---\n${second}`, YAML],
      409,
      {
        detail: 'NetworkPolicy default/second: more than once in the request',
        errors: [{ object: 'NetworkPolicy default/second', line: 23 }],
      },
    ],
    [
      'an object that is put twice',
      ['PUT', POLICY, `${DENY_WEB}---\n${DENY_WEB}`, YAML],
      400,
      { detail: 'expected one object' },
    ],
    ['broken YAML', ['POST', OBJECTS, 'kind: [', YAML], 400, { errors: [{ line: 1 }] }],
    ['no object', ['POST', OBJECTS, '# nothing', YAML], 400, {}],
    ['an empty body', ['POST', OBJECTS, '', YAML], 400, {}],
    [
      'without a name',
      ['POST', OBJECTS, 'apiVersion: v1\nkind: Pod\nmetadata: {}\n', YAML],
      400,
      { errors: [{ field: /name/ }] },
    ],
    [
      'a kind of another group',
      ['GET', `${OBJECTS}/apps/Pod/default/web`],
      404,
      { detail: 'there is no Pod default/web of the group apps; there is a Pod default/web of the group core' },
    ],
    ['a name that is not the path’s', ['PUT', POLICY, second, YAML], 400, { errors: [{ field: 'metadata.name' }] }],
    [
      'a patch that does not apply',
      [
        'PATCH',
        POLICY,
        '[{"op":"test","path":"/kind","value":"NetworkPolicy"},{"op":"remove","path":"/spec/nothing/here"}]',
        JSON_PATCH,
      ],
      422,
      { detail: /operation 1 \(remove \/spec\/nothing\/here\): /, errors: [{ field: '/1/path' }] },
    ],
    [
      'a patch that expects another value',
      ['PATCH', POLICY, '[{"op":"test","path":"/kind","value":"Pod"}]', JSON_PATCH],
      422,
      { detail: /operation 0 \(test \/kind\): /, errors: [{ field: '/0/path' }] },
    ],
    [
      'a patch that copies from nowhere',
      ['PATCH', POLICY, '[{"op":"copy","from":"/no/where","path":"/spec/x"}]', JSON_PATCH],
      422,
      { detail: /operation 0 \(copy \/spec\/x from \/no\/where\): /, errors: [{ field: /^\/0\// }] },
    ],
    [
      'a patch with an operation of another name',
      ['PATCH', POLICY, '[{"op":"put","path":"/spec"}]', JSON_PATCH],
      422,
      { errors: [{ field: '/0/op' }] },
    ],
    ['a patch of what are no operations', ['PATCH', POLICY, '[null]', JSON_PATCH], 400, { errors: [{ field: '/0' }] }],
    [
      'a patch to a wrong value',
      ['PATCH', POLICY, '{"spec":{"podSelector":7}}', MERGE],
      400,
      { errors: [{ field: 'spec.podSelector' }] },
    ],
    [
      'more pods than anybody has',
      ['POST', OBJECTS, deployment(1e9), JSON_TYPE],
      400,
      { errors: [{ field: 'spec.replicas', expected: 'at most 300000 pods', got: '1000000000' }] },
    ],
    ['a patch to another name', ['PATCH', POLICY, '{"metadata":{"name":"other"}}', MERGE], 400, {}],
    ['a patch as plain JSON', ['PATCH', POLICY, '{}', JSON_TYPE], 415, {}],
    [
      'a pointer that is none',
      ['PATCH', POLICY, '[{"op":"add","path":"/metadata/a~2b","value":"x"}]', JSON_PATCH],
      422,
      { detail: /operation 0 \(add \/metadata\/a~2b\): "~2" is no escape/, errors: [{ field: '/0/path' }] },
    ],
    [
      'a Service that the API server refuses',
      [
        'POST',
        OBJECTS,
        'apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80, protocol: QUIC}]}\n',
        YAML,
      ],
      400,
      { errors: [{ object: 'Service default/s', field: 'spec.ports[0].protocol', line: 4 }] },
    ],
    [
      'nobody’s name',
      ['DELETE', POLICY.replace('deny-web', 'deny-wb')],
      404,
      { errors: [{ near: ['default/deny-web'] }] },
    ],
    [
      'a selector that cannot be read',
      [
        'POST',
        OBJECTS,
        'apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: p}\nspec: {selector: "has("}\n',
        YAML,
      ],
      400,
      { errors: [{ field: 'spec.selector' }] },
    ],
  ];
  const generationBefore = await generation();
  for (const [name, request, status, body] of cases) {
    const answer = await ask(...request);
    t.equal(answer.status, status, name);
    t.match(answer.json, { status, ...body }, name);
  }
  t.strictSame((await ask('GET', `${OBJECTS}?full=true`)).json, before);
  t.equal(await generation(), generationBefore);
});

t.test('a dry run is answered as what it asks about would be, and changes nothing', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const everything = async () => [
    (await ask('GET', `${OBJECTS}?full=true&limit=1000`)).json,
    (await ask('GET', `/clusters/${VXLAN}`)).json,
    (await ask('POST', `/clusters/${VXLAN}/what-if`, { changes: [], flows: [TO_WEB] })).json,
  ];
  const before = await everything();
  const service =
    'apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n';
  const created = await ask('POST', `${OBJECTS}?dryRun=All`, service, YAML);
  t.match(created.json, { objects: [{ spec: { clusterIP: /^10\./ } }], change: { rebuilt: false } });
  t.equal(created.status, 201);
  const pool = 'apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: p}\nspec: {cidr: 10.99.0.0/24}\n';
  t.match((await ask('POST', `${OBJECTS}?apply=true&dryRun=All`, pool, YAML)).json, { change: { rebuilt: true } });
  t.equal((await ask('PUT', `${POLICY}?dryRun=All`, DENY_WEB, YAML)).status, 201);
  const label = JSON.stringify({ metadata: { labels: { tier: 'front' } } });
  const web = `${OBJECTS}/core/Pod/default/web`;
  t.match((await ask('PATCH', `${web}?dryRun=All`, label, MERGE)).json.objects, [
    { metadata: { labels: { tier: 'front' } } },
  ]);
  const apply = { 'content-type': 'application/apply-patch+yaml' };
  t.equal((await ask('PATCH', `${POLICY}?dryRun=All&fieldManager=me`, DENY_WEB, apply)).status, 201);
  t.match((await ask('DELETE', `${web}?dryRun=All`)).json.deleted, [{ kind: 'Pod', name: 'web' }]);
  const refused = await ask('PATCH', `${web}?dryRun=All`, JSON.stringify({ spec: { nodeName: 'node1' } }), MERGE);
  t.equal(refused.status, 422, 'what would be refused is');
  t.equal((await ask('POST', `${OBJECTS}?dryRun=all`, service, YAML)).status, 400);
  t.strictSame(await everything(), before);
});

t.test('an object without a name that says generateName is given one', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'job-' }, data: { a: '1' } };
  const create = async () => ask('POST', OBJECTS, { apiVersion: 'v1', kind: 'List', items: [map, map] });
  const names: string[] = [];
  for (const answer of [await create(), await create()]) {
    t.equal(answer.status, 201, answer.text);
    names.push(...answer.json.objects.map(({ metadata }: Parsed) => metadata.name));
  }
  t.ok(names.every((name) => /^job-[a-z0-9]{5}$/.test(name)));
  t.equal(new Set(names).size, 4);
  t.match((await ask('GET', `${OBJECTS}/core/ConfigMap/default/${names[3]}`)).json.object, { data: { a: '1' } });
  t.equal((await ask('POST', `${OBJECTS}?apply=true`, map)).status, 400, 'what is applied has a name');
});

t.test('of objects that are applied twice in one request the last holds, and it is told', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const map = (value: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: { value } });
  const list = {
    apiVersion: 'v1',
    kind: 'List',
    items: [map('first'), { ...map('x'), metadata: { name: 'n' } }, map('last')],
  };
  const applied = await ask('POST', `${OBJECTS}?apply=true`, list);
  t.equal(applied.status, 201);
  t.strictSame(
    applied.json.objects.map(({ metadata, data }: Parsed) => [metadata.name, data.value]),
    [
      ['n', 'x'],
      ['m', 'last'],
    ],
  );
  t.match(applied.json.findings, [
    { code: 'duplicate-object', object: 'ConfigMap default/m', message: /this replaces/ },
  ]);
  t.equal((await ask('GET', `${OBJECTS}/core/ConfigMap/default/m`)).json.object.data.value, 'last');
  t.equal((await ask('GET', `${OBJECTS}?kind=ConfigMap&name=m`)).json.total, 1);
  t.equal((await ask('DELETE', `${OBJECTS}/core/ConfigMap/default/m`)).status, 200);
  t.equal((await ask('GET', `${OBJECTS}/core/ConfigMap/default/m`)).status, 404, 'the first does not come back');
});

t.test('what is applied answers with 201 where some of it is new, with 200 where all was there', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const apply = async (body: string) => ask('POST', `${OBJECTS}?apply=true`, body, YAML);
  const other = DENY_WEB.replace('deny-web', 'deny-other');
  for (const [body, status] of [
    [DENY_WEB, 201],
    [DENY_WEB, 200],
    [DENY_WEB.replace('app: web', 'app: db'), 200],
    [`${DENY_WEB}---\n${other}`, 201],
    [`${DENY_WEB}---\n${other}`, 200],
  ] as const) {
    const applied = await apply(body);
    t.equal(applied.status, status, body);
    t.strictSame(Object.keys(applied.json).toSorted(), ['change', 'findings', 'objects']);
  }
});

t.test('nodes and addresses of what nobody changed stay as they are', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const pods = async () =>
    new Map<string, Parsed>(
      (await ask('GET', `/clusters/${VXLAN}/pods`)).json.items.map((pod: Parsed) => [pod.name, pod]),
    );
  const before = await pods();
  // Both come before the others by name: from scratch they would take their addresses and places.
  const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: aaa, namespace: default}
spec:
  replicas: 3
  selector: {matchLabels: {app: aaa}}
  template:
    metadata: {labels: {app: aaa}}
    spec: {containers: [{name: c, image: c}]}
---
apiVersion: v1
kind: Pod
metadata: {name: aab, namespace: default}
spec: {containers: [{name: c, image: c}]}
`;
  t.equal((await ask('POST', OBJECTS, deployment, YAML)).status, 201);
  const after = await pods();
  t.equal(after.size, before.size + 4);
  for (const [name, pod] of before) t.strictSame(after.get(name), pod, name);
  t.ok([...after.values()].every(({ node, addresses }) => node !== '' && addresses.length === 1));

  const scaled = { spec: { replicas: 2 } };
  t.equal((await ask('PATCH', `${OBJECTS}/apps/Deployment/default/aaa`, JSON.stringify(scaled), MERGE)).status, 200);
  const last = await pods();
  t.equal(last.size, before.size + 3);
  for (const [name, pod] of last) t.strictSame(pod, after.get(name), name);
});

t.test('objects are listed by kind, namespace and label; those of controllers are told apart', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('services-iptables', 'shop')] });
  const list = async (query: string) => (await ask('GET', `/clusters/shop/objects?${query}`)).json;
  const pods = await list('kind=Pod&group=core');
  t.ok(pods.items.some(({ origin, name }: Parsed) => origin === 'controller' && name.startsWith('kube-proxy-')));
  const web = await list('kind=Pod&labels=app=web&full=true');
  t.strictSame(
    web.items.map(({ name }: Parsed) => name),
    ['web-1', 'web-2'],
  );
  t.equal(web.items[0].object.spec.nodeName, 'worker1');
  t.equal((await list('namespace=nowhere')).total, 0);
  t.strictSame(
    (await list('kind=Node&namespace=-')).items.map(({ name }: Parsed) => name),
    ['control', 'worker1', 'worker2'],
  );
  const made = pods.items.find(({ origin }: Parsed) => origin === 'controller');
  const path = `/clusters/shop/objects/core/Pod/${made.namespace}/${made.name}`;
  const read = await ask('GET', path);
  t.match(read.json.object, {
    kind: 'Pod',
    metadata: { ownerReferences: [{ kind: 'DaemonSet' }] },
    spec: { nodeName: String },
  });
  t.equal((await ask('DELETE', path.replace('Pod', 'DaemonSet').replace(made.name, 'nothing'))).status, 404);
  const kinds = (await ask('GET', '/clusters/shop/kinds')).json.items;
  t.ok(kinds.some(({ kind, count }: Parsed) => kind === 'EndpointSlice' && count > 0));
  const slices = await list('kind=EndpointSlice');
  t.ok(slices.items.length > 0 && slices.items.every(({ origin }: Parsed) => origin === 'controller'));
  t.ok(
    kinds.some(({ group, kind, count }: Parsed) => group === 'projectcalico.org' && kind === 'IPPool' && count === 1),
  );

  const seen: string[] = [];
  for (let token = ''; ; ) {
    const page = await list(`limit=4${token === '' ? '' : `&continue=${token}`}`);
    seen.push(...page.items.map(({ group, kind, namespace, name }: Parsed) => `${group}/${kind}/${namespace}/${name}`));
    if (page.continue === undefined) break;
    token = page.continue;
  }
  t.equal(new Set(seen).size, (await list('limit=1000')).total, 'pages have every object once');
  t.equal(seen.length, new Set(seen).size);
});

t.test('lists are selected by labels and fields as the API server does it', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('services-iptables', 'shop')] });
  const names = async (path: string, query: Record<string, string>) => {
    const answer = await ask('GET', `/clusters/shop/${path}?${new URLSearchParams(query)}`);
    t.equal(answer.status, 200, answer.text);
    return answer.json.items.map(({ name }: Parsed) => name);
  };
  const shop = { kind: 'Pod', namespace: 'shop' };
  const web = ['web-1', 'web-2'];
  for (const [labelSelector, expected] of [
    ['app=web', web],
    ['app in (web, nothing),!tier', web],
    ['app!=web', ['client', 'dns', 'sleepy']],
    ['app', ['dns', 'sleepy', ...web]],
    ['!app', ['client']],
    ['app notin (web,dns)', ['client', 'sleepy']],
    ['', ['client', 'dns', 'sleepy', ...web]],
  ] as const) {
    t.strictSame(await names('objects', { ...shop, labelSelector }), expected, labelSelector);
    t.strictSame(await names('objects', { ...shop, labels: labelSelector }), expected, `labels=${labelSelector}`);
    t.strictSame(await names('pods', { namespace: 'shop', labelSelector }), expected, `pods: ${labelSelector}`);
  }
  for (const [fieldSelector, expected] of [
    ['metadata.name=web-1', ['web-1']],
    ['spec.nodeName=worker1', ['client', 'web-1']],
    ['spec.nodeName!=worker1,status.phase=Running', ['dns', 'sleepy', 'web-2']],
    ['status.phase==Pending', []],
    ['spec.hostNetwork=true', []],
  ] as const) {
    t.strictSame(await names('objects', { ...shop, fieldSelector }), expected, fieldSelector);
    t.strictSame(await names('pods', { namespace: 'shop', fieldSelector }), expected, `pods: ${fieldSelector}`);
  }
  t.strictSame(await names('objects', { kind: 'Service', fieldSelector: 'spec.clusterIP=10.96.0.20' }), ['web']);
  t.strictSame(await names('objects', { fieldSelector: 'metadata.name=worker1' }), ['worker1']);
  t.strictSame(
    await names('objects', { kind: 'Pod', fieldSelector: 'spec.hostNetwork=true,spec.nodeName=control' }),
    await names('pods', { labelSelector: '', fieldSelector: 'spec.hostNetwork=true,spec.nodeName=control' }),
    'pods of controllers too',
  );

  for (const [query, field, column, detail] of [
    [{ labelSelector: 'app in (web' }, '/labelSelector', 12, /"," or "\)" is expected, not the end, at character 12/],
    [{ labels: 'app=web,' }, '/labels', 9, /name of a label/],
    [{ fieldSelector: 'metadata.name=a,kind' }, '/fieldSelector', 17, /"kind" is no field with = or !=/],
    [{ kind: 'Pod', fieldSelector: 'spec.nodename=a' }, '/fieldSelector', 1, /did you mean spec.nodeName\?/],
    [{ fieldSelector: 'spec.nodeName=a' }, '/fieldSelector', 1, /is a field of Pod \(give the kind too\)/],
  ] as const) {
    const refused = await ask('GET', `/clusters/shop/objects?${new URLSearchParams(query)}`);
    t.match(refused.json, {
      type: 'urn:podwire:problem:bad-filter',
      status: 400,
      detail,
      errors: [{ field, line: 1, column }],
    });
  }
  const both = await ask('GET', '/clusters/shop/objects?labels=a&labelSelector=a');
  t.match(both.json, { status: 400, detail: 'labels and labelSelector are the same: give one of them' });
});

t.test('the physical network is an object like any other', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const path = `${OBJECTS}/podwire.dev/PhysicalNetwork/-/rack`;
  const { object } = (await ask('GET', path)).json;
  t.equal(object.kind, 'PhysicalNetwork');
  const hosts = [
    ...object.spec.hosts,
    { name: 'printer', interfaces: [{ subnet: 'outside', address: '203.0.113.99' }] },
  ];
  const subnet = object.spec.hosts[0].interfaces[0];
  hosts[1].interfaces[0] = { ...subnet, address: subnet.address.replace(/\d+$/, '99') };
  t.equal((await ask('PATCH', path, JSON.stringify({ spec: { hosts } }), MERGE)).status, 200);
  t.equal((await ask('GET', `/clusters/${VXLAN}/hosts/printer`)).json.role, 'host');
  t.equal(
    (await ask('POST', `/clusters/${VXLAN}/traces`, { from: 'node/node1', to: 'host/printer', protocol: 'icmp' })).json
      .verdict,
    'answered',
  );
});

t.test('a group or a kind may be called as what all objects of JavaScript have', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  for (const name of ['constructor', 'toString', 'valueOf', '__proto__']) {
    for (const method of ['GET', 'DELETE'])
      t.equal((await ask(method, `${OBJECTS}/${name}/${name}/-/${name}`)).status, 404, `${method} ${name}`);
    t.equal((await ask('GET', `${OBJECTS}?kind=${name}&fieldSelector=length%3D1`)).status, 400, `${name} in a list`);
    const object = JSON.stringify({ apiVersion: `${name}/v1`, kind: name, metadata: { name: 'one' } });
    const made = await ask('POST', OBJECTS, object, { 'content-type': 'application/json' });
    t.equal(made.status, 201, made.text);
    t.equal((await ask('GET', `${OBJECTS}/${name}/${name}/-/one`)).status, 200, `${name} is there`);
  }
});

t.test('a kind that is written otherwise is told from one of which there is nothing', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  for (const [kind, near] of [
    ['service', 'Service'],
    ['services', 'Service'],
    ['pod', 'Pod'],
    ['networkpolicies', 'NetworkPolicy'],
    ['svc', 'Service'],
    ['po', 'Pod'],
    ['no', 'Node'],
    ['ns', 'Namespace'],
    ['ep', 'Endpoints'],
    ['deploy', 'Deployment'],
    ['ds', 'DaemonSet'],
    ['sts', 'StatefulSet'],
    ['netpol', 'NetworkPolicy'],
    ['gnp', 'GlobalNetworkPolicy'],
    ['heps', 'HostEndpoint'],
    ['ippool', 'IPPool'],
    ['SVC', 'Service'],
  ] as const) {
    const refused = await ask('GET', `${OBJECTS}?kind=${kind}`);
    t.equal(refused.status, 400, kind);
    t.equal(refused.json.errors[0].field, '/kind');
    t.equal(refused.json.errors[0].near[0], near);
    t.match(refused.json.detail, new RegExp(`there is no kind "${kind}"; did you mean ${near}`));
  }
  t.match((await ask('GET', `${OBJECTS}?kind=Prophecy`)).json, { status: 400, detail: 'there is no kind "Prophecy"' });
  for (const kind of ['Service', 'StatefulSet', 'PhysicalNetwork', 'Event', 'EndpointSlice'])
    t.equal((await ask('GET', `${OBJECTS}?kind=${kind}`)).status, 200, kind);

  const widget = { apiVersion: 'example.org/v1', kind: 'Widget', metadata: { name: 'one' } };
  t.equal((await ask('GET', `${OBJECTS}?kind=Widget`)).status, 400);
  t.equal((await ask('POST', OBJECTS, widget)).status, 201);
  t.equal((await ask('GET', `${OBJECTS}?kind=Widget`)).json.items.length, 1, 'a kind that stands there is one');

  const v1 = await ask('GET', `${OBJECTS}/v1/Pod/default/web`);
  t.match(v1.json, { group: '', kind: 'Pod', name: 'web' }, 'the core group as its apiVersion is written');
  t.ok((await ask('GET', `${OBJECTS}?group=v1&kind=Pod`)).json.items.length > 0);
  const one = await ask('GET', `${OBJECTS}/core/service/default/web`);
  t.equal(one.status, 404);
  t.match(one.json.detail, /^there is no service default\/web: there is no kind "service"; did you mean Service/);
  for (const method of ['GET', 'DELETE'])
    t.match((await ask(method, `${OBJECTS}/core/svc/default/web`)).json, {
      status: 404,
      detail: 'there is no svc default/web: there is no kind "svc"; did you mean Service?',
      errors: [{ field: '/kind', near: ['Service'] }],
    });
});
