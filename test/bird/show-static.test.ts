/** `birdc show static`: what BIRD 1.6.8 and BIRD 2.0.12 printed of the same routes on a host with the same addresses. */

import t from 'tap';
import type { Dialect } from '../../src/bird/index.js';
import { Fabric } from './fabric.js';

const ROUTES = [
  '10.2.0.0/16 via "lo"',
  '10.0.0.0/8 blackhole',
  '10.1.0.0/16 via 127.0.0.9',
  '10.3.0.0/16 unreachable',
  '10.4.0.0/16 MULTIPATH via 10.50.0.1 weight 2 via 127.0.0.2 weight 3',
  '10.5.0.0/16 recursive 10.9.9.9',
  '10.6.0.0/16 prohibit',
  '10.7.0.0/16 via 10.50.0.2',
  '10.8.0.0/16 via "d0"',
  '10.9.0.0/16 via "nope"',
  '10.10.0.0/16 MULTIPATH via 127.0.0.3 via 127.0.0.4',
];

function printed(dialect: Dialect, command: string, more = ''): string {
  const fabric = new Fabric();
  fabric.plug('a', 'd0', 'lan', '10.50.0.9/24');
  const channel = dialect === 'bird-2' ? 'ipv4; ' : '';
  const routes = ROUTES.map((route) => `route ${route.replace('MULTIPATH', dialect === 'bird-2' ? '' : 'multipath')};`);
  const text = [
    'router id 1.2.3.4;',
    'protocol device { }',
    `protocol static st { ${channel}${routes.join(' ')} }`,
    `protocol static zwei { ${channel}disabled; route 10.99.0.0/16 blackhole; }`,
    more,
  ].join('\n');
  const daemon = fabric.bird('a', text, { dialect });
  fabric.run(1);
  const [, ...lines] = daemon.birdc(command).trimEnd().split('\n');
  fabric.end();
  return lines.join('\n');
}

const IN_1 = `10.0.0.0/8 blackhole
10.1.0.0/16 via 127.0.0.9 (dormant)
10.3.0.0/16 unreachable
10.4.0.0/16 multipath
\tvia 10.50.0.1 weight 2
\tvia 127.0.0.2 weight 3 (dormant)
10.5.0.0/16 recursive 10.9.9.9
10.6.0.0/16 prohibited
10.7.0.0/16 via 10.50.0.2
10.10.0.0/16 multipath (dormant)
\tvia 127.0.0.3 weight 1 (dormant)
\tvia 127.0.0.4 weight 1 (dormant)
10.2.0.0/16 dev lo
10.8.0.0/16 dev d0
10.9.0.0/16 dev nope (dormant)`;

const IN_2 = `10.2.0.0/16
\tdev lo
10.0.0.0/8\tblackhole
10.1.0.0/16
\tvia 127.0.0.9 (dormant)
10.3.0.0/16\tunreachable
10.4.0.0/16
\tvia 10.50.0.1
\tvia 127.0.0.2 (dormant)
10.5.0.0/16\trecursive 10.9.9.9
10.6.0.0/16\tprohibited
10.7.0.0/16
\tvia 10.50.0.2
10.8.0.0/16
\tdev d0
10.9.0.0/16
\tdev nope (dormant)
10.10.0.0/16
\tvia 127.0.0.3 (dormant)
\tvia 127.0.0.4 (dormant)`;

t.test('routes and whether their next hops are there', async (t) => {
  t.equal(printed('bird-1.6', 'show static'), IN_1);
  t.equal(printed('bird-1.6', 'show static st'), IN_1);
  t.equal(printed('bird-2', 'show static'), IN_2);
  t.equal(printed('bird-2', 'show static st'), IN_2);
});

t.test('of a protocol that is down, and of several', async (t) => {
  t.equal(printed('bird-1.6', 'show static zwei'), '10.99.0.0/16 blackhole (dormant)');
  t.equal(printed('bird-2', 'show static zwei'), '10.99.0.0/16\tblackhole');
  t.equal(
    printed('bird-1.6', 'show static', 'protocol static drei { route 10.98.0.0/16 blackhole; }'),
    'There are multiple Static protocols running',
  );
  const two = printed(
    'bird-2',
    'show static',
    'protocol static drei { ipv4; route 10.98.0.0/16 via "d0" via 10.50.0.3; }',
  );
  t.equal(two, `${IN_2}\n\n10.98.0.0/16\n\tdev d0\n\tvia 10.50.0.3`);
});

t.test('what is no static protocol is refused', async (t) => {
  t.equal(printed('bird-1.6', 'show static device1'), 'device1: Not a Static protocol');
  t.equal(printed('bird-1.6', 'show static nope'), 'nope: Not a protocol');
  t.equal(printed('bird-2', 'show static device1'), 'device1: Not a Static protocol');
  t.match(printed('bird-2', 'show static nope'), /^syntax error, unexpected CF_SYM_UNDEFINED/);
});
