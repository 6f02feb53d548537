import t from 'tap';
import type { BirdDaemon, BirdOptions } from '../../src/bird/index.js';
import { Fabric } from './fabric.js';

interface End {
  readonly as?: number;
  readonly theirAs?: number;
  /** Instead of `as` and the number. */
  readonly neighbor?: string;
  readonly more?: string;
  readonly channel?: string;
  readonly routes?: string;
}

const ADDRESSES = ['10.0.0.1', '10.0.0.2'] as const;
const EXPORT = 'export where source = RTS_STATIC || source = RTS_BGP;';

/** One of two ends, as BIRD 2. */
function config(index: 0 | 1, end: End): string {
  const { as = 65_001 + index, theirAs = 65_002 - index, more = '', channel = `import all; ${EXPORT}`, routes } = end;
  const { neighbor = `as ${theirAs}` } = end;
  const [own, other] = [ADDRESSES[index], ADDRESSES[1 - index]];
  return `
router id ${own};
protocol device { scan time 1; }
protocol direct { ipv4; }
protocol kernel { ipv4 { export all; }; }
protocol static { ipv4; ${routes ?? `route 10.${index + 1}.0.0/16 blackhole;`} }
protocol bgp peer1 {
  local ${own} as ${as}; neighbor ${other} ${neighbor};
  connect delay time 1; connect retry time 2; error wait time 4, 8;
  ${more}
  ipv4 { ${channel} };
}
`;
}

interface Pair {
  readonly fabric: Fabric;
  readonly a: BirdDaemon;
  readonly b: BirdDaemon;
}

function pair(a: End = {}, b: End = {}, options: Partial<BirdOptions> = {}): Pair {
  const fabric = new Fabric();
  fabric.plug('a', 'eth0', 'lan', '10.0.0.1/24');
  fabric.plug('b', 'eth0', 'lan', '10.0.0.2/24');
  return { fabric, a: fabric.bird('a', config(0, a), options), b: fabric.bird('b', config(1, b), options) };
}

const status = (daemon: BirdDaemon) => daemon.protocols.find(({ name }) => name === 'peer1');
const isUp = (daemon: BirdDaemon): boolean => status(daemon)?.state === 'up';
const known = (daemon: BirdDaemon): string[] =>
  daemon
    .routes()
    .flatMap(([best]) => (best?.origin.kind === 'bgp' ? [best.net.toString()] : []))
    .toSorted();
/** Whether it holds at any tenth of a second of the next ten seconds. */
function atSomeTime({ fabric }: Pick<Pair, 'fabric'>, holds: () => boolean): boolean {
  for (let i = 0; i < 100; i++) {
    if (holds()) return true;
    fabric.run(0.1);
  }
  return false;
}
const reconfigure = ({ fabric }: Pair, machine: 'a' | 'b', text: string): void => {
  fabric.machine(machine).host.files.set('/etc/bird.conf', text);
};

t.test('two ends come up and know each other’s routes', (t) => {
  const { fabric, a, b } = pair();
  t.ok(fabric.runUntil(() => isUp(a) && isUp(b), 10));
  fabric.run(2);
  t.strictSame([known(a), known(b)], [['10.2.0.0/16'], ['10.1.0.0/16']]);
  t.match(a.birdc('show protocols'), /peer1 +BGP +--- +up +\S+ +Established/);
  t.match(
    fabric.routes('b').find((line) => line.startsWith('10.1.0.0/16')),
    'via 10.0.0.1 dev eth0 proto bird metric 32',
  );
  fabric.end();
  t.end();
});

t.test('why a session is not up is said as BIRD says it', (t) => {
  const cases: readonly [string, End, End, string, string][] = [
    ['wrong AS here', { theirAs: 65_099 }, {}, 'BGP Error: Bad peer AS', 'Received: Bad peer AS'],
    ['wrong AS there', {}, { theirAs: 65_099 }, 'Received: Bad peer AS', 'BGP Error: Bad peer AS'],
    ['nobody begins', { more: 'passive on;' }, { more: 'passive on;' }, '', ''],
    ['nobody listens there', {}, { more: 'local port 1790;' }, 'Socket: Connection refused', ''],
    ['one neighbour for all', {}, { more: 'disabled;' }, 'Socket: Connection refused', ''],
  ];
  for (const [why, first, second, reasonA, reasonB] of cases) {
    const { fabric, a, b } = pair(
      first,
      why === 'nobody listens there' ? { ...second, more: `${second.more} passive on;` } : second,
    );
    fabric.run(20);
    t.notOk(isUp(a) || isUp(b), why);
    t.equal(status(a)?.reason, reasonA, why);
    t.equal(status(b)?.reason, reasonB, why);
    fabric.end();
  }
  t.end();
});

t.test('a neighbour of any other AS: which one is known once the session is up', (t) => {
  const more = 'enforce first as on;';
  const { fabric, a, b } = pair({ neighbor: 'external', more });
  t.ok(fabric.runUntil(() => isUp(a) && known(a).length === 1 && known(b).length === 1, 20));
  t.match(a.birdc('show protocols all peer1'), /Neighbor AS: +65002\n/);
  fabric.end();
  const own = pair({ as: 65_002, neighbor: 'external', more }, { theirAs: 65_002 });
  own.fabric.run(20);
  t.equal(status(own.a)?.reason, 'BGP Error: Bad peer AS', 'but ours');
  t.equal(status(own.b)?.reason, 'Received: Bad peer AS');
  own.fabric.end();
  t.end();
});

t.test('keepalives are the part of the agreed hold time that they were of the own', (t) => {
  const { fabric, a, b } = pair({ more: 'hold time 30; keepalive time 10;' }, { more: 'hold time 9;' });
  t.ok(fabric.runUntil(() => isUp(a) && isUp(b), 20));
  const since = a.birdc('show protocols peer1');
  t.match(a.birdc('show protocols all peer1'), /Hold timer: +[\d.]+\/9\n +Keepalive timer: +[\d.]+\/3\n/);
  fabric.run(60);
  t.equal(a.birdc('show protocols peer1'), since, 'so that the neighbour does not give up');
  fabric.end();
  const short = pair({ more: 'hold time 240; keepalive time 1;' }, { more: 'hold time 4;' });
  t.ok(short.fabric.runUntil(() => isUp(short.a), 20));
  t.match(short.a.birdc('show protocols all peer1'), /Keepalive timer: +[\d.]+\/1\n/, 'a second at least');
  short.fabric.end();
  t.end();
});

t.test('who tells no capabilities hears none', (t) => {
  for (const [first, second] of [
    [{ more: 'capabilities off;' }, {}],
    [{}, { more: 'capabilities off;' }],
    [{ more: 'capabilities off;' }, { more: 'capabilities off;' }],
  ] as const) {
    const { fabric, a, b } = pair(first, second);
    t.ok(fabric.runUntil(() => known(a).length === 1 && known(b).length === 1, 20));
    const text = a.birdc('show protocols all peer1');
    t.match(text, /Neighbor capabilities\n +Role: provider\n +Session: +external\n/);
    fabric.end();
  }
  t.end();
});

t.test('a MED goes to another AS if the export filter set it, or a filter that set nothing else', (t) => {
  const cases: readonly [string, string, number | undefined][] = [
    ['route 10.1.0.0/16 blackhole { bgp_med = 4; };', EXPORT, 4],
    ['route 10.1.0.0/16 blackhole { bgp_med = 4; bgp_community.add((1, 2)); };', EXPORT, undefined],
    ['route 10.1.0.0/16 blackhole { bgp_med = 4; bgp_med = 5; };', EXPORT, undefined],
    ['route 10.1.0.0/16 blackhole { bgp_med = 4; };', 'export filter { bgp_community.add((1, 2)); accept; };', 4],
    ['route 10.1.0.0/16 blackhole;', 'export filter { bgp_med = 6; accept; };', 6],
  ];
  for (const [routes, exports, med] of cases) {
    const { fabric, b } = pair({ routes, channel: `import all; ${exports}` });
    t.ok(fabric.runUntil(() => known(b).includes('10.1.0.0/16'), 20));
    const [best] = b.routes().find(([route]) => route?.net.toString() === '10.1.0.0/16') ?? [];
    t.equal(best?.attributes.med, med, `${routes} ${exports}`);
    fabric.end();
  }
  t.end();
});

t.test('a route that is stale for long is marked', (t) => {
  const { fabric, a } = pair({ channel: `import filter { bgp_community.add((65535, 6)); accept; }; ${EXPORT}` });
  t.ok(fabric.runUntil(() => known(a).length === 1, 20));
  t.match(a.birdc('show route for 10.2.0.1'), /\* \(100s\) \[AS65002i\]/);
  fabric.end();
  t.end();
});

t.test('passive at both ends stays passive', (t) => {
  const { fabric, a } = pair({ more: 'passive on;' }, { more: 'passive on;' });
  fabric.run(30);
  t.match(status(a), { state: 'start', bgpState: 'Passive' });
  t.match(a.birdc('show protocols all peer1'), /BGP state: +Passive/);
  fabric.end();
  t.end();
});

t.test('a firewall in the way: connections time out, and come once it is gone', (t) => {
  const { fabric, a, b } = pair();
  const { netfilter } = fabric.machine('b');
  netfilter.iptables.restore(
    '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 179 -j DROP\n-A INPUT -p tcp --sport 179 -j DROP\nCOMMIT\n',
  );
  fabric.run(60);
  t.notOk(isUp(a) || isUp(b));
  t.match(status(a)?.bgpState, /Connect|Active/);
  netfilter.iptables.restore('*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n');
  t.ok(fabric.runUntil(() => isUp(a) && isUp(b), 60));
  // And in the way again: what is up dies of its hold timer.
  netfilter.iptables.restore('*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -j DROP\nCOMMIT\n');
  t.ok(fabric.runUntil(() => !isUp(b), 300));
  t.match(status(b)?.reason, /Hold timer expired/);
  t.strictSame(known(b), []);
  fabric.end();
  t.end();
});

t.test('no route to the neighbour', (t) => {
  const fabric = new Fabric();
  fabric.plug('a', 'eth0', 'lan', '10.0.0.1/24');
  const text = config(0, { more: 'multihop;' }).replaceAll('10.0.0.2', '192.0.2.7');
  const daemon = fabric.bird('a', text);
  fabric.run(20);
  t.equal(status(daemon)?.reason, 'Socket: Network is unreachable');
  fabric.end();
  t.end();
});

t.test('TTL security: both ends or none', (t) => {
  const both = pair({ more: 'ttl security on;' }, { more: 'ttl security on;' });
  t.ok(both.fabric.runUntil(() => isUp(both.a), 20));
  both.fabric.end();
  const one = pair({ more: 'ttl security on;' }, {});
  one.fabric.run(30);
  t.notOk(isUp(one.a));
  one.fabric.end();
  t.end();
});

t.test('a hold time that is too short is refused, and so is our own identifier', (t) => {
  const same = pair({ as: 65_001, theirAs: 65_001 }, { as: 65_001, theirAs: 65_001 });
  same.fabric.end();
  const fabric = new Fabric();
  fabric.plug('a', 'eth0', 'lan', '10.0.0.1/24');
  fabric.plug('b', 'eth0', 'lan', '10.0.0.2/24');
  const a = fabric.bird('a', config(0, { as: 65_001, theirAs: 65_001 }));
  fabric.bird('b', config(1, { as: 65_001, theirAs: 65_001 }).replace('router id 10.0.0.2', 'router id 10.0.0.1'));
  fabric.run(20);
  t.match(status(a)?.reason, /Bad BGP identifier/);
  fabric.end();
  t.end();
});

t.test('limits block, warn, restart, disable', (t) => {
  const routes = [1, 2, 3, 4].map((i) => `route 10.2.${i}.0/24 blackhole;`).join(' ');
  const limited = (action: string) =>
    pair({ channel: `import all; import limit 2 action ${action}; ${EXPORT}` }, { routes });
  const block = limited('block');
  block.fabric.run(10);
  t.equal(known(block.a).length, 2);
  block.fabric.end();
  const warn = limited('warn');
  warn.fabric.run(10);
  t.equal(known(warn.a).length, 4);
  warn.fabric.end();
  const disable = limited('disable');
  t.ok(atSomeTime(disable, () => status(disable.b)?.reason === 'Received: Maximum number of prefixes reached'));
  t.match(status(disable.a), { state: 'down', reason: /Automatic shutdown: Route limit exceeded/ });
  disable.fabric.end();
  t.end();
});

t.test('configure: nothing, a filter, a protocol more, one less, another AS', (t) => {
  const p = pair();
  const { fabric, a, b } = p;
  t.ok(fabric.runUntil(() => known(b).length === 1, 20));
  t.equal(a.configure().kind, 'unchanged');
  const since = a.birdc('show protocols peer1');
  reconfigure(p, 'a', config(0, { channel: 'import all; export none;' }));
  t.equal(a.configure().kind, 'reconfigured');
  fabric.run(2);
  t.equal(a.birdc('show protocols peer1'), since, 'the session stays up');
  t.strictSame(known(b), [], 'what may not go any more is withdrawn');
  reconfigure(p, 'a', config(0, { channel: `import none; ${EXPORT}` }));
  a.configure();
  fabric.run(2);
  t.strictSame([known(a), known(b)], [[], ['10.1.0.0/16']], 'imports are asked for again');
  reconfigure(p, 'a', `${config(0, {})}protocol static more { ipv4; route 10.77.0.0/16 blackhole; }\n`);
  a.configure();
  fabric.run(2);
  t.strictSame(known(b), ['10.1.0.0/16', '10.77.0.0/16']);
  t.equal(a.birdc('show protocols peer1'), since);
  reconfigure(p, 'a', config(0, {}));
  a.configure();
  fabric.run(2);
  t.strictSame(known(b), ['10.1.0.0/16']);
  reconfigure(p, 'a', 'broken');
  t.match(a.configure(), { kind: 'refused', errors: [{ line: 1 }] });
  t.ok(isUp(a), 'a refused text changes nothing');
  reconfigure(p, 'a', config(0, { theirAs: 65_077 }));
  a.configure();
  fabric.run(5);
  t.notOk(isUp(a));
  fabric.end();
  t.end();
});

t.test('birdc disables, enables and restarts', (t) => {
  const p = pair();
  const { fabric, a, b } = p;
  t.ok(fabric.runUntil(() => isUp(b), 20));
  t.match(a.birdc('disable peer1'), /peer1: disabled/);
  t.ok(atSomeTime(p, () => status(b)?.reason === 'Received: Administrative shutdown'));
  t.strictSame(known(b), []);
  t.match(a.birdc('enable peer1'), /peer1: enabled/);
  t.ok(fabric.runUntil(() => isUp(a) && isUp(b), 60));
  fabric.end();
  t.end();
});

t.test('the neighbour’s death under graceful restart keeps its routes until its time is over', (t) => {
  const more = 'graceful restart on; graceful restart time 20;';
  const { fabric, a, b } = pair({ more }, { more });
  t.ok(fabric.runUntil(() => known(b).length === 1, 20));
  a.kill();
  fabric.run(5);
  t.strictSame(known(b), ['10.1.0.0/16'], 'kept');
  t.match(b.birdc('show protocols all peer1'), /Neighbor graceful restart active/);
  fabric.run(30);
  t.strictSame(known(b), [], 'given up');
  fabric.end();
  t.end();
});

t.test('birdc graceful restart: the neighbour is not told, and keeps the routes; so does the kernel', (t) => {
  const more = 'graceful restart on;';
  const { fabric, a, b } = pair({ more }, { more });
  t.ok(fabric.runUntil(() => known(a).length === 1 && known(b).length === 1, 20));
  t.equal(a.birdc('graceful restart'), 'BIRD 2.0.12 ready.\nGraceful restart requested\n');
  fabric.run(1);
  t.notOk(a.running);
  t.match(b.birdc('show protocols all peer1'), /Neighbor graceful restart active/);
  t.strictSame(known(b), ['10.1.0.0/16'], 'kept');
  t.ok(fabric.routes('a').some((line) => line.startsWith('10.2.0.0/16')));
  fabric.bird('a', config(0, { more }), { recover: true });
  t.ok(fabric.runUntil(() => isUp(b), 20));
  t.strictSame(known(b), ['10.1.0.0/16']);
  fabric.end();
  t.end();
});

t.test('both begin at once: one connection stays', (t) => {
  const { fabric, a, b } = pair();
  fabric.run(30);
  t.ok(isUp(a) && isUp(b));
  fabric.run(300);
  t.ok(isUp(a) && isUp(b), 'keepalives keep it up');
  fabric.end();
  t.end();
});

t.test('an interface that goes down takes its session with it', (t) => {
  const { fabric, a } = pair();
  t.ok(fabric.runUntil(() => isUp(a), 20));
  const netns = fabric.machine('a');
  netns.links.set(netns.links.require('eth0'), { up: false });
  fabric.run(3);
  t.notOk(isUp(a));
  t.match(status(a)?.reason, /Neighbor lost/);
  netns.links.set(netns.links.require('eth0'), { up: true });
  t.ok(
    fabric.runUntil(() => isUp(a), 60),
    'and brings it back',
  );
  fabric.end();
  t.end();
});

t.test('of several paths all are told with add-path, and the kernel gets them merged', (t) => {
  const fabric = new Fabric();
  const addPath = 'add paths on;';
  for (const [name, host] of [
    ['r', 1],
    ['x', 2],
    ['y', 3],
    ['z', 4],
  ] as const)
    fabric.plug(name, 'eth0', 'lan', `10.0.0.${host}/24`);
  const session = (own: number, other: number, more = ''): string =>
    `protocol bgp to_${other} { local as 64512; neighbor 10.0.0.${other} as 64512; source address 10.0.0.${own}; multihop;
      connect delay time 1; import all; export where source ~ [ RTS_STATIC, RTS_BGP ]; ${addPath} ${more} }\n`;
  const head = (own: number, routes = ''): string =>
    `router id 10.0.0.${own};\nprotocol device { }\nprotocol direct { }\nprotocol kernel { export all; merge paths on; }\nprotocol static { ${routes} }\n`;
  const options = { dialect: 'bird-1.6' } as const;
  fabric.bird('r', head(1) + [2, 3, 4].map((other) => session(1, other, 'rr client;')).join(''), options);
  fabric.bird('x', head(2, 'route 10.50.0.0/16 blackhole;') + session(2, 1), options);
  fabric.bird('y', head(3, 'route 10.50.0.0/16 blackhole;') + session(3, 1), options);
  const z = fabric.bird('z', head(4) + session(4, 1), options);
  fabric.run(20);
  t.equal(z.routes().find(([best]) => best?.net.toString() === '10.50.0.0/16')?.length, 2);
  t.match(
    fabric.routes('z').join('\n'),
    /^10\.50\.0\.0\/16 proto bird (metric 32 )?\n\tnexthop via 10\.0\.0\.2 dev eth0 weight 1 \n\tnexthop via 10\.0\.0\.3 dev eth0 weight 1/m,
  );
  t.match(z.birdc('show route all for 10.50.1.1'), /BGP\.cluster_list: 10\.0\.0\.1/);
  fabric.end();
  t.end();
});
