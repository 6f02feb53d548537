/** Random networks of speakers, as configurations of either dialect: what the converged computation is held against. */

import fc from 'fast-check';
import type { Dialect } from '../../src/bird/index.js';

/** What an end of a session does to routes: everything depends on what their origin said, so that a rest exists. */
export interface Policy {
  readonly import: 'all' | 'preferred' | 'tagged' | 'refuse-tagged' | 'none';
  readonly export: 'all' | 'own' | 'tag' | 'prepend' | 'some-prefixes';
  readonly nextHopSelf: boolean;
  readonly passive: boolean;
  readonly addPaths: boolean;
  /** `capabilities off`. */
  readonly silent: boolean;
  /** Of BIRD 2: the neighbour's AS is not named where it is another. */
  readonly anyAs: boolean;
}

export interface SessionPlan {
  readonly a: number;
  readonly b: number;
  /** Who of the two is the other's client. */
  readonly client: 'a' | 'b' | 'none';
  readonly policies: readonly [Policy, Policy];
  /** What is wrong with it. */
  readonly flaw: 'none' | 'wrong-as' | 'both-passive';
  readonly multihop: boolean;
}

export interface SpeakerPlan {
  readonly dialect: Dialect;
  readonly as: number;
  /** Of prefixes that it has static routes to. */
  readonly prefixes: readonly number[];
  /** Communities that its own routes have: they are preferred by them. */
  readonly rank: number;
  /** Of BIRD 2: a MED that its static routes have by themselves. */
  readonly med: boolean;
  readonly mergePaths: boolean;
  /** A table beside the usual one, with a route of its own, and which way a pipe leads. */
  readonly side: 'none' | 'out' | 'in' | 'both';
}

export interface Topology {
  readonly speakers: readonly SpeakerPlan[];
  readonly sessions: readonly SessionPlan[];
}

const PREFIXES = ['10.1.0.0/16', '10.1.1.0/26', '10.2.0.0/16', '10.3.0.64/26', '10.3.0.0/24', '192.168.7.0/24'];

export const nameOf = (index: number): string => `s${index}`;
export const addressOf = (index: number): string => `172.18.0.${index + 10}`;
const routerIdOf = (index: number, { speakers }: Topology): string => `1.1.1.${((index * 7) % speakers.length) + 1}`;

const policy: fc.Arbitrary<Policy> = fc.record({
  import: fc.constantFrom('all', 'all', 'preferred', 'preferred', 'tagged', 'refuse-tagged', 'none'),
  export: fc.constantFrom('all', 'all', 'own', 'tag', 'prepend', 'some-prefixes'),
  nextHopSelf: fc.boolean(),
  passive: fc.boolean(),
  addPaths: fc.constantFrom(false, false, true),
  silent: fc.constantFrom(false, false, false, false, true),
  anyAs: fc.boolean(),
});

const speaker = (as: fc.Arbitrary<number>): fc.Arbitrary<SpeakerPlan> =>
  fc.record({
    dialect: fc.constantFrom<Dialect>('bird-1.6', 'bird-2'),
    as,
    prefixes: fc.uniqueArray(fc.nat(PREFIXES.length - 1), { maxLength: 3 }),
    rank: fc.nat(2),
    med: fc.boolean(),
    mergePaths: fc.boolean(),
    side: fc.constantFrom('none', 'none', 'none', 'out', 'in', 'both'),
  });

const session = (a: number, b: number, client: SessionPlan['client']): fc.Arbitrary<SessionPlan> =>
  fc.record({
    a: fc.constant(a),
    b: fc.constant(b),
    client: fc.constant(client),
    policies: fc.tuple(policy, policy),
    flaw: fc.constantFrom('none', 'none', 'none', 'none', 'none', 'wrong-as', 'both-passive'),
    multihop: fc.boolean(),
  });

function pairs(indices: readonly number[]): [number, number][] {
  return indices.flatMap((a, i) => indices.slice(i + 1).map((b): [number, number] => [a, b]));
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Everybody with everybody, in one AS. */
const mesh: fc.Arbitrary<Topology> = fc.integer({ min: 2, max: 6 }).chain((size) =>
  fc.record({
    speakers: fc.array(speaker(fc.constant(64_512)), { minLength: size, maxLength: size }),
    sessions: fc.tuple(...pairs(range(0, size)).map(([a, b]) => session(a, b, 'none'))),
  }),
);

/** Reflectors with each other, and clients with some of them. */
const reflectors: fc.Arbitrary<Topology> = fc
  .record({
    reflectors: fc.integer({ min: 1, max: 3 }),
    clients: fc.integer({ min: 1, max: 5 }),
    redundant: fc.boolean(),
  })
  .chain(({ reflectors: count, clients, redundant }) => {
    const size = count + clients;
    const sessions = pairs(range(0, count)).map(([a, b]) => session(a, b, 'none'));
    for (const client of range(count, size)) {
      for (const reflector of range(0, count)) {
        if (redundant || client % count === reflector) sessions.push(session(reflector, client, 'b'));
      }
    }
    return fc.record({
      speakers: fc.array(speaker(fc.constant(64_512)), { minLength: size, maxLength: size }),
      sessions: fc.tuple(...sessions),
    });
  });

/** Racks: each its own AS with a switch and nodes, the switches with a spine. */
const fabric: fc.Arbitrary<Topology> = fc
  .record({ racks: fc.integer({ min: 1, max: 3 }), nodes: fc.integer({ min: 1, max: 2 }), inside: fc.boolean() })
  .chain(({ racks, nodes, inside }) => {
    const speakers = [speaker(fc.constant(65_000))];
    const sessions: fc.Arbitrary<SessionPlan>[] = [];
    for (const rack of range(0, racks)) {
      const as = 65_001 + rack;
      const tor = speakers.push(speaker(fc.constant(as))) - 1;
      sessions.push(session(0, tor, 'none'));
      for (const node of range(0, nodes)) {
        // Nodes in their rack's AS, as clients of its switch, or each in an AS of its own.
        const own = inside ? as : 65_100 + 10 * rack + node;
        const at = speakers.push(speaker(fc.constant(own))) - 1;
        sessions.push(session(tor, at, inside ? 'b' : 'none'));
      }
    }
    return fc.record({ speakers: fc.tuple(...speakers), sessions: fc.tuple(...sessions) });
  });

export const topology: fc.Arbitrary<Topology> = fc.oneof(mesh, reflectors, fabric);

// Configurations.

const COMMON = `
function tagged() { return (65000, 99) ~ bgp_community; }
function rank_up() {
  if ((65000, 1) ~ bgp_community) then bgp_local_pref = 110;
  if ((65000, 2) ~ bgp_community) then bgp_local_pref = 120;
  return true;
}
`;

const IMPORTS: Readonly<Record<Policy['import'], string>> = {
  all: 'all',
  none: 'none',
  preferred: 'filter { rank_up(); accept; }',
  tagged: 'filter { if net ~ [10.0.0.0/8+] then bgp_large_community.add((65000, 7, 7)); accept; }',
  'refuse-tagged': 'filter { if tagged() then reject; rank_up(); accept; }',
};

const exportOf = (choice: Policy['export'], { as }: SpeakerPlan): string => {
  const bgp = 'source = RTS_BGP';
  switch (choice) {
    case 'all':
      return 'filter { if source = RTS_STATIC || source = RTS_BGP then accept; reject; }';
    case 'own':
      return 'where source = RTS_STATIC';
    case 'tag':
      return `filter { if source = RTS_DEVICE then reject; bgp_community.add((65000, 99)); bgp_ext_community.add((rt, 65000, 5)); accept; }`;
    case 'prepend':
      return `filter { if ${bgp} || source = RTS_STATIC then { bgp_path.prepend(${as}); accept; } reject; }`;
    case 'some-prefixes':
      return 'filter { if net ~ [10.1.0.0/16{16,26}, 10.3.0.0/16+] then accept; reject; }';
  }
};

const END: readonly ('a' | 'b')[] = ['a', 'b'];

function sessionText(topology: Topology, plan: SessionPlan, end: 0 | 1): string {
  const [own, other] = end === 0 ? [plan.a, plan.b] : [plan.b, plan.a];
  const { speakers } = topology;
  const [mine, theirs] = [speakers[own], speakers[other]];
  if (mine === undefined || theirs === undefined) return '';
  const policy = plan.policies[end];
  const as = plan.flaw === 'wrong-as' && end === 0 ? theirs.as + 1 : theirs.as;
  const anyAs = policy.anyAs && mine.dialect === 'bird-2' && plan.flaw === 'none' && as !== mine.as;
  const passive = plan.flaw === 'both-passive' || (policy.passive && plan.flaw === 'none' && end === 0);
  const reflects = plan.client !== 'none' && plan.client !== END[end] && as === mine.as;
  const shared = [
    `local as ${mine.as};`,
    `neighbor ${addressOf(other)} ${anyAs ? 'external' : `as ${as}`};`,
    `source address ${addressOf(own)};`,
    plan.multihop ? 'multihop;' : 'direct;',
    reflects ? 'rr client;' : '',
    passive ? 'passive on;' : '',
    policy.silent ? 'capabilities off;' : '',
    'deterministic med on; connect delay time 1; connect retry time 2;',
  ];
  const channel = [
    `import ${IMPORTS[policy.import]};`,
    `export ${exportOf(policy.export, mine)};`,
    policy.nextHopSelf ? 'next hop self;' : '',
    policy.addPaths ? 'add paths on;' : '',
    'gateway recursive;',
  ];
  const body =
    mine.dialect === 'bird-2'
      ? `${shared.join(' ')} ipv4 { ${channel.join(' ')} };`
      : [...shared, ...channel].join(' ');
  return `protocol bgp to_${nameOf(other)} { ${body} }`;
}

function staticText({ dialect, prefixes, rank, med }: SpeakerPlan): string {
  const more = med && dialect === 'bird-2' ? ' { bgp_med = 7; }' : '';
  const routes = prefixes.map((index) => `route ${PREFIXES[index]} blackhole${more};`).join(' ');
  const filter = `filter { ${rank === 0 ? '' : `bgp_community.add((65000, ${rank}));`} accept; }`;
  return dialect === 'bird-2'
    ? `protocol static { ipv4 { import ${filter}; }; ${routes} }`
    : `protocol static { import ${filter}; ${routes} }`;
}

const SIDE_TABLE = 'side';
export const SIDE_KERNEL_TABLE = 100;

const NARROW =
  'filter { if net ~ [10.1.0.0/16+, 10.9.0.0/16+] then { bgp_community.add((65000, 50)); accept; } reject; }';

/** The side table has one that the usual one has as well, and one of its own. */
function sideText({ dialect, side }: SpeakerPlan): string {
  if (side === 'none') return '';
  const [out, into] = [side === 'in' ? 'none' : 'all', side === 'out' ? 'none' : NARROW];
  const filters = `export ${out}; import ${into};`;
  const routes = 'route 10.9.0.0/24 blackhole; route 10.2.0.0/16 unreachable;';
  const kernel = `kernel table ${SIDE_KERNEL_TABLE};`;
  if (dialect === 'bird-2') {
    return `ipv4 table ${SIDE_TABLE}; protocol pipe { table master4; peer table ${SIDE_TABLE}; ${filters} }
protocol static beside { ipv4 { table ${SIDE_TABLE}; preference 150; }; ${routes} }
protocol kernel { ipv4 { table ${SIDE_TABLE}; export all; }; ${kernel} }`;
  }
  return `table ${SIDE_TABLE}; protocol pipe { peer table ${SIDE_TABLE}; ${filters} }
protocol static beside { table ${SIDE_TABLE}; preference 150; ${routes} }
protocol kernel { table ${SIDE_TABLE}; export all; ${kernel} }`;
}

export function configOf(topology: Topology, index: number): string {
  const plan = topology.speakers[index];
  if (plan === undefined) throw new RangeError(`no speaker ${index}`);
  const merge = plan.mergePaths ? 'merge paths on;' : '';
  const kernel =
    plan.dialect === 'bird-2'
      ? `protocol kernel { ${merge} ipv4 { export all; }; } protocol direct { ipv4; }`
      : `protocol kernel { ${merge} export all; } protocol direct { }`;
  const sessions = topology.sessions.flatMap((session) => {
    if (session.a === index) return [sessionText(topology, session, 0)];
    return session.b === index ? [sessionText(topology, session, 1)] : [];
  });
  return [
    `router id ${routerIdOf(index, topology)};`,
    COMMON,
    'protocol device { scan time 2; }',
    kernel,
    staticText(plan),
    sideText(plan),
    ...sessions,
    '',
  ].join('\n');
}
