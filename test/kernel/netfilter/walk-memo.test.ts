/** Remembered walks: packets of hosts that remember meet, and tell a trace, what those of one meet that forgets each time. */

import t from 'tap';
import fc from 'fast-check';
import type { Netns } from '../../../src/kernel/index.js';
import { Recorder, type Step } from '../../../src/trace/index.js';
import { icmp, other, tcp, udp } from '../conntrack/packets.js';
import { addDevice, newNetns, skbOf } from './hosts.js';

const A = '10.0.0.1:1000';
const B = '10.1.0.2:80';

const PACKETS: readonly Uint8Array[] = [
  tcp({ from: A, to: B, flags: 'S' }),
  tcp({ from: A, to: B, flags: 'A' }),
  tcp({ from: B, to: A, flags: 'SA' }),
  udp({ from: A, to: B }),
  udp({ from: A, to: B, data: 100 }),
  udp({ from: B, to: A }),
  udp({ from: A, to: '10.1.0.2:53' }),
  udp({ from: '10.0.0.3:1000', to: '10.1.0.2:53' }),
  icmp({ from: A, to: B, type: 8, id: 7 }),
  other({ from: A, to: B }, 47),
  other({ from: A, to: B, flagsAndOffset: 100 }, 47),
  other({ from: A, to: B, flagsAndOffset: 100 }, 17),
  other({ from: A, to: B, flagsAndOffset: 1 }, 6),
  ...[1, 80, 1001, 40_000, 65_535].map((port) => udp({ from: `10.0.0.1:${port}`, to: B })),
  // Of two ports the lower one has a place of its own in the memory: what matters is the higher.
  ...[1999, 2000, 2001, 2002, 2003, 65_535].map((port) => udp({ from: A, to: `10.1.0.2:${port}` })),
  ...[1001, 32_768, 60_999].map((port) => tcp({ from: `10.0.0.1:${port}`, to: B, flags: 'S' })),
  ...[1001, 32_768, 60_999].map((port) => tcp({ from: B, to: `10.0.0.1:${port}`, flags: 'SA' })),
];
const FIRST_PORT = 13;

const SETS = 'create s hash:ip\ncreate p hash:ip,port\nadd s 10.0.0.1\nadd p 10.1.0.2,udp:53\n';

/** Chains lead only to those behind them. */
const CHAINS = ['FORWARD', 'U1', 'U2', 'U3'] as const;

/** The same for packets of one flow. */
const steady = fc.constantFrom(
  '',
  '-p tcp',
  '-p udp --dport 80',
  '-p udp -m multiport --dports 53,80',
  '-p udp -m multiport ! --ports 1:1000,1001',
  '-p tcp -m multiport --sports 80,32768:65535',
  '-p udp --sport 1000',
  '-p udp ! --sport 1000:1001',
  '-p udp --dport 2000:2001',
  '-p udp --dport 2002',
  '-p udp ! --dport 2001',
  '-p udp -m multiport --dports 2000,2002:2003',
  '-p udp -m multiport ! --dports 2001',
  '-p tcp --sport 32768:',
  '-p tcp ! --dport 1001',
  '! -p udp',
  '-f',
  '-s 10.0.0.1',
  '! -d 10.1.0.2',
  '-i eth0',
  '-i e+',
  '! -o eth1',
  '-m mark --mark 1',
  '-m mark ! --mark 0x2/0x2',
  '-m conntrack --ctstate NEW',
  '-m conntrack --ctstate ESTABLISHED,RELATED',
  '-m conntrack ! --ctstate INVALID',
);
/** Another answer each time, or when something has changed. */
const moody = fc.constantFrom(
  '-m statistic --mode nth --every 2 --packet 0',
  '-m statistic --mode nth --every 3 --packet 1',
  '-m set --match-set s src',
  '-m set ! --match-set p dst,dst',
  '-m connmark --mark 1',
  '-m recent --set --name r',
  '-m recent --rcheck --hitcount 3 --name r',
  '-m limit --limit 1/hour --limit-burst 3',
  '-p tcp --tcp-flags SYN,ACK SYN',
  '-p icmp --icmp-type 8',
  '-m addrtype --dst-type LOCAL',
);
const matches = fc.oneof({ weight: 2, arbitrary: steady }, moody);
const targets = fc.constantFrom(
  '',
  '-j ACCEPT',
  '-j DROP',
  '-j RETURN',
  '-j MARK --set-xmark 0x1/0x1',
  '-j MARK --set-xmark 0x2/0xffffffff',
  '-j CONNMARK --save-mark',
  '-j CONNMARK --restore-mark',
  '-j CONNMARK --restore-mark',
  '-j SET --add-set s src',
  '-j SET --del-set s src',
);

const rule = fc
  .record({
    chain: fc.nat(CHAINS.length - 1),
    matches: fc.array(matches, { maxLength: 2 }),
    target: targets,
    leads: fc.option(fc.record({ to: fc.nat(2), flag: fc.constantFrom('-j', '-g') }), { freq: 1 }),
  })
  .map(({ chain, matches: asked, target, leads }) => {
    const to = leads === null ? undefined : CHAINS[chain + 1 + leads.to];
    const action = leads === null || to === undefined ? target : `${leads.flag} ${to}`;
    return `-A ${CHAINS[chain]} ${asked.join(' ')} ${action}`;
  });

/** What one does with a host: a packet with a mark, or a change of what rules ask. */
const act = fc.oneof(
  {
    weight: 12,
    // Few flows, so that they come again.
    arbitrary: fc.record({
      packet: fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom(1, 3, 4, 5) },
        { weight: 2, arbitrary: fc.integer({ min: FIRST_PORT, max: PACKETS.length - 1 }) },
        fc.nat(PACKETS.length - 1),
      ),
      mark: fc.constantFrom(0, 0, 0, 1),
      dev: fc.constantFrom('eth0', 'eth0', 'eth0', 'eth1'),
    }),
  },
  fc.constantFrom('add s 10.0.0.1', 'del s 10.0.0.1', 'add s 10.0.0.3', 'flush p'),
  rule,
);
type Act = string | { readonly packet: number; readonly mark: number; readonly dev: string };

function host(rules: readonly string[]): Netns | undefined {
  const netns = newNetns();
  addDevice(netns, 'eth0');
  addDevice(netns, 'eth1');
  netns.ipsets.restore(SETS);
  const text = `*mangle\n${CHAINS.slice(1)
    .map((name) => `:${name} - [0:0]\n`)
    .join('')}${rules.join('\n')}\nCOMMIT\n`;
  const problems = netns.netfilter.iptables.restore(text);
  return problems.some(({ severity }) => severity === 'error') ? undefined : netns;
}

function perform(netns: Netns, what: Act): string {
  if (typeof what === 'string') {
    if (what.startsWith('-A')) {
      const problems = netns.netfilter.iptables.restore(`*mangle\n${what}\nCOMMIT\n`, { noflush: true });
      return problems.map(({ message }) => message).join();
    }
    netns.ipsets.restore(what);
    return '';
  }
  return pass(netns, PACKETS[what.packet] ?? new Uint8Array(), what);
}

function pass(netns: Netns, bytes: Uint8Array, { mark, dev }: { readonly mark: number; readonly dev: string }): string {
  const skb = skbOf(netns, bytes);
  skb.mark = mark;
  const inDev = netns.devices.named(dev);
  const entered = netns.netfilter.run('prerouting', skb, inDev, undefined);
  const verdict = entered === 'accept' ? netns.netfilter.run('forward', skb, inDev, netns.devices.named('eth1')) : '';
  if (verdict === 'accept') netns.netfilter.run('postrouting', skb, undefined, netns.devices.named('eth1'));
  return `${entered} ${verdict} ${skb.mark}`;
}

/** Every change of a table forgets the walks through it. */
function forget(netns: Netns): void {
  netns.netfilter.iptables.restore('*mangle\nCOMMIT\n', { noflush: true });
}

/** What a trace was told meanwhile, without what is another object in another host. */
function told(netns: Netns, during: () => string): { readonly found: string; readonly steps: readonly string[] } {
  const recorder = new Recorder(() => 0);
  netns.emulation.tracer = recorder;
  const found = during();
  netns.emulation.tracer = undefined;
  const plain = (step: Step): object => ('rule' in step ? { ...step, rule: step.rule?.toString() } : step);
  return { found, steps: recorder.steps.map(({ step }) => JSON.stringify(plain(step))) };
}

t.test('remembered walks count, mark, end and are told as others are', (t) => {
  let walks = 0;
  fc.assert(
    fc.property(
      fc.array(rule, { minLength: 1, maxLength: 20 }),
      fc.array(fc.tuple(act, fc.boolean()), { minLength: 30, maxLength: 60 }),
      (rules, acts) => {
        const [quiet, traced, other] = [host(rules), host(rules), host(rules)];
        if (quiet === undefined || traced === undefined || other === undefined) return;
        for (const [what, isTraced] of acts) {
          forget(other);
          const wanted = told(other, () => perform(other, what));
          const found = perform(quiet, what);
          const said = isTraced
            ? told(traced, () => perform(traced, what))
            : { ...wanted, found: perform(traced, what) };
          if (found !== wanted.found || said.found !== wanted.found)
            throw new Error(`${JSON.stringify(what)}: ${found}, ${said.found}, and not ${wanted.found}`);
          if (said.steps.join('\n') !== wanted.steps.join('\n'))
            throw new Error(`${JSON.stringify(what)} tells\n${said.steps.join('\n')}\nnot\n${wanted.steps.join('\n')}`);
          walks += 1;
        }
        const state = (netns: Netns): string => netns.netfilter.iptables.save({ counters: true }) + netns.ipsets.save();
        for (const netns of [quiet, traced])
          if (state(netns) !== state(other)) throw new Error(`counts ${state(netns)}, and not ${state(other)}`);
      },
    ),
    { numRuns: 300 },
  );
  t.ok(walks > 5000, `${walks} walks`);
  t.end();
});

const UDP = { packet: 3, mark: 0, dev: 'eth0' };
const GRE = { packet: 9, mark: 0, dev: 'eth0' };

/** Ways in which a walk may go on otherwise, each with what is sent. */
const TURNS: readonly { readonly name: string; readonly rules: readonly string[]; readonly acts: readonly Act[] }[] = [
  {
    name: 'within two jumps',
    rules: [
      '-A FORWARD -j U1',
      '-A FORWARD -j MARK --set-xmark 0x10/0x10',
      '-A U1 -j U2',
      '-A U1 -j MARK --set-xmark 0x20/0x20',
      '-A U2 -m statistic --mode nth --every 4 --packet 3 -j MARK --set-xmark 0x40/0x40',
      '-A U2 -m mark --mark 0x40/0x40',
    ],
    acts: Array.from({ length: 12 }, () => UDP),
  },
  {
    name: 'by a mark that a target sets',
    rules: [
      '-A FORWARD -m mark --mark 1/1 -j CONNMARK --save-mark',
      '-A FORWARD -j CONNMARK --restore-mark',
      '-A FORWARD -m mark --mark 1/1 -j DROP',
    ],
    acts: [UDP, UDP, UDP, { ...UDP, mark: 0x1_0001 }, UDP, UDP],
  },
  {
    name: 'of a later fragment',
    rules: ['-A FORWARD -f -j MARK --set-xmark 1/1'],
    acts: [GRE, GRE, GRE, { ...GRE, packet: 10 }, GRE],
  },
];

t.test('a walk that goes on otherwise is walked on', (t) => {
  for (const { name, rules, acts } of TURNS) {
    const [remembering, other] = [host(rules), host(rules)];
    if (remembering === undefined || other === undefined) throw new Error('the rules are valid');
    const forgetful = (what: Act): string => {
      forget(other);
      return perform(other, what);
    };
    t.same(
      acts.map((what) => perform(remembering, what)),
      acts.map(forgetful),
      name,
    );
    t.equal(remembering.netfilter.iptables.save({ counters: true }), other.netfilter.iptables.save({ counters: true }));
  }
  t.end();
});

const PORT_TESTS = [
  '-p udp --dport 2000:2001',
  '-p udp ! --dport 2000',
  '-p udp -m multiport --dports 1999,2001:2002',
  '-p udp -m multiport ! --ports 2001',
  '-p udp --sport 2000:2001',
  '-p udp ! --sport 2000:',
  '-p udp -m multiport --sports 1999,2001:2002',
  '-p udp --sport 2001 --dport 1000 -m set --match-set s src',
] as const;

/** The lower port stays as it is: packets of one such list share a place in the memory. */
const HIGH_PORTS = [1998, 1999, 2000, 2001, 2002, 2003, 65_535] as const;

t.test('of ports it is remembered what rules tell apart', (t) => {
  for (const asked of PORT_TESTS)
    for (const rules of [[`-A FORWARD ${asked} -j MARK --set-xmark 1`], ['-A FORWARD -j U1', `-A U1 ${asked} -j DROP`]])
      for (const to of [true, false]) {
        const [remembering, other] = [host(rules), host(rules)];
        if (remembering === undefined || other === undefined) throw new Error('the rules are valid');
        const send = (netns: Netns, port: number): string => {
          const [from, there] = [`10.0.0.1:${to ? 1000 : port}`, `10.1.0.2:${to ? port : 1000}`];
          return pass(netns, udp({ from, to: there }), { mark: 0, dev: 'eth0' });
        };
        const ports = HIGH_PORTS.flatMap((one) => HIGH_PORTS.flatMap((two) => [one, one, one, two, two, two]));
        const found = ports.map((port) => send(remembering, port));
        const wanted = ports.map((port) => {
          forget(other);
          return send(other, port);
        });
        t.same(found, wanted, `${rules.join('; ')}, ${to ? 'to' : 'from'} one port after the other`);
      }
  t.end();
});

t.test('a walk is remembered with the second packet of a flow, until rules change', (t) => {
  const netns = host(['-A FORWARD -p udp --dport 80 -j U1', '-A U1 -m set --match-set s src -j MARK --set-xmark 1/1']);
  if (netns === undefined) throw new Error('the rules are valid');
  const packet = { packet: 3, mark: 0, dev: 'eth0' };
  const marks = (): string[] => Array.from({ length: 4 }, () => perform(netns, packet));
  t.same(marks(), Array<string>(4).fill('accept accept 1'));
  netns.ipsets.restore('del s 10.0.0.1');
  t.same(marks(), Array<string>(4).fill('accept accept 0'), 'sets are asked each time');
  perform(netns, '-A U1 -j MARK --set-xmark 2/2');
  t.same(marks(), Array<string>(4).fill('accept accept 2'));
  const dev = netns.devices.named('eth0');
  if (dev === undefined) throw new Error('there is such a device');
  perform(netns, '-A U1 -i wan0 -j DROP');
  t.same(marks(), Array<string>(4).fill('accept accept 2'));
  netns.links.set(dev, { up: false });
  netns.links.set(dev, { name: 'wan0' });
  t.equal(perform(netns, { ...packet, dev: 'wan0' }), 'accept drop 2', 'a device has another name');
  t.end();
});
