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
