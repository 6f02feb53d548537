/** `ip route` as iproute2 6.1 prints it (ip/iproute.c). */

import {
  ERRNO_TEXT,
  type FibRoute,
  formatRoute,
  formatRouteProtocol,
  formatTable,
  formatTos,
  type Netns,
  type NextHop,
  parseRouteProtocol,
  parseTable,
  RT_PROTOCOL,
  RT_TABLE,
  type RouteGetAnswer,
} from '../../kernel/index.js';
import { formatIpv4, type Ipv4Addr, ipv4Network, type Ipv4Prefix, parseIpv4, INADDR_ANY } from '../../packet/index.js';
import { failure, ok, type ToolResult } from '../tool.js';
import { formatJson, type JsonValue, type OutputForm, printRows, Row } from './row.js';
import { isResult, noPrefix, parsePrefix, readSelector, type Selector } from './selector.js';

const SELECTORS = {
  table: 'value',
  dev: 'value',
  oif: 'value',
  proto: 'value',
  protocol: 'value',
  scope: 'value',
  type: 'value',
  via: 'value',
  src: 'value',
  tos: 'value',
  dsfield: 'value',
  root: 'value',
  match: 'value',
  exact: 'value',
  to: 'value',
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
  readonly scope: string | undefined;
  readonly type: string | undefined;
  readonly via: Ipv4Addr | undefined;
  readonly source: Ipv4Addr | undefined;
  readonly tos: number | undefined;
}

function asked(netns: Netns, { values }: Selector): Asked | ToolResult {
  const tableText = values.get('table') ?? 'main';
  const table = tableText === 'all' ? undefined : parseTable(tableText);
  if (tableText !== 'all' && table === undefined)
    return failure(255, `Error: argument "${tableText}" is wrong: table id value is invalid\n`);
  const known =
    table === undefined || table === RT_TABLE.main || table === RT_TABLE.default || table === RT_TABLE.local;
  if (!known && netns.fib.routes(table).length === 0)
    return failure(2, 'Error: ipv4: FIB table does not exist.\nDump terminated');
  const dev = values.get('dev') ?? values.get('oif');
  if (dev !== undefined && netns.devices.named(dev) === undefined) return failure(1, `Cannot find device "${dev}"`);
  const protocolText = values.get('proto') ?? values.get('protocol');
  const protocol = protocolText === undefined || protocolText === 'all' ? undefined : parseRouteProtocol(protocolText);
  if (protocolText !== undefined && protocolText !== 'all' && protocol === undefined)
    return failure(255, `Error: argument "${protocolText}" is wrong: invalid "protocol"\n`);
  const addresses: (Ipv4Addr | undefined)[] = [];
  for (const word of ['via', 'src'] as const) {
    const text = values.get(word);
    const address = text === undefined ? undefined : parseIpv4(text);
    if (text !== undefined && address === undefined) return noPrefix(text);
    addresses.push(address);
  }
  const [via, source] = addresses;
  const tosText = values.get('tos') ?? values.get('dsfield');
  const tos = tosText === undefined ? undefined : Number(tosText);
  const scope = values.get('scope');
  return {
    table,
    dev,
    protocol,
    scope: scope === 'all' ? undefined : scope,
    type: values.get('type'),
    via,
    source,
    tos,
  };
}

function selects(wanted: Asked, route: FibRoute): boolean {
  const { dev, protocol, scope, type, via, source, tos } = wanted;
  return (
    (wanted.table === undefined || route.table === wanted.table) &&
    (dev === undefined || route.nextHops.some((hop) => hop.dev?.name === dev)) &&
    (protocol === undefined || route.protocol === protocol) &&
    (scope === undefined || route.scope === scope) &&
    (type === undefined || route.type === type) &&
    (via === undefined || route.nextHops.some((hop) => hop.via === via)) &&
    (source === undefined || route.prefSrc === source) &&
    (tos === undefined || route.tos === tos)
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

/** print_route(): what was asked for is not repeated. */
function routeRow(route: FibRoute, wanted: Asked): Row {
  const { destination, nextHops, type } = route;
  const only = nextHops.length === 1 ? nextHops[0] : undefined;
  const hide = { via: wanted.via !== undefined, dev: wanted.dev !== undefined };
  const row = new Row();
  if (type !== 'unicast') row.add('type', type, `${type} `);
  const prefix = formatIpv4(destination.addr);
  const dst =
    destination.length === 0 ? 'default' : destination.length === 32 ? prefix : `${prefix}/${destination.length}`;
  row.add('dst', dst, `${dst} `);
  if (route.tos !== 0 && wanted.tos === undefined) row.add('tos', formatTos(route.tos), `tos ${formatTos(route.tos)} `);
  if (only !== undefined) via(row, only, hide);
  if (wanted.table === undefined && route.table !== RT_TABLE.main)
    row.add('table', formatTable(route.table), `table ${formatTable(route.table)} `);
  if (route.protocol !== RT_PROTOCOL.boot && wanted.protocol === undefined) {
    const protocol = formatRouteProtocol(route.protocol);
    row.add('protocol', protocol, `proto ${protocol} `);
  }
  if (route.scope !== 'global' && wanted.scope === undefined) row.add('scope', route.scope, `scope ${route.scope} `);
  if (route.prefSrc !== undefined) {
    const source = formatIpv4(route.prefSrc);
    row.add('prefsrc', source, `src ${source} `);
  }
  if (route.metric !== 0) row.add('metric', route.metric, `metric ${route.metric} `);
  hopFlags(row, only);
  if (route.mtu !== undefined) row.say(`mtu ${route.mtu} `).note('metrics', [{ mtu: route.mtu }]);
  if (nextHops.length > 1) nexthops(row, nextHops, hide.dev);
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

/** `ip route [show] …`. */
export function showRoutes(netns: Netns, words: readonly string[], form: OutputForm): ToolResult {
  const selector = readSelector(words, SELECTORS, 'to');
  if (isResult(selector)) return selector;
  const wanted = asked(netns, selector);
  if (isResult(wanted)) return wanted;
  const fits = destinationFilter(selector);
  if (typeof fits !== 'function') return fits;
  const routes = netns.fib.routes(wanted.table).filter((route) => selects(wanted, route) && fits(route));
  return ok(
    printRows(
      routes.map((route) => routeRow(route, wanted)),
      form,
    ),
  );
}

const GET = {
  from: 'value',
  iif: 'value',
  oif: 'value',
  dev: 'value',
  mark: 'value',
  tos: 'value',
  dsfield: 'value',
  ipproto: 'value',
  sport: 'value',
  dport: 'value',
  uid: 'value',
  fibmatch: 'flag',
  to: 'value',
} as const;

const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17 };

/** `ip route get ADDRESS [from A iif D] [oif D] [mark M] [tos T] [ipproto P sport N dport N] [fibmatch]`. */
export function getRoute(netns: Netns, words: readonly string[], form: OutputForm): ToolResult {
  const selector = readSelector(words, GET, 'to');
  if (isResult(selector)) return selector;
  const { values, flags } = selector;
  const text = values.get('to');
  if (text === undefined) return failure(1, 'need at least a destination address');
  const destination = parseIpv4(text.replace(/\/32$/, ''));
  if (destination === undefined) return noPrefix(text);
  const from = values.get('from');
  const source = from === undefined ? INADDR_ANY : parseIpv4(from);
  if (source === undefined) return noPrefix(from ?? '');
  const device = (word: string): ReturnType<typeof netns.devices.named> => netns.devices.named(values.get(word) ?? '');
  for (const word of ['iif', 'oif', 'dev'] as const) {
    if (values.has(word) && device(word) === undefined) return failure(1, `Cannot find device "${values.get(word)}"`);
  }
  const number = (...names: string[]): number | undefined => {
    const given = names.map((name) => values.get(name)).find((one) => one !== undefined);
    return given === undefined ? undefined : Number(given);
  };
  const protocol = values.get('ipproto');
  const answer = netns.fib.routeGet({
    destination,
    source,
    mark: number('mark'),
    tos: number('tos', 'dsfield'),
    iif: device('iif'),
    oif: device('oif') ?? device('dev'),
    protocol: protocol === undefined ? undefined : (PROTOCOLS[protocol] ?? Number(protocol)),
    sourcePort: number('sport'),
    destinationPort: number('dport'),
  });
  if ('errno' in answer) return failure(2, `RTNETLINK answers: ${ERRNO_TEXT[answer.errno]}`);
  const { route } = answer.answer.result;
  if (flags.has('fibmatch') && route !== undefined) return ok(`${formatRoute(route, { showTable: true })}\n`);
  return ok(form.json ? `${formatJson([getJson(answer.answer)], form.pretty)}\n` : `${answer.text}\n`);
}

/** The same as text is kernel/fib/format.ts:formatRouteGet(). */
function getJson({ flow, result, learned, table, isLocal }: RouteGetAnswer): Record<string, JsonValue> {
  const { type, route, gateway, dev } = result;
  const isInput = flow.iif !== undefined;
  const mtu = learned?.mtu ?? route?.mtu;
  const flags = [
    ...(isLocal ? ['local'] : []),
    ...(type === 'broadcast' ? ['brd'] : []),
    ...(type === 'multicast' ? ['mc'] : []),
    ...(result.redirect ? ['redirect'] : []),
  ];
  return {
    ...(type === 'unicast' ? {} : { type }),
    dst: formatIpv4(flow.destination),
    ...(flow.source === INADDR_ANY ? {} : { from: formatIpv4(flow.source) }),
    ...(route === undefined || route.tos === 0 ? {} : { tos: formatTos(route.tos) }),
    ...(gateway === undefined ? {} : { gateway: formatIpv4(gateway) }),
    ...(dev === undefined ? {} : { dev: dev.name }),
    ...(table === undefined || table === RT_TABLE.main ? {} : { table: formatTable(table) }),
    ...(isInput || flow.source === result.source ? {} : { prefsrc: formatIpv4(result.source) }),
    flags: [],
    ...(flow.mark === undefined || flow.mark === 0 ? {} : { mark: flow.mark }),
    ...(isInput ? {} : { uid: 0 }),
    cache: flags,
    ...(learned === undefined ? {} : { expires: learned.seconds }),
    ...(mtu === undefined ? {} : { metrics: [{ mtu }] }),
    ...(flow.iif === undefined ? {} : { iif: flow.iif.name }),
  };
}
