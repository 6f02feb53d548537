/**
 * Policies as Calico's v3 API has them, whatever they were written as: addresses and numbers read, selectors
 * still text. What Felix computes with is made of these by `parse-rules.ts`.
 */

import type { Cause } from '../../trace/index.js';
import type { Cidr } from '../cidr.js';
import type { PolicyId } from '../names.js';

export type PolicyDirection = 'Ingress' | 'Egress';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}
export type PolicyPort = PortRange | { readonly name: string };

/** One side of a rule: what a packet's source or destination must be. */
export interface EntityRule {
  readonly nets: readonly Cidr[];
  readonly notNets: readonly Cidr[];
  readonly selector: string;
  readonly notSelector: string;
  readonly namespaceSelector: string;
  readonly serviceAccounts?: { readonly names: readonly string[]; readonly selector: string };
  readonly service?: { readonly namespace: string; readonly name: string };
  readonly ports: readonly PolicyPort[];
  readonly notPorts: readonly PolicyPort[];
}

export const ANYTHING: EntityRule = {
  nets: [],
  notNets: [],
  selector: '',
  notSelector: '',
  namespaceSelector: '',
  ports: [],
  notPorts: [],
};

export interface IcmpMatch {
  readonly type: number;
  readonly code?: number;
}

export type PolicyAction = 'Allow' | 'Deny' | 'Pass' | 'Log';

export interface PolicyRule {
  readonly action: PolicyAction;
  readonly ipVersion?: 4 | 6;
  /** As Felix spells it: lower case, or a number. */
  readonly protocol?: string | number;
  readonly notProtocol?: string | number;
  readonly icmp?: IcmpMatch;
  readonly notIcmp?: IcmpMatch;
  readonly source: EntityRule;
  readonly destination: EntityRule;
  readonly annotations: Readonly<Record<string, string>>;
  /** Where it stands in its object: `ingress[0]`; '' where the object is not about rules. */
  readonly place: string;
}

/** A rule that asks for nothing. */
export const plainRule = (action: PolicyAction, place = ''): PolicyRule => ({
  action,
  source: ANYTHING,
  destination: ANYTHING,
  annotations: {},
  place,
});

export interface Policy {
  readonly id: PolicyId;
  readonly tier: string;
  /** Undefined: after all that have one. */
  readonly order: number | undefined;
  readonly selector: string;
  /** Of global policies. */
  readonly namespaceSelector: string;
  readonly serviceAccountSelector: string;
  /** Empty counts as both. */
  readonly types: readonly PolicyDirection[];
  readonly ingress: readonly PolicyRule[];
  readonly egress: readonly PolicyRule[];
  readonly doNotTrack: boolean;
  readonly preDnat: boolean;
  readonly applyOnForward: boolean;
  /** Programmed on every node, whether it selects anything there or not (AssumeNeededOnEveryNode). */
  readonly everywhere: boolean;
  /** The object that it was written as. */
  readonly because: Cause;
}

export interface TierResource {
  readonly name: string;
  /** Undefined: after all that have one. */
  readonly order: number | undefined;
  readonly defaultAction: 'Deny' | 'Pass';
  readonly because: readonly Cause[];
}
