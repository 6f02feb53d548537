/**
 * What a cluster wants of its routing daemons, and which clusters want it. src/routing is who does it: whoever loads a
 * cluster brings it, so that a command about a cluster without BGP loads nothing of it.
 */

import { type FelixRoute, type IpamStore, storedBackend, storedNodes } from '../calico/index.js';
import type { FibRoute, Host } from '../kernel/index.js';
import { type ConfigError, type Finding, isIpv4Cidr, type Store } from '../kubernetes/index.js';
import type { Ipv4Addr } from '../packet/index.js';
import type { Place, TracePacket } from '../trace/index.js';
import type { NetworkPlan, Underlay } from '../underlay/index.js';
import type { HostConfigObject, PhysicalNetworkObject } from './input/documents.js';

/** What routing is told of a cluster. */
export interface RoutingSite {
  readonly store: Store;
  readonly plan: NetworkPlan;
  /** Calico's IPAM, where it runs. */
  readonly ipam: IpamStore | undefined;
  /** Whether calico-node has started on a node. */
  readonly calicoRunsOn: (node: string) => boolean;
  /** Felix's routes to the pods of a node. */
  readonly workloadRoutes: (node: string) => readonly FelixRoute[];
  /** Documents that speak of a machine. */
  readonly hostConfigs: (machine: string) => readonly HostConfigObject[];
  /** The machine itself, built now if it was not. */
  readonly machine: (name: string) => Host | undefined;
  /** The document that configurations of routers stand in. */
  readonly network: PhysicalNetworkObject | undefined;
  readonly nameOf: (place: Place) => string;
  /** All machines once more, asleep, in an emulation of their own: nobody has run a routing daemon on them. */
  readonly rehearse: () => Underlay;
  /** The configuration of the daemon that MetalLB's speaker on a node is; undefined where there is none. */
  readonly speakerConfig: (node: string) => string | undefined;
  /** Nodes whose speakers tell routers of a load balancer's address. */
  readonly announcers: (address: Ipv4Addr) => readonly string[];
  /** The cluster's own machines, cables and switches: what is down there is down for daemons. */
  readonly underlay: () => Underlay;
}

/** What has happened to a cluster since its daemons were last told. */
export type RoutingChange =
  /** Objects were created, changed or deleted; or blocks of IPAM. */
  | { readonly kind: 'objects' }
  /** Links, addresses, routes, rules or sets of that machine are others than they were. */
  | { readonly kind: 'machine'; readonly name: string }
  /** The daemon of that machine dies without a word, ends in order, or starts again. */
  | { readonly kind: 'daemon'; readonly name: string; readonly event: 'killed' | 'stopped' | 'started' };

/** A route of a daemon that came into a machine's table, or left it; the route has its causes. */
export interface RouteEvent {
  readonly host: string;
  readonly type: 'learned' | 'withdrawn';
  readonly route: FibRoute;
}

/** A session of a daemon. */
export interface RoutingSession {
  /** As `birdc` shows it. */
  readonly name: string;
  readonly neighbor: string;
}

/** Packets of a connection that did not come to its end. */
export interface LostConnection {
  readonly packets: readonly TracePacket[];
  /** Where nothing was sent: the machine, and where to. */
  readonly from: Place | undefined;
  readonly to: Ipv4Addr;
}

export interface Routing {
  /** Configurations of routers that cannot be read. */
  readonly errors: readonly ConfigError[];
  /** What they ask for and nobody here does. */
  readonly findings: readonly Finding[];
  /** Gives a machine that has just been built the files and routes that its daemon would have given it. */
  readonly equip: (host: Host) => readonly Finding[];
  /** Brings those files of a machine up to date that confd writes. */
  readonly refreshFiles: (host: Host) => void;
  /** What `birdc` prints on a machine; undefined where no daemon runs. */
  readonly birdc: (host: Host, command: string) => string | undefined;
  /** What the daemon of a machine is to speak to; none where no daemon runs. */
  readonly sessions: (host: Host) => readonly RoutingSession[];
  /** `birdc disable SESSION`, until it is enabled: then `birdc enable SESSION`. */
  readonly setSession: (host: Host, name: string, enabled: boolean) => void;
  /** Which session, or which that is not there, a route is missing for, as sentences. */
  readonly explain: (lost: LostConnection) => readonly string[];
  /** The same for packets that have come to their end another way. */
  readonly explainDetour: (packets: readonly TracePacket[]) => readonly string[];
  /** Tells the daemons of changes, waits until they are at rest, and programs what is different then. */
  readonly reconverge: (changes: readonly RoutingChange[]) => readonly RouteEvent[];
  /** While `pass` lets time run, it runs for daemons too; what they learn and lose is in the tables when they know. */
  readonly live: (pass: () => void) => void;
}

export type MakeRouting = (site: RoutingSite) => Routing;

/** A node on which Calico runs BIRD. */
export const runsBird = (store: Store, node: string): boolean => storedBackend(store, node) === 'bird';

/** Whether any daemon runs anywhere. */
export const hasRouters = (store: Store, plan: NetworkPlan, usesCalico: boolean): boolean =>
  [...plan.machines.values()].some(({ bird }) => bird !== undefined) ||
  store.list('MetalLbPeer').length > 0 ||
  (usesCalico && storedNodes(store).some(({ name }) => runsBird(store, name)));

/** BGPConfiguration's programClusterRoutes, which is Enabled where nothing is said. */
const birdProgramsPools = (store: Store): boolean =>
  store.get('BGPConfiguration', '', 'default')?.spec.programClusterRoutes !== 'Disabled';

/** The first pool whose routes between nodes are BIRD's: those of pools with VXLAN are Felix's. */
export const birdPool = (store: Store): string | undefined =>
  birdProgramsPools(store)
    ? store.list('IPPool').find(({ spec }) => spec.vxlanMode === 'Never' && isIpv4Cidr(spec.cidr))?.name
    : undefined;

/**
 * Whether some machine's kernel has routes of a daemon's. A mesh of nodes whose pools all have VXLAN programs
 * nothing, unless it hears of other networks from outside.
 */
export const routesByDaemons = (store: Store, plan: NetworkPlan, usesCalico: boolean): boolean =>
  hasRouters(store, plan, usesCalico) &&
  (birdPool(store) !== undefined ||
    store.list('BGPPeer').length > 0 ||
    store.list('MetalLbPeer').length > 0 ||
    [...plan.machines.values()].some(({ bird }) => bird !== undefined));
