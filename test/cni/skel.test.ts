import t from 'tap';
import { CniError, parseArgs, requireSupported, versionAtLeast } from '../../src/cni/index.js';
import { Bed, jsonObject, type Seen, spy } from './machine.js';

const CONF = { cniVersion: '1.0.0', name: 'net', type: 'spy' };

/** The error codes of the specification, and when they come. */
const ERRORS: readonly {
  readonly name: string;
  readonly command?: string;
  readonly conf?: string | { readonly [key: string]: string | number };
  readonly env?: Readonly<Record<string, string>>;
  readonly code: number;
  readonly msg: string;
}[] = [
  {
    name: 'variables that are missing are all named',
    env: { CNI_CONTAINERID: '', CNI_NETNS: '', CNI_PATH: '' },
    code: 4,
    msg: 'required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_PATH] missing',
  },
  { name: 'an unknown command', command: 'FROB', code: 4, msg: 'unknown CNI_COMMAND: FROB' },
  { name: 'no command', command: '', code: 4, msg: 'required env variables [CNI_COMMAND] missing' },
  {
    name: 'a container ID with a slash',
    env: { CNI_CONTAINERID: 'a/b' },
    code: 4,
    msg: 'invalid characters in containerID',
  },
  {
    name: 'an interface name of sixteen characters',
    env: { CNI_IFNAME: 'a'.repeat(16) },
    code: 4,
    msg: 'interface name is too long',
  },
  {
    name: 'an interface name with a colon',
    env: { CNI_IFNAME: 'eth0:1' },
    code: 4,
    msg: 'interface name contains / or : or whitespace characters',
  },
  { name: 'an interface named ..', env: { CNI_IFNAME: '..' }, code: 4, msg: 'interface name is . or ..' },
  {
    name: 'a configuration that is cut off',
    conf: '{"cniVersion":',
    code: 6,
    msg: 'error unmarshall network config: unexpected end of JSON input',
  },
  {
    name: 'a configuration that is a list',
    conf: '[]',
    code: 6,
    msg: 'error unmarshall network config: json: cannot unmarshal array into Go value of type struct { Name string "json:\\"name\\"" }',
  },
  { name: 'a configuration that is null', conf: 'null', code: 7, msg: 'missing network name' },
  { name: 'no network name', conf: { cniVersion: '1.0.0' }, code: 7, msg: 'missing network name' },
  {
    name: 'a network name with a space',
    conf: { ...CONF, name: 'a b' },
    code: 7,
    msg: 'invalid characters found in network name',
  },
  {
    name: 'a version that nobody has',
    conf: { ...CONF, cniVersion: '9.9.9' },
    code: 1,
    msg: 'incompatible CNI versions',
  },
  {
    name: 'CHECK with a version that has none',
    command: 'CHECK',
    conf: { ...CONF, cniVersion: '0.3.1' },
    code: 1,
    msg: 'config version does not allow CHECK',
  },
  {
    name: 'GC with a version that has none',
    command: 'GC',
    code: 1,
    msg: 'config version does not allow GC',
  },
  {
    name: 'STATUS with a version that has none',
    command: 'STATUS',
    code: 1,
    msg: 'config version does not allow STATUS',
  },
  { name: 'no container', env: { CNI_CONTAINERID: '' }, command: 'NOPE', code: 3, msg: 'missing containerID' },
];

t.test('arguments that are no pairs are refused when a plugin reads them', (t) => {
  const seen: Seen[] = [];
  const bed = new Bed({ spy: spy('spy', seen) });
  t.equal(bed.exec('spy', 'ADD', CONF, { CNI_ARGS: 'A=1;B' }).exitCode, 0);
  t.throws(() => seen[0]?.call.args, { code: 999, message: 'ARGS: invalid pair "B"' });
  t.end();
});

for (const { name, command = 'ADD', conf = CONF, env = {}, code, msg } of ERRORS) {
  t.test(`refused with code ${code}: ${name}`, (t) => {
    const seen: Seen[] = [];
    const bed = new Bed({ spy: spy('spy', seen) });
    const exit = bed.exec('spy', command, conf, env);
    t.equal(exit.exitCode, 1);
    t.match(jsonObject(exit.stdout), { code, msg });
    t.same(seen, [], 'the plugin itself was not asked');
    t.end();
  });
}

t.test('VERSION needs no configuration and lists what the plugin speaks', (t) => {
  const exit = new Bed({ spy: spy('spy', []) }).exec('spy', 'VERSION', '');
  t.equal(exit.exitCode, 0);
  t.equal(exit.stdout, '{"cniVersion":"1.1.0","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}\n');
  t.end();
});

t.test('a reference plugin that is started without a command says what it is', (t) => {
  const exit = new Bed().exec('bridge', '', '');
  t.equal(exit.exitCode, 0);
  t.equal(exit.stdout, '');
  t.match(exit.stderr, /^CNI bridge plugin version unknown\nCNI protocol versions supported: 0\.1\.0, /);
  t.end();
});

t.test('GC and STATUS need neither container nor interface', (t) => {
  const seen: Seen[] = [];
  const bed = new Bed({ spy: spy('spy', seen) });
  const nothing = { CNI_CONTAINERID: '', CNI_NETNS: '', CNI_IFNAME: '' };
  for (const command of ['GC', 'STATUS'])
    t.equal(bed.exec('spy', command, { ...CONF, cniVersion: '1.1.0' }, nothing).exitCode, 0);
  t.same(
    seen.map(({ command }) => command),
    ['GC', 'STATUS'],
  );
  t.end();
});

t.test('STATUS passes on that ADD cannot be asked for', (t) => {
  const down = new CniError(50, 'plugin not available', 'no addresses left');
  const exit = new Bed({ spy: spy('spy', [], { STATUS: down }) }).exec('spy', 'STATUS', {
    ...CONF,
    cniVersion: '1.1.0',
  });
  t.equal(exit.exitCode, 1);
  t.same(jsonObject(exit.stdout), { code: 50, msg: 'plugin not available', details: 'no addresses left' });
  t.end();
});

t.test('an error of the kernel is code 999 with its text', (t) => {
  const bed = new Bed();
  const conf = { cniVersion: '1.0.0', name: 'net', type: 'bridge', mtu: 20 };
  t.match(bed.answer('bridge', 'ADD', conf), { code: 999, msg: /invalid argument/ });
  t.end();
});

t.test('versions compare by number, and parts that are missing are 0', (t) => {
  t.ok(versionAtLeast('0.10.0', '0.9.9'));
  t.ok(versionAtLeast('1.0.0', '1.0.0'));
  t.ok(versionAtLeast('1', '1.0.0'));
  t.notOk(versionAtLeast('0.3.1', '0.4.0'));
  t.throws(() => versionAtLeast('1.x.0', '1.0.0'), { code: 6, message: /minor version part "x"/ });
  t.throws(() => versionAtLeast('1.0.0.0', '1.0.0'), { code: 6, message: /too many parts/ });
  t.throws(() => requireSupported('0.2.0', ['0.3.0']), {
    code: 1,
    details: 'config is "0.2.0", plugin supports ["0.3.0"]',
  });
  t.end();
});

t.test('CNI_ARGS may hold equals signs in values, and nothing', (t) => {
  t.same(
    [...parseArgs('A=1;;B=x=y')],
    [
      ['A', '1'],
      ['B', 'x=y'],
    ],
  );
  t.same([...parseArgs('')], []);
  t.end();
});
