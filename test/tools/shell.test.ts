/** Commands one after the other in one cluster, and files that show the kernel's state. */

import t from 'tap';
import { isNameProblem, parseEndpointName } from '../../src/cluster/index.js';
import { runTool, type ToolResult } from '../../src/tools/index.js';
import { loadTopology, outputOf, toolIn } from './run-in.js';

const NODE = 'node/node1';
const CLIENT = 'pod/default/client';
const WEB = '192.168.104.1';

const fresh = () => loadTopology('two-nodes-vxlan');

function sh(place: string, script: string, cluster = fresh()): ToolResult {
  const endpoint = parseEndpointName(place);
  if (isNameProblem(endpoint)) throw new Error(endpoint.problem);
  return runTool(cluster, endpoint, ['sh', '-c', script]);
}

t.test('sh -c runs commands one after the other, and a later one sees what an earlier one did', (t) => {
  const { stdout } = sh(NODE, `nc -z ${WEB} 80; conntrack -L -p tcp --dport 80`);
  t.match(stdout, new RegExp(`^tcp .* dst=${WEB} .* dport=80 .*\\[ASSURED\\]`));
  t.equal(sh(NODE, 'hostname && hostname').stdout, 'node1\nnode1\n');
  t.equal(sh(NODE, 'cat /nope && hostname').stdout, '', '&& ends with what failed');
  t.equal(sh(NODE, 'cat /nope || hostname').stdout, 'node1\n');
  t.match(sh(NODE, 'hostname; cat /nope'), { exitCode: 1, stdout: 'node1\n' }, 'the last one decides');
  t.end();
});

t.test('sh -c takes words apart as a shell does', (t) => {
  t.match(sh(NODE, 'sysctl \'net.ipv4.ip_forward\' "net.ipv4.conf.lo.forwarding"'), { exitCode: 0, stderr: '' });
  t.equal(sh(NODE, 'cat "/etc/host"name').stdout, 'node1\n');
  t.equal(sh(NODE, 'cat /etc/host\\name').stdout, 'node1\n');
  t.match(sh(NODE, 'hostname > x; echo $?'), {
    stdout: '2\n',
    stderr: 'sh: cannot create x: no file is written here\n',
  });
  t.match(sh(NODE, 'cat ~/x'), { exitCode: 1, stderr: 'cat: /root/x: No such file or directory\n' });
  t.match(sh(NODE, "hostname 'x"), { exitCode: 2, stderr: /Unterminated/ }, 'a quote that is not closed');
  t.match(sh(NODE, '&& hostname'), { exitCode: 2, stderr: /"&&" unexpected/ });
  t.match(sh(NODE, 'hostname &&'), { exitCode: 2, stderr: /end of file unexpected/ });
  t.end();
});

t.test('functions, choices and here-documents go on with what commands say', (t) => {
  const script = `set -eu
check() {
  case $(nc -zv -w 1 "$1" "$2" 2>&1) in
    *succeeded*) echo "$1:$2 open" ;;
    *refused*) echo "$1:$2 closed" ;;
    *) echo "$1:$2 silent"; return 1 ;;
  esac
}
while read address port; do check $address $port || echo "lost: $?"; done <<END
${WEB} 80
${WEB} 81
192.168.104.9 80
END
check 192.168.104.9 80
echo "not here"`;
  t.match(sh(CLIENT, script), {
    exitCode: 1,
    stdout: `${WEB}:80 open\n${WEB}:81 closed\n192.168.104.9:80 silent\nlost: 1\n192.168.104.9:80 silent\n`,
  });
  t.end();
});

t.test('sh -c hands on what commands print, and knows names of files', (t) => {
  t.equal(sh(NODE, 'ip -4 addr | grep -c inet; iptables-save | grep -q nope || echo none').stdout, '3\nnone\n');
  t.equal(sh(NODE, 'getent hosts $(hostname) | wc -l').stdout, '1\n');
  t.equal(sh(NODE, 'grep . /proc/sys/net/ipv4/conf/e*0/forwarding').stdout, '1\n');
  t.match(sh(NODE, 'cat /nope 2>&1 | grep -c such; ls /nope 2>/dev/null; echo $?'), { stdout: '1\n2\n', stderr: '' });
  t.match(sh(CLIENT, `ping -c1 ${WEB} >/dev/null; sleep 3600; ip neigh | grep -c REACHABLE`), { stdout: '0\n' });
  t.end();
});

t.test('sh -c goes round in loops while time passes, and not for ever', (t) => {
  const cluster = fresh();
  const script = `n=0; until nc -z -w 1 ${WEB} 80; do n=$((n + 1)); sleep 1; done; echo "open after $n"`;
  t.equal(sh(CLIENT, script, cluster).stdout, 'open after 0\n');
  const seconds = () => cluster.emulation.clock.nowNs / 1e9;
  const before = seconds();
  t.equal(sh(CLIENT, 'for i in $(seq 3); do sleep 10; done; echo $i', cluster).stdout, '3\n');
  t.equal(Math.round(seconds() - before), 30);
  t.match(sh(CLIENT, 'while true; do :; done', cluster), {
    exitCode: 2,
    stderr: 'sh: a loop was left after 1000 turns\n',
  });
  t.match(sh(CLIENT, 'f() { f; }; f', cluster), { exitCode: 2, stderr: /^sh: functions were left after 100 calls/ });
  t.match(
    sh(
      NODE,
      'for dev in lo eth0; do if [ -e /sys/class/net/$dev ]; then echo "$dev $(cat /sys/class/net/$dev/mtu)"; fi; done',
    ),
    { stdout: 'lo 65536\neth0 1500\n', stderr: '' },
  );
  t.end();
});

t.test('a rule that was made by hand decides over what is sent behind it', (t) => {
  const cluster = fresh();
  const drop = 'iptables -I FORWARD -p tcp --dport 80 -m comment --comment "by hand" -j DROP';
  t.equal(
    sh(NODE, `${drop} && iptables -C FORWARD -p tcp --dport 80 -m comment --comment "by hand" -j DROP`, cluster)
      .exitCode,
    0,
  );
  t.equal(sh(CLIENT, `nc -z -w 1 ${WEB} 80`, cluster).exitCode, 1);
  t.match(outputOf(cluster, NODE, 'iptables -nvL FORWARD 1'), /^ +[1-9] +\d+ DROP .* tcp dpt:80 \/\* by hand \*\/$/m);
  t.equal(sh(NODE, 'iptables -D FORWARD 1', cluster).exitCode, 0);
  t.equal(sh(CLIENT, `nc -z -w 1 ${WEB} 80`, cluster).exitCode, 0);
  t.match(sh(CLIENT, `iptables -P OUTPUT DROP; ping -c 1 ${WEB}`, cluster), { exitCode: 1 });
  t.end();
});

t.test('echo says what it does in bash', (t) => {
  t.equal(
    sh(NODE, 'echo "a\\tb"; echo -e "a\\tb\\x41\\0102"; echo -ne "x\\n"; echo -e "no\\c" more; echo -; echo -q').stdout,
    'a\\tb\na\tbAB\nx\nno-\n-q\n',
  );
  t.end();
});

t.test('a script knows what time it is, and where it is', (t) => {
  const cluster = fresh();
  t.equal(sh(NODE, 'date -u +%T; sleep 75; date +%s', cluster).stdout, '00:00:00\n75\n');
  t.equal(
    sh(NODE, 'cd /etc/cni/net.d && ls && cat * | grep -c plugins; cd ..; pwd; ls', cluster).stdout,
    '10-calico.conflist\n1\n/etc/cni\nnet.d\n',
  );
  t.equal(
    sh(
      NODE,
      'ip -o -4 addr show | awk \'{print $4}\' | sed "s|/.*||" | xargs -n1 ip route get | grep -c "^local"',
      cluster,
    ).stdout,
    '3\n',
  );
  const script = `trap 'echo "at $(date +%s)"' EXIT; for port in 80 81; do nc -z -w 1 ${WEB} $port & wait $! && echo "$port open"; done; exit 3`;
  t.match(sh(CLIENT, script, cluster), { exitCode: 3, stdout: /^80 open\nat \d+\n$/ });
  t.match(sh(NODE, 'echo x | tee /var/log/x | cat', cluster), {
    stdout: 'x\n',
    stderr: 'tee: /var/log/x: no file is written here\n',
  });
  t.match(sh(NODE, 'sed -i s/a/b/ /etc/hosts', cluster), {
    exitCode: 1,
    stderr: 'sed: -i is not offered here: no file is written\n',
  });
  t.match(sh(NODE, 'sed w/etc/x /etc/hosts', cluster), { exitCode: 1, stderr: /the command w is not offered here/ });
  t.end();
});

t.test('a script may be what a shell reads, and writes to descriptors that it opens', (t) => {
  t.equal(sh(NODE, `echo 'echo "$1 $(hostname)"' | sh -s a`).stdout, 'a node1\n');
  t.match(
    sh(
      NODE,
      'exec 3>&1 2>/dev/null; { hostname; hostname >&3; cat /nope; } >/dev/null; read name </etc/hostname; echo "<$name>"',
    ),
    {
      exitCode: 0,
      stdout: 'node1\n<node1>\n',
      stderr: '',
    },
  );
  t.equal(
    sh(NODE, 'exec 4</etc/hostname; read name <&4; echo "$name"; read name <&4 || echo end').stdout,
    'node1\nend\n',
  );
  t.match(sh(NODE, 'exec hostname; echo no'), { exitCode: 0, stdout: 'node1\n' });
  t.end();
});

t.test('programs are found by their paths too', (t) => {
  const cluster = fresh();
  t.equal(outputOf(cluster, NODE, '/sbin/ip route'), outputOf(cluster, NODE, 'ip route'));
  t.equal(outputOf(cluster, NODE, '/usr/sbin/iptables-save -t raw'), outputOf(cluster, NODE, 'iptables-save -t raw'));
  t.match(toolIn(cluster, NODE, '/opt/bin/ip route'), { exitCode: 127, stderr: /^\/opt\/bin\/ip: command not found/ });
  t.end();
});

t.test('ls and cat take several names', (t) => {
  const cluster = fresh();
  t.equal(
    outputOf(cluster, NODE, 'ls /opt/cni/bin'),
    'bandwidth\nbridge\ncalico\ncalico-ipam\nhost-local\nloopback\nportmap\nptp\ntuning\n',
  );
  t.equal(outputOf(cluster, CLIENT, 'ls /etc'), 'hostname\nhosts\nresolv.conf\n', 'a pod has no plugins');
  t.equal(
    outputOf(cluster, NODE, 'ls -1 /etc/hostname /etc/cni /etc/cni/net.d'),
    '/etc/hostname\n\n/etc/cni:\nnet.d\n\n/etc/cni/net.d:\n10-calico.conflist\n',
  );
  t.match(
    outputOf(cluster, NODE, 'ls -la /etc/cni'),
    /^total 12\n(?:drwxr-xr-x +\d+ root root 4096 Jan {2}1 00:00 (?:\.|\.\.|net\.d)\n){3}$/,
  );
  t.match(toolIn(cluster, NODE, 'ls /etc/hostname /nope'), {
    exitCode: 2,
    stdout: '/etc/hostname\n',
    stderr: "ls: cannot access '/nope': No such file or directory\n",
  });
  t.equal(outputOf(cluster, NODE, 'cat -n /etc/hostname /sys/class/net/eth0/mtu'), '     1\tnode1\n     2\t1500\n');
  t.match(toolIn(cluster, NODE, 'cat /etc/cni'), { exitCode: 1, stderr: 'cat: /etc/cni: Is a directory\n' });
  t.match(toolIn(cluster, NODE, 'cat /opt/cni/bin/calico'), { exitCode: 1, stderr: /a program is no text/ });
  t.end();
});

t.test('/proc/sys and /sys/class/net show what sysctl and ip do', (t) => {
  const cluster = fresh();
  t.equal(outputOf(cluster, NODE, 'cat /proc/sys/net/ipv4/ip_forward'), '1\n');
  t.equal(outputOf(cluster, CLIENT, 'cat /proc/sys/net/ipv4/ip_forward'), '0\n');
  t.equal(outputOf(cluster, CLIENT, 'ls /sys/class/net'), 'eth0\nlo\n');
  const [link]: { ifindex: number; address: string }[] = JSON.parse(outputOf(cluster, CLIENT, 'ip -j link show eth0'));
  const shown = ['ifindex', 'address', 'mtu', 'operstate', 'carrier', 'type', 'flags'].map((name) =>
    outputOf(cluster, CLIENT, `cat /sys/class/net/eth0/${name}`).trim(),
  );
  t.same(shown, [String(link?.ifindex), link?.address, '1450', 'up', '1', '1', '0x1003']);
  t.end();
});

t.test('sysctl takes letters together, and no globs', (t) => {
  const cluster = fresh();
  t.equal(outputOf(cluster, NODE, 'sysctl -ar all.rp_filter'), 'net.ipv4.conf.all.rp_filter = 0\n');
  t.match(toolIn(cluster, NODE, 'sysctl net.ipv4.conf.*.rp_filter'), {
    exitCode: 1,
    stderr: /conf\/\*\/rp_filter: No such/,
  });
  t.end();
});

t.test('watch runs a command again while time goes on', (t) => {
  const cluster = fresh();
  t.equal(
    outputOf(cluster, NODE, 'watch -n 5 date +%s'),
    ['00:00:00', '00:00:05', '00:00:10']
      .map((clock, i) => `Every 5.0s: date +%s${' '.repeat(29)}node1: Thu Jan  1 ${clock} 1970\n\n${i * 5}\n`)
      .join('\n'),
  );
  t.match(sh(CLIENT, `ping -c1 ${WEB} >/dev/null; watch -gtn 10 'ip neigh | grep -c REACHABLE'; date +%s`), {
    exitCode: 0,
    stdout: '1\n\n0\n30\n',
  });
  t.equal(
    sh(NODE, 'watch -tq 2 hostname; watch -et "hostname; false"; echo $?').stdout,
    'node1\n\nnode1\n\nnode1\nnode1\n1\n',
  );
  t.match(toolIn(cluster, NODE, 'watch -n x date'), {
    exitCode: 1,
    stderr: "watch: failed to parse argument: 'x': Invalid argument\n",
  });
  t.match(toolIn(cluster, NODE, 'watch'), { exitCode: 1, stderr: /^\nUsage:\n watch / });
  t.match(toolIn(cluster, NODE, 'watch -z ls'), { exitCode: 1, stderr: /^watch: invalid option -- 'z'\n\nUsage/ });
  t.equal(sh(NODE, `watch -t 'echo ${'a'.repeat(90)}' | head -2`).stdout, `${'a'.repeat(80)}\n${'a'.repeat(10)}\n`);
  t.end();
});
