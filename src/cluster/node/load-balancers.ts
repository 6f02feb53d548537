/** Who leads packets for the addresses of Services of the type LoadBalancer to nodes: a cloud's machine, or MetalLB's speakers. */

import { type Emulation, type Host, type Netns, NS_PER_S } from '../../kernel/index.js';
import {
  type EndpointSlice,
  type Finding,
  finding,
  isFinished,
  isIpv4,
  labelOf,
  type Service,
  type Store,
} from '../../kubernetes/index.js';
import { formatIpv4, type Ipv4Addr } from '../../packet/index.js';
import { type Assignment, Balancer, BgpSpeakers, frontOf, Speakers, targetsOf } from '../../services/index.js';
import type { InterfacePlan, LoadBalancerSpec, MachinePlan } from '../../underlay/index.js';
import type { PhysicalNetworkObject } from '../input/documents.js';
import type { LoadBalancerAddresses } from '../addresses/load-balancer-addresses.js';

export interface LoadBalancersRequest {
  readonly store: Store;
  readonly emulation: Emulation;
  readonly document: PhysicalNetworkObject | undefined;
  readonly addresses: LoadBalancerAddresses;
  readonly writeEndpoints: () => void;
  readonly report: (findings: readonly Finding[]) => void;
  /** A machine, built now if nobody asked for it before. */
  readonly hostOf: (name: string) => Host | undefined;
}

/** `quay.io/metallb/speaker:v0.14.9`, `bitnami/metallb-speaker`. */
const SPEAKER_IMAGE = /metallb[-/]speaker(?:[:@]|$)/;

/** How long all checks may take until they have come to something. */
const settleNs = ({ healthCheck }: LoadBalancerSpec): number => {
  const { intervalSeconds, timeoutSeconds, healthyThreshold, unhealthyThreshold } = healthCheck;
  return ((healthyThreshold + unhealthyThreshold) * intervalSeconds + timeoutSeconds) * NS_PER_S;
};

export class LoadBalancers {
  readonly #request: LoadBalancersRequest;
  readonly #speakers: Speakers | undefined;
  readonly #bgp: BgpSpeakers | undefined;
  /** The pool of each address and the Services that have it. */
  readonly #assignments: Map<Ipv4Addr, Assignment>;
  readonly #speakersAssumed: boolean;
  #balancer: Balancer | undefined = undefined;
  /** Time passes, and checks with it. */
  #isLive = false;

  constructor(request: LoadBalancersRequest) {
    this.#request = request;
    const { store, addresses, hostOf } = request;
    const { metalLb } = addresses;
    const assignments = new Map(addresses.assignments);
    this.#assignments = assignments;
    const named = speakerNodes(store);
    this.#speakersAssumed = metalLb !== undefined && named.size === 0;
    const speaking = metalLb && {
      store,
      configuration: metalLb,
      assignments,
      nodes: this.#speakersAssumed ? new Set(store.list('Node').map(({ name }) => name)) : named,
      slicesOf: (service: Service) => this.#slicesOf(service),
    };
    const netnsOf = (node: string): Netns | undefined => hostOf(node)?.netns;
    this.#speakers = speaking && new Speakers({ ...speaking, netnsOf });
    this.#bgp = speaking && new BgpSpeakers(speaking);
  }

  get #spec(): LoadBalancerSpec | undefined {
    return this.#request.document?.body.spec.loadBalancer;
  }

  /** What is assumed of MetalLB. */
  get findings(): readonly Finding[] {
    const [pool] = this.#request.store.list('IPAddressPool');
    const wrong = this.#bgp?.findings ?? [];
    if (!this.#speakersAssumed || pool === undefined) return wrong;
    const message = "no pod runs MetalLB's speaker: one is assumed on every node";
    return [finding(pool, [], { code: 'load-balancer', severity: 'notice', message }), ...wrong];
  }

  #slicesOf({ namespace, name }: Service): readonly EndpointSlice[] {
    this.#request.writeEndpoints();
    return this.#request.store
      .list('EndpointSlice', namespace)
      .filter(({ labels }) => labelOf(labels, 'kubernetes.io/service-name') === name);
  }

  /** Whether a machine that nobody has built yet would answer ARP for an address that is not its own. */
  announces({ name, role }: MachinePlan, nic: InterfacePlan, address: Ipv4Addr): boolean {
    if (!this.#assignments.has(address)) return false;
    if (role === 'balancer') return true;
    return role === 'node' && this.#speakers?.answersFor(name, nic.name, address) === true;
  }

  /** Before a node's pods start: the speaker has its port first. */
  equipNode(host: Host): void {
    this.#speakers?.start(host.netns);
  }

  equipBalancer(host: Host): void {
    const { store, document, report } = this.#request;
    const spec = this.#spec;
    if (spec === undefined || document === undefined) return;
    const tell = (message: string): void => {
      const path = ['spec', 'loadBalancer'];
      report([
        finding(document, path, { code: 'load-balancer', severity: 'warning', message: `${spec.name}: ${message}` }),
      ]);
    };
    const fronts = [...this.#assignments].flatMap(([address, { services }]) =>
      services.flatMap(({ namespace, name }) => {
        const service = store.get('Service', namespace, name);
        if (service === undefined) return [];
        for (const { protocol, port } of service.spec.ports)
          if (protocol === 'SCTP') tell(`${namespace}/${name}: SCTP port ${port} is not led on: it knows TCP and UDP`);
        const ipMode = service.status.loadBalancer.ingress.find(({ ip }) => ip === address)?.ipMode ?? spec.ipMode;
        return [frontOf(service, { address, ipMode, target: spec.healthCheck.target })];
      }),
    );
    // Whatever came when: a balancer's text is the same for the same Services.
    fronts.sort((a, b) => (a.name === b.name ? a.address - b.address : a.name < b.name ? -1 : 1));
    for (const { name, ipMode, ports } of fronts)
      for (const { port, nodePort } of ports)
        if (ipMode === 'Proxy' && nodePort === 0)
          tell(`${name}: port ${port} has no node port: nothing leads there in the mode Proxy`);
    const targets = targetsOf(store.list('Node'));
    this.#balancer = new Balancer({ netns: host.netns, fronts, targets, timing: spec.healthCheck, refused: tell });
    for (const { node, address } of this.#balancer.offLink)
      tell(`Node ${node}, ${formatIpv4(address)}, is on no network of it: in the mode VIP packets cannot be led there`);
  }

  /** The configuration of the daemon by which a node's speaker tells routers of addresses; undefined where it tells none. */
  readonly speakerConfig = (node: string): string | undefined => this.#bgp?.configOf(node);

  /** Nodes whose speakers tell routers of an address. */
  readonly announcersByBgp = (address: Ipv4Addr): readonly string[] => this.#bgp?.announcers(address) ?? [];
  /**
   * Addresses as they are now. A cloud's machine starts anew when it is next asked for, with the fronts and nodes of now; its
   * name is the answer then.
   */
  update(assignments: ReadonlyMap<Ipv4Addr, Assignment>): string | undefined {
    this.#assignments.clear();
    for (const [address, assignment] of assignments) this.#assignments.set(address, assignment);
    if (this.#balancer === undefined) return undefined;
    this.#balancer.stop();
    this.#balancer = undefined;
    return this.#spec?.name;
  }

  /** Before something is sent to an address: what would long have settled does so now. */
  prepare(address: Ipv4Addr): void {
    if (!this.#assignments.has(address)) return;
    this.#speakers?.announcers(address);
    this.#settle([address]);
  }

  /** Before somebody looks at a machine: a cloud's has long heard from the nodes behind all of its addresses. */
  prepareMachine(name: string): void {
    if (name === this.#spec?.name) this.#settle([...this.#assignments.keys()]);
  }

  #settle(addresses: readonly Ipv4Addr[]): void {
    const spec = this.#spec;
    if (spec === undefined || this.#request.addresses.provider !== 'cloud') return;
    this.#request.hostOf(spec.name);
    const balancer = this.#balancer;
    const settled = (): boolean => addresses.every((address) => balancer?.settled(address) !== false);
    if (balancer === undefined || settled()) return;
    const { emulation } = this.#request;
    for (const address of addresses) balancer.ask(address);
    emulation.run(settled, emulation.clock.nowNs + settleNs(spec));
    if (this.#isLive) return;
    balancer.pause();
    // Connections of the checks come to their end.
    emulation.advance(NS_PER_S);
  }

  /** While time passes, checks go on, and speakers ask for one another. */
  live(pass: () => void): void {
    this.#balancer?.resume();
    this.#speakers?.watch();
    this.#isLive = true;
    try {
      pass();
    } finally {
      this.#isLive = false;
      this.#balancer?.pause();
      this.#speakers?.rest();
    }
  }

  /** What is to be said of packets to an address, as sentences. */
  explain(address: Ipv4Addr): readonly string[] {
    const { provider } = this.#request.addresses;
    const assignment = this.#assignments.get(address);
    if (assignment === undefined) return [];
    const whose = assignment.services.map(({ namespace, name }) => `Service ${namespace}/${name}`).join(', ');
    const text = formatIpv4(address);
    if (provider === 'metallb') {
      const announced = [
        { nodes: this.#speakers?.announcers(address) ?? [], mode: 'layer 2' },
        { nodes: this.announcersByBgp(address), mode: 'BGP' },
      ].filter(({ nodes }) => nodes.length > 0);
      if (announced.length === 0)
        return [`No speaker of MetalLB announces ${text} of ${whose}: ${this.#whyNobody(assignment.pool)}.`];
      return announced.map(
        ({ nodes, mode }) => `${text} of ${whose} is announced by node/${nodes.join(', node/')} (MetalLB, ${mode}).`,
      );
    }
    const health = this.#balancer?.health(address) ?? [];
    const list = health.map(({ node, state, reason }) => `node/${node} ${state}${reason === '' ? '' : ` (${reason})`}`);
    return [
      `${text} of ${whose} is host/${this.#spec?.name ?? ''}'s; its health checks say: ${list.join(', ') || 'nothing, there is no node'}.`,
    ];
  }

  #whyNobody(pool: string): string {
    const { layer2 = [], bgp = [] } = this.#request.addresses.metalLb?.advertisements.get(pool) ?? {};
    if (layer2.length === 0 && bgp.length === 0) return 'no advertisement speaks of its pool';
    if (layer2.length === 0 && this.#request.store.list('MetalLbPeer').length === 0)
      return 'its pool is advertised by BGP, and there is no BGPPeer';
    return 'no node with a speaker may, or has an endpoint that it needs';
  }
}

/** Nodes on which a pod runs MetalLB's speaker. */
const speakerNodes = (store: Store): ReadonlySet<string> =>
  new Set(
    store
      .list('Pod')
      .filter((pod) => !isFinished(pod) && pod.spec.containers.some(({ image }) => SPEAKER_IMAGE.test(image)))
      .map(({ spec }) => spec.nodeName),
  );

/** The external address of a Service, or a sentence that says why it has none. */
export function externalAddress(store: Store, namespace: string, name: string): Ipv4Addr | string {
  const service = store.get('Service', namespace, name);
  if (service === undefined) return `there is no Service "${namespace}/${name}"`;
  if (service.spec.type !== 'LoadBalancer')
    return `Service "${namespace}/${name}" is of the type ${service.spec.type}: it has no load balancer`;
  const address = service.status.loadBalancer.ingress.map(({ ip }) => ip).find((ip) => ip !== undefined && isIpv4(ip));
  return address !== undefined && isIpv4(address)
    ? address
    : `the external address of Service "${namespace}/${name}" is <pending>`;
}
