/** A CoreDNS over objects of a test, asked without packets: the server's bytes in and out. */

import { Emulation, Host } from '../../../src/kernel/index.js';
import { type Pod, parseIp } from '../../../src/kubernetes/index.js';
import { type DnsMessage, type DnsRecord, encodeDns, parseDns, parseIpv4 } from '../../../src/packet/index.js';
import {
  configureCoreDns,
  Directory,
  EndpointSliceController,
  formatRecord,
  rcodeName,
} from '../../../src/services/index.js';
import { load } from '../../kubernetes/cluster-text.js';

export const CLUSTER = `.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
}`;

export const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

export const service = (name: string, spec: object, ns = 'shop') => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: ns },
  spec: { ports: [{ name: 'http', port: 80 }], ...spec },
});

export const slice = (
  of: string,
  endpoints: readonly object[],
  more: { ports?: readonly object[]; ns?: string; addressType?: string } = {},
) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    name: `${of}-${(more.addressType ?? 'IPv4').toLowerCase()}`,
    namespace: more.ns ?? 'shop',
    labels: { 'kubernetes.io/service-name': of },
  },
  addressType: more.addressType ?? 'IPv4',
  ports: more.ports ?? [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints,
});

export interface Asked {
  readonly protocol?: 'udp' | 'tcp';
  readonly edns?: number;
  readonly change?: (message: DnsMessage) => DnsMessage;
}

const CLIENT = parseIpv4('10.244.1.7');

export class DnsWorld {
  readonly emulation = new Emulation();
  readonly host: Host;
  readonly files = new Map<string, string>();
  readonly coreDns: ReturnType<typeof configureCoreDns>;
  readonly store;

  constructor(
    corefile: string,
    objects: readonly object[],
    options: { files?: Readonly<Record<string, string>>; local?: string } = {},
  ) {
    this.host = new Host(this.emulation, 'dns');
    const { store, errors } = load(namespace('shop'), namespace('kube-system'), namespace('default'), ...objects);
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
    this.store = store;
    const addressesOf = ({ status }: Pod) => status.podIPs;
    new EndpointSliceController({ store, seed: 1, addressesOf }).run();
    for (const [path, content] of Object.entries(options.files ?? {})) this.files.set(path, content);
    const local = parseIp(options.local ?? '10.244.9.9');
    this.coreDns = configureCoreDns({
      netns: this.host.netns,
      corefile,
      directory: new Directory({ store, addressesOf, seconds: () => Math.floor(this.emulation.clock.nowNs / 1e9) }),
      readFile: (path) => this.files.get(path),
      localAddresses: local === undefined ? [] : [local],
      clusterDns: [],
    });
  }

  /** The bytes that come back for bytes. */
  bytes(query: Uint8Array, protocol: 'udp' | 'tcp' = 'udp', port = 53): Uint8Array | undefined {
    let answer: Uint8Array | undefined;
    this.coreDns.servers.get(port)?.serve(query, { address: CLIENT ?? (0 as never), protocol }, (bytes) => {
      if (answer !== undefined) throw new Error('answered twice');
      answer = bytes;
    });
    this.emulation.run(() => answer !== undefined, 60e9);
    return answer;
  }

  ask(name: string, type: string, { protocol = 'udp', edns, change = (message) => message }: Asked = {}): DnsMessage {
    const additionals: DnsRecord[] =
      edns === undefined ? [] : [{ name: '.', ttl: 0, type: 'OPT', udpPayloadSize: edns }];
    const query = {
      id: 7,
      flags: 0x0100,
      opcode: 0,
      rcode: 0,
      questions: [{ name, type }],
      answers: [],
      authorities: [],
      additionals,
    };
    const bytes = this.bytes(encodeDns(change(query)), protocol);
    const message = bytes === undefined ? undefined : parseDns(bytes);
    if (message === undefined) throw new Error(`no answer to ${name} ${type}`);
    return message;
  }

  /** The code, then each record with its section where that is not the answer. */
  lines(name: string, type: string, asked: Asked = {}): string[] {
    return linesOf(this.ask(name, type, asked));
  }
}

export const linesOf = ({ rcode, answers, authorities, additionals }: DnsMessage): string[] => [
  rcodeName(rcode),
  ...answers.map(formatRecord),
  ...authorities.map((record) => `authority ${formatRecord(record)}`),
  ...additionals.filter(({ type }) => type !== 'OPT').map((record) => `additional ${formatRecord(record)}`),
];
