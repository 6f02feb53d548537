/** Random rules for a machine, as text for `iptables-restore --noflush`, and random sets for `ipset restore`. */

import type { Dice } from './dice.js';
import { MATCHES, type RulePlace } from './matches.js';
import { someTarget } from './targets.js';
import { ALL, PORTS, PROTOCOLS, someNet, type Universe } from './universe.js';

const TABLES = ['raw', 'mangle', 'nat', 'filter'] as const;

const CHAINS = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
} as const;

/** Chains that rules of the same table may lead to, deepest last: a chain leads only to later ones. */
const USER_CHAINS = ['U1', 'U2', 'U3'] as const;

export function someSets(dice: Dice, universe: Omit<Universe, 'sets'>): { text: string; sets: Universe['sets'] } {
  const full = { ...universe, sets: [] };
  const address = (): string => dice.pick(universe.addresses);
  const port = (): string => `${dice.pick(['tcp', 'udp', 'sctp'])}:${dice.pick(PORTS)}`;
  // A set of networks takes all but the one that is everything.
  const net = (): string => someNet(dice, { ...full, prefixes: full.prefixes.filter((prefix) => prefix !== ALL) });
  const elements: Readonly<Record<string, () => string>> = {
    'hash:ip': address,
    'hash:net': () => `${net()}${dice.chance(0.15) ? ' nomatch' : ''}`,
    'hash:ip,port': () => `${address()},${port()}`,
    'hash:ip,port,ip': () => `${address()},${port()},${address()}`,
    'hash:ip,port,net': () => `${address()},${port()},${net()}`,
    'bitmap:port': () => `${dice.pick(PORTS)}`,
  };
  const types = dice.some(Object.keys(elements), 0.5);
  const sets = types.map((type, i) => ({ name: `s${i}`, type }));
  const lines = sets.flatMap(({ name, type }) => {
    const make = elements[type];
    const options = `${type === 'bitmap:port' ? ' range 1-65535' : ''}${dice.chance(0.3) ? ' counters' : ''}`;
    const members = new Set(Array.from({ length: dice.between(1, 6) }, () => make?.() ?? ''));
    // Of two members that are one but for nomatch the second would be refused.
    const keys = new Set<string>();
    const added = [...members].filter((member) => {
      const key = member.replace(' nomatch', '').replace('/32', '');
      if (keys.has(key)) return false;
      keys.add(key);
      return true;
    });
    return [`create ${name} ${type}${options}`, ...added.map((member) => `add ${name} ${member}`)];
  });
  const addressSets = sets.filter(({ type }) => type === 'hash:ip' || type === 'hash:net');
  if (addressSets.length > 0 && dice.chance(0.4)) {
    lines.push('create l0 list:set', ...addressSets.map(({ name }) => `add l0 ${name}`));
    sets.push({ name: 'l0', type: 'list:set' });
  }
  return { text: `${lines.join('\n')}\n`, sets };
}

function someInterface(dice: Dice, { interfaces }: Universe, hook: RulePlace['hook']): string {
  const dev = dice.chance(0.2) ? '! ' : '';
  const name = dice.pick(interfaces);
  const inDev = `${dev}-i ${name}`;
  const outDev = `${dev}-o ${name}`;
  if (hook === 'PREROUTING' || hook === 'INPUT') return inDev;
  if (hook === 'OUTPUT' || hook === 'POSTROUTING') return outDev;
  return hook === 'FORWARD' ? dice.pick([inDev, outDev]) : '';
}

/** Not everything would be nothing, which is refused. */
function someAddress(dice: Dice, universe: Universe, side: '-s' | '-d'): string {
  const net = someNet(dice, universe);
  return `${net !== ALL && dice.chance(0.2) ? '! ' : ''}${side} ${net}`;
}

/** What stands before the modules: addresses, interfaces, protocol, fragments. */
function basics(dice: Dice, universe: Universe, { hook, protocol }: RulePlace): string[] {
  const words: string[] = [];
  if (dice.chance(0.25)) words.push(someAddress(dice, universe, '-s'));
  if (dice.chance(0.3)) words.push(someAddress(dice, universe, '-d'));
  if (dice.chance(0.2)) words.push(someInterface(dice, universe, hook));
  if (protocol !== 'all') words.push(`-p ${protocol}`);
  else if (dice.chance(0.05)) words.push(dice.pick(['! -p tcp', '! -p udp', '-p 47', '-p esp']));
  if (protocol === 'all' && dice.chance(0.05)) words.push(`${dice.chance(0.5) ? '! ' : ''}-f`);
  return words;
}

function someRule(
  dice: Dice,
  universe: Universe,
  at: Omit<RulePlace, 'protocol'> & { readonly leadsTo: readonly string[] },
): string {
  const place: RulePlace = {
    table: at.table,
    hook: at.hook,
    protocol: dice.weighted([
      [3, 'all'],
      ...PROTOCOLS.map((protocol) => [protocol === 'sctp' ? 0.5 : 2, protocol] as const),
    ]),
  };
  const words = basics(dice, universe, place);
  const names = dice.shuffled(Object.keys(MATCHES)).slice(
    0,
    dice.weighted([
      [3, 1],
      [2, 2],
      [1, 3],
    ]),
  );
  for (const name of names) words.push(MATCHES[name]?.(dice, universe, place) ?? '');
  const jump = at.leadsTo.length > 0 && dice.chance(0.25);
  const leads = jump
    ? `${dice.chance(0.75) ? '-j' : '-g'} ${dice.pick(at.leadsTo)}`
    : someTarget(dice, universe, place);
  // What is lost in the midst of a connection is sent again when real timers say so (tail-loss probes among them).
  const loses = /^-j (?:DROP|REJECT)/.test(leads) && words.some((word) => word.startsWith('-m statistic'));
  if (loses && (place.protocol === 'tcp' || place.protocol === 'all'))
    return [...words, '-j MARK --xor-mark 0x1'].filter((word) => word !== '').join(' ');
  // iptables-save shows of two tests of the same flags only the later, though the kernel asks both.
  const once = leads.includes('--tcp-flags') ? words.filter((word) => !/--tcp-flags|--syn/.test(word)) : words;
  return [...once, leads].filter((word) => word !== '').join(' ');
}

function someTable(dice: Dice, universe: Universe, table: (typeof TABLES)[number]): string[] {
  const user = USER_CHAINS.slice(0, dice.between(0, USER_CHAINS.length));
  const rules = (chain: string, hook: RulePlace['hook'], leadsTo: readonly string[]): string[] =>
    Array.from(
      { length: dice.between(0, 4) },
      () => `-A ${chain} ${someRule(dice, universe, { table, hook, leadsTo })}`,
    );
  return [
    `*${table}`,
    ...user.map((chain) => `:${chain} - [0:0]`),
    ...(table === 'filter' && dice.chance(0.1) ? [`-P ${dice.pick(['FORWARD', 'INPUT'])} DROP`] : []),
    ...CHAINS[table].flatMap((chain) => rules(chain, chain, user)),
    ...user.flatMap((chain, i) => rules(chain, 'any', user.slice(i + 1))),
    'COMMIT',
  ];
}

export const someRules = (dice: Dice, universe: Universe): string =>
  `${dice
    .some(TABLES, 0.6)
    .flatMap((table) => someTable(dice, universe, table))
    .join('\n')}\n`;
