/**
 * `ip` and `sysctl` command lines as these tests write them, carried out on a fake namespace: what it prints is
 * what the real tools print. Only what the tests need; an unknown word is a mistake of the test.
 */

import { ERRNO_TEXT } from '../../../src/kernel/errors.js';
import {
  type AddressSpec,
  NetlinkError,
  type NextHopSpec,
  parseRouteProtocol,
  parseTable,
  type RouteMode,
  type RuleSpec,
} from '../../../src/kernel/fib/index.js';
import type { Scope } from '../../../src/kernel/host-state.js';
import type { NeighbourState, RouteType } from '../../../src/trace/index.js';
import { type FakeNetns, ip, net } from './fake-netns.js';

const ROUTE_TYPES: readonly string[] = [
  'unicast',
  'local',
  'broadcast',
  'multicast',
  'anycast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
] satisfies RouteType[];
const SCOPES: readonly string[] = ['global', 'site', 'link', 'host', 'nowhere'] satisfies Scope[];
const MODES: Readonly<Record<string, RouteMode>> = {
  add: 'exclusive-create',
  append: 'append',
  prepend: 'create',
  replace: 'replace',
  change: 'change',
};

const NEIGHBOUR_STATES = ['reachable', 'stale', 'failed'] as const satisfies NeighbourState[];

const isRouteType = (word: string): word is RouteType => ROUTE_TYPES.includes(word);
const isScope = (word: string): word is Scope => SCOPES.includes(word);

class Words {
  readonly #words: string[];

  constructor(words: readonly string[]) {
    this.#words = [...words];
  }

  get empty(): boolean {
    return this.#words.length === 0;
  }

  next(): string {
    const word = this.#words.shift();
    if (word === undefined) throw new Error('a word is missing');
    return word;
  }

  peek(): string {
    return this.#words[0] ?? '';
  }

  rest(): string[] {
    return this.#words.splice(0);
  }

  number(): number {
    return Number(this.next());
  }

  table(): number {
    return parseTable(this.next()) ?? Number.NaN;
  }
}

const unknown = (word: string): never => {
  throw new Error(`the test does not know the word ${word}`);
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function parseNextHop(words: Words, netns: FakeNetns): NextHopSpec {
  const hop: Mutable<NextHopSpec> = {};
  for (;;) {
    switch (words.peek()) {
      case 'via':
        words.next();
        hop.via = ip(words.next());
        break;
      case 'dev':
        words.next();
        hop.dev = netns.dev(words.next());
        break;
      case 'weight':
        words.next();
        hop.weight = words.number();
        break;
      case 'onlink':
        words.next();
        hop.onlink = true;
        break;
      default:
        return hop;
    }
  }
}

function parseRoute(words: Words, netns: FakeNetns): Parameters<FakeNetns['fib']['addRoute']>[0] {
  let spec: Mutable<Parameters<FakeNetns['fib']['addRoute']>[0]> = { destination: net('default') };
  const first = words.next();
  const type = isRouteType(first) ? first : undefined;
  spec = { destination: net(type === undefined ? first : words.next()), type };
  const own: NextHopSpec[] = [];
  while (!words.empty) {
    const hop = parseNextHop(words, netns);
    if (Object.keys(hop).length > 0) {
      own[0] = { ...own[0], ...hop };
      continue;
    }
    const word = words.next();
    if (word === 'nexthop') spec.nextHops = [...(spec.nextHops ?? []), parseNextHop(words, netns)];
    else if (word === 'table') spec.table = words.table();
    else if (word === 'metric') spec.metric = words.number();
    else if (word === 'tos') spec.tos = words.number();
    else if (word === 'mtu') spec.mtu = words.number();
    else if (word === 'src') spec.prefSrc = ip(words.next());
    else if (word === 'proto') spec.protocol = parseRouteProtocol(words.next());
    else if (word === 'scope') spec.scope = toScope(words.next());
    else unknown(word);
  }
  if (own.length > 0) spec.nextHops = own;
  return spec;
}

const toScope = (word: string): Scope => (isScope(word) ? word : unknown(word));

function routeGet(words: Words, netns: FakeNetns): string {
  const flow: Mutable<Parameters<FakeNetns['fib']['routeOutput']>[0]> = {
    destination: ip(words.next()),
    source: ip('0.0.0.0'),
  };
  while (!words.empty) {
    const word = words.next();
    if (word === 'from') flow.source = ip(words.next());
    else if (word === 'iif') flow.iif = netns.dev(words.next());
    else if (word === 'oif') flow.oif = netns.dev(words.next());
    else if (word === 'mark') flow.mark = words.number();
    else if (word === 'tos') flow.tos = words.number();
    else if (word === 'ipproto') flow.protocol = words.number();
    else if (word === 'sport') flow.sourcePort = words.number();
    else if (word === 'dport') flow.destinationPort = words.number();
    else unknown(word);
  }
  const answer = netns.fib.routeGet(flow);
  return 'text' in answer ? answer.text : `RTNETLINK answers: ${ERRNO_TEXT[answer.errno]}`;
}

function route(words: Words, netns: FakeNetns): string {
  const verb = words.next();
  if (verb === 'get') return routeGet(words, netns);
  if (verb === 'show') {
    if (words.empty) return netns.fib.listRoutes(254).join('\n');
    words.next();
    const table = words.peek() === 'all' ? undefined : words.table();
    return netns.fib.listRoutes(table).join('\n');
  }
  const spec = parseRoute(words, netns);
  if (verb === 'del') netns.fib.deleteRoute(spec);
  else netns.fib.addRoute(spec, MODES[verb] ?? unknown(verb));
  return '';
}

function parsePorts(text: string): { first: number; last: number } {
  const [first = 0, last = first] = text.split('-').map(Number);
  return { first, last };
}

function rule(words: Words, netns: FakeNetns): string {
  if (words.empty) return netns.fib.listRules().join('\n');
  const verb = words.next();
  const spec: Mutable<RuleSpec> = {};
  while (!words.empty) {
    const word = words.next();
    if (word === 'pref') spec.priority = words.number();
    else if (word === 'not') spec.not = true;
    else if (word === 'from') spec.from = net(words.next());
    else if (word === 'to') spec.to = net(words.next());
    else if (word === 'tos') spec.tos = words.number();
    else if (word === 'iif') spec.iif = words.next();
    else if (word === 'oif') spec.oif = words.next();
    else if (word === 'ipproto') spec.ipProtocol = words.number();
    else if (word === 'sport') spec.sourcePorts = parsePorts(words.next());
    else if (word === 'dport') spec.destinationPorts = parsePorts(words.next());
    else if (word === 'protocol') spec.protocol = parseRouteProtocol(words.next()) ?? unknown(word);
    else if (word === 'suppress_prefixlength') spec.suppressPrefixLength = words.number();
    else if (word === 'fwmark') {
      const [value = 0, mask = 0] = words.next().split('/').map(Number);
      spec.fwmark = { value, mask };
    } else if (word === 'lookup' || word === 'table') spec.table = words.table();
    else if (word === 'goto') {
      spec.action = 'goto';
      spec.goto = words.number();
    } else if (word === 'nop' || word === 'blackhole' || word === 'unreachable' || word === 'prohibit')
      spec.action = word;
    else unknown(word);
  }
  if (verb === 'add') netns.fib.addRule(spec);
  else netns.fib.deleteRule(spec);
  return '';
}

function addr(words: Words, netns: FakeNetns): string {
  const verb = words.next();
  const { addr: address, length: prefixLength } = net(words.next());
  const spec: Mutable<AddressSpec> = { address, prefixLength };
  let dev = netns.dev('lo');
  while (!words.empty) {
    const word = words.next();
    if (word === 'dev') dev = netns.dev(words.next());
    else if (word === 'brd') spec.broadcast = ip(words.next());
    else if (word === 'scope') spec.scope = toScope(words.next());
    else if (word === 'noprefixroute') spec.noPrefixRoute = true;
    else if (word === 'peer') {
      const peer = net(words.next());
      spec.peer = peer.addr;
      spec.prefixLength = peer.length;
    } else unknown(word);
  }
  if (verb === 'add') netns.fib.addAddress(dev, spec);
  else netns.fib.deleteAddress(dev, spec.address, spec.prefixLength);
  return '';
}

function link(words: Words, netns: FakeNetns): string {
  const verb = words.next();
  if (verb === 'add') {
    const name = words.next();
    words.next();
    words.next();
    words.next();
    words.next();
    netns.addVeth(name, words.next());
  } else if (verb === 'del') {
    const name = words.next();
    const { peer } = netns.dev(name);
    netns.delete(name);
    if (peer !== undefined) netns.delete(peer.name);
  } else {
    const name = words.next();
    if (words.next() === 'up') netns.setUp(name);
    else netns.setDown(name);
  }
  return '';
}

/** `ip neigh replace ADDRESS dev DEV lladdr MAC nud STATE`. */
function neigh(words: Words, netns: FakeNetns): string {
  const [, address = '', , dev = '', , , , state = ''] = words.rest();
  netns.states.set(`${dev} ${ip(address)}`, NEIGHBOUR_STATES.find((known) => known === state) ?? unknown(state));
  return '';
}

/** What the command would print, standard error included. */
export function runIp(command: string, netns: FakeNetns): string {
  const words = new Words(command.split(' '));
  const program = words.next();
  if (program === 'sysctl') {
    const [path = '', value = ''] = words.next().split('=');
    netns.sysctl.set(path, value);
    return '';
  }
  const object = words.next();
  try {
    if (object === 'route') return route(words, netns);
    if (object === 'rule') return rule(words, netns);
    if (object === 'addr') return addr(words, netns);
    if (object === 'neigh') return neigh(words, netns);
    return object === 'link' ? link(words, netns) : unknown(object);
  } catch (error) {
    if (error instanceof NetlinkError) return error.toIproute2();
    throw error;
  }
}
