/** `ipset` beside the real one: the same sets in both, and the same questions. */

import t from 'tap';
import { Cluster } from '../../src/cluster/index.js';
import { ipset } from '../../src/tools/ipset.js';
import { newNetns } from '../kernel/netfilter/hosts.js';
import { needsRealTools, runReal } from '../kernel/netfilter/real-iptables.js';

const SETS = `create s1 hash:ip timeout 1000 counters
create s2 hash:ip,port comment
create hn hash:net
create bp bitmap:port range 100-200
create bi bitmap:ip range 10.0.0.0/24
create e1 hash:ip
create l1 list:set
add s1 10.0.0.9
add s1 10.0.0.10
add s1 9.0.0.10
add s2 10.0.0.1,tcp:80 comment "a b"
add hn 10.0.0.0/8
add hn 10.0.0.0/24 nomatch
add bp 150
add bi 10.0.0.5
add l1 hn
`;

const COMMANDS = [
  'test bp 150',
  'test bp 99',
  'test bp 250',
  'test bp 70000',
  'test bp -5',
  'test bp foo',
  'test bp http',
  'test bp udp:domain',
  'test bp tcp:150',
  'test bp 150-160',
  'test bi 10.0.1.5',
  'test bi 10.0.0.5',
  'test bi 10.0.0.0/25',
  'test s1 10.0.0.0/24',
  'test s1 10.0.0.9/24',
  'test s1 10.0.0.9/32',
  'test s1 10.0.0.9-10.0.0.20',
  'test s1 0.0.0.0',
  'test s1 foo',
  'test s1 10.0.0.99',
  'test s1 10.0.0.9 timeout 5',
  'test s1 10.0.0.9 nomatch',
  'test s1 10.0.0.9 foo',
  'test s1 10.0.0.9 -exist',
  'test s2 10.0.0.1,80',
  'test s2 10.0.0.1,TCP:http',
  'test s2 10.0.0.1,udp:http',
  'test s2 10.0.0.1,foo:80',
  'test s2 10.0.0.1,icmp:ping',
  'test s2 10.0.0.1,icmp:foo',
  'test s2 10.0.0.1,vrrp:5',
  'test s2 10.0.0.1,tcp:80-90',
  'test s2 10.0.0.1-10.0.0.4,tcp:80',
  'test s2 10.0.0.1/24,tcp:80',
  'test s2 10.0.0.1',
  'test s2 10.0.0.1,80,5',
  'test hn 10.0.0.1',
  'test hn 10.0.0.1 nomatch',
  'test hn 10.1.0.1',
  'test hn 10.0.0.0/8',
  'test hn 10.0.0.0/0',
  'test hn foo',
  'test hn 10.0.0.0-10.0.0.255',
  'test l1 hn',
  'test l1 s1',
  'test l1 nope',
  'test none 1.1.1.1',
  'test s1',
  'test',
  '-q test s1 10.0.0.9',
  '-q test s1 10.0.0.99',
  'test s1 10.0.0.99 -q',
  '-quiet list none',
  '--quiet list none',
  '-q foo',
  '-q',
  't s1 10.0.0.9',
  '-T s1 10.0.0.9',
  'list',
  'l s1',
  'li',
  '--list s1',
  '-L s1',
  '-list s1',
  'list -n',
  '-n list',
  'list s1 -name',
  'list -t',
  '-terse list s1',
  'list l1 -t -n',
  'list s1 -s',
  'save',
  'sa s1',
  's s1',
  '-S s1',
  'save s1 -s -t -n',
  'list s1 -o save',
  '-output save list s1',
  'list -o xml',
  'list -o xml -t s1',
  'list -o xml -n',
  'save -o xml s2',
  'save -o plain s1',
  'list s1 -o plain -o save',
  'list -o foo s1',
  'list -o',
  '-o xml',
  '-n',
  'list -f',
  'list none',
  'list s1 s2',
  'save s1 foo',
  'list --foo',
  'list s1 -nt',
  '-Ln',
  '--foo list',
  '',
  'v',
  '-v',
  '-V',
  '--version',
  '-version',
  'list -r bp',
  '-! list bp',
];

/** Seeds and sizes are the kernel's own, seconds pass, and members come in the order of a hash. */
const alike = (text: string): string =>
  text
    .replaceAll(/^(Size in memory: |<memsize>)\d+/gm, '$1N')
    .replaceAll(/(initval\W)0x\w+/g, '$1N')
    .replaceAll(/(timeout\W)\d{3,4}\b/g, '$1N')
    .split('\n')
    .sort()
    .join('\n');

t.test('ipset lists and tests what the real one does', needsRealTools(), (t) => {
  const netns = newNetns();
  t.same(netns.ipsets.restore(SETS), []);
  const script = COMMANDS.map((command) => `ipset ${command} 2>&1; echo "status $?@@"`).join('\n');
  const real = runReal(`ipset restore && { ${script}\n}`, SETS).stdout.split('@@\n');
  COMMANDS.forEach((command, i) => {
    const words = command.split(' ').filter((word) => word !== '');
    const { stdout, stderr, exitCode } = ipset({ cluster: new Cluster([]), netns, pod: undefined }, words);
    t.equal(alike(`${stdout}${stderr}status ${exitCode}`), alike(real[i] ?? ''), `ipset ${command}`);
  });
  t.end();
});

t.test('ipset changes nothing, by whatever beginning of a command', (t) => {
  const netns = newNetns();
  t.same(netns.ipsets.restore(SETS), []);
  for (const command of ['a s1 1.1.1.1', '-A s1 1.1.1.1', 'd s1 10.0.0.9', 'fl', '-X', 'r', 'list -f /tmp/sets'])
    t.match(
      ipset({ cluster: new Cluster([]), netns, pod: undefined }, command.split(' ')),
      { stdout: '', stderr: /only what shows is offered here/ },
      command,
    );
  t.equal(netns.ipsets.get('s1')?.size, 3);
  t.end();
});
