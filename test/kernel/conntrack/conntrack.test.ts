import t from 'tap';
import { formatStatistics, IPS } from '../../../src/kernel/conntrack/index.js';
import { SEGMENT, nextState, TCP_STATE, TCP_STATES } from '../../../src/kernel/conntrack/tcp-transitions.js';
import { address, icmp, other, sctp, tcp, udp } from './packets.js';
import { Gateway } from './gateway.js';

const CLIENT = '10.0.1.2:40000';
const SERVER = '10.0.2.2:80';

interface Step {
  readonly name: string;
  readonly side: 'client' | 'server';
  readonly flags: string;
  readonly seq: number;
  readonly ack?: number;
  readonly data?: number;
  readonly win?: number;
  readonly state: string;
  /** Start of the connection's line, or undefined where there is none any more. */
  readonly line: string | undefined;
}

function walk(gateway: Gateway, steps: readonly Step[], t: Pick<typeof import('tap').t, 'equal'>): void {
  for (const { name, side, state, line, ...segment } of steps) {
    const ends = side === 'client' ? { from: CLIENT, to: SERVER } : { from: SERVER, to: CLIENT };
    t.equal(gateway.forward(tcp({ ...ends, ...segment })).state, state, name);
    const printed = gateway.list()[0];
    t.equal(line === undefined ? printed : printed?.slice(0, line.length), line, `${name}: the entry`);
  }
}

const HANDSHAKE: readonly Step[] = [
  { name: 'a SYN', side: 'client', flags: 'S', seq: 100, state: 'new', line: 'tcp      6 120 SYN_SENT' },
  {
    name: 'its SYN-ACK',
    side: 'server',
    flags: 'SA',
    seq: 500,
    ack: 101,
    state: 'established-reply',
    line: 'tcp      6 60 SYN_RECV',
  },
  {
    name: 'the ACK',
    side: 'client',
    flags: 'A',
    seq: 101,
    ack: 501,
    state: 'established',
    line: 'tcp      6 432000 ESTABLISHED',
  },
];

t.test('a TCP connection goes through its states, each with its timeout', (t) => {
  const gateway = new Gateway();
  walk(
    gateway,
    [
      ...HANDSHAKE,
      {
        name: 'data that nobody has acknowledged',
        side: 'client',
        flags: 'PA',
        seq: 101,
        ack: 501,
        data: 10,
        state: 'established',
        line: 'tcp      6 300 ESTABLISHED',
      },
      {
        name: 'its acknowledgment',
        side: 'server',
        flags: 'A',
        seq: 501,
        ack: 111,
        state: 'established-reply',
        line: 'tcp      6 432000 ESTABLISHED',
      },
      {
        name: 'a FIN',
        side: 'client',
        flags: 'FA',
        seq: 111,
        ack: 501,
        state: 'established',
        line: 'tcp      6 120 FIN_WAIT',
      },
      {
        name: 'its acknowledgment',
        side: 'server',
        flags: 'A',
        seq: 501,
        ack: 112,
        state: 'established-reply',
        line: 'tcp      6 60 CLOSE_WAIT',
      },
      {
        name: 'the other FIN',
        side: 'server',
        flags: 'FA',
        seq: 501,
        ack: 112,
        state: 'established-reply',
        line: 'tcp      6 30 LAST_ACK',
      },
      {
        name: 'the last ACK',
        side: 'client',
        flags: 'A',
        seq: 112,
        ack: 502,
        state: 'established',
        line: 'tcp      6 120 TIME_WAIT',
      },
      {
        name: 'a SYN in TIME_WAIT begins anew',
        side: 'client',
        flags: 'S',
        seq: 9000,
        state: 'new',
        line: 'tcp      6 120 SYN_SENT',
      },
    ],
    t,
  );
  t.equal(gateway.conntrack.count, 1, 'the old entry is gone');
  t.end();
});

t.test('an established connection prints as conntrack does', (t) => {
  const gateway = new Gateway();
  walk(gateway, HANDSHAKE, t);
  gateway.advance(1);
  t.same(gateway.list(), [
    'tcp      6 431999 ESTABLISHED src=10.0.1.2 dst=10.0.2.2 sport=40000 dport=80 src=10.0.2.2 dst=10.0.1.2 sport=80 dport=40000 [ASSURED] mark=0 use=1',
  ]);
  const entry = gateway.conntrack.entries()[0]!;
  t.match(gateway.conntrack.format(entry, { extended: true, id: true }), /^ipv4 {5}2 tcp {6}6 431999 .* use=1 id=1$/);
  t.end();
});

t.test('a refused connection leaves no entry, a reset one stays for ten seconds', (t) => {
  const refused = new Gateway();
  walk(
    refused,
    [
      HANDSHAKE[0]!,
      {
        name: 'the RST that refuses it',
        side: 'server',
        flags: 'RA',
        seq: 0,
        ack: 101,
        state: 'established-reply',
        line: undefined,
      },
    ],
    t,
  );
  const reset = new Gateway();
  walk(
    reset,
    [
      ...HANDSHAKE,
      {
        name: 'an ACK',
        side: 'server',
        flags: 'A',
        seq: 501,
        ack: 101,
        state: 'established-reply',
        line: 'tcp      6 432000 ESTABLISHED',
      },
      {
        name: 'a RST before what was acknowledged',
        side: 'client',
        flags: 'R',
        seq: 90,
        state: 'invalid',
        line: 'tcp      6 432000 ESTABLISHED',
      },
      {
        name: 'a RST exactly in place',
        side: 'client',
        flags: 'R',
        seq: 101,
        state: 'established',
        line: 'tcp      6 10 CLOSE',
      },
    ],
    t,
  );
  t.end();
});

t.test('segments outside the window are invalid, unless the tracker is told to be liberal', (t) => {
  const far: Step = {
    name: 'far ahead',
    side: 'client',
    flags: 'A',
    seq: 5_000_000,
    ack: 501,
    state: 'invalid',
    line: 'tcp      6 432000 ESTABLISHED',
  };
  const unsent: Step = { ...far, name: 'acknowledges what was not sent', seq: 101, ack: 70_000 };
  const strict = new Gateway();
  walk(strict, [...HANDSHAKE, far, unsent], t);
  t.equal(strict.conntrack.statistics.invalid, 2);
  const liberal = new Gateway().set('netfilter.nf_conntrack_tcp_be_liberal', 1);
  walk(liberal, [...HANDSHAKE, { ...far, state: 'established' }, { ...unsent, state: 'established' }], t);
  t.end();
});

t.test('windows count with their scale once both ends have agreed on one', (t) => {
  const options = { windowScale: 7, sackPermitted: true };
  for (const [scaled, state] of [
    [true, 'established'],
    [false, 'invalid'],
  ] as const) {
    const gateway = new Gateway();
    gateway.forward(tcp({ from: CLIENT, to: SERVER, flags: 'S', seq: 0, win: 8_000, options }));
    gateway.forward(
      tcp({
        from: SERVER,
        to: CLIENT,
        flags: 'SA',
        seq: 0,
        ack: 1,
        win: 8_000,
        options: scaled ? options : { mss: 1460 },
      }),
    );
    gateway.forward(tcp({ from: CLIENT, to: SERVER, flags: 'A', seq: 1, ack: 1, win: 1000 }));
    gateway.forward(tcp({ from: SERVER, to: CLIENT, flags: 'A', seq: 1, ack: 1, win: 1000 }));
    const far = tcp({ from: CLIENT, to: SERVER, flags: 'A', seq: 100_000, ack: 1, data: 100 });
    t.equal(gateway.forward(far).state, state, scaled ? 'scaled by both' : 'scaled by one only');
  }
  t.end();
});

t.test('a connection is picked up in the middle, where that is allowed', (t) => {
  const middle = tcp({ from: CLIENT, to: SERVER, flags: 'A', seq: 5000, ack: 6000 });
  const loose = new Gateway();
  t.equal(loose.forward(middle).state, 'new');
  t.match(loose.list()[0], /^tcp {6}6 300 ESTABLISHED .*\[UNREPLIED\]/, 'with the timeout of what was not answered');
  const strict = new Gateway().set('netfilter.nf_conntrack_tcp_loose', 0);
  t.equal(strict.forward(middle).state, 'invalid');
  t.same(strict.list(), []);
  t.end();
});

t.test('a retransmitted SYN does not prolong', (t) => {
  const gateway = new Gateway();
  const syn = tcp({ from: CLIENT, to: SERVER, flags: 'S', seq: 1 });
  gateway.forward(syn);
  gateway.advance(100);
  t.equal(gateway.forward(syn).state, 'new');
  t.match(gateway.list()[0], /^tcp {6}6 20 SYN_SENT/);
  gateway.advance(20);
  t.same(gateway.list(), []);
  t.end();
});

t.test('segments that cannot be are invalid', (t) => {
  const gateway = new Gateway().listen();
  for (const [flags, note] of [
    ['SF', 'invalid combination of TCP flags'],
    ['', 'invalid combination of TCP flags'],
    ['SA', 'SYN-ACK in state NONE'],
    ['FA', 'FIN in state NONE'],
    ['R', 'RST in state NONE'],
  ] as const) {
    t.equal(gateway.forward(tcp({ from: CLIENT, to: SERVER, flags })).state, 'invalid', flags);
    t.match(gateway.steps.at(-1), { kind: 'conntrack', state: 'invalid', note, entry: undefined });
  }
  t.equal(gateway.forward(tcp({ from: CLIENT, to: SERVER, flags: 'S' }).slice(0, 36)).state, 'invalid', 'truncated');
  t.same(gateway.list(), []);
  t.end();
});

t.test('every state has an answer to every segment', (t) => {
  for (const direction of ['original', 'reply'] as const) {
    TCP_STATES.forEach((name, state) => {
      t.equal(nextState(direction, state, SEGMENT.none), TCP_STATE.invalid, `${direction} ${name}: no flags`);
      const closed = nextState(direction, state, SEGMENT.rst);
      t.equal(closed, state === TCP_STATE.none ? TCP_STATE.invalid : TCP_STATE.close, `${direction} ${name}: RST`);
    });
  }
  t.end();
});

t.test('checksums are verified where packets come in, and nowhere else', (t) => {
  const bad = [
    tcp({ from: CLIENT, to: SERVER, flags: 'S', checksum: 'bad' }),
    udp({ from: CLIENT, to: SERVER, checksum: 'bad' }),
    icmp({ from: '10.0.1.2', to: '10.0.2.2', type: 8, checksum: 'bad' }),
    sctp({ from: CLIENT, to: SERVER, tag: 0, chunks: [{ type: 1, initTag: 1 }], checksum: 'bad' }),
  ];
  for (const bytes of bad) {
    const gateway = new Gateway();
    t.equal(gateway.forward(bytes).state, 'invalid', 'prerouting');
    const sent = gateway.skb(bytes);
    gateway.conntrack.track('output', sent);
    t.equal(sent.ctInfo, 'new', 'output');
    t.equal(new Gateway().set('netfilter.nf_conntrack_checksum', 0).forward(bytes).state, 'new', 'switched off');
  }
  t.equal(new Gateway().forward(udp({ from: CLIENT, to: SERVER, checksum: 'none' })).state, 'new', 'UDP without one');
  t.end();
});

t.test('a UDP flow is assured once it goes both ways for more than two seconds', (t) => {
  const gateway = new Gateway();
  const out = udp({ from: CLIENT, to: SERVER });
  const back = udp({ from: SERVER, to: CLIENT });
  t.equal(gateway.forward(out).state, 'new');
  t.match(gateway.list()[0], /^udp {6}17 30 .*\[UNREPLIED\]/);
  t.equal(gateway.forward(back).state, 'established-reply');
  gateway.advance(2);
  t.equal(gateway.forward(out).state, 'established');
  t.match(gateway.list()[0], /^udp {6}17 30 (?!.*(UNREPLIED|ASSURED))/);
  gateway.advance(0.1);
  gateway.forward(out);
  t.match(gateway.list()[0], /^udp {6}17 120 .*\[ASSURED\]/);
  gateway.advance(119.9);
  t.equal(gateway.list().length, 1);
  gateway.advance(0.1);
  t.equal(gateway.forward(out).state, 'new', 'and is new after its time');
  t.end();
});

t.test('ICMP connections begin with a question and are told apart by their identifier', (t) => {
  const gateway = new Gateway();
  const ends = { from: '10.0.1.2', to: '10.0.2.2' };
  for (const type of [8, 13, 15, 17])
    t.equal(gateway.forward(icmp({ ...ends, type, id: 1 })).state, 'new', `type ${type}`);
  for (const type of [0, 14, 16, 18, 9, 10, 19, 200]) {
    t.equal(gateway.forward(icmp({ ...ends, type, id: 2 })).state, 'invalid', `type ${type}`);
  }
  t.equal(gateway.forward(icmp({ from: '10.0.2.2', to: '10.0.1.2', type: 0, id: 1 })).state, 'established-reply');
  t.equal(gateway.forward(icmp({ from: '10.0.2.2', to: '10.0.1.2', type: 0, id: 2 })).state, 'invalid');
  t.match(gateway.list(), [
    'icmp     1 30 src=10.0.1.2 dst=10.0.2.2 type=8 code=0 id=1 src=10.0.2.2 dst=10.0.1.2 type=0 code=0 id=1 mark=0 use=1',
  ]);
  t.end();
});

t.test('an ICMP error is related to the connection that it quotes', (t) => {
  const gateway = new Gateway();
  const question = udp({ from: CLIENT, to: SERVER });
  const error = { from: '10.0.2.1', to: '10.0.1.2', type: 3, code: 3 };
  t.equal(gateway.forward(icmp({ ...error, quoted: question })).state, 'invalid', 'nothing is known of it yet');
  gateway.forward(question);
  t.equal(gateway.forward(icmp({ ...error, quoted: question })).state, 'related-reply');
  t.equal(
    gateway.forward(icmp({ ...error, quoted: question.slice(0, 28) })).state,
    'related-reply',
    'eight octets of UDP',
  );
  t.equal(gateway.forward(icmp({ ...error, quoted: question.slice(0, 22) })).state, 'invalid', 'no ports');
  t.equal(
    gateway.forward(icmp({ ...error, to: '10.0.1.9', quoted: question })).state,
    'invalid',
    'sent to somebody else',
  );
  const answer = udp({ from: SERVER, to: CLIENT });
  t.equal(
    gateway.forward(icmp({ from: '10.0.1.2', to: '10.0.2.2', type: 3, code: 3, quoted: answer })).state,
    'related',
  );
  t.equal(gateway.conntrack.statistics.error, 3);
  t.match(gateway.list()[0], /UNREPLIED/, 'an error is no reply');
  t.end();
});

t.test('an SCTP association goes through its states', (t) => {
  const gateway = new Gateway();
  const send = (side: 'client' | 'server', tag: number, ...chunks: Parameters<typeof sctp>[0]['chunks']): string =>
    gateway.forward(
      sctp(side === 'client' ? { from: CLIENT, to: SERVER, tag, chunks } : { from: SERVER, to: CLIENT, tag, chunks }),
    ).state;
  const line = (): string => gateway.list()[0]?.slice(0, 32) ?? '';
  t.equal(send('client', 0, { type: 1, initTag: 11 }), 'new');
  t.match(line(), /^sctp {5}132 10 CLOSED/);
  t.equal(send('server', 11, { type: 2, initTag: 22 }), 'established-reply');
  t.match(line(), /^sctp {5}132 3 COOKIE_WAIT/);
  t.equal(send('client', 22, { type: 10, value: 8 }), 'established');
  t.match(line(), /^sctp {5}132 3 COOKIE_ECHOED/);
  t.equal(send('server', 11, { type: 11 }), 'established-reply');
  t.match(line(), /^sctp {5}132 210 ESTABLISHED/);
  t.match(gateway.list()[0], /\[ASSURED\]/);
  t.equal(send('client', 99, { type: 0, value: 8 }), 'invalid', 'data with another tag');
  t.equal(send('client', 22, { type: 0, value: 8 }), 'established', 'data');
  t.equal(send('client', 22, { type: 7, value: 4 }), 'established');
  t.match(line(), /^sctp {5}132 3 SHUTDOWN_SENT/);
  t.equal(send('server', 11, { type: 8 }), 'established-reply');
  t.match(line(), /^sctp {5}132 3 SHUTDOWN_ACK_SENT/);
  t.equal(send('client', 22, { type: 14 }), 'established');
  t.match(line(), /^sctp {5}132 10 CLOSED/);
  t.equal(send('client', 22, { type: 14 }, { type: 0, value: 8 }), 'invalid', 'a chunk that must be alone');
  t.end();
});

t.test('any other protocol is a flow between two addresses', (t) => {
  const gateway = new Gateway();
  gateway.forward(other({ from: '10.0.1.2', to: '10.0.2.2' }, 4));
  gateway.forward(other({ from: '10.0.1.2', to: '10.0.2.2' }, 47));
  t.same(gateway.list(), [
    'unknown  4 600 src=10.0.1.2 dst=10.0.2.2 [UNREPLIED] src=10.0.2.2 dst=10.0.1.2 mark=0 use=1',
    'gre      47 30 src=10.0.1.2 dst=10.0.2.2 srckey=0x0 dstkey=0x0 [UNREPLIED] src=10.0.2.2 dst=10.0.1.2 srckey=0x0 dstkey=0x0 mark=0 use=1',
  ]);
  t.end();
});

t.test('packets are counted where accounting was on when the connection began', (t) => {
  const gateway = new Gateway();
  gateway.forward(udp({ from: '10.0.1.2:1', to: SERVER }));
  gateway.set('netfilter.nf_conntrack_acct', 1);
  gateway.forward(udp({ from: '10.0.1.2:1', to: SERVER }));
  gateway.forward(udp({ from: '10.0.1.2:2', to: SERVER, data: 72 }));
  gateway.forward(udp({ from: SERVER, to: '10.0.1.2:2', data: 172 }));
  const [silent, counted] = gateway.list();
  t.notMatch(silent, /packets=/);
  t.match(counted, /dport=80 packets=1 bytes=100 src=.* dport=2 packets=1 bytes=200 mark=/);
  t.end();
});

t.test('an entry is confirmed only when its packet got through', (t) => {
  const gateway = new Gateway();
  const skb = gateway.skb(udp({ from: CLIENT, to: SERVER }));
  gateway.conntrack.track('prerouting', skb);
  t.equal(skb.ct?.has(IPS.confirmed), false);
  t.same(gateway.list(), []);
  t.equal(gateway.forward(udp({ from: CLIENT, to: SERVER })).state, 'new', 'the next packet begins again');
  gateway.advance(7);
  t.match(gateway.list()[0], /^udp {6}17 23 /);
  t.end();
});

t.test('a packet that was tracked before, or is not to be tracked, is left alone', (t) => {
  const gateway = new Gateway();
  const looped = gateway.skb(udp({ from: CLIENT, to: SERVER }));
  gateway.conntrack.track('output', looped);
  const { ct } = looped;
  gateway.conntrack.track('prerouting', looped);
  t.equal(looped.ct, ct);

  const untracked = gateway.skb(udp({ from: CLIENT, to: SERVER }));
  gateway.conntrack.setUntracked(untracked);
  gateway.conntrack.track('prerouting', untracked);
  t.equal(gateway.conntrack.confirm(untracked), 'accept');
  t.equal(untracked.ctInfo, 'untracked');

  const fragment = gateway.skb(udp({ from: CLIENT, to: SERVER, flagsAndOffset: 0x2000 }));
  gateway.conntrack.track('output', fragment);
  t.equal(fragment.ctInfo, 'invalid', 'a fragment that a socket sent');
  t.equal(fragment.ct, undefined);
  t.equal(gateway.conntrack.statistics.invalid, 0, 'is not counted');
  t.end();
});

t.test('what is sent because of a packet is related to its connection', (t) => {
  const gateway = new Gateway();
  const { skb } = gateway.forward(udp({ from: CLIENT, to: SERVER }));
  const answer = gateway.skb(icmp({ from: '10.0.1.1', to: '10.0.1.2', type: 3 }));
  gateway.conntrack.attach(answer, skb);
  t.match([answer.ct === skb.ct, answer.ctInfo], [true, 'related-reply']);
  t.equal(gateway.conntrack.confirm(answer), 'accept');
  t.end();
});

t.test('a full table drops new connections, and early drop makes room only near by', (t) => {
  const gateway = new Gateway().set('netfilter.nf_conntrack_max', 4);
  const flow = (port: number): Uint8Array => udp({ from: `10.0.1.2:${port}`, to: SERVER });
  for (let port = 1; port <= 4; port++) gateway.forward(flow(port));
  const skb = gateway.skb(flow(5));
  t.equal(gateway.conntrack.track('prerouting', skb), 'drop');
  t.same(gateway.drops, [{ reason: 'netfilter-drop', note: 'nf_conntrack: table full, dropping packet' }]);
  t.match(gateway.conntrack.statistics, { drop: 1, earlyDrop: 0 });
  t.equal(gateway.forward(flow(1)).verdict, 'accept', 'known connections go on');

  gateway.advance(29);
  gateway.forward(flow(1));
  gateway.advance(1);
  t.equal(gateway.forward(flow(5)).verdict, 'accept', 'what has expired makes room');
  t.equal(gateway.conntrack.count, 2);
  t.end();
});

t.test('early drop takes unassured neighbours of the new connection', (t) => {
  const gateway = new Gateway();
  const flow = (i: number): Uint8Array => udp({ from: `10.${i >> 8}.${i & 255}.2:7`, to: SERVER });
  for (let i = 0; i < 20_000; i++) gateway.forward(flow(i));
  gateway.set('netfilter.nf_conntrack_max', 20_000);
  for (let i = 20_000; i < 20_200; i++) gateway.forward(flow(i));
  const { drop, earlyDrop } = gateway.conntrack.statistics;
  t.ok(earlyDrop > 0, 'some found a neighbour among the eight buckets');
  t.ok(drop > 0, 'and some did not');
  t.ok(gateway.conntrack.count <= 20_000);
  t.end();
});

t.test('two first packets of one flow share the entry of the faster one', (t) => {
  const gateway = new Gateway();
  const [first, second] = [1, 2].map(() => gateway.skb(udp({ from: CLIENT, to: SERVER })));
  for (const skb of [first!, second!]) gateway.conntrack.track('prerouting', skb);
  t.not(first!.ct, second!.ct);
  t.equal(gateway.conntrack.confirm(first!), 'accept');
  t.equal(gateway.conntrack.confirm(second!), 'accept');
  t.equal(second!.ct, first!.ct);
  t.match(gateway.conntrack.statistics, { clashResolve: 1, insertFailed: 0 });
  t.equal(gateway.conntrack.count, 1);
  t.end();
});

t.test('a TCP clash costs the slower packet', (t) => {
  const gateway = new Gateway();
  const [first, second] = [1, 2].map(() => gateway.skb(tcp({ from: CLIENT, to: SERVER, flags: 'S' })));
  for (const skb of [first!, second!]) gateway.conntrack.track('prerouting', skb);
  t.equal(gateway.conntrack.confirm(first!), 'accept');
  t.equal(gateway.conntrack.confirm(second!), 'drop');
  t.match(gateway.conntrack.statistics, { clashResolve: 0, insertFailed: 1, drop: 1 });
  t.match(gateway.drops, [{ reason: 'netfilter-drop', note: /same tuple/ }]);
  t.end();
});

t.test('entries are listed and deleted by filter', (t) => {
  const gateway = new Gateway();
  gateway.forward(udp({ from: '10.0.1.2:1', to: '10.0.2.2:53' }));
  gateway.forward(udp({ from: '10.0.1.3:1', to: '10.0.2.2:53' }));
  gateway.forward(udp({ from: '10.0.2.2:53', to: '10.0.1.3:1' }));
  gateway.forward(tcp({ from: '10.0.1.2:1', to: '10.0.2.2:53', flags: 'S' }));
  const { conntrack } = gateway;
  const count = (filter: Parameters<typeof conntrack.entries>[0]): number => conntrack.entries(filter).length;
  t.equal(count({ protocol: 17, destination: address('10.0.2.2') }), 2);
  t.equal(count({ source: address('10.0.1.2') }), 2);
  t.equal(count({ replyDestination: address('10.0.1.3'), replySourcePort: 53 }), 1);
  t.equal(count({ nat: 'any' }), 0);
  t.equal(conntrack.delete({ protocol: 17, destination: address('10.0.2.2') }).length, 2);
  t.equal(conntrack.count, 1);
  conntrack.flush();
  t.same(gateway.list(), []);
  t.end();
});

t.test('a deleted entry that a packet still holds is not confirmed again', (t) => {
  const gateway = new Gateway();
  const { skb } = gateway.forward(udp({ from: CLIENT, to: SERVER }));
  gateway.conntrack.flush();
  t.equal(gateway.conntrack.confirm(skb), 'accept');
  t.equal(gateway.conntrack.count, 0);
  t.equal(gateway.forward(udp({ from: CLIENT, to: SERVER })).state, 'new');
  t.end();
});

t.test('a trace shows the connection as it was at that moment', (t) => {
  const gateway = new Gateway().listen();
  gateway.forward(udp({ from: CLIENT, to: SERVER }));
  gateway.advance(3);
  gateway.forward(udp({ from: SERVER, to: CLIENT }));
  const steps = gateway.steps.filter((step) => step.kind === 'conntrack');
  t.match(steps, [
    { hook: 'prerouting', state: 'new', direction: 'original' },
    { hook: 'prerouting', state: 'established', direction: 'reply' },
  ]);
  const printed = steps.map((step) => (step.kind === 'conntrack' ? step.entry?.toString() : ''));
  t.match(printed[0], /^udp {6}17 30 .*\[UNREPLIED\]/);
  t.match(printed[1], /^udp {6}17 30 (?!.*UNREPLIED)/);
  const silent = new Gateway();
  silent.forward(udp({ from: CLIENT, to: SERVER }));
  t.same(silent.steps, [], 'nobody listens, nothing is built');
  t.end();
});

t.test('counters print as conntrack -S does', (t) => {
  const gateway = new Gateway();
  gateway.forward(tcp({ from: CLIENT, to: SERVER, flags: 'R' }));
  t.equal(
    formatStatistics(gateway.conntrack.statistics),
    'cpu=0   \tfound=0 invalid=1 insert=0 insert_failed=0 drop=0 early_drop=0 error=0 search_restart=0 clash_resolve=0 chaintoolong=0 ',
  );
  t.end();
});
