/**
 * `birdc` of a daemon whose rest was computed and that never spoke: sessions and routes, without the counters and timers
 * that only messages leave behind.
 */

import type { Netns } from '../../kernel/index.js';
import type { BirdConfig, ProtocolConfig } from '../config/types.js';
import { Protocol, type ProtocolState } from '../protocols/protocol.js';
import type { Route } from '../rib/route.js';
import { Router } from '../router.js';
import { runBirdc } from './commands.js';
import type { Configurable } from './configure.js';

export interface RestingSession {
  readonly config: ProtocolConfig;
  readonly state: 'up' | 'start' | 'down';
  readonly bgpState: string;
  readonly reason: string;
}

export interface RestingDaemon {
  readonly netns: Netns;
  readonly config: BirdConfig;
  readonly routerId: number;
  readonly sessions: readonly RestingSession[];
  /** Of a table, the best of each network first. */
  readonly routes: (table: string) => Iterable<readonly Route[]>;
}

class RestingProtocol extends Protocol {
  readonly #state: ProtocolState;
  readonly #info: string;

  constructor(router: Router, config: ProtocolConfig, shown: { readonly state: ProtocolState; readonly info: string }) {
    super(router, config);
    this.#state = shown.state;
    this.#info = shown.info;
  }

  override get state(): ProtocolState {
    return this.#state;
  }

  override get stateName(): string {
    return this.#state;
  }

  override get info(): string {
    return this.#info;
  }

  protected begin(): ProtocolState {
    return this.#state;
  }

  protected end(): ProtocolState {
    return 'down';
  }

  reconfigure(): boolean {
    return false;
  }
}

/** A range of neighbours waits for them for ever. */
function restOf({ disabled, kind }: ProtocolConfig): { readonly state: ProtocolState; readonly info: string } {
  if (disabled) return { state: 'down', info: '' };
  return kind === 'bgp-range' ? { state: 'start', info: 'Passive'.padEnd(14) } : { state: 'up', info: '' };
}

function protocolsOf(router: Router, { config, sessions }: RestingDaemon): Protocol[] {
  const others = config.protocols.filter(({ kind }) => kind !== 'bgp');
  return [
    ...others.map((each) => new RestingProtocol(router, each, restOf(each))),
    ...sessions.map((session) => {
      const { bgpState, reason, state } = session;
      const info = state === 'down' ? reason : `${bgpState.padEnd(14)}${reason}`;
      return new RestingProtocol(router, session.config, { state, info });
    }),
  ];
}

function routerOf(daemon: RestingDaemon): Router {
  const router = new Router({ netns: daemon.netns, log: () => undefined }, daemon.config);
  router.scanInterfaces();
  router.routerId = daemon.routerId;
  for (const table of router.tables.values()) {
    for (const [best, ...others] of daemon.routes(table.name)) {
      if (best === undefined) continue;
      // Whatever is no better than the best comes right behind it.
      for (const route of [best, ...others.toReversed()])
        table.update(route.net, route, { origin: route.origin.name, pathId: route.pathId, sender: route.sender });
    }
  }
  return router;
}

const NOT_CONFIGURABLE: Configurable = {
  configure: () => ({ kind: 'unchanged', inProgress: false }),
  check: () => [],
  undo: () => undefined,
  confirm: () => false,
  undoLeft: () => undefined,
};

/** What only daemons that speak can answer: counters, timers, exports, and whatever changes something. */
const NOT_AT_REST = /^\s*(?!show\b)|^\s*show\s+protocols\s+all\b|^\s*show\s+route\b.*\b(?:pre|no)?export\b/;

export function restingBirdc(command: string, daemon: RestingDaemon): string {
  if (NOT_AT_REST.test(command)) return `Not known of a daemon that is at rest: ${command}\n`;
  const router = routerOf(daemon);
  return runBirdc(command, {
    router,
    protocols: protocolsOf(router, daemon),
    epochSeconds: 0,
    startedNs: router.nowNs,
    configuredNs: router.nowNs,
    file: daemon.config.file,
    configurable: NOT_CONFIGURABLE,
    shutDown: () => undefined,
  });
}
