/** Policy rules: which table is asked for which packet (net/core/fib_rules.c, net/ipv4/fib_rules.c). */

import { type Ipv4Prefix, ipv4Mask } from '../../packet/index.js';
import { type Cause, NO_CAUSE, type Programmed } from '../../trace/index.js';
import { RT_PROTOCOL, RT_TABLE, type RuleState } from '../host-state.js';
import { type FlowKey, ROUTE_TOS_MASK } from './flow-key.js';
import { formatRuleBody, type RuleText } from './format.js';
import { type Refusal, refuse } from './netlink-error.js';
import type { PortRange, RuleSpec } from './spec.js';

/** IPTOS_TOS_MASK: no rule may ask for more of the octet. */
const RULE_TOS_MASK = 0x1e;
const ALL_BITS = 0xffff_ffff;

const given = (prefix: Ipv4Prefix | undefined): Ipv4Prefix | undefined =>
  prefix === undefined || prefix.length === 0 ? undefined : prefix;

const samePrefix = (a: Ipv4Prefix | undefined, b: Ipv4Prefix | undefined): boolean =>
  a?.addr === b?.addr && a?.length === b?.length;

const samePorts = (a: PortRange | undefined, b: PortRange | undefined): boolean =>
  a?.first === b?.first && a?.last === b?.last;

const inRange = ({ first, last }: PortRange, port: number): boolean => port >= first && port <= last;

/** struct fib4_rule. */
export class FibRule implements Programmed, RuleText {
  readonly priority: number;
  readonly not: boolean;
  readonly from: Ipv4Prefix | undefined;
  readonly to: Ipv4Prefix | undefined;
  readonly tos: number;
  readonly mark: number;
  readonly mask: number;
  readonly iif: string | undefined;
  readonly oif: string | undefined;
  readonly ipProtocol: number | undefined;
  readonly sourcePorts: PortRange | undefined;
  readonly destinationPorts: PortRange | undefined;
  readonly action: RuleState['action'];
  readonly table: number;
  readonly goto: number;
  readonly suppressPrefixLength: number | undefined;
  readonly protocol: number;
  readonly because: readonly Cause[];
  readonly #fromMask: number;
  readonly #toMask: number;

  constructor(spec: RuleSpec, priority: number) {
    this.priority = priority;
    this.not = spec.not ?? false;
    this.from = given(spec.from);
    this.to = given(spec.to);
    this.tos = spec.tos ?? 0;
    this.mark = (spec.fwmark?.value ?? 0) >>> 0;
    this.mask = (spec.fwmark?.mask ?? 0) >>> 0;
    this.iif = spec.iif;
    this.oif = spec.oif;
    this.ipProtocol = spec.ipProtocol;
    this.sourcePorts = spec.sourcePorts;
    this.destinationPorts = spec.destinationPorts;
    this.action = spec.action ?? 'lookup';
    this.table = this.action === 'lookup' ? (spec.table ?? RT_TABLE.main) : (spec.table ?? 0);
    this.goto = spec.goto ?? 0;
    this.suppressPrefixLength = spec.suppressPrefixLength;
    this.protocol = spec.protocol ?? RT_PROTOCOL.unspec;
    this.because = spec.because ?? NO_CAUSE;
    this.#fromMask = ipv4Mask(this.from?.length ?? 0);
    this.#toMask = ipv4Mask(this.to?.length ?? 0);
  }

  /** fib_rule_match() and fib4_rule_match(). */
  matches(key: FlowKey): boolean {
    return this.#selects(key) !== this.not;
  }

  #selects(key: FlowKey): boolean {
    if (this.iif !== undefined && this.iif !== (key.iif?.name ?? 'lo')) return false;
    if (this.oif !== undefined && this.oif !== key.oif?.name) return false;
    if (((this.mark ^ key.mark) & this.mask) !== 0) return false;
    if (this.from !== undefined && ((this.from.addr ^ key.source) & this.#fromMask) !== 0) return false;
    if (this.to !== undefined && ((this.to.addr ^ key.destination) & this.#toMask) !== 0) return false;
    if (this.tos !== 0 && this.tos !== (key.tos & ROUTE_TOS_MASK)) return false;
    if (this.ipProtocol !== undefined && this.ipProtocol !== key.protocol) return false;
    if (this.sourcePorts !== undefined && !inRange(this.sourcePorts, key.sourcePort)) return false;
    return this.destinationPorts === undefined || inRange(this.destinationPorts, key.destinationPort);
  }

  /** As `ip rule` prints it, in one line. */
  toString(): string {
    return `${this.priority}: ${formatRuleBody(this)}`;
  }

  /** As plain data; ports are no part of it yet. */
  toState(): RuleState {
    return {
      priority: this.priority,
      not: this.not,
      action: this.action,
      protocol: this.protocol,
      because: this.because,
      ...(this.from === undefined ? {} : { from: this.from }),
      ...(this.to === undefined ? {} : { to: this.to }),
      ...(this.tos === 0 ? {} : { tos: this.tos }),
      ...(this.iif === undefined ? {} : { iif: this.iif }),
      ...(this.oif === undefined ? {} : { oif: this.oif }),
      ...(this.mark === 0 && this.mask === 0 ? {} : { fwmark: { value: this.mark, mask: this.mask } }),
      ...(this.ipProtocol === undefined ? {} : { ipProtocol: this.ipProtocol }),
      ...(this.sourcePorts === undefined ? {} : { sourcePorts: this.sourcePorts }),
      ...(this.destinationPorts === undefined ? {} : { destinationPorts: this.destinationPorts }),
      ...(this.table === 0 ? {} : { table: this.table }),
      ...(this.action === 'goto' ? { goto: this.goto } : {}),
      ...(this.suppressPrefixLength === undefined ? {} : { suppressPrefixLength: this.suppressPrefixLength }),
    };
  }
}

/** fib4_rule_compare(): only what the request says is compared, and TOS 0 says nothing. */
const sameSelector = (rule: FibRule, from: Ipv4Prefix | undefined, to: Ipv4Prefix | undefined, tos: number): boolean =>
  (from === undefined || samePrefix(rule.from, from)) &&
  (to === undefined || samePrefix(rule.to, to)) &&
  (tos === 0 || rule.tos === tos);

/** rule_exists(): what makes two rules one. `not` is no part of it. */
const sameRule = (a: FibRule, b: FibRule): boolean =>
  a.action === b.action &&
  a.table === b.table &&
  a.suppressPrefixLength === b.suppressPrefixLength &&
  a.priority === b.priority &&
  a.iif === b.iif &&
  a.oif === b.oif &&
  a.mark === b.mark &&
  a.mask === b.mask &&
  (a.ipProtocol ?? 0) === (b.ipProtocol ?? 0) &&
  a.protocol === b.protocol &&
  samePorts(a.sourcePorts, b.sourcePorts) &&
  samePorts(a.destinationPorts, b.destinationPorts) &&
  sameSelector(a, b.from, b.to, b.tos);

/** A field that the request does not name is not compared. */
const agrees = <T>(wanted: T | undefined, present: T | undefined): boolean =>
  wanted === undefined || wanted === present;

/** 0 says nothing. */
const sameMark = (wanted: { readonly value: number; readonly mask: number }, rule: FibRule): boolean =>
  (wanted.value === 0 || wanted.value >>> 0 === rule.mark) && (wanted.mask === 0 || wanted.mask >>> 0 === rule.mask);

/** rule_find(). */
const selected = (rule: FibRule, spec: RuleSpec): boolean =>
  agrees(spec.action, rule.action) &&
  agrees(spec.table, rule.table) &&
  agrees(spec.priority, rule.priority) &&
  agrees(spec.iif, rule.iif) &&
  agrees(spec.oif, rule.oif) &&
  (spec.fwmark === undefined || sameMark(spec.fwmark, rule)) &&
  agrees(spec.suppressPrefixLength, rule.suppressPrefixLength) &&
  agrees(spec.ipProtocol, rule.ipProtocol) &&
  agrees(spec.protocol, rule.protocol) &&
  (spec.sourcePorts === undefined || samePorts(spec.sourcePorts, rule.sourcePorts)) &&
  (spec.destinationPorts === undefined || samePorts(spec.destinationPorts, rule.destinationPorts)) &&
  sameSelector(rule, given(spec.from), given(spec.to), spec.tos ?? 0);

/** fib_rule_requires_fldissect(). */
const dissects = ({ iif, ipProtocol, sourcePorts, destinationPorts }: FibRule): boolean =>
  iif !== 'lo' && (ipProtocol !== undefined || sourcePorts !== undefined || destinationPorts !== undefined);

export class RuleList {
  readonly #rules: FibRule[] = [
    new FibRule({ table: RT_TABLE.local, protocol: RT_PROTOCOL.kernel }, 0),
    new FibRule({ table: RT_TABLE.main, protocol: RT_PROTOCOL.kernel }, 32_766),
    new FibRule({ table: RT_TABLE.default, protocol: RT_PROTOCOL.kernel }, 32_767),
  ];
  /** fib_has_custom_rules: set for good by the first change. */
  custom = false;
  /** fib4_rules_early_flow_dissect(): whether some rule asks for protocol or ports, which packets are then read for. */
  dissects = false;

  /** By priority; of equal ones the older first. */
  get all(): readonly FibRule[] {
    return this.#rules;
  }

  /** fib_nl_newrule(). */
  add(spec: RuleSpec): FibRule | Refusal {
    const misled = this.#checkGoto(spec);
    if (misled !== undefined) return misled;
    const tos = spec.tos ?? 0;
    if ((tos & 3) !== 0) return refuse('EINVAL', 'Invalid dsfield (tos): ECN bits must be 0');
    if ((tos & ~RULE_TOS_MASK) !== 0) return refuse('EINVAL', 'Invalid tos');
    const rule = new FibRule(withMask(spec), spec.priority ?? this.#freePriority());
    if (this.#rules.some((other) => sameRule(other, rule))) return refuse('EEXIST');
    const after = this.#rules.findLastIndex((other) => other.priority <= rule.priority);
    this.#rules.splice(after + 1, 0, rule);
    this.#changed();
    return rule;
  }

  /** fib_nl_delrule(). */
  delete(spec: RuleSpec): Refusal | undefined {
    const misled = this.#checkGoto(spec);
    if (misled !== undefined) return misled;
    const wanted = withMask(spec);
    const at = this.#rules.findIndex((rule) => selected(rule, wanted));
    if (at < 0) return refuse('ENOENT');
    this.#rules.splice(at, 1);
    this.#changed();
    return undefined;
  }

  #changed(): void {
    this.custom = true;
    this.dissects = this.#rules.some(dissects);
  }

  /** fib_nl2rule_rtnl(): a jump backwards could go on forever. */
  #checkGoto(spec: RuleSpec): Refusal | undefined {
    if (spec.action !== 'goto') return undefined;
    if (spec.goto === undefined) return refuse('EINVAL', 'Invalid goto');
    const priority = spec.priority ?? this.#freePriority();
    return spec.goto <= priority ? refuse('EINVAL', 'Backward goto not supported') : undefined;
  }

  /** fib_default_rule_pref(): just before the second rule. */
  #freePriority(): number {
    const second = this.#rules[1];
    return second === undefined || second.priority === 0 ? 0 : second.priority - 1;
  }
}

/** A mark other than 0 without a mask is compared in all its bits. */
function withMask(spec: RuleSpec): RuleSpec {
  const { fwmark } = spec;
  if (fwmark === undefined || fwmark.mask !== 0 || fwmark.value === 0) return spec;
  return { ...spec, fwmark: { value: fwmark.value, mask: ALL_BITS } };
}
