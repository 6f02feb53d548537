/** What `ss` is asked for: `state NAME`, `exclude NAME`, and an expression of ports and addresses (misc/ssfilter.y). */

import { portOfService, type SocketEntry } from '../../kernel/index.js';
import { type Ipv4Addr, ipv4Network, parseIpv4Prefix } from '../../packet/index.js';
import { failure, type ToolResult } from '../tool.js';
import { type SocketState, STATE_NAMES } from './states.js';
import { SS_USAGE } from './usage.js';

type Holds = (entry: SocketEntry) => boolean;

export interface SocketFilter {
  /** Undefined where none was asked for. */
  readonly states: ReadonlySet<SocketState> | undefined;
  readonly holds: Holds;
}

const CONNECTED: readonly SocketState[] = STATE_NAMES.filter(
  (state) => state !== 'LISTEN' && state !== 'UNCONN' && state !== 'UNKNOWN',
);

/** scan_state(). */
const GROUPS: Readonly<Record<string, readonly SocketState[]>> = {
  all: STATE_NAMES,
  connected: CONNECTED,
  synchronized: CONNECTED.filter((state) => state !== 'SYN-SENT'),
  bucket: ['SYN-RECV', 'TIME-WAIT'],
  big: STATE_NAMES.filter((state) => state !== 'SYN-RECV' && state !== 'TIME-WAIT'),
  established: ['ESTAB'],
  'syn-sent': ['SYN-SENT'],
  'syn-recv': ['SYN-RECV'],
  'fin-wait-1': ['FIN-WAIT-1'],
  'fin-wait-2': ['FIN-WAIT-2'],
  'time-wait': ['TIME-WAIT'],
  closed: ['UNCONN'],
  unconnected: ['UNCONN'],
  'close-wait': ['CLOSE-WAIT'],
  'last-ack': ['LAST-ACK'],
  listening: ['LISTEN'],
  closing: ['CLOSING'],
};

class Wrong extends Error {
  readonly result: ToolResult;

  constructor(result: ToolResult) {
    super(result.stderr);
    this.result = result;
  }
}

const refuse = (result: ToolResult): never => {
  throw new Wrong(result);
};
const syntaxError = (): never =>
  refuse(failure(255, `ss: bison bellows (while parsing filter): "syntax error!" Sorry.\n${SS_USAGE}`));
const noAddress = (what: string): never => refuse(failure(1, `Error: ${what}.\nCannot parse dst/src address.`));

const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b,
  '==': (a, b) => a === b,
  eq: (a, b) => a === b,
  '!=': (a, b) => a !== b,
  ne: (a, b) => a !== b,
  neq: (a, b) => a !== b,
  '>': (a, b) => a > b,
  gt: (a, b) => a > b,
  '<': (a, b) => a < b,
  lt: (a, b) => a < b,
  '>=': (a, b) => a >= b,
  ge: (a, b) => a >= b,
  geq: (a, b) => a >= b,
  '<=': (a, b) => a <= b,
  le: (a, b) => a <= b,
  leq: (a, b) => a <= b,
};

const SIDES = {
  sport: (entry: SocketEntry) => entry.localPort,
  dport: (entry: SocketEntry) => entry.remotePort,
} as const;
const ENDS = {
  src: ({ localAddress: address, localPort: port }: SocketEntry) => ({ address, port }),
  dst: ({ remoteAddress: address, remotePort: port }: SocketEntry) => ({ address, port }),
} as const;

/** A number, or the name of a service of TCP or UDP. */
function portNumber(text: string): number {
  const port = /^\d+$/.test(text) ? Number(text) : portOfService(text);
  return port ?? noAddress(`"${text}" does not look like a port`);
}

/** `10.0.0.0/8`, `10.0.0.1:80`, `:80`, `*:80`, `[10.0.0.1]:80` (parse_hostcond()). */
function hostCondition(text: string, endOf: (entry: SocketEntry) => { address: Ipv4Addr; port: number }): Holds {
  const [, host = '', portText] = /^(.*?)(?::([^:]*))?$/.exec(text) ?? [];
  const port = portText === undefined || portText === '*' || portText === '' ? undefined : portNumber(portText);
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  const prefix =
    bare === '' || bare === '*'
      ? undefined
      : (parseIpv4Prefix(bare.includes('/') ? bare : `${bare}/32`) ??
        noAddress(`an inet prefix is expected rather than "${bare}"`));
  return (entry) => {
    const end = endOf(entry);
    const there =
      prefix === undefined || ipv4Network(end.address, prefix.length) === ipv4Network(prefix.addr, prefix.length);
    return there && (port === undefined || end.port === port);
  };
}

const isKeyOf = <T extends object>(record: T, key: string): key is Extract<keyof T, string> =>
  Object.hasOwn(record, key);

const WORD_OF: Readonly<Record<string, string>> = { '&': 'and', '&&': 'and', '|': 'or', '||': 'or', '!': 'not' };

/** A parser by recursive descent: `or` binds less than `and`, which may be left out, and `not` most. */
class Expression {
  readonly #words: readonly string[];
  #next = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  parse(): Holds {
    if (this.#words.length === 0) return () => true;
    const holds = this.#either();
    return this.#next < this.#words.length ? syntaxError() : holds;
  }

  #peek(): string {
    const word = this.#words[this.#next] ?? '';
    return WORD_OF[word] ?? word;
  }

  #skip(word: string): boolean {
    if (this.#peek() !== word) return false;
    this.#next += 1;
    return true;
  }

  #take(): string {
    const word = this.#words[this.#next];
    this.#next += 1;
    return word === undefined || word === ')' ? syntaxError() : word;
  }

  #either(): Holds {
    const one = this.#both();
    if (!this.#skip('or')) return one;
    const other = this.#either();
    return (entry) => one(entry) || other(entry);
  }

  #both(): Holds {
    const one = this.#single();
    const more = this.#skip('and') || !['', 'or', ')'].includes(this.#peek());
    if (!more) return one;
    const other = this.#both();
    return (entry) => one(entry) && other(entry);
  }

  #single(): Holds {
    if (this.#skip('not')) {
      const holds = this.#single();
      return (entry) => !holds(entry);
    }
    if (this.#skip('(')) {
      const holds = this.#either();
      return this.#skip(')') ? holds : syntaxError();
    }
    const word = this.#take();
    if (isKeyOf(SIDES, word)) return this.#port(SIDES[word]);
    if (isKeyOf(ENDS, word)) {
      if (!this.#skip('=') && !this.#skip('eq')) this.#skip('==');
      return hostCondition(this.#take(), ENDS[word]);
    }
    // A word alone is an address of the other end.
    return hostCondition(word, ENDS.dst);
  }

  #port(portOf: (entry: SocketEntry) => number): Holds {
    const word = this.#take();
    const compare = isKeyOf(COMPARISONS, word) ? COMPARISONS[word] : undefined;
    const port = portNumber((compare === undefined ? word : this.#take()).replace(/^\*?:/, ''));
    return (entry) => (compare ?? Object.is)(portOf(entry), port);
  }
}

/** Words of the command line, one argument or several: an expression in quotes is one. */
export function filterOf(args: readonly string[]): SocketFilter | ToolResult {
  const words = args.flatMap((word) => word.replaceAll(/([()])/g, ' $1 ').split(/\s+/)).filter((word) => word !== '');
  let states: Set<SocketState> | undefined;
  let at = 0;
  for (; words[at] === 'state' || words[at] === 'exclude'; at += 2) {
    const name = words[at + 1];
    if (name === undefined) return failure(255, 'Command line is not complete. Try option "help"');
    const group = Object.hasOwn(GROUPS, name) ? GROUPS[name] : undefined;
    if (group === undefined) return failure(255, `ss: wrong state name: ${name}`);
    if (words[at] === 'state') states = new Set([...(states ?? []), ...group]);
    else states = new Set([...(states ?? STATE_NAMES)].filter((state) => !group.includes(state)));
  }
  try {
    return { states, holds: new Expression(words.slice(at)).parse() };
  } catch (error) {
    if (error instanceof Wrong) return error.result;
    throw error;
  }
}
