/**
 * What kube-proxy tells on `metricsBindAddress` (cmd/kube-proxy/app/server.go:serveMetrics(), pkg/proxy/metrics):
 * `/proxyMode`, `/healthz`, and of `/metrics` what follows from Services, rules and packets. How long things took and how
 * the process fares is left out: nothing here takes time.
 */

import type { Netns } from '../../kernel/index.js';
import type { Ipv4Addr } from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import type { RuleCounts } from '../iptables/proxier.js';
import { INVALID_COUNTER, LOCALHOST_COUNTER } from '../iptables/settings.js';
import type { noLocalEndpoints } from '../metrics.js';
import { type HttpRequest, type HttpResponse, startHttpServer } from './http.js';

/** What the last sync came to. */
export interface SyncCounts {
  readonly rules: RuleCounts;
  readonly timeNs: number;
}

type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly samples: readonly (readonly [labels: Labels, value: number])[];
}

const PLAIN = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };
/** Prometheus' text format. */
const EXPOSITION = { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores' };

const formatLabels = (labels: Labels): string => {
  const pairs = Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
};

const formatFamily = ({ name, type, help, samples }: Family): string =>
  [
    `# HELP ${name} [ALPHA] ${help}\n# TYPE ${name} ${type}\n`,
    ...samples.map(([labels, value]) => `${name}${formatLabels(labels)} ${value}\n`),
  ].join('');

export class MetricsServer {
  readonly #netns: Netns;
  readonly #noLocalEndpoints: () => ReturnType<typeof noLocalEndpoints>;
  #sync: SyncCounts | undefined;
  #restoreFailures = 0;

  constructor(netns: Netns, counted: () => ReturnType<typeof noLocalEndpoints>) {
    this.#netns = netns;
    this.#noLocalEndpoints = counted;
  }

  synced(counts: SyncCounts): void {
    this.#sync = counts;
  }

  restoreFailed(): void {
    this.#restoreFailures += 1;
  }

  /** Why it cannot listen, or undefined. */
  listen(address: Ipv4Addr, port: number, because: readonly Cause[]): string | undefined {
    const answer = (request: HttpRequest): HttpResponse => this.#answer(request);
    const listener = startHttpServer({ netns: this.#netns, address, port, process: 'kube-proxy', because, answer });
    return typeof listener === 'string' ? listener : undefined;
  }

  #answer({ path }: HttpRequest): HttpResponse {
    switch (path) {
      case '/proxyMode':
        return { status: 200, headers: PLAIN, body: 'iptables' };
      case '/healthz':
        return { status: 200, headers: PLAIN, body: 'ok' };
      case '/metrics':
        return { status: 200, headers: EXPOSITION, body: this.#families().map(formatFamily).join('') };
      default:
        return { status: 404, headers: PLAIN, body: '404 page not found\n' };
    }
  }

  /** By name. */
  #families(): readonly Family[] {
    const family = { ip_family: 'IPv4' };
    const { nfacct } = this.#netns.netfilter;
    const counted = (name: string): Family['samples'] => [[{}, nfacct.get(name)?.packets ?? 0]];
    const sync = this.#sync;
    const without = this.#noLocalEndpoints();
    const byTable = (which: 'total' | 'last'): Family['samples'] =>
      (['filter', 'nat'] as const).map((table) => [{ ...family, table }, sync?.rules[table][which] ?? 0]);
    return [
      {
        name: 'kubeproxy_iptables_ct_state_invalid_dropped_packets_total',
        type: 'counter',
        help: 'packets dropped by iptables to work around conntrack problems',
        samples: counted(INVALID_COUNTER),
      },
      {
        name: 'kubeproxy_iptables_localhost_nodeports_accepted_packets_total',
        type: 'counter',
        help: 'Number of packets accepted on nodeports of loopback interface',
        samples: counted(LOCALHOST_COUNTER),
      },
      {
        name: 'kubeproxy_sync_proxy_rules_iptables_last',
        type: 'gauge',
        help: 'Number of iptables rules written by kube-proxy in last sync',
        samples: byTable('last'),
      },
      {
        name: 'kubeproxy_sync_proxy_rules_iptables_restore_failures_total',
        type: 'counter',
        help: 'Cumulative proxy iptables restore failures',
        samples: [[family, this.#restoreFailures]],
      },
      {
        name: 'kubeproxy_sync_proxy_rules_iptables_total',
        type: 'gauge',
        help: 'Total number of iptables rules owned by kube-proxy',
        samples: byTable('total'),
      },
      {
        name: 'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
        type: 'gauge',
        help: 'The last time proxy rules were successfully synced',
        samples: [[family, (sync?.timeNs ?? 0) / 1e9]],
      },
      {
        name: 'kubeproxy_sync_proxy_rules_no_local_endpoints_total',
        type: 'gauge',
        help: 'Number of services with a Local traffic policy and no endpoints',
        samples: (['external', 'internal'] as const).map((policy) => [
          { ...family, traffic_policy: policy },
          without[policy],
        ]),
      },
    ];
  }
}
