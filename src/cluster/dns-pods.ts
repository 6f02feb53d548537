/** CoreDNS in the pods that run it: which they are, where their Corefile is written, and what is to be said of it. */

import type { Netns } from '../kernel/index.js';
import {
  type ConfigMap,
  type Finding,
  finding,
  type FindingCode,
  formatObject,
  type IpAddress,
  isIpv4,
  type Pod,
  type Severity,
  type Store,
} from '../kubernetes/index.js';
import { type CoreDns, Directory, startCoreDns } from '../services/index.js';
import type { Cause } from '../trace/index.js';
import type { KubeletSettings } from './kubelet-settings.js';

const NAMESPACE = 'kube-system';
const CONFIG_MAP = 'coredns';
const KEY = 'Corefile';

/** kubeadm's own (cmd/kubeadm/app/phases/addons/dns/manifests.go), for a cluster whose ConfigMap nobody shows. */
const kubeadmCorefile = (domain: string): string => `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes ${domain} in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success ${domain}
       disable denial ${domain}
    }
    loop
    reload
    loadbalance
}
`;

/** `registry.k8s.io/coredns/coredns:v1.12.1`; a container of that name counts too. */
const isCoreDns = (pod: Pod): boolean =>
  pod.spec.containers.some(({ name, image }) => name === 'coredns' || /(?:^|\/)coredns(?:[:@]|$)/.test(image));

interface Corefile {
  readonly text: string;
  readonly map: ConfigMap | undefined;
}

export interface DnsPodsRequest {
  readonly store: Store;
  readonly settings: KubeletSettings;
  readonly addressesOf: (pod: Pod) => readonly IpAddress[];
  readonly seconds: () => number;
  /** Endpoints are written when somebody asks for them. */
  readonly writeEndpoints: () => void;
}

export interface DnsPlace {
  readonly netns: Netns;
  readonly files: ReadonlyMap<string, string>;
  readonly addresses: readonly IpAddress[];
}

export class DnsPods {
  readonly #request: DnsPodsRequest;
  readonly #reported = new Set<string>();
  #directory: Directory | undefined = undefined;

  constructor(request: DnsPodsRequest) {
    this.#request = request;
  }

  /** Whether any pod answers for the cluster's names. */
  get present(): boolean {
    return this.#request.store.list('Pod').some(isCoreDns);
  }

  /** Starts CoreDNS in a pod that has it, undefined for any other; of what many pods share, findings are told once. */
  start(pod: Pod, { netns, files, addresses }: DnsPlace): readonly Finding[] | undefined {
    if (!isCoreDns(pod)) return undefined;
    const { settings } = this.#request;
    const { text, map } = this.#corefile(pod);
    const because: Cause[] = [
      { kind: 'Pod', namespace: pod.namespace, name: pod.name, detail: 'CoreDNS' },
      ...(map === undefined ? [] : [{ kind: 'ConfigMap', namespace: map.namespace, name: map.name, detail: KEY }]),
    ];
    const made = startCoreDns({
      netns,
      corefile: text,
      directory: this.#sharedDirectory(),
      readFile: (path) => files.get(path),
      localAddresses: addresses,
      clusterDns: settings.clusterDns.filter(isIpv4),
      because,
    });
    return this.#findings(pod, map, made);
  }

  /** All CoreDNS watch the same objects. */
  #sharedDirectory(): Directory {
    const { store, addressesOf, seconds, writeEndpoints } = this.#request;
    this.#directory ??= new Directory({ store, addressesOf, seconds, prepare: writeEndpoints });
    return this.#directory;
  }

  /** Of the ConfigMap that the pod mounts, of kubeadm's name else. */
  #corefile(pod: Pod): Corefile {
    const { store, settings } = this.#request;
    const names = [...pod.spec.volumes, ...(pod.namespace === NAMESPACE ? [CONFIG_MAP] : [])];
    for (const name of names) {
      const map = store.get('ConfigMap', pod.namespace, name);
      const text = map?.data[KEY];
      if (map !== undefined && text !== undefined) return { text, map };
    }
    return { text: kubeadmCorefile(settings.clusterDomain), map: undefined };
  }

  #findings(pod: Pod, map: ConfigMap | undefined, { error, notes }: CoreDns): readonly Finding[] {
    const found: Finding[] = [];
    const tell = (line: number, told: { code: FindingCode; severity: Severity; message: string }): void => {
      const key = `${map === undefined ? '' : formatObject(map)}/${line}/${told.message}`;
      if (this.#reported.has(key)) return;
      this.#reported.add(key);
      const path = map === undefined ? [] : ['data', KEY];
      const at = map === undefined || line === 0 ? {} : map.source.lineOf(path, line);
      found.push({ ...finding(map ?? pod, path, told), ...at });
    };
    if (map === undefined)
      tell(0, { code: 'dns', severity: 'notice', message: `no ConfigMap has its ${KEY}: kubeadm's is assumed` });
    if (error !== undefined)
      tell(error.line, {
        code: 'dns',
        severity: 'warning',
        message: `CoreDNS does not start, ${KEY}:${error.line}: ${error.message}`,
      });
    for (const { line, kind, message } of notes) {
      const code = kind === 'unmodelled' ? 'unmodelled' : 'dns';
      tell(line, { code, severity: 'notice', message: `${KEY}:${line}: ${message}` });
    }
    return found;
  }
}
