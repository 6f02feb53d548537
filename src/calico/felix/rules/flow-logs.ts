/** What rules tell Felix' collector of flows, just before their verdict; felix/rules/nflogprefix.go. */

import { nflogPrefix } from '../../names.js';
import type { Action } from './rule.js';

export type PolicyWay = 'ingress' | 'egress';

const GROUP: Readonly<Record<PolicyWay, number>> = { ingress: 1, egress: 2 };
const WAY: Readonly<Record<PolicyWay, string>> = { ingress: 'I', egress: 'E' };
const VERDICT = { Allow: 'A', Deny: 'D', Pass: 'P' } as const;
const OWNER = { policy: 'P', profile: 'R' } as const;

export type LoggedVerdict = keyof typeof VERDICT;

const told = (way: PolicyWay, prefix: string): Action => ({
  kind: 'nflog',
  group: GROUP[way],
  prefix: nflogPrefix(prefix),
});

/** The rule that decided, by its place in a policy or profile. */
export interface LoggedRule {
  readonly verdict: LoggedVerdict;
  readonly owner: keyof typeof OWNER;
  readonly id: string;
  readonly way: PolicyWay;
  readonly index: number;
}

export const logRule = ({ verdict, owner, id, way, index }: LoggedRule): Action =>
  told(way, `${VERDICT[verdict]}${OWNER[owner]}${WAY[way]}${index}|${id}`);

/** No policy of the tier has decided. */
export const logEndOfTier = (way: PolicyWay, verdict: 'Deny' | 'Pass', tier: string): Action =>
  told(way, `${VERDICT[verdict]}${OWNER.policy}${WAY[way]}|${tier}`);

export const logNoProfile = (way: PolicyWay): Action => told(way, `${VERDICT.Deny}${OWNER.profile}${WAY[way]}`);
