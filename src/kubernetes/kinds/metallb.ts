/** MetalLB's configuration (metallb.io/v1beta1, v1beta2). Ranges are checked where they are used: `10.0.0.0/24` or `10.0.0.1-10.0.0.9`. */

import {
  address,
  flag,
  integer,
  listOf,
  matching,
  oneOf,
  optional,
  orEmpty,
  count,
  port,
  record,
  text,
  type Value,
  withDefault,
} from '../schema/schema.js';
import { labelSelector } from './label-selector.js';

const range = matching(
  /^\s*[0-9a-fA-F.:]+(?:\/\d{1,3}|\s*-\s*[0-9a-fA-F.:]+)\s*$/,
  'a CIDR or a range such as 10.0.0.1-10.0.0.9',
);

const duration = matching(/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/, 'a duration such as 30s');

const serviceAllocation = record({
  /** A lower number goes first; 0 is none, and last. */
  priority: withDefault(count, 0),
  namespaces: listOf(text),
  namespaceSelectors: listOf(labelSelector),
  serviceSelectors: listOf(labelSelector),
});
export type ServiceAllocation = Value<typeof serviceAllocation>;

export const ipAddressPoolBody = record({
  spec: record({
    addresses: listOf(range),
    autoAssign: withDefault(flag, true),
    avoidBuggyIPs: withDefault(flag, false),
    serviceAllocation: optional(serviceAllocation),
  }),
});

const poolChoice = {
  /** Neither names nor selectors: every pool. */
  ipAddressPools: listOf(text),
  ipAddressPoolSelectors: listOf(labelSelector),
  /** None: every node. */
  nodeSelectors: listOf(labelSelector),
};

export const l2AdvertisementBody = record({
  spec: orEmpty(
    record({
      ...poolChoice,
      /** None: every interface. */
      interfaces: listOf(text),
    }),
  ),
});

export const bgpAdvertisementBody = record({
  spec: orEmpty(
    record({
      ...poolChoice,
      aggregationLength: withDefault(integer(1, 32), 32),
      aggregationLengthV6: withDefault(integer(1, 128), 128),
      localPref: optional(count),
      /** `64512:100`, `large:1:2:3`, or the name of an alias. */
      communities: listOf(text),
      /** Names of BGPPeers; none: every one. */
      peers: listOf(text),
    }),
  ),
});

const asNumber = integer(0, 0xffff_ffff);

/** v1beta1 has a list of node selectors by expressions too, of the same form. */
export const metalLbPeerBody = record({
  spec: record({
    myASN: asNumber,
    peerASN: withDefault(asNumber, 0),
    /** Instead of a number: whatever the other end says, if it is inside or outside of our AS. */
    dynamicASN: optional(oneOf('internal', 'external')),
    peerAddress: address,
    peerPort: withDefault(port, 179),
    sourceAddress: optional(address),
    holdTime: optional(duration),
    keepaliveTime: optional(duration),
    connectTime: optional(duration),
    routerID: optional(address),
    /** None: every node. */
    nodeSelectors: listOf(labelSelector),
    password: withDefault(text, ''),
    passwordSecret: optional(record({ name: withDefault(text, ''), namespace: withDefault(text, '') })),
    bfdProfile: withDefault(text, ''),
    enableGracefulRestart: withDefault(flag, false),
    ebgpMultiHop: withDefault(flag, false),
    vrf: withDefault(text, ''),
    disableMP: withDefault(flag, false),
    dualStackAddressFamily: withDefault(flag, false),
    interface: withDefault(text, ''),
  }),
});

/** Names for communities. */
export const communityBody = record({
  spec: orEmpty(record({ communities: listOf(record({ name: text, value: text })) })),
});
