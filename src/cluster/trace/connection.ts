/** Opens one connection from a namespace and waits for its outcome: what `podwire trace` sends. */

import { type Errno, type Netns, NS_PER_S, type TcpSocket, type Timer } from '../../kernel/index.js';
import { DNS_FLAG, DNS_PORT, encodeDns, INADDR_ANY, type Ipv4Addr } from '../../packet/index.js';
import type { Outcome, TraceProtocol } from '../../trace/index.js';

/** What an IPv4 datagram can carry behind the header of UDP, and an echo request. */
export const LARGEST_SIZE = 65_507;

export interface ConnectionRequest {
  readonly netns: Netns;
  readonly destination: Ipv4Addr;
  readonly port: number;
  readonly protocol: TraceProtocol;
  /** Octets of data to send, none of them to be cut on the way: of TCP once it is connected, of ping and UDP in a datagram. */
  readonly size?: number | undefined;
  /** How long to wait on virtual time. */
  readonly timeoutNs?: number;
}

/** As long as somebody would wait: three SYN retransmissions, and ARP's own three seconds; of an INIT two. */
const DEFAULT_TIMEOUT_NS = 7 * NS_PER_S;
const DEFAULT_SCTP_TIMEOUT_NS = 10 * NS_PER_S;
/** Data is given time to be sent again in shorter segments, where tcp_mtu_probing does that. */
const DATA_TIMEOUT_NS = 30 * NS_PER_S;

const patienceNs = ({ protocol, size }: ConnectionRequest): number =>
  size !== undefined && protocol !== 'icmp' && protocol !== 'udp'
    ? DATA_TIMEOUT_NS
    : protocol === 'sctp'
      ? DEFAULT_SCTP_TIMEOUT_NS
      : DEFAULT_TIMEOUT_NS;
const PAYLOAD = new TextEncoder().encode('podwire');
/** The same again and again. */
const payloadOf = (size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => PAYLOAD[i % PAYLOAD.length] ?? 0);
/** What a DNS server answers, whatever it knows of the name. */
const QUESTION = encodeDns({
  id: 1,
  flags: DNS_FLAG.recursionDesired,
  opcode: 0,
  rcode: 0,
  questions: [{ name: 'kubernetes.default.svc.cluster.local', type: 'A' }],
  answers: [],
  authorities: [],
  additionals: [],
});
/** A server reads no further than the question. */
const questionOf = (size: number): Uint8Array => {
  const padded = new Uint8Array(Math.max(size, QUESTION.length));
  padded.set(QUESTION);
  return padded;
};
/** What ping sends where it is told nothing else. */
const ECHO_SIZE = 56;
const echoPayload = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => i);

/** A connection that has come to its outcome, and is still open. */
export interface OpenConnection {
  readonly outcome: Outcome;
  /** Closes the socket and lets the farewells pass. */
  close(): void;
}

/** How long the last packets of a connection that is closed may take. */
const SETTLE_NS = NS_PER_S;

/** Runs the emulation until the connection has an outcome. */
export function openConnection(request: ConnectionRequest): OpenConnection {
  let outcome: Outcome | undefined;
  const settle = (given: Outcome): void => {
    outcome ??= given;
  };
  const opened = OPENERS[request.protocol](request, settle);
  const { emulation } = request.netns;
  const limit = emulation.clock.nowNs + (request.timeoutNs ?? patienceNs(request));
  emulation.run(() => outcome !== undefined, limit);
  return {
    outcome: outcome ?? opened.soFar?.() ?? { kind: 'silence' },
    close: () => {
      opened.close();
      emulation.advance(SETTLE_NS);
    },
  };
}

/** Opens a connection, waits for its outcome, and closes it. */
export function runConnection(request: ConnectionRequest): Outcome {
  const connection = openConnection(request);
  connection.close();
  return connection.outcome;
}

interface Opened {
  readonly close: () => void;
  /** What it has come to when it is waited for no longer; silence where it is undefined. */
  readonly soFar?: () => Outcome | undefined;
}

type Settle = (outcome: Outcome) => void;
type Opener = (request: ConnectionRequest, settle: Settle) => Opened;

const failed = (errno: Errno | undefined, settle: Settle): void => {
  if (errno !== undefined) settle({ kind: 'failed', note: errno });
};

const silenceAfter = (heard: 'handshake' | 'acknowledgment'): Outcome => ({ kind: 'silence', heard });

const openTcp: Opener = ({ netns, destination, port, size }, settle) => {
  const socket = netns.sockets.tcp();
  const data = size === undefined ? undefined : sendOverTcp(socket, size, settle);
  socket.onConnect = () => (data === undefined ? settle({ kind: 'answered' }) : data.begin());
  socket.onError = (errno) => {
    const byReset = errno === 'ECONNREFUSED' || errno === 'ECONNRESET';
    if (data?.begun === true) settle(silenceAfter(byReset ? 'acknowledgment' : 'handshake'));
    settle(
      errno === 'ETIMEDOUT' ? { kind: 'silence' } : { kind: 'refused', by: byReset ? 'reset' : 'icmp', note: errno },
    );
  };
  failed(socket.connect(destination, port), settle);
  return {
    // What nobody acknowledges would be sent again for minutes.
    close: () => (socket.entry.sendQueue > 0 ? socket.abort() : socket.close()),
    soFar: () => data?.soFar(),
  };
};

/** Data of a connection: all of it is to come back, as it does from a server that sends back what it gets. */
interface SentData {
  readonly begun: boolean;
  begin(): void;
  soFar(): Outcome | undefined;
}

function sendOverTcp(socket: TcpSocket, size: number, settle: Settle): SentData {
  const payload = payloadOf(size);
  let [begun, sent, returned] = [false, 0, 0];
  const write = (): void => {
    const taken = socket.send(payload.subarray(sent));
    if (typeof taken === 'number') sent += taken;
  };
  socket.onWritable = () => {
    if (begun && sent < size) write();
  };
  socket.onData = (bytes) => {
    returned += bytes.length;
    if (returned >= size) settle({ kind: 'answered' });
  };
  socket.onEnd = () => settle(silenceAfter('acknowledgment'));
  return {
    get begun() {
      return begun;
    },
    begin: () => {
      begun = true;
      write();
    },
    soFar: () => (begun ? silenceAfter(socket.entry.sendQueue > 0 ? 'handshake' : 'acknowledgment') : undefined),
  };
}

/** As often as a program that repeats its question would send it: at once where it hears that it was too long, else a second later. */
const REPEATS = 2;
const REPEAT_NS = NS_PER_S;

const openUdp: Opener = ({ netns, destination, port, size }, settle) => {
  const socket = netns.sockets.udp();
  const question = port === DNS_PORT;
  const payload = size === undefined ? (question ? QUESTION : PAYLOAD) : question ? questionOf(size) : payloadOf(size);
  let repeats = size === undefined ? 0 : REPEATS;
  let timer: Timer | undefined;
  const send = (): void => {
    timer?.cancel();
    timer = repeats === 0 ? undefined : netns.emulation.clock.schedule(REPEAT_NS, repeat);
    failed(socket.send(payload), settle);
  };
  const repeat = (): void => {
    repeats -= 1;
    netns.emulation.wake(send);
  };
  socket.onMessage = () => settle({ kind: 'answered' });
  socket.onError = (errno) => {
    if (errno === 'EMSGSIZE' && repeats > 0) repeat();
    else settle({ kind: 'refused', by: 'icmp', note: errno });
  };
  const refused = socket.connect(destination, port);
  if (refused === undefined) send();
  else failed(refused, settle);
  return {
    close: () => {
      timer?.cancel();
      socket.close();
    },
  };
};

/** Refused as TCP is, by ABORT; an ICMP error ends it only where it says that the host has no SCTP. */
const openSctp: Opener = ({ netns, destination, port, size }, settle) => {
  const socket = netns.sockets.sctp.open();
  let begun = false;
  socket.onConnect = () => {
    if (size === undefined) return settle({ kind: 'answered' });
    begun = true;
    return failed(socket.send(payloadOf(size)), settle);
  };
  socket.onMessage = () => settle({ kind: 'answered' });
  socket.onError = (errno) => {
    const by = errno === 'ENOPROTOOPT' ? 'icmp' : 'reset';
    if (begun) settle(silenceAfter(errno === 'ETIMEDOUT' ? 'handshake' : 'acknowledgment'));
    settle(errno === 'ETIMEDOUT' ? { kind: 'silence' } : { kind: 'refused', by, note: errno });
  };
  failed(socket.connect(destination, port), settle);
  return {
    close: () => (socket.entry.sendQueue > 0 ? socket.abort() : socket.close()),
    soFar: () => (begun ? silenceAfter(socket.entry.sendQueue > 0 ? 'handshake' : 'acknowledgment') : undefined),
  };
};

/** As `ping -M do` does where a size is named: nobody cuts it. */
const openIcmp: Opener = ({ netns, destination, size }, settle) => {
  const socket = netns.sockets.ping(size === undefined ? {} : { pathMtuDiscovery: 'do' });
  socket.onReply = () => settle({ kind: 'answered' });
  socket.onIcmpError = (report) => settle({ kind: 'refused', by: 'icmp', note: report.errno ?? 'an ICMP error' });
  const refused = socket.send({ destination, sequence: 1, payload: echoPayload(size ?? ECHO_SIZE) });
  if (refused === 'EMSGSIZE') settle({ kind: 'failed', note: refused, ...mtuTo(netns, destination) });
  failed(refused, settle);
  return { close: () => socket.close() };
};

function mtuTo({ ipv4 }: Netns, destination: Ipv4Addr): { readonly mtu?: number } {
  const route = ipv4.route({ source: INADDR_ANY, destination });
  return typeof route === 'string' ? {} : { mtu: route.mtu };
}

const OPENERS: Readonly<Record<TraceProtocol, Opener>> = { tcp: openTcp, udp: openUdp, sctp: openSctp, icmp: openIcmp };
