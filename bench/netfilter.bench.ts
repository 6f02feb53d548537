/**
 * Walks through rules, untraced: packets a second past one hook, and simple rules evaluated a second. Restoring
 * and printing the rules beside it. CPU time of this process, medians of rounds.
 */

import { Emulation, Host, type Netns, type Skb } from '../src/kernel/index.js';
import { encodeIpv4, encodeTcp, ETHERTYPE, ipv4, TCP_SYN } from '../src/packet/index.js';

const ROUNDS = 7;

function cpuSeconds(run: () => void): number {
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const start = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(start);
    times.push((user + system) / 1e6);
  }
  return times.toSorted((a, b) => a - b)[ROUNDS >> 1] ?? 0;
}

const rate = (count: number, seconds: number): string => {
  const each = count / seconds;
  return each >= 1e6 ? `${(each / 1e6).toFixed(1)} M/s` : `${(each / 1e3).toFixed(0)} k/s`;
};

function packet(netns: Netns, destination: number): Skb {
  const skb = netns.emulation.allocSkb(40);
  const { view, data } = skb;
  encodeIpv4(view, data, { source: ipv4(0x0a00_0001), destination: ipv4(destination), protocol: 6, payloadLength: 20 });
  encodeTcp(view, data + 20, { sourcePort: 40_000, destinationPort: 80, sequence: 1, flags: TCP_SYN, window: 65_535 });
  skb.tail = data + 40;
  skb.network = data;
  skb.protocol = ETHERTYPE.ipv4;
  return skb;
}

const address = (i: number): string => `10.96.${(i >> 8) & 255}.${i & 255}`;

/** Kinds of rules, none of which the packet matches. */
const KINDS: Readonly<Record<string, (i: number) => string>> = {
  '-d IP -p tcp --dport': (i) => `-d ${address(i)}/32 -p tcp -m tcp --dport 80 -j ACCEPT`,
  '-m comment -m mark': (i) => `-m comment --comment "rule ${i}" -m mark --mark 0x${(i + 1).toString(16)} -j DROP`,
  '-i DEV -m set src': (i) => `-i cali${i} -m set --match-set s src -j DROP`,
  '-m set src': () => '-m set --match-set s src -j DROP',
};

function walks(name: string, rules: readonly string[]): void {
  const netns = new Host(new Emulation(), 'node').netns;
  netns.ipsets.restore('create s hash:net\nadd s 172.16.0.0/12\nadd s 192.168.0.0/16\nadd s 1.1.1.1\n');
  const { netfilter } = netns;
  if (rules.length > 0)
    netfilter.iptables.restore(`*filter\n${rules.map((rule) => `-A FORWARD ${rule}\n`).join('')}COMMIT\n`);
  const skb = packet(netns, 0x0b00_0001);
  const count = rules.length === 0 ? 20_000_000 : Math.max(20_000, Math.floor(10_000_000 / (rules.length + 20)));
  const seconds = cpuSeconds(() => {
    for (let i = 0; i < count; i++) netfilter.run('forward', skb, undefined, undefined);
  });
  const each = rules.length === 0 ? '' : `   ${rate(count * rules.length, seconds).padStart(12)} rules`;
  console.log(`${name.padEnd(44)} ${rate(count, seconds).padStart(12)} walks${each}`);
}

walks('no rules', []);
for (const size of [100, 1_000]) {
  for (const [name, rule] of Object.entries(KINDS)) {
    walks(
      `${size} rules, ${name}`,
      Array.from({ length: size }, (_, i) => rule(i)),
    );
  }
}

/** What a jump, a mark and a comment cost: a chain of jumps that all match. */
const jumps = [
  ':A - [0:0]',
  ...Array.from({ length: 100 }, () => '-A FORWARD -m comment --comment x -j A'),
  '-A A -j MARK --or-mark 1',
];
const netns = new Host(new Emulation(), 'node').netns;
netns.netfilter.iptables.restore(`*filter\n${jumps.join('\n')}\nCOMMIT\n`);
const skb = packet(netns, 0x0b00_0001);
const seconds = cpuSeconds(() => {
  for (let i = 0; i < 20_000; i++) netns.netfilter.run('forward', skb, undefined, undefined);
});
console.log(
  `${'100 matching jumps to a MARK'.padEnd(44)} ${rate(20_000, seconds).padStart(12)} walks   ${rate(4_000_000, seconds).padStart(12)} rules`,
);

for (const size of [1_000, 30_000]) {
  const text = `*nat\n${Array.from({ length: size }, (_, i) => `-A PREROUTING ${KINDS['-d IP -p tcp --dport']?.(i) ?? ''}\n`).join('')}COMMIT\n`;
  const { iptables } = new Host(new Emulation(), 'node').netns.netfilter;
  const restore = cpuSeconds(() => iptables.restore(text));
  const save = cpuSeconds(() => iptables.save());
  console.log(
    `${`${size} rules`.padEnd(44)} restore ${(restore * 1e3).toFixed(1)} ms   save ${(save * 1e3).toFixed(1)} ms`,
  );
}
