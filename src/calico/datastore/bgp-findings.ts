/**
 * What a cluster suffers from in its BGP resources: upstream takes all of this, logs a line at most, and goes
 * on without the session or the route.
 */

import {
  type BgpConfiguration,
  type BgpPeer,
  type FieldPath,
  type Finding,
  finding,
  nearMatches,
  type Store,
  type Subject,
} from '../../kubernetes/index.js';
import { parseAddress } from '../cidr.js';
import type { BgpNode } from '../confd/model.js';
import { splitHostPort } from '../host-port.js';
import { parseSelector } from '../policy/selector.js';
import { SelectorError } from '../policy/selector-tokens.js';
import { DEFAULT_BGP_CONFIGURATION, NODE_BGP_CONFIGURATION, storedBgpNodes, storedPassword } from './bgp.js';
import { storedBackend, unroutedPools } from './daemons.js';

export interface BgpFacts {
  readonly store: Store;
  readonly nodes: readonly BgpNode[];
  /** Where passwords are. */
  readonly namespace: string;
}

type Tell = (path: FieldPath, message: string) => void;

const near = (name: string, names: Iterable<string>): string => {
  const matches = nearMatches(name, names);
  return matches.length === 0 ? '' : ` (near: ${matches.join(', ')})`;
};

function matching(selector: string, nodes: readonly BgpNode[]): readonly BgpNode[] {
  try {
    const parsed = parseSelector(selector);
    return nodes.filter(({ labels }) => parsed.matches(labels));
  } catch (error) {
    if (error instanceof SelectorError) return nodes; // an error of its own
    throw error;
  }
}

/** Where the session would be made. */
function checkNearEnd({ spec }: BgpPeer, { nodes }: BgpFacts, tell: Tell): void {
  if (spec.nodeSelector !== '') {
    if (matching(spec.nodeSelector, nodes).length === 0)
      tell(['spec', 'nodeSelector'], 'it selects no node: no session is made');
  } else if (spec.node !== '' && !nodes.some(({ name }) => name === spec.node)) {
    const hint = near(
      spec.node,
      nodes.map(({ name }) => name),
    );
    tell(['spec', 'node'], `there is no node ${spec.node}${hint}: no session is made`);
  }
}

function checkAddress({ spec }: BgpPeer, tell: Tell): void {
  const address = parseAddress(splitHostPort(spec.peerIP).host);
  if (address === undefined) {
    const message = spec.peerIP === '' ? 'it names no other end' : `"${spec.peerIP}" is no address`;
    tell(['spec', 'peerIP'], `${message}: no session is made`);
    return;
  }
  const gateway = spec.reachableBy === undefined ? undefined : parseAddress(spec.reachableBy);
  if (gateway !== undefined && gateway.version !== address.version)
    tell(['spec', 'reachableBy'], 'it is of another family than peerIP: no session is made');
  if (spec.asNumber === undefined)
    tell(['spec', 'peerIP'], 'no asNumber is given: the other end is taken to be in AS 0');
}

/** Where the session would lead. */
function checkFarEnd(peer: BgpPeer, { nodes }: BgpFacts, tell: Tell): void {
  const { peerSelector, localWorkloadSelector } = peer.spec;
  if (localWorkloadSelector !== '') return;
  if (peerSelector === '') checkAddress(peer, tell);
  else if (matching(peerSelector, nodes).length === 0)
    tell(['spec', 'peerSelector'], 'it selects no node: no session is made');
}

function checkPassword(reference: BgpPeer['spec']['password'], facts: BgpFacts, path: FieldPath, tell: Tell): void {
  const secret = reference?.secretKeyRef;
  if (secret === undefined || storedPassword(facts.store, facts.namespace, secret) !== undefined) return;
  const name = `Secret ${facts.namespace}/${secret.name}`;
  tell(path, `${name} with key ${secret.key} is not there: the session goes without a password`);
}

function checkFilters({ spec }: BgpPeer, { store }: BgpFacts, tell: Tell): void {
  const names = store.list('BGPFilter').map(({ name }) => name);
  spec.filters.forEach((filter, i) => {
    if (!names.includes(filter))
      tell(['spec', 'filters', i], `there is no BGPFilter ${filter}${near(filter, names)}: it is passed over`);
  });
}

function peerFindings(peer: BgpPeer, facts: BgpFacts): Finding[] {
  const findings: Finding[] = [];
  const collect =
    (code: 'bgp-peer-selects-nothing' | 'bgp-setting'): Tell =>
    (path, message) =>
      findings.push(finding(peer, path, { code, severity: 'warning', message }));
  checkNearEnd(peer, facts, collect('bgp-peer-selects-nothing'));
  checkFarEnd(peer, facts, collect('bgp-peer-selects-nothing'));
  checkPassword(peer.spec.password, facts, ['spec', 'password'], collect('bgp-setting'));
  checkFilters(peer, facts, collect('bgp-setting'));
  return findings;
}

/** Fields that confd reads of the general configuration only. */
const GENERAL_FIELDS = ['asNumber', 'nodeMeshPassword', 'nodeMeshMaxRestartTime', 'programClusterRoutes'] as const;
const GENERAL_LISTS = [
  'serviceClusterIPs',
  'serviceExternalIPs',
  'serviceLoadBalancerIPs',
  'ignoredInterfaces',
] as const;

function checkOfNode({ name, spec }: BgpConfiguration, { nodes }: BgpFacts, tell: Tell): void {
  const node = name.slice(NODE_BGP_CONFIGURATION.length);
  if (!nodes.some((one) => one.name === node))
    tell(
      ['metadata', 'name'],
      `there is no node ${node}${near(
        node,
        nodes.map((one) => one.name),
      )}: nobody reads it`,
    );
  for (const field of GENERAL_FIELDS)
    if (spec[field] !== undefined) tell(['spec', field], 'it counts in the configuration "default" only');
  for (const field of GENERAL_LISTS)
    if (spec[field].length > 0) tell(['spec', field], 'it counts in the configuration "default" only');
}

const COMMUNITY = /^\d+:\d+(:\d+)?$/;

function checkCommunities({ spec }: BgpConfiguration, tell: Tell): void {
  const names = spec.communities.map(({ name }) => name);
  spec.prefixAdvertisements.forEach(({ communities }, i) => {
    communities.forEach((community, j) => {
      if (COMMUNITY.test(community) || names.includes(community)) return;
      const message = `there is no community ${community}${near(community, names)}: it is not added`;
      tell(['spec', 'prefixAdvertisements', i, 'communities', j], message);
    });
  });
}

function configurationFindings(configuration: BgpConfiguration, facts: BgpFacts): Finding[] {
  const findings: Finding[] = [];
  const tell: Tell = (path, message) =>
    findings.push(finding(configuration, path, { code: 'bgp-setting', severity: 'warning', message }));
  const { name, spec } = configuration;
  if (name === DEFAULT_BGP_CONFIGURATION) {
    checkPassword(spec.nodeMeshPassword, facts, ['spec', 'nodeMeshPassword'], tell);
    const lists = [spec.serviceLoadBalancerIPs];
    if (lists.some((blocks) => blocks.length > 0 && blocks.every(({ cidr }) => cidr === undefined)))
      tell(
        ['spec', 'serviceLoadBalancerIPs'],
        'no entry has a CIDR: the file of a route reflector is one that BIRD refuses',
      );
  } else if (name.startsWith(NODE_BGP_CONFIGURATION)) checkOfNode(configuration, facts, tell);
  else tell(['metadata', 'name'], 'only "default" and "node.<name>" are read: it has no effect');
  checkCommunities(configuration, tell);
  return findings;
}

/** In a mesh each end takes a node without an AS to be in its own: between unlike nodes no session comes up. */
function meshFindings({ store, nodes }: BgpFacts): Finding[] {
  const configuration = store.get('BGPConfiguration', '', DEFAULT_BGP_CONFIGURATION)?.spec;
  if (configuration?.nodeToNodeMeshEnabled === false) return [];
  const inMesh = nodes.filter(
    (node) => node.routeReflectorClusterId === '' && (node.ipv4Address ?? node.ipv6Address) !== undefined,
  );
  const general = configuration?.asNumber ?? 64_512;
  const silent = inMesh.find(({ asNumber }) => asNumber === undefined);
  if (silent === undefined) return [];
  return inMesh.flatMap(({ name, asNumber }) => {
    if (asNumber === undefined || asNumber === general) return [];
    const subject: Subject | undefined = store.get('CalicoNode', '', name) ?? store.get('Node', '', name);
    if (subject === undefined) return [];
    const message = `its AS ${asNumber} is not told to nodes that name none, such as ${silent.name}: each takes the other for its own AS, and their mesh session ends`;
    return [finding(subject, [], { code: 'bgp-setting', severity: 'warning', message })];
  });
}

/** BGPPeers where no BIRD runs. */
function backendFindings({ store, nodes }: BgpFacts): Finding[] {
  const [first] = nodes;
  const backend = first === undefined ? 'bird' : storedBackend(store, first.name);
  if (backend === 'bird') return [];
  const message = `BIRD does not run here, the networking backend is ${backend}: it has no effect`;
  return store.list('BGPPeer').map((peer) => finding(peer, [], { code: 'bgp-setting', severity: 'warning', message }));
}

/** Pools that want BIRD where none runs. */
const unroutedFindings = ({ store }: BgpFacts): Finding[] =>
  unroutedPools(store).flatMap(({ name }) => {
    const pool = store.get('IPPool', '', name);
    if (pool === undefined || store.list('Node').length < 2) return [];
    const message =
      'its routes between nodes are BIRD’s, which does not run here, since the networking backend is vxlan: pods of it are not reached from other nodes';
    return [finding(pool, ['spec', 'vxlanMode'], { code: 'bgp-setting', severity: 'warning', message })];
  });

/** Everything of that kind in the store. */
export function bgpFindings(store: Store, namespace: string): Finding[] {
  const facts: BgpFacts = { store, nodes: storedBgpNodes(store), namespace };
  return [
    ...backendFindings(facts),
    ...unroutedFindings(facts),
    ...store.list('BGPPeer').flatMap((peer) => peerFindings(peer, facts)),
    ...store.list('BGPConfiguration').flatMap((configuration) => configurationFindings(configuration, facts)),
    ...meshFindings(facts),
  ];
}
