/** What calico-node does when the nodes start: the default pool, where there is none; each node's address and AS. */

import {
  type Address,
  addressFromStore,
  addressOf,
  bgpFindings,
  type Cidr,
  cidrFromStore,
  confdOptions,
  defaultPools,
  type Environment,
  formatAddress,
  formatCidr,
  type InterfaceAddresses,
  type IpPool,
  ipv4Of,
  type NodeBgp,
  networkingBackend,
  nodeEnvironment,
  nodeInterfaces,
  felixFindings,
  poolFindings,
  poolsOverNodes,
  startNode,
  StartupError,
  storedInternalIps,
  storedPools,
} from '../../calico/index.js';
import {
  append,
  calicoNode,
  calicoNodes,
  calicoNodeSettings,
  type CalicoNodeSettings,
  type Finding,
  finding,
  installationBgp,
  installationFelix,
  installationPools,
  type KubeNode,
  kubeadmNetworking,
  NODE_ANNOTATIONS,
  type ObjectOf,
  otherInstallations,
  type Store,
  unwritten,
} from '../../kubernetes/index.js';
import type { NetworkPlan } from '../../underlay/index.js';
import { detectionHost, hostAddresses } from './detection.js';
import { variableSource } from './environment-source.js';

/** Who made the pools that a cluster began with. */
export type FirstPools = 'calico-node' | 'user';

export interface CalicoStart {
  /** False where nothing in the input speaks of Calico and another CNI is configured. */
  readonly used: boolean;
  /** Nodes whose calico-node ends before it has started: nothing of Calico runs there. */
  readonly notStarted: ReadonlySet<string>;
  /** Undefined where nothing has started. */
  readonly pools: FirstPools | undefined;
  readonly findings: readonly Finding[];
}

const CALICO_KINDS = [
  'IPPool',
  'FelixConfiguration',
  'ClusterInformation',
  'CalicoNode',
  'BGPConfiguration',
  'IPAMBlock',
] as const;

/** Whether anything in the input is Calico's. */
export const speaksOfCalico = (store: Store): boolean =>
  calicoNodeSettings(store) !== undefined || CALICO_KINDS.some((kind) => store.list(kind).length > 0);

/** What is assumed for a cluster that says nothing of its network. */
const ASSUMED: Environment = { CALICO_IPV4POOL_VXLAN: 'Always', CALICO_IPV4POOL_IPIP: 'Never', IP: 'autodetect' };

/** A node's interfaces as calico-node has written them down, or would when it starts. */
export function interfacesOfNode(store: Store, plan: NetworkPlan, node: string): readonly InterfaceAddresses[] {
  const written = calicoNode(store, node)?.interfaces;
  if (written !== undefined)
    return written.map(({ name, addresses }) => ({ name, addresses: addresses.map(addressFromStore) }));
  const settings = calicoNodeSettings(store);
  const environment = settings === undefined ? ASSUMED : nodeEnvironment(settings, node);
  if (networkingBackend(environment) === 'none') return [];
  const host = detectionHost(plan.machines.get(node), storedInternalIps(store, node));
  return nodeInterfaces(environment, host).map(({ name, addresses }) => ({
    name,
    addresses: addresses.map(addressOf),
  }));
}

function poolObject(pool: IpPool, from: string): ObjectOf<'IPPool'> {
  const { name, blockSize, ipipMode, vxlanMode, natOutgoing, nodeSelector, allowedUses, assignmentMode } = pool;
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
    namespace: '',
    name,
    labels: {},
    annotations: {},
    uid: undefined,
    ownerReferences: [],
    terminating: false,
    source: unwritten(from),
    spec: {
      cidr: { addr: ipv4Of(pool.cidr), length: pool.cidr.length },
      blockSize,
      ipipMode,
      vxlanMode,
      natOutgoing,
      disabled: pool.disabled,
      disableBGPExport: pool.disableBgpExport,
      nodeSelector,
      namespaceSelector: pool.namespaceSelector,
      allowedUses: [...allowedUses],
      ipip: undefined,
      'nat-outgoing': undefined,
      assignmentMode,
    },
  };
}

/** One start of the whole cluster. */
class Start {
  readonly findings: Finding[] = [];
  readonly notStarted = new Set<string>();
  readonly #store: Store;
  readonly #plan: NetworkPlan;
  readonly #settings: CalicoNodeSettings | undefined;
  /** Variables that have been complained of: all nodes have the same. */
  readonly #told = new Set<string>();
  /** Names of nodes by the address that they have. */
  readonly #owners = new Map<string, string>();

  constructor(store: Store, plan: NetworkPlan) {
    this.#store = store;
    this.#plan = plan;
    this.#settings = calicoNodeSettings(store);
    for (const { name, bgp } of calicoNodes(store)) {
      this.#own(name, {
        ...(bgp?.ipv4Address && { ipv4Address: cidrFromStore(bgp.ipv4Address) }),
        ...(bgp?.ipv6Address && { ipv6Address: cidrFromStore(bgp.ipv6Address) }),
      });
    }
  }

  #own(name: string, { ipv4Address, ipv6Address }: NodeBgp): void {
    for (const cidr of [ipv4Address, ipv6Address])
      if (cidr !== undefined) this.#owners.set(formatAddress(addressOf(cidr)), name);
  }

  /**
   * Each node finds its address, and then makes the pools that nobody has made (startup.go:Run()). Where there were some at
   * the start, and somebody has deleted them since, none come by themselves: a calico-node that runs makes none.
   */
  run(firstNode: KubeNode, began: FirstPools | undefined): FirstPools {
    // Before pools are added: the recorded state is held against those that were written.
    const otherIpam = this.#settings?.cniNetworkConfig?.includes('"calico-ipam"') === false;
    if (!otherIpam) append(this.findings, poolFindings(this.#store));
    append(this.findings, felixFindings(this.#store));
    this.#operate();
    const pools = began ?? (this.#store.list('IPPool').length > 0 ? 'user' : 'calico-node');
    for (const node of this.#store.list('Node'))
      this.#attempt(node, () => {
        this.#startNode(node);
        if (pools === 'calico-node') this.#makePools(node);
      });
    const { namespace = '' } = confdOptions(this.#environment(firstNode.name));
    append(this.findings, bgpFindings(this.#store, namespace), poolsOverNodes(this.#store), this.#ineffective());
    return pools;
  }

  /** The operator, where its Installation is there: what it makes of that and the input leaves out. */
  #operate(): void {
    const store = this.#store;
    append(this.findings, otherInstallations(store));
    const [felix, bgp] = [installationFelix(store), installationBgp(store)];
    if (felix !== undefined) store.put('FelixConfiguration', felix);
    if (bgp !== undefined) store.put('BGPConfiguration', bgp);
    if (store.list('IPPool').length > 0) return;
    const { pools, findings } = installationPools(store);
    for (const pool of pools) store.put('IPPool', pool);
    append(this.findings, findings);
  }

  /** Set by many older manifests; v3.32.1 takes back what it announces as soon as its own Node arrives. */
  #ineffective(): Finding[] {
    const name = 'CALICO_ADVERTISE_CLUSTER_IPS';
    const source = this.#settings && variableSource(this.#store, this.#settings.object, name);
    if (source === undefined) return [];
    const message = `${name} has no lasting effect: serviceClusterIPs of BGPConfiguration "default" decides`;
    return [finding(source.subject, source.path, { code: 'calico-setting', severity: 'warning', message })];
  }

  #environment(node: string): Environment {
    return this.#settings === undefined ? ASSUMED : nodeEnvironment(this.#settings, node);
  }

  #attempt(node: KubeNode, start: () => void): void {
    try {
      start();
    } catch (error) {
      this.notStarted.add(node.name);
      this.#report(node, error);
    }
  }

  #makePools(node: KubeNode): void {
    const pools = defaultPools(this.#environment(node.name), {
      existing: storedPools(this.#store),
      kubeadmPodSubnets: kubeadmNetworking(this.#store).podSubnets.map(cidrFromStore),
      hostAddresses: hostAddresses(this.#plan.machines.get(node.name)),
      ipv6Supported: false,
      uniqueLocalPrefix: () => ({ version: 6, value: 0xfdn << 120n, length: 48 }),
    });
    for (const pool of pools) {
      this.#store.put('IPPool', poolObject(pool, this.#settings?.object.source.file ?? '<assumed>'));
      if (this.#settings === undefined) this.findings.push(assumed(node, pool));
    }
  }

  /** Address detection, for nodes that have no address on record; what is recorded was found by an earlier start. */
  #startNode(node: KubeNode): void {
    const recorded = calicoNode(this.#store, node.name)?.bgp;
    const known: NodeBgp = {
      ...(recorded?.ipv4Address && { ipv4Address: cidrFromStore(recorded.ipv4Address) }),
      ...(recorded?.ipv6Address && { ipv6Address: cidrFromStore(recorded.ipv6Address) }),
      ...(recorded?.asNumber !== undefined && { asNumber: recorded.asNumber }),
    };
    if (known.ipv4Address !== undefined || known.ipv6Address !== undefined) {
      this.#checkRecorded(node, known);
      return;
    }
    const host = detectionHost(this.#plan.machines.get(node.name), storedInternalIps(this.#store, node.name));
    const ownerOf = (address: Address): string | undefined => this.#owners.get(formatAddress(address));
    const found = startNode(this.#environment(node.name), host, { known, ownerOf });
    if (found === undefined) return;
    this.#own(node.name, found);
    this.#record(node, found);
  }

  /** startup.go:validateIP(): an address that no interface has is used all the same, and leads nowhere. */
  #checkRecorded(node: KubeNode, { ipv4Address: recorded }: NodeBgp): void {
    const addresses = hostAddresses(this.#plan.machines.get(node.name));
    if (recorded === undefined || addresses.length === 0) return;
    if (addresses.some(({ value }) => value === recorded.value)) return;
    const message = `its recorded address ${formatAddress(addressOf(recorded))} is on none of its interfaces`;
    const path = ['metadata', 'annotations', NODE_ANNOTATIONS.ipv4Address];
    this.findings.push(finding(node, path, { code: 'calico-setting', severity: 'warning', message }));
  }

  /** Where the datastore keeps it: Calico's own Node, or annotations. */
  #record(node: KubeNode, { ipv4Address, ipv6Address, asNumber }: NodeBgp): void {
    const resource = this.#store.get('CalicoNode', '', node.name);
    if (resource !== undefined) {
      const bgp = {
        ipv4IPIPTunnelAddr: resource.spec.bgp?.ipv4IPIPTunnelAddr,
        routeReflectorClusterID: resource.spec.bgp?.routeReflectorClusterID ?? '',
        asNumber,
        ipv4Address: ipv4Address && { addr: ipv4Of(ipv4Address), length: ipv4Address.length },
        ipv6Address: resource.spec.bgp?.ipv6Address,
      };
      this.#store.put('CalicoNode', { ...resource, spec: { ...resource.spec, bgp } });
      return;
    }
    const text = (cidr: Cidr | undefined, key: string) => (cidr === undefined ? {} : { [key]: formatCidr(cidr) });
    const annotations = {
      ...node.annotations,
      ...text(ipv4Address, NODE_ANNOTATIONS.ipv4Address),
      ...text(ipv6Address, NODE_ANNOTATIONS.ipv6Address),
      ...(asNumber === undefined ? {} : { [NODE_ANNOTATIONS.asNumber]: String(asNumber) }),
    };
    this.#store.put('Node', { ...node, annotations });
  }

  /** Where the variable was written; a variable that nobody wrote is the node's own trouble. */
  #report(node: KubeNode, error: unknown): void {
    if (!(error instanceof StartupError)) throw error;
    const source = this.#settings && variableSource(this.#store, this.#settings.object, error.variable);
    const written = source !== undefined && this.#environment(node.name)[error.variable] === error.got;
    if (written && this.#told.has(error.message)) return;
    this.#told.add(error.message);
    const { subject, path } = written ? source : { subject: node, path: [] };
    const on = written ? '' : ` on Node ${node.name}`;
    const message = `calico-node does not start${on}: ${error.message}`;
    this.findings.push(finding(subject, path, { code: 'calico-setting', severity: 'warning', message }));
  }
}

function assumed(subject: KubeNode, pool: IpPool): Finding {
  const message = `no CNI configuration and no IPPool in the input: Calico with VXLAN and the pool ${formatCidr(pool.cidr)} is assumed`;
  return finding(subject, [], { code: 'cni-assumed', severity: 'notice', message });
}

interface Before {
  /** A HostConfig brings a network configuration of its own. */
  readonly otherCni: boolean;
  /** On record, where the cluster has started before. */
  readonly pools: FirstPools | undefined;
}

/** Makes the default pool in the store. */
export function startCalico(store: Store, plan: NetworkPlan, { otherCni, pools }: Before): CalicoStart {
  const spoken = speaksOfCalico(store);
  const none = { notStarted: new Set<string>(), findings: [], pools };
  if (!spoken && otherCni) return { used: false, ...none };
  const [firstNode] = store.list('Node');
  if (firstNode === undefined) return { used: spoken, ...none };
  const start = new Start(store, plan);
  const began = start.run(firstNode, pools);
  return { used: true, notStarted: start.notStarted, pools: began, findings: start.findings };
}
