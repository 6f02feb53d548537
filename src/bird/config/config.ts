/**
 * A configuration from its text (conf/conf.c:config_parse()): the statements outside of protocols, and what they
 * make together. `parseConfig` never throws for what stands in the text.
 */

import type { Family } from '../address.js';
import { skipDebugMask, skipMrtdumpMask, parseInterfacePatterns } from './common-options.js';
import { parseTerm } from './expression.js';
import type { Dialect } from './keywords.js';
import { tokenize } from './lexer.js';
import { Parsing } from './parsing.js';
import { parseProtocol, type ProtocolContext } from './protocol.js';
import { Scope } from './scope.js';
import { BirdSyntaxError, type ConfigFiles, type ConfigProblem, type Position } from './source.js';
import { parseFilter, parseFunction } from './statement.js';
import type { BirdConfig, ConfigFinding, InterfacePattern, ProtocolConfig, TableConfig } from './types.js';

export interface ParseOptions {
  readonly dialect: Dialect;
  /** Of 1.6, where `bird` speaks IPv4 and `bird6` IPv6. IPv4 where it is left out. */
  readonly family?: Family;
  /** Name of the file, for includes and messages. */
  readonly file?: string;
  readonly files?: ConfigFiles;
  /** Names that are known already: the text goes on where that configuration ended. */
  readonly extend?: BirdConfig;
}

export interface ParseResult {
  /** Undefined where there is an error. */
  readonly config: BirdConfig | undefined;
  readonly errors: readonly ConfigProblem[];
  /** What is taken, and not acted on. */
  readonly findings: readonly ConfigFinding[];
}

interface Draft {
  routerId: number | undefined;
  routerIdFrom: readonly InterfacePattern[] | undefined;
  listenBgpAddress: BirdConfig['listenBgpAddress'];
  listenBgpPort: number;
  gracefulRestartWait: number;
  readonly tables: TableConfig[];
  readonly protocols: ProtocolConfig[];
}

/** Of 1.6, and of 2 by family. */
const MASTER_TABLES: ReadonlySet<string> = new Set(['master', 'master4', 'master6']);

/** DEFAULT_GR_WAIT, in seconds. */
const GRACEFUL_RESTART_WAIT = 240;

class ConfigParser {
  readonly #p: Parsing;
  readonly #draft: Draft;
  readonly #context: ProtocolContext;

  constructor(p: Parsing, draft: Draft, context: ProtocolContext) {
    this.#p = p;
    this.#draft = draft;
    this.#context = context;
  }

  parse(): void {
    while (!this.#p.is('end')) this.#statement();
    const { protocols } = this.#draft;
    const end = { ...this.#p.peek(), line: 1, column: 0 };
    if (protocols.length === 0) this.#p.fail('No protocol is specified in the config file', end);
    const bird6 = !this.#p.isBird2 && this.#context.family === 'ipv6';
    if (bird6 && this.#draft.routerId === undefined) {
      this.#p.fail('Router ID must be configured manually on IPv6 routers', end);
    }
    this.#checkScanTimes(end);
  }

  /** krt_postconfig() with CONFIG_ALL_TABLES_AT_ONCE: 1.6 reads all tables of the kernel by one timer. */
  #checkScanTimes(end: Position): void {
    const times = this.#draft.protocols.flatMap((each) => (each.kind === 'kernel' ? [each.scanTime] : []));
    if (this.#p.isBird2 || new Set(times).size < 2) return;
    this.#p.fail('All kernel syncers must use the same table scan interval', end);
  }

  #statement(): void {
    const p = this.#p;
    if (p.take(';')) return;
    const token = p.peek();
    if (token.kind !== 'keyword') p.unexpected();
    p.next();
    switch (token.text) {
      case 'define':
        this.#define();
        return;
      case 'function':
        parseFunction(p);
        return;
      case 'filter':
        parseFilter(p);
        return;
      case 'protocol':
      case 'template': {
        const protocol = parseProtocol(p, token.text, this.#context);
        if (protocol !== undefined) this.#draft.protocols.push(protocol);
        return;
      }
      case 'eval':
        p.evaluateInt(parseTerm(p));
        return;
      case 'table':
        if (p.isBird2) p.unexpected(token);
        this.#table(this.#context.family);
        return;
      case 'ipv4':
      case 'ipv6':
        if (!p.isBird2) p.unexpected(token);
        p.expectKeyword('table');
        this.#table(token.text);
        return;
      default:
        this.#option(token.text);
        p.expect(';');
    }
  }

  #define(): void {
    const p = this.#p;
    const name = p.name();
    p.expect('=');
    const value = p.evaluate(parseTerm(p));
    p.expect(';');
    if (!p.scope.define(name.text, { kind: 'constant', value })) p.fail('Symbol already defined', name);
  }

  #table(family: Family): void {
    const p = this.#p;
    const name = p.name();
    const named = p.takeKeyword('sorted');
    const sorted = p.isBird2 && p.take('{') ? this.#tableOptions(named) : named;
    const table: TableConfig = { name: name.text, family, sorted };
    // The master table may be named again, to say that it is sorted; the class of its symbol stays.
    const known = this.#draft.tables.findIndex((each) => each.name === name.text);
    const isMaster = known >= 0 && MASTER_TABLES.has(name.text) && this.#draft.tables[known]?.family === family;
    if (isMaster) this.#draft.tables[known] = { ...table };
    else {
      if (!p.scope.define(name.text, { kind: 'table', table })) p.fail('Symbol already defined', name);
      this.#draft.tables.push(table);
    }
  }

  /** Up to the closing brace; whether the table is sorted. What else can be set is about memory and time. */
  #tableOptions(named: boolean): boolean {
    const p = this.#p;
    let sorted = named;
    while (!p.take('}')) {
      if (p.takeKeyword('sorted')) sorted = p.bool();
      else if (p.takeKeyword('trie')) p.bool();
      else if (p.takeKeyword('gc', 'threshold')) p.expr();
      else if (['min', 'max'].some((end) => p.takeKeyword(end, 'settle', 'time')) || p.takeKeyword('gc', 'period'))
        this.#duration();
      else p.unexpected();
      p.expect(';');
    }
    return sorted;
  }

  /** Statements that end in a semicolon. */
  #option(name: string): void {
    const p = this.#p;
    switch (name) {
      case 'router':
        this.#routerId();
        return;
      case 'listen':
        this.#listen();
        return;
      case 'graceful':
        p.expectKeyword('restart');
        p.expectKeyword('wait');
        this.#draft.gracefulRestartWait = p.expr();
        return;
      case 'log':
        this.#log();
        return;
      case 'debug':
        this.#debug();
        return;
      case 'mrtdump':
        if (p.takeKeyword('protocols')) skipMrtdumpMask(p);
        else p.text();
        return;
      case 'timeformat':
        this.#timeformat();
        return;
      case 'watchdog':
        if (!p.takeKeyword('warning')) p.expectKeyword('timeout');
        this.#duration();
        return;
      case 'hostname':
        p.text();
        return;
      case 'roa':
      case 'roa4':
      case 'roa6':
      case 'attribute':
      case 'vpn4':
      case 'vpn6':
      case 'flow4':
      case 'flow6':
      case 'mpls':
        return p.notModelled(`${name} at the top of a configuration`, p.previous);
      default:
        p.unexpected(p.previous);
    }
  }

  #routerId(): void {
    const p = this.#p;
    p.expectKeyword('id');
    if (p.takeKeyword('from')) this.#draft.routerIdFrom = parseInterfacePatterns(p);
    else this.#draft.routerId = p.id();
  }

  #listen(): void {
    const p = this.#p;
    p.expectKeyword('bgp');
    for (;;) {
      if (p.takeKeyword('address')) this.#draft.listenBgpAddress = p.ip();
      else if (p.takeKeyword('port')) this.#draft.listenBgpPort = p.expr();
      else if (!p.takeKeyword('v6only') && !p.takeKeyword('dual')) return;
    }
  }

  #duration(): void {
    const p = this.#p;
    p.expr();
    if (!['s', 'ms', 'us'].some((unit) => p.takeKeyword(unit))) p.unexpected();
  }

  #log(): void {
    const p = this.#p;
    if (p.takeKeyword('syslog')) {
      if (p.takeKeyword('name')) p.text();
    } else if (!p.takeKeyword('stderr')) {
      p.text();
      if (p.isBird2 && p.is('number')) {
        p.expr();
        p.text();
      }
    }
    if (p.takeKeyword('all')) return;
    p.expect('{');
    do p.expectKind('keyword');
    while (p.take(','));
    p.expect('}');
  }

  #debug(): void {
    const p = this.#p;
    if (p.takeKeyword('protocols') || p.takeKeyword('channels')) skipDebugMask(p);
    else if (p.takeKeyword('commands')) p.expr();
    else if (p.takeKeyword('latency', 'limit')) this.#duration();
    else if (p.takeKeyword('latency')) p.bool();
    else p.unexpected();
  }

  #timeformat(): void {
    const p = this.#p;
    if (!['route', 'protocol', 'base', 'log'].some((which) => p.takeKeyword(which))) p.unexpected();
    if (p.is('text')) {
      p.next();
      if (p.startsExpr) {
        p.expr();
        p.expectKind('text');
      }
    } else {
      if (!p.takeKeyword('iso') && !(!p.isBird2 && p.takeKeyword('old'))) p.unexpected();
      if (!p.takeKeyword('short') && !p.takeKeyword('long')) p.unexpected();
      if (p.isBird2 && !p.takeKeyword('ms')) p.takeKeyword('us');
    }
    p.finding('time formats are not modelled: times print as ever', p.previous);
  }
}

function initialTables({ dialect, family = 'ipv4' }: ParseOptions): TableConfig[] {
  if (dialect === 'bird-1.6') return [{ name: 'master', family, sorted: false }];
  return [
    { name: 'master4', family: 'ipv4', sorted: false },
    { name: 'master6', family: 'ipv6', sorted: false },
  ];
}

function initialDraft(options: ParseOptions): Draft {
  const { extend } = options;
  return {
    routerId: extend?.routerId,
    routerIdFrom: extend?.routerIdFrom,
    listenBgpAddress: extend?.listenBgpAddress,
    listenBgpPort: extend?.listenBgpPort ?? 179,
    gracefulRestartWait: extend?.gracefulRestartWait ?? GRACEFUL_RESTART_WAIT,
    tables: extend === undefined ? initialTables(options) : [...extend.tables],
    protocols: extend === undefined ? [] : [...extend.protocols],
  };
}

const NO_FILES: ConfigFiles = { read: () => undefined };

/** Reads a configuration, or goes on with one. */
export function parseConfig(text: string, options: ParseOptions): ParseResult {
  const { dialect, family = 'ipv4', file = 'bird.conf', files = NO_FILES, extend } = options;
  const scope = new Scope(extend?.scope);
  const draft = initialDraft(options);
  if (extend === undefined) {
    for (const table of draft.tables) scope.define(table.name, { kind: 'table', table });
  }
  const p = new Parsing({ dialect, tokens: tokenize(file, text, { dialect, family, files }), scope, parseTerm });
  const context: ProtocolContext = {
    family,
    counters: new Map(extend?.protocolCounters),
    tables: (name) => draft.tables.find((each) => each.name === name),
    kernels: new Map(),
    single: new Set(extend?.protocols.map(({ kind }) => kind)),
  };
  try {
    new ConfigParser(p, draft, context).parse();
  } catch (error) {
    if (!(error instanceof BirdSyntaxError)) throw error;
    return { config: undefined, errors: [error.problem], findings: p.findings };
  }
  const config: BirdConfig = { dialect, family, file, ...draft, scope, protocolCounters: context.counters };
  return { config, errors: [], findings: p.findings };
}
