/** Upstream's tables for CategorizeEndpoints(), and what is counted of its answers. */

import t from 'tap';
import {
  categorizeEndpoints,
  type Endpoint,
  featuresOf,
  noLocalEndpoints,
  servicePorts,
  type ServicePort,
} from '../../../src/kube-proxy/index.js';
import { loadCluster, type Service } from '../../../src/kubernetes/index.js';
import { Json } from '../calico/vectors.js';
import { loadVector, NEEDS_VECTORS } from './vectors.js';

const HERE = 'this-node';

const endpointOf =
  (nodeName: string) =>
  (json: Json): Endpoint => {
    const text = json.get('endpoint').text();
    const [ip = '', port = ''] = text.split(':');
    return {
      ip,
      port: Number(port),
      text,
      nodeName: json.get('isLocal').flag() ? nodeName : '',
      ready: json.get('ready').flag(),
      serving: json.get('serving').flag(),
      terminating: json.get('terminating').flag(),
      zoneHints: json.get('zoneHints').texts(),
      nodeHints: json.get('nodeHints').texts(),
    };
  };

const portOf = (json: Json): ServicePort => ({
  namespace: 'ns',
  name: 'svc',
  portName: '',
  protocol: 'tcp',
  spn: 'ns/svc',
  clusterIp: '10.96.0.10',
  port: 80,
  nodePort: json.get('nodePort').number(),
  externalIps: [],
  loadBalancerVips: [],
  sourceRanges: [],
  affinitySeconds: 0,
  internalPolicyLocal: json.get('internalPolicyLocal').flag(),
  externalPolicyLocal: json.get('externalPolicyLocal').flag(),
  healthCheckNodePort: 0,
  wantsHints: false,
});

const texts = (endpoints: readonly Endpoint[] | undefined): string[] | null =>
  endpoints?.map(({ text }) => text).toSorted() ?? null;
const expectedTexts = (list: Json): string[] | null => (list.absent ? null : list.texts().toSorted());

t.test('which endpoints a node uses, by upstream’s table', NEEDS_VECTORS, (t) => {
  const cases = loadVector('topology.json').get('cases').list();
  for (const one of cases) {
    const name = one.get('nodeName').text();
    const node = {
      name: name === '' ? HERE : name,
      zone: one.get('nodeLabels').get('topology.kubernetes.io/zone').textOr(''),
    };
    const features = { ...featuresOf(), nodeHints: one.get('preferSameTrafficDistribution').flag() };
    const endpoints = one.get('endpoints').list().map(endpointOf(node.name));
    const found = categorizeEndpoints(portOf(one.get('service')), endpoints, { node, features });
    const expected = one.get('expected');
    t.same(
      {
        cluster: texts(found.cluster),
        local: texts(found.local),
        reachable: texts(found.reachable),
        hasAny: found.hasAny,
      },
      {
        cluster: expectedTexts(expected.get('clusterEndpoints')),
        local: expectedTexts(expected.get('localEndpoints')),
        reachable: expectedTexts(expected.get('allReachableEndpoints')) ?? [],
        hasAny: one.get('derivedHasAnyEndpoints').flag(),
      },
      one.get('name').text(),
    );
  }
  t.comment(`topology: ${cases.length} cases`);
  t.end();
});

function serviceOf(spec: object, status: object = {}): Service {
  const text = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'svc1', namespace: 'ns1' },
    spec,
    status,
  });
  const [service] = loadCluster([{ file: 'vector.json', text }], { seed: 1 }).store.list('Service');
  if (service === undefined) throw new Error('the loader refuses a Service');
  return service;
}

t.test('policies that have endpoints, and none here, are counted as upstream counts them', NEEDS_VECTORS, (t) => {
  const cases = loadVector('no-local-endpoints-metric.json').get('cases').list();
  for (const one of cases) {
    const external = one.get('externalTrafficPolicy').textOr('');
    const internal = one.get('internalTrafficPolicy').textOr('');
    const service = serviceOf({
      clusterIP: '172.30.1.1',
      ports: [{ port: 80, protocol: 'TCP', nodePort: 123 }],
      ...(external === '' ? {} : { type: 'NodePort', externalTrafficPolicy: external }),
      ...(internal === '' ? {} : { internalTrafficPolicy: internal }),
    });
    const node = { name: 'test-node', zone: '' };
    const endpoints = one
      .get('endpoints')
      .list()
      .map((json): Endpoint => {
        const ip = json.get('ip').text();
        const nodeName = json.get('nodeName').text();
        return {
          ip,
          port: 80,
          text: `${ip}:80`,
          nodeName,
          ready: true,
          serving: true,
          terminating: false,
          zoneHints: [],
          nodeHints: [],
        };
      });
    const categorized = servicePorts(service, 'IPv4', featuresOf()).map((port) => ({
      port,
      categories: categorizeEndpoints(port, endpoints, { node, features: featuresOf() }),
    }));
    t.same(noLocalEndpoints(categorized), one.get('expectedNoLocalEndpoints').value, one.get('name').text());
  }
  t.comment(`no-local-endpoints-metric: ${cases.length} cases`);
  t.end();
});

t.test('a load balancer’s address is answered here unless its ipMode says otherwise', NEEDS_VECTORS, (t) => {
  const cases = loadVector('lb-ipmode.json').get('cases').list();
  for (const one of cases) {
    const ip = one.get('loadBalancerIP').text();
    const mode = one.get('ipMode');
    const service = serviceOf(
      {
        type: 'LoadBalancer',
        clusterIP: one.get('clusterIP').text(),
        ports: [{ name: 'p80', port: 80, protocol: 'TCP', nodePort: 3001 }],
      },
      { loadBalancer: { ingress: [{ ip, ...(mode.absent ? {} : { ipMode: mode.text() }) }] } },
    );
    const features = featuresOf(30, { LoadBalancerIPMode: one.get('featureGateLoadBalancerIPMode').flag() });
    const captured = servicePorts(service, 'IPv4', features).some(({ loadBalancerVips }) =>
      loadBalancerVips.includes(ip),
    );
    t.equal(captured, one.get('expectLoadBalancerIPCaptured').flag(), one.get('name').text());
  }
  t.comment(`lb-ipmode: ${cases.length} cases`);
  t.end();
});
