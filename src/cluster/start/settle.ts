/**
 * What is settled of a cluster before any machine is built: its objects, the physical network, Calico's start, addresses,
 * configurations. A pure function of the input and what is on record.
 */

import { autoHostEndpoints } from '../../calico/index.js';
import { findInstallation, type Installation } from '../../kube-proxy/index.js';
import {
  type ClusterInput,
  type ConfigError,
  type Finding,
  finding,
  giveNodeCidrs,
  isIpv4,
  type Store,
} from '../../kubernetes/index.js';
import type { NetworkPlan } from '../../underlay/index.js';
import { allocate, type Allocations } from '../addresses/allocations.js';
import { type FirstPools, interfacesOfNode, speaksOfCalico, startCalico } from './calico-start.js';
import { otherDataplanes } from './dataplanes.js';
import { clusterDnsFindings, type KubeletSettings, kubeletSettings } from '../input/kubelet-settings.js';
import { assignAddresses, type LoadBalancerAddresses } from '../addresses/load-balancer-addresses.js';
import { type ClusterDocuments, loadDocuments } from './load.js';
import { localTrafficFindings } from './local-traffic.js';
import { hostConfigFindings, planNetwork } from '../input/network.js';
import { policyFindings } from './policy-findings.js';
import type { RecordedState } from '../input/recorded.js';
import { type Dataplanes, nodeLocalDnsFindings } from '../input/unmodelled.js';

export interface Settled extends Pick<ClusterDocuments, 'networks' | 'hostConfigs' | 'expectations'> {
  readonly store: Store;
  readonly plan: NetworkPlan;
  readonly addresses: LoadBalancerAddresses;
  /** Undefined where Calico does not run. */
  readonly allocations: Allocations | undefined;
  /** Nodes on which calico-node does not come to run. */
  readonly notStarted: ReadonlySet<string>;
  /** Who made the pools that the cluster began with. */
  readonly pools: FirstPools | undefined;
  readonly kubelet: KubeletSettings;
  readonly installation: Installation;
  /** What connects pods and programs nodes that is not modelled. */
  readonly dataplanes: Dataplanes;
  readonly errors: readonly ConfigError[];
  /** What the API server would refuse: those objects are not there. */
  readonly refusals: readonly ConfigError[];
  readonly findings: readonly Finding[];
}

export function settle(
  input: ClusterInput,
  { seed, recorded }: { readonly seed: number; readonly recorded?: RecordedState | undefined },
): Settled {
  const documents = loadDocuments(input, { seed, recorded });
  const { store, networks, hostConfigs, expectations } = documents;
  giveNodeCidrs(store);
  const network = planNetwork(store, networks);
  const addresses = assignAddresses(store, networks[0]);
  const otherCni = hostConfigs.some(({ body }) =>
    Object.keys(body.spec.files).some((path) => path.startsWith('/etc/cni/net.d/')),
  );
  const spoken = speaksOfCalico(store);
  const calico = startCalico(store, network.plan, { otherCni, pools: recorded?.pools });
  const allocations = calico.used
    ? allocate(store, { nowNs: () => 0n, recorded, notStarted: calico.notStarted, isBalanced: addresses.isCalicos })
    : undefined;
  if (calico.used) {
    const interfacesOf = (node: string) => interfacesOfNode(store, network.plan, node);
    for (const made of autoHostEndpoints(store, interfacesOf)) store.put('HostEndpoint', made);
  }
  const installation = findInstallation(store);
  const kubelet = kubeletSettings(store);
  const dataplanes = otherDataplanes({
    store,
    kubeProxy: installation,
    calico: !calico.used ? 'absent' : spoken ? 'spoken' : 'assumed',
  });
  return {
    store,
    networks,
    hostConfigs,
    expectations,
    addresses,
    allocations,
    notStarted: calico.notStarted,
    pools: calico.pools,
    kubelet,
    installation,
    dataplanes,
    plan: network.plan,
    errors: [...documents.errors, ...network.errors, ...addresses.errors],
    refusals: documents.refusals,
    findings: [
      ...documents.findings,
      ...network.findings,
      ...hostConfigFindings(hostConfigs, network.plan),
      ...addresses.findings,
      ...calico.findings,
      ...(allocations?.findings ?? []),
      ...installation.findings,
      ...(calico.used ? localTrafficFindings(store, installation) : []),
      ...ipv6Only(store),
      ...policyFindings(store, network.plan, calico.used),
      ...clusterDnsFindings(store, kubelet),
      ...nodeLocalDnsFindings(store),
      ...dataplanes.findings,
    ],
  };
}

/** The kernel here speaks IPv4 alone. */
const ipv6Only = (store: Store): readonly Finding[] =>
  store
    .list('Service')
    .filter(({ spec }) => spec.clusterIPs.length > 0 && !spec.clusterIPs.some(isIpv4))
    .map((service) =>
      finding(service, ['spec', 'clusterIP'], {
        code: 'unmodelled',
        severity: 'notice',
        message: 'IPv6 is not modelled in the kernel yet: its addresses lead nowhere',
      }),
    );
