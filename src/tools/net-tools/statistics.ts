/** `netstat -s` of net-tools 2.10 (statistics.c): the counters of protocols in words. */

import type { Netns } from '../../kernel/index.js';
import { type MibGroup, netstatGroups, snmpGroups } from '../proc-net/mib.js';
import { lines } from '../tool.js';

const INDENT = '    ';

/** What is said of a counter, `#` being its value. */
interface Wording {
  readonly text: string;
  /** Said of nothing too. */
  readonly always?: true;
  /** Stands before it, whether it is said or not. */
  readonly title?: string;
}

const always = (text: string): Wording => ({ text, always: true });
const some = (text: string): Wording => ({ text });
const histogram = (text: string, title?: string): Wording => ({
  text: `${INDENT}${text}: #`,
  ...(title === undefined ? {} : { title }),
});

const WORDINGS: Readonly<Record<string, Wording>> = {
  IpInReceives: always('# total packets received'),
  IpInHdrErrors: some('# with invalid headers'),
  IpInAddrErrors: some('# with invalid addresses'),
  IpForwDatagrams: always('# forwarded'),
  IpInUnknownProtos: some('# with unknown protocol'),
  IpInDiscards: always('# incoming packets discarded'),
  IpInDelivers: always('# incoming packets delivered'),
  IpOutRequests: always('# requests sent out'),
  IpOutDiscards: some('# outgoing packets dropped'),
  IpOutNoRoutes: some('# dropped because of missing route'),
  IpReasmTimeout: some('# fragments dropped after timeout'),
  IpReasmReqds: some('# reassemblies required'),
  IpReasmOKs: some('# packets reassembled ok'),
  IpReasmFails: some('# packet reassemblies failed'),
  IpFragOKs: some('# outgoing packets fragmented ok'),
  IpFragFails: some('# outgoing packets failed fragmentation'),
  IpFragCreates: some('# fragments created'),
  IcmpInMsgs: always('# ICMP messages received'),
  IcmpInErrors: always('# input ICMP message failed'),
  IcmpInDestUnreachs: histogram('destination unreachable', 'ICMP input histogram:'),
  IcmpInTimeExcds: histogram('timeout in transit'),
  IcmpInParmProbs: histogram('wrong parameters'),
  IcmpInSrcQuenchs: histogram('source quenches'),
  IcmpInRedirects: histogram('redirects'),
  IcmpInEchos: histogram('echo requests'),
  IcmpInEchoReps: histogram('echo replies'),
  IcmpInTimestamps: histogram('timestamp request'),
  IcmpInTimestampReps: histogram('timestamp reply'),
  IcmpInAddrMasks: histogram('address mask request'),
  IcmpInAddrMaskReps: histogram('address mask replies'),
  IcmpOutMsgs: always('# ICMP messages sent'),
  IcmpOutErrors: always('# ICMP messages failed'),
  IcmpOutDestUnreachs: histogram('destination unreachable', 'ICMP output histogram:'),
  IcmpOutTimeExcds: histogram('time exceeded'),
  IcmpOutParmProbs: histogram('wrong parameters'),
  IcmpOutSrcQuenchs: histogram('source quench'),
  IcmpOutRedirects: histogram('redirect'),
  IcmpOutEchos: histogram('echo requests'),
  IcmpOutEchoReps: histogram('echo replies'),
  IcmpOutTimestamps: histogram('timestamp requests'),
  IcmpOutTimestampReps: histogram('timestamp replies'),
  IcmpOutAddrMasks: histogram('address mask requests'),
  IcmpOutAddrMaskReps: histogram('address mask replies'),
  TcpActiveOpens: always('# active connection openings'),
  TcpPassiveOpens: always('# passive connection openings'),
  TcpAttemptFails: always('# failed connection attempts'),
  TcpEstabResets: always('# connection resets received'),
  TcpCurrEstab: always('# connections established'),
  TcpInSegs: always('# segments received'),
  TcpOutSegs: always('# segments sent out'),
  TcpRetransSegs: always('# segments retransmitted'),
  TcpInErrs: always('# bad segments received'),
  TcpOutRsts: always('# resets sent'),
  UdpInDatagrams: always('# packets received'),
  UdpNoPorts: always('# packets to unknown port received'),
  UdpInErrors: always('# packet receive errors'),
  UdpOutDatagrams: always('# packets sent'),
  UdpRcvbufErrors: always('# receive buffer errors'),
  UdpSndbufErrors: always('# send buffer errors'),
  TcpExtSyncookiesSent: some('# SYN cookies sent'),
  TcpExtSyncookiesRecv: some('# SYN cookies received'),
  TcpExtSyncookiesFailed: some('# invalid SYN cookies received'),
  TcpExtEmbryonicRsts: some('# resets received for embryonic SYN_RECV sockets'),
  TcpExtPruneCalled: some('# packets pruned from receive queue because of socket buffer overrun'),
  TcpExtRcvPruned: some('# packets pruned from receive queue'),
  TcpExtOfoPruned: some('# packets dropped from out-of-order queue because of socket buffer overrun'),
  TcpExtOutOfWindowIcmps: some('# ICMP packets dropped because they were out-of-window'),
  TcpExtLockDroppedIcmps: some('# ICMP packets dropped because socket was locked'),
  TcpExtTW: some('# TCP sockets finished time wait in fast timer'),
  TcpExtTWRecycled: some('# time wait sockets recycled by time stamp'),
  TcpExtPAWSActive: some('# active connections rejected because of time stamp'),
  TcpExtPAWSEstab: some('# packets rejected in established connections because of timestamp'),
  TcpExtDelayedACKs: some('# delayed acks sent'),
  TcpExtDelayedACKLocked: some('# delayed acks further delayed because of locked socket'),
  TcpExtDelayedACKLost: some('Quick ack mode was activated # times'),
  TcpExtListenOverflows: some('# times the listen queue of a socket overflowed'),
  TcpExtListenDrops: some('# SYNs to LISTEN sockets dropped'),
  TcpExtTCPHPHits: always('# packet headers predicted'),
  TcpExtTCPPureAcks: some('# acknowledgments not containing data payload received'),
  TcpExtTCPHPAcks: some('# predicted acknowledgments'),
  TcpExtTCPRenoRecovery: some('# times recovered from packet loss due to fast retransmit'),
  TcpExtTCPSACKReorder: some('Detected reordering # times using SACK'),
  TcpExtTCPRenoReorder: some('Detected reordering # times using reno fast retransmit'),
  TcpExtTCPTSReorder: some('Detected reordering # times using time stamp'),
  TcpExtTCPFullUndo: some('# congestion windows fully recovered without slow start'),
  TcpExtTCPPartialUndo: some('# congestion windows partially recovered using Hoe heuristic'),
  TcpExtTCPLossUndo: some('# congestion windows recovered without slow start after partial ack'),
  TcpExtTCPRenoFailures: some('# timeouts after reno fast retransmit'),
  TcpExtTCPLossFailures: some('# timeouts in loss state'),
  TcpExtTCPFastRetrans: some('# fast retransmits'),
  TcpExtTCPSlowStartRetrans: some('# retransmits in slow start'),
  TcpExtTCPRcvCollapsed: some('# packets collapsed in receive queue due to low socket buffer'),
  TcpExtTCPAbortOnData: some('# connections reset due to unexpected data'),
  TcpExtTCPAbortOnClose: some('# connections reset due to early user close'),
  TcpExtTCPAbortOnMemory: some('# connections aborted due to memory pressure'),
  TcpExtTCPAbortOnTimeout: some('# connections aborted due to timeout'),
  TcpExtTCPAbortOnLinger: some('# connections aborted after user close in linger timeout'),
  TcpExtTCPAbortFailed: some('# times unable to send RST due to no memory'),
  TcpExtTCPMemoryPressures: some('TCP ran low on memory # times'),
};

/** Columns of which nothing is said. */
const UNSAID: ReadonlySet<string> = new Set([
  'IpDefaultTTL',
  'TcpRtoAlgorithm',
  'TcpRtoMin',
  'TcpRtoMax',
  'TcpMaxConn',
]);

/** For which of `-t`, `-u` and `-w` a group is left out where others are asked for; the others are there always. */
const ONLY_WITH: Readonly<Record<string, string>> = { Ip: 'w', Icmp: 'w', Tcp: 't', TcpExt: 't', Udp: 'u' };

function counterLines(title: string, [name, value]: MibGroup['counters'][number]): readonly string[] {
  if (UNSAID.has(title + name)) return [];
  const wording = WORDINGS[title + name] ?? some(`${name}: #`);
  const said = value !== 0 || wording.always === true ? [wording.text.replace('#', () => String(value))] : [];
  return wording.title === undefined ? said : [wording.title, ...said];
}

export function statistics(netns: Netns, flags: ReadonlySet<string>): string {
  const some = ['t', 'u', 'w'].some((letter) => flags.has(letter));
  const groups = [...snmpGroups(netns), ...netstatGroups(netns)].filter(({ title }) => {
    const letter = ONLY_WITH[title];
    return !some || letter === undefined || flags.has(letter);
  });
  // What comes behind ICMP's histogram stands as far in as its lines do.
  const behindHistogram = groups.some(({ title }) => title === 'Icmp');
  const indented = (title: string): string => (title === 'IcmpMsg' && behindHistogram ? INDENT.repeat(2) : INDENT);
  return lines(
    groups.flatMap(({ title, counters }) => [
      `${title}:`,
      ...counters.flatMap((one) => counterLines(title, one)).map((line) => indented(title) + line),
    ]),
  );
}
