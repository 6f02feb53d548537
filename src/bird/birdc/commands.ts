/** `birdc`: commands as they are typed, answers as they are printed (nest/cmds.c, client/client.c). */

import { formatIp, formatQuad, type IpAddr, maxLength, type Net } from '../address.js';
import { tokenize, type Token } from '../config/lexer.js';
import { parseTerm } from '../config/expression.js';
import { Parsing } from '../config/parsing.js';
import { Scope } from '../config/scope.js';
import { BirdSyntaxError, type ConfigProblem, formatProblem } from '../config/source.js';
import { parseFilterReference, parseWhere } from '../config/statement.js';
import type { ConfigureOutcome } from '../daemon.js';
import { patternMatches } from '../filter/match.js';
import type { FilterChoice } from '../filter/syntax.js';
import { formatValue } from '../filter/value.js';
import type { Iface } from '../interfaces.js';
import type { Protocol } from '../protocols/protocol.js';
import { inFibOrder } from '../rib/fib-order.js';
import type { NetEntry, Table } from '../rib/table.js';
import type { Router } from '../router.js';
import { showProtocols } from './show-protocols.js';
import { showStatic } from './show-static.js';
import { showRoutes, type ShowRouteRequest } from './show-route.js';
import { longTime, type TimeContext } from './time.js';

export interface BirdcContext {
  readonly router: Router;
  readonly protocols: readonly Protocol[];
  readonly epochSeconds: number;
  readonly startedNs: number;
  readonly configuredNs: number;
  readonly file: string;
  readonly configure: () => ConfigureOutcome;
  readonly check: () => readonly ConfigProblem[];
}

/** What a daemon of that dialect says when a client comes. */
const BANNERS = { 'bird-1.6': 'BIRD v0.3.3+birdv1.6.8 ready.', 'bird-2': 'BIRD 2.0.12 ready.' } as const;
const VERSIONS = { 'bird-1.6': 'BIRD v0.3.3+birdv1.6.8', 'bird-2': 'BIRD 2.0.12' } as const;

/** BIRD 2's parser of commands wants names that are defined. */
const UNKNOWN_SYMBOL = 'syntax error, unexpected CF_SYM_UNDEFINED, expecting END or CF_SYM_KNOWN';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What stands behind `show route`. */
interface RouteArguments {
  readonly request: ShowRouteRequest;
  readonly table: Table | undefined;
  readonly wanted: { readonly net: Net; readonly best: boolean } | undefined;
  readonly counting: 'stats' | 'count' | undefined;
}

class Birdc {
  readonly #context: BirdcContext;
  readonly #p: Parsing;

  constructor(context: BirdcContext, tokens: readonly Token[]) {
    this.#context = context;
    const { dialect, scope } = context.router.config;
    this.#p = new Parsing({ dialect, tokens, scope: new Scope(scope), parseTerm });
  }

  get #time(): TimeContext {
    const { router, epochSeconds } = this.#context;
    return { dialect: router.config.dialect, epochSeconds, nowNs: router.nowNs };
  }

  run(): string[] {
    const p = this.#p;
    if (p.takeKeyword('show')) return this.#show();
    if (p.takeKeyword('configure')) return this.#configure();
    for (const command of ['disable', 'enable', 'restart', 'reload'] as const) {
      if (p.takeKeyword(command)) return this.#control(command);
    }
    if (p.takeKeyword('eval')) return this.#end([formatValue(p.evaluate(parseTerm(p)))]);
    return p.unexpected();
  }

  /** Nothing may follow. */
  #end(lines: string[]): string[] {
    return this.#p.is('end') ? lines : this.#p.unexpected();
  }

  #show(): string[] {
    const p = this.#p;
    if (p.takeKeyword('status')) return this.#end(this.#status());
    if (p.takeKeyword('interfaces', 'summary')) return this.#end(this.#interfacesSummary());
    if (p.takeKeyword('interfaces')) return this.#end(this.#interfaces());
    if (p.takeKeyword('protocols')) return this.#protocols();
    if (p.takeKeyword('route')) return this.#routes();
    if (p.takeKeyword('static')) return this.#static();
    if (p.takeKeyword('symbols')) return this.#end(this.#symbols());
    return p.unexpected();
  }

  #status(): string[] {
    const { router, startedNs, configuredNs } = this.#context;
    const time = this.#time;
    return [
      VERSIONS[router.config.dialect],
      `Router ID is ${formatQuad(router.routerId)}`,
      ...(router.isBird2 ? [`Hostname is ${router.netns.host.name}`] : []),
      `Current server time is ${longTime(router.nowNs, time)}`,
      `Last reboot on ${longTime(startedNs, time)}`,
      `Last reconfiguration on ${longTime(configuredNs, time)}`,
      ...(router.recovering ? ['Graceful restart recovery in progress'] : []),
      'Daemon is up and running',
    ];
  }

  #symbols(): string[] {
    const kinds = {
      constant: 'constant',
      function: 'function',
      filter: 'filter',
      protocol: 'protocol',
      template: 'template',
      table: 'routing table',
    };
    const lines: string[] = [];
    for (const [name, symbol] of this.#context.router.config.scope.names()) {
      if (symbol.kind !== 'pending' && symbol.kind !== 'variable')
        lines.push(`${name.padEnd(8)}\t${kinds[symbol.kind]}`);
    }
    return lines;
  }

  // Interfaces

  #interfaces(): string[] {
    return Array.from(this.#context.router.interfaces).flatMap((iface) => this.#interface(iface));
  }

  #interface(iface: Iface): string[] {
    const { isBird2 } = this.#context.router;
    const flags = [
      iface.pointToPoint ? 'PtP' : 'MultiAccess',
      ...(iface.pointToPoint || iface.loopback ? [] : ['Broadcast', 'Multicast']),
      `Admin${iface.adminUp ? 'Up' : 'Down'}`,
      `Link${iface.linkUp ? 'Up' : 'Down'}`,
      ...(iface.loopback ? ['Loopback', 'Ignored'] : []),
      `MTU=${iface.mtu}`,
    ];
    // 1.6 takes an interface without an address for down.
    const up = iface.up && (isBird2 || iface.addresses.length > 0);
    return [
      `${iface.name} ${up ? 'up' : 'down'} (index=${iface.index})`,
      `\t${flags.join(' ')}`,
      ...iface.addresses.map(({ ip, net, secondary, opposite }, i) => {
        const first = i === 0 ? (isBird2 ? 'Preferred, ' : 'Primary, ') : secondary ? 'Secondary, ' : '';
        const other = opposite === undefined ? '' : `opposite ${formatIp(opposite)}, `;
        const scope = iface.loopback ? 'host' : scopeText(ip);
        return `\t${formatIp(ip)}/${net.length} (${first}${other}scope ${scope})`;
      }),
    ];
  }

  #interfacesSummary(): string[] {
    const { isBird2 } = this.#context.router;
    const head = isBird2
      ? `${'Interface'.padEnd(10)} ${'State'.padEnd(6)} ${'IPv4 address'.padEnd(18)} IPv6 address`
      : 'interface state address';
    const rows = Array.from(this.#context.router.interfaces, (iface) => {
      const [first] = iface.addresses;
      const address = first === undefined ? '' : `${formatIp(first.ip)}/${first.net.length}`;
      const state = iface.up ? 'up' : 'down';
      return isBird2
        ? `${iface.name.padEnd(10)} ${state.padEnd(6)} ${address}`
        : `${iface.name.padEnd(9)} ${state.padEnd(5)} ${address}`;
    });
    return [head, ...rows];
  }

  // Protocols

  /** A name, a pattern in quotes, or all. */
  #chosen(): readonly Protocol[] {
    const p = this.#p;
    const { protocols } = this.#context;
    if (p.is('text')) {
      const pattern = p.next().text;
      const found = protocols.filter(({ name }) => patternMatches(pattern, name));
      return found.length > 0 ? found : p.fail('No protocols match');
    }
    if (!p.is('symbol')) return protocols;
    const found = this.#protocolNamed(p.next());
    return [found];
  }

  #protocolNamed(token: Token): Protocol {
    const found = this.#context.protocols.find(({ name }) => name === token.text);
    return found ?? this.#p.fail(`${token.text} is not a protocol`, token);
  }

  #protocols(): string[] {
    const p = this.#p;
    const how = p.takeKeyword('all') ? 'all' : 'short';
    const chosen = this.#chosen();
    const context = { router: this.#context.router, time: this.#time };
    return this.#end(showProtocols(context, chosen, how));
  }

  /** proto_get_named() of 1.6 wants one of a kind, PROTO_WALK_CMD() of BIRD 2 takes all that run. */
  #static(): string[] {
    const p = this.#p;
    const { router, protocols } = this.#context;
    if (p.is('symbol')) {
      const token = p.next();
      const named = protocols.find(({ name }) => name === token.text);
      if (named === undefined) return p.fail(router.isBird2 ? UNKNOWN_SYMBOL : `${token.text}: Not a protocol`, token);
      return this.#end(showStatic(named) ?? p.fail(`${named.name}: Not a Static protocol`, token));
    }
    const running = protocols.filter(({ config, state }) => config.kind === 'static' && state !== 'down');
    if (running.length === 0) return p.fail('There is no Static protocol running');
    if (running.length > 1 && !router.isBird2) return p.fail('There are multiple Static protocols running');
    return this.#end(running.flatMap((each, i) => [...(i === 0 ? [] : ['']), ...(showStatic(each) ?? [])]));
  }

  #control(command: 'disable' | 'enable' | 'restart' | 'reload'): string[] {
    const p = this.#p;
    const direction = command === 'reload' && (p.takeKeyword('in') ? 'in' : p.takeKeyword('out') ? 'out' : 'both');
    const chosen = p.takeKeyword('all') ? this.#context.protocols : this.#chosen();
    const message = p.is('text') ? p.next().text : undefined;
    if (!p.is('end')) p.unexpected();
    return chosen.map((protocol) => `${protocol.name}: ${this.#act(command, protocol, { direction, message })}`);
  }

  #act(
    command: 'disable' | 'enable' | 'restart' | 'reload',
    protocol: Protocol,
    how: { readonly direction: 'in' | 'out' | 'both' | false; readonly message: string | undefined },
  ): string {
    if (command === 'enable') {
      if (!protocol.disabled) return 'already enabled';
      protocol.disabled = false;
      protocol.message = how.message;
      protocol.start();
      return 'enabled';
    }
    if (protocol.disabled) return 'already disabled';
    if (command === 'disable') {
      protocol.message = how.message;
      protocol.disabled = true;
      protocol.shutdown('command-disable');
      return 'disabled';
    }
    if (command === 'restart') {
      protocol.message = how.message;
      protocol.shutdown('command-restart');
      protocol.whenDown(() => protocol.start());
      return 'restarted';
    }
    if (how.direction !== 'out' && !protocol.reloadImports()) return 'reload failed';
    if (how.direction !== 'in') for (const channel of protocol.channels) protocol.feedAgain(channel);
    return 'reloading';
  }

  // Routes

  #routeArguments(): RouteArguments {
    const p = this.#p;
    const request: Mutable<ShowRouteRequest> = {
      verbose: false,
      primary: false,
      filtered: false,
      exportMode: undefined,
      exportProtocol: undefined,
      protocol: undefined,
      filter: 'all',
    };
    const args: Mutable<RouteArguments> = { request, table: undefined, wanted: undefined, counting: undefined };
    while (!p.is('end')) {
      if (p.takeKeyword('all')) request.verbose = true;
      else if (p.takeKeyword('primary')) request.primary = true;
      else if (p.takeKeyword('filtered')) request.filtered = true;
      else if (p.takeKeyword('stats')) args.counting = 'stats';
      else if (p.takeKeyword('count')) args.counting = 'count';
      else if (p.takeKeyword('for')) args.wanted = { net: p.netOrIp(), best: true };
      else if (p.takeKeyword('table')) args.table = this.#tableNamed(p.name());
      else if (p.isKeyword('where') || p.isKeyword('filter')) request.filter = this.#filter();
      else if (p.takeKeyword('protocol')) request.protocol = this.#protocolNamed(p.name());
      else if (p.isKeyword('export') || p.isKeyword('preexport') || p.isKeyword('noexport')) {
        request.exportMode = p.next().text as 'export' | 'preexport' | 'noexport';
        request.exportProtocol = this.#protocolNamed(p.name());
      } else if (p.is('ip')) args.wanted = { net: p.net(), best: false };
      else p.unexpected();
    }
    return args;
  }

  #routes(): string[] {
    const { router, protocols } = this.#context;
    const { request, table, wanted, counting } = this.#routeArguments();
    const tables = this.#tables(table, request, wanted?.net.addr);
    const context = { router, protocols, time: this.#time };
    const nets = [...this.#nets(tables, wanted)];
    if (wanted !== undefined && nets.length === 0)
      return [router.isBird2 ? 'Network not found' : 'Network not in table'];
    const lines = showRoutes(context, request, nets);
    if (counting === undefined) return lines;
    const shown = lines.filter((line) => !line.startsWith('\t') && !line.startsWith('Table ') && line !== '').length;
    const all = nets.reduce((sum, [, { routes }]) => sum + routes.length, 0);
    const names = tables.length === 1 && router.isBird2 ? ` in table ${tables[0]?.name ?? ''}` : '';
    const summary = `${shown} of ${all} routes for ${nets.length} networks${names}`;
    return counting === 'count' ? [summary] : [...lines, summary];
  }

  #filter(): FilterChoice {
    const p = this.#p;
    if (p.isKeyword('where')) return parseWhere(p);
    p.next();
    return parseFilterReference(p);
  }

  #tableNamed(token: Token): Table {
    return this.#context.router.tables.get(token.text) ?? this.#p.fail(`${token.text} is not a table`, token);
  }

  #tables(table: Table | undefined, request: ShowRouteRequest, addr: IpAddr | undefined): readonly Table[] {
    const { router } = this.#context;
    if (table !== undefined) return [table];
    const ofProtocol = (request.exportProtocol ?? request.protocol)?.channels.map((channel) => channel.table);
    const all = ofProtocol ?? Array.from(router.tables.values());
    const fitting = all.filter((each) => addr === undefined || maxLength(addr) === (each.family === 'ipv4' ? 32 : 128));
    if (router.isBird2)
      return ofProtocol === undefined ? fitting.filter(({ name }) => /^master[46]$/.test(name)) : fitting;
    return ofProtocol === undefined ? fitting.slice(0, 1) : fitting;
  }

  *#nets(
    tables: readonly Table[],
    wanted: { readonly net: Net; readonly best: boolean } | undefined,
  ): Generator<readonly [Table, NetEntry], void> {
    const { dialect } = this.#context.router.config;
    for (const table of tables) {
      if (wanted === undefined) {
        for (const entry of inFibOrder(table.entries(), dialect)) yield [table, entry];
        continue;
      }
      const { net, best } = wanted;
      const entry = best ? table.route(net.addr, net.length) : table.find(net);
      if (entry !== undefined) yield [table, entry];
    }
  }

  // Configuration

  #configure(): string[] {
    const p = this.#p;
    const { file } = this.#context;
    const check = p.takeKeyword('check');
    if (!check) p.takeKeyword('soft');
    if (!p.is('end')) return p.unexpected();
    const reading = `Reading configuration from ${file}`;
    if (check) {
      const [problem] = this.#context.check();
      return [reading, problem === undefined ? 'Configuration OK' : formatProblem(problem)];
    }
    const outcome = this.#context.configure();
    if (outcome.kind !== 'refused') return [reading, 'Reconfigured'];
    return [reading, ...outcome.errors.slice(0, 1).map(formatProblem)];
  }
}

/** lib/ip.c: the scope of an address. */
function scopeText(ip: IpAddr): string {
  if (typeof ip !== 'number') return 'univ';
  const first = ip >>> 24;
  if (first === 127) return 'host';
  const isPrivate = first === 10 || ip >>> 16 === 0xc0a8 || ip >>> 20 === 0xac1;
  return isPrivate || first >= 240 ? 'site' : 'univ';
}

/** All that a call of `birdc` prints, the greeting first. */
export function runBirdc(command: string, context: BirdcContext): string {
  const { dialect, family } = context.router.config;
  const tokens = tokenize('CLI', command, { dialect, family, files: { read: () => undefined } });
  let lines: string[];
  try {
    lines = new Birdc(context, tokens).run();
  } catch (error) {
    if (!(error instanceof BirdSyntaxError)) throw error;
    lines = [error.problem.message];
  }
  return `${[BANNERS[dialect], ...lines].join('\n')}\n`;
}
