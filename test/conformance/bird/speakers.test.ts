/**
 * Sessions with real daemons of three makers, told the same routes by the same machine: what each end hears of the
 * other, and what becomes of it when one asks again, dies, or speaks for others.
 */

import t, { type Test } from 'tap';
import type { BirdDaemon, Dialect, ProtocolStatus } from '../../../src/bird/index.js';
import { BGP_MESSAGE } from '../../../src/packet/index.js';
import { Fabric } from '../../bird/fabric.js';
import { Bridge, freePort } from './bridge.js';
import { BIRD2, exportFilter, routesIn } from './speakers/bird2.js';
import { FRR } from './speakers/frr.js';
import { GOBGP } from './speakers/gobgp.js';
import {
  type HeardRoute,
  sorted,
  type Speaker,
  type SpeakerConfig,
  type SpeakerKind,
  type ToldRoute,
} from './speakers/speaker.js';

const KINDS: readonly SpeakerKind[] = [BIRD2, GOBGP, FRR];
const DIALECTS: readonly Dialect[] = ['bird-1.6', 'bird-2'];

const AS = 64_512;
/** The machine that the real daemon is. */
const REAL = 2;

/** A machine of the emulation, and how the real daemon sees it. */
const addressOf = (machine: number): string => `10.9.0.${machine}`;
const loopbackOf = (machine: number): string => `127.0.0.${machine}`;
const THEM = addressOf(REAL);

/** One end of a session, in what both dialects say alike. */
interface Ours {
  readonly machine: number;
  readonly as?: number;
  readonly theirAs?: number;
  readonly routes: readonly ToldRoute[];
  /** Who it speaks with, where that is not the real daemon. */
  readonly neighbor?: number;
  readonly session?: string;
  readonly channel?: string;
  /** Routes of which nothing is said. */
  readonly filler?: readonly ToldRoute[];
  /** Machines that it reflects for. */
  readonly clients?: readonly number[];
}

function sessionText(dialect: Dialect, ours: Ours, name: string, neighbor: number): string {
  const { machine, as = AS, theirAs = AS, routes, session = '', channel = '' } = ours;
  const policy = `import all; ${exportFilter(routes)} ${channel}`;
  return `
protocol bgp ${name} {
  local ${dialect === 'bird-2' ? `${addressOf(machine)} ` : ''}as ${as};
  ${dialect === 'bird-2' ? '' : `source address ${addressOf(machine)};`}
  neighbor ${addressOf(neighbor)} as ${theirAs};
  multihop; connect delay time 1; connect retry time 2; graceful restart;
  ${session}
  ${dialect === 'bird-2' ? `ipv4 { ${policy} };` : policy}
}
`;
}

function configText(dialect: Dialect, ours: Ours): string {
  const { machine, routes, filler = [], neighbor = REAL, clients = [] } = ours;
  const ipv4 = dialect === 'bird-2' ? 'ipv4;' : '';
  return `
router id ${machine}.${machine}.${machine}.${machine};
protocol device { }
protocol direct { ${ipv4} }
protocol kernel { persist; ${dialect === 'bird-2' ? 'ipv4 { export all; };' : 'export all;'} }
protocol static { ${ipv4}
${[...routes, ...filler].map(({ net }) => `  route ${net} blackhole;`).join('\n')}
}
${sessionText(dialect, ours, 'peer1', neighbor)}
${clients.map((client) => sessionText(dialect, ours, `client${client}`, client)).join('')}
`;
}

/** A real daemon, and machines of the emulation that speak with it. */
class Meeting {
  readonly fabric = new Fabric();
  readonly bridge: Bridge;
  readonly real: Speaker;
  readonly #dialect: Dialect;

  constructor(real: Speaker, port: number, dialect: Dialect) {
    this.real = real;
    this.#dialect = dialect;
    this.fabric.plug('them', 'eth0', 'lan', `${THEM}/24`);
    this.bridge = new Bridge(this.fabric, this.fabric.machine('them'), port);
  }

  static nameOf(machine: number): string {
    return `machine${machine}`;
  }

  start(ours: Ours, recover = false): BirdDaemon {
    const name = Meeting.nameOf(ours.machine);
    if (!recover) this.fabric.plug(name, 'eth0', 'lan', `${addressOf(ours.machine)}/24`);
    return this.fabric.bird(name, configText(this.#dialect, ours), { dialect: this.#dialect, recover });
  }

  /** A machine that speaks with one of ours, not with the real one. */
  startClient(machine: number, neighbor: number, routes: readonly ToldRoute[]): BirdDaemon {
    return this.start({ machine, neighbor, routes });
  }

  /** The same daemon with other routes. */
  change(daemon: BirdDaemon, ours: Ours): void {
    this.fabric.machine(Meeting.nameOf(ours.machine)).host.files.set('/etc/bird.conf', configText(this.#dialect, ours));
    daemon.configure();
  }

  /** Waits until both ends have heard so many routes; what they heard. */
  async heard(daemon: BirdDaemon, machine: number, counts: readonly [here: number, there: number]) {
    await this.bridge.until(() => heardHere(daemon).length === counts[0]);
    await this.heardThere(machine, counts[1]);
    return { here: heardHere(daemon), there: this.real.heard(loopbackOf(machine)) };
  }

  /** The networks that the real one has heard of a machine. It is asked by a command, which takes its time. */
  async heardThere(machine: number, count: number): Promise<string[]> {
    for (let tries = 0; tries < 50; tries++) {
      const nets = this.real.heardNets(loopbackOf(machine));
      if (nets.length === count) return nets;
      await this.bridge.until(() => false, 100);
    }
    return this.real.heardNets(loopbackOf(machine));
  }

  end(): void {
    this.bridge.close();
    this.fabric.end();
    this.real.stop();
  }
}

const statusOf = (daemon: BirdDaemon): ProtocolStatus | undefined =>
  daemon.protocols.find(({ name }) => name === 'peer1');

const isUp = (daemon: BirdDaemon): boolean => statusOf(daemon)?.state === 'up';

const heardHere = (daemon: BirdDaemon): HeardRoute[] => routesIn(daemon.birdc('show route all protocol peer1'));

async function meet(
  kind: SpeakerKind,
  dialect: Dialect,
  config: Partial<SpeakerConfig>,
  run: (meeting: Meeting) => Promise<void>,
): Promise<void> {
  const port = await freePort();
  const neighbors = config.neighbors ?? [{ address: loopbackOf(1), as: AS }];
  const defaults = { as: AS, routerId: '2.2.2.2', clusterId: '9.9.9.9', nextHop: THEM, routes: [] };
  const real = await kind.start({ ...defaults, ...config, port, neighbors });
  const meeting = new Meeting(real, port, dialect);
  try {
    await run(meeting);
  } finally {
    meeting.end();
  }
}

/** A route as the other end of an internal session hears it. */
const heardOf = (route: ToldRoute, nextHop: string, more: Partial<HeardRoute> = {}): HeardRoute => ({
  net: route.net,
  nextHop,
  path: (route.path ?? []).join(' '),
  origin: 'IGP',
  med: route.med,
  localPref: route.localPref ?? 100,
  communities: (route.communities ?? []).toSorted(),
  extended: (route.extended ?? []).toSorted(),
  large: (route.large ?? []).toSorted(),
  originator: undefined,
  clusters: [],
  ...more,
});

const OURS: readonly ToldRoute[] = sorted([
  { net: '10.244.1.0/26' },
  { net: '10.244.1.64/26', med: 17, localPref: 300 },
  {
    net: '10.244.1.128/26',
    communities: ['64512:7', '64512:100'],
    extended: ['ro:64512:9', 'rt:64512:8'],
    large: ['64512:8:9', '4200000000:1:2'],
  },
  { net: '10.244.1.192/26', path: [4_200_000_001, 7, 23_456] },
]);

/** FRR says a MED always. */
const withMed = (routes: readonly ToldRoute[]): ToldRoute[] => routes.map((route) => ({ med: 0, ...route }));

const THEIRS: readonly ToldRoute[] = withMed(OURS).map((route) => ({
  ...route,
  // GoBGP's command line knows one kind of extended community for unicast routes.
  extended: (route.extended ?? []).filter((each) => each.startsWith('rt')),
  net: route.net.replace('10.244.1.', '10.244.2.'),
}));

/** What external sessions do not carry, and some receivers fill in. */
const external = (routes: readonly HeardRoute[]): HeardRoute[] =>
  routes.map((route) => ({ ...route, localPref: undefined }));

const BIG_AS = { ours: 4_200_000_011, theirs: 4_200_000_012 };

/** Routes of an external session as the other end hears them. */
const heardExternally = (routes: readonly ToldRoute[], nextHop: string, pathOf: (route: ToldRoute) => number[]) =>
  external(routes.map((route) => heardOf({ ...route, path: pathOf(route) }, nextHop)));

const behind =
  (as: number) =>
  ({ path = [] }: ToldRoute): number[] => [as, ...path];

/** BIRD 1.6 has added its own number when an export filter adds others. */
const ourPath =
  (dialect: Dialect, as: number) =>
  ({ path = [] }: ToldRoute): number[] =>
    dialect === 'bird-1.6' ? [...path, as] : [as, ...path];

interface Heard {
  readonly here: readonly HeardRoute[];
  readonly there: readonly HeardRoute[];
}

/** Each end of an internal session has heard all of the other's, as it was told. */
function heardAll(
  t: Test,
  { here, there }: Heard,
  told: { readonly theirs: readonly ToldRoute[]; readonly ours: readonly ToldRoute[] },
  why = 'all that was told, as it was told',
): void {
  t.strictSame(
    here,
    told.theirs.map((route) => heardOf(route, THEM)),
    why,
  );
  t.strictSame(
    there,
    told.ours.map((route) => heardOf(route, addressOf(1))),
    why,
  );
}

async function internalSession(t: Test, kind: SpeakerKind, dialect: Dialect): Promise<void> {
  await meet(kind, dialect, { routes: THEIRS }, async (meeting) => {
    const us: Ours = { machine: 1, routes: OURS };
    const daemon = meeting.start(us);
    const first = await meeting.heard(daemon, 1, [4, 4]);
    heardAll(t, first, { theirs: THEIRS, ours: OURS });
    // A route is changed, another goes, by either end.
    const kept = ({ net }: ToldRoute): boolean => /\.(128|192)\/26$/.test(net);
    const ours = [{ net: '10.244.1.0/26', communities: ['64512:1'] }, ...OURS.filter(kept)];
    meeting.change(daemon, { ...us, routes: ours });
    const changed: ToldRoute = { net: '10.244.2.0/26', med: 5, large: ['1:2:3'] };
    meeting.real.announce(changed);
    meeting.real.withdraw('10.244.2.64/26');
    const then = await meeting.heard(daemon, 1, [3, 3]);
    heardAll(t, then, { theirs: [changed, ...THEIRS.filter(kept)], ours });
  });
}

async function externalSession(t: Test, kind: SpeakerKind, dialect: Dialect): Promise<void> {
  const { ours: as, theirs: theirAs } = BIG_AS;
  const neighbors = [{ address: loopbackOf(1), as }];
  await meet(kind, dialect, { as: theirAs, neighbors, routes: THEIRS }, async (meeting) => {
    const daemon = meeting.start({ machine: 1, as, theirAs, routes: OURS });
    const { here, there } = await meeting.heard(daemon, 1, [4, 4]);
    t.strictSame(external(here), heardExternally(THEIRS, THEM, behind(theirAs)));
    t.strictSame(external(there), heardExternally(OURS, addressOf(1), ourPath(dialect, as)));
  });
}

/** Numbers of four octets go by AS4_PATH then (RFC 6793), and the other end puts them together again. */
async function twoOctetSession(t: Test, kind: SpeakerKind, dialect: Dialect): Promise<void> {
  const neighbors = [{ address: loopbackOf(1), as: 65_001 }];
  await meet(kind, dialect, { as: BIG_AS.theirs, neighbors, routes: THEIRS }, async (meeting) => {
    const daemon = meeting.start({
      machine: 1,
      as: 65_001,
      theirAs: 23_456,
      routes: OURS,
      session: 'enable as4 off;',
    });
    const { here, there } = await meeting.heard(daemon, 1, [4, 4]);
    t.strictSame(external(here), heardExternally(THEIRS, THEM, behind(BIG_AS.theirs)));
    t.strictSame(external(there), heardExternally(OURS, addressOf(1), ourPath(dialect, 65_001)));
  });
}

async function reflectedToUs(t: Test, kind: SpeakerKind, dialect: Dialect): Promise<void> {
  const neighbors = [1, 3].map((machine) => ({ address: loopbackOf(machine), as: AS, client: true }));
  await meet(kind, dialect, { neighbors, routes: [] }, async (meeting) => {
    const told = withMed(OURS);
    const theirs = { net: '10.244.3.0/26', med: 3, communities: ['1:3'] };
    const daemon = meeting.start({ machine: 1, routes: told });
    const third = meeting.start({ machine: 3, routes: [theirs] });
    const { here, there } = await meeting.heard(daemon, 1, [1, 4]);
    const marks = { originator: '3.3.3.3', clusters: ['9.9.9.9'] };
    t.strictSame(here, [heardOf(theirs, addressOf(3), marks)]);
    t.equal(there.length, 4);
    await meeting.bridge.until(() => heardHere(third).length === 4);
    const ours = { originator: '1.1.1.1', clusters: ['9.9.9.9'] };
    t.strictSame(
      heardHere(third),
      told.map((route) => heardOf(route, addressOf(1), ours)),
    );
  });
}

async function reflectedByUs(t: Test, kind: SpeakerKind, dialect: Dialect): Promise<void> {
  await meet(kind, dialect, { routes: THEIRS }, async (meeting) => {
    const session = 'rr client; rr cluster id 5.5.5.5;';
    const daemon = meeting.start({ machine: 1, routes: [], session, clients: [3] });
    const third = meeting.startClient(3, 1, [{ net: '10.244.3.0/26', large: ['3:3:3'] }]);
    const { there } = await meeting.heard(daemon, 1, [4, 1]);
    const told = { net: '10.244.3.0/26', large: ['3:3:3'] };
    t.strictSame(there, [heardOf(told, addressOf(3), { originator: '3.3.3.3', clusters: ['5.5.5.5'] })]);
    await meeting.bridge.until(() => heardHere(third).length === 4);
    const marks = { originator: '2.2.2.2', clusters: ['5.5.5.5'] };
    t.strictSame(
      heardHere(third),
      THEIRS.map((route) => heardOf(route, THEM, marks)),
    );
  });
}

async function weRestart(t: Test, kind: SpeakerKind, dialect: Dialect): Promise<void> {
  await meet(kind, dialect, { routes: THEIRS }, async (meeting) => {
    const daemon = meeting.start({ machine: 1, routes: OURS });
    await meeting.heard(daemon, 1, [4, 4]);
    const kernel = meeting.fabric.routes(Meeting.nameOf(1));
    daemon.kill();
    meeting.bridge.close();
    await meeting.bridge.until(() => false, 500);
    const isKept = (): boolean => meeting.real.heard(loopbackOf(1)).length === 4;
    t.ok(await meeting.bridge.until(isKept), 'they keep our routes, which nobody tells them any more');
    t.strictSame(meeting.fabric.routes(Meeting.nameOf(1)), kernel, 'our kernel keeps theirs');
    const fewer = OURS.slice(1);
    const again = meeting.start({ machine: 1, routes: fewer }, true);
    const { here, there } = await meeting.heard(again, 1, [4, 3]);
    heardAll(t, { here, there }, { theirs: THEIRS, ours: fewer }, 'what is not told again goes');
  });
}

async function theyRestart(t: Test, kind: SpeakerKind, dialect: Dialect): Promise<void> {
  await meet(kind, dialect, { routes: THEIRS }, async (meeting) => {
    const daemon = meeting.start({ machine: 1, routes: OURS });
    await meeting.heard(daemon, 1, [4, 4]);
    const back = meeting.real.killAndRestart();
    t.ok(await meeting.bridge.until(() => !isUp(daemon)), 'we see them go');
    t.equal(heardHere(daemon).length, 4, 'we keep their routes');
    await back;
    t.ok(await meeting.bridge.until(() => isUp(daemon)), 'they are back');
    const { here, there } = await meeting.heard(daemon, 1, [4, 4]);
    heardAll(t, { here, there }, { theirs: THEIRS, ours: OURS });
  });
}

const SHARED = '10.244.9.0/26';

async function pathsAddedByThem(t: Test, kind: SpeakerKind, dialect: Dialect): Promise<void> {
  const neighbors = [1, 3, 4].map((machine) => ({
    address: loopbackOf(machine),
    as: AS,
    client: true,
    ...(machine === 1 ? { addPaths: 'tx' as const } : {}),
  }));
  await meet(kind, dialect, { neighbors, routes: [] }, async (meeting) => {
    const daemon = meeting.start({ machine: 1, routes: [], channel: 'add paths rx;' });
    const [third, fourth] = [3, 4].map((machine) => {
      const routes = [{ net: SHARED, med: machine }];
      return { daemon: meeting.start({ machine, routes }), routes, machine };
    });
    const { here } = await meeting.heard(daemon, 1, [2, 0]);
    const expected = [3, 4].map((machine) => {
      const originator = `${machine}.${machine}.${machine}.${machine}`;
      return heardOf({ net: SHARED, med: machine }, addressOf(machine), { originator, clusters: ['9.9.9.9'] });
    });
    const byNextHop = (routes: readonly HeardRoute[]): HeardRoute[] =>
      routes.toSorted((a, b) => (a.nextHop < b.nextHop ? -1 : 1));
    t.strictSame(byNextHop(here), expected);
    // One of both goes, and then the other.
    if (fourth !== undefined) meeting.change(fourth.daemon, { machine: 4, routes: [] });
    t.ok(await meeting.bridge.until(() => heardHere(daemon).length === 1));
    t.equal(heardHere(daemon)[0]?.nextHop, addressOf(3));
    if (third !== undefined) meeting.change(third.daemon, { machine: 3, routes: [] });
    t.ok(await meeting.bridge.until(() => heardHere(daemon).length === 0));
  });
}

async function pathsAddedByUs(t: Test, kind: SpeakerKind, dialect: Dialect): Promise<void> {
  const neighbors = [{ address: loopbackOf(1), as: AS, addPaths: 'rx' as const }];
  await meet(kind, dialect, { neighbors, routes: [] }, async (meeting) => {
    const daemon = meeting.start({
      machine: 1,
      routes: [],
      session: 'rr client; rr cluster id 5.5.5.5;',
      channel: 'add paths tx;',
      clients: [3, 4],
    });
    for (const machine of [3, 4]) meeting.startClient(machine, 1, [{ net: SHARED, med: machine }]);
    const { there } = await meeting.heard(daemon, 1, [0, 2]);
    t.strictSame(there.map(({ nextHop }) => nextHop).toSorted(), [addressOf(3), addressOf(4)]);
    t.strictSame(there.map(({ med }) => String(med)).toSorted(), ['3', '4']);
  });
}

async function refreshes(t: Test, kind: SpeakerKind, dialect: Dialect): Promise<void> {
  await meet(kind, dialect, { routes: THEIRS }, async (meeting) => {
    const { bridge, real } = meeting;
    const daemon = meeting.start({ machine: 1, routes: OURS });
    await meeting.heard(daemon, 1, [4, 4]);
    for (const [asks, answers, ask] of [
      ['real', 'emulated', real.refresh === undefined ? undefined : () => real.refresh?.(loopbackOf(1))],
      ['emulated', 'real', () => daemon.birdc('reload in peer1')],
    ] as const) {
      if (ask === undefined) continue;
      const updates = bridge.sent(answers, BGP_MESSAGE.update);
      const requests = bridge.sent(asks, BGP_MESSAGE.routeRefresh);
      ask();
      t.ok(await bridge.until(() => bridge.sent(asks, BGP_MESSAGE.routeRefresh) > requests), `${asks} asks`);
      t.ok(await bridge.until(() => bridge.sent(answers, BGP_MESSAGE.update) > updates), `${answers} answers`);
      const { here, there } = await meeting.heard(daemon, 1, [4, 4]);
      heardAll(t, { here, there }, { theirs: THEIRS, ours: OURS });
    }
    t.ok(isUp(daemon));
  });
}

/** More than one message holds. */
async function manyRoutes(t: Test, kind: SpeakerKind, dialect: Dialect): Promise<void> {
  const nets = Array.from({ length: 1_000 }, (_, i) => ({ net: `10.${128 + (i >> 8)}.${i & 0xff}.0/24` }));
  await meet(kind, dialect, { routes: [] }, async (meeting) => {
    meeting.start({ machine: 1, routes: [], filler: nets });
    const there = await meeting.heardThere(1, nets.length);
    t.strictSame(there.toSorted(), nets.map(({ net }) => net).toSorted());
  });
}

async function wrongNumbers(t: Test, kind: SpeakerKind, dialect: Dialect): Promise<void> {
  const neighbors = [{ address: loopbackOf(1), as: 64_999 }];
  await meet(kind, dialect, { neighbors, routes: [] }, async (meeting) => {
    const daemon = meeting.start({ machine: 1, routes: OURS });
    t.ok(await meeting.bridge.until(() => statusOf(daemon)?.reason !== ''));
    t.equal(statusOf(daemon)?.reason, 'Received: Bad peer AS');
  });
}

const CASES = [
  ['an internal session: all attributes, changes, withdrawals', internalSession],
  ['an external session between numbers of four octets', externalSession],
  ['an external session of two octets', twoOctetSession],
  ['the real daemon reflects', reflectedToUs],
  ['we reflect', reflectedByUs],
  ['we are killed and come back under graceful restart', weRestart],
  ['they are killed and come back under graceful restart', theyRestart],
  ['they add paths', pathsAddedByThem],
  ['we add paths', pathsAddedByUs],
  ['either end asks for all routes again', refreshes],
  ['a thousand routes', manyRoutes],
  ['wrong numbers', wrongNumbers],
] as const;

for (const kind of KINDS) {
  const skip = kind.whyNot() ?? false;
  for (const [title, run] of CASES) {
    for (const dialect of DIALECTS)
      t.test(`${kind.name} and ${dialect}: ${title}`, { skip }, (t) => run(t, kind, dialect));
  }
}
