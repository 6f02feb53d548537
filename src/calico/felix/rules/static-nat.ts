/** The nat table; felix/rules/static.go, nat.go. */

import { compareText } from '../../digest.js';
import { CHAIN } from './chain-names.js';
import { type RulesConfig, setName, type Tunnel } from './config.js';
import type { Cause } from '../../../trace/index.js';
import {
  type Action,
  type Chain,
  inSet,
  jump,
  localAddress,
  type Match,
  notInSet,
  outInterface,
  port,
  protocol,
  RETURN,
  type Rule,
} from './rule.js';

const jumpRule = ({ because }: RulesConfig, chain: string): Rule => ({
  match: [],
  action: jump(chain),
  comments: [],
  because,
});

/**
 * What a process of the host sends down a tunnel with another of the host's addresses as source (through a
 * Service, say) gets the tunnel's own. Addresses that are not local were routed on purpose.
 */
const tunnelMasquerade = ({ device, because }: Tunnel): Rule => ({
  match: [
    outInterface(device),
    { kind: 'address-type', direction: 'source', type: 'LOCAL', limitInterfaceOut: true, not: true },
    localAddress('source'),
  ],
  action: { kind: 'masquerade' },
  comments: [],
  because,
});

function postroutingChain(config: RulesConfig): Chain {
  const { on } = config.wireguard;
  // WireGuard's device gets its address while Felix runs.
  const tunnels = [config.ipip, config.vxlan, on && { ...on, addressed: true }].flatMap((tunnel) =>
    tunnel?.addressed ? [tunnel] : [],
  );
  return {
    name: CHAIN.postrouting,
    rules: [
      jumpRule(config, CHAIN.floatingIpSnat),
      jumpRule(config, CHAIN.natOutgoing),
      ...tunnels.map(tunnelMasquerade),
    ],
  };
}

const METADATA_SERVICE = '169.254.169.254/32';

/** To the metadata service of OpenStack, which the host has. */
function metadataRules({ openStack, ipVersion, because }: RulesConfig): Rule[] {
  const metadata = ipVersion === 4 ? openStack?.metadata : undefined;
  if (metadata === undefined) return [];
  const match: Match[] = [
    protocol('tcp'),
    port('destination', 80),
    { kind: 'net', direction: 'destination', net: METADATA_SERVICE },
  ];
  const action: Action = { kind: 'dnat', to: `${metadata.address}:${metadata.port}` };
  return [{ match, action, comments: [], because }];
}

export const natPreroutingChain = (config: RulesConfig): Chain => ({
  name: CHAIN.prerouting,
  rules: [jumpRule(config, CHAIN.floatingIpDnat), ...metadataRules(config)],
});

export const staticNatChains = (config: RulesConfig): Chain[] => [
  natPreroutingChain(config),
  postroutingChain(config),
  { name: CHAIN.output, rules: [jumpRule(config, CHAIN.floatingIpDnat)] },
];

/** What a packet gets that leaves the pools: a given address, or that of its way out. */
function sourceNat({ natOutgoing: { address } }: RulesConfig, ports?: string): Action {
  if (address === undefined) return { kind: 'masquerade', ...(ports !== undefined && { toPorts: ports }) };
  const host = address.includes(':') && ports !== undefined ? `[${address}]` : address;
  return { kind: 'snat', to: ports === undefined ? host : `${host}:${ports}` };
}

/** `pools` are those with natOutgoing; without any the chain is empty. */
export function natOutgoingChain(config: RulesConfig, pools: readonly Cause[]): Chain {
  const { natOutgoing } = config;
  const parameters = [
    'NATOutgoingAddress',
    'NATPortRange',
    'NATOutgoingExclusions',
    'IptablesNATOutgoingInterfaceFilter',
  ];
  const because = [...pools, ...parameters.flatMap(config.sourceOf)];
  const outgoing: Match[] = [
    inSet('source', setName(config, 'masqueradePools')),
    notInSet('destination', setName(config, 'networkPools')),
    ...(natOutgoing.excludeHosts ? [notInSet('destination', setName(config, 'allHosts'))] : []),
  ];
  const filter = natOutgoing.outInterface === '' ? [] : [outInterface(natOutgoing.outInterface)];
  const rule = (action: Action, name?: string): Rule => ({
    match: [...outgoing, ...(name === undefined ? [] : [protocol(name)]), ...filter],
    action,
    comments: [],
    because,
  });
  // Only TCP and UDP have ports to choose; after each its RETURN, should the target not be terminal.
  const ports = natOutgoing.ports && `${natOutgoing.ports.min}-${natOutgoing.ports.max}`;
  const withPorts =
    ports === undefined
      ? []
      : ['tcp', 'udp'].flatMap((name) => [rule(sourceNat(config, ports), name), rule(RETURN, name)]);
  return { name: CHAIN.natOutgoing, rules: pools.length === 0 ? [] : [...withPorts, rule(sourceNat(config))] };
}

/** An address that is led to a pod's own. */
export interface FloatingIp {
  readonly external: string;
  readonly internal: string;
  readonly because: readonly Cause[];
}

/**
 * Floating addresses lead in; they are a pod's source only where it speaks to itself, which it would otherwise
 * take for a martian. Of two pods or addresses the first by text has it; felix/dataplane/linux/floating_ip_mgr.go.
 */
export function floatingIpChains(floating: readonly FloatingIp[]): Chain[] {
  const inward = new Map<string, FloatingIp>();
  for (const one of floating.toSorted((a, b) => compareText(a.internal, b.internal))) {
    if (!inward.has(one.external)) inward.set(one.external, one);
  }
  const dnats = [...inward.values()].sort((a, b) => compareText(a.external, b.external));
  const outward = new Map<string, FloatingIp>();
  for (const one of dnats) if (!outward.has(one.internal)) outward.set(one.internal, one);
  const snats = [...outward.values()].sort((a, b) => compareText(a.internal, b.internal));
  return [
    {
      name: CHAIN.floatingIpDnat,
      rules: dnats.map(({ external, internal, because }) => ({
        match: [{ kind: 'net', direction: 'destination', net: external }],
        action: { kind: 'dnat', to: internal },
        comments: [],
        because,
      })),
    },
    {
      name: CHAIN.floatingIpSnat,
      rules: snats.map(({ external, internal, because }) => ({
        match: [
          { kind: 'net', direction: 'destination', net: internal },
          { kind: 'net', direction: 'source', net: internal },
        ],
        action: { kind: 'snat', to: external },
        comments: [],
        because,
      })),
    },
  ];
}
