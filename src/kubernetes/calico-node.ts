/**
 * What the installation of Calico says in Kubernetes objects: a node's address and tunnels, and the settings
 * with which calico-node starts. What they mean is for src/calico to say.
 */

import { type Cidr, type IpAddress, parseCidr, parseIp, parseIps } from './address.js';
import { parseAsNumber } from './as-number.js';
import { containerVariables, type EnvValue } from './container-environment.js';
import type { Container } from './kinds/pod.js';
import type { Labels } from './schema/kind.js';
import { labelOf } from './selector.js';
import { operatorCniConfig, operatorEnvironment } from './operator.js';
import { type CalicoInstallation, calicoInstallation, OPERATOR_NAMESPACE } from './operator-objects.js';
import { type ObjectSource, parseEmbedded } from './source/documents.js';
import { field, isList } from './source/json.js';
import type { Store } from './store.js';
import type { CalicoNodeResource, DaemonSet, KubeNode } from './types.js';

/** libcalico-go/lib/backend/k8s/resources/node.go: where the Kubernetes datastore keeps Calico's part of a Node. */
export const NODE_ANNOTATIONS = {
  ipv4Address: 'projectcalico.org/IPv4Address',
  ipv6Address: 'projectcalico.org/IPv6Address',
  ipv4IPIPTunnelAddr: 'projectcalico.org/IPv4IPIPTunnelAddr',
  asNumber: 'projectcalico.org/ASNumber',
  routeReflectorClusterID: 'projectcalico.org/RouteReflectorClusterID',
  ipv4VXLANTunnelAddr: 'projectcalico.org/IPv4VXLANTunnelAddr',
  ipv6VXLANTunnelAddr: 'projectcalico.org/IPv6VXLANTunnelAddr',
  vxlanTunnelMACAddr: 'projectcalico.org/VXLANTunnelMACAddr',
  vxlanTunnelMACAddrV6: 'projectcalico.org/VXLANTunnelMACAddrV6',
  interfaces: 'projectcalico.org/Interfaces',
} as const;

/** Calico's view of a node, wherever it was written. */
export interface CalicoNodeView {
  readonly name: string;
  readonly labels: Labels;
  readonly bgp: CalicoNodeBgp | undefined;
  readonly ipv4VXLANTunnelAddr: IpAddress | undefined;
  readonly ipv6VXLANTunnelAddr: IpAddress | undefined;
  /** Empty where Felix is to derive it. */
  readonly vxlanTunnelMACAddr: string;
  readonly vxlanTunnelMACAddrV6: string;
  /** Undefined where calico-node has not written them down. */
  readonly interfaces: readonly CalicoNodeInterface[] | undefined;
  readonly source: ObjectSource;
}

export interface CalicoNodeInterface {
  readonly name: string;
  readonly addresses: readonly IpAddress[];
}

export interface CalicoNodeBgp {
  readonly asNumber: number | undefined;
  /** The node's own address with its subnet. */
  readonly ipv4Address: Cidr | undefined;
  readonly ipv6Address: Cidr | undefined;
  readonly ipv4IPIPTunnelAddr: IpAddress | undefined;
  readonly routeReflectorClusterID: string;
}

const fromResource = ({ name, labels, spec, source }: CalicoNodeResource): CalicoNodeView => ({
  name,
  labels,
  bgp: spec.bgp,
  ipv4VXLANTunnelAddr: spec.ipv4VXLANTunnelAddr,
  ipv6VXLANTunnelAddr: spec.ipv6VXLANTunnelAddr,
  vxlanTunnelMACAddr: spec.vxlanTunnelMACAddr,
  vxlanTunnelMACAddrV6: spec.vxlanTunnelMACAddrV6,
  interfaces: spec.interfaces?.map(({ name: own, addresses }) => ({ name: own, addresses: parseIps(addresses) })),
  source,
});

/** fillAllInterfaces(): what cannot be read is none, and an address that is none is left out. */
function annotatedInterfaces(text: string): readonly CalicoNodeInterface[] | undefined {
  const list = text === '' ? undefined : parseEmbedded(text);
  if (!isList(list)) return undefined;
  return list.flatMap((one) => {
    const [name, addresses] = [field(one, 'name'), field(one, 'addresses')];
    if (typeof name !== 'string') return [];
    const texts = isList(addresses) ? addresses.filter((address) => typeof address === 'string') : [];
    return [{ name, addresses: parseIps(texts) }];
  });
}

/** An address without a prefix length is the host's own. */
export function parseNodeAddress(text: string): Cidr | undefined {
  if (text.includes('/')) return parseCidr(text);
  const addr = parseIp(text);
  if (addr === undefined) return undefined;
  return typeof addr === 'number' ? { addr, length: 32 } : { addr, length: 128 };
}

function fromAnnotations({ name, labels, annotations, source }: KubeNode): CalicoNodeView {
  const text = (key: keyof typeof NODE_ANNOTATIONS): string => labelOf(annotations, NODE_ANNOTATIONS[key]) ?? '';
  const bgp: CalicoNodeBgp = {
    asNumber: parseAsNumber(text('asNumber')),
    ipv4Address: parseNodeAddress(text('ipv4Address')),
    ipv6Address: parseNodeAddress(text('ipv6Address')),
    ipv4IPIPTunnelAddr: parseIp(text('ipv4IPIPTunnelAddr')),
    routeReflectorClusterID: text('routeReflectorClusterID'),
  };
  const hasBgp = Object.values(bgp).some((value) => value !== undefined && value !== '');
  return {
    name,
    labels,
    bgp: hasBgp ? bgp : undefined,
    ipv4VXLANTunnelAddr: parseIp(text('ipv4VXLANTunnelAddr')),
    ipv6VXLANTunnelAddr: parseIp(text('ipv6VXLANTunnelAddr')),
    vxlanTunnelMACAddr: text('vxlanTunnelMACAddr'),
    vxlanTunnelMACAddrV6: text('vxlanTunnelMACAddrV6'),
    interfaces: annotatedInterfaces(text('interfaces')),
    source,
  };
}

/**
 * A Node of Calico's group goes before annotations: it is calicoctl's reading of them. Its labels are those of
 * the Kubernetes Node and its own, whichever datastore keeps it.
 */
export function calicoNode(store: Store, name: string): CalicoNodeView | undefined {
  const resource = store.get('CalicoNode', '', name);
  const node = store.get('Node', '', name);
  if (resource === undefined) return node && fromAnnotations(node);
  const view = fromResource(resource);
  return node === undefined ? view : { ...view, labels: { ...node.labels, ...view.labels } };
}

/** All nodes of either kind, by name. */
export function calicoNodes(store: Store): readonly CalicoNodeView[] {
  const [nodes, resources] = [store.list('Node'), store.list('CalicoNode')];
  const held = VIEWS.get(store);
  if (held?.nodes === nodes && held.resources === resources) return held.views;
  const names = new Set([...nodes, ...resources].map(({ name }) => name));
  const views = [...names].sort().flatMap((name) => calicoNode(store, name) ?? []);
  VIEWS.set(store, { nodes, resources, views });
  return views;
}

/** The last answer, which is right as long as both lists are what they were. */
const VIEWS = new WeakMap<
  Store,
  {
    readonly nodes: readonly unknown[];
    readonly resources: readonly unknown[];
    readonly views: readonly CalicoNodeView[];
  }
>();

export interface CalicoNodeSettings {
  /** Who runs it, or the operator's Installation where the DaemonSet that it makes is left out. */
  readonly object: DaemonSet | CalicoInstallation;
  /** Where it runs. */
  readonly namespace: string;
  /** The environment of the `calico-node` container. */
  readonly env: ReadonlyMap<string, EnvValue>;
  /** The environment of the `install-cni` init container: CNI_MTU, CNI_CONF_NAME … Empty where there is none. */
  readonly installEnv: ReadonlyMap<string, EnvValue>;
  /** The template that install-cni fills in, or undefined where Calico does not write a CNI configuration. */
  readonly cniNetworkConfig: string | undefined;
}

const CONTAINER = 'calico-node';
/** The public manifests', the operator's, and that of Calico's policy on flannel's network. */
const DAEMON_SETS = [
  ['kube-system', 'calico-node'],
  ['calico-system', 'calico-node'],
  ['kube-system', 'canal'],
  ['kube-system', 'canal-node'],
] as const;
const NONE: ReadonlyMap<string, EnvValue> = new Map();

/** The settings of the DaemonSet that runs calico-node, or those that the operator would give it; undefined without both. */
export function calicoNodeSettings(store: Store): CalicoNodeSettings | undefined {
  const daemonSet = DAEMON_SETS.map(([namespace, name]) => store.get('DaemonSet', namespace, name)).find(
    (set) => set !== undefined,
  );
  const installation = calicoInstallation(store);
  if (daemonSet === undefined) return installation && operatorSettings(store, installation);
  const { containers, initContainers } = daemonSet.spec.template.spec;
  const environment = (container: Container | undefined): ReadonlyMap<string, EnvValue> =>
    container === undefined ? NONE : new Map(containerVariables(container, store, daemonSet.namespace));
  const installEnv = environment(initContainers.find(({ name }) => name === 'install-cni'));
  const template = installEnv.get('CNI_NETWORK_CONFIG');
  const ofInstallation =
    installation !== undefined && daemonSet.namespace === OPERATOR_NAMESPACE
      ? operatorCniConfig(store, installation)
      : undefined;
  return {
    object: daemonSet,
    namespace: daemonSet.namespace,
    env: environment(containers.find(({ name }) => name === CONTAINER)),
    installEnv,
    cniNetworkConfig:
      template?.kind === 'text'
        ? template.text
        : (store.get('ConfigMap', daemonSet.namespace, 'calico-config')?.data['cni_network_config'] ?? ofInstallation),
  };
}

function operatorSettings(store: Store, installation: CalicoInstallation): CalicoNodeSettings {
  const variables = Object.entries(operatorEnvironment(store, installation));
  return {
    object: installation,
    namespace: OPERATOR_NAMESPACE,
    env: new Map<string, EnvValue>([
      ...variables.map(([name, text]): [string, EnvValue] => [name, { kind: 'text', text }]),
      ['NODENAME', { kind: 'field', fieldPath: 'spec.nodeName' }],
    ]),
    installEnv: new Map([['CNI_CONF_NAME', { kind: 'text', text: '10-calico.conflist' }]]),
    cniNetworkConfig: operatorCniConfig(store, installation),
  };
}
