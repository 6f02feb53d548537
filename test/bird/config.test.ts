import t from 'tap';
import { type BgpConfig, type Dialect, formatProblem, parseConfig } from '../../src/bird/index.js';

const read = (text: string, dialect: Dialect = 'bird-1.6', files: Readonly<Record<string, string>> = {}) =>
  parseConfig(text, { dialect, file: 'bird.conf', files: { read: (path) => files[path.replace(/^.*\//, '')] } });

const problems = (text: string, dialect?: Dialect): string[] => read(text, dialect).errors.map(formatProblem);

function bgp(text: string, dialect?: Dialect): BgpConfig | undefined {
  const { config, errors } = read(text, dialect);
  t.strictSame(errors, []);
  return config?.protocols.find((each): each is BgpConfig => each.kind === 'bgp');
}

t.test('mistakes are told with file, line and column', (t) => {
  const cases: readonly [string, RegExp][] = [
    ['router id 1.2.3;\n', /^bird\.conf:1:/],
    ['protocol device { }\nprotocol bogus { }\n', /^bird\.conf:2:10 syntax error$/],
    ['protocol static {\n  route 10.0.0.1/8 blackhole;\n}\n', /^bird\.conf:2:\d+ Invalid prefix/],
    ['protocol bgp x {\n  local as 1;\n}\n', /^bird\.conf:3:\d+ Neighbor must be configured/],
    ['protocol bgp x {\n  neighbor 1.2.3.4 as 1;\n}\n', /^bird\.conf:3:\d+ Local AS number must be set/],
    ['filter f {\n  if nothing = 1 then accept;\n  reject;\n}\n', /^bird\.conf:2:\d+ /],
    ['filter f {\n  accept\n}\n', /^bird\.conf:3:1 syntax error$/],
    ['"unfinished\n', /^bird\.conf:1:\d+ /],
    ['protocol device { }\nprotocol direct { }\n/* open', /^bird\.conf:3:\d+ /],
    ['protocol device { }\nprotocol device { }\n', /^bird\.conf:2:10 Kernel device protocol already defined$/],
    ['protocol ospf { }\n', /^bird\.conf:1:\d+ .*not modelled/],
  ];
  for (const [text, expected] of cases) t.match(problems(text)[0], expected, text);
  t.end();
});

t.test('an included file has its own name in mistakes', (t) => {
  const files = { 'a.conf': 'protocol device { }\nbogus;\n' };
  const { errors } = read('include "a.conf";\n', 'bird-1.6', files);
  t.match(errors.map(formatProblem)[0], /a\.conf:2:1 /);
  t.match(problems('include "none.conf";\n')[0], /bird\.conf:1:\d+ Unable to open included file/);
  t.end();
});

t.test('options of 1.6, with what they are by default', (t) => {
  const plain = bgp('protocol bgp x { local as 1; neighbor 10.0.0.2 as 2; }');
  t.match(plain, {
    multihop: 0,
    holdTime: 240,
    connectRetryTime: 120,
    connectDelayTime: 5,
    errorWaitMin: 60,
    errorWaitMax: 300,
  });
  t.match(plain?.channels[0], {
    importFilter: 'all',
    exportFilter: 'none',
    bgp: { gateway: 'direct', nextHopSelf: 'off' },
  });
  t.match(bgp('protocol bgp x { local as 1; neighbor 10.0.0.2 as 1; }'), {
    multihop: 64,
    channels: [{ bgp: { gateway: 'recursive' } }],
  });
  const full = bgp(`
    template bgp common { local as 64512; multihop 3; password "geheim"; hold time 90; keepalive time 30; error wait time 5,30; }
    protocol bgp x from common {
      neighbor 10.0.0.2 as 64512; source address 10.0.0.1; passive on; rr client; rr cluster id 1.1.1.1;
      add paths on; next hop self; import limit 10 action block; allow local as 2; ttl security on; preference 150;
      graceful restart aware; interpret communities off; med metric on;
    }`);
  t.match(full, {
    localAs: 64_512,
    passive: true,
    rrClient: true,
    rrClusterId: 0x0101_0101,
    password: 'geheim',
    holdTime: 90,
    errorWaitMin: 5,
    errorWaitMax: 30,
    allowLocalAs: 2,
    ttlSecurity: true,
    gracefulRestart: 'aware',
    medMetric: true,
  });
  t.match(full?.channels[0], {
    preference: 150,
    importLimit: { limit: 10, action: 'block' },
    bgp: { addPath: 3, nextHopSelf: 'on' },
  });
  t.end();
});

t.test('a top-of-rack switch of BIRD 2', (t) => {
  const { config, errors } = read(
    `
    log syslog all;
    router id 10.0.0.1;
    define RACK = 65001;
    define PODS = [ 10.244.0.0/16{26,26} ];
    ipv4 table uplinks;
    protocol device { scan time 10; }
    protocol direct { ipv4; interface "swp*"; }
    protocol kernel { ipv4 { import none; export all; }; merge paths on; }
    protocol static { ipv4; route 0.0.0.0/0 via 10.0.0.254; route 10.9.0.0/16 unreachable; }
    filter from_nodes { if net ~ PODS && bgp_path.len < 4 then accept; reject; }
    template bgp node { local as RACK; ipv4 { import filter from_nodes; export where source ~ [ RTS_STATIC, RTS_BGP ]; next hop self; }; }
    protocol bgp node1 from node { neighbor 10.0.0.11 as 64512; }
    protocol bgp spine { local 10.0.0.1 as RACK; neighbor 10.0.0.254 as 65000; ipv4 { table uplinks; import all; export none; add paths rx; }; ipv6 { import all; export none; }; }
    `,
    'bird-2',
  );
  t.strictSame(errors, []);
  t.strictSame(
    config?.protocols.map(({ kind, name }) => `${kind} ${name}`),
    ['device device1', 'direct direct1', 'kernel kernel1', 'static static1', 'bgp node1', 'bgp spine'],
  );
  t.strictSame(
    config?.tables.map(({ name }) => name),
    ['master4', 'master6', 'uplinks'],
  );
  t.strictSame(
    config?.protocols.at(-1)?.channels.map(({ family, table }) => `${family} ${table}`),
    ['ipv4 uplinks', 'ipv6 master6'],
  );
  t.match(
    problems('protocol bgp x { local as 1; neighbor 1.2.3.4 as 2; ipv4 { }; }', 'bird-2')[0],
    /EBGP requires explicit import policy/,
  );
  t.match(problems('protocol kernel { }', 'bird-2')[0], /Channel not specified/);
  t.end();
});

t.test('a text goes on with the names of another', (t) => {
  const base = read('template bgp t { local as 64512; }\nfunction f() { return true; }\nprotocol device { }').config;
  if (base === undefined) throw new Error('not read');
  const { config, errors } = parseConfig('protocol bgp x from t { neighbor 10.0.0.2 as 64512; import where f(); }', {
    dialect: 'bird-1.6',
    extend: base,
  });
  t.strictSame(errors, []);
  t.equal(config?.protocols.find(({ name }) => name === 'x')?.kind, 'bgp');
  t.end();
});

t.test('what is read and does nothing is a finding', (t) => {
  const { findings, errors } = read('protocol bgp x { local as 1; neighbor 10.0.0.2 as 2; bfd on; }');
  t.strictSame(errors, []);
  t.ok(findings.length > 0);
  t.match(findings[0], { line: 1, message: /BFD is not modelled/ });
  t.end();
});

t.test('an attribute that the kernel’s routes have no place for is a finding where it is set', (t) => {
  const body = [
    'krt_mtu = 1400; krt_metric = 3; krt_prefsrc = 10.0.0.1; krt_scope = 253;',
    'krt_advmss = 9;',
    'krt_lock_mtu = true;',
  ];
  const text = `filter f {\n${body.join('\n')}\nif krt_realm = 5 then accept; }\nprotocol kernel { export filter f; }`;
  t.strictSame(
    read(text).findings.map(({ line, column, message }) => `${line}:${column} ${message}`),
    [
      '3:1 krt_advmss is not modelled in the kernel: BIRD alone has it',
      '4:1 krt_lock_mtu is not modelled in the kernel: BIRD alone has it',
    ],
  );
  t.end();
});

/** In `filter f {` of line 1: what `bird -p` of 2.0.12 and 1.6.8 say of it, and where. */
const REFUSED: readonly (readonly [statement: string, of2: string | undefined, of1: string | undefined])[] = [
  ['if bgp_path ~ [= (100-) =] then accept;', "2:23 syntax error, unexpected ')'", '2:23 syntax error'],
  ['if bgp_path ~ [= "x" =] then accept;', '2:20 syntax error, unexpected TEXT', '2:18 syntax error'],
  [
    'if bgp_path ~ [= + =] then accept;',
    "2:20 filter preevaluation, line 2: Path mask iterator '+' cannot be first",
    '2:18 syntax error',
  ],
  [
    'if net ~ [ 10.0.0.1/8 ] then accept;',
    '2:21 Invalid IPv4 prefix 10.0.0.1/8, maybe you wanted 10.0.0.0/8',
    '2:21 Invalid network prefix: 10.0.0.1/8.',
  ],
  [
    'if net ~ [ 10.0.0.0/33 ] then accept;',
    '2:21 Invalid prefix length 33',
    '2:21 Invalid network prefix: 10.0.0.0/33.',
  ],
  [
    'if bgp_community ~ [ (1,5..2) ] then accept;',
    '2:29 From value cannot be higher that To value in pair sets',
    '2:29 From value cannot be higher that To value in pair sets',
  ],
  ['if bgp_community ~ [ (1,2,3,4) ] then accept;', "2:28 syntax error, unexpected ','", '2:28 syntax error'],
  [
    'if 5 ~ [ 10.0.0.0/8+ ] then accept;',
    '2:24 filter preevaluation, line 2: ~ applied on unknown type pair',
    undefined,
  ],
  ['if nothing = 1 then accept;', '2:4 syntax error, unexpected CF_SYM_UNDEFINED', '2:12 nothing: variable expected.'],
];

t.test('patterns and masks are refused where BIRD refuses them', (t) => {
  for (const [statement, of2, of1] of REFUSED) {
    for (const [dialect, expected] of [
      ['bird-2', of2],
      ['bird-1.6', of1],
    ] as const) {
      const { errors } = read(`filter f {\n${statement}\n}\nprotocol device { }`, dialect);
      t.equal(
        errors.map(({ line, column, message }) => `${line}:${column} ${message}`)[0],
        expected,
        `${dialect}: ${statement}`,
      );
    }
  }
  t.end();
});
