/**
 * Fields that change the dataplane and are not modelled. They are reported where they are set: a trace that
 * ignores one silently would be wrong. (A field that is in neither this table nor a schema changes no packet.)
 */

import { type Finding, finding, type Subject } from './messages.js';
import { field, isList, type Json, places } from './source/json.js';
import type { Kind } from './kinds/table.js';

interface UnmodelledField {
  /** `*` stands for every element of a list. */
  readonly path: readonly string[];
  /** Whether the value asks for what is not modelled. */
  readonly when: (value: Json, document: Json) => boolean;
  readonly why: string;
}

const isTrue = (value: Json): boolean => value === true;
const isSet = (value: Json): boolean => value !== null && value !== '' && value !== false;
const enabled = (value: Json): boolean => value === 'Enabled' || value === true;

/** A host-network pod with NET_ADMIN is a network component, modelled as such or not at all. */
const inPodNetwork = (document: Json): boolean => field(field(document, 'spec'), 'hostNetwork') !== true;
const addsNetAdmin = (value: Json, document: Json): boolean =>
  isList(value) && (value.includes('NET_ADMIN') || value.includes('ALL')) && inPodNetwork(document);
const setsNetSysctl = (value: Json): boolean =>
  isList(value) &&
  value.some((entry) => {
    const name = field(entry, 'name');
    return typeof name === 'string' && name.startsWith('net.');
  });

const CAPABILITIES = ['*', 'securityContext', 'capabilities', 'add'];
const NET_ADMIN = "a container with NET_ADMIN may change its pod's routes and rules: what it changes is not modelled";

const FELIX_BANDWIDTH = ['ingressBandwidth', 'egressBandwidth'].map((limit) => ({
  path: ['metadata', 'annotations', `qos.projectcalico.org/${limit}`],
  when: isSet,
  why: 'bandwidth that Felix limits is not modelled: packets are as fast as the link',
}));

const POD: readonly UnmodelledField[] = [
  ...FELIX_BANDWIDTH,
  { path: ['spec', 'containers', ...CAPABILITIES], when: addsNetAdmin, why: NET_ADMIN },
  { path: ['spec', 'initContainers', ...CAPABILITIES], when: addsNetAdmin, why: NET_ADMIN },
  {
    path: ['spec', 'securityContext', 'sysctls'],
    when: setsNetSysctl,
    why: 'net.* sysctls of a pod are not modelled: its namespace has the defaults',
  },
  {
    path: ['metadata', 'annotations', 'k8s.v1.cni.cncf.io/networks'],
    when: isSet,
    why: 'further interfaces by Multus are not modelled: the pod has eth0 alone',
  },
  {
    path: ['spec', 'affinity', 'podAntiAffinity', 'requiredDuringSchedulingIgnoredDuringExecution'],
    when: isSet,
    why: 'pod anti-affinity is not modelled: a pod without a node may be placed where it would not be',
  },
  {
    path: ['spec', 'affinity', 'podAffinity', 'requiredDuringSchedulingIgnoredDuringExecution'],
    when: isSet,
    why: 'pod affinity is not modelled: a pod without a node may be placed where it would not be',
  },
];

/** The same fields in a workload's template. Pods that are made from it are not reported again. */
const TEMPLATE = POD.map((entry) => ({
  ...entry,
  path: ['spec', 'template', ...entry.path],
  when: (value: Json, document: Json) => entry.when(value, field(field(document, 'spec'), 'template') ?? null),
}));

const FELIX: readonly UnmodelledField[] = [
  {
    path: ['spec', 'bpfEnabled'],
    when: isTrue,
    why: 'the eBPF dataplane is not modelled: Felix is taken to program iptables',
  },
  {
    path: ['spec', 'wireguardEnabled'],
    when: isTrue,
    why: 'WireGuard is not modelled: traffic between nodes stays as it is',
  },
  {
    path: ['spec', 'wireguardEnabledV6'],
    when: isTrue,
    why: 'WireGuard is not modelled: traffic between nodes stays as it is',
  },
  {
    path: ['spec', 'nftablesMode'],
    when: (value) => typeof value === 'string' && value.toLowerCase() === 'enabled',
    why: 'Felix with nftables is not modelled: what becomes of packets on its nodes is not known',
  },
  { path: ['spec', 'istioAmbientMode'], when: enabled, why: 'Istio ambient mode is not modelled' },
  { path: ['spec', 'sidecarAccelerationEnabled'], when: isTrue, why: 'sidecar acceleration is not modelled' },
  { path: ['spec', 'genericXDPEnabled'], when: isTrue, why: 'XDP programs are not modelled' },
];

/** What the operator would install that is not there. */
const INSTALLATION: readonly UnmodelledField[] = [
  {
    path: ['spec', 'calicoNetwork', 'linuxDataplane'],
    when: (value) => value === 'BPF' || value === 'VPP',
    why: 'this dataplane is not modelled: what becomes of packets on nodes is not known',
  },
  {
    path: ['spec', 'calicoNetwork', 'linuxDataplane'],
    when: (value) => value === 'Nftables',
    why: 'Felix with nftables is not modelled: it programs iptables where kube-proxy is known to',
  },
  {
    path: ['spec', 'variant'],
    when: (value) => value === 'TigeraSecureEnterprise',
    why: 'what Calico Enterprise has beyond Calico is not modelled',
  },
  {
    path: ['spec', 'calicoNetwork', 'multiInterfaceMode'],
    when: (value) => value === 'Multus',
    why: 'further interfaces by Multus are not modelled: pods have eth0 alone',
  },
  {
    path: ['spec', 'calicoNetwork', 'nodeAddressAutodetectionV6'],
    when: isSet,
    why: 'IPv6 is not modelled in the kernel yet: nodes have no addresses of it',
  },
];

const POOL: readonly UnmodelledField[] = [
  { path: ['spec', 'ipip'], when: isSet, why: 'this is a field of the old API: spec.ipipMode decides' },
  { path: ['spec', 'nat-outgoing'], when: isSet, why: 'this is a field of the old API: spec.natOutgoing decides' },
];

const UNMODELLED_FIELDS: Partial<Readonly<Record<Kind, readonly UnmodelledField[]>>> = {
  Pod: POD,
  Deployment: TEMPLATE,
  ReplicaSet: TEMPLATE,
  StatefulSet: TEMPLATE,
  DaemonSet: TEMPLATE,
  Job: TEMPLATE,
  ReplicationController: TEMPLATE,
  FelixConfiguration: FELIX,
  IPPool: POOL,
  Installation: INSTALLATION,
};

export function unmodelledFields(kind: Kind, subject: Subject, document: Json): readonly Finding[] {
  const found: Finding[] = [];
  for (const { path, when, why } of UNMODELLED_FIELDS[kind] ?? []) {
    for (const { at, value } of places(document, path)) {
      if (when(value, document)) {
        found.push(finding(subject, at, { code: 'unmodelled-field', severity: 'notice', message: why }));
      }
    }
  }
  return found;
}
