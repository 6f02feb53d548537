/**
 * All policies in the order in which they are asked, and which of them apply to an endpoint;
 * felix/calc/policy_sorter.go, policy_resolver.go. An index by a label that a policy's selector insists on
 * keeps the search short.
 */

import { compareText } from '../../digest.js';
import type { ParsedPolicy } from '../../policy/parsed-rules.js';
import type { TierResource } from '../../policy/resources.js';
import type { Labelled, LabelInheritance } from './labels.js';

/** Policies of one tier that apply to an endpoint, in order. */
export interface ApplicableTier {
  readonly tier: TierResource;
  readonly policies: readonly ParsedPolicy[];
}

/** What a policy's tier is like that nobody has made: it comes after all others, and denies. */
const missingTier = (name: string): TierResource => ({
  name,
  order: undefined,
  defaultAction: 'Deny',
  because: [],
});

const byOrder = (a: number | undefined, b: number | undefined): number => {
  const [x, y] = [a ?? Number.POSITIVE_INFINITY, b ?? Number.POSITIVE_INFINITY];
  return x < y ? -1 : x > y ? 1 : 0;
};

/** The most specific part of the identity comes first. */
const sortKey = ({ policy: { id } }: ParsedPolicy): string => `${id.name}/${id.namespace}/${id.kind}`;

interface Ranked {
  readonly parsed: ParsedPolicy;
  readonly tier: number;
  readonly rank: number;
}

interface SortedTier extends ApplicableTier {
  readonly known: boolean;
}

function sortTiers(policies: readonly ParsedPolicy[], tiers: readonly TierResource[]): SortedTier[] {
  const byTier = new Map<string, { readonly key: string; readonly parsed: ParsedPolicy }[]>();
  for (const parsed of policies) {
    const list = byTier.get(parsed.policy.tier) ?? [];
    byTier.set(parsed.policy.tier, list);
    list.push({ key: sortKey(parsed), parsed });
  }
  const known = new Map(tiers.map((tier) => [tier.name, tier]));
  return [...byTier]
    .map(([name, list]) => ({
      tier: known.get(name) ?? missingTier(name),
      known: known.has(name),
      policies: list
        .sort((a, b) => byOrder(a.parsed.policy.order, b.parsed.policy.order) || compareText(a.key, b.key))
        .map(({ parsed }) => parsed),
    }))
    .sort(
      (a, b) =>
        Number(b.known) - Number(a.known) ||
        byOrder(a.tier.order, b.tier.order) ||
        compareText(a.tier.name, b.tier.name),
    );
}

export class PolicyTable {
  readonly tiers: readonly ApplicableTier[];
  /** By a label and a value that the selector asks for. */
  readonly #byValue = new Map<string, Map<string, Ranked[]>>();
  /** By a label that the selector asks for, whatever its value. */
  readonly #byLabel = new Map<string, Ranked[]>();
  readonly #others: Ranked[] = [];

  constructor(policies: readonly ParsedPolicy[], tiers: readonly TierResource[]) {
    this.tiers = sortTiers(policies, tiers);
    let rank = 0;
    for (const [tier, { policies: sorted }] of this.tiers.entries()) {
      for (const parsed of sorted) this.#add({ parsed, tier, rank: rank++ });
    }
  }

  #add(ranked: Ranked): void {
    const restrictions = [...ranked.parsed.selector.restrictions];
    const [valued] = restrictions
      .flatMap(([label, { mustHaveOneOfValues: values }]) => (values === undefined ? [] : [{ label, values }]))
      // Every pod has these two; what is asked beside them says more.
      .toSorted((a, b) => commonness(a.label) - commonness(b.label) || a.values.length - b.values.length);
    if (valued !== undefined) {
      const values = this.#byValue.get(valued.label) ?? new Map<string, Ranked[]>();
      this.#byValue.set(valued.label, values);
      for (const value of valued.values) values.set(value, [...(values.get(value) ?? []), ranked]);
      return;
    }
    const present = restrictions.find(([, { mustBePresent }]) => mustBePresent)?.[0];
    if (present === undefined) this.#others.push(ranked);
    else this.#byLabel.set(present, [...(this.#byLabel.get(present) ?? []), ranked]);
  }

  /** Tiers with at least one policy that selects the endpoint, whatever its types. */
  applicable(item: Labelled, labels: LabelInheritance): ApplicableTier[] {
    const lookup = (label: string): string | undefined => labels.lookup(item, label);
    const matches = ({ parsed }: Ranked): boolean => parsed.selector.matchesLookup(lookup);
    const found = [...this.#candidates(item, labels)].filter(matches).sort((a, b) => a.rank - b.rank);
    const tiers = new Map<number, ParsedPolicy[]>();
    for (const { tier, parsed } of found) {
      const list = tiers.get(tier) ?? [];
      tiers.set(tier, list);
      list.push(parsed);
    }
    return [...tiers].flatMap(([index, policies]) => {
      const tier = this.tiers[index]?.tier;
      return tier === undefined ? [] : [{ tier, policies }];
    });
  }

  *#candidates(item: Labelled, labels: LabelInheritance): Generator<Ranked> {
    yield* this.#others;
    for (const label of new Set(labels.names(item))) {
      yield* this.#byLabel.get(label) ?? [];
      const values = this.#byValue.get(label);
      const value = values && labels.lookup(item, label);
      if (value !== undefined) yield* values?.get(value) ?? [];
    }
  }
}

function commonness(label: string): number {
  if (label === 'projectcalico.org/orchestrator') return 2;
  return label === 'projectcalico.org/namespace' ? 1 : 0;
}
