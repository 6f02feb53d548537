/**
 * kubelet and container runtime of a node in the converged mode: for each pod a sandbox with a namespace of
 * its own, networked by CNI, in which all its containers live. Host-network pods use the node's namespace.
 */

import { isDeepStrictEqual } from 'node:util';
import {
  type Attachment,
  CniError,
  type CniObject,
  CniRuntime,
  type NetworkList,
  type PluginBinaries,
} from '../../cni/index.js';
import type { Host, Netns } from '../../kernel/index.js';
import {
  append,
  type Container,
  GroupedList,
  type Finding,
  finding,
  formatIp,
  type IpAddress,
  isFinished,
  isIpv4,
  isList,
  type Pod,
  type Store,
} from '../../kubernetes/index.js';
import { type Ipv4Addr, parseIpv4Prefix } from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import type { DnsPods } from './dns-pods.js';
import type { KubeletSettings } from '../input/kubelet-settings.js';
import { defaultContainer, type Environment, expanded, podEnvironment } from './environment.js';
import { podListeners, podSite } from './listeners.js';
import { podFiles, podHostname } from './pod-files.js';
import { containerId, netnsName } from '../input/sandbox.js';
import { type Server, startServer } from './servers.js';
import { recordedAddresses } from '../addresses/allocations.js';
import { formatAddress } from '../../calico/index.js';

/** A pod that runs on a host. */
export interface Sandbox {
  readonly pod: Pod;
  readonly netns: Netns;
  /** Undefined for host-network pods, which have their node's. */
  readonly address: Ipv4Addr | undefined;
  readonly attachment: Attachment | undefined;
  /** What the kubelet put into its containers. */
  readonly files: ReadonlyMap<string, string>;
  readonly hostname: string;
  readonly startedNs: number;
}

type NewSandbox = Omit<Sandbox, 'files' | 'hostname' | 'startedNs'>;

/** What a kubelet has done about a pod. */
export interface PodChange {
  readonly type: 'started' | 'stopped';
  readonly pod: Pod;
}

interface PodServer {
  readonly server: Server;
  readonly because: readonly Cause[];
}

const keyOf = ({ namespace, name }: Pod): string => `${namespace}/${name}`;

/** Annotations that the CNI plugins read. */
const cniAnnotations = ({ annotations }: Pod): unknown =>
  Object.entries(annotations).filter(([name]) => name.startsWith('cni.projectcalico.org/'));

/** Whether the sandbox goes on: labels and status may change, what a pod is made of may not. */
const isSameSandbox = (a: Pod, b: Pod): boolean =>
  a.uid === b.uid && isDeepStrictEqual(a.spec, b.spec) && isDeepStrictEqual(cniAnnotations(a), cniAnnotations(b));

export interface KubeletRequest {
  readonly host: Host;
  readonly store: Store;
  readonly binaries: PluginBinaries;
  readonly settings: KubeletSettings;
  readonly dns: DnsPods;
  /** Whether its sandbox has crashed and is not made anew. */
  readonly isDown: (pod: Pod) => boolean;
}

const LOOPBACK: NetworkList = {
  file: '',
  name: 'cni-loopback',
  cniVersion: '0.3.1',
  disableCheck: false,
  plugins: [{ type: 'loopback' }],
};

const BY_NODE = new WeakMap<Store, GroupedList<Pod>>();

function podsByNode(store: Store): GroupedList<Pod> {
  const present = BY_NODE.get(store);
  if (present !== undefined) return present;
  const made = new GroupedList<Pod>(({ spec }) => spec.nodeName);
  BY_NODE.set(store, made);
  return made;
}

/** The pods that a node runs, in the order in which they start: by namespace and name, those with an address first. */
export function podsOf(store: Store, node: string): Pod[] {
  const pods = podsByNode(store)
    .of(store.list('Pod'), node)
    .filter((pod) => !isFinished(pod));
  const recorded = (pod: Pod): number => (recordedAddresses(pod).length > 0 ? 0 : 1);
  return pods.sort((a, b) => recorded(a) - recorded(b));
}

/** runtimeConfig of the CRI: hostPorts for portmap, annotations for bandwidth. */
function capabilities(pod: Pod): CniObject {
  const portMappings = pod.spec.containers.flatMap(({ ports }) =>
    ports
      .filter(({ hostPort }) => hostPort > 0)
      .map(({ hostPort, containerPort, protocol, hostIP }) => ({
        hostPort,
        containerPort,
        protocol: protocol.toLowerCase(),
        ...(hostIP === undefined ? {} : { hostIP: formatIp(hostIP) }),
      })),
  );
  return portMappings.length === 0 ? {} : { portMappings };
}

function attachmentOf(pod: Pod): Attachment {
  const [recorded] = recordedAddresses(pod);
  const id = containerId(pod);
  return {
    containerId: id,
    netnsPath: `/run/netns/${netnsName(pod)}`,
    ifName: 'eth0',
    args: {
      IgnoreUnknown: '1',
      K8S_POD_NAMESPACE: pod.namespace,
      K8S_POD_NAME: pod.name,
      K8S_POD_INFRA_CONTAINER_ID: id,
      ...(pod.uid === undefined ? {} : { K8S_POD_UID: pod.uid }),
      ...(recorded === undefined ? {} : { IP: formatAddress(recorded) }),
    },
    capabilities: capabilities(pod),
  };
}

export class Kubelet {
  readonly #host: Host;
  readonly #store: Store;
  readonly #runtime: CniRuntime;
  readonly #settings: KubeletSettings;
  readonly #dns: DnsPods;
  readonly #isDown: (pod: Pod) => boolean;
  readonly sandboxes = new Map<string, Sandbox>();
  readonly findings: Finding[] = [];
  /** Of pods other than CoreDNS: what listens there, by protocol and port. */
  readonly #servers = new Map<string, Map<string, PodServer>>();
  #serving = false;

  constructor({ host, store, binaries, settings, dns, isDown }: KubeletRequest) {
    this.#host = host;
    this.#store = store;
    this.#settings = settings;
    this.#dns = dns;
    this.#isDown = isDown;
    this.#runtime = new CniRuntime(host, binaries);
  }

  /** Starts all pods of the node. */
  startPods(): void {
    for (const pod of podsOf(this.#store, this.#host.name)) this.#start(pod);
  }

  /** Opens the ports of all pods: those that daemons of the machine have taken on its network stay theirs. */
  startServers(): void {
    this.#serving = true;
    for (const [key, sandbox] of this.sandboxes) this.#listen(key, sandbox);
  }

  /** Pods as the store has them now: those that went are stopped first, then the new ones start. */
  update(): readonly PodChange[] {
    const wanted = new Map(podsOf(this.#store, this.#host.name).map((pod) => [keyOf(pod), pod]));
    const changes: PodChange[] = [];
    for (const [key, sandbox] of this.sandboxes) {
      const pod = wanted.get(key);
      if (pod !== undefined && isSameSandbox(sandbox.pod, pod)) this.sandboxes.set(key, { ...sandbox, pod });
      else {
        this.#stop(key, sandbox);
        changes.push({ type: 'stopped', pod: sandbox.pod });
      }
    }
    for (const [key, pod] of wanted) {
      if (this.sandboxes.has(key)) continue;
      this.#start(pod);
      if (this.sandboxes.has(key)) changes.push({ type: 'started', pod });
    }
    for (const [key, sandbox] of this.sandboxes) this.#listen(key, sandbox);
    return changes;
  }

  /** What runs in the sandbox dies, and nothing comes in or out any more. */
  crash(pod: Pod): void {
    const sandbox = this.sandboxes.get(keyOf(pod));
    if (sandbox === undefined) return;
    this.#closeServers(keyOf(pod));
    const eth0 = sandbox.attachment && sandbox.netns.devices.named(sandbox.attachment.ifName);
    if (eth0 !== undefined) sandbox.netns.links.set(eth0, { up: false });
  }

  /** The sandbox is made anew. */
  restart(pod: Pod): void {
    const sandbox = this.sandboxes.get(keyOf(pod));
    if (sandbox === undefined) return;
    this.#stop(keyOf(pod), sandbox);
    this.#start(pod);
  }

  #start(pod: Pod): void {
    if (pod.spec.hostNetwork) this.#run({ pod, netns: this.#host.netns, address: undefined, attachment: undefined });
    else this.#startSandbox(pod);
  }

  /** StopPodSandbox, RemovePodSandbox: the network first, then the namespace with all that is in it. */
  #stop(key: string, { pod, netns, attachment }: Sandbox): void {
    this.#closeServers(key);
    this.sandboxes.delete(key);
    if (attachment === undefined) return;
    try {
      this.#runtime.del(this.#runtime.network(), attachment);
      this.#runtime.del(LOOPBACK, { ...attachment, ifName: 'lo', capabilities: {} });
    } catch (error) {
      if (!(error instanceof CniError)) throw error;
      const message = `the sandbox on Node ${this.#host.name} leaves its network: ${error.message}`;
      this.findings.push(finding(pod, [], { code: 'cni-failed', severity: 'warning', message }));
    }
    this.#host.deleteNetns(netns.name);
  }

  #closeServers(key: string): void {
    for (const { server } of this.#servers.get(key)?.values() ?? []) server.close();
    this.#servers.delete(key);
  }

  /** RunPodSandbox: namespace, lo, network; a network that fails takes the sandbox with it. */
  #startSandbox(pod: Pod): void {
    const attachment = attachmentOf(pod);
    const netns = this.#host.addNetns(netnsName(pod));
    try {
      this.#runtime.add(LOOPBACK, { ...attachment, ifName: 'lo', capabilities: {} });
      const result = this.#runtime.add(this.#runtime.network(), attachment);
      const address = result.ips.map((ip) => parseIpv4Prefix(ip.address)?.addr).find((one) => one !== undefined);
      // Calico's plugin has noted down on it what it did.
      const noted = this.#store.get('Pod', pod.namespace, pod.name) ?? pod;
      this.#run({ pod: noted, netns, address, attachment });
    } catch (error) {
      if (!(error instanceof CniError)) throw error;
      this.#host.deleteNetns(netns.name);
      const message = `the sandbox on Node ${this.#host.name} gets no network: ${error.message}`;
      this.findings.push(finding(pod, [], { code: 'cni-failed', severity: 'warning', message }));
    }
  }

  #run(created: NewSandbox): void {
    const { pod, netns } = created;
    const [settings, nodeName] = [this.#settings, this.#host.name];
    const addresses = this.#addressesOf(created);
    const files = podFiles({ pod, settings, addresses, nodeName, nodeFiles: this.#host.files });
    const startedNs = this.#host.emulation.clock.nowNs;
    const sandbox = { ...created, files, hostname: podHostname(pod, settings, nodeName), startedNs };
    const key = keyOf(pod);
    this.sandboxes.set(key, sandbox);
    const ofDns = this.#dns.start(pod, { netns, files, addresses });
    if (ofDns === undefined) {
      this.#servers.set(key, new Map());
      if (this.#serving) this.#listen(key, sandbox);
    } else append(this.findings, ofDns);
    if (this.#isDown(pod)) this.crash(pod);
  }

  /** status.podIPs, IPv4 as CNI gave it. */
  #addressesOf({ pod, address }: NewSandbox): readonly IpAddress[] {
    if (pod.spec.hostNetwork) return this.#store.get('Node', '', this.#host.name)?.status.internalIPs ?? [];
    const ipv6 = pod.status.podIPs.filter((ip) => !isIpv4(ip));
    return address === undefined ? ipv6 : [address, ...ipv6];
  }

  /** What programs in its containers find set; undefined for a pod that does not run here. */
  environmentOf(pod: Pod): Environment | undefined {
    const sandbox = this.sandboxes.get(keyOf(pod));
    return sandbox && this.#environment(sandbox, defaultContainer(sandbox.pod));
  }

  #environment(sandbox: Sandbox, container: Container | undefined): Environment {
    const { pod, hostname } = sandbox;
    return podEnvironment({ pod, store: this.#store, hostname, addresses: this.#addressesOf(sandbox), container });
  }

  /** The words with which a container starts, as the pod has them; empty where its image says. */
  commandOf(sandbox: Sandbox, container: Container): readonly string[] {
    const { command, args } = container;
    const words = [command, args].flatMap((list) =>
      isList(list) ? list.filter((one) => typeof one === 'string') : [],
    );
    if (!words.some((word) => word.includes('$('))) return words;
    const { variables } = this.#environment(sandbox, container);
    return words.map((word) => expanded(word, (name) => variables.get(name)));
  }

  /** Whether its sandbox has crashed: nothing runs in it. */
  hasCrashed(pod: Pod): boolean {
    return this.#isDown(pod);
  }

  /** Its servers, if it has any, by difference: Services that come and go open and close ports. */
  #listen(key: string, { pod, netns }: Sandbox): void {
    const held = this.#servers.get(key);
    if (held === undefined) return;
    const wanted = new Map(podListeners(pod, this.#store).map((one) => [`${one.protocol}/${one.port}`, one]));
    for (const [port, { server, because }] of held) {
      if (isDeepStrictEqual(wanted.get(port)?.because, because)) continue;
      server.close();
      held.delete(port);
    }
    for (const [name, { protocol, port, address, process, because }] of wanted) {
      if (held.has(name)) continue;
      const server = startServer(netns, { protocol, port, address, process, because, site: podSite(pod) });
      if (server !== undefined) held.set(name, { server, because });
    }
  }
}
