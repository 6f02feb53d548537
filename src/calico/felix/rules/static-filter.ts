/** The filter table's chains that are there whatever the endpoints; felix/rules/static.go. */

import type { Cause } from '../../../trace/index.js';
import { CHAIN } from './chain-names.js';
import { allMarkBits, type RulesConfig, setName } from './config.js';
import { failsafeChains } from './failsafe.js';
import {
  type Action,
  type Chain,
  clearMark,
  denyWord,
  DROP,
  goto,
  inInterface,
  inSet,
  jump,
  localAddress,
  type Match,
  marked,
  notMarked,
  outInterface,
  PROTO_ICMPV6,
  PROTO_IPIP,
  PROTO_UDP,
  port,
  protocol,
  RETURN,
  type Rule,
  setMark,
} from './rule.js';

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

/** Encapsulated packets come from hosts that we know, and go to this one. */
function tunnelInput(config: RulesConfig): Rule[] {
  const { vxlan, ipip, filterAllow, filterDeny, ipVersion } = config;
  const rules: Rule[] = [];
  if (ipip) {
    const fromHosts = [protocol(PROTO_IPIP), inSet('source', setName(config, 'allHosts')), localAddress('destination')];
    rules.push(
      rule(ipip.because, filterAllow, fromHosts, ['Allow IPIP packets from Calico hosts']),
      rule(
        ipip.because,
        filterDeny,
        [protocol(PROTO_IPIP)],
        [`${denyWord(filterDeny)} IPIP packets from non-Calico hosts`],
      ),
    );
  }
  if (vxlan) {
    const udp = [protocol(PROTO_UDP), port('destination', config.vxlanPort)];
    const known = inSet('source', setName(config, 'allVxlanSources'));
    // For IPv4 the configured deny action is not looked at.
    const deny = ipVersion === 4 ? DROP : filterDeny;
    const local = localAddress('destination');
    rules.push(
      rule(
        vxlan.because,
        filterAllow,
        [...udp, known, local],
        [`Allow IPv${ipVersion} VXLAN packets from allowed hosts`],
      ),
      rule(
        vxlan.because,
        deny,
        [...udp, local],
        [`${denyWord(deny)} IPv${ipVersion} VXLAN packets from non-allowed hosts`],
      ),
    );
  }
  return rules;
}

/** A packet that the raw or mangle table has accepted, or that host endpoint policy accepts now. */
function hostEndpointRules(config: RulesConfig, dispatch: readonly Rule[]): Rule[] {
  const { marks, filterAllow, because } = config;
  return [
    rule(because, clearMark(allMarkBits(marks))),
    ...dispatch,
    rule(because, filterAllow, [marked(marks.accept)], ['Host endpoint policy accepted packet.']),
  ];
}

/** Its peers are known by their keys, so that any may send. */
function wireguardInput({ wireguard: { on }, filterAllow, ipVersion }: RulesConfig): Rule[] {
  if (on === undefined) return [];
  const match = [protocol(PROTO_UDP), port('destination', on.port), localAddress('destination')];
  return [rule(on.because, filterAllow, match, [`Allow incoming IPv${ipVersion} Wireguard packets`])];
}

function wireguardOutput({ wireguard: { on }, filterAllow, ipVersion }: RulesConfig): Rule[] {
  if (on === undefined) return [];
  const match = [protocol(PROTO_UDP), port('destination', on.port), localAddress('source')];
  return [rule(on.because, filterAllow, match, [`Allow outgoing IPv${ipVersion} Wireguard packets`])];
}

function inputChain(config: RulesConfig): Chain {
  const { because, marks, filterAllow, workloadInterfacePrefixes } = config;
  return {
    name: CHAIN.input,
    rules: [
      ...tunnelInput(config),
      ...wireguardInput(config),
      ...workloadInterfacePrefixes.map((prefix) =>
        rule(because, goto(CHAIN.workloadToHost), [inInterface(`${prefix}+`)]),
      ),
      rule(because, filterAllow, [marked(marks.accept)]),
      ...hostEndpointRules(config, [rule(because, jump(CHAIN.fromHostEndpoint))]),
    ],
  };
}

/** What an IPv6 router must hear from its links: multicast listener and neighbour discovery (RFC 4890 §4.4.1). */
const ROUTER_ICMPV6_TYPES = [130, 131, 132, 133, 135, 136];

const DHCP = { 4: { client: 68, server: 67 }, 6: { client: 546, server: 547 } } as const;
const DNS = 53;

/** What a workload of OpenStack asks its host for, whatever its policy. */
function openStackRules({ openStack, ipVersion, filterAllow, because }: RulesConfig): Rule[] {
  if (openStack === undefined) return [];
  const { client, server } = DHCP[ipVersion];
  const metadata = ipVersion === 4 ? openStack.metadata : undefined;
  const toMetadata: Match[] = metadata
    ? [
        protocol('tcp'),
        { kind: 'net', direction: 'destination', net: metadata.address },
        port('destination', metadata.port),
      ]
    : [];
  return [
    ...(metadata ? [rule(because, filterAllow, toMetadata)] : []),
    rule(because, filterAllow, [protocol('udp'), port('source', client), port('destination', server)]),
    rule(because, filterAllow, [protocol('udp'), port('destination', DNS)]),
  ];
}

function workloadToHostChain(config: RulesConfig): Chain {
  const { because, ipVersion, filterAllow, endpointToHost } = config;
  const discovery = ipVersion === 6 ? ROUTER_ICMPV6_TYPES : [];
  const configured = [...because, ...config.sourceOf('DefaultEndpointToHostAction')];
  return {
    name: CHAIN.workloadToHost,
    rules: [
      ...discovery.map((type) => rule(because, filterAllow, [protocol(PROTO_ICMPV6), { kind: 'icmpv6', type }])),
      ...openStackRules(config),
      rule(because, jump(CHAIN.fromWorkloadDispatch)),
      rule(configured, endpointToHost, [], ['Configured DefaultEndpointToHostAction']),
    ],
  };
}

/** The dispatch chains return what they accept: between two pods of a host both policies apply. */
function forwardChain(config: RulesConfig): Chain {
  const { because, marks, workloadInterfacePrefixes } = config;
  return {
    name: CHAIN.forward,
    rules: [
      // The accept bit is kept: by it the raw and mangle tables speak to this one.
      rule(because, clearMark(allMarkBits(marks) & ~marks.accept)),
      rule(because, jump(CHAIN.fromHostEndpointForward), [notMarked(marks.accept)]),
      ...workloadInterfacePrefixes.flatMap((prefix) => [
        rule(because, jump(CHAIN.fromWorkloadDispatch), [inInterface(`${prefix}+`)]),
        rule(because, jump(CHAIN.toWorkloadDispatch), [outInterface(`${prefix}+`)]),
      ]),
      rule(because, jump(CHAIN.toHostEndpointForward)),
      rule(because, jump(CHAIN.cidrBlock)),
    ],
  };
}

/** Appended to FORWARD itself, after everybody else's rules. The mark tells mangle POSTROUTING that this was forwarded. */
export function forwardAppendRules({ because, marks, filterAllow }: RulesConfig): Rule[] {
  return [
    rule(because, filterAllow, [marked(marks.accept)], ['Policy explicitly accepted packet.']),
    rule(because, setMark(marks.accept)),
  ];
}

function tunnelOutput(config: RulesConfig): Rule[] {
  const { vxlan, ipip, filterAllow, ipVersion } = config;
  const rules: Rule[] = [];
  if (ipip) {
    const toHosts = [protocol(PROTO_IPIP), inSet('destination', setName(config, 'allHosts')), localAddress('source')];
    rules.push(rule(ipip.because, filterAllow, toHosts, ['Allow IPIP packets to other Calico hosts']));
  }
  if (vxlan) {
    const toHosts = [
      protocol(PROTO_UDP),
      port('destination', config.vxlanPort),
      localAddress('source'),
      inSet('destination', setName(config, 'allVxlanSources')),
    ];
    rules.push(
      rule(vxlan.because, filterAllow, toHosts, [`Allow IPv${ipVersion} VXLAN packets to other allowed hosts`]),
    );
  }
  return rules;
}

function outputChain(config: RulesConfig): Chain {
  const { because, marks, filterAllow, workloadInterfacePrefixes } = config;
  // The device of a packet whose destination was rewritten is not known yet: mangle POSTROUTING takes those.
  const notDnat: Match = { kind: 'ct-state', states: 'DNAT', not: true };
  return {
    name: CHAIN.output,
    rules: [
      rule(because, filterAllow, [marked(marks.accept)]),
      ...workloadInterfacePrefixes.map((prefix) => rule(because, RETURN, [outInterface(`${prefix}+`)])),
      ...tunnelOutput(config),
      ...wireguardOutput(config),
      ...hostEndpointRules(config, [rule(because, jump(CHAIN.toHostEndpoint), [notDnat])]),
    ],
  };
}

export function staticFilterChains(config: RulesConfig): Chain[] {
  const [failsafeIn, failsafeOut] = failsafeChains(config, 'filter');
  return [
    forwardChain(config),
    inputChain(config),
    workloadToHostChain(config),
    ...(failsafeIn ? [failsafeIn] : []),
    outputChain(config),
    ...(failsafeOut ? [failsafeOut] : []),
  ];
}

/** Packets for advertised service addresses that came this far belong to nobody: they would circle. */
export function cidrBlockChain(config: RulesConfig, serviceCidrs: readonly string[]): Chain {
  const { cidrBlock, ipVersion } = config;
  const because = [...config.because, ...config.sourceOf('ServiceLoopPrevention')];
  const nets = cidrBlock ? serviceCidrs.filter((net) => net.includes(':') === (ipVersion === 6)).toSorted() : [];
  return {
    name: CHAIN.cidrBlock,
    rules: nets.flatMap((net) =>
      cidrBlock ? [rule(because, cidrBlock, [{ kind: 'net', direction: 'destination', net }])] : [],
    ),
  };
}
