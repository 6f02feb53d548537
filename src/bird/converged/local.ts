/** What a router has in its tables before any neighbour says a word. */

import type { Net } from '../address.js';
import type { ProtocolConfig, StaticConfig } from '../config/types.js';
import type { FilterEnvironment } from '../filter/run.js';
import { importRoute } from '../protocols/import-route.js';
import { inheritedAtFirst } from '../protocols/inherited-routes.js';
import {
  directRoutes,
  type KernelRoute,
  learnedRoutes,
  staticOrigin,
  staticRoute,
  type StaticContext,
} from '../protocols/local-routes.js';
import { PREFERENCES } from '../protocols/protocol.js';
import type { Route, RouteOrigin } from '../rib/route.js';
import type { Speaker } from './speaker.js';

type Make = () => Route | undefined;

/** The routes to one network, made when they are asked for: a recursive one asks the table itself. */
export class LocalNet {
  readonly net: Net;
  #makers: Make[] = [];
  #routes: readonly Route[] | undefined = undefined;
  #making = false;

  constructor(net: Net) {
    this.net = net;
  }

  add(make: Make): void {
    this.#makers.push(make);
  }

  get routes(): readonly Route[] {
    if (this.#routes !== undefined) return this.#routes;
    // A recursive route that leads by itself leads nowhere.
    if (this.#making) return [];
    this.#making = true;
    this.#routes = this.#make();
    return this.#routes;
  }

  #make(): readonly Route[] {
    const [first] = this.#makers;
    if (first !== undefined && this.#makers.length === 1) return this.#alone(first);
    const made = new Map<string, Route>();
    for (const make of this.#makers) {
      const route = make();
      // A second one of the same source takes the first one's place.
      if (route !== undefined) made.set(`${route.origin.name}|${route.pathId}`, route);
    }
    this.#makers = [];
    return [...made.values()];
  }

  #alone(make: Make): readonly Route[] {
    const route = make();
    this.#makers = [];
    return route === undefined ? [] : [route];
  }
}

type LocalConfig = Extract<ProtocolConfig, { readonly kind: 'direct' | 'static' | 'kernel' }>;

const hasLocalRoutes = (config: ProtocolConfig): config is LocalConfig =>
  config.kind === 'direct' || config.kind === 'static' || config.kind === 'kernel';

export type LocalNets = Map<Net['key'], LocalNet>;

export interface LocalFacts {
  readonly speaker: Speaker;
  readonly environment: FilterEnvironment;
  /** How a table finds next hops. */
  readonly hostEntry: (
    table: string,
    addr: Parameters<StaticContext['hostEntry']>[0],
  ) => ReturnType<StaticContext['hostEntry']>;
}

class Collector {
  readonly #tables: Map<string, LocalNets>;
  readonly #facts: LocalFacts;

  constructor(tables: Map<string, LocalNets>, facts: LocalFacts) {
    this.#tables = tables;
    this.#facts = facts;
  }

  #net(table: string, net: Net): LocalNet {
    let nets = this.#tables.get(table);
    if (nets === undefined) this.#tables.set(table, (nets = new Map()));
    let known = nets.get(net.key);
    if (known === undefined) nets.set(net.key, (known = new LocalNet(net)));
    return known;
  }

  #add(config: ProtocolConfig, net: Net, make: Make): void {
    const channel = config.channels.find(({ family }) => family === net.family);
    if (channel === undefined) return;
    const context = { channel, environment: this.#facts.environment, keepsTemporary: config.kind === 'kernel' };
    this.#net(channel.table, net).add(() => {
      const route = make();
      return route && importRoute(route, context).route;
    });
  }

  take(config: ProtocolConfig): void {
    if (config.disabled || !hasLocalRoutes(config)) return;
    const preference = config.channels[0]?.preference ?? PREFERENCES[config.kind];
    const { speaker } = this.#facts;
    if (config.kind === 'static') return this.#takeStatic(config, preference);
    const origin: RouteOrigin = { name: config.name, kind: config.kind };
    if (config.kind === 'direct') {
      for (const route of directRoutes(config, speaker.interfaces, { origin, preference })) {
        this.#add(config, route.net, () => route);
      }
    } else if (config.learn) {
      const entries: Iterable<KernelRoute> = speaker.kernelRoutes(config.kernelTable);
      const { dialect } = speaker.config;
      const learned = learnedRoutes(entries, { origin, preference, dialect, interfaces: speaker.interfaces });
      for (const route of inheritedAtFirst(learned)) this.#add(config, route.net, () => route);
    }
  }

  #takeStatic(config: StaticConfig, preference: number): void {
    const { speaker, environment, hostEntry } = this.#facts;
    const table = config.igpTable ?? config.channels[0]?.table ?? '';
    const context: StaticContext = {
      origin: staticOrigin(config.name, speaker.config.dialect),
      preference,
      interfaces: speaker.interfaces,
      environment,
      hostEntry: (addr) => hostEntry(table, addr),
    };
    for (const route of config.routes) this.#add(config, route.net, () => staticRoute(config, route, context));
  }
}

/** By table and network. */
export function localNets(facts: LocalFacts): ReadonlyMap<string, LocalNets> {
  const tables = new Map<string, LocalNets>();
  const collector = new Collector(tables, facts);
  for (const config of facts.speaker.config.protocols) collector.take(config);
  return tables;
}
