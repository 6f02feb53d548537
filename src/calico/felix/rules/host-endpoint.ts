/**
 * Chains of a host endpoint, table by table; felix/rules/endpoints.go:HostEndpointTo…(). Nothing is said of a
 * host's interface until a HostEndpoint is: then what no policy allows is dropped, failsafe ports excepted.
 */

import type { Cause } from '../../../trace/index.js';
import { CHAIN } from './chain-names.js';
import type { RulesConfig } from './config.js';
import { type DirectedTiers, type EndpointChain, endpointChain, type EndpointProfile } from './endpoint.js';
import { ACCEPT, type Action, type Chain, RETURN } from './rule.js';

export interface HostChains {
  readonly interfaceName: string;
  readonly profiles: readonly EndpointProfile[];
  readonly because: readonly Cause[];
}

const NO_PROFILES: readonly EndpointProfile[] = [];

interface Table {
  readonly type: EndpointChain['type'];
  readonly allow: Action;
  readonly tiers: DirectedTiers;
}

/** What a process of the host sends out of the interface, and what comes in for it. */
class HostRenderer {
  readonly #config: RulesConfig;
  readonly #host: HostChains;

  constructor(config: RulesConfig, host: HostChains) {
    this.#config = config;
    this.#host = host;
  }

  #chain({ type, allow, tiers }: Table, direction: 'inbound' | 'outbound'): Chain {
    const { interfaceName, profiles, because } = this.#host;
    const inbound = direction === 'inbound';
    const letter = inbound ? 'f' : 't';
    return endpointChain(this.#config, {
      prefix: type === 'forward' ? `cali-${letter}hfw-` : `cali-${letter}h-`,
      interfaceName,
      direction,
      type,
      tiers: inbound ? tiers.ingress : tiers.egress,
      profiles: type === 'normal' ? profiles : NO_PROFILES,
      adminUp: true,
      // What passes through is not the host's own, which the failsafes are for.
      ...(type !== 'forward' && { failsafeChain: inbound ? CHAIN.failsafeIn : CHAIN.failsafeOut }),
      allow,
      dropEncapsulated: false,
      because,
    });
  }

  to(table: Table): Chain {
    return this.#chain(table, 'outbound');
  }

  from(table: Table): Chain {
    return this.#chain(table, 'inbound');
  }
}

/** For the host's own traffic, and for what passes through. */
export function hostFilterChains(
  config: RulesConfig,
  host: HostChains,
  { normal, forward }: { normal: DirectedTiers; forward: DirectedTiers },
): Chain[] {
  const renderer = new HostRenderer(config, host);
  const own: Table = { type: 'normal', allow: config.filterAllow, tiers: normal };
  const through: Table = { type: 'forward', allow: config.filterAllow, tiers: forward };
  return [renderer.to(own), renderer.from(own), renderer.to(through), renderer.from(through)];
}

/** For what the host sends and NAT has redirected: its interface is known in POSTROUTING only. */
export const hostMangleEgressChains = (config: RulesConfig, host: HostChains, tiers: DirectedTiers): Chain[] => [
  new HostRenderer(config, host).to({ type: 'normal', allow: RETURN, tiers }),
];

/** Policy on destinations as they were before NAT. */
export const hostMangleIngressChains = (config: RulesConfig, host: HostChains, tiers: DirectedTiers): Chain[] => [
  new HostRenderer(config, host).from({ type: 'pre-dnat', allow: config.mangleAllow, tiers }),
];

/** Policy that keeps conntrack out. */
export function hostRawChains(config: RulesConfig, host: HostChains, tiers: DirectedTiers): Chain[] {
  const renderer = new HostRenderer(config, host);
  const table: Table = { type: 'untracked', allow: ACCEPT, tiers };
  return [renderer.to(table), renderer.from(table)];
}
