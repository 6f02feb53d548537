/** `tcpdump`: its options, its filter, and its lines. What it captures comes from the stream. */

import {
  Ethernet,
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE,
  Ipv4,
  LINKTYPE,
  summarize,
  viewOf,
} from '../../../src/packet/index.js';
import { BpfError, type Filter, parseBpf, type Resolve } from './bpf.js';
import type { Captured } from './bpf-headers.js';
import type { Word } from './commands.js';

export interface Tcpdump {
  readonly interface: string;
  readonly filter: Filter;
  /** After so many it ends. */
  readonly count: number | undefined;
  /** `-e`: with the link-layer header. */
  readonly showLink: boolean;
  /** `-v`: with the fields of the IP header. */
  readonly verbose: boolean;
}

/** What is wrong, and where in the line; lines that a terminal prints. */
export interface TcpdumpProblem {
  readonly problem: string;
}

const WITH_VALUE = 'ics';
/** `-n`, `-l`, `-p`: names are never looked up here, lines never wait, and nobody is promiscuous. */
const FLAGS = 'nlpev';
const OFFERED = '-i INTERFACE, -c COUNT, -e, -n, -v, -l, -p, -s LENGTH and a filter';

interface Options {
  readonly values: ReadonlyMap<string, Word>;
  readonly flags: ReadonlySet<string>;
  readonly rest: readonly Word[];
}

const problemAt = (line: string, message: string, at: number): TcpdumpProblem => ({
  problem: `tcpdump: ${message}\n  ${line}\n  ${' '.repeat(at)}^`,
});

/** By getopt(3): letters together, a value with its letter or behind it. */
function optionsOf(line: string, words: readonly Word[]): Options | TcpdumpProblem {
  const values = new Map<string, Word>();
  const flags = new Set<string>();
  let next = 1;
  for (; words[next]?.text.startsWith('-') === true; next++) {
    const { text, at } = words[next] ?? { text: '', at: 0 };
    for (let i = 1; i < text.length; i++) {
      const letter = text[i] ?? '';
      if (FLAGS.includes(letter)) flags.add(letter);
      else if (WITH_VALUE.includes(letter)) {
        const attached = i + 1 < text.length ? { text: text.slice(i + 1), at: at + i + 1 } : words[++next];
        if (attached === undefined) return problemAt(line, `-${letter} wants a value`, line.length);
        values.set(letter, attached);
        break;
      } else return problemAt(line, `-${letter} is not offered here; ${OFFERED} are`, at + i);
    }
  }
  return { values, flags, rest: words.slice(next) };
}

/** The line from the first word of the filter on, in its place, without the shell's quotation marks. */
function filterText(line: string, rest: readonly Word[]): string {
  const [first] = rest;
  return first === undefined ? '' : ' '.repeat(first.at) + line.slice(first.at).replaceAll(/['"]/g, ' ');
}

export function tcpdumpOf(line: string, words: readonly Word[], resolve: Resolve): Tcpdump | TcpdumpProblem {
  const options = optionsOf(line, words);
  if ('problem' in options) return options;
  const { values, flags, rest } = options;
  const count = values.get('c');
  if (count !== undefined && !/^[1-9]\d*$/.test(count.text))
    return problemAt(line, `-c wants a number of packets, not "${count.text}"`, count.at);
  try {
    return {
      interface: values.get('i')?.text ?? 'any',
      filter: parseBpf(filterText(line, rest), resolve),
      count: count === undefined ? undefined : Number(count.text),
      showLink: flags.has('e'),
      verbose: flags.has('v'),
    };
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    return problemAt(line, error.message, error.at);
  }
}

/** Names of the devices that `ip -br link` lists; of a veth behind its `@` is its peer. */
export const linkNames = (text: string): readonly string[] =>
  text.split('\n').map((line) => line.split(/[\s@]/, 1)[0] ?? '');

const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'ICMP', 4: 'IPIP', 6: 'TCP', 17: 'UDP', 132: 'SCTP' };

/** As `-v` prints an IP header. */
function headerText(ip: Ipv4): string {
  const { tos, ttl, identification, fragmentOffset, dontFragment, moreFragments, protocol, totalLength } = ip;
  const flags = dontFragment ? 'DF' : moreFragments ? '+' : 'none';
  const name = `${PROTOCOLS[protocol] ?? 'unknown'} (${protocol})`;
  return `(tos 0x${tos.toString(16)}, ttl ${ttl}, id ${identification}, offset ${fragmentOffset}, flags [${flags}], proto ${name}, length ${totalLength})`;
}

function ipOf({ bytes, linkType }: Captured): Ipv4 | undefined {
  const view = viewOf(bytes);
  if (linkType === LINKTYPE.raw) return Ipv4.parse(view, 0, bytes.length);
  const ethernet = Ethernet.parse(view, 0, bytes.length);
  return ethernet?.etherType === ETHERTYPE.ipv4 ? Ipv4.parse(view, ETHERNET_HEADER_LENGTH, bytes.length) : undefined;
}

/** A frame as tcpdump prints it, without the time. */
export function tcpdumpText(frame: Captured, { showLink, verbose }: Pick<Tcpdump, 'showLink' | 'verbose'>): string {
  const text = summarize(frame.bytes, { linkType: frame.linkType, showLink });
  const ip = verbose ? ipOf(frame) : undefined;
  return ip === undefined ? text : text.replace(/^(IP |.*?length \d+: )/, (head) => `${head}${headerText(ip)}\n    `);
}
