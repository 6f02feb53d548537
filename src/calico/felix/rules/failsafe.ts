/** Ports that no host endpoint policy can close, so that nobody locks himself out; felix/rules/static.go. */

import { parseCidrOrAddress } from '../../cidr.js';
import { CHAIN } from './chain-names.js';
import type { ProtoPort, RulesConfig } from './config.js';
import { ACCEPT, type Chain, type Direction, port, protocol, type Rule } from './rule.js';

export type TableWithFailsafes = 'filter' | 'mangle' | 'raw';

/** `side` is where the port stands, `peer` where the peer's address does. */
function failsafeRules(config: RulesConfig, parameter: string, sides: { side: Direction; peer: Direction }): Rule[] {
  const ports: readonly ProtoPort[] =
    parameter === 'FailsafeInboundHostPorts' ? config.failsafeInbound : config.failsafeOutbound;
  return ports
    .filter(({ net }) => net === undefined || parseCidrOrAddress(net)?.version === config.ipVersion)
    .map(({ protocol: name, port: number, net }) => ({
      match: [
        protocol(name),
        port(sides.side, number),
        ...(net === undefined ? [] : [{ kind: 'net', direction: sides.peer, net } as const]),
      ],
      action: ACCEPT,
      comments: [],
      because: [...config.because, ...config.sourceOf(parameter)],
    }));
}

/** The raw table comes before conntrack, so there the replies need rules of their own. */
export function failsafeChains(config: RulesConfig, table: TableWithFailsafes): Chain[] {
  const inbound = failsafeRules(config, 'FailsafeInboundHostPorts', { side: 'destination', peer: 'source' });
  const outbound = failsafeRules(config, 'FailsafeOutboundHostPorts', { side: 'destination', peer: 'destination' });
  const raw = table === 'raw';
  const repliesIn = raw ? failsafeRules(config, 'FailsafeOutboundHostPorts', { side: 'source', peer: 'source' }) : [];
  const repliesOut = raw
    ? failsafeRules(config, 'FailsafeInboundHostPorts', { side: 'source', peer: 'destination' })
    : [];
  return [
    { name: CHAIN.failsafeIn, rules: [...inbound, ...repliesIn] },
    { name: CHAIN.failsafeOut, rules: [...outbound, ...repliesOut] },
  ];
}
