/** What the tcp, udp and sctp matches share: `--sport` and `--dport`. */

import type { PortTest, PortTests } from '../extension.js';
import { formatPortRange, type Options, parsePortRange } from '../options.js';
import type { RulePacket } from '../packet.js';

export const PORT_OPTIONS = {
  '--sport': { invertible: true, aliases: ['--source-port'] },
  '--dport': { invertible: true, aliases: ['--destination-port'] },
} as const;

const ANY: PortTest = { first: 0, last: 0xffff, inverted: false };

function parseTest(options: Options, name: '--sport' | '--dport'): PortTest {
  const text = options.text(name);
  if (text === undefined) return ANY;
  // Not by a spread: objects made so become slow to read when there are thousands of them.
  const { first, last } = parsePortRange(text);
  return { first, last, inverted: options.inverted(name) };
}

export const parsePortTests = (options: Options): PortTests => ({
  source: parseTest(options, '--sport'),
  destination: parseTest(options, '--dport'),
});

const inside = (port: number, { first, last, inverted }: PortTest): boolean =>
  (port >= first && port <= last) !== inverted;

export const portsMatch = (packet: RulePacket, tests: PortTests): boolean =>
  inside(packet.sourcePort, tests.source) && inside(packet.destinationPort, tests.destination);

const isAnyPort = ({ first, last, inverted }: PortTest): boolean => first === 0 && last === 0xffff && !inverted;

function formatTest(name: string, test: PortTest): string[] {
  return isAnyPort(test) ? [] : [`${test.inverted ? '! ' : ''}${name} ${formatPortRange(test)}`];
}

/** `--sport 5 ! --dport 6:7`, a range that is everything left out. */
export const formatPortTests = ({ source, destination }: PortTests): string[] => [
  ...formatTest('--sport', source),
  ...formatTest('--dport', destination),
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
