/**
 * Objects as `calicoctl get -o yaml` and `-o json` print them, in the form of projectcalico.org/v3: what is written, and
 * what calicoctl makes of Nodes and pods; libcalico-go/lib/backend/k8s/resources, conversion.
 */

import {
  convertedUid,
  keptAnnotations,
  keptCreationTimestamp,
  keptLabels,
  podEndpoint,
  parseCidr,
  workloadEndpointName,
} from '../../calico/index.js';
import {
  type CalicoNodeView,
  field,
  formatCidr,
  formatIp,
  isList,
  isObject,
  type JsonObject,
  type Kind,
  type ObjectOf,
  type Pod,
  type Store,
} from '../../kubernetes/index.js';

type Texts = Readonly<Record<string, string>>;

/** A map without the fields that say nothing: Go's `omitempty`. */
const withoutEmpty = (fields: Readonly<Record<string, JsonObject[string] | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => {
      const isEmpty =
        value === undefined ||
        value === '' ||
        value === false ||
        (isList(value) && value.length === 0) ||
        (isObject(value) && Object.keys(value).length === 0);
      return isEmpty ? [] : [[name, value]];
    }),
  );

interface Meta {
  readonly namespace?: string;
  readonly name: string;
  readonly generateName?: string;
  readonly uid?: string | undefined;
  readonly resourceVersion?: JsonObject[string] | undefined;
  readonly creationTimestamp?: string | undefined;
  readonly labels?: Texts;
  readonly annotations?: Texts;
}

/** In the order of metav1.ObjectMeta. */
const metadata = ({ name, generateName, namespace, uid, resourceVersion, ...rest }: Meta): JsonObject =>
  withoutEmpty({
    name,
    generateName,
    namespace,
    uid,
    resourceVersion,
    creationTimestamp: rest.creationTimestamp,
    labels: rest.labels && sorted(rest.labels),
    annotations: rest.annotations && sorted(rest.annotations),
  });

/** Go writes maps in the order of their keys. */
const sorted = (texts: Texts): Texts => Object.fromEntries(Object.entries(texts).sort(([a], [b]) => (a < b ? -1 : 1)));

const revisionOf = (object: ObjectOf<Kind>): JsonObject[string] | undefined =>
  'resourceVersion' in object
    ? object.resourceVersion
    : field(field(object.source.written(), 'metadata'), 'resourceVersion');

/** Its lists that hold nothing are left out, as nearly every type of Calico's has it. */
export const writtenSpec = ({ source }: Pick<ObjectOf<Kind>, 'source'>): JsonObject => {
  const spec = field(source.written(), 'spec');
  const kept = Object.entries(isObject(spec) ? spec : {}).filter(([, value]) => !isList(value) || value.length > 0);
  return Object.fromEntries(kept);
};

/** `defaults`: labels that it has unless it says otherwise. */
export const v3Document = (object: ObjectOf<Kind>, spec: JsonObject, defaults: Texts = {}): JsonObject => ({
  metadata: metadata({
    namespace: object.namespace,
    name: object.name,
    uid: object.apiVersion.startsWith('crd.') ? convertedUid(object.uid ?? '') : object.uid,
    resourceVersion: revisionOf(object),
    creationTimestamp: keptCreationTimestamp(object),
    labels: { ...defaults, ...keptLabels(object) },
    annotations: keptAnnotations(object),
  }),
  spec,
});

/** An end that says nothing is not printed: api/pkg/apis/projectcalico/v3/policy_common.go, `omitzero`. */
const ruleFields = (rule: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(rule).filter(
      ([name, value]) =>
        (name !== 'source' && name !== 'destination') || !isObject(value) || Object.keys(value).length > 0,
    ),
  );

const rulesOf = (rules: JsonObject[string] | undefined): JsonObject[string] | undefined =>
  isList(rules) ? rules.map((rule) => (isObject(rule) ? ruleFields(rule) : rule)) : rules;

export function policySpec(
  object: ObjectOf<'CalicoNetworkPolicy' | 'GlobalNetworkPolicy' | 'StagedGlobalNetworkPolicy' | 'StagedNetworkPolicy'>,
): JsonObject {
  const written = writtenSpec(object);
  return withoutEmpty({
    ...written,
    tier: object.spec.tier,
    ingress: rulesOf(written['ingress']),
    egress: rulesOf(written['egress']),
  });
}

/** With its defaults; clientv3/ippool.go:convertIpPoolFromStorage(). */
export const poolSpec = (spec: ObjectOf<'IPPool'>['spec']): JsonObject =>
  withoutEmpty({
    cidr: formatCidr(spec.cidr),
    vxlanMode: spec.vxlanMode,
    ipipMode: spec.ipipMode,
    natOutgoing: spec.natOutgoing,
    disabled: spec.disabled,
    disableBGPExport: spec.disableBGPExport,
    blockSize: spec.blockSize,
    nodeSelector: spec.nodeSelector,
    namespaceSelector: spec.namespaceSelector,
    allowedUses: spec.allowedUses,
    assignmentMode: spec.assignmentMode,
  });

export const clusterInformationSpec = (spec: ObjectOf<'ClusterInformation'>['spec']): JsonObject => {
  const { clusterGUID, clusterType, calicoVersion, datastoreReady } = spec;
  const texts = withoutEmpty({ clusterGUID, clusterType, calicoVersion });
  return datastoreReady === undefined ? texts : { ...texts, datastoreReady };
};

/** bpfLogLevel is printed whether it says something or not. */
export const felixSpec = (object: ObjectOf<'FelixConfiguration'>): JsonObject => ({
  bpfLogLevel: '',
  ...writtenSpec(object),
});

interface ProfileFields {
  readonly name: string;
  readonly labelsToApply: Texts;
  /** What it is made of, and what stands for its revision. */
  readonly owner?: ObjectOf<'Namespace' | 'ServiceAccount'> | undefined;
}

/** conversion.go:NamespaceToProfile(), ServiceAccountToProfile(), joinProfileRevisions(). */
export function profileDocument({ name, labelsToApply, owner }: ProfileFields, spec: JsonObject): JsonObject {
  const written = owner === undefined ? '1' : revisionOf(owner);
  const revision = typeof written === 'string' ? written : '';
  const joined = owner?.kind === 'Namespace' ? `${revision}/` : `/${revision}`;
  return {
    metadata: metadata({
      name,
      uid: owner && convertedUid(owner.uid ?? ''),
      resourceVersion: owner === undefined ? revision : joined,
      creationTimestamp: owner?.creationTimestamp,
    }),
    spec: withoutEmpty({ ...spec, labelsToApply: sorted(labelsToApply) }),
  };
}

interface TierFields {
  readonly name: string;
  readonly order: number | undefined;
  readonly defaultAction: string;
}

/** One that nobody wrote is there all the same. */
export function tierDocument(store: Store, { name, order, defaultAction }: TierFields): JsonObject {
  const written = store.get('Tier', '', name);
  if (written === undefined) return { metadata: { name }, spec: withoutEmpty({ order, defaultAction }), status: {} };
  return { ...v3Document(written, { ...writtenSpec(written), defaultAction }), status: {} };
}

/** mergeCalicoAndK8sLabels(). */
const KUBE_LABELS = 'projectcalico.org/kube-labels';

/** resources/node.go:K8sNodeToCalico(). */
export function nodeDocument(store: Store, view: CalicoNodeView): JsonObject {
  const node = store.get('Node', '', view.name);
  const { bgp } = view;
  const own = [bgp?.ipv4Address, bgp?.ipv6Address].flatMap((address) =>
    address === undefined ? [] : [{ address: formatCidr(address), type: 'CalicoNodeIP' }],
  );
  const addresses = [
    ...own,
    ...(node?.status.internalIPs ?? []).map((address) => ({ address: formatIp(address), type: 'InternalIP' })),
    ...(node?.status.externalIPs ?? []).map((address) => ({ address: formatIp(address), type: 'ExternalIP' })),
  ];
  return {
    metadata: metadata({
      name: view.name,
      uid: node?.uid,
      resourceVersion: node && revisionOf(node),
      creationTimestamp: node?.creationTimestamp,
      labels: view.labels,
      annotations: node === undefined ? {} : { [KUBE_LABELS]: JSON.stringify(sorted(node.labels)) },
    }),
    spec: withoutEmpty({
      bgp: bgp && bgpSpec(bgp),
      ipv4VXLANTunnelAddr: view.ipv4VXLANTunnelAddr && formatIp(view.ipv4VXLANTunnelAddr),
      vxlanTunnelMACAddr: view.vxlanTunnelMACAddr,
      ipv6VXLANTunnelAddr: view.ipv6VXLANTunnelAddr && formatIp(view.ipv6VXLANTunnelAddr),
      vxlanTunnelMACAddrV6: view.vxlanTunnelMACAddrV6,
      orchRefs: node === undefined ? [] : [{ nodeName: view.name, orchestrator: 'k8s' }],
      addresses,
      interfaces: view.interfaces?.map((one) => ({ name: one.name, addresses: one.addresses.map(formatIp) })),
    }),
    status: withoutEmpty({ podCIDRs: node?.spec.podCIDRs.map(formatCidr) }),
  };
}

const bgpSpec = (bgp: NonNullable<CalicoNodeView['bgp']>): JsonObject =>
  withoutEmpty({
    asNumber: bgp.asNumber,
    ipv4Address: bgp.ipv4Address && formatCidr(bgp.ipv4Address),
    ipv6Address: bgp.ipv6Address && formatCidr(bgp.ipv6Address),
    ipv4IPIPTunnelAddr: bgp.ipv4IPIPTunnelAddr && formatIp(bgp.ipv4IPIPTunnelAddr),
    routeReflectorClusterID: bgp.routeReflectorClusterID,
  });

/** conversion/workload_endpoint_default.go:podToDefaultWorkloadEndpoint(). */
export function endpointDocument(pod: Pod, address: string): JsonObject {
  const { namespace, name, spec, labels } = pod;
  const network = `${address}/32`;
  const own = parseCidr(network);
  const serviceAccount = spec.serviceAccountName || 'default';
  const endpoint = podEndpoint({
    namespace,
    name,
    node: spec.nodeName,
    labels,
    serviceAccount,
    addresses: own === undefined ? [] : [own],
  });
  return {
    metadata: metadata({
      name: workloadEndpointName(spec.nodeName, name),
      namespace,
      uid: pod.uid,
      resourceVersion: revisionOf(pod),
      creationTimestamp: pod.creationTimestamp,
      labels: endpoint.labels,
    }),
    spec: withoutEmpty({
      orchestrator: 'k8s',
      node: spec.nodeName,
      containerID: pod.annotations['cni.projectcalico.org/containerID'],
      pod: name,
      endpoint: 'eth0',
      serviceAccountName: serviceAccount,
      ipNetworks: [network],
      profiles: endpoint.profiles,
      interfaceName: endpoint.interfaceName,
      ports: spec.containers.flatMap(endpointPorts),
    }),
  };
}

/** appendEndpointPorts(): those with a name or a port of the node's. */
const endpointPorts = ({ ports }: Pod['spec']['containers'][number]): readonly JsonObject[] =>
  ports
    .filter(({ name, hostPort }) => name !== '' || hostPort !== 0)
    .map(({ name, protocol, containerPort, hostPort, hostIP }) => ({
      name,
      protocol,
      port: containerPort,
      hostPort,
      hostIP: hostIP === undefined ? '' : formatIp(hostIP),
    }));
