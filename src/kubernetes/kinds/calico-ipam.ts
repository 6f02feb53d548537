/** What Calico's IPAM records (facts of its datastore, not wishes): blocks, affinities, handles. */

import {
  addressOrCidr,
  cidr,
  count,
  either,
  flag,
  INT32_MAX,
  integer,
  type Invalid,
  listOf,
  map,
  mapOf,
  matching,
  oneOf,
  optional,
  orEmpty,
  type Reader,
  record,
  type Schema,
  text,
  withDefault,
} from '../schema/schema.js';
import { isList, type Json } from '../source/json.js';

/** `deleted` is the text "false" in the CRD and a boolean in v3. */
const textualFlag = withDefault(
  map(either('true or false', flag, oneOf('true', 'false')), (given) => given === true || given === 'true'),
  false,
);

const attribute = record({
  handle_id: optional(text),
  secondary: mapOf(text),
  alternate: mapOf(text),
});

const ordinal = integer(0, INT32_MAX);

/** One entry an address: null for a free one, else the index of its attributes. */
const allocations: Schema<readonly (number | null)[]> = {
  expected: 'a list',
  blankIsAbsent: false,
  absent: () => [],
  read: (value: Json, at: Reader): readonly (number | null)[] | Invalid => {
    if (!isList(value)) return at.fail('a list', value);
    const read = value.map((entry) => (entry === null || typeof entry === 'number' ? entry : undefined));
    const wrong = read.indexOf(undefined);
    if (wrong < 0) return read.map((entry) => entry ?? null);
    at.enter(wrong);
    const invalid: Invalid = at.fail('an attribute index or null', value[wrong]);
    at.leave();
    return invalid;
  },
};

/** Nanoseconds since 1970 and more: read to 53 bits, since only whether it has changed matters. */
const sequenceNumber = integer(0, 2 ** 64);

export const ipamBlockBody = record({
  spec: record({
    cidr,
    /** `host:node1` or `virtual:load-balancer`; undefined for a block of nobody. */
    affinity: optional(matching(/^(host|virtual):./, 'an affinity such as host:node1')),
    affinityClaimTime: optional(text),
    allocations,
    unallocated: listOf(ordinal),
    attributes: listOf(attribute),
    sequenceNumber: withDefault(sequenceNumber, 0),
    sequenceNumberForAllocation: mapOf(sequenceNumber),
    deleted: textualFlag,
    strictAffinity: withDefault(flag, false),
  }),
});

const affinityState: Schema<'' | 'confirmed' | 'pending' | 'pendingDeletion'> = map(
  oneOf('confirmed', 'pending', 'pendingDeletion'),
  (state) => state,
);

/** What IPAM is not to give out: addresses and ranges. */
export const ipReservationBody = record({ spec: orEmpty(record({ reservedCIDRs: listOf(addressOrCidr) })) });

export const blockAffinityBody = record({
  spec: record({
    cidr,
    node: text,
    /** An empty state counts as confirmed, but is not the same to whoever prints it. */
    state: withDefault(affinityState, ''),
    type: withDefault(oneOf('host', 'virtual'), 'host'),
    deleted: textualFlag,
  }),
});

export const ipamHandleBody = record({
  spec: record({ handleID: text, block: mapOf(count), deleted: textualFlag }),
});

export const ipamConfigBody = record({
  spec: orEmpty(
    record({
      strictAffinity: withDefault(flag, false),
      autoAllocateBlocks: withDefault(flag, true),
      maxBlocksPerHost: withDefault(count, 0),
      kubeVirtVMAddressPersistence: optional(text),
    }),
  ),
});
