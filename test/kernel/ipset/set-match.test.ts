/** Packets in sets: what each type finds, and what rules make of it. */

import t from 'tap';
import fc from 'fast-check';
import { MemberIndex, Member } from '../../../src/kernel/netfilter/ipset/member.js';
import type { Netns } from '../../../src/kernel/index.js';
import { icmp, other, sctp, tcp, udp } from '../conntrack/packets.js';
import { newNetns, skbOf } from '../netfilter/hosts.js';

const PACKETS = {
  web: tcp({ from: '10.0.0.1:1000', to: '10.1.0.2:80', flags: 'S' }),
  dns: udp({ from: '10.0.0.1:1000', to: '10.1.0.2:53' }),
  far: tcp({ from: '192.168.7.9:80', to: '10.0.0.1:1000', flags: 'A' }),
  ping: icmp({ from: '10.0.0.1', to: '10.1.0.2', type: 8, id: 1 }),
  gre: other({ from: '10.0.0.1', to: '10.1.0.2' }, 47),
  sctp: sctp({ from: '10.0.0.1:5', to: '10.1.0.2:80', tag: 0, chunks: [{ type: 1, initTag: 5 }] }),
  fragment: other({ from: '10.0.0.1', to: '10.1.0.2', flagsAndOffset: 100 }, 6),
} as const;
type PacketName = keyof typeof PACKETS;
const NAMES: readonly string[] = Object.keys(PACKETS);
const isName = (text: string): text is PacketName => NAMES.includes(text);

/** Type and options, elements, the match's flags, and the packets that it takes. */
const CASES: readonly (readonly [create: string, elements: string, flags: string, takes: string])[] = [
  ['hash:ip', '10.0.0.1', 'src', 'web dns ping gre sctp fragment'],
  ['hash:ip', '10.0.0.1', 'dst', 'far'],
  ['hash:ip', '10.0.0.1', 'src,dst', 'web dns ping gre sctp fragment'],
  ['hash:ip netmask 16', '192.168.0.0', 'src', 'far'],
  ['hash:net', '10.0.0.0/8 10.1.0.0/16|nomatch 10.1.0.2', 'dst', 'web dns far ping gre sctp fragment'],
  ['hash:net', '10.0.0.0/8 10.1.0.0/16|nomatch', 'dst', 'far'],
  ['hash:net', '10.0.0.0/8 10.1.0.0/16|nomatch', 'dst --return-nomatch', 'web dns ping gre sctp fragment'],
  ['hash:ip,port', '10.1.0.2,80', 'dst,dst', 'web'],
  ['hash:ip,port', '10.1.0.2,udp:53 10.1.0.2,icmp:echo-request 10.1.0.2,gre:0', 'dst,dst', 'dns ping gre'],
  ['hash:ip,port', '10.0.0.1,tcp:80', 'src,dst', 'web'],
  ['hash:ip,port', '10.1.0.2,sctp:80', 'dst,dst', 'sctp'],
  ['hash:ip,port', '10.1.0.2,80', 'dst', ''],
  ['hash:ip,port,ip', '10.0.0.1,tcp:80,10.1.0.2', 'src,dst,dst', 'web'],
  ['hash:ip,port,net', '10.1.0.2,udp:53,10.0.0.0/24', 'dst,dst,src', 'dns'],
  ['hash:ip,port,net', '10.1.0.2,udp:53,10.0.0.0/24 10.1.0.2,udp:53,10.0.0.1|nomatch', 'dst,dst,src', ''],
  ['hash:net,port', '10.1.0.0/16,tcp:80', 'dst,dst', 'web'],
  ['hash:net,net', '10.0.0.0/24,10.1.0.0/16', 'src,dst', 'web dns ping gre sctp fragment'],
  ['hash:net,net', '192.168.0.0/16,0.0.0.0/1', 'src,dst', 'far'],
  ['hash:net,net', '10.0.0.0/8,0.0.0.0/1 10.0.0.1,10.1.0.2|nomatch', 'src,dst', ''],
  ['bitmap:port range 50-90', '53 80', 'dst', 'web dns'],
  ['bitmap:port range 50-90', '80', 'src', 'far'],
  ['bitmap:ip range 10.0.0.0/24', '10.0.0.1', 'src', 'web dns ping gre sctp fragment'],
  ['bitmap:ip range 192.168.0.0/16 netmask 24', '192.168.7.0', 'src', 'far'],
  ['hash:net family inet6', 'fd00::/8', 'src', ''],
];

/** A namespace whose FORWARD takes what is in set `s`. */
function gate(create: string, elements: string, match: string): Netns {
  const netns = newNetns();
  const adds = elements.split(' ').map((element) => `add s ${element.replace('|', ' ')}\n`);
  const problems = [
    ...netns.ipsets.restore(`create s ${create}\n${adds.join('')}`),
    ...netns.netfilter.iptables.restore(`*filter\n-P FORWARD DROP\n-A FORWARD -m set ${match} -j ACCEPT\nCOMMIT\n`),
  ];
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('\n'));
  return netns;
}

const takes = (netns: Netns, bytes: Uint8Array): boolean =>
  netns.netfilter.run('forward', skbOf(netns, bytes), undefined, undefined) === 'accept';

t.test('each type of set finds the packets that its elements mean', (t) => {
  for (const [create, elements, flags, taken] of CASES) {
    const netns = gate(create, elements, `--match-set s ${flags}`);
    const found = NAMES.filter(isName).filter((name) => takes(netns, PACKETS[name]));
    t.equal(found.join(' '), taken, `${create}: ${elements} by ${flags}`);
  }
  t.end();
});

t.test('an inverted match takes what is not in the set', (t) => {
  const netns = gate('hash:ip', '10.0.0.1', '! --match-set s src');
  t.notOk(takes(netns, PACKETS.web));
  t.ok(takes(netns, PACKETS.far));
  t.end();
});

t.test('hash:mac knows the frame that brought the packet', (t) => {
  const netns = gate('hash:mac', '02:00:00:00:00:0a', '--match-set s src');
  const frame = new Uint8Array([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 10, 8, 0, ...PACKETS.web]);
  const skb = netns.emulation.skbFrom(frame);
  skb.mac = skb.data;
  skb.pull(14);
  skb.network = skb.data;
  t.equal(netns.netfilter.run('forward', skb, undefined, undefined), 'accept');
  t.notOk(takes(netns, PACKETS.web), 'no frame');
  t.end();
});

t.test('a list asks its sets in turn', (t) => {
  const netns = newNetns();
  netns.ipsets.restore(
    'create a hash:ip\nadd a 1.1.1.1\ncreate b hash:net\nadd b 10.0.0.0/24\ncreate l list:set\nadd l a\nadd l b\n',
  );
  netns.netfilter.iptables.restore('*filter\n-P FORWARD DROP\n-A FORWARD -m set --match-set l src -j ACCEPT\nCOMMIT\n');
  t.ok(takes(netns, PACKETS.web));
  t.notOk(takes(netns, PACKETS.far));
  netns.ipsets.execute(['del', 'l', 'b']);
  t.notOk(takes(netns, PACKETS.web));
  t.end();
});

t.test('elements count the packets that match them, unless the rule says not to', (t) => {
  const members = (match: string): string => {
    const netns = gate('hash:ip counters', '10.0.0.1', `--match-set s src ${match}`);
    takes(netns, PACKETS.web);
    takes(netns, PACKETS.dns);
    return netns.ipsets.require('s').members().join();
  };
  t.equal(members(''), `10.0.0.1 packets 2 bytes ${PACKETS.web.length + PACKETS.dns.length}`);
  t.equal(members('! --update-counters'), '10.0.0.1 packets 0 bytes 0');
  const few = gate('hash:ip counters', '10.0.0.1', '--match-set s src --packets-gt 2');
  t.same([takes(few, PACKETS.web), takes(few, PACKETS.web), takes(few, PACKETS.web)], [false, false, true]);
  t.end();
});

t.test('sets in a list count what the list counts, unless the rule says not to', (t) => {
  const counted = (options: string): string => {
    const netns = newNetns();
    netns.ipsets.restore('create a hash:ip counters\nadd a 10.0.0.1\ncreate l list:set\nadd l a\n');
    netns.netfilter.iptables.restore(
      `*filter\n-P FORWARD DROP\n-A FORWARD -m set --match-set l src ${options} -j ACCEPT\nCOMMIT\n`,
    );
    t.ok(takes(netns, PACKETS.web));
    return netns.ipsets.require('a').members().join();
  };
  t.equal(counted(''), `10.0.0.1 packets 1 bytes ${PACKETS.web.length}`);
  t.equal(counted('! --update-subcounters'), '10.0.0.1 packets 0 bytes 0');
  t.equal(counted('! --update-counters'), '10.0.0.1 packets 0 bytes 0');
  t.end();
});

t.test('a set in use cannot be destroyed, and a swap changes what its rules see', (t) => {
  const netns = gate('hash:ip', '10.0.0.1', '--match-set s src');
  netns.ipsets.restore('create other hash:ip\nadd other 192.168.7.9\n');
  t.throws(() => netns.ipsets.destroy('s'), /in use by a kernel component/);
  netns.ipsets.swap('s', 'other');
  t.notOk(takes(netns, PACKETS.web));
  t.ok(takes(netns, PACKETS.far));
  netns.netfilter.iptables.restore('*filter\n-F\nCOMMIT\n', { noflush: true });
  netns.ipsets.destroy('s');
  t.equal(netns.ipsets.get('s'), undefined);
  t.end();
});

t.test('a rule keeps its set when the chain that it leads to gets another name', (t) => {
  const netns = newNetns();
  const { iptables } = netns.netfilter;
  netns.ipsets.restore('create s hash:ip\nadd s 10.0.0.1\n');
  iptables.restore('*filter\n:U - [0:0]\n-A FORWARD -m set --match-set s src -j U\n-A U -j DROP\nCOMMIT\n');
  t.notOk(takes(netns, PACKETS.web));
  iptables.restore('*filter\n-E U V\n-E V W\nCOMMIT\n', { noflush: true });
  t.match(iptables.save({ counters: true }), '[1:40] -A FORWARD -m set --match-set s src -j W');
  t.notOk(takes(netns, PACKETS.web));
  t.throws(() => netns.ipsets.destroy('s'), /in use/);
  iptables.restore('*filter\n-F\nCOMMIT\n', { noflush: true });
  netns.ipsets.destroy('s');
  t.end();
});

t.test('a refused table holds on to no set', (t) => {
  const netns = newNetns();
  netns.ipsets.restore('create s hash:ip\n');
  const text = '*filter\n-A FORWARD -m set --match-set s src -m set --match-set none src -j ACCEPT\nCOMMIT\n';
  t.same(netns.netfilter.iptables.restore(text), [
    { line: 2, table: 'filter', severity: 'error', message: "Set none doesn't exist." },
  ]);
  netns.ipsets.destroy('s');
  t.end();
});

t.test('an expired element matches no more', (t) => {
  const netns = gate('hash:ip timeout 10', '10.0.0.1', '--match-set s src');
  const { clock } = netns.emulation;
  clock.moveTo(9_000_000_000);
  t.ok(takes(netns, PACKETS.web));
  clock.moveTo(10_000_000_000);
  t.notOk(takes(netns, PACKETS.web));
  t.end();
});

t.test('the most specific network is found, as by looking at all of them', (t) => {
  const masked = (addr: number, length: number): number => (length === 0 ? 0 : addr & (-1 << (32 - length)));
  const addr = fc.integer({ min: 0, max: 63 }).map((low) => 0x0a00_0000 | low | 0);
  const network = fc
    .tuple(addr, fc.integer({ min: 26, max: 32 }))
    .map(([a, length]) => ({ addr: masked(a, length), length }));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(network, network), { maxLength: 12 }),
      fc.array(fc.nat(11)),
      addr,
      addr,
      (pairs, gone, a, b) => {
        const index = new MemberIndex();
        const members = pairs.flatMap(([first, second]) => {
          const key = {
            first: first.addr,
            firstLength: first.length,
            port: 0,
            second: second.addr,
            secondLength: second.length,
          };
          if (index.get(key) !== undefined) return [];
          const member = new Member(key);
          index.insert(member);
          return [member];
        });
        const left = new Set(members);
        for (const i of gone) {
          const member = members[i];
          if (member === undefined || !left.delete(member)) continue;
          index.remove(member);
        }
        const covering = [...left].filter(
          (m) => masked(a, m.firstLength) === m.first && masked(b, m.secondLength) === m.second,
        );
        covering.sort((x, y) => y.firstLength - x.firstLength || y.secondLength - x.secondLength);
        return index.size === left.size && index.find({ first: a, port: 0, second: b }, 0) === covering[0];
      },
    ),
    { numRuns: 500 },
  );
  t.end();
});
