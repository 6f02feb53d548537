/** ipset command lines, here and in the real tool: what is printed and what is refused. */

import t from 'tap';
import fc from 'fast-check';
import { Clock, IpsetError, IpsetTable } from '../../../src/kernel/index.js';
import { splitWords } from '../../../src/kernel/netfilter/text/tokenize.js';
import { needsRealTools, runReal } from '../netfilter/real-iptables.js';

const COMMANDS = `
create a hash:ip
create a hash:ip
create a hash:ip -exist
create a hash:net -exist
create b hash:net family inet maxelem 10 hashsize 64 timeout 100 counters comment
create c hash:ip,port skbinfo
create d hash:ip,port,ip forceadd
create e hash:ip,port,net
create g bitmap:port range 0-65535
create h bitmap:port range 10-20 timeout 500
create l list:set size 4
create l2 list:set
create n hash:net,port
create o bitmap:ip range 10.0.0.0/24
create o2 bitmap:ip range 10.0.0.0-10.0.255.255 netmask 24
create p hash:ip netmask 24
create v nosuch:type
create w bitmap:port
create x hash:ip bogus 3
create toolongname89012345678901234567890123 hash:ip
create y hash:ip hashsize 100 maxelem 1 initval 0x12345678
create 6 hash:ip family inet6
create 62 hash:net -6
create z1 hash:ip comment counters skbinfo forceadd timeout 5 netmask 20 hashsize 5 maxelem 7
create z2 hash:net comment counters skbinfo timeout 0
create z3 bitmap:port range 100-10 counters comment timeout 3 skbinfo
create z4 bitmap:ip range 10.0.0.0/16 netmask 24 counters timeout 700 comment
create z5 list:set size 3 timeout 500 counters comment
create z6 hash:ip timeout 99999999
create z7 iphash
create z8 nethash --hashsize 64
create z9 hash:ip family inet5
create zz hash:ip hashsize foo
create zz bitmap:ip range 10.0.0.0/8
create zz bitmap:port range 5
create zz hash:ip hashsize
save
add a 1.2.3.4
add a 1.2.3.4
add a 1.2.3.4 -exist
add a 1.2.3.0/30
add a 1.2.3.0/30 -exist
add a 1.2.4.0-1.2.4.2
add a 0.0.0.0
add a 1.2.3.4,5
add a 1.2.3.4 timeout 3
add a 1.2.3.4 comment x
add a 1.2.3.9 nomatch
add a 2.0.0.0/33
add a 2.0.0.0/0
add nos 1.2.3.4
add b 10.0.0.0/8
add b 10.1.2.3/16 timeout 50 comment "hello world"
add b 10.1.2.3/24 nomatch packets 3 bytes 5
add b 0.0.0.0/0
add b 10.1.2.3 timeout 0
add b 10.2.0.0-10.2.0.255
add b 10.3.0.1-10.3.0.3
add c 1.2.3.4,80
add c 1.2.3.4,tcp:81
add c 1.2.3.4,udp:53-55
add c 1.2.3.4,sctp:9
add c 1.2.3.4,icmp:echo-request
add c 1.2.3.4,icmp:8/0
add c 1.2.3.4,icmp:3/4
add c 1.2.3.4,icmp:40/7
add c 1.2.3.4,icmp:80
add c 1.2.3.4,vrrp:0
add c 1.2.3.4,112:0
add c 1.2.3.4,200:0
add c 1.2.3.4,gre:5
add c 1.2.3.4,udplite:9
add c 1.2.3.4,tcp:7-3
add c 1.2.3.4
add c 1.2.3.0/31,tcp:5
add d 1.2.3.4,80,5.6.7.8
add d 1.2.3.4,tcp:80,1.2.3.4
add d 10.0.0.0/30,tcp:5-7,5.6.7.8
add d 10.0.0.0,tcp:5
add e 1.2.3.4,tcp:80,5.6.7.8
add e 1.2.3.4,tcp:80,5.6.7.0/24
add e 1.2.3.4,tcp:80,0.0.0.0/0
add g 80
add g 5-8
add g tcp:9
add h 30
add h 12 timeout 90
add h 99999999
add l a
add l b
add l c before b
add l d after a
add l l2
add l a
add l nos
add l2 a
add n 10.0.0.0/8,tcp:80
add n 10.0.0.5,81
add n 10.0.0.0/24
add n 10.0.0.0/0,tcp:5
add n 10.0.0.0-10.0.0.3,5-6
add o 10.0.0.5
add o 10.0.1.5
add o2 10.0.7.9
add p 10.0.7.9
add y 1.1.1.1
add y 1.1.1.2
add z2 10.0.0.0/8 packets 5
save
list a
list b
list g
list l
test a 1.2.3.4
test a 1.2.3.5
test b 10.1.2.9
test b 10.1.2.9 nomatch
test b 10.1.3.9
test b 11.1.3.9
test c 1.2.3.4,udp:54
test g 8
test l a
test l c
del a 1.2.3.4
del a 1.2.3.4
del a 1.2.3.4 -exist
del a 1.2.3.0/31
del l d
del nos 1.2.3.4
swap a b
swap a p
swap a nos
save a
rename a b
rename p b
rename p pp
rename nos x
destroy c
destroy nos
flush nos
flush l
flush
destroy
list
`
  .trim()
  .split('\n');

/** The kernel prints hash elements in the order of its hash; sizes and hash seeds are its own. */
function comparable(text: string): string {
  const lines = text
    .split('\n')
    .filter((line) => !/^(Try `ipset help|Size in memory)/.test(line))
    .map((line) =>
      line.replace(/initval 0x\w+/, 'initval 0x…').replace(/^(add \S+ |)(\d\S*) timeout \d+/, '$1$2 timeout …'),
    );
  const sorted: string[] = [];
  const block: string[] = [];
  const flush = (): void => {
    sorted.push(...block.splice(0).toSorted());
  };
  for (const line of lines) {
    // Elements: everything in a save after its create, everything in a list after `Members:`.
    if (/^(add|\d)/.test(line) && !line.startsWith('add l')) block.push(line);
    else {
      flush();
      sorted.push(line);
    }
  }
  flush();
  return sorted.join('\n').trim();
}

function runOurs(table: IpsetTable, command: string): string {
  try {
    const { words } = splitWords(command);
    return table.execute(words);
  } catch (error) {
    if (!(error instanceof IpsetError)) throw error;
    return `ipset v7.17: ${error.message}`;
  }
}

t.test('ipset commands print what the real ones print', needsRealTools(), (t) => {
  const script = COMMANDS.map((command) => `ipset ${command} 2>&1; echo @@`).join('\n');
  const real = runReal('bash', script).stdout.split('@@\n');
  const table = new IpsetTable();
  COMMANDS.forEach((command, i) => {
    t.equal(comparable(runOurs(table, command)), comparable(real[i] ?? ''), `ipset ${command}`);
  });
  t.end();
});

const RESTORES: readonly string[] = [
  'create k1 hash:ip\nadd k1 1.1.1.1\nadd k1 1.1.1.1\nadd k1 1.1.1.2\n',
  '# c\n\nadd k1 5.5.5.5 -exist\nflush k1\ndestroy k1\nfoo k1\n',
  'create k1 hash:ip comment\nadd k1 1.1.1.1 comment "a b c"\n-A k1 2.2.2.2\nCOMMIT\n',
  'add k1 3.3.3.3\nswap k1 k9\nadd k1 4.4.4.4\n',
  'create k2 hash:ip\ncreate k3 bitmap:port range 1-5\nadd k3 9\ncreate k4 hash:ip\n',
];

t.test('ipset restore stops at the first error and keeps what came before it', needsRealTools(), (t) => {
  const script = RESTORES.map((text) => `ipset restore <<'END' 2>&1\n${text}END\nipset save\necho @@`);
  const real = runReal('bash', script.join('\n')).stdout.split('@@\n');
  const table = new IpsetTable();
  RESTORES.forEach((text, i) => {
    const printed = table.restore(text).map(({ line, message }) => {
      const said = message.startsWith('No command') ? '' : `Error in line ${line}: `;
      return `ipset v7.17: ${said}${message}\n`;
    });
    t.equal(comparable(printed.join('') + table.save()), comparable(real[i] ?? ''), text);
  });
  t.end();
});

t.test('every ICMP name that ipset prints is ours', needsRealTools(), (t) => {
  const elements: string[] = [];
  for (let type = 0; type <= 20; type++)
    for (let code = 0; code <= 16; code++) elements.push(`1.1.1.1,icmp:${type}/${code}`);
  const text = `create i hash:ip,port\n${elements.map((element) => `add i ${element}\n`).join('')}`;
  const table = new IpsetTable();
  t.same(table.restore(text), []);
  t.equal(comparable(table.save()), comparable(runReal('ipset restore && ipset save', text).stdout));
  t.end();
});

t.test('elements are listed in numeric order, not in that of a hash', (t) => {
  const table = new IpsetTable();
  table.restore('create s hash:net\nadd s 200.0.0.0/8\nadd s 10.0.0.0/16\nadd s 10.0.0.0/8\nadd s 9.9.9.9\n');
  t.same(table.require('s').members(), ['9.9.9.9', '10.0.0.0/8', '10.0.0.0/16', '200.0.0.0/8']);
  t.end();
});

t.test('elements go when their time is over', (t) => {
  const clock = new Clock();
  const table = new IpsetTable(clock);
  table.restore('create s hash:ip timeout 10\nadd s 1.1.1.1\nadd s 1.1.1.2 timeout 20\nadd s 1.1.1.3 timeout 0\n');
  clock.moveTo(9_999_999_999);
  t.same(table.require('s').members(), ['1.1.1.1 timeout 1', '1.1.1.2 timeout 10', '1.1.1.3 timeout 0']);
  clock.moveTo(10_000_000_000);
  t.same(table.require('s').members(), ['1.1.1.2 timeout 10', '1.1.1.3 timeout 0']);
  t.equal(table.require('s').size, 2);
  clock.moveTo(20_000_000_000);
  t.same(table.require('s').members(), ['1.1.1.3 timeout 0']);
  t.end();
});

t.test('sets of a state are made as they were, and a state changes what is there', (t) => {
  const table = new IpsetTable();
  table.restore(
    'create a hash:ip comment\nadd a 1.1.1.1 comment "two words"\ncreate n hash:net,net\nadd n 10.0.0.0/8,0.0.0.0/1 nomatch\n' +
      'create l list:set\nadd l n\nadd l a\ncreate six hash:net family inet6\nadd six fd00::/64\n' +
      'create m hash:mac\nadd m 02:00:00:00:00:0a\ncreate f hash:net,iface\nadd f 10.0.0.0/8,eth0\n',
  );
  const state = table.state();
  const other = new IpsetTable();
  other.restore(
    'create a hash:ip comment\nadd a 9.9.9.9\ncreate gone hash:ip\ncreate m hash:ip\ncreate l list:set\nadd l gone\n',
  );
  other.apply(state);
  t.equal(other.save(), table.save());
  other.apply([{ name: 'a', type: 'hash:ip', options: 'family inet comment', members: [], because: [] }]);
  t.match(other.save(), /^create a hash:ip [^\n]+\n$/);
  t.end();
});

t.test('a type that is not modelled is kept and reported', (t) => {
  const table = new IpsetTable();
  t.same(table.restore('create f hash:net,iface family inet hashsize 64 maxelem 7\nadd f 10.0.0.0/8,eth0\n'), [
    { line: 1, severity: 'unmodelled', message: 'set type hash:net,iface is not modelled' },
  ]);
  t.equal(table.save(), 'create f hash:net,iface family inet hashsize 64 maxelem 7\nadd f 10.0.0.0/8,eth0\n');
  t.end();
});

t.test('what a set holds, saved and restored, is the same', (t) => {
  const addr = fc
    .integer({ min: 1, max: 0xffff_fffe })
    .map((n) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join('.'));
  const net = fc.tuple(addr, fc.integer({ min: 1, max: 32 })).map(([a, length]) => `${a}/${length}`);
  const port = fc
    .tuple(fc.constantFrom('tcp', 'udp', 'sctp'), fc.integer({ min: 0, max: 65_535 }))
    .map(([p, n]) => `${p}:${n}`);
  const cases: readonly (readonly [string, fc.Arbitrary<string>])[] = [
    ['hash:ip', addr],
    ['hash:net', net],
    ['hash:ip,port', fc.tuple(addr, port).map((parts) => parts.join())],
    ['hash:ip,port,ip', fc.tuple(addr, port, addr).map((parts) => parts.join())],
    ['hash:ip,port,net', fc.tuple(addr, port, net).map((parts) => parts.join())],
    ['hash:net,net', fc.tuple(net, net).map((parts) => parts.join())],
    ['hash:net,port', fc.tuple(net, port).map((parts) => parts.join())],
  ];
  for (const [type, element] of cases) {
    fc.assert(
      fc.property(fc.array(element, { maxLength: 20 }), fc.array(fc.nat(19)), (elements, deletions) => {
        const table = new IpsetTable();
        table.create('s', type);
        for (const each of elements) table.execute(['add', 's', each, '-exist']);
        for (const i of deletions) if (elements[i] !== undefined) table.execute(['del', 's', elements[i], '-exist']);
        const text = table.save();
        const other = new IpsetTable();
        other.restore(text);
        return other.save() === text && other.require('s').size === text.split('\n').length - 2;
      }),
      { numRuns: 50 },
    );
  }
  t.end();
});
