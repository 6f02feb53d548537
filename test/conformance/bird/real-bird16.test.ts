/** What a real BIRD 1.6.8 takes and refuses, ours takes and refuses: Calico's files, and broken ones. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import t from 'tap';
import { parseConfig } from '../../../src/bird/index.js';
import { judgedBy16, whyNoBird16 } from './real-bird16.js';

const skip = whyNoBird16() ?? false;
const FOLDER = join(resolve(process.env['PODWIRE_VECTORS'] ?? '../shared/vectors'), 'calico');
const vectors = existsSync(FOLDER) ? false : `no vectors at ${FOLDER}; set PODWIRE_VECTORS`;

type Family = 'ipv4' | 'ipv6';
type Files = Readonly<Record<string, string>>;

/** Additions of Calico's fork, which Debian's knows nothing of. */
const ofTheFork = (text: string): boolean => /krt_tunnel/.test(text);

/** Ours: `FILE:LINE message`, or nothing. */
function judgedByUs(files: Files, family: Family): string | undefined {
  const { config, errors } = parseConfig(files['bird.conf'] ?? '', {
    dialect: 'bird-1.6',
    family,
    file: 'bird.conf',
    files: { read: (path) => files[basename(path)] },
  });
  const [first] = errors;
  if (first !== undefined) return `bird: ${first.file}:${first.line}:${first.column} ${first.message}`;
  return config === undefined ? 'nothing' : undefined;
}

function mains(): string[] {
  return ['confd', 'confd-generated'].flatMap((name) =>
    readdirSync(join(FOLDER, name), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\/bird6?\.cfg$/.test(file))
      .map((file) => join(FOLDER, name, file)),
  );
}

t.test('both take the files that Calico renders', { skip: skip || vectors }, (t) => {
  let judged = 0;
  const seen = new Set<string>();
  for (const file of mains()) {
    const family: Family = file.endsWith('6.cfg') ? 'ipv6' : 'ipv4';
    const folder = dirname(file);
    const files: Record<string, string> = { 'bird.conf': readFileSync(file, 'utf8') };
    for (const other of readdirSync(folder))
      if (other.endsWith('.cfg')) files[other] = readFileSync(join(folder, other), 'utf8');
    const key = JSON.stringify(files);
    if (ofTheFork(key) || seen.has(`${family}${key}`)) continue;
    seen.add(`${family}${key}`);
    judged += 1;
    t.equal(judgedBy16(files, family), undefined, file.slice(FOLDER.length));
    t.equal(judgedByUs(files, family), undefined);
  }
  t.ok(judged > 20, `${judged} files`);
  t.end();
});

const HEAD = 'router id 1.1.1.1;\nprotocol device { }\n';
const BGP = (more: string): string =>
  `${HEAD}protocol bgp x {\n  local as 1;\n  neighbor 1.2.3.4 as 2;\n  ${more}\n}\n`;
const FILTER = (body: string): string => `${HEAD}filter f {\n  ${body}\n}\n`;

const SAMPLES: readonly string[] = [
  '',
  HEAD,
  'protocol device { }',
  `${HEAD}protocol bogus { }`,
  `${HEAD}protocol static { route 10.0.0.0/8 blackhole }`,
  `${HEAD}protocol static { route 10.0.0.0/8 blackhole; }`,
  `${HEAD}protocol static { route 10.0.0.0/8 reject; route 10.1.0.0/16 via 10.0.0.1; route 10.2.0.0/16 via "eth0"; }`,
  `${HEAD}protocol static { route 10.0.0.1/8 blackhole; }`,
  `${HEAD}protocol static { route 10.0.0.0/33 blackhole; }`,
  `${HEAD}protocol static { route 10.0.0.0/8 recursive 10.0.0.1; route 10.3.0.0/16 prohibit; }`,
  `${HEAD}protocol static { route 10.0.0.0/8 multipath via 10.0.0.1 via 10.0.0.2 weight 2; }`,
  `${HEAD}protocol static { route 10.0.0.0/8 multipath via 10.0.0.1 weight 257; }`,
  `${HEAD}protocol kernel { learn; persist; scan time 2; import all; export all; merge paths on limit 4; }`,
  `${HEAD}protocol kernel { merge paths on limit 0; }`,
  `${HEAD}protocol kernel { scan time 0; }`,
  `${HEAD}protocol kernel { }\nprotocol kernel { }`,
  `${HEAD}table t;\nprotocol kernel { scan time 2; }\nprotocol kernel { table t; kernel table 10; scan time 5; }`,
  `${HEAD}table t;\nprotocol kernel { scan time 5; }\nprotocol kernel { table t; kernel table 10; scan time 5; }`,
  `${HEAD}protocol kernel { kernel table 10; }\nprotocol kernel { table master; }`,
  `${HEAD}protocol direct { interface -"cali*", "*"; }`,
  `${HEAD}protocol direct { interface "eth*" 10.0.0.0/8; }`,
  `${HEAD}protocol direct { interface eth0; }`,
  BGP(''),
  BGP('multihop;'),
  BGP('multihop 300;'),
  BGP('direct; gateway recursive;'),
  BGP('multihop; gateway direct;'),
  BGP('rr client;'),
  BGP('rs client;'),
  BGP('rr cluster id 1.2.3.4;'),
  BGP('password "geheim";'),
  BGP('password geheim;'),
  BGP('hold time 2;'),
  BGP('hold time 0; keepalive time 1;'),
  BGP('hold time 90; startup hold time 100; connect delay time 1; connect retry time 5; error wait time 5,30;'),
  BGP('error wait time 5;'),
  BGP('next hop self; next hop keep; missing lladdr self;'),
  BGP('add paths; add paths tx;'),
  BGP('add paths on; add paths off; add paths rx;'),
  BGP('passive; passive on; passive off; passive maybe;'),
  BGP('source address 10.0.0.1; capabilities off; route refresh on; graceful restart aware; graceful restart time 10;'),
  BGP('allow local as; allow local as 3; allow as sets; allow bgp_local_pref on;'),
  BGP('ttl security on; check link on; disable after error; prefer older; med metric; path metric off;'),
  BGP('import limit 100 action block; receive limit 10; export limit 5 action restart; import keep filtered;'),
  BGP('import limit 0;'),
  BGP('import filter g;'),
  BGP('import where net ~ 10.0.0.0/8;'),
  BGP('import where 5;'),
  BGP('export filter { accept; };'),
  BGP('export filter { accept; }'),
  BGP('local as 2;\n  description "x"; debug all; debug { states, routes }; mrtdump { states };'),
  BGP('bogus;'),
  `${HEAD}protocol bgp x { neighbor 1.2.3.4 as 2; }`,
  `${HEAD}protocol bgp x { local as 1; }`,
  `${HEAD}protocol bgp x { local as 0; neighbor 1.2.3.4 as 2; }`,
  `${HEAD}protocol bgp x { local as 1; neighbor 1.2.3.4 as 4294967296; }`,
  `${HEAD}protocol bgp x { local as 1; neighbor fe80::1 as 2; }`,
  `${HEAD}template bgp t { local as 1; }\nprotocol bgp x from t { neighbor 1.2.3.4 as 2; }`,
  `${HEAD}protocol bgp x from nothing { neighbor 1.2.3.4 as 2; }`,
  `${BGP('')}protocol bgp x { local as 1; neighbor 1.2.3.5 as 2; }`,
  FILTER('accept;'),
  FILTER('reject'),
  FILTER('if net ~ 10.0.0.0/8 then accept; else reject;'),
  FILTER('if net ~ [ 10.0.0.0/8+, 10.0.0.0/8-, 10.0.0.0/8{9,16} ] then accept; reject;'),
  FILTER('if net ~ [ 10.0.0.0/8{26,16} ] then accept; reject;'),
  FILTER('if net ~ [ 10.0.0.0/8{7,16} ] then accept; reject;'),
  FILTER('if net ~ [ ] then accept; reject;'),
  FILTER('if bgp_path ~ [= * 65000 * =] then accept; reject;'),
  FILTER('if bgp_path ~ [= * 65000 ? [65001..65003] =] then accept; reject;'),
  FILTER('if (65000, 1) ~ bgp_community then accept; reject;'),
  FILTER('bgp_community.add((65000, 1)); bgp_community.delete([(65000, *)]); bgp_community = -empty-; accept;'),
  FILTER('bgp_ext_community.add((rt, 1, 2)); bgp_large_community.add((1, 2, 3)); accept;'),
  FILTER('bgp_path.prepend(65000); bgp_path.delete(65000); bgp_path.filter([65000]); accept;'),
  FILTER('bgp_local_pref = 100; bgp_med = 5; bgp_origin = ORIGIN_IGP; bgp_next_hop = 1.2.3.4; accept;'),
  FILTER('bgp_local_pref = "a"; accept;'),
  FILTER('bgp_origin = 1; accept;'),
  FILTER('unset(bgp_med); if defined(bgp_med) then accept; reject;'),
  FILTER('preference = 70000; accept;'),
  FILTER('krt_metric = 5; krt_prefsrc = 1.2.3.4; accept;'),
  FILTER('source = RTS_BGP; accept;'),
  FILTER('if source = RTS_NOTHING then accept; reject;'),
  FILTER('if ifname ~ "cali*" then accept; reject;'),
  FILTER('print "a ", net, " ", from; accept;'),
  FILTER('case net.len { 8: accept; 9..16: reject; else: accept; }'),
  FILTER('case source { RTS_BGP: accept; else: reject; }'),
  `${HEAD}filter f\nint i;\nip p;\nprefix set s;\n{\n  i = 5; p = 1.2.3.4; s = [10.0.0.0/8]; if i > 4 && p != 0.0.0.0 || ! (net ~ s) then accept;\n  reject;\n}`,
  `${HEAD}filter f\nint i;\n{ i = 1.2.3.4; accept; }`,
  `${HEAD}filter f { undefined_name = 1; accept; }`,
  `${HEAD}function f(int a) { return a + 1; }\nfilter g { if f(1) = 2 then accept; reject; }`,
  `${HEAD}function f(int a) { return a + 1; }\nfilter g { if f() = 2 then accept; reject; }`,
  `${HEAD}function f() { return 1; }\nfunction f() { return 2; }`,
  `${HEAD}define A = 5;\ndefine B = A * 2 + 1;\nfilter f { if B = 11 then accept; reject; }`,
  `${HEAD}define a = 5;\ndefine a = 6;`,
  `${HEAD}table t;\nprotocol static { table t; route 10.0.0.0/8 blackhole; }`,
  `${HEAD}protocol static { table nothing; }`,
  `${HEAD}table t;\nprotocol pipe { peer table t; }`,
  `${HEAD}protocol device { scan time 5; }`,
  `${HEAD}template device d { }`,
  `${HEAD}protocol kernel { device routes; }`,
  `${HEAD}table t;\nprotocol pipe { peer table t; mode opaque; import all; export none; }`,
  `${HEAD}table t;\nprotocol pipe { peer table t; mode transparent; import limit 5 action block; export limit 5; preference 7; }`,
  `${HEAD}table t;\nprotocol pipe { table t; }`,
  `${HEAD}table t;\nprotocol pipe { table t; peer table t; }`,
  `${HEAD}protocol pipe { peer table nothing; }`,
  `${HEAD}table t;\nprotocol pipe { peer table t; receive limit 5; }`,
  `${HEAD}table t;\nprotocol pipe { peer table t; import keep filtered; }`,
  `${HEAD}table t;\nprotocol pipe { peer table t; mode other; }`,
  'router id 1.2.3;\nprotocol device { }',
  'router id from "eth*";\nprotocol device { }',
  `${HEAD}listen bgp address 1.2.3.4 port 1790;`,
  `${HEAD}listen bgp port 70000;`,
  `${HEAD}graceful restart wait 120;`,
  `${HEAD}log "bird.log" all;\nlog syslog all;\nlog stderr { error };`,
  `${HEAD}timeformat route iso long;\ntimeformat base "%F";`,
  `${HEAD}debug protocols all;\ndebug protocols { states };\nmrtdump protocols off;`,
  `${HEAD}/* a\n comment */ # another\nprotocol direct { }`,
  `${HEAD}/* never ended`,
  `${HEAD}"never ended`,
  `${HEAD}}`,
  `${HEAD}protocol direct {`,
  `${HEAD}§`,
  `${HEAD}include "nothing.conf";`,
  `${HEAD}eval 1 + 1;`,
];

t.test('both take and refuse the same', { skip }, (t) => {
  for (const text of SAMPLES) {
    const real = judgedBy16({ 'bird.conf': text }, 'ipv4');
    const ours = judgedByUs({ 'bird.conf': text }, 'ipv4');
    t.equal(
      ours === undefined,
      real === undefined,
      `${JSON.stringify(text.replace(HEAD, ''))}: ${real ?? 'taken'} | ${ours ?? 'taken'}`,
    );
  }
  t.end();
});

/** A text with a line left out, or a character, or one too many: most are broken, some are not. */
function* mutations(text: string): Iterable<string> {
  const step = Math.max(1, Math.floor(text.length / 120));
  for (let at = 0; at < text.length; at += step) {
    yield text.slice(0, at) + text.slice(at + 1);
    yield `${text.slice(0, at)};${text.slice(at)}`;
    yield text.slice(0, at);
  }
}

t.test('what is broken is broken for both', { skip: skip || vectors }, (t) => {
  const text = `
router id 172.18.0.2;
protocol kernel { learn; persist; scan time 2; import all; export filter f; graceful restart; merge paths on; }
protocol device { debug { states }; scan time 2; }
protocol direct { interface -"cali*", -"kube-ipvs*", "*"; }
function aggregated () { if ( net = 10.1.0.0/26 ) then { accept; } if ( net ~ 10.1.0.0/26 ) then { reject; } }
filter f { aggregated(); if (defined(source) && (source = RTS_BGP)) then { krt_metric = 1024; } accept; }
template bgp t { local as 64512; multihop; gateway recursive; import all; export filter { aggregated(); reject; }; add paths on; graceful restart; connect delay time 2; error wait time 5,30; }
protocol bgp Mesh_1 from t { neighbor 172.18.0.3 as 64512; passive on; }
`.replace(/filter f;/, 'all;');
  let refused = 0;
  for (const each of mutations(text)) {
    const real = judgedBy16({ 'bird.conf': each }, 'ipv4');
    const ours = judgedByUs({ 'bird.conf': each }, 'ipv4');
    if (real !== undefined) refused += 1;
    if ((ours === undefined) !== (real === undefined)) t.fail(`${real ?? 'taken'} | ${ours ?? 'taken'}\n${each}`);
  }
  t.ok(refused > 100, `${refused} refused`);
  t.end();
});
