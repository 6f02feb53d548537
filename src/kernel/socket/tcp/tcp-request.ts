/**
 * A connection that a listener has answered and that is not acknowledged yet (struct tcp_request_sock): SYN-ACK, its
 * repetitions, and the check of what comes back (net/ipv4/tcp_minisocks.c:tcp_check_req()).
 */

import { type Ipv4Addr, TCP_ACK, TCP_SYN, Tcp, type TcpOptions } from '../../../packet/index.js';
import type { DropReason } from '../../../trace/index.js';
import { NS_PER_MS, type Timer } from '../../clock.js';
import type { RouteResult } from '../../fib/types.js';
import type { IcmpError } from '../../ipv4/quoting-error.js';
import type { EchoedOptions } from '../../ipv4/options.js';
import { classifyIcmp, isFragmentationNeeded, quotedPacket } from '../icmp-error.js';
import type { SocketEntry } from '../socket.js';
import {
  advertisedMss,
  type FirstWindow,
  firstWindow,
  type Negotiated,
  negotiate,
  timestampOffset,
} from './handshake.js';
import { checkSignature } from './md5.js';
import { sendReply, sendReset } from './reply.js';
import { RTO_INITIAL_NS, RTO_MAX_NS } from './rtt.js';
import type { Segment } from './segment.js';
import { advance, after, before } from './sequence.js';
import type { TcpListener } from './tcp-listener.js';
import { transmitSegment } from './transmit.js';

const INVALID_RATE_NS = 500 * NS_PER_MS;
const TIMESTAMPS_LENGTH = 12;

/** tcp_synack_options(): beside a signature there is room for timestamps or for SACK. */
const agreeSigned = (agreed: Negotiated, md5Key: string | undefined): Negotiated =>
  md5Key === undefined ? agreed : { ...agreed, timestamps: agreed.timestamps && !agreed.sack };

export class TcpRequest {
  readonly listener: TcpListener;
  readonly localAddress: Ipv4Addr;
  readonly localPort: number;
  readonly remoteAddress: Ipv4Addr;
  readonly remotePort: number;
  /** Sequence numbers of the peer's SYN and of ours. */
  readonly irs: number;
  readonly iss: number;
  readonly agreed: Negotiated;
  readonly advertisedMss: number;
  readonly window: FirstWindow;
  readonly timestampOffset: number;
  /** tcp_v4_save_options(): the connection's packets carry what the SYN did. */
  readonly ipOptions: EchoedOptions | undefined;
  /** TCP_MD5SIG of the listener for that peer. */
  readonly md5Key: string | undefined;
  /** Window of the peer's SYN. */
  readonly peerWindow: number;
  tsRecent = 0;
  sentNs = 0;
  transmissions = 0;
  #timeouts = 0;
  #timer: Timer | undefined = undefined;
  #lastChallengeNs: number | undefined = undefined;

  /** tcp_conn_request(). */
  constructor(listener: TcpListener, syn: Segment, choice: { route: RouteResult; iss: number }) {
    const { netns } = listener;
    this.listener = listener;
    this.localAddress = syn.destination;
    this.localPort = syn.destinationPort;
    this.remoteAddress = syn.source;
    this.remotePort = syn.sourcePort;
    this.irs = syn.sequence;
    this.iss = choice.iss;
    this.md5Key = listener.md5Keys.of(syn.source);
    this.agreed = agreeSigned(negotiate(netns, syn.options), this.md5Key);
    this.tsRecent = syn.options.timestamps?.value ?? 0;
    this.peerWindow = syn.window;
    const echoed = netns.ipv4.echoedOptions(syn.skb);
    this.ipOptions = echoed === 'invalid' ? undefined : echoed;
    this.advertisedMss = advertisedMss(choice.route);
    // tcp_openreq_init_rwin()
    const mss = this.advertisedMss - (this.agreed.timestamps ? TIMESTAMPS_LENGTH : 0);
    this.window = firstWindow(listener.receiveSpace, mss, this.agreed.scaling ? 'scaled' : 'unscaled');
    this.timestampOffset = timestampOffset(netns.sockets.secret, this.localAddress, this.remoteAddress);
  }

  get entry(): SocketEntry {
    const { listener } = this;
    return {
      protocol: 'tcp',
      state: 'SYN_RECV',
      localAddress: this.localAddress,
      localPort: this.localPort,
      remoteAddress: this.remoteAddress,
      remotePort: this.remotePort,
      receiveQueue: 0,
      sendQueue: 0,
      uid: listener.uid,
      device: listener.device?.name,
      process: listener.process,
      because: listener.because,
    };
  }

  get #nowNs(): number {
    return this.listener.netns.emulation.clock.nowNs;
  }

  /** The timestamp of now. */
  get timestamp(): number {
    return advance(Math.floor(this.#nowNs / NS_PER_MS), this.timestampOffset);
  }

  start(): void {
    this.#sendSynAck();
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** tcp_check_req(). */
  receive(segment: Segment): DropReason | undefined {
    const { listener } = this;
    const { mib } = listener.netns;
    const forged = checkSignature(segment, this.md5Key, mib);
    if (forged !== undefined) return forged;
    const stamp = this.agreed.timestamps ? segment.options.timestamps?.value : undefined;
    const old = stamp !== undefined && before(stamp, this.tsRecent);
    const opensAgain = segment.syn && !segment.ack && !segment.rst && segment.sequence === this.irs;
    if (opensAgain && !old) {
      if (!this.#challenged()) {
        this.#sendSynAck();
        this.#arm();
      }
      return undefined;
    }
    if (segment.ack && segment.acknowledgment !== advance(this.iss, 1)) {
      sendReset(listener.netns, segment);
      return 'tcp-oldsequence';
    }
    const first = advance(this.irs, 1);
    if (old || before(segment.end, first) || after(segment.sequence, advance(first, this.window.window))) {
      if (!segment.rst && !this.#challenged()) this.#sendAck(segment);
      if (old) mib.TcpExtPAWSEstab += 1;
      return 'tcp-oldsequence';
    }
    if (stamp !== undefined && !after(segment.sequence, first)) this.tsRecent = stamp;
    const syn = segment.syn && segment.sequence !== this.irs;
    if (segment.rst || syn) {
      mib.TcpAttemptFails += 1;
      if (!segment.rst) sendReset(listener.netns, segment);
      this.drop();
      mib.TcpExtEmbryonicRsts += 1;
      return segment.rst ? undefined : 'tcp-flags';
    }
    return segment.ack ? listener.establish(this, segment) : 'tcp-flags';
  }

  /** tcp_req_err(): only what says that the peer cannot be reached ends it. */
  icmpError(error: IcmpError): void {
    const packet = quotedPacket(error);
    if (packet === undefined) return;
    const { mib } = this.listener.netns;
    if (new Tcp(error.view, packet.transport).sequence !== this.iss) {
      mib.TcpExtOutOfWindowIcmps += 1;
      return;
    }
    if (isFragmentationNeeded(error)) return;
    const errno = classifyIcmp(error.type, error.code)?.errno;
    if (errno !== 'ENETUNREACH' && errno !== 'EHOSTUNREACH' && errno !== 'EPROTONOSUPPORT') return;
    this.drop();
    mib.TcpExtListenDrops += 1;
  }

  drop(): void {
    this.stop();
    this.listener.forgetRequest(this);
  }

  destroy(): void {
    this.drop();
  }

  /** inet_connection_sock.c:reqsk_timer_handler(). */
  #arm(): void {
    this.stop();
    const { netns } = this.listener;
    const delay = Math.min(RTO_INITIAL_NS * 2 ** this.#timeouts, RTO_MAX_NS);
    this.#timer = netns.emulation.clock.schedule(delay, () => {
      netns.mib.TcpExtTCPTimeouts += 1;
      if (this.#timeouts >= netns.sysctl.values['ipv4.tcp_synack_retries']) {
        this.drop();
        return;
      }
      this.#timeouts += 1;
      this.#sendSynAck();
      this.#arm();
    });
  }

  #challenged(): boolean {
    const now = this.#nowNs;
    if (this.#lastChallengeNs !== undefined && now - this.#lastChallengeNs < INVALID_RATE_NS) {
      this.listener.netns.mib.TcpExtTCPACKSkippedSynRecv += 1;
      return true;
    }
    this.#lastChallengeNs = now;
    return false;
  }

  /** tcp_v4_send_synack(). */
  #sendSynAck(): void {
    const { listener, agreed } = this;
    const { netns } = listener;
    this.sentNs = this.#nowNs;
    this.transmissions += 1;
    const route = netns.ipv4.route({
      ...listener.flowTo(this.remoteAddress, this.remotePort),
      source: this.localAddress,
    });
    const options: TcpOptions = {
      mss: this.advertisedMss,
      ...(agreed.sack ? { sackPermitted: true } : {}),
      ...(agreed.timestamps ? { timestamps: { value: this.timestamp, echo: this.tsRecent } } : {}),
      ...(agreed.scaling ? { windowScale: this.window.scale } : {}),
    };
    const { mib } = netns;
    if (typeof route !== 'string') mib.TcpOutSegs += 1;
    const refused = transmitSegment(netns, {
      source: this.localAddress,
      destination: this.remoteAddress,
      sourcePort: this.localPort,
      destinationPort: this.remotePort,
      sequence: this.iss,
      acknowledgment: advance(this.irs, 1),
      flags: TCP_SYN | TCP_ACK,
      window: Math.min(this.window.window, 65_535),
      options,
      route: typeof route === 'string' ? undefined : route,
      tos: listener.tos,
      ttl: listener.ttl,
      mark: listener.mark,
      dontFragment: listener.dontFragment(typeof route === 'string' ? undefined : route),
      socket: listener,
      identification: undefined,
      ipOptions: this.ipOptions,
      md5Key: this.md5Key,
      ...(this.transmissions > 1 ? { note: `transmission ${this.transmissions}` } : {}),
    });
    if (this.transmissions === 1 || refused !== undefined) return;
    mib.TcpRetransSegs += 1;
    mib.TcpExtTCPSynRetrans += 1;
  }

  /** tcp_v4_reqsk_send_ack(). */
  #sendAck(to: Segment): void {
    const { agreed } = this;
    sendReply(this.listener.netns, to, {
      sequence: advance(this.iss, 1),
      acknowledgment: advance(this.irs, 1),
      flags: TCP_ACK,
      window: Math.floor(this.window.window / 2 ** this.window.scale),
      ...(agreed.timestamps ? { options: { timestamps: { value: this.timestamp, echo: this.tsRecent } } } : {}),
      tos: to.skb.ipv4.tos,
      mark: this.listener.mark,
      note: 'challenge',
    });
  }
}
