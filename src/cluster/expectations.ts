/**
 * `kind: Expectations`, `apiVersion: podwire.dev/v1alpha1`: what a topology's traces must come to. It says
 * nothing about the cluster; tests, and people who write their own, read it.
 */

import { type KindDefinition, schema, type Value } from '../kubernetes/index.js';
import { PODWIRE_GROUP } from '../underlay/index.js';
import { VERDICTS } from '../trace/index.js';

const { addressText, listOf, oneOf, optional, record, text, withDefault } = schema;

type VerdictName = keyof typeof VERDICTS;
const isVerdict = (name: string): name is VerdictName => Object.hasOwn(VERDICTS, name);
const verdicts = Object.keys(VERDICTS).filter(isVerdict);

const expectedTrace = record(
  {
    name: text,
    from: text,
    to: text,
    protocol: withDefault(oneOf('tcp', 'udp', 'icmp'), 'tcp'),
    verdict: oneOf(...verdicts),
    /** Places that the first request passes, in order, all of them. */
    passes: optional(listOf(text)),
    encapsulation: optional(oneOf('none', 'vxlan', 'ipip')),
    /** Source address of the request where it is delivered. */
    sourceSeen: optional(addressText),
    /** What the answer in plain words has to say, an object's name say. */
    says: optional(text),
  },
  { closed: true },
);

export const expectationsBody = record({ spec: record({ traces: listOf(expectedTrace) }, { closed: true }) });

export type ExpectationsSpec = Value<typeof expectationsBody>['spec'];
export type ExpectedTrace = ExpectationsSpec['traces'][number];

export const expectationsKind: KindDefinition<Value<typeof expectationsBody>> = {
  kind: 'Expectations',
  groups: [PODWIRE_GROUP],
  namespaced: false,
  body: expectationsBody,
};
