/** BGP's resources out of the store, as confd takes them. */

import type {
  BgpConfiguration as StoredConfiguration,
  BgpFilter as StoredFilter,
  BgpFilterRule as StoredRule,
  BgpPeer as StoredPeer,
  CalicoNodeView,
  Store,
} from '../../kubernetes/index.js';
import { calicoNodes, durationSeconds, secretText } from '../../kubernetes/index.js';
import type {
  BgpBlock,
  BgpConfiguration,
  BgpFilter,
  BgpFilterOperation,
  BgpFilterRule,
  BgpNode,
  BgpPeer,
  LocalWorkloadPeer,
  SecretKey,
} from '../confd/model.js';
import { parseCidr } from '../cidr.js';
import type { IpamStore } from '../ipam/store.js';
import type { WorkloadEndpoint } from '../model.js';
import { type Labels, parseSelector } from '../policy/selector.js';
import { SelectorError } from '../policy/selector-tokens.js';
import { cidrFromStore } from './addresses.js';
import { storedEndpoints, storedProfiles } from './resources.js';

const bgpNode = ({ name, labels, bgp }: CalicoNodeView): BgpNode => ({
  name,
  labels,
  ...(bgp?.ipv4Address && { ipv4Address: cidrFromStore(bgp.ipv4Address) }),
  ...(bgp?.ipv6Address && { ipv6Address: cidrFromStore(bgp.ipv6Address) }),
  ...(bgp?.asNumber !== undefined && { asNumber: bgp.asNumber }),
  routeReflectorClusterId: bgp?.routeReflectorClusterID ?? '',
});

/** By name. */
export const storedBgpNodes = (store: Store): BgpNode[] => calicoNodes(store).map(bgpNode);

type StoredPassword = StoredPeer['spec']['password'];

function secretKey(password: StoredPassword): SecretKey | undefined {
  const reference = password?.secretKeyRef;
  return reference && { name: reference.name, key: reference.key };
}

const DEFAULT_ROUTE_PRIORITY = 1024;

function configurationOf({ spec }: StoredConfiguration): BgpConfiguration {
  const password = secretKey(spec.nodeMeshPassword);
  return {
    logSeverityScreen: spec.logSeverityScreen,
    nodeToNodeMeshEnabled: spec.nodeToNodeMeshEnabled,
    ...(spec.asNumber !== undefined && { asNumber: spec.asNumber }),
    ...(spec.listenPort !== undefined && { listenPort: spec.listenPort }),
    bindMode: spec.bindMode,
    ignoredInterfaces: spec.ignoredInterfaces,
    communities: spec.communities,
    prefixAdvertisements: spec.prefixAdvertisements,
    ...(password && { nodeMeshPassword: password }),
    ...(spec.nodeMeshMaxRestartTime !== undefined && {
      nodeMeshMaxRestartSeconds: durationSeconds(spec.nodeMeshMaxRestartTime),
    }),
    programClusterRoutes: spec.programClusterRoutes !== 'Disabled',
    normalRoutePriority: {
      4: spec.ipv4NormalRoutePriority ?? DEFAULT_ROUTE_PRIORITY,
      6: spec.ipv6NormalRoutePriority ?? DEFAULT_ROUTE_PRIORITY,
    },
    serviceClusterCidrs: spec.serviceClusterIPs.map(({ cidr }) => cidr),
    serviceExternalCidrs: spec.serviceExternalIPs.map(({ cidr }) => cidr),
    serviceLoadBalancerCidrs: spec.serviceLoadBalancerIPs.map(({ cidr }) => cidr),
    aggregateLoadBalancers: spec.serviceLoadBalancerAggregation === 'Enabled',
  };
}

export const DEFAULT_BGP_CONFIGURATION = 'default';
export const NODE_BGP_CONFIGURATION = 'node.';

export function storedBgpConfiguration(store: Store): BgpConfiguration | undefined {
  const found = store.get('BGPConfiguration', '', DEFAULT_BGP_CONFIGURATION);
  return found && configurationOf(found);
}

/** By node. */
export const storedNodeConfigurations = (store: Store): ReadonlyMap<string, BgpConfiguration> =>
  new Map(
    store
      .list('BGPConfiguration')
      .filter(({ name }) => name.startsWith(NODE_BGP_CONFIGURATION))
      .map((object) => [object.name.slice(NODE_BGP_CONFIGURATION.length), configurationOf(object)]),
  );

function peerOf({ name, spec }: StoredPeer): BgpPeer {
  const password = secretKey(spec.password);
  return {
    name,
    node: spec.node,
    nodeSelector: spec.nodeSelector,
    peerIp: spec.peerIP,
    peerSelector: spec.peerSelector,
    localWorkloadSelector: spec.localWorkloadSelector,
    asNumber: spec.asNumber ?? 0,
    ...(spec.localASNumber !== undefined && { localAsNumber: spec.localASNumber }),
    keepOriginalNextHop: spec.keepOriginalNextHop,
    ...(spec.nextHopMode !== undefined && { nextHopMode: spec.nextHopMode }),
    ...(password && { password }),
    sourceAddress: spec.sourceAddress,
    ...(spec.maxRestartTime !== undefined && { maxRestartSeconds: durationSeconds(spec.maxRestartTime) }),
    ...(spec.keepaliveTime !== undefined && { keepaliveSeconds: durationSeconds(spec.keepaliveTime) }),
    numAllowedLocalAsNumbers: spec.numAllowedLocalASNumbers ?? 0,
    ttlSecurity: spec.ttlSecurity ?? 0,
    reachableBy: spec.reachableBy ?? '',
    filters: spec.filters,
    reversePeering: spec.reversePeering ?? 'Auto',
  };
}

/** By name. */
export const storedBgpPeers = (store: Store): BgpPeer[] => store.list('BGPPeer').map(peerOf);

/** The one thing that an operation does; the first where there are several, as upstream takes them. */
function operationOf({
  addCommunity,
  prependASPath,
  setPriority,
}: StoredRule['operations'][number]): BgpFilterOperation[] {
  if (addCommunity !== undefined) return [{ kind: 'add-community', community: addCommunity.value }];
  if (prependASPath !== undefined) return [{ kind: 'prepend-as-path', prefix: prependASPath.prefix }];
  return setPriority === undefined ? [] : [{ kind: 'set-priority', priority: setPriority.value }];
}

function ruleOf(rule: StoredRule): BgpFilterRule {
  const { cidr, prefixLength, source, matchOperator, peerType, priority } = rule;
  return {
    ...(cidr !== undefined && { cidr }),
    ...(prefixLength !== undefined && {
      prefixLength: {
        ...(prefixLength.min !== undefined && { min: prefixLength.min }),
        ...(prefixLength.max !== undefined && { max: prefixLength.max }),
      },
    }),
    ...(source !== undefined && { source }),
    interface: rule.interface,
    ...(matchOperator !== undefined && { matchOperator }),
    ...(peerType !== undefined && { peerType }),
    communities: rule.communities?.values ?? [],
    asPathPrefix: rule.asPathPrefix,
    ...(priority !== undefined && { priority }),
    action: rule.action,
    operations: rule.operations.flatMap(operationOf),
  };
}

const filterOf = ({ name, spec }: StoredFilter): BgpFilter => ({
  name,
  import: { 4: spec.importV4.map(ruleOf), 6: spec.importV6.map(ruleOf) },
  export: { 4: spec.exportV4.map(ruleOf), 6: spec.exportV6.map(ruleOf) },
});

/** By name. */
export const storedBgpFilters = (store: Store): BgpFilter[] => store.list('BGPFilter').map(filterOf);

/** Blocks by node: those of IPAM, or with `usePodCidr` the nodes' own ranges. */
export function bgpBlocks(
  ipam: IpamStore,
  store: Store,
  { usePodCidr }: { readonly usePodCidr: boolean },
): ReadonlyMap<string, readonly BgpBlock[]> {
  if (usePodCidr) {
    return new Map(
      store
        .list('Node')
        .map(({ name, spec }) => [
          name,
          spec.podCIDRs.map((cidr): BgpBlock => ({ cidr: cidrFromStore(cidr), state: 'confirmed' })),
        ]),
    );
  }
  const blocks = new Map<string, BgpBlock[]>();
  for (const { owner, cidr, state, implicit } of ipam.affinities()) {
    if (owner.type !== 'host') continue;
    const held = blocks.get(owner.host) ?? [];
    held.push({ cidr, state: implicit === true ? '' : state });
    blocks.set(owner.host, held);
  }
  return blocks;
}

export function storedPassword(store: Store, namespace: string, { name, key }: SecretKey): string | undefined {
  const secret = store.get('Secret', namespace, name);
  return secret && secretText(secret, key);
}

function selects(selector: string, labels: (name: string) => string | undefined): boolean {
  try {
    return parseSelector(selector).matchesLookup(labels);
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    return false;
  }
}

const own = (labels: Labels, name: string): string | undefined =>
  Object.hasOwn(labels, name) ? labels[name] : undefined;

/** Pods that a BGPPeer of their node peers with: of several the lowest name; felix/calc/active_bpgpeer_calculator.go. */
export function storedWorkloadPeers(store: Store): ReadonlyMap<string, readonly LocalWorkloadPeer[]> {
  const peers = storedBgpPeers(store).filter(({ localWorkloadSelector }) => localWorkloadSelector !== '');
  const found = new Map<string, LocalWorkloadPeer[]>();
  if (peers.length === 0) return found;
  const profiles = new Map(storedProfiles(store).map((profile) => [profile.name, profile.labelsToApply]));
  const nodes = new Map(storedBgpNodes(store).map((node) => [node.name, node]));
  for (const endpoint of storedEndpoints(store)) {
    const node = nodes.get(endpoint.node);
    const lookup = labelLookup(endpoint, profiles);
    const peer = peers.find(
      (one) => isAt(one, endpoint.node, node?.labels ?? {}) && selects(one.localWorkloadSelector, lookup),
    );
    if (peer === undefined) continue;
    const ipv4 = endpoint.networks.find(({ version }) => version === 4);
    const ipv6 = endpoint.networks.find(({ version }) => version === 6);
    const workload = { bgpPeer: peer.name, ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
    found.set(endpoint.node, [...(found.get(endpoint.node) ?? []), workload]);
  }
  return found;
}

const isAt = ({ node, nodeSelector }: BgpPeer, name: string, labels: Labels): boolean =>
  node === '' ? selects(nodeSelector, (label) => own(labels, label)) : node === name;

/** A workload's own labels, then those of its profiles. */
function labelLookup({ labels, profiles }: WorkloadEndpoint, known: ReadonlyMap<string, Labels>) {
  return (name: string): string | undefined => {
    const found = own(labels, name);
    if (found !== undefined) return found;
    for (const profile of profiles) {
      const inherited = own(known.get(profile) ?? {}, name);
      if (inherited !== undefined) return inherited;
    }
    return undefined;
  };
}

/** Endpoint status as Felix writes it to /var/run/calico/endpoint-status, one file a workload. */
export function parseEndpointStatus(text: string): LocalWorkloadPeer | undefined {
  const status: unknown = JSON.parse(text);
  if (typeof status !== 'object' || status === null) return undefined;
  const { bgpPeerName, ipv4Nets, ipv6Nets } = status as Record<string, unknown>;
  const first = (nets: unknown) =>
    Array.isArray(nets) && typeof nets[0] === 'string' ? parseCidr(nets[0]) : undefined;
  if (typeof bgpPeerName !== 'string' || bgpPeerName === '') return undefined;
  const [ipv4, ipv6] = [first(ipv4Nets), first(ipv6Nets)];
  return { bgpPeer: bgpPeerName, ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
}
