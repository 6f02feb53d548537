/** `birdc`: commands as they are typed, answers as they are printed (nest/cmds.c, client/client.c). */

import { formatQuad } from '../address.js';
import { tokenize, type Token } from '../config/lexer.js';
import { parseTerm } from '../config/expression.js';
import { Parsing } from '../config/parsing.js';
import { Scope } from '../config/scope.js';
import { BirdSyntaxError } from '../config/source.js';
import { patternMatches } from '../filter/match.js';
import { formatValue } from '../filter/value.js';
import type { Protocol } from '../protocols/protocol.js';
import type { Router } from '../router.js';
import { type Configurable, runConfigure } from './configure.js';
import { expandCommand } from './expand.js';
import { interfacesSummary, showInterfaces } from './show-interfaces.js';
import { showProtocols } from './show-protocols.js';
import { showStatic } from './show-static.js';
import { showSymbols } from './show-symbols.js';
import { RouteCommand } from './route-command.js';
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
    if (p.takeKeyword('echo')) return this.#echo();
    if (p.takeKeyword('restrict')) return this.#end(['Access restricted']);
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

  /** What of the log comes to this client, which is gone before anything does. */
  #echo(): string[] {
    const p = this.#p;
    if (p.takeKeyword('all') || p.takeKeyword('off')) while (!p.is('end')) p.next();
    else if (p.isPunctuation('{')) while (!p.is('end')) p.next();
    else p.unexpected(undefined, "OFF or '{' or ALL");
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
    if (p.takeKeyword('route')) return this.#route();
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

  #route(): string[] {
    const { router, protocols } = this.#context;
    const context = { router, protocols, time: this.#time };
    return new RouteCommand(this.#p, context, (token, expecting) => this.#protocolNamed(token, expecting)).run();
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
    if (how.direction !== 'in') protocol.feedAgain();
    return 'reloading';
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
