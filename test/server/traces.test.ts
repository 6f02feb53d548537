import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { mistakes, schemaOf } from '../cluster/schema-files.js';
import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../src/cluster/index.js';
import { type CapturedPacket, readPcapng } from '../../src/packet/index.js';
import { decodeCbor } from '../../src/server/session/cbor.js';
import { formatTrace, traceJson } from '../../src/trace/index.js';
import { cluster, DENY_WEB, running, sourcesOf, YAML, type Parsed } from './running.js';

const VXLAN = 'two-nodes-vxlan';
const TRACES = `/clusters/${VXLAN}/traces`;
const TO_WEB = { from: 'pod/default/client', to: 'pod/default/web:80' };

function packetsOf(bytes: Uint8Array): readonly CapturedPacket[] {
  const read = readPcapng(bytes);
  if ('error' in read) throw new Error(JSON.stringify(read.error));
  return read.capture.packets;
}

/** What the library says of the same connection. */
function expected() {
  const [from, to] = [parseEndpointName(TO_WEB.from), parseDestination(TO_WEB.to)];
  if (isNameProblem(from) || isNameProblem(to)) throw new Error('bad names');
  return new Cluster(sourcesOf(VXLAN)).trace({ from, to, protocol: 'tcp' });
}

t.test('a trace has all its forms, and they say the same as the library', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const created = await ask('POST', TRACES, TO_WEB);
  t.equal(created.status, 201);
  t.match(created.json, {
    verdict: 'answered',
    protocol: 'tcp',
    to: { label: 'pod/default/web', port: 80 },
    complete: true,
  });
  const at = created.headers.get('location')!.replace('/api/v1', '');
  t.equal(at, `${TRACES}/${created.json.id}`);

  const trace = expected();
  const json = await ask('GET', at);
  t.strictSame(json.json, JSON.parse(JSON.stringify(traceJson(trace))));
  t.strictSame(mistakes(schemaOf('trace'), json.json), []);
  t.strictSame(decodeCbor((await ask('GET', at, undefined, { accept: 'application/cbor' })).bytes), json.json);
  const text = await ask('GET', at, undefined, { accept: 'text/plain' });
  t.equal(text.text, `${formatTrace(trace, { everyPacket: true })}\n`);
  t.equal((await ask('GET', `${at}?format=summary`)).json.id, created.json.id);
  t.match((await ask('GET', `${at}?format=minimal`)).text, /^tcp pod\/default\/client pod\/default\/web:80 answered\n/);
  const pcapng = await ask('GET', at, undefined, { accept: 'image/png;q=1, application/x-pcapng;q=0.5' });
  t.equal(pcapng.headers.get('content-type'), 'application/x-pcapng');
  const frames = packetsOf(pcapng.bytes);
  t.ok(frames.length > 10);
  t.equal((await ask('GET', at, undefined, { accept: 'image/png' })).status, 406);
  t.equal((await ask('GET', `${at}?branch=1`)).status, 404);
  const direct = await ask('POST', `${TRACES}?format=text`, TO_WEB);
  t.match(direct.text, /^pod\/default\/client .* → pod\/default\/web/);
  for (const form of ['', '&format=json']) {
    const refused = await ask('POST', `${TRACES}?branch=7${form}`, TO_WEB);
    t.match(refused, { status: 400, json: { errors: [{ field: '/branch' }] } }, 'a branch that cannot be there');
  }
  t.equal((await ask('GET', TRACES)).json.total, 2, 'and nothing is sent for it');
});

t.test('all branches of a Service are found, with probabilities that add up', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('services-iptables', 'shop')] });
  const { json } = await ask('POST', '/clusters/shop/traces', {
    from: 'pod/shop/client',
    to: 'svc/shop/web:80',
    branches: 'all',
  });
  t.strictSame(json.branches.map(({ reached, probability }: Parsed) => [reached, probability]).toSorted(), [
    ['pod/shop/web-1', 0.5],
    ['pod/shop/web-2', 0.5],
  ]);
  for (const [branch, { reached }] of json.branches.entries()) {
    const { text } = await ask('GET', `/clusters/shop/traces/${json.id}?format=text&branch=${branch}`);
    t.match(text, new RegExp(`Pod ${reached.slice(4)}`), reached);
  }
  const drawn = await ask('POST', '/clusters/shop/traces', { from: 'pod/shop/client', to: 'svc/shop/web:80' });
  t.equal(drawn.json.branches.length, 1, 'one is drawn where all were not asked for');
});

t.test('all branches are one document in every form, whole ones and each with its probability', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('services-iptables', 'shop')] });
  const asked = { from: 'pod/shop/client', to: 'svc/shop/web:80', branches: 'all' };
  const { json: summary } = await ask('POST', '/clusters/shop/traces', asked);
  const at = `/clusters/shop/traces/${summary.id}`;
  const form = async (format: string, branch = '') => ask('GET', `${at}?format=${format}${branch}`);

  const { json } = await form('json');
  t.strictSame(mistakes(schemaOf('trace-branches'), json), []);
  t.match(json, { format: 'podwire-branches', complete: true, tree: [{ probability: 0.5 }, { probability: 0.5 }] });
  for (const [branch, { probability, trace }] of json.branches.entries()) {
    t.equal(probability, summary.branches[branch].probability);
    t.strictSame((await form('json', `&branch=${branch}`)).json, trace, 'the same as alone');
  }
  t.strictSame((await ask('GET', at)).json, json, 'and without a format');
  t.strictSame(decodeCbor((await ask('GET', at, undefined, { accept: 'application/cbor' })).bytes), json);
  const { text } = await form('text');
  const { text: minimal } = await form('minimal');
  t.match(text, /^pod\/shop\/client → svc\/shop\/web:80, tcp: 2 ways\n├─ 50 % /);
  for (const branch of [0, 1]) {
    const title = `branch ${branch}, 50 %\n`;
    t.ok(text.includes(`\n${title}${(await form('text', `&branch=${branch}`)).text}`), title);
    t.ok(minimal.includes(`${title}${(await form('minimal', `&branch=${branch}`)).text}`), title);
  }

  const read = readPcapng((await form('pcapng')).bytes);
  if ('error' in read) throw new Error(read.error.message);
  const { interfaces, packets } = read.capture;
  for (const branch of [0, 1]) {
    const title = `branch ${branch}, 50 %`;
    const own = packets.filter(({ interfaceId }) => interfaces[interfaceId]?.description === title);
    const alone = packetsOf((await form('pcapng', `&branch=${branch}`)).bytes);
    t.strictSame(
      own.map(({ bytes }) => bytes),
      alone.map(({ bytes }) => bytes),
    );
    t.equal(own[0]?.comments[0], title);
  }

  const posted = await ask('POST', '/clusters/shop/traces?format=json', asked);
  t.match(posted.json, { format: 'podwire-branches', branches: [{ probability: 0.5 }, { probability: 0.5 }] });
  const direct = { ...asked, to: 'pod/shop/web-1:8080' };
  const single = (await ask('POST', '/clusters/shop/traces?format=json', direct)).json;
  t.match(single, { format: 'podwire-branches', branches: [{ probability: 1 }] }, 'by what was asked for');

  const forms = ['json', 'cbor', 'text', 'minimal', 'pcapng'];
  const everything = async () =>
    Promise.all(['', '&branch=0', '&branch=1'].flatMap((branch) => forms.map(async (one) => form(one, branch))));
  const before = await everything();
  const pool = '/clusters/shop/objects/projectcalico.org/IPPool/-/default-ipv4-ippool';
  const rebuilt = await ask('PATCH', pool, '{"spec":{"natOutgoing":false}}', {
    'content-type': 'application/merge-patch+json',
  });
  t.match(rebuilt.json, { change: { rebuilt: true } });
  const bytes = (answers: typeof before) => answers.map((answer) => [answer.status, answer.bytes]);
  t.strictSame(bytes(await everything()), bytes(before), 'and when the cluster that they ran in is gone');
  t.strictSame(bytes(await everything()), bytes(before), 'and once more');
});

t.test('a backend picks its branch; a name that leads nowhere is told at its field', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('services-iptables', 'shop')] });
  const to = { from: 'pod/shop/client', to: 'svc/shop/sticky:80' };
  for (const backend of ['pod/shop/web-1', 'pod/shop/web-2']) {
    const { json } = await ask('POST', '/clusters/shop/traces', { ...to, backend });
    t.match(json.branches, [
      { probability: 0.5, reached: backend, choices: [{ asked: '10.96.0.25:80', reached: backend }] },
    ]);
  }
  const fromService = await ask('POST', '/clusters/shop/traces', { ...to, from: 'svc/shop/web' });
  t.match(fromService.json, { from: { label: 'pod/shop/web-1' } }, 'one of its pods sends');
  const fromNothing = await ask('POST', '/clusters/shop/traces', { ...to, from: 'svc/shop/wob' });
  t.match(fromNothing.json, { status: 404, detail: 'there is no Service "shop/wob"; did you mean shop/web?' });
  const wrong = await ask('POST', '/clusters/shop/traces', { ...to, backend: 'web' });
  t.equal(wrong.status, 400);
  t.match(wrong.json, { errors: [{ field: '/backend' }] });
  t.equal((await ask('POST', '/clusters/shop/traces', { ...to, backend: 'pod/shop/client' })).status, 404);
});

t.test('three endpoints are three branches, and more than the limit are not complete', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('services-iptables', 'shop')], limits: { branches: 2 } });
  const pod =
    'apiVersion: v1\nkind: Pod\nmetadata: {name: web-3, namespace: shop, labels: {app: web}}\nspec: {nodeName: worker2, containers: [{name: web, image: web, ports: [{name: http, containerPort: 8082}]}]}\n';
  t.equal((await ask('POST', '/clusters/shop/objects', pod, YAML)).status, 201);
  const { json } = await ask('POST', '/clusters/shop/traces', {
    from: 'pod/shop/client',
    to: 'svc/shop/web:80',
    branches: 'all',
  });
  t.equal(json.complete, false);
  t.equal(json.branches.length, 2);
  const sum = json.branches.reduce((total: number, { probability }: Parsed) => total + probability, 0);
  t.ok(Math.abs(sum - 2 / 3) < 1e-6, `two of three are two thirds, not ${sum}`);
});

t.test('traces are kept up to a limit, listed and deleted; those of before a change can still be read', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)], limits: { traces: 3 } });
  const ids: string[] = [];
  for (let i = 0; i < 4; i += 1) ids.push((await ask('POST', TRACES, TO_WEB)).json.id);
  t.equal(new Set(ids).size, 4);
  t.strictSame(
    (await ask('GET', TRACES)).json.items.map(({ id }: Parsed) => id),
    ids.slice(1),
  );
  t.equal((await ask('GET', `${TRACES}/${ids[0]}`)).status, 404);
  const forms = ['json', 'text', 'minimal', 'pcapng', 'cbor', 'summary'];
  const read = async () =>
    Promise.all(forms.map(async (form) => (await ask('GET', `${TRACES}/${ids[3]}?format=${form}`)).bytes));
  const before = await read();
  await ask('POST', `/clusters/${VXLAN}/objects`, DENY_WEB, YAML);
  t.strictSame(await read(), before);
  t.match((await ask('POST', TRACES, TO_WEB)).json, { verdict: 'dropped', generation: 2 });
  t.equal((await ask('DELETE', `${TRACES}/${ids[3]}`)).status, 204);
  t.equal((await ask('GET', `${TRACES}/${ids[3]}`)).status, 404);
});

t.test('names that lead nowhere are told with those that may be meant', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  t.match((await ask('POST', TRACES, { from: 'client', to: '2001:db8::1' })).json, {
    status: 400,
    errors: [{ field: '/from' }, { field: '/to' }],
  });
  t.match((await ask('POST', TRACES, { ...TO_WEB, from: 'pod/default/clint' })).json, {
    status: 404,
    errors: [{ near: ['default/client'] }],
  });
  t.match((await ask('POST', TRACES, { ...TO_WEB, protocol: 'gre' })).json, {
    status: 400,
    errors: [{ field: '/protocol' }],
  });
});

t.test('exec and programmed state are what the tools print', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const routes = await ask('POST', `/clusters/${VXLAN}/exec`, { target: 'node/node1', command: ['ip', 'route'] });
  t.match(routes.json, { exitCode: 0, stdout: /vxlan\.calico onlink/ });
  t.match((await ask('POST', `/clusters/${VXLAN}/exec`, { target: 'node/node1', command: ['nmap'] })).json, {
    exitCode: 127,
  });
  const state = (await ask('GET', `/clusters/${VXLAN}/hosts/node1/state`)).json;
  t.equal(state.name, 'node1');
  const own = state.netns[0];
  t.ok(own.addresses.some(({ dev, address }: Parsed) => dev === 'eth0' && address === '172.18.0.2'));
  t.ok(
    own.routes.some(
      ({ destination, nextHops }: Parsed) => destination === '192.168.104.0/26' && nextHops[0].dev === 'vxlan.calico',
    ),
  );
  t.match(
    own.links.find(({ name }: Parsed) => name === 'vxlan.calico'),
    { mac: /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/, vxlan: { local: '172.18.0.2' } },
  );
  const { text } = await ask('GET', `/clusters/${VXLAN}/hosts/node1/text`);
  for (const line of [
    '# ip address show',
    '# iptables-save -c',
    '-A FORWARD ',
    '# ip netns exec cni-',
    'create cali40all-vxlan-net',
  ])
    t.ok(text.includes(line), line);
  const hosts = (await ask('GET', `/clusters/${VXLAN}/hosts`)).json;
  t.strictSame(
    hosts.items.map(({ name, role }: Parsed) => `${role} ${name}`),
    ['host internet', 'node node1', 'node node2', 'router router'],
  );
  t.strictSame(
    hosts.items.map(({ built }: Parsed) => built),
    [false, true, false, false],
    'only what was asked for is built',
  );
  t.equal((await ask('GET', `/clusters/${VXLAN}/hosts/nod1`)).json.status, 404);
});

t.test('a command that sends nothing takes no time, whatever is about to happen', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const clock = async () => (await ask('GET', `/clusters/${VXLAN}/clock`)).json;
  const exec = async (...command: string[]) =>
    (await ask('POST', `/clusters/${VXLAN}/exec`, { target: 'node/node1', command })).json.exitCode;
  await ask('POST', TRACES, TO_WEB);
  const { nextEventNs } = await clock();
  await ask('POST', `/clusters/${VXLAN}/clock/jump`, { toNs: nextEventNs - 1000 });
  const before = await clock();
  t.equal(before.nextEventNs, nextEventNs);
  for (const command of ['nmap', 'ping', 'ip rout x', 'sh -c (', 'cat /nope', 'ping -c 1 -z', 'ip route', 'nc', 'curl'])
    t.equal(typeof (await exec(...command.split(' '))), 'number', command);
  const nowhere = { target: 'pod/default/nobody', command: ['ip'] };
  t.equal((await ask('POST', `/clusters/${VXLAN}/exec`, nowhere)).status, 404);
  t.strictSame(await clock(), before);
  t.equal(await exec('ping', '-c', '1', '172.18.0.3'), 0);
  t.ok((await clock()).nowNs >= nextEventNs, 'a command that sends lets time pass');
});

const TSHARK = spawnSync('tshark', ['-v']).status === 0 ? false : 'tshark is not installed';

t.test('a capture grows while it is read, and holds what its filter lets through', async (t) => {
  const { ask, server } = await running(t, { clusters: [cluster(VXLAN)] });
  const captures = `/clusters/${VXLAN}/captures`;
  const started = await ask('POST', captures, {
    interfaces: [{ target: 'node/node1', interface: 'eth0' }, { target: 'pod/default/web' }],
    filter: 'tcp && pod == default/web',
  });
  t.equal(started.status, 201);
  t.match(started.json, { running: true, frames: 0, interfaces: [{ target: 'node/node1', interface: 'eth0' }] });
  const at = `${captures}/${started.json.id}`;

  const reader = (await fetch(`${server.url}/api/v1${at}/pcapng?follow=true`)).body!.getReader();
  const first = await reader.read();
  t.ok(first.value!.length > 28, 'section and interfaces come at once');
  await ask('POST', `/clusters/${VXLAN}/traces`, { ...TO_WEB, to: 'pod/default/web', protocol: 'icmp' });
  t.equal((await ask('GET', at)).json.frames, 0, 'ping is no TCP');
  await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB);
  const chunks = [first.value!, (await reader.read()).value!];
  const stopped = await ask('POST', `${at}/stop`);
  t.match(stopped.json, { running: false, ended: 'stopped', missed: 0 });
  for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
  const followed = Buffer.concat(chunks);
  const whole = await ask('GET', `${at}/pcapng`);
  t.strictSame(new Uint8Array(followed), whole.bytes, 'who followed has the same file');
  t.equal(packetsOf(whole.bytes).length, stopped.json.frames);
  t.ok(stopped.json.frames > 0);
  await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB);
  t.equal((await ask('GET', at)).json.frames, stopped.json.frames, 'a capture that was stopped takes no more');
  t.equal((await ask('DELETE', at)).status, 204);
  t.equal((await ask('GET', `${at}/pcapng`)).status, 404);

  t.test('tshark reads it', { skip: TSHARK }, async (t) => {
    const file = join(t.testdir({ 'capture.pcapng': Buffer.from(whole.bytes) }), 'capture.pcapng');
    const { status, stdout } = spawnSync('tshark', ['-r', file, '-T', 'fields', '-e', 'tcp.dstport']);
    t.equal(status, 0);
    t.equal(stdout.toString().trim().split('\n').length, stopped.json.frames);
    t.match(stdout.toString(), /^(\d+,)*80$/m);
  });
});

t.test('captures have limits, and go on when objects change', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)], limits: { captures: 2, captureBytes: 700 } });
  const captures = `/clusters/${VXLAN}/captures`;
  const everything = { interfaces: [{ target: 'node/node2' }] };
  const small = (await ask('POST', captures, everything)).json;
  const counted = (
    await ask('POST', captures, {
      interfaces: [{ target: 'pod/default/web', interface: 'eth0' }],
      maxFrames: 2,
      snapLength: 14,
    })
  ).json;
  t.equal((await ask('POST', captures, everything)).status, 429);
  await ask('POST', `/clusters/${VXLAN}/objects`, DENY_WEB.replace('app: web', 'app: other'), YAML);
  await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB);
  const full = (await ask('GET', `${captures}/${small.id}`)).json;
  t.ok(full.missed > 0 && full.bytes < 3000, 'a full capture counts what it missed');
  t.match((await ask('GET', `${captures}/${counted.id}`)).json, {
    frames: 2,
    running: false,
    ended: 'maxFrames reached',
  });
  const [packet] = packetsOf((await ask('GET', `${captures}/${counted.id}/pcapng`)).bytes);
  t.match(packet, { originalLength: 42 }, 'an ARP message with its length on the wire');
  const cases: readonly (readonly [string, object, number, object])[] = [
    ['a filter', { filter: 'tcp.prt == 80' }, 400, { type: /bad-filter/, errors: [{ field: '/filter', column: 1 }] }],
    [
      'an interface',
      { interfaces: [{ target: 'node/node1', interface: 'eth7' }] },
      404,
      { errors: [{ field: '/interfaces/0/interface' }] },
    ],
    ['a target', { interfaces: [{ target: 'node1' }] }, 400, { errors: [{ field: '/interfaces/0/target' }] }],
  ];
  await ask('DELETE', `${captures}/${small.id}`);
  for (const [name, change, status, body] of cases)
    t.match((await ask('POST', captures, { ...everything, ...change })).json, { status, ...body }, name);
});

t.test('the clock is stepped, jumps, runs and is stopped', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const clock = `/clusters/${VXLAN}/clock`;
  t.match((await ask('GET', clock)).json, { nowNs: 0, running: false });
  await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB);
  const { nowNs } = (await ask('GET', clock)).json;
  const jumped = await ask('POST', `${clock}/jump`, { byNs: 1_000_000_000 });
  t.match(jumped.json, { nowNs: nowNs + 1_000_000_000, complete: true });
  t.equal((await ask('POST', `${clock}/jump`, { toNs: 5 })).status, 409);
  t.equal((await ask('POST', `${clock}/jump`, {})).status, 400);
  const { nextEventNs } = (await ask('GET', clock)).json;
  if (nextEventNs !== undefined) t.match((await ask('POST', `${clock}/step`, {})).json, { ran: 1, nowNs: nextEventNs });
  t.match((await ask('POST', `${clock}/step`, { events: 100_000 })).json, { running: false });
  t.match((await ask('POST', `${clock}/step`, {})).json, { ran: 0 }, 'nothing is left to happen');

  t.match((await ask('POST', `${clock}/run`, { pace: 100 })).json, { running: true, pace: 100 });
  const start = (await ask('GET', clock)).json.nowNs;
  for (let tries = 0; tries < 100 && (await ask('GET', clock)).json.nowNs <= start; tries += 1);
  const paused = (await ask('POST', `${clock}/pause`)).json;
  t.ok(paused.nowNs > start, 'time has run');
  t.equal((await ask('GET', clock)).json.nowNs, paused.nowNs, 'and stands');
  t.equal((await ask('POST', `${clock}/run`, { pace: 0 })).status, 400);
  await ask('POST', `/clusters/${VXLAN}/objects`, DENY_WEB, YAML);
  t.equal((await ask('GET', clock)).json.nowNs, paused.nowNs, 'a change of objects does not turn it back');
});

t.test('what is broken drops packets, and works again when it is mended', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const faults = `/clusters/${VXLAN}/faults`;
  const verdict = async (request: object = TO_WEB) => (await ask('POST', TRACES, request)).json.verdict;
  for (const fault of [
    { kind: 'link', host: 'node2', interface: 'eth0' },
    { kind: 'switch', name: 'rack' },
    { kind: 'node', name: 'node2' },
  ]) {
    t.equal(await verdict(), 'answered');
    const added = await ask('POST', faults, fault);
    t.match(added.json, { fault }, `${added.status}`);
    t.not(await verdict(), 'answered', JSON.stringify(fault));
    t.equal((await ask('POST', faults, fault)).status, 409, 'it is broken already');
    await ask('POST', `/clusters/${VXLAN}/objects?apply=true`, DENY_WEB.replace('app: web', 'app: other'), YAML);
    t.not(await verdict(), 'answered', 'a change of objects mends nothing');
    t.equal((await ask('DELETE', `${faults}/${added.json.id}`)).status, 204);
  }
  t.equal(await verdict(), 'answered');
  const off = await ask('POST', faults, { kind: 'node', name: 'node1' });
  t.equal((await ask('POST', TRACES, TO_WEB)).status, 409, 'nothing is sent from a machine that is off');
  t.equal(
    (await ask('POST', `/clusters/${VXLAN}/exec`, { target: 'node/node1', command: ['ip', 'link'] })).status,
    409,
  );
  t.equal((await ask('DELETE', `${faults}/${off.json.id}`)).status, 204);
  t.match((await ask('POST', faults, { kind: 'node', name: 'nod1' })).json, {
    status: 404,
    errors: [{ near: ['node1', 'node2'] }],
  });
  t.match((await ask('POST', faults, { kind: 'link', host: 'node1', interface: 'vxlan.calico' })).json, {
    status: 404,
  });
  t.equal((await ask('DELETE', `${faults}/${off.json.id}`)).status, 404);
});

t.test('a trace with as much data as is asked for', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('path-mtu')] });
  const to = { from: 'pod/shop/client', to: 'host/backup:873' };
  const { status, json } = await ask('POST', '/clusters/path-mtu/traces', { ...to, size: 9000 });
  t.match({ status, json }, { status: 201, json: { size: 9000, verdict: 'too-big' } });
  t.match(await ask('POST', '/clusters/path-mtu/traces', to), { status: 201, json: { verdict: 'answered' } });
  for (const size of [0, 65_508, 1.5, '9000'])
    t.match(await ask('POST', '/clusters/path-mtu/traces', { ...to, size }), {
      status: 400,
      json: { errors: [{ field: '/size' }] },
    });
  const run = await ask('POST', '/scenarios/path-mtu/run', { cluster: 'sized' });
  t.match(run.json, { failed: 0 }, 'what is expected may have a size too');
});

t.test('a trace of SCTP', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('sctp-services')] });
  const asked = { from: 'pod/core/client', to: 'svc/core/amf:38412', protocol: 'sctp' };
  const { json, status } = await ask('POST', '/clusters/sctp-services/traces', asked);
  t.equal(status, 201);
  t.match(json, { verdict: 'answered', protocol: 'sctp', to: { port: 38_412 } });
  const other = await ask('POST', '/clusters/sctp-services/traces', { ...asked, protocol: 'dccp' });
  t.equal(other.status, 400);
});
