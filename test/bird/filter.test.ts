import t from 'tap';
import type { Dialect } from '../../src/bird/index.js';
import { Fabric } from './fabric.js';

/** What a filter makes of a static route, as `show route all` prints it. */
function filtered(
  body: string,
  options: { readonly net?: string; readonly dialect?: Dialect; readonly more?: string } = {},
): string {
  const { net = '10.1.2.0/24', dialect = 'bird-1.6', more = '' } = options;
  const fabric = new Fabric();
  fabric.plug('a', 'eth0', 'lan', '192.0.2.1/24');
  const head = `router id 1.1.1.1;\n${more}\nfilter f ${body}\nprotocol device { }\n`;
  const daemon = fabric.bird(
    'a',
    dialect === 'bird-1.6'
      ? `${head}protocol static { import filter f; route ${net} via 192.0.2.9; }`
      : `${head}protocol static { ipv4 { import filter f; }; route ${net} via 192.0.2.9; }`,
    { dialect },
  );
  fabric.run(1);
  const text = daemon.birdc('show route all');
  fabric.end();
  return text;
}

const accepts = (body: string, options?: Parameters<typeof filtered>[1]): boolean =>
  filtered(body, options).includes('10.');

t.test('sets of prefixes', (t) => {
  const inside = (set: string, net: string): boolean => accepts(`{ if net ~ ${set} then accept; reject; }`, { net });
  const cases: readonly [string, string, boolean][] = [
    ['[ 10.0.0.0/8 ]', '10.0.0.0/8', true],
    ['[ 10.0.0.0/8 ]', '10.1.0.0/16', false],
    ['[ 10.0.0.0/8+ ]', '10.1.0.0/16', true],
    ['[ 10.1.2.0/24- ]', '10.0.0.0/8', true],
    ['[ 10.1.2.0/24- ]', '10.1.2.0/25', false],
    ['[ 10.0.0.0/8{26,32} ]', '10.9.9.64/26', true],
    ['[ 10.0.0.0/8{26,32} ]', '10.9.9.0/24', false],
    ['[ 10.3.0.0/16{8,24} ]', '10.0.0.0/8', true],
    ['[ 10.2.0.0/16, 10.1.0.0/16{24,24} ]', '10.1.2.0/24', true],
    ['10.0.0.0/8', '10.1.0.0/16', true],
    ['10.1.2.0/24', '10.1.0.0/16', false],
  ];
  for (const [set, net, expected] of cases) t.equal(inside(set, net), expected, `${net} ~ ${set}`);
  t.end();
});

t.test('paths, communities and their sets', (t) => {
  const setup = `bgp_path = +empty+; bgp_path.prepend(3); bgp_path.prepend(2); bgp_path.prepend(1);
    bgp_community = -empty-; bgp_community.add((65000, 1)); bgp_community.add((65001, 5));
    bgp_ext_community = --empty--; bgp_ext_community.add((rt, 65000, 7));
    bgp_large_community = ---empty---; bgp_large_community.add((65000, 1, 2));`;
  const cases: readonly [string, boolean][] = [
    ['bgp_path ~ [= 1 2 3 =]', true],
    ['bgp_path ~ [= * 3 =]', true],
    ['bgp_path ~ [= 1 ? 3 =]', true],
    ['bgp_path ~ [= 1 ? ? 3 =]', false],
    ['bgp_path ~ [= * 2..2 * =]', true],
    ['bgp_path.len = 3 && bgp_path.first = 1 && bgp_path.last = 3', true],
    ['2 ~ bgp_path', true],
    ['bgp_path ~ [7, 3]', true],
    ['(65000, 1) ~ bgp_community', true],
    ['bgp_community ~ [(65001, *)]', true],
    ['bgp_community ~ [(65001, 6..9)]', false],
    ['(rt, 65000, 7) ~ bgp_ext_community', true],
    ['bgp_ext_community ~ [(rt, 65000, 1..9)]', true],
    ['(65000, 1, 2) ~ bgp_large_community', true],
    ['bgp_large_community ~ [(65000, 1, *)]', true],
    ['(65000, 1, 3) ~ bgp_large_community', false],
  ];
  for (const [condition, expected] of cases) {
    t.equal(accepts(`{ ${setup} if ${condition} then accept; reject; }`), expected, condition);
  }
  const text = filtered(
    `{ ${setup} bgp_community.delete([(65001, *)]); bgp_path.delete(2); bgp_local_pref = 150; accept; }`,
  );
  t.match(text, /BGP\.as_path: 1 3\n/);
  t.match(text, /BGP\.community: \(65000,1\)\n/);
  t.match(text, /BGP\.local_pref: 150/);
  t.end();
});

t.test(
  'lists that nobody has made: a path of 2 is empty, of 1.6 void; of lists only 1.6 says that they are defined',
  (t) => {
    const cases: readonly [string, { readonly old: boolean; readonly new: boolean }][] = [
      ['bgp_path.len = 0', { old: false, new: true }],
      ['bgp_path ~ [= =]', { old: false, new: true }],
      ['defined(bgp_path)', { old: false, new: false }],
      ['defined(bgp_community)', { old: true, new: false }],
      ['defined(bgp_ext_community)', { old: true, new: false }],
      ['defined(+empty+)', { old: true, new: false }],
    ];
    for (const [condition, expected] of cases) {
      const body = `{ if ${condition} then accept; reject; }`;
      t.equal(accepts(body), expected.old, `${condition} in 1.6`);
      t.equal(accepts(body, { dialect: 'bird-2' }), expected.new, condition);
    }
    const removed = '{ bgp_community.delete([(1, *)]); if defined(bgp_community) then reject; accept; }';
    t.equal(accepts(removed, { dialect: 'bird-2' }), true, 'nothing was taken away: the list is as it was');
    const emptied =
      '{ bgp_community.add((1, 2)); bgp_community.delete((1, 2)); if defined(bgp_community) then accept; reject; }';
    t.equal(accepts(emptied, { dialect: 'bird-2' }), true, 'a list that was emptied is one');
    t.match(filtered('{ bgp_path.prepend(7); accept; }', { dialect: 'bird-2' }), /BGP\.as_path: 7\n/);
    t.notOk(accepts('{ bgp_path.prepend(7); accept; }'), '1.6 cannot prepend to what is void');
    t.end();
  },
);

t.test('kinds of networks, and functions that call themselves, of 2', (t) => {
  const more = `function sum(int n) { if n = 0 then return 0; return n + sum(n - 1); }
    function endless(int n) { return endless(n + 1); }`;
  const cases: readonly [string, boolean][] = [
    ['net.type = NET_IP4', true],
    ['net.type = NET_IP6', false],
    ['net.type ~ [NET_IP4, NET_VPN4]', true],
    ['sum(4) = 10', true],
    ['sum(800) = 320400', true],
    ['endless(0) = 0', false],
  ];
  for (const [condition, expected] of cases) {
    const body = `{ if ${condition} then accept; reject; }`;
    t.equal(accepts(body, { more, dialect: 'bird-2' }), expected, condition);
  }
  t.equal(
    accepts('{ case net.type { NET_IP6: reject; NET_IP4: accept; else: reject; } }', { dialect: 'bird-2' }),
    true,
  );
  t.end();
});

t.test('what a route is, and what runs', (t) => {
  const cases: readonly [string, boolean][] = [
    ['source = RTS_STATIC', true],
    ['ifname = "eth0" && ifname ~ "eth*"', true],
    ['gw = 192.0.2.9', true],
    ['proto = "static1"', true],
    ['dest = RTD_ROUTER', true],
    ['net.len = 24 && net.ip = 10.1.2.0', true],
    ['defined(bgp_local_pref)', false],
    ['preference = 200', true],
    ['! (preference > 100) || false', false],
    ['from = 192.0.2.9', false],
    ['twice(21) = 42', true],
    ['tagged()', false],
    ['LIMIT - 1 = 4', true],
  ];
  const more = `define LIMIT = 5;
    function twice(int x) int y; { y = x * 2; return y; }
    function tagged() { if defined(bgp_med) then return true; return false; }`;
  for (const [condition, expected] of cases) {
    t.equal(accepts(`{ if ${condition} then accept; reject; }`, { more }), expected, condition);
  }
  t.equal(accepts('{ case net.len { 8: reject; 16..24: accept; else: reject; } }'), true);
  t.equal(accepts('{ }'), false, 'without a verdict nothing is taken');
  t.equal(accepts('{ if 1 / 0 = 1 then accept; accept; }'), false, 'a runtime error takes nothing');
  t.match(filtered('{ preference = 300; krt_metric = 7; accept; }', { dialect: 'bird-2' }), /\(300\)/);
  t.match(filtered('{ if dest = RTD_UNICAST then accept; reject; }', { dialect: 'bird-2' }), /unicast \[static1/);
  t.end();
});
