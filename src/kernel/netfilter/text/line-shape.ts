/**
 * What lines of a restore that differ in addresses, ports, chances, comments and chains alone have in common. Of a
 * hundred thousand lines that kube-proxy writes there are some twenty shapes: where one line of a shape could be read,
 * all can.
 */

import { isUnmodelledTarget } from '../unknown.js';
import { targetKind } from '../target/index.js';

export interface ShapedLine {
  /** The line with an asterisk in the place of all in which lines of its shape may differ. */
  readonly shape: string;
  readonly chain: string;
  /** The chain that it leads to. */
  readonly leadsTo: string | undefined;
}

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const ADDRESS = `${OCTET}(?:\\.${OCTET}){3}`;
/** Without `/0`, which is no condition at all. */
const NETWORK = new RegExp(`^${ADDRESS}(?:/(?:3[0-2]|[12]\\d|[1-9]))?$`);
const SOCKET = new RegExp(`^${ADDRESS}:(\\d+)$`);
const PORT = /^[1-9]\d{0,4}$/;
const CHANCE = /^0\.\d{1,11}$/;
const CHAIN = /^[A-Za-z][\w-]*$/;

const MAX_PORT = 65_535;
/** Characters of a comment; longer ones are looked at by those who know how long they may be. */
const MAX_COMMENT = 200;

const isPort = (text: string): boolean => PORT.test(text) && Number(text) <= MAX_PORT;

/** Options whose values may differ within a shape, and what they may be. */
const VALUES: ReadonlyMap<string, (value: string) => boolean> = new Map([
  ['-s', (value) => NETWORK.test(value)],
  ['-d', (value) => NETWORK.test(value)],
  ['--dport', isPort],
  ['--probability', (value) => CHANCE.test(value)],
  ['--to-destination', (value) => isPort(SOCKET.exec(value)?.[1] ?? '')],
]);

const VERDICTS: ReadonlySet<string> = new Set(['ACCEPT', 'DROP', 'RETURN', 'QUEUE']);

const isChainName = (name: string): boolean =>
  CHAIN.test(name) && !VERDICTS.has(name) && targetKind(name) === undefined && !isUnmodelledTarget(name);

/** Chains of hooks: what may be said in them is not what may be said in others. */
const BUILTIN: ReadonlySet<string> = new Set(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']);

const APPEND = '-A ';

/** Undefined for lines that are not of the plain kind: an append, single blanks, quotes around comments alone. */
export function shapeOf(line: string): ShapedLine | undefined {
  if (!line.startsWith(APPEND)) return undefined;
  const chain = wordAt(line, APPEND.length);
  if (!CHAIN.test(chain)) return undefined;
  let shape = BUILTIN.has(chain) ? chain : '';
  let leadsTo: string | undefined;
  let option = '';
  for (let at = APPEND.length + chain.length + 1; at < line.length; ) {
    if (option === '--comment') {
      const end = commentEnd(line, at);
      if (end === undefined || end - at > MAX_COMMENT) return undefined;
      shape += ' *';
      option = '';
      at = end + 1;
      continue;
    }
    const word = wordAt(line, at);
    if (word === '' || word.includes('"')) return undefined;
    at += word.length + 1;
    const value = VALUES.get(option);
    if (value !== undefined) {
      if (!value(word)) return undefined;
      shape += ' *';
      option = '';
    } else if ((option === '-j' || option === '-g') && isChainName(word)) {
      if (leadsTo !== undefined) return undefined;
      leadsTo = word;
      shape += ' *';
      option = '';
    } else {
      shape += ` ${word}`;
      option = word;
    }
  }
  return { shape, chain, leadsTo };
}

function wordAt(line: string, at: number): string {
  const end = line.indexOf(' ', at);
  return end < 0 ? line.slice(at) : line.slice(at, end);
}

/** Behind a comment that is one word, or stands between quotes without another quote or a backslash. */
function commentEnd(line: string, at: number): number | undefined {
  if (line.charAt(at) !== '"') {
    const word = wordAt(line, at);
    return word === '' || /[\s"]/.test(word) ? undefined : at + word.length;
  }
  const close = line.indexOf('"', at + 1);
  if (close < 0 || line.slice(at, close).includes('\\')) return undefined;
  return close + 1 === line.length || line.charAt(close + 1) === ' ' ? close + 1 : undefined;
}
