/**
 * What connects pods and programs nodes that nobody here models: other CNI plugins, other dataplanes of Felix, Windows. A
 * trace by way of such a node is not known.
 */

import { felixLayers, readFelixConfig } from '../../calico/index.js';
import type { Installation } from '../../kube-proxy/index.js';
import {
  calicoInstallation,
  calicoNodeSettings,
  type FieldPath,
  type Finding,
  finding,
  formatObject,
  type KubeNode,
  labelOf,
  type Store,
  type Subject,
} from '../../kubernetes/index.js';
import type { Dataplanes } from '../input/unmodelled.js';
import { variableSource } from './environment-source.js';
import { broughtPlugins, type CalicoPresence, type Connector, connectorOfNodes, connectorOfPods } from './other-cni.js';

export interface OtherDataplanes extends Dataplanes {
  readonly findings: readonly Finding[];
}

interface DataplaneFacts {
  readonly store: Store;
  readonly kubeProxy: Installation;
  readonly calico: CalicoPresence;
}

const unmodelled = (subject: Subject, path: FieldPath, message: string): Finding =>
  finding(subject, path, { code: 'unmodelled', severity: 'notice', message });

const told = ({ subject, path, does }: Connector, consequence: string): Finding =>
  unmodelled(subject, path, `it ${does}: ${consequence}`);

const sentence = ({ subject, does }: Connector, consequence: string): string =>
  `${formatObject(subject)} ${does}: ${consequence}.`;

/** kube-proxy's, or what an operator who is to use nftables would have found, where nothing says how kube-proxy runs. */
function proxyUsesNftables({ store, kubeProxy }: DataplaneFacts, node: string): boolean {
  if (kubeProxy.subject !== undefined) return kubeProxy.configuration.mode === 'nftables' && kubeProxy.runsOn(node);
  return calicoInstallation(store)?.spec.calicoNetwork.linuxDataplane === 'Nftables';
}

/** What the node's Calico programs in place of iptables' rules, or undefined (int_dataplane.go:useNftables()). */
function otherFelix(facts: DataplaneFacts, node: string): 'VPP' | 'eBPF' | 'nftables' | undefined {
  const { store } = facts;
  if (calicoInstallation(store)?.spec.calicoNetwork.linuxDataplane === 'VPP') return 'VPP';
  const { bpfEnabled, nftablesMode } = readFelixConfig(felixLayers(store, node)).config;
  if (bpfEnabled) return 'eBPF';
  const follows = nftablesMode === 'Auto' && proxyUsesNftables(facts, node);
  return follows || nftablesMode === 'Enabled' ? 'nftables' : undefined;
}

const NOT_KNOWN = 'what becomes of packets on its nodes is not known';

/** What follows of calico-node's environment, or of kube-proxy; objects that ask for it are told of where they are read. */
function felixFindings(facts: DataplaneFacts): Finding[] {
  const { store, kubeProxy } = facts;
  const [first] = store.list('Node');
  const programs = first && otherFelix(facts, first.name);
  if (programs === undefined || programs === 'VPP') return [];
  const settings = calicoNodeSettings(store);
  const variable = programs === 'eBPF' ? 'FELIX_BPFENABLED' : 'FELIX_NFTABLESMODE';
  const source = settings && variableSource(store, settings.object, variable);
  if (source !== undefined)
    return [unmodelled(source.subject, source.path, `Felix with ${programs} is not modelled: ${NOT_KNOWN}`)];
  if (kubeProxy.subject === undefined || kubeProxy.configuration.mode !== 'nftables') return [];
  return [unmodelled(kubeProxy.subject, [], `Felix programs nftables as kube-proxy does: ${NOT_KNOWN}`)];
}

const WINDOWS = 'windows';

const runsWindows = ({ labels, status }: KubeNode): boolean =>
  status.operatingSystem === WINDOWS || labelOf(labels, 'kubernetes.io/os') === WINDOWS;

const windowsFindings = (store: Store): Finding[] =>
  store
    .list('Node')
    .filter(runsWindows)
    .map((node) =>
      unmodelled(node, [], 'it runs Windows, which is not modelled: what becomes of packets there is not known'),
    );

/** Why nobody knows what becomes of a packet on a node. */
function unknownOn(facts: DataplaneFacts, name: string, connector: Connector | undefined): string | undefined {
  const node = facts.store.get('Node', '', name);
  if (node === undefined) return undefined;
  if (runsWindows(node))
    return `node/${name} runs Windows, which is not modelled: what becomes of packets there is not known.`;
  if (connector !== undefined) return sentence(connector, 'how it connects pods is not known');
  const programs = facts.calico === 'absent' ? undefined : otherFelix(facts, name);
  return (
    programs && `Felix programs ${programs} on node/${name}, which is not modelled: what its rules do is not known.`
  );
}

/** Each node is looked at once, since every trace asks of those that it comes by. */
function reasons(facts: DataplaneFacts, connector: Connector | undefined): Dataplanes['unknownOn'] {
  const known = new Map<string, string | undefined>();
  return (node) => {
    if (!known.has(node)) known.set(node, unknownOn(facts, node, connector));
    return known.get(node);
  };
}

export function otherDataplanes(facts: DataplaneFacts): OtherDataplanes {
  const { store, calico } = facts;
  const brought = broughtPlugins(store);
  const ofPods = connectorOfPods(store, calico, brought);
  const ofNodes = calico === 'spoken' ? connectorOfNodes(store) : undefined;
  const beside = calico === 'spoken' ? brought.filter((one) => one !== ofPods) : [];
  const between = 'what becomes of packets between nodes is not known';
  return {
    findings: [
      ...[ofPods ?? []].flat().map((one) => told(one, 'what becomes of packets of pods is not known')),
      ...beside.map((one) => told(one, "pods are connected by Calico's alone")),
      ...[ofNodes ?? []].flat().map((one) => told(one, between)),
      ...(calico === 'absent' ? [] : felixFindings(facts)),
      ...windowsFindings(store),
    ],
    unknownOn: reasons(facts, ofPods),
    unknownBetweenNodes: ofNodes && sentence(ofNodes, between),
  };
}
