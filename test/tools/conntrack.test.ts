/**
 * `conntrack` beside the real one: what traffic has left in a namespace of the emulation is made again in a real one, out
 * of what `-o save` prints, and both are asked the same.
 */

import t from 'tap';
import { Cluster } from '../../src/cluster/index.js';
import { Emulation, Host, type Netns, runIpCommand } from '../../src/kernel/index.js';
import { INADDR_ANY } from '../../src/packet/index.js';
import { conntrack } from '../../src/tools/conntrack/conntrack.js';
import type { Tool, ToolResult } from '../../src/tools/index.js';
import { nc } from '../../src/tools/nc.js';
import { ping } from '../../src/tools/ping/ping.js';
import { RealNetns } from './real-netns.js';

const RULES = `*nat
-A OUTPUT -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:8080
-A POSTROUTING -d 10.0.0.2/32 -p tcp -m tcp --dport 8080 -j SNAT --to-source 10.0.0.3
COMMIT
*filter
-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
COMMIT
`;

/** What is sent, in order. */
const TRAFFIC: readonly (readonly [Tool, string])[] = [
  [ping, '-c1 10.0.0.1'],
  [ping, '-c1 -W1 10.9.0.1'],
  [nc, '-z 10.96.0.1 80'],
  [nc, '-zuv -w1 10.9.0.1 53'],
];

function machine(): Netns {
  const { netns } = new Host(new Emulation({ seed: 7 }), 'machine');
  const commands = ['link set lo up', 'link add d0 type dummy', 'link set d0 up'];
  const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => `addr add ${address}/24 dev d0`);
  for (const command of [...commands, ...addresses, 'route add default dev d0'])
    t.equal(runIpCommand(netns, command, []), undefined, command);
  t.same(netns.netfilter.iptables.restore(RULES, { counters: true }), []);
  netns.sysctl.set('net.netfilter.nf_conntrack_acct', '0');
  netns.sockets.listen({ protocol: 'tcp', address: INADDR_ANY, port: 8080, onConnection: (one) => one.close() });
  for (const [tool, args] of TRAFFIC) tool({ cluster: new Cluster([]), netns, pod: undefined }, args.split(' '));
  return netns;
}

const ours = (netns: Netns, args: string): ToolResult =>
  conntrack(
    { cluster: new Cluster([]), netns, pod: undefined },
    args.split(' ').filter((word) => word !== ''),
  );

const namespace = new RealNetns(t, 'conntrack');
const real = (args: string): ToolResult => namespace.run(`conntrack ${args}`);
const skip = namespace.isNot('conntrack -V', 'v1.4.7');

/** The seconds that pass, the numbers of entries, and the order of a hash. */
function alike({ exitCode, stdout, stderr }: ToolResult): ToolResult {
  const text = stdout
    .replaceAll(/^((?:ipv4 {5}2 )?\w+ +\d+ )\d+/gm, '$1N')
    .replaceAll(/-t \d+/g, '-t N')
    .replaceAll(/(<timeout>|<id>|\bid=(?=\d+$))\d+/gm, '$1N');
  return { exitCode, stdout: text.split('\n').sort().join('\n'), stderr };
}

const LISTINGS = [
  '-L',
  '-L -p tcp',
  '-L -p TCP',
  '-L -pTcp',
  '-Lpicmp',
  '-picmp -L',
  '-L -p icmp --icmp-type 8',
  '-L -p icmp --icmp-type 8 --icmp-code 0',
  '-L -p icmp --icmp-type 0',
  '-L -p icmp --icmp-type 264',
  '-L -p icmp --icmp-type foo',
  '-L -p icmp --icmp-type echo-request',
  '-L -p icmp --dport 80',
  '-L --icmp-type 8',
  '-L --state ESTABLISHED',
  '-L -p tcp --state established',
  '-L -p tcp --state CLOSE',
  '-L -p tcp --state TIME_WAIT',
  '-L -p udp --state ESTABLISHED',
  '-L -p udp -p tcp --state CLOSE',
  '-L --dport 80',
  '-L --dport 80 -p tcp',
  '-L -p tcp --dport http',
  '-L -p tcp --dport 80',
  '-L -p tcp --dport 81x',
  '-L -p tcp --dport 65616',
  '-L -p tcp --orig-port-dst 80',
  '-L -p tcp --reply-port-src 8080',
  '-L -p tcp --reply-port 5',
  '-L -p tcp --dpo 80',
  '-L --proto tcp',
  '-L --protonum=tcp',
  '-L -p 17',
  '-L -p 256',
  '-L -p foo',
  '-L -p all',
  '-L -p sctp',
  '-L -p tcp --mask-port-src 5',
  '-L -p sctp --orig-vtag 5',
  '-L -p',
  '-L -s',
  '-L -s foo',
  '-L -s 10.0.0.0/8',
  '-L -s 10.0.0.1/24',
  '-L -s 10.0.0.0/40',
  '-L -s 10.0.0.0/255.0.0.0',
  '-L -s 10.3.3.3 --mask-src 255.0.0.0',
  '-L --mask-src 255.0.0.0',
  '-L --orig-src=10.0.0.1',
  '-L --orig-s 10.0.0.1',
  '-L --orig 10.0.0.1',
  '-L --src 10.0.0.1 --dst 10.9.0.1',
  '-L -s 10.0.0.1 -s 1.1.1.1',
  '-L -s ::1',
  '-L -f ipv4 -s ::1',
  '-L -r 10.0.0.2',
  '-L -r 10.0.0.0/24',
  '-L -q 10.0.0.3',
  '-L -m 0',
  '-L -m 5/0xff',
  '-L -m foo',
  '-L -u ASSURED',
  '-L -u assured',
  '-L -u ASS',
  '-L -u SEEN_REPLY,ASSURED',
  '-L -u UNREPLIED',
  '-L -u UNREPLIED,SEEN_REPLY',
  '-L -u UNREPLIED,ASSURED',
  '-L -u FOO',
  '-L -u CONFIRMED',
  '-L -u SEEN_REPLY,FOO',
  '-L -u UNSET',
  '-L -u SRC_NAT',
  '-L -u DST_NAT,SEEN_REPLY',
  '-L -u ,',
  '-L -n',
  '-L -g',
  '-L -j',
  '-L -n -p tcp',
  '-L -n 10.0.0.3',
  '-L -n 10.0.0.2',
  '-L -n foo',
  '-L -g 10.0.0.2',
  '-L -g 10.0.0.2:8080',
  '-L -g 10.0.0.2:80',
  '-L -j 10.0.0.2',
  '-L -j 10.0.0.3',
  '-L -f ipv6',
  '-L -f foo',
  '-L -o extended',
  '-L -o ext',
  '-L -o id,extended',
  '-L -o xml',
  '-L -o xml -p udp',
  '-L -o xml -p sctp',
  '-L -o save',
  '-L -o xml,save',
  '-L -o labels',
  '-L -o ktimestamp',
  '-L -o extended,foo',
  '-L -w 1',
  '-L --zone 0',
  '-L -l foo',
  '-L -t 5',
  '-L -b 5',
  '-L -i 5',
  '-L -z -p udp',
  '-L -z -o id',
  '-L conntrack',
  '-L c',
  '-L expect',
  '-L expect -p tcp',
  '-L dying',
  '-L unconfirmed -p tcp',
  '-L expectx',
  '-L -p tcp baz',
  '-L -- foo',
  '-L -G',
  '-L -L',
  '-h -L',
  '-X',
  '--foo',
  '--list',
  '--d',
  '--zero=1',
  '-V',
  '-h',
  'foo',
  '-p tcp',
  '-C',
  '-C conntrack',
  '-C expect',
  '-C dying',
  '-C foo',
  '-C -p tcp',
  '-S -o extended',
  '-S foo',
  '-G',
  '-G -s 1.2.3.4',
  '-G -p tcp',
  '-G -p tcp -r 10.0.0.1',
  '-G -p tcp -s 10.0.0.1 -d 10.0.0.1',
  '-G -p tcp -s 10.0.0.1 -d 10.0.0.1 --sport 5 --dport 4',
  '-G -p tcp -s 10.0.0.1 -d 10.0.0.1 --reply-port-src 5 --reply-port-dst 4',
  '-G -p tcp -r 10.0.0.1 -q 10.0.0.1 --sport 5 --dport 4',
  '-G -p tcp -s 10.0.0.1/8 -d 10.0.0.1 --sport 5 --dport 4',
  '-G -p tcp -s 10.0.0.1 -d 10.0.0.1 --sport 5 --dport 4 -f ipv4',
  '-G -p icmp -s 10.0.0.1 -d 10.0.0.1',
  '-G -p icmp -s 10.0.0.1 -d 10.0.0.1 --icmp-type 8',
  '-G -p ospf -s 10.0.0.1 -d 10.0.0.1',
] as const;

/** One after the other: what one has deleted is gone for the next. */
const DELETIONS = [
  '-D -z',
  '-D -j',
  '-D -p tcp --dport 1',
  '-D -p icmp --icmp-type 8 -d 10.0.0.1 -o extended',
  '-L',
  '-D -g 10.0.0.2 -o save',
  '-D -p udp -o xml',
  '-C',
  '-F -p tcp',
  '-F foo',
  '-F expect',
  '-C',
  '-F',
  '-L',
] as const;

t.test('conntrack lists, looks up and deletes what the real one does, and refuses with its words', { skip }, (t) => {
  const netns = machine();
  // Nothing is tracked where no rule asks for it.
  namespace.run('iptables-restore', RULES);
  const saved = ours(netns, '-L -o save').stdout;
  t.equal(saved.split('\n').length - 1, TRAFFIC.length);
  for (const line of saved.trimEnd().split('\n')) {
    // The tool saves no port of -g, without which it would make another connection.
    const made = line.replace(/(-g \S+)(?=.* --reply-port-src (\d+))/, '$1:$2');
    t.match(real(made), { exitCode: 0 }, made);
  }
  for (const args of LISTINGS) t.same(alike(ours(netns, args)), alike(real(args)), args);
  const [, port = ''] = /dst=10.96.0.1 sport=(\d+)/.exec(ours(netns, '-L').stdout) ?? [];
  const found = `-G -p tcp -s 10.0.0.1 -d 10.96.0.1 --sport ${port} --dport 80`;
  const turned = `-G -p tcp -s 10.0.0.2 -d 10.0.0.3 --sport 8080 --dport ${port}`;
  for (const args of [found, `${found} -o xml`, `${found} -o id,extended`, turned, ...DELETIONS])
    t.same(alike(ours(netns, args)), alike(real(args)), args);
  t.end();
});

t.test('conntrack -L -z begins to count anew', (t) => {
  const netns = machine();
  netns.sysctl.set('net.netfilter.nf_conntrack_acct', '1');
  const counted = (): string[] =>
    [...ours(netns, '-L -p icmp').stdout.matchAll(/packets=(\d+)/g)].map(([, n = '']) => n);
  ours(netns, '-F');
  ping({ cluster: new Cluster([]), netns, pod: undefined }, ['-c2', '10.0.0.1']);
  t.same(counted(), ['2', '2']);
  t.match(ours(netns, '-L -z').stdout, /packets=2/, 'they are shown as they were');
  t.same(counted(), ['0', '0']);
  t.end();
});

t.test('conntrack makes no connections, and tells of no events', (t) => {
  const netns = machine();
  t.match(ours(netns, '-E -p tcp'), { exitCode: 2, stderr: /-E: events are not modelled/ });
  for (const command of ['-I', '-U', '-A'])
    t.match(ours(netns, `${command} -p tcp`), { exitCode: 2, stderr: /made by packets alone/ });
  t.match(ours(netns, '-D expect'), { exitCode: 1, stderr: /expectations are not modelled/ });
  t.end();
});
