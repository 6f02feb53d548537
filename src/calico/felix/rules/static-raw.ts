/** The raw table: before conntrack, so untracked policy, anti-spoofing and what conntrack is not to see; felix/rules/static.go. */

import type { Cause } from '../../../trace/index.js';
import { type Cidr, formatCidr, networkOf } from '../../cidr.js';
import { CHAIN } from './chain-names.js';
import { allMarkBits, type RulesConfig } from './config.js';
import { failsafeChains } from './failsafe.js';
import {
  ACCEPT,
  type Action,
  type Chain,
  clearMark,
  inInterface,
  jump,
  marked,
  type Match,
  NO_TRACK,
  notMarked,
  port,
  protocol,
  RETURN,
  type Rule,
  setMark,
} from './rule.js';

const rule = (because: readonly Cause[], action: Action, match: readonly Match[] = []): Rule => ({
  match,
  action,
  comments: [],
  because,
});

/** VXLAN has another source port each way: conntrack would see two flows without replies. */
const vxlanNoTrack = ({ vxlan, vxlanPort }: RulesConfig): Rule[] =>
  vxlan ? [rule(vxlan.because, NO_TRACK, [protocol('udp'), { kind: 'destination-port', port: vxlanPort }])] : [];

/** A packet from a workload's interface must have a source that is routed there: pods cannot spoof. */
export const rpfRules = (config: RulesConfig, fromWorkload: Match): Rule[] => [
  ...dhcpRules(config),
  rule(config.because, config.filterDeny, [fromWorkload, { kind: 'rpf-failed' }]),
];

/** Who asks OpenStack's DHCP for an address has none yet. */
const dhcpRules = ({ because, openStack, ipVersion }: RulesConfig): Rule[] =>
  openStack === undefined || ipVersion === 6
    ? []
    : [
        rule(because, ACCEPT, [
          protocol('udp'),
          { kind: 'net', direction: 'source', net: '0.0.0.0' },
          port('source', 68),
          port('destination', 67),
        ]),
      ];

export function rawPreroutingChain(config: RulesConfig): Chain {
  const { because, marks, workloadInterfacePrefixes, wireguard } = config;
  const fromWorkload = marks.scratch0;
  return {
    name: CHAIN.prerouting,
    rules: [
      rule(because, clearMark(allMarkBits(marks))),
      ...(wireguard.encryptsHosts ? [rule(because, jump(CHAIN.wireguardIncomingMark))] : []),
      ...vxlanNoTrack(config),
      ...workloadInterfacePrefixes.map((prefix) => rule(because, setMark(fromWorkload), [inInterface(`${prefix}+`)])),
      rule(because, jump(CHAIN.rpfSkip), [marked(fromWorkload)]),
      ...rpfRules(config, marked(fromWorkload)),
      rule(because, jump(CHAIN.fromHostEndpoint), [notMarked(fromWorkload)]),
      rule(because, ACCEPT, [marked(marks.accept)]),
    ],
  };
}

export function rawOutputChain(config: RulesConfig): Chain {
  const { because, marks } = config;
  return {
    name: CHAIN.output,
    rules: [
      rule(because, clearMark(allMarkBits(marks))),
      rule(because, jump(CHAIN.toHostEndpoint)),
      ...vxlanNoTrack(config),
      rule(because, ACCEPT, [marked(marks.accept)]),
    ],
  };
}

/** Marks what is encrypted for this host; nothing jumps here unless WireGuard encrypts host traffic. */
function wireguardIncomingMarkChain({ because, wireguard, workloadInterfacePrefixes }: RulesConfig): Chain {
  const interfaces = ['lo', ...wireguard.devices, ...workloadInterfacePrefixes.map((prefix) => `${prefix}+`)];
  return {
    name: CHAIN.wireguardIncomingMark,
    rules: [
      ...interfaces.map((name) => rule(because, RETURN, [inInterface(name)])),
      rule(because, setMark(wireguard.mark)),
    ],
  };
}

export const staticRawChains = (config: RulesConfig): Chain[] => [
  ...failsafeChains(config, 'raw'),
  rawPreroutingChain(config),
  wireguardIncomingMarkChain(config),
  rawOutputChain(config),
];

/** Sources that a pod may use although they are not routed to it. */
export interface SpoofedSource {
  readonly interfaceName: string;
  readonly source: Cidr;
  readonly because: readonly Cause[];
}

export const rpfSkipChain = (sources: readonly SpoofedSource[]): Chain => ({
  name: CHAIN.rpfSkip,
  rules: sources.map(({ interfaceName, source, because }) =>
    rule(because, ACCEPT, [
      inInterface(interfaceName),
      { kind: 'net', direction: 'source', net: formatCidr(networkOf(source)) },
    ]),
  ),
});
