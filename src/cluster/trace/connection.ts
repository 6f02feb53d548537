/** Opens one connection from a namespace and waits for its outcome: what `podwire trace` sends. */

import { type Errno, type Netns, NS_PER_S } from '../../kernel/index.js';
import { DNS_FLAG, DNS_PORT, encodeDns, type Ipv4Addr } from '../../packet/index.js';
import type { Outcome, TraceProtocol } from '../../trace/index.js';

export interface ConnectionRequest {
  readonly netns: Netns;
  readonly destination: Ipv4Addr;
  readonly port: number;
  readonly protocol: TraceProtocol;
  /** How long to wait on virtual time. */
  readonly timeoutNs?: number;
}

/** As long as somebody would wait: three SYN retransmissions, and ARP's own three seconds; of an INIT two. */
const DEFAULT_TIMEOUT_NS = 7 * NS_PER_S;
const DEFAULT_SCTP_TIMEOUT_NS = 10 * NS_PER_S;
const PAYLOAD = new TextEncoder().encode('podwire');
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
/** What ping sends: 56 octets. */
const ECHO_PAYLOAD = Uint8Array.from({ length: 56 }, (_, i) => i);

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
  const closeSocket = OPENERS[request.protocol](request, settle);
  const { emulation } = request.netns;
  const patienceNs = request.protocol === 'sctp' ? DEFAULT_SCTP_TIMEOUT_NS : DEFAULT_TIMEOUT_NS;
  const limit = emulation.clock.nowNs + (request.timeoutNs ?? patienceNs);
  emulation.run(() => outcome !== undefined, limit);
  return {
    outcome: outcome ?? { kind: 'silence' },
    close: () => {
      closeSocket();
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

type Opener = (request: ConnectionRequest, settle: (outcome: Outcome) => void) => () => void;

const failed = (errno: Errno | undefined, settle: (outcome: Outcome) => void): void => {
  if (errno !== undefined) settle({ kind: 'failed', note: errno });
};

const openTcp: Opener = ({ netns, destination, port }, settle) => {
  const socket = netns.sockets.tcp();
  socket.onConnect = () => settle({ kind: 'answered' });
  socket.onError = (errno) => {
    const byReset = errno === 'ECONNREFUSED' || errno === 'ECONNRESET';
    settle(
      errno === 'ETIMEDOUT' ? { kind: 'silence' } : { kind: 'refused', by: byReset ? 'reset' : 'icmp', note: errno },
    );
  };
  failed(socket.connect(destination, port), settle);
  return () => socket.close();
};

const openUdp: Opener = ({ netns, destination, port }, settle) => {
  const socket = netns.sockets.udp();
  socket.onMessage = () => settle({ kind: 'answered' });
  socket.onError = (errno) => settle({ kind: 'refused', by: 'icmp', note: errno });
  const refused = socket.connect(destination, port);
  failed(refused ?? socket.send(port === DNS_PORT ? QUESTION : PAYLOAD), settle);
  return () => socket.close();
};

/** Refused as TCP is, by ABORT; an ICMP error ends it only where it says that the host has no SCTP. */
const openSctp: Opener = ({ netns, destination, port }, settle) => {
  const socket = netns.sockets.sctp.open();
  socket.onConnect = () => settle({ kind: 'answered' });
  socket.onError = (errno) => {
    const by = errno === 'ENOPROTOOPT' ? 'icmp' : 'reset';
    settle(errno === 'ETIMEDOUT' ? { kind: 'silence' } : { kind: 'refused', by, note: errno });
  };
  failed(socket.connect(destination, port), settle);
  return () => socket.close();
};

const openIcmp: Opener = ({ netns, destination }, settle) => {
  const socket = netns.sockets.ping();
  socket.onReply = () => settle({ kind: 'answered' });
  socket.onIcmpError = (report) => settle({ kind: 'refused', by: 'icmp', note: report.errno ?? 'an ICMP error' });
  failed(socket.send({ destination, sequence: 1, payload: ECHO_PAYLOAD }), settle);
  return () => socket.close();
};

const OPENERS: Readonly<Record<TraceProtocol, Opener>> = { tcp: openTcp, udp: openUdp, sctp: openSctp, icmp: openIcmp };
