/** Who connects pods where Calico's own plugin does not, or something beside it: told, since nobody here models it. */

import {
  calicoInstallation,
  calicoNodeSettings,
  cniOf,
  type DaemonSet,
  type FieldPath,
  labelOf,
  type Pod,
  type Store,
  type Subject,
} from '../../kubernetes/index.js';

/** Something that connects pods, and where it is said. */
export interface Connector {
  readonly subject: Subject;
  readonly path: FieldPath;
  /** What is to be said of it: it `brings a CNI plugin`. */
  readonly does: string;
}

/** Whether Calico runs, or is taken to; and whether the input says so. */
export type CalicoPresence = 'spoken' | 'assumed' | 'absent';

/** Where a runtime looks for configurations of networks and for plugins: `/etc/cni/net.d`, k3s' own, `/opt/cni/bin`. */
const CNI_DIRECTORY = /\/cni(?:\/(?:net\.d|bin))?\/*$/;

const writesCniDirectories = ({ hostPaths }: Pod['spec']['volumes']): boolean =>
  hostPaths.some((path) => CNI_DIRECTORY.test(path));

const runsCalicoNode = ({ containers }: DaemonSet['spec']['template']['spec']): boolean =>
  containers.some(({ name }) => name === 'calico-node');

const BRINGS_PLUGIN = 'brings a CNI plugin that is not modelled';

/** DaemonSets that bring a plugin to the nodes, but for calico-node's own; in a dump without them the first pod of one. */
export function broughtPlugins(store: Store): readonly Connector[] {
  const sets = store.list('DaemonSet').filter(({ spec }) => writesCniDirectories(spec.template.spec.volumes));
  if (sets.length > 0) {
    const path: FieldPath = ['spec', 'template', 'spec', 'volumes'];
    const others = sets.filter(({ spec }) => !runsCalicoNode(spec.template.spec));
    return others.map((subject) => ({ subject, path, does: BRINGS_PLUGIN }));
  }
  const pod = store.list('Pod').find(({ spec }) => spec.hostNetwork && writesCniDirectories(spec.volumes));
  if (pod === undefined || runsCalicoNode(pod.spec)) return [];
  return [{ subject: pod, path: ['spec', 'volumes'], does: BRINGS_PLUGIN }];
}

/** flanneld notes on its Node how it connects it; that of k3s and RKE2 is part of their own program. */
const FLANNEL_BACKEND = 'flannel.alpha.coreos.com/backend-type';

function flannelOnNodes(store: Store): Connector | undefined {
  const node = store.list('Node').find(({ annotations }) => labelOf(annotations, FLANNEL_BACKEND) !== undefined);
  if (node === undefined) return undefined;
  const path: FieldPath = ['metadata', 'annotations', FLANNEL_BACKEND];
  return { subject: node, path, does: 'runs flannel, which is not modelled' };
}

/** The operator's Calico beside the plugin of a platform. */
function platformPlugin(store: Store): Connector | undefined {
  const subject = calicoInstallation(store);
  if (subject === undefined) return undefined;
  const { type } = cniOf(subject.spec);
  if (type === 'Calico') return undefined;
  return { subject, path: ['spec', 'cni', 'type'], does: `has the CNI plugin ${type}, which is not modelled` };
}

/** Whose plugin connects pods in place of Calico's. */
export function connectorOfPods(
  store: Store,
  calico: CalicoPresence,
  brought: readonly Connector[],
): Connector | undefined {
  if (calico === 'absent') return undefined;
  if (calico === 'assumed') return brought[0] ?? flannelOnNodes(store);
  const settings = calicoNodeSettings(store);
  const policyOnly = settings !== undefined && settings.cniNetworkConfig === undefined;
  return platformPlugin(store) ?? (policyOnly ? brought[0] : undefined);
}

/** Canal: Calico's plugin and policy, and between nodes flannel's routes. */
export function connectorOfNodes(store: Store): Connector | undefined {
  const object = calicoNodeSettings(store)?.object;
  if (object?.kind !== 'DaemonSet') return undefined;
  const at = object.spec.template.spec.containers.findIndex(({ name }) => name === 'kube-flannel');
  if (at < 0) return undefined;
  const path: FieldPath = ['spec', 'template', 'spec', 'containers', at];
  return { subject: object, path, does: 'runs flannel, which programs the routes between nodes and is not modelled' };
}
