/**
 * kube-proxy on one node in the mode iptables (cmd/kube-proxy, pkg/proxy/iptables): the proxier's texts go to the kernel's
 * iptables-restore, its switches to sysctl, its servers to the kernel's sockets. Only IPv4 has a kernel to go to.
 */

import type { Netns } from '../kernel/index.js';
import {
  append,
  type Finding,
  finding,
  isIpv4,
  type KubeNode,
  parseIp,
  type Store,
  type Subject,
} from '../kubernetes/index.js';
import { INADDR_ANY, type Ipv4Addr } from '../packet/index.js';
import type { Cause } from '../trace/index.js';
import { deleteByService, deleteByTable } from './conntrack/apply.js';
import { deletionsByService } from './conntrack/by-service.js';
import { byIp, byIpAndPort, StaleFlows } from './conntrack/by-table.js';
import { type EndpointsByPort, staleUdp } from './conntrack/stale.js';
import type { Installation } from './config/installation.js';
import { nodeSettings } from './config/node-settings.js';
import { MetricsServer } from './health/metrics-server.js';
import { ProxyHealth } from './health/proxy-health.js';
import { type HealthService, ServiceHealth } from './health/service-health.js';
import { applySwitches, conntrackSwitches } from './host-switches.js';
import { canaryLives, ensureJumps } from './iptables/apply/jumps.js';
import { IptablesProxier, type Sync } from './iptables/proxier.js';
import { type IptablesSettings, INVALID_COUNTER, LOCALHOST_COUNTER } from './iptables/settings.js';
import { localReadyEndpoints, noLocalEndpoints } from './metrics.js';
import { endpointsForNode } from './tracker/endpoint.js';
import { portKey, type ServicePort } from './tracker/service-port.js';
import type { ServiceTracker, Tracked } from './tracker/tracker.js';

export interface KubeProxyRequest {
  readonly netns: Netns;
  readonly store: Store;
  readonly installation: Installation;
  /** Shared by all nodes. */
  readonly tracker: ServiceTracker;
}

interface Synced {
  readonly endpoints: EndpointsByPort;
  readonly ports: ReadonlyMap<string, ServicePort>;
}

const NOTHING_SYNCED: Synced = { endpoints: new Map(), ports: new Map() };
const ROUTE_LOCALNET = 'net.ipv4.conf.all.route_localnet';
const BE_LIBERAL = 'net.netfilter.nf_conntrack_tcp_be_liberal';

export class KubeProxy {
  readonly findings: Finding[] = [];
  readonly #netns: Netns;
  readonly #store: Store;
  readonly #installation: Installation;
  readonly #tracker: ServiceTracker;
  readonly #name: string;
  readonly #because: readonly Cause[];
  readonly #settings: IptablesSettings;
  readonly #proxier: IptablesProxier;
  readonly #health: ProxyHealth;
  readonly #serviceHealth: ServiceHealth;
  readonly #metrics: MetricsServer;
  #synced: Synced = NOTHING_SYNCED;

  /** Sets what it wants of its host; rules come with `start` and `sync`. */
  constructor({ netns, store, installation, tracker }: KubeProxyRequest) {
    this.#netns = netns;
    this.#store = store;
    this.#installation = installation;
    this.#tracker = tracker;
    this.#name = netns.host.name;
    this.#because = [{ kind: 'Node', name: this.#name, detail: 'kube-proxy' }];
    this.#report(applySwitches(netns, conntrackSwitches(installation.configuration, this.#node)));
    for (const name of [INVALID_COUNTER, LOCALHOST_COUNTER]) netns.netfilter.nfacct.ensure(name);
    const { settings, findings } = nodeSettings(
      installation,
      {
        node: this.#node,
        name: installation.configuration.hostnameOverride || this.#name,
        conntrackTcpBeLiberal: netns.sysctl.get(BE_LIBERAL) !== '0',
        counters: new Set([INVALID_COUNTER, LOCALHOST_COUNTER]),
      },
      'IPv4',
    );
    append(this.findings, findings);
    this.#settings = settings;
    this.#proxier = new IptablesProxier(settings);
    this.#health = new ProxyHealth(netns, () => this.#node);
    this.#metrics = new MetricsServer(netns, () => noLocalEndpoints(this.#proxier.categories));
    this.#serviceHealth = new ServiceHealth(
      netns,
      () => this.#listenOn(),
      () => this.#health.healthy,
    );
  }

  get #node(): KubeNode | undefined {
    return this.#store.get('Node', '', this.#name);
  }

  /** Before the first rules: route_localnet, the chains and the ways into them, the servers for health and metrics. */
  start(): void {
    if (this.#settings.localhostNodePorts) this.#report(applySwitches(this.#netns, [[ROUTE_LOCALNET, 1]]));
    this.#ensureJumps();
    const { healthzBindAddress, metricsBindAddress } = this.#installation.configuration;
    this.#serve('health', healthzBindAddress, this.#health);
    this.#serve('metrics', metricsBindAddress, this.#metrics);
  }

  #serve(what: string, at: { address: string; port: number }, server: ProxyHealth | MetricsServer): void {
    const address = parseIp(at.address);
    if (address === undefined || !isIpv4(address) || at.port === 0) return;
    const refused = server.listen(address, at.port, this.#because);
    if (refused !== undefined) this.#report([`${what} server on ${at.address}:${at.port}: ${refused}`]);
  }

  /** Brings the rules up to date with the store. The answer is what was written. */
  sync(): Sync {
    const tracked = this.#tracker.current();
    if (!canaryLives(this.#netns)) {
      this.#proxier.forceFullSync();
      this.#ensureJumps();
    }
    const sync = this.#write(tracked);
    this.#after(tracked);
    return sync;
  }

  /** A text that the kernel refuses is followed by a full one at once, where upstream waits for its retry interval. */
  #write(tracked: Tracked): Sync {
    for (let attempt = 1; ; attempt += 1) {
      const sync = this.#proxier.next(this.#context(tracked));
      const { iptables } = this.#netns.netfilter;
      const problems = iptables.restore(sync.parts, { noflush: true, counters: true });
      if (problems.length === 0) {
        this.#health.updated();
        this.#metrics.synced({ rules: sync.rules, timeNs: this.#netns.emulation.clock.nowNs });
        return sync;
      }
      this.#proxier.failed();
      this.#metrics.restoreFailed();
      if (attempt === 2) {
        this.#health.failed();
        this.#report(problems.map(({ line, message }) => `iptables-restore: line ${line}: ${message}`));
        return sync;
      }
    }
  }

  #context(tracked: Tracked): Parameters<IptablesProxier['next']>[0] {
    return {
      tracked,
      natChains: this.#netns.netfilter.iptables.table('nat')?.chains.keys() ?? [],
      nodeAddresses: [...this.#netns.devices].flatMap(({ addresses }) => addresses.map(({ address }) => address)),
      nowNs: this.#netns.emulation.clock.nowNs,
      syncPeriodNs: this.#installation.configuration.iptables.syncPeriod,
    };
  }

  /** What follows the rules: health checks, and connections that lead to where nobody is any more. */
  #after(tracked: Tracked): void {
    const endpoints = new Map<string, ReturnType<typeof endpointsForNode>>();
    const ports = new Map<string, ServicePort>();
    const services = new Map<string, HealthService>();
    const counts = new Map<string, number>();
    for (const service of tracked.services) {
      const lists = [...service.endpoints].map(
        ([key, list]) => [key, endpointsForNode(list, this.#settings.node.name)] as const,
      );
      for (const [key, list] of lists) endpoints.set(key, list);
      for (const port of service.ports) {
        ports.set(portKey(port), port);
        const { namespace, name, healthCheckNodePort } = port;
        if (healthCheckNodePort === 0) continue;
        services.set(service.key, { namespace, name, port: healthCheckNodePort });
        counts.set(
          service.key,
          localReadyEndpoints(
            lists.map(([, list]) => list),
            this.#settings.node.name,
          ),
        );
      }
    }
    this.#report(this.#serviceHealth.sync(services, counts));
    this.#cleanConntrack({ endpoints, ports });
  }

  #cleanConntrack(now: Synced): void {
    const before = this.#synced;
    this.#synced = now;
    const stale = staleUdp(before.endpoints, now.endpoints);
    const { conntrackByTable, conntrackByEndpointPort } = this.#installation.features;
    if (conntrackByTable) {
      const keyOf = conntrackByEndpointPort ? byIpAndPort : byIp;
      if (stale.deleted.length > 0 || stale.newlyActive.length > 0)
        deleteByTable(this.#netns, new StaleFlows(now.ports, now.endpoints, keyOf));
      return;
    }
    const removed = [...before.ports].filter(([key, port]) => port.protocol === 'udp' && !now.ports.has(key));
    deleteByService(
      this.#netns,
      deletionsByService(
        stale,
        now.ports,
        removed.map(([, port]) => port),
      ),
    );
  }

  /** Where health checks of Services are answered: on the addresses of node ports. */
  #listenOn(): readonly Ipv4Addr[] {
    const { nodePortAddresses } = this.#settings;
    if (nodePortAddresses.matchesAll) return [INADDR_ANY];
    const own = [...this.#netns.devices].flatMap(({ addresses }) => addresses.map(({ address }) => address));
    return nodePortAddresses.select(own).filter(isIpv4);
  }

  #ensureJumps(): void {
    const { localhostNodePorts } = this.#settings;
    this.#report(ensureJumps(this.#netns, { localhostNodePorts, because: this.#because }));
  }

  #report(messages: readonly string[]): void {
    const subject: Subject | undefined = this.#node ?? this.#installation.subject;
    if (subject === undefined) return;
    for (const message of messages)
      this.findings.push(
        finding(subject, [], { code: 'kube-proxy', severity: 'warning', message: `kube-proxy: ${message}` }),
      );
  }
}
