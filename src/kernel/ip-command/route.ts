/** `ip route add|append|prepend|replace|change|del|flush` (iproute2's ip/iproute.c). */

import type { Cause, RouteType } from '../../trace/index.js';
import type { NextHopSpec, RouteMode, RouteSelector, RouteSpec } from '../fib/index.js';
import type { Netns } from '../netns.js';
import { parseNumberWord } from './address-text.js';
import {
  beginningWith,
  CommandError,
  dsfield,
  type Option,
  type Options,
  readKnown,
  readOptions,
  type Words,
  wrongArgument,
} from './words.js';

const MODES = {
  add: 'exclusive-create',
  change: 'change',
  chg: 'change',
  replace: 'replace',
  prepend: 'create',
  append: 'append',
} as const satisfies Record<string, RouteMode>;

const VERBS = ['add', 'change', 'chg', 'replace', 'prepend', 'append', 'delete', 'flush'] as const;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function nextHopOptions(hop: Mutable<NextHopSpec>): Options {
  return {
    via: (words) => {
      words.skip('inet');
      hop.via = words.address();
    },
    dev: (words) => {
      hop.dev = words.device();
    },
    oif: (words) => {
      hop.dev = words.device();
    },
    onlink: () => {
      hop.onlink = true;
    },
  };
}

/** Behind `nexthop` (parse_one_nh()). */
function nextHop(words: Words): NextHopSpec {
  const hop: Mutable<NextHopSpec> = {};
  readKnown(words, {
    ...nextHopOptions(hop),
    weight: (rest) => {
      hop.weight = weight(rest);
    },
  });
  return hop;
}

function weight(words: Words): number {
  const word = words.take('a weight');
  const value = parseNumberWord(word) ?? 0;
  if (value === 0 || value > 256) throw wrongArgument(word, '"weight" is invalid');
  return value;
}

/** rtnl_rtntype_a2n(), in its order. */
const BEGUN_TYPES = [
  'broadcast',
  'anycast',
  'multicast',
  'prohibit',
  'unreachable',
  'blackhole',
  'unicast',
  'throw',
] as const satisfies readonly RouteType[];

/** A type may stand before the destination, which begins with a digit or is `default`, `any` or `all`. */
function routeType(words: Words): RouteType | undefined {
  const word = words.peek() ?? '';
  if (/^(?:default|any|all)$/.test(word)) return undefined;
  const type = word === 'local' ? word : beginningWith(BEGUN_TYPES, word);
  if (type !== undefined) words.take('a type');
  return type;
}

/** Everything behind the verb. Options may stand on either side of the destination (iproute_modify()). */
function parseRoute(words: Words): Mutable<RouteSpec & RouteSelector> {
  const said: Mutable<Partial<RouteSpec>> = {};
  const own: Mutable<NextHopSpec> = {};
  const hops: NextHopSpec[] = [];
  const metric: Option = (rest) => {
    said.metric = rest.number('a metric');
  };
  const tos: Option = (rest) => {
    said.tos = dsfield(rest.take('a type of service'));
  };
  const protocol: Option = (rest) => {
    said.protocol = rest.protocol();
  };
  const options: Options = {
    ...nextHopOptions(own),
    nexthop: (rest) => {
      hops.push(nextHop(rest));
    },
    'metric*': metric,
    'priority*': metric,
    preference: metric,
    tos,
    'dsfield*': tos,
    mtu: (rest) => {
      said.mtu = rest.number('an MTU');
    },
    src: (rest) => {
      said.prefSrc = rest.address();
    },
    scope: (rest) => {
      said.scope = rest.scope();
    },
    'protocol*': protocol,
    'table*': (rest) => {
      said.table = rest.table('"table" value is invalid');
    },
  };
  readKnown(words, options);
  words.skip('to');
  const type = routeType(words);
  const destination = words.destination();
  readOptions(words, options, 'route');
  const spec: Mutable<RouteSpec & RouteSelector> = { ...said, destination, type };
  if (hops.length > 0) Object.assign(spec, { nextHops: hops, multipath: true });
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
      'table*': (rest) => {
        table = rest.table('table id value is invalid');
      },
      'protocol*': (rest) => {
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
  const verb = words.verb('ip route', VERBS);
  if (verb === 'flush') flush(netns, words);
  else if (verb === 'delete') netns.fib.deleteRoute(parseRoute(words));
  else netns.fib.addRoute({ ...parseRoute(words), because }, MODES[verb]);
}
