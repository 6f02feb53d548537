/**
 * The rules of one Service port (pkg/proxy/iptables/proxier.go:syncProxyRules(), its loop over Services). A function
 * of the port, its endpoints and the settings alone. In what chains there are:
 *
 *     KUBE-SERVICES ── cluster IP ──────────────────────────► SVC | SVL
 *                   ── external IP, load balancer (FW) ─► EXT ─► SVC | SVL
 *     KUBE-NODEPORTS ───────────────────────────────────► EXT
 *     SVC (endpoints of the cluster), SVL (of this node) ─► SEP, one an endpoint: DNAT
 */

import { type ChainBlock, RestoreBlock, RestoreChains } from '../../../kernel/index.js';
import { cidrContains, formatCidr } from '../../../kubernetes/index.js';
import type { Cause, TableName } from '../../../trace/index.js';
import type { Categories } from '../../categories/categorize.js';
import type { Endpoint } from '../../tracker/endpoint.js';
import { externallyAccessible, type ServicePort } from '../../tracker/service-port.js';
import { CHAIN, endpointChain, type ServiceChains, serviceChains } from '../names.js';
import { type IptablesSettings, LOCALHOST_COUNTER } from '../settings.js';

const NO_RULES = new RestoreBlock('', 0);

/** A block of rules, from the words behind `-A CHAIN `. Joined, since it is kept: a concatenation keeps all its parts. */
export function blockOf(chain: string, rules: readonly string[], because: readonly Cause[]): RestoreBlock {
  if (rules.length === 0) return NO_RULES;
  const head = `-A ${chain} `;
  const pieces: string[] = [];
  for (const rule of rules) pieces.push(head, rule, '\n');
  return new RestoreBlock(pieces.join(''), rules.length, because);
}

export interface ServiceRules {
  /** Rules in chains that all Services share, by chain. */
  readonly shared: {
    readonly natServices: RestoreBlock;
    readonly natNodePorts: RestoreBlock;
    readonly filterServices: RestoreBlock;
    readonly filterExternalServices: RestoreBlock;
    readonly filterNodePorts: RestoreBlock;
    readonly filterProxyFirewall: RestoreBlock;
  };
  /** Chains of the nat table that are this port's alone. */
  readonly chains: readonly ChainBlock[];
}

/** What one port's rules are on any node. */
interface PortRules {
  readonly because: readonly Cause[];
  /** Chains of endpoints by the endpoint, without comments or with: most of all that there is. */
  readonly endpoints: { readonly large: Map<string, ChainBlock>; readonly small: Map<string, ChainBlock> };
  /** Blocks by table and chain, as the node had them that was asked last: nearly all nodes have the same. */
  readonly blocks: Map<string, RestoreBlock>;
}

const PORT_RULES = new WeakMap<ServicePort, PortRules>();

function rulesOfPort(port: ServicePort): PortRules {
  const present = PORT_RULES.get(port);
  if (present !== undefined) return present;
  const made = {
    because: causeOf(port),
    endpoints: { large: new Map<string, ChainBlock>(), small: new Map<string, ChainBlock>() },
    blocks: new Map<string, RestoreBlock>(),
  };
  PORT_RULES.set(port, made);
  return made;
}

const causeOf = ({ namespace, name, portName, port, protocol }: ServicePort): readonly Cause[] => [
  { kind: 'Service', namespace, name, detail: `port ${portName === '' ? `${port}/${protocol}` : portName}` },
];

export interface ServiceInput {
  readonly port: ServicePort;
  readonly categories: Categories;
  readonly settings: IptablesSettings;
  /** There are so many endpoints that endpoints go without comments. */
  readonly large: boolean;
}

const comment = (text: string): string => `-m comment --comment "${text}"`;

/** 1/n with ten decimals. */
export const probability = (n: number): string => (1 / n).toFixed(10);

class ServiceRenderer {
  readonly #port: ServicePort;
  readonly #categories: Categories;
  readonly #settings: IptablesSettings;
  readonly #large: boolean;
  readonly #ofPort: PortRules;
  readonly #names: ServiceChains;
  readonly #protocol: string;
  readonly #internal: { readonly chain: string; readonly usable: boolean };
  readonly #external: { readonly chain: string; readonly usable: boolean };

  constructor({ port, categories, settings, large }: ServiceInput) {
    this.#port = port;
    this.#categories = categories;
    this.#settings = settings;
    this.#large = large;
    this.#ofPort = rulesOfPort(port);
    this.#names = serviceChains(port);
    this.#protocol = `-m ${port.protocol} -p ${port.protocol}`;
    this.#internal = this.#policy(port.internalPolicyLocal);
    this.#external = this.#policy(port.externalPolicyLocal);
  }

  #policy(local: boolean): { chain: string; usable: boolean } {
    const { hasAny, local: here } = this.#categories;
    return local
      ? { chain: this.#names.local, usable: hasAny && (here?.length ?? 0) > 0 }
      : { chain: this.#names.cluster, usable: hasAny };
  }

  get #usesExternalChain(): boolean {
    return this.#categories.hasAny && externallyAccessible(this.#port);
  }

  get #usesFirewallChain(): boolean {
    const { loadBalancerVips, sourceRanges } = this.#port;
    return this.#categories.hasAny && loadBalancerVips.length > 0 && sourceRanges.length > 0;
  }

  render(): ServiceRules {
    return {
      shared: {
        natServices: this.#block('nat', CHAIN.services, this.#natServices()),
        natNodePorts: this.#block('nat', CHAIN.nodePorts, this.#natNodePorts()),
        filterServices: this.#block('filter', CHAIN.services, this.#filterServices()),
        filterExternalServices: this.#block('filter', CHAIN.externalServices, this.#filterExternalServices()),
        filterNodePorts: this.#block('filter', CHAIN.nodePorts, this.#healthCheck()),
        filterProxyFirewall: this.#block('filter', CHAIN.proxyFirewall, this.#proxyFirewall()),
      },
      chains: this.#ownChains(),
    };
  }

  /** That of another node, where that is the same. */
  #block(table: TableName, chain: string, rules: readonly string[]): RestoreBlock {
    const { blocks, because } = this.#ofPort;
    const made = blockOf(chain, rules, because);
    if (made === NO_RULES) return made;
    const key = `${table} ${chain}`;
    const present = blocks.get(key);
    if (present?.text === made.text) return present;
    blocks.set(key, made);
    return made;
  }

  #to(address: string): string {
    return `${this.#protocol} -d ${address} --dport ${this.#port.port}`;
  }

  #natServices(): string[] {
    const { spn, clusterIp, externalIps, loadBalancerVips } = this.#port;
    const rules: string[] = [];
    if (this.#internal.usable)
      rules.push(`${comment(`${spn} cluster IP`)} ${this.#to(clusterIp)} -j ${this.#internal.chain}`);
    if (!this.#categories.hasAny) return rules;
    for (const ip of externalIps)
      rules.push(`${comment(`${spn} external IP`)} ${this.#to(ip)} -j ${this.#names.external}`);
    const chain = this.#usesFirewallChain ? this.#names.firewall : this.#names.external;
    for (const ip of loadBalancerVips) rules.push(`${comment(`${spn} loadbalancer IP`)} ${this.#to(ip)} -j ${chain}`);
    return rules;
  }

  /** Node ports know no source ranges: nobody can change that any more. */
  #natNodePorts(): string[] {
    const { spn, nodePort } = this.#port;
    const { features, localhostNodePorts, counters } = this.#settings;
    if (nodePort === 0 || !this.#categories.hasAny) return [];
    const head = `-m comment --comment ${spn} ${this.#protocol}`;
    const rule = `${head} --dport ${nodePort} -j ${this.#names.external}`;
    if (!features.localhostCounter || !localhostNodePorts || !counters.has(LOCALHOST_COUNTER)) return [rule];
    const counted = `${head} -d 127.0.0.0/8 --dport ${nodePort} -m nfacct --nfacct-name ${LOCALHOST_COUNTER}`;
    return [`${counted} -j ${this.#names.external}`, rule];
  }

  /** Nobody anywhere is an answer at once; nobody here is silence. */
  get #refusal(): { readonly comment: string; readonly target: string } {
    const { spn } = this.#port;
    return this.#categories.hasAny
      ? { comment: comment(`${spn} has no local endpoints`), target: 'DROP' }
      : { comment: comment(`${spn} has no endpoints`), target: 'REJECT' };
  }

  #filterServices(): string[] {
    if (this.#internal.usable) return [];
    const { comment: words, target } = this.#refusal;
    return [`${words} ${this.#to(this.#port.clusterIp)} -j ${target}`];
  }

  #filterExternalServices(): string[] {
    if (this.#external.usable) return [];
    const { externalIps, loadBalancerVips, nodePort } = this.#port;
    const { comment: words, target } = this.#refusal;
    const rules = [...externalIps, ...loadBalancerVips].map((ip) => `${words} ${this.#to(ip)} -j ${target}`);
    if (nodePort !== 0)
      rules.push(`${words} -m addrtype --dst-type LOCAL ${this.#protocol} --dport ${nodePort} -j ${target}`);
    return rules;
  }

  #healthCheck(): string[] {
    const { spn, healthCheckNodePort } = this.#port;
    if (healthCheckNodePort === 0) return [];
    const words = comment(`${spn} health check node port`);
    return [`${words} -m tcp -p tcp --dport ${healthCheckNodePort} -j ACCEPT`];
  }

  #proxyFirewall(): string[] {
    if (!this.#usesFirewallChain) return [];
    const words = comment(`${this.#port.spn} traffic not accepted by ${this.#names.firewall}`);
    return this.#port.loadBalancerVips.map((ip) => `${words} ${this.#to(ip)} -j DROP`);
  }

  #ownChains(): ChainBlock[] {
    const { cluster, local, reachable } = this.#categories;
    const own = reachable.map((endpoint) => this.#endpointChain(endpoint));
    const names = new Map(reachable.map(({ text }, i) => [text, own[i]?.name ?? '']));
    const chains: ChainBlock[] = [];
    const add = (name: string, rules: readonly string[]): void => {
      chains.push({ name, block: this.#block('nat', name, rules) });
    };
    for (const [name, endpoints] of [
      [this.#names.cluster, cluster],
      [this.#names.local, local],
    ] as const) {
      if (endpoints === undefined || endpoints.length === 0) continue;
      const isInternal = this.#internal.usable && this.#internal.chain === name;
      add(name, [...(isInternal ? this.#internalMasquerade() : []), ...this.#balance(endpoints, names)]);
    }
    if (this.#usesExternalChain) add(this.#names.external, this.#externalChain());
    if (this.#usesFirewallChain) add(this.#names.firewall, this.#firewallChain());
    return chains.concat(own);
  }

  #endpointChain(endpoint: Endpoint): ChainBlock {
    const { endpoints, because } = this.#ofPort;
    const known = endpoints[this.#large ? 'large' : 'small'];
    const present = known.get(endpoint.text);
    if (present !== undefined) return present;
    const name = endpointChain(this.#port, endpoint.text);
    const made = { name, block: blockOf(name, this.#endpointRules(endpoint, name), because) };
    known.set(endpoint.text, made);
    return made;
  }

  /** Traffic to the cluster IP from elsewhere than pods must come back by this node. */
  #internalMasquerade(): string[] {
    const { masqueradeAll, localDetector } = this.#settings;
    const words = `${comment(`${this.#port.spn} cluster IP`)} ${this.#to(this.#port.clusterIp)}`;
    if (masqueradeAll) return [`${words} -j ${CHAIN.markMasq}`];
    return localDetector === undefined ? [] : [`${words} ${localDetector.ifNotLocal} -j ${CHAIN.markMasq}`];
  }

  #externalChain(): string[] {
    const { spn, externalPolicyLocal } = this.#port;
    const { localDetector } = this.#settings;
    const rules: string[] = [];
    if (!externalPolicyLocal) {
      rules.push(`${comment(`masquerade traffic for ${spn} external destinations`)} -j ${CHAIN.markMasq}`);
    } else {
      // Pods and the node itself take the short way, as if they had asked for the cluster IP.
      const { cluster } = this.#names;
      if (localDetector !== undefined)
        rules.push(`${comment(`pod traffic for ${spn} external destinations`)} ${localDetector.ifLocal} -j ${cluster}`);
      const local = '-m addrtype --src-type LOCAL';
      rules.push(
        `${comment(`masquerade LOCAL traffic for ${spn} external destinations`)} ${local} -j ${CHAIN.markMasq}`,
        `${comment(`route LOCAL traffic for ${spn} external destinations`)} ${local} -j ${cluster}`,
      );
    }
    if (this.#external.usable) rules.push(`-j ${this.#external.chain}`);
    return rules;
  }

  /** What falls through is dropped in the filter table: nat is not for dropping. */
  #firewallChain(): string[] {
    const { spn, sourceRanges, loadBalancerVips } = this.#port;
    const { nodeIp } = this.#settings;
    const words = comment(`${spn} loadbalancer IP`);
    const rules = sourceRanges.map((range) => `${words} -s ${formatCidr(range)} -j ${this.#names.external}`);
    // The node's own packets to the load balancer leave with its address as their source.
    if (nodeIp !== undefined && sourceRanges.some((range) => cidrContains(range, nodeIp)))
      rules.push(...loadBalancerVips.map((ip) => `${words} -s ${ip} -j ${this.#names.external}`));
    rules.push(comment(`other traffic to ${spn} will be dropped by ${CHAIN.proxyFirewall}`));
    return rules;
  }

  /** Who was served lately first; then one of n with chance 1/n, of the others with 1/(n-1) and so on. */
  #balance(endpoints: readonly Endpoint[], names: ReadonlyMap<string, string>): string[] {
    const { spn, affinitySeconds } = this.#port;
    const head = ({ text }: Endpoint): string => (this.#large ? '' : `${comment(`${spn} -> ${text}`)} `);
    const rules: string[] = [];
    if (affinitySeconds !== 0) {
      for (const endpoint of endpoints) {
        const name = names.get(endpoint.text) ?? '';
        const recent = `-m recent --name ${name} --rcheck --seconds ${affinitySeconds} --reap`;
        rules.push(`${head(endpoint)}${recent} -j ${name}`);
      }
    }
    endpoints.forEach((endpoint, i) => {
      const left = endpoints.length - i;
      const chance = left === 1 ? '' : `-m statistic --mode random --probability ${probability(left)} `;
      rules.push(`${head(endpoint)}${chance}-j ${names.get(endpoint.text) ?? ''}`);
    });
    return rules;
  }

  #endpointRules({ ip, text }: Endpoint, name: string): string[] {
    const { spn, affinitySeconds } = this.#port;
    const head = this.#large ? '' : `-m comment --comment ${spn} `;
    const remember = affinitySeconds === 0 ? '' : `-m recent --name ${name} --set `;
    return [
      // An endpoint that asks its own Service would answer itself without passing here.
      `${head}-s ${ip} -j ${CHAIN.markMasq}`,
      `${head}${remember}${this.#protocol} -j DNAT --to-destination ${text}`,
    ];
  }
}

/** By the first of them, as they were asked for last: nearly all nodes have the same. */
const CHAINS_OF_SERVICES = new WeakMap<
  RestoreBlock,
  { readonly of: readonly ChainBlock[]; readonly made: RestoreChains }
>();

const sameChains = (a: readonly ChainBlock[], b: readonly ChainBlock[]): boolean =>
  a.length === b.length && a.every(({ name, block }, i) => b[i]?.block === block && b[i].name === name);

/** All chains of Services, as whole chains of a text. */
export function chainsOfServices(chains: readonly ChainBlock[]): RestoreChains {
  const [first] = chains;
  const present = first === undefined ? undefined : CHAINS_OF_SERVICES.get(first.block);
  if (present !== undefined && sameChains(present.of, chains)) return present.made;
  const made = new RestoreChains(chains);
  if (first !== undefined) CHAINS_OF_SERVICES.set(first.block, { of: chains, made });
  return made;
}

export const renderService = (input: ServiceInput): ServiceRules => new ServiceRenderer(input).render();
