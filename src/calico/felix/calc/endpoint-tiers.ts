/**
 * The tiers of one endpoint, by the flavour of policy: what is tracked, what is not, what comes before NAT and
 * what is about packets that pass through; felix/calc/event_sequencer.go:tierInfoToProtoTierInfo(),
 * felix/dataplane/linux/endpoint_mgr.go:groupPolicies().
 */

import { isStaged } from '../../names.js';
import type { ParsedPolicy } from '../../policy/parsed-rules.js';
import type { DirectedTiers, GroupedPolicy, PolicyGroup, Tier } from '../rules/endpoint.js';
import type { ApplicableTier } from './policy-table.js';

type Direction = 'inbound' | 'outbound';

export interface EndpointTiers {
  readonly normal: DirectedTiers;
  readonly untracked: DirectedTiers;
  readonly preDnat: DirectedTiers;
  readonly forward: DirectedTiers;
}

/** No types at all counts as both. */
function governs({ policy: { types } }: ParsedPolicy, direction: Direction): boolean {
  return types.length === 0 || types.includes(direction === 'inbound' ? 'Ingress' : 'Egress');
}

/** Neighbours with the same selector stand together. */
function groups(policies: readonly ParsedPolicy[], direction: Direction): PolicyGroup[] {
  const found: { readonly selector: string; readonly policies: GroupedPolicy[] }[] = [];
  for (const { policy, selector } of policies) {
    const last = found.at(-1);
    const grouped = { because: [policy.because], ...policy.id };
    if (last?.selector === selector.text) last.policies.push(grouped);
    else found.push({ selector: selector.text, policies: [grouped] });
  }
  return found.map((group) => ({ direction, ...group }));
}

interface Flavour {
  readonly includes: (parsed: ParsedPolicy) => boolean;
  /** What is not decided goes on to the normal policies. */
  readonly passes: boolean;
  readonly egress: boolean;
}

const FLAVOURS = {
  normal: { includes: ({ policy }) => !policy.doNotTrack && !policy.preDnat, passes: false, egress: true },
  untracked: { includes: ({ policy }) => policy.doNotTrack, passes: true, egress: true },
  preDnat: { includes: ({ policy }) => policy.preDnat && !policy.doNotTrack, passes: true, egress: false },
  forward: {
    includes: ({ policy }) => policy.applyOnForward && !policy.doNotTrack && !policy.preDnat,
    passes: false,
    egress: true,
  },
} as const satisfies Record<string, Flavour>;

function directedTiers(tiers: readonly ApplicableTier[], { includes, passes, egress }: Flavour): DirectedTiers {
  const ingressTiers: Tier[] = [];
  const egressTiers: Tier[] = [];
  for (const { tier, policies } of tiers) {
    const own = policies.filter(includes);
    const inbound = own.filter((parsed) => governs(parsed, 'inbound'));
    const outbound = egress ? own.filter((parsed) => governs(parsed, 'outbound')) : [];
    if (inbound.length === 0 && outbound.length === 0) continue;
    const made = (list: readonly ParsedPolicy[], direction: Direction): Tier => ({
      name: tier.name,
      defaultAction: passes ? 'Pass' : tier.defaultAction,
      groups: groups(list, direction),
      because: [
        ...tier.because,
        ...list.filter(({ policy }) => !isStaged(policy.id)).map(({ policy }) => policy.because),
      ],
    });
    ingressTiers.push(made(inbound, 'inbound'));
    egressTiers.push(made(outbound, 'outbound'));
  }
  return { ingress: ingressTiers, egress: egressTiers };
}

export const endpointTiers = (tiers: readonly ApplicableTier[]): EndpointTiers => ({
  normal: directedTiers(tiers, FLAVOURS.normal),
  untracked: directedTiers(tiers, FLAVOURS.untracked),
  preDnat: directedTiers(tiers, FLAVOURS.preDnat),
  forward: directedTiers(tiers, FLAVOURS.forward),
});

/** All groups of several policies, each once by its chain. */
export const allGroups = ({ ingress, egress }: DirectedTiers): PolicyGroup[] =>
  [...ingress, ...egress].flatMap(({ groups: own }) => own);
