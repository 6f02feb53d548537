/**
 * An endpoint's chains: conntrack, tiers of policies, profiles; felix/rules/endpoints.go. Accepting is a mark
 * and a RETURN, so that the other end's policy gets its say; dropping is final.
 */

import type { Cause } from '../../../trace/index.js';
import {
  endpointChainName,
  isStaged,
  type PolicyId,
  policyChainName,
  policyGroupChainName,
  profileChainName,
} from '../../names.js';
import type { QosDirection } from '../../model.js';
import type { RulesConfig } from './config.js';
import { logEndOfTier, logNoProfile, type PolicyWay } from './flow-logs.js';
import {
  type Action,
  type Chain,
  clearMark,
  ctState,
  denyWord,
  DROP,
  ESTABLISHED,
  jump,
  type Match,
  marked,
  NO_TRACK,
  notMarked,
  PROTO_IPIP,
  PROTO_UDP,
  port,
  protocol,
  RETURN,
  type Rule,
  setMark,
  someMarked,
} from './rule.js';

export interface GroupedPolicy extends PolicyId {
  readonly because: readonly Cause[];
}

/** Policies of one tier and direction that stand together and have the same selector. */
export interface PolicyGroup {
  readonly direction: 'inbound' | 'outbound';
  readonly selector: string;
  readonly policies: readonly GroupedPolicy[];
}

export interface Tier {
  readonly name: string;
  /** What happens to a packet that no policy of the tier decided on. */
  readonly defaultAction: 'Deny' | 'Pass';
  readonly groups: readonly PolicyGroup[];
  readonly because: readonly Cause[];
}

export interface EndpointProfile {
  readonly name: string;
  readonly because: readonly Cause[];
}

export interface EndpointChain {
  /** `cali-tw-` and the like. */
  readonly prefix: string;
  readonly interfaceName: string;
  readonly direction: 'inbound' | 'outbound';
  /** `untracked` is of the raw table, `pre-dnat` of mangle, `forward` for what goes through a host endpoint. */
  readonly type: 'normal' | 'untracked' | 'pre-dnat' | 'forward';
  readonly tiers: readonly Tier[];
  readonly profiles: readonly EndpointProfile[];
  readonly adminUp: boolean;
  readonly failsafeChain?: string;
  /** What a packet of a known connection gets. */
  readonly allow: Action;
  /** Whether the endpoint may send VXLAN and IP-in-IP itself. */
  readonly dropEncapsulated: boolean;
  readonly qos?: QosDirection;
  readonly because: readonly Cause[];
}

const active = (group: PolicyGroup): GroupedPolicy[] => group.policies.filter((policy) => !isStaged(policy));

/** Several policies have a chain of their own. */
export const hasOwnChain = (group: PolicyGroup): boolean => active(group).length > 1;

/** A single policy is jumped to, several are by way of their chain. */
function chainsOf(group: PolicyGroup): { readonly chain: string; readonly because: readonly Cause[] }[] {
  const policies = active(group);
  if (hasOwnChain(group)) {
    const chain = policyGroupChainName(group.direction, group.selector, group.policies);
    return [{ chain, because: policies.flatMap(({ because }) => because) }];
  }
  const prefix = group.direction === 'inbound' ? 'cali-pi-' : 'cali-po-';
  return policies.map((policy) => ({ chain: policyChainName(prefix, policy), because: policy.because }));
}

const RETURN_STRIDE = 5;

/** The chain of a group with more than one policy. The verdict is tested before each jump, and now and then left by. */
export function policyGroupChain({ marks }: RulesConfig, group: PolicyGroup): Chain {
  const verdict = marks.pass | marks.accept;
  const prefix = group.direction === 'inbound' ? 'cali-pi-' : 'cali-po-';
  const rules = active(group).flatMap((policy, i): Rule[] => {
    const { because } = policy;
    const fresh = i % RETURN_STRIDE === 0;
    const leave: Rule = { match: [someMarked(verdict)], action: RETURN, comments: ['Return on verdict'], because };
    const enter: Rule = {
      match: fresh ? [] : [notMarked(verdict)],
      action: jump(policyChainName(prefix, policy)),
      comments: [],
      because,
    };
    return fresh && i > 0 ? [leave, enter] : [enter];
  });
  return { name: policyGroupChainName(group.direction, group.selector, group.policies), rules };
}

class EndpointRenderer {
  readonly #config: RulesConfig;
  readonly #chain: EndpointChain;

  constructor(config: RulesConfig, chain: EndpointChain) {
    this.#config = config;
    this.#chain = chain;
  }

  #rule(action: Action, match: readonly Match[] = [], comment?: string, because: readonly Cause[] = []): Rule {
    const comments = comment === undefined ? [] : [comment];
    return { match, action, comments, because: [...this.#chain.because, ...because] };
  }

  rules(): Rule[] {
    const { adminUp, type } = this.#chain;
    const { filterDeny, marks } = this.#config;
    if (!adminUp) return [this.#rule(filterDeny, [], 'Endpoint admin disabled')];
    return [
      ...(type === 'normal' ? this.#packetRate() : []),
      ...(type === 'untracked' ? [] : this.#conntrack()),
      ...(type === 'normal' ? this.#connections() : []),
      ...(this.#chain.failsafeChain === undefined ? [] : [this.#rule(jump(this.#chain.failsafeChain))]),
      this.#rule(clearMark(marks.accept | marks.pass)),
      ...(this.#chain.dropEncapsulated ? this.#encapsulated() : []),
      ...this.#chain.tiers.flatMap((tier) => this.#tier(tier)),
      ...(type === 'forward' && this.#chain.tiers.length === 0 ? this.#forwardByDefault() : []),
      ...(type === 'normal' ? this.#profiles() : []),
    ];
  }

  get #way(): PolicyWay {
    return this.#chain.direction === 'inbound' ? 'ingress' : 'egress';
  }

  /** Packets above the rate go before anything is known of them. */
  #packetRate(): Rule[] {
    const { packetRate: rate = 0, packetBurst: burst = 0 } = this.#chain.qos ?? {};
    if (rate === 0) return [];
    const mark = this.#config.marks.scratch0;
    const way = this.#way;
    const clear = this.#rule(clearMark(mark), [], `Clear ${way} packet rate limit mark`);
    const within: Action = { kind: 'limit-packet-rate', rate, burst, mark };
    const above: Match = { kind: 'mark', value: mark, mask: mark, not: true };
    return [
      clear,
      this.#rule(within, [], `Mark packets within ${way} packet rate limit`),
      this.#rule(DROP, [above], `Drop packets over ${way} packet rate limit`),
      clear,
    ];
  }

  #connections(): Rule[] {
    const { maxConnections: above = 0 } = this.#chain.qos ?? {};
    const comment = `Reject connections over ${this.#way} connection limit`;
    return above === 0 ? [] : [this.#rule({ kind: 'limit-connections', above }, [], comment)];
  }

  #conntrack(): Rule[] {
    const { allow } = this.#chain;
    const { marks, checkConntrackInvalid, filterDeny } = this.#config;
    const known = [ctState(ESTABLISHED)];
    return [
      // Where the packet is not accepted on the spot, the mark must say that it was.
      ...(allow.kind === 'accept' ? [] : [this.#rule(setMark(marks.accept), known)]),
      this.#rule(allow, known),
      ...(checkConntrackInvalid ? [this.#rule(filterDeny, [ctState('INVALID')])] : []),
    ];
  }

  /** A workload that encapsulates could reach other hosts past all policy. */
  #encapsulated(): Rule[] {
    const { filterDeny, allowVxlanFromWorkloads, allowIpipFromWorkloads, vxlanPort } = this.#config;
    const word = denyWord(filterDeny);
    const vxlan = [protocol(PROTO_UDP), port('destination', vxlanPort)];
    return [
      ...(allowVxlanFromWorkloads
        ? []
        : [this.#rule(filterDeny, vxlan, `${word} VXLAN encapped packets originating in workloads`)]),
      ...(allowIpipFromWorkloads
        ? []
        : [this.#rule(filterDeny, [protocol(PROTO_IPIP)], `${word} IPinIP encapped packets originating in workloads`)]),
    ];
  }

  #tier(tier: Tier): Rule[] {
    if (tier.groups.length === 0) return [];
    const { marks, filterDeny } = this.#config;
    const { type } = this.#chain;
    const undecided = [notMarked(marks.pass)];
    const decides = tier.groups.some((group) => active(group).length > 0);
    const decidesAll = type === 'normal' || type === 'forward';
    const drops = decidesAll && decides && tier.defaultAction !== 'Pass';
    const log = logEndOfTier(this.#way, drops ? 'Deny' : 'Pass', tier.name);
    const comment = `End of tier ${tier.name}. ${denyWord(filterDeny)} if no policies passed packet`;
    return [
      this.#rule(clearMark(marks.pass), [], `Start of tier ${tier.name}`, tier.because),
      ...tier.groups.flatMap((group) => chainsOf(group).flatMap(({ chain, because }) => this.#policy(chain, because))),
      ...(decidesAll ? this.#log(log, undecided, tier.because) : []),
      ...(drops ? [this.#rule(filterDeny, undecided, comment, tier.because)] : []),
    ];
  }

  #log(action: Action, match: readonly Match[] = [], because: readonly Cause[] = []): Rule[] {
    return this.#config.flowLogs ? [this.#rule(action, match, undefined, because)] : [];
  }

  #policy(chain: string, because: readonly Cause[]): Rule[] {
    const { marks } = this.#config;
    const accepted = [marked(marks.accept)];
    return [
      this.#rule(jump(chain), [notMarked(marks.pass)], undefined, because),
      ...(this.#chain.type === 'untracked' ? [this.#rule(NO_TRACK, accepted, undefined, because)] : []),
      this.#rule(RETURN, accepted, 'Return if policy accepted', because),
    ];
  }

  #forwardByDefault(): Rule[] {
    return [
      this.#rule(setMark(this.#config.marks.accept), [], 'Allow forwarded traffic by default'),
      this.#rule(RETURN, [], 'Return for accepted forward traffic'),
    ];
  }

  #profiles(): Rule[] {
    const { marks, filterDeny } = this.#config;
    const prefix = this.#chain.direction === 'inbound' ? 'cali-pri-' : 'cali-pro-';
    return [
      ...this.#chain.profiles.flatMap(({ name, because }) => [
        this.#rule(jump(profileChainName(prefix, name)), [], undefined, because),
        this.#rule(RETURN, [marked(marks.accept)], 'Return if profile accepted', because),
      ]),
      ...this.#log(logNoProfile(this.#way)),
      this.#rule(filterDeny, [], `${denyWord(filterDeny)} if no profiles matched`),
    ];
  }
}

export const endpointChain = (config: RulesConfig, chain: EndpointChain): Chain => ({
  name: endpointChainName(chain.prefix, chain.interfaceName),
  rules: new EndpointRenderer(config, chain).rules(),
});

/** What applies to an endpoint in each direction. A tier without policies of a direction is there, and empty. */
export interface DirectedTiers {
  readonly ingress: readonly Tier[];
  readonly egress: readonly Tier[];
}

export interface WorkloadChains {
  readonly interfaceName: string;
  readonly adminUp: boolean;
  readonly tiers: DirectedTiers;
  readonly profiles: readonly EndpointProfile[];
  readonly qos?: { readonly ingress: QosDirection; readonly egress: QosDirection };
  readonly because: readonly Cause[];
}

/** To and from a workload. Whether it may encapsulate matters for what it sends only. */
export function workloadEndpointChains(config: RulesConfig, workload: WorkloadChains): Chain[] {
  const { interfaceName, adminUp, profiles, because, tiers, qos } = workload;
  const both = { interfaceName, adminUp, profiles, because, type: 'normal', allow: config.filterAllow } as const;
  return [
    endpointChain(config, {
      prefix: 'cali-tw-',
      direction: 'inbound',
      tiers: tiers.ingress,
      dropEncapsulated: false,
      ...both,
      ...(qos && { qos: qos.ingress }),
    }),
    endpointChain(config, {
      prefix: 'cali-fw-',
      direction: 'outbound',
      tiers: tiers.egress,
      dropEncapsulated: true,
      ...both,
      ...(qos && { qos: qos.egress }),
    }),
  ];
}
