/**
 * Random matches: one function a module, each with every option that is modelled. What depends on real time (limit,
 * recent, ctexpire) is chosen so that a run of seconds does not matter.
 */

import type { Dice } from './dice.js';
import { PORTS, someNet, type Universe } from './universe.js';

/** Where a rule stands: what may be said there. */
export interface RulePlace {
  readonly table: 'raw' | 'mangle' | 'nat' | 'filter';
  /** Hooks by which the chain is reached; a user chain has all that may jump to it. */
  readonly hook: 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING' | 'any';
  readonly protocol: string;
}

/** Words of a match, or `''` where it cannot stand there. */
export type MatchMaker = (dice: Dice, universe: Universe, place: RulePlace) => string;

const not = (dice: Dice, probability = 0.2): string => (dice.chance(probability) ? '! ' : '');

function portRange(dice: Dice): string {
  const port = dice.pick(PORTS);
  return dice.weighted([
    [6, `${port}`],
    [2, `${port}:${port + dice.between(1, 5000)}`],
    [1, `:${port}`],
    [1, `${port}:`],
  ]);
}

const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'];

const tcp: MatchMaker = (dice, _, { protocol }) => {
  if (protocol !== 'tcp') return '';
  return dice.weighted([
    [4, `-m tcp ${not(dice)}--dport ${portRange(dice)}`],
    [2, `-m tcp ${not(dice)}--sport ${portRange(dice)}`],
    [
      2,
      `-m tcp ${not(dice)}--tcp-flags ${dice.some(FLAGS, 0.6).join(',')} ${dice.chance(0.2) ? 'NONE' : dice.some(FLAGS, 0.3).join(',')}`,
    ],
    [1, `-m tcp ${not(dice)}--syn`],
    [1, `-m tcp ${not(dice)}--tcp-option ${dice.pick([2, 3, 4, 8])}`],
  ]);
};

const udp: MatchMaker = (dice, _, { protocol }) =>
  protocol === 'udp' ? `-m udp ${not(dice)}--${dice.pick(['dport', 'dport', 'sport'])} ${portRange(dice)}` : '';

const sctp: MatchMaker = (dice, _, { protocol }) => {
  if (protocol !== 'sctp') return '';
  return dice.chance(0.6)
    ? `-m sctp ${not(dice)}--${dice.pick(['dport', 'sport'])} ${dice.pick(PORTS)}`
    : `-m sctp ${not(dice)}--chunk-types ${dice.pick(['any', 'all', 'only'])} ${dice.some(['INIT', 'DATA', 'ABORT', 'SHUTDOWN', 'COOKIE_ECHO'], 0.4).join(',')}`;
};

const icmp: MatchMaker = (dice, _, { protocol }) =>
  protocol === 'icmp'
    ? `-m icmp ${not(dice)}--icmp-type ${dice.pick(['8', '8/0', '0', '3', '3/3', '3/4', '11', '11/0', '5', 'any', '255'])}`
    : '';

const multiport: MatchMaker = (dice, _, { protocol }) => {
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) return '';
  const ports = dice.some(PORTS, 0.5).map((port) => (dice.chance(0.3) ? `${port}:${port + 100}` : `${port}`));
  return `-m multiport ${not(dice)}--${dice.pick(['dports', 'sports', 'ports'])} ${ports.join(',')}`;
};

const STATES = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED', 'SNAT', 'DNAT'];

const conntrack: MatchMaker = (dice, universe) =>
  dice.weighted([
    [6, () => `-m conntrack ${not(dice)}--ctstate ${dice.some(STATES, 0.3).join(',')}`],
    [1, () => `-m conntrack --ctdir ${dice.pick(['ORIGINAL', 'REPLY'])}`],
    [1, () => `-m conntrack ${not(dice)}--ctorigsrc ${someNet(dice, universe)}`],
    [1, () => `-m conntrack ${not(dice)}--ctorigdst ${someNet(dice, universe)}`],
    [1, () => `-m conntrack ${not(dice)}--ctreplsrc ${someNet(dice, universe)}`],
    [1, () => `-m conntrack ${not(dice)}--ctrepldst ${someNet(dice, universe)}`],
    [
      1,
      () =>
        `-m conntrack --ctproto ${dice.pick(['tcp', 'udp', 'icmp'])} --ctorigdstport ${portRange(dice).replace(/^:/, '1:').replace(/:$/, ':65535')}`,
    ],
    [
      1,
      () => `-m conntrack ${not(dice)}--ctstatus ${dice.some(['SEEN_REPLY', 'ASSURED', 'CONFIRMED'], 0.4).join(',')}`,
    ],
    [1, () => `-m conntrack --ctexpire 1:10000000`],
  ])();

const state: MatchMaker = (dice) =>
  `-m state ${not(dice)}--state ${dice.some(['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'], 0.4).join(',')}`;

const mark: MatchMaker = (dice) =>
  `-m mark ${not(dice)}--mark ${dice.pick(['0x1', '0x2/0x3', '0x10/0x10', '0x0', '0x4000/0x4000'])}`;
const connmark: MatchMaker = (dice) =>
  `-m connmark ${not(dice)}--mark ${dice.pick(['0x1', '0x2/0x3', '0x0', '0x10/0xf0'])}`;

const TYPES = ['UNICAST', 'LOCAL', 'BROADCAST', 'MULTICAST', 'BLACKHOLE', 'UNREACHABLE', 'PROHIBIT'];

const addrtype: MatchMaker = (dice, _, { hook }) => {
  const limit =
    hook === 'PREROUTING' || hook === 'INPUT'
      ? dice.pick(['', '', ' --limit-iface-in'])
      : hook === 'OUTPUT' || hook === 'POSTROUTING'
        ? dice.pick(['', '', ' --limit-iface-out'])
        : hook === 'FORWARD'
          ? dice.pick(['', ' --limit-iface-in', ' --limit-iface-out'])
          : '';
  const source = `${not(dice)}--src-type ${dice.some(TYPES, 0.2).join(',')}`;
  const destination = `${not(dice)}--dst-type ${dice.some(TYPES, 0.2).join(',')}`;
  return `-m addrtype ${dice.pick([source, destination, `${source} ${destination}`])}${limit}`;
};

const statistic: MatchMaker = (dice) => {
  if (dice.chance(0.5))
    return `-m statistic --mode random ${not(dice)}--probability ${dice.pick(['0.5', '0.33333333349', '0.1', '1'])}`;
  const every = dice.between(1, 4);
  return `-m statistic --mode nth ${not(dice)}--every ${every} --packet ${dice.between(0, every - 1)}`;
};

const recent: MatchMaker = (dice) => {
  const list = `--name r${dice.between(0, 2)} ${dice.pick(['--rsource', '--rdest'])}`;
  return dice.weighted([
    [3, `-m recent ${not(dice, 0.1)}--set ${list}`],
    [2, `-m recent ${not(dice)}--rcheck ${list}`],
    [1, `-m recent ${not(dice)}--rcheck --seconds 10000 --hitcount ${dice.between(1, 3)} ${list}`],
    [1, `-m recent ${not(dice)}--update --seconds 10000 ${list}`],
    [1, `-m recent ${not(dice)}--remove ${list}`],
    [1, `-m recent ${not(dice)}--rcheck --rttl ${list}`],
  ]);
};

/** Dimensions of a set's elements. */
const dimensions = (type: string): number => type.split(',').length;

const set: MatchMaker = (dice, { sets }) => {
  if (sets.length === 0) return '';
  const { name, type } = dice.pick(sets);
  const flags = Array.from({ length: dimensions(type) }, () => dice.pick(['src', 'dst'])).join(',');
  const extra = dice.weighted([
    [6, ''],
    [1, ' --return-nomatch'],
    [1, ' ! --update-counters'],
  ]);
  return `-m set ${not(dice)}--match-set ${name} ${flags}${extra}`;
};

const physdev: MatchMaker = (dice, { interfaces }, { hook }) => {
  if (hook === 'OUTPUT') return '';
  const dev = dice.pick(interfaces);
  return dice.pick([
    `-m physdev ${not(dice)}--physdev-is-bridged`,
    `-m physdev ${not(dice)}--physdev-is-in`,
    ...(hook === 'PREROUTING' || hook === 'INPUT' ? [] : [`-m physdev ${not(dice)}--physdev-is-out`]),
    `-m physdev ${not(dice)}--physdev-in ${dev}`,
  ]);
};

const rpfilter: MatchMaker = (dice, _, { table, hook }) =>
  hook === 'PREROUTING' && (table === 'raw' || table === 'mangle')
    ? `-m rpfilter${dice.pick(['', ' --loose'])}${dice.pick(['', ' --validmark'])}${dice.pick(['', ' --accept-local'])}${dice.pick(['', ' --invert'])}`
    : '';

const limit: MatchMaker = (dice) =>
  `-m limit --limit ${dice.pick(['1/day', '1/hour'])} --limit-burst ${dice.between(1, 4)}`;

/** What nobody tracks is counted until the list is looked through, once a jiffy of real time: a kept case has that. */
const connlimit: MatchMaker = (dice, _, { protocol, table }) =>
  table === 'raw' || (protocol !== 'tcp' && protocol !== 'udp')
    ? ''
    : `-m conntrack ! --ctstate UNTRACKED -m connlimit --connlimit-${dice.pick(['above', 'upto'])} ${dice.between(1, 3)} --connlimit-mask ${dice.pick([0, 24, 32])} --connlimit-${dice.pick(['saddr', 'daddr'])}`;

const owner: MatchMaker = (dice, _, { hook }) =>
  hook === 'OUTPUT' || hook === 'POSTROUTING'
    ? `-m owner ${dice.pick([`${not(dice)}--uid-owner 0`, '--uid-owner 1000-2000', `${not(dice)}--socket-exists`, '--gid-owner 0'])}`
    : '';

const comment: MatchMaker = (dice) => `-m comment --comment "${dice.pick(['why', 'a b', "it's", 'x:y'])}"`;

export const MATCHES: Readonly<Record<string, MatchMaker>> = {
  addrtype,
  comment,
  connlimit,
  connmark,
  conntrack,
  icmp,
  limit,
  mark,
  multiport,
  owner,
  physdev,
  recent,
  rpfilter,
  sctp,
  set,
  state,
  statistic,
  tcp,
  udp,
};
