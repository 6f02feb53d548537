/** What a real BIRD 2 takes and refuses of a top-of-rack switch's configuration, ours takes and refuses, in the same line. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { parseConfig } from '../../../src/bird/index.js';

const probe = spawnSync('bird', ['--version'], { encoding: 'utf8' });
const skip = /version 2\./.test(`${probe.stdout}${probe.stderr}`) ? false : 'no BIRD 2 here (package bird2)';

const HEAD = 'router id 10.0.0.1;\nprotocol device { }\n';
const PEER = 'local 10.0.0.1 as 65000; neighbor 10.0.0.2 as 65001;';

const TEXTS: readonly string[] = [
  'ipv4 table master4;\n',
  'ipv4 table master4;\nipv4 table master4;\n',
  'ipv6 table master4;\n',
  'ipv4 table t;\nipv4 table t;\n',
  'protocol kernel { ipv4 { export all; }; netlink rx buffer 1000000; }\n',
  'protocol kernel { ipv4 { export all; };\n  merge paths yes limit 8;\n  learn; persist; metric 20; }\n',
  'protocol kernel { ipv4 { export all; };\n  merge paths yes limit 300;\n}\n',
  `protocol bgp a { ${PEER} ipv4 { import all; export all; }; }\n`,
  `protocol bgp a { ${PEER} import all; }\n`,
  `protocol bgp a { ${PEER}\n  ipv4 { import all; next hop keep; next hop self ebgp; add paths rx; };\n}\n`,
  `protocol bgp a { ${PEER} ipv4 { next hop elsewhere; }; }\n`,
  `protocol bgp a { ${PEER} multihop 300; ipv4; }\n`,
  `protocol bgp a { ${PEER} rr client; ipv4; }\n`,
  `protocol bgp a { local 10.0.0.1 as 65000; neighbor 10.0.0.2 internal; rr client; rr cluster id 1.1.1.1; ipv4; }\n`,
  `protocol bgp a { ${PEER} hold time 2; ipv4; }\n`,
  `protocol bgp a { ${PEER} password "x"; graceful restart on; long lived graceful restart on; ipv4; }\n`,
  'protocol bgp a { neighbor 10.0.0.2 as 65001; ipv4; }\n',
  'template bgp rack { local as 65000; ipv4 { import all; }; }\nprotocol bgp a from rack { neighbor 10.0.0.2 as 65001; }\n',
  'protocol bgp a from nobody { neighbor 10.0.0.2 as 65001; }\n',
  'protocol bgp dyn { local as 65000; neighbor range 10.0.0.0/24 external; dynamic name "d"; ipv4; }\n',
  'protocol static { ipv4; route 10.0.0.0/8 blackhole; route 10.1.0.0/16 via 10.0.0.2 dev "eth0" onlink; }\n',
  'protocol static { ipv4; route 10.0.0.0/8 via 10.0.0.2 weight 2 via 10.0.0.3; route 10.2.0.0/16 recursive 10.9.9.9; }\n',
  'protocol static { ipv4;\n  route 10.0.0.1/8 blackhole;\n}\n',
  'protocol static { route 10.0.0.0/8 blackhole; }\n',
  'protocol direct { ipv4; interface "eth*", -"eth1"; }\n',
  'filter f { if net ~ [ 10.0.0.0/8{16,24}, 192.168.0.0/16+ ] then accept; reject; }\n',
  'filter f { if net ~ [ 10.0.0.0/8{24,16} ] then accept; reject; }\n',
  'filter f { bgp_community.add((65000, 1)); bgp_large_community.add((65000, 1, 2)); bgp_path.prepend(65000); accept; }\n',
  'filter f { bgp_community.add((65536, 1)); accept; }\n',
  'filter f { case bgp_local_pref { 1..100: accept; 200: reject; else: accept; } }\n',
  'filter f int x; { x = 3; if x > 2 then accept; else reject; }\n',
  'filter f { int x = 3; if x > 2 then accept; else reject; }\n',
  'filter f { for pair c in bgp_community do { if c = (65000, 1) then accept; } reject; }\n',
  'function g(int a; prefix b) { return a > 1; }\nfilter f { if g(2, net) then accept; reject; }\n',
  'function g(int a) { return a > 1; }\nfilter f { if g(1, 2) then accept; reject; }\n',
  'filter f { if proto = "a" && source = RTS_BGP then accept; reject }\n',
  'filter f { if undefined_thing then accept; reject; }\n',
  'define X = 65000;\ndefine NETS = [ 10.0.0.0/8+ ];\nfilter f { if net ~ NETS && bgp_path ~ [= * X =] then accept; reject; }\n',
  'define X = 1;\ndefine X = 2;\n',
  'log syslog all;\ndebug protocols { states };\ntimeformat protocol iso long;\nwatchdog warning 5 s;\n',
  'protocol kernel { ipv4 { import all; export filter { if source = RTS_STATIC then reject; krt_prefsrc = 10.0.0.1; accept; }; }; }\n',
  'protocol bgp 1abc { }\n',
  'protocol pipe { table master4; peer table t; }\n',
  'protocol kernel { ipv4;\n  device routes;\n}\n',
  'template device d {\n  scan time 5;\n}\n',
  'template static s1 {\n}\n',
  'template static s1 {\n  ipv4;\n}\nprotocol static from s1 { route 10.0.0.0/8 blackhole; }\n',
  'template kernel k1 {\n}\n',
  'protocol static { ipv4; }\nprotocol device {\n  scan time 5;\n}\n',
  'ipv4 table t;\nprotocol pipe { table master4; peer table t; }\n',
  'ipv4 table t;\nprotocol pipe {\n  peer table t;\n}\n',
  'ipv4 table t;\nprotocol pipe {\n  table t;\n}\n',
  'ipv4 table t;\nprotocol pipe {\n  table t; peer table t;\n}\n',
  'ipv6 table t;\nprotocol pipe {\n  table master4; peer table t;\n}\n',
  'ipv6 table t;\nprotocol pipe {\n  table master6; peer table t; mode transparent;\n}\n',
  'ipv4 table t;\nprotocol pipe {\n  table t; peer table master4; ipv4;\n}\n',
  'ipv4 table t;\nprotocol pipe {\n  table t; peer table master4; receive limit 5;\n}\n',
  'ipv4 table t;\nprotocol pipe {\n  table t; peer table master4;\n  import keep filtered;\n}\n',
  'ipv4 table t;\nprotocol pipe { table t; peer table master4; import limit 5 action block; export limit 6; rpki reload off; preference 7; debug all; }\n',
  'template pipe a { table master4; export none; }\nipv4 table t;\nprotocol pipe from a { peer table t; }\n',
  'ipv4 table t; ipv4 table u;\nprotocol kernel { ipv4 { table t; export all; }; kernel table 100; }\nprotocol kernel { ipv4 { table u; export all; }; kernel table 100; }\n',
  'ipv4 table t { sorted on; };\nprotocol bgp a { local 10.0.0.1 as 65000; neighbor 10.0.0.2 as 65001; ipv4 { table t; import all; export all; secondary; }; }\n',
  'ipv4 table t { sorted off; };\nprotocol bgp a { local 10.0.0.1 as 65000; neighbor 10.0.0.2 as 65001;\n  ipv4 { table t; import all; export all; secondary; };\n}\n',
  'ipv4 table t sorted { trie on; gc threshold (2 + 3); gc period 5 s; min settle time 1 s; max settle time 5 s; }\n',
  'ipv4 table t {\n  gc period 5;\n}\n',
  'ipv4 table t {\n  debug all;\n}\n',
  'ipv4 table t {\nprotocol pipe ;\n}\n',
  'protocol static {\n  ;ipv4 { };;\n}\n',
  'protocol static { ipv4 { import all;\n; }; }\n',
  // Racks as they are written.
  'protocol bgp d { local as 65000; neighbor range 10.0.0.0/24 as 65001; dynamic name "n"; dynamic name digits 2; password "x"; ipv4 { import all; export all; }; }\n',
  'protocol bgp d { local as 65000; neighbor range 10.0.0.0/24 internal;\n  dynamic name "n%";\n}\n',
  'protocol bgp d { local as 65000; neighbor range 10.0.0.0/24 internal;\n  dynamic name digits 11;\n}\n',
  'protocol bgp d { local as 65000; neighbor range 10.0.0.0/24 internal;\n  neighbor 10.0.0.1;\n}\n',
  'protocol bgp d { local as 65000; neighbor range 10.0.0.1/24 internal;\n}\n',
  'protocol bfd { interface "eth*" { min rx interval 100 ms; min tx interval 100 ms; idle tx interval 1 s; multiplier 3; }; multihop { passive; }; }\n',
  'protocol bfd b { accept ipv4 direct; interface "eth0" { interval 300 ms; authentication keyed sha1; password "x"; }; neighbor 10.0.0.2 dev "eth0"; strict bind on; }\n',
  'protocol bfd b {\n  neighbor 10.0.0.2 dev "eth0" multihop;\n}\n',
  'protocol bfd b {\n  neighbor 10.0.0.2 multihop on;\n}\n',
  'protocol bfd b {\n  interface "eth0" { interval 300; };\n}\n',
  'protocol bfd b {\n  ipv4;\n}\n',
  `protocol bgp a { ${PEER} bfd { min rx interval 200 ms; multiplier 5; }; ipv4 { import all; export all; }; }\n`,
  `protocol bgp a { ${PEER}\n  bfd { hello 5; };\n}\n`,
  `protocol bgp a { ${PEER} bfd graceful; ipv4 { import table on; export table on; rpki reload off; import all; export all; }; }\n`,
  `protocol bgp a { ${PEER}\n  authentication md5;\n}\n`,
  'template bgp c { local as 64512; rr client; rr cluster id 10.0.0.1; multihop; ipv4 { import all; export all; next hop keep; }; }\nprotocol bgp a from c { neighbor range 10.0.0.0/24 internal; }\n',
  'protocol kernel { ipv4 { import none; export filter { if source = RTS_DEVICE then reject; krt_prefsrc = 10.0.0.1; accept; }; }; merge paths on limit 16; scan time 20; }\n',
  `protocol bgp a { ${PEER} allow local as 2; passive on; multihop 2; ttl security off; error wait time 5, 30; enforce first as on; ipv4 { import keep filtered on; import all; export all; import limit 100 action block; receive limit 200 action warn; gateway recursive; extended next hop off; mandatory; cost 5; }; }\n`,
  `protocol bgp a { ${PEER} vrf "red"; ipv4 { import filter { if net = 0.0.0.0/0 then accept; reject; }; export filter { if net.len > 24 then reject; if source ~ [ RTS_STATIC, RTS_BGP ] then { bgp_path.prepend(65000); accept; } reject; }; next hop self ebgp; }; }\n`,
  'filter f { if (unknown 0x4300, 0, 1) ~ bgp_ext_community then reject; bgp_path.delete([64512..65534]); if bgp_path ~ [= * 65001 ? =] then reject; weight = 3; onlink = true; accept; }\n',
  // Types.
  'filter f { if 1 then accept; reject; }\n',
  'filter f { if "a" && true then accept; reject; }\n',
  'filter f { if ! 5 then accept; reject; }\n',
  'filter f { int x = "a"; accept; }\n',
  'filter f { int x; x = "a"; accept; }\n',
  'filter f int x; { x = "a"; accept; }\n',
  'filter f { if 1 + "a" = 2 then accept; reject; }\n',
  'filter f { if net + 1 = 2 then accept; reject; }\n',
  'filter f { if bgp_local_pref - "a" = 2 then accept; reject; }\n',
  'filter f { bgp_local_pref = "a"; accept; }\n',
  'filter f { bgp_local_pref = net; accept; }\n',
  'filter f { bgp_med = bgp_path; accept; }\n',
  'filter f { gw = 5; accept; }\n',
  'filter f { gw = from; accept; }\n',
  'filter f { preference = true; accept; }\n',
  'filter f { preference = bgp_local_pref * 2; accept; }\n',
  'filter f { if net.len > "a" then accept; reject; }\n',
  'filter f { if net.ip > 10.0.0.0 then accept; reject; }\n',
  'filter f { if 1 < "a" then accept; reject; }\n',
  'filter f { if net = 5 then accept; reject; }\n',
  'filter f { bgp_community.add(5); accept; }\n',
  'filter f { bgp_path.prepend("a"); accept; }\n',
  'filter f { dest = RTD_BLACKHOLE; accept; }\n',
  'filter f { source = RTS_BGP; accept; }\n',
  'filter f { ip i = 5; accept; }\n',
  'filter f { prefix p = 10.0.0.0/8; if p.len > 3 then accept; reject; }\n',
  'filter f { for int c in bgp_community do { print c; } accept; }\n',
  'filter f { for int c in bgp_path do { print c; } accept; }\n',
  'filter f { for int c in [1, 2] do { print c; } accept; }\n',
  'filter f { for int c in 5 do { print c; } accept; }\n',
  'filter f { print "a", net, 1 + 2; accept "so"; }\n',
  'filter f { if bgp_path ~ [ 1, 2 ] && net.len < 25 then accept; reject; }\n',
  'filter f { if bgp_next_hop = 10.0.0.1 || bgp_origin = ORIGIN_IGP then accept; reject; }\n',
  'function g(int a) { return a + 1; } filter f { if g("a") = 2 then accept; reject; }\n',
  'function g(int a) { return a + true; } filter f { accept; }\n',
  'function g() { return true; } filter f { if g() then accept; reject; }\n',
  'function g(prefix set s) { return net ~ s; } filter f { if g([ 10.0.0.0/8+ ]) then accept; reject; }\n',
];

/** `bird -p`: the line of its complaint, 0 where it has none. */
function judgedByBird(text: string): number {
  const folder = mkdtempSync(join(tmpdir(), 'bird2-'));
  try {
    const file = join(folder, 'bird.conf');
    writeFileSync(file, text);
    const run = spawnSync('bird', ['-p', '-c', file], { encoding: 'utf8' });
    if (run.status === 0) return 0;
    return Number(/bird\.conf:(\d+):/.exec(`${run.stdout}${run.stderr}`)?.[1] ?? Number.NaN);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function judgedByUs(text: string): number {
  const { errors } = parseConfig(text, { dialect: 'bird-2', file: 'bird.conf' });
  return errors[0]?.line ?? 0;
}

for (const text of TEXTS) {
  t.test(text.trim().split('\n').join(' / '), { skip }, (t) => {
    t.equal(judgedByUs(HEAD + text), judgedByBird(HEAD + text));
    t.end();
  });
}
