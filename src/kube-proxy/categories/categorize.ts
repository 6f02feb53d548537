/**
 * Which endpoints traffic of a Service port may use on this node (pkg/proxy/topology.go:CategorizeEndpoints()):
 * shared by every mode of kube-proxy.
 */

import type { Features } from '../config/features.js';
import type { Endpoint } from '../tracker/endpoint.js';
import { type ServicePort, usesClusterEndpoints, usesLocalEndpoints } from '../tracker/service-port.js';

/** What a proxier knows of its own node. */
export interface ProxyNode {
  readonly name: string;
  /** `topology.kubernetes.io/zone`; '' without the label. */
  readonly zone: string;
}

export interface Categories {
  /** For traffic that may go to any node; undefined where the port has no such traffic. */
  readonly cluster: readonly Endpoint[] | undefined;
  /** For traffic that must stay on the node; undefined where the port has none. */
  readonly local: readonly Endpoint[] | undefined;
  /** All of these: those that this node needs rules for. */
  readonly reachable: readonly Endpoint[];
  /** Somewhere in the cluster somebody could answer: what cannot be reached from here is dropped, not refused. */
  readonly hasAny: boolean;
}

/** How topology narrows the cluster list. */
type Topology = 'none' | 'node' | 'zone';

const isFallback = ({ serving, terminating }: Endpoint): boolean => serving && terminating;

/** topologyModeFromHints(): only ready endpoints have a say, and all of them must. */
function topologyOf(
  port: ServicePort,
  endpoints: readonly Endpoint[],
  { node, features }: { readonly node: ProxyNode; readonly features: Features },
): Topology {
  if (features.hintsWantAnnotation && !port.wantsHints) return 'none';
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  const allName = (hints: 'nodeHints' | 'zoneHints'): boolean => ready.every((endpoint) => endpoint[hints].length > 0);
  if (features.nodeHints && allName('nodeHints') && ready.some(({ nodeHints }) => nodeHints.includes(node.name)))
    return 'node';
  if (node.zone !== '' && allName('zoneHints') && ready.some(({ zoneHints }) => zoneHints.includes(node.zone)))
    return 'zone';
  return 'none';
}

const isInTopology = ({ nodeHints, zoneHints }: Endpoint, topology: Topology, node: ProxyNode): boolean =>
  topology === 'none' || (topology === 'node' ? nodeHints.includes(node.name) : zoneHints.includes(node.zone));

interface Chosen {
  readonly endpoints: readonly Endpoint[];
  /** Nobody is ready: those that are on their way out and still serve. */
  readonly fallback: boolean;
}

function choose(endpoints: readonly Endpoint[], isWanted: (endpoint: Endpoint) => boolean): Chosen {
  const ready = endpoints.filter((endpoint) => endpoint.ready && isWanted(endpoint));
  return ready.length > 0 ? { endpoints: ready, fallback: false } : { endpoints: [], fallback: true };
}

function chooseCluster(endpoints: readonly Endpoint[], topology: Topology, node: ProxyNode): Chosen {
  const chosen = choose(endpoints, (endpoint) => isInTopology(endpoint, topology, node));
  return chosen.fallback ? { endpoints: endpoints.filter(isFallback), fallback: true } : chosen;
}

function chooseLocal(endpoints: readonly Endpoint[], node: ProxyNode): Chosen {
  const isHere = ({ nodeName }: Endpoint): boolean => nodeName !== '' && nodeName === node.name;
  const chosen = choose(endpoints, isHere);
  return chosen.fallback
    ? { endpoints: endpoints.filter((endpoint) => isHere(endpoint) && isFallback(endpoint)), fallback: true }
    : chosen;
}

/** Both lists together, each endpoint once, in the order of `all`. Differs: upstream's order is a map's, random. */
function union(all: readonly Endpoint[], a: readonly Endpoint[], b: readonly Endpoint[]): readonly Endpoint[] {
  const texts = new Set([...a, ...b].map(({ text }) => text));
  return all.filter(({ text }) => texts.has(text));
}

export function categorizeEndpoints(
  port: ServicePort,
  endpoints: readonly Endpoint[],
  place: { readonly node: ProxyNode; readonly features: Features },
): Categories {
  const { node } = place;
  const usesCluster = usesClusterEndpoints(port);
  const topology = usesCluster ? topologyOf(port, endpoints, place) : 'none';
  const cluster = usesCluster ? chooseCluster(endpoints, topology, node) : undefined;
  if (!usesLocalEndpoints(port)) {
    const reachable = cluster?.endpoints ?? [];
    return { cluster: reachable, local: undefined, reachable, hasAny: reachable.length > 0 };
  }
  const local = chooseLocal(endpoints, node);
  const hasAny = (cluster?.endpoints.length ?? 0) > 0 || endpoints.some((one) => one.ready || isFallback(one));
  if (cluster === undefined) return { cluster: undefined, local: local.endpoints, reachable: local.endpoints, hasAny };
  const localIsPart = topology === 'none' && !cluster.fallback && (!local.fallback || local.endpoints.length === 0);
  const reachable = localIsPart ? cluster.endpoints : union(endpoints, cluster.endpoints, local.endpoints);
  return { cluster: cluster.endpoints, local: local.endpoints, reachable, hasAny };
}
