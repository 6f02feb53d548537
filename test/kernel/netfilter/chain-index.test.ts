/** A long chain found by its index gives the rule that a walk from row to row gives, at the same position, every time. */

import fc from 'fast-check';
import t from 'tap';
import { Emulation, Host, type Netns, type Skb } from '../../../src/kernel/index.js';
import { ChainIndex } from '../../../src/kernel/netfilter/chain-index.js';
import { RulePacket } from '../../../src/kernel/netfilter/packet.js';
import { RuleRows } from '../../../src/kernel/netfilter/rule-rows.js';
import { encodeIpv4, encodeTcp, encodeUdp, ETHERTYPE, ipv4, TCP_SYN } from '../../../src/packet/index.js';
import type { Place, Step, Tracer } from '../../../src/trace/index.js';

interface Packet {
  readonly source: number;
  readonly destination: number;
  readonly protocol: 1 | 6 | 17;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Cut to so many octets of the transport header. */
  readonly cut: number;
  readonly fragment: number;
}

const few = (...values: readonly number[]) => fc.constantFrom(...values);
const HOSTS = [0x0a600001, 0x0a600002, 0x0a600003, 0x7f000001, 0xc0a80001 | 0];
const text = (value: number): string => `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;

const packets: fc.Arbitrary<Packet> = fc.record({
  source: few(...HOSTS),
  destination: few(...HOSTS),
  protocol: fc.constantFrom(1 as const, 6 as const, 17 as const),
  sourcePort: few(80, 443, 40_000),
  destinationPort: few(0, 53, 80, 443, 30_080),
  cut: few(20, 20, 20, 6),
  fragment: few(0, 0, 0, 1, 185),
});

/** Words of a rule: exact ones as kube-proxy writes them, and all sorts of others between. */
const rules: fc.Arbitrary<string> = fc
  .record({
    source: fc.option(fc.constantFrom('-s 10.96.0.1', '! -s 10.96.0.2', '-s 10.96.0.0/12'), { nil: '' }),
    destination: fc.option(
      fc.constantFrom(
        ...HOSTS.map((host) => `-d ${text(host)}`),
        '-d 10.96.0.0/12',
        '-d 127.0.0.0/8',
        '! -d 10.96.0.3',
      ),
      { nil: '' },
    ),
    ports: fc.option(
      fc.constantFrom(
        '-p tcp -m tcp --dport 80',
        '-p tcp -m tcp --dport 443',
        '-p tcp -m tcp --dport 30080',
        '-p tcp -m tcp --dport 80:443',
        '-p tcp -m tcp ! --dport 80',
        '-p tcp -m tcp --sport 80 --dport 80',
        '-p udp -m udp --dport 53',
        '-p udp -m udp --dport 0',
        '-p udp',
        '-p icmp',
        '! -p tcp',
      ),
      { nil: '' },
    ),
    more: fc.constantFrom(
      '',
      '',
      '-m mark --mark 0x1',
      '-m comment --comment "x y"',
      '-i eth9',
      '-f',
      '-m statistic --mode nth --every 2 --packet 0',
    ),
    target: fc.constantFrom('-j MARK --or-mark 0x1', '-j MARK --xor-mark 0x1', '', '-j RETURN', '-j ACCEPT'),
  })
  .map(({ source, destination, ports, more, target }) =>
    [source, destination, ports, more, target].filter((words) => words !== '').join(' '),
  );

function skbOf(netns: Netns, packet: Packet): Skb {
  const skb = netns.emulation.allocSkb(40);
  const { view, data } = skb;
  const { source, destination, protocol, sourcePort, destinationPort, cut, fragment } = packet;
  const payloadLength = protocol === 17 ? Math.min(cut, 8) : cut;
  encodeIpv4(view, data, {
    source: ipv4(source),
    destination: ipv4(destination),
    protocol,
    payloadLength,
    flagsAndOffset: fragment,
  });
  if (protocol === 6)
    encodeTcp(view, data + 20, { sourcePort, destinationPort, sequence: 1, flags: TCP_SYN, window: 1 });
  else encodeUdp(view, data + 20, { sourcePort, destinationPort, payloadLength: 0 });
  skb.tail = data + 20 + payloadLength;
  skb.network = data;
  skb.protocol = ETHERTYPE.ipv4;
  return skb;
}

const nodeWith = (lines: readonly string[]): Netns => {
  const { netns } = new Host(new Emulation(), 'node');
  const body = lines.map((line) => `-A C ${line}\n`).join('');
  const problems = netns.netfilter.iptables.restore(`*filter\n:C - [0:0]\n-A FORWARD -j C\n${body}COMMIT\n`);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return netns;
};

t.test('the index and the rows name the same candidates from every position on', (t) => {
  fc.assert(
    fc.property(
      fc.array(rules, { minLength: 1, maxLength: 60 }),
      fc.array(packets, { minLength: 1, maxLength: 8 }),
      (lines, sent) => {
        const netns = nodeWith(lines);
        const chain = netns.netfilter.iptables.table('filter')?.chains.get('C');
        const rows = new RuleRows(chain?.rules ?? []);
        const index = new ChainIndex(rows);
        for (const one of sent) {
          const skb = skbOf(netns, one);
          const packet = new RulePacket(netns, skb);
          packet.load(skb, 'forward', undefined, undefined);
          if (packet.odd) continue;
          for (let from = 0; from <= rows.length; from++) {
            const [indexed, walked] = [index.firstFrom(from, packet), rows.firstFrom(from, packet)];
            if (indexed !== walked)
              t.fail(`from ${from}: ${indexed} by the index, ${walked} by rows; ${lines.join(' | ')}`);
          }
        }
      },
    ),
  );
  t.end();
});

class Steps implements Tracer {
  readonly seen: string[] = [];
  step(_place: Place, _skb: unknown, step: Step): void {
    if (step.kind === 'rule') this.seen.push(`${step.chain} #${step.position} ${step.outcome}`);
    if (step.kind === 'table') this.seen.push(`none of ${step.rulesTried}`);
    if (step.kind === 'drop') this.seen.push(step.reason);
  }
}

/** Every step of a packet through the chain, and the counters after it. */
function walked(lines: readonly string[], sent: readonly Packet[]): { steps: string[]; counters: number[] } {
  const netns = nodeWith(lines);
  const steps = new Steps();
  netns.emulation.tracer = steps;
  for (const one of sent) netns.netfilter.run('forward', skbOf(netns, one), undefined, undefined);
  const counters =
    netns.netfilter.iptables
      .table('filter')
      ?.chains.get('C')
      ?.rules.map(({ packets: count }) => count) ?? [];
  return { steps: steps.seen, counters };
}

/** Rules that no packet here matches: they make a chain long enough for an index and change nothing else. */
const PADDING = Array.from({ length: 64 }, (_, i) => `-d 172.16.${i}.1 -p tcp -m tcp --dport 80 -j DROP`);

t.test('a chain that is long enough for an index takes the steps of the short one, further down', (t) => {
  fc.assert(
    fc.property(
      fc.array(rules, { minLength: 1, maxLength: 20 }),
      fc.array(packets, { minLength: 1, maxLength: 8 }),
      (lines, sent) => {
        const short = walked(lines, sent);
        const long = walked([...PADDING, ...lines], sent);
        const shifted = short.steps.map((step) =>
          step
            .replace(/^C #([1-9]\d*)/, (_, position: string) => `C #${Number(position) + PADDING.length}`)
            .replace(/^none of (\d+)/, (_, tried: string) => `none of ${Number(tried) + PADDING.length}`),
        );
        if (shifted.join() !== long.steps.join()) t.same(long.steps, shifted, lines.join(' | '));
        const own = long.counters.slice(PADDING.length);
        if (short.counters.join() !== own.join()) t.same(own, short.counters, 'counters');
      },
    ),
  );
  t.end();
});
