/** What a daemon hears from the kernel at once, and what only a scan shows it: as BIRD 2.0.12 and 1.6.8 did in namespaces. */

import t from 'tap';
import { NO_CAUSE } from '../../src/trace/index.js';
import { runIpCommand } from '../../src/kernel/index.js';
import { Fabric } from './fabric.js';

/** Scans come but once an hour. */
const CONFIGS = {
  'bird-2': `router id 10.0.0.1;
ipv4 table t2;
protocol device { scan time 3600; }
protocol direct { ipv4; }
protocol kernel { scan time 3600; learn; ipv4 { import all; export where source = RTS_STATIC; }; }
protocol kernel k2 { scan time 3600; learn; kernel table 100; ipv4 { table t2; import all; }; }
protocol static { ipv4; route 10.77.0.0/16 via 10.0.1.9; route 10.79.0.0/16 via 10.0.5.9; check link; }
`,
  'bird-1.6': `router id 10.0.0.1;
table t2;
protocol device { scan time 3600; }
protocol direct { }
protocol kernel { scan time 3600; learn; import all; export where source = RTS_STATIC; }
protocol kernel k2 { scan time 3600; learn; kernel table 100; table t2; import all; }
protocol static { route 10.77.0.0/16 via 10.0.1.9; route 10.79.0.0/16 via 10.0.5.9; check link; }
`,
};

interface Step {
  readonly name: string;
  readonly commands: readonly string[];
  /** Networks that came and went in BIRD's tables. */
  readonly came?: readonly string[];
  readonly went?: readonly string[];
}

const STEPS: readonly Step[] = [
  {
    name: 'routes of others come, those of other tables do not',
    commands: [
      'route add 172.16.0.0/16 via 10.0.0.11',
      'route add blackhole 172.19.0.0/16 metric 9',
      'route add 172.21.0.0/16 via 10.0.0.11 table 101',
    ],
    came: ['172.16.0.0/16', '172.19.0.0/16'],
  },
  { name: 'and go', commands: ['route del blackhole 172.19.0.0/16 metric 9'], went: ['172.19.0.0/16'] },
  {
    name: 'in any table that is learned from',
    commands: ['route add 172.17.0.0/16 via 10.0.1.8 table 100'],
    came: ['t2 172.17.0.0/16'],
  },
  {
    name: 'a next hop behind no network of an interface is a strange one',
    commands: ['route add 10.9.9.9 dev eth0', 'route add 172.22.0.0/16 via 10.9.9.9'],
    came: ['10.9.9.9/32'],
  },
  { name: 'its own route is gone, and nothing tells of it', commands: ['route del 10.77.0.0/16'] },
  {
    name: 'an address brings its network and what is behind it',
    commands: ['address add 10.0.5.1/24 dev eth1'],
    came: ['10.0.5.0/24', '10.79.0.0/16'],
  },
  {
    name: 'a link that goes down takes them all; what the kernel loses by it is looked for, and so is what is ours',
    commands: ['route add 172.20.0.0/16 via 10.0.5.7', 'link set eth1 down'],
    went: ['10.0.1.0/24', '10.0.5.0/24', '10.77.0.0/16', '10.79.0.0/16', 't2 172.17.0.0/16'],
  },
  {
    name: 'up it has its networks again, and the kernel not the routes of others',
    commands: ['link set eth1 up'],
    came: ['10.0.1.0/24', '10.0.5.0/24', '10.77.0.0/16', '10.79.0.0/16'],
  },
  {
    name: 'an address that goes takes its network with it',
    commands: ['address del 10.0.5.1/24 dev eth1'],
    went: ['10.0.5.0/24', '10.79.0.0/16'],
  },
  {
    name: 'new links are seen, and by their new names',
    commands: ['link add v9 type veth peer name v8', 'link set v9 up', 'address add 10.0.9.1/24 dev v9'],
    came: ['10.0.9.0/24'],
  },
  {
    name: 'another name is another link',
    commands: ['link set v9 down', 'link set v9 name v7'],
    went: ['10.0.9.0/24'],
  },
  { name: 'and again', commands: ['link set v7 up'], came: ['10.0.9.0/24'] },
  { name: 'until they go', commands: ['link del v7'], went: ['10.0.9.0/24'] },
];

for (const dialect of ['bird-2', 'bird-1.6'] as const) {
  t.test(`links, addresses and routes are heard of at once: ${dialect}`, (t) => {
    const fabric = new Fabric();
    fabric.plug('a', 'eth0', 'lan', '10.0.0.1/24');
    fabric.plug('a', 'eth1', 'uplink', '10.0.1.1/24');
    const netns = fabric.machine('a');
    const daemon = fabric.bird('a', CONFIGS[dialect], { dialect });
    fabric.run(5);
    const main = dialect === 'bird-2' ? 'master4' : 'master';
    const known = (): readonly string[] => [
      ...daemon.routes(main).flatMap(([best]) => (best === undefined ? [] : [best.net.toString()])),
      ...daemon.routes('t2').flatMap(([best]) => (best === undefined ? [] : [`t2 ${best.net.toString()}`])),
    ];
    let before = known();
    for (const { name, commands, came = [], went = [] } of STEPS) {
      for (const command of commands) t.equal(runIpCommand(netns, command, NO_CAUSE), undefined, command);
      fabric.run(0);
      const now = known();
      t.strictSame(now.filter((net) => !before.includes(net)).toSorted(), [...came].toSorted(), `${name}: came`);
      t.strictSame(before.filter((net) => !now.includes(net)).toSorted(), [...went].toSorted(), `${name}: went`);
      before = now;
    }
    fabric.end();
    t.end();
  });
}

t.test('a daemon without a device protocol hears of no link, and one that has ended of nothing', (t) => {
  const fabric = new Fabric();
  fabric.plug('a', 'eth0', 'lan', '10.0.0.1/24');
  const netns = fabric.machine('a');
  const deaf = fabric.bird('a', 'router id 1.1.1.1; protocol direct { ipv4; }');
  fabric.run(1);
  fabric.address('a', 'eth0', '10.0.5.1/24');
  fabric.run(1);
  t.notMatch(deaf.birdc('show route'), '10.0.5.0/24');
  deaf.kill();
  fabric.address('a', 'eth0', '10.0.6.1/24');
  t.equal(netns.emulation.clock.nextDueNs, undefined, 'nothing waits for it');
  t.end();
});

t.test('what has not changed is not imported again by a scan', (t) => {
  const fabric = new Fabric();
  fabric.plug('a', 'eth0', 'lan', '10.0.0.1/24');
  fabric.defaultRoute('a', '10.0.0.11');
  const daemon = fabric.bird(
    'a',
    'router id 1.1.1.1; protocol device { } protocol kernel { learn; scan time 1; ipv4 { import all; }; }',
  );
  fabric.run(10);
  t.match(daemon.birdc('show protocols all kernel1'), /Import updates: +1 +0 +0 +0 +1\n/);
  daemon.birdc('reload in kernel1');
  fabric.run(10);
  t.match(daemon.birdc('show protocols all kernel1'), /Import updates: +2 +0 +0 +1 +1\n/, 'but on demand it is');
  fabric.end();
  t.end();
});
