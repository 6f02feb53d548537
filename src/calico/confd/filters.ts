/** BGPFilters as functions of BIRD's language; confd/pkg/resource/template/template_funcs.go:BGPFilterBIRDFuncs(). */

import { parseCidr } from '../cidr.js';
import { bgpFilterName } from '../names.js';
import type { BgpFilter, BgpFilterOperation, BgpFilterRule, IpVersion } from './model.js';

/** A route's metric m travels as the local preference MAX_METRIC - m, so that less is better on both sides. */
export const MAX_METRIC = 0x7fffffff;

const OPERATORS = { Equal: '=', NotEqual: '!=', In: '~', NotIn: '!~' } as const;

/** `(aa, nn)` or `(aa, nn, mm)`. */
const pair = (community: string): string => `(${community.split(':').join(', ')})`;
const attribute = (community: string): string =>
  community.split(':').length === 3 ? 'bgp_large_community' : 'bgp_community';

export const addCommunity = (community: string): string => `${attribute(community)}.add(${pair(community)});`;

function prefixSet(cidr: string, { min, max }: NonNullable<BgpFilterRule['prefixLength']>): string {
  const own = parseCidr(cidr);
  const most = own?.version === 6 ? 128 : 32;
  return `[ ${cidr}{${Math.max(own?.length ?? 0, min ?? 0)},${Math.min(most, max ?? most)}} ]`;
}

function conditions(rule: BgpFilterRule): string[] {
  const { cidr, prefixLength, matchOperator, source, communities, asPathPrefix, priority } = rule;
  const found: string[] = [];
  if (cidr !== undefined && matchOperator !== undefined) {
    const right = prefixLength === undefined ? cidr : prefixSet(cidr, prefixLength);
    found.push(`(net ${OPERATORS[matchOperator]} ${right})`);
  }
  if (source === 'RemotePeers') found.push('((defined(source))&&(source ~ [ RTS_BGP ]))');
  if (rule.interface !== '') found.push(`((defined(ifname))&&(ifname ~ "${rule.interface}"))`);
  const [community] = communities;
  if (community !== undefined) found.push(`(${pair(community)} ~ ${attribute(community)})`);
  if (asPathPrefix.length > 0) found.push(`(bgp_path ~ [= ${asPathPrefix.join(' ')} * =])`);
  if (priority !== undefined) found.push(`(defined(bgp_local_pref)&&(bgp_local_pref = ${MAX_METRIC - priority}))`);
  return found;
}

function operationStatements(operation: BgpFilterOperation): string[] {
  switch (operation.kind) {
    case 'add-community':
      return [addCommunity(operation.community)];
    case 'prepend-as-path':
      // One at a time: the last to be prepended is the first of the path.
      return operation.prefix.toReversed().map((as) => `bgp_path.prepend(${as});`);
    default:
      return [`bgp_local_pref = ${MAX_METRIC - operation.priority};`];
  }
}

function ruleStatement(rule: BgpFilterRule): string {
  const body = [...rule.operations.flatMap(operationStatements), `${rule.action.toLowerCase()};`].join(' ');
  const condition = conditions(rule).join('&&');
  const statement = condition === '' ? body : `if (${condition}) then { ${body} }`;
  if (rule.peerType === undefined) return statement;
  return `if (${rule.peerType === 'iBGP' ? '' : '!'}is_same_as) then { ${statement} }`;
}

type Direction = 'import' | 'export';

/** Whether the function wants to know if the session is within the AS. */
const asksForPeerType = (rules: readonly BgpFilterRule[]): boolean =>
  rules.some(({ peerType }) => peerType !== undefined);

const functionName = (filter: string, direction: Direction, version: IpVersion): string =>
  `'bgp_${bgpFilterName(filter)}_${direction}FilterV${version}'`;

/** The BGPFilter of which a function is, by its name in BIRD's files. */
export const filterOfFunction = (
  name: string,
  filters: readonly BgpFilter[],
): { readonly filter: BgpFilter; readonly direction: Direction } | undefined => {
  for (const filter of filters)
    for (const direction of ['import', 'export'] as const)
      for (const version of [4, 6] as const)
        if (functionName(filter.name, direction, version).replaceAll("'", '') === name) return { filter, direction };
  return undefined;
};

/** The call in a peer's filter, or nothing where the BGPFilter has no rule for it. */
export function filterCall(
  filter: BgpFilter,
  direction: Direction,
  { version, sameAs }: { readonly version: IpVersion; readonly sameAs: boolean },
): string[] {
  const rules = filter[direction][version];
  if (rules.length === 0) return [];
  return [`${functionName(filter.name, direction, version)}(${asksForPeerType(rules) ? String(sameAs) : ''});`];
}

/** All functions of one family, line by line. */
export function filterFunctions(filters: readonly BgpFilter[], version: IpVersion): string[] {
  const lines = filters.flatMap((filter) => {
    const functions = (['import', 'export'] as const).flatMap((direction) => {
      const rules = filter[direction][version];
      if (rules.length === 0) return [];
      const parameter = asksForPeerType(rules) ? 'bool is_same_as' : '';
      return [
        `function ${functionName(filter.name, direction, version)}(${parameter}) {`,
        ...rules.map((rule) => `  ${ruleStatement(rule)}`),
        '}',
      ];
    });
    return functions.length === 0 ? [] : [`# v${version} BGPFilter ${filter.name}`, ...functions];
  });
  return lines.length > 0 ? lines : [`# No v${version} BGPFilters configured`];
}
