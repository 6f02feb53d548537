/** `birdc configure` with its kin, and protocols that are switched by hand. */

import type { Dialect } from '../../../src/bird/index.js';
import type { Scene } from './beside.js';

const A = `router id 1.1.1.1;
protocol device { }
protocol static s1 { ipv4; route 10.1.0.0/16 via 172.18.0.9; route 10.2.0.0/16 blackhole; }
protocol bgp b1 { local 172.18.0.1 as 1; neighbor 172.18.0.2 as 2; ipv4 { import all; export all; }; connect delay time 1; connect retry time 1; error wait time 1, 2; }
protocol kernel { ipv4 { export all; }; }
`;

const B = `router id 2.2.2.2;
protocol device { }
protocol static s1 { ipv4; route 10.7.0.0/16 blackhole; }
protocol bgp b1 { local 172.18.0.2 as 2; neighbor 172.18.0.1 as 1; ipv4 { import all; export all; }; connect delay time 1; connect retry time 1; error wait time 1, 2; }
`;

/** 1.6 has what channels have among the options of their protocol. */
const written = (text: string, dialect: Dialect): string =>
  dialect === 'bird-2' ? text : text.replaceAll(/ipv4 \{ ([^}]*) \};/g, '$1').replaceAll('ipv4;', '');

const HOLD = A.replace('as 2;', 'as 2; hold time 90;');
const NARROW = A.replace('import all; export all; };', 'import all; export where net = 10.1.0.0/16; };');

const SETTLE_S = 4;

const told = 'show route protocol b1';

const scene = (dialect: Dialect): Scene => {
  const config = (text: string) => ['a', { config: written(text, dialect) }] as const;
  const a = (...commands: readonly string[]) => commands.map((command) => ['a', command] as const);
  return {
    name: `what is configured anew, of ${dialect}`,
    machines: {
      a: { dialect, ports: [['eth0', 's0', '172.18.0.1/24']], config: written(A, dialect) },
      b: { dialect, ports: [['eth0', 's0', '172.18.0.2/24']], config: written(B, dialect) },
    },
    steps: [
      SETTLE_S,
      ...a('configure check', 'configure', 'configure soft', 'configure undo', 'configure undo', 'configure confirm'),
      ...a('configure status', 'configure timeout 1', 'configure status', 'configure confirm', 'configure status'),
      config(HOLD),
      // Whether the session is there again a moment later is up to the real daemons' processor.
      ...a('configure check', 'configure', 'configure status'),
      SETTLE_S,
      ...a('show protocols', 'configure undo'),
      SETTLE_S,
      ...a('configure status', 'show protocols', 'configure undo'),
      SETTLE_S,
      config(NARROW),
      ...a('configure soft'),
      1,
      ['b', told],
      ...a('show route export b1', 'reload out b1'),
      1,
      ['b', told],
      config('garbage'),
      ...a('configure', 'configure check', 'configure timeout', 'configure status'),
      config(A),
      ...a('configure timeout 2'),
      1,
      ['b', told],
      3,
      // What a timer has begun a real one goes on with when somebody wakes it.
      ...a('configure status'),
      1,
      ['b', told],
      ...a('configure timeout 100', 'configure confirm', 'configure undo', 'configure undo'),
      ...a('disable "b*"', 'show protocols "b*"', 'enable all', 'disable b1 "maintenance"'),
      1,
      ...a('show protocols all b1', 'enable b1'),
      SETTLE_S,
      ...a('restart b1 "because"'),
      SETTLE_S,
      ...a('reload in b1'),
      1,
      ...a('reload out b1'),
      1,
      ...a('reload b1', 'reload s1', 'reload "x*"'),
      // A neighbour on a busy machine takes longer to say all of it again.
      SETTLE_S,
      ...a('show protocols all b1'),
      ...a('disable all', 'show protocols', 'show route', 'echo', 'echo all', 'restrict'),
    ],
  };
};

export const CONFIGURING: readonly Scene[] = [scene('bird-2'), scene('bird-1.6')];
