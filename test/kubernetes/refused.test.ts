/** What the API server refuses of Services and what belongs to them: told with its place, and left out where it cannot be read. */

import t from 'tap';
import { loadCluster, type Store } from '../../src/kubernetes/index.js';
import { load, node, pod, template, workload } from './cluster-text.js';

const PORTS = [{ port: 80 }];

const object = (kind: string, body: object, name = 's') => ({
  apiVersion: kind === 'EndpointSlice' ? 'discovery.k8s.io/v1' : 'v1',
  kind,
  metadata: { name },
  ...body,
});
const service = (spec: object, name = 's') => object('Service', { spec: { ports: PORTS, ...spec } }, name);

/** `spec.ports[0].port: expected …`, and whether the object is there. */
function refusedOf(...objects: readonly object[]) {
  const { store, errors, refusals, findings } = load(...objects);
  const told = findings.filter(({ code }) => code === 'object-refused').map(({ path }) => path);
  t.same(errors, []);
  t.same(
    told,
    refusals.map(({ path }) => path),
    'each is a finding',
  );
  return { store, told: refusals.map(({ path, expected }) => `${path}: ${expected}`) };
}

const SERVICES: readonly (readonly [what: string, spec: object, ...told: string[]])[] = [
  ['an address that is none', { clusterIP: '10.96.1.256' }, 'spec.clusterIP: an address or "None"'],
  [
    'a protocol that there is not',
    { ports: [{ port: 80, protocol: 'QUIC' }] },
    'spec.ports[0].protocol: one of TCP, UDP, SCTP',
  ],
  ['a port beyond all', { ports: [{ port: 70_000 }] }, 'spec.ports[0].port: a whole number from 1 to 65535'],
  [
    'words in the wrong case',
    { type: 'NodePort', externalTrafficPolicy: 'local', sessionAffinity: 'clientip' },
    'spec.externalTrafficPolicy: one of Cluster, Local',
    'spec.sessionAffinity: one of None, ClientIP',
  ],
  [
    'a distribution that there is not',
    { trafficDistribution: 'Nearby' },
    'spec.trafficDistribution: one of PreferClose, PreferSameZone, PreferSameNode',
  ],
  ['a list of ports that is none', { ports: 'http' }, 'spec.ports: a list'],
];

/** Each field can be read: kube-proxy would know what to do with such a Service. */
const READABLE: typeof SERVICES = [
  ['no ports', { ports: [] }, 'spec.ports: a port, since it has a cluster IP'],
  [
    'ports without names',
    { ports: [{ port: 80 }, { port: 81 }] },
    'spec.ports[0].name: a name, since there are several ports',
    'spec.ports[1].name: a name, since there are several ports',
  ],
  [
    'a name of a port with capitals',
    { ports: [{ name: 'Web_1', port: 80 }] },
    'spec.ports[0].name: a name of at most 63 lower case letters, digits and "-"',
  ],
  [
    'a number in quotes as target port',
    { ports: [{ port: 80, targetPort: '8080' }] },
    'spec.ports[0].targetPort: a port number, or a name of at most 15 lower case letters, digits and single "-" with a letter in it',
  ],
  [
    'the same port twice',
    {
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 80 },
      ],
    },
    'spec.ports[1].port: a port that is not there twice for TCP',
  ],
  [
    'the same name and node port twice',
    {
      type: 'NodePort',
      ports: [
        { name: 'a', port: 80, nodePort: 30_080 },
        { name: 'a', port: 81, nodePort: 30_080 },
      ],
    },
    'spec.ports[1].name: a name that no other port has',
    'spec.ports[1].nodePort: a node port that is not there twice for TCP',
  ],
  [
    'a node port where there are none',
    { ports: [{ port: 80, nodePort: 30_080 }] },
    'spec.ports[0].nodePort: no node port, since its type is ClusterIP',
  ],
  [
    'a headless node port',
    { type: 'NodePort', clusterIP: 'None' },
    'spec.clusterIP: a cluster IP, which type NodePort cannot do without',
  ],
  [
    'a headless load balancer',
    { type: 'LoadBalancer', clusterIP: 'None', clusterIPs: ['None'] },
    'spec.clusterIP: a cluster IP, which type LoadBalancer cannot do without',
  ],
  [
    'another first address',
    { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.2'] },
    'spec.clusterIPs: the address of clusterIP as the first',
  ],
  [
    'addresses without the first',
    { clusterIPs: ['10.96.0.2'] },
    'spec.clusterIPs: nothing where clusterIP is not given',
  ],
  [
    'two addresses of one family',
    { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', '10.96.0.2'] },
    'spec.clusterIPs: at most one address of each family',
  ],
  [
    'an address of another family than it says',
    { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'], ipFamilies: ['IPv6'] },
    'spec.clusterIPs[0]: an IPv6 address, as ipFamilies says',
  ],
  [
    'another name that is none',
    { type: 'ExternalName', externalName: 'http://foo.example/' },
    'spec.externalName: a DNS name, such as db.example.com',
  ],
  [
    'another name without one, with an address',
    { type: 'ExternalName', clusterIP: '10.96.0.1' },
    'spec.externalName: a DNS name, such as db.example.com',
    'spec.clusterIP: nothing, since its type is ExternalName',
  ],
  [
    'external IPs of nobody',
    { externalIPs: ['127.0.0.1', '169.254.1.1', '0.0.0.0', '224.0.0.5', '192.0.2.1'] },
    'spec.externalIPs[0]: an address that is not loopback',
    'spec.externalIPs[1]: an address that is not link-local',
    'spec.externalIPs[2]: an address that is not unspecified',
    'spec.externalIPs[3]: an address that is not link-local multicast',
  ],
  [
    'what only others may have',
    {
      externalTrafficPolicy: 'Local',
      loadBalancerSourceRanges: ['10.0.0.0/8'],
      healthCheckNodePort: 30_055,
      allocateLoadBalancerNodePorts: false,
      loadBalancerClass: 'a/b',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } },
    },
    'spec.externalTrafficPolicy: nothing, since it cannot be reached from outside',
    'spec.loadBalancerSourceRanges: nothing, since its type is not LoadBalancer',
    'spec.healthCheckNodePort: nothing, since it is not of type LoadBalancer with externalTrafficPolicy Local',
    'spec.allocateLoadBalancerNodePorts: nothing, since its type is not LoadBalancer',
    'spec.loadBalancerClass: nothing, since its type is not LoadBalancer',
    'spec.sessionAffinityConfig: nothing, since sessionAffinity is None',
  ],
  [
    'kubelet’s port on a load balancer',
    { type: 'LoadBalancer', ports: [{ port: 10_250 }] },
    "spec.ports[0].port: a port that is not kubelet's",
  ],
];

const names = (store: Store): string[] => store.list('Service').map(({ name }) => name);

for (const [what, spec, ...told] of SERVICES) {
  t.test(`a Service with ${what} is refused and left out, the next one is there`, (t) => {
    const refused = refusedOf(service(spec), service({}, 'other'));
    t.same(refused.told, told);
    t.same(names(refused.store), ['other']);
    t.end();
  });
}

for (const [what, spec, ...told] of READABLE) {
  t.test(`a Service with ${what} would be refused, and is taken as it is`, (t) => {
    const refused = refusedOf(service(spec), service({}, 'other'));
    t.same(refused.told, told);
    t.same(names(refused.store), ['other', 's']);
    t.end();
  });
}

t.test('what the API server takes is not refused', (t) => {
  const { told } = refusedOf(
    service({ clusterIP: 'None', ports: [] }, 'a'),
    service({ type: 'ExternalName', externalName: 'db.example.com.', ports: [] }, 'b'),
    service({ clusterIP: '', externalIPs: ['192.0.2.1'], externalTrafficPolicy: 'Local' }, 'c'),
    service(
      {
        type: 'LoadBalancer',
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: 30_001,
        loadBalancerSourceRanges: [' 10.0.0.0/8'],
        loadBalancerClass: 'a/b',
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } },
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP', targetPort: 'dns-udp', nodePort: 30_053 },
          { name: 'dns-tcp', port: 53, targetPort: 0, nodePort: 30_053 },
        ],
      },
      'd',
    ),
  );
  t.same(told, []);
  t.end();
});

t.test('a name that no Service can have', (t) => {
  t.match(refusedOf(service({}, 'my.web')).told, [/^metadata\.name: a name that begins with a letter/]);
  t.match(refusedOf(service({}, 'Web')).told, [/^metadata\.name/, /^metadata\.name/]);
  t.end();
});

t.test('who comes later is told what another has', (t) => {
  const nodePort = (port: number) => ({ type: 'NodePort', ports: [{ port: 80, nodePort: port }] });
  const { store, told } = refusedOf(
    service({ clusterIP: '10.96.0.7', ...nodePort(30_080) }, 'z'),
    service({ clusterIP: '10.96.0.7' }, 'a'),
    service(nodePort(30_080), 'b'),
    service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_080, protocol: 'UDP' }] }, 'c'),
    service({ type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_080 }, 'd'),
  );
  t.same(told, [
    'spec.clusterIP: an address that Service default/z does not have',
    'spec.ports[0].nodePort: a node port that Service default/z does not have',
    'spec.ports[0].nodePort: a node port that Service default/z does not have',
    'spec.healthCheckNodePort: a node port that Service default/z does not have',
  ]);
  t.same(names(store), ['a', 'b', 'c', 'd', 'z'], 'kube-proxy is given them all');
  const own = { externalTrafficPolicy: 'Local', healthCheckNodePort: 30_080, ports: [{ port: 80, nodePort: 30_080 }] };
  t.same(refusedOf(service({ type: 'LoadBalancer', ...own })).told, [
    'spec.healthCheckNodePort: another port than those of spec.ports',
  ]);
  t.end();
});

t.test('a cluster IP outside of the ranges is refused where an object says which they are', (t) => {
  const outside = service({ clusterIP: '192.168.77.1' });
  t.same(refusedOf(outside).told, [], 'nobody knows');
  const kubeadm = object('ConfigMap', {
    metadata: { name: 'kubeadm-config', namespace: 'kube-system' },
    data: { ClusterConfiguration: 'networking: {}' },
  });
  t.same(refusedOf(outside, kubeadm).told, ["spec.clusterIP: an address of the cluster's 10.96.0.0/12"]);
  const cidr = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs: ['10.100.0.0/16', 'fd00:1::/112'] },
  };
  t.same(refusedOf(outside, cidr).told, ["spec.clusterIP: an address of the cluster's 10.100.0.0/16"]);
  t.same(refusedOf(service({ clusterIP: '10.100.0.9' }), cidr).told, []);
  const command = ['kube-apiserver', '--service-cluster-ip-range=10.200.0.0/16'];
  const apiServer = pod(
    'kube-apiserver-a',
    { nodeName: 'a', containers: [{ name: 'kube-apiserver', command }] },
    { namespace: 'kube-system', labels: { component: 'kube-apiserver' } },
  );
  const told = refusedOf(service({ clusterIP: '10.96.0.1' }), node('a'), apiServer).told;
  t.same(told, ["spec.clusterIP: an address of the cluster's 10.200.0.0/16"]);
  t.end();
});

t.test('endpoints of addresses that are nobody’s', (t) => {
  const subsets = [
    { addresses: [{ ip: '127.0.0.1' }], notReadyAddresses: [{ ip: '169.254.1.1' }], ports: PORTS },
    { ports: PORTS },
    { addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }, { name: 'b_', port: 81 }] },
  ];
  t.same(refusedOf(object('Endpoints', { subsets })).told, [
    'subsets[0].addresses[0].ip: an address that is not loopback',
    'subsets[0].notReadyAddresses[0].ip: an address that is not link-local',
    'subsets[1]: addresses or notReadyAddresses',
    'subsets[2].ports[0].name: a name, since there are several ports',
    'subsets[2].ports[1].name: a name of at most 63 lower case letters, digits and "-"',
  ]);
  const slice = {
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'] }, { addresses: ['127.0.0.1'] }, { addresses: [] }],
    ports: [{ port: 80 }, { port: 81 }],
  };
  t.same(refusedOf(object('EndpointSlice', slice)).told, [
    'endpoints[1].addresses[0]: an address that is not loopback',
    'endpoints[2].addresses: an address',
    'ports[1].name: a name that no other port has',
  ]);
  t.end();
});

t.test('a pod without a nameserver of its own where it wants no other is refused, as its template is', (t) => {
  const dns = { nodeName: 'a', dnsPolicy: 'None' };
  t.same(refusedOf(node('a'), pod('p', dns)).told, [
    'spec.dnsConfig.nameservers: a nameserver, since dnsPolicy is None',
  ]);
  t.same(refusedOf(node('a'), pod('p', { ...dns, dnsConfig: { nameservers: ['10.0.0.1'] } })).told, []);
  const web = workload('Deployment', { template: template({ dnsPolicy: 'None' }) });
  t.same(refusedOf(node('a'), web).told, [
    'spec.template.spec.dnsConfig.nameservers: a nameserver, since dnsPolicy is None',
  ]);
  t.end();
});

t.test('other kinds and text that is no YAML remain errors', (t) => {
  const text = 'apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [\n';
  const loaded = loadCluster([{ file: 'a.yaml', text }], { seed: 1 });
  t.match(loaded.errors[0], { file: 'a.yaml' });
  t.equal(load(pod('p', { hostNetwork: 'yes' })).errors.length, 1);
  t.end();
});

t.test('what the API server takes though traffic may suffer is found', (t) => {
  const pool = {
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
    metadata: { name: 'pods' },
    spec: { cidr: '10.244.0.0/16' },
  };
  const { findings, store } = load(
    pool,
    service({ clusterIP: '10.244.0.9' }, 'a'),
    service({ type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }, 'b'),
    service({ externalIPs: ['192.0.2.10'] }, 'c'),
    service({ externalIPs: ['192.0.2.10', '239.1.2.3'] }, 'd'),
    service({ externalIPs: ['192.0.2.10'], ports: [{ port: 81 }] }, 'e'),
  );
  t.match(
    findings
      .filter(({ code }) => code === 'service-in-conflict')
      .map(({ object: name, path, message }) => [name, path, message]),
    [
      ['Service default/a', 'spec.clusterIP', /10\.244\.0\.9 is in 10\.244\.0\.0\/16 of IPPool pods/],
      ['Service default/b', 'spec.ports[0].nodePort', /node port 80 is outside of 30000-32767/],
      ['Service default/d', 'spec.externalIPs[0]', /192\.0\.2\.10:80\/TCP is also that of Service default\/c/],
      ['Service default/d', 'spec.externalIPs[1]', /239\.1\.2\.3 is a multicast address/],
    ],
  );
  t.equal(store.list('Service').length, 5, 'and all are there');
  t.end();
});

t.test('a pod that terminates is one that a selector selects, one that has ended is not', (t) => {
  const selecting = (metadata: object, status: object = {}) =>
    load(node('a'), service({ selector: { app: 'x' } }), {
      ...pod('p', { nodeName: 'a' }, { labels: { app: 'x' }, ...metadata }),
      status,
    }).findings.filter(({ code }) => code === 'service-selects-nothing').length;
  t.equal(selecting({ deletionTimestamp: '2026-01-01T00:00:00Z' }), 0);
  t.equal(selecting({}, { phase: 'Succeeded' }), 1);
  t.end();
});
