/** `-p udp -m udp`; net/netfilter/xt_tcpudp.c:udp_mt(). */

import { type Match, type MatchKind, RuleError } from '../extension.js';
import { formatPortTests, PORT_OPTIONS, parseNativePortTests, portsMatch, readable } from './ports.js';

const UDP_HEADER_LENGTH = 8;

export const udp = {
  options: PORT_OPTIONS,
  pure: true,
  parse(options, { protocol }): Match {
    if (protocol !== 17 && protocol !== 136) throw new RuleError("UDP match requires '-p udp'");
    const { tests, absent } = parseNativePortTests(options);
    return {
      ports: tests,
      absent,
      matches: (packet) => readable(packet, UDP_HEADER_LENGTH) && portsMatch(packet, tests),
      toString: () => formatPortTests(tests).join(' '),
    };
  },
} satisfies MatchKind;
