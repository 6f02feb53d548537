/** `ip route add|append|prepend|replace|change|del|flush` (iproute2's ip/iproute.c). */

import type { Cause, RouteType } from '../../trace/index.js';
import type { NextHopSpec, RouteMode, RouteSpec } from '../fib/index.js';
import type { Netns } from '../netns.js';
import { CommandError, type Option, readKnown, readOptions, type Words } from './words.js';

const TYPES = [
  'unicast',
  'local',
  'broadcast',
  'multicast',
  'anycast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
] as const satisfies readonly RouteType[];

const MODES: Readonly<Record<string, RouteMode>> = {
  add: 'exclusive-create',
  append: 'append',
  prepend: 'create',
  replace: 'replace',
  change: 'change',
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function nextHopOptions(hop: Mutable<NextHopSpec>): Readonly<Record<string, Option>> {
  return {
    via: (words) => {
      hop.via = words.address();
    },
    dev: (words) => {
      hop.dev = words.device();
    },
    weight: (words) => {
      hop.weight = words.number('a weight from 1 to 256', 256);
    },
    onlink: () => {
      hop.onlink = true;
    },
  };
}

function nextHop(words: Words): NextHopSpec {
  const hop: Mutable<NextHopSpec> = {};
  readKnown(words, nextHopOptions(hop));
  return hop;
}

/** Everything behind the verb. Options may stand on either side of the destination (iproute_modify()). */
function parseRoute(words: Words): Mutable<RouteSpec> {
  const said: Mutable<Partial<RouteSpec>> = {};
  const own: Mutable<NextHopSpec> = {};
  const hops: NextHopSpec[] = [];
  const options: Readonly<Record<string, Option>> = {
    ...nextHopOptions(own),
    nexthop: (rest) => {
      hops.push(nextHop(rest));
    },
    table: (rest) => {
      said.table = rest.table();
    },
    metric: (rest) => {
      said.metric = rest.number('a metric');
    },
    tos: (rest) => {
      said.tos = rest.number('a type of service', 255);
    },
    mtu: (rest) => {
      said.mtu = rest.number('an MTU');
    },
    src: (rest) => {
      said.prefSrc = rest.address();
    },
    proto: (rest) => {
      said.protocol = rest.protocol();
    },
    scope: (rest) => {
      said.scope = rest.scope();
    },
  };
  readKnown(words, options);
  const type = TYPES.find((one) => words.skip(one));
  const destination = words.destination();
  readOptions(words, options, 'route');
  const spec: Mutable<RouteSpec> = { ...said, destination, type };
  if (hops.length > 0) spec.nextHops = hops;
  else if (Object.keys(own).length > 0) spec.nextHops = [own];
  return spec;
}

/** `ip route flush table T [proto P]`. */
function flush(netns: Netns, words: Words): void {
  let table: number | undefined;
  let protocol: number | undefined;
  readOptions(
    words,
    {
      table: (rest) => {
        table = rest.table();
      },
      proto: (rest) => {
        protocol = rest.protocol();
      },
    },
    'route flush',
  );
  if (table === undefined) throw new CommandError('"ip route flush" requires arguments.');
  for (const route of netns.fib.routes(table)) {
    if (route.table === table && (protocol === undefined || route.protocol === protocol))
      netns.fib.deleteRoute({ ...route, type: route.type });
  }
}

export function route(netns: Netns, words: Words, because: readonly Cause[]): void {
  const verb = words.take('what to do with a route');
  if (verb === 'flush') {
    flush(netns, words);
    return;
  }
  const mode = Object.hasOwn(MODES, verb) ? MODES[verb] : undefined;
  if (mode === undefined && verb !== 'del' && verb !== 'delete')
    throw new CommandError(`Command "${verb}" is unknown, try "ip route help".`);
  const spec = parseRoute(words);
  if (mode === undefined) netns.fib.deleteRoute(spec);
  else netns.fib.addRoute({ ...spec, because }, mode);
}
