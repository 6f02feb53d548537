/** `protocol pipe`, as BIRD 2.0.12 and 1.6.8 say of it (test/conformance/bird/pipes.ts asks them anew). */

import t from 'tap';
import { Fabric } from './fabric.js';

const TWO = `router id 1.1.1.1;
ipv4 table t2; ipv4 table t3;
protocol device { }
protocol static s1 { ipv4; route 10.1.0.0/16 via 172.18.0.9; route 10.2.0.0/16 blackhole; }
protocol static s2 { ipv4 { table t2; }; route 10.9.0.0/16 blackhole; route 10.2.0.0/16 unreachable; }
protocol pipe p1 {
  table master4; peer table t2; import where net = 10.9.0.0/16;
  export filter { if net = 10.1.0.0/16 then preference = 50; accept; };
}
protocol pipe p2 { table t2; peer table t3; import all; export all; }
protocol pipe p3 { table t3; peer table master4; import none; export all; disabled; }
protocol kernel { ipv4 { table t2; export all; }; kernel table 100; }
`;

const lines = (text: string): string[] =>
  text
    .replaceAll(/\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?|\d\d:\d\d:\d\d(\.\d+)?/g, 'T')
    .trimEnd()
    .split('\n')
    .slice(1);

t.test('routes go from table to table, each with its origin, and into the kernel by a table of its own', (t) => {
  const log: string[] = [];
  const fabric = new Fabric();
  fabric.plug('a', 'eth0', 'lan', '172.18.0.1/24');
  const daemon = fabric.bird('a', TWO, { log: (text) => log.push(text) });
  fabric.run(2);
  t.strictSame(lines(daemon.birdc('show route table t2')), [
    'Table t2:',
    '10.1.0.0/16          unicast [s1 T] * (50)',
    '\tvia 172.18.0.9 on eth0',
    '10.9.0.0/16          blackhole [s2 T] * (200)',
    '10.2.0.0/16          unreachable [s2 T] * (200)',
    '                     blackhole [s1 T] (200)',
  ]);
  t.strictSame(lines(daemon.birdc('show protocols all p1')).slice(1), [
    'p1         Pipe       ---        up     T  master4 <=> t2',
    '  Channel main',
    '    Table:          master4',
    '    Peer table:     t2',
    '    Import state:   up',
    '    Export state:   up',
    '    Import filter:  (unnamed)',
    '    Export filter:  (unnamed)',
    '  Routes:         1 imported, 2 exported',
    '  Route change stats:     received   rejected   filtered    ignored   accepted',
    '    Import updates:              6          4          1          0          1',
    '    Import withdraws:            0          0        ---          0          0',
    '    Export updates:              3          1          0          0          2',
    '    Export withdraws:            0          0        ---          0          0',
  ]);
  t.strictSame(
    fabric
      .machine('a')
      .fib.listRoutes(100)
      .map((line) => line.trim())
      .toSorted(),
    [
      '10.1.0.0/16 via 172.18.0.9 dev eth0 proto bird metric 32',
      'blackhole 10.9.0.0/16 proto bird metric 32',
      'unreachable 10.2.0.0/16 proto bird metric 32',
    ],
  );
  daemon.birdc('enable p3');
  fabric.run(1);
  t.ok(log.includes('Pipe collision detected when sending 10.1.0.0/16 to table master4'), 'a second way is no way');
  daemon.birdc('disable s1');
  fabric.run(1);
  for (const table of ['master4', 't2', 't3']) {
    t.notOk(daemon.birdc(`show route table ${table}`).includes('s1'), `and gone from ${table}`);
  }
  fabric.end();
  t.end();
});

t.test('an opaque pipe of 1.6 has routes of its own, and loses none', (t) => {
  const fabric = new Fabric();
  fabric.plug('a', 'eth0', 'lan', '172.18.0.1/24');
  const text = `router id 1.1.1.1; table t2; protocol device { } protocol static s1 { route 10.2.0.0/16 blackhole; }
protocol pipe p1 { peer table t2; mode opaque; import all; export all; preference 77; }`;
  const daemon = fabric.bird('a', text, { dialect: 'bird-1.6' });
  fabric.run(1);
  const shown = ['10.2.0.0/16        blackhole [p1 T] * (77)', '\tType: pipe unicast univ'];
  t.strictSame(lines(daemon.birdc('show route table t2 all')), shown);
  t.match(daemon.birdc('show protocols p1'), 'p1       Pipe     master   up     00:00:00    -> t2');
  daemon.birdc('disable s1');
  fabric.run(1);
  t.strictSame(lines(daemon.birdc('show route table t2 all')), shown);
  fabric.end();
  t.end();
});
