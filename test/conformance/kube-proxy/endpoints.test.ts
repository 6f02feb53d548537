/** Endpoints out of slices, what changes from one state to the next, and which UDP entries go for it, by upstream's tables. */

import t from 'tap';
import {
  deletionsByService,
  type Endpoint,
  endpointsForNode,
  type EndpointsByPort,
  featuresOf,
  formatDeletion,
  type IpFamily,
  localReadyEndpoints,
  portKey,
  probability,
  serviceEndpoints,
  servicePorts,
  staleUdp,
} from '../../../src/kube-proxy/index.js';
import type { EndpointSlice } from '../../../src/kubernetes/index.js';
import { Json } from '../calico/vectors.js';
import { loadVector, NEEDS_VECTORS, storeOf } from './vectors.js';

/** Without the places that tests leave empty. */
const given = (list: Json): Json =>
  new Json(
    list.list().flatMap(({ value }) => (value === null ? [] : [value])),
    'slices',
  );

function endpointsOf(slices: Json, node: string): EndpointsByPort {
  const found: readonly EndpointSlice[] = storeOf(given(slices)).list('EndpointSlice');
  return new Map([...serviceEndpoints(found, 'IPv4')].map(([key, list]) => [key, endpointsForNode(list, node)]));
}

/** `ns1/ep1:p11/udp` as vectors write it. */
const vectorKey = (key: string): string => key.replace(/[^/]*$/, (protocol) => protocol.toUpperCase());

const described = (endpoints: EndpointsByPort, node: string): object =>
  Object.fromEntries(
    [...endpoints]
      .filter(([, list]) => list.length > 0)
      .map(([key, list]) => [
        vectorKey(key),
        list.map(({ text, nodeName }) => ({ endpoint: text, isLocal: nodeName === node })),
      ]),
  );

const serviceName = (key: string): string => key.replace(/[:/][^:/]*$/, '').replace(/:.*$/, '');

function localCounts(endpoints: EndpointsByPort, node: string): object {
  const byService = new Map<string, (readonly Endpoint[])[]>();
  for (const [key, list] of endpoints)
    byService.set(serviceName(key), [...(byService.get(serviceName(key)) ?? []), list]);
  const counts = [...byService].map(([name, lists]) => [name, localReadyEndpoints(lists, node)] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

t.test('endpoints of slices, and what changes, by upstream’s table', NEEDS_VECTORS, (t) => {
  const vector = loadVector('endpoints-map.json');
  const node = vector.get('nodeName').text();
  const cases = vector.get('cases').list();
  for (const one of cases) {
    const before = endpointsOf(one.get('previousEndpointSlices'), node);
    const after = endpointsOf(one.get('currentEndpointSlices'), node);
    const stale = staleUdp(before, after);
    const deleted = stale.deleted.map(({ key, endpoint }) => `${vectorKey(key)} ${endpoint.text}`);
    const expectedDeleted = one
      .get('deletedUDPEndpoints')
      .list()
      .map((each) => `${each.get('servicePort').text()} ${each.get('endpoint').text()}`);
    t.same(
      {
        before: described(before, node),
        after: described(after, node),
        deleted: deleted.toSorted(),
        newlyActive: stale.newlyActive.map(vectorKey).toSorted(),
        local: localCounts(after, node),
      },
      {
        before: one.get('expectedBefore').value,
        after: one.get('expectedAfter').value,
        deleted: expectedDeleted.toSorted(),
        newlyActive: one.get('newlyActiveUDPServices').texts().toSorted(),
        local: one.get('localReadyEndpointCounts').value,
      },
      one.get('name').text(),
    );
  }
  t.comment(`endpoints-map: ${cases.length} cases`);
  t.end();
});

/** The Service of a case and its slice with that endpoint, or without any. */
function stateOf(one: Json, withEndpoint: boolean) {
  const text = one.get('endpoint').text();
  const address = text.replace(/:\d+$/, '').replace(/[[\]]/g, '');
  const family: IpFamily = address.includes(':') ? 'IPv6' : 'IPv4';
  const ports = [{ name: 'p80', port: one.get('port').number(), protocol: one.get('protocol').text() }];
  const metadata = { name: 'svc', namespace: 'ns' };
  const objects = [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP: one.get('clusterIP').text(), ports } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'svc' } },
      addressType: family,
      endpoints: withEndpoint ? [{ addresses: [address], conditions: { ready: true } }] : [],
      ports,
    },
  ];
  const store = storeOf(new Json(objects, 'objects'));
  const service = store.get('Service', 'ns', 'svc');
  const found = service === undefined ? [] : servicePorts(service, family, featuresOf(31));
  const lists = serviceEndpoints(store.list('EndpointSlice'), family);
  return {
    family,
    ports: new Map(found.map((port) => [portKey(port), port])),
    endpoints: new Map([...lists].map(([key, list]) => [key, endpointsForNode(list, 'node')])),
  };
}

t.test('commands for conntrack up to 1.31', NEEDS_VECTORS, (t) => {
  const cases = loadVector('udp-conntrack.json').get('cases').list();
  for (const one of cases) {
    const [without, with_] = [stateOf(one, false), stateOf(one, true)];
    const steps = [
      { before: without, after: with_ },
      { before: with_, after: without },
    ];
    const commands = steps.flatMap(({ before, after }) =>
      deletionsByService(staleUdp(before.endpoints, after.endpoints), after.ports, []).map((deletion) =>
        formatDeletion(deletion, after.family),
      ),
    );
    t.same(commands, one.get('expectedConntrackCommands').texts(), one.get('name').text());
  }
  t.comment(`udp-conntrack: ${cases.length} cases`);
  t.end();
});

t.test('probabilities as they are written', NEEDS_VECTORS, (t) => {
  const cases = loadVector('iptables-probability.json').entries();
  for (const [n, expected] of cases) t.equal(probability(Number(n)), expected.text(), `1 of ${n}`);
  t.comment(`iptables-probability: ${cases.length} cases`);
  t.end();
});
