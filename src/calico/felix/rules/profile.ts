/** Chains of profiles: what an endpoint may do that no policy selects; felix/rules/policy.go:ProfileToIptablesChains(). */

import type { Profile } from '../../model.js';
import { profileChainName } from '../../names.js';
import type { RulesConfig } from './config.js';
import { type Chain, type Rule, setMark } from './rule.js';

/** The comment goes on the first rule; a chain without rules has one for the comment alone. */
function profileChain({ marks }: RulesConfig, profile: Profile, direction: 'ingress' | 'egress'): Chain {
  const rule: Rule = {
    match: [],
    ...(profile[direction] === 'allow' && { action: setMark(marks.accept) }),
    comments: [`Profile ${profile.name} ${direction}`],
    because: profile.because,
  };
  return { name: profileChainName(direction === 'ingress' ? 'cali-pri-' : 'cali-pro-', profile.name), rules: [rule] };
}

export const profileChains = (config: RulesConfig, profile: Profile): Chain[] => [
  profileChain(config, profile, 'ingress'),
  profileChain(config, profile, 'egress'),
];
