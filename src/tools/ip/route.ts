/** `ip route` as iproute2 6.1 prints it (ip/iproute.c). */

import {
  type FibRoute,
  formatTos,
  type Netns,
  type NextHop,
  parseRouteProtocol,
  parseTable,
  RT_PROTOCOL,
  RT_TABLE,
  type Scope,
} from '../../kernel/index.js';
import type { RouteType } from '../../trace/index.js';
import { formatIpv4, INADDR_ANY, type Ipv4Addr, ipv4Network, type Ipv4Prefix } from '../../packet/index.js';
import { failure, ok, type ToolResult } from '../tool.js';
import { type Names, namesOf, parseRouteType, parseScope } from './names.js';
import { type OutputForm, printRows, Row } from './row.js';
import { isResult, noPrefix, parsePrefix, readSelector, refuse, type Selector, wrongArgument } from './selector.js';

export interface RouteForm extends OutputForm {
  /** `-d`: what is usual is said too. */
  readonly details: boolean;
  /** `-N`. */
  readonly numeric: boolean;
}

/** In the order of iproute_list_flush_or_save(). */
const SELECTORS = {
  table: 'value*',
  vrf: 'value*',
  cached: 'flag*',
  cloned: 'flag*',
  tos: 'value',
  dsfield: 'value*',
  protocol: 'value*',
  scope: 'value*',
  type: 'value*',
  dev: 'value',
  oif: 'value',
  iif: 'value',
  mark: 'value',
  metric: 'value*',
  priority: 'value*',
  preference: 'value',
  via: 'value',
  src: 'value',
  realms: 'value*',
  to: 'value*',
  root: 'value*',
  match: 'value*',
  exact: 'value*',
} as const;

const contains = (outer: Ipv4Prefix, inner: Ipv4Prefix): boolean =>
  outer.length <= inner.length && ipv4Network(inner.addr, outer.length) === ipv4Network(outer.addr, outer.length);

const samePrefix = (a: Ipv4Prefix, b: Ipv4Prefix): boolean => a.length === b.length && contains(a, b);

/** What is asked of destinations: `PREFIX` and `exact`, `root`, `match`. */
function destinationFilter({ values }: Selector): ((route: FibRoute) => boolean) | ToolResult {
  const filters: ((destination: Ipv4Prefix) => boolean)[] = [];
  const forms = {
    to: samePrefix,
    exact: samePrefix,
    root: contains,
    match: (wanted: Ipv4Prefix, given: Ipv4Prefix) => contains(given, wanted),
  } as const;
  for (const [word, holds] of Object.entries(forms)) {
    const text = values.get(word);
    if (text === undefined) continue;
    const prefix = parsePrefix(text);
    if (prefix === undefined) return noPrefix(text);
    filters.push((destination) => holds(prefix, destination));
  }
  return ({ destination }) => filters.every((holds) => holds(destination));
}

interface Asked {
  readonly table: number | undefined;
  readonly dev: string | undefined;
  readonly protocol: number | undefined;
  readonly scope: Scope | undefined;
  readonly type: RouteType | undefined;
  readonly via: Ipv4Prefix | undefined;
  readonly source: Ipv4Prefix | undefined;
  readonly tos: number | undefined;
  readonly metric: number | undefined;
  /** What no route here has: it is of the cache, or has realms, a mark, a device that packets come in by. */
  readonly none: boolean;
}

/** Undefined for all tables. @throws Refused */
function tableOf(netns: Netns, text: string): number | undefined {
  if (text === 'all') return undefined;
  const table = parseTable(text) ?? refuse(wrongArgument(text, 'table id value is invalid\n'));
  if (table === 0) return undefined; // RT_TABLE_UNSPEC
  if (table !== RT_TABLE.main && netns.fib.routes(table).length === 0)
    refuse(failure(2, 'Error: ipv4: FIB table does not exist.\nDump terminated'));
  return table;
}

const wrong =
  (why: string) =>
  (text: string): ToolResult =>
    wrongArgument(text, `${why}\n`);

const wholeNumber = (text: string): number | undefined =>
  /^(?:0x[\da-f]+|\d+)$/i.test(text) ? Number(text) : undefined;
/** Numbers of this octet are hexadecimal with or without 0x. */
export const octet = (text: string): number | undefined =>
  /^(?:0x)?[\da-f]{1,2}$/i.test(text) ? Number.parseInt(text, 16) : undefined;
/** `all` is as if nothing had been said. */
const notAll = (text: string | undefined): string | undefined => (text === 'all' ? undefined : text);

/** @throws Refused */
function valueOf<T>(
  text: string | undefined,
  parse: (text: string) => T | undefined,
  complain: (text: string) => ToolResult,
): T | undefined {
  return text === undefined ? undefined : (parse(text) ?? refuse(complain(text)));
}

/** @throws Refused */
function asked(netns: Netns, { values, flags }: Selector): Asked {
  const cached = flags.has('cached') || flags.has('cloned') || values.get('table') === 'cache';
  const dev = values.get('dev') ?? values.get('oif');
  const vrf = values.get('vrf');
  if (vrf !== undefined) refuse(wrongArgument(vrf, 'Invalid VRF\n'));
  if (dev !== undefined && netns.devices.named(dev) === undefined) refuse(failure(1, `Cannot find device "${dev}"`));
  const metric = values.get('metric') ?? values.get('priority') ?? values.get('preference');
  return {
    table: cached ? undefined : tableOf(netns, values.get('table') ?? 'main'),
    dev,
    protocol: valueOf(notAll(values.get('protocol')), parseRouteProtocol, wrong('invalid "protocol"')),
    scope: valueOf(notAll(values.get('scope')), parseScope, wrong('invalid "scope"')),
    type: valueOf(values.get('type'), parseRouteType, wrong('node type value is invalid')),
    via: valueOf(values.get('via'), parsePrefix, noPrefix),
    source: valueOf(values.get('src'), parsePrefix, noPrefix),
    tos: valueOf(values.get('tos') ?? values.get('dsfield'), octet, wrong('TOS value is invalid')),
    metric: valueOf(metric, wholeNumber, wrong('"metric" value is invalid')),
    none: cached || ['realms', 'mark', 'iif'].some((word) => (values.get(word) ?? '0') !== '0'),
  };
}

/** inet_addr_match(): what is not there is 0.0.0.0. */
const within = (prefix: Ipv4Prefix, address: Ipv4Addr | undefined): boolean =>
  ipv4Network(address ?? INADDR_ANY, prefix.length) === prefix.addr;

/** filter_nlmsg(): of several next hops none is the route's own. */
function selects(wanted: Asked, route: FibRoute): boolean {
  const { dev, protocol, scope, type, via, source, tos, metric } = wanted;
  const only = route.nextHops.length === 1 ? route.nextHops[0] : undefined;
  return (
    !wanted.none &&
    (wanted.table === undefined || route.table === wanted.table) &&
    (dev === undefined || only?.dev?.name === dev) &&
    (protocol === undefined || route.protocol === protocol) &&
    (scope === undefined || route.scope === scope) &&
    (type === undefined || route.type === type) &&
    (via === undefined || within(via, only?.via)) &&
    (source === undefined || within(source, route.prefSrc)) &&
    (tos === undefined || route.tos === tos) &&
    (metric === undefined || route.metric === metric)
  );
}

/** print_rt_flags(). */
function hopFlags(row: Row, hop: NextHop | undefined): void {
  const flags = [
    ...(hop?.dead === true ? ['dead'] : []),
    ...(hop?.onlink === true ? ['onlink'] : []),
    ...(hop?.linkdown === true ? ['linkdown'] : []),
  ];
  row.add('flags', flags, flags.map((flag) => `${flag} `).join(''));
}

function via(row: Row, hop: NextHop, hide: { readonly via: boolean; readonly dev: boolean }): void {
  if (hop.via !== undefined && !hide.via) row.add('gateway', formatIpv4(hop.via), `via ${formatIpv4(hop.via)} `);
  if (hop.dev !== undefined && !hide.dev) row.add('dev', hop.dev.name, `dev ${hop.dev.name} `);
}

const formatDestination = ({ addr, length }: Ipv4Prefix): string =>
  length === 0 ? 'default' : length === 32 ? formatIpv4(addr) : `${formatIpv4(addr)}/${length}`;

/** What was asked for is not repeated. */
type Known = Partial<Pick<Asked, 'table' | 'dev' | 'protocol' | 'scope' | 'via' | 'source' | 'tos' | 'metric'>>;

/** print_route(). */
export function routeRow(route: FibRoute, known: Known, { details, names }: { details: boolean; names: Names }): Row {
  const { destination, nextHops, type, table } = route;
  const only = nextHops.length === 1 ? nextHops[0] : undefined;
  const row = new Row();
  const word = (key: string, name: string, text: string): Row => row.add(key, text, `${name} ${text} `);
  if (type !== 'unicast' || details) row.add('type', names.type(type), `${names.type(type)} `);
  const dst = formatDestination(destination);
  row.add('dst', dst, `${dst} `);
  if (route.tos !== 0 && known.tos === undefined) word('tos', 'tos', formatTos(route.tos));
  if (only !== undefined) via(row, only, { via: known.via?.length === 32, dev: known.dev !== undefined });
  if (known.table === undefined && (table !== RT_TABLE.main || details)) word('table', 'table', names.table(table));
  if ((route.protocol !== RT_PROTOCOL.boot || details) && known.protocol === undefined)
    word('protocol', 'proto', names.protocol(route.protocol));
  if ((route.scope !== 'global' || details) && known.scope === undefined)
    word('scope', 'scope', names.scope(route.scope));
  if (route.prefSrc !== undefined && known.source?.length !== 32) word('prefsrc', 'src', formatIpv4(route.prefSrc));
  if (route.metric !== 0 && known.metric === undefined) row.add('metric', route.metric, `metric ${route.metric} `);
  hopFlags(row, only);
  if (route.mtu !== undefined) row.say(`mtu ${route.mtu} `).note('metrics', [{ mtu: route.mtu }]);
  if (nextHops.length > 1) nexthops(row, nextHops, known.dev !== undefined);
  return row;
}

/** print_rta_multipath(). */
function nexthops(row: Row, hops: readonly NextHop[], hideDev: boolean): void {
  const rows = hops.map((hop) => {
    const each = new Row();
    via(each, hop, { via: false, dev: hideDev });
    each.add('weight', hop.weight, `weight ${hop.weight} `);
    hopFlags(each, hop);
    return each;
  });
  for (const { text } of rows) row.say(`\n\tnexthop ${text}`);
  row.note(
    'nexthops',
    rows.map(({ json }) => json),
  );
}

/** `ip route [show] …`. @throws Refused */
export function showRoutes(netns: Netns, words: readonly string[], form: RouteForm): ToolResult {
  // `via inet ADDRESS`: the family is one that goes without saying.
  const plain = words.filter((word, i) => word !== 'inet' || words[i - 1] !== 'via');
  const selector = readSelector(plain, SELECTORS, { word: 'to', again: 'instead' });
  if (isResult(selector)) return selector;
  const wanted = asked(netns, selector);
  const fits = destinationFilter(selector);
  if (typeof fits !== 'function') return fits;
  const routes = netns.fib.routes(wanted.table).filter((route) => selects(wanted, route) && fits(route));
  const style = { details: form.details, names: namesOf(form) };
  return ok(
    printRows(
      routes.map((route) => routeRow(route, wanted, style)),
      form,
    ),
  );
}
