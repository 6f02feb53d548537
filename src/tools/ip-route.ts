/** `ip route`, `ip rule`, `ip neigh`. */

import {
  ERRNO_TEXT,
  type FibRoute,
  formatRoute,
  formatRule,
  formatTable,
  type Netns,
  parseTable,
  RT_TABLE,
} from '../kernel/index.js';
import { compareIpv4, formatIpv4, formatMac, INADDR_ANY, parseIpv4 } from '../packet/index.js';
import { failure, lines, ok, type ToolResult } from './tool.js';

const inTable = (netns: Netns, table: number | undefined): FibRoute[] =>
  [...netns.fib.routes(table)].filter((route) => table === undefined || route.table === table);

interface Chosen {
  readonly routes: readonly FibRoute[];
  /** Where one was named, `ip` does not repeat it. */
  readonly dev: string | undefined;
  readonly showTable: boolean;
}

/** `ip route [show] [table T] [dev D]`, or what is wrong with it. */
function chosenRoutes(netns: Netns, selector: ReadonlyMap<string, string>): Chosen | ToolResult {
  const name = selector.get('table') ?? 'main';
  const table = name === 'all' ? undefined : parseTable(name);
  if (name !== 'all' && table === undefined)
    return failure(255, `Error: argument "${name}" is wrong: table id value is invalid\n`);
  const dev = selector.get('dev');
  const routes = inTable(netns, table).filter(
    (route) => dev === undefined || route.nextHops.some((hop) => hop.dev?.name === dev),
  );
  return { routes, dev, showTable: table === undefined };
}

const withoutDev = (text: string, dev: string | undefined): string =>
  dev === undefined ? text : text.replace(` dev ${dev} `, ' ');

export function showRoutes(netns: Netns, selector: ReadonlyMap<string, string>): ToolResult {
  const chosen = chosenRoutes(netns, selector);
  if ('exitCode' in chosen) return chosen;
  const { routes, dev, showTable } = chosen;
  return ok(lines(routes.map((route) => withoutDev(formatRoute(route, { showTable }), dev))));
}

export function showRoutesJson(netns: Netns, selector: ReadonlyMap<string, string>): ToolResult {
  const chosen = chosenRoutes(netns, selector);
  return 'exitCode' in chosen ? chosen : ok(`${JSON.stringify(routesJson(chosen))}\n`);
}

function routesJson({ routes, dev, showTable }: Chosen): readonly object[] {
  return routes.map((route) => {
    const [hop] = route.nextHops;
    const { destination, metric, prefSrc, scope, type } = route;
    const prefix = formatIpv4(destination.addr);
    return {
      ...(type === 'unicast' ? {} : { type }),
      dst:
        destination.length === 0 ? 'default' : destination.length === 32 ? prefix : `${prefix}/${destination.length}`,
      ...(hop?.via === undefined ? {} : { gateway: formatIpv4(hop.via) }),
      ...(hop?.dev === undefined || dev !== undefined ? {} : { dev: hop.dev.name }),
      ...(showTable && route.table !== RT_TABLE.main ? { table: formatTable(route.table) } : {}),
      ...protocolJson(route),
      ...(scope === 'global' ? {} : { scope }),
      ...(prefSrc === undefined ? {} : { prefsrc: formatIpv4(prefSrc) }),
      ...(metric === 0 ? {} : { metric }),
      flags: hop?.onlink === true ? ['onlink'] : [],
      ...(route.mtu === undefined ? {} : { metrics: [{ mtu: route.mtu }] }),
    };
  });
}

/** iproute2 does not say `boot`. */
function protocolJson(route: FibRoute): object {
  const match = / proto (\S+)/.exec(formatRoute(route));
  return match?.[1] === undefined ? {} : { protocol: match[1] };
}

/** `ip route get ADDRESS [from S] [mark M]`. */
export function getRoute(netns: Netns, destination: string, selector: ReadonlyMap<string, string>): ToolResult {
  const address = parseIpv4(destination);
  if (address === undefined) return failure(1, `Error: any valid prefix is expected rather than "${destination}".`);
  const from = selector.get('from');
  const source = from === undefined ? undefined : parseIpv4(from);
  const iif = selector.get('iif');
  const dev = iif === undefined ? undefined : netns.devices.named(iif);
  if (iif !== undefined && dev === undefined) return failure(1, `Cannot find device "${iif}"`);
  const answer = netns.fib.routeGet({
    destination: address,
    source: source ?? INADDR_ANY,
    ...(selector.has('mark') ? { mark: Number(selector.get('mark')) } : {}),
    ...(dev === undefined ? {} : { iif: dev }),
  });
  return 'errno' in answer ? failure(2, `RTNETLINK answers: ${ERRNO_TEXT[answer.errno]}`) : ok(`${answer.text}\n`);
}

export const showRules = (netns: Netns): ToolResult => ok(lines(netns.fib.rules.map((rule) => formatRule(rule))));

/** `ip neigh [dev D]`: entries without need of ARP are left out, as ip does. */
export function showNeighbours(netns: Netns, dev: string | undefined): ToolResult {
  const entries = [...netns.neighbours.entries()]
    .filter(
      (entry) => entry.state !== 'noarp' && entry.state !== 'none' && (dev === undefined || entry.dev.name === dev),
    )
    .sort((a, b) => a.dev.ifindex - b.dev.ifindex || compareIpv4(a.address, b.address));
  return ok(
    lines(
      entries.map((entry) => {
        const where = dev === undefined ? ` dev ${entry.dev.name}` : '';
        const mac = entry.valid ? ` lladdr ${formatMac(entry.mac)}` : '';
        return `${formatIpv4(entry.address)}${where}${mac} ${entry.state.toUpperCase()} `;
      }),
    ),
  );
}
