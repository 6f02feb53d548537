/**
 * From an interface to its endpoint's chain; felix/rules/dispatch.go. Interfaces that share the first
 * character after what all names have in common get a chain of their own, which makes the walk short.
 */

import type { Cause } from '../../../trace/index.js';
import { compareText } from '../../digest.js';
import { endpointChainName } from '../../names.js';
import { CHAIN } from './chain-names.js';
import type { RulesConfig } from './config.js';
import { type Action, type Chain, goto, inInterface, type Match, outInterface, RETURN, type Rule } from './rule.js';

/** An interface and the objects that it is there for. */
export interface DispatchTarget {
  readonly interfaceName: string;
  readonly because: readonly Cause[];
}

interface Tree {
  readonly common: string;
  readonly branches: ReadonlyMap<string, readonly DispatchTarget[]>;
}

function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return a.slice(0, length);
}

/** Sorted by name; a name that comes twice counts once. */
function divide(targets: readonly DispatchTarget[]): Tree {
  const unique = new Map(targets.map((target) => [target.interfaceName, target]));
  const names = [...unique.keys()].sort(compareText);
  const common = names.length === 0 ? '' : names.reduce(commonPrefix);
  const branches = new Map<string, DispatchTarget[]>();
  for (const name of names) {
    const prefix = name.slice(0, common.length + 1);
    const target = unique.get(name);
    if (target) branches.set(prefix, [...(branches.get(prefix) ?? []), target]);
  }
  return { common, branches };
}

interface Dispatch {
  readonly chain: string;
  /** Prefix of the endpoints' chains. */
  readonly endpointPrefix: string;
  readonly match: (interfaceName: string) => Match;
  /** For interfaces that are in no branch. */
  readonly end: readonly Rule[];
}

/** The children first, as upstream lists them. */
function dispatchChains({ common, branches }: Tree, { chain, endpointPrefix, match, end }: Dispatch): Chain[] {
  const toEndpoint = ({ interfaceName, because }: DispatchTarget): Rule => ({
    match: [match(interfaceName)],
    action: goto(endpointChainName(endpointPrefix, interfaceName)),
    comments: [],
    because,
  });
  const children: Chain[] = [];
  const root: Rule[] = [];
  for (const [prefix, targets] of branches) {
    if (targets.length === 1) {
      root.push(...targets.map(toEndpoint));
      continue;
    }
    const name = `${chain}-${prefix.slice(common.length)}`;
    const because = targets.flatMap((target) => target.because);
    root.push({ match: [match(`${prefix}+`)], action: goto(name), comments: [], because });
    // A goto does not come back, so the end stands in the child too.
    children.push({ name, rules: [...targets.map(toEndpoint), ...end] });
  }
  return [...children, { name: chain, rules: [...root, ...end] }];
}

const WORKLOAD_CHAIN_PREFIX = { to: 'cali-tw-', from: 'cali-fw-' } as const;

export function workloadDispatchChains(
  { filterDeny, because }: RulesConfig,
  targets: readonly DispatchTarget[],
): Chain[] {
  const tree = divide(targets);
  const end: Rule[] = [{ match: [], action: filterDeny, comments: ['Unknown interface'], because }];
  return [
    ...dispatchChains(tree, {
      chain: CHAIN.fromWorkloadDispatch,
      endpointPrefix: WORKLOAD_CHAIN_PREFIX.from,
      match: inInterface,
      end,
    }),
    ...dispatchChains(tree, {
      chain: CHAIN.toWorkloadDispatch,
      endpointPrefix: WORKLOAD_CHAIN_PREFIX.to,
      match: outInterface,
      end,
    }),
  ];
}

export interface HostDispatch {
  readonly targets: readonly DispatchTarget[];
  /** The endpoint that stands for all interfaces without one. */
  readonly defaultTarget?: DispatchTarget;
  readonly directions: 'from' | 'to' | 'to+from';
  /** Whether the chains for forwarded packets are wanted too. */
  readonly forward: boolean;
}

function hostEnd({ defaultTarget }: HostDispatch, prefix: string): Rule[] {
  if (defaultTarget === undefined) return [];
  const action: Action = goto(endpointChainName(prefix, defaultTarget.interfaceName));
  return [{ match: [], action, comments: [], because: defaultTarget.because }];
}

/** Packets for a pod of this host are not the default endpoint's business. */
function skipWorkloads({ workloadInterfacePrefixes, because }: RulesConfig): Rule[] {
  return workloadInterfacePrefixes.map((prefix) => ({
    match: [outInterface(`${prefix}+`)],
    action: RETURN,
    comments: ['Skip egress WHEP policy for traffic to local workload'],
    because,
  }));
}

/** Without host endpoints the chains are there and empty. */
export function hostDispatchChains(config: RulesConfig, dispatch: HostDispatch): Chain[] {
  const tree = divide(dispatch.targets);
  const from = (chain: string, endpointPrefix: string): Chain[] =>
    dispatchChains(tree, { chain, endpointPrefix, match: inInterface, end: hostEnd(dispatch, endpointPrefix) });
  const to = (chain: string, endpointPrefix: string, skip: readonly Rule[]): Chain[] => {
    const end = hostEnd(dispatch, endpointPrefix);
    return dispatchChains(tree, {
      chain,
      endpointPrefix,
      match: outInterface,
      end: end.length === 0 ? [] : [...skip, ...end],
    });
  };
  const skip = dispatch.forward ? [] : skipWorkloads(config);
  return [
    ...(dispatch.directions === 'to' ? [] : from(CHAIN.fromHostEndpoint, 'cali-fh-')),
    ...(dispatch.directions === 'from' ? [] : to(CHAIN.toHostEndpoint, 'cali-th-', skip)),
    ...(dispatch.forward
      ? [...from(CHAIN.fromHostEndpointForward, 'cali-fhfw-'), ...to(CHAIN.toHostEndpointForward, 'cali-thfw-', [])]
      : []),
  ];
}
