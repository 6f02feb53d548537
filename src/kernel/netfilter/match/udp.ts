/**
 * `-p udp -m udp`. iptables-nft translates tests of ports (iptables/nft.c:add_nft_udp()) and asks
 * net/netfilter/xt_tcpudp.c:udp_mt() where there are none.
 */

import { type Match, type MatchKind, RuleError } from '../extension.js';
import {
  formatPortTests,
  nativePortsMatch,
  octetsAsked,
  PORT_OPTIONS,
  parseNativePortTests,
  readable,
  UDP_PORTS,
} from './ports.js';

const UDP_HEADER_LENGTH = 8;

export const udp = {
  options: PORT_OPTIONS,
  pure: true,
  parse(options, { protocol }): Match {
    if (protocol !== 17 && protocol !== 136) throw new RuleError("UDP match requires '-p udp'");
    const { tests, absent } = parseNativePortTests(options, UDP_PORTS);
    const needed = octetsAsked(tests);
    return {
      ports: tests,
      absent,
      steady: true,
      matches: (packet) =>
        needed === 0 ? readable(packet, UDP_HEADER_LENGTH) : nativePortsMatch(packet, tests, needed),
      toString: () => formatPortTests(tests).join(' '),
    };
  },
} satisfies MatchKind;
