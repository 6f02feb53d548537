/**
 * One proxier: from Services to the next text for iptables-restore (pkg/proxy/iptables/proxier.go:syncProxyRules()).
 * It remembers what it has synced, so as to write only what has changed; it touches no kernel.
 */

import type { RestorePart } from '../../kernel/index.js';
import { formatIp, type IpAddress } from '../../kubernetes/index.js';
import type { Cause } from '../../trace/index.js';
import { type Categories, categorizeEndpoints } from '../categories/categorize.js';
import { isLoopback } from '../config/node-port-addresses.js';
import { type Endpoint, endpointsForNode, NO_ENDPOINTS } from '../tracker/endpoint.js';
import { portKey, type ServicePort } from '../tracker/service-port.js';
import type { Tracked, TrackedService } from '../tracker/tracker.js';
import { CHAIN, isServiceChain } from './names.js';
import { TableText } from './render/restore-text.js';
import { blockOf, chainsOfServices, renderService, type ServiceRules } from './render/service-rules.js';
import { forwardRules, LOCALNET_RULE, markMasqRules, nodePortTail, postroutingRules } from './render/static-rules.js';
import type { IptablesSettings } from './settings.js';

/** More endpoints than this in all Services together are many (largeClusterEndpointsThreshold). */
const LARGE_CLUSTER_ENDPOINTS = 1000;

export interface SyncContext {
  readonly tracked: Tracked;
  /** All chains of the nat table. */
  readonly natChains: Iterable<string>;
  /** The node's addresses, for node ports that are not answered on all of them. */
  readonly nodeAddresses: readonly IpAddress[];
  readonly nowNs: number;
  readonly syncPeriodNs: number;
}

/** What is written for iptables-restore. */
export class Sync {
  readonly parts: readonly RestorePart[];
  /** A partial text leaves out chains of Services that have not changed: it is no state. */
  readonly full: boolean;
  /** Services whose chains are in the text. */
  readonly rendered: number;
  readonly rules: RuleCounts;

  constructor({ parts, full, rendered, rules }: Pick<Sync, 'parts' | 'full' | 'rendered' | 'rules'>) {
    this.parts = parts;
    this.full = full;
    this.rendered = rendered;
    this.rules = rules;
  }

  get text(): string {
    return this.parts.map(({ text }) => text).join('');
  }
}

/** Rules that are kube-proxy's, and those of them that the last text held. */
export interface RuleCounts {
  readonly filter: { readonly total: number; readonly last: number };
  readonly nat: { readonly total: number; readonly last: number };
}

interface Written {
  readonly services: number;
  /** Rules of chains that have not changed and were left out. */
  readonly skippedRules: number;
}

/** Rules of a port and what they were made of. */
interface Rendered {
  readonly endpoints: readonly Endpoint[];
  readonly port: ServicePort;
  readonly large: boolean;
  readonly categories: Categories;
  readonly rules: ServiceRules;
}

const byKey = (a: { readonly key: string }, b: { readonly key: string }): number =>
  a.key < b.key ? -1 : a.key > b.key ? 1 : 0;

export class IptablesProxier {
  readonly settings: IptablesSettings;
  /** Of rules that are there whatever Services there are. */
  readonly #because: readonly Cause[];
  #fullSyncWanted = true;
  /** What the text before said of a Service. */
  #synced: ReadonlyMap<string, TrackedService> = new Map();
  /** Rules by port key, kept as long as nothing of them has changed. */
  #rendered: ReadonlyMap<string, Rendered> = new Map();
  #lastCleanupNs = Number.NEGATIVE_INFINITY;

  constructor(settings: IptablesSettings) {
    this.settings = settings;
    this.#because = [{ kind: 'Node', name: settings.node.name, detail: 'kube-proxy' }];
  }

  /** The next text is to hold everything: at start, when the node has changed, when somebody flushed the tables. */
  forceFullSync(): void {
    this.#fullSyncWanted = true;
  }

  /** Categories of every port as of the last sync, for what else hangs on them (health checks, metrics). */
  get categories(): Iterable<{ readonly port: ServicePort; readonly categories: Categories }> {
    return this.#rendered.values();
  }

  /** The text that brings the tables up to date, from what they were after the text before. */
  next(context: SyncContext): Sync {
    const { tracked } = context;
    const full = this.#fullSyncWanted;
    const large = tracked.totalEndpoints > LARGE_CLUSTER_ENDPOINTS;
    const filter = new TableText('filter');
    const nat = new TableText('nat');
    this.#begin(filter, nat);
    const rendered = this.#renderAll(tracked, large);
    const written = this.#writeServices(rendered, { filter, nat, full, tracked });
    filter.append(CHAIN.forward, blockOf(CHAIN.forward, forwardRules(this.settings), this.#because));
    this.#dropStale(nat, rendered, { large, context });
    this.#writeTail(nat, context);
    this.#synced = new Map(tracked.services.map((service) => [service.key, service]));
    this.#rendered = rendered;
    this.#fullSyncWanted = false;
    const last = { filter: filter.rules, nat: nat.rules };
    const rules = {
      filter: { total: last.filter, last: last.filter },
      nat: { total: last.nat + written.skippedRules, last: last.nat },
    };
    const parts = [...filter.parts(), ...nat.parts()];
    return new Sync({ parts, full, rendered: written.services, rules });
  }

  /** The kernel refused the text: the next one is a full one. */
  failed(): void {
    this.#fullSyncWanted = true;
  }

  #begin(filter: TableText, nat: TableText): void {
    for (const name of [CHAIN.services, CHAIN.externalServices, CHAIN.forward, CHAIN.nodePorts, CHAIN.proxyFirewall])
      filter.declare(name);
    if (this.settings.localhostNodePorts)
      filter.append(CHAIN.kubeletFirewall, blockOf(CHAIN.kubeletFirewall, [LOCALNET_RULE], this.#because));
    for (const name of [CHAIN.services, CHAIN.nodePorts]) nat.declare(name);
    nat.append(CHAIN.postrouting, blockOf(CHAIN.postrouting, postroutingRules(this.settings), this.#because));
    nat.append(CHAIN.markMasq, blockOf(CHAIN.markMasq, markMasqRules(this.settings), this.#because));
  }

  /** Every port in the order of its name in comments. */
  #renderAll({ services }: Tracked, large: boolean): Map<string, Rendered> {
    const ports = services.flatMap((service) => service.ports.map((port) => ({ key: portKey(port), port, service })));
    const rendered = new Map<string, Rendered>();
    for (const { key, port, service } of ports.sort(byKey)) {
      const list = service.endpoints.get(key) ?? NO_ENDPOINTS;
      const endpoints = endpointsForNode(list, this.settings.node.name);
      rendered.set(key, this.#render(key, { port, endpoints, large }));
    }
    return rendered;
  }

  #render(key: string, { port, endpoints, large }: Pick<Rendered, 'port' | 'endpoints' | 'large'>): Rendered {
    const held = this.#rendered.get(key);
    if (held !== undefined && held.port === port && held.endpoints === endpoints && held.large === large) return held;
    const { settings } = this;
    const categories = categorizeEndpoints(port, endpoints, settings);
    const rules = renderService({ port, categories, settings, large });
    return { port, endpoints, large, categories, rules };
  }

  #writeServices(
    rendered: ReadonlyMap<string, Rendered>,
    to: { readonly filter: TableText; readonly nat: TableText; readonly full: boolean; readonly tracked: Tracked },
  ): Written {
    const { filter, nat, full, tracked } = to;
    const changed = new Set<string>();
    let skippedRules = 0;
    for (const service of tracked.services) {
      if (full || this.#synced.get(service.key) !== service)
        for (const port of service.ports) changed.add(portKey(port));
    }
    for (const [key, { rules }] of rendered) {
      const { shared, chains } = rules;
      nat.append(CHAIN.services, shared.natServices);
      nat.append(CHAIN.nodePorts, shared.natNodePorts);
      filter.append(CHAIN.services, shared.filterServices);
      filter.append(CHAIN.externalServices, shared.filterExternalServices);
      filter.append(CHAIN.nodePorts, shared.filterNodePorts);
      filter.append(CHAIN.proxyFirewall, shared.filterProxyFirewall);
      if (full) continue;
      for (const { name, block } of chains) {
        if (changed.has(key)) nat.append(name, block);
        else skippedRules += block.lines;
      }
    }
    if (full) nat.addWhole(chainsOfServices([...rendered.values()].flatMap(({ rules }) => rules.chains)));
    return { services: changed.size, skippedRules };
  }

  /** Chains of Services and endpoints that are gone. In large clusters at most once a sync period. */
  #dropStale(
    nat: TableText,
    rendered: ReadonlyMap<string, Rendered>,
    { large, context }: { readonly large: boolean; readonly context: SyncContext },
  ): void {
    const { natChains, nowNs, syncPeriodNs } = context;
    if (large && nowNs - this.#lastCleanupNs <= syncPeriodNs) return;
    const stale = new Set<string>();
    for (const name of natChains) if (isServiceChain(name)) stale.add(name);
    if (stale.size > 0)
      for (const { rules } of rendered.values()) for (const { name } of rules.chains) stale.delete(name);
    for (const name of stale) nat.delete(name);
    this.#lastCleanupNs = nowNs;
  }

  #writeTail(nat: TableText, { nodeAddresses }: SyncContext): void {
    const addresses = this.settings.nodePortAddresses
      .select(nodeAddresses)
      .map((address) => ({ text: formatIp(address), loopback: isLoopback(address) }));
    nat.append(CHAIN.services, blockOf(CHAIN.services, nodePortTail(this.settings, addresses), this.#because));
  }
}
