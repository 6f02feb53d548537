/**
 * MetalLB's speakers in BGP mode (speaker/bgp_controller.go, internal/bgp/frr): which node announces which prefix to
 * whom, and the configuration of the daemon that does. MetalLB's own is FRR, which calls its peers and is not called
 * (`bgpd -p 0`), takes no routes and programs none; here it is a BIRD 2 that is told the same.
 *
 * Differs: the router id is the node's address where none is given; the hold time is FRR's 180 s where none is given.
 */

import {
  durationSeconds,
  type EndpointSlice,
  type Finding,
  finding,
  isIpv4,
  type KubeNode,
  matchesSelector,
  type MetalLbPeer,
  type Service,
  type Store,
  secretText,
} from '../../../kubernetes/index.js';
import { formatIpv4, formatPrefix, type Ipv4Addr, ipv4, ipv4Mask } from '../../../packet/index.js';
import type { BgpAdvertised, MetalLbConfiguration } from './configuration.js';
import { canServe, mayAnnounce } from './election.js';
import type { Assignment } from './speakers.js';

export interface BgpSpeakersRequest {
  readonly store: Store;
  readonly configuration: MetalLbConfiguration;
  /** By address. */
  readonly assignments: ReadonlyMap<Ipv4Addr, Assignment>;
  /** Nodes on which a speaker runs. */
  readonly nodes: ReadonlySet<string>;
  /** Brings EndpointSlices up to date, and gives those of a Service. */
  readonly slicesOf: (service: Service) => readonly EndpointSlice[];
}

/** A prefix as one node tells it: once for all addresses and advertisements that lead to it. */
interface Announced {
  readonly prefix: string;
  readonly localPref: number | undefined;
  /** Of the three kinds, in the filter language. */
  readonly communities: ReadonlySet<string>;
}

const FRR_HOLD_SECONDS = 180;
const EBGP_MULTIHOP = 255;

const isFor = ({ nodeSelectors }: Pick<BgpAdvertised, 'nodeSelectors'>, { labels }: KubeNode): boolean =>
  nodeSelectors.length === 0 || nodeSelectors.some((selector) => matchesSelector(selector, labels));

/** `64512:100`, `large:1:2:3`, or an alias that a Community has; undefined for what is none. */
function communityTerm(text: string, aliases: ReadonlyMap<string, string>): string | undefined {
  const value = aliases.get(text) ?? text;
  const large = /^large:(\d+):(\d+):(\d+)$/.exec(value);
  if (large !== null) return `bgp_large_community.add((${large.slice(1).join(', ')}))`;
  const plain = /^(\d+):(\d+)$/.exec(value);
  return plain === null ? undefined : `bgp_community.add((${plain.slice(1).join(', ')}))`;
}

export class BgpSpeakers {
  readonly #request: BgpSpeakersRequest;

  constructor(request: BgpSpeakersRequest) {
    this.#request = request;
  }

  get #peers(): readonly MetalLbPeer[] {
    return this.#request.store.list('MetalLbPeer');
  }

  /** Peers that a node's speaker calls. */
  #peersOf(node: KubeNode): readonly MetalLbPeer[] {
    return this.#peers.filter(({ spec }) => isFor(spec, node) && isIpv4(spec.peerAddress));
  }

  #node(name: string): KubeNode | undefined {
    return this.#request.nodes.has(name) ? this.#request.store.get('Node', '', name) : undefined;
  }

  /** Addresses of the peers that a node's speaker calls. */
  peerAddresses(name: string): readonly Ipv4Addr[] {
    const node = this.#node(name);
    return node === undefined
      ? []
      : this.#peersOf(node).flatMap(({ spec }) => (isIpv4(spec.peerAddress) ? spec.peerAddress : []));
  }

  // Who announces what.

  /** bgp_controller.go:ShouldAnnounce(). */
  #shouldAnnounce(node: KubeNode, service: Service): boolean {
    const local = service.spec.externalTrafficPolicy === 'Local';
    return (
      mayAnnounce(node) &&
      this.#request
        .slicesOf(service)
        .some(({ endpoints }) => endpoints.some((each) => canServe(each) && (!local || each.nodeName === node.name)))
    );
  }

  #advertised(pool: string, node: KubeNode): readonly BgpAdvertised[] {
    const { advertisements } = this.#request.configuration;
    return (advertisements.get(pool)?.bgp ?? []).filter((one) => isFor(one, node));
  }

  #services({ services }: Assignment): readonly Service[] {
    return services.flatMap(({ namespace, name }) => this.#request.store.get('Service', namespace, name) ?? []);
  }

  #announces(node: KubeNode, assignment: Assignment): boolean {
    return this.#services(assignment).some((service) => this.#shouldAnnounce(node, service));
  }

  /** Nodes that tell at least one peer of an address. */
  announcers(address: Ipv4Addr): readonly string[] {
    const assignment = this.#request.assignments.get(address);
    if (assignment === undefined) return [];
    return [...this.#request.nodes].toSorted().filter((name) => {
      const node = this.#node(name);
      if (node === undefined || !this.#announces(node, assignment)) return false;
      const told = this.#advertised(assignment.pool, node);
      return this.#peersOf(node).some((peer) =>
        told.some((one) => one.peers.length === 0 || one.peers.includes(peer.name)),
      );
    });
  }

  /** updateAds(). */
  #announced(node: KubeNode, peer: MetalLbPeer): readonly Announced[] {
    const { assignments, configuration } = this.#request;
    const found = new Map<string, Announced>();
    for (const [address, assignment] of assignments) {
      if (!this.#announces(node, assignment)) continue;
      for (const { aggregationLength, localPref, communities, peers } of this.#advertised(assignment.pool, node)) {
        if (peers.length > 0 && !peers.includes(peer.name)) continue;
        const addr = ipv4(address & ipv4Mask(aggregationLength));
        const prefix = formatPrefix({ addr, length: aggregationLength });
        const terms = communities.flatMap((text) => communityTerm(text, configuration.communities) ?? []);
        const held = found.get(prefix);
        found.set(prefix, {
          prefix,
          localPref: localPref ?? held?.localPref,
          communities: new Set([...(held?.communities ?? []), ...terms]),
        });
      }
    }
    return [...found.values()].toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1));
  }

  // The daemon.

  /** The configuration of a node's daemon, for BIRD 2; undefined where it has nobody to talk to. */
  configOf(name: string): string | undefined {
    const node = this.#node(name);
    if (node === undefined) return undefined;
    const peers = this.#peersOf(node);
    if (peers.length === 0) return undefined;
    const own = node.status.internalIPs.find(isIpv4);
    const id = peers.map(({ spec }) => spec.routerID).find((given) => given !== undefined && isIpv4(given)) ?? own;
    const sessions = peers.map((peer) => ({ peer, announced: this.#announced(node, peer) }));
    const prefixes = [...new Set(sessions.flatMap(({ announced }) => announced.map(({ prefix }) => prefix)))];
    return [
      ...(id === undefined || !isIpv4(id) ? [] : [`router id ${formatIpv4(id)};`]),
      'protocol device { }',
      'protocol static announced {',
      '  ipv4 { };',
      ...prefixes.toSorted().map((prefix) => `  route ${prefix} blackhole;`),
      '}',
      ...sessions.flatMap(({ peer, announced }, i) => this.#session(peer, announced, i)),
      '',
    ].join('\n');
  }

  #password({ spec, namespace }: MetalLbPeer): string {
    const { password, passwordSecret } = spec;
    if (password !== '' || passwordSecret === undefined || passwordSecret.name === '') return password;
    const secret = this.#request.store.get('Secret', passwordSecret.namespace || namespace, passwordSecret.name);
    return (secret && secretText(secret, 'password')) ?? '';
  }

  #session(peer: MetalLbPeer, announced: readonly Announced[], i: number): string[] {
    const { spec } = peer;
    const { myASN, peerASN, dynamicASN, peerAddress, peerPort, sourceAddress, holdTime, keepaliveTime } = spec;
    if (!isIpv4(peerAddress)) return [];
    const source = sourceAddress !== undefined && isIpv4(sourceAddress) ? ` ${formatIpv4(sourceAddress)}` : '';
    const password = this.#password(peer);
    const rules = announced.map(({ prefix, localPref, communities }) => {
      const preference = localPref === undefined ? [] : [`bgp_local_pref = ${localPref}`];
      // FRR tells a metric of 0 with every `network`.
      const changes = ['bgp_med = 0', ...preference, ...communities, 'accept'];
      return `  if net = ${prefix} then { ${changes.join('; ')}; }`;
    });
    return [
      `filter to_${i} {`,
      ...rules,
      '  reject;',
      '}',
      `protocol bgp '${peer.name}' {`,
      `  local${source} as ${myASN};`,
      `  neighbor ${formatIpv4(peerAddress)} port ${peerPort} ${dynamicASN ?? `as ${peerASN}`};`,
      `  hold time ${holdTime === undefined ? FRR_HOLD_SECONDS : durationSeconds(holdTime)};`,
      ...(keepaliveTime === undefined ? [] : [`  keepalive time ${durationSeconds(keepaliveTime)};`]),
      ...(spec.ebgpMultiHop ? [`  multihop ${EBGP_MULTIHOP};`] : []),
      ...(spec.enableGracefulRestart ? ['  graceful restart on;'] : []),
      ...(password === '' ? [] : [`  password "${password}";`]),
      `  ipv4 { import none; export filter to_${i}; next hop self; };`,
      '}',
    ];
  }

  // What is wrong with it.

  get findings(): readonly Finding[] {
    const { store, nodes } = this.#request;
    const speaking = store.list('Node').filter(({ name }) => nodes.has(name));
    return this.#peers.flatMap((peer) => {
      const told: Finding[] = [];
      const tell = (path: readonly string[], message: string, code: 'load-balancer' | 'unmodelled' = 'load-balancer') =>
        told.push(finding(peer, ['spec', ...path], { code, severity: 'warning', message }));
      const { nodeSelectors, peerAddress, bfdProfile, vrf, interface: unnumbered } = peer.spec;
      if (!speaking.some((node) => isFor(peer.spec, node)))
        tell(
          nodeSelectors.length === 0 ? [] : ['nodeSelectors'],
          'no node with a speaker is selected: no session is made',
        );
      if (!isIpv4(peerAddress))
        tell(['peerAddress'], 'sessions over IPv6 are not modelled: none is made', 'unmodelled');
      if (bfdProfile !== '')
        tell(['bfdProfile'], 'BFD is not modelled: the session lives by its own timers', 'unmodelled');
      if (vrf !== '') tell(['vrf'], 'VRFs are not modelled: the session is made in the main table', 'unmodelled');
      if (unnumbered !== '') tell(['interface'], 'unnumbered sessions are not modelled', 'unmodelled');
      return told;
    });
  }
}
