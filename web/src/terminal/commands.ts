/** What can be typed: the commands that exec offers, their usual words, and names of the cluster. */

import type { ListedObject } from '../api-types.js';
import type { Names } from '../state/names.js';

/** First words; the server says "not found" for what it does not know. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  birdc: ['show', 'protocols', 'all', 'route', 'status'],
  bridge: ['fdb', 'link', 'show', 'vlan'],
  calicoctl: ['get', 'ipam', 'node', 'show', 'status'],
  cat: ['/etc/hosts', '/etc/resolv.conf'],
  clear: [],
  conntrack: ['-L', '-S'],
  curl: ['-s', '-v', 'http://'],
  dig: ['+short', '@'],
  getent: ['hosts', 'ahosts'],
  hostname: [],
  ip: ['-br', '-d', '-s', 'addr', 'link', 'neigh', 'route', 'rule', 'show'],
  ipset: ['list', 'save'],
  'iptables-save': ['-c', '-t', 'filter', 'mangle', 'nat', 'raw'],
  ls: ['/etc'],
  nc: ['-u', '-v', '-z'],
  nslookup: [],
  ping: ['-c', '-s', '-M', 'do'],
  sysctl: ['-a', 'net.ipv4.ip_forward'],
  tcpdump: ['-i', '-n', '-e'],
  traceroute: ['-n'],
};

/** Whose names are completed. */
export interface Known {
  readonly services: readonly ListedObject[];
  readonly names: Names;
}

/** Names and addresses that commands are about. */
function subjects(known: Known): string[] {
  const services = known.services.map(({ name, namespace }) => `${name}.${namespace}.svc.cluster.local`);
  return [...known.names.keys(), ...services];
}

/** What may follow the words before the cursor. */
export function completeCommand(known: Known, head: string): readonly string[] {
  const words = head.split(/\s+/);
  const word = words.at(-1) ?? '';
  const fits = (one: string): boolean => one.startsWith(word);
  if (words.length === 1) return Object.keys(COMMANDS).filter(fits);
  const own = (COMMANDS[words[0] ?? ''] ?? []).filter(fits);
  return word === '' && own.length > 0 ? own : [...own, ...subjects(known).filter(fits)];
}

/** Words as a shell takes them apart: quotes keep what is between them together. Undefined where one is left open. */
export function splitWords(line: string): readonly string[] | undefined {
  const words: string[] = [];
  let rest = line.trim();
  while (rest !== '') {
    const found = /^(?:'([^']*)'|"([^"]*)"|([^\s'"]+))\s*/.exec(rest);
    if (found === null) return undefined;
    words.push(found[1] ?? found[2] ?? found[3] ?? '');
    rest = rest.slice(found[0].length);
  }
  return words;
}

export interface Tcpdump {
  readonly filter: string;
  readonly interface: string;
}

/** `tcpdump -i eth0 [-n] [display filter]` as a display filter over the stream; words where it is not understood. */
export function tcpdumpOf(place: string, words: readonly string[]): Tcpdump | string {
  let device = 'any';
  const rest: string[] = [];
  for (let i = 1; i < words.length; i++) {
    const word = words[i] ?? '';
    if (word === '-i') device = words[++i] ?? '';
    else if (/^-[nlv]+$/.test(word)) continue;
    else if (word.startsWith('-'))
      return `tcpdump: ${word} is not offered here; -i INTERFACE, -n and a display filter are`;
    else rest.push(word);
  }
  const conditions = [
    `place == "${place}"`,
    ...(device === 'any' ? [] : [`interface == "${device}"`]),
    ...(rest.length === 0 ? [] : [`(${rest.join(' ')})`]),
  ];
  return { filter: conditions.join(' && '), interface: device };
}
