/**
 * `-p tcp -m tcp`. iptables-nft translates tests of ports and flags (iptables/nft.c:add_nft_tcp()); with an option, or
 * with no test at all, net/netfilter/xt_tcpudp.c:tcp_mt() is asked.
 */

import { TCP_HEADER_LENGTH, Tcp } from '../../../packet/index.js';
import { type Match, type MatchKind, RuleError } from '../extension.js';
import type { Options } from '../options.js';
import type { RulePacket } from '../packet.js';
import {
  formatPortTests,
  nativePortsMatch,
  octetsAsked,
  PORT_OPTIONS,
  parseNativePortTests,
  portsMatch,
  readable,
} from './ports.js';

const FLAGS = [
  ['FIN', 0x01],
  ['SYN', 0x02],
  ['RST', 0x04],
  ['PSH', 0x08],
  ['ACK', 0x10],
  ['URG', 0x20],
] as const;
const ALL = 0x3f;
const SYN_MASK = 0x17;
const SYN = 0x02;
const FLAGS_OFFSET = 13;

function parseFlags(text: string): number {
  let bits = 0;
  for (const name of text.toUpperCase().split(',')) {
    if (name === 'ALL') bits |= ALL;
    else if (name !== 'NONE') {
      const flag = FLAGS.find(([known]) => known === name);
      if (flag === undefined) throw new RuleError(`Unknown TCP flag \`${name}'`);
      bits |= flag[1];
    }
  }
  return bits;
}

const formatFlags = (bits: number): string =>
  bits === 0
    ? 'NONE'
    : FLAGS.filter(([, bit]) => (bits & bit) !== 0)
        .map(([name]) => name)
        .join();

interface FlagTest {
  readonly mask: number;
  readonly wanted: number;
  readonly inverted: boolean;
}

function parseFlagTest(options: Options): FlagTest | undefined {
  if (options.has('--syn')) return { mask: SYN_MASK, wanted: SYN, inverted: options.inverted('--syn') };
  const mask = options.text('--tcp-flags');
  if (mask === undefined) return undefined;
  return {
    mask: parseFlags(mask),
    wanted: parseFlags(options.second('--tcp-flags')),
    inverted: options.inverted('--tcp-flags'),
  };
}

/** tcp_find_option(): whether the kind is among the options. */
function hasOption(packet: RulePacket, kind: number): boolean {
  const { view, transport } = packet;
  const end = transport + new Tcp(view, transport).headerLength;
  if (end > packet.end) {
    packet.hotdrop = true;
    return false;
  }
  for (let at = transport + TCP_HEADER_LENGTH; at < end; ) {
    const found = view.getUint8(at);
    if (found === kind) return true;
    at += found < 2 || at + 1 >= end ? 1 : Math.max(1, view.getUint8(at + 1));
  }
  return false;
}

export const tcp = {
  options: {
    ...PORT_OPTIONS,
    '--tcp-flags': { arguments: 2, invertible: true },
    '--syn': { arguments: 0, invertible: true },
    '--tcp-option': { invertible: true },
  },
  pure: true,
  parse(options, { protocol }): Match {
    if (protocol !== 6) throw new RuleError("TCP match requires '-p tcp'");
    const { tests, absent } = parseNativePortTests(options);
    const flags = parseFlagTest(options);
    const option = options.number('--tcp-option', 255);
    const withoutOption = options.inverted('--tcp-option');
    const needed = flags === undefined ? octetsAsked(tests) : FLAGS_OFFSET + 1;
    const translated = option === undefined && needed > 0;
    return {
      ports: tests,
      absent: absent && flags === undefined && option === undefined,
      ...(flags === undefined && option === undefined ? { steady: true } : {}),
      matches(packet) {
        if (translated) {
          if (!nativePortsMatch(packet, tests, needed)) return false;
        } else {
          if (packet.fragmentOffset === 1) packet.hotdrop = true;
          if (!readable(packet, TCP_HEADER_LENGTH) || !portsMatch(packet, tests)) return false;
        }
        if (flags !== undefined) {
          const bits = packet.view.getUint8(packet.transport + FLAGS_OFFSET);
          if (((bits & flags.mask) === flags.wanted) === flags.inverted) return false;
        }
        return option === undefined || hasOption(packet, option) !== withoutOption;
      },
      toString: () =>
        [
          ...formatPortTests(tests),
          ...(option === undefined ? [] : [`${options.bang('--tcp-option')}--tcp-option ${option}`]),
          ...(flags === undefined
            ? []
            : [`${flags.inverted ? '! ' : ''}--tcp-flags ${formatFlags(flags.mask)} ${formatFlags(flags.wanted)}`]),
        ].join(' '),
    };
  },
} satisfies MatchKind;
