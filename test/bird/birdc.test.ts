/** `birdc`: what the client of BIRD 2.0.12 and a daemon with the same configuration said to the same words. */

import t from 'tap';
import { Fabric } from './fabric.js';

const TEXT = `router id 1.1.1.1;
protocol device { }
protocol static s1 {
  ipv4;
  route 10.1.0.0/16 blackhole; route 10.1.2.0/24 blackhole; route 10.2.0.0/16 blackhole; route 0.0.0.0/0 blackhole;
}
protocol bgp b1 { local 127.0.0.1 as 1; neighbor 127.0.0.9 as 2; multihop; ipv4 { import all; export all; }; disabled; }
ipv4 table t2;
`;

const COUNTS = `4 of 4 routes for 4 networks in table master4
0 of 0 routes for 0 networks in table master6
Total: 4 of 4 routes for 4 networks in 2 tables`;

const ANSWERS: readonly (readonly [command: string, answer: string])[] = [
  [
    'show route in 10.1.0.0/16',
    'Table master4:\n10.1.2.0/24          blackhole [s1 T] * (200)\n10.1.0.0/16          blackhole [s1 T] * (200)',
  ],
  ['show route in 10.0.0.0/8 count', '3 of 3 routes for 3 networks in table master4'],
  ['show route in 99.0.0.0/8', ''],
  ['show route table t2', 'Table t2:'],
  ['show route for 10.1.2.3 count', ''],
  ['show route count', COUNTS],
  ['show route primary count', COUNTS],
  ['show route count table master4', '4 of 4 routes for 4 networks in table master4'],
  [
    'show route table t2 table master4 count',
    '0 of 0 routes for 0 networks in table t2\n4 of 4 routes for 4 networks in table master4\nTotal: 4 of 4 routes for 4 networks in 2 tables',
  ],
  ['s route count', COUNTS],
  [
    'sh prot',
    'Name       Proto      Table      State  Since         Info\ndevice1    Device     ---        up     T\ns1         Static     master4    up     T\nb1         BGP        ---        down   T',
  ],
  ['xyz', "No such command. Press `?' for help."],
  ['show', "No such command. Press `?' for help."],
  ['show xyz', "No such command. Press `?' for help."],
  ['show bfd sessions', 'There is no BFD protocol running'],
  ['show bfd sessions b1', 'b1: Not a BFD protocol'],
  ['show ospf', 'There is no OSPF protocol running'],
  ['show babel routes', 'There is no Babel protocol running'],
  ['show rip interfaces', 'There is no RIP protocol running'],
  ['show route frob', 'syntax error, unexpected CF_SYM_UNDEFINED'],
  ['show route where bgp_foo = 1', 'syntax error, unexpected CF_SYM_UNDEFINED'],
  ['show route filter nosuch', 'syntax error, unexpected CF_SYM_UNDEFINED'],
  ['show route protocol nosuch', 'syntax error, unexpected CF_SYM_UNDEFINED, expecting CF_SYM_KNOWN'],
  ['show route export nosuch', 'syntax error, unexpected CF_SYM_UNDEFINED, expecting CF_SYM_KNOWN or TABLE'],
  ['show route table nosuch', 'syntax error, unexpected CF_SYM_UNDEFINED, expecting CF_SYM_KNOWN or ALL'],
  ['show protocols nosuch', 'syntax error, unexpected CF_SYM_UNDEFINED, expecting END or CF_SYM_KNOWN or TEXT or ALL'],
  ['show static nosuch', 'syntax error, unexpected CF_SYM_UNDEFINED, expecting END or CF_SYM_KNOWN'],
  ['disable nosuch', 'syntax error, unexpected CF_SYM_UNDEFINED, expecting CF_SYM_KNOWN or TEXT or ALL'],
  ['disable', 'syntax error, unexpected END, expecting CF_SYM_KNOWN or TEXT or ALL'],
  ['reload', 'syntax error, unexpected END'],
  ['show status foo', 'syntax error, unexpected CF_SYM_UNDEFINED, expecting END'],
  ['eval nosuch', 'syntax error, unexpected CF_SYM_UNDEFINED'],
  ['eval 1/0', 'filter preevaluation, line 1: Mother told me not to divide by 0'],
  ['eval krt_mtu', 'runtime error'],
  ['show symbols table', 'master4 \trouting table\nmaster6 \trouting table\nt2      \trouting table'],
  ['show symbols b1', 'b1      \tprotocol'],
  ['show symbols nosuch', 'nosuch  \tundefined'],
  ['show route export b1', 'No valid tables'],
  ['show route noexport s1', 'No valid tables'],
  ['show route primary filtered', 'Incompatible show route options'],
  ['show route 10.1.0.0/16 10.2.0.0/16', 'Only one prefix expected'],
  ['show protocols b1 all', 'syntax error, unexpected ALL, expecting END'],
  ['debug b1 { states, routes }', ''],
  ['debug nosuch all', 'syntax error, unexpected CF_SYM_UNDEFINED, expecting CF_SYM_KNOWN or TEXT or ALL'],
  ['mrtdump', 'syntax error, unexpected END, expecting CF_SYM_KNOWN or TEXT or ALL'],
  ['dump routes', ''],
  ['echo', "syntax error, unexpected END, expecting OFF or '{' or ALL"],
  ['echo off', ''],
  ['restrict', 'Access restricted'],
  ['reload all', 'device1: reloading\ns1: reloading\nb1: already disabled'],
];

t.test('the words of commands, of tables and of what there is not', (t) => {
  const fabric = new Fabric();
  fabric.plug('a', 'eth0', 'lan', '192.0.2.1/24');
  const daemon = fabric.bird('a', TEXT);
  fabric.run(1);
  for (const [command, answer] of ANSWERS) {
    const [, ...lines] = daemon.birdc(command).split('\n');
    const said = lines.map((line) => line.replace(/\d\d:\d\d:\d\d\.\d{3}/, 'T').trimEnd());
    t.equal(said.join('\n').trimEnd(), answer, command);
  }
  const all = daemon.birdc('show route table all');
  t.match(all, /^Table master4:\n(?:\d.*\n){4}\nTable master6:\n\nTable t2:\n/m);
  t.match(
    daemon.birdc('show s'),
    /Ambiguous command, possible expansions are:\nshow static\nshow status\nshow symbols\n/,
  );
  fabric.end();
  t.end();
});

const KRT_ROUTES = `route 10.1.0.0/16 blackhole { krt_lock_mtu = true; krt_lock_hoplimit = true; krt_mtu = 1300; };
  route 10.2.0.0/16 blackhole { krt_feature_ecn = true; krt_rto_min = 200; krt_initcwnd = 9; };
  route 10.3.0.0/16 blackhole { krt_metric = 77; krt_source = 3; };`;

t.test('attributes of the kernel protocol: locks and features by name, and what 1.6 keeps of a filter’s', (t) => {
  for (const dialect of ['bird-1.6', 'bird-2'] as const) {
    const fabric = new Fabric();
    fabric.plug('a', 'eth0', 'lan', '192.0.2.1/24');
    const set = 'import filter { krt_source = 5; if net = 10.2.0.0/16 then krt_metric = 6; accept; };';
    const channel = dialect === 'bird-2' ? `ipv4 { ${set} };` : set;
    const text = `router id 1.1.1.1; protocol device { } protocol static { ${channel} ${KRT_ROUTES} }`;
    const daemon = fabric.bird('a', text, { dialect });
    fabric.run(1);
    const shown = (net: string): string[] =>
      daemon
        .birdc(`show route ${net} all`)
        .split('\n')
        .flatMap((line) => (line.startsWith('\tKernel') ? [line.slice(8)] : []));
    const of2 = (...lines: string[]): string[] => (dialect === 'bird-2' ? lines : []);
    t.strictSame(shown('10.1.0.0/16'), [...of2('source: 5'), 'lock: mtu hoplimit', 'mtu: 1300']);
    const features = ['initcwnd: 9', 'features: ecn', 'rto_min: 200'];
    t.strictSame(shown('10.2.0.0/16'), [...of2('source: 5', 'metric: 6'), ...features]);
    t.strictSame(shown('10.3.0.0/16'), [dialect === 'bird-2' ? 'source: 5' : 'source: 3', 'metric: 77']);
    fabric.end();
  }
  t.end();
});

t.test('interfaces as either dialect lists them', (t) => {
  const lines: Record<string, string[]> = {};
  for (const dialect of ['bird-1.6', 'bird-2'] as const) {
    const fabric = new Fabric();
    fabric.plug('a', 'eth0', 'lan', '192.0.2.2/24');
    for (const text of ['192.0.2.3/24', '10.0.0.2/31']) fabric.address('a', 'eth0', text);
    fabric.address('a', 'lo', '10.3.3.3/32');
    const { links } = fabric.machine('a');
    const bridge = links.addBridge({ name: 'br0' });
    links.set(links.addVeth({ name: 'v0' }, { name: 'v1' }), { master: bridge });
    const daemon = fabric.bird('a', 'router id 1.1.1.1; protocol device { }', { dialect });
    fabric.run(1);
    lines[dialect] = [
      ...daemon.birdc('show interfaces').split('\n'),
      ...daemon.birdc('show interfaces summary').split('\n'),
    ];
    fabric.end();
  }
  const { 'bird-1.6': old = [], 'bird-2': fresh = [] } = lines;
  const chosen = (from: readonly string[], pattern: RegExp): readonly string[] =>
    from.filter((line) => pattern.test(line));
  t.strictSame(chosen(old, /^(lo|v0|br0) |\(Prim|\(Sec|\(Unsel/), [
    'lo up (index=1)',
    '\t10.3.3.3/32 (Primary, scope site)',
    '\t127.0.0.1/8 (Unselected, scope host)',
    '\t10.0.0.2/31 (Primary, opposite 10.0.0.3, scope site)',
    '\t192.0.2.2/24 (Unselected, scope univ)',
    '\t192.0.2.3/24 (Secondary, scope univ)',
    'br0 DOWN (index=3)',
    'v0 DOWN (index=5 master=br0)',
    'lo        up    10.3.3.3/32',
    'br0       DOWN  ',
    'v0        DOWN  ',
  ]);
  t.strictSame(chosen(fresh, /^(lo|v0|br0) |scope/), [
    'lo up (index=1)',
    '\t127.0.0.1/8 (Preferred, scope host)',
    '\t10.3.3.3/32 (scope site)',
    '\t192.0.2.2/24 (Preferred, scope univ)',
    '\t10.0.0.2/31 (opposite 10.0.0.3, scope site)',
    '\t192.0.2.3/24 (Secondary, scope univ)',
    'br0 down (index=3)',
    'v0 down (index=5 master=br0)',
    'lo         up     127.0.0.1/8',
    'br0        down   ',
    'v0         down   ',
  ]);
  t.end();
});

const OLD = `router id 1.1.1.1; protocol device { }
protocol static s1 { route 10.1.0.0/16 blackhole; import filter { if net = 10.2.0.0/16 then reject; accept; }; import keep filtered; route 10.2.0.0/16 blackhole; }
protocol bgp b1 { local 127.0.0.1 as 1; neighbor 127.0.0.9 as 2; multihop; disabled; }
`;

const OLD_ANSWERS: readonly (readonly [command: string, answer: string])[] = [
  ['show route export b1', 'Protocol is down'],
  ['show route nosuch', 'IP address expected'],
  ['show route table all', 'syntax error'],
  ['show route 10.1.0.0/16 count', ''],
  ['show route count', '1 of 1 routes for 1 networks'],
  ['show route filtered count', '1 of 1 routes for 1 networks'],
  ['configure status', 'syntax error'],
  ['eval 1/0', 'runtime error'],
  ['debug nosuch all', 'nosuch is not a protocol'],
  ['reload all', 'device1: reload failed\ns1: reload failed\nb1: already disabled'],
];

t.test('and what 1.6.8 said', (t) => {
  const fabric = new Fabric();
  fabric.plug('a', 'eth0', 'lan', '192.0.2.1/24');
  const daemon = fabric.bird('a', OLD, { dialect: 'bird-1.6' });
  fabric.run(1);
  for (const [command, answer] of OLD_ANSWERS) {
    const [, ...lines] = daemon.birdc(command).split('\n');
    t.equal(lines.join('\n').trimEnd(), answer, command);
  }
  fabric.end();
  t.end();
});
