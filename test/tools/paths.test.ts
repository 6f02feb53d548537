/** tracepath, mtr and traceroute beside the real ones, through namespaces that were made by the same commands. */

import { spawnSync } from 'node:child_process';
import t from 'tap';
import { Cluster } from '../../src/cluster/index.js';
import { Emulation, Host, type Netns, runIpCommand } from '../../src/kernel/index.js';
import { TOOLS, type ToolResult } from '../../src/tools/index.js';
import { loadTopology, outputOf, toolIn } from './run-in.js';

/** a, the router b with a shorter way behind it, c. */
const SETUP: readonly (readonly [netns: string, command: string])[] = [
  ['b', 'link add b0 type veth peer name a0 netns a'],
  ['b', 'link add b1 type veth peer name c0 netns c'],
  ...['a', 'b', 'c'].map((netns) => [netns, 'link set lo up'] as const),
  ['b', 'link set b1 mtu 1400'],
  ['c', 'link set c0 mtu 1400'],
  ['a', 'link set a0 up'],
  ['b', 'link set b0 up'],
  ['b', 'link set b1 up'],
  ['c', 'link set c0 up'],
  ['a', 'addr add 10.0.1.1/24 dev a0'],
  ['b', 'addr add 10.0.1.2/24 dev b0'],
  ['b', 'addr add 10.0.2.2/24 dev b1'],
  ['c', 'addr add 10.0.2.3/24 dev c0'],
  ['a', 'route add default via 10.0.1.2'],
  ['c', 'route add default via 10.0.2.2'],
  ['b', 'route add unreachable 10.0.3.0/24'],
  ['b', 'route add blackhole 10.0.4.0/24'],
  ['a', 'route add prohibit 10.0.5.0/24'],
];

const COMMANDS = [
  'tracepath -n 10.0.2.3',
  'tracepath -n -m 1 10.0.2.3',
  'tracepath -n -l 1000 10.0.2.3',
  'tracepath -n -l 30 10.0.2.3',
  'tracepath -n 10.0.1.2',
  'tracepath -n -m 2 10.0.4.1',
  'tracepath -n 10.0.5.1',
  'tracepath -n 127.0.0.1',
  'tracepath -V',
  'tracepath',
  'tracepath -z',
  'tracepath -n -l 10 10.0.2.3',
  'tracepath -n -l 99999 10.0.2.3',
  'tracepath -n -m 999 10.0.2.3',
  'tracepath -n -m x 10.0.2.3',
  'tracepath -n -p 70000 10.0.2.3',
  'tracepath -n 10.0.2.3 10.0.1.2',
  'mtr -i 0.2 -G 0.5 -nrc 2 10.0.2.3',
  'mtr -i 0.2 -G 0.5 -nrwc 1 10.0.2.3',
  'mtr -i 0.2 -G 0.5 -nrbc 1 10.0.1.2',
  'mtr -i 0.2 -G 0.5 -nr -c 1 -f 2 10.0.2.3',
  'mtr -i 0.2 -G 0.5 -nr -c 1 -m 1 10.0.2.3',
  'mtr -i 0.2 -G 0.5 -nr -c 0 10.0.2.3',
  'mtr -i 0.2 -G 0.5 -njc 1 10.0.2.3',
  'mtr -i 0.2 -G 0.5 -nr -c 1 10.0.4.1',
  'mtr -i 0.2 -G 0.5 -nr -c 1 10.0.5.1',
  'traceroute -n 10.0.2.3',
  'traceroute -n -I 10.0.2.3',
  'traceroute -nI -q 1 10.0.2.3',
  'traceroute -n -U 10.0.2.3',
  'traceroute -n -q 1 -m 1 10.0.2.3',
  'traceroute -n -f 2 10.0.2.3',
  'traceroute -n -w 0.3 -m 2 10.0.4.1',
  'traceroute -n -I -q 1 10.0.3.1',
  'traceroute -n 10.0.5.1',
  'traceroute -n -q 1 10.0.2.3 1400',
  'traceroute -n -F -q 1 10.0.2.3 1450',
  'traceroute -n -F -q 1 -p 5000 10.0.2.3 1460',
  'traceroute -n -q 1 10.0.2.3 1450',
  'traceroute -n -q 1 127.0.0.1',
  'traceroute -n -m 300 10.0.2.3',
  'traceroute -n -q 20 10.0.2.3',
  'traceroute -n -s 10.0.1.9 10.0.2.3',
  'traceroute -n -s 10.0.1.1 -q 1 10.0.2.3',
  'traceroute -n -i nope 10.0.2.3',
  'traceroute -n -i a0 -q 1 10.0.2.3',
  'traceroute -V',
  'traceroute -n -T -q 1 10.0.2.3',
  'traceroute -n -T -q 1 -p 81 10.0.2.3',
  'traceroute -n -T -q 1 -w 0.3 -m 2 10.0.4.1',
  'traceroute -n -T -q 1 -F -t 16 10.0.2.3 1400',
  'traceroute -n -T -q 1 127.0.0.1',
  'traceroute -n -M tcp -q 1 10.0.5.1',
  'traceroute -n -I -q 1 10.0.5.1',
  'traceroute -n -T -s 10.0.1.9 10.0.2.3',
  'traceroute -n -M foo 10.0.2.3',
  'traceroute --queries=2 -n 10.0.2.3',
  'traceroute --max-hops 3 -n 10.0.2.3',
  'traceroute -n',
  'traceroute',
  'traceroute --help',
  'traceroute -m',
  'traceroute -nq1 10.0.2.3',
  'traceroute -m x 10.0.2.3',
  'traceroute -n -q x 10.0.2.3',
  'traceroute -w 1,x 10.0.2.3',
  'traceroute -f 31 10.0.2.3',
  'traceroute -m 0 10.0.2.3',
  'traceroute -Z 10.0.2.3',
  'traceroute --foo 10.0.2.3',
  'traceroute -n 10.0.2.3 x',
  'traceroute -n 10.0.2.3 30 40',
  'traceroute 10.0.2.3 70000',
  'mtr -i 0.2 -G 0.5 -nrc x 10.0.2.3',
];

const NAMES = ['a', 'b', 'c'];
const real = (netns: string): string => `pwt-paths-${process.pid}-${netns}`;

function realRun(netns: string, words: readonly string[]): ToolResult {
  const { status, stdout, stderr } = spawnSync('ip', ['netns', 'exec', real(netns), ...words], { encoding: 'utf8' });
  return { exitCode: status ?? -1, stdout: stdout ?? '', stderr: stderr ?? '' };
}

function missing(): string | false {
  if (process.getuid?.() !== 0) return 'namespaces need root';
  for (const [program, version] of [
    ['tracepath', '20221126'],
    ['mtr', 'mtr 0.95'],
    ['traceroute', 'version 2.1.2'],
  ] as const) {
    const asked = spawnSync(program, [program === 'mtr' ? '--version' : '-V'], { encoding: 'utf8' });
    if (asked.error !== undefined || !`${asked.stdout}${asked.stderr}`.includes(version))
      return `${program} here is not of ${version}`;
  }
  return NAMES.every((name) => spawnSync('ip', ['netns', 'add', real(name)]).status === 0)
    ? false
    : 'no network namespaces';
}

const skip = missing();
t.teardown(() => NAMES.forEach((name) => spawnSync('ip', ['netns', 'delete', real(name)])));

/** Times are the machine's own, and so is its name. */
const alike = ({ exitCode, stdout, stderr }: ToolResult, hostname: string): ToolResult => ({
  exitCode,
  stdout: stdout
    .replaceAll(/ *\d+\.\d{3} ?ms/g, ' T')
    .replace(/^Start: .*/m, 'Start')
    .replace(new RegExp(`^HOST: ${hostname} *`, 'm'), 'HOST: ')
    .replace(`"src": "${hostname}"`, '"src": "HOST"')
    .replaceAll(/( +\d+\.\d){5}$/gm, ' T')
    .replaceAll(/("(?:Last|Avg|Best|Wrst|StDev)": )[\d.]+/g, '$1T'),
  stderr: stderr.replace(/\n\nUsage:[^]*/, '\n'),
});

t.test('tracepath, mtr and traceroute tell of the way what the real ones do', { skip }, (t) => {
  const host = new Host(new Emulation(), 'machine');
  const netns = new Map(NAMES.map((name) => [name, host.addNetns(name)]));
  for (const name of NAMES) {
    realRun(name, ['sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
    // How often errors may be sent goes by time, of which one passes between commands, and the other does not.
    for (const [path, value] of [
      ['net.ipv4.ip_forward', '1'],
      ['net.ipv4.icmp_ratemask', '0'],
    ] as const) {
      realRun(name, ['sysctl', '-qw', `${path}=${value}`]);
      netns.get(name)?.sysctl.set(path, value);
    }
  }
  for (const [name, command] of SETUP) {
    const there = command.replace(/ netns (\w)$/, (_, other: string) => ` netns ${real(other)}`);
    t.match(realRun(name, ['ip', ...there.split(' ')]), { exitCode: 0 }, command);
    t.equal(runIpCommand(netns.get(name) as Netns, command, []), undefined, command);
  }
  const place = { cluster: new Cluster([]), netns: netns.get('a') as Netns, pod: undefined };
  const hostname = spawnSync('hostname', { encoding: 'utf8' }).stdout.trim();
  for (const command of COMMANDS) {
    const [program = '', ...words] = command.split(' ');
    const ours = TOOLS[program]?.(place, words) ?? { exitCode: -1, stdout: '', stderr: '' };
    t.same(alike(ours, 'machine'), alike(realRun('a', [program, ...words]), hostname), command);
  }
  t.end();
});

t.test('tracepath and mtr see nodes and tunnels', (t) => {
  const cluster = loadTopology('two-nodes-vxlan');
  const [client, web] = ['pod/default/client', '192.168.104.1'];
  t.equal(
    outputOf(cluster, client, `tracepath -n ${web}`).replaceAll(/ +\d\.\d{3}ms /g, ''),
    ` 1?: [LOCALHOST]                      pmtu 1450
 1:  172.18.0.2
 1:  172.18.0.2
 2:  192.168.104.0
 3:  ${web}reached
     Resume: pmtu 1450 hops 3 back 3 \n`,
  );
  const rows = outputOf(cluster, client, `mtr -n -r -c 2 ${web}`).split('\n');
  t.same(
    rows.map((row) => row.trim().split(/\s+/).slice(0, 4)),
    [
      ['Start:', '1970-01-01T00:00:00+0000'],
      ['HOST:', 'client', 'Loss%', 'Snt'],
      ['1.|--', '172.18.0.2', '0.0%', '2'],
      ['2.|--', '192.168.104.0', '0.0%', '2'],
      ['3.|--', web, '0.0%', '2'],
      [''],
    ],
  );
  t.match(toolIn(cluster, client, `mtr ${web}`), { exitCode: 2, stderr: /-r prints a report/ });
  t.match(toolIn(cluster, client, `mtr -rT ${web}`), { exitCode: 2, stderr: /-T is not offered here/ });
  t.end();
});
