/** What there is of each kind that `calicoctl get` lists: cells of tables, and documents. */

import {
  namespaceProfile,
  policyName,
  serviceAccountProfile,
  storedTiers,
  vethName,
  workloadEndpointName,
} from '../../calico/index.js';
import {
  calicoNodes,
  formatCidr,
  isFinished,
  type JsonObject,
  type Kind,
  type ObjectOf,
  type Store,
} from '../../kubernetes/index.js';
import { formatIpv4 } from '../../packet/index.js';
import {
  endpointDocument,
  nodeDocument,
  policySpec,
  profileDocument,
  tierDocument,
  v3Document,
  writtenSpec,
} from './documents.js';
import type { ToolPlace } from '../tool.js';

export interface Row {
  /** Empty where the kind has none. */
  readonly namespace: string;
  readonly name: string;
  readonly cells: Readonly<Record<string, string>>;
  /** As `-o yaml` has it, without kind and version. */
  readonly document: () => JsonObject;
}

interface Shown<K extends Kind> {
  readonly cells?: (object: ObjectOf<K>) => Record<string, string>;
  /** Where it may be another than the one that is written. */
  readonly spec?: (object: ObjectOf<K>) => JsonObject;
  /** Of kinds that print one, whatever it holds. */
  readonly status?: JsonObject;
}

export const rowsOf =
  <K extends Kind>(kind: K, { cells = () => ({}), spec = writtenSpec, status }: Shown<K> = {}) =>
  ({ cluster }: ToolPlace): readonly Row[] =>
    cluster.store.list(kind).map((object) => ({
      namespace: object.namespace,
      name: object.name,
      cells: cells(object),
      document: () => ({ ...v3Document(object, spec(object)), ...(status && { status }) }),
    }));

const globalAsNumber = (store: Store): number => store.get('BGPConfiguration', '', 'default')?.spec.asNumber ?? 64_512;

export function nodeRows({ cluster: { store } }: ToolPlace): readonly Row[] {
  return calicoNodes(store).map((view) => {
    const { name, bgp } = view;
    const asNumber = bgp?.asNumber ?? `(${globalAsNumber(store)})`;
    const cells = {
      ASN: bgp === undefined ? '' : String(asNumber),
      IPV4: bgp?.ipv4Address === undefined ? '' : formatCidr(bgp.ipv4Address),
      IPV6: bgp?.ipv6Address === undefined ? '' : formatCidr(bgp.ipv6Address),
    };
    return { namespace: '', name, cells, document: () => nodeDocument(store, view) };
  });
}

/** From a million on Go prints numbers of its float64 with an exponent of two digits. */
const EXPONENT_FROM = 1e6;

/** `{{.Spec.Order}}` of a pointer to a float64. */
function orderText(order: number | undefined): string {
  if (order === undefined) return '<nil>';
  if (Math.abs(order) < EXPONENT_FROM) return String(order);
  return order.toExponential().replace(/e\+(\d)$/, 'e+0$1');
}

const MOST_OCTETS = 80;

/** joinAndTruncate() */
export function joined(items: readonly string[]): string {
  const text = items.join(',');
  return text.length > MOST_OCTETS ? `${text.slice(0, MOST_OCTETS - 3)}...` : text;
}

interface PolicySpec {
  readonly tier: string;
  readonly order?: number | undefined;
  readonly selector: { readonly text: string } | string | undefined;
}

const policyCells = ({ spec }: { readonly spec: PolicySpec }): Record<string, string> => ({
  TIER: spec.tier,
  ORDER: orderText(spec.order),
  SELECTOR: typeof spec.selector === 'string' ? spec.selector : (spec.selector?.text ?? ''),
});

const TIER_LABEL = 'projectcalico.org/tier';

type PolicyKind = 'CalicoNetworkPolicy' | 'GlobalNetworkPolicy' | 'StagedGlobalNetworkPolicy' | 'StagedNetworkPolicy';

export const policyRows =
  (kind: PolicyKind) =>
  ({ cluster }: ToolPlace): readonly Row[] =>
    cluster.store.list(kind).map((object) => ({
      namespace: object.namespace,
      name: policyName(object, object.spec.tier),
      cells: policyCells(object),
      document: () =>
        v3Document({ ...object, name: policyName(object, object.spec.tier) }, policySpec(object), {
          [TIER_LABEL]: 'default',
        }),
    }));

/** Pods that Calico connects; libcalico-go/lib/backend/k8s/conversion: IsReadyCalicoPod(). */
export const endpointRows = ({ cluster }: ToolPlace): readonly Row[] =>
  cluster.store.list('Pod').flatMap((pod) => {
    const { namespace, name, spec } = pod;
    if (spec.hostNetwork || spec.nodeName === '' || isFinished(pod)) return [];
    const address = cluster.podAddress(pod);
    if (address === undefined) return [];
    const serviceAccount = spec.serviceAccountName || 'default';
    const cells = {
      WORKLOAD: name,
      ORCHESTRATOR: 'k8s',
      NODE: spec.nodeName,
      NETWORKS: `${formatIpv4(address)}/32`,
      INTERFACE: vethName(namespace, name),
      PROFILES: `kns.${namespace},ksa.${namespace}.${serviceAccount}`,
      NATS: '',
    };
    const endpoint = workloadEndpointName(spec.nodeName, name);
    return [{ namespace, name: endpoint, cells, document: () => endpointDocument(pod, formatIpv4(address)) }];
  });

interface Labelled {
  readonly name: string;
  readonly labelsToApply: Readonly<Record<string, string>>;
}

function profileRow(profile: Labelled, spec: JsonObject, owner?: ObjectOf<'Namespace' | 'ServiceAccount'>): Row {
  const { name, labelsToApply } = profile;
  return {
    namespace: '',
    name,
    cells: {
      LABELS: Object.entries(labelsToApply)
        .map(([key, value]) => `${key}=${value}`)
        .sort()
        .join(','),
    },
    document: () => profileDocument({ name, labelsToApply, owner }, spec),
  };
}

const ALLOW: JsonObject = { action: 'Allow' };
const ALLOW_ALL: JsonObject = { ingress: [ALLOW], egress: [ALLOW] };

/** Of namespaces and service accounts, behind the one that allows everything; backend/k8s/resources/profile.go. */
export const profileRows = ({ cluster: { store } }: ToolPlace): readonly Row[] => [
  profileRow({ name: 'projectcalico-default-allow', labelsToApply: {} }, ALLOW_ALL),
  ...store
    .list('Namespace')
    .map((object) => profileRow(namespaceProfile(object.name, object.labels), ALLOW_ALL, object)),
  ...store
    .list('ServiceAccount')
    .map((object) => profileRow(serviceAccountProfile(object.namespace, object.name, object.labels), {}, object)),
];

interface Ordered {
  readonly name: string;
  readonly order: number | undefined;
}

/** resourcemgr/tier.go: by order, those without one last. */
const byOrder = (a: Ordered, b: Ordered): number =>
  (a.order ?? Infinity) === (b.order ?? Infinity)
    ? a.name < b.name
      ? -1
      : 1
    : (a.order ?? Infinity) - (b.order ?? Infinity);

export const tierRows = ({ cluster: { store } }: ToolPlace): readonly Row[] =>
  [...storedTiers(store)].sort(byOrder).map((tier) => ({
    namespace: '',
    name: tier.name,
    cells: { ORDER: orderText(tier.order) },
    document: () => tierDocument(store, tier),
  }));
