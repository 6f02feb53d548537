/** How a packet goes through tables and chains: order, jumps, policies, counters, steps. */

import t from 'tap';
import fc from 'fast-check';
import type { Netns, Skb } from '../../../src/kernel/index.js';
import { basicTestsHold } from '../../../src/kernel/netfilter/rule.js';
import { RulePacket } from '../../../src/kernel/netfilter/packet.js';
import type { HookName } from '../../../src/trace/index.js';
import { other, tcp, udp } from '../conntrack/packets.js';
import { addDevice, inWords, newNetns, skbOf, traced } from './hosts.js';

const SYN = tcp({ from: '10.0.0.1:1000', to: '10.1.0.2:80', flags: 'S' });
const UDP = udp({ from: '10.0.0.1:1000', to: '10.1.0.2:53' });

function load(netns: Netns, text: string): void {
  const problems = netns.netfilter.iptables.restore(text, { noflush: true, counters: true });
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(({ line, message }) => `line ${line}: ${message}`).join('\n'));
}

/** Verdict and steps of one packet at one hook. */
function run(
  netns: Netns,
  bytes: Uint8Array,
  hook: HookName = 'forward',
): { verdict: string; steps: string[]; skb: Skb } {
  const skb = skbOf(netns, bytes);
  let verdict = '';
  const steps = traced(netns, () => {
    verdict = netns.netfilter.run(hook, skb, netns.devices.named('eth0'), netns.devices.named('eth1'));
  });
  return { verdict, steps: steps.map(inWords), skb };
}

function gate(text: string): Netns {
  const netns = newNetns();
  addDevice(netns, 'eth0');
  addDevice(netns, 'eth1');
  load(netns, text);
  return netns;
}

t.test('a jump comes back behind itself, a goto behind the jump before it', (t) => {
  const netns = gate(`*filter
:A - [0:0]
:B - [0:0]
:C - [0:0]
-A FORWARD -p udp -j ACCEPT
-A FORWARD -j A
-A FORWARD -p tcp
-A FORWARD -g C
-A FORWARD -j DROP
-A A -p udp -j DROP
-A A -g B
-A A -j DROP
-A B -j C
-A B -j RETURN
-A B -j DROP
-A C -s 10.0.0.1 -m comment --comment "counts only"
COMMIT
`);
  const { verdict, steps } = run(netns, SYN);
  t.equal(verdict, 'accept');
  t.same(steps, [
    'forward filter FORWARD:2 jump > A',
    'forward filter A:2 goto > B',
    'forward filter B:1 jump > C',
    'forward filter C:1 continue',
    'forward filter C:0 return',
    'forward filter B:2 return',
    'forward filter FORWARD:3 continue',
    'forward filter FORWARD:4 goto > C',
    'forward filter C:1 continue',
    'forward filter FORWARD:0 accept',
  ]);
  t.end();
});

t.test('RETURN in a built-in chain asks its policy, and a policy that drops says so', (t) => {
  const netns = gate('*filter\n:FORWARD DROP [0:0]\n-A FORWARD -p tcp -j RETURN\n-A FORWARD -j ACCEPT\nCOMMIT\n');
  const { verdict, steps } = run(netns, SYN);
  t.equal(verdict, 'drop');
  t.same(steps, [
    'forward filter FORWARD:1 return',
    'forward filter FORWARD:0 drop',
    'drop netfilter-drop (policy of filter FORWARD)',
  ]);
  t.equal(run(netns, UDP).verdict, 'accept');
  t.equal(netns.drops.get('netfilter-drop'), 1);
  t.end();
});

t.test('a table in which nothing matches says how many rules it tried', (t) => {
  const netns = gate('*filter\n-A FORWARD -p udp -j DROP\n-A FORWARD -d 1.1.1.1 -j DROP\nCOMMIT\n');
  t.same(run(netns, SYN).steps, ['forward filter nothing of 2']);
  t.end();
});

t.test('the drop names the rule that decided', (t) => {
  const netns = gate(
    '*filter\n-A FORWARD -p tcp -j ACCEPT\n-A FORWARD -p udp -m comment --comment "no dns" -j DROP\nCOMMIT\n',
  );
  const drops: unknown[] = [];
  netns.emulation.tracer = {
    step: (_place, _packet, step) => {
      if (step.kind === 'drop') drops.push([step.reason, step.by?.toString()]);
    },
  };
  netns.netfilter.run('forward', skbOf(netns, UDP), undefined, undefined);
  t.same(drops, [['netfilter-drop', '-p udp -m comment --comment "no dns" -j DROP']]);
  t.end();
});

t.test('rules count what matched them, policies what reached them', (t) => {
  const netns = gate(
    '*filter\n:FORWARD ACCEPT [0:0]\n:U - [0:0]\n-A FORWARD -p tcp -j U\n-A FORWARD -p udp -j DROP\n-A U -m mark --mark 9\nCOMMIT\n',
  );
  for (const bytes of [SYN, SYN, UDP]) run(netns, bytes);
  t.match(
    netns.netfilter.iptables.save({ counters: true }),
    [
      `:FORWARD ACCEPT [2:${2 * SYN.length}]`,
      ':OUTPUT ACCEPT [0:0]',
      ':U - [0:0]',
      `[2:${2 * SYN.length}] -A FORWARD -p tcp -j U`,
      `[1:${UDP.length}] -A FORWARD -p udp -j DROP`,
      '[0:0] -A U -m mark --mark 0x9',
    ].join('\n'),
  );
  t.end();
});

t.test('a policy counts only where somebody declared, set or zeroed it', (t) => {
  const netns = gate('*filter\n-A INPUT -p tcp\nCOMMIT\n');
  const forwarded = (): string => {
    run(netns, SYN);
    return /:FORWARD.*/.exec(netns.netfilter.iptables.save())?.[0] ?? '';
  };
  t.equal(forwarded(), ':FORWARD ACCEPT [0:0]');
  load(netns, '*filter\n-Z\nCOMMIT\n');
  t.equal(forwarded(), ':FORWARD ACCEPT [1:40]');
  t.equal(forwarded(), ':FORWARD ACCEPT [2:80]');
  load(netns, '*filter\n:FORWARD ACCEPT [7:7]\nCOMMIT\n');
  t.equal(forwarded(), ':FORWARD ACCEPT [8:47]');
  load(netns, '*filter\n-P FORWARD ACCEPT\nCOMMIT\n');
  t.equal(forwarded(), ':FORWARD ACCEPT [1:40]');
  t.end();
});

t.test('a namespace without rules does nothing at any hook', (t) => {
  const netns = gate('');
  for (const hook of ['prerouting', 'input', 'forward', 'output', 'postrouting'] as const) {
    t.same(run(netns, SYN, hook).steps, []);
  }
  t.notOk(netns.conntrack.active);
  t.end();
});

t.test('tables come in the order of their priorities', (t) => {
  const all = (chain: string): string => `-A ${chain} -m comment --comment x\n`;
  const netns = gate(
    `*nat\n${all('PREROUTING')}${all('INPUT')}-A OUTPUT -p tcp -j DNAT --to-destination 10.1.0.9\n${all('POSTROUTING')}COMMIT\n` +
      `*mangle\n${all('PREROUTING')}${all('INPUT')}${all('FORWARD')}${all('OUTPUT')}${all('POSTROUTING')}COMMIT\n` +
      `*raw\n${all('PREROUTING')}${all('OUTPUT')}COMMIT\n*filter\n${all('INPUT')}${all('FORWARD')}${all('OUTPUT')}COMMIT\n` +
      `*security\n${all('INPUT')}${all('FORWARD')}${all('OUTPUT')}COMMIT\n`,
  );
  const order = (hook: HookName, skb: Skb): string[] => {
    const steps = traced(netns, () => netns.netfilter.run(hook, skb, undefined, netns.devices.named('eth1')));
    return steps.flatMap((step) => {
      if (step.kind === 'rule' && step.position === 0) return [];
      return step.kind === 'rule' ? [step.table] : [step.kind];
    });
  };
  const skb = skbOf(netns, UDP);
  t.same(order('prerouting', skb), ['raw', 'conntrack', 'mangle', 'nat']);
  t.same(order('forward', skb), ['mangle', 'filter', 'security']);
  t.same(order('postrouting', skb), ['mangle', 'nat']);
  t.same(order('input', skbOf(netns, UDP)), ['mangle', 'filter', 'security'], 'nat rules see tracked packets only');
  t.same(order('output', skbOf(netns, udp({ from: '10.0.0.1:7', to: '10.1.0.2:7' }))), [
    'raw',
    'conntrack',
    'mangle',
    'table',
    'filter',
    'security',
  ]);
  t.end();
});

t.test('connections are tracked as long as a rule, or somebody else, asks for it', (t) => {
  const netns = gate('*filter\n-A FORWARD -p tcp -j ACCEPT\nCOMMIT\n');
  const seen = (): boolean => run(netns, SYN, 'prerouting').skb.ctSeen;
  t.notOk(seen());
  load(netns, '*filter\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n');
  t.ok(seen());
  load(netns, '*filter\n-D FORWARD -m conntrack --ctstate NEW\nCOMMIT\n');
  t.notOk(seen());
  const stop = netns.netfilter.trackConnections();
  t.ok(seen());
  stop();
  stop();
  t.notOk(seen());
  t.end();
});

t.test('a rule that is not modelled makes the fate unknown, but only of packets that it could take', (t) => {
  const netns = gate(`*filter
:U - [0:0]
-A FORWARD -m hashlimit --hashlimit-name x -m comment --comment "counts only"
-A FORWARD -m hashlimit --hashlimit-name x -j LOG
-A FORWARD -j CHECKSUM --checksum-fill
-A FORWARD -p udp -m hashlimit --hashlimit-name x -j DROP
-A FORWARD -m hashlimit --hashlimit-name x -m mark --mark 0x1 -j DROP
-A FORWARD -p icmp -j U
-A FORWARD -d 10.1.0.2 -p tcp -j TPROXY --on-port 8080
-A U -j SYNPROXY
COMMIT
`);
  const unknown = run(netns, UDP);
  t.equal(unknown.verdict, 'drop');
  t.ok(unknown.skb.unknown);
  t.same(unknown.steps, [
    'forward filter FORWARD:3 continue',
    'forward filter FORWARD:4 unknown',
    'drop unknown-rule (not modelled: -p udp -m hashlimit --hashlimit-name x -j DROP)',
  ]);
  t.same(run(netns, SYN).steps.slice(1), [
    'forward filter FORWARD:7 unknown',
    'drop unknown-rule (not modelled: -d 10.1.0.2/32 -p tcp -j TPROXY --on-port 8080)',
  ]);
  const gre = run(netns, other({ from: '10.0.0.1', to: '10.1.0.2' }, 47));
  t.equal(gre.verdict, 'accept');
  t.notOk(gre.skb.unknown);
  t.equal(netns.drops.get('unknown-rule'), 2);
  t.end();
});

t.test('a set of a type that is not modelled makes its rules unknown', (t) => {
  const netns = newNetns();
  netns.ipsets.restore('create f hash:net,iface\ncreate g hash:ip\n');
  load(
    netns,
    '*filter\n-A FORWARD -m set --match-set g src -j ACCEPT\n-A FORWARD -m set --match-set f src,src -j ACCEPT\nCOMMIT\n',
  );
  t.equal(run(netns, UDP).steps[0], 'forward filter FORWARD:2 unknown');
  t.end();
});

const HOTDROP = 'drop netfilter-drop (a match had it dropped at once)';

t.test('what is too short for its headers is dropped by the match that finds out', (t) => {
  const netns = gate(
    '*filter\n-A FORWARD -p udp -m multiport --dports 1 -j ACCEPT\n-A FORWARD -p tcp -m tcp --tcp-option 2 -j ACCEPT\nCOMMIT\n',
  );
  const short = other({ from: '10.0.0.1', to: '10.1.0.2' }, 6, 10);
  t.same(run(netns, short).steps, ['forward filter FORWARD:2 drop', HOTDROP]);
  const overlap = other({ from: '10.0.0.1', to: '10.1.0.2', flagsAndOffset: 1 }, 6, 10);
  t.equal(run(netns, overlap).verdict, 'drop');
  t.equal(run(netns, other({ from: '10.0.0.1', to: '10.1.0.2', flagsAndOffset: 2 }, 6, 10)).verdict, 'accept');
  t.end();
});

t.test('multiport asks for the ports alone (multiport_mt() reads four octets)', (t) => {
  const ends = { from: '10.0.0.1', to: '10.1.0.2' };
  const steps = (ports: string, octets: number): readonly string[] =>
    run(gate(`*filter\n-A FORWARD -p tcp -m multiport --sports ${ports} -j ACCEPT\nCOMMIT\n`), other(ends, 6, octets))
      .steps;
  t.same(steps('0', 3), ['forward filter FORWARD:1 drop', HOTDROP]);
  t.match(steps('0', 4), [/FORWARD:1 accept/]);
  t.notMatch(steps('5', 19).join(), /dropped at once/);
  t.end();
});

t.test('ports and flags are translated by iptables-nft: what is not there does not match', (t) => {
  const rules = (rule: string): Netns => gate(`*filter\n-A FORWARD ${rule} -j DROP\nCOMMIT\n`);
  const ends = { from: '10.0.0.1', to: '10.1.0.2' };
  // Ports of 0x0000 and 0x0000: the payload of `other` is zero.
  const verdict = (rule: string, protocol: number, octets: number, flagsAndOffset = 0): string =>
    run(rules(rule), other({ ...ends, flagsAndOffset }, protocol, octets)).verdict;
  t.equal(verdict('-p udp --dport 0', 17, 3), 'accept');
  t.equal(verdict('-p udp --dport 0', 17, 4), 'drop');
  t.equal(verdict('-p udp ! --dport 5', 17, 3), 'accept');
  t.equal(verdict('-p udp --sport 0', 17, 1), 'accept');
  t.equal(verdict('-p udp --sport 0', 17, 2), 'drop');
  t.equal(verdict('-p tcp --dport 0', 6, 10), 'drop');
  t.equal(verdict('-p tcp --dport 0', 6, 10, 1), 'accept');
  t.equal(verdict('-p tcp --tcp-flags SYN NONE', 6, 13), 'accept');
  t.equal(verdict('-p tcp --tcp-flags SYN NONE', 6, 14), 'drop');
  t.end();
});

interface Sent {
  readonly from: string;
  readonly to: string;
  readonly sport: number;
  readonly dport: number;
  readonly kind: number;
}

const quad = (...hosts: number[]): fc.Arbitrary<string> => fc.constantFrom(...hosts).map((host) => `10.0.0.${host}`);

t.test('the columns of a chain find the rule that asking every rule in turn finds', (t) => {
  const flag = (name: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc.oneof(
      { weight: 3, arbitrary: fc.constant('') },
      value.map((text) => `${name} ${text} `),
      value.map((text) => `! ${name} ${text} `),
    );
  const prefix = fc
    .tuple(quad(1, 2, 3), fc.constantFrom('', '/30', '/31', '/255.0.255.255'))
    .map((parts) => parts.join(''));
  const port = fc.constantFrom('80', '80:81', ':80', '81:', '0:65535').filter((text) => text !== '0:65535');
  const match = fc.oneof(
    fc.constant(''),
    fc
      .tuple(
        fc.constantFrom('tcp', 'udp'),
        flag('--dport', port),
        flag('--sport', port),
        fc.constantFrom('', '-m mark --mark 1 '),
      )
      .map(([protocol, dport, sport, mark]) => `-p ${protocol} ${mark}-m ${protocol} ${dport}${sport}`),
    fc.constantFrom('-p 47 ', '! -p tcp ', '-f '),
  );
  const device = fc.constantFrom('eth0', 'eth1', 'e+', 'eth0+', 'f+', '+');
  const noted = fc.constantFrom(
    '',
    '-m mark --mark 1 ',
    '-m mark ! --mark 1 ',
    '-m mark --mark 0x80000000/0x80000001 ',
    '-m comment --comment x -m conntrack --ctstate NEW,INVALID ',
    '-m conntrack ! --ctstate UNTRACKED -m mark --mark 1/1 ',
    '-m conntrack --ctstate ESTABLISHED ',
    '-m addrtype --dst-type LOCAL -m mark --mark 1 ',
  );
  const rule = fc.tuple(flag('-s', prefix), flag('-d', prefix), flag('-i', device), flag('-o', device), match, noted);
  const packet = fc
    .record({
      from: quad(1, 2, 3),
      to: quad(1, 2, 3),
      sport: fc.constantFrom(80, 81, 90),
      dport: fc.constantFrom(80, 81, 90),
      kind: fc.nat(4),
      mark: fc.constantFrom(0, 1, 0x8000_0000),
      untracked: fc.boolean(),
    })
    .map(({ from, to, sport, dport, kind, ...notes }) => ({
      bytes: bytesOf({ from, to, sport, dport, kind }),
      ...notes,
    }));
  function bytesOf({ from, to, sport, dport, kind }: Sent): Uint8Array {
    const ends = { from: `${from}:${sport}`, to: `${to}:${dport}` };
    if (kind === 0) return tcp({ ...ends, flags: 'S' });
    if (kind === 1) return udp(ends);
    if (kind === 2) return other(ends, 47);
    return kind === 3 ? other({ ...ends, flagsAndOffset: 3 }, 6) : other(ends, 6, 12);
  }
  fc.assert(
    fc.property(fc.array(rule, { minLength: 1, maxLength: 12 }), packet, (rules, { bytes, mark, untracked }) => {
      const netns = newNetns();
      const eth0 = addDevice(netns, 'eth0');
      load(netns, `*filter\n${rules.map((parts) => `-A FORWARD ${parts.join('')}-j ACCEPT\n`).join('')}COMMIT\n`);
      const chain = netns.netfilter.iptables.table('filter')?.chains.get('FORWARD');
      const eth1 = addDevice(netns, 'eth1');
      const skb = skbOf(netns, bytes);
      skb.mark = mark;
      skb.ctSeen = untracked;
      const packetView = new RulePacket(netns, skb);
      packetView.load(skb, 'forward', eth0, eth1);
      const linear =
        chain?.rules.findIndex(
          (each) => (basicTestsHold(each.tests, packetView) && each.matchesHold(packetView)) || packetView.hotdrop,
        ) ?? -1;
      netns.netfilter.run('forward', skb, eth0, eth1);
      const counted = chain?.rules.findIndex(({ packets }) => packets > 0);
      return packetView.hotdrop ? counted === -1 : counted === linear;
    }),
    { numRuns: 500 },
  );
  t.end();
});
