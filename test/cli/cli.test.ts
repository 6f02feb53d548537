/** The command line as a user has it: the built program in a process of its own. */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';
import t, { type Test } from 'tap';
import { mistakes, schemaOf } from '../cluster/schema-files.js';

const PROGRAM = 'dist/cli/main.js';
const skip = existsSync(PROGRAM) ? false : `${PROGRAM} is not built: npm run build`;
const TSHARK = spawnSync('tshark', ['-v']).status === 0 ? false : 'tshark is not installed';

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Buffer;
}

function run(args: readonly string[], input = ''): Ran {
  const { NO_COLOR: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    input,
    env,
    maxBuffer: 1 << 26,
  });
  return { status, stdout: stdout.toString(), stderr: stderr.toString(), bytes: stdout };
}

const VXLAN = ['-f', 'topologies/two-nodes-vxlan'];
const CLIENT_TO_WEB = ['trace', ...VXLAN, 'pod/default/client', 'pod/default/web:80'];

t.test('trace ends with 0 where the connection was answered, with 1 where it was not', { skip }, (t) => {
  const answered = run(CLIENT_TO_WEB);
  t.equal(answered.status, 0);
  t.match(answered.stdout, /^answered: /m);
  t.equal(answered.stderr, '');
  t.notMatch(answered.stdout, '\u001b', 'no colours into a pipe');
  const refused = run(['trace', ...VXLAN, 'pod/default/client', 'pod/default/web:81']);
  t.equal(refused.status, 1);
  t.match(refused.stdout, /^refused: /m);
  const unreachable = run(['trace', ...VXLAN, 'host/internet', 'pod/default/web:80']);
  t.equal(unreachable.status, 1);
  t.match(unreachable.stdout, /^unreachable: /m);
  t.end();
});

t.test(
  'what the user got wrong ends with 2, its words on standard error and nothing on standard output',
  { skip },
  (t) => {
    const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
      ['no cluster', ['trace', 'pod/a', 'pod/b'], /no cluster: name files or folders with -f/],
      ['one name', ['trace', ...VXLAN, 'pod/default/client'], /trace wants two names/],
      [
        'all that is wrong at once',
        ['trace', ...VXLAN, '--proto', 'gre', '-o', 'xml', 'client', '2001:db8::1'],
        /--proto is .*\n.*-o is one of .*\n.*FROM: "client" is none of .*\n.*TO: "2001:db8::1" is an IPv6 address/,
      ],
      [
        'two unknown ends',
        ['trace', ...VXLAN, 'pod/default/clint', 'node/node3'],
        /FROM: there is no pod .*did you mean default\/client.*\n.*TO: there is no node "node3"; did you mean node1 or node2/,
      ],
      [
        'an unknown pod',
        ['trace', ...VXLAN, 'pod/default/clint', 'pod/default/web:80'],
        /no pod "default\/clint"; did you mean default\/client/,
      ],
      [
        'an unknown node',
        ['trace', ...VXLAN, 'node/node3', 'pod/default/web:80'],
        /no node "node3"; did you mean node1 or node2/,
      ],
      ['a name of no form', ['trace', ...VXLAN, 'client', 'pod/default/web:80'], /FROM: "client" is none of/],
      [
        'a port that there is not',
        ['trace', ...VXLAN, 'pod/default/client', 'pod/default/web:65536'],
        /"65536" is not a port/,
      ],
      ['a protocol', [...CLIENT_TO_WEB, '--proto', 'dccp'], /--proto is tcp, udp, sctp or icmp/],
      ['an output', [...CLIENT_TO_WEB, '-o', 'xml'], /-o is one of/],
      ['a seed', [...CLIENT_TO_WEB, '--seed', '-1'], /--seed/],
      ['an option', [...CLIENT_TO_WEB, '--frobnicate'], /--frobnicate/],
      ['a command', ['frobnicate'], /unknown command "frobnicate"/],
      ['a folder that is not there', ['trace', '-f', 'topologies/nowhere', 'pod/a', 'pod/b'], /topologies\/nowhere/],
      ['exec without a command', ['exec', ...VXLAN, 'node/node1'], /exec wants a command behind --/],
    ];
    for (const [what, args, message] of cases) {
      const { status, stdout, stderr } = run(args);
      t.equal(status, 2, what);
      t.match(stderr, message);
      t.notMatch(stderr, /^\s+at /m, 'no stack');
      t.equal(stdout, '');
    }
    t.end();
  },
);

t.test('input that cannot be understood is told with file, line and column', { skip }, (t) => {
  const text = 'apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata:\n  name: a\nspec:\n  cidr: 10.0.0.0/99\n';
  const wrong = run(['trace', ...VXLAN, '-f', '-', 'pod/default/client', 'pod/default/web:80'], text);
  t.equal(wrong.status, 2);
  t.match(wrong.stderr, /^error: \S+:6:9: IPPool a: spec\.cidr: expected a CIDR .*, got "10\.0\.0\.0\/99"$/m);
  const broken = run(['trace', '-f', '-', 'pod/a', 'pod/b'], 'apiVersion: v1\nkind: Pod\nmetadata: {name: [\n');
  t.equal(broken.status, 2);
  t.match(broken.stderr, /^error: \S+:\d+:\d+: /m);
  t.notMatch(broken.stderr, /^\s+at /m, 'no stack');
  t.end();
});

t.test('findings go to standard error and change no exit status', { skip }, (t) => {
  const pod = 'apiVersion: v1\nkind: Pod\nmetadata: {name: lost}\nspec: {nodeName: node9, containers: [{name: c}]}\n';
  const args = ['trace', ...VXLAN, '-f', '-', 'pod/default/client', 'pod/default/web:80'];
  const told = run(args, pod);
  t.equal(told.status, 0);
  t.match(told.stderr, /^\S+:4:\d+: warning: Pod default\/lost: /m);
  t.equal(run([...args, '-q'], pod).stderr, '', '-q keeps them back');
  t.end();
});

t.test('findings are told where the names were wrong too: they may say why', { skip }, (t) => {
  const network = `apiVersion: podwire.dev/v1alpha1
kind: PhysicalNetwork
metadata: {name: dc}
spec: {subnetz: [{name: s, cidr: 172.18.0.0/24}]}
`;
  const folder = 'topologies/two-nodes-vxlan/cluster.yaml';
  const traced = run(['trace', '-f', folder, '-f', '-', 'node/node1', 'pod/default/web:80'], network);
  t.equal(traced.status, 2);
  t.match(traced.stderr, /no field of this kind is called "subnetz" \(near: subnets\)/);
  t.match(traced.stderr, /^podwire: FROM: node\/node1 has no IPv4 address$/m);
  const tool = run(['exec', '-f', folder, '-f', '-', 'node/node1', '--', 'ip', 'addr'], network);
  t.equal(tool.status, 0, 'tools run on a node without an address');
  t.match(tool.stderr, /"subnetz"/);
  const nobody = run(['exec', '-f', folder, '-f', '-', 'node/node7', '--', 'ip', 'addr'], network);
  t.equal(nobody.status, 2);
  t.match(nobody.stderr, /"subnetz"[\s\S]*there is no node "node7"/);
  t.end();
});

t.test('what is wrong with the arguments is told beside what is wrong with the files', { skip }, (t) => {
  const wrong = run(['trace', '-f', 'topologies/nowhere', ...VXLAN, 'client', 'pod/default/web:80']);
  t.equal(wrong.status, 2);
  t.match(wrong.stderr, /error: topologies\/nowhere[\s\S]*FROM: "client" is none of/);
  const tool = run(['exec', '-f', 'topologies/nowhere', ...VXLAN, 'client', '--', 'ip', 'addr']);
  t.equal(tool.status, 2);
  t.match(tool.stderr, /error: topologies\/nowhere[\s\S]*HOST: "client" is none of/);
  t.end();
});

t.test('what is wrong with a name is told of the end that has it', { skip }, (t) => {
  const portless = run(['trace', ...VXLAN, 'pod/default/client', 'pod/default/client', '--proto', 'udp']);
  t.equal(portless.status, 2);
  t.match(portless.stderr, /^podwire: TO: pod\/default\/client declares no udp port/m);
  t.end();
});

t.test('help is for those who ask', { skip }, (t) => {
  const asked = run(['--help']);
  t.equal(asked.status, 0);
  t.match(asked.stdout, /podwire trace -f PATH/);
  t.equal(run([]).status, 2, 'no command at all is a mistake');
  t.equal(run(['help']).stdout, asked.stdout);
  for (const command of ['trace', 'what-if', 'exec', 'export', 'serve']) {
    const told = run([command, '--help']);
    t.match(told, { status: 0, stderr: '' }, command);
    t.ok(told.stdout.startsWith(`  podwire ${command} `), told.stdout);
    t.equal(run(['help', command]).stdout, told.stdout);
  }
  t.match(run(['--version']), { status: 0, stdout: /^podwire \d+\.\d+\.\d+\n$/ });
  const there = run(['exec', '-q', ...VXLAN, 'node/node1', '--', 'ip', '--help']);
  t.match(there.stderr, /^Usage: ip /, 'behind -- it is the tool that is asked');
  t.end();
});

t.test('an option that there is none of is told with one that is near', { skip }, (t) => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['serve', '--port', '8080'], 'unknown option --port; did you mean --listen?'],
    [['serve', '-p', '8080'], 'unknown option -p; did you mean --listen?'],
    [['serve', '--tokenfile=t'], 'unknown option --tokenfile; did you mean --token-file or --file?'],
    [['serve', 'topologies/dns'], 'serve takes no "topologies/dns": name a cluster\'s files or folders with -f'],
    [[...CLIENT_TO_WEB, '--format', 'json'], 'unknown option --format; did you mean --output?'],
    [['what-if', '--filename', 'x'], 'unknown option --filename; did you mean --file?'],
    [['exec', ...VXLAN, '--wrap', '80', 'node/node1', '--', 'ip', '--port'], 'unknown option --wrap'],
    [['serve', '--quite-another'], 'unknown option --quite-another'],
  ];
  for (const [args, told] of cases) t.match(run(args), { status: 2, stderr: `podwire: ${told}\n` }, args.join(' '));
  t.end();
});

const TRACES: readonly (readonly [string, readonly string[]])[] = [
  ['through the tunnel', CLIENT_TO_WEB],
  ['to a host outside', ['trace', ...VXLAN, 'pod/default/client', 'host/internet:443']],
  ['to a closed UDP port', ['trace', ...VXLAN, 'pod/default/client', 'pod/default/web:40000', '--proto', 'udp']],
  [
    'over SCTP',
    ['trace', '-f', 'topologies/sctp-services', 'pod/core/client', 'svc/core/amf:38412', '--proto', 'sctp'],
  ],
  ['with ping', ['trace', ...VXLAN, 'pod/default/client', 'pod/default/web', '--proto', 'icmp']],
  ['nowhere', ['trace', ...VXLAN, 'host/internet', 'pod/default/web:80']],
  ['to a hostPort', ['trace', '-f', 'topologies/kubectl-dump', 'host/desk', 'node/shop-worker2:30443']],
  ['over a bridge', ['trace', '-f', 'topologies/bridge-plugin', 'pod/default/a', 'pod/default/b:80']],
];

t.test('-o json is what schemas/trace.schema.json says', { skip }, (t) => {
  const validate = schemaOf('trace');
  for (const [what, args] of TRACES) {
    const { stdout } = run([...args, '-o', 'json']);
    const value: unknown = JSON.parse(stdout);
    t.same(mistakes(validate, value), [], what);
    t.notSame(mistakes(validate, { ...Object(value), verdict: 'fine' }), [], 'another verdict is not valid');
  }
  t.end();
});

t.test(
  '--branches all is a tree, or what schemas/trace-branches.schema.json says; --backend is one of its ways',
  { skip },
  (t) => {
    const TO_WEB = ['trace', '-q', '-f', 'topologies/services-iptables', 'pod/shop/client', 'svc/shop/web:80'];
    const tree = run([...TO_WEB, '--branches', 'all']);
    t.equal(tree.status, 0);
    t.match(tree.stdout, /: 2 ways\n├─ 50 % .*\n(.*\n)*└─ 50 % /);
    const [, first = '', second = ''] = tree.stdout.split(/^branch \d, 50 %$/m);
    for (const way of [first, second]) t.match(way, /^\npod\/shop\/client .*\nanswered: (.*\n)*Request, packet 1, /);
    const minimal = run([...TO_WEB, '--branches', 'all', '-o', 'minimal']).stdout;
    t.match(minimal, /^branch 0, 50 %\ntcp .*\n(.*\n)*branch 1, 50 %\ntcp /);
    const value: unknown = JSON.parse(run([...TO_WEB, '--branches', 'all', '-o', 'json']).stdout);
    t.same(mistakes(schemaOf('trace-branches'), value), []);
    t.match(value, { complete: true, tree: [{ probability: 0.5 }, { probability: 0.5 }] });
    for (const { trace } of Object(value).branches) t.same(mistakes(schemaOf('trace'), trace), []);
    t.match(run([...TO_WEB, '--backend', 'pod/shop/web-1']).stdout, /Pod shop\/web-1\./);
    for (const [args, message] of [
      [['--branches', 'some'], '--branches is one or all, not "some"'],
      [['--backend', 'web'], '--backend: "web" is none of'],
      [['--backend', 'pod/shop/client'], '--backend: no way that chance can take leads to pod/shop/client'],
    ] as const) {
      const { status, stderr } = run([...TO_WEB, ...args]);
      t.equal(status, 2, message);
      t.match(stderr, message);
    }
    t.end();
  },
);

t.test('--size sends as much data, and says where it ended', { skip }, (t) => {
  const way = ['trace', '-f', 'topologies/path-mtu', 'pod/shop/client', 'host/backup:873'];
  t.match(run(way), { status: 0, stdout: /, tcp\nanswered: / });
  t.match(run([...way, '--size', '9000']), { status: 1, stdout: /, tcp, 9000 octets of data\ntoo-big: / });
  t.match(run([...way, '--size', '9000', '-o', 'minimal']).stdout, /^tcp size 9000 pod\/shop\/client .* too-big\n/);
  const value: unknown = JSON.parse(run([...way, '--size', '9000', '-o', 'json']).stdout);
  t.same(mistakes(schemaOf('trace'), value), []);
  t.match(value, { size: 9000, verdict: 'too-big' });
  for (const size of ['0', '65508', 'big', '-1'])
    t.match(run([...way, `--size=${size}`]), {
      status: 2,
      stderr: `--size is 1 to 65507 octets of data, not "${size}"`,
    });
  t.end();
});

/** A capture as tshark reads it, a line a frame: malformed or not, expert messages, protocols. */
function tshark(t: Test, capture: Buffer): string[] {
  const file = join(t.testdir({ 'trace.pcapng': capture }), 'trace.pcapng');
  const checks = ['ip', 'udp', 'tcp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);
  const fields = ['_ws.malformed', '_ws.expert.severity', '_ws.expert.message', 'frame.protocols'].flatMap((f) => [
    '-e',
    f,
  ]);
  const { stdout, stderr, status } = spawnSync('tshark', ['-r', file, ...checks, '-T', 'fields', ...fields]);
  if (status !== 0) throw new Error(`tshark: ${stderr.toString()}`);
  return stdout.toString().trimEnd().split('\n');
}

/** Severities of tshark's expert messages (epan/proto.h: PI_WARN, PI_ERROR). */
const WARN = 6_291_456;

/**
 * What tshark warns of because it ought to. A frame is seen once at each device that it passes. A node asks for
 * its pods from a device without an address, so with that of eth0 and another MAC (net/ipv4/arp.c:arp_solicit()).
 */
const EXPECTED =
  /retransmission|Duplicate ACK|Connection reset|out-of-order|previous segment|No response seen|no response found|Duplicate IP address configured/i;

const BRANCHES = ['-f', 'topologies/services-iptables', 'pod/shop/client', 'svc/shop/web:80', '--branches', 'all'];

t.test('-o pcapng is a capture in which tshark finds nothing wrong', { skip: skip || TSHARK }, (t) => {
  for (const [what, args] of [...TRACES, ['to every endpoint of a Service', ['trace', ...BRANCHES]] as const]) {
    const frames = tshark(t, run([...args, '-o', 'pcapng']).bytes);
    t.ok(frames.length > 1, what);
    const wrong = frames.filter((frame) => {
      const [malformed = '', severities = '', messages = ''] = frame.split('\t');
      const loud = severities.split(',').some((severity) => Number(severity) >= WARN);
      return malformed !== '' || (loud && !EXPECTED.test(messages));
    });
    t.same(wrong, [], `${what}: ${frames.length} frames`);
  }
  t.ok(
    tshark(t, run([...CLIENT_TO_WEB, '-o', 'pcapng']).bytes).some((frame) =>
      frame.includes('vxlan:eth:ethertype:ip:tcp'),
    ),
  );
  t.end();
});

t.test('a capture has its frames in the order in which they were sent', { skip: skip || TSHARK }, (t) => {
  const args = ['trace', ...VXLAN, 'pod/default/client', 'pod/default/web', '--proto', 'icmp', '-o', 'pcapng'];
  const protocols = tshark(t, run(args).bytes).map((frame) => frame.split('\t')[3]);
  const [first] = protocols;
  t.equal(first, 'eth:ethertype:arp', 'ARP goes before the packet that waits for it');
  const answers = protocols.lastIndexOf('eth:ethertype:arp');
  t.ok(
    protocols.indexOf('eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:icmp:data') > protocols.indexOf('eth:ethertype:arp'),
  );
  t.ok(answers < protocols.length - 2, 'and the answer comes last');
  t.end();
});

t.test('-o minimal is a text to keep and compare', { skip }, (t) => {
  t.equal(
    run([...CLIENT_TO_WEB, '-o', 'minimal']).stdout,
    `tcp pod/default/client pod/default/web:80 answered
request
  pod/default/client: route unicast dev eth0 via 169.254.1.1, tx eth0
  node/node1: rx calia7a3e029a7b, ct new, route unicast dev vxlan.calico via 192.168.104.0, forward ttl 63, tx vxlan.calico, encap vxlan 172.18.0.2 > 172.18.0.3, route unicast dev eth0, tx eth0
  node/node2: rx eth0, route local dev lo, decap vxlan, rx vxlan.calico, ct new, route unicast dev cali68caf03a5f4, forward ttl 62, tx cali68caf03a5f4
  pod/default/web: rx eth0, route local dev lo, deliver tcp
reply
  pod/default/web: route unicast dev eth0 via 169.254.1.1, tx eth0
  node/node2: rx cali68caf03a5f4, ct established reply, route unicast dev vxlan.calico via 192.168.166.128, forward ttl 63, tx vxlan.calico, encap vxlan 172.18.0.3 > 172.18.0.2, route unicast dev eth0, tx eth0
  node/node1: rx eth0, route local dev lo, decap vxlan, rx vxlan.calico, ct established reply, route unicast dev calia7a3e029a7b, forward ttl 62, tx calia7a3e029a7b
  pod/default/client: rx eth0, route local dev lo, deliver tcp
`,
  );
  t.end();
});

t.test('the same command twice gives the same bytes', { skip }, (t) => {
  for (const output of ['text', 'json', 'minimal', 'pcapng']) {
    const args = [...CLIENT_TO_WEB, '-o', output];
    t.ok(run(args).bytes.equals(run(args).bytes), output);
  }
  const seeded = [...CLIENT_TO_WEB, '-o', 'json', '--seed', '7'];
  t.ok(run(seeded).bytes.equals(run(seeded).bytes), 'with another seed too');
  t.notOk(run(seeded).bytes.equals(run([...CLIENT_TO_WEB, '-o', 'json']).bytes), 'and another seed draws otherwise');
  t.end();
});

t.test('what-if says which flows change and what decides them', { skip }, (t) => {
  const folder = t.testdir({
    'deny.yaml': `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: default}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
`,
    'moved.yaml': `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default}
spec: {nodeName: node1, containers: [{name: web, image: nginx}]}
`,
  });
  const deny = ['--change', join(folder, 'deny.yaml')];
  const changed = run(['what-if', ...VXLAN, ...deny, 'pod/default/client', 'pod/default/web:80']);
  t.equal(changed.status, 1, changed.stderr);
  t.match(changed.stdout, /^\* pod\/default\/client → pod\/default\/web:80, tcp: answered → dropped$/m);
  t.match(changed.stdout, /NetworkPolicy default\/deny applies to ingress of Pod default\/web/);
  const same = run(['what-if', ...VXLAN, ...deny, 'node/node2', 'pod/default/web:80']);
  t.equal(same.status, 0, same.stderr);
  t.match(same.stdout, /0 of 1 flows change/);
  const gone = run([
    'what-if',
    ...VXLAN,
    '--delete',
    'Pod/default/web',
    'pod/default/client',
    'pod/default/web:80',
    '-o',
    'json',
  ]);
  t.match(JSON.parse(gone.stdout), [
    { changed: 'verdict', before: { verdict: 'answered' }, after: { verdict: 'none' } },
  ]);
  const moved = ['--delete', 'Pod/default/web', '--change', join(folder, 'moved.yaml')];
  const anew = run(['what-if', ...VXLAN, ...moved, 'pod/default/client', 'pod/default/web:80']);
  t.equal(anew.status, 1, anew.stderr);
  t.match(anew.stdout, /answered → refused/, 'the pod is made anew, and declares no port');
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['pod/default/client', 'pod/default/web:80'], /no change: name one with --change or --delete/],
    [[...deny, 'pod/default/client'], /names in pairs/],
    [['--delete', 'Pod/default/wb', 'node/node1', 'node/node2'], /did you mean Pod\/default\/web/],
    [['--change', 'nowhere.yaml', 'node/node1', 'node/node2'], /--change: .*nowhere\.yaml/],
    [
      ['--change', join(folder, 'moved.yaml'), 'node/node1', 'node/node2'],
      /moved\.yaml:4:18: Pod default\/web: spec\.nodeName: Forbidden: pod updates may not change fields other than/,
    ],
  ];
  for (const [args, words] of cases) {
    const wrong = run(['what-if', ...VXLAN, ...args]);
    t.equal(wrong.status, 2);
    t.match(wrong.stderr, words);
    t.equal(wrong.stdout, '');
  }
  t.end();
});

t.test('exec runs a tool and ends as the tool does', { skip }, (t) => {
  const shown = run(['exec', ...VXLAN, 'node/node1', '--', 'ip', 'route']);
  t.equal(shown.status, 0);
  t.match(shown.stdout, /^default via 172\.18\.0\.1 dev eth0 $/m);
  const missing = run(['exec', ...VXLAN, 'node/node1', '--', 'nmap']);
  t.equal(missing.status, 127);
  t.match(missing.stderr, /nmap: command not found/);
  t.equal(run(['exec', ...VXLAN, 'pod/default/client', '--', 'nc', '-z', '192.168.104.1', '81']).status, 1);
  t.end();
});

/** The script that everything but `serve` runs, and the code that V8 compiled of it. */
const script = (): { readonly file: string; readonly text: string } => {
  const file = readdirSync('dist/cli').find((name) => name.endsWith('.cjs')) ?? '';
  return { file: join('dist/cli', file), text: readFileSync(join('dist/cli', file), 'latin1') };
};

t.test('a trace loads nothing of the server', { skip }, (t) => {
  const SERVERS = /\b(?:fastify|cbor-x|typebox|prom-client|ajv|ws)\b/;
  const loaded = [...script().text.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name = '']) => name);
  t.ok(loaded.includes('node:fs'));
  t.strictSame(
    loaded.filter((name) => SERVERS.test(name)),
    [],
  );
  t.match(readFileSync('dist/server/serve.js', 'utf8'), /from "fastify"/, 'serve does');
  t.end();
});

t.test('the script comes with its compiled code', { skip }, (t) => {
  const { file, text } = script();
  const compiled = new Script(text, { filename: file, cachedData: readFileSync(`${file}.cache`) });
  t.equal(compiled.cachedDataRejected, false);
  t.end();
});
