/** A listening socket (RFC 9293 §3.10.7.2; net/ipv4/inet_connection_sock.c). */

import { IP_PROTOCOL } from '../../../packet/index.js';
import type { DropReason } from '../../../trace/index.js';
import { Socket, type SocketEntry } from '../socket.js';
import type { SocketNetns } from '../stack.js';
import { RECEIVE_WINDOW } from './handshake.js';
import { checkSignature, Md5Keys } from './md5.js';
import { sendReset } from './reply.js';
import type { Segment } from './segment.js';
import { advance } from './sequence.js';
import { TcpRequest } from './tcp-request.js';
import { type TcpSocketOptions, TcpSocket } from './tcp-socket.js';

/** net.core.somaxconn. */
const BACKLOG = 4_096;

export class TcpListener extends Socket {
  readonly protocol = IP_PROTOCOL.tcp;
  readonly receiveSpace: number;
  /** accept(2): called with each connection when its handshake is complete, before any octet of it. */
  onConnection: (connection: TcpSocket) => void;
  /** TCP_MD5SIG: keys of peers, whose segments must be signed with them; connections take theirs along. */
  readonly md5Keys = new Md5Keys();
  readonly #options: TcpSocketOptions;
  readonly #requests = new Set<TcpRequest>();

  constructor(netns: SocketNetns, options: TcpSocketOptions, onConnection: (connection: TcpSocket) => void) {
    super(netns, options);
    this.#options = options;
    this.receiveSpace = options.receiveBuffer ?? RECEIVE_WINDOW;
    this.onConnection = onConnection;
  }

  override get listening(): boolean {
    return true;
  }

  get entry(): SocketEntry {
    return this.entryAs('tcp', 'LISTEN', { receiveQueue: 0, sendQueue: BACKLOG });
  }

  /** Connections that it made live on. */
  close(): void {
    for (const request of this.#requests) request.drop();
    this.netns.sockets.removeListener(this);
  }

  destroy(): void {
    this.close();
  }

  /** A listener sent nothing that an error could be about. */
  icmpError(): void {}

  // What follows is for the files of this folder.

  /** tcp_rcv_state_process() in LISTEN. `iss` is given where a connection in TIME_WAIT makes room for a new one. */
  receive(segment: Segment, iss?: number): DropReason | undefined {
    const { netns } = this;
    const forged = checkSignature(segment, this.md5Keys.of(segment.source), netns.mib);
    if (forged !== undefined) return forged;
    if (segment.rst) return 'tcp-reset';
    if (segment.ack) {
      sendReset(netns, segment);
      return 'tcp-flags';
    }
    if (!segment.syn || segment.fin) return 'tcp-flags';
    if (segment.skb.route !== undefined && segment.skb.route.type !== 'local') return this.#drop('tcp-flags');
    // Differs: no SYN cookies
    if (this.#requests.size >= BACKLOG) {
      netns.mib.TcpExtTCPReqQFullDrop += 1;
      return this.#drop('proto-mem');
    }
    const route = netns.ipv4.route({
      ...this.flowTo(segment.source, segment.sourcePort),
      source: segment.destination,
    });
    if (typeof route === 'string') {
      netns.mib.IpOutNoRoutes += 1;
      return this.#drop('ip-outnoroutes');
    }
    const request = new TcpRequest(this, segment, { route, iss: iss ?? netns.emulation.random.u32() });
    this.#requests.add(request);
    netns.sockets.insertRequest(request);
    request.start();
    return undefined;
  }

  /** tcp_listendrop(). */
  #drop(reason: DropReason): DropReason {
    this.netns.mib.TcpExtListenDrops += 1;
    return reason;
  }

  /** tcp_v4_syn_recv_sock(), tcp_child_process(): the request becomes a connection, which takes the segment. */
  establish(request: TcpRequest, segment: Segment): DropReason | undefined {
    request.drop();
    const child = new TcpSocket(this.netns, this.#options);
    this.netns.mib.TcpPassiveOpens += 1;
    child.localAddress = request.localAddress;
    child.localPort = request.localPort;
    child.remoteAddress = request.remoteAddress;
    child.remotePort = request.remotePort;
    child.md5Key = request.md5Key;
    adopt(child, request);
    this.netns.sockets.insertConnection(child);
    const dropped = child.handle(segment);
    if (child.state === 'CLOSED') return dropped;
    child.tcb.events.connected = false; // that is for who called connect()
    this.netns.sockets.wake(() => this.onConnection(child));
    child.flush();
    return dropped;
  }

  forgetRequest(request: TcpRequest): void {
    if (this.#requests.delete(request)) this.netns.sockets.removeRequest(request);
  }
}

/** tcp_create_openreq_child(): numbers and agreements as the handshake left them. */
function adopt(child: TcpSocket, request: TcpRequest): void {
  const { tcb, netns } = child;
  const { agreed, window } = request;
  child.adopted();
  tcb.state = 'SYN_RECV';
  tcb.iss = request.iss;
  tcb.sndUna = request.iss;
  tcb.sndNxt = advance(request.iss, 1);
  tcb.smallEnd = tcb.sndNxt;
  tcb.sndWnd = request.peerWindow;
  tcb.maxWindow = request.peerWindow;
  tcb.sending.begin(tcb.sndNxt);
  // The SYN-ACK, for the round-trip time; the request's timer stood for it.
  const { sentNs, transmissions } = request;
  const marks = { syn: true, fin: false, sacked: false, lost: false };
  tcb.sending.inFlight.push({ sequence: tcb.iss, end: tcb.sndNxt, sentNs, transmissions, ...marks });
  tcb.irs = request.irs;
  tcb.rcvNxt = advance(request.irs, 1);
  tcb.rcvWup = tcb.rcvNxt;
  tcb.sndWl1 = request.irs;
  tcb.rcvWnd = window.window;
  tcb.windowClamp = window.clamp;
  tcb.receiveScale = agreed.scaling ? window.scale : 0;
  tcb.sendScale = agreed.sendScale;
  tcb.sack = agreed.sack;
  tcb.timestamps = agreed.timestamps;
  tcb.timestampOffset = request.timestampOffset;
  tcb.tsRecent = request.tsRecent;
  tcb.tsRecentNs = tcb.nowNs;
  tcb.mssClamp = agreed.mss;
  tcb.ipOptions = request.ipOptions;
  tcb.advertisedMss = request.advertisedMss;
  tcb.identification = netns.emulation.random.below(0x10000);
}
