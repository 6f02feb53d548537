/** `-j DNAT`, `-j SNAT`, `-j REDIRECT`: the translation that a new connection gets; net/netfilter/xt_nat.c, xt_REDIRECT.c. */

import { formatIpv4, INADDR_LOOPBACK, type Ipv4Addr } from '../../../packet/index.js';
import { NAT_RANGE, type NatManip, type NatRange } from '../../conntrack/index.js';
import { type RuleContext, type Target, type TargetKind, type TargetVerdict, RuleError } from '../extension.js';
import { formatPortRange, type Options, parsePort, parseUnsigned, type PortRange, requireAddress } from '../options.js';
import type { RulePacket } from '../packet.js';

/** Protocols with ports to translate. */
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 132, 33, 136]);

export const RANDOM_OPTIONS = { '--random': { arguments: 0 }, '--random-fully': { arguments: 0 } } as const;

/** `--random --random-fully --persistent` as they are printed, with their bits. */
const FLAGS = [
  ['--random', NAT_RANGE.random],
  ['--random-fully', NAT_RANGE.randomFully],
  ['--persistent', NAT_RANGE.persistent],
] as const;

const natFlags = (options: Options): number =>
  FLAGS.reduce((bits, [name, bit]) => (options.has(name) ? bits | bit : bits), 0);

const formatNatFlags = (options: Options): string[] =>
  FLAGS.filter(([name]) => options.has(name)).map(([name]) => name);

/** parse_ports() of libxt_NAT.c: a port may have a name, the ends of a range are numbers. */
function portNumber(text: string, complaint: string): number {
  const port = parseUnsigned(text, 0xffff);
  if (port === undefined) throw new RuleError(`Port \`${complaint}' not valid`);
  return port;
}

function ownPort(text: string): PortRange {
  const port = parsePort(text);
  return { first: port, last: port };
}

/** `80`, `http`, `80-90`; ports want a protocol that has them. */
function parseNatPorts(text: string, { protocol }: RuleContext): PortRange {
  if (!WITH_PORTS.has(protocol)) throw new RuleError('Need TCP, UDP, SCTP or DCCP with port specification');
  const [from = '', to] = text.split('-');
  const range = to === undefined ? ownPort(from) : { first: portNumber(from, text), last: portNumber(to, to) };
  if (range.first > range.last) throw new RuleError(`Port range \`${text}' funky`);
  return range;
}

interface Destination {
  readonly range: NatRange;
  readonly text: string;
}

function parseAddresses(text: string): { min: Ipv4Addr; max: Ipv4Addr; text: string } {
  const [from = '', to = from] = text.split('-');
  const min = requireAddress(from);
  const max = requireAddress(to);
  return { min, max, text: min === max ? formatIpv4(min) : `${formatIpv4(min)}-${formatIpv4(max)}` };
}

/** `10.0.0.1-10.0.0.9:80-90/8080`: every part may be missing, not all of them. */
function parseDestination(text: string, context: RuleContext): Destination {
  const [addresses = '', ports] = text.split(':');
  let range: NatRange = { flags: 0 };
  let printed = '';
  if (addresses !== '') {
    const { min, max, text: addressText } = parseAddresses(addresses);
    range = { flags: NAT_RANGE.mapIps, minAddr: min, maxAddr: max };
    printed = addressText;
  }
  if (ports !== undefined) {
    const [span = '', base] = ports.split('/');
    const { first, last } = parseNatPorts(span, context);
    range = { minPort: first, maxPort: last, ...range, flags: range.flags | NAT_RANGE.protoSpecified };
    printed += `:${formatPortRange({ first, last }, '-')}`;
    if (base !== undefined) {
      range = { ...range, flags: range.flags | NAT_RANGE.protoOffset, basePort: parsePort(base) };
      printed += `/${parsePort(base)}`;
    }
  }
  return { range, text: printed };
}

/** What nf_nat_setup_info() says, for a packet that has a connection. */
function setup(packet: RulePacket, range: NatRange, manip: NatManip): TargetVerdict {
  const { skb, netns } = packet;
  if (skb.ct === undefined) return 'accept';
  return netns.conntrack.nat.setup(skb.ct, range, manip);
}

function addressTarget(options: Options, context: RuleContext, manip: NatManip): Target {
  const name = manip === 'dst' ? '--to-destination' : '--to-source';
  const { range, text } = parseDestination(options.require(name), context);
  const whole: NatRange = { ...range, flags: range.flags | natFlags(options) };
  return {
    outcome: 'accept',
    apply: (packet) => setup(packet, whole, manip),
    toString: () => [`${name} ${text}`, ...formatNatFlags(options)].join(' '),
  };
}

export const dnat = {
  options: { '--to-destination': {}, '--persistent': { arguments: 0 }, '--random': { arguments: 0 } },
  tables: ['nat'],
  hooks: ['prerouting', 'output'],
  needsConntrack: true,
  parse: (options, context) => addressTarget(options, context, 'dst'),
} satisfies TargetKind;

export const snat = {
  options: { '--to-source': {}, '--persistent': { arguments: 0 }, ...RANDOM_OPTIONS },
  tables: ['nat'],
  hooks: ['postrouting', 'input'],
  needsConntrack: true,
  parse: (options, context) => addressTarget(options, context, 'src'),
} satisfies TargetKind;

/** `--to-ports 80-90` of MASQUERADE and REDIRECT. */
export function parseToPorts(options: Options, context: RuleContext): NatRange {
  const text = options.text('--to-ports');
  const flags = natFlags(options);
  if (text === undefined) return { flags };
  const { first, last } = parseNatPorts(text, context);
  return { flags: flags | NAT_RANGE.protoSpecified, minPort: first, maxPort: last };
}

export function formatToPorts({ minPort, maxPort }: NatRange, options: Options): string {
  const ports =
    minPort === undefined ? [] : [`--to-ports ${formatPortRange({ first: minPort, last: maxPort ?? minPort }, '-')}`];
  return [...ports, ...formatNatFlags(options)].join(' ');
}

/** nf_nat_redirect_ipv4(): loopback for what was made here, else the first address of the device it came in on. */
function redirectAddress(packet: RulePacket): Ipv4Addr | undefined {
  if (packet.hook === 'output') return INADDR_LOOPBACK;
  return packet.in?.addresses.find((entry) => !entry.secondary)?.address;
}

export const redirect = {
  options: { '--to-ports': { aliases: ['--to-port'] }, '--random': { arguments: 0 } },
  tables: ['nat'],
  hooks: ['prerouting', 'output'],
  needsConntrack: true,
  parse(options, context): Target {
    const range = parseToPorts(options, context);
    return {
      outcome: 'accept',
      apply(packet) {
        const address = redirectAddress(packet);
        if (address === undefined) return 'drop';
        return setup(
          packet,
          { ...range, flags: range.flags | NAT_RANGE.mapIps, minAddr: address, maxAddr: address },
          'dst',
        );
      },
      toString: () => formatToPorts(range, options),
    };
  },
} satisfies TargetKind;
