import t from 'tap';
import { formatIp } from '../../src/kubernetes/index.js';
import { load, pod } from './cluster-text.js';

const service = (spec: object, status: object = {}) =>
  load({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec, status }).store.get(
    'Service',
    'default',
    's',
  );

t.test('a Service has the API server’s defaults', (t) => {
  const made = service({
    clusterIP: '10.96.0.1',
    ports: [
      { name: 'w', port: 80 },
      { name: 'x', port: 53, protocol: 'UDP', targetPort: 'dns' },
    ],
  });
  t.match(made?.spec, {
    type: 'ClusterIP',
    headless: false,
    externalTrafficPolicy: 'Cluster',
    internalTrafficPolicy: 'Cluster',
    sessionAffinity: 'None',
    sessionAffinityTimeoutSeconds: 10800,
    publishNotReadyAddresses: false,
  });
  t.same(made?.spec.clusterIPs.map(formatIp), ['10.96.0.1']);
  t.match(made?.spec.ports, [
    { name: 'w', protocol: 'TCP', port: 80, targetPort: 80, nodePort: 0 },
    { targetPort: 'dns', protocol: 'UDP' },
  ]);
  t.end();
});

t.test('a headless Service has no cluster address, one not yet allocated neither', (t) => {
  t.match(service({ clusterIP: 'None', clusterIPs: ['None'] })?.spec, { headless: true, clusterIPs: [] });
  t.match(service({ clusterIP: '', ports: [{ port: 80 }] })?.spec, { headless: false, clusterIPs: [] });
  const both = service({ clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', 'fd00::1'], ports: [{ port: 80 }] });
  t.same(both?.spec.clusterIPs.map(formatIp), ['10.96.0.1', 'fd00::1']);
  t.end();
});

t.test('a load balancer’s addresses may be written with their host prefix', (t) => {
  const made = service(
    { type: 'LoadBalancer', ports: [{ port: 80 }] },
    { loadBalancer: { ingress: [{ ip: '80.15.0.1/32' }, { hostname: 'lb.example.com' }] } },
  );
  t.match(made?.status.loadBalancer.ingress, [
    { ip: 0x500f0001, ipMode: 'VIP' },
    { ip: undefined, hostname: 'lb.example.com' },
  ]);
  t.end();
});

t.test('conditions of an endpoint that are not given', (t) => {
  const slice = (conditions: object | undefined) =>
    load({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'x' },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.0.0.1'], conditions }],
      ports: [{ port: 80 }],
    }).store.get('EndpointSlice', 'default', 'x')?.endpoints[0]?.conditions;
  t.same(slice(undefined), { ready: true, serving: true, terminating: false });
  t.same(slice({ ready: false }), { ready: false, serving: true, terminating: false });
  t.same(slice({ ready: false, serving: true, terminating: true }), { ready: false, serving: true, terminating: true });
  t.end();
});

t.test('IPv6 addresses of endpoints stay whole', (t) => {
  const { store } = load({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'x' },
    addressType: 'IPv6',
    endpoints: [{ addresses: ['fd00::1', 'fd00::2'] }],
  });
  t.same(store.get('EndpointSlice', 'default', 'x')?.endpoints[0]?.addresses.map(formatIp), ['fd00::1', 'fd00::2']);
  t.end();
});

const policyTypes = (spec: object) =>
  load({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'p' }, spec }).store.get(
    'NetworkPolicy',
    'default',
    'p',
  )?.spec.policyTypes;

t.test('policy types follow from the rules where they are not given', (t) => {
  t.same(policyTypes({ podSelector: {} }), ['Ingress']);
  t.same(policyTypes({ podSelector: {}, egress: [{}] }), ['Ingress', 'Egress']);
  t.same(policyTypes({ podSelector: {}, policyTypes: ['Egress'] }), ['Egress']);
  t.end();
});

t.test('a pod’s status, as recorded and as not', (t) => {
  const status = (given: object) => load({ ...pod('p'), status: given }).store.get('Pod', 'default', 'p')?.status;
  t.same(status({}), {
    phase: undefined,
    podIPs: [],
    hostIP: undefined,
    ready: undefined,
    readySince: undefined,
    restarts: 0,
    stopped: [],
    containers: [],
  });
  const recorded = status({
    phase: 'Running',
    podIP: '10.0.0.1',
    podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }],
    conditions: [{ type: 'Ready', status: 'False' }],
    initContainerStatuses: [{ name: 'i', state: { terminated: { reason: 'Completed', exitCode: 0 } } }],
    containerStatuses: [
      { name: 'a', ready: false, restartCount: 2, state: { waiting: { reason: 'CrashLoopBackOff' } } },
      { name: 'b', ready: true, state: { running: { startedAt: '2026-01-01T00:00:00Z' } } },
      { name: 'c', ready: false, state: { waiting: {} } },
    ],
  });
  t.same(recorded?.stopped, [
    { name: 'a', reason: 'CrashLoopBackOff', hasRun: true },
    { name: 'c', reason: '', hasRun: false },
    { name: 'i', reason: 'Completed', hasRun: true },
  ]);
  t.same(recorded?.podIPs.map(formatIp), ['10.0.0.1', 'fd00::1']);
  t.equal(recorded?.ready, false);
  t.same(status({ podIP: '' })?.podIPs, [], 'an empty address is none');
  t.end();
});

t.test('a host-network pod’s container ports are host ports', (t) => {
  const ports = (spec: object) => load(pod('p', spec)).store.get('Pod', 'default', 'p')?.spec.containers[0]?.ports;
  const containers = [{ name: 'c', ports: [{ containerPort: 80 }] }];
  t.match(ports({ hostNetwork: true, containers }), [{ hostPort: 80 }]);
  t.match(ports({ containers }), [{ hostPort: 0, protocol: 'TCP', name: '' }]);
  t.end();
});

t.test('a Node has the labels that kubelet gives it, and the name label comes with a Namespace', (t) => {
  const { store } = load(
    {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n', labels: { 'kubernetes.io/arch': 'arm64' } },
      status: {
        addresses: [
          { type: 'Hostname', address: 'n.example.com' },
          { type: 'InternalIP', address: '10.0.0.1' },
        ],
      },
    },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'red' } } },
  );
  const made = store.get('Node', '', 'n');
  t.same(made?.labels, {
    'kubernetes.io/hostname': 'n.example.com',
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'arm64',
  });
  t.same(made?.status.internalIPs, [0x0a000001]);
  t.equal(made?.status.maxPods, 110);
  t.same(store.get('Namespace', '', 'shop')?.labels, { team: 'red', 'kubernetes.io/metadata.name': 'shop' });
  t.end();
});

t.test('a name may be left to the API server', (t) => {
  const { store } = load({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { generateName: 'migrate-' },
    spec: { template: { spec: {} } },
  });
  t.match(store.list('Job')[0]?.name, /^migrate-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  t.end();
});
