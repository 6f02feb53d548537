/** `-m conntrack` and its older form `-m state`; net/netfilter/xt_conntrack.c:conntrack_mt(). */

import { formatIpv4, formatPrefix, type Ipv4Prefix, ipv4Mask } from '../../../packet/index.js';
import { type CtEntry, IPS, isReply } from '../../conntrack/entry.js';
import { NS_PER_S } from '../../clock.js';
import type { Emulation } from '../../emulation.js';
import { CT_STATE, ctStatesOf } from '../ct-states.js';
import { type Match, type MatchKind, RuleError } from '../extension.js';
import { formatPortRange, type Options, parsePortRange, parseUnsigned, type PortRange, U32_MAX } from '../options.js';
import type { RulePacket } from '../packet.js';
import { parseProtocol } from '../text/protocol-names.js';

const STATUSES = {
  EXPECTED: IPS.expected,
  SEEN_REPLY: IPS.seenReply,
  ASSURED: IPS.assured,
  CONFIRMED: IPS.confirmed,
} as const;

function parseBits(text: string, names: Readonly<Record<string, number>>, what: string): number {
  let bits = 0;
  for (const name of text.split(',')) {
    const bit = names[name.toUpperCase()];
    if (bit === undefined) throw new RuleError(`Bad ${what} "${name}"`);
    bits |= bit;
  }
  return bits;
}

const formatBits = (bits: number, names: Readonly<Record<string, number>>): string =>
  Object.keys(names)
    .filter((name) => (bits & (names[name] ?? 0)) !== 0)
    .join();

/** One condition: how it decides, and how it prints. */
interface Condition {
  holds(ct: CtEntry, packet: RulePacket): boolean;
  toString(): string;
}

const ADDRESSES = {
  '--ctorigsrc': (ct: CtEntry) => ct.original.source,
  '--ctorigdst': (ct: CtEntry) => ct.original.destination,
  '--ctreplsrc': (ct: CtEntry) => ct.reply.source,
  '--ctrepldst': (ct: CtEntry) => ct.reply.destination,
} as const;

const PORTS = {
  '--ctorigsrcport': (ct: CtEntry) => ct.original.sourcePort,
  '--ctorigdstport': (ct: CtEntry) => ct.original.destinationPort,
  '--ctreplsrcport': (ct: CtEntry) => ct.reply.sourcePort,
  '--ctrepldstport': (ct: CtEntry) => ct.reply.destinationPort,
} as const;

const formatAddress = (prefix: Ipv4Prefix): string =>
  prefix.length === 32 ? formatIpv4(prefix.addr) : formatPrefix(prefix);

function address(options: Options, name: keyof typeof ADDRESSES): Condition | undefined {
  const prefix = options.prefix(name);
  if (prefix === undefined) return undefined;
  const inverted = options.inverted(name);
  const mask = ipv4Mask(prefix.length);
  const network = { addr: prefix.addr, length: prefix.length };
  return {
    holds: (ct) => (((ADDRESSES[name](ct) ^ prefix.addr) & mask) === 0) !== inverted,
    toString: () => `${options.bang(name)}${name} ${formatAddress(network)}`,
  };
}

function port(options: Options, name: keyof typeof PORTS): Condition | undefined {
  const text = options.text(name);
  if (text === undefined) return undefined;
  const range: PortRange = parsePortRange(text);
  const inverted = options.inverted(name);
  return {
    holds: (ct) => (PORTS[name](ct) >= range.first && PORTS[name](ct) <= range.last) !== inverted,
    toString: () => `${options.bang(name)}${name} ${formatPortRange(range)}`,
  };
}

function protocol(options: Options): Condition | undefined {
  const text = options.text('--ctproto');
  if (text === undefined) return undefined;
  const wanted = parseProtocol(text);
  if (wanted === undefined) throw new RuleError(`unknown protocol "${text}" specified`);
  const inverted = options.inverted('--ctproto');
  return {
    holds: (ct) => (ct.original.protocol === wanted) !== inverted,
    toString: () => `${options.bang('--ctproto')}--ctproto ${wanted}`,
  };
}

function status(options: Options): Condition | undefined {
  const text = options.text('--ctstatus');
  if (text === undefined) return undefined;
  const wanted = text === 'NONE' ? 0 : parseBits(text, STATUSES, 'ctstatus');
  const inverted = options.inverted('--ctstatus');
  return {
    holds: (ct) => ((ct.status & wanted) !== 0) !== inverted,
    toString: () => `${options.bang('--ctstatus')}--ctstatus ${wanted === 0 ? 'NONE' : formatBits(wanted, STATUSES)}`,
  };
}

function expire(options: Options): Condition | undefined {
  const text = options.text('--ctexpire');
  if (text === undefined) return undefined;
  const [from = '', to = from] = text.split(':');
  const first = from === '' ? 0 : parseUnsigned(from);
  const last = to === '' ? U32_MAX : parseUnsigned(to);
  if (first === undefined || last === undefined) throw new RuleError(`conntrack: bad range "${text}"`);
  const inverted = options.inverted('--ctexpire');
  // nf_ct_expires() takes the timeout of what is not confirmed yet for a time on the kernel's clock: one that is over,
  // unless the machine has just been started.
  const left = (ct: CtEntry, { clock, jiffiesNs }: Emulation): number =>
    Math.floor(Math.max(0, ct.expiresNs - (ct.has(IPS.confirmed) ? clock.nowNs : jiffiesNs)) / NS_PER_S);
  return {
    holds(ct, { netns }) {
      const seconds = left(ct, netns.emulation);
      return (seconds >= first && seconds <= last) !== inverted;
    },
    toString: () => `${options.bang('--ctexpire')}--ctexpire ${formatPortRange({ first, last })}`,
  };
}

function direction(options: Options): Condition | undefined {
  const text = options.text('--ctdir')?.toUpperCase();
  if (text === undefined) return undefined;
  if (text !== 'ORIGINAL' && text !== 'REPLY') throw new RuleError(`Bad ctdir "${text}"`);
  const reply = text === 'REPLY';
  return {
    holds: (_ct, { skb }) => isReply(skb.ctInfo) === reply,
    toString: () => `--ctdir ${text}`,
  };
}

/** All but the state, in the order in which they are printed. */
const conditions = (options: Options): readonly Condition[] =>
  [
    protocol(options),
    address(options, '--ctorigsrc'),
    address(options, '--ctorigdst'),
    address(options, '--ctreplsrc'),
    address(options, '--ctrepldst'),
    port(options, '--ctorigsrcport'),
    port(options, '--ctorigdstport'),
    port(options, '--ctreplsrcport'),
    port(options, '--ctrepldstport'),
    status(options),
    expire(options),
    direction(options),
  ].filter((condition) => condition !== undefined);

/** The state alone is by far the most frequent: no list to walk. */
function stateOnly(options: Options, name: '--ctstate' | '--state', bits: number): Match {
  const inverted = options.inverted(name);
  return {
    matches: ({ skb }) => ((ctStatesOf(skb) & bits) !== 0) !== inverted,
    ...(inverted ? {} : { ctStates: bits }),
    toString: () => `${options.bang(name)}${name} ${formatBits(bits, CT_STATE)}`,
  };
}

const INVERTIBLE = { invertible: true } as const;

export const conntrack = {
  options: {
    '--ctstate': INVERTIBLE,
    '--ctproto': INVERTIBLE,
    '--ctorigsrc': INVERTIBLE,
    '--ctorigdst': INVERTIBLE,
    '--ctreplsrc': INVERTIBLE,
    '--ctrepldst': INVERTIBLE,
    '--ctorigsrcport': INVERTIBLE,
    '--ctorigdstport': INVERTIBLE,
    '--ctreplsrcport': INVERTIBLE,
    '--ctrepldstport': INVERTIBLE,
    '--ctstatus': INVERTIBLE,
    '--ctexpire': INVERTIBLE,
    '--ctdir': {},
  },
  pure: true,
  needsConntrack: true,
  parse(options) {
    const text = options.text('--ctstate');
    const state =
      text === undefined ? undefined : stateOnly(options, '--ctstate', parseBits(text, CT_STATE, 'ctstate'));
    const others = conditions(options);
    if (state !== undefined && others.length === 0) return state;
    if (state === undefined && others.length === 0) throw new RuleError('conntrack: At least one option is required');
    return {
      matches(packet) {
        if (state !== undefined && !state.matches(packet)) return false;
        const { ct } = packet.skb;
        if (ct === undefined) return state !== undefined;
        return others.every((condition) => condition.holds(ct, packet));
      },
      toString: () => [...(state === undefined ? [] : [state]), ...others].map(String).join(' '),
    };
  },
} satisfies MatchKind;

/** `-m state --state`: net/netfilter/xt_state.c, without the NAT states. */
export const state = {
  options: { '--state': INVERTIBLE },
  pure: true,
  needsConntrack: true,
  parse(options) {
    const { SNAT: _snat, DNAT: _dnat, ...names } = CT_STATE;
    return stateOnly(options, '--state', parseBits(options.require('--state'), names, 'state'));
  },
} satisfies MatchKind;
