/**
 * What a namespace counts of its protocols (struct netns_mib; include/uapi/linux/snmp.h), by the names that `nstat` prints.
 * Those whose event does not exist here are not in the list: /proc/net/snmp and netstat have them as 0.
 */

/** Types of ICMP: one octet. */
const ICMP_TYPES = 256;

export class Mib {
  // Of every packet, side by side in memory.
  IpInReceives = 0;
  IpExtInOctets = 0;
  IpExtInNoECTPkts = 0;
  IpInDelivers = 0;
  IpForwDatagrams = 0;
  IpOutRequests = 0;
  IpOutTransmits = 0;
  IpExtOutOctets = 0;
  // struct ipstats_mib, in /proc/net/snmp
  IpInHdrErrors = 0;
  IpInAddrErrors = 0;
  IpInUnknownProtos = 0;
  IpOutDiscards = 0;
  IpOutNoRoutes = 0;
  IpReasmTimeout = 0;
  IpReasmReqds = 0;
  IpReasmOKs = 0;
  IpReasmFails = 0;
  IpFragOKs = 0;
  IpFragFails = 0;
  IpFragCreates = 0;
  // struct icmp_mib
  IcmpInMsgs = 0;
  IcmpInErrors = 0;
  IcmpInCsumErrors = 0;
  IcmpOutMsgs = 0;
  IcmpOutRateLimitGlobal = 0;
  IcmpOutRateLimitHost = 0;
  // struct tcp_mib; how many are established is counted when somebody asks
  TcpActiveOpens = 0;
  TcpPassiveOpens = 0;
  TcpAttemptFails = 0;
  TcpEstabResets = 0;
  TcpInSegs = 0;
  TcpOutSegs = 0;
  TcpRetransSegs = 0;
  TcpInErrs = 0;
  TcpOutRsts = 0;
  TcpInCsumErrors = 0;
  // struct udp_mib
  UdpInDatagrams = 0;
  UdpNoPorts = 0;
  UdpInErrors = 0;
  UdpOutDatagrams = 0;
  UdpRcvbufErrors = 0;
  UdpInCsumErrors = 0;
  UdpIgnoredMulti = 0;
  // struct udp_mib of UDP-Lite, of which nobody has a socket
  UdpLiteNoPorts = 0;
  UdpLiteInErrors = 0;
  UdpLiteInCsumErrors = 0;
  UdpLiteIgnoredMulti = 0;
  // struct linux_mib, in /proc/net/netstat
  TcpExtEmbryonicRsts = 0;
  TcpExtOutOfWindowIcmps = 0;
  TcpExtArpFilter = 0;
  TcpExtTW = 0;
  TcpExtTWKilled = 0;
  TcpExtPAWSActive = 0;
  TcpExtPAWSEstab = 0;
  TcpExtPAWSTimewait = 0;
  TcpExtDelayedACKs = 0;
  TcpExtDelayedACKLost = 0;
  TcpExtListenDrops = 0;
  TcpExtTCPRenoRecovery = 0;
  TcpExtTCPSackRecovery = 0;
  TcpExtTCPSACKReneging = 0;
  TcpExtTCPFastRetrans = 0;
  TcpExtTCPSlowStartRetrans = 0;
  TcpExtTCPTimeouts = 0;
  TcpExtTCPLossProbes = 0;
  TcpExtTCPAbortOnData = 0;
  TcpExtTCPAbortOnClose = 0;
  TcpExtTCPAbortOnTimeout = 0;
  TcpExtTCPAbortFailed = 0;
  TcpExtTCPMD5NotFound = 0;
  TcpExtTCPMD5Unexpected = 0;
  TcpExtTCPMD5Failure = 0;
  TcpExtTCPMinTTLDrop = 0;
  TcpExtIPReversePathFilter = 0;
  TcpExtTCPReqQFullDrop = 0;
  TcpExtTCPRetransFail = 0;
  TcpExtTCPOFOQueue = 0;
  TcpExtTCPChallengeACK = 0;
  TcpExtTCPSYNChallenge = 0;
  TcpExtTCPFromZeroWindowAdv = 0;
  TcpExtTCPToZeroWindowAdv = 0;
  TcpExtTCPWantZeroWindowAdv = 0;
  TcpExtTCPSynRetrans = 0;
  TcpExtTCPOrigDataSent = 0;
  TcpExtTCPACKSkippedSynRecv = 0;
  TcpExtTCPACKSkippedPAWS = 0;
  TcpExtTCPACKSkippedSeq = 0;
  TcpExtTCPACKSkippedTimeWait = 0;
  TcpExtTCPACKSkippedChallenge = 0;
  TcpExtTCPWinProbe = 0;
  TcpExtTCPDelivered = 0;
  TcpExtTCPZeroWindowDrop = 0;
  TcpExtTcpTimeoutRehash = 0;
  // struct ipstats_mib, in /proc/net/netstat
  IpExtInNoRoutes = 0;
  IpExtInTruncatedPkts = 0;
  IpExtInMcastPkts = 0;
  IpExtOutMcastPkts = 0;
  IpExtInBcastPkts = 0;
  IpExtOutBcastPkts = 0;
  IpExtInMcastOctets = 0;
  IpExtOutMcastOctets = 0;
  IpExtInBcastOctets = 0;
  IpExtOutBcastOctets = 0;
  IpExtInCsumErrors = 0;
  IpExtInECT1Pkts = 0;
  IpExtInECT0Pkts = 0;
  IpExtInCEPkts = 0;
  IpExtReasmOverlaps = 0;
  /** ICMPMSG_MIB: messages received by type, and from 256 on those sent. */
  readonly #icmpTypes = new Map<number, number>();

  /** By its name; 0 where nothing here could be counted. */
  of(name: string): number {
    return isCounter(this, name) ? this[name] : 0;
  }

  /** ICMPMSGIN_INC_STATS(). */
  countIcmpIn(type: number): void {
    this.#countIcmp(type);
  }

  /** icmp_out_count(). */
  countIcmpOut(type: number): void {
    this.IcmpOutMsgs += 1;
    this.#countIcmp(ICMP_TYPES + type);
  }

  icmpIn(type: number): number {
    return this.#icmpTypes.get(type) ?? 0;
  }

  icmpOut(type: number): number {
    return this.#icmpTypes.get(ICMP_TYPES + type) ?? 0;
  }

  #countIcmp(which: number): void {
    this.#icmpTypes.set(which, (this.#icmpTypes.get(which) ?? 0) + 1);
  }
}

export type MibName = { [Name in keyof Mib]: Mib[Name] extends number ? Name : never }[keyof Mib];

const isCounter = (mib: Mib, name: string): name is MibName => Object.hasOwn(mib, name);
