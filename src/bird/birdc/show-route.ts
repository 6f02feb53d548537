/** `show route` (nest/rt-table.c: rt_show_net() of 1.6; nest/rt-show.c of 2). */

import { asPathLast } from '../../packet/index.js';
import { formatIp, ipEquals } from '../address.js';
import type { FilterChoice } from '../filter/syntax.js';
import { type FilterOutcome, runFilter } from '../filter/filter.js';
import type { Channel } from '../protocols/channel.js';
import { KernelProtocol } from '../protocols/kernel.js';
import type { Protocol } from '../protocols/protocol.js';
import { isStale } from '../rib/decision.js';
import { IGP_METRIC_UNKNOWN, isReachable, isResolvable, type Route } from '../rib/route.js';
import type { NetEntry, Table } from '../rib/table.js';
import type { Router } from '../router.js';
import { attributeLines } from './attributes.js';
import { shortTime, type TimeContext } from './time.js';

export interface ShowRouteRequest {
  readonly verbose: boolean;
  readonly primary: boolean;
  readonly filtered: boolean;
  readonly exportMode: 'export' | 'preexport' | 'noexport' | 'exported' | undefined;
  readonly protocol: Protocol | undefined;
  readonly filter: FilterChoice;
}

export interface ShowRouteContext {
  readonly router: Router;
  readonly protocols: readonly Protocol[];
  readonly time: TimeContext;
}

/** A table that is shown, and the channel whose exports are. */
export interface ShownTable {
  readonly table: Table;
  readonly channel: Channel | undefined;
}

/** A route as it is shown, and whether it is the best. */
interface Shown {
  readonly route: Route;
  readonly primary: boolean;
}

/** rt_format_via(). */
function via16(route: Route): string {
  switch (route.dest) {
    case 'router':
      return `via ${route.gateway === undefined ? '' : formatIp(route.gateway)} on ${route.iface ?? ''}`;
    case 'device':
      return `dev ${route.iface ?? ''}`;
    case 'prohibit':
      return 'prohibited';
    case 'blackhole':
    case 'unreachable':
    case 'multipath':
      return route.dest;
  }
}

const dest2 = (route: Route): string =>
  isReachable(route) ? 'unicast' : route.dest === 'prohibit' ? 'prohibited' : route.dest;

/** bgp_get_route_info(): ` (100/?) [AS65001i]`. */
function bgpInfo(route: Route, isBird2: boolean): string {
  const { attributes, preference, igpMetric, hostEntry } = route;
  let metric = '';
  if (isBird2 ? igpMetric !== 0 : hostEntry !== undefined) {
    const resolvable = isResolvable(route, isBird2 ? 'bird-2' : 'bird-1.6');
    metric = resolvable ? (igpMetric >= IGP_METRIC_UNKNOWN ? '/?' : `/${igpMetric}`) : '/-';
  }
  const last = attributes.asPath === undefined ? undefined : asPathLast(attributes.asPath);
  const origin = attributes.origin === undefined ? '' : ('ie?'[attributes.origin] ?? '?');
  return ` (${preference}${isStale(route) ? 's' : ''}${metric}) [${last === undefined ? '' : `AS${last}`}${origin}]`;
}

/** static_get_route_info() of 2, get_route_info() of BGP. */
function infoOf(route: Route, isBird2: boolean): string {
  const { origin, preference, attributes } = route;
  if (origin.kind === 'bgp') return bgpInfo(route, isBird2);
  const metric = isBird2 && origin.kind === 'static' ? attributes.igpMetric : undefined;
  return ` (${preference}${metric === undefined ? '' : `/${metric}`})`;
}

/** A route that may be shown. */
type Candidate = Pick<FilterOutcome, 'route' | 'copied'>;

const asItIs = (route: Route): Candidate => ({ route, copied: false });

class RouteLister {
  readonly #context: ShowRouteContext;
  readonly #request: ShowRouteRequest;
  readonly #shown: ShownTable;
  readonly lines: string[] = [];

  constructor(context: ShowRouteContext, request: ShowRouteRequest, shown: ShownTable) {
    this.#context = context;
    this.#request = request;
    this.#shown = shown;
  }

  get #isBird2(): boolean {
    return this.#context.router.isBird2;
  }

  net(entry: NetEntry): void {
    let prefix = entry.net.toString();
    for (const shown of this.#select(entry)) {
      if (this.#isBird2 && this.lines.length === 0) this.lines.push(`Table ${this.#shown.table.name}:`);
      this.#route(prefix, shown);
      prefix = '';
    }
  }

  /** Which routes of a network are shown, after filters and exports. */
  *#select({ routes, net }: NetEntry): Generator<Shown, void> {
    const request = this.#request;
    const { channel } = this.#shown;
    for (const [i, route] of routes.entries()) {
      if (route.filtered !== request.filtered) continue;
      const exported = channel === undefined ? asItIs(route) : this.#exported({ routes, net }, route, channel);
      const wanted = request.protocol === undefined || request.protocol.name === route.origin.name;
      if (exported !== undefined && wanted) {
        const outcome = runFilter(request.filter, exported.route, this.#context.router.environment);
        // To 1.6 a copy is no route of the table.
        const copied = !this.#isBird2 && (exported.copied || outcome.copied);
        if (outcome.verdict === 'accept') yield { route: outcome.route, primary: i === 0 && !copied };
      }
      if (request.primary || this.#isEnough(exported)) return;
    }
  }

  /** Whether no other route of a network is exported, whatever became of that one. */
  #isEnough(exported: Candidate | undefined): boolean {
    const { channel } = this.#shown;
    const { exportMode } = this.#request;
    if (channel === undefined || exportMode === 'exported' || channel.mode === 'any') return false;
    return channel.mode !== 'accepted' || (exportMode === 'export' && exported !== undefined);
  }

  #exported(entry: NetEntry, route: Route, channel: Channel): Candidate | undefined {
    const { exportMode } = this.#request;
    if (!channel.exporting) return undefined;
    if (exportMode === 'exported') return channel.hasExported(entry, route) ? asItIs(route) : undefined;
    const merged = exportMode === 'export' && channel.mode === 'merged';
    if (merged) return channel.exportOf(entry, 'silent');
    const prepared = channel.owner.preexport(channel, route);
    if (prepared === undefined) return undefined;
    if (exportMode === 'preexport') return asItIs(prepared);
    const exported = channel.exportRoute(route, 'silent');
    return exportMode === 'export' ? exported : exported === undefined ? asItIs(prepared) : undefined;
  }

  #mark({ route, primary }: Shown): string {
    if (!primary) return '';
    const failed = this.#context.protocols.some(
      (protocol) => protocol instanceof KernelProtocol && protocol.hasFailed(route.net),
    );
    return failed ? ' !' : ' *';
  }

  #route(prefix: string, shown: Shown): void {
    const { route } = shown;
    const { from, gateway } = route;
    const told = from !== undefined && (gateway === undefined || !ipEquals(from, gateway));
    const since = shortTime(route.modifiedNs, this.#context.time);
    const source = `[${route.origin.name} ${since}${told ? ` from ${formatIp(from)}` : ''}]`;
    const tail = `${source}${this.#mark(shown)}${infoOf(route, this.#isBird2)}`;
    if (this.#isBird2) {
      this.lines.push(`${prefix.padEnd(20)} ${dest2(route)} ${tail}`);
      this.#hops2(route);
    } else {
      this.lines.push(`${prefix.padEnd(18)} ${via16(route)} ${tail}`);
      for (const { gateway: hop, iface, weight } of route.hops) {
        this.lines.push(`\tvia ${hop === undefined ? '' : formatIp(hop)} on ${iface} weight ${weight}`);
      }
    }
    if (this.#request.verbose) this.lines.push(...attributeLines(route, this.#context.router.config.dialect));
  }

  #hops2(route: Route): void {
    const hops = route.dest === 'multipath' ? route.hops : [];
    if (route.dest === 'router' && route.gateway !== undefined) {
      this.lines.push(`\tvia ${formatIp(route.gateway)} on ${route.iface ?? ''}${route.onlink ? ' onlink' : ''}`);
    } else if (route.dest === 'device') this.lines.push(`\tdev ${route.iface ?? ''}`);
    for (const { gateway, iface, weight, onlink } of hops) {
      const flag = onlink ? ' onlink' : '';
      // The weight of a hop without gateway is forgotten by its format.
      if (gateway === undefined) this.lines.push(`\tdev ${iface}${flag}`);
      else this.lines.push(`\tvia ${formatIp(gateway)} on ${iface}${flag} weight ${weight}`);
    }
  }
}

/** With those of its networks that are asked for. */
interface FoundNets extends ShownTable {
  readonly nets: readonly NetEntry[];
}

/** The lines for those networks, under the table's name in 2. */
function showNets(context: ShowRouteContext, request: ShowRouteRequest, found: FoundNets): string[] {
  const lister = new RouteLister(context, request, found);
  for (const entry of found.nets) lister.net(entry);
  return lister.lines;
}

interface Counts {
  readonly shown: number;
  readonly routes: number;
  readonly nets: number;
}

const isRoute = (line: string): boolean => line !== '' && !line.startsWith('\t') && !line.startsWith('Table ');
const countLine = ({ shown, routes, nets }: Counts): string => `${shown} of ${routes} routes for ${nets} networks`;
const sum = (a: Counts, b: Counts): Counts => ({
  shown: a.shown + b.shown,
  routes: a.routes + b.routes,
  nets: a.nets + b.nets,
});

/** Routes that the import filter refused, or the others, and networks that have any. */
function countsOf(nets: readonly NetEntry[], { filtered, primary }: ShowRouteRequest): Pick<Counts, 'routes' | 'nets'> {
  const each = nets.map(({ routes }) => {
    const count = routes.filter((route) => route.filtered === filtered).length;
    return primary ? Math.min(count, 1) : count;
  });
  return { routes: each.reduce((all, some) => all + some, 0), nets: each.filter((some) => some > 0).length };
}

/** rt_show_cont(), rt_show_done(): one table after the other, and what they have together. */
export function showTables(
  context: ShowRouteContext,
  request: ShowRouteRequest,
  of: {
    readonly found: readonly FoundNets[];
    readonly counting: 'stats' | 'count' | undefined;
    /** Tables without routes are named as well. */
    readonly headings: boolean;
  },
): string[] {
  const { isBird2 } = context.router;
  const { counting, found } = of;
  let total: Counts = { shown: 0, routes: 0, nets: 0 };
  const blocks: string[][] = [];
  for (const each of found) {
    const lines = showNets(context, request, each);
    const { nets, table } = each;
    const counts = {
      shown: lines.filter(isRoute).length,
      ...countsOf(nets, request),
    };
    total = sum(total, counts);
    const heading =
      lines.length === 0 && isBird2 && (of.headings || counting === 'stats') ? [`Table ${table.name}:`] : [];
    const summary = counting !== undefined && isBird2 ? [`${countLine(counts)} in table ${table.name}`] : [];
    blocks.push(counting === 'count' ? summary : [...heading, ...lines, ...summary]);
  }
  if (counting !== undefined && !isBird2) blocks.push([countLine(total)]);
  else if (counting !== undefined && blocks.length > 1) {
    blocks.push([`Total: ${countLine(total)} in ${blocks.length} tables`]);
  }
  const shown = blocks.filter((block) => block.length > 0);
  return shown.flatMap((block, i) => (i > 0 && isBird2 && counting !== 'count' ? ['', ...block] : block));
}
