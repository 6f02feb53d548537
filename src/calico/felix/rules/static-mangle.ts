/** The mangle table; felix/rules/static.go. */

import type { Cause } from '../../../trace/index.js';
import { CHAIN } from './chain-names.js';
import { allMarkBits, type RulesConfig, setName } from './config.js';
import { failsafeChains } from './failsafe.js';
import {
  type Action,
  type Chain,
  clearMark,
  ctState,
  ESTABLISHED,
  inSet,
  jump,
  marked,
  type Match,
  notInSet,
  RETURN,
  type Rule,
} from './rule.js';

const HOST_ENDPOINT_ACCEPTED = ['Host endpoint policy accepted packet.'];

const rule = (
  because: readonly Cause[],
  action: Action,
  match: readonly Match[] = [],
  comments: readonly string[] = [],
): Rule => ({
  match,
  action,
  comments,
  because,
});

/** Policy that comes before destination NAT. */
function manglePreroutingChain({ because, marks, mangleAllow }: RulesConfig): Chain {
  return {
    name: CHAIN.prerouting,
    rules: [
      rule(because, mangleAllow, [ctState(ESTABLISHED)]),
      rule(because, mangleAllow, [marked(marks.accept)]),
      rule(because, jump(CHAIN.fromHostEndpoint)),
      rule(because, mangleAllow, [marked(marks.accept)], HOST_ENDPOINT_ACCEPTED),
    ],
  };
}

/** Host endpoint policy for what a process of the host sent and NAT redirected: only here is its device known. */
export function manglePostroutingChain(config: RulesConfig): Chain {
  const { because, marks } = config;
  const leaving = [
    inSet('source', setName(config, 'dscpSources')),
    notInSet('destination', setName(config, 'networkPools')),
    notInSet('destination', setName(config, 'thisHost')),
  ];
  return {
    name: CHAIN.postrouting,
    rules: [
      rule(because, jump(CHAIN.egressDscp), leaving, ['set dscp for traffic leaving cluster.']),
      // FORWARD has marked what was forwarded: it has had its policy.
      rule(because, RETURN, [marked(marks.accept)]),
      rule(because, clearMark(allMarkBits(marks))),
      rule(because, jump(CHAIN.toHostEndpoint), [ctState('DNAT')]),
      rule(because, RETURN, [marked(marks.accept)], HOST_ENDPOINT_ACCEPTED),
    ],
  };
}

export interface DscpSource {
  readonly addresses: readonly string[];
  readonly value: number;
  readonly because: readonly Cause[];
}

/** What marks packets that leave the cluster; felix/rules/dscp.go. */
export const egressDscpChain = (sources: readonly DscpSource[]): Chain => ({
  name: CHAIN.egressDscp,
  rules: sources.map(({ addresses, value, because }) =>
    rule(because, { kind: 'dscp', value }, [{ kind: 'net', direction: 'source', net: addresses.join(',') }]),
  ),
});

export const staticMangleChains = (config: RulesConfig): Chain[] => [
  ...failsafeChains(config, 'mangle'),
  manglePreroutingChain(config),
  manglePostroutingChain(config),
];
