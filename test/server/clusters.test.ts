import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { decodeCbor, encodeCbor } from '../../src/server/session/cbor.js';
import { cluster, DENY_WEB, running, sourcesOf, YAML, UNBOUNDED } from './running.js';

const VXLAN = 'two-nodes-vxlan';
const TO_WEB = { from: 'pod/default/client', to: 'pod/default/web:80' };

t.test('clusters are loaded from texts, listed in pages, read by id and name, and deleted', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const created = await ask('POST', '/clusters', { name: 'second', sources: sourcesOf('same-node') });
  t.equal(created.status, 201);
  t.equal(created.headers.get('location'), `/api/v1/clusters/${created.json.id}`);
  t.match(created.json, { name: 'second', state: 'ready', generation: 1 });
  const yaml = await ask(
    'POST',
    '/clusters?name=third',
    sourcesOf('same-node')
      .map(({ text }) => text)
      .join('\n---\n'),
    YAML,
  );
  t.equal(yaml.status, 201, 'one YAML text');

  const names: string[] = [];
  let token: string | undefined;
  do {
    const page = await ask('GET', `/clusters?limit=1${token === undefined ? '' : `&continue=${token}`}`);
    t.equal(page.json.items.length, 1);
    t.equal(page.json.total, 3);
    names.push(page.json.items[0].name);
    token = page.json.continue;
  } while (token !== undefined);
  t.strictSame(names, ['second', 'third', VXLAN]);

  t.equal((await ask('GET', `/clusters/${created.json.id}`)).json.name, 'second');
  t.equal((await ask('DELETE', '/clusters/second')).status, 204);
  t.equal((await ask('GET', '/clusters/second')).status, 404);
  const again = await ask('POST', '/clusters', { name: 'second', sources: sourcesOf('same-node') });
  t.not(again.json.id, created.json.id, 'a name may come again, an id does not');
});

t.test('what cannot be loaded is refused with file, line and field, and leaves nothing behind', async (t) => {
  const { ask } = await running(t);
  const text = 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  hostNetwork: perhaps\n  containers: 7\n';
  const refused = await ask('POST', '/clusters', { name: 'broken', sources: [{ file: 'pods.yaml', text }] });
  t.equal(refused.status, 400);
  t.equal(refused.headers.get('content-type'), 'application/problem+json');
  t.match(refused.json, { type: 'urn:podwire:problem:bad-object', status: 400, instance: '/api/v1/clusters' });
  t.match(refused.json.errors, [
    { file: 'pods.yaml', line: 6, object: 'Pod default/web', field: 'spec.hostNetwork' },
    { file: 'pods.yaml', line: 7, object: 'Pod default/web', field: 'spec.containers' },
  ]);
  t.equal((await ask('GET', '/clusters')).json.total, 0);
});

t.test('requests that are wrong in themselves say where', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const cases: readonly (readonly [string, Parameters<typeof ask>, number, object])[] = [
    [
      'broken JSON',
      [
        'POST',
        `/clusters/${VXLAN}/exec`,
        '{"target": "node/node1",\n "command": ["ip",]}',
        { 'content-type': 'application/json' },
      ],
      400,
      { errors: [{ line: 2 }] },
    ],
    [
      'a field too many',
      ['POST', `/clusters/${VXLAN}/traces`, { ...TO_WEB, ttl: 3 }],
      400,
      { errors: [{ field: '/ttl', message: /is no field that is known/ }] },
    ],
    [
      'a field that is written otherwise',
      ['POST', `/clusters/${VXLAN}/traces`, { ...TO_WEB, protcol: 'udp' }],
      400,
      {
        detail: 'body: /protcol is no field that is known; did you mean protocol?',
        errors: [{ field: '/protcol', near: ['protocol'] }],
      },
    ],
    ['a field missing', ['POST', `/clusters/${VXLAN}/traces`, { from: 'pod/a' }], 400, { errors: [{ field: '/to' }] }],
    [
      'a wrong type',
      ['POST', `/clusters/${VXLAN}/traces`, { ...TO_WEB, from: 5 }],
      400,
      { errors: [{ field: '/from' }] },
    ],
    ['a page too long', ['GET', `/clusters/${VXLAN}/objects?limit=5000`], 400, { errors: [{ field: '/limit' }] }],
    [
      'a token of nobody',
      ['GET', `/clusters/${VXLAN}/objects?continue=%21`],
      400,
      { errors: [{ field: '/continue' }] },
    ],
    ...['/traces', '/exec', '/what-if', '/clock/jump', '/faults', '/captures'].flatMap((path) =>
      ['text/plain', 'application/cbor'].map((type): (typeof cases)[number] => [
        `${type} for ${path}`,
        ['POST', `/clusters/${VXLAN}${path}`, 'x', { 'content-type': type }],
        415,
        { detail: new RegExp(`${path} takes application/json, not ${type}$`), errors: [{ got: type }] },
      ]),
    ),
    ['another media type', ['POST', '/clusters', '<x/>', { 'content-type': 'application/xml' }], 415, {}],
    ['no such route', ['GET', '/nothing'], 404, { instance: '/api/v1/nothing' }],
    ['no such cluster', ['GET', '/clusters/two-nodes-vxlam'], 404, { errors: [{ near: [VXLAN] }] }],
    ['a name twice', ['POST', '/clusters', { name: VXLAN, sources: sourcesOf(VXLAN) }], 409, {}],
    [
      'no name',
      ['POST', '/clusters', { name: '../etc', sources: sourcesOf(VXLAN) }],
      400,
      { errors: [{ field: '/name' }] },
    ],
    ['prototypes', ['POST', '/clusters', '{"__proto__": {"x": 1}}', { 'content-type': 'application/json' }], 400, {}],
  ];
  for (const [name, request, status, body] of cases) {
    const answer = await ask(...request);
    t.equal(answer.status, status, name);
    t.equal(answer.headers.get('content-type'), 'application/problem+json', name);
    t.match(answer.json, { status, ...body }, name);
  }
});

t.test('a snapshot gives the cluster back: objects, addresses, faults, time', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  await ask('POST', `/clusters/${VXLAN}/objects`, DENY_WEB, YAML);
  await ask('POST', `/clusters/${VXLAN}/faults`, { kind: 'link', host: 'internet', interface: 'eth0' });
  await ask('POST', `/clusters/${VXLAN}/clock/jump`, { toNs: 5_000_000_000 });
  const pods = (await ask('GET', `/clusters/${VXLAN}/pods`)).json;
  const snapshot = await ask('GET', `/clusters/${VXLAN}/snapshot`);
  t.equal(snapshot.headers.get('content-type'), 'application/cbor');
  const cbor = { 'content-type': 'application/cbor' };
  const restored = await ask('POST', '/clusters?name=again', snapshot.bytes, cbor);
  t.match(restored.json, { name: 'again', nowNs: 5_000_000_000 });
  t.strictSame((await ask('GET', '/clusters/again/pods')).json, pods);
  t.equal((await ask('GET', '/clusters/again/faults')).json.items.length, 1);
  t.equal((await ask('POST', '/clusters/again/traces', TO_WEB)).json.verdict, 'dropped', 'the policy holds');
  t.equal(
    (await ask('POST', '/clusters/again/traces', { from: 'node/node1', to: 'host/internet:443' })).json.verdict,
    'unreachable',
  );

  const taken = await ask('POST', '/clusters', snapshot.bytes, cbor);
  t.match(taken.json, {
    type: 'urn:podwire:problem:conflict',
    status: 409,
    detail: `there is a cluster "${VXLAN}" already, which is the snapshot's own name: give another with ?name=`,
    errors: [{ field: '/name' }],
  });
  t.equal((await ask('GET', '/clusters')).json.total, 2, 'nothing is left of it');
  await ask('DELETE', `/clusters/${VXLAN}`);
  const own = await ask('POST', '/clusters', snapshot.bytes, cbor);
  t.match(own, { status: 201, json: { name: VXLAN } }, 'it takes its own name where that is free');
  t.match((await ask('GET', own.headers.get('location')?.replace('/api/v1', '') ?? '')).json, { name: VXLAN });
  const { bytes } = await ask('GET', '/clusters/again/snapshot');
  await ask('DELETE', '/clusters/again');
  t.match(
    (await ask('POST', '/clusters', bytes, cbor)).json,
    { name: 'again' },
    'what it was called when it was taken',
  );

  const same = await ask('POST', '/clusters?name=same&seed=1', snapshot.bytes, cbor);
  t.match(same.json, { name: 'same', seed: 1 }, 'its own seed may be said');
  await ask('DELETE', '/clusters/same');
  t.match((await ask('POST', '/clusters?name=other&seed=7', snapshot.bytes, cbor)).json, {
    status: 400,
    detail: 'seed is 7 in the query and 1 in the snapshot',
    errors: [{ field: '/seed' }],
  });

  const whole = decodeCbor(snapshot.bytes) as Record<string, unknown>;
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['no CBOR', Uint8Array.of(0xff, 0x00, 0x13), /no snapshot/],
    ['a number', Uint8Array.of(0x05), /no snapshot of podwire: the document is no map$/],
    ['cut off', snapshot.bytes.slice(0, snapshot.bytes.length / 2), /no snapshot/],
    ['another document', encodeCbor({ format: 'podwire-trace' }), /format is "podwire-trace"$/],
    ['a later version', encodeCbor({ ...whole, version: 99 }), /version is 99, this podwire reads 3$/],
    [
      'a wrong part',
      encodeCbor({ ...whole, recorded: { pods: [{ namespace: 5 }] } }),
      /recorded\.pods\[0\]\.namespace is no text/,
    ],
    ['before the start', encodeCbor({ ...whole, nowNs: -1 }), /before the start/],
  ];
  t.match((await ask('POST', '/clusters', encodeCbor({ ...whole, name: '../etc' }), cbor)).json, {
    status: 400,
    errors: [{ field: '/name' }],
  });
  for (const [name, bytes, words] of cases) {
    const refused = await ask('POST', '/clusters?name=bad', bytes, cbor);
    t.equal(refused.status, 400, name);
    t.match(refused.json.detail, words, name);
  }
  t.equal((await ask('GET', '/clusters')).json.total, 2);
});

t.test('a name and a seed are said once, or twice alike', async (t) => {
  const { ask } = await running(t);
  const sources = sourcesOf('same-node');
  for (const [query, body, field] of [
    ['name=a', { name: 'b' }, '/name'],
    ['name=a&seed=0', { name: 'a', seed: 3 }, '/seed'],
  ] as const) {
    const refused = await ask('POST', `/clusters?${query}`, { ...body, sources });
    t.match(refused.json, { status: 400, errors: [{ field }] }, query);
  }
  t.equal((await ask('GET', '/clusters')).json.total, 0);
  const alike = await ask('POST', '/clusters?name=a&seed=3', { name: 'a', seed: 3, sources });
  t.match(alike.json, { name: 'a', seed: 3 });
  t.match((await ask('POST', '/clusters?name=b', { seed: 4, sources })).json, { name: 'b', seed: 4 });
});

t.test('limits hold: clusters, size of requests, memory of a cluster, time of a request', async (t) => {
  const { ask } = await running(t, {
    clusters: [cluster(VXLAN)],
    limits: { ...UNBOUNDED, clusters: 2, bodyBytes: 100_000, memoryMiB: 96, requestMs: 6000 },
  });
  t.equal(
    (await ask('POST', '/clusters', { name: 'large', sources: [{ file: 'a', text: ' '.repeat(100_001) }] })).status,
    413,
  );

  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...Array.from({ length: 12 }, (_, i) => {
      const [own, last] = ['bcdefghijklm'[i], 'abcdefghijkl'[i]];
      return `${own}: &${own} [${Array.from({ length: 9 }, () => `*${last}`).join(',')}]`;
    }),
  ].join('\n');
  const bombed = await ask('POST', '/clusters', { name: 'bomb', sources: [{ file: 'bomb.yaml', text: bomb }] });
  t.ok(bombed.status === 400 || bombed.status === 429, `a YAML bomb is refused (${bombed.status})`);
  t.equal((await ask('GET', `/clusters/${VXLAN}`)).json.state, 'ready', 'and others are served');

  // Virtual seconds without end, each with its timers.
  const [slow, other] = await Promise.all([
    ask('POST', `/clusters/${VXLAN}/exec`, {
      target: 'pod/default/client',
      command: ['ping', '-q', '-c', '100000000', '-i', '0.2', '127.0.0.1'],
    }),
    delay(200).then(() => ask('POST', '/clusters', { name: 'second', sources: sourcesOf('same-node') })),
  ]);
  t.equal(slow.status, 504);
  t.match(slow.json, { type: 'urn:podwire:problem:timeout', detail: /longer than 6 s; the cluster is built anew/ });
  t.equal(other.status, 201, 'another cluster is not kept waiting');
  t.equal((await ask('POST', '/clusters', { name: 'third', sources: sourcesOf('same-node') })).status, 429);
  const again = await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB);
  t.equal(again.json.verdict, 'answered', `the cluster is there again: ${again.text}`);
  t.match((await ask('GET', `/clusters/${VXLAN}`)).json.restarted, /longer than/);
});

t.test('a command that takes too long ends alone: what went before stays', async (t) => {
  const endless = { target: 'pod/default/client', command: ['ping', '-c', '100000000', '127.0.0.1'] };
  for (const [limits, words] of [
    [{ execMs: 3000 }, /more than 3 s/],
    [{ execEvents: 1000 }, /more than 1000 events/],
  ] as const) {
    const { ask } = await running(t, { clusters: [cluster(VXLAN)], limits });
    const fault = await ask('POST', `/clusters/${VXLAN}/faults`, { kind: 'switch', name: 'outside' });
    const { id } = (await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB)).json;
    const answer = await ask('POST', `/clusters/${VXLAN}/exec`, endless);
    t.equal(answer.status, 504);
    t.match(answer.json, { type: 'urn:podwire:problem:timeout', detail: words });
    t.equal((await ask('GET', `/clusters/${VXLAN}/traces/${id}`)).status, 200);
    t.match((await ask('GET', `/clusters/${VXLAN}/faults`)).json.items, [{ id: fault.json.id }]);
    t.notOk((await ask('GET', `/clusters/${VXLAN}`)).json.restarted);
    const three = { ...endless, command: ['ping', '-c', '3', '127.0.0.1'] };
    t.match((await ask('POST', `/clusters/${VXLAN}/exec`, three)).json, { exitCode: 0, stdout: /3 received/ });
    t.equal((await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB)).json.verdict, 'answered');
  }
});

t.test('a cluster that had to start anew has the changes that were made to it', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)], limits: { requestMs: 4000, ...UNBOUNDED } });
  await ask('POST', `/clusters/${VXLAN}/objects`, DENY_WEB, YAML);
  const dry = `/clusters/${VXLAN}/objects/networking.k8s.io/NetworkPolicy/default/deny-web?dryRun=All`;
  t.equal((await ask('DELETE', dry)).status, 200);
  await ask('POST', `/clusters/${VXLAN}/faults`, { kind: 'switch', name: 'outside' });
  await ask('POST', `/clusters/${VXLAN}/clock/jump`, { toNs: 60e9 });
  const endless = { target: 'pod/default/client', command: ['ping', '-c', '100000000', '127.0.0.1'] };
  t.equal((await ask('POST', `/clusters/${VXLAN}/exec`, endless)).status, 504);
  t.match((await ask('GET', `/clusters/${VXLAN}/faults`)).json.items, [{ fault: { kind: 'switch', name: 'outside' } }]);
  t.ok((await ask('GET', `/clusters/${VXLAN}/clock`)).json.nowNs >= 60e9, 'its time goes on');
  const outside = { from: 'pod/default/client', to: 'host/internet:443' };
  t.not((await ask('POST', `/clusters/${VXLAN}/traces`, outside)).json.verdict, 'answered');
  t.equal((await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB)).json.verdict, 'dropped', 'but not a dry run');
  t.equal(
    (await ask('DELETE', `/clusters/${VXLAN}/objects/networking.k8s.io/NetworkPolicy/default/deny-web`)).status,
    200,
  );
  t.equal((await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB)).json.verdict, 'answered');
});

t.test('findings are listed', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('services-iptables')] });
  const { json } = await ask('GET', '/clusters/services-iptables/findings');
  t.ok(json.total > 0);
  t.match(json.items[0], {
    code: String,
    severity: /warning|notice/,
    message: String,
    file: /topologies/,
    line: Number,
  });
  const warnings = await ask('GET', '/clusters/services-iptables/findings?severity=warning');
  t.ok(warnings.json.items.every(({ severity }: { severity: string }) => severity === 'warning'));
});

t.test('a path that has other methods says which', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const cases: readonly (readonly [method: string, path: string, allow: string])[] = [
    ['PUT', `/clusters/${VXLAN}/traces`, 'GET, HEAD, POST'],
    ['PATCH', '/clusters', 'GET, HEAD, POST'],
    ['POST', `/clusters/${VXLAN}`, 'DELETE, GET, HEAD'],
    ['POST', `/clusters/${VXLAN}/objects/core/Pod/default/web`, 'DELETE, GET, HEAD, PATCH, PUT'],
    ['DELETE', '//livez', 'GET, HEAD'],
  ];
  for (const [method, path, allow] of cases) {
    const refused = await ask(method, path);
    t.equal(refused.status, 405, `${method} ${path}`);
    t.equal(refused.headers.get('allow'), allow);
    t.match(refused.json, { type: 'urn:podwire:problem:method-not-allowed', detail: `it has ${allow}` });
  }
  t.equal((await ask('PUT', '/clusters/a/b/c')).status, 404);
});

t.test('what is due later than time ends is never due', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('probes')] });
  const { json } = await ask('POST', '/clusters/probes/clock/jump', { toNs: Number.MAX_SAFE_INTEGER - 1000 });
  t.equal(json.complete, true, 'time has come so far');
  const stepped = (await ask('POST', '/clusters/probes/clock/step', { events: 1000 })).json;
  t.equal(stepped.nextEventNs, undefined);
  t.ok(stepped.nowNs <= Number.MAX_SAFE_INTEGER, `${stepped.nowNs}`);
});
