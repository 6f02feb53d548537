/**
 * What Felix has worked out already, by the identity of what it was worked out of: a policy that changes is
 * another object, and only what was made of the old one is made anew.
 */

import { remembered } from '../../memo.js';
import type { WorkloadEndpoint } from '../../model.js';
import { type ParsedPolicy, type ParsedProfile, parsePolicy, parseProfile } from '../../policy/parsed-rules.js';
import type { RulesConfig } from '../rules/config.js';
import { chainText } from '../rules/iptables-text.js';
import { policyChains, profileChains } from '../rules/policy.js';
import type { Chain } from '../rules/rule.js';

/** What the rules of policies and profiles depend on, as text: hosts with the same share their chains. */
const policyConfigKey = (config: RulesConfig): string =>
  JSON.stringify([
    config.ipVersion,
    config.marks,
    config.filterDeny,
    config.logPrefix,
    config.logRateLimit,
    config.logRateLimitBurst,
    config.flowLogs,
  ]);

interface Renderers {
  readonly policy: (parsed: ParsedPolicy) => readonly Chain[];
  readonly profile: (parsed: ParsedProfile) => readonly Chain[];
}

export class FelixMemo {
  readonly policy = remembered(parsePolicy);
  readonly profile = remembered(parseProfile);
  readonly chainText = remembered(chainText);
  readonly #renderers = new Map<string, Renderers>();
  readonly #endpoints = new WeakMap<WorkloadEndpoint, { readonly key: string; readonly chains: readonly Chain[] }>();

  renderers(config: RulesConfig): Renderers {
    const key = policyConfigKey(config);
    const known = this.#renderers.get(key);
    if (known !== undefined) return known;
    const made: Renderers = {
      policy: remembered((parsed) => policyChains(config, parsed)),
      profile: remembered((parsed) => profileChains(config, parsed)),
    };
    this.#renderers.set(key, made);
    return made;
  }

  /** An endpoint's chains are the same as before where `key` says the same of all that they depend on. */
  endpointChains(endpoint: WorkloadEndpoint, key: string, render: () => readonly Chain[]): readonly Chain[] {
    const known = this.#endpoints.get(endpoint);
    if (known?.key === key) return known.chains;
    const chains = render();
    this.#endpoints.set(endpoint, { key, chains });
    return chains;
  }
}
