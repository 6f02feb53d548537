/**
 * /proc/net/snmp, netstat and sockstat (net/ipv4/proc.c): what a namespace has counted of its protocols, by the names of Linux
 * 6.18. Who counts is src/kernel/mib.ts; the others stand at 0.
 */

import { type Netns, Vxlan } from '../../kernel/index.js';
import { ICMP_TYPE } from '../../packet/index.js';
import { lines } from '../tool.js';

const names = (text: string): readonly string[] => text.trim().split(/\s+/);

const IP = names(`
InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards
OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates OutTransmits
`);
const TCP = names(`
ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts
InCsumErrors
`);
const UDP = names(`
InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
`);
const TCP_EXT = names(`
SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts PruneCalled RcvPruned OfoPruned OutOfWindowIcmps
LockDroppedIcmps ArpFilter TW TWRecycled TWKilled PAWSActive PAWSEstab BeyondWindow TSEcrRejected PAWSOldAck
PAWSTimewait DelayedACKs DelayedACKLocked DelayedACKLost ListenOverflows ListenDrops TCPHPHits TCPPureAcks
TCPHPAcks TCPRenoRecovery TCPSackRecovery TCPSACKReneging TCPSACKReorder TCPRenoReorder TCPTSReorder TCPFullUndo
TCPPartialUndo TCPDSACKUndo TCPLossUndo TCPLostRetransmit TCPRenoFailures TCPSackFailures TCPLossFailures
TCPFastRetrans TCPSlowStartRetrans TCPTimeouts TCPLossProbes TCPLossProbeRecovery TCPRenoRecoveryFail
TCPSackRecoveryFail TCPRcvCollapsed TCPBacklogCoalesce TCPDSACKOldSent TCPDSACKOfoSent TCPDSACKRecv
TCPDSACKOfoRecv TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout TCPAbortOnLinger
TCPAbortFailed TCPMemoryPressures TCPMemoryPressuresChrono TCPSACKDiscard TCPDSACKIgnoredOld
TCPDSACKIgnoredNoUndo TCPSpuriousRTOs TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPSackShifted TCPSackMerged
TCPSackShiftFallback TCPBacklogDrop PFMemallocDrop TCPMinTTLDrop TCPDeferAcceptDrop IPReversePathFilter
TCPTimeWaitOverflow TCPReqQFullDoCookies TCPReqQFullDrop TCPRetransFail TCPRcvCoalesce TCPOFOQueue TCPOFODrop
TCPOFOMerge TCPChallengeACK TCPSYNChallenge TCPFastOpenActive TCPFastOpenActiveFail TCPFastOpenPassive
TCPFastOpenPassiveFail TCPFastOpenListenOverflow TCPFastOpenCookieReqd TCPFastOpenBlackhole
TCPSpuriousRtxHostQueues BusyPollRxPackets TCPAutoCorking TCPFromZeroWindowAdv TCPToZeroWindowAdv
TCPWantZeroWindowAdv TCPSynRetrans TCPOrigDataSent TCPHystartTrainDetect TCPHystartTrainCwnd
TCPHystartDelayDetect TCPHystartDelayCwnd TCPACKSkippedSynRecv TCPACKSkippedPAWS TCPACKSkippedSeq
TCPACKSkippedFinWait2 TCPACKSkippedTimeWait TCPACKSkippedChallenge TCPWinProbe TCPKeepAlive TCPMTUPFail
TCPMTUPSuccess TCPDelivered TCPDeliveredCE TCPAckCompressed TCPZeroWindowDrop TCPRcvQDrop TCPWqueueTooBig
TCPFastOpenPassiveAltKey TcpTimeoutRehash TcpDuplicateDataRehash TCPDSACKRecvSegs TCPDSACKIgnoredDubious
TCPMigrateReqSuccess TCPMigrateReqFailure TCPPLBRehash TCPAORequired TCPAOBad TCPAOKeyNotFound TCPAOGood
TCPAODroppedIcmps
`);
const IP_EXT = names(`
InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts InBcastPkts OutBcastPkts InOctets OutOctets InMcastOctets
OutMcastOctets InBcastOctets OutBcastOctets InCsumErrors InNoECTPkts InECT1Pkts InECT0Pkts InCEPkts
ReasmOverlaps
`);

/** icmpmibmap[]: these have columns of their own. */
const ICMP = [
  ['DestUnreachs', ICMP_TYPE.destinationUnreachable],
  ['TimeExcds', ICMP_TYPE.timeExceeded],
  ['ParmProbs', ICMP_TYPE.parameterProblem],
  ['SrcQuenchs', ICMP_TYPE.sourceQuench],
  ['Redirects', ICMP_TYPE.redirect],
  ['Echos', ICMP_TYPE.echoRequest],
  ['EchoReps', ICMP_TYPE.echoReply],
  ['Timestamps', ICMP_TYPE.timestampRequest],
  ['TimestampReps', ICMP_TYPE.timestampReply],
  ['AddrMasks', 17],
  ['AddrMaskReps', 18],
] as const;

/** `Ip`, and its counters in the order of the file. */
export interface MibGroup {
  readonly title: string;
  readonly counters: readonly (readonly [name: string, value: number])[];
}

const counted = (netns: Netns, title: string, columns: readonly string[]): MibGroup['counters'] =>
  columns.map((name) => [name, netns.mib.of(title + name)]);

/** Forwarding is 1 where it is on, else 2 (RFC 4293, ipForwarding). */
const ipGroup = (netns: Netns): MibGroup => ({
  title: 'Ip',
  counters: [
    ['Forwarding', netns.sysctl.all.forwarding === 0 ? 2 : 1],
    ['DefaultTTL', netns.sysctl.values['ipv4.ip_default_ttl']],
    ...counted(netns, 'Ip', IP),
  ],
});

const icmpGroup = ({ mib }: Netns): MibGroup => ({
  title: 'Icmp',
  counters: [
    ['InMsgs', mib.of('IcmpInMsgs')],
    ['InErrors', mib.of('IcmpInErrors')],
    ['InCsumErrors', mib.of('IcmpInCsumErrors')],
    ...ICMP.map(([name, type]) => [`In${name}`, mib.icmpIn(type)] as const),
    ['OutMsgs', mib.of('IcmpOutMsgs')],
    ['OutErrors', mib.of('IcmpOutErrors')],
    ['OutRateLimitGlobal', mib.of('IcmpOutRateLimitGlobal')],
    ['OutRateLimitHost', mib.of('IcmpOutRateLimitHost')],
    ...ICMP.map(([name, type]) => [`Out${name}`, mib.icmpOut(type)] as const),
  ],
});

const TYPES = 256;
/** icmpmsg_put_line(): so many stand in a line. */
const IN_A_LINE = 16;

/** icmpmsg_put(): types that have been seen, in groups of their own. */
function icmpTypeGroups({ mib }: Netns): readonly MibGroup[] {
  const types = Array.from({ length: TYPES }, (_, type) => type);
  const all = [
    ...types.map((type) => [`InType${type}`, mib.icmpIn(type)] as const),
    ...types.map((type) => [`OutType${type}`, mib.icmpOut(type)] as const),
  ].filter(([, count]) => count > 0);
  const groups: MibGroup[] = [];
  for (let from = 0; from < all.length; from += IN_A_LINE)
    groups.push({ title: 'IcmpMsg', counters: all.slice(from, from + IN_A_LINE) });
  return groups;
}

/** TCP_RTO_MIN and TCP_RTO_MAX in milliseconds; a maximum of connections is not known. */
const tcpGroup = (netns: Netns): MibGroup => ({
  title: 'Tcp',
  counters: [
    ['RtoAlgorithm', 1],
    ['RtoMin', 200],
    ['RtoMax', 120_000],
    ['MaxConn', -1],
    ...TCP.map((name) => {
      const value = name === 'CurrEstab' ? netns.sockets.tcpUse().established : netns.mib.of(`Tcp${name}`);
      return [name, value] as const;
    }),
  ],
});

export const snmpGroups = (netns: Netns): readonly MibGroup[] => [
  ipGroup(netns),
  icmpGroup(netns),
  ...icmpTypeGroups(netns),
  tcpGroup(netns),
  { title: 'Udp', counters: counted(netns, 'Udp', UDP) },
  { title: 'UdpLite', counters: counted(netns, 'UdpLite', UDP) },
];

export const netstatGroups = (netns: Netns): readonly MibGroup[] => [
  { title: 'TcpExt', counters: counted(netns, 'TcpExt', TCP_EXT) },
  { title: 'IpExt', counters: counted(netns, 'IpExt', IP_EXT) },
];

/** Two lines of each group: names, and numbers. */
const groupLines = ({ title, counters }: MibGroup): readonly string[] => [
  `${title}: ${counters.map(([name]) => name).join(' ')}`,
  `${title}: ${counters.map(([, value]) => value).join(' ')}`,
];

export const snmpText = (netns: Netns): string => lines(snmpGroups(netns).flatMap(groupLines));

export const netstatText = (netns: Netns): string => lines(netstatGroups(netns).flatMap(groupLines));

export interface SocketUse {
  /** Of programs. */
  readonly used: number;
  readonly tcp: {
    readonly inUse: number;
    readonly orphans: number;
    readonly timeWait: number;
    readonly allocated: number;
    readonly established: number;
  };
  readonly udp: number;
  readonly fragments: { readonly queues: number; readonly memory: number };
}

const of = (netns: Netns, protocol: string): number =>
  netns.sockets.entries().filter((entry) => entry.protocol === protocol).length;

/** sockstat_seq_show(). How many are allocated is counted for the whole machine; UDP counts the kernel's own, of VXLAN, too. */
export function socketUse(netns: Netns): SocketUse {
  const { inUse, orphans, timeWait, established } = netns.sockets.tcpUse();
  const allocated = netns.host.namespaces.reduce((sum, { sockets }) => sum + sockets.tcpUse().inUse, 0);
  const udp = of(netns, 'udp');
  const tunnels = new Set(
    [...netns.devices].flatMap((dev) => (dev instanceof Vxlan && dev.up ? [dev.config.port] : [])),
  );
  const { size, memory } = netns.ipv4.defrag;
  return {
    used: inUse - orphans + udp + of(netns, 'icmp') + of(netns, 'sctp'),
    tcp: { inUse, orphans, timeWait, allocated, established },
    udp: udp + tunnels.size,
    fragments: { queues: size, memory },
  };
}

export function sockstatText(netns: Netns): string {
  const { used, tcp, udp, fragments } = socketUse(netns);
  return lines([
    `sockets: used ${used}`,
    `TCP: inuse ${tcp.inUse} orphan ${tcp.orphans} tw ${tcp.timeWait} alloc ${tcp.allocated} mem 0`,
    `UDP: inuse ${udp} mem 0`,
    'UDPLITE: inuse 0',
    'RAW: inuse 0',
    `FRAG: inuse ${fragments.queues} memory ${fragments.memory}`,
  ]);
}
