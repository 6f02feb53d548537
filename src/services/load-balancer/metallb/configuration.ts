/** MetalLB's objects as its controller and speakers understand them (internal/config/config.go). */

import {
  append,
  type BgpAdvertisement,
  type Finding,
  finding,
  type IpAddressPool,
  type KubeNode,
  type L2Advertisement,
  type LabelSelector,
  type Labels,
  matchesSelector,
  nearMatches,
  type Store,
} from '../../../kubernetes/index.js';
import { parseAddressRange } from '../address-range.js';
import type { Pool } from '../allocator.js';

/** An L2Advertisement as far as it speaks of one pool. */
export interface Layer2 {
  readonly nodeSelectors: readonly LabelSelector[];
  /** None: every interface. */
  readonly interfaces: readonly string[];
}

/** A BGPAdvertisement as far as it speaks of one pool. */
export interface BgpAdvertised {
  readonly nodeSelectors: readonly LabelSelector[];
  /** Names of BGPPeers; none: every one. */
  readonly peers: readonly string[];
  readonly aggregationLength: number;
  readonly localPref: number | undefined;
  readonly communities: readonly string[];
}

export interface PoolAdvertisements {
  readonly layer2: readonly Layer2[];
  readonly bgp: readonly BgpAdvertised[];
}

export interface MetalLbConfiguration {
  readonly pools: readonly Pool[];
  readonly advertisements: ReadonlyMap<string, PoolAdvertisements>;
  /** Values of communities by their names. */
  readonly communities: ReadonlyMap<string, string>;
  readonly findings: readonly Finding[];
}

/** poolsFromCR(): the ranges that can be understood here. */
function poolOf(object: IpAddressPool, findings: Finding[]): Pool {
  const ranges = object.spec.addresses.flatMap((text, i) => {
    const range = parseAddressRange(text);
    if (range !== undefined) return [range];
    const message = text.includes(':')
      ? 'IPv6 is not modelled in the kernel yet: nobody gets an address of this range'
      : `"${text}" is no range of addresses: MetalLB refuses the configuration`;
    const severity = text.includes(':') ? 'notice' : 'warning';
    findings.push(finding(object, ['spec', 'addresses', i], { code: 'load-balancer', severity, message }));
    return [];
  });
  const { autoAssign, avoidBuggyIPs, serviceAllocation } = object.spec;
  return { name: object.name, ranges, autoAssign, avoidBuggyIps: avoidBuggyIPs, allocation: serviceAllocation };
}

/** setL2AdvertisementsToPools(), setBGPAdvertisementsToPools(): by name and by label; neither is every pool. */
function speaksOf({ spec }: L2Advertisement | BgpAdvertisement, pool: IpAddressPool): boolean {
  const { ipAddressPools, ipAddressPoolSelectors } = spec;
  if (ipAddressPools.length === 0 && ipAddressPoolSelectors.length === 0) return true;
  return (
    ipAddressPools.includes(pool.name) ||
    ipAddressPoolSelectors.some((selector) => matchesSelector(selector, pool.labels))
  );
}

/** MetalLB reads the objects of its own namespace alone: the one where the pools are. */
export function metalLbConfiguration(store: Store): MetalLbConfiguration {
  const findings: Finding[] = [];
  const objects = store.list('IPAddressPool');
  const advertisements = new Map<string, PoolAdvertisements>();
  for (const object of objects) {
    const layer2 = store
      .list('L2Advertisement', object.namespace)
      .filter((one) => speaksOf(one, object))
      .map(({ spec: { nodeSelectors, interfaces } }) => ({ nodeSelectors, interfaces }));
    const bgp = store.list('BGPAdvertisement', object.namespace).filter((one) => speaksOf(one, object));
    advertisements.set(object.name, { layer2, bgp: bgp.map(({ spec }) => spec) });
    if (layer2.length === 0 && bgp.length === 0) {
      const message =
        'no L2Advertisement and no BGPAdvertisement speaks of it: its addresses are given, and nobody answers for them';
      findings.push(finding(object, [], { code: 'load-balancer', severity: 'warning', message }));
    }
  }
  append(
    findings,
    store.list('BGPAdvertisement').flatMap((object) => advertisementFindings(store, object)),
  );
  const communities = new Map(
    store.list('Community').flatMap(({ spec }) => spec.communities.map(({ name, value }) => [name, value] as const)),
  );
  const pools = objects.map((object) => poolOf(object, findings));
  return { pools, advertisements, communities, findings };
}

/** Whom it is to be told, and that there is somebody. */
function advertisementFindings(store: Store, object: BgpAdvertisement): Finding[] {
  const peers = store.list('MetalLbPeer', object.namespace).map(({ name }) => name);
  if (peers.length === 0) {
    const message = 'there is no BGPPeer: no router learns of its addresses';
    return [finding(object, [], { code: 'load-balancer', severity: 'warning', message })];
  }
  return object.spec.peers.flatMap((name, i) => {
    if (peers.includes(name)) return [];
    const near = nearMatches(name, peers);
    const message = `there is no BGPPeer ${name}${near.length === 0 ? '' : ` (near: ${near.join(', ')})`}: it is told nothing`;
    return [finding(object, ['spec', 'peers', i], { code: 'load-balancer', severity: 'warning', message })];
  });
}

/** poolMatchesNodeL2(). */
const isSelected = ({ nodeSelectors }: Layer2, labels: Labels): boolean =>
  nodeSelectors.length === 0 || nodeSelectors.some((selector) => matchesSelector(selector, labels));

/** The interfaces by which a node answers; undefined for none, `all` for every one. */
export function interfacesOf(layer2: readonly Layer2[], { labels }: KubeNode): ReadonlySet<string> | 'all' | undefined {
  const own = layer2.filter((one) => isSelected(one, labels));
  if (own.length === 0) return undefined;
  return own.some(({ interfaces }) => interfaces.length === 0) ? 'all' : new Set(own.flatMap((one) => one.interfaces));
}
