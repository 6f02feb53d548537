import t from 'tap';
import { cluster, running, type Parsed, YAML } from './running.js';

const L2 = 'load-balancer-metallb-l2';
const OBJECTS = `/clusters/${L2}/objects`;
const SERVICE = `${OBJECTS}/core/Service/default/shown`;
const POD = `${OBJECTS}/core/Pod/default/shown`;
const MERGE = { 'content-type': 'application/merge-patch+json' };
const LOAD_BALANCER = `apiVersion: v1
kind: Service
metadata: {name: shown}
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: {app: shown}
  ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]
`;
const PLAIN_POD = `apiVersion: v1
kind: Pod
metadata: {name: shown}
spec: {containers: [{name: c, image: nginx}]}
`;
const isNodePort = (port: number): boolean => port >= 30_000 && port <= 32_767;
const ADDRESS = /^\d+\.\d+\.\d+\.\d+$/;

t.test('a Service shows the addresses and ports that it was given', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(L2)] });
  const created = await ask('POST', OBJECTS, LOAD_BALANCER, YAML);
  t.equal(created.status, 201);

  const { object } = (await ask('GET', SERVICE)).json;
  t.match(object.spec, { clusterIP: ADDRESS, clusterIPs: [ADDRESS] });
  const [http, dns] = object.spec.ports;
  t.ok([object.spec.healthCheckNodePort, http.nodePort, dns.nodePort].every(isNodePort));
  t.match(object.status.loadBalancer, { ingress: [{ ip: ADDRESS, ipMode: 'VIP' }] });
  t.strictSame(created.json.objects[0].spec, object.spec, 'and so does the answer that it was made with');
  const listed = await ask('GET', `${OBJECTS}?kind=Service&name=shown&full=true`);
  t.strictSame(listed.json.items[0].object, object, 'and the list');
});

t.test('what a Service was given is put back without becoming its own', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(L2)] });
  await ask('POST', OBJECTS, LOAD_BALANCER, YAML);
  const before = (await ask('GET', SERVICE)).json.object;

  const put = await ask('PUT', SERVICE, before);
  t.equal(put.status, 200, put.text);
  t.strictSame((await ask('GET', SERVICE)).json.object.spec, before.spec);

  const merged = await ask('PATCH', SERVICE, '{"spec":{"type":"ClusterIP","externalTrafficPolicy":null}}', MERGE);
  t.equal(merged.status, 200, merged.text);
  const { spec, status } = (await ask('GET', SERVICE)).json.object;
  t.equal(spec.clusterIP, before.spec.clusterIP);
  t.strictSame(
    spec.ports.map(({ nodePort }: Parsed) => nodePort),
    [undefined, undefined],
  );
  t.strictSame([spec.healthCheckNodePort, status], [undefined, { loadBalancer: {} }]);

  const nodePort = await ask('PATCH', SERVICE, '{"spec":{"type":"NodePort"}}', MERGE);
  t.ok(isNodePort(nodePort.json.objects[0].spec.ports[0].nodePort), 'patched, it has node ports');
  const read = (await ask('GET', SERVICE)).json.object;
  const back = await ask('PUT', SERVICE, { ...read, spec: { ...read.spec, type: 'ClusterIP' } });
  t.equal(back.status, 200, 'an edited type takes the node ports along');
  t.notOk('nodePort' in (await ask('GET', SERVICE)).json.object.spec.ports[0]);

  await ask('PATCH', SERVICE, '{"spec":{"type":"NodePort"}}', MERGE);
  const again = (await ask('GET', SERVICE)).json.object;
  const applied = await ask('POST', `${OBJECTS}?apply=true`, { ...again, spec: { ...again.spec, type: 'ClusterIP' } });
  t.equal(applied.status, 200, 'and so when it is applied');
  t.notOk('nodePort' in (await ask('GET', SERVICE)).json.object.spec.ports[0]);

  const last = (await ask('GET', SERVICE)).json.object;
  const other = await ask('PUT', SERVICE, { ...last, spec: { ...last.spec, clusterIP: '10.96.0.200' } });
  t.equal(other.status, 422, 'another address is refused as before');
});

const DECLARED = `apiVersion: v1
kind: Service
metadata: {name: shown}
spec:
  type: LoadBalancer
  selector: {app: shown}
  externalTrafficPolicy: Local
  loadBalancerClass: example.com/none
  allocateLoadBalancerNodePorts: true
  healthCheckNodePort: 32101
  clusterIP: 10.96.0.77
  ports: [{name: http, port: 80, nodePort: 32100}, {name: dns, port: 53, protocol: UDP}]
`;

t.test('what a Service of another type has no use for goes, though it was declared', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(L2)] });
  const read = async () => (await ask('GET', SERVICE)).json.object;
  const created = await ask('POST', OBJECTS, DECLARED, YAML);
  t.equal(created.status, 201, created.text);
  const patched = await ask('PATCH', SERVICE, '{"spec":{"type":"ClusterIP"}}', MERGE);
  t.equal(patched.status, 200, patched.text);
  const { spec } = await read();
  t.match(spec, { type: 'ClusterIP', clusterIP: '10.96.0.77' });
  const gone = ['externalTrafficPolicy', 'loadBalancerClass', 'allocateLoadBalancerNodePorts', 'healthCheckNodePort'];
  t.strictSame(
    gone.filter((name) => name in spec),
    [],
  );
  t.strictSame(
    spec.ports.map(({ nodePort }: Parsed) => nodePort),
    [undefined, undefined],
  );

  const applied = await ask('POST', `${OBJECTS}?apply=true`, DECLARED.replace('10.96.0.77', ''), YAML);
  t.equal(applied.status, 200, applied.text);
  const other = { spec: { type: 'ClusterIP', ports: [{ name: 'http', port: 80, nodePort: 32_102 }] } };
  const refused = await ask('PATCH', SERVICE, JSON.stringify(other), MERGE);
  t.equal(refused.status, 400, 'another node port is somebody’s wish, and refused');
  const external = '{"spec":{"type":"ExternalName","externalName":"example.com"}}';
  t.equal((await ask('PATCH', SERVICE, external, MERGE)).status, 200);
  t.notOk('clusterIP' in (await read()).spec);
});

t.test('a pod shows its node and its addresses, and can be put back with them', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(L2)] });
  t.equal((await ask('POST', OBJECTS, PLAIN_POD, YAML)).status, 201);
  const { object } = (await ask('GET', POD)).json;
  const { podIP, hostIP } = object.status;
  t.match(object.spec, { nodeName: /./, containers: [{ name: 'c' }] });
  t.match(object.status, { podIP: ADDRESS, podIPs: [{ ip: podIP }], hostIP: ADDRESS, hostIPs: [{ ip: hostIP }] });
  const pods = (await ask('GET', `/clusters/${L2}/pods?namespace=default`)).json.items;
  t.match(
    pods.find(({ name }: Parsed) => name === 'shown'),
    { node: object.spec.nodeName, addresses: [podIP] },
  );
  const node = (await ask('GET', `${OBJECTS}/core/Node/-/${object.spec.nodeName}`)).json.object;
  t.match(node.status.addresses, [{ type: 'InternalIP', address: hostIP }]);

  const put = await ask('PUT', POD, { ...object, metadata: { ...object.metadata, labels: { app: 'shown' } } });
  t.equal(put.status, 200, put.text);
  const after = (await ask('GET', POD)).json.object;
  t.strictSame([after.spec, after.status], [object.spec, object.status]);
});

const JSON_PATCH = { 'content-type': 'application/json-patch+json' };
const PLAIN_SERVICE = `apiVersion: v1
kind: Service
metadata: {name: shown}
spec: {selector: {app: shown}, ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]}
`;

t.test(
  'a Service shows the defaults of the API server, and follows them as long as they are not its own',
  async (t) => {
    const { ask } = await running(t, { clusters: [cluster(L2)] });
    t.equal((await ask('POST', OBJECTS, PLAIN_SERVICE, YAML)).status, 201);
    const read = async () => (await ask('GET', SERVICE)).json.object;
    const before = await read();
    t.match(before.spec, {
      type: 'ClusterIP',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      ports: [
        { port: 80, protocol: 'TCP', targetPort: 80 },
        { port: 53, protocol: 'UDP', targetPort: 53 },
      ],
    });
    t.equal((await ask('PUT', SERVICE, before)).status, 200);
    t.strictSame(await read(), before, 'put back as it was read');

    const patched = await ask(
      'PATCH',
      SERVICE,
      JSON.stringify([
        { op: 'test', path: '/spec/type', value: 'ClusterIP' },
        { op: 'replace', path: '/spec/type', value: 'NodePort' },
        { op: 'replace', path: '/spec/sessionAffinity', value: 'ClientIP' },
        { op: 'replace', path: '/spec/ports/0/port', value: 81 },
      ]),
      JSON_PATCH,
    );
    t.equal(patched.status, 200, patched.text);
    const nodePort = await read();
    t.match(nodePort.spec, { type: 'NodePort', sessionAffinity: 'ClientIP', ports: [{ port: 81, targetPort: 80 }] });

    const remove = JSON.stringify([{ op: 'remove', path: '/spec/ports/0' }]);
    t.equal((await ask('PATCH', SERVICE, remove, JSON_PATCH)).status, 200);
    t.strictSame((await read()).spec.ports, nodePort.spec.ports.slice(1), 'what is left keeps its node port');
    const back = await ask('PATCH', SERVICE, '{"spec":{"type":"ClusterIP"}}', MERGE);
    t.equal(back.status, 200, 'which has not become its own');
    const external = '{"spec":{"type":"ExternalName","externalName":"example.com"}}';
    t.equal((await ask('PATCH', SERVICE, external, MERGE)).status, 200);
    const { spec } = await read();
    t.strictSame(
      [spec.type, spec.clusterIP, spec.ipFamilies, spec.internalTrafficPolicy, spec.sessionAffinity],
      ['ExternalName', undefined, undefined, undefined, 'ClientIP'],
    );
  },
);

t.test('a headless Service without a selector has both families', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(L2)] });
  const headless = PLAIN_SERVICE.replace('selector: {app: shown}', 'clusterIP: None');
  t.equal((await ask('POST', OBJECTS, headless, YAML)).status, 201);
  const { object } = (await ask('GET', SERVICE)).json;
  t.match(object.spec, { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' });
  t.equal((await ask('PUT', SERVICE, object)).status, 200);
});

const waits = (condition: string) => ({
  effect: 'NoExecute',
  key: `node.kubernetes.io/${condition}`,
  operator: 'Exists',
  tolerationSeconds: 300,
});
const [NOT_READY, UNREACHABLE] = [waits('not-ready'), waits('unreachable')];

t.test(
  'a pod shows the defaults of the API server; one of a controller has the containers of its template',
  async (t) => {
    const { ask } = await running(t, { clusters: [cluster(L2)] });
    const container =
      'image: nginx, ports: [{containerPort: 80}], readinessProbe: {httpGet: {port: 80}, periodSeconds: 5}';
    const pod = PLAIN_POD.replace('image: nginx', container);
    t.equal((await ask('POST', OBJECTS, pod, YAML)).status, 201);
    const { object } = (await ask('GET', POD)).json;
    t.match(object.spec, {
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      serviceAccountName: 'default',
      containers: [
        {
          ports: [{ containerPort: 80, protocol: 'TCP' }],
          readinessProbe: { timeoutSeconds: 1, periodSeconds: 5, successThreshold: 1, failureThreshold: 3 },
        },
      ],
    });
    t.strictSame(object.spec.tolerations, [NOT_READY, UNREACHABLE]);
    t.equal((await ask('PUT', POD, object)).status, 200);
    const tolerations = async () => (await ask('GET', POD)).json.object.spec.tolerations;
    t.strictSame(await tolerations(), [NOT_READY, UNREACHABLE], 'none has become its own');
    const own = { key: NOT_READY.key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 20 };
    const added = JSON.stringify([{ op: 'add', path: '/spec/tolerations/-', value: { key: 'a', operator: 'Exists' } }]);
    t.equal((await ask('PATCH', POD, added, JSON_PATCH)).status, 200);
    t.strictSame(await tolerations(), [{ key: 'a', operator: 'Exists' }, NOT_READY, UNREACHABLE]);
    const impatient = { ...object, metadata: { name: 'impatient' }, spec: { ...object.spec, tolerations: [own] } };
    t.match((await ask('POST', OBJECTS, impatient)).json.objects[0].spec.tolerations, [own, UNREACHABLE]);
    const labels = JSON.stringify([{ op: 'replace', path: '/spec/containers/0/image', value: 'nginx:2' }]);
    t.equal((await ask('PATCH', POD, labels, JSON_PATCH)).status, 200);
    const refused = await ask('PATCH', POD, '{"spec":{"dnsPolicy":"Default"}}', MERGE);
    t.match(refused.json, { status: 422, errors: [{ field: 'spec' }] });
    const { items } = (await ask('GET', `${OBJECTS}?kind=Pod&full=true`)).json;
    const made = items.filter(({ origin }: Parsed) => origin === 'controller');
    t.ok(made.length > 0);
    for (const { object: one } of made) t.match(one.spec, { containers: [{ name: String }], tolerations: Array });
  },
);

t.test(
  'an EndpointSlice of a controller shows where its Service leads, a ReplicaSet how many pods it has',
  async (t) => {
    const { ask } = await running(t, { clusters: [cluster('services-iptables', 'shop')] });
    const objects = '/clusters/shop/objects';
    const slices = (await ask('GET', `${objects}?kind=EndpointSlice&labels=kubernetes.io/service-name=web&full=true`))
      .json.items;
    // Its target port is a name, and another number in each pod: a slice for each.
    t.match(
      slices.map(({ origin, object }: Parsed) => ({ origin, ...object })),
      [8081, 8080].map((port) => ({
        origin: 'controller',
        apiVersion: 'discovery.k8s.io/v1',
        addressType: 'IPv4',
        ports: [{ name: 'http', protocol: 'TCP', port }],
      })),
    );
    const pods = (await ask('GET', '/clusters/shop/pods?namespace=shop&labels=app=web')).json.items;
    t.strictSame(
      slices.flatMap(({ object }: Parsed) => object.endpoints),
      pods.toReversed().map(({ name, node, addresses }: Parsed) => ({
        addresses,
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: node,
        targetRef: { kind: 'Pod', namespace: 'shop', name },
      })),
    );

    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd', namespace: 'shop' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'd' } },
        template: { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'c', image: 'c' }] } },
      },
    };
    t.equal((await ask('POST', objects, deployment)).status, 201);
    const [set] = (await ask('GET', `${objects}?kind=ReplicaSet&namespace=shop&full=true`)).json.items;
    const hash = set.object.metadata.labels['pod-template-hash'];
    t.match(set.object.spec, { replicas: 2, selector: { matchLabels: { app: 'd', 'pod-template-hash': hash } } });
  },
);

t.test('a pod on the network of its machine has the addresses of that, whatever is on record', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('services-iptables', 'shop')] });
  const addressOf = async (node: string) => {
    const { object } = (await ask('GET', `/clusters/shop/objects/core/Node/-/${node}`)).json;
    return object.status.addresses.find(({ type }: Parsed) => type === 'InternalIP').address;
  };
  const { items } = (await ask('GET', '/clusters/shop/pods?fieldSelector=spec.hostNetwork=true')).json;
  t.ok(items.length > 0);
  for (const { name, node, addresses } of items) t.strictSame(addresses, [await addressOf(node)], name);
});
