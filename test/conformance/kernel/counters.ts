/** What kernels have counted of protocols while a case ran, out of /proc/net/snmp and /proc/net/netstat. */

import type { Netns } from '../../../src/kernel/index.js';
import { netstatText, snmpText } from '../../../src/tools/index.js';

/**
 * Which of Linux' own paths a segment took, and what congestion control made of it: not counted here (docs/fidelity.md). MPTCP's
 * are not there at all.
 */
const NOT_COUNTED =
  /^(?:MPTcpExt|TcpExt(?:TCPHPHits|TCPPureAcks|TCPHPAcks|DelayedACKLocked|TCPBacklogCoalesce|TCPRcvCoalesce|TCPAutoCorking|TCPHystart|TCPSpuriousRTOs|TCPLossUndo|TCPDSACK|TCPLossProbeRecovery|TCPAckCompressed|TCPOFOMerge|TCPSackShift))/;

/**
 * On one processor an ICMP error of a neighbour's is there before a system call has let go of its socket, which then goes on
 * trying by itself; here it comes just after.
 */
const BY_THE_CLOCK: ReadonlySet<string> = new Set(['TcpExtLockDroppedIcmps', 'TcpAttemptFails']);

type Counters = ReadonlyMap<string, number>;

/** Pairs of lines: names, and numbers. */
function countersOf(text: string): Counters {
  const rows = text.split('\n').map((line) => line.split(' '));
  const counters = new Map<string, number>();
  for (let i = 0; i + 1 < rows.length; i += 2) {
    const [[title = '', ...names] = [], [, ...values] = []] = [rows[i], rows[i + 1]];
    names.forEach((column, at) => {
      counters.set(title.replace(':', '') + column, Number(values[at]));
    });
  }
  return counters;
}

/** What has changed: `IpInReceives 4`, in the order of the alphabet. */
export function countedBetween(before: string, after: string): string {
  const then = countersOf(before);
  return [...countersOf(after)]
    .map(([name, value]) => [name, value - (then.get(name) ?? 0)] as const)
    .filter(([name, difference]) => difference !== 0 && !NOT_COUNTED.test(name) && !BY_THE_CLOCK.has(name))
    .map(([name, difference]) => `${name} ${difference}`)
    .toSorted()
    .join('\n');
}

export const countersText = (netns: Netns): string => snmpText(netns) + netstatText(netns);

/** The same of a real namespace. */
export const COUNTERS_COMMAND: readonly string[] = ['cat', '/proc/net/snmp', '/proc/net/netstat'];
