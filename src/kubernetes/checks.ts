/** What can be said only of the whole cluster: names that name nothing, and what a real cluster would suffer from. */

import { append } from './append.js';
import { cidrEquals, cidrsOverlap, formatCidr, formatIp, parseCidr, parseIp } from './address.js';
import { parseAsNumber } from './as-number.js';
import { calicoNodeSettings, NODE_ANNOTATIONS, parseNodeAddress } from './calico-node.js';
import {
  type ConfigError,
  configError,
  type Finding,
  finding,
  formatObject,
  nearMatches,
  type Subject,
} from './messages.js';
import { isFinished } from './pods.js';
import type { Labels } from './schema/kind.js';
import { hasLabels, labelOf, formatLabels } from './selector.js';
import { describe, type FieldPath } from './source/json.js';
import { parseEmbedded } from './source/documents.js';
import { serviceConflicts } from './service-checks.js';
import type { Store } from './store.js';
import type { IpPool, KubeNode, Pod } from './types.js';

export interface Checked {
  readonly errors: readonly ConfigError[];
  readonly findings: readonly Finding[];
}

/** Names of objects that exist but could not be read: `Node//worker-1`. */
type Broken = ReadonlySet<string>;

function podsOnMissingNodes(store: Store, broken: Broken): readonly Finding[] {
  const exists = (name: string): boolean =>
    store.get('Node', '', name) !== undefined ||
    store.get('CalicoNode', '', name) !== undefined ||
    broken.has(`Node//${name}`);
  const names = [...store.list('Node'), ...store.list('CalicoNode')].map(({ name }) => name);
  const findings: Finding[] = [];
  for (const pod of store.list('Pod')) {
    const { nodeName } = pod.spec;
    if (nodeName === '' || exists(nodeName) || isFinished(pod)) continue;
    const near = nearMatches(nodeName, names);
    const hint = near.length === 0 ? '' : ` (near: ${near.join(', ')})`;
    const message = `its node ${nodeName} does not exist${hint}: nothing reaches it`;
    findings.push(finding(pod, ['spec', 'nodeName'], { code: 'pod-on-missing-node', severity: 'warning', message }));
  }
  return findings;
}

/** Host-network pods share their node's address on purpose. */
function addressesInUseTwice(store: Store): readonly Finding[] {
  const holders = new Map<string, Pod>();
  const findings: Finding[] = [];
  for (const pod of store.list('Pod')) {
    if (pod.spec.hostNetwork || isFinished(pod)) continue;
    for (const ip of pod.status.podIPs) {
      const text = formatIp(ip);
      const holder = holders.get(text);
      if (holder === undefined) holders.set(text, pod);
      else if (holder !== pod) {
        const message = `its address ${text} is also that of ${formatObject(holder)}`;
        findings.push(
          finding(pod, ['status', 'podIP'], { code: 'address-in-use-twice', severity: 'warning', message }),
        );
      }
    }
  }
  return findings;
}

function poolsOverlap(store: Store): readonly Finding[] {
  const findings: Finding[] = [];
  const pools = store.list('IPPool');
  pools.forEach((pool, i) => {
    for (const other of pools.slice(0, i)) {
      if (!cidrsOverlap(pool.spec.cidr, other.spec.cidr)) continue;
      const message = `${formatCidr(pool.spec.cidr)} overlaps with ${formatCidr(other.spec.cidr)} of IPPool ${other.name}`;
      findings.push(finding(pool, ['spec', 'cidr'], { code: 'pools-overlap', severity: 'warning', message }));
    }
  });
  return findings;
}

/** A namespace's pods by one label: Services are many, and most select by few labels. */
class PodsByLabel {
  readonly #store: Store;
  readonly #indexes = new Map<string, ReadonlyMap<string, readonly Pod[]>>();

  constructor(store: Store) {
    this.#store = store;
  }

  #index(namespace: string, key: string): ReadonlyMap<string, readonly Pod[]> {
    const name = `${namespace}/${key}`;
    const held = this.#indexes.get(name);
    if (held !== undefined) return held;
    const index = new Map<string, Pod[]>();
    for (const pod of this.#store.list('Pod', namespace)) {
      const value = labelOf(pod.labels, key);
      if (value === undefined || isFinished(pod)) continue;
      const pods = index.get(value);
      if (pods === undefined) index.set(value, [pod]);
      else pods.push(pod);
    }
    this.#indexes.set(name, index);
    return index;
  }

  some(namespace: string, selector: Labels): boolean {
    const [first] = Object.entries(selector);
    if (first === undefined) return false;
    const candidates = this.#index(namespace, first[0]).get(first[1]) ?? [];
    return candidates.some(({ labels }) => hasLabels(selector, labels));
  }
}

/** A Service without a selector has its endpoints from somebody else. */
function servicesThatSelectNothing(store: Store): readonly Finding[] {
  const pods = new PodsByLabel(store);
  const findings: Finding[] = [];
  for (const service of store.list('Service')) {
    const { selector, type } = service.spec;
    if (type === 'ExternalName' || Object.keys(selector).length === 0 || pods.some(service.namespace, selector))
      continue;
    const message = `its selector ${formatLabels(selector)} selects no pod: it has no endpoints`;
    findings.push(
      finding(service, ['spec', 'selector'], { code: 'service-selects-nothing', severity: 'warning', message }),
    );
  }
  return findings;
}

const POOL_ANNOTATIONS = [
  { key: 'cni.projectcalico.org/ipv4pools', ipv4: true, defaultPool: 'default-ipv4-ippool' },
  { key: 'cni.projectcalico.org/ipv6pools', ipv4: false, defaultPool: 'default-ipv6-ippool' },
] as const;

type PoolAnnotation = (typeof POOL_ANNOTATIONS)[number];

const isIpv4Pool = ({ spec }: IpPool): boolean => typeof spec.cidr.addr === 'number';

/** Whether a name or CIDR is that of a pool; calico-node makes the default one where there is none. */
function poolExists(
  request: string,
  { store, broken }: { store: Store; broken: Broken },
  { ipv4, defaultPool }: PoolAnnotation,
): boolean {
  const pools = store.list('IPPool');
  const ofFamily = pools.filter((pool) => isIpv4Pool(pool) === ipv4);
  if (broken.has(`IPPool//${request}`)) return true;
  const cidr = parseCidr(request);
  if (ofFamily.length === 0) return cidr !== undefined || request === defaultPool;
  return ofFamily.some((pool) => (cidr === undefined ? pool.name === request : cidrEquals(pool.spec.cidr, cidr)));
}

const annotationPath = (key: string): FieldPath => ['metadata', 'annotations', key];

function checkPoolAnnotation(
  subject: Subject & { readonly annotations: Labels; readonly addressed: boolean },
  annotation: PoolAnnotation,
  known: { readonly store: Store; readonly broken: Broken },
): Checked {
  const text = labelOf(subject.annotations, annotation.key);
  if (text === undefined) return { errors: [], findings: [] };
  const path = annotationPath(annotation.key);
  const requests = parseEmbedded(text);
  if (!Array.isArray(requests) || !requests.every((request) => typeof request === 'string')) {
    const expected = 'a JSON list of names or CIDRs of IP pools, such as ["pool-a"]';
    return { errors: [configError(subject, path, { expected, got: describe(text) })], findings: [] };
  }
  const names = known.store.list('IPPool').map(({ name }) => name);
  const missing = requests.filter((request) => !poolExists(request, known, annotation));
  if (!subject.addressed) {
    const error = (request: string): ConfigError =>
      configError(subject, path, {
        expected: 'the name or CIDR of an IP pool that exists',
        got: describe(request),
        near: nearMatches(request, names),
      });
    return { errors: missing.map(error), findings: [] };
  }
  const found = (request: string): Finding =>
    finding(subject, path, {
      code: 'pool-missing',
      severity: 'warning',
      message: `IP pool ${request} does not exist any more: it keeps its address, and would get none today`,
    });
  return { errors: [], findings: missing.map(found) };
}

/** Without Calico these annotations are nobody's. */
const hasCalico = (store: Store): boolean =>
  store.list('IPPool').length > 0 ||
  store.list('ClusterInformation').length > 0 ||
  store.list('CalicoNode').length > 0 ||
  calicoNodeSettings(store) !== undefined;

/** Pools that pods and namespaces ask for. A pod that has its address asks no more. */
function poolReferences(store: Store, broken: Broken): Checked {
  const errors = new Map<string, ConfigError>();
  const findings: Finding[] = [];
  if (!hasCalico(store)) return { errors: [], findings };
  const pods = store.list('Pod').filter(({ spec }) => !spec.hostNetwork);
  const subjects = [
    ...pods.map((pod) => ({ addressed: pod.status.podIPs.length > 0, ...pod })),
    ...store.list('Namespace').map((namespace) => ({ addressed: false, ...namespace })),
  ];
  for (const subject of subjects) {
    for (const annotation of POOL_ANNOTATIONS) {
      const checked = checkPoolAnnotation(subject, annotation, { store, broken });
      // Pods of one template repeat its mistake: it is told once.
      for (const error of checked.errors) errors.set(`${error.file}:${error.line}:${error.column} ${error.got}`, error);
      append(findings, checked.findings);
    }
  }
  return { errors: [...errors.values()], findings };
}

const NODE_FIELDS: readonly { key: string; expected: string; isRight: (text: string) => boolean }[] = [
  ...[NODE_ANNOTATIONS.ipv4Address, NODE_ANNOTATIONS.ipv6Address].map((key) => ({
    key,
    expected: 'an address with its prefix length, such as 10.0.0.1/24',
    isRight: (text: string) => parseNodeAddress(text) !== undefined,
  })),
  ...[
    NODE_ANNOTATIONS.ipv4IPIPTunnelAddr,
    NODE_ANNOTATIONS.ipv4VXLANTunnelAddr,
    NODE_ANNOTATIONS.ipv6VXLANTunnelAddr,
  ].map((key) => ({ key, expected: 'an address', isRight: (text: string) => parseIp(text) !== undefined })),
  { key: NODE_ANNOTATIONS.asNumber, expected: 'an AS number', isRight: (text) => parseAsNumber(text) !== undefined },
];

/** Calico's part of a Node, in its annotations. */
const nodeAnnotations = (node: KubeNode): readonly ConfigError[] =>
  NODE_FIELDS.flatMap(({ key, expected, isRight }) => {
    const text = labelOf(node.annotations, key);
    if (text === undefined || text === '' || isRight(text)) return [];
    return [configError(node, annotationPath(key), { expected, got: describe(text) })];
  });

/** After all pods are made and placed. */
export function checkCluster(store: Store, broken: Broken): Checked {
  const pools = poolReferences(store, broken);
  return {
    errors: [...pools.errors, ...store.list('Node').flatMap(nodeAnnotations)],
    findings: [
      ...podsOnMissingNodes(store, broken),
      ...addressesInUseTwice(store),
      ...poolsOverlap(store),
      ...pools.findings,
      ...servicesThatSelectNothing(store),
      ...serviceConflicts(store),
    ],
  };
}
