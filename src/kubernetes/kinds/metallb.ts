/** MetalLB's configuration (metallb.io/v1beta1, v1beta2). Ranges are checked where they are used: `10.0.0.0/24` or `10.0.0.1-10.0.0.9`. */

import {
  flag,
  listOf,
  matching,
  optional,
  orEmpty,
  count,
  record,
  text,
  type Value,
  withDefault,
} from '../schema/schema.js';
import { labelSelector } from './pod.js';

const range = matching(
  /^\s*[0-9a-fA-F.:]+(?:\/\d{1,3}|\s*-\s*[0-9a-fA-F.:]+)\s*$/,
  'a CIDR or a range such as 10.0.0.1-10.0.0.9',
);

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

export const bgpAdvertisementBody = record({ spec: orEmpty(record(poolChoice)) });
