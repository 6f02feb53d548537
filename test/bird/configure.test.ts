/** `birdc configure` and what it does: what daemons of 2.0.12 and 1.6.8 with the same configurations answered. */

import t from 'tap';
import type { Dialect } from '../../src/bird/config/keywords.js';
import { Fabric } from './fabric.js';

const FILE = '/etc/bird.conf';
const READING = `Reading configuration from ${FILE}`;
const BLACKHOLE = 'route 10.5.0.0/16 blackhole;';

/** `more` is of a protocol that waits, `id` the router's. */
function config(dialect: Dialect, { routes = BLACKHOLE, more = '', id = '10.0.0.1', others = '' } = {}): string {
  const [channel, own] = dialect === 'bird-2' ? ['ipv4 { import all; export all; };', 'ipv4;'] : ['', ''];
  return `router id ${id}; protocol device { }
protocol static s1 { ${own} ${routes} }
protocol bgp a { local as 65100; neighbor 10.0.0.11 as 64512; passive; ${more} ${channel} }
${others.replace('OWN', own)}`;
}

const byText = (a: string, b: string): number => a.localeCompare(b);

const EXTRA = 'protocol static s2 { OWN route 10.9.0.0/16 blackhole; }';

type Step = readonly [command: string, answer: readonly string[], change?: Parameters<typeof config>[1]];

const STEPS: readonly Step[] = [
  ['configure undo', ['Undo requested', 'Nothing to do']],
  ['configure', [READING, 'Reconfigured']],
  ['configure undo', ['Undo requested', 'Reconfigured']],
  ['configure undo', ['Undo requested', 'Nothing to do']],
  ['configure soft', [READING, 'Reconfigured'], { routes: 'route 10.6.0.0/16 blackhole;' }],
  ['show route count', ['10.6.0.0/16']],
  ['configure undo', ['Undo requested', 'Reconfigured']],
  ['show route count', ['10.5.0.0/16']],
  // The file still has the other route.
  ['configure', [READING, 'Reconfigured']],
  ['show route count', ['10.6.0.0/16']],
  ['configure', [READING, 'Reconfigured'], { others: EXTRA }],
  ['configure', [READING, 'Reconfiguration in progress'], {}],
  ['configure', [READING, 'Reconfiguration in progress'], { more: 'hold time 90;' }],
  ['configure', [READING, 'Reconfiguration in progress'], { more: 'disabled;' }],
  ['configure', [READING, 'Reconfigured'], {}],
  ['configure', [READING, 'Reconfiguration in progress'], { id: '10.0.0.2' }],
  ['configure timeout', [READING, 'Undo scheduled in 300 s', 'Reconfigured'], { id: '10.0.0.2', others: EXTRA }],
  ['configure confirm', ['Reconfiguration confirmed']],
  ['configure confirm', ['Nothing to do']],
  [
    'configure timeout 2',
    [READING, 'Undo scheduled in 2 s', 'Reconfigured'],
    { id: '10.0.0.2', others: EXTRA, routes: '' },
  ],
  ['show route count', ['10.9.0.0/16']],
  ['wait', []],
  ['show route count', ['10.5.0.0/16', '10.9.0.0/16']],
  ['configure confirm', ['Nothing to do']],
  ['configure "/nowhere"', ['Reading configuration from /nowhere', '/nowhere: No such file or directory']],
  ['configure check "/nowhere"', ['Reading configuration from /nowhere', '/nowhere: No such file or directory']],
  ['configure check', [READING, 'Configuration OK']],
  ['down', ['Shutdown requested']],
];

for (const dialect of ['bird-2', 'bird-1.6'] as const) {
  t.test(`configurations come and go: ${dialect}`, (t) => {
    const fabric = new Fabric();
    fabric.plug('a', 'eth0', 'lan', '10.0.0.1/24');
    const daemon = fabric.bird('a', config(dialect), { dialect });
    fabric.run(1);
    for (const [command, answer, change] of STEPS) {
      if (change !== undefined) fabric.machine('a').host.files.set(FILE, config(dialect, change));
      if (command === 'wait') fabric.run(3);
      else if (command === 'show route count') {
        const nets = daemon.routes().flatMap(([best]) => (best === undefined ? [] : [best.net.toString()]));
        t.strictSame(nets.toSorted(byText), answer, 'the routes that there are');
      } else t.strictSame(daemon.birdc(command).trimEnd().split('\n').slice(1), answer, command);
      fabric.run(0.1);
    }
    t.notOk(daemon.running);
    fabric.end();
    t.end();
  });
}

t.test('how long a change may still be taken back; 1.6 has no word for it', (t) => {
  for (const dialect of ['bird-2', 'bird-1.6'] as const) {
    const fabric = new Fabric();
    const daemon = fabric.bird('a', 'router id 1.1.1.1; protocol device { }', { dialect });
    daemon.birdc('configure timeout 10');
    fabric.run(1.5);
    const [, ...lines] = daemon.birdc('configure status').trimEnd().split('\n');
    t.strictSame(
      lines,
      dialect === 'bird-2'
        ? ['Daemon is up and running', 'Configuration unconfirmed, undo in 8.500 s']
        : ['syntax error'],
    );
    fabric.end();
  }
  t.end();
});

t.test('what was counted is forgotten when a protocol begins, and what has not changed is not told again', (t) => {
  const fabric = new Fabric();
  fabric.plug('a', 'eth0', 'lan', '10.0.0.1/24');
  const daemon = fabric.bird('a', config('bird-2', { routes: `${BLACKHOLE} route 10.6.0.0/16 via 10.0.9.9;` }));
  const counts = (): string =>
    /Import updates: +(.*)\n +Import withdraws: +(.*)/
      .exec(daemon.birdc('show protocols all s1'))
      ?.slice(1)
      .join(' | ')
      .replace(/ +/g, ' ') ?? '';
  fabric.run(1);
  t.equal(counts(), '1 0 0 0 1 | 0 0 --- 0 0');
  fabric.address('a', 'eth0', '10.0.9.1/24');
  fabric.run(1);
  t.equal(counts(), '2 0 0 0 2 | 0 0 --- 0 0');
  daemon.birdc('reload s1');
  fabric.run(1);
  t.equal(counts(), '4 0 0 2 2 | 0 0 --- 0 0');
  daemon.birdc('restart s1');
  fabric.run(1);
  t.equal(counts(), '2 0 0 0 2 | 0 0 --- 0 0');
  fabric.end();
  t.end();
});

t.test('a route that is refused and kept counts as a withdrawal of nothing', (t) => {
  const fabric = new Fabric();
  const routes = 'route 1.2.3.0/24 blackhole; route 2.0.0.0/8 blackhole; route 3.0.0.0/8 blackhole;';
  const channel = 'ipv4 { import keep filtered; import where net ~ [ 1.0.0.0/8+ ]; };';
  const daemon = fabric.bird('a', `router id 1.1.1.1; protocol static s1 { ${channel} ${routes} }`);
  fabric.run(1);
  t.match(
    daemon.birdc('show protocols all s1'),
    /Import updates: +3 +0 +2 +0 +1\n +Import withdraws: +0 +0 +--- +2 +0\n/,
  );
  t.match(daemon.birdc('show route count'), /^1 of 1 routes for 1 networks in table master4$/m);
  fabric.end();
  t.end();
});

t.test(
  'after a reconfiguration 1.6 lists what is new last, and what begins anew behind it; BIRD 2 goes by the text',
  (t) => {
    const text = (dialect: Dialect, first: string, table: string): string => {
      const [own, channel] =
        dialect === 'bird-2' ? [`ipv4 ${table && `{ ${table} }`};`, 'ipv4 table t2;'] : [table, 'table t2;'];
      const plain = dialect === 'bird-2' ? 'ipv4;' : '';
      return `router id 10.0.0.1; ${channel} protocol device { } ${first.replace('OWN', plain)}
protocol static aa { ${plain} route 10.1.0.0/16 blackhole; }
protocol static bb { ${own} route 10.2.0.0/16 blackhole; }
protocol static cc { ${plain} route 10.3.0.0/16 blackhole; }\n`;
    };
    for (const [dialect, expected] of [
      ['bird-1.6', ['device1', 'aa', 'cc', 'zz', 'bb']],
      ['bird-2', ['device1', 'zz', 'aa', 'bb', 'cc']],
    ] as const) {
      const fabric = new Fabric();
      const daemon = fabric.bird('a', text(dialect, '', ''), { dialect });
      fabric.run(1);
      fabric
        .machine('a')
        .host.files.set(FILE, text(dialect, 'protocol static zz { OWN route 10.9.0.0/16 blackhole; }', 'table t2;'));
      daemon.configure();
      fabric.run(1);
      t.strictSame(
        daemon.protocols.map(({ name }) => name),
        expected,
        dialect,
      );
      fabric.end();
    }
    t.end();
  },
);

t.test('what is configured softly is told when somebody reloads it', (t) => {
  const fabric = new Fabric();
  const text = (filter: string): string => `router id 1.1.1.1; ipv4 table t2; protocol device { }
protocol static s1 { ipv4; route 10.1.0.0/16 blackhole; route 10.2.0.0/16 blackhole; }
protocol pipe p1 { table master4; peer table t2; export ${filter}; import none; }\n`;
  const daemon = fabric.bird('a', text('all'));
  fabric.run(1);
  const there = (): number => daemon.routes('t2').length;
  fabric.machine('a').host.files.set(FILE, text('where net = 10.1.0.0/16'));
  t.match(daemon.birdc('configure soft'), 'Reconfigured');
  fabric.run(1);
  t.equal(there(), 2);
  daemon.birdc('configure');
  fabric.run(1);
  t.equal(there(), 2, 'the text is no other than before');
  daemon.birdc('reload out p1');
  fabric.run(1);
  t.equal(there(), 1);
  fabric.end();
  t.end();
});
