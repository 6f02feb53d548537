/** What `podwire exec` prints in a topology of two nodes, and what it is for a reader who knows the real tools. */

import { readFileSync } from 'node:fs';
import t from 'tap';
import { type Cluster, isNameProblem, parseEndpointName } from '../../src/cluster/index.js';
import { RoutedCluster } from '../../src/routing/index.js';
import { loadTopology, outputOf, toolIn } from './run-in.js';

const NODE = 'node/node1';
const CLIENT = 'pod/default/client';
const WEB = '192.168.104.1';

/** Each case has a cluster of its own: what a tool sends leaves traces behind. */
const fresh = (): Cluster => loadTopology('two-nodes-vxlan');

const shows: readonly (readonly [string, string, string])[] = [
  [
    NODE,
    'ip route',
    `default via 172.18.0.1 dev eth0 
172.18.0.0/24 dev eth0 proto kernel scope link src 172.18.0.2 
192.168.104.0/26 via 192.168.104.0 dev vxlan.calico onlink mtu 1450 
blackhole 192.168.166.128/26 proto 80 
192.168.166.129 dev calia7a3e029a7b scope link metric 1024 
`,
  ],
  [CLIENT, 'ip route', 'default via 169.254.1.1 dev eth0 \n169.254.1.1 dev eth0 scope link \n'],
  [
    NODE,
    'ip route show dev eth0 table main',
    'default via 172.18.0.1 \n172.18.0.0/24 proto kernel scope link src 172.18.0.2 \n',
  ],
  [NODE, 'ip neigh', '192.168.104.0 dev vxlan.calico lladdr 66:2d:bf:44:a6:8b PERMANENT \n'],
  [
    NODE,
    'bridge fdb',
    '01:00:5e:00:00:01 dev eth0 self permanent\n01:00:5e:00:00:01 dev calia7a3e029a7b self permanent\n66:2d:bf:44:a6:8b dev vxlan.calico dst 172.18.0.3 self permanent\n',
  ],
  [NODE, 'bridge fdb show dev eth0', '01:00:5e:00:00:01 self permanent\n'],
  [NODE, 'bridge fdb show dynamic', ''],
  [NODE, 'ip rule', '0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n'],
  [NODE, 'sysctl net.ipv4.ip_forward', 'net.ipv4.ip_forward = 1\n'],
  [NODE, 'sysctl -n net/ipv4/ip_forward', '1\n'],
  [NODE, 'sysctl net.ipv4.route.min_pmtu', 'net.ipv4.route.min_pmtu = 552\n'],
  [NODE, 'sysctl -n net.ipv4.conf.calia7a3e029a7b.proxy_arp', '1\n'],
  [CLIENT, 'sysctl -n net.ipv4.ip_forward', '0\n'],
  [
    CLIENT,
    'cat /etc/resolv.conf',
    'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
  ],
  [CLIENT, 'hostname', 'client\n'],
  [NODE, 'hostname', 'node1\n'],
  [NODE, 'hostname -i', '127.0.1.1\n'],
  [NODE, 'getent hosts node1', '127.0.1.1       node1\n'],
  [NODE, 'conntrack -L', ''],
];

for (const [place, command, expected] of shows) {
  t.test(`${command} in ${place}`, (t) => {
    t.equal(outputOf(fresh(), place, command), expected);
    t.end();
  });
}

t.test('ip addr in a pod has its address and its veth', (t) => {
  t.match(
    outputOf(fresh(), CLIENT, 'ip addr show eth0'),
    /^2: eth0@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP group default qlen 1000\n {4}link\/ether [0-9a-f:]{17} brd ff:ff:ff:ff:ff:ff link-netnsid 0\n {4}inet 192\.168\.166\.129\/32 scope global eth0\n {7}valid_lft forever preferred_lft forever\n$/,
  );
  t.end();
});

t.test('ip -j addr is the same as data', (t) => {
  const [lo, eth0, ...others]: unknown[] = JSON.parse(outputOf(fresh(), CLIENT, 'ip -j addr'));
  t.match(lo, { ifname: 'lo', operstate: 'UNKNOWN', addr_info: [{ local: '127.0.0.1', prefixlen: 8, scope: 'host' }] });
  t.match(eth0, {
    ifindex: 2,
    ifname: 'eth0',
    mtu: 1450,
    addr_info: [{ family: 'inet', local: '192.168.166.129', prefixlen: 32, scope: 'global', label: 'eth0' }],
  });
  t.same(others, []);
  t.end();
});

t.test('iptables-save prints Felix’s rules in iptables-restore’s form', (t) => {
  const cluster = fresh();
  const saved = outputOf(cluster, NODE, 'iptables-save');
  t.same(
    new Set([...saved.matchAll(/^\*(\w+)$/gm)].map(([, table]) => table)),
    new Set(['filter', 'mangle', 'nat', 'raw']),
  );
  t.match(saved, /^-A FORWARD -m comment --comment "cali:[\w-]{16}" -j cali-FORWARD$/m);
  t.match(saved, /^-A cali-fw-calia7a3e029a7b /m);
  const filter = outputOf(cluster, NODE, 'iptables-save -t filter');
  t.ok(saved.includes(filter.slice(filter.indexOf('*filter'), filter.indexOf('COMMIT'))), 'one table is a part of all');
  t.match(outputOf(cluster, NODE, 'iptables-save -c -t nat'), /^\[\d+:\d+\] -A PREROUTING /m, '-c has counters');
  t.match(toolIn(cluster, NODE, 'iptables-save -t fliter'), { exitCode: 1, stderr: /fliter/ });
  t.end();
});

t.test('rules have counted a packet after it went by', (t) => {
  const cluster = fresh();
  const counted = (): number =>
    Number(
      /^\[(\d+):\d+\] -A cali-FORWARD -i cali\+ .*cali-from-wl-dispatch$/m.exec(
        outputOf(cluster, NODE, 'iptables-save -c'),
      )?.[1],
    );
  t.equal(counted(), 0);
  toolIn(cluster, CLIENT, `ping -c 3 ${WEB}`);
  t.equal(counted(), 3);
  t.end();
});

t.test('ipset prints Felix’s sets', (t) => {
  const cluster = fresh();
  const saved = outputOf(cluster, NODE, 'ipset save');
  t.match(saved, /^create cali40masq-ipam-pools hash:net family inet hashsize 1024 maxelem 1048576 /m);
  t.match(saved, /^add cali40masq-ipam-pools 192\.168\.0\.0\/16$/m);
  t.match(saved, /^add cali40all-vxlan-net 172\.18\.0\.3$/m);
  t.match(
    outputOf(cluster, NODE, 'ipset list cali40all-vxlan-net'),
    /^Name: .*\nType: hash:net\n(.*\n)+Members:\n172\.18\.0\.3\n$/,
  );
  t.match(toolIn(cluster, NODE, 'ipset list none'), {
    exitCode: 1,
    stderr: /The set with the given name does not exist/,
  });
  t.end();
});

t.test('ping is answered by its own host over the device that it names', (t) => {
  const printed = outputOf(fresh(), CLIENT, 'ping -c 1 -I eth0 192.168.166.129');
  t.match(
    printed,
    /^PING 192\.168\.166\.129 .* from 192\.168\.166\.129 eth0: 56\(84\) bytes of data\.\n64 bytes from /,
  );
  t.end();
});

t.test('a switch loses frames that are longer than it takes, whatever the interfaces take', (t) => {
  const network = (mtu: number): string =>
    JSON.stringify({
      apiVersion: 'podwire.dev/v1alpha1',
      kind: 'PhysicalNetwork',
      metadata: { name: 'rack' },
      spec: { switches: [{ name: 'sw', mtu }], subnets: [{ name: 'rack', cidr: '172.18.0.0/24', switch: 'sw' }] },
    });
  const cluster = (mtu: number): Cluster =>
    new RoutedCluster([
      { file: 'cluster.yaml', text: readFileSync('topologies/two-nodes-vxlan/cluster.yaml', 'utf8') },
      { file: 'network.json', text: network(mtu) },
    ]);
  const arrives = (mtu: number, size: number): boolean =>
    toolIn(cluster(mtu), 'node/node1', `ping -c 1 -W 1 -s ${size} 172.18.0.3`).exitCode === 0;
  t.ok(arrives(1400, 1400 - 28));
  t.notOk(arrives(1400, 1500 - 28));
  t.ok(arrives(9000, 1500 - 28), 'an interface has its own limit');
  t.end();
});

t.test('ping counts, and time is the emulation’s', (t) => {
  t.equal(
    outputOf(fresh(), CLIENT, `ping -c 2 ${WEB}`),
    `PING 192.168.104.1 (192.168.104.1) 56(84) bytes of data.
64 bytes from 192.168.104.1: icmp_seq=1 ttl=62 time=0.160 ms
64 bytes from 192.168.104.1: icmp_seq=2 ttl=62 time=0.080 ms

--- 192.168.104.1 ping statistics ---
2 packets transmitted, 2 received, 0% packet loss, time 1000ms
rtt min/avg/max/mdev = 0.080/0.120/0.160/0.040 ms
`,
  );
  const lost = toolIn(fresh(), NODE, 'ping -c 1 -W 1 172.18.0.99');
  t.equal(lost.exitCode, 1);
  t.match(lost.stdout, /1 packets transmitted, 0 received, .*100% packet loss/);
  t.match(toolIn(fresh(), CLIENT, 'ping nowhere'), {
    exitCode: 2,
    stderr: 'ping: nowhere: Temporary failure in name resolution\n',
  });
  t.end();
});

t.test('ping -M do tells that a message does not fit', (t) => {
  const cluster = fresh();
  const fits = toolIn(cluster, CLIENT, `ping -c 1 -M do -s 1422 ${WEB}`);
  t.match(fits, { exitCode: 0, stderr: '' });
  const { exitCode, stdout, stderr } = toolIn(cluster, CLIENT, `ping -c 1 -M do -s 1423 ${WEB}`);
  t.equal(exitCode, 1);
  t.equal(stderr, 'ping: local error: message too long, mtu=1450\n');
  t.match(stdout, /1 packets transmitted, 0 received, \+1 errors, 100% packet loss/);
  t.match(toolIn(cluster, CLIENT, `ping -c 1 -M dont -s 1423 ${WEB}`), { exitCode: 0 }, 'without DF it is cut');
  t.match(toolIn(cluster, CLIENT, `ping -M no ${WEB}`), { exitCode: 2, stderr: /invalid -M argument/ });
  t.end();
});

t.test('traceroute passes both nodes', (t) => {
  const hops = outputOf(fresh(), CLIENT, `traceroute -q 1 ${WEB}`).trimEnd().split('\n').slice(1);
  t.same(
    hops.map((hop) => hop.trim().split(/ +/).slice(0, 2)),
    [
      ['1', '172.18.0.2'],
      ['2', '192.168.104.0'],
      ['3', WEB],
    ],
  );
  t.end();
});

t.test('nc -z tells an open port from a closed one and from silence', (t) => {
  t.same(toolIn(fresh(), CLIENT, `nc -zv ${WEB} 80`), {
    exitCode: 0,
    stdout: '',
    stderr: `Connection to ${WEB} 80 port [tcp/http] succeeded!\n`,
  });
  t.same(toolIn(fresh(), CLIENT, `nc -zv ${WEB} 81`), {
    exitCode: 1,
    stdout: '',
    stderr: `nc: connect to ${WEB} port 81 (tcp) failed: Connection refused\n`,
  });
  t.match(toolIn(fresh(), NODE, 'nc -zv 172.18.0.99 80'), { exitCode: 1, stderr: /failed: No route to host\n$/ });
  t.match(toolIn(fresh(), CLIENT, `nc -zv ${WEB} 99999`), { exitCode: 1, stderr: /port number too large: 99999\n$/ });
  t.end();
});

t.test('nc names services, and takes their names and several ports', (t) => {
  const cluster = fresh();
  const open = `Connection to ${WEB} 80 port [tcp/http] succeeded!\n`;
  t.same(toolIn(cluster, CLIENT, `nc -zv ${WEB} http`), { exitCode: 0, stdout: '', stderr: open });
  t.match(toolIn(cluster, CLIENT, `nc -zvn ${WEB} 80`), { stderr: /80 port \[tcp\/\*\] succeeded!\n$/ });
  t.match(toolIn(cluster, CLIENT, `nc -zv ${WEB} 81 80`), {
    exitCode: 0,
    stderr: /81 \(tcp\) failed: .*\nConnection to /,
  });
  t.match(toolIn(cluster, CLIENT, `nc -zuv ${WEB} http`), { exitCode: 1, stderr: 'nc: port number invalid: http\n' });
  t.match(toolIn(cluster, CLIENT, `nc -zv ${WEB} ssh-http`), {
    exitCode: 1,
    stderr: 'nc: port number invalid: ssh-http\n',
  });
  t.match(toolIn(cluster, CLIENT, `nc -zv ${WEB} 80-`), { exitCode: 1, stderr: 'nc: port number invalid: \n' });
  t.match(toolIn(cluster, CLIENT, `nc -zv ${WEB}`), { exitCode: 1, stderr: 'nc: missing port number\n' });
  t.match(toolIn(cluster, CLIENT, 'nc -zn foo 80'), {
    exitCode: 1,
    stderr: /"foo" port 80: Name or service not known\n$/,
  });
  t.end();
});

/** Rules of a machine that stop its own packets. */
function forbid(cluster: Cluster, rule: string): void {
  const endpoint = parseEndpointName(NODE);
  if (isNameProblem(endpoint)) throw new Error(endpoint.problem);
  const { netns } = cluster.locate(endpoint);
  t.same(
    netns.netfilter.iptables.restore(`*filter\n-I OUTPUT 1 ${rule}\nCOMMIT\n`, { counters: true, noflush: true }),
    [],
  );
}

t.test('ping counts what its own rules stop as sent, and tells of what they answer', (t) => {
  const dropped = fresh();
  forbid(dropped, '-p icmp -m icmp --icmp-type 8 -j DROP');
  t.same(toolIn(dropped, NODE, 'ping -c 2 -W 1 172.18.0.3'), {
    exitCode: 1,
    stdout: `PING 172.18.0.3 (172.18.0.3) 56(84) bytes of data.

--- 172.18.0.3 ping statistics ---
2 packets transmitted, 0 received, 100% packet loss, time 1000ms

`,
    stderr: '',
  });
  const rejected = fresh();
  forbid(rejected, '-p icmp -m icmp --icmp-type 8 -j REJECT');
  t.same(toolIn(rejected, NODE, 'ping -c 2 -W 1 172.18.0.3'), {
    exitCode: 1,
    stdout: `PING 172.18.0.3 (172.18.0.3) 56(84) bytes of data.
From 172.18.0.2 icmp_seq=1 Destination Port Unreachable
From 172.18.0.2 icmp_seq=2 Destination Port Unreachable

--- 172.18.0.3 ping statistics ---
2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 1000ms

`,
    stderr: 'ping: sendmsg: Operation not permitted\nping: sendmsg: Operation not permitted\n',
  });
  t.end();
});

t.test('nc says nothing of datagrams that its own rules stop', (t) => {
  const cluster = fresh();
  forbid(cluster, '-p udp -j DROP');
  t.same(toolIn(cluster, NODE, 'nc -zu 172.18.0.3 53'), { exitCode: 0, stdout: '', stderr: '' });
  t.same(toolIn(cluster, NODE, 'nc -zuv 172.18.0.3 53'), { exitCode: 1, stdout: '', stderr: '' });
  t.end();
});

t.test('nc without -z connects and has nothing to send', (t) => {
  t.same(toolIn(fresh(), CLIENT, `nc -v -w 2 ${WEB} 80`), {
    exitCode: 0,
    stdout: '',
    stderr: `Connection to ${WEB} 80 port [tcp/http] succeeded!\n`,
  });
  t.match(toolIn(fresh(), CLIENT, `nc -v ${WEB} 81`), { exitCode: 1, stderr: /failed: Connection refused\n$/ });
  t.same(toolIn(fresh(), CLIENT, `nc -u ${WEB} 9`), { exitCode: 0, stdout: '', stderr: '' });
  t.end();
});

t.test('nc takes ranges of ports, names and datagrams', (t) => {
  const cluster = fresh();
  t.same(toolIn(cluster, CLIENT, 'nc -zv pod/default/web 79-81'), {
    exitCode: 0,
    stdout: '',
    stderr: [
      `nc: connect to pod/default/web (${WEB}) port 79 (tcp) failed: Connection refused\n`,
      `Connection to pod/default/web (${WEB}) 80 port [tcp/http] succeeded!\n`,
      `nc: connect to pod/default/web (${WEB}) port 81 (tcp) failed: Connection refused\n`,
    ].join(''),
  });
  t.equal(toolIn(cluster, CLIENT, `nc -zuv ${WEB} 53`).exitCode, 1, 'port unreachable');
  t.same(toolIn(cluster, CLIENT, `nc -zu ${WEB} 53`), { exitCode: 0, stdout: '', stderr: '' }, 'nothing is sent');
  t.match(toolIn(fresh(), NODE, 'nc -zv -w1 172.18.0.99 80'), {
    exitCode: 1,
    stderr: 'nc: connect to 172.18.0.99 port 80 (tcp) timed out: Operation now in progress\n',
  });
  t.match(toolIn(cluster, CLIENT, `nc -zx ${WEB} 80`), {
    exitCode: 1,
    stderr: /^nc: invalid option -- 'x'\nusage: nc /,
  });
  t.end();
});

t.test('ping sends whether answers come or not, and says what came of it', (t) => {
  t.equal(
    toolIn(fresh(), NODE, 'ping -c3 172.18.0.99').stdout,
    `PING 172.18.0.99 (172.18.0.99) 56(84) bytes of data.
From 172.18.0.2 icmp_seq=1 Destination Host Unreachable
From 172.18.0.2 icmp_seq=2 Destination Host Unreachable
From 172.18.0.2 icmp_seq=3 Destination Host Unreachable

--- 172.18.0.99 ping statistics ---
3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 2000ms
pipe 3
`,
  );
  t.equal(
    toolIn(fresh(), NODE, 'ping -c 2 -W 1 172.18.0.99').stdout,
    `PING 172.18.0.99 (172.18.0.99) 56(84) bytes of data.

--- 172.18.0.99 ping statistics ---
2 packets transmitted, 0 received, 100% packet loss, time 1000ms

`,
  );
  const cluster = fresh();
  t.match(
    toolIn(cluster, CLIENT, `ping -qc2 ${WEB}`).stdout,
    /data\.\n\n--- 192.* 2 received, 0% packet loss, time 1000ms\nrtt /s,
  );
  t.match(toolIn(cluster, CLIENT, `ping -c1 -t1 ${WEB}`), {
    exitCode: 1,
    stdout: /From 172\.18\.0\.2 icmp_seq=1 Time to live exceeded\n/,
  });
  t.match(
    toolIn(cluster, NODE, 'ping -c1 -I eth0 172.18.0.3').stdout,
    /^PING 172\.18\.0\.3 \(172\.18\.0\.3\) from 172\.18\.0\.2 eth0: 56\(84\)/,
  );
  t.match(
    toolIn(cluster, NODE, 'ping -c1 -s8 172.18.0.3').stdout,
    /^16 bytes from 172\.18\.0\.3: icmp_seq=1 ttl=64\n/m,
  );
  t.match(toolIn(cluster, NODE, 'ping -I nope 172.18.0.3'), { exitCode: 2, stderr: 'ping: unknown iface: nope\n' });
  t.match(toolIn(cluster, NODE, 'ping -c0 172.18.0.3'), { exitCode: 1, stderr: /invalid argument: '0'/ });
  t.match(toolIn(cluster, NODE, 'ping -Z 172.18.0.3'), { exitCode: 2, stderr: "ping: invalid option -- 'Z'\n" });
  t.match(toolIn(cluster, NODE, 'ping'), { exitCode: 1, stderr: /Destination address required/ });
  t.end();
});

t.test('traceroute names who answers, and what an unreachable means', (t) => {
  const cluster = fresh();
  t.equal(
    outputOf(cluster, CLIENT, `traceroute -n -q1 ${WEB}`).replaceAll(/ {2}[\d.]+ ms/g, ''),
    `traceroute to ${WEB} (${WEB}), 30 hops max, 60 byte packets\n 1  172.18.0.2\n 2  192.168.104.0\n 3  ${WEB}\n`,
  );
  t.match(
    outputOf(cluster, CLIENT, `traceroute -I ${WEB}`),
    /^ 3 {2}192\.168\.104\.1 \(192\.168\.104\.1\)( {2}0\.\d{3} ms){3}$/m,
  );
  t.match(
    outputOf(cluster, NODE, 'traceroute -q1 1.2.3.4'),
    /^ 1 {2}172\.18\.0\.1 \(172\.18\.0\.1\) {2}0\.\d+ ms !N$/m,
  );
  t.match(outputOf(cluster, NODE, 'traceroute -q1 -w1 -m2 172.18.0.99'), / 1 {2}\*\n 2 {2}\*\n$/);
  t.equal(toolIn(cluster, NODE, 'traceroute nowhere').exitCode, 2);
  t.match(toolIn(cluster, NODE, 'traceroute -m 300 1.2.3.4'), { exitCode: 2, stderr: /max hops cannot be more/ });
  t.end();
});

t.test('conntrack -L has what was sent', (t) => {
  const cluster = fresh();
  toolIn(cluster, CLIENT, `ping -c 1 ${WEB}`);
  t.match(
    outputOf(cluster, NODE, 'conntrack -L -p icmp'),
    /^icmp +1 \d+ src=192\.168\.166\.129 dst=192\.168\.104\.1 type=8 code=0 id=\d+ packets=1 bytes=84 src=192\.168\.104\.1 dst=192\.168\.166\.129 type=0 code=0 id=\d+ /m,
  );
  t.end();
});

t.test('conntrack takes the options that choose and count', (t) => {
  const cluster = fresh();
  toolIn(cluster, CLIENT, `ping -c 1 ${WEB}`);
  toolIn(cluster, CLIENT, `nc -z ${WEB} 80`);
  const listed = (options: string): number =>
    outputOf(cluster, NODE, `conntrack -L ${options}`.trim()).split('\n').length - 1;
  t.equal(listed(''), 2);
  t.equal(listed('-p tcp'), 1);
  t.equal(listed('-p tcp --dport 80'), 1);
  t.equal(listed('-p tcp --dport 81'), 0);
  t.equal(listed('-s 192.168.166.129'), 2);
  t.equal(listed('--src 192.168.166.0/24 -d 10.0.0.0/8'), 0);
  t.equal(listed(`-r ${WEB} -p icmp`), 1);
  t.equal(listed('-u UNREPLIED'), 0);
  t.equal(listed('-u SEEN_REPLY'), 2);
  t.equal(listed('--src-nat'), 0);
  t.equal(listed('-f ipv6'), 0);
  t.match(outputOf(cluster, NODE, 'conntrack -L -p tcp -o extended,id'), /^ipv4 {5}2 tcp .* use=1 id=\d+$/m);
  t.equal(outputOf(cluster, NODE, 'conntrack -C'), '2\n');
  t.match(outputOf(cluster, NODE, 'conntrack -S'), /^cpu=0 {3}\tfound=0 invalid=0 /);
  const wrong = (options: string): string => toolIn(cluster, NODE, `conntrack -L ${options}`).stderr;
  t.match(wrong('--sport 5'), /: unknown option `--sport'\nTry `conntrack -h'/);
  t.match(wrong('-p tcp --state FOO'), /: unknown TCP state `FOO'\n/);
  t.match(wrong('-p foo'), /: `foo' unsupported protocol\n/);
  t.match(wrong('-s x'), /: Invalid IP address `x'\n/);
  t.equal(toolIn(cluster, NODE, 'conntrack -L -o foo').exitCode, 2);
  t.match(toolIn(cluster, NODE, 'conntrack -D -p icmp'), { exitCode: 0, stderr: /1 flow entries have been deleted/ });
  t.equal(listed(''), 1);
  t.end();
});

t.test('ipset takes options before and behind the name, and tests', (t) => {
  const cluster = fresh();
  const set = 'cali40all-vxlan-net';
  t.equal(outputOf(cluster, NODE, `ipset list ${set} -n`), `${set}\n`);
  t.equal(outputOf(cluster, NODE, `ipset -L -n ${set}`), `${set}\n`);
  t.notMatch(outputOf(cluster, NODE, `ipset list -t ${set}`), 'Members');
  t.equal(outputOf(cluster, NODE, `ipset list ${set} -o save`), outputOf(cluster, NODE, `ipset save ${set}`));
  t.same(toolIn(cluster, NODE, `ipset test ${set} 172.18.0.3`), {
    exitCode: 0,
    stdout: '',
    stderr: `Warning: 172.18.0.3 is in set ${set}.\n`,
  });
  t.same(toolIn(cluster, NODE, `ipset test ${set} 1.2.3.4`), {
    exitCode: 1,
    stdout: '',
    stderr: `1.2.3.4 is NOT in set ${set}.\n`,
  });
  t.match(toolIn(cluster, NODE, 'ipset bogus'), {
    exitCode: 2,
    stderr: /No command specified: unknown argument bogus\n/,
  });
  t.match(toolIn(cluster, NODE, `ipset add ${set} 1.1.1.1`), { exitCode: 2, stderr: /only what shows/ });
  t.end();
});

t.test('sysctl shows folders, names, values and what a pattern chooses', (t) => {
  const cluster = fresh();
  t.match(outputOf(cluster, NODE, 'sysctl net.ipv4.neigh.lo'), /^net\.ipv4\.neigh\.lo\.app_solicit = 0$/m);
  t.equal(outputOf(cluster, NODE, 'sysctl -N net.ipv4.ip_forward'), 'net.ipv4.ip_forward\n');
  t.equal(outputOf(cluster, NODE, 'sysctl -a -r ip_forward$'), 'net.ipv4.ip_forward = 1\n');
  t.equal(outputOf(cluster, NODE, 'sysctl -e net.none'), '');
  t.end();
});

t.test('a namespace of the node is reached by its name', (t) => {
  const cluster = fresh();
  const [name = ''] = outputOf(cluster, NODE, 'ip netns').split(/\s/);
  t.match(name, /^cni-/);
  t.equal(outputOf(cluster, NODE, `ip -n ${name} route`), outputOf(cluster, CLIENT, 'ip route'));
  t.equal(outputOf(cluster, NODE, `ip netns exec ${name} ip -br addr`), outputOf(cluster, CLIENT, 'ip -br addr'));
  const inside = outputOf(cluster, CLIENT, 'ip -br addr');
  t.equal(outputOf(cluster, NODE, 'ip -all netns exec ip -br addr'), `\nnetns: ${name}\n${inside}`);
  for (const net of [`--net=/run/netns/${name}`, `-n/var/run/netns/${name} --`])
    t.equal(outputOf(cluster, NODE, `nsenter ${net} ip -br addr`), inside);
  t.match(toolIn(cluster, NODE, 'nsenter --net=/run/netns/none ip addr'), {
    exitCode: 1,
    stderr: 'nsenter: cannot open /run/netns/none: No such file or directory\n',
  });
  t.match(toolIn(cluster, NODE, 'docker ps'), { exitCode: 2, stderr: /"crictl ps" and "crictl pods" show/ });
  t.equal(outputOf(cluster, CLIENT, 'ip netns'), '', 'its names are the machine’s');
  t.match(toolIn(cluster, NODE, 'ip -n none addr'), { exitCode: 255, stderr: /Cannot open network namespace "none"/ });
  t.end();
});

t.test('who asks for IPv6 is told that there is none, and who listens why that is in vain', (t) => {
  const cluster = fresh();
  const commands: readonly (readonly [command: string, exitCode: number])[] = [
    ['ip -6 route', 1],
    ['ip -f inet6 -j addr show eth0', 1],
    ['ip route get fd00::1', 1],
    ['ss -tln6', 1],
    ['ip6tables -S', 2],
    ['ip6tables-save', 2],
    ['ping -6 -c 1 node1', 2],
    ['ping -c 1 fd00::1', 2],
    ['nc -z fd00::1 80', 2],
    ['traceroute -6 node2', 2],
    ['curl -g http://[fd00::1]:80/', 2],
    ['wget http://[fd00::1]/', 2],
    ['dig @fd00::10 web', 2],
  ];
  for (const [command, exitCode] of commands)
    t.match(toolIn(cluster, NODE, command), { exitCode, stdout: '', stderr: /: IPv6 is not modelled: / }, command);
  t.match(toolIn(cluster, NODE, 'ss -46tln'), { exitCode: 0 });
  t.match(toolIn(cluster, NODE, 'ip link set address 02:00:00:00:00:01 dev eth0'), { stderr: /only what shows/ });
  t.match(toolIn(cluster, NODE, 'tcpdump -ni eth0'), {
    exitCode: 2,
    stderr: /podwire trace -f PATH -o pcapng.*podwire serve/s,
  });
  t.match(toolIn(cluster, NODE, 'nft list ruleset'), { exitCode: 2, stderr: /^nft: .*iptables-save/ });
  t.end();
});

t.test('telnet tells whether a port is open, uname where it runs, time how long it took', (t) => {
  const cluster = fresh();
  t.match(toolIn(cluster, CLIENT, `telnet ${WEB} 80`), {
    exitCode: 0,
    stdout: `Trying ${WEB}...\nConnected to ${WEB}.\nEscape character is '^]'.\n`,
  });
  t.same(toolIn(cluster, CLIENT, `telnet ${WEB} 81`), {
    exitCode: 1,
    stdout: `Trying ${WEB}...\n`,
    stderr: 'telnet: Unable to connect to remote host: Connection refused\n',
  });
  t.match(toolIn(cluster, CLIENT, 'telnet nowhere 80'), {
    exitCode: 1,
    stdout: /^Server lookup failure: {2}nowhere:80, /,
  });
  t.equal(outputOf(cluster, NODE, 'uname -n'), 'node1\n');
  t.match(outputOf(cluster, CLIENT, 'uname -a'), /^Linux client 6\.\S+ .* x86_64 GNU\/Linux\n$/);
  t.equal(outputOf(cluster, NODE, 'uname -sm'), 'Linux x86_64\n');
  t.match(toolIn(cluster, NODE, 'uname -x'), { exitCode: 1, stderr: /^uname: invalid option -- 'x'\n/ });
  t.same(toolIn(cluster, NODE, 'time sleep 61.5'), {
    exitCode: 0,
    stdout: '',
    stderr: '\nreal\t1m1.500s\nuser\t0m0.000s\nsys\t0m0.000s\n',
  });
  t.match(toolIn(cluster, NODE, 'top'), { exitCode: 2, stderr: /"ps" lists them/ });
  t.end();
});

t.test('what is not offered says so', (t) => {
  const cluster = fresh();
  t.match(toolIn(cluster, NODE, 'nmap x'), { exitCode: 127, stderr: /nmap: command not found; podwire offers .*ip/ });
  t.match(toolIn(cluster, NODE, 'ip route add default via 1.2.3.4'), { exitCode: 1, stderr: /only what shows/ });
  t.match(toolIn(cluster, NODE, 'ping -c 1 172.18.0.255'), {
    exitCode: 2,
    stdout: '',
    stderr: 'ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules\n',
  });
  t.match(toolIn(cluster, NODE, 'ping -b -c 1 -W 1 172.18.0.255'), {
    exitCode: 1,
    stdout: /^PING 172\.18\.0\.255 [^]* 100% packet loss/,
    stderr: 'WARNING: pinging broadcast address\n',
  });
  t.match(toolIn(cluster, NODE, 'nc -l -p 80'), { exitCode: 2, stderr: /^nc: -l: nobody connects while it listens/ });
  t.match(toolIn(cluster, NODE, 'ip mon'), { exitCode: 1, stderr: /^ip monitor: nothing happens while it listens/ });
  t.match(toolIn(cluster, NODE, 'ip foo'), { exitCode: 1, stderr: 'Object "foo" is unknown, try "ip help".\n' });
  t.match(toolIn(cluster, NODE, 'ip link show none'), { exitCode: 1, stderr: 'Device "none" does not exist.\n' });
  t.match(toolIn(cluster, CLIENT, 'cat /etc/passwd'), {
    exitCode: 1,
    stderr: 'cat: /etc/passwd: No such file or directory\n',
  });
  t.match(toolIn(cluster, NODE, 'sysctl net.none'), { exitCode: 1, stderr: /cannot stat \/proc\/sys\/net\/none/ });
  t.equal(toolIn(cluster, NODE, 'constructor').exitCode, 127);
  t.end();
});

t.test('ping records routes and times, floods, fills requests, and waits for answers until its time is up', (t) => {
  const cluster = loadTopology('two-nodes-vxlan');
  const ping = (words: string) => toolIn(cluster, CLIENT, `ping ${words}`);
  t.match(
    ping('-c2 -R 192.168.104.1').stdout,
    'bytes of data.\n64 bytes from 192.168.104.1: icmp_seq=1 ttl=62 time=0.160 ms\nRR: \t192.168.166.129\n\t192.168.166.128\n' +
      '\t172.18.0.3\n\t192.168.104.1\n\t192.168.104.1\n\t192.168.104.0\n\t172.18.0.2\n\t192.168.166.129\n\n' +
      '64 bytes from 192.168.104.1: icmp_seq=2 ttl=62 time=0.080 ms\t(same route)\n\n---',
  );
  t.match(
    ping('-c1 -T tsandaddr 192.168.104.1').stdout,
    /^PING 192\.168\.104\.1 \(192\.168\.104\.1\) 56\(124\) .*\n.*\nTS: \t192\.168\.166\.129\t\d+ absolute\n(?:\t\S+\t0\n){3}\nUnrecorded hops: 3\n\n\n---/,
  );
  t.match(
    ping('-c1 -T tsprespec 192.168.104.1 192.168.166.129 192.168.104.1').stdout,
    /TS: \t192\.168\.104\.1\t\d+ absolute\n\t192\.168\.166\.129\t0\n\n\n---/,
  );
  t.match(
    ping('-f -c 3 192.168.104.1').stdout,
    /data\.\n(?:\.[\b] [\b]){3}\n---.*\n3 packets.*\nrtt .*, ipg\/ewma 0\.080\/0\.080 ms\n$/,
  );
  t.match(ping('-f -w 1 192.168.104.77'), { exitCode: 1, stdout: /\n\.{100}\n---.*\n100 packets .*, time 990ms\n/ });
  t.match(
    ping('-c 4 -i 0.2 -w 2 192.168.104.77').stdout,
    '\n10 packets transmitted, 0 received, 100% packet loss, time 1800ms\n',
  );
  t.match(ping('-c 5 -w 1 192.168.104.1'), { exitCode: 1, stdout: '1 packets transmitted, 1 received' });
  t.match(ping('-c1 -p abc 192.168.104.1').stdout, /^PATTERN: 0xab0c\nPING /);
  t.match(ping('-c2 -l2 192.168.104.1').stdout, /, pipe 2\n$/);
  for (const [words, said] of [
    ['-R -T tsonly 10.0.0.1', 'only one of -T or -R may be used'],
    ['-T when 10.0.0.1', 'invalid timestamp type: when'],
    ['-p xy 10.0.0.1', 'patterns must be specified as hex digits: xy'],
    ['-Q 256 10.0.0.1', 'the decimal value of TOS bits must be in range 0-255: 256'],
    ['-t 0 10.0.0.1', 'cannot set unicast time-to-live: Invalid argument'],
    ['-M some 10.0.0.1', 'invalid -M argument: some'],
    ['-z 10.0.0.1', "invalid option -- 'z'\n\nUsage\n  ping [options] <destination>\n"],
  ] as const)
    t.match(ping(words), { exitCode: 2, stderr: `ping: ${said}` }, words);
  t.end();
});
