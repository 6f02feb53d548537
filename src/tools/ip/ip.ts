/** `ip`: objects and verbs may be abbreviated, as in iproute2. Only what shows is offered. */

import { type Netns, Veth } from '../../kernel/index.js';
import { failure, lines, ok, type Tool, type ToolResult } from '../tool.js';
import { showAddresses } from './address.js';
import { devicesOf } from './device.js';
import { showLinks } from './link.js';
import { showNeighbours } from './neighbour.js';
import { getRoute, showRoutes } from './route.js';
import { showRules } from './rule.js';

interface Options {
  readonly json: boolean;
  readonly pretty: boolean;
  readonly oneLine: boolean;
  readonly brief: boolean;
  readonly details: boolean;
  readonly statistics: boolean;
  readonly onlyIpv4: boolean;
  readonly onlyIpv6: boolean;
  readonly netns: string | undefined;
}

/** Options that stand before the object; iproute2 takes beginnings of the long names. */
const FLAGS: readonly (readonly [long: string, short: string, option: keyof Options | 'nothing'])[] = [
  ['json', 'j', 'json'],
  ['pretty', 'p', 'pretty'],
  ['oneline', 'o', 'oneLine'],
  ['brief', 'br', 'brief'],
  ['details', 'd', 'details'],
  ['statistics', 's', 'statistics'],
  ['stats', 's', 'statistics'],
  ['4', '4', 'onlyIpv4'],
  ['6', '6', 'onlyIpv6'],
  ['color', 'c', 'nothing'],
  ['numeric', 'N', 'nothing'],
];

const NOTHING: Options = {
  json: false,
  pretty: false,
  oneLine: false,
  brief: false,
  details: false,
  statistics: false,
  onlyIpv4: false,
  onlyIpv6: false,
  netns: undefined,
};

interface Parsed {
  readonly options: Options;
  readonly words: readonly string[];
}

function parseOptions(args: readonly string[]): Parsed | ToolResult {
  const options: Record<string, boolean | string | undefined> = {};
  let at = 0;
  for (; at < args.length && args[at]?.startsWith('-') === true; at++) {
    const word = (args[at] ?? '').replace(/^--?/, '');
    if (word === 'n' || (word.length > 1 && 'netns'.startsWith(word))) {
      at += 1;
      options['netns'] = args[at] ?? '';
      continue;
    }
    const found = FLAGS.find(([long, short]) => word === short || (word.length > 1 && long.startsWith(word)));
    if (found === undefined) return failure(255, `Option "${args[at]}" is unknown, try "ip -help".`);
    if (found[2] !== 'nothing') options[found[2]] = true;
  }
  return { options: { ...NOTHING, ...options }, words: args.slice(at) };
}

const OBJECTS = ['address', 'link', 'route', 'rule', 'neighbour', 'neighbor', 'netns'] as const;
/** iproute2's table: where a beginning could be several, the first of these is meant. */
const objectOf = (word: string): (typeof OBJECTS)[number] | undefined =>
  word === '' ? undefined : OBJECTS.find((object) => object.startsWith(word));

const SHOW = ['show', 'list', 'lst'];
const CHANGES = ['add', 'append', 'change', 'delete', 'flush', 'prepend', 'replace', 'restore', 'save', 'set'];

const begins = (words: readonly string[], word: string): boolean =>
  word !== '' && words.some((one) => one.startsWith(word));

function show(netns: Netns, { options, words }: Parsed, object: (typeof OBJECTS)[number]): ToolResult {
  const [verb = '', ...rest] = words;
  const isShow = begins(SHOW, verb);
  const args = isShow ? rest : words;
  if (object === 'route' && !isShow && 'get'.startsWith(verb) && verb !== '') return getRoute(netns, rest, options);
  if (!isShow && begins(CHANGES, verb) && netns.devices.named(verb) === undefined)
    return failure(1, `ip ${object} ${verb}: only what shows is offered here.`);
  if (options.onlyIpv6 && object !== 'link') return ok(options.json ? '[]\n' : '');
  switch (object) {
    case 'address':
      return showAddresses(netns, args, options);
    case 'link':
      return showLinks(netns, args, options);
    case 'route':
      return showRoutes(netns, args, options);
    case 'rule':
      return showRules(netns, args, options);
    case 'netns':
      return ok(lines(namespaces(netns)));
    default:
      return showNeighbours(netns, args, options);
  }
}

/** A namespace has a number where a device leads there; another has only its name. */
function namespaces(netns: Netns): string[] {
  if (netns.name !== '') return [];
  const numbers = new Map<Netns, number>();
  for (const dev of devicesOf(netns)) {
    const there = dev instanceof Veth ? dev.peer?.netns : undefined;
    if (there !== undefined && there !== netns && !numbers.has(there)) numbers.set(there, numbers.size);
  }
  return netns.host.namespaces
    .filter(({ name }) => name !== '')
    .map((one) => (numbers.has(one) ? `${one.name} (id: ${numbers.get(one)})` : one.name));
}

export const ip: Tool = ({ netns }, args) => {
  const parsed = parseOptions(args);
  if ('exitCode' in parsed) return parsed;
  const [word = '', ...words] = parsed.words;
  if (word === '') return failure(255, 'Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }');
  const object = objectOf(word);
  if (object === undefined) return failure(1, `Object "${word}" is unknown, try "ip help".`);
  const { netns: name } = parsed.options;
  const place = name === undefined ? netns : netns.host.namedNetns(name);
  if (place === undefined) return failure(255, `Cannot open network namespace "${name}": No such file or directory`);
  return show(place, { options: parsed.options, words }, object);
};
