/**
 * Calico's BGP kinds. Addresses and CIDRs are checked and kept as text: they go into BIRD's configuration
 * as they were written. Every field of v3.32 is named, so that a mistyped one is noticed.
 */

import {
  addressText,
  check,
  cidrText,
  count,
  flag,
  integer,
  listOf,
  matching,
  oneOf,
  optional,
  orEmpty,
  port,
  record,
  text,
  tolerate,
  type Value,
  type Want,
  withDefault,
} from '../schema/schema.js';
import { asNumber } from './calico.js';
import { bgpConfigurationRules, filterRuleRules } from './calico-refused.js';

const password = optional(
  record({ secretKeyRef: optional(record({ name: withDefault(text, ''), key: text, optional: optional(flag) })) }),
);

/** A block without a CIDR advertises nothing, and upstream's own examples have such. */
const advertisedBlocks = listOf(record({ cidr: optional(cidrText) }, { closed: true }));

const community = matching(/^\d+:\d+(:\d+)?$/, 'a community such as 65001:100 or 65001:100:1');
const duration = matching(/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/, 'a duration such as 30s');
const routePriority = optional(integer(1, 0x7ffffffe));

const bgpConfigurationFields = record(
  {
    logSeverityScreen: withDefault(text, 'Info'),
    nodeToNodeMeshEnabled: withDefault(flag, true),
    asNumber: optional(asNumber),
    serviceLoadBalancerIPs: advertisedBlocks,
    serviceExternalIPs: advertisedBlocks,
    serviceClusterIPs: advertisedBlocks,
    serviceLoadBalancerAggregation: withDefault(oneOf('Enabled', 'Disabled'), 'Enabled'),
    communities: listOf(record({ name: text, value: community })),
    prefixAdvertisements: listOf(record({ cidr: cidrText, communities: listOf(text) })),
    listenPort: optional(port),
    nodeMeshPassword: password,
    nodeMeshMaxRestartTime: optional(duration),
    bindMode: withDefault(oneOf('None', 'NodeIP'), 'None'),
    ignoredInterfaces: listOf(text),
    localWorkloadPeeringIPV4: optional(addressText),
    localWorkloadPeeringIPV6: optional(addressText),
    programClusterRoutes: optional(text),
    ipv4NormalRoutePriority: routePriority,
    ipv4ElevatedRoutePriority: routePriority,
    ipv6NormalRoutePriority: routePriority,
    ipv6ElevatedRoutePriority: routePriority,
  },
  { closed: true },
);

export const bgpConfigurationBody = record({ spec: orEmpty(tolerate(bgpConfigurationFields, bgpConfigurationRules)) });

/** api/pkg/apis/projectcalico/v3/bgppeer.go, its XValidations: an object that was there before is not refused, and works. */
function peerRules(peer: Value<typeof peerFields>): readonly Want[] {
  const { node, nodeSelector, peerIP, peerSelector, localWorkloadSelector, asNumber: as = 0 } = peer;
  const broken: Want[] = [];
  const need = (holds: boolean, name: string, expected: string): void => {
    if (!holds) broken.push({ path: [name], expected });
  };
  need(node === '' || nodeSelector === '', 'nodeSelector', 'nothing where node is set');
  need(peerIP === '' || peerSelector === '', 'peerSelector', 'nothing where peerIP is set');
  need(peerSelector === '' || as === 0, 'asNumber', 'nothing where peerSelector is set');
  need(
    !peer.keepOriginalNextHop || peer.nextHopMode === undefined,
    'keepOriginalNextHop',
    'false where nextHopMode is set',
  );
  need(peer.reachableBy === undefined || peerIP !== '', 'reachableBy', 'nothing where there is no peerIP');
  if (localWorkloadSelector === '') return broken;
  need(peerIP === '', 'peerIP', 'nothing where localWorkloadSelector is set');
  need(peerSelector === '', 'peerSelector', 'nothing where localWorkloadSelector is set');
  need(as !== 0, 'asNumber', 'an AS number where localWorkloadSelector is set');
  return broken;
}

const peerFields = record(
  {
    node: withDefault(text, ''),
    nodeSelector: withDefault(text, ''),
    /** An address, perhaps with a port: `10.0.0.1:1790`, `[2001:db8::1]:1790`. */
    peerIP: withDefault(text, ''),
    asNumber: optional(asNumber),
    localASNumber: optional(asNumber),
    peerSelector: withDefault(text, ''),
    localWorkloadSelector: withDefault(text, ''),
    keepOriginalNextHop: withDefault(flag, false),
    nextHopMode: optional(oneOf('Auto', 'Self', 'Keep')),
    password,
    sourceAddress: withDefault(oneOf('UseNodeIP', 'None'), 'UseNodeIP'),
    maxRestartTime: optional(duration),
    keepaliveTime: optional(duration),
    numAllowedLocalASNumbers: optional(count),
    ttlSecurity: optional(integer(0, 255)),
    reachableBy: optional(addressText),
    filters: listOf(text),
    reversePeering: optional(oneOf('Auto', 'Manual')),
  },
  { closed: true },
);

export const bgpPeerBody = record({ spec: orEmpty(tolerate(peerFields, peerRules)) });

const prefixLength = optional(
  record({ min: optional(integer(0, 128)), max: optional(integer(0, 128)) }, { closed: true }),
);

const operation = record(
  {
    addCommunity: optional(record({ value: community })),
    prependASPath: optional(record({ prefix: listOf(asNumber) })),
    setPriority: optional(record({ value: integer(1, 0x7ffffffe) })),
  },
  { closed: true },
);

const filterRule = check(
  record(
    {
      cidr: optional(cidrText),
      prefixLength,
      source: optional(oneOf('RemotePeers')),
      interface: withDefault(text, ''),
      matchOperator: optional(oneOf('Equal', 'NotEqual', 'In', 'NotIn')),
      peerType: optional(oneOf('eBGP', 'iBGP')),
      communities: optional(record({ values: listOf(community) })),
      asPathPrefix: listOf(asNumber),
      priority: optional(integer(1, 0x7ffffffe)),
      action: oneOf('Accept', 'Reject'),
      operations: listOf(operation),
    },
    { closed: true },
  ),
  ({ cidr, matchOperator }) =>
    cidr !== undefined && matchOperator === undefined
      ? { path: ['matchOperator'], expected: 'one of Equal, NotEqual, In, NotIn where there is a cidr' }
      : undefined,
);
export type BgpFilterRule = Value<typeof filterRule>;

export const bgpFilterBody = record({
  spec: orEmpty(
    record(
      {
        exportV4: listOf(tolerate(filterRule, filterRuleRules(4))),
        importV4: listOf(tolerate(filterRule, filterRuleRules(4))),
        exportV6: listOf(tolerate(filterRule, filterRuleRules(6))),
        importV6: listOf(tolerate(filterRule, filterRuleRules(6))),
      },
      { closed: true },
    ),
  ),
});
