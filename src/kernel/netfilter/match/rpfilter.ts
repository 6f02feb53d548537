/** `-m rpfilter`: would the answer leave where this came in? net/ipv4/netfilter/ipt_rpfilter.c:rpfilter_mt(). */

import { INADDR_ANY, isLimitedBroadcast, isMulticast, isZeronet } from '../../../packet/index.js';
import type { Flow4 } from '../../fib/types.js';
import type { MatchKind } from '../extension.js';
import type { RulePacket } from '../packet.js';

interface RpfilterFlags {
  readonly loose: boolean;
  readonly validMark: boolean;
  readonly acceptLocal: boolean;
}

/** 224.0.0.0/24, ipv4_is_local_multicast(). */
const isLocalMulticast = (addr: number): boolean => (addr & 0xffff_ff00) === (0xe000_0000 | 0);

/** rpfilter_lookup_reverse(). */
function reversePathOk(packet: RulePacket, flags: RpfilterFlags): boolean {
  const { netns, source, destination, in: dev } = packet;
  const noSource = isMulticast(destination) || isLimitedBroadcast(destination) || isZeronet(destination);
  const loopback = netns.devices.named('lo');
  const flow: Flow4 = {
    destination: source,
    source: noSource ? INADDR_ANY : destination,
    tos: packet.skb.ipv4.tos,
    mark: flags.validMark ? packet.skb.mark : 0,
    iif: loopback,
  };
  const found = netns.fib.lookup(flow);
  if (found === undefined) return false;
  if (found.type !== 'unicast' && !(found.type === 'local' && flags.acceptLocal)) return false;
  return flags.loose || found.route?.nextHops.some((hop) => hop.dev === dev) === true;
}

export const rpfilter = {
  options: {
    '--loose': { arguments: 0 },
    '--validmark': { arguments: 0 },
    '--accept-local': { arguments: 0 },
    '--invert': { arguments: 0 },
  },
  pure: true,
  tables: ['raw', 'mangle'],
  hooks: ['prerouting'],
  parse(options) {
    const flags: RpfilterFlags = {
      loose: options.has('--loose'),
      validMark: options.has('--validmark'),
      acceptLocal: options.has('--accept-local'),
    };
    const inverted = options.has('--invert');
    return {
      matches(packet) {
        if (packet.in?.isLoopback === true) return !inverted;
        const { source, destination } = packet;
        const noAnswer = isZeronet(source) && (isLimitedBroadcast(destination) || isLocalMulticast(destination));
        return (noAnswer || reversePathOk(packet, flags)) !== inverted;
      },
      toString: () =>
        ['--loose', '--validmark', '--accept-local', '--invert'].filter((name) => options.has(name)).join(' '),
    };
  },
} satisfies MatchKind;
