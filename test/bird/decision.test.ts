import t from 'tap';
import type { Attributes, Dialect, Route } from '../../src/bird/index.js';
import { ipv4 } from '../../src/packet/index.js';
import { Net } from '../../src/bird/address.js';
import { staticOrigin } from '../../src/bird/protocols/local-routes.js';
import { isBetter, isMergable } from '../../src/bird/rib/decision.js';
import { toRouter } from '../../src/bird/rib/next-hop.js';
import { type BgpDecisionOptions, type BgpOrigin, makeRoute, RTS } from '../../src/bird/rib/route.js';

const OPTIONS: BgpDecisionOptions = {
  defaultLocalPref: 100,
  defaultMed: 0,
  comparePathLengths: true,
  medMetric: false,
  igpMetric: true,
  preferOlder: false,
  deterministicMed: false,
};

interface Facts {
  readonly attributes?: Attributes;
  readonly bgp?: Partial<BgpOrigin>;
  readonly options?: Partial<BgpDecisionOptions>;
  readonly route?: Partial<Route>;
}

let count = 0;
function bgp({ attributes = {}, bgp: of = {}, options = {}, route: fields = {} }: Facts = {}): Route {
  count += 1;
  const origin: BgpOrigin = {
    dialect: 'bird-2',
    remoteAs: 65_002,
    localAs: 65_001,
    isInternal: false,
    remoteId: 10,
    remoteAddress: ipv4(10),
    rrClient: false,
    rrClusterId: 0,
    neighborIface: undefined,
    options: { ...OPTIONS, ...options },
    ...of,
  };
  const told = {
    net: new Net(ipv4(0x0a00_0000), 8),
    origin: { name: `bgp${count}`, kind: 'bgp' as const, bgp: origin },
    preference: 100,
    source: RTS.bgp,
    attributes: {
      origin: 0,
      asPath: [{ kind: 'sequence' as const, asns: [65_002, 65_003] }],
      localPref: 100,
      ...attributes,
    },
  };
  return { ...makeRoute(told, toRouter(ipv4(1), 'eth0', false)), ...fields };
}

const path = (...asns: number[]): Attributes => ({ asPath: [{ kind: 'sequence', asns }] });

/** In the order in which they are asked: each wins although all that come later say the opposite. */
const CRITERIA: readonly (readonly [string, Facts, Facts])[] = [
  ['preference of the protocol', { route: { preference: 101 } }, {}],
  ['a next hop that is reached', {}, { route: { dest: 'unreachable' } }],
  ['local preference', { attributes: { localPref: 101 } }, { attributes: { localPref: 100 } }],
  ['a shorter path', { attributes: path(65_002) }, { attributes: path(65_002, 65_003) }],
  ['origin', { attributes: { origin: 0 } }, { attributes: { origin: 2 } }],
  ['MED of one neighbouring AS', { attributes: { med: 5 } }, { attributes: { med: 6 } }],
  ['external before internal', { bgp: { isInternal: false } }, { bgp: { isInternal: true } }],
  ['distance of the next hop', { route: { igpMetric: 1 } }, { route: { igpMetric: 2 } }],
  ['router id', { bgp: { remoteId: 1 } }, { bgp: { remoteId: 2 } }],
  ['originator before router id', { attributes: { originatorId: 1 }, bgp: { remoteId: 9 } }, { bgp: { remoteId: 2 } }],
  ['a shorter cluster list', { attributes: { clusterList: [1] } }, { attributes: { clusterList: [1, 2] } }],
  ['address of the neighbour', { bgp: { remoteAddress: ipv4(1) } }, { bgp: { remoteAddress: ipv4(2) } }],
];

t.test('each criterion decides where those before it do not', (t) => {
  for (const [why, better, worse] of CRITERIA) {
    t.equal(isBetter(bgp(better), bgp(worse)), true, why);
    t.equal(isBetter(bgp(worse), bgp(better)), false, `${why}, the other way round`);
  }
  t.end();
});

t.test('an earlier criterion outweighs any later one', (t) => {
  const merge = (a: Facts, b: Facts): Facts => ({
    attributes: { ...b.attributes, ...a.attributes },
    bgp: { ...b.bgp, ...a.bgp },
    route: { ...b.route, ...a.route },
  });
  CRITERIA.forEach(([why, better, worse], i) => {
    for (const [later, laterBetter, laterWorse] of CRITERIA.slice(i + 1)) {
      // Path and MED change what a neighbouring AS is; both keep it here.
      const first = bgp(merge(better, laterWorse));
      const second = bgp(merge(worse, laterBetter));
      if (why === 'router id' && later === 'originator before router id') continue;
      t.equal(isBetter(first, second), true, `${why} over ${later}`);
    }
  });
  t.end();
});

t.test('options change what is compared', (t) => {
  const other = { attributes: { med: 1, ...path(65_009, 65_003) }, bgp: { remoteId: 20 } };
  const here = { attributes: { med: 2 }, bgp: { remoteId: 10 } };
  t.equal(isBetter(bgp(here), bgp(other)), true, 'MED of different ASes says nothing');
  const metric = { medMetric: true };
  t.equal(
    isBetter(bgp({ ...here, options: metric }), bgp({ ...other, options: metric })),
    false,
    'but with `med metric`',
  );
  const long = { attributes: path(65_002, 65_003, 65_004), bgp: { remoteId: 1 } };
  const plain = { comparePathLengths: false };
  t.equal(isBetter(bgp({ ...long, options: plain }), bgp({ options: plain })), true, 'without `path metric`');
  const older = { preferOlder: true };
  t.equal(isBetter(bgp({ bgp: { remoteId: 1 }, options: older }), bgp({ options: older })), false, 'the older stays');
  t.equal(isBetter(bgp({ route: { filtered: true } }), bgp()), false, 'filtered ones never win');
  t.end();
});

t.test('a next hop by a route that drops on purpose is resolved in 2, and is not in 1.6', (t) => {
  for (const dest of ['blackhole', 'prohibit'] as const) {
    const dropped = { attributes: { localPref: 101 }, route: { dest } };
    t.equal(isBetter(bgp(dropped), bgp()), true, dest);
    const old = { dialect: 'bird-1.6' } as const;
    t.equal(isBetter(bgp({ ...dropped, bgp: old }), bgp({ bgp: old })), false, `${dest} in 1.6`);
  }
  t.end();
});

t.test('what may share traffic', (t) => {
  t.equal(isMergable(bgp(), bgp({ bgp: { remoteId: 99, remoteAddress: ipv4(99) } })), true);
  t.equal(isMergable(bgp(), bgp({ attributes: { localPref: 99 } })), false);
  t.equal(isMergable(bgp(), bgp({ route: { igpMetric: 5 } })), false);
  t.equal(isMergable(bgp(), bgp({ route: { dest: 'unreachable' } })), false);
  t.end();
});

t.test('static routes: the lower metric wins in 2, and such with the same may share traffic; in 1.6 all may', (t) => {
  const route = (name: string, dialect: Dialect, igpMetric?: number): Route =>
    bgp({
      route: { origin: staticOrigin(name, dialect), attributes: igpMetric === undefined ? {} : { igpMetric } },
    });
  const [near, far, none] = [route('s1', 'bird-2', 10), route('s2', 'bird-2', 20), route('s3', 'bird-2')];
  t.equal(isBetter(near, far), true);
  t.equal(isBetter(far, near), false);
  t.equal(isBetter(far, none), true, 'none is the worst');
  t.equal(isMergable(near, far), false);
  t.equal(isMergable(far, route('s4', 'bird-2', 20)), true);
  t.equal(isBetter(route('s1', 'bird-1.6', 10), route('s2', 'bird-1.6', 20)), false);
  t.equal(isMergable(route('s1', 'bird-1.6', 10), route('s2', 'bird-1.6', 20)), true);
  t.end();
});
