/** Two routers, or nodes of Calico and their switch, with what network engineers write: one option or two in each scene. */

import type { Machine, Scene } from './beside.js';

const TIMES = 'connect delay time 1; connect retry time 2; error wait time 2, 4;';
const EVERYTHING = 'import all; export all;';
const SETTLE_S = 6;

interface End {
  readonly as: number;
  readonly options?: string;
  readonly channel?: string;
}

const ROUTES = {
  a: 'route 10.1.0.0/16 blackhole; route 10.2.0.0/16 via 172.18.0.9;',
  b: 'route 10.7.0.0/16 blackhole { bgp_med = 7; bgp_local_pref = 70; bgp_community.add((2,7)); };',
} as const;
const ADDRESSES = { a: '172.18.0.1', b: '172.18.0.2' } as const;

function router(own: 'a' | 'b', end: End, neighborAs: number): Machine {
  const [here, there] = own === 'a' ? [ADDRESSES.a, ADDRESSES.b] : [ADDRESSES.b, ADDRESSES.a];
  const config = `router id ${here};
protocol device { }
protocol direct { ipv4; }
protocol kernel { ipv4 { export where source != RTS_DEVICE; }; }
protocol static { ipv4; ${ROUTES[own]} }
protocol bgp b1 {
  local ${here} as ${end.as}; neighbor ${there} as ${neighborAs}; ${TIMES} ${end.options ?? ''}
  ipv4 { ${EVERYTHING} ${end.channel ?? ''} };
}
`;
  return { ports: [['eth0', 's0', `${here}/24`]], config };
}

const look = (...machines: readonly string[]): Scene['steps'] => [
  SETTLE_S,
  ...machines.flatMap((machine) =>
    ['show protocols', 'show protocols all', 'show route all', 'show route filtered all', 'kernel 254'].map(
      (command) => [machine, command] as const,
    ),
  ),
];

const pair = (name: string, a: Omit<End, 'as'>, b: Omit<End, 'as'>, [as, other] = [1, 2]): Scene => ({
  name,
  machines: { a: router('a', { ...a, as }, other), b: router('b', { ...b, as: other }, as) },
  steps: look('a', 'b'),
});

const PAIRS: readonly Scene[] = [
  pair('next hop self, and keep', { channel: 'next hop self;' }, { channel: 'next hop keep;' }),
  pair('next hop address', { channel: 'next hop address 172.18.0.99;' }, { channel: 'next hop self ebgp;' }),
  pair('a reflector and its client', { options: 'rr client;' }, { channel: 'next hop self;' }, [1, 1]),
  pair(
    'preferences inside an AS',
    { options: 'default bgp_local_pref 333; default bgp_med 44;' },
    { options: 'allow bgp_local_pref on; interpret communities off;' },
    [1, 1],
  ),
  pair(
    'preferences between two',
    { options: 'allow bgp_local_pref on; prefer older on;' },
    { options: 'allow bgp_local_pref on; med metric on; path metric off;' },
  ),
  pair('two octets for an AS', { options: 'enable as4 off;' }, {}, [65_001, 65_002]),
  pair('four octets for an AS', {}, {}, [4_200_000_001, 4_200_000_002]),
  pair('no capabilities', { options: 'capabilities off;' }, {}),
  pair('no route refresh, long messages', { options: 'enable route refresh off; enable extended messages on;' }, {}),
  pair('added paths one way', { channel: 'add paths on;' }, { channel: 'add paths rx;' }),
  pair('hold times', { options: 'hold time 30; keepalive time 5; startup hold time 20;' }, { options: 'hold time 9;' }),
  pair(
    'a path that begins with somebody else',
    { options: 'enforce first as on;' },
    { channel: 'export filter { bgp_path.prepend(77); accept; };' },
  ),
  pair('no sets in paths, a route server', { options: 'allow as sets off;' }, { options: 'rs client;' }),
  pair('ttl security', { options: 'ttl security on;' }, { options: 'ttl security on;' }),
  pair('a passive end', { options: 'passive on;' }, {}),
  pair(
    'recursive next hops, a preference',
    { channel: 'cost 10; gateway recursive; igp table master4;' },
    { channel: 'preference 150;' },
  ),
  pair('routes that are refused and kept', { channel: 'import keep filtered; import where net = 10.9.0.0/16;' }, {}),
  pair(
    'communities that keep a route here, and a path that is edited',
    {
      channel:
        'export filter { bgp_community.add((65535,65281)); bgp_ext_community.add((rt,1,2)); bgp_large_community.add((1,2,3)); bgp_origin = ORIGIN_EGP; accept; };',
    },
    { channel: 'import filter { bgp_path.prepend(5); bgp_path.delete(1); bgp_next_hop = 172.18.0.1; accept; };' },
  ),
  ...(['import', 'receive', 'export'] as const).flatMap((which) =>
    ['warn', 'block'].map((action) =>
      pair(`${which} limit, action ${action}`, { channel: `${which} limit 1 action ${action};` }, {}),
    ),
  ),
];

/** The other end tries again and again: it is not asked. */
const SHUT: readonly Scene[] = (['import', 'receive', 'export'] as const).map((which) => ({
  ...pair(`${which} limit, action disable`, {}, { channel: `${which} limit 1 action disable;` }),
  steps: look('b'),
}));

// Calico

function node(number: number, as = 65_000 + number, options = ''): Machine {
  const address = `172.18.0.${10 + number}`;
  const config = `router id ${address};
protocol device { scan time 2; }
protocol direct { interface -"cali*", "*"; }
protocol static { route 10.244.${number}.0/26 blackhole; route 10.244.${number}.64/26 blackhole; }
protocol kernel { learn; persist; scan time 2; import all; export all; graceful restart; merge paths on; }
protocol bgp tor {
  local as ${as}; neighbor 172.18.0.1 as 65100; source address ${address}; multihop; gateway recursive;
  import all; export filter { if source = RTS_STATIC then accept; reject; };
  add paths on; graceful restart; ${TIMES} ${options}
}
`;
  return { dialect: 'bird-1.6', ports: [['eth0', 'rack', `${address}/24`]], config };
}

function tor(nodes: readonly (readonly [number: number, as: number])[], top: string, channel: string): Machine {
  const sessions = nodes.map(
    ([number, as]) =>
      `protocol bgp n${number} { local 172.18.0.1 as 65100; neighbor 172.18.0.${10 + number} as ${as}; ${TIMES} ipv4 { ${channel} }; }`,
  );
  const config = `router id 172.18.0.1;
${top}
protocol device { }
protocol direct { ipv4; }
protocol kernel { ipv4 { export where source != RTS_DEVICE; }; merge paths; }
${sessions.join('\n')}
`;
  return { ports: [['eth0', 'rack', '172.18.0.1/24']], config };
}

const AGGREGATES = `define AGGREGATE = [ 10.244.0.0/16 ];
filter from_node {
  if net ~ [ 10.244.0.0/16{26,26} ] then { bgp_community.add((65100, 100)); bgp_large_community.add((65100,1,1)); bgp_local_pref = 200; accept; }
  reject;
}
filter to_node {
  if net ~ AGGREGATE then { bgp_path.prepend(65100); bgp_path.prepend(65100); bgp_med = 50; bgp_community.add((65535,65281)); accept; }
  if net.len = 26 then { bgp_community.delete([(65100,*)]); accept; }
  reject;
}
protocol static { ipv4; route 10.244.0.0/16 unreachable; route 0.0.0.0/0 blackhole; }`;

const RACKS: readonly Scene[] = [
  {
    name: 'nodes and a switch that aggregates',
    machines: {
      n1: node(1),
      n2: node(2),
      tor: tor(
        [
          [1, 65_001],
          [2, 65_002],
        ],
        AGGREGATES,
        'import filter from_node; export filter to_node; next hop self;',
      ),
    },
    steps: look('tor', 'n1', 'n2'),
  },
  ...['', 'allow local as 1;'].map(
    (options): Scene => ({
      name: `nodes of one AS behind a switch of another${options && `, ${options}`}`,
      machines: {
        n1: node(1, 65_001),
        n2: node(2, 65_001, options),
        tor: tor(
          [
            [1, 65_001],
            [2, 65_001],
          ],
          '',
          EVERYTHING,
        ),
      },
      steps: [SETTLE_S, ['n2', 'show protocols all tor'], ['n2', 'show route all'], ['tor', 'show route all']],
    }),
  ),
];

export const USUAL: readonly Scene[] = [...PAIRS, ...SHUT, ...RACKS];
