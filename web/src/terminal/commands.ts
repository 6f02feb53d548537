/** What can be typed: the commands that exec offers, their usual words, and names of the cluster. */

import type { ListedObject } from '../api-types.js';
import type { Names } from '../state/names.js';
import { BPF_WORDS } from './bpf.js';

const TABLES = ['filter', 'mangle', 'nat', 'raw'] as const;
const CHAINS = ['FORWARD', 'INPUT', 'OUTPUT', 'POSTROUTING', 'PREROUTING'] as const;

const IPTABLES = ['--line-numbers', '-L', '-S', '-n', '-t', '-v', ...CHAINS] as const;
const IPTABLES_SAVE = ['-c', '-t'] as const;

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
  iptables: IPTABLES,
  'iptables-nft': IPTABLES,
  'iptables-nft-save': IPTABLES_SAVE,
  'iptables-save': IPTABLES_SAVE,
  ls: ['/etc'],
  nc: ['-u', '-v', '-z'],
  nslookup: [],
  ping: ['-c', '-s', '-M', 'do'],
  sysctl: ['-a', 'net.ipv4.ip_forward'],
  tcpdump: ['-i', '-c', '-n', '-nn', '-e', '-v', ...BPF_WORDS],
  traceroute: ['-n'],
};

/** Whose names are completed. */
export interface Known {
  readonly services: readonly ListedObject[];
  readonly names: Names;
  /** Of the place where commands run. */
  readonly interfaces: readonly string[];
}

/** Names and addresses that commands are about. */
function subjects(known: Known): string[] {
  const services = known.services.map(({ name, namespace }) => `${name}.${namespace}.svc.cluster.local`);
  return [...known.names.keys(), ...services];
}

/** What follows some words of iptables and tcpdump. */
function afterWord(known: Known, command: string, word: string): readonly string[] | undefined {
  if (command.startsWith('iptables')) return word === '-t' || word === '--table' ? TABLES : undefined;
  if (command !== 'tcpdump') return undefined;
  if (word === '-i') return ['any', ...known.interfaces];
  return word === 'host' || word === 'src' || word === 'dst'
    ? [...known.names.keys(), ...new Set(known.names.values())]
    : undefined;
}

/** The address of `pod/shop/web`, or of a Service by its name in DNS. */
export function addressOf(names: Names, name: string): string | undefined {
  const [, own, namespace] = /^([^./]+)\.([^./]+)\.svc(?:\.cluster\.local\.?)?$/.exec(name) ?? [];
  const wanted = own === undefined ? name : `svc/${namespace}/${own}`;
  return [...names].find(([, one]) => one === wanted)?.[0];
}

/** What may follow the words before the cursor. */
export function completeCommand(known: Known, head: string): readonly string[] {
  const words = head.split(/\s+/);
  const word = words.at(-1) ?? '';
  const fits = (one: string): boolean => one.startsWith(word);
  if (words.length === 1) return Object.keys(COMMANDS).filter(fits);
  const [command = ''] = words;
  const special = afterWord(known, command, words.at(-2) ?? '');
  if (special !== undefined) return special.filter(fits);
  const own = (COMMANDS[command] ?? []).filter(fits);
  return word === '' && own.length > 0 ? own : [...own, ...subjects(known).filter(fits)];
}

export interface Word {
  readonly text: string;
  /** Where it begins in the line, behind its quotation mark. */
  readonly at: number;
}

/** Words as a shell takes them apart: quotes keep what is between them together. Undefined where one is left open. */
export function splitWords(line: string): readonly Word[] | undefined {
  const words: Word[] = [];
  for (let at = line.length - line.trimStart().length; at < line.length; ) {
    const found = /^(?:'([^']*)'|"([^"]*)"|([^\s'"]+))\s*/.exec(line.slice(at));
    if (found === null) return undefined;
    const [whole, single, double, plain] = found;
    words.push({ text: single ?? double ?? plain ?? '', at: plain === undefined ? at + 1 : at });
    at += whole.length;
  }
  return words;
}

/** What only a shell acts upon, where nobody has quoted it. */
const OPERATORS = /[|;&<>$*]/;

/** What is run for a line: a program with its words, or a shell for one that has more than that. */
export function commandOf(line: string, words: readonly Word[]): readonly string[] {
  const unquoted = line.replaceAll(/'[^']*'|"[^"$]*"/g, '');
  return OPERATORS.test(unquoted) ? ['sh', '-c', line] : words.map(({ text }) => text);
}
