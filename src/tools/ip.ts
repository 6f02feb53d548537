/** `ip`: objects and verbs may be abbreviated, as in iproute2. */

import type { Device } from '../kernel/index.js';
import {
  addressJson,
  devicesOf,
  formatAddresses,
  formatBriefAddresses,
  formatBriefLinks,
  formatLinks,
  linkJson,
} from './ip-link.js';
import { getRoute, showNeighbours, showRoutes, showRoutesJson, showRules } from './ip-route.js';
import { failure, ok, type Tool, type ToolPlace, type ToolResult } from './tool.js';

interface Options {
  readonly json: boolean;
  readonly brief: boolean;
  readonly detailed: boolean;
}

/** Words that take a value, in every object that is modelled. */
const SELECTORS = new Set(['dev', 'table', 'from', 'iif', 'mark', 'to', 'nud']);

function selectorOf(args: readonly string[]): ReadonlyMap<string, string> {
  const selector = new Map<string, string>();
  for (let i = 0; i < args.length; i += 1) {
    const word = args[i] ?? '';
    if (SELECTORS.has(word)) {
      selector.set(word, args[i + 1] ?? '');
      i += 1;
    } else if (!selector.has('dev')) selector.set('dev', word);
  }
  return selector;
}

function chosen(place: ToolPlace, args: readonly string[]): readonly Device[] | string {
  const name = selectorOf(args).get('dev');
  const devices = devicesOf(place.netns);
  if (name === undefined) return devices;
  const found = devices.filter((dev) => dev.name === name);
  return found.length === 0 ? `Device "${name}" does not exist.` : found;
}

const json = (rows: readonly object[]): ToolResult => ok(`${JSON.stringify(rows)}\n`);

function showLinks(
  place: ToolPlace,
  args: readonly string[],
  options: Options & { readonly object: 'link' | 'addr' },
): ToolResult {
  const devices = chosen(place, args);
  if (typeof devices === 'string') return failure(1, devices);
  if (options.json) return json(devices.map(options.object === 'link' ? linkJson : addressJson));
  if (options.brief) return ok(options.object === 'link' ? formatBriefLinks(devices) : formatBriefAddresses(devices));
  return ok(
    options.object === 'link'
      ? formatLinks(devices, options.detailed ? 'detailed' : 'plain')
      : formatAddresses(devices),
  );
}

function route(
  place: ToolPlace,
  verb: string,
  { args, options }: { args: readonly string[]; options: Options },
): ToolResult {
  if (verb !== '' && 'get'.startsWith(verb)) return getRoute(place.netns, args[0] ?? '', selectorOf(args.slice(1)));
  const selector = selectorOf(args);
  return options.json ? showRoutesJson(place.netns, selector) : showRoutes(place.netns, selector);
}

const OBJECTS = ['address', 'link', 'route', 'rule', 'neighbour', 'neighbor'] as const;
const SHOW = ['show', 'list', 'lst', 'get'];

const isVerb = (word: string): boolean => SHOW.some((verb) => verb.startsWith(word)) && word !== '';

export const ip: Tool = (place, given) => {
  const flags = given.filter((word) => word.startsWith('-'));
  const words = given.filter((word) => !word.startsWith('-'));
  const [name = '', next = '', ...rest] = words;
  const object = OBJECTS.find((one) => one.startsWith(name) && name !== '');
  if (object === undefined) return failure(1, `Object "${name}" is unknown, try "ip help".`);
  const known = new Set(['-j', '-json', '-d', '-details', '-4', '-br', '-brief', '-n', '-o']);
  const unknown = flags.find((flag) => !known.has(flag));
  if (unknown !== undefined) return failure(1, `Option "${unknown}" is not modelled.`);
  const has = (...names: string[]): boolean => flags.some((flag) => names.includes(flag));
  const options: Options = { json: has('-j', '-json'), brief: has('-br', '-brief'), detailed: has('-d', '-details') };
  const verb = isVerb(next) ? next : '';
  const args = verb === '' ? words.slice(1) : rest;
  if (verb === '' && ['add', 'del', 'replace', 'set', 'flush', 'change'].includes(next)) {
    return failure(1, `ip ${object} ${next}: only what shows is offered here.`);
  }
  switch (object) {
    case 'address':
      return showLinks(place, args, { ...options, object: 'addr' });
    case 'link':
      return showLinks(place, args, { ...options, object: 'link' });
    case 'route':
      return route(place, verb, { args, options });
    case 'rule':
      return showRules(place.netns);
    default:
      return showNeighbours(place.netns, selectorOf(args).get('dev'));
  }
};
