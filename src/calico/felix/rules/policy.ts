/** Chains of policies and profiles, and the rules in them; felix/rules/policy.go. */

import {
  ipsetName,
  isStaged,
  type PolicyId,
  policyChainName,
  POLICY_KIND_PREFIX,
  profileChainName,
} from '../../names.js';
import type { ParsedEntity, ParsedPolicy, ParsedProfile, ParsedRule } from '../../policy/parsed-rules.js';
import type { RulesConfig } from './config.js';
import { addressPortSet, MatchBlocks, netMatch, portsMatch, protocolMatches, splitPorts } from './match-blocks.js';
import {
  type Action,
  type Chain,
  type Direction,
  inSet,
  type Match,
  marked,
  notInSet,
  RETURN,
  type Rule,
  setMark,
} from './rule.js';

/** Whose rules these are, for the log. */
export interface RuleOwner {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly tier: string;
}

const policyOwner = (id: PolicyId, tier: string): RuleOwner => ({
  kind: POLICY_KIND_PREFIX[id.kind],
  namespace: id.namespace,
  name: id.name,
  tier,
});

/** LogPrefix with its `%t %k %n %p`. */
function logPrefix({ logPrefix: prefix }: RulesConfig, { kind, namespace, name, tier }: RuleOwner): string {
  const words: Readonly<Record<string, string>> = {
    '%t': tier,
    '%k': kind,
    '%n': name,
    '%p': namespace === '' ? name : `${namespace}/${name}`,
  };
  return (prefix === '' ? 'calico-packet' : prefix).replaceAll(/%[tknp]/g, (word) => words[word] ?? word);
}

const CATCH_ALL = { 4: '0.0.0.0/0', 6: '::/0' } as const;

/** Networks of one family; undefined where none is left of some, so that the rule cannot match at all. */
function netsOf(nets: readonly string[], version: 4 | 6): readonly string[] | undefined {
  const own = nets.filter((net) => net.includes(':') === (version === 6));
  return own.length === 0 && nets.length > 0 ? undefined : own;
}

interface RuleNets {
  readonly source: readonly string[];
  readonly notSource: readonly string[];
  readonly destination: readonly string[];
  readonly notDestination: readonly string[];
}

/** FilterRuleToIPVersion(): undefined where the rule is of no use in the family. */
function filterNets({ source, destination, ipVersion }: ParsedRule, version: 4 | 6): RuleNets | undefined {
  if (ipVersion !== undefined && ipVersion !== version) return undefined;
  const [from, notFrom] = [netsOf(source.nets, version), netsOf(source.notNets, version)];
  const [to, notTo] = [netsOf(destination.nets, version), netsOf(destination.notNets, version)];
  if (from === undefined || notFrom === undefined || to === undefined || notTo === undefined) return undefined;
  if ([...notFrom, ...notTo].includes(CATCH_ALL[version])) return undefined;
  return { source: from, notSource: notFrom, destination: to, notDestination: notTo };
}

/** What is left of a side for the main rule once the blocks have taken theirs. */
interface SideMatch {
  readonly nets: readonly string[];
  readonly notNets: readonly string[];
  readonly lists: readonly (readonly { readonly first: number; readonly last: number }[])[];
  readonly namedPortSets: readonly string[];
}

class RuleRenderer {
  readonly #config: RulesConfig;
  readonly #rule: ParsedRule;
  readonly #blocks: MatchBlocks;

  constructor(config: RulesConfig, rule: ParsedRule) {
    this.#config = config;
    this.#rule = rule;
    this.#blocks = new MatchBlocks(config, rule.because);
  }

  rules(owner: RuleOwner): Rule[] {
    const nets = filterNets(this.#rule, this.#config.ipVersion);
    if (nets === undefined) return [];
    const { source, destination } = this.#rule;
    // Upstream's order: ports of both sides, networks of both, then what must not be.
    const [fromPorts, toPorts] = [this.#portBlock('source', source), this.#portBlock('destination', destination)];
    const [fromNets, toNets] = [this.#netBlock('source', nets.source), this.#netBlock('destination', nets.destination)];
    const from = { ...fromPorts, nets: fromNets, notNets: this.#notNetBlock('source', fromNets, nets.notSource) };
    const to = { ...toPorts, nets: toNets, notNets: this.#notNetBlock('destination', toNets, nets.notDestination) };
    const match = [...this.#positive(from, to), ...this.#negative(from, to), ...this.#blocks.match];
    return [...this.#blocks.rules, ...this.#actions(match, owner)].map((rule) => this.#annotated(rule));
  }

  #annotated(rule: Rule): Rule {
    const { annotations } = this.#rule;
    const comments = Object.keys(annotations)
      .sort()
      .map((key) => `${key}=${annotations[key]}`);
    return comments.length === 0 ? rule : { ...rule, comments: [...rule.comments, ...comments] };
  }

  #setName(id: string): string {
    return ipsetName(id, this.#config.ipVersion);
  }

  #portBlock(direction: Direction, entity: ParsedEntity): Pick<SideMatch, 'lists' | 'namedPortSets'> {
    const lists = splitPorts(entity.ports);
    const sets = entity.namedPortSets.map((id) => this.#setName(id));
    if (lists.length + sets.length <= 1) return { lists, namedPortSets: sets };
    this.#blocks.ports(direction, { lists, sets, protocolMatch: protocolMatches(this.#rule.protocol) });
    return { lists: [], namedPortSets: [] };
  }

  #netBlock(direction: Direction, nets: readonly string[]): readonly string[] {
    if (nets.length <= 1) return nets;
    this.#blocks.nets(direction, nets);
    return [];
  }

  /** One network fits in the main rule, be it wanted or not wanted. */
  #notNetBlock(direction: Direction, nets: readonly string[], notNets: readonly string[]): readonly string[] {
    if (nets.length + notNets.length <= 1 || notNets.length === 0) return notNets;
    this.#blocks.notNets(direction, notNets);
    return [];
  }

  /** CalculateRuleMatch(), its first half. */
  #positive(from: SideMatch, to: SideMatch): Match[] {
    const { protocol, source, destination, icmp } = this.#rule;
    const side = (direction: Direction, { nets, lists, namedPortSets }: SideMatch, entity: ParsedEntity): Match[] => [
      ...nets.map((net) => netMatch(direction, net)),
      ...entity.sets.map((id) => inSet(direction, this.#setName(id))),
      ...entity.portSets.map((id) => addressPortSet(direction, this.#setName(id))),
      ...lists.map((list) => portsMatch(direction, list)),
      ...namedPortSets.map((set) => addressPortSet(direction, set)),
    ];
    return [
      ...protocolMatches(protocol),
      ...side('source', from, source),
      ...side('destination', to, destination),
      ...(icmp === undefined ? [] : [this.#icmp(icmp)]),
    ];
  }

  #icmp(icmp: NonNullable<ParsedRule['icmp']>): Extract<Match, { kind: 'icmp' | 'icmpv6' }> {
    return { kind: this.#config.ipVersion === 4 ? 'icmp' : 'icmpv6', ...icmp };
  }

  #negative(from: SideMatch, to: SideMatch): Match[] {
    const { notProtocol, source, destination, notIcmp } = this.#rule;
    const side = (direction: Direction, { notNets }: SideMatch, entity: ParsedEntity): Match[] => [
      ...notNets.map((net): Match => ({ ...netMatch(direction, net), not: true })),
      ...entity.notSets.map((id) => notInSet(direction, this.#setName(id))),
      ...splitPorts(entity.notPorts).map((ports): Match => ({ kind: 'ports', direction, ports, not: true })),
      ...entity.notNamedPortSets.map((id): Match => ({ ...addressPortSet(direction, this.#setName(id)), not: true })),
    ];
    return [
      ...(notProtocol === undefined ? [] : [{ kind: 'protocol', protocol: notProtocol, not: true } as const]),
      ...side('source', from, source),
      ...side('destination', to, destination),
      ...(notIcmp === undefined ? [] : [{ ...this.#icmp(notIcmp), not: true } as const]),
    ];
  }

  /** CombineMatchAndActionsForProtoRule(): mark, then do; a rule that only logs has no mark. */
  #actions(match: readonly Match[], owner: RuleOwner): Rule[] {
    const { because, action } = this.#rule;
    const { marks, filterDeny, logRateLimit: rate, logRateLimitBurst: burst } = this.#config;
    const rule = (does: Action, on: readonly Match[]): Rule => ({ match: on, action: does, comments: [], because });
    if (action === 'Log') {
      const limit: Match[] = rate === '' ? [] : [{ kind: 'limit', rate, burst }];
      return [rule({ kind: 'log', prefix: logPrefix(this.#config, owner) }, [...limit, ...match])];
    }
    const [mark, does] = {
      Allow: [marks.accept, RETURN] as const,
      Pass: [marks.pass, RETURN] as const,
      Deny: [marks.drop, filterDeny] as const,
    }[action];
    return [rule(setMark(mark), match), rule(does, [marked(mark)])];
  }
}

/** Rules of one direction of a policy or profile; `comment` stands on the first, or on a rule of its own. */
export function policyRules(
  config: RulesConfig,
  rules: readonly ParsedRule[],
  { owner, comment, because }: { owner: RuleOwner; comment?: string; because: Rule['because'] },
): Rule[] {
  const all = rules.flatMap((rule) => new RuleRenderer(config, rule).rules(owner));
  // At its end a chain returns by itself.
  while (all.at(-1)?.action?.kind === 'return') all.pop();
  if (comment === undefined) return all;
  const [first = { match: [], comments: [], because }, ...rest] = all;
  return [{ ...first, comments: [...first.comments, comment] }, ...rest];
}

/** Inbound and outbound; staged policies have none. */
export function policyChains(config: RulesConfig, { policy, inbound, outbound }: ParsedPolicy): Chain[] {
  const { id, tier, because: cause } = policy;
  if (isStaged(id)) return [];
  const owner = policyOwner(id, tier);
  const subject = `${id.kind} ${id.namespace === '' ? id.name : `${id.namespace}/${id.name}`}`;
  const because = [cause];
  return [
    {
      name: policyChainName('cali-pi-', id),
      rules: policyRules(config, inbound, { owner, comment: `${subject} ingress`, because }),
    },
    {
      name: policyChainName('cali-po-', id),
      rules: policyRules(config, outbound, { owner, comment: `${subject} egress`, because }),
    },
  ];
}

/** What an endpoint may do that no policy selects: inbound and outbound. */
export function profileChains(config: RulesConfig, { name, inbound, outbound, because }: ParsedProfile): Chain[] {
  const owner = { kind: 'pro', namespace: '', name, tier: '' };
  return [
    {
      name: profileChainName('cali-pri-', name),
      rules: policyRules(config, inbound, { owner, comment: `Profile ${name} ingress`, because }),
    },
    {
      name: profileChainName('cali-pro-', name),
      rules: policyRules(config, outbound, { owner, comment: `Profile ${name} egress`, because }),
    },
  ];
}
