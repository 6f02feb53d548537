/**
 * The kube-proxy of a cluster: where its configuration is written, of what version it is, on which nodes it runs. Where
 * nothing is said it is kubeadm's, which installs one on every node.
 */

import {
  type Cidr,
  type ConfigMap,
  type DaemonSet,
  describe,
  field,
  type FieldPath,
  type Finding,
  finding,
  formatCidr,
  formatPath,
  isFinished,
  isIpv4,
  type Json,
  type JsonObject,
  kubeadmNetworking,
  labelOf,
  nearMatches,
  parseEmbedded,
  type Pod,
  type Store,
  type Subject,
  schema,
} from '../../kubernetes/index.js';
import { type Configuration, configurationBody } from './configuration.js';
import { featuresOf, minorOfImage, OLDEST_MINOR, REFERENCE_MINOR, type Features } from './features.js';
import { flagsOf, jsonOfFlags } from './flags.js';
import { unwatched } from './unwatched.js';

const NAMESPACE = 'kube-system';
/** kubeadm's name and key, and those of EKS. */
const CONFIG_MAPS = ['kube-proxy', 'kube-proxy-config'];
const KEYS = ['config.conf', 'config', 'kube-proxy.conf'];

export interface Installation {
  readonly configuration: Configuration;
  /** 34 of 1.34. */
  readonly minor: number;
  readonly features: Features;
  /** Why no kube-proxy runs anywhere, or undefined. */
  readonly replacedBy: string | undefined;
  /** Its configuration is refused: where one would run none starts, and nobody writes rules. */
  readonly refused: boolean;
  /** Whether one has written its rules there. */
  readonly runsOn: (node: string) => boolean;
  /** What is wrong with the node's kube-proxy, as a sentence; undefined where nothing is. */
  readonly trouble: (node: string) => string | undefined;
  /** What findings about its settings are about. */
  readonly subject: Subject | undefined;
  readonly findings: readonly Finding[];
}

interface Written {
  readonly json: Json | undefined;
  readonly subject: Subject;
  readonly path: FieldPath;
}

const BASE = { apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration' };

function configMapOf(store: Store): { readonly map: ConfigMap; readonly key: string } | undefined {
  for (const name of CONFIG_MAPS) {
    const map = store.get('ConfigMap', NAMESPACE, name);
    const key = KEYS.find((one) => labelOf(map?.data ?? {}, one) !== undefined);
    if (map !== undefined && key !== undefined) return { map, key };
  }
  return undefined;
}

/** The file that `--config` names; without that flag all flags count. */
function written(store: Store, daemonSet: DaemonSet | undefined): Written | undefined {
  const flags = daemonSet === undefined ? undefined : flagsOf(daemonSet.spec.template.commandLines);
  const found = configMapOf(store);
  if (daemonSet !== undefined && flags !== undefined && flags.size > 0 && !flags.has('config')) {
    const path = ['spec', 'template', 'spec', 'containers'];
    return { json: { ...BASE, ...jsonOfFlags(flags) }, subject: daemonSet, path };
  }
  if (found === undefined) return undefined;
  const { map, key } = found;
  return { json: parseEmbedded(labelOf(map.data, key) ?? ''), subject: map, path: ['data', key] };
}

interface Read {
  readonly configuration: Configuration;
  readonly refused: boolean;
  readonly findings: readonly Finding[];
}

/** kube-proxy ends with an error at once, and is started again in vain. */
const refusal = ({ subject, path }: Pick<Written, 'subject' | 'path'>, expected: string, got: string): Finding =>
  finding(subject, path, {
    code: 'kube-proxy',
    severity: 'warning',
    message: `expected ${expected}, got ${got}: kube-proxy does not start with it, and no node has rules for Services`,
  });

function readConfiguration(json: Json, about: { readonly subject: Subject; readonly path: FieldPath }): Read {
  const { subject, path } = about;
  const reader = new schema.Reader({ scalarsAsText: false });
  const body = configurationBody.read(json, reader);
  const refusals = reader.problems.map((problem) => {
    const { expected, got } = problem;
    const where = formatPath(problem.path);
    return refusal(about, where === '' ? expected : `${where} to be ${expected}`, got);
  });
  const findings = reader.unknown.map(({ path: at, name, known }) => {
    const near = nearMatches(name, known);
    const hint = near.length === 0 ? '' : ` (near: ${near.join(', ')})`;
    const message = `KubeProxyConfiguration has no field ${at.join('.')}${hint}: kube-proxy does not start with it in strict mode, and passes it over else`;
    return finding(subject, path, { code: 'unknown-field', severity: 'warning', message });
  });
  const configuration = body === schema.INVALID ? defaults({}) : body;
  return { configuration, refused: refusals.length > 0, findings: [...refusals, ...findings] };
}

function defaults(json: JsonObject): Configuration {
  const body = configurationBody.read({ ...BASE, ...json }, new schema.Reader({ scalarsAsText: false }));
  if (body === schema.INVALID) throw new Error('assertion failed: the defaults of a configuration are one');
  return body;
}

/** kubeadm writes its podSubnet; a pool of Calico's is made of the same by calico-node. */
function assumedClusterCidr(store: Store): { readonly cidrs: readonly Cidr[]; readonly from: string } {
  const subnets = kubeadmNetworking(store).podSubnets;
  if (subnets.length > 0) return { cidrs: subnets, from: 'the podSubnet of ConfigMap kube-system/kubeadm-config' };
  const pools = store.list('IPPool').filter(({ spec }) => !spec.disabled && isIpv4(spec.cidr.addr));
  const pool = pools.find(({ name }) => name === 'default-ipv4-ippool') ?? (pools.length === 1 ? pools[0] : undefined);
  if (pool !== undefined) return { cidrs: [pool.spec.cidr], from: `IPPool ${pool.name}` };
  return { cidrs: [], from: 'nothing' };
}

/** Told once there are Services, for which it matters, and of the first node: it is nodes that kube-proxy runs on. */
function assumed(store: Store): Read {
  const { cidrs, from } = assumedClusterCidr(store);
  const text = cidrs.map(formatCidr).join(',');
  const configuration = defaults({ clusterCIDR: text });
  const [node] = store.list('Node');
  const isUsed = store.list('Service').some(({ spec }) => spec.clusterIPs.length > 0);
  if (node === undefined || !isUsed) return { configuration, refused: false, findings: [] };
  const pods = text === '' ? 'without a cluster CIDR' : `with the cluster CIDR ${text} of ${from}`;
  const message = `the input has no configuration of kube-proxy: kubeadm's defaults are assumed, ${pods}`;
  return {
    configuration,
    refused: false,
    findings: [finding(node, [], { code: 'kube-proxy-assumed', severity: 'notice', message })],
  };
}

const isTrueText = (text: string | undefined): boolean => text === 'true' || text === 'strict' || text === 'probe';

/** Who does kube-proxy's work instead, where somebody does. */
function replacement(store: Store): string | undefined {
  const felix = store.list('FelixConfiguration').find(({ spec }) => spec.bpfEnabled);
  if (felix !== undefined) return 'the eBPF dataplane of Felix';
  const cilium = store.get('ConfigMap', NAMESPACE, 'cilium-config')?.data;
  if (isTrueText(labelOf(cilium ?? {}, 'kube-proxy-replacement'))) return 'Cilium';
  const router = store.get('DaemonSet', NAMESPACE, 'kube-router');
  const flags = router && flagsOf(router.spec.template.commandLines, 'kube-router');
  return flags?.get('run-service-proxy') === 'true' ? 'kube-router' : undefined;
}

const isKubeProxyPod = (pod: Pod): boolean =>
  (labelOf(pod.labels, 'k8s-app') === 'kube-proxy' || labelOf(pod.labels, 'component') === 'kube-proxy') &&
  !isFinished(pod);

/** Why no process of a pod runs, where its status says so. */
const stoppedOf = ({ status, spec }: Pod) =>
  spec.containers.length === 0 ? undefined : status.stopped.find(({ name }) => name === spec.containers[0]?.name);

/** The best of a node's pods: one that runs, or else one that has run before. */
function podsByNode(store: Store, daemonSet: DaemonSet | undefined): ReadonlyMap<string, Pod> | undefined {
  const pods = store.list('Pod', NAMESPACE).filter(isKubeProxyPod);
  if (pods.length === 0 && daemonSet === undefined) return undefined;
  const rank = (pod: Pod): number => {
    const stopped = stoppedOf(pod);
    return stopped === undefined ? 2 : stopped.hasRun ? 1 : 0;
  };
  return new Map(pods.toSorted((a, b) => rank(a) - rank(b)).map((pod) => [pod.spec.nodeName, pod]));
}

/** On which nodes kube-proxy has written rules, and what is wrong with it there. */
class ProxyPods {
  /** By node; undefined where nothing says on which it runs. */
  readonly #pods: ReadonlyMap<string, Pod> | undefined;

  constructor(pods: ReadonlyMap<string, Pod> | undefined) {
    this.#pods = pods;
  }

  /** What one has written stays in the kernel when it has ended. */
  readonly hasRunOn = (node: string): boolean => {
    if (this.#pods === undefined) return true;
    const pod = this.#pods.get(node);
    return pod !== undefined && (stoppedOf(pod)?.hasRun ?? true);
  };

  readonly trouble = (node: string): string | undefined => {
    if (this.#pods === undefined) return undefined;
    const pod = this.#pods.get(node);
    if (pod === undefined) return `No kube-proxy runs on node/${node}: no pod of it is there`;
    const name = `Pod ${pod.namespace}/${pod.name}`;
    const stopped = stoppedOf(pod);
    if (stopped === undefined)
      return pod.status.ready === false ? `The kube-proxy of node/${node}, ${name}, is not ready` : undefined;
    const reason = stopped.reason === '' ? '' : ` (${stopped.reason})`;
    return `The kube-proxy of node/${node}, ${name}, does not run${reason}`;
  };

  findings(): Finding[] {
    return [...(this.#pods ?? [])].flatMap(([node, pod]) => {
      const trouble = stoppedOf(pod) === undefined ? undefined : this.trouble(node);
      if (trouble === undefined) return [];
      const rules = this.hasRunOn(node)
        ? 'its rules are taken as those of now, which it has not written'
        : 'the node has no rules for Services';
      const what = { code: 'kube-proxy', severity: 'warning', message: `${trouble}: ${rules}` } as const;
      return [finding(pod, ['status'], what)];
    });
  }
}

function versionOf(store: Store, daemonSet: DaemonSet | undefined): { minor: number; finding: Finding | undefined } {
  const pod = store.list('Pod', NAMESPACE).find(isKubeProxyPod);
  const containers = daemonSet?.spec.template.spec.containers ?? pod?.spec.containers ?? [];
  const container = containers.find(({ name }) => name === 'kube-proxy') ?? containers[0];
  const minor = container === undefined ? undefined : minorOfImage(container.image);
  if (minor === undefined || minor >= OLDEST_MINOR) return { minor: minor ?? REFERENCE_MINOR, finding: undefined };
  const subject = daemonSet ?? pod;
  const message = `kube-proxy 1.${minor} is older than what is modelled: it is taken as 1.${OLDEST_MINOR}`;
  return {
    minor: OLDEST_MINOR,
    finding: subject && finding(subject, [], { code: 'unmodelled', severity: 'notice', message }),
  };
}

const MODE_UNMODELLED = (mode: string): string =>
  `kube-proxy's mode ${mode} is not modelled yet: traces to addresses of Services are unknown`;

export function findInstallation(store: Store): Installation {
  const daemonSet = store.get('DaemonSet', NAMESPACE, 'kube-proxy');
  const { minor, finding: tooOld } = versionOf(store, daemonSet);
  const from = written(store, daemonSet);
  const nodes = podsByNode(store, daemonSet);
  const pods = new ProxyPods(nodes);
  const stated = from !== undefined || nodes !== undefined;
  const replacedBy = stated ? undefined : replacement(store);
  const read = readWritten(store, from, replacedBy);
  const { configuration } = read;
  const findings = [
    ...read.findings,
    ...(tooOld === undefined ? [] : [tooOld]),
    ...pods.findings(),
    ...(replacedBy === undefined ? unwatched(store) : []),
  ];
  if (configuration.mode !== 'iptables' && from !== undefined) {
    const message = MODE_UNMODELLED(configuration.mode);
    findings.push(finding(from.subject, from.path, { code: 'unmodelled', severity: 'notice', message }));
  }
  const features = featuresOf(minor, configuration.featureGates);
  return {
    configuration,
    minor,
    features,
    replacedBy,
    refused: read.refused,
    runsOn: (node) => replacedBy === undefined && !read.refused && pods.hasRunOn(node),
    trouble: (node) =>
      read.refused ? `The kube-proxy of node/${node} does not start with its configuration` : pods.trouble(node),
    subject: from?.subject,
    findings,
  };
}

function readWritten(store: Store, from: Written | undefined, replacedBy: string | undefined): Read {
  if (from === undefined) {
    return replacedBy === undefined ? assumed(store) : { configuration: defaults({}), refused: false, findings: [] };
  }
  const { json, subject, path } = from;
  if (json !== undefined && field(json, 'kind') !== undefined) return readConfiguration(json, { subject, path });
  const refused = refusal(from, 'a KubeProxyConfiguration', describe(json));
  return { configuration: defaults({}), refused: true, findings: [refused] };
}
