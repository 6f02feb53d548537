/** A pipe from one table of a router to another of its tables: what the far one has of a network comes through. */

import type { ChannelConfig, PipeConfig } from '../config/types.js';
import { runFilter } from '../filter/filter.js';
import { pipedRoute } from '../protocols/pipe.js';
import { PREFERENCES } from '../protocols/protocol.js';
import type { Route } from '../rib/route.js';
import type { Place } from './place.js';

export class PipeEdge {
  readonly from: Place;
  readonly #config: PipeConfig;
  readonly #out: ChannelConfig;

  /** `out` is the channel of the table that it leads from. */
  constructor(from: Place, config: PipeConfig, out: ChannelConfig) {
    this.from = from;
    this.#config = config;
    this.#out = out;
  }

  /** The routes that come out of it; an opaque one tells of the best alone. */
  routes(of: readonly Route[]): readonly Route[] {
    const told = this.#config.mode === 'opaque' ? of.slice(0, 1) : of;
    return told.flatMap((route) => this.#piped(route) ?? []);
  }

  #piped(route: Route): Route | undefined {
    const { name, channels } = this.#config;
    if (route.filtered || route.sender === name) return undefined;
    const outcome = runFilter(this.#out.exportFilter, route, this.from.node.environment);
    if (outcome.verdict !== 'accept') return undefined;
    const preference = channels[0]?.preference ?? PREFERENCES.pipe;
    return pipedRoute(outcome.route, { config: this.#config, preference, origin: { name, kind: 'pipe' } });
  }
}

/** The pipes that lead into a table. */
export function pipesInto({ node, table }: Place, placeOf: (table: string) => Place | undefined): readonly PipeEdge[] {
  const edges: PipeEdge[] = [];
  for (const config of node.speaker.config.protocols) {
    if (config.kind !== 'pipe' || config.disabled) continue;
    const out = config.channels.find((each) => each.table !== table.name);
    const leadsHere = config.channels.some((each) => each.table === table.name);
    const from = out !== undefined && leadsHere ? placeOf(out.table) : undefined;
    if (out !== undefined && from !== undefined) edges.push(new PipeEdge(from, config, out));
  }
  return edges;
}

const sameSource = (a: Route, b: Route): boolean => a.origin.name === b.origin.name && a.pathId === b.pathId;

/** What was found and what comes through pipes; what is there already by another way stays. */
export function withPiped(
  found: readonly Route[],
  pipes: readonly PipeEdge[],
  routesOf: (from: Place) => readonly Route[],
): readonly Route[] {
  if (pipes.length === 0) return found;
  const all = [...found];
  for (const pipe of pipes) {
    for (const route of pipe.routes(routesOf(pipe.from))) {
      if (!all.some((each) => sameSource(each, route))) all.push(route);
    }
  }
  return all;
}
