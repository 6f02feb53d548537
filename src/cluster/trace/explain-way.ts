/** What a connection lacked on its way beside policy and routes: a translation that was not made, told in sentences. */

import { addressOfIpv4, cidrContains, storedPools, unroutedPools } from '../../calico/index.js';
import { hasLabels, type Pod, type Store } from '../../kubernetes/index.js';
import { formatIpv4, type Ipv4Addr } from '../../packet/index.js';
import { type ConnectionTrace, type DropReason, formatCause, lastOf, type TracePacket } from '../../trace/index.js';
import type { ClusterServices } from '../node/services.js';

/** Where a packet ends for whose address nobody knows a way. */
const NO_WAY: ReadonlySet<DropReason> = new Set([
  'ip-innoroutes',
  'ip-outnoroutes',
  'ip-inaddrerrors',
  'ip-rpfilter',
  'neigh-failed',
]);

/** What a machine does with a request that it could not answer: it has no way for its own packet, or asks for one before. */
const HOLDS_UP_REQUESTS: ReadonlySet<DropReason> = new Set(['ip-rpfilter', 'ip-outnoroutes']);

type Way = Pick<ConnectionTrace, 'packets' | 'from' | 'to' | 'nameOf'>;

const isTranslated = ({ packets }: Pick<Way, 'packets'>, type: 'snat' | 'dnat'): boolean =>
  packets.some(({ role, story }) => role === 'request' && lastOf(story, 'nat', (step) => step.type === type));

/** The pool whose pods keep their addresses outside. */
function keepingPool(store: Store, source: Ipv4Addr, destination: Ipv4Addr) {
  const pools = storedPools(store);
  const poolOf = (address: Ipv4Addr) => pools.find(({ cidr }) => cidrContains(cidr, addressOfIpv4(address)));
  const own = poolOf(source);
  return own === undefined || own.natOutgoing || poolOf(destination) !== undefined ? undefined : own;
}

/** Nobody programs routes to the pods of other nodes. */
export function explainUnrouted(store: Store, ends: readonly (Pod | undefined)[], reached: Ipv4Addr): string[] {
  const [from, to] = ends;
  if (to === undefined || to.spec.hostNetwork || from?.spec.nodeName === to.spec.nodeName) return [];
  const pool = unroutedPools(store).find(({ cidr }) => cidrContains(cidr, addressOfIpv4(reached)));
  if (pool === undefined) return [];
  return [
    `Nobody programs routes between nodes for IPPool ${pool.name}: it has no VXLAN, and no BIRD runs, since calico-node’s networking backend is vxlan.`,
  ];
}

/** What it came to where nobody outside knows of pods: a machine that is no node has no way back to the pod's address. */
export function explainKeptSource(trace: Way, store: Store): string[] {
  const { packets, from, to, nameOf } = trace;
  if (to.address === undefined || isTranslated(trace, 'snat')) return [];
  const pool = keepingPool(store, from.address, to.address);
  const lost = pool && packets.find((packet) => endedOutside(packet, store));
  const where = lost && lastOf(lost.story, 'drop')?.recorded.place;
  if (pool === undefined || where === undefined) return [];
  const name = formatCause({ kind: 'IPPool', name: pool.name, detail: 'natOutgoing false' });
  return [
    `Packets of ${from.label} to outside keep its own address ${formatIpv4(from.address)} (${name}), and ${nameOf(where)} knows no way back to it.`,
  ];
}

function endedOutside({ role, story }: TracePacket, store: Store): boolean {
  const drop = lastOf(story, 'drop');
  if (drop === undefined || !NO_WAY.has(drop.step.reason)) return false;
  const outside = store.get('Node', '', drop.recorded.place.host) === undefined;
  return outside && (role === 'reply' || (role === 'request' && HOLDS_UP_REQUESTS.has(drop.step.reason)));
}

interface Meant {
  readonly pod: Pod | undefined;
  readonly address: Ipv4Addr | undefined;
}

/** Pods for which this was, that are not ready since the API server does not hear of their nodes. */
export function explainSilence(store: Store, { pod, address }: Meant): string[] {
  const service =
    address === undefined ? undefined : store.list('Service').find(({ spec }) => spec.clusterIPs.includes(address));
  const meant = (one: Pod): boolean =>
    pod === undefined
      ? service?.namespace === one.namespace &&
        Object.keys(service.spec.selector).length > 0 &&
        hasLabels(service.spec.selector, one.labels)
      : one === pod;
  const unready = store.list('Pod').filter((one) => one.status.ready === false && meant(one));
  const nodes = [...new Set(unready.map(({ spec }) => spec.nodeName))].filter(
    (node) => store.get('Node', '', node)?.status.silent === true,
  );
  return nodes.map((node) => {
    const pods = unready
      .filter(({ spec }) => spec.nodeName === node)
      .map(({ namespace, name }) => `${namespace}/${name}`);
    const [first = ''] = pods;
    const who = pods.length === 1 ? `Pod ${first} there is` : `${pods.length} pods there are`;
    return `Nothing is heard of Node ${node}: ${who} not ready.`;
  });
}

/** A Service's address that no rule has translated. */
export function explainUntranslated(
  trace: Pick<Way, 'packets' | 'from'> & {
    readonly to: { readonly address: Ipv4Addr; readonly port?: number | undefined };
  },
  { services, store }: { readonly services: ClusterServices; readonly store: Store },
): readonly string[] {
  const { packets, from, to } = trace;
  if (isTranslated(trace, 'dnat')) return [];
  const request = packets.find(({ role }) => role === 'request');
  const hosts = request?.story.hops.map(({ place }) => place.host) ?? [];
  const nodes = [...(from.place === undefined ? [] : [from.place.host]), ...hosts].filter(
    (host) => store.get('Node', '', host) !== undefined,
  );
  return services.explainUntranslated(to.address, to.port, nodes);
}
