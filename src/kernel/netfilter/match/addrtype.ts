/** `-m addrtype`: what the routing tables say an address is; net/netfilter/xt_addrtype.c:addrtype_mt_v1(). */

import type { Ipv4Addr } from '../../../packet/index.js';
import type { HookName, RouteType } from '../../../trace/index.js';
import { type MatchKind, RuleError } from '../extension.js';
import type { Options } from '../options.js';
import type { RulePacket } from '../packet.js';

/** RTN_… in the order of their numbers, which is the order of printing. */
const TYPES = [
  'UNSPEC',
  'UNICAST',
  'LOCAL',
  'BROADCAST',
  'ANYCAST',
  'MULTICAST',
  'BLACKHOLE',
  'UNREACHABLE',
  'PROHIBIT',
  'THROW',
  'NAT',
  'XRESOLVE',
] as const;

const bitOf = (name: string): number => {
  const at = TYPES.findIndex((type) => type === name.toUpperCase());
  return at < 0 ? 0 : 1 << at;
};

const BITS: Readonly<Record<RouteType, number>> = {
  unicast: bitOf('UNICAST'),
  local: bitOf('LOCAL'),
  broadcast: bitOf('BROADCAST'),
  anycast: bitOf('ANYCAST'),
  multicast: bitOf('MULTICAST'),
  blackhole: bitOf('BLACKHOLE'),
  unreachable: bitOf('UNREACHABLE'),
  prohibit: bitOf('PROHIBIT'),
  throw: bitOf('THROW'),
};

function parseTypes(text: string): number {
  let bits = 0;
  for (const name of text.split(',')) {
    const bit = bitOf(name);
    if (bit === 0) throw new RuleError(`addrtype: bad type \`${name}'`);
    bits |= bit;
  }
  return bits;
}

const formatTypes = (bits: number): string => TYPES.filter((_, i) => (bits & (1 << i)) !== 0).join();

interface Side {
  readonly bits: number;
  readonly inverted: boolean;
}

function parseSide(options: Options, name: '--src-type' | '--dst-type'): Side | undefined {
  const text = options.text(name);
  return text === undefined ? undefined : { bits: parseTypes(text), inverted: options.inverted(name) };
}

type Limit = 'in' | 'out' | undefined;

/** The kernel refuses a device that the hook does not have (addrtype_mt_checkentry_v1()). */
const HOOKS: Readonly<Record<'in' | 'out', readonly HookName[]>> = {
  in: ['prerouting', 'input', 'forward'],
  out: ['output', 'postrouting', 'forward'],
};

function holds(packet: RulePacket, addr: Ipv4Addr, { bits, inverted }: Side, limit: Limit): boolean {
  const dev = limit === undefined ? undefined : limit === 'in' ? packet.in : packet.out;
  return ((bits & BITS[packet.netns.fib.addressType(addr, dev)]) !== 0) !== inverted;
}

function parseLimit(options: Options): Limit {
  if (options.has('--limit-iface-in') && options.has('--limit-iface-out')) {
    throw new RuleError("addrtype: you can't specify both --limit-iface-in and --limit-iface-out");
  }
  if (options.has('--limit-iface-in')) return 'in';
  return options.has('--limit-iface-out') ? 'out' : undefined;
}

export const addrtype = {
  options: {
    '--src-type': { invertible: true },
    '--dst-type': { invertible: true },
    '--limit-iface-in': { arguments: 0 },
    '--limit-iface-out': { arguments: 0 },
  },
  pure: true,
  parse(options) {
    const source = parseSide(options, '--src-type');
    const destination = parseSide(options, '--dst-type');
    const limit = parseLimit(options);
    if (source === undefined && destination === undefined) {
      throw new RuleError('addrtype: you must specify --src-type or --dst-type');
    }
    return {
      matches: (packet) =>
        (source === undefined || holds(packet, packet.source, source, limit)) &&
        (destination === undefined || holds(packet, packet.destination, destination, limit)),
      ...(limit === undefined ? {} : { hooks: HOOKS[limit] }),
      toString: () =>
        [
          ...(source === undefined ? [] : [`${options.bang('--src-type')}--src-type ${formatTypes(source.bits)}`]),
          ...(destination === undefined
            ? []
            : [`${options.bang('--dst-type')}--dst-type ${formatTypes(destination.bits)}`]),
          ...(limit === undefined ? [] : [`--limit-iface-${limit}`]),
        ].join(' '),
    };
  },
} satisfies MatchKind;
