/** What programs find where they run, on a machine or in a pod: files, a host name, variables, the system. */

import type { PluginBinaries } from '../../cni/index.js';
import type { Host } from '../../kernel/index.js';
import type { Pod, Store } from '../../kubernetes/index.js';
import { defaultContainer, type Environment, LOGIN } from './environment.js';
import type { Kubelet, Sandbox } from './kubelet.js';
import { type Processes, processesOf } from './processes.js';

export interface ProgramsRequest {
  readonly store: Store;
  readonly kubelets: ReadonlyMap<string, Kubelet>;
  readonly isNode: (name: string) => boolean;
  readonly plugins: PluginBinaries;
  /** What Calico runs on a node. */
  readonly calicoDaemons: (node: string) => readonly string[];
  /** Files of routing daemons, which are written when somebody looks. */
  readonly refreshFiles: (host: Host) => void;
}

export class Programs {
  readonly #request: ProgramsRequest;

  constructor(request: ProgramsRequest) {
    this.#request = request;
  }

  /** Those of the pod's containers, or of the machine. */
  files(host: Host, pod: Pod | undefined): ReadonlyMap<string, string> {
    if (pod !== undefined) return this.#sandbox(pod)?.files ?? new Map();
    this.#request.refreshFiles(host);
    const { osImage, machineID } = this.#node(host)?.system ?? { osImage: '', machineID: '' };
    return new Map([
      // The kubelet reads the name there.
      ...(osImage === '' ? [] : [['/etc/os-release', `PRETTY_NAME="${osImage}"\n`] as const]),
      ...(machineID === '' ? [] : [['/etc/machine-id', `${machineID}\n`] as const]),
      ...host.files,
    ]);
  }

  /** The plugins in a node's /opt/cni/bin, by name; other machines have none. */
  plugins(host: Host): readonly string[] {
    return this.#request.isNode(host.name) ? [...this.#request.plugins.keys()].sort() : [];
  }

  /** What runs on the machine, and what its container runtime has. */
  processes(host: Host): Processes {
    const calicoDaemons = this.#request.isNode(host.name) ? this.#request.calicoDaemons(host.name) : [];
    return processesOf({ host, kubelet: this.#kubelets.get(host.name), calicoDaemons });
  }

  /** Whether the machine has a container runtime: nodes have. */
  hasRuntime(host: Host): boolean {
    return this.#kubelets.has(host.name);
  }

  /** In which of the pod's containers commands run. */
  containerOf(pod: Pod): string | undefined {
    return defaultContainer(pod)?.name;
  }

  /** What `hostname` prints there. */
  hostname(host: Host, pod: Pod | undefined): string {
    return (pod === undefined ? undefined : this.#sandbox(pod)?.hostname) ?? host.name;
  }

  environment(pod: Pod | undefined): Environment {
    return (pod && this.#kubelets.get(pod.spec.nodeName)?.environmentOf(pod)) ?? LOGIN;
  }

  /** What the kubelet has said of the machine's kernel; empty where nothing is recorded. */
  kernel(host: Host): { readonly release: string; readonly architecture: string } {
    const system = this.#node(host)?.system;
    return { release: system?.kernelVersion ?? '', architecture: system?.architecture ?? '' };
  }

  #node({ name }: Host) {
    return this.#request.store.get('Node', '', name)?.status;
  }

  get #kubelets(): ReadonlyMap<string, Kubelet> {
    return this.#request.kubelets;
  }

  #sandbox({ namespace, name, spec }: Pod): Sandbox | undefined {
    return this.#kubelets.get(spec.nodeName)?.sandboxes.get(`${namespace}/${name}`);
  }
}
