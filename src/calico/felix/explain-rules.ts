/**
 * Why no rule of a policy allows a packet: for each rule that allows something the first thing that does not hold, with
 * what the rule's selectors select instead. For people; what decides is the chains.
 */

import { type Cause, formatCause } from '../../trace/index.js';
import type { Policy, PolicyRule } from '../policy/resources.js';
import type { FelixCluster } from './calc/input.js';
import { EntityReader } from './explain-entity.js';
import { type AskedPacket, explainTransport, transportText, wantedTransport } from './explain-transport.js';

export interface UndecidedPacket {
  /** The policies that apply, as a rule's causes name them. */
  readonly policies: readonly Cause[];
  readonly direction: 'ingress' | 'egress';
  readonly packet: AskedPacket;
}

/** What keeps a rule from allowing the packet. */
type Obstacle =
  /** It is about another protocol or port, as an author writes it. */
  { readonly kind: 'transport'; readonly wanted: string } | { readonly kind: 'other'; readonly text: string };

/** Rules that let a packet by: those that deny or log are not what it lacks. */
const lets = ({ action }: PolicyRule): boolean => action === 'Allow' || action === 'Pass';

/** An author's rule is one for each protocol and peer here (K8sNetworkPolicyToCalico()): what stands at one place is one. */
function byPlace(rules: readonly PolicyRule[]): readonly (readonly PolicyRule[])[] {
  const places = new Map<string, PolicyRule[]>();
  for (const rule of rules) places.set(rule.place, [...(places.get(rule.place) ?? []), rule]);
  return [...places.values()];
}

class RuleReader {
  readonly #cluster: FelixCluster;
  readonly #policy: Policy;
  readonly #question: UndecidedPacket;

  constructor(cluster: FelixCluster, policy: Policy, question: UndecidedPacket) {
    this.#cluster = cluster;
    this.#policy = policy;
    this.#question = question;
  }

  /** For each rule one sentence, or one for each of its peers. */
  sentences(): string[] {
    const { direction } = this.#question;
    const { because } = this.#policy;
    const written = this.#policy[direction].filter(({ action }) => action !== 'Log');
    if (written.length === 0) return [`${formatCause(because)} has no ${direction} rule, so it allows nothing.`];
    const rules = written.filter(lets);
    if (rules.length === 0) return [`${formatCause(because)} has no ${direction} rule that allows anything.`];
    return byPlace(rules).flatMap((parts) => {
      const subject = formatCause({ ...because, detail: parts[0]?.place ?? '' });
      return this.#reasons(parts).map((why) => `${subject}: ${why}.`);
    });
  }

  /** Peers count only where one of the protocols and ports holds. */
  #reasons(parts: readonly PolicyRule[]): string[] {
    const obstacles = parts.flatMap((rule) => this.#obstacle(rule) ?? []);
    const others = obstacles.flatMap((one) => (one.kind === 'other' ? [one.text] : []));
    if (others.length > 0) return [...new Set(others)];
    const wanted = obstacles.flatMap((one) => (one.kind === 'transport' ? [one.wanted] : []));
    if (wanted.length === 0) return [];
    return [`it is about ${[...new Set(wanted)].join(' and ')}, not ${transportText(this.#question.packet)}`];
  }

  #obstacle(rule: PolicyRule): Obstacle | undefined {
    const { packet } = this.#question;
    const source = this.#entity(rule, 'source');
    const destination = this.#entity(rule, 'destination');
    const named = { source: source.namedPort, destination: destination.namedPort };
    const wanted = wantedTransport(rule, packet, named);
    if (wanted !== undefined) return { kind: 'transport', wanted };
    const text = explainTransport(rule, packet, named) ?? source.explain() ?? destination.explain();
    return text === undefined ? undefined : { kind: 'other', text };
  }

  #entity(rule: PolicyRule, side: 'source' | 'destination'): EntityReader {
    return new EntityReader(this.#cluster, { rule, side, namespace: this.#policy.id.namespace }, this.#question.packet);
  }
}

const sameObject = (a: Cause, b: Cause): boolean =>
  a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;

/** Rule by rule, for the policies that were asked and did not decide. */
export function explainUndecided(cluster: FelixCluster, question: UndecidedPacket): string[] {
  const all = cluster.policies.tiers.flatMap(({ policies }) => policies.map(({ policy }) => policy));
  return question.policies.flatMap((cause) => {
    const policy = all.find(({ because }) => sameObject(because, cause));
    return policy === undefined ? [] : new RuleReader(cluster, policy, question).sentences();
  });
}
