/**
 * Terms of every type, wherever the filter language has a place for one: real BIRDs, 2 and 1.6, take and refuse what ours
 * takes and refuses. A part of all pairs is tried, another for each place; `PODWIRE_ALL=1` tries all of them.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Dialect, parseConfig } from '../../../src/bird/index.js';
import { PROGRAM_16, whyNoBird16 } from './real-bird16.js';

const probe = spawnSync('bird', ['--version'], { encoding: 'utf8' });
const skip = /version 2\./.test(`${probe.stdout}${probe.stderr}`) ? false : 'no BIRD 2 here (package bird2)';

const TERMS = [
  '1',
  '70000',
  'true',
  '"a"',
  '10.0.0.1',
  'fd00::1',
  '10.0.0.0/8',
  '(1,2)',
  '(70000,2)',
  '(ro,1,2)',
  '(1,2,3)',
  'RTS_BGP',
  'SCOPE_HOST',
  'RTD_UNICAST',
  'ORIGIN_IGP',
  'NET_IP4',
  '[]',
  '[1]',
  '[10.0.0.0/8]',
  '[(1,2)]',
  '[= 1 =]',
  '+empty+',
  '-empty-',
  '--empty--',
  '---empty---',
  'net',
  'gw',
  'from',
  'proto',
  'source',
  'scope',
  'dest',
  'ifname',
  'ifindex',
  'weight',
  'onlink',
  'preference',
  'bgp_path',
  'bgp_origin',
  'bgp_med',
  'bgp_next_hop',
  'bgp_community',
  'bgp_ext_community',
  'bgp_large_community',
  'bgp_originator_id',
  'bgp_cluster_list',
  'bgp_atomic_aggr',
  'bgp_aggregator',
  'krt_metric',
  'krt_prefsrc',
  'krt_lock_mtu',
  'net.len',
  'net.ip',
  'net.type',
  'bgp_path.first',
  'bgp_path.len',
  'gw.is_v4',
  'defined(gw)',
  'format(1)',
  'gw.mask(8)',
  'vi',
  'vb',
  'vip',
  'vp',
  'vpair',
  'vq',
  'vec',
  'vlc',
  'vs',
  'vm',
  'vpath',
  'vc',
  'vecl',
  'vlcl',
  'vset',
  'vpset',
  '1 + 1',
  '1 = 1',
  '!true',
  'delete(bgp_path, 1)',
  'prepend(bgp_path, 1)',
  'add(bgp_community, (1,2))',
  'g()',
  '(1 + 1)',
] as const;

/** Where `T` stands for the term. */
const PLACES = [
  'vi = T;',
  'vb = T;',
  'vip = T;',
  'vp = T;',
  'vpair = T;',
  'vq = T;',
  'vec = T;',
  'vlc = T;',
  'vs = T;',
  'vm = T;',
  'vpath = T;',
  'vc = T;',
  'vecl = T;',
  'vlcl = T;',
  'vset = T;',
  'vpset = T;',
  'if T then accept;',
  'if !T then accept;',
  'if T && true then accept;',
  'if T < 1 then accept;',
  'if T < net then accept;',
  'if T = 1 then accept;',
  'if T ~ [1] then accept;',
  'if T ~ [10.0.0.0/8+] then accept;',
  'if 1 ~ T then accept;',
  'if net ~ T then accept;',
  'vi = T + 1;',
  'vi = 1 * T;',
  'gw = T;',
  'dest = T;',
  'scope = T;',
  'ifname = T;',
  'weight = T;',
  'onlink = T;',
  'preference = T;',
  'bgp_med = T;',
  'bgp_path = T;',
  'bgp_origin = T;',
  'bgp_next_hop = T;',
  'bgp_community = T;',
  'bgp_ext_community = T;',
  'bgp_large_community = T;',
  'bgp_originator_id = T;',
  'bgp_cluster_list = T;',
  'bgp_aggregator = T;',
  'bgp_atomic_aggr = T;',
  'krt_metric = T;',
  'krt_prefsrc = T;',
  'krt_lock_mtu = T;',
  'bgp_path.prepend(T);',
  'bgp_community.add(T);',
  'bgp_path.delete(T);',
  'bgp_community.filter(T);',
  'bgp_large_community.delete(T);',
  'bgp_ext_community.add(T);',
  'vpair = (T, 1);',
  'vpair = (1, T);',
  'vec = (rt, T, 1);',
  'vec = (rt, 1, T);',
  'vlc = (T, 1, 1);',
  'vlc = (1, 1, T);',
  'vi = T.len;',
  'vip = T.ip;',
  'vb = T.is_v4;',
  'vi = T.asn;',
  'vi = T.data;',
  'vi = T.data1;',
  'vi = T.first;',
  'vi = T.last;',
  'vi = T.min;',
  'vip = T.mask(8);',
  'vip = gw.mask(T);',
  'case T { 1: accept; }',
  'case T { RTS_BGP: accept; }',
  'for int x in T do { print x; }',
  'for pair x in T do { print x; }',
  'print T;',
  'f1(T);',
  'f2(T);',
  'vpath = prepend(T, 1);',
  'vpath = prepend(bgp_path, T);',
  'vc = add(T, (1,2));',
  'vc = add(bgp_community, T);',
  'if defined(T) then accept;',
  'vs = format(T);',
  'if bgp_path ~ [= 1 T =] then accept;',
  'if bgp_path ~ [= (T) =] then accept;',
  'if T !~ [= 1 =] then accept;',
  'unset(T);',
  'return T;',
  'int nv = T;',
  'ip nv = T;',
] as const;

const HEAD = `router id 10.0.0.1;
protocol device { }
function f1(int a) { return a; }
function f2(prefix set a) { return true; }
function g() { return 1; }
`;
const VARIABLES =
  'int vi; bool vb; ip vip; prefix vp; pair vpair; quad vq; ec vec; lc vlc; string vs; bgpmask vm; bgppath vpath; ' +
  'clist vc; eclist vecl; lclist vlcl; int set vset; prefix set vpset;';
const textOf = (place: string, term: string): string =>
  `${HEAD}filter f ${VARIABLES}\n{ ${place.replace('T', term)} accept; }\n`;
/** It has other destinations, and no variables of masks. */
const textOf16 = (place: string, term: string): string =>
  textOf(place.replaceAll('vm = ', 'vi = '), term === 'vm' ? 'vi' : term)
    .replaceAll('RTD_UNICAST', 'RTD_ROUTER')
    .replace('bgpmask vm; ', '');

/** One of so many pairs. */
const PART = process.env['PODWIRE_ALL'] === undefined ? 7 : 1;

interface Judge {
  readonly dialect: Dialect;
  readonly program: string;
  readonly textOf: (place: string, term: string) => string;
}

function compare(t: Test, { dialect, program, textOf }: Judge): void {
  const folder = mkdtempSync(join(tmpdir(), 'bird-types-'));
  const file = join(folder, 'bird.conf');
  const counts = { taken: 0, refused: 0 };
  for (const [i, place] of PLACES.entries()) {
    const differ = TERMS.filter((term, j) => {
      if ((i + j) % PART !== 0) return false;
      const text = textOf(place, term);
      writeFileSync(file, text);
      const real = spawnSync(program, ['-p', '-c', file], { cwd: folder }).status === 0;
      counts[real ? 'taken' : 'refused'] += 1;
      return (parseConfig(text, { dialect }).errors.length === 0) !== real;
    });
    t.same(differ, [], place);
  }
  rmSync(folder, { recursive: true, force: true });
  t.ok(Math.min(counts.taken, counts.refused) > 100, 'both come often', counts);
  t.end();
}

t.test('BIRD 2: terms of all types in all places', { skip }, (t) =>
  compare(t, { dialect: 'bird-2', program: 'bird', textOf }),
);

t.test('BIRD 1.6: terms of all types in all places', { skip: whyNoBird16() ?? false }, (t) =>
  compare(t, { dialect: 'bird-1.6', program: PROGRAM_16, textOf: textOf16 }),
);
