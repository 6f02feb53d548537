/** Sessions with a real BIRD 2: what each end knows of the other's routes. */

import t from 'tap';
import type { BirdDaemon, Dialect } from '../../../src/bird/index.js';
import { Fabric } from '../../bird/fabric.js';
import { Bridge, freePort } from './bridge.js';
import { RealBird, whyNoBird2 } from './real-bird2.js';

const skip = whyNoBird2() ?? false;

const US = '10.9.0.1';
const THEM = '10.9.0.2';

const REAL =
  (more: string, channel = '', neighbor = 'as 64512') =>
  (port: number) =>
    `
log stderr { error, fatal, bug };
router id 2.2.2.2;
protocol device { }
protocol static pods {
  ipv4;
  route 10.244.2.0/26 blackhole;
  route 10.244.2.64/26 blackhole { bgp_community.add((64512, 7)); bgp_ext_community.add((rt, 64512, 8)); bgp_large_community.add((64512, 8, 9)); };
  ${more}
}
protocol bgp emu {
  local 127.0.0.2 port ${port} as 64512; strict bind yes;
  neighbor 127.0.0.1 ${neighbor};
  passive on; multihop 2; graceful restart on;
  ipv4 { import all; export filter { bgp_next_hop = ${THEM}; accept; }; ${channel} };
}
`;

const OURS_16 = (routes: string, more = ''): string => `
router id 1.1.1.1;
protocol device { }
protocol direct { }
protocol kernel { export all; persist; graceful restart; }
protocol static { ${routes} }
protocol bgp peer1 {
  local as 64512;
  neighbor ${THEM} as 64512;
  source address ${US};
  multihop; connect delay time 1; connect retry time 2; graceful restart;
  import all;
  export filter {
    if net = 10.244.1.64/26 then { bgp_community.add((64512, 100)); bgp_local_pref = 300; bgp_med = 17; }
    if source = RTS_STATIC || source = RTS_BGP then accept;
    reject;
  };
  ${more}
}
`;

const OURS_2 = (routes: string): string => `
router id 1.1.1.1;
protocol device { }
protocol direct { ipv4; }
protocol kernel { persist; ipv4 { export all; }; }
protocol static { ipv4; ${routes} }
protocol bgp peer1 {
  local ${US} as 64512;
  neighbor ${THEM} as 64512;
  multihop; connect delay time 1; connect retry time 2; graceful restart;
  ipv4 {
    import all;
    export filter {
      if net = 10.244.1.64/26 then { bgp_community.add((64512, 100)); bgp_local_pref = 300; bgp_med = 17; }
      if source = RTS_STATIC || source = RTS_BGP then accept;
      reject;
    };
  };
}
`;

const TWO = 'route 10.244.1.0/26 blackhole; route 10.244.1.64/26 blackhole;';

interface Pair {
  readonly fabric: Fabric;
  readonly daemon: BirdDaemon;
  readonly bridge: Bridge;
  readonly real: RealBird;
}

async function start(real: RealBird, config: string, dialect: Dialect): Promise<Pair> {
  const fabric = new Fabric();
  fabric.plug('us', 'eth0', 'lan', `${US}/24`);
  fabric.plug('them', 'eth0', 'lan', `${THEM}/24`);
  const bridge = new Bridge(fabric, fabric.machine('them'), real.port);
  const daemon = fabric.bird('us', config, { dialect });
  return { fabric, daemon, bridge, real };
}

const isUp = (daemon: BirdDaemon): boolean =>
  daemon.protocols.some(({ name, state }) => name === 'peer1' && state === 'up');

/** Networks that came by a session. */
const known = (daemon: BirdDaemon): string[] =>
  daemon
    .routes()
    .filter(([best]) => best?.origin.kind === 'bgp')
    .map(([best]) => best?.net.toString() ?? '')
    .toSorted();

const theirs = (real: RealBird): string[] =>
  [...real.birdc('show route protocol emu').matchAll(/^(\d\S+)/gm)].map(([, net = '']) => net).toSorted();

/** The attributes of a route as the real daemon prints them. */
function attributes(real: RealBird, net: string): string[] {
  const lines = real.birdc(`show route all protocol emu for ${net}`).split('\n');
  return lines.map((line) => line.trim()).filter((line) => line.startsWith('BGP.'));
}

async function withReal(config: (port: number) => string, run: (real: RealBird) => Promise<void>): Promise<void> {
  const port = await freePort();
  const real = await RealBird.start(port, config(port));
  try {
    await run(real);
  } finally {
    real.stop();
  }
}

const DIALECTS: readonly [Dialect, (routes: string) => string][] = [
  ['bird-1.6', OURS_16],
  ['bird-2', OURS_2],
];

for (const [dialect, ours] of DIALECTS) {
  t.test(`a mesh peer of ${dialect}: routes, attributes, withdrawals`, { skip }, async (t) => {
    await withReal(REAL(''), async (real) => {
      const { fabric, daemon, bridge } = await start(real, ours(TWO), dialect);
      t.ok(await bridge.until(() => known(daemon).length === 2 && theirs(real).length === 2), 'both know both');
      t.strictSame(known(daemon), ['10.244.2.0/26', '10.244.2.64/26']);
      t.strictSame(theirs(real), ['10.244.1.0/26', '10.244.1.64/26']);
      t.strictSame(
        attributes(real, '10.244.1.0/26'),
        ['BGP.origin: IGP', 'BGP.as_path: ', `BGP.next_hop: ${US}`, 'BGP.local_pref: 100'].map((line) => line.trim()),
      );
      t.strictSame(attributes(real, '10.244.1.64/26'), [
        'BGP.origin: IGP',
        'BGP.as_path:',
        `BGP.next_hop: ${US}`,
        'BGP.med: 17',
        'BGP.local_pref: 300',
        'BGP.community: (64512,100)',
      ]);
      const text = daemon.birdc('show route all for 10.244.2.64/26');
      t.match(text, /BGP\.community: \(64512,7\)/);
      t.match(text, /BGP\.ext_community: \(rt, 64512, 8\)/);
      t.match(text, /BGP\.large_community: \(64512, 8, 9\)/);
      t.ok(fabric.routes('us').some((line) => line.startsWith(`10.244.2.0/26 via ${THEM} dev eth0 proto bird`)));
      // Ours goes, theirs goes.
      fabric.machine('us').host.files.set('/etc/bird.conf', ours('route 10.244.1.0/26 blackhole;'));
      t.equal(daemon.configure().kind, 'reconfigured');
      t.ok(await bridge.until(() => theirs(real).length === 1), 'our withdrawal arrives');
      t.strictSame(theirs(real), ['10.244.1.0/26']);
      real.configure(REAL('')(real.port).replace('route 10.244.2.0/26 blackhole;', ''));
      t.ok(await bridge.until(() => known(daemon).length === 1), 'their withdrawal arrives');
      t.strictSame(known(daemon), ['10.244.2.64/26']);
      t.notOk(fabric.routes('us').some((line) => line.startsWith('10.244.2.0/26')));
      bridge.close();
      fabric.end();
    });
  });
}

t.test('the real daemon reflects: we are its client, and it is ours', { skip }, async (t) => {
  await withReal(REAL('', '', 'as 64512; rr client; rr cluster id 9.9.9.9'), async (real) => {
    const { fabric, daemon, bridge } = await start(real, OURS_16(TWO), 'bird-1.6');
    t.ok(await bridge.until(() => known(daemon).length === 2 && theirs(real).length === 2));
    t.match(real.birdc('show protocols all emu'), /Session: +internal multihop route-reflector AS4/);
    bridge.close();
    fabric.end();
  });
  await withReal(REAL(''), async (real) => {
    // A second client of ours: what it tells goes on to the real daemon with our marks.
    const config = `${OURS_16('', 'rr client; rr cluster id 5.5.5.5;')}
protocol bgp second { local as 64512; neighbor 10.9.0.3 as 64512; multihop; source address ${US};
  rr client; rr cluster id 5.5.5.5; connect delay time 1; import all; export all; }`;
    const { fabric, daemon, bridge } = await start(real, config, 'bird-1.6');
    fabric.plug('third', 'eth0', 'lan', '10.9.0.3/24');
    fabric.bird(
      'third',
      OURS_16('route 10.244.3.0/26 blackhole;')
        .replaceAll(THEM, US)
        .replace(`source address ${US}`, 'source address 10.9.0.3')
        .replace('1.1.1.1', '3.3.3.3'),
      { dialect: 'bird-1.6' },
    );
    t.ok(await bridge.until(() => theirs(real).includes('10.244.3.0/26')), 'reflected to the real one');
    t.strictSame(attributes(real, '10.244.3.0/26').slice(2), [
      'BGP.next_hop: 10.9.0.3',
      'BGP.local_pref: 100',
      'BGP.originator_id: 3.3.3.3',
      'BGP.cluster_list: 5.5.5.5',
    ]);
    t.ok(isUp(daemon));
    bridge.close();
    fabric.end();
  });
});

t.test('killed and back under graceful restart', { skip }, async (t) => {
  await withReal(REAL(''), async (real) => {
    const { fabric, daemon, bridge } = await start(real, OURS_16(TWO), 'bird-1.6');
    t.ok(await bridge.until(() => known(daemon).length === 2 && theirs(real).length === 2));
    const before = fabric.routes('us');
    daemon.kill();
    bridge.close();
    t.ok(await bridge.until(() => real.birdc('show protocols all emu').includes('Neighbor graceful restart active')));
    t.strictSame(theirs(real), ['10.244.1.0/26', '10.244.1.64/26'], 'they keep our routes');
    t.strictSame(fabric.routes('us'), before, 'and our kernel keeps theirs');
    const again = fabric.bird('us', OURS_16('route 10.244.1.0/26 blackhole;'), { dialect: 'bird-1.6', recover: true });
    t.ok(await bridge.until(() => theirs(real).length === 1), 'what is not told again goes');
    t.strictSame(theirs(real), ['10.244.1.0/26']);
    t.strictSame(known(again), ['10.244.2.0/26', '10.244.2.64/26']);
    bridge.close();
    fabric.end();
  });
});

t.test('wrong numbers are refused by either end in the same words', { skip }, async (t) => {
  await withReal(REAL('', '', 'as 64999'), async (real) => {
    const { fabric, daemon, bridge } = await start(real, OURS_16(TWO), 'bird-1.6');
    const status = () => daemon.protocols.find(({ name }) => name === 'peer1');
    t.ok(await bridge.until(() => status()?.reason !== ''));
    t.equal(status()?.reason, 'Received: Bad peer AS');
    t.match(real.birdc('show protocols all emu'), /BGP Error: Bad peer AS/);
    bridge.close();
    fabric.end();
  });
});

/** Routes and an export filter that either end has, to compare what each hears of the other. */
const FILTERED = `
protocol static same {
  ipv4;
  route 10.1.1.0/24 blackhole;
  route 10.1.2.0/24 blackhole { bgp_path.prepend(7); };
  route 10.1.3.0/24 blackhole { bgp_med = 4; };
  route 10.1.4.0/24 blackhole { bgp_med = 4; bgp_local_pref = 5; };
  route 10.1.5.0/24 blackhole { bgp_community.add((1, 2)); bgp_community.delete((1, 2)); };
  route 10.1.6.0/24 blackhole { bgp_ext_community = --empty--; bgp_large_community.delete([(1, *, *)]); };
}
`;
const TELL = `
  if net = 10.1.1.0/24 then bgp_path.prepend(9);
  if bgp_path ~ [= =] then bgp_large_community.add((1, 1, bgp_path.len));
  if defined(bgp_path) then bgp_large_community.add((1, 2, 0));
  if defined(bgp_community) then bgp_large_community.add((1, 3, 0));
  if defined(bgp_ext_community) then bgp_large_community.add((1, 4, 0));
  if defined(bgp_med) then bgp_large_community.add((1, 5, 0));
  if defined(+empty+) then bgp_large_community.add((1, 6, 0));
  accept;
`;
const FILTERED_NETS = [1, 2, 3, 4, 5, 6].map((i) => `10.1.${i}.0/24`);

const REAL_EXTERNAL =
  (more: string) =>
  (port: number): string =>
    `
log stderr { error, fatal, bug };
router id 2.2.2.2;
protocol device { }
${FILTERED}
protocol bgp emu {
  local 127.0.0.2 port ${port} as 65001; strict bind yes;
  neighbor 127.0.0.1 external; ${more}
  passive on; multihop 2;
  ipv4 { import all; export filter { bgp_next_hop = ${THEM}; ${TELL} }; };
}
`;

const OURS_EXTERNAL = (more: string): string => `
router id 1.1.1.1;
protocol device { }
${FILTERED}
protocol bgp peer1 {
  local ${US} as 65002;
  neighbor ${THEM} external; ${more}
  multihop; connect delay time 1; connect retry time 2;
  ipv4 { import all; export filter { ${TELL} }; };
}
`;

t.test(
  'the same routes and filters: each end hears the same of the other, with and without capabilities',
  { skip },
  async (t) => {
    for (const [theirs, ours, expected] of [
      ['hold time 30; keepalive time 10;', 'hold time 9;', ['9', '3']],
      ['capabilities off; hold time 9;', 'hold time 30; keepalive time 10;', ['9', '3']],
      ['', 'capabilities off;', ['240', '80']],
    ] as const) {
      await withReal(REAL_EXTERNAL(theirs), async (real) => {
        const { fabric, daemon, bridge } = await start(real, OURS_EXTERNAL(ours), 'bird-2');
        const heard = (text: string): string[] =>
          text
            .split('\n')
            .map((line) => line.trim())
            .filter((line) => line.startsWith('BGP.') && !line.includes('next_hop'))
            .map((line) => line.replace(/6500[12]/, 'THEM'));
        const all = (birdc: (command: string) => string, protocol: string): string[][] =>
          FILTERED_NETS.map((net) => heard(birdc(`show route all protocol ${protocol} for ${net}`)));
        const here = () => all((command) => daemon.birdc(command), 'peer1');
        const there = () => all((command) => real.birdc(command), 'emu');
        const complete = () => [...here(), ...there()].every((lines) => lines.length > 0);
        t.ok(await bridge.until(complete), `both hear: ${theirs}${ours}`);
        t.strictSame(here(), there());
        const timers = (text: string): string[] =>
          [...text.matchAll(/(?:Hold|Keepalive) timer: .*\/(\d+)/g)].map(([, s = '']) => s);
        const up = daemon.birdc('show protocols all peer1');
        t.match(up, /Neighbor AS: +65001/);
        t.strictSame(timers(up), expected);
        t.strictSame(timers(real.birdc('show protocols all emu')), expected);
        bridge.close();
        fabric.end();
      });
    }
  },
);

const RANGE = (local: string, range: string): string => `
router id 2.2.2.2;
protocol device { }
protocol bgp rack {
  local ${local} as 65000; strict bind yes;
  neighbor range ${range} external;
  dynamic name "node"; dynamic name digits 2; multihop 2; graceful restart on;
  ipv4 { import all; export all; };
}
`;

t.test(
  'a range of neighbors: who calls the real daemon has a session there, and both say the same of one',
  { skip },
  async (t) => {
    await withReal(
      (port) => RANGE(`127.0.0.2 port ${port}`, '127.0.0.0/25'),
      async (real) => {
        const { fabric, daemon, bridge } = await start(
          real,
          OURS_EXTERNAL('').replace('external', 'as 65000'),
          'bird-2',
        );
        t.ok(
          await bridge.until(() => real.birdc('show route protocol node01').includes('10.1.1.0/24')),
          'it has our routes',
        );
        t.ok(isUp(daemon));
        // Ours with the same text, and one that calls it.
        fabric.plug('third', 'eth0', 'lan', '10.9.0.3/24');
        const third = fabric.bird('third', RANGE('10.9.0.3', '10.9.0.0/25'));
        fabric.plug('caller', 'eth0', 'lan', '10.9.0.4/24');
        const calling = OURS_EXTERNAL('')
          .replace('external', 'as 65000')
          .replace(THEM, '10.9.0.3')
          .replace(US, '10.9.0.4');
        fabric.bird('caller', calling.replace('1.1.1.1', '4.4.4.4'));
        t.ok(await bridge.until(() => third.birdc('show route protocol node01').includes('10.1.1.0/24')));
        const same = (text: string): string[] =>
          text
            .split('\n')
            .filter((line) => !/^BIRD|timer:|Neighbor (ID|address)|Source address|Next hop/.test(line.trim()))
            .map((line) =>
              line
                .replace(/\d\d:\d\d:\d\d\.\d+/, 'T')
                .replace(/range: .*/, 'range:')
                .trimEnd(),
            );
        for (const name of ['rack', 'node01']) {
          t.strictSame(same(third.birdc(`show protocols all ${name}`)), same(real.birdc(`show protocols all ${name}`)));
        }
        bridge.close();
        fabric.end();
      },
    );
  },
);

/** Either end of a session, told like the other; `own` is the second octet of its networks. */
const COUNTED = (local: string, neighbor: string, own: number, more: string): string => `
router id ${own}.${own}.${own}.${own};
protocol device { }
protocol static st { ipv4; ${[0, 1, 2, 3].map((i) => `route 10.${own}.${i}.0/24 blackhole;`).join(' ')} }
protocol bgp peer1 {
  local ${local} as 64512; neighbor ${neighbor} as 64512;
  multihop; connect delay time 1; graceful restart on; ${more}
  ipv4 {
    import where ! (net ~ [ 10.1.1.0/24, 10.2.1.0/24 ]);
    export where ! (net ~ [ 10.${own}.2.0/24 ]);
  };
}
`;

/** What a command has begun is over before anybody hears of it. */
const COMMAND_S = 0.01;

type Edit = readonly [what: string, from: (own: number) => string, to: (own: number) => string];

const EDITS: readonly Edit[] = [
  ['a route less', (own) => `route 10.${own}.3.0/24 blackhole;`, () => ''],
  ['another target', (own) => `10.${own}.0.0/24 blackhole`, (own) => `10.${own}.0.0/24 unreachable`],
  ['another export filter', (own) => `[ 10.${own}.2.0/24 ]`, (own) => `[ 10.${own}.0.0/24 ]`],
  ['another import filter', () => '10.1.1.0/24, 10.2.1.0/24', () => '10.1.3.0/24, 10.2.3.0/24'],
];

t.test('what is counted of routes, after reloads and other configurations', { skip }, async (t) => {
  const theirText = (port: number): string =>
    COUNTED(`127.0.0.2 port ${port}`, '127.0.0.1', 2, 'strict bind yes; passive;');
  await withReal(theirText, async (real) => {
    const ourText = COUNTED(US, THEM, 1, '');
    const { fabric, daemon, bridge } = await start(real, ourText, 'bird-2');
    t.ok(await bridge.until(() => known(daemon).length > 0));
    const counted = (text: string): string[] =>
      text.split('\n').filter((line) => /updates:|withdraws:|Routes:/.test(line));
    const compare = async (what: string): Promise<void> => {
      const here = (name: string) => counted(daemon.birdc(`show protocols all ${name}`));
      const there = (name: string) => counted(real.birdc(`show protocols all ${name}`));
      const all = ['peer1', 'st'] as const;
      // What is asked for takes a moment, and what it leads to another.
      for (let tries = 0; tries < 10; tries++) {
        await bridge.until(() => false, 500, 2);
        if (tries >= 2 && all.every((name) => here(name).join() === there(name).join())) break;
      }
      for (const name of all) t.strictSame(here(name), there(name), `${what}: ${name}`);
    };
    await compare('up');
    for (const direction of ['out', 'in']) {
      daemon.birdc(`reload ${direction} peer1`);
      fabric.run(COMMAND_S);
      real.birdc(`reload ${direction} peer1`);
      await compare(`reload ${direction}`);
    }
    for (const [what, from, to] of EDITS) {
      fabric.machine('us').host.files.set('/etc/bird.conf', ourText.replace(from(1), to(1)));
      daemon.configure();
      // Where both ask for the other's routes at once, it is chance which of them are withdrawn that were never taken.
      await bridge.until(() => false, 500, 2);
      real.configure(theirText(real.port).replace(from(2), to(2)));
      await compare(what);
    }
    bridge.close();
    fabric.end();
  });
});
