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
import { type LoggedVerdict, logRule, type PolicyWay } from './flow-logs.js';
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

/** Whose rules these are, for the logs. */
export interface RuleOwner {
  /** Short; `pro` for a profile. */
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

const PROFILE = 'pro';

/** As in the names of chains: `np/shop/web`, `kns.shop`. */
const ownerId = ({ kind, namespace, name }: RuleOwner): string =>
  [...(kind === PROFILE ? [] : [kind]), ...(namespace === '' ? [] : [namespace]), name].join('/');

/** A rule's place, for the flow logs: what is not tracked is left out of these. */
interface RulePlace {
  readonly owner: RuleOwner;
  readonly way: PolicyWay;
  readonly untracked: boolean;
  readonly index: number;
}

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

  rules(place: RulePlace): Rule[] {
    const nets = filterNets(this.#rule, this.#config.ipVersion);
    if (nets === undefined) return [];
    const { source, destination } = this.#rule;
    // Upstream's order: ports of both sides, networks of both, then what must not be.
    const [fromPorts, toPorts] = [this.#portBlock('source', source), this.#portBlock('destination', destination)];
    const [fromNets, toNets] = [this.#netBlock('source', nets.source), this.#netBlock('destination', nets.destination)];
    const from = { nets: fromNets, notNets: this.#notNetBlock('source', fromNets, nets.notSource), ...fromPorts };
    const to = { nets: toNets, notNets: this.#notNetBlock('destination', toNets, nets.notDestination), ...toPorts };
    const match = [...this.#positive(from, to), ...this.#negative(from, to), ...this.#blocks.match];
    return [...this.#blocks.rules, ...this.#actions(match, place)].map((rule) => this.#annotated(rule));
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
  #actions(match: readonly Match[], place: RulePlace): Rule[] {
    const { because, action } = this.#rule;
    const { owner } = place;
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
    const logs = this.#flowLogs(action, place).map((log) => rule(log, [marked(mark)]));
    return [rule(setMark(mark), match), ...logs, rule(does, [marked(mark)])];
  }

  #flowLogs(verdict: LoggedVerdict, { owner, way, untracked, index }: RulePlace): Action[] {
    if (untracked || !this.#config.flowLogs) return [];
    const whose = owner.kind === PROFILE ? 'profile' : 'policy';
    return [logRule({ verdict, owner: whose, id: ownerId(owner), way, index })];
  }
}

export interface RulesOf extends Omit<RulePlace, 'index'> {
  readonly comment?: string;
  readonly because: Rule['because'];
}

/** Rules of one direction of a policy or profile; `comment` stands on the first, or on a rule of its own. */
export function policyRules(
  config: RulesConfig,
  rules: readonly ParsedRule[],
  { comment, because, ...place }: RulesOf,
): Rule[] {
  const all = rules.flatMap((rule, index) => new RuleRenderer(config, rule).rules({ index, ...place }));
  // At its end a chain returns by itself.
  while (all.at(-1)?.action?.kind === 'return') all.pop();
  if (comment === undefined) return all;
  const [first = { match: [], comments: [], because }, ...rest] = all;
  return [{ ...first, comments: [...first.comments, comment] }, ...rest];
}

/** Inbound and outbound; staged policies have none. */
export function policyChains(config: RulesConfig, { policy, inbound, outbound }: ParsedPolicy): Chain[] {
  const { id, tier, because: cause, doNotTrack: untracked } = policy;
  if (isStaged(id)) return [];
  const both = { owner: policyOwner(id, tier), untracked, because: [cause] };
  const subject = `${id.kind} ${id.namespace === '' ? id.name : `${id.namespace}/${id.name}`}`;
  return [
    {
      name: policyChainName('cali-pi-', id),
      rules: policyRules(config, inbound, { way: 'ingress', comment: `${subject} ingress`, ...both }),
    },
    {
      name: policyChainName('cali-po-', id),
      rules: policyRules(config, outbound, { way: 'egress', comment: `${subject} egress`, ...both }),
    },
  ];
}

/** What an endpoint may do that no policy selects: inbound and outbound. */
export function profileChains(config: RulesConfig, { name, inbound, outbound, because }: ParsedProfile): Chain[] {
  const both = { owner: { kind: PROFILE, namespace: '', name, tier: '' }, untracked: false, because };
  return [
    {
      name: profileChainName('cali-pri-', name),
      rules: policyRules(config, inbound, { way: 'ingress', comment: `Profile ${name} ingress`, ...both }),
    },
    {
      name: profileChainName('cali-pro-', name),
      rules: policyRules(config, outbound, { way: 'egress', comment: `Profile ${name} egress`, ...both }),
    },
  ];
}
