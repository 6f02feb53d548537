/** What Calico's API refuses of its objects though they could do something: told with its place, and taken all the same. */

import t from 'tap';
import { load } from './cluster-text.js';

const object = (kind: string, spec: object, name = 'one') => ({
  apiVersion: 'projectcalico.org/v3',
  kind,
  metadata: { name, ...(/^(Staged)?Network/.test(kind) && { namespace: 'default' }) },
  spec,
});

/** `spec.asNumber: expected …`. */
function refusedOf(kind: string, spec: object, name?: string): string[] {
  const { errors, refusals } = load(object(kind, spec, name));
  t.same(errors, []);
  return refusals.map(({ path, expected }) => `${path}: ${expected}`).sort();
}

const NETWORK = 'a network, without bits behind its length';
const rule = (fields: object) => ({ ingress: [{ action: 'Allow', ...fields }] });
const filter = (fields: object) => ({ importV4: [{ action: 'Accept', ...fields }] });
const advertise = (...communities: string[]) => ({ prefixAdvertisements: [{ cidr: '10.0.0.0/8', communities }] });

/** All of these were given to validator.Validate() of v3.32.1, which refuses each, and takes those without a complaint here. */
const CASES: readonly (readonly [kind: string, spec: object, ...told: string[]])[] = [
  ['GlobalNetworkPolicy', rule({ source: { nets: ['10.1.2.3/8'] } }), `spec.ingress[0].source.nets[0]: ${NETWORK}`],
  [
    'GlobalNetworkPolicy',
    rule({ source: { notNets: ['fd00::/64', 'fd00::1/64'] } }),
    `spec.ingress[0].source.notNets[1]: ${NETWORK}`,
  ],
  ['GlobalNetworkPolicy', rule({ source: { nets: ['10.0.0.0/8', '10.1.2.3/32'] } })],
  [
    'GlobalNetworkPolicy',
    rule({ source: { services: { name: '', namespace: 'x' } } }),
    'spec.ingress[0].source.services.name: the name of the Service',
  ],
  [
    'GlobalNetworkPolicy',
    rule({ protocol: 'TCP', destination: { ports: ['http', 'Has_Caps'] } }),
    'spec.ingress[0].destination.ports[1]: a name of a port, such as http',
  ],
  [
    'NetworkPolicy',
    { egress: [{ action: 'Allow' }, { action: 'Allow', http: { methods: ['GET'] } }] },
    'spec.egress[1].http: no http in egress rules',
  ],
  ['GlobalNetworkPolicy', { performanceHints: ['AssumeNeededOnEveryNode'] }],
  ['GlobalNetworkPolicy', { performanceHints: ['Fast'] }, 'spec.performanceHints[0]: AssumeNeededOnEveryNode, once'],
  ['StagedGlobalNetworkPolicy', { stagedAction: 'Delete', tier: 'default' }],
  [
    'StagedGlobalNetworkPolicy',
    { stagedAction: 'Delete', selector: 'all()', order: 1 },
    'spec.order: nothing but tier where stagedAction is Delete',
    'spec.selector: nothing but tier where stagedAction is Delete',
  ],
  [
    'HostEndpoint',
    { node: 'n', interfaceName: 'eth*', ports: [{ name: 'A b', port: 5, protocol: 'ICMP' }] },
    'spec.interfaceName: the name of an interface, or *',
    'spec.ports[0].name: a name of a port, such as http',
    'spec.ports[0].protocol: one of TCP, UDP, SCTP',
  ],
  ['HostEndpoint', { node: 'n', interfaceName: '*', ports: [{ name: 'http', port: 5, protocol: 'UDP' }] }],
  [
    'BGPConfiguration',
    { ...advertise('a', '65000:70000'), communities: [{ name: 'a', value: '65536:1' }] },
    'spec.communities[0].value: a community of numbers up to 65535',
    'spec.prefixAdvertisements[0].communities[1]: a community of numbers up to 65535',
  ],
  ['BGPConfiguration', { ...advertise('a', '1:2:70000'), communities: [{ name: 'a', value: '65535:1' }] }],
  [
    'BGPConfiguration',
    { communities: [{ name: 'a', value: '1:2:4294967296' }] },
    'spec.communities[0].value: a community of numbers up to 4294967295',
    'spec.communities: nothing where there are no prefixAdvertisements',
  ],
  [
    'BGPConfiguration',
    { serviceClusterIPs: [{ cidr: '10.96.0.1/12' }], prefixAdvertisements: [{ cidr: '10.0.0.1/8', communities: [] }] },
    `spec.prefixAdvertisements[0].cidr: ${NETWORK}`,
    `spec.serviceClusterIPs[0].cidr: ${NETWORK}`,
  ],
  [
    'BGPConfiguration',
    { ignoredInterfaces: ['eth*', '*', 'a b'] },
    'spec.ignoredInterfaces[1]: the name of an interface, or a part of it with *',
    'spec.ignoredInterfaces[2]: the name of an interface, or a part of it with *',
  ],
  [
    'BGPConfiguration',
    { logSeverityScreen: 'info' },
    'spec.logSeverityScreen: one of Trace, Debug, Info, Warning, Error, Fatal',
  ],
  [
    'BGPConfiguration',
    { nodeToNodeMeshEnabled: false, nodeMeshMaxRestartTime: '120s', localWorkloadPeeringIPV4: 'fd00::1' },
    'spec.nodeMeshMaxRestartTime: nothing where nodeToNodeMeshEnabled is false',
    'spec.localWorkloadPeeringIPV4: an IPv4 address',
  ],
  [
    'BGPPeer',
    { peerIP: '192.0.2.1', asNumber: 1, keepOriginalNextHop: true, nextHopMode: 'Self' },
    'spec.keepOriginalNextHop: false where nextHopMode is set',
  ],
  [
    'BGPPeer',
    { peerSelector: 'all()', reachableBy: '192.0.2.1' },
    'spec.reachableBy: nothing where there is no peerIP',
  ],
  ['BGPFilter', filter({ cidr: '10.0.0.0/8', matchOperator: 'In', prefixLength: { min: 16, max: 24 } })],
  [
    'BGPFilter',
    filter({ matchOperator: 'In', prefixLength: { min: 3 } }),
    'spec.importV4[0].matchOperator: nothing where there is no cidr',
    'spec.importV4[0].prefixLength: nothing where there is no cidr',
  ],
  ['BGPFilter', filter({ cidr: 'fd00::/8', matchOperator: 'In' }), 'spec.importV4[0].cidr: an IPv4 CIDR'],
  ['BGPFilter', filter({ cidr: '10.0.0.1/8', matchOperator: 'In' }), `spec.importV4[0].cidr: ${NETWORK}`],
  [
    'BGPFilter',
    filter({ cidr: '10.0.0.0/8', matchOperator: 'In', prefixLength: { min: 33 } }),
    'spec.importV4[0].prefixLength.min: a length from 0 to 32',
  ],
  [
    'BGPFilter',
    filter({ interface: 'e e' }),
    'spec.importV4[0].interface: the name of an interface, or a part of it with *',
  ],
  [
    'BGPFilter',
    filter({ operations: [{ setPriority: { value: 5 } }, {}] }),
    'spec.importV4[0].operations[1]: one of addCommunity, prependASPath and setPriority',
  ],
];

t.test('what Calico’s validator refuses is told where it stands, and taken', async (t) => {
  for (const [kind, spec, ...told] of CASES)
    t.same(refusedOf(kind, spec), told.toSorted(), `${kind} ${JSON.stringify(spec)}`);
});

t.test('a tier that is there from the start keeps its order, and a tier’s name fits in a label', async (t) => {
  const tier = (name: string, spec: object = {}) => refusedOf('Tier', spec, name);
  t.same(tier('default'), []);
  t.same(tier('default', { order: 5 }), ['spec.order: 1000000 in the tier default']);
  t.same(tier('kube-admin', { defaultAction: 'Pass' }), ['spec.order: 1000 in the tier kube-admin']);
  t.same(tier('kube-admin', { order: 1000, defaultAction: 'Pass' }), []);
  const NAME = 'metadata.name: up to 63 of a-z, 0-9 and -, for it is a part of labels';
  t.same(tier('a.b'), [NAME]);
  t.same(tier('x'.repeat(64)), [NAME]);
  t.same(tier('x'.repeat(63)), []);
});
