/** The places of a cluster: machines, pods and their namespaces, by name, by address, and as people call them. */

import { formatAddress } from '../../calico/index.js';
import type { Host, Netns } from '../../kernel/index.js';
import { type Finding, isFinished, nearMatches, type Pod, type Store } from '../../kubernetes/index.js';
import { formatIpv4, type Ipv4Addr, parseIpv4 } from '../../packet/index.js';
import type { Place, TraceEnd } from '../../trace/index.js';
import type { MachinePlan, Underlay } from '../../underlay/index.js';
import { recordedAddresses } from '../addresses/allocations.js';
import { type Destination, type EndpointName, formatEndpointName, type WorkloadName } from './endpoint-name.js';
import type { Kubelet, Sandbox } from '../node/kubelet.js';
import { externalAddress } from '../node/load-balancers.js';
import { ASSUMED } from '../input/network.js';
import { netnsName } from '../input/sandbox.js';
import { podListeners } from '../node/listeners.js';
import { serviceAddress } from './service-name.js';
import { nearNames, podName, UnknownEndpoint } from './unknown-endpoint.js';
import { podOfService, podOfWorkload } from './workload.js';

/** Where packets of an endpoint start, and its address. */
export interface LocatedEndpoint extends TraceEnd {
  readonly netns: Netns | undefined;
  readonly pod: Pod | undefined;
  readonly address: Ipv4Addr;
}

interface PlacesOptions {
  readonly store: Store;
  readonly underlay: Underlay;
  /** Of the nodes that have been built. */
  readonly kubelets: ReadonlyMap<string, Kubelet>;
  readonly findings: () => readonly Finding[];
}

/** Findings that tell why a pod has no network. */
const WHY_ABSENT: ReadonlySet<Finding['code']> = new Set(['cni-failed', 'no-address', 'pod-refused']);

/** For as long as the object is the pod's. */
const RECORDED_IPV4 = new WeakMap<Pod, readonly Ipv4Addr[]>();

function recordedIpv4(pod: Pod): readonly Ipv4Addr[] {
  const known = RECORDED_IPV4.get(pod);
  if (known !== undefined) return known;
  const read = recordedAddresses(pod).flatMap((address) => parseIpv4(formatAddress(address)) ?? []);
  RECORDED_IPV4.set(pod, read);
  return read;
}

function indexByAddress(pods: readonly Pod[]): ReadonlyMap<Ipv4Addr, readonly Pod[]> {
  const index = new Map<Ipv4Addr, Pod[]>();
  for (const pod of pods) {
    if (pod.spec.hostNetwork) continue;
    for (const address of recordedIpv4(pod)) {
      const holders = index.get(address);
      if (holders === undefined) index.set(address, [pod]);
      else holders.push(pod);
    }
  }
  return index;
}

export class Places {
  readonly #store: Store;
  readonly #underlay: Underlay;
  readonly #kubelets: ReadonlyMap<string, Kubelet>;
  readonly #findings: () => readonly Finding[];
  /** Made of the list of pods that is there. */
  #byAddress: { readonly pods: readonly Pod[]; readonly index: ReadonlyMap<Ipv4Addr, readonly Pod[]> } | undefined =
    undefined;
  /** By node and netns: what a person calls the place. Of nodes that somebody has asked about. */
  readonly #podsOfNetns = new Map<string, ReadonlyMap<string, string>>();

  constructor({ store, underlay, kubelets, findings }: PlacesOptions) {
    this.#store = store;
    this.#underlay = underlay;
    this.#kubelets = kubelets;
    this.#findings = findings;
  }

  /** After pods have come and gone. */
  renamePods(): void {
    this.#podsOfNetns.clear();
  }

  #podsOf(node: string): ReadonlyMap<string, string> {
    const present = this.#podsOfNetns.get(node);
    if (present !== undefined) return present;
    const pods = this.#store.list('Pod').filter(({ spec }) => spec.nodeName === node);
    const names = new Map(pods.map((pod) => [netnsName(pod), `pod/${podName(pod)}`]));
    this.#podsOfNetns.set(node, names);
    return names;
  }

  /** The node's machine, built now if nobody asked for it before. @throws UnknownEndpoint */
  node(name: string): Host {
    const host = this.isNode(name) ? this.#underlay.host(name) : undefined;
    if (host === undefined)
      throw new UnknownEndpoint(`there is no node "${name}"`, nearMatches(name, this.#machineNames('node')));
    return host;
  }

  isNode(name: string): boolean {
    return this.#plan(name)?.role === 'node';
  }

  /** @throws UnknownEndpoint */
  host(name: string): Host {
    const host = this.#underlay.host(name);
    if (host === undefined)
      throw new UnknownEndpoint(`there is no host "${name}"`, nearMatches(name, this.#underlay.plan.machines.keys()));
    return host;
  }

  /** @throws UnknownEndpoint */
  pod(namespace: string, name: string): Pod {
    const pod = this.#store.get('Pod', namespace, name);
    if (pod !== undefined) return pod;
    const near = nearNames({ namespace, name }, this.#store.list('Pod'));
    throw new UnknownEndpoint(`there is no pod "${namespace}/${name}"`, near);
  }

  /** A workload's name stands for one of its pods. @throws UnknownEndpoint where it has none */
  named(endpoint: EndpointName): Exclude<EndpointName, WorkloadName>;
  named(endpoint: Destination['endpoint']): Exclude<Destination['endpoint'], WorkloadName>;
  named(endpoint: Destination['endpoint']): Exclude<Destination['endpoint'], WorkloadName> {
    if (endpoint.kind !== 'workload') return endpoint;
    const { namespace, name } = podOfWorkload(this.#store, endpoint);
    return { kind: 'pod', namespace, name };
  }

  /** @throws UnknownEndpoint for a pod that does not run */
  podNetns(pod: Pod): Netns {
    const netns = this.#runningNetns(pod);
    if (netns === undefined) throw new UnknownEndpoint(`pod "${podName(pod)}" has no network: ${this.#whyNot(pod)}`);
    return netns;
  }

  /** Undefined for a pod that does not run; its node is built for it. */
  #runningNetns(pod: Pod): Netns | undefined {
    const { nodeName } = pod.spec;
    if (this.isNode(nodeName)) this.#underlay.host(nodeName);
    return this.sandboxOf(pod)?.netns;
  }

  /** Why nobody answers at the pod's address, as a sentence; undefined for a pod that runs. */
  whyAbsent(pod: Pod): string | undefined {
    if (this.#runningNetns(pod) !== undefined) return undefined;
    return `Nothing answers for Pod ${podName(pod)}, which has no network: ${this.#whyNot(pod)}.`;
  }

  /** The pod's first IPv4 address, or undefined where it has none. */
  podAddress(pod: Pod): Ipv4Addr | undefined {
    if (pod.spec.hostNetwork) return this.machineAddress(pod.spec.nodeName);
    const current = this.#store.get('Pod', pod.namespace, pod.name) ?? pod;
    const [first] = recordedIpv4(current);
    if (first !== undefined) return first;
    this.podNetns(pod);
    return this.sandboxOf(pod)?.address;
  }

  /** What CNI gave a pod that has no address on record: its node is built for it. */
  sandboxAddress(pod: Pod): Ipv4Addr | undefined {
    this.#runningNetns(pod);
    return this.sandboxOf(pod)?.address;
  }

  sandboxOf(pod: Pod): Sandbox | undefined {
    return this.#kubelets.get(pod.spec.nodeName)?.sandboxes.get(podName(pod));
  }

  /** What a person calls a place: `pod/NS/NAME`, `node/NAME`, `host/NAME`. */
  readonly nameOf = ({ host, netns }: Place): string => {
    if (netns !== '') return this.#podsOf(host).get(netns) ?? `netns/${host}/${netns}`;
    return this.isNode(host) ? `node/${host}` : `host/${host}`;
  };

  /** Where programs of an endpoint run. @throws UnknownEndpoint where none do */
  netnsOf(named: EndpointName): { readonly netns: Netns; readonly pod: Pod | undefined; readonly label: string } {
    const endpoint = this.named(named);
    const label = formatEndpointName(endpoint, formatIpv4);
    switch (endpoint.kind) {
      case 'pod': {
        const pod = this.pod(endpoint.namespace, endpoint.name);
        return { netns: this.podNetns(pod), pod, label };
      }
      case 'node':
        return { netns: this.node(endpoint.name).netns, pod: undefined, label };
      case 'host':
        return { netns: this.host(endpoint.name).netns, pod: undefined, label };
      case 'svc': {
        const pod = podOfService(this.#store, endpoint);
        return { netns: this.podNetns(pod), pod, label: `pod/${podName(pod)}` };
      }
      default: {
        const { netns, pod, address } = this.locate(endpoint);
        if (netns !== undefined) return { netns, pod, label };
        if (pod !== undefined) this.podNetns(pod); // says why it has none
        if (endpoint.kind === 'lb')
          throw new UnknownEndpoint(`${label} is an address that nobody has: name a pod, a node or a host`);
        throw new UnknownEndpoint(`nobody here has the address ${formatIpv4(address)}`);
      }
    }
  }

  /** Where packets come from: something that runs and has an address. @throws UnknownEndpoint */
  sender(endpoint: EndpointName): LocatedEndpoint & { readonly netns: Netns } {
    const { netns, pod } = this.netnsOf(endpoint);
    // One of its pods sends for a Service.
    if (endpoint.kind !== 'svc' || pod === undefined) return { ...this.locate(endpoint), netns };
    return { ...this.locate({ kind: 'pod', namespace: pod.namespace, name: pod.name }), netns };
  }

  /** Where packets go to. A pod that does not run has its address on record still. @throws UnknownEndpoint */
  locate(named: EndpointName): LocatedEndpoint {
    const endpoint = this.named(named);
    const label = formatEndpointName(endpoint, formatIpv4);
    if (endpoint.kind === 'address') return this.locateAddress(endpoint.address, label);
    if (endpoint.kind === 'pod') {
      const pod = this.pod(endpoint.namespace, endpoint.name);
      const address = this.podAddress(pod);
      if (address === undefined) throw new UnknownEndpoint(`${label} has no IPv4 address`);
      const netns = this.#runningNetns(pod);
      return { label, address, place: netns?.place, netns, pod };
    }
    if (endpoint.kind === 'svc' || endpoint.kind === 'lb') return this.#locateService(endpoint, label);
    const host = endpoint.kind === 'node' ? this.node(endpoint.name) : this.host(endpoint.name);
    const address = this.machineAddress(endpoint.name);
    if (address === undefined) throw new UnknownEndpoint(`${label} has no IPv4 address`);
    return { label, address, place: host.netns.place, netns: host.netns, pod: undefined };
  }

  /** Whether a destination names something. A Service need not have an address: its name may lead to others. @throws UnknownEndpoint */
  requireKnown(endpoint: Destination['endpoint']): void {
    if (endpoint.kind === 'name') return;
    if (endpoint.kind === 'svc' && this.#store.get('Service', endpoint.namespace, endpoint.name) !== undefined) return;
    this.locate(endpoint);
  }

  /** At its cluster IP or its external address, which nobody has: packets find their way by kube-proxy's rules. */
  #locateService(
    { kind, namespace, name }: { readonly kind: 'svc' | 'lb'; readonly namespace: string; readonly name: string },
    label: string,
  ): LocatedEndpoint {
    const address = (kind === 'svc' ? serviceAddress : externalAddress)(this.#store, namespace, name);
    if (typeof address !== 'string') return { label, address, place: undefined, netns: undefined, pod: undefined };
    throw new UnknownEndpoint(
      kind === 'lb' ? (this.#pendingReason(namespace, name) ?? address) : address,
      nearNames({ namespace, name }, this.#store.list('Service')),
    );
  }

  /** Why a Service got no external address, as the allocation reported it. */
  #pendingReason(namespace: string, name: string): string | undefined {
    const service = `Service ${namespace}/${name}`;
    const found = this.#findings().find(
      ({ object, code }) => object === service && code === 'external-address-pending',
    );
    return found && `${service}: ${found.message}`;
  }

  /** An address may be a pod's, a machine's, or nobody's. */
  locateAddress(address: Ipv4Addr, label: string): LocatedEndpoint {
    const pod = this.podAt(address);
    if (pod !== undefined) {
      const netns = this.#runningNetns(pod);
      return { label, address, place: netns?.place, netns, pod };
    }
    const owner = this.#underlay.ownerOf(address);
    const netns = owner && this.#underlay.host(owner.name)?.netns;
    return { label, address, place: netns?.place, netns, pod: undefined };
  }

  /** Of several that have it on record the first by name that runs, else the first. */
  podAt(address: Ipv4Addr): Pod | undefined {
    const pods = this.#store.list('Pod');
    if (this.#byAddress?.pods !== pods) this.#byAddress = { pods, index: indexByAddress(pods) };
    const holders = this.#byAddress.index.get(address) ?? [];
    return holders.length > 1
      ? (holders.find((pod) => this.#runningNetns(pod) !== undefined) ?? holders[0])
      : holders[0];
  }

  /**
   * Who listens at an address, in words: a pod, one on its node's network that declares the port, or the machine;
   * undefined where the address is nobody's.
   */
  describe(address: Ipv4Addr, listener: { readonly port: number; readonly protocol: string }): string | undefined {
    const pod = this.podAt(address);
    if (pod !== undefined) return `Pod ${podName(pod)}`;
    const owner = this.#underlay.ownerOf(address);
    if (owner === undefined) return undefined;
    if (!this.isNode(owner.name)) return `host/${owner.name}`;
    const node = `node/${owner.name}`;
    const declares = (one: Pod): boolean =>
      podListeners(one, this.#store).some(
        ({ port, protocol, address: at }) =>
          port === listener.port && protocol === listener.protocol && (at === undefined || at === address),
      );
    const onHost = this.#store
      .list('Pod')
      .find((one) => one.spec.hostNetwork && one.spec.nodeName === owner.name && !isFinished(one) && declares(one));
    return onHost === undefined ? node : `Pod ${podName(onHost)} on the network of ${node}`;
  }

  /** Whether a machine is one that nobody wrote down: the gateway of a network that is assumed. */
  isAssumed(name: string): boolean {
    return (
      this.#plan(name)?.because.some(({ kind, name: of }) => kind === 'PhysicalNetwork' && of === ASSUMED) === true &&
      !this.isNode(name)
    );
  }

  machineAddress(name: string): Ipv4Addr | undefined {
    const addresses = this.#plan(name)?.interfaces.map(({ address }) => address) ?? [];
    const internal = this.#store.get('Node', '', name)?.status.internalIPs.find((ip) => typeof ip === 'number');
    return addresses.find((address) => address === internal) ?? addresses.find((address) => address !== undefined);
  }

  #plan(name: string): MachinePlan | undefined {
    return this.#underlay.plan.machines.get(name);
  }

  *#machineNames(role: MachinePlan['role']): Generator<string> {
    for (const machine of this.#underlay.plan.machines.values()) if (machine.role === role) yield machine.name;
  }

  #whyNot(pod: Pod): string {
    const { nodeName } = pod.spec;
    if (nodeName === '') return 'it is on no node';
    if (!this.isNode(nodeName)) {
      const near = nearMatches(nodeName, this.#machineNames('node'));
      return `its node ${nodeName} does not exist${near.length === 0 ? '' : ` (near: ${near.join(', ')})`}`;
    }
    const found = this.#findings().find(({ object, code }) => WHY_ABSENT.has(code) && object === `Pod ${podName(pod)}`);
    if (found !== undefined) return found.message;
    return isFinished(pod) ? `its phase is ${pod.status.phase}` : 'it does not run';
  }
}
