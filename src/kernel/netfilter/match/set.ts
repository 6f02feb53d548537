/** `-m set --match-set NAME src,dst`; net/netfilter/xt_set.c:set_match_v4(). */

import type { Netns } from '../../netns.js';
import type { CounterBound, SetLookup, SetSlot } from '../ipset/set.js';
import { type Match, type MatchKind, RuleError } from '../extension.js';
import { type Options, parseUnsigned } from '../options.js';

/** IPSET_DIM_MAX. */
const MAX_DIMENSIONS = 6;

/** `src,dst`. */
export function parseSetFlags(text: string): ('src' | 'dst')[] {
  const flags = text.split(',').map((flag) => {
    if (flag !== 'src' && flag !== 'dst')
      throw new RuleError("You must spefify (the comma separated list of) 'src' or 'dst'.");
    return flag;
  });
  if (flags.length > MAX_DIMENSIONS) throw new RuleError("Can't be more src/dst options than 6.");
  return flags;
}

/** Takes the set for a rule. @throws RuleError */
export function acquireSet(netns: Netns, name: string): SetSlot {
  const slot = netns.ipsets.acquire(name);
  if (slot === undefined) throw new RuleError(`Set ${name} doesn't exist.`);
  return slot;
}

const BOUNDS = ['--packets-eq', '--packets-lt', '--packets-gt', '--bytes-eq', '--bytes-lt', '--bytes-gt'] as const;

function parseBound(options: Options, name: (typeof BOUNDS)[number]): CounterBound | undefined {
  const text = options.text(name);
  if (text === undefined) return undefined;
  const value = parseUnsigned(text, Number.MAX_SAFE_INTEGER);
  if (value === undefined) throw new RuleError(`set: bad integer value for option "${name}", or out of range.`);
  const operator = name.endsWith('lt') ? 'lt' : name.endsWith('gt') ? 'gt' : options.inverted(name) ? 'ne' : 'eq';
  return { field: name.startsWith('--packets') ? 'packets' : 'bytes', operator, value };
}

const formatBound = ({ field, operator, value }: CounterBound): string =>
  operator === 'ne' ? ` ! --${field}-eq ${value}` : ` --${field}-${operator} ${value}`;

function parseLookup(options: Options): SetLookup {
  return {
    flags: parseSetFlags(options.second('--match-set')),
    updateCounters: !options.inverted('--update-counters'),
    updateSubcounters: !options.inverted('--update-subcounters'),
    returnNomatch: options.has('--return-nomatch'),
    counterBounds: BOUNDS.map((name) => parseBound(options, name)).filter((bound) => bound !== undefined),
  };
}

function format(name: string, lookup: SetLookup): string {
  let text = `--match-set ${name} ${lookup.flags.join()}`;
  if (lookup.returnNomatch) text += ' --return-nomatch';
  if (!lookup.updateCounters) text += ' ! --update-counters';
  if (!lookup.updateSubcounters) text += ' ! --update-subcounters';
  return text + lookup.counterBounds.map(formatBound).join('');
}

export const set = {
  options: {
    '--match-set': { arguments: 2, invertible: true, aliases: ['--set'] },
    '--return-nomatch': { arguments: 0 },
    '--update-counters': { arguments: 0, invertible: true },
    '--update-subcounters': { arguments: 0, invertible: true },
    '--packets-eq': { invertible: true },
    '--packets-lt': {},
    '--packets-gt': {},
    '--bytes-eq': { invertible: true },
    '--bytes-lt': {},
    '--bytes-gt': {},
  },
  // Counters and timeouts of the elements change.
  pure: false,
  parse(options): Match {
    const given = options.require('--match-set');
    const lookup = parseLookup(options);
    const inverted = options.inverted('--match-set');
    let slot: SetSlot | undefined;
    return {
      get known() {
        return slot?.set.modelled ?? true;
      },
      attach(netns) {
        slot = acquireSet(netns, given);
      },
      detach(netns) {
        if (slot !== undefined) netns.ipsets.release(slot);
        slot = undefined;
      },
      matches: (packet) => slot !== undefined && slot.set.matches(packet, lookup) !== inverted,
      toString: () => (inverted ? '! ' : '') + format(given, lookup),
    };
  },
} satisfies MatchKind;
