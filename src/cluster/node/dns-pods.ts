/** CoreDNS in the pods that run it: which they are, where their Corefile is written, and what is to be said of it. */

import type { Host, Netns } from '../../kernel/index.js';
import {
  byParts,
  type ConfigMap,
  type Finding,
  finding,
  type FindingCode,
  formatObject,
  type IpAddress,
  isIpv4,
  type Pod,
  type Severity,
  type Subject,
  type Store,
} from '../../kubernetes/index.js';
import { type CoreDns, Directory, startCoreDns } from '../../services/index.js';
import type { Cause } from '../../trace/index.js';
import { isLoopback } from '../../packet/index.js';
import type { HostConfigObject } from '../input/documents.js';
import type { KubeletSettings } from '../input/kubelet-settings.js';

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
export const isCoreDns = (pod: Pod): boolean =>
  pod.spec.containers.some(
    ({ name, image }) => name === 'coredns' || (image.includes('coredns') && /(?:^|\/)coredns(?:[:@]|$)/.test(image)),
  );

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

/** The object that has a Corefile, and where in it. */
interface Written {
  readonly subject: Subject;
  readonly path: readonly string[];
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
  readonly #anyCoreDns = byParts(
    ({ spec }: Pod) => [spec.containers],
    (pods) => pods.some(isCoreDns),
  );

  constructor(request: DnsPodsRequest) {
    this.#request = request;
  }

  /** Whether any pod answers for the cluster's names. */
  get present(): boolean {
    return this.#anyCoreDns(this.#request.store.list('Pod'));
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
    if (map !== undefined) return this.#findings({ subject: map, path: ['data', KEY] }, made);
    const assumed = finding(pod, [], {
      code: 'dns',
      severity: 'notice',
      message: `no ConfigMap has its ${KEY}: kubeadm's is assumed`,
    });
    return [...this.#once('assumed', assumed), ...this.#findings({ subject: pod, path: [] }, made)];
  }

  /** Starts CoreDNS on a machine whose document gives it a Corefile. */
  startOn(host: Host, corefile: string, config: HostConfigObject): readonly Finding[] {
    const { netns } = host;
    const localAddresses = [...netns.devices]
      .flatMap((dev) => dev.addresses.map(({ address }) => address))
      .filter((one) => !isLoopback(one));
    const made = startCoreDns({
      netns,
      corefile,
      directory: this.#sharedDirectory(),
      readFile: (path) => host.files.get(path),
      localAddresses,
      clusterDns: [],
      because: [{ kind: config.kind, name: config.name, detail: KEY }],
    });
    return this.#findings({ subject: config, path: ['spec', 'corefile'] }, made);
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
    const names = [...pod.spec.volumes.configMaps, ...(pod.namespace === NAMESPACE ? [CONFIG_MAP] : [])];
    for (const name of names) {
      const map = store.get('ConfigMap', pod.namespace, name);
      const text = map?.data[KEY];
      if (map !== undefined && text !== undefined) return { text, map };
    }
    return { text: kubeadmCorefile(settings.clusterDomain), map: undefined };
  }

  #once(key: string, found: Finding): readonly Finding[] {
    if (this.#reported.has(key)) return [];
    this.#reported.add(key);
    return [found];
  }

  #findings({ subject, path }: Written, { error, notes }: CoreDns): readonly Finding[] {
    const tell = (
      line: number,
      told: { code: FindingCode; severity: Severity; message: string },
    ): readonly Finding[] => {
      const at = path.length === 0 || line === 0 ? {} : subject.source.lineOf(path, line);
      const key = `${path.length === 0 ? '' : formatObject(subject)}/${line}/${told.message}`;
      return this.#once(key, { ...finding(subject, path, told), ...at });
    };
    const refused =
      error === undefined
        ? []
        : tell(error.line, {
            code: 'dns',
            severity: 'warning',
            message: `CoreDNS does not start, ${KEY}:${error.line}: ${error.message}`,
          });
    const noted = notes.flatMap(({ line, kind, message }) =>
      tell(line, {
        code: kind === 'unmodelled' ? 'unmodelled' : 'dns',
        severity: 'notice',
        message: `${KEY}:${line}: ${message}`,
      }),
    );
    return [...refused, ...noted];
  }
}
