/** Components of a running cluster, brought up to date with its objects. */

import { append } from '../../kubernetes/index.js';
import type { Host } from '../../kernel/index.js';
import type { Finding, Kind, Pod } from '../../kubernetes/index.js';
import type { Kubelet } from '../node/kubelet.js';
import type { NodeContext } from '../node/node.js';
import type { Prober } from '../probes/prober.js';
import { describeChange, type ObjectChange } from './replace-objects.js';
import type { Routing } from '../routing.js';

export interface Components extends Pick<NodeContext, 'services' | 'calico'> {
  readonly kubelets: ReadonlyMap<string, Kubelet>;
  readonly prober: Prober;
  /** Machines that have been built. */
  readonly built: () => Iterable<Host>;
}

/** In the order in which news gets around: kubelets stop and start pods, endpoints follow, then rules and routes. */
export function reprogram({ kubelets, prober, services, calico, built }: Components): readonly Finding[] {
  const findings: Finding[] = [];
  const stopped: Pod[] = [];
  for (const kubelet of kubelets.values()) {
    const known = kubelet.findings.length;
    for (const { type, pod } of kubelet.update()) if (type === 'stopped') stopped.push(pod);
    append(findings, kubelet.findings.slice(known));
  }
  prober.podsChanged(stopped);
  append(findings, services.resync(built()));
  for (const host of built()) if (kubelets.has(host.name)) append(findings, calico?.runFelix(host) ?? []);
  return findings;
}

/** What routing daemons and those who write their files read. */
const READ_BY_DAEMONS: ReadonlySet<Kind> = new Set<Kind>([
  'Node',
  'CalicoNode',
  'BGPConfiguration',
  'BGPPeer',
  'BGPFilter',
  'IPAMBlock',
  'BlockAffinity',
  'Secret',
  'Service',
]);

export const concernsDaemons = (objects: readonly ObjectChange[]): boolean =>
  objects.some(({ kind }) => READ_BY_DAEMONS.has(kind));

const CONFD = '/etc/calico/confd/';

/** Files of confd where they have been written before; elsewhere they are written when somebody reads them. */
function refreshFiles(routing: Routing, hosts: Iterable<Host>): void {
  for (const host of hosts)
    if ([...host.files.keys()].some((path) => path.startsWith(CONFD))) routing.refreshFiles(host);
}

/** Daemons hear of other objects and come to rest anew; the answer is what they could not do. */
export function tellDaemons(routing: Routing, hosts: Iterable<Host>): readonly Finding[] {
  routing.reconverge([{ kind: 'objects' }]);
  refreshFiles(routing, hosts);
  return [...hosts].flatMap((host) => routing.equip(host));
}

/** What was said of objects that are others now is said again where it still holds. */
export function withoutObjects(findings: readonly Finding[], objects: readonly ObjectChange[]): readonly Finding[] {
  const changed = new Set(objects.map(describeChange));
  return findings.filter(({ object }) => !changed.has(object));
}
