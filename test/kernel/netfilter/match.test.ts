/** Matches, asked of packets: which of them a rule with that match takes. */

import t from 'tap';
import { type Device, type Netns, NS_PER_MS, NS_PER_S, type Skb } from '../../../src/kernel/index.js';
import { ipv4 } from '../../../src/packet/index.js';
import type { HookName } from '../../../src/trace/index.js';
import { icmp, other, sctp, tcp, udp } from '../conntrack/packets.js';
import { addDevice, newNetns, skbOf } from './hosts.js';

const A = '10.0.0.1:1000';
const B = '10.1.0.2:80';

/** Packets of the tables below. */
const PACKETS = {
  tcp: tcp({ from: A, to: B, flags: 'S' }),
  ack: tcp({ from: A, to: B, flags: 'A' }),
  xmas: tcp({ from: A, to: B, flags: 'FPU' }),
  mss: tcp({ from: A, to: B, flags: 'S', options: { mss: 1400 } }),
  reply: tcp({ from: B, to: A, flags: 'SA' }),
  udp: udp({ from: A, to: '10.1.0.2:53' }),
  sctp: sctp({ from: A, to: '10.1.0.2:9', tag: 0, chunks: [{ type: 1, initTag: 5 }] }),
  data: sctp({
    from: A,
    to: '10.1.0.2:9',
    tag: 5,
    chunks: [
      { type: 0, flags: 3, value: 12 },
      { type: 3, value: 12 },
    ],
  }),
  ping: icmp({ from: A, to: B, type: 8, id: 7 }),
  unreachable: icmp({ from: A, to: B, type: 3, code: 1, quoted: udp({ from: B, to: A }) }),
  gre: other({ from: A, to: B }, 47),
  /** A later fragment, and one that would overlap the header: the matches of the protocol drop it. */
  fragment: other({ from: A, to: B, flagsAndOffset: 100 }, 6),
  overlap: other({ from: A, to: B, flagsAndOffset: 1 }, 6),
} as const;
type PacketName = keyof typeof PACKETS;
const NAMES: readonly string[] = Object.keys(PACKETS);
const isName = (text: string): text is PacketName => NAMES.includes(text);

/** The rule, and the packets that it takes; all others it must not take. */
const CASES: readonly (readonly [rule: string, takes: string])[] = [
  ['', 'tcp ack xmas mss reply udp sctp data ping unreachable gre fragment overlap'],
  ['-s 10.0.0.0/16', 'tcp ack xmas mss udp sctp data ping unreachable gre fragment overlap'],
  ['! -s 10.0.0.0/16', 'reply'],
  ['-d 10.0.0.1', 'reply'],
  ['-d 10.1.0.0/255.255.0.255', ''],
  ['-d 10.0.0.2/255.0.255.255', 'tcp ack xmas mss udp sctp data ping unreachable gre fragment overlap'],
  ['-i eth0 -o eth1', 'tcp ack xmas mss reply udp sctp data ping unreachable gre fragment overlap'],
  ['-i eth1', ''],
  ['-i et+', 'tcp ack xmas mss reply udp sctp data ping unreachable gre fragment overlap'],
  ['! -i et+', ''],
  ['! -o eth0', 'tcp ack xmas mss reply udp sctp data ping unreachable gre fragment overlap'],
  ['-p udp', 'udp'],
  ['-p 47', 'gre'],
  ['! -p tcp', 'udp sctp data ping unreachable gre'],
  ['-f', 'fragment overlap'],
  ['! -f -p tcp', 'tcp ack xmas mss reply'],
  ['-m comment --comment x -p udp', 'udp'],
  ['-p tcp --dport 80', 'tcp ack xmas mss'],
  ['-p tcp ! --dport 80', 'reply'],
  ['-p tcp --sport 1:999', 'reply'],
  ['-p tcp --syn', 'tcp mss'],
  ['-p tcp ! --syn', 'ack xmas reply'],
  ['-p tcp --tcp-flags ALL FIN,PSH,URG', 'xmas'],
  ['-p tcp --tcp-flags SYN,ACK SYN,ACK', 'reply'],
  ['-p tcp --tcp-option 2', 'mss'],
  ['-p tcp ! --tcp-option 2 --dport 80', 'tcp ack xmas'],
  ['-p udp --dport 53', 'udp'],
  ['-p udp --dport 54:', ''],
  ['-p sctp --dport 9', 'sctp data'],
  ['-p sctp --chunk-types any INIT', 'sctp'],
  ['-p sctp --chunk-types all DATA,SACK', 'data'],
  ['-p sctp --chunk-types only DATA,SACK,ERROR', 'data'],
  ['-p sctp --chunk-types only DATA', ''],
  ['-p sctp --chunk-types any DATA:BE', 'data'],
  ['-p sctp --chunk-types any DATA:Be', ''],
  ['-p sctp ! --chunk-types any DATA', 'sctp'],
  ['-p icmp --icmp-type any', 'ping unreachable'],
  ['-p icmp --icmp-type echo-request', 'ping'],
  ['-p icmp --icmp-type 3', 'unreachable'],
  ['-p icmp --icmp-type 3/2', ''],
  ['-p icmp --icmp-type host-unreachable', 'unreachable'],
  ['-p icmp ! --icmp-type 8/0', 'unreachable'],
  ['-p tcp -m multiport --dports 79,80', 'tcp ack xmas mss'],
  ['-p tcp -m multiport --sports 80,1000:2000', 'tcp ack xmas mss reply'],
  ['-p tcp -m multiport ! --ports 80', ''],
  ['-p tcp -m multiport ! --sports 80', 'tcp ack xmas mss'],
];

class Gate {
  readonly netns: Netns;
  readonly in: Device;
  readonly out: Device;

  constructor() {
    this.netns = newNetns();
    this.in = addDevice(this.netns, 'eth0');
    this.out = addDevice(this.netns, 'eth1');
  }

  load(rule: string, place: { table?: string; chain?: string } = {}): void {
    const text = `*${place.table ?? 'filter'}\n-A ${place.chain ?? 'FORWARD'} ${rule} -j ACCEPT\n-P ${place.chain ?? 'FORWARD'} DROP\nCOMMIT\n`;
    const problems = this.netns.netfilter.iptables.restore(text);
    if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('\n'));
  }

  /** Whether the rule takes the packet. */
  takes(bytes: Uint8Array, hook: HookName = 'forward', more: (skb: Skb) => void = () => undefined): boolean {
    const skb = skbOf(this.netns, bytes);
    more(skb);
    const inDev = hook === 'output' || hook === 'postrouting' ? undefined : this.in;
    const outDev = hook === 'input' || hook === 'prerouting' ? undefined : this.out;
    return this.netns.netfilter.run(hook, skb, inDev, outDev) === 'accept';
  }
}

t.test('each match takes the packets that it should', (t) => {
  for (const [rule, takes] of CASES) {
    const gate = new Gate();
    gate.load(rule);
    const taken = NAMES.filter(isName).filter((name) => gate.takes(PACKETS[name]));
    t.same(taken.join(' '), takes, rule === '' ? 'no condition' : rule);
  }
  t.end();
});

t.test('marks are compared under their mask', (t) => {
  const gate = new Gate();
  const marked = (mark: number) => (skb: Skb) => {
    skb.mark = mark;
  };
  gate.load('-m mark --mark 0x10/0xf0');
  t.ok(gate.takes(PACKETS.tcp, 'forward', marked(0x1f)));
  t.notOk(gate.takes(PACKETS.tcp, 'forward', marked(0x2f)));
  gate.load('-m mark ! --mark 0x80000000/0xc0000000');
  t.ok(gate.takes(PACKETS.tcp, 'forward', marked(0)));
  t.notOk(gate.takes(PACKETS.tcp, 'forward', marked(0x8000_0001)));
  t.end();
});

t.test('conntrack states, directions and tuples', (t) => {
  const gate = new Gate();
  const { netns } = gate;
  const forward = (rule: string): boolean[] => {
    netns.conntrack.flush();
    gate.load(rule);
    // Confirmed at POSTROUTING, as on a real way.
    const pass = (bytes: Uint8Array): boolean => {
      const skb = skbOf(netns, bytes);
      if (netns.netfilter.run('prerouting', skb, gate.in, undefined) !== 'accept') return false;
      const verdict = netns.netfilter.run('forward', skb, gate.in, gate.out);
      netns.netfilter.run('postrouting', skb, undefined, gate.out);
      return verdict === 'accept';
    };
    const error = icmp({ from: '10.9.9.9', to: A, type: 3, code: 1, quoted: PACKETS.ack });
    // Opening, answer, acknowledgement, an error about it, something out of nowhere.
    return [PACKETS.tcp, PACKETS.reply, PACKETS.ack, error, tcp({ from: '10.0.0.9:5', to: B, flags: 'SR' })].map(pass);
  };
  t.same(forward('-m conntrack --ctstate NEW'), [true, false, false, false, false]);
  // A flow whose first packet was refused stays unknown: NEW must get through for the rest.
  const open = '-m conntrack --ctstate NEW -j ACCEPT\n-A FORWARD';
  t.same(forward(`${open} -m conntrack --ctstate ESTABLISHED`), [true, true, true, false, false]);
  t.same(forward(`${open} -m conntrack --ctstate RELATED`), [true, false, false, true, false]);
  t.same(forward(`${open} -m conntrack --ctstate INVALID`), [true, false, false, false, true]);
  t.same(forward(`${open} -m state --state RELATED,ESTABLISHED`), [true, true, true, true, false]);
  t.same(forward(`${open} -m conntrack ! --ctstate INVALID`), [true, true, true, true, false]);
  // An error about a packet goes against its direction.
  t.same(forward(`${open} -m conntrack --ctdir REPLY`), [true, true, false, true, false]);
  t.same(forward(`${open} -m conntrack --ctdir ORIGINAL`), [true, false, true, false, false]);
  t.same(forward(`${open} -m conntrack --ctorigdstport 80 --ctproto tcp --ctorigsrc 10.0.0.0/24`), [
    true,
    true,
    true,
    true,
    false,
  ]);
  t.same(forward(`${open} -m conntrack ! --ctreplsrc 10.1.0.2`), [true, false, false, false, false]);
  t.same(forward(`${open} -m conntrack --ctstatus SEEN_REPLY`), [true, true, true, true, false]);
  t.same(forward(`${open} -m conntrack --ctexpire 300:500000`), [true, false, true, true, false]);
  t.end();
});

t.test(
  'what a connection that is not confirmed has left, by the clock of a machine that has just been started',
  (t) => {
    // net.netfilter.nf_conntrack_tcp_timeout_syn_sent is 120 s, and the kernel's clock begins at minus 300.
    const upFor = (seconds: number, rule: string): boolean => {
      const gate = new Gate();
      gate.load(rule);
      gate.netns.emulation.upBeforeNs = seconds * NS_PER_S;
      const skb = skbOf(gate.netns, PACKETS.tcp);
      gate.netns.netfilter.run('prerouting', skb, gate.in, undefined);
      return gate.netns.netfilter.run('forward', skb, gate.in, gate.out) === 'accept';
    };
    t.ok(upFor(60, '-m conntrack --ctexpire 360'));
    t.ok(upFor(419, '-m conntrack --ctexpire 1'));
    t.ok(upFor(420, '-m conntrack --ctexpire 0'));
    t.ok(upFor(1e6, '-m conntrack --ctexpire 0'));
    t.end();
  },
);

t.test('the connection has a mark of its own', (t) => {
  const gate = new Gate();
  const { netns } = gate;
  gate.load('-m connmark --mark 0x5/0xf');
  const pass = (mark: number): boolean => {
    netns.conntrack.flush();
    const skb = skbOf(netns, PACKETS.tcp);
    netns.netfilter.run('prerouting', skb, gate.in, undefined);
    if (skb.ct !== undefined) skb.ct.mark = mark;
    return netns.netfilter.run('forward', skb, gate.in, gate.out) === 'accept';
  };
  t.same([pass(5), pass(0x15), pass(6)], [true, true, false]);
  t.notOk(gate.takes(PACKETS.tcp), 'a packet without a connection does not match');
  t.end();
});

t.test('address types are asked of the routing tables', (t) => {
  const gate = new Gate();
  const { netns } = gate;
  netns.fib.addAddress(gate.in, { address: address('10.1.0.2'), prefixLength: 24 });
  const asked: readonly (readonly [string, boolean])[] = [
    ['--dst-type LOCAL', true],
    ['--src-type LOCAL', false],
    ['! --dst-type LOCAL', false],
    ['--dst-type UNICAST,BROADCAST', false],
    ['--src-type UNICAST --dst-type LOCAL', true],
    ['--dst-type LOCAL --limit-iface-in', true],
    ['--dst-type LOCAL --limit-iface-out', false],
  ];
  for (const [options, takes] of asked) {
    gate.load(`-m addrtype ${options}`);
    t.equal(gate.takes(PACKETS.tcp), takes, options);
  }
  t.end();
});

t.test('statistic by chance takes about its share, and a chooser can pin it', (t) => {
  const gate = new Gate();
  gate.load('-m statistic --mode random --probability 0.25');
  let taken = 0;
  for (let i = 0; i < 4000; i++) if (gate.takes(PACKETS.tcp)) taken += 1;
  t.ok(taken > 900 && taken < 1100, `${taken} of 4000`);
  const asked: [number, string][] = [];
  gate.netns.netfilter.choose = (probability, rule) => {
    asked.push([probability, rule.toString()]);
    return true;
  };
  t.ok(gate.takes(PACKETS.tcp));
  t.same(asked, [[0.25, '-m statistic --mode random --probability 0.25000000000 -j ACCEPT']]);
  gate.load('-m statistic --mode random ! --probability 0.25');
  t.notOk(gate.takes(PACKETS.tcp), 'inverted');
  t.end();
});

t.test('statistic nth takes every n-th packet, from the one that it says', (t) => {
  const gate = new Gate();
  const pattern = (rule: string): string => {
    gate.load(rule);
    return Array.from({ length: 7 }, () => (gate.takes(PACKETS.tcp) ? 'x' : '.')).join('');
  };
  t.equal(pattern('-m statistic --mode nth --every 3 --packet 0'), 'x..x..x');
  t.equal(pattern('-m statistic --mode nth --every 3 --packet 2'), '..x..x.');
  t.equal(pattern('-m statistic --mode nth ! --every 3 --packet 0'), '.xx.xx.');
  t.end();
});

t.test('limit lets its burst through, and then its rate', (t) => {
  const gate = new Gate();
  const { clock } = gate.netns.emulation;
  gate.load('-m limit --limit 2/sec --limit-burst 3');
  const burst = (): number => Array.from({ length: 10 }, () => gate.takes(PACKETS.tcp)).filter(Boolean).length;
  t.equal(burst(), 3);
  clock.moveTo(clock.nowNs + NS_PER_S / 2);
  t.equal(burst(), 1);
  clock.moveTo(clock.nowNs + NS_PER_S);
  t.equal(burst(), 2);
  clock.moveTo(clock.nowNs + 100 * NS_PER_S);
  t.equal(burst(), 3);
  t.end();
});

t.test('recent remembers addresses for as long as is asked', (t) => {
  const gate = new Gate();
  const { clock } = gate.netns.emulation;
  const wait = (seconds: number): void => clock.moveTo(clock.nowNs + seconds * NS_PER_S);
  // Not first seen by FORWARD: the set is in mangle, so that both rules share a list.
  const { iptables } = gate.netns.netfilter;
  iptables.restore('*mangle\n-A FORWARD -p udp -m recent --set --name seen\nCOMMIT\n');
  gate.load('-m recent --rcheck --seconds 60 --name seen');
  t.notOk(gate.takes(PACKETS.tcp), 'never seen');
  gate.takes(PACKETS.udp);
  t.ok(gate.takes(PACKETS.tcp));
  t.notOk(gate.takes(PACKETS.reply), 'another source');
  wait(60);
  t.ok(gate.takes(PACKETS.tcp));
  wait(1);
  t.notOk(gate.takes(PACKETS.tcp), 'too long ago');

  gate.load('-p tcp -m recent --rcheck --seconds 60 --hitcount 3 --name seen');
  for (let i = 0; i < 2; i++) gate.takes(PACKETS.udp);
  t.notOk(gate.takes(PACKETS.tcp), 'not often enough');
  gate.takes(PACKETS.udp);
  t.ok(gate.takes(PACKETS.tcp));

  gate.load('-p tcp -m recent --update --seconds 60 --name seen');
  wait(50);
  t.ok(gate.takes(PACKETS.tcp));
  wait(50);
  t.ok(gate.takes(PACKETS.tcp), 'the last packet counted');
  gate.load('-p tcp -m recent ! --rcheck --name seen');
  t.notOk(gate.takes(PACKETS.tcp));
  t.ok(gate.takes(PACKETS.reply));
  gate.load('-p tcp -m recent --remove --name seen');
  t.ok(gate.takes(PACKETS.tcp));
  t.notOk(gate.takes(PACKETS.tcp));
  gate.load('-p tcp -m recent --rcheck --name seen --mask 255.255.0.0 --rdest');
  gate.takes(udp({ from: '10.1.0.0:9', to: B }));
  t.ok(gate.takes(PACKETS.tcp), 'destinations, as networks');
  t.end();
});

t.test('connlimit counts the connections of an address', (t) => {
  const gate = new Gate();
  const { netns } = gate;
  gate.load('-p tcp -m connlimit --connlimit-above 2 --connlimit-mask 24');
  const open = (from: string): boolean => {
    const skb = skbOf(netns, tcp({ from, to: B, flags: 'S' }));
    netns.netfilter.run('prerouting', skb, gate.in, undefined);
    const verdict = netns.netfilter.run('forward', skb, gate.in, gate.out);
    netns.netfilter.run('postrouting', skb, undefined, gate.out);
    return verdict === 'accept';
  };
  t.same([open('10.0.0.1:1'), open('10.0.0.2:2'), open('10.0.0.1:3')], [false, false, true]);
  t.notOk(open('10.0.1.1:1'), 'another network');
  netns.conntrack.flush();
  t.ok(open('10.0.0.1:4'), 'within one tick nobody looks whether those before are still there');
  netns.emulation.clock.moveTo(netns.emulation.clock.nowNs + 4 * NS_PER_MS);
  t.notOk(open('10.0.0.1:5'), 'those before are gone');
  t.end();
});

t.test('connlimit counts an old connection too where it is the first of an address', (t) => {
  const gate = new Gate();
  const { netns } = gate;
  gate.load('-p udp -m connlimit --connlimit-above 1 --connlimit-daddr');
  const exceeds = (bytes: Uint8Array): boolean => {
    const skb = skbOf(netns, bytes);
    netns.netfilter.run('prerouting', skb, gate.in, undefined);
    const verdict = netns.netfilter.run('forward', skb, gate.in, gate.out);
    netns.conntrack.confirm(skb);
    return verdict === 'accept';
  };
  const [asker, server] = ['10.0.0.1:1000', '10.1.0.2:53'];
  t.notOk(exceeds(udp({ from: asker, to: server })));
  t.notOk(exceeds(udp({ from: server, to: asker })), 'the answer is the first to the asker');
  t.ok(exceeds(udp({ from: '10.0.0.9:9', to: '10.0.0.1:80' })), 'and this the second');
  t.end();
});

t.test('connlimit drops what comes late to connections that are all closed, as Linux 6.18 does', (t) => {
  const gate = new Gate();
  const { netns } = gate;
  gate.load('-p tcp -m connlimit --connlimit-upto 5 --connlimit-mask 0');
  const [client, server] = ['10.0.0.1:1000', '10.1.0.2:80'];
  const pass = (bytes: Uint8Array): string => {
    const skb = skbOf(netns, bytes);
    netns.netfilter.run('prerouting', skb, gate.in, undefined);
    const verdict = netns.netfilter.run('forward', skb, gate.in, gate.out);
    netns.conntrack.confirm(skb);
    return `${verdict} ${netns.conntrack.entries().map(({ protocolState }) => protocolState.state)}`;
  };
  t.equal(pass(tcp({ from: client, to: server, flags: 'S', seq: 99 })), 'accept SYN_SENT');
  t.equal(pass(tcp({ from: server, to: client, flags: 'SA', seq: 499, ack: 100 })), 'accept SYN_RECV');
  t.equal(pass(tcp({ from: client, to: server, flags: 'A', seq: 100, ack: 500 })), 'accept ESTABLISHED');
  t.equal(pass(tcp({ from: client, to: server, flags: 'R', seq: 100 })), 'accept CLOSE', 'within one tick');
  netns.emulation.clock.moveTo(netns.emulation.clock.nowNs + 4 * NS_PER_MS);
  t.equal(pass(tcp({ from: client, to: server, flags: 'A', seq: 100, ack: 500 })), 'drop CLOSE');
  t.equal(
    pass(tcp({ from: '10.0.0.9:9', to: server, flags: 'S', seq: 1 })),
    'accept CLOSE,SYN_SENT',
    'a new one counts',
  );
  t.end();
});

t.test('nfacct counts into an object with a name', (t) => {
  const gate = new Gate();
  gate.load('-p udp -m nfacct --nfacct-name dns');
  gate.takes(PACKETS.udp);
  gate.takes(PACKETS.tcp);
  t.same(gate.netns.netfilter.nfacct.get('dns'), { packets: 1, bytes: PACKETS.udp.length });
  t.end();
});

t.test('owner is the socket that made the packet', (t) => {
  const gate = new Gate();
  const { netns } = gate;
  const socket = netns.sockets.udp({ uid: 1000, gid: 5 });
  const by = (skb: Skb): void => {
    skb.socket = socket;
  };
  const asked: readonly (readonly [string, boolean, boolean])[] = [
    ['--uid-owner 1000', true, false],
    ['--uid-owner 0-999', false, false],
    ['! --uid-owner 0-999', true, true],
    ['--gid-owner 5 --uid-owner 1000', true, false],
    ['--gid-owner 6 --uid-owner 1000', false, false],
    ['--socket-exists', true, false],
    ['! --socket-exists', false, true],
  ];
  for (const [options, withSocket, without] of asked) {
    gate.load(`-m owner ${options}`, { chain: 'OUTPUT' });
    t.equal(gate.takes(PACKETS.tcp, 'output', by), withSocket, options);
    t.equal(gate.takes(PACKETS.tcp, 'output'), without, `${options} of a packet of the kernel`);
    socket.detached = true;
    t.equal(gate.takes(PACKETS.tcp, 'output', by), without, `${options} once the kernel ends the connection alone`);
    socket.detached = false;
  }
  t.end();
});

t.test('physdev knows the ports of a bridge', (t) => {
  const gate = new Gate();
  const bridged = (skb: Skb): void => {
    skb.physIn = gate.in;
    skb.physOut = gate.out;
  };
  const asked: readonly (readonly [string, boolean, boolean])[] = [
    ['--physdev-is-bridged', true, false],
    ['! --physdev-is-bridged', false, true],
    ['--physdev-in eth0', true, false],
    ['--physdev-in eth1', false, false],
    ['--physdev-in eth+ --physdev-out eth1', true, false],
    ['! --physdev-out eth1', false, true],
    ['--physdev-is-in ! --physdev-is-out', false, false],
  ];
  for (const [options, onBridge, routed] of asked) {
    gate.load(`-m physdev ${options}`);
    t.equal(gate.takes(PACKETS.tcp, 'forward', bridged), onBridge, options);
    t.equal(gate.takes(PACKETS.tcp), routed, `${options}, routed`);
  }
  t.end();
});

t.test('rpfilter asks whether the answer would leave where the packet came in', (t) => {
  const gate = new Gate();
  const { netns } = gate;
  netns.fib.addAddress(gate.in, { address: address('10.0.0.254'), prefixLength: 24 });
  netns.fib.addAddress(gate.out, { address: address('10.1.0.254'), prefixLength: 24 });
  const asked: readonly (readonly [string, Uint8Array, boolean])[] = [
    ['', PACKETS.tcp, true],
    ['', PACKETS.reply, false],
    ['--loose', PACKETS.reply, true],
    ['--loose', tcp({ from: '192.168.1.1:1', to: B, flags: 'S' }), false],
    ['--invert', PACKETS.reply, true],
    ['', tcp({ from: '10.0.0.254:1', to: B, flags: 'S' }), false],
    ['--accept-local --loose', tcp({ from: '10.0.0.254:1', to: B, flags: 'S' }), true],
  ];
  for (const [options, bytes, takes] of asked) {
    gate.load(`-m rpfilter ${options}`, { table: 'raw', chain: 'PREROUTING' });
    t.equal(gate.takes(bytes, 'prerouting'), takes, `rpfilter ${options}`);
  }
  t.end();
});

function address(text: string) {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return ipv4((a << 24) | (b << 16) | (c << 8) | d);
}
