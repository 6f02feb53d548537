/** Tables beside the usual one, and pipes between them. */

import type { Scene } from './beside.js';

const PORTS = [
  ['eth0', 's0', '172.18.0.1/24'],
  ['eth1', 's1', '172.19.0.1/24'],
] as const;

const EXPORT = `filter {
  if net = 10.1.0.0/16 then { bgp_community.add((1,2)); preference = 50; accept; }
  if source = RTS_DEVICE then reject;
  accept;
}`;

const TWO = `router id 1.1.1.1;
ipv4 table t2; ipv4 table t3;
protocol device { }
protocol direct { ipv4; }
protocol static s1 {
  ipv4 { import where net != 10.3.0.0/16; };
  route 10.1.0.0/16 via 172.18.0.9; route 10.2.0.0/16 blackhole { bgp_med = 5; }; route 10.3.0.0/16 blackhole;
}
protocol static s2 { ipv4 { table t2; }; route 10.9.0.0/16 via 172.19.0.9; route 10.2.0.0/16 unreachable; }
protocol pipe p1 { table master4; peer table t2; import where net = 10.9.0.0/16; export ${EXPORT}; }
protocol pipe p2 { table t2; peer table t3; import none; export all; }
protocol kernel { ipv4 { export all; }; }
protocol kernel k2 { ipv4 { table t2; export all; }; kernel table 100; }
protocol kernel k3 { ipv4 { table t3; export all; }; kernel table 101; merge paths; }
`;

const ONE = `router id 1.1.1.1;
table t2; table t3;
protocol device { }
protocol direct { }
protocol static s1 {
  import where net != 10.3.0.0/16;
  route 10.1.0.0/16 via 172.18.0.9; route 10.2.0.0/16 blackhole { bgp_med = 5; }; route 10.3.0.0/16 blackhole;
}
protocol static s2 { table t2; route 10.9.0.0/16 via 172.19.0.9; route 10.2.0.0/16 unreachable; }
protocol pipe p1 { peer table t2; import where net = 10.9.0.0/16; export ${EXPORT}; mode transparent; }
protocol pipe p2 { table t2; peer table t3; import none; export all; }
protocol kernel { export all; }
protocol kernel k2 { table t2; export all; kernel table 100; }
protocol kernel k3 { table t3; export all; kernel table 101; merge paths; }
`;

const OPAQUE = `router id 1.1.1.1;
table t2;
protocol device { }
protocol direct { }
protocol static s1 { route 10.1.0.0/16 via 172.18.0.9; route 10.2.0.0/16 blackhole; }
protocol pipe p1 { peer table t2; mode opaque; import all; export all; preference 77; }
protocol kernel { export all; }
protocol kernel k2 { table t2; export all; kernel table 100; }
`;

/** Three pipes in a ring: what comes back is ignored. One has limits. */
const RING = `router id 1.1.1.1;
ipv4 table t2; ipv4 table t3; ipv4 table vrf1;
protocol device { }
protocol static s1 { ipv4; route 10.1.0.0/16 via 172.18.0.9; route 10.2.0.0/16 blackhole; route 10.3.0.0/16 blackhole; }
protocol static s3 { ipv4 { table t3; }; route 10.7.0.0/16 blackhole; route 10.2.0.0/16 unreachable; }
protocol pipe p1 { table master4; peer table t2; import all; export all; }
protocol pipe p2 { table t2; peer table t3; import all; export all; }
protocol pipe p3 { table t3; peer table master4; import all; export all; }
protocol pipe p4 {
  description "limited"; table master4; peer table vrf1; import none; export all;
  import limit 5 action block; export limit 2 action block;
}
protocol kernel { ipv4 { export all; import all; }; learn; }
protocol kernel k2 { ipv4 { table vrf1; export filter { krt_metric = 77; accept; }; }; kernel table 100; metric 0; }
`;

const asked = (...commands: readonly string[]) => commands.map((command) => ['a', command] as const);

const COMMON = asked(
  'show protocols',
  'show protocols all',
  'show route all',
  'show route table t2 all',
  'show route export p1',
  'show route noexport p1',
  'show route preexport p1',
  'show route protocol p1',
  'show route protocol s1',
  'show route export p1 table t2',
  'show route export k2',
  'show route count',
  'show route table t2 count',
  'show route table t2 primary',
  'show route where source = RTS_PIPE table t2',
  'show symbols table',
  'reload p1',
  'show protocols all p1',
  'disable p1',
  'show route table t2',
  'show protocols all p1',
  'enable p1',
  'show protocols all p1',
  'restart p1',
  'show route table t2',
  'disable s1',
  'show route table t2',
  'show protocols all',
  'kernel 254',
  'kernel 100',
);

const ALL_TABLES = asked(
  'show route table all all',
  'show route table all count',
  'show route protocol s2 table all',
  'show route export p1 table master4',
  'show route export p1.sec',
  'show route export p1.ipv4',
  'show route exported p1',
  'show route export table t2',
  'show route table t3 export k2',
  'show route table all export p1',
  'show route table t2 2001:db8::/32',
  'show route export p1 export p1',
  'show route where true where true',
);

export const PIPES: readonly Scene[] = [
  {
    name: 'pipes of BIRD 2',
    machines: { a: { ports: PORTS, config: TWO } },
    steps: [...ALL_TABLES, ...COMMON, ['a', 'kernel 101']],
  },
  {
    name: 'pipes of 1.6',
    machines: { a: { dialect: 'bird-1.6', ports: PORTS, config: ONE } },
    steps: [...COMMON, ...asked('show route table t3', 'show route export s1 count', 'kernel 101')],
  },
  {
    name: 'an opaque pipe of 1.6, out of which nothing goes any more',
    machines: { a: { dialect: 'bird-1.6', ports: PORTS, config: OPAQUE } },
    steps: COMMON,
  },
  {
    name: 'a ring of pipes, and one with limits',
    machines: { a: { ports: PORTS, config: RING } },
    steps: asked(
      'show protocols all',
      'show route table all all',
      'disable s1',
      'show route table all',
      'enable s1',
      'show route table all',
      'disable p2',
      'show route table all',
      'enable p2',
      'show route table all',
      'show protocols all',
      'kernel 254',
      'kernel 100',
    ),
  },
];
