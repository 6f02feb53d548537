/** Why the outcome of a connection is not known: it hangs on something that nobody has computed. */

import { addressOfIpv4, cidrContains, storedPools } from '../../calico/index.js';
import { type Finding, finding, isList, type Pod, type Store } from '../../kubernetes/index.js';
import type { Ipv4Addr } from '../../packet/index.js';
import { birdPool } from '../routing.js';

/** Of whom nobody knows what becomes of a packet there, as sentences; undefined where it is known. */
export interface Dataplanes {
  readonly unknownOn: (node: string) => string | undefined;
  /** Of packets between pods of two nodes. */
  readonly unknownBetweenNodes: string | undefined;
}

/** Of a connection between nodes whose routes are a daemon's, where no daemon was brought (`Cluster.bringRouting`). */
export function withoutRouting(store: Store, ends: readonly (Pod | undefined)[], destination: Ipv4Addr): string[] {
  const [from, to] = ends;
  if (from?.spec.nodeName === to?.spec.nodeName || birdPool(store) === undefined) return [];
  const pool = storedPools(store).find(({ cidr }) => cidrContains(cidr, addressOfIpv4(destination)));
  return pool?.vxlanMode === 'Never'
    ? [`IPPool ${pool.name} has no VXLAN: its routes between nodes are BIRD’s, and nobody was asked to run it.`]
    : [];
}

const LOCAL_IP = '-localip';

/** Addresses after `-localip`, in the same word or the next (dns/cmd/node-cache/main.go). */
function localIps(words: readonly unknown[]): string | undefined {
  const at = words.findIndex((word) => typeof word === 'string' && word.replace(/^--/, '-').startsWith(LOCAL_IP));
  const word = words[at];
  if (typeof word !== 'string') return undefined;
  const [, inside] = /=(.+)$/.exec(word) ?? [];
  const next = words[at + 1];
  return inside ?? (typeof next === 'string' ? next : '');
}

/** NodeLocal DNSCache: its device, its rules and its cache are not there; told of the first of its pods. */
export function nodeLocalDnsFindings(store: Store): readonly Finding[] {
  for (const pod of store.list('Pod')) {
    for (const { command, args } of pod.spec.containers) {
      const addresses = localIps([command, args].filter(isList).flat());
      if (!pod.spec.hostNetwork || addresses === undefined) continue;
      const message = `NodeLocal DNSCache is not modelled: nobody answers for it at ${addresses}, and questions to a Service among these go by kube-proxy's rules`;
      return [finding(pod, ['spec'], { code: 'unmodelled', severity: 'warning', message })];
    }
  }
  return [];
}
