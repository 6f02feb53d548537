/** Which changes a running cluster cannot take: it is built anew then, from its objects and what is on record. */

import { isDeepStrictEqual } from 'node:util';
import { calicoNodeSettings, type Kind, labelOf, type Store } from '../../kubernetes/index.js';
import type { MachinePlan, NetworkPlan } from '../../underlay/index.js';
import { isCoreDns } from '../node/dns-pods.js';
import type { HostConfigObject } from '../input/documents.js';
import { configsFor } from '../node/node.js';
import { describeChange, type ObjectChange } from './replace-objects.js';
import type { Settled } from '../start/settle.js';

/** What nodes are made of when they start, or what stands for a whole provider. */
const ANEW: ReadonlySet<Kind> = new Set<Kind>([
  'IPPool',
  'ClusterInformation',
  'IPAMConfig',
  'IPAddressPool',
  'L2Advertisement',
  'BGPAdvertisement',
  'MetalLbPeer',
  'Community',
]);

const withoutSource = (documents: readonly HostConfigObject[]): unknown =>
  documents.map(({ name, body }) => ({ name, body }));

/** Why a cluster that runs has to be built anew to become another; undefined where it can go on. */
export function whyAnew(now: Settled, next: Settled, changes: readonly ObjectChange[]): string | undefined {
  const object = changes.find(({ kind }) => ANEW.has(kind));
  if (object !== undefined) return `${describeChange(object)} has changed`;
  if ((now.allocations === undefined) !== (next.allocations === undefined)) return 'another CNI is used';
  const bodies = ({ networks }: Settled): unknown => networks.map(({ name, body }) => ({ name, body }));
  if (!isDeepStrictEqual(bodies(now), bodies(next))) return 'the PhysicalNetwork has changed';
  return (
    planAnew(now.plan, next.plan) ??
    configsAnew(now, next) ??
    daemonsAnew(now, next, changes) ??
    startsAnew(now, next) ??
    nodeAnew(now.store, next.store)
  );
}

const planOf = (plan: MachinePlan): unknown => ({ ...plan, because: undefined });

/** Machines may come and go, but those that stay are cabled as they were. */
function planAnew(now: NetworkPlan, next: NetworkPlan): string | undefined {
  const cables = ({ switches, trunks }: NetworkPlan): unknown => ({ switches, trunks });
  if (!isDeepStrictEqual(cables(now), cables(next))) return 'the switches are others';
  for (const machine of next.machines.values()) {
    const held = now.machines.get(machine.name);
    if (held !== undefined && !isDeepStrictEqual(planOf(held), planOf(machine)))
      return `${machine.name} is connected otherwise`;
  }
  return undefined;
}

/** HostConfigs are put on a machine once. */
function configsAnew(now: Settled, next: Settled): string | undefined {
  if (!isDeepStrictEqual(withoutSource(now.hostConfigs), withoutSource(next.hostConfigs)))
    return 'a HostConfig has changed';
  for (const name of now.plan.machines.keys())
    if (!isDeepStrictEqual(withoutSource(configsFor(now, name)), withoutSource(configsFor(next, name))))
      return `another HostConfig speaks of ${name}`;
  return undefined;
}

const corefiles = (store: Store): unknown =>
  store.list('ConfigMap').flatMap(({ namespace, name, data }) => {
    const corefile = data['Corefile'];
    return corefile === undefined ? [] : [{ namespace, name, corefile }];
  });

/** Passwords that MetalLB's peers take of Secrets. */
const speakerSecrets = (store: Store): unknown =>
  store.list('MetalLbPeer').map(({ namespace, spec: { passwordSecret: at } }) => {
    const secret = at && store.get('Secret', at.namespace || namespace, at.name);
    return secret && { data: secret.data, stringData: secret.stringData };
  });

function isDnsOnHost(store: Store, namespace: string, name: string): boolean {
  const pod = store.get('Pod', namespace, name);
  return pod !== undefined && pod.spec.hostNetwork && isCoreDns(pod);
}

/** Daemons read their own configuration when they start. */
function daemonsAnew(now: Settled, next: Settled, changes: readonly ObjectChange[]): string | undefined {
  if (!isDeepStrictEqual(now.kubelet, next.kubelet)) return "kubelet's configuration has changed";
  const proxy = ({ installation }: Settled): unknown => {
    const { configuration, features, replacedBy, runsOn } = installation;
    const nodes = now.store.list('Node').filter(({ name }) => next.store.get('Node', '', name) !== undefined);
    return { configuration, features, replacedBy, nodes: nodes.map(({ name }) => runsOn(name)) };
  };
  if (!isDeepStrictEqual(proxy(now), proxy(next))) return "kube-proxy's configuration has changed";
  const calico = (store: Store): unknown => {
    const settings = calicoNodeSettings(store);
    return settings && { ...settings, object: settings.object.name };
  };
  if (!isDeepStrictEqual(calico(now.store), calico(next.store))) return "calico-node's configuration has changed";
  const onHost = changes.find(({ kind, namespace, name }) => kind === 'Pod' && isDnsOnHost(now.store, namespace, name));
  if (onHost !== undefined) return `${describeChange(onHost)}, CoreDNS in its node's own network, has changed`;
  if (!isDeepStrictEqual(corefiles(now.store), corefiles(next.store))) return "CoreDNS's Corefile has changed";
  const { provider } = now.addresses;
  if (provider !== next.addresses.provider) return 'another provider of load balancers is chosen';
  if (!isDeepStrictEqual(speakerSecrets(now.store), speakerSecrets(next.store)))
    return "a password of MetalLB's peers has changed";
  const balanced = provider === 'metallb' && changes.some(({ kind }) => kind === 'Node');
  return balanced ? 'nodes under MetalLB have changed' : undefined;
}

/** calico-node tries again until it starts; one that runs goes on. */
function startsAnew(now: Settled, next: Settled): string | undefined {
  const name = [...now.notStarted].find((one) => !next.notStarted.has(one) && next.plan.machines.has(one));
  return name === undefined ? undefined : `calico-node starts on Node ${name}`;
}

const ZONE = 'topology.kubernetes.io/zone';

/** What kube-proxy reads of its node when it starts. */
function nodeAnew(now: Store, next: Store): string | undefined {
  for (const node of now.list('Node')) {
    const other = next.get('Node', '', node.name);
    if (other === undefined) continue;
    const same =
      labelOf(node.labels, ZONE) === labelOf(other.labels, ZONE) &&
      isDeepStrictEqual(node.spec.podCIDRs, other.spec.podCIDRs) &&
      isDeepStrictEqual(node.status.internalIPs, other.status.internalIPs);
    if (!same) return `kube-proxy on Node ${node.name} starts anew`;
  }
  return undefined;
}
