/**
 * kubelet and container runtime of a node in the converged mode: for each pod a sandbox with a namespace of
 * its own, networked by CNI, in which all its containers live. Host-network pods use the node's namespace.
 */

import {
  type Attachment,
  CniError,
  type CniObject,
  CniRuntime,
  type NetworkList,
  type PluginBinaries,
} from '../cni/index.js';
import type { Host, Netns } from '../kernel/index.js';
import {
  type Finding,
  finding,
  formatIp,
  type IpAddress,
  isFinished,
  isIpv4,
  type Pod,
  type Store,
} from '../kubernetes/index.js';
import { type Ipv4Addr, parseIpv4Prefix } from '../packet/index.js';
import type { DnsPods } from './dns-pods.js';
import type { KubeletSettings } from './kubelet-settings.js';
import { podListeners, podSite } from './listeners.js';
import { podFiles, podHostname } from './pod-files.js';
import { containerId, netnsName } from './sandbox.js';
import { startServer } from './servers.js';
import { recordedAddresses } from './allocations.js';
import { formatAddress } from '../calico/index.js';

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
}

type NewSandbox = Omit<Sandbox, 'files' | 'hostname'>;

export interface KubeletRequest {
  readonly host: Host;
  readonly store: Store;
  readonly binaries: PluginBinaries;
  readonly settings: KubeletSettings;
  readonly dns: DnsPods;
}

const LOOPBACK: NetworkList = {
  file: '',
  name: 'cni-loopback',
  cniVersion: '0.3.1',
  disableCheck: false,
  plugins: [{ type: 'loopback' }],
};

/** The pods that a node runs, in the order in which they start: by namespace and name, those with an address first. */
export function podsOf(store: Store, node: string): Pod[] {
  const pods = store.list('Pod').filter((pod) => pod.spec.nodeName === node && !isFinished(pod));
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
  readonly sandboxes = new Map<string, Sandbox>();
  readonly findings: Finding[] = [];

  constructor({ host, store, binaries, settings, dns }: KubeletRequest) {
    this.#host = host;
    this.#store = store;
    this.#settings = settings;
    this.#dns = dns;
    this.#runtime = new CniRuntime(host, binaries);
  }

  /** Starts all pods of the node. */
  startPods(): void {
    for (const pod of podsOf(this.#store, this.#host.name)) {
      if (pod.spec.hostNetwork) this.#run({ pod, netns: this.#host.netns, address: undefined, attachment: undefined });
      else this.#startSandbox(pod);
    }
  }

  /** RunPodSandbox: namespace, lo, network; a network that fails takes the sandbox with it. */
  #startSandbox(pod: Pod): void {
    const attachment = attachmentOf(pod);
    const netns = this.#host.addNetns(netnsName(pod));
    try {
      this.#runtime.add(LOOPBACK, { ...attachment, ifName: 'lo', capabilities: {} });
      const result = this.#runtime.add(this.#runtime.network(), attachment);
      const address = result.ips.map((ip) => parseIpv4Prefix(ip.address)?.addr).find((one) => one !== undefined);
      this.#run({ pod, netns, address, attachment });
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
    const sandbox = { ...created, files, hostname: podHostname(pod, settings, nodeName) };
    this.sandboxes.set(`${pod.namespace}/${pod.name}`, sandbox);
    const ofDns = this.#dns.start(pod, { netns, files, addresses });
    if (ofDns === undefined) this.#listen(sandbox);
    else this.findings.push(...ofDns);
  }

  /** status.podIPs, IPv4 as CNI gave it. */
  #addressesOf({ pod, address }: NewSandbox): readonly IpAddress[] {
    if (pod.spec.hostNetwork) return this.#store.get('Node', '', this.#host.name)?.status.internalIPs ?? [];
    const ipv6 = pod.status.podIPs.filter((ip) => !isIpv4(ip));
    return address === undefined ? ipv6 : [address, ...ipv6];
  }

  #listen({ pod, netns }: Sandbox): void {
    for (const { protocol, port, because } of podListeners(pod, this.#store)) {
      if (protocol === 'sctp') continue;
      const process = pod.spec.containers[0]?.name ?? pod.name;
      startServer(netns, { protocol, port, process, because, site: podSite(pod) });
    }
  }
}
