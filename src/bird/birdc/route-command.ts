/** `show route …`: what is asked for, of which tables (nest/config.Y: r_args; nest/rt-show.c: rt_show()). */

import { type IpAddr, maxLength, type Net, netContainsIp } from '../address.js';
import type { Token } from '../config/lexer.js';
import type { Parsing } from '../config/parsing.js';
import { parseFilterReference, parseWhere } from '../config/statement.js';
import type { FilterChoice } from '../filter/syntax.js';
import type { Channel } from '../protocols/channel.js';
import type { Protocol } from '../protocols/protocol.js';
import { inFibOrder } from '../rib/fib-order.js';
import type { NetEntry, Table } from '../rib/table.js';
import { type ShownTable, type ShowRouteContext, type ShowRouteRequest, showTables } from './show-route.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A network: the very one, the one that packets to it take, or all inside it. */
interface Wanted {
  readonly net: Net;
  readonly how: 'equal' | 'for' | 'in';
}

const contains = (net: Net, inside: Net): boolean =>
  net.family === inside.family && net.length <= inside.length && netContainsIp(net, inside.addr);

/** What stands behind `show route`. */
interface RouteArguments extends ShowRouteRequest {
  /** Tables that are asked for by name. */
  readonly named: readonly Table[];
  /** Which words were the last that tables follow from (tables_defined_by). */
  readonly tablesBy: 'default' | 'name' | 'all' | 'protocol';
  /** Whose exports are asked for, and by which channel where one is named. */
  readonly exporter: { readonly protocol: Protocol; readonly channel: Channel | undefined } | undefined;
  readonly wanted: Wanted | undefined;
  readonly counting: 'stats' | 'count' | undefined;
}

const MASTER_TABLES: ReadonlySet<string> = new Set(['master4', 'master6']);

const EXPORT_MODES = ['export', 'preexport', 'noexport', 'exported'] as const;

/** Channels that a name in BIRD 2 may have behind a dot (channel_sym). */
const CHANNELS = `ipv4 ipv4_mc ipv4_mpls ipv6 ipv6_mc ipv6_mpls ipv6_sadr vpn4 vpn4_mc vpn4_mpls vpn6 vpn6_mc vpn6_mpls
roa4 roa6 flow4 flow6 mpls pri sec`.split(/\s+/);

const isThere = <T>(value: T | undefined): value is T => value !== undefined;

export class RouteCommand {
  readonly #p: Parsing;
  readonly #context: ShowRouteContext;
  readonly #protocolNamed: (token: Token, expecting?: string) => Protocol;

  constructor(p: Parsing, context: ShowRouteContext, protocolNamed: (token: Token, expecting?: string) => Protocol) {
    this.#p = p;
    this.#context = context;
    this.#protocolNamed = protocolNamed;
  }

  run(): string[] {
    const { router } = this.#context;
    const args = this.#arguments();
    const { wanted, counting, exporter, tablesBy } = args;
    if (router.isBird2 && args.filtered && (args.primary || args.exportMode !== undefined)) {
      return this.#p.fail('Incompatible show route options');
    }
    const tables = this.#tables(args);
    if (!router.isBird2 && exporter !== undefined && exporter.protocol.state !== 'up') return ['Protocol is down'];
    if (tables.length === 0) return ['No valid tables'];
    const found = tables.map((shown) => ({ ...shown, nets: [...this.#nets(shown, args)] }));
    const one = wanted !== undefined && wanted.how !== 'in';
    if (one && found.every(({ nets }) => nets.length === 0)) {
      return [router.isBird2 ? 'Network not found' : 'Network not in table'];
    }
    // Of a single network nothing is counted.
    const counts = one ? undefined : counting;
    if (one && counting === 'count') return [];
    return showTables(this.#context, args, {
      found,
      counting: counts,
      headings: (tablesBy === 'name' || tablesBy === 'all') && !one,
    });
  }

  // What is asked.

  #arguments(): RouteArguments {
    const p = this.#p;
    const args: Mutable<RouteArguments> = {
      verbose: false,
      primary: false,
      filtered: false,
      exportMode: undefined,
      protocol: undefined,
      filter: 'all',
      named: [],
      tablesBy: 'default',
      exporter: undefined,
      wanted: undefined,
      counting: undefined,
    };
    while (!p.is('end')) {
      if (p.takeKeyword('all')) args.verbose = true;
      else if (p.takeKeyword('primary')) args.primary = true;
      else if (p.takeKeyword('filtered')) args.filtered = true;
      else if (p.takeKeyword('stats')) args.counting = 'stats';
      else if (p.takeKeyword('count')) args.counting = 'count';
      else if (p.takeKeyword('for')) args.wanted = this.#only(args, { net: p.netOrIp(), how: 'for' });
      else if (p.isBird2 && p.takeKeyword('in')) args.wanted = this.#only(args, { net: p.net(), how: 'in' });
      else if (p.takeKeyword('table')) this.#tablesNamed(args);
      else if (p.isKeyword('where') || p.isKeyword('filter')) args.filter = this.#filter(args.filter);
      else if (p.takeKeyword('protocol')) this.#protocol(args);
      else if (p.isBird2 && p.takeKeyword('import', 'table')) this.#sideTable('import');
      else if (p.isBird2 && p.takeKeyword('export', 'table')) this.#sideTable('export');
      else if (this.#exporting(args)) continue;
      else if (p.is('ip')) args.wanted = this.#only(args, { net: p.net(), how: 'equal' });
      else if (p.is('symbol') && !p.isBird2) p.fail('IP address expected');
      else if (p.isBird2 && p.takeKeyword('import')) p.unexpected(undefined, 'TABLE');
      else p.unexpected();
    }
    return args;
  }

  #only(args: RouteArguments, wanted: Wanted): Wanted {
    return args.wanted === undefined ? wanted : this.#p.fail('Only one prefix expected');
  }

  #filter(before: FilterChoice): FilterChoice {
    const p = this.#p;
    const isWhere = p.isKeyword('where');
    if (!isWhere) p.next();
    const filter = isWhere ? parseWhere(p) : parseFilterReference(p);
    return before === 'all' ? filter : p.fail('Filter specified twice');
  }

  #protocol(args: Mutable<RouteArguments>): void {
    const protocol = this.#protocolNamed(this.#p.name());
    if (args.protocol !== undefined) this.#p.fail('Protocol specified twice');
    args.protocol = protocol;
    args.tablesBy = 'protocol';
  }

  /** `export PROTOCOL`, of 2 also `export PROTOCOL.CHANNEL`, and its kin. */
  #exporting(args: Mutable<RouteArguments>): boolean {
    const p = this.#p;
    const mode = EXPORT_MODES.find((each) => p.isKeyword(each));
    if (mode === undefined || (mode === 'exported' && !p.isBird2)) return false;
    p.next();
    const protocol = this.#protocolNamed(p.name(), mode === 'export' ? 'CF_SYM_KNOWN or TABLE' : 'CF_SYM_KNOWN');
    const channel = p.isBird2 && p.take('.') ? this.#channelOf(protocol) : undefined;
    if (args.exportMode !== undefined) p.fail(p.isBird2 ? 'Export specified twice' : 'Protocol specified twice');
    args.exportMode = mode;
    args.exporter = { protocol, channel };
    args.tablesBy = 'protocol';
    return true;
  }

  /** channel_arg: the name of a channel of that protocol. */
  #channelOf({ name, kind, channels }: Protocol): Channel {
    const p = this.#p;
    const word = CHANNELS.find((each) => p.isKeyword(each));
    if (word === undefined) return p.unexpected();
    p.next();
    const channel = channels.find((each, i) => word === (kind === 'pipe' ? ['pri', 'sec'][i] : each.config.family));
    return channel ?? p.fail(`Channel ${name}.${word.replace('_', '-')} not found`);
  }

  /** `import table` and `export table` of a channel, which none has here. */
  #sideTable(which: 'import' | 'export'): never {
    const p = this.#p;
    const name = p.name();
    const known = this.#context.router.config.scope.lookup(name.text) !== undefined;
    if (!known) p.unexpected(name, 'CF_SYM_KNOWN');
    if (!p.take('.')) p.unexpected(undefined, "'.'");
    const protocol = this.#protocolNamed(name);
    const { config } = this.#channelOf(protocol);
    return p.fail(`No ${which} table in channel ${protocol.name}.${config.family}`);
  }

  /** A name, or of 2 all of them. */
  #tablesNamed(args: Mutable<RouteArguments>): void {
    const { tables, isBird2 } = this.#context.router;
    if (isBird2 && this.#p.takeKeyword('all')) {
      args.named = [...args.named, ...tables.values()];
      args.tablesBy = 'all';
      return;
    }
    const table = this.#tableNamed(this.#p.name());
    // Of several 1.6 takes the last.
    args.named = isBird2 ? [...args.named, table] : [table];
    args.tablesBy = 'name';
  }

  #tableNamed(token: Token): Table {
    const { tables, isBird2, config } = this.#context.router;
    const found = tables.get(token.text);
    if (found !== undefined) return found;
    const defined = config.scope.lookup(token.text) !== undefined;
    return isBird2 && !defined
      ? this.#p.unexpected(token, 'CF_SYM_KNOWN or ALL')
      : this.#p.fail(`${token.text} is not a table`, token);
  }

  // Of which tables.

  /** rt_show_prepare_tables() of 2; rt_show() of 1.6. */
  #tables(args: RouteArguments): readonly ShownTable[] {
    const { named, exporter, wanted } = args;
    const { isBird2 } = this.#p;
    const mustFit = isBird2 && args.tablesBy === 'name';
    const shown: ShownTable[] = [];
    for (const table of named.length > 0 ? named : this.#usualTables(args)) {
      const channel = channelFor(table, exporter);
      if (isBird2 && exporter !== undefined && channel === undefined) {
        if (mustFit) this.#p.fail(`No export channel for table ${table.name}`);
      } else if (wanted === undefined || fits(table, wanted.net.addr)) shown.push({ table, channel });
      else if (mustFit) this.#p.fail(`Incompatible type of prefix/ip for table ${table.name}`);
    }
    return shown;
  }

  #usualTables({ exporter, protocol }: RouteArguments): readonly Table[] {
    const { tables, isBird2 } = this.#context.router;
    const all = [...tables.values()];
    if (!isBird2) {
      const main = exporter?.protocol.mainChannel ?? protocol?.mainChannel;
      return [main?.table ?? all[0]].filter(isThere);
    }
    if (exporter?.channel !== undefined) return [exporter.channel.table];
    const exporting = exporter?.protocol.channels.filter((channel) => channel.exporting);
    const channels = exporting ?? protocol?.channels;
    return channels?.map(({ table }) => table) ?? all.filter(({ name }) => MASTER_TABLES.has(name));
  }

  *#nets({ table, channel }: ShownTable, { wanted, exporter }: RouteArguments): Generator<NetEntry, void> {
    const { isBird2, config } = this.#context.router;
    // To 1.6 who is never told of that table's routes has none.
    if (!isBird2 && exporter !== undefined && channel?.exporting !== true) return;
    if (wanted === undefined || wanted.how === 'in') {
      for (const entry of inFibOrder(table.entries(), config.dialect)) {
        if (wanted === undefined || contains(wanted.net, entry.net)) yield entry;
      }
      return;
    }
    const { net, how } = wanted;
    const entry = how === 'for' ? table.route(net.addr, net.length) : table.find(net);
    if (entry !== undefined) yield entry;
  }
}

/** proto_find_channel_by_table(). */
function channelFor(table: Table, exporter: RouteArguments['exporter']): Channel | undefined {
  if (exporter === undefined) return undefined;
  const channels = exporter.channel === undefined ? exporter.protocol.channels : [exporter.channel];
  return channels.find((channel) => channel.table === table);
}

const fits = (table: Table, addr: IpAddr): boolean => maxLength(addr) === (table.family === 'ipv4' ? 32 : 128);
