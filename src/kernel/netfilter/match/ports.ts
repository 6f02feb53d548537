/** What the tcp, udp and sctp matches share: `--sport` and `--dport`. */

import type { PortTest, PortTests } from '../extension.js';
import { formatPortRange, type Options, parsePortRange, parseUncheckedPortRange, type PortRange } from '../options.js';
import type { RulePacket } from '../packet.js';

export const PORT_OPTIONS = {
  '--sport': { invertible: true, aliases: ['--source-port'] },
  '--dport': { invertible: true, aliases: ['--destination-port'] },
} as const;

const ANY: PortTest = { first: 0, last: 0xffff, inverted: false };

type PortOption = '--sport' | '--dport';

/** How the text of an option is read. */
type ParseRange = (text: string) => PortRange;
const checked: ParseRange = (text) => parsePortRange(text);
/** libxt_udp.c has a reader of its own. */
export const UDP_PORTS: ParseRange = parseUncheckedPortRange;

function parseTest(options: Options, name: PortOption, parse: ParseRange): PortTest {
  const text = options.text(name);
  if (text === undefined) return ANY;
  // Not by a spread: objects made so become slow to read when there are thousands of them.
  const { first, last } = parse(text);
  return { first, last, inverted: options.inverted(name) };
}

export const parsePortTests = (options: Options, parse = checked): PortTests => ({
  source: parseTest(options, '--sport', parse),
  destination: parseTest(options, '--dport', parse),
});

const isAnyPort = ({ first, last, inverted }: PortTest): boolean => first === 0 && last === 0xffff && !inverted;
const isNoPort = ({ first, last, inverted }: PortTest): boolean => first === 0 && last === 0xffff && inverted;

/** iptables-nft makes a comparison of its own of tcp's and udp's ranges: not up to n is from n + 1 on. */
function translated(test: PortTest): PortTest {
  if (isNoPort(test)) return ANY;
  return test.inverted && test.first === 0 && test.last > 0
    ? { first: test.last + 1, last: 0xffff, inverted: false }
    : test;
}

/**
 * The tests of tcp and udp as iptables-nft 1.8.9 hands them on, and whether anything is left of the match: a port that
 * is none at all is no condition.
 */
export function parseNativePortTests(
  options: Options,
  parse = checked,
): { readonly tests: PortTests; readonly absent: boolean } {
  const { source, destination } = parsePortTests(options, parse);
  const tests = { source: translated(source), destination: translated(destination) };
  const lost = isNoPort(source) || isNoPort(destination);
  return { tests, absent: lost && isAnyPort(tests.source) && isAnyPort(tests.destination) };
}

const inside = (port: number, { first, last, inverted }: PortTest): boolean =>
  (port >= first && port <= last) !== inverted;

/** Octets of the transport header that nft's payload expressions load for these tests. */
export function octetsAsked({ source, destination }: PortTests): number {
  if (!isAnyPort(destination)) return 4;
  return isAnyPort(source) ? 0 : 2;
}

/**
 * The tests as nft_payload and nft_cmp make them: where one of the `needed` octets is not there, and in a later
 * fragment, the rule does not match, and nothing is dropped.
 */
export function nativePortsMatch(packet: RulePacket, tests: PortTests, needed: number): boolean {
  if (packet.fragmentOffset !== 0 || packet.transportLength < needed) return false;
  if (!packet.odd) return portsMatch(packet, tests);
  const { view, transport } = packet;
  const { source, destination } = tests;
  return (
    (isAnyPort(source) || inside(view.getUint16(transport), source)) &&
    (isAnyPort(destination) || inside(view.getUint16(transport + 2), destination))
  );
}

export const portsMatch = (packet: RulePacket, tests: PortTests): boolean =>
  inside(packet.sourcePort, tests.source) && inside(packet.destinationPort, tests.destination);

function formatTest(name: PortOption, test: PortTest, said: Options | undefined): string[] {
  if (isAnyPort(test) && said?.has(name) !== true) return [];
  return [`${test.inverted ? '! ' : ''}${name} ${formatPortRange(test)}`];
}

/** `--sport 5 ! --dport 6:7`; a range that is everything only where it is `said` and kept. */
export const formatPortTests = ({ source, destination }: PortTests, said?: Options): string[] => [
  ...formatTest('--sport', source, said),
  ...formatTest('--dport', destination, said),
];

/**
 * The common start of tcp_mt() and its like: a later fragment matches nothing, one that overlaps the header
 * (RFC 1858) or a packet too short for it is dropped at once. True where the ports can be looked at.
 */
export function readable(packet: RulePacket, headerLength: number): boolean {
  if (packet.fragmentOffset !== 0) return false;
  if (packet.transportLength < headerLength) {
    packet.hotdrop = true;
    return false;
  }
  return true;
}
