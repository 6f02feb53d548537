/** Processes of machines and pods: `ps` beside the real one, and that all tools agree about numbers. */

import { spawnSync } from 'node:child_process';
import t from 'tap';
import type { Process } from '../../src/cluster/index.js';
import { Emulation, Host } from '../../src/kernel/index.js';
import { psOf } from '../../src/tools/processes/ps.js';
import { loadTopology, outputOf, toolIn } from './run-in.js';

const NODE = 'node/worker1';
const CLIENT = 'pod/shop/client';

/** Two sleepers in a namespace of processes of their own, and the command that looks at them. */
const scriptOf = (command: string): string =>
  `sleep 1000 & sleep 999 & until [ "$a$b" = sleepsleep ]; do read a </proc/2/comm; read b </proc/3/comm; done; ${command}; exit $?`;

function realPs(args: readonly string[]): {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
} {
  const words = ['--pid', '--fork', '--mount-proc', 'setsid', 'sh', '-c', scriptOf(`ps ${args.join(' ')}`)];
  const { status, stdout, stderr } = spawnSync('unshare', words, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { exitCode: status ?? -1, stdout: stdout ?? '', stderr: stderr ?? '' };
}

function emulatedPs(args: readonly string[]): ReturnType<typeof realPs> {
  const { netns } = new Host(new Emulation({ seed: 1 }), 'machine');
  const words = [
    ['sh', '-c', scriptOf(`ps ${args.join(' ')}`)],
    ['sleep', '1000'],
    ['sleep', '999'],
    ['ps', ...args],
  ];
  const seen = words.map(
    (one, i): Process => ({
      pid: i + 1,
      parent: i === 0 ? 0 : 1,
      session: 1,
      name: one[0] ?? '',
      args: one,
      netns,
      startedNs: 0,
    }),
  );
  return psOf(args, seen, 0);
}

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'namespaces need root';
  return realPs(['-V']).stdout.includes('procps-ng 4.0.2') ? false : 'there is no ps of procps-ng 4.0.2';
}

const COMMANDS = [
  '',
  '-e',
  '-A',
  'ax',
  '-ax',
  'x',
  '-ef',
  '-f',
  '-ej',
  'axj',
  'axf',
  '-efH',
  '-e --forest',
  '-ef f',
  'axh',
  '-e --no-headers',
  '-eo pid,comm,args',
  '-eo pid,cmd',
  '-eo pid=,comm=',
  '-eo pid=NUM,args',
  '-eo comm,pid',
  '-eo args,pid',
  '-eo user:3,pid',
  '-e -o pid,comm:30,args:40',
  '-o pid -o ppid -p 1',
  '-A o pid,cmd',
  '-p 1',
  'p 2',
  '1 2',
  '--pid 2',
  '-p 1,2 -o args=',
  '-p 9999',
  '-C sleep',
  '-C sleep -o pid=',
  '-u root',
  '-u nobody',
  '--ppid 1',
  '-N -p 1',
  '-s 1',
  '-d',
  '-a',
  'a',
  'u',
  'r',
  '-eo pid,comm --sort=-pid',
  '-e -o pid,args k-args',
  '-ww -ef',
  '-ewwo pid',
  '-eo pid,etime,etimes',
  '-eo pid,ni,pri,nlwp,cls,tty,uid',
  '-eo euser,ruser,group,gid,egid,ruid,euid,fname,ucmd,ucomm,c,tid',
  '-eo foo',
  '-z',
  '--foo',
  'foo',
  '-p x',
  '-p',
  '-o',
  '-u nosuch',
  '-p 0',
  '-p 1,',
  '-V',
  '--help',
];

/** Titles alone: what stands below them is the machine's. */
const TITLES = [
  'aux',
  '-eF',
  '-el',
  '-ely',
  'axl',
  '-elf',
  '-eo pid,wchan,class,vsz,rss,sz,%cpu,%mem,stat,lstart,start,stime,bsdstart',
];

t.test('ps prints what the real one prints', { skip: whyNot() }, (t) => {
  const asked = (line: string): readonly string[] => line.split(' ').filter((word) => word !== '');
  // The shell may not have come to rest yet.
  const times = (text: string): string => text.replaceAll(/\b\d\d:\d\d\b/g, 'HH:MM').replaceAll(/\bRs\b/g, 'Ss');
  for (const line of COMMANDS) {
    const [real, emulated] = [realPs(asked(line)), emulatedPs(asked(line))];
    t.same({ ...emulated, stdout: times(emulated.stdout) }, { ...real, stdout: times(real.stdout) }, `ps ${line}`);
  }
  const title = (text: string): string => text.split('\n')[0] ?? '';
  for (const line of TITLES)
    t.equal(title(emulatedPs(asked(line)).stdout), title(realPs(asked(line)).stdout), `ps ${line}`);
  t.end();
});

t.test('all tools agree about the processes of a node', (t) => {
  const cluster = loadTopology('services-iptables');
  const node = (command: string): string => outputOf(cluster, NODE, command).trimEnd();
  const pidOf = (command: string): string => node(`pgrep -x ${command}`);
  const kubelet = pidOf('kubelet');
  t.match(node('ss -tlnp'), new RegExp(`:10250 .* users:\\(\\("kubelet",pid=${kubelet},fd=3\\)\\)`));
  t.match(node('ss -tlnT'), new RegExp(`users:\\(\\("kubelet",pid=${kubelet},tid=${kubelet},fd=3\\)\\)`));
  t.match(node('netstat -tlnp'), new RegExp(`:10250 .* LISTEN +${kubelet}/kubelet +\\n`));
  t.equal(node('pidof kubelet'), kubelet);
  t.equal(node(`cat /proc/${kubelet}/comm`), 'kubelet');
  t.match(node(`cat /proc/${kubelet}/cmdline`), /^\/usr\/bin\/kubelet\0--bootstrap/);
  t.match(node(`ps -o args= -p ${kubelet}`), /^\/usr\/bin\/kubelet --bootstrap/);

  const [id = ''] = node('crictl ps -q --name shell').split('\n');
  const shell = pidOf('shell');
  t.equal(node(`crictl inspect -o go-template --template {{.info.pid}} ${id.slice(0, 13)}`), shell);
  t.match(
    node('crictl ps'),
    new RegExp(`^${id.slice(0, 13)} +busybox +.* Running +shell +0 +\\w{13} +client +shop$`, 'm'),
  );
  t.match(node('crictl pods --name ^client$'), /^POD ID .*\n\w{13} +.* Ready +client +shop +0 +\(default\)$/);
  const inside = outputOf(cluster, CLIENT, 'ip -br addr');
  t.equal(outputOf(cluster, NODE, `nsenter -t ${shell} -n ip -br addr`), inside);
  t.equal(outputOf(cluster, NODE, `nsenter --net=/proc/${shell}/ns/net ip -br addr`), inside);
  t.equal(node(`nsenter -t ${shell} -n -m -u hostname`), 'client');
  t.equal(node(`nsenter -t ${shell} -n hostname`), 'worker1', 'files stay those of the machine');
  t.equal(node(`cat /proc/${shell}/net/arp`), outputOf(cluster, CLIENT, 'cat /proc/net/arp').trimEnd());

  const name = node(`ip netns identify ${shell}`);
  t.match(name, /^cni-/);
  t.equal(node(`ip netns identify ${kubelet}`), '');
  const [pause = ''] = node(`pgrep -x pause --ns ${shell}`).split('\n');
  t.equal(node(`ip netns pids ${name}`), `${pause}\n${shell}`);
  const inode = /\d+/.exec(node(`readlink /proc/${shell}/ns/net`))?.[0] ?? '';
  t.equal(node(`ps -o netns= -p ${shell}`), inode);
  t.match(node('lsns -t net'), new RegExp(`^${inode} net +2 +${pause} root +0 /run/netns/${name} /pause$`, 'm'));
  t.match(node(`crictl inspectp --name ^client$`), new RegExp(`"path": "/var/run/netns/${name}"`));
  t.end();
});

t.test('a pod sees its own processes, a node all of them', (t) => {
  const cluster = loadTopology('services-iptables');
  t.equal(
    outputOf(cluster, CLIENT, 'ps -ef'),
    `UID          PID    PPID  C STIME TTY          TIME CMD
root           1       0  0 00:00 ?        00:00:00 shell
root           2       0  0 00:00 ?        00:00:00 ps -ef
`,
  );
  t.match(outputOf(cluster, 'pod/shop/web-1', 'ss -tlnp'), /users:\(\("nginx",pid=1,fd=3\)\)/);
  t.match(outputOf(cluster, NODE, 'ps axf'), /containerd-shim-runc-v2 .*\n.* \\_ \/pause\n.* \\_ nginx\n/);
  t.match(outputOf(cluster, NODE, 'ps axf'), / \\_ runsv felix\n.* {5}\\_ calico-node -felix\n/);
  t.match(toolIn(cluster, CLIENT, 'crictl ps'), { exitCode: 2, stderr: /no container runtime here/ });
  t.end();
});

t.test('a process keeps its number while others come and go', (t) => {
  const [few, many] = [loadTopology('services-iptables'), loadTopology('services-iptables')];
  t.equal(outputOf(few, NODE, 'pgrep -a .'), outputOf(many, NODE, 'pgrep -a .'));
  outputOf(many, CLIENT, 'ping -c 1 172.18.0.11');
  many.advance(3_600_000);
  t.equal(outputOf(many, NODE, 'pgrep -x nginx'), outputOf(few, NODE, 'pgrep -x nginx'));
  t.match(outputOf(many, NODE, 'ps -o etime= -C nginx'), /^ +1:00:0\d|01:00:0\d/);
  t.match(outputOf(many, NODE, 'crictl ps'), / About an hour ago /);
  t.end();
});

t.test('what nobody has is told as the real ones tell it', (t) => {
  const cluster = loadTopology('services-iptables');
  const wrong: readonly (readonly [command: string, exitCode: number, stderr: RegExp])[] = [
    ['nsenter -t 99 -n true', 1, /^nsenter: cannot open \/proc\/99\/ns\/net: No such file or directory$/],
    ['nsenter -n true', 1, /^nsenter: neither filename nor target pid supplied for ns\/net$/],
    ['nsenter -t x -n true', 1, /^nsenter: failed to parse pid: 'x'$/],
    ['nsenter --foo', 1, /^nsenter: unrecognized option '--foo'$/m],
    ['ip netns identify 99', 1, /^Cannot open network namespace: No such file or directory$/],
    ['ip netns identify x', 255, /^Specified string 'x' is not a pid$/],
    ['ip netns pids', 255, /^No netns name specified$/],
    ['lsns -t foo', 1, /^lsns: unknown namespace type: foo$/],
    ['lsns -t net -o foo', 1, /^lsns: unknown column: foo$/],
    ['pgrep', 2, /^pgrep: no matching criteria specified\nTry `pgrep --help' for more information\.$/],
    ['pgrep a b', 2, /^pgrep: only one pattern can be provided/],
    ['pgrep nosuchprocessatall', 1, /^pgrep: pattern that searches for process name longer than 15 characters/],
    ['crictl inspect abc', 1, /level=fatal msg="get the status of containers: .*find container \\"abc\\": not found"$/],
    ['crictl ps --foo', 1, /msg="flag provided but not defined: -foo"$/],
    ['crictl images', 2, /^crictl images: only pods, ps, inspect and inspectp are offered here$/],
  ];
  for (const [command, exitCode, stderr] of wrong) {
    const result = toolIn(cluster, NODE, command);
    t.match({ ...result, stderr: result.stderr.trimEnd() }, { exitCode, stdout: '', stderr }, command);
  }
  t.end();
});
