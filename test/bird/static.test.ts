/** Static routes and what they lead to: what BIRD 2.0.12 and its kernel made of the same texts with the same addresses. */

import t from 'tap';
import type { BirdDaemon, Dialect } from '../../src/bird/index.js';
import { Fabric } from './fabric.js';

interface Router {
  readonly fabric: Fabric;
  readonly daemon: BirdDaemon;
}

function router(routes: string, more = '', dialect: Dialect = 'bird-2'): Router {
  const fabric = new Fabric();
  fabric.plug('a', 'eth0', 'lan', '10.0.0.1/24');
  fabric.plug('a', 'eth1', 'stub', '10.1.1.1/24');
  const isBird2 = dialect === 'bird-2';
  const text = [
    'router id 1.1.1.1;',
    'protocol device { }',
    `protocol kernel { ${isBird2 ? 'ipv4 { export all; };' : 'export all;'} }`,
    `protocol static st { ${isBird2 ? 'ipv4; ' : ''}${routes} }`,
    more,
  ].join('\n');
  const daemon = fabric.bird('a', text, { dialect });
  fabric.run(3);
  return { fabric, daemon };
}

/** What `birdc` says without its greeting and the times. */
function said(routes: string, options: { readonly more?: string; readonly command?: string } = {}): string {
  const { fabric, daemon } = router(routes, options.more);
  const [, ...lines] = daemon
    .birdc(options.command ?? 'show route')
    .trimEnd()
    .split('\n');
  fabric.end();
  return lines.join('\n').replace(/\d\d:\d\d:\d\d\.\d{3}/g, 'T');
}

t.test('next hops are in BIRD’s order, each once: the heaviest first, then by address, then by interface', (t) => {
  const cases: readonly [string, string][] = [
    ['via 10.0.0.9 via 10.0.0.8', 'via 10.0.0.8 on eth0 weight 1|via 10.0.0.9 on eth0 weight 1'],
    [
      'via 10.0.0.8 weight 3 via 10.0.0.7 weight 1 via 10.0.0.6 weight 3',
      'via 10.0.0.6 on eth0 weight 3|via 10.0.0.8 on eth0 weight 3|via 10.0.0.7 on eth0 weight 1',
    ],
    ['via 10.0.0.9 via 10.0.0.9', 'via 10.0.0.9 on eth0'],
    ['via 10.0.0.9 weight 4 via 10.0.0.9', 'via 10.0.0.9 on eth0 weight 4|via 10.0.0.9 on eth0 weight 1'],
    ['via "eth1" via "eth0"', 'dev eth0|dev eth1'],
  ];
  for (const [hops, expected] of cases) {
    const text = said(`route 10.2.0.0/16 ${hops};`);
    t.equal(
      text,
      `Table master4:\n10.2.0.0/16          unicast [st T] * (200)\n\t${expected.replaceAll('|', '\n\t')}`,
      hops,
    );
  }
  const { fabric, daemon } = router('route 10.2.0.0/16 multipath via 10.0.0.9 via 10.0.0.8;', '', 'bird-1.6');
  t.match(
    daemon.birdc('show route'),
    /via 10\.0\.0\.8 on eth0 weight 1\n\tvia 10\.0\.0\.9 on eth0 weight 1/,
    'and 1.6',
  );
  fabric.end();
  t.end();
});

t.test('the scope of several next hops is that of the first', (t) => {
  const { fabric, daemon } = router(
    'route 10.2.0.0/16 via "eth1" via "eth0"; route 10.3.0.0/16 via "eth1" via 10.0.0.5;',
  );
  t.match(fabric.routes('a').join('\n'), /^10\.2\.0\.0\/16 proto bird scope link metric 32/m);
  t.match(daemon.birdc('show route for 10.3.0.1'), /\[st \S+\] ! \(200\)/, 'and a gateway is too far for a link');
  fabric.end();
  t.end();
});

t.test('an address of our own is a next hop', (t) => {
  for (const dialect of ['bird-1.6', 'bird-2'] as const) {
    const { fabric, daemon } = router('route 10.2.0.0/16 via 10.0.0.1;', '', dialect);
    t.match(daemon.birdc('show route'), /via 10\.0\.0\.1 on eth0/, dialect);
    fabric.end();
  }
  t.end();
});

t.test('the IGP metric of a static route is shown', (t) => {
  t.match(said('route 10.2.0.0/16 blackhole { igp_metric = 10; };'), /\* \(200\/10\)$/);
  t.end();
});

t.test('a minus inside the text of a pattern negates it, and negated it does not', (t) => {
  const direct = (patterns: string): string =>
    said('', { more: `protocol direct { ipv4; interface ${patterns}; }`, command: 'show route protocol direct1' });
  t.notMatch(direct('"-eth1", "*"'), /10\.1\.1\.0/);
  t.match(direct('"-eth1", "*"'), /10\.0\.0\.0/);
  t.match(direct('-"-eth1"'), /10\.1\.1\.0/);
  t.end();
});
