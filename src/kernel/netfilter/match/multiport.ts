/** `-m multiport`: up to fifteen ports, a range counting as two; net/netfilter/xt_multiport.c:multiport_mt(). */

import { type MatchKind, RuleError } from '../extension.js';
import { formatPortRange, parsePortRange, type PortRange } from '../options.js';
import { formatProtocol } from '../text/protocol-names.js';

const NAMES = ['--sports', '--dports', '--ports'] as const;
/** XT_MULTI_PORTS. */
const MAX_PORTS = 15;
/** tcp, udp, udplite, sctp, dccp. */
const PROTOCOLS: ReadonlySet<number> = new Set([6, 17, 136, 132, 33]);
/** Both ports: all that xt_multiport reads of a header. */
const PORTS_LENGTH = 4;

function parsePorts(text: string, protocol: string): PortRange[] {
  const ranges = text.split(',').map((part) => parsePortRange(part, protocol));
  const used = ranges.reduce((sum, { first, last }) => sum + (first === last ? 1 : 2), 0);
  if (used > MAX_PORTS) throw new RuleError('too many ports specified');
  return ranges;
}

/** A few ports are walked; no allocation. */
function anyRange(ranges: readonly PortRange[], port: number): boolean {
  for (const range of ranges) if (port >= range.first && port <= range.last) return true;
  return false;
}

export const multiport = {
  options: {
    '--sports': { invertible: true, aliases: ['--source-ports'] },
    '--dports': { invertible: true, aliases: ['--destination-ports'] },
    '--ports': { invertible: true },
  },
  pure: true,
  parse(options, context) {
    const name = options.oneOf(NAMES, 'multiport expection an option');
    if (!PROTOCOLS.has(context.protocol)) {
      throw new RuleError("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'");
    }
    const ranges = parsePorts(options.require(name), formatProtocol(context.protocol));
    const inverted = options.inverted(name);
    const bounds = ranges.flatMap(({ first, last }) => [first, last + 1]);
    return {
      portBounds: { source: name === '--dports' ? [] : bounds, destination: name === '--sports' ? [] : bounds },
      steady: true,
      matches(packet) {
        if (packet.fragmentOffset !== 0) return false;
        if (packet.transportLength < PORTS_LENGTH) {
          packet.hotdrop = true;
          return false;
        }
        // The ports are enough: the rest of the header need not be there.
        const ports = packet.view.getInt32(packet.transport);
        const hit =
          (name !== '--dports' && anyRange(ranges, ports >>> 16)) ||
          (name !== '--sports' && anyRange(ranges, ports & 0xffff));
        return hit !== inverted;
      },
      toString: () => `${options.bang(name)}${name} ${ranges.map((range) => formatPortRange(range)).join()}`,
    };
  },
} satisfies MatchKind;
