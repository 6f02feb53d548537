/** `birdc`: commands as they are typed, answers as they are printed (nest/cmds.c, client/client.c). */

import { formatQuad, type IpAddr, maxLength, type Net, netContainsIp } from '../address.js';
import { tokenize, type Token } from '../config/lexer.js';
import { parseTerm } from '../config/expression.js';
import { Parsing } from '../config/parsing.js';
import { Scope } from '../config/scope.js';
import { BirdSyntaxError } from '../config/source.js';
import { parseFilterReference, parseWhere } from '../config/statement.js';
import { patternMatches } from '../filter/match.js';
import type { FilterChoice } from '../filter/syntax.js';
import { formatValue } from '../filter/value.js';
import type { Protocol } from '../protocols/protocol.js';
import { inFibOrder } from '../rib/fib-order.js';
import type { NetEntry, Table } from '../rib/table.js';
import type { Router } from '../router.js';
import { type Configurable, runConfigure } from './configure.js';
import { expandCommand } from './expand.js';
import { interfacesSummary, showInterfaces } from './show-interfaces.js';
import { showProtocols } from './show-protocols.js';
import { showStatic } from './show-static.js';
import { showSymbols } from './show-symbols.js';
import { type ShowRouteRequest, showTables } from './show-route.js';
import { longTime, type TimeContext } from './time.js';

export interface BirdcContext {
  readonly router: Router;
  readonly protocols: readonly Protocol[];
  readonly epochSeconds: number;
  readonly startedNs: number;
  readonly configuredNs: number;
  readonly file: string;
  readonly configurable: Configurable;
  readonly shutDown: (reason: 'shutdown' | 'graceful-restart') => void;
}

/** What a daemon of that dialect says when a client comes. */
const BANNERS = { 'bird-1.6': 'BIRD v0.3.3+birdv1.6.8 ready.', 'bird-2': 'BIRD 2.0.12 ready.' } as const;
const VERSIONS = { 'bird-1.6': 'BIRD v0.3.3+birdv1.6.8', 'bird-2': 'BIRD 2.0.12' } as const;

/** Protocols that are not modelled, by the words of their commands. */
const ABSENT = { babel: 'Babel', bfd: 'BFD', ospf: 'OSPF', rip: 'RIP' } as const;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A network: the very one, the one that packets to it take, or all inside it. */
interface Wanted {
  readonly net: Net;
  readonly how: 'equal' | 'for' | 'in';
}

const contains = (net: Net, inside: Net): boolean =>
  net.family === inside.family && net.length <= inside.length && netContainsIp(net, inside.addr);

/** What stands behind `show route`. */
interface RouteArguments {
  readonly request: ShowRouteRequest;
  /** Named ones. */
  readonly tables: readonly Table[];
  readonly wanted: Wanted | undefined;
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
    const { configurable, file } = this.#context;
    if (p.takeKeyword('configure')) return runConfigure(p, configurable, { file, end: () => void this.#end([], '') });
    if (p.takeKeyword('down')) return this.#down('shutdown');
    if (p.isBird2 && p.takeKeyword('graceful', 'restart')) return this.#down('graceful-restart');
    if (p.takeKeyword('debug') || p.takeKeyword('mrtdump')) return this.#unheard();
    if (p.takeKeyword('dump')) return [];
    if (p.takeKeyword('quit') || p.takeKeyword('exit')) return [];
    for (const command of ['disable', 'enable', 'restart', 'reload'] as const) {
      if (p.takeKeyword(command)) return this.#control(command);
    }
    if (p.takeKeyword('eval')) return this.#end([formatValue(p.evaluate(parseTerm(p), 'runtime error'))]);
    return this.#notModelled();
  }

  #down(reason: 'shutdown' | 'graceful-restart'): string[] {
    this.#end([]);
    this.#context.shutDown(reason);
    return [reason === 'shutdown' ? 'Shutdown requested' : 'Graceful restart requested'];
  }

  /** What a log or a dump would have in it that nobody keeps; BIRD says nothing of it. */
  #unheard(): string[] {
    const p = this.#p;
    const names = 'CF_SYM_KNOWN or TEXT or ALL';
    if (p.is('end')) p.unexpected(undefined, names);
    if (!p.takeKeyword('all')) this.#chosen(names);
    while (!p.is('end')) p.next();
    return [];
  }

  /** A command that BIRD has, and nobody here. */
  #notModelled(): never {
    const { text } = this.#p.previous;
    return this.#p.notModelled(text === 'show' ? `show ${this.#p.peek().text}` : this.#p.peek().text);
  }

  /** Nothing may follow. */
  #end(lines: string[], expecting = 'END'): string[] {
    return this.#p.is('end') ? lines : this.#p.unexpected(undefined, expecting);
  }

  #show(): string[] {
    const p = this.#p;
    if (p.takeKeyword('status')) return this.#end(this.#status());
    if (p.takeKeyword('interfaces', 'summary')) return this.#end(interfacesSummary(this.#context.router));
    if (p.takeKeyword('interfaces')) return this.#end(showInterfaces(this.#context.router), 'END or SUMMARY');
    if (p.takeKeyword('protocols')) return this.#protocols();
    if (p.takeKeyword('route')) return this.#routes();
    if (p.takeKeyword('static')) return this.#static();
    if (p.takeKeyword('symbols')) return this.#end(showSymbols(p, this.#context.router.config.scope));
    for (const [word, kind] of Object.entries(ABSENT)) if (p.takeKeyword(word)) return this.#absent(kind);
    return this.#notModelled();
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

  // Protocols

  /** A name, a pattern in quotes, or all. */
  #chosen(expecting: string): readonly Protocol[] {
    const p = this.#p;
    const { protocols } = this.#context;
    if (p.is('text')) {
      const pattern = p.next().text;
      const found = protocols.filter(({ name }) => patternMatches(pattern, name));
      return found.length > 0 ? found : p.fail('No protocols match');
    }
    if (!p.is('symbol')) return protocols;
    return [this.#protocolNamed(p.next(), expecting)];
  }

  #protocolNamed(token: Token, expecting = 'CF_SYM_KNOWN'): Protocol {
    const { protocols, router } = this.#context;
    const found = protocols.find(({ name }) => name === token.text);
    if (found !== undefined) return found;
    const defined = router.config.scope.lookup(token.text) !== undefined;
    return router.isBird2 && !defined
      ? this.#p.unexpected(token, expecting)
      : this.#p.fail(`${token.text} is not a protocol`, token);
  }

  #protocols(): string[] {
    const p = this.#p;
    const how = p.takeKeyword('all') ? 'all' : 'short';
    const chosen = this.#chosen('END or CF_SYM_KNOWN or TEXT or ALL');
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
      if (named === undefined) {
        if (!router.isBird2) return p.fail(`${token.text}: Not a protocol`, token);
        return p.unexpected(token, 'END or CF_SYM_KNOWN');
      }
      return this.#end(showStatic(named) ?? p.fail(`${named.name}: Not a Static protocol`, token));
    }
    const running = protocols.filter(({ config, state }) => config.kind === 'static' && state !== 'down');
    if (running.length === 0) return p.fail('There is no Static protocol running');
    if (running.length > 1 && !router.isBird2) return p.fail('There are multiple Static protocols running');
    return this.#end(running.flatMap((each, i) => [...(i === 0 ? [] : ['']), ...(showStatic(each) ?? [])]));
  }

  /** What commands of a protocol that cannot be there say: proto_get_named(). */
  #absent(kind: string): string[] {
    const p = this.#p;
    if (p.is('keyword')) p.next();
    if (kind === 'BFD' && this.#context.protocols.some(({ config }) => config.kind === 'bfd'))
      this.#p.notModelled('BFD');
    if (!p.is('symbol')) return [`There is no ${kind} protocol running`];
    const named = this.#protocolNamed(p.next(), 'END or CF_SYM_KNOWN');
    return [`${named.name}: Not a ${kind} protocol`];
  }

  #control(command: 'disable' | 'enable' | 'restart' | 'reload'): string[] {
    const p = this.#p;
    const direction = command === 'reload' && (p.takeKeyword('in') ? 'in' : p.takeKeyword('out') ? 'out' : 'both');
    const names = 'CF_SYM_KNOWN or TEXT or ALL';
    // The grammar of 2 wants somebody named.
    if (this.#context.router.isBird2 && p.is('end')) {
      p.unexpected(undefined, command === 'reload' ? '' : names);
    }
    const chosen = p.takeKeyword('all') ? this.#context.protocols : this.#chosen(names);
    const message = p.is('text') ? p.next().text : undefined;
    if (!p.is('end')) p.unexpected();
    return chosen.flatMap((protocol) => {
      const said = this.#act(command, protocol, { direction, message });
      return said === undefined ? [] : [`${protocol.name}: ${said}`];
    });
  }

  #act(
    command: 'disable' | 'enable' | 'restart' | 'reload',
    protocol: Protocol,
    how: { readonly direction: 'in' | 'out' | 'both' | false; readonly message: string | undefined },
  ): string | undefined {
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
    // One that is not up has no routes, and nothing to say.
    if (protocol.state !== 'up') return undefined;
    if (how.direction !== 'out' && !protocol.reloadImports()) return 'reload failed';
    if (how.direction !== 'in') for (const channel of protocol.channels) protocol.feedAgain(channel);
    return 'reloading';
  }

  // Routes

  #only(args: RouteArguments, wanted: Wanted): Wanted {
    return args.wanted === undefined ? wanted : this.#p.fail('Only one prefix expected');
  }

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
    const args: Mutable<RouteArguments> = { request, tables: [], wanted: undefined, counting: undefined };
    while (!p.is('end')) {
      if (p.takeKeyword('all')) request.verbose = true;
      else if (p.takeKeyword('primary')) request.primary = true;
      else if (p.takeKeyword('filtered')) request.filtered = true;
      else if (p.takeKeyword('stats')) args.counting = 'stats';
      else if (p.takeKeyword('count')) args.counting = 'count';
      else if (p.takeKeyword('for')) args.wanted = this.#only(args, { net: p.netOrIp(), how: 'for' });
      else if (p.isBird2 && p.takeKeyword('in')) args.wanted = this.#only(args, { net: p.net(), how: 'in' });
      else if (p.takeKeyword('table')) args.tables = [...args.tables, ...this.#tablesNamed()];
      else if (p.isKeyword('where') || p.isKeyword('filter')) request.filter = this.#filter();
      else if (p.takeKeyword('protocol')) request.protocol = this.#protocolNamed(p.name());
      else if (p.isKeyword('export') || p.isKeyword('preexport') || p.isKeyword('noexport')) {
        request.exportMode = p.next().text as 'export' | 'preexport' | 'noexport';
        const expecting = request.exportMode === 'export' ? 'CF_SYM_KNOWN or TABLE' : 'CF_SYM_KNOWN';
        request.exportProtocol = this.#protocolNamed(p.name(), expecting);
      } else if (p.is('ip')) args.wanted = this.#only(args, { net: p.net(), how: 'equal' });
      else if (p.is('symbol') && !p.isBird2) p.fail('IP address expected');
      else p.unexpected();
    }
    return args;
  }

  #routes(): string[] {
    const { router, protocols } = this.#context;
    const { request, tables: named, wanted, counting } = this.#routeArguments();
    if (router.isBird2 && request.filtered && (request.primary || request.exportMode !== undefined)) {
      return this.#p.fail('Incompatible show route options');
    }
    const tables = this.#tables(named, request, wanted?.net.addr);
    if (!router.isBird2 && request.exportProtocol !== undefined && request.exportProtocol.state !== 'up') {
      return ['Protocol is down'];
    }
    if (tables.length === 0) return ['No valid tables'];
    const context = { router, protocols, time: this.#time };
    const found = tables.map((table) => ({ table, nets: [...this.#nets(table, wanted)] }));
    const one = wanted !== undefined && wanted.how !== 'in';
    if (one && found.every(({ nets }) => nets.length === 0)) {
      return [router.isBird2 ? 'Network not found' : 'Network not in table'];
    }
    // Of a single network nothing is counted.
    const counts = one ? undefined : counting;
    if (one && counting === 'count') return [];
    return showTables(context, request, { found, counting: counts, headings: named.length > 0 && !one });
  }

  #filter(): FilterChoice {
    const p = this.#p;
    if (p.isKeyword('where')) return parseWhere(p);
    p.next();
    return parseFilterReference(p);
  }

  /** A name, or of 2 all of them. */
  #tablesNamed(): readonly Table[] {
    const { tables, isBird2, config } = this.#context.router;
    const p = this.#p;
    if (isBird2 && p.takeKeyword('all')) return [...tables.values()];
    const token = p.name();
    const found = tables.get(token.text);
    if (found !== undefined) return [found];
    const defined = config.scope.lookup(token.text) !== undefined;
    return isBird2 && !defined
      ? p.unexpected(token, 'CF_SYM_KNOWN or ALL')
      : p.fail(`${token.text} is not a table`, token);
  }

  #tables(named: readonly Table[], request: ShowRouteRequest, addr: IpAddr | undefined): readonly Table[] {
    const { router } = this.#context;
    if (named.length > 0) return named;
    const exporting = request.exportProtocol?.channels.filter((channel) => !router.isBird2 || channel.exporting);
    const ofProtocol = (exporting ?? request.protocol?.channels)?.map((channel) => channel.table);
    const all = ofProtocol ?? Array.from(router.tables.values());
    const fitting = all.filter((each) => addr === undefined || maxLength(addr) === (each.family === 'ipv4' ? 32 : 128));
    if (router.isBird2)
      return ofProtocol === undefined ? fitting.filter(({ name }) => /^master[46]$/.test(name)) : fitting;
    return ofProtocol === undefined ? fitting.slice(0, 1) : fitting;
  }

  *#nets(table: Table, wanted: Wanted | undefined): Generator<NetEntry, void> {
    const { dialect } = this.#context.router.config;
    if (wanted === undefined || wanted.how === 'in') {
      for (const entry of inFibOrder(table.entries(), dialect)) {
        if (wanted === undefined || contains(wanted.net, entry.net)) yield entry;
      }
      return;
    }
    const { net, how } = wanted;
    const entry = how === 'for' ? table.route(net.addr, net.length) : table.find(net);
    if (entry !== undefined) yield entry;
  }
}

/** All that a call of `birdc` prints, the greeting first. */
export function runBirdc(command: string, context: BirdcContext): string {
  const { dialect, family } = context.router.config;
  const { command: expanded, refusal } = expandCommand(command);
  if (expanded === undefined) return `${[BANNERS[dialect], ...(refusal ?? [])].join('\n')}\n`;
  const tokens = tokenize('CLI', expanded, { dialect, family, files: { read: () => undefined } });
  let lines: string[];
  try {
    lines = new Birdc(context, tokens).run();
  } catch (error) {
    if (!(error instanceof BirdSyntaxError)) throw error;
    lines = [error.problem.message];
  }
  return `${[BANNERS[dialect], ...lines].join('\n')}\n`;
}
