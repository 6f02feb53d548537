/** Random targets: what may be said in a chain of a table. */

import type { Dice } from './dice.js';
import type { RulePlace } from './matches.js';
import { PORTS, type Universe } from './universe.js';

type TargetMaker = (dice: Dice, universe: Universe, place: RulePlace) => string;

const hasPorts = ({ protocol }: RulePlace): boolean => ['tcp', 'udp', 'sctp'].includes(protocol);

const random = (dice: Dice): string => dice.pick(['', '', ' --random', ' --persistent']);

const addressRange = (dice: Dice, { addresses }: Universe): string => {
  const one = dice.pick(addresses.filter((address) => !address.startsWith('127.')));
  return one;
};

const REJECTS = [
  'icmp-net-unreachable',
  'icmp-host-unreachable',
  'icmp-port-unreachable',
  'icmp-proto-unreachable',
  'icmp-net-prohibited',
  'icmp-host-prohibited',
  'icmp-admin-prohibited',
];

const reject: TargetMaker = (dice, _, { table, hook, protocol }) => {
  if (table !== 'filter' || hook === 'any') return '';
  if (protocol === 'tcp' && dice.chance(0.6)) return '-j REJECT --reject-with tcp-reset';
  return `-j REJECT --reject-with ${dice.pick(REJECTS)}`;
};

const mark: TargetMaker = (dice) =>
  `-j MARK ${dice.pick(['--set-xmark 0x1/0xffffffff', '--set-xmark 0x2/0x3', '--set-xmark 0x10/0x10', '--or-mark 0x4000', '--and-mark 0xffffff0f', '--xor-mark 0x1'])}`;

const connmark: TargetMaker = (dice, _, { table }) =>
  table === 'raw'
    ? ''
    : `-j CONNMARK ${dice.pick(['--set-xmark 0x1/0xffffffff', '--set-xmark 0x10/0xf0', '--save-mark', '--restore-mark', '--save-mark --nfmask 0xff --ctmask 0xf', '--restore-mark --nfmask 0xf --ctmask 0xff'])}`;

const dscp: TargetMaker = (dice, _, { table }) =>
  table === 'mangle' ? `-j DSCP --set-dscp 0x${dice.between(0, 63).toString(16)}` : '';

const tos: TargetMaker = (dice, _, { table }) =>
  table === 'mangle' ? `-j TOS ${dice.pick(['--set-tos 0x10/0x3f', '--set-tos 0x8/0xff', '--xor-tos 0x4'])}` : '';

const tcpmss: TargetMaker = (dice, _, { table, hook, protocol }) =>
  table === 'mangle' && protocol === 'tcp' && (hook === 'FORWARD' || hook === 'OUTPUT' || hook === 'POSTROUTING')
    ? `-m tcp --tcp-flags SYN,RST SYN -j TCPMSS ${dice.pick(['--clamp-mss-to-pmtu', '--set-mss 1200', '--set-mss 536'])}`
    : '';

const notrack: TargetMaker = (dice, _, { table }) =>
  table === 'raw' ? dice.pick(['-j NOTRACK', '-j CT --notrack']) : '';

const log: TargetMaker = (dice) =>
  dice.pick(['-j LOG --log-prefix "seen: "', '-j NFLOG --nflog-group 7', '-j LOG --log-level 5']);

const setTarget: TargetMaker = (dice, { sets }) => {
  const usable = sets.filter(({ type }) => type === 'hash:ip' || type === 'hash:ip,port');
  if (usable.length === 0) return '';
  const { name, type } = dice.pick(usable);
  const flags = type === 'hash:ip' ? dice.pick(['src', 'dst']) : dice.pick(['src,dst', 'dst,src', 'dst,dst']);
  return `-j SET ${dice.pick([`--add-set ${name} ${flags} --exist`, `--add-set ${name} ${flags}`, `--del-set ${name} ${flags}`])}`;
};

const dnat: TargetMaker = (dice, universe, place) => {
  if (place.table !== 'nat' || (place.hook !== 'PREROUTING' && place.hook !== 'OUTPUT')) return '';
  const address = addressRange(dice, universe);
  if (!hasPorts(place)) return `-j DNAT --to-destination ${address}`;
  return `-j DNAT --to-destination ${address}${dice.pick(['', `:${dice.pick(PORTS)}`, `:${dice.pick(PORTS)}`])}${random(dice).replace(' --random', '')}`;
};

const redirect: TargetMaker = (dice, _, place) => {
  if (place.table !== 'nat' || (place.hook !== 'PREROUTING' && place.hook !== 'OUTPUT')) return '';
  return hasPorts(place) ? `-j REDIRECT --to-ports ${dice.pick(PORTS)}` : '-j REDIRECT';
};

const snat: TargetMaker = (dice, universe, place) => {
  if (place.table !== 'nat' || (place.hook !== 'POSTROUTING' && place.hook !== 'INPUT')) return '';
  const address = addressRange(dice, universe);
  const ports = hasPorts(place) ? dice.pick(['', '', `:${dice.between(2000, 3000)}`]) : '';
  return `-j SNAT --to-source ${address}${ports}${dice.pick(['', '', ' --random-fully', ' --persistent'])}`;
};

const masquerade: TargetMaker = (dice, _, place) =>
  place.table === 'nat' && place.hook === 'POSTROUTING'
    ? `-j MASQUERADE${hasPorts(place) ? dice.pick(['', '', ' --to-ports 2000-2100', ' --random-fully', ' --random']) : ''}`
    : '';

/** Verdicts are rarer than what lets a packet go on, else few packets would get far. */
const WEIGHTED: readonly (readonly [number, TargetMaker])[] = [
  [3, (_, __, { table }) => (table === 'nat' ? '' : '-j ACCEPT')],
  [1.5, (_, __, { table }) => (table === 'nat' ? '' : '-j DROP')],
  [1, () => '-j RETURN'],
  [2, reject],
  [3, mark],
  [2, connmark],
  [1.5, dscp],
  [1, tos],
  [2, tcpmss],
  [2, notrack],
  [1, log],
  [1.5, setTarget],
  [5, dnat],
  [2, redirect],
  [4, snat],
  [4, masquerade],
  [2, () => ' '],
];

/** A target that may stand there; a blank for none. */
export function someTarget(dice: Dice, universe: Universe, place: RulePlace): string {
  for (;;) {
    const words = dice.weighted(WEIGHTED)(dice, universe, place);
    if (words !== '') return words.trim();
  }
}
