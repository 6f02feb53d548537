/**
 * Services in the converged mode: EndpointSlices as the controllers would have written them, and kube-proxy on every node
 * that has one. Endpoints are worked out when the first node is built.
 */

import { formatAddress } from '../../calico/index.js';
import type { Host } from '../../kernel/index.js';
import { type Installation, KubeProxy, otherProxyOf, ServiceTracker } from '../../kube-proxy/index.js';
import {
  append,
  type EndpointSlice,
  type Finding,
  formatObject,
  type IpAddress,
  isIpv4,
  parseIp,
  type Pod,
  type Service,
  type Store,
} from '../../kubernetes/index.js';
import { formatIpv4, type Ipv4Addr } from '../../packet/index.js';
import { EndpointSliceController } from '../../services/index.js';
import { recordedAddresses } from '../addresses/allocations.js';

/** Whether a Service is reached there; `nodePort` where the address is a node's. */
const isFoundAt = ({ spec, status }: Service, address: Ipv4Addr, nodePort: number | undefined): boolean =>
  spec.clusterIPs.includes(address) ||
  spec.externalIPs.includes(address) ||
  status.loadBalancer.ingress.some(({ ip }) => ip === address) ||
  (nodePort !== undefined && spec.ports.some((port) => port.nodePort === nodePort));

/** kube-proxy's rules name protocol and port (pkg/proxy/iptables/proxier.go:syncProxyRules()): an echo request meets none. */
function explainIcmp(service: Service, address: Ipv4Addr): string {
  const ports = service.spec.ports.map(({ protocol, port }) => `${protocol.toLowerCase()} ${port}`).join(', ');
  return `kube-proxy translates ${formatIpv4(address)}, an address of ${formatObject(service)}, for its ports alone (${ports}): in its mode iptables no rule is about a ping, no interface has the address, and the packet goes on as to any other one.`;
}

export interface ServicesRequest {
  readonly store: Store;
  readonly seed: number;
  readonly installation: Installation;
  /** The IPv4 address of a pod that has none on record: what its node's CNI gave it. Absent where all have theirs. */
  readonly sandboxAddress?: ((pod: Pod) => Ipv4Addr | undefined) | undefined;
}

export class ClusterServices {
  readonly #store: Store;
  /** Settings of those that run do not change; on which nodes one runs does. */
  installation: Installation;
  readonly #controller: EndpointSliceController;
  readonly #tracker: ServiceTracker;
  readonly #sandboxAddress: ServicesRequest['sandboxAddress'];
  readonly #proxies = new WeakMap<Host, KubeProxy>();
  /** Nodes whose rules are to be written, while others are being written. */
  readonly #waiting: KubeProxy[] = [];
  #programming = false;

  constructor({ store, seed, installation, sandboxAddress }: ServicesRequest) {
    this.#store = store;
    this.installation = installation;
    this.#sandboxAddress = sandboxAddress;
    this.#controller = new EndpointSliceController({ store, seed, addressesOf: (pod) => this.#addressesOf(pod) });
    this.#tracker = new ServiceTracker(store, 'IPv4', this.installation.features);
  }

  /**
   * Before a node is built: EndpointSlices, where no node must be built for them. Felix wants them for rules about
   * Services.
   */
  prepare(): readonly Finding[] {
    return this.#sandboxAddress === undefined ? this.#controller.run() : [];
  }

  /** Starts the node's kube-proxy, if it has one: its chains and the ways into them. */
  start(host: Host): void {
    const { mode } = this.installation.configuration;
    if (!this.installation.runsOn(host.name) || mode !== 'iptables') return;
    const request = { netns: host.netns, store: this.#store, installation: this.installation, tracker: this.#tracker };
    const proxy = new KubeProxy(request);
    proxy.start();
    this.#proxies.set(host, proxy);
  }

  /**
   * Writes the node's rules. Endpoints may be on nodes that are built for it; those are written afterwards, since what
   * they need of this node is there already.
   */
  program(host: Host): readonly Finding[] {
    const proxy = this.#proxies.get(host);
    if (proxy === undefined) return [];
    this.#waiting.push(proxy);
    if (this.#programming) return [];
    this.#programming = true;
    const findings: Finding[] = [];
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        append(findings, this.#controller.run());
        next.sync();
        append(findings, next.findings);
      }
    } finally {
      this.#programming = false;
    }
    return findings;
  }

  /** Endpoints as the controllers leave them; what is new of what they found. */
  writeEndpoints(): readonly Finding[] {
    return this.#controller.run();
  }

  /** Pods have become ready, or are so no more: endpoints follow, and the rules of the nodes that have been built. */
  resync(built: Iterable<Host>): readonly Finding[] {
    const findings = [...this.#controller.run()];
    for (const host of built) this.#proxies.get(host)?.sync();
    return findings;
  }

  /** Whether the controllers here have made it. */
  isDerived(slice: EndpointSlice): boolean {
    return this.#controller.isOwn(slice);
  }

  /** Addresses of a pod, as kubelet would have written them into its status. */
  addressesOf(pod: Pod): readonly IpAddress[] {
    return this.#addressesOf(pod);
  }

  /** Why nobody knows what becomes of packets to that address, where it is a Service's or its node port; or undefined. */
  unknownReason(address: Ipv4Addr, port: number | undefined): string | undefined {
    const ofNode = port !== undefined && this.#isNodes(address) ? port : undefined;
    const service = this.#store
      .list('Service')
      .find((one) => this.#otherProxy(one) !== undefined && isFoundAt(one, address, ofNode));
    const whose = service && this.#otherProxy(service);
    return whose && `${formatObject(service)} is resolved by ${whose}, which is not modelled.`;
  }

  /**
   * Why nobody gave a packet another destination that a node had for an address of a Service, as sentences; `port` is
   * undefined for ICMP. `nodes`: those that it came by.
   */
  explainUntranslated(address: Ipv4Addr, port: number | undefined, nodes: readonly string[]): readonly string[] {
    const owner = this.#store.list('Node').find(({ status }) => status.internalIPs.includes(address))?.name;
    const service = this.#store
      .list('Service')
      .find((one) => isFoundAt(one, address, owner === undefined ? undefined : port));
    const node = owner ?? nodes[0];
    if (service === undefined || node === undefined) return [];
    if (port === undefined) return owner === undefined ? [explainIcmp(service, address)] : [];
    const trouble = this.installation.trouble(node);
    if (trouble === undefined) return [];
    return [
      this.installation.runsOn(node)
        ? `${trouble}: its rules there may be older than what is asked for.`
        : `${trouble}, so no rule there knows ${formatObject(service)} at ${formatIpv4(address)}.`,
    ];
  }

  #isNodes(address: Ipv4Addr): boolean {
    return this.#store.list('Node').some(({ status }) => status.internalIPs.includes(address));
  }

  /** Who resolves the Service's addresses in place of kube-proxy as it is modelled. */
  #otherProxy(service: Service): string | undefined {
    const { replacedBy, refused, configuration } = this.installation;
    const named = otherProxyOf(service);
    if (replacedBy !== undefined) return replacedBy;
    if (named !== undefined) return `the proxy ${JSON.stringify(named)}`;
    return refused || configuration.mode === 'iptables' ? undefined : `kube-proxy in the mode ${configuration.mode}`;
  }

  /** As kubelet would have written them into the pod's status. */
  #addressesOf(pod: Pod): readonly IpAddress[] {
    if (pod.spec.nodeName === '') return [];
    const ipv6 = pod.status.podIPs.filter((ip) => !isIpv4(ip));
    if (pod.spec.hostNetwork) return this.#store.get('Node', '', pod.spec.nodeName)?.status.internalIPs ?? [];
    const recorded = recordedAddresses(pod).map((address) => parseIp(formatAddress(address)));
    const ipv4 = recorded.length > 0 ? recorded : [this.#sandboxAddress?.(pod)];
    return [...ipv4.filter((ip) => ip !== undefined), ...ipv6];
  }
}
