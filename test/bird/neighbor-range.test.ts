/** `neighbor range`: who calls has a session. The texts are those that a real BIRD 2.0.12 with these configurations printed. */

import t from 'tap';
import { ConvergedNetwork, netnsSpeaker } from '../../src/bird/index.js';
import { Fabric } from './fabric.js';

const RACK = (name = 'rack', more = ''): string => `
router id 10.0.0.1;
protocol device { scan time 1; }
protocol kernel { ipv4 { export all; }; }
protocol bgp ${name} {
  local 10.0.0.1 as 65000;
  neighbor range 10.0.0.0/25 external;
  dynamic name "node"; dynamic name digits 2;
  ${more}
  ipv4 { import all; export all; };
}
`;

const NODE = (index: number, as = 65_001): string => `
router id 10.0.0.${index};
protocol device { scan time 1; }
protocol static { ipv4; route 10.${index}.0.0/16 blackhole; }
protocol bgp up {
  local 10.0.0.${index} as ${as};
  neighbor 10.0.0.1 as 65000;
  connect delay time 1; error wait time 4, 8;
  ipv4 { import all; export all; };
}
`;

/** A rack's switch, and nodes with these numbers. */
function rack(indices: readonly number[]) {
  const fabric = new Fabric();
  fabric.plug('rack', 'eth0', 'lan', '10.0.0.1/24');
  const daemon = fabric.bird('rack', RACK());
  const nodes = indices.map((index) => {
    fabric.plug(`n${index}`, 'eth0', 'lan', `10.0.0.${index}/24`);
    return fabric.bird(`n${index}`, NODE(index, 65_000 + index));
  });
  fabric.run(10);
  return { fabric, daemon, nodes };
}

const sessionsOf = ({ protocols }: ReturnType<typeof rack>['daemon']): string[] =>
  protocols.filter(({ kind }) => kind === 'BGP').map(({ name, state, info }) => `${name} ${state} ${info}`.trim());

t.test('each that calls from the range has a session of its own, and others none', (t) => {
  const { fabric, daemon, nodes } = rack([2, 3, 200]);
  t.strictSame(sessionsOf(daemon), ['rack start Passive', 'node01 up Established', 'node02 up Established']);
  const routes = fabric.routes('rack').map((line) => line.split(' ').slice(0, 3).join(' '));
  t.ok(routes.includes('10.2.0.0/16 via 10.0.0.2') && routes.includes('10.3.0.0/16 via 10.0.0.3'));
  t.notOk(routes.some((line) => line.startsWith('10.200.')));
  t.equal(nodes[2]?.protocols.find(({ name }) => name === 'up')?.reason, 'Socket: Connection closed');
  fabric.end();
  t.end();
});

t.test('what a range is shown as', (t) => {
  const { fabric, daemon } = rack([]);
  t.equal(
    daemon.birdc('show protocols all rack').replace(/\d\d:\d\d:\d\d\.\d+/, 'T'),
    `BIRD 2.0.12 ready.
Name       Proto      Table      State  Since         Info
rack       BGP        ---        start  T  Passive       
  BGP state:          Passive
    Neighbor range:   10.0.0.0/25
    Neighbor AS:      0
    Local AS:         65000
  Channel ipv4
    State:          DOWN
    Table:          master4
    Preference:     100
    Input filter:   ACCEPT
    Output filter:  ACCEPT

`,
  );
  fabric.end();
  t.end();
});

t.test(
  'a session stays when its neighbour goes, and when the configuration is read again; with the range it goes',
  (t) => {
    const { fabric, daemon, nodes } = rack([2]);
    const write = (text: string): void => void fabric.machine('rack').host.files.set('/etc/bird.conf', text);
    write(`${RACK()}# again\n`);
    t.match(daemon.birdc('configure'), /Reconfigured/);
    t.strictSame(sessionsOf(daemon), ['rack start Passive', 'node01 up Established']);
    nodes[0]?.stop();
    fabric.run(1);
    t.match(sessionsOf(daemon)[1], /^node01 start/);
    // Another hold time is another session: of a range it is not restarted, but gone until somebody calls.
    write(RACK('rack', 'hold time 30;'));
    daemon.configure();
    fabric.run(1);
    t.strictSame(sessionsOf(daemon), ['rack start Passive']);
    fabric.bird('n2', NODE(2, 65_002));
    t.ok(fabric.runUntil(() => sessionsOf(daemon).includes('node01 up Established')));
    write(RACK('second'));
    daemon.configure();
    fabric.run(1);
    t.strictSame(sessionsOf(daemon)[0], 'second start Passive');
    t.notOk(
      fabric.routes('rack').some((line) => line.startsWith('10.2.0.0/16')),
      'its routes are gone',
    );
    fabric.end();
    t.end();
  },
);

t.test('a password of a range is asked of everybody in it', (t) => {
  const fabric = new Fabric();
  fabric.plug('rack', 'eth0', 'lan', '10.0.0.1/24');
  const daemon = fabric.bird('rack', RACK('rack', 'password "secret";'));
  for (const [index, password] of [
    [2, 'password "secret";'],
    [3, 'password "other";'],
    [4, ''],
  ] as const) {
    fabric.plug(`n${index}`, 'eth0', 'lan', `10.0.0.${index}/24`);
    fabric.bird(`n${index}`, NODE(index).replace('ipv4 { import', `${password} ipv4 { import`));
  }
  fabric.run(30);
  t.strictSame(sessionsOf(daemon), ['rack start Passive', 'node01 up Established']);
  fabric.end();
  t.end();
});

t.test('without messages it comes to the same sessions and routes', (t) => {
  const { fabric, daemon, nodes } = rack([2, 3, 4, 200]);
  const speakers = [daemon, ...nodes].flatMap(({ config, netns }) =>
    config === undefined ? [] : [netnsSpeaker(netns.host.name, netns, config)],
  );
  const network = new ConvergedNetwork({ speakers });
  const sessions = network.sessions('rack').map(({ name, state, peer }) => `${name} ${state} ${peer}`);
  t.strictSame(sessions, ['node01 up n2', 'node02 up n3', 'node03 up n4']);
  const text = (routes: readonly (readonly { net: unknown; origin: { name: string } }[])[]): string[] =>
    routes.map((all) => `${String(all[0]?.net)} ${all.map(({ origin }) => origin.name).join(' ')}`).toSorted();
  for (const { netns, ...each } of [daemon, ...nodes].map((of) => ({ netns: of.netns, routes: of.routes() }))) {
    t.strictSame(text(network.routes(netns.host.name).map(({ routes }) => routes)), text(each.routes), netns.host.name);
  }
  fabric.end();
  t.end();
});
