/** Calico's own kinds as `crd.projectcalico.org/v1` and `projectcalico.org/v3` write them: pools, nodes, settings, BGP. */

import { type Cidr, isIpv4Cidr, isNetwork } from '../address.js';
import { parseAsNumber } from '../as-number.js';
import { isObject, type JsonObject } from '../source/json.js';
import { FELIX_FIELDS } from './felix-fields.js';
import {
  address,
  addressOrCidr,
  admit,
  check,
  checkAll,
  cidr,
  count,
  either,
  flag,
  integer,
  INVALID,
  listOf,
  map,
  matching,
  oneOf,
  oneOfAnyCase,
  optional,
  orEmpty,
  port,
  raw,
  rawMap,
  record,
  refusing,
  type Schema,
  text,
  tolerate,
  type Value,
  type Want,
  withDefault,
} from '../schema/schema.js';

const encapsulation = withDefault(oneOf('Never', 'Always', 'CrossSubnet'), 'Never');
/** IPPool's `blockSize` limits: a /20 to /32, a /116 to /128. */
const BLOCK_SIZES = { ipv4: { least: 20, most: 32, usual: 26 }, ipv6: { least: 116, most: 128, usual: 122 } };

const DEFAULT_USES: readonly ('Workload' | 'Tunnel' | 'LoadBalancer')[] = ['Workload', 'Tunnel'];

const poolCidr = check(cidr, (given) =>
  isNetwork(given) ? undefined : { path: [], expected: 'a network, with no bits set behind the prefix' },
);

/** Of either family: which it must be, the rules below say. */
const blockSize = check(integer(0, 128), (given) =>
  given === 0 || Object.values(BLOCK_SIZES).some(({ least, most }) => given >= least && given <= most)
    ? undefined
    : { path: [], expected: 'a whole number from 20 to 32, in an IPv6 pool from 116 to 128' },
);

const poolFields = record(
  {
    cidr: poolCidr,
    ipipMode: encapsulation,
    vxlanMode: encapsulation,
    natOutgoing: withDefault(flag, false),
    disabled: withDefault(flag, false),
    disableBGPExport: withDefault(flag, false),
    blockSize: withDefault(blockSize, 0),
    nodeSelector: map(withDefault(text, ''), (selector) => selector || 'all()'),
    namespaceSelector: withDefault(text, ''),
    allowedUses: map(listOf(oneOf('Workload', 'Tunnel', 'LoadBalancer')), (uses) =>
      uses.length > 0 ? uses : DEFAULT_USES,
    ),
    assignmentMode: withDefault(oneOf('Automatic', 'Manual'), 'Automatic'),
    ipip: optional(raw),
    'nat-outgoing': optional(flag),
  },
  { closed: true },
);

const sizesOf = (pool: { readonly cidr: Cidr }) => (isIpv4Cidr(pool.cidr) ? BLOCK_SIZES.ipv4 : BLOCK_SIZES.ipv6);

/** libcalico-go/lib/validator/v3/validator.go:validateIPPool(). */
function poolRules({
  cidr: network,
  blockSize: given,
  ipipMode,
  vxlanMode,
}: Value<typeof poolFields>): readonly Want[] {
  const { least, most, usual } = sizesOf({ cidr: network });
  const broken: Want[] = [];
  const size = given || usual;
  if (size < least || size > most)
    broken.push({ path: ['blockSize'], expected: `a whole number from ${least} to ${most}` });
  else if (network.length > size)
    broken.push({ path: ['cidr'], expected: `a network of at least one block (/${size})` });
  if (ipipMode !== 'Never' && vxlanMode !== 'Never')
    broken.push({ path: ['vxlanMode'], expected: 'Never where ipipMode is not' });
  if (ipipMode !== 'Never' && !isIpv4Cidr(network))
    broken.push({ path: ['ipipMode'], expected: 'Never in an IPv6 pool' });
  return broken;
}

const LINK_LOCAL = { addr: 0xa9fe0000, length: 16 };

/** Whether one of the two networks holds the other. */
function overlapsLinkLocal(pool: Cidr): boolean {
  if (!isIpv4Cidr(pool)) return false;
  const length = Math.min(pool.length, LINK_LOCAL.length);
  return length === 0 || (pool.addr ^ LINK_LOCAL.addr) >>> (32 - length) === 0;
}

/** What an API server refuses that has not always done so (validateIPPoolSpec()): a pool that was there before works. */
function newerRules(pool: Value<typeof poolFields>): readonly Want[] {
  const { cidr: network, allowedUses, ipipMode, vxlanMode } = pool;
  const broken: Want[] = [];
  if (overlapsLinkLocal(network))
    broken.push({ path: ['cidr'], expected: 'a network that does not overlap with 169.254.0.0/16' });
  if (!allowedUses.includes('LoadBalancer')) return broken;
  if (pool.disableBGPExport)
    broken.push({ path: ['disableBGPExport'], expected: 'false in a pool for load balancers' });
  if (pool.nodeSelector !== 'all()')
    broken.push({ path: ['nodeSelector'], expected: 'all() in a pool for load balancers' });
  if (ipipMode !== 'Never') broken.push({ path: ['ipipMode'], expected: 'Never in a pool for load balancers' });
  if (vxlanMode !== 'Never') broken.push({ path: ['vxlanMode'], expected: 'Never in a pool for load balancers' });
  if (allowedUses.length > 1) broken.push({ path: ['allowedUses'], expected: 'LoadBalancer alone, or not at all' });
  return broken;
}

const poolSpec = map(tolerate(checkAll(poolFields, poolRules), newerRules), (pool) => ({
  ...pool,
  blockSize: pool.blockSize || sizesOf(pool).usual,
}));
export const ipPoolBody = record({ spec: poolSpec });

const AS_NUMBER = 'an AS number';
const writtenAsNumber = check(text, (given) =>
  parseAsNumber(given) === undefined ? { path: [], expected: AS_NUMBER } : undefined,
);

/** A whole number, or the dotted form of RFC 5396 (`65000.1`). Calico's API server refuses an object that has another. */
export const asNumber: Schema<number> = refusing(
  map(either(AS_NUMBER, integer(0, 0xffffffff), writtenAsNumber), (given) =>
    typeof given === 'number' ? given : (parseAsNumber(given) ?? 0),
  ),
);

/** Node.spec.bgp and the tunnel addresses beside it. */
export const calicoNodeBody = record({
  spec: orEmpty(
    record({
      bgp: optional(
        record({
          asNumber: optional(asNumber),
          ipv4Address: optional(addressOrCidr),
          ipv6Address: optional(addressOrCidr),
          ipv4IPIPTunnelAddr: optional(address),
          routeReflectorClusterID: withDefault(text, ''),
        }),
      ),
      ipv4VXLANTunnelAddr: optional(address),
      ipv6VXLANTunnelAddr: optional(address),
      vxlanTunnelMACAddr: withDefault(text, ''),
      vxlanTunnelMACAddrV6: withDefault(text, ''),
      wireguard: optional(rawMap),
      addresses: listOf(record({ address: text, type: withDefault(text, '') })),
      interfaces: optional(listOf(record({ name: text, addresses: listOf(text) }))),
      orchRefs: listOf(record({ nodeName: withDefault(text, ''), orchestrator: withDefault(text, '') })),
    }),
  ),
});

const verdict = optional(oneOfAnyCase('Accept', 'Return'));
const denial = optional(oneOfAnyCase('Drop', 'Reject'));
const severity = optional(oneOfAnyCase('Trace', 'Debug', 'Info', 'Warning', 'Error', 'Fatal'));
const enabledOrNot = optional(oneOfAnyCase('Enabled', 'Disabled'));

/** api/pkg/lib/numorstring/port.go. */
const NAT_PORTS = 'a port or a range such as 32768:65535';
const natPorts = either(
  NAT_PORTS,
  port,
  check(matching(/^\d{1,5}(:\d{1,5})?$/, NAT_PORTS), (given) => {
    const [first = 0, last = first] = given.split(':').map(Number);
    return last <= 65_535 && first <= last ? undefined : { path: [], expected: NAT_PORTS };
  }),
);

/** Of all addresses, or of a network; without a protocol TCP's. */
const failsafePorts = optional(
  refusing(
    listOf(
      record(
        { protocol: withDefault(oneOfAnyCase('TCP', 'UDP', 'SCTP'), 'TCP'), port, net: optional(cidr) },
        { closed: true },
      ),
    ),
  ),
);

const felixFields = {
  failsafeInboundHostPorts: failsafePorts,
  failsafeOutboundHostPorts: failsafePorts,
  nodeSelector: withDefault(text, ''),
  bpfEnabled: optional(flag),
  chainInsertMode: optional(oneOfAnyCase('Insert', 'Append')),
  defaultEndpointToHostAction: optional(oneOfAnyCase('Drop', 'Accept', 'Return')),
  iptablesBackend: optional(oneOfAnyCase('Auto', 'Legacy', 'NFT')),
  iptablesFilterAllowAction: verdict,
  iptablesMangleAllowAction: verdict,
  iptablesFilterDenyAction: denial,
  nftablesMode: optional(oneOfAnyCase('Disabled', 'Enabled', 'Auto')),
  nftablesFilterAllowAction: verdict,
  nftablesMangleAllowAction: verdict,
  nftablesFilterDenyAction: denial,
  serviceLoopPrevention: optional(oneOfAnyCase('Drop', 'Reject', 'Disabled')),
  workloadSourceSpoofing: optional(oneOfAnyCase('Disabled', 'Any')),
  routeSource: optional(oneOfAnyCase('WorkloadIPs', 'CalicoIPAM')),
  natOutgoingExclusions: optional(oneOfAnyCase('IPPoolsOnly', 'IPPoolsAndHostIPs')),
  floatingIPs: enabledOrNot,
  ipForwarding: enabledOrNot,
  programClusterRoutes: enabledOrNot,
  istioAmbientMode: enabledOrNot,
  logSeverityFile: severity,
  logSeverityScreen: severity,
  logSeveritySys: severity,
  interfacePrefix: optional(text),
  ipipEnabled: optional(flag),
  ipipMTU: optional(count),
  ipv6Support: optional(flag),
  mtuIfacePattern: optional(text),
  natOutgoingAddress: optional(address),
  natPortRange: optional(refusing(natPorts)),
  vxlanEnabled: optional(flag),
  vxlanMTU: optional(count),
  vxlanMTUV6: optional(count),
  vxlanPort: optional(port),
  vxlanVNI: optional(integer(1, 0xffffff)),
  wireguardEnabled: optional(flag),
  wireguardEnabledV6: optional(flag),
  wireguardMTU: optional(count),
};
const felixSettings = record(felixFields, { closed: true, others: FELIX_FIELDS });

/** What the dataplane needs by type; `fields` has every setting as it was given, for Felix's own reading. */
const felixSpec = orEmpty<Value<typeof felixSettings> & { readonly fields: JsonObject }>({
  ...felixSettings,
  read: (value, at) => {
    const settings = felixSettings.read(value, at);
    return settings === INVALID || !isObject(value) ? INVALID : { ...settings, fields: value };
  },
  absent: (at) => at.fail('a map', undefined),
});

/** api/pkg/apis/projectcalico/v3/felixconfig.go, its XValidation: the name says already whom it is for. */
export const felixConfigurationBody = map(
  admit(
    record({
      metadata: record({ name: withDefault(text, ''), creationTimestamp: withDefault(text, '') }),
      spec: felixSpec,
    }),
    ({ metadata: { name }, spec }) =>
      spec.nodeSelector !== '' && (name === 'default' || name.startsWith('node.'))
        ? [
            {
              path: ['spec', 'nodeSelector'],
              expected: `nothing in FelixConfiguration ${name}, whose name says for whom it is`,
            },
          ]
        : [],
  ),
  ({ metadata: { creationTimestamp }, spec }) => ({ spec: { ...spec, createdAt: creationTimestamp } }),
);

export const clusterInformationBody = map(
  record({
    spec: orEmpty(
      record({
        clusterGUID: withDefault(text, ''),
        clusterType: withDefault(text, ''),
        calicoVersion: withDefault(text, ''),
        datastoreReady: optional(flag),
      }),
    ),
    metadata: orEmpty(record({ resourceVersion: withDefault(text, '') })),
  }),
  ({ spec, metadata }) => ({
    spec,
    /** By it IPAM's reports are told from older ones; empty where none is on record. */
    resourceVersion: metadata.resourceVersion,
  }),
);

/** Policy and endpoint kinds: their own module reads them (their selectors are Calico's language). */
export const rawSpecBody = record({ spec: withDefault(rawMap, {}) });
