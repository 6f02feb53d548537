/**
 * What a rule of Felix that has dropped a packet stands for, in one sentence. The rule's chain and comment say
 * what kind of end it is, its causes name the objects.
 */

import { type Cause, formatCause } from '../../trace/index.js';

/** A rule that matched last. */
export interface DroppingRule {
  readonly chain: string;
  /** As iptables-save prints it. */
  readonly text: string;
  readonly because: readonly Cause[];
}

const DIRECTIONS: readonly { readonly prefix: string; readonly inbound: boolean; readonly words: string }[] = [
  { prefix: 'cali-tw-', inbound: true, words: 'ingress of' },
  { prefix: 'cali-fw-', inbound: false, words: 'egress of' },
  { prefix: 'cali-fhfw-', inbound: true, words: 'what comes in to be forwarded through' },
  { prefix: 'cali-thfw-', inbound: false, words: 'what goes out forwarded through' },
  { prefix: 'cali-fh-', inbound: true, words: 'ingress of' },
  { prefix: 'cali-th-', inbound: false, words: 'egress of' },
];

const ENDPOINTS: ReadonlySet<string> = new Set(['Pod', 'HostEndpoint']);

/** `A`, `A and B`, `A, B and C`. */
const list = (items: readonly string[]): string =>
  items.length <= 1 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;

const names = (causes: readonly Cause[]): string[] => [...new Set(causes.map(formatCause))];

/** Felix' IptablesFilterDenyAction. */
const does = (text: string): string => (/ -j REJECT( |$)/.test(text) ? 'rejects' : 'drops');

function endOfEndpoint({ text, because }: DroppingRule, direction: string): string | undefined {
  const endpoint = because.find(({ kind }) => ENDPOINTS.has(kind));
  const subject = `${direction} ${endpoint === undefined ? 'the endpoint' : formatCause(endpoint)}`;
  const tier = /End of tier ([^ ]+)\. /.exec(text)?.[1];
  if (tier !== undefined) {
    const policies = names(because.filter(({ kind }) => !ENDPOINTS.has(kind) && kind !== 'Tier'));
    const verb = policies.length === 1 ? 'applies' : 'apply';
    return `Policy ${does(text)} it: ${list(policies)} ${verb} to ${subject}, and no rule of tier ${tier} allows the packet.`;
  }
  if (text.includes('if no profiles matched')) {
    return `Policy ${does(text)} it: nothing allows it for ${subject}, no policy and no profile.`;
  }
  if (text.includes('packets originating in workloads')) {
    return `Calico drops it: a pod may not send encapsulated packets (${subject}).`;
  }
  return undefined;
}

/** Policies that were asked and did not decide, where that is what the rule is about. */
export function undecidedBy({
  chain,
  text,
  because,
}: DroppingRule): { readonly policies: readonly Cause[]; readonly direction: 'ingress' | 'egress' } | undefined {
  const side = DIRECTIONS.find(({ prefix }) => chain.startsWith(prefix));
  if (side === undefined || !text.includes('End of tier')) return undefined;
  const policies = because.filter(({ kind }) => !ENDPOINTS.has(kind) && kind !== 'Tier');
  return { policies, direction: side.inbound ? 'ingress' : 'egress' };
}

/** Undefined where the rule is none of Felix’, or says all by itself. */
export function explainDroppingRule(rule: DroppingRule): string | undefined {
  const { chain, text, because } = rule;
  if (chain.startsWith('cali-pi-') || chain.startsWith('cali-po-')) {
    return `Policy ${does(text)} it: ${list(names(because))} denies it.`;
  }
  if (chain.startsWith('cali-pri-') || chain.startsWith('cali-pro-')) {
    return `Policy ${does(text)} it: profile ${list(names(because))} denies it.`;
  }
  const direction = DIRECTIONS.find(({ prefix }) => chain.startsWith(prefix))?.words;
  if (direction !== undefined) return endOfEndpoint(rule, direction);
  if (chain === 'cali-PREROUTING' && text.includes('-m rpfilter')) {
    return 'Calico drops it: its source is not an address that is routed to the pod it comes from.';
  }
  if (chain === 'cali-wl-to-host') {
    const source = because.some(({ kind }) => kind !== 'Node') ? ` (${list(names(because))})` : ', as it is by default';
    return `Calico drops it: Felix’ DefaultEndpointToHostAction does not let pods reach their own node${source}.`;
  }
  return text.includes('Unknown interface') ? 'Calico drops it: it knows of no pod behind the interface.' : undefined;
}
