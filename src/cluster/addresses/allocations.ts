/**
 * Recorded state of Calico's IPAM in the converged mode: what is written down stays, the rest is allocated
 * as calico-node and the CNI plugin would: tunnels when a node starts, then its pods by name.
 */

import {
  type Address,
  addressOfIpv4,
  assignAddress,
  assignmentOf,
  autoAssign,
  type CalicoNode,
  type Cidr,
  formatAddress,
  formatCidr,
  hostCidr,
  IpamError,
  ipamContext,
  ipv4Of,
  type IpamContext,
  type IpamStore,
  loadIpam,
  parseAddress,
  parseCidr,
  parseCidrOrAddress,
  reconcileTunnelAddresses,
  recordIpam,
  releaseAddresses,
  releaseByHandle,
  releaseHostAffinities,
  shortfall,
  storedIpam,
  storedNodes,
} from '../../calico/index.js';
import {
  type Finding,
  finding,
  isFinished,
  isIpv4,
  isList,
  NODE_ANNOTATIONS,
  parseEmbedded,
  type Pod,
  type Service,
  type Store,
} from '../../kubernetes/index.js';
import type { Ipv4Addr } from '../../packet/index.js';
import { balanceByCalico } from './calico-load-balancers.js';
import { addressesIn, type HostLocalRanges, hostLocalRanges } from './pod-cidr.js';
import type { RecordedState } from '../input/recorded.js';
import { containerId } from '../input/sandbox.js';
import { NO_ADDRESS } from '../input/told-once.js';

const ANNOTATION = 'cni.projectcalico.org/';
/** `name` of the network in Calico's CNI configuration: the first part of a handle. */
const NETWORK = 'k8s-pod-network';

export interface Allocations {
  readonly ipam: IpamStore;
  readonly context: () => IpamContext;
  readonly findings: readonly Finding[];
}

/** Pods that want an address of their own. */
const isNetworked = (pod: Pod): boolean => !pod.spec.hostNetwork && pod.spec.nodeName !== '' && !isFinished(pod);

/** Addresses that a pod has on record: the plugin's annotation, else its status. */
export function recordedAddresses(pod: Pod): Address[] {
  const written = (pod.annotations[`${ANNOTATION}podIPs`] ?? '') || (pod.annotations[`${ANNOTATION}podIP`] ?? '');
  if (written !== '') return written.split(',').flatMap((text) => parseCidrOrAddress(text.trim()) ?? []);
  return pod.status.podIPs.flatMap((ip) => (isIpv4(ip) ? [addressOfIpv4(ip)] : []));
}

interface AllocationRequest {
  readonly nowNs: () => bigint;
  readonly recorded?: RecordedState | undefined;
  /** Nodes whose calico-node does not run: neither they nor their pods are given anything. */
  readonly notStarted: ReadonlySet<string>;
  /** Services to which Calico gives an address. */
  readonly isBalanced: (service: Service) => boolean;
}

/**
 * Runs the whole allocation over a store; pods and nodes get what they were given as annotations. What IPAM had on record
 * goes before what the input says of it, and what belonged to pods and nodes that are gone is given back.
 */
export function allocate(store: Store, request: AllocationRequest): Allocations {
  const { nowNs, recorded, isBalanced } = request;
  const allocation = new Allocation(store, request);
  if (recorded?.ipam !== undefined) allocation.release(recorded);
  allocation.run();
  const balanced = balanceByCalico({ store, ipam: allocation.ipam, context: ipamContext(store, nowNs), isBalanced });
  recordIpam(store, allocation.ipam);
  const findings = [...allocation.findings, ...balanced];
  return { ipam: allocation.ipam, context: () => ipamContext(store, nowNs), findings };
}

/** A dump may lack the handle of an address, or count it otherwise: kube-controllers log that and go on. */
function tolerant(release: () => void): void {
  try {
    release();
  } catch (error) {
    if (!(error instanceof IpamError)) throw error;
  }
}

class Allocation {
  readonly ipam: IpamStore;
  readonly findings: Finding[] = [];
  readonly #store: Store;
  readonly #context: IpamContext;
  readonly #notStarted: ReadonlySet<string>;
  readonly #isBalanced: (service: Service) => boolean;
  /** Where host-local gives addresses, and those that are taken there. */
  readonly #hostLocal: HostLocalRanges | undefined;
  readonly #taken = new Set<Ipv4Addr>();

  constructor(store: Store, { nowNs, recorded, notStarted, isBalanced }: AllocationRequest) {
    this.#store = store;
    this.ipam = recorded?.ipam === undefined ? storedIpam(store) : loadIpam(recorded.ipam);
    this.#context = ipamContext(store, nowNs);
    this.#notStarted = notStarted;
    this.#isBalanced = isBalanced;
    this.#hostLocal = hostLocalRanges(store);
  }

  /**
   * What the CNI plugin gives back with a pod, and kube-controllers with a node (node/ipam.go): a block in which a pod of the
   * node still has an address stays the node's.
   */
  release({ pods, nodes }: RecordedState): void {
    for (const pod of pods) {
      const id = pod.sandbox ?? pod.annotations[`${ANNOTATION}containerID`];
      if (id !== undefined && (pod.deleted === true || !this.#stillRuns(pod, id)))
        this.#releaseHandle(`${NETWORK}.${id}`);
    }
    this.#releaseServices();
    for (const { name } of nodes) {
      if (this.#context.nodeLabels(name) !== undefined) continue;
      for (const tunnel of ['vxlan', 'ipip']) this.#releaseHandle(`${tunnel}-tunnel-addr-${name}`);
      this.#releaseLeaks(name);
      this.#releaseAffinities(name);
    }
  }

  /** Addresses of Services that are gone, or that Calico is not for any more. */
  #releaseServices(): void {
    for (const block of this.ipam.blocks()) {
      for (const address of block.allocatedAddresses()) {
        const { service: name = '', namespace = '' } = block.attributeOf(address)?.attributes ?? {};
        const service = name === '' ? undefined : this.#store.get('Service', namespace, name);
        if (name === '' || (service !== undefined && this.#isBalanced(service))) continue;
        tolerant(() => releaseAddresses(this.ipam, [{ address }], this.#context));
      }
    }
  }

  /** Addresses of a node that is gone, of pods that do not run there (allocationIsValid()). */
  #releaseLeaks(node: string): void {
    const leaks = this.ipam.blocks().flatMap((block) =>
      block.allocatedAddresses().filter((address) => {
        const { attributes = {} } = block.attributeOf(address) ?? {};
        const pod = this.#store.get('Pod', attributes['namespace'] ?? '', attributes['pod'] ?? '');
        return attributes['node'] === node && pod?.spec.nodeName !== node;
      }),
    );
    const releases = leaks.map((address) => ({ address }));
    tolerant(() => releaseAddresses(this.ipam, releases, this.#context));
  }

  #releaseAffinities(node: string): void {
    tolerant(() => releaseHostAffinities(this.ipam, { type: 'host', host: node }, 'must-be-empty'));
  }

  /** Whether the sandbox that had an address is there still. */
  #stillRuns({ namespace, name, node }: RecordedState['pods'][number], id: string): boolean {
    const pod = this.#store.get('Pod', namespace, name);
    return pod !== undefined && isNetworked(pod) && pod.spec.nodeName === node && containerId(pod) === id;
  }

  #releaseHandle(handle: string): void {
    if (this.ipam.handle(handle) !== undefined) tolerant(() => releaseByHandle(this.ipam, handle, this.#context));
  }

  run(): void {
    const pods = this.#store.list('Pod').filter(isNetworked);
    for (const node of storedNodes(this.#store)) this.#keepTunnel(node);
    for (const pod of pods) this.#keepPod(pod);
    for (const node of storedNodes(this.#store)) if (!this.#notStarted.has(node.name)) this.#newTunnel(node);
    for (const pod of pods)
      if (recordedAddresses(pod).length === 0 && !this.#notStarted.has(pod.spec.nodeName)) this.#newPod(pod);
  }

  /** Assigns what is on record but not in any block of the input. */
  #keep(
    address: Address,
    host: string,
    about: { readonly handleId: string; readonly attributes: Record<string, string> },
  ): void {
    // A pool that is disabled gives no addresses any more; those that it has given stay.
    const pools = this.#context.pools.map((pool) => ({ ...pool, disabled: false }));
    try {
      if (assignmentOf(this.ipam, address, this.#context) !== undefined) return;
      assignAddress(this.ipam, address, { host, ...about }, { ...this.#context, pools });
    } catch (error) {
      // In no pool of Calico's: recorded all the same.
      if (!(error instanceof IpamError)) throw error;
    }
  }

  #keepTunnel({ name, ipv4VxlanTunnelAddress: vxlan, ipv4IpipTunnelAddress: ipip }: CalicoNode): void {
    if (vxlan !== undefined)
      this.#keep(vxlan, name, {
        handleId: `vxlan-tunnel-addr-${name}`,
        attributes: { node: name, type: 'vxlanTunnelAddress' },
      });
    if (ipip !== undefined)
      this.#keep(ipip, name, {
        handleId: `ipip-tunnel-addr-${name}`,
        attributes: { node: name, type: 'ipipTunnelAddress' },
      });
  }

  #keepPod(pod: Pod): void {
    for (const address of recordedAddresses(pod)) {
      if (this.#hostLocal === undefined) this.#keep(address, pod.spec.nodeName, this.#held(pod));
      else if (address.version === 4) this.#taken.add(ipv4Of(address));
    }
  }

  #held(pod: Pod): { readonly handleId: string; readonly attributes: Record<string, string> } {
    return {
      handleId: `${NETWORK}.${containerId(pod)}`,
      attributes: { node: pod.spec.nodeName, namespace: pod.namespace, pod: pod.name },
    };
  }

  #newTunnel(node: CalicoNode): void {
    try {
      this.#recordTunnel(reconcileTunnelAddresses(this.ipam, node, this.#context));
    } catch (error) {
      if (!(error instanceof IpamError)) throw error;
      const subject = this.#store.get('Node', '', node.name) ?? this.#store.get('CalicoNode', '', node.name);
      if (subject === undefined) return;
      this.findings.push(
        finding(subject, [], {
          code: 'no-address',
          severity: 'warning',
          message: `no tunnel address: ${error.message}`,
        }),
      );
    }
  }

  /** Where the datastore keeps it: annotations of the Node, or Calico's own Node. */
  #recordTunnel(node: CalicoNode): void {
    const { name, ipv4VxlanTunnelAddress: vxlan, ipv4IpipTunnelAddress: ipip, ipv6VxlanTunnelAddress: vxlanV6 } = node;
    const resource = this.#store.get('CalicoNode', '', name);
    if (resource !== undefined) {
      const bgp = resource.spec.bgp;
      this.#store.put('CalicoNode', {
        ...resource,
        spec: {
          ...resource.spec,
          ipv4VXLANTunnelAddr: vxlan && ipv4Of(vxlan),
          ...(bgp === undefined ? {} : { bgp: { ...bgp, ipv4IPIPTunnelAddr: ipip && ipv4Of(ipip) } }),
        },
      });
      return;
    }
    const kubeNode = this.#store.get('Node', '', name);
    if (kubeNode === undefined) return;
    const annotations = {
      ...kubeNode.annotations,
      ...(vxlan === undefined ? {} : { [NODE_ANNOTATIONS.ipv4VXLANTunnelAddr]: formatAddress(vxlan) }),
      ...(vxlanV6 === undefined ? {} : { [NODE_ANNOTATIONS.ipv6VXLANTunnelAddr]: formatAddress(vxlanV6) }),
      ...(ipip === undefined ? {} : { [NODE_ANNOTATIONS.ipv4IPIPTunnelAddr]: formatAddress(ipip) }),
    };
    this.#store.put('Node', { ...kubeNode, annotations });
  }

  /** Addresses that the pod itself asks for go before any pool; those that bypass IPAM are the plugin's to set. */
  #newPod(pod: Pod): void {
    if ((pod.annotations[`${ANNOTATION}ipAddrsNoIpam`] ?? '') !== '') return;
    const asked = pod.annotations[`${ANNOTATION}ipAddrs`] ?? '';
    if (this.#hostLocal !== undefined) this.#fromHostLocal(pod, this.#hostLocal);
    else if (asked === '') this.#autoAssign(pod);
    else this.#assignAsked(pod, asked);
  }

  #assignAsked(pod: Pod, asked: string): void {
    const list = parseEmbedded(asked);
    const texts = isList(list) ? list : [list ?? asked];
    const addresses = texts.flatMap((text) => (typeof text === 'string' ? (parseAddress(text) ?? []) : []));
    if (addresses.length === 0 || addresses.length !== texts.length) {
      this.#withoutAddress(pod, `ipAddrs is no list of addresses: ${asked}`);
      return;
    }
    if (new Set(addresses.map(({ version }) => version)).size < addresses.length) {
      this.#withoutAddress(pod, `cannot have more than one address of a family for "${ANNOTATION}ipAddrs" annotation`);
      return;
    }
    try {
      const request = { host: pod.spec.nodeName, ...this.#held(pod) };
      for (const address of addresses) assignAddress(this.ipam, address, request, this.#context);
      this.#recordPod(pod, addresses.map(hostCidr));
    } catch (error) {
      if (!(error instanceof IpamError)) throw error;
      this.#withoutAddress(pod, error.message.trim());
    }
  }

  /** A node without a range: the plugin says so when the pod starts. */
  #fromHostLocal(pod: Pod, ranges: HostLocalRanges): void {
    const node = this.#store.get('Node', '', pod.spec.nodeName);
    const range = node && ranges.of(node);
    if (range === undefined) return;
    for (const address of addressesIn(range)) {
      if (this.#taken.has(address)) continue;
      this.#taken.add(address);
      this.#recordPod(pod, [hostCidr(addressOfIpv4(address))]);
      return;
    }
    this.#withoutAddress(pod, `no IP addresses available in range set of ${node?.name ?? ''}`);
  }

  #autoAssign(pod: Pod): void {
    const namespace = this.#store.get('Namespace', '', pod.namespace);
    const pools = this.#poolsFor(pod, namespace?.annotations[`${ANNOTATION}ipv4pools`]);
    try {
      const answer = autoAssign(
        this.ipam,
        {
          host: pod.spec.nodeName,
          version: 4,
          count: 1,
          use: 'Workload',
          ...this.#held(pod),
          ...(pools.length === 0 ? {} : { requestedPools: pools }),
          ...(namespace === undefined ? {} : { namespaceLabels: namespace.labels }),
        },
        this.#context,
      );
      const missing = shortfall(answer);
      if (missing !== undefined) this.#withoutAddress(pod, missing);
      else this.#recordPod(pod, answer.addresses.map(hostCidr));
    } catch (error) {
      if (!(error instanceof IpamError)) throw error;
      this.#withoutAddress(pod, error.message);
    }
  }

  /** The pod's annotation goes before its namespace's. Names that name nothing are errors of the loader. */
  #poolsFor(pod: Pod, ofNamespace: string | undefined): Cidr[] {
    const text = pod.annotations[`${ANNOTATION}ipv4pools`] ?? ofNamespace;
    if (text === undefined) return [];
    let wanted: unknown;
    try {
      wanted = JSON.parse(text);
    } catch {
      return [];
    }
    if (!Array.isArray(wanted)) return [];
    return wanted.flatMap((name) => {
      const pool = this.#context.pools.find((one) => one.name === name);
      return pool?.cidr ?? (typeof name === 'string' ? (parseCidr(name) ?? []) : []);
    });
  }

  #recordPod(pod: Pod, addresses: readonly Cidr[]): void {
    const [first] = addresses;
    const annotations = {
      ...pod.annotations,
      [`${ANNOTATION}containerID`]: containerId(pod),
      [`${ANNOTATION}podIP`]: first === undefined ? '' : formatCidr(first),
      [`${ANNOTATION}podIPs`]: addresses.map(formatCidr).join(','),
    };
    this.#store.put('Pod', { ...pod, annotations });
  }

  #withoutAddress(pod: Pod, why: string): void {
    this.findings.push(finding(pod, [], { code: 'no-address', severity: 'warning', message: `${NO_ADDRESS}${why}` }));
  }
}
