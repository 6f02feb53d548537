/**
 * What a client may do to hurt: the server answers or closes, its memory stays bounded, everybody else is served. Beside
 * these: slow requests, Origins, paths (access), no HTTP, depth (refusals), size, YAML bombs, time (clusters), a thousand
 * websockets, readers that do not read, nonsense (stream).
 */

import { once } from 'node:events';
import { connect as connectTo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { WebSocket } from 'ws';
import { decodeCbor, encodeCbor } from '../../src/server/session/cbor.js';
import { requireWellFormed } from '../../src/server/session/well-formed-cbor.js';
import { cluster, comesTo, type Parsed, running, YAML } from './running.js';
import { connect, isKind, refused, subscribe } from './stream-client.js';

const VXLAN = 'two-nodes-vxlan';
const AT = `/clusters/${VXLAN}`;
const WEB = `${AT}/objects/core/Pod/default/web`;
const JSON_PATCH = { 'content-type': 'application/json-patch+json' };
const MERGE = { 'content-type': 'application/merge-patch+json' };
const CBOR = { 'content-type': 'application/cbor' };

const octets = (...parts: readonly (number | readonly number[])[]): Uint8Array => Uint8Array.from(parts.flat());
/** An array of thirty million, that is not there. */
const LONG = [0x9a, 0x01, 0xc9, 0xc3, 0x80];

const HOSTILE: readonly (readonly [name: string, bytes: Uint8Array, words: RegExp])[] = [
  ['nothing', octets(), /^a body is wanted/],
  ['an array that is not there', octets(LONG), /30000000 items are announced, 0 octets are left/],
  ['arrays in arrays that are not there', octets(...Array.from({ length: 40 }, () => LONG)), /items are announced/],
  ['a map without its values', octets([0xba, 0xff, 0xff, 0xff, 0xff]), /8589934590 items are announced/],
  ['a text without end', octets([0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), /octets are announced/],
  ['bytes that are not there', octets([0x5a, 0x7f, 0xff, 0xff, 0xff]), /2147483647 octets are announced/],
  ['depth', octets(Array.from({ length: 60_000 }, () => 0x81)), /nested more than 64 levels/],
  ['depth without lengths', octets(Array.from({ length: 60_000 }, () => 0x9f)), /nested more than 64 levels/],
  ['tags on tags', octets(Array.from({ length: 60_000 }, () => 0xc2)), /nested more than 64 levels/],
  ['a value that is in itself', octets([0xd8, 0x1c, 0x81, 0xd8, 0x1d, 0x00]), /tag 28 is not understood/],
  ['a record of another library', octets([0xd9, 0xdf, 0xff, 0x80]), /tag 57343 is not understood/],
  ['a typed array', octets([0xd8, 0x56, 0x48, 0, 0, 0, 0, 0, 0, 0, 0]), /tag 86 is not understood/],
  ['a length that is reserved', octets([0x9c, 0x00]), /reserved/],
  ['a break alone', octets([0xff]), /a break that ends nothing/],
  ['a string of something else', octets([0x7f, 0x41, 0x00, 0xff]), /no part of a string/],
  ['two items', octets([0x01, 0x02]), /1 octets follow the item/],
];

t.test('CBOR that promises what it has not, or goes deep, is refused before it is decoded', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(VXLAN)], limits: { idleSocketMs: 600_000 } });
  const client = await connect(t, server.url);
  for (const [i, [name, bytes, words]] of HOSTILE.entries()) {
    const answer = await ask('POST', '/clusters?name=bad', bytes, CBOR);
    t.equal(answer.status, 400, name);
    t.match(answer.json.detail, words, name);
    // After sixteen mistakes a websocket is closed.
    if (i >= 15) continue;
    const before = client.got.length;
    client.socket.send(bytes);
    const told = await client.next((message) => client.got.indexOf(message) >= before);
    t.match(told, { type: 'error', problem: { status: 400, detail: /no CBOR/ } }, `${name}, to a websocket`);
  }
  t.equal((await ask('GET', AT)).json.state, 'ready');
  t.equal((await ask('GET', '/clusters')).json.total, 1);
});

t.test('any bytes are decoded or refused, and what is encoded is well formed', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        decodeCbor(bytes);
      } catch (error) {
        return error instanceof Error && !(error instanceof RangeError);
      }
      return true;
    }),
    { numRuns: 5000 },
  );
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      requireWellFormed(encodeCbor(value));
      requireWellFormed(encodeCbor({ value, big: 2n ** 70n, none: undefined, bytes: new Uint8Array(300) }));
      return true;
    }),
    { numRuns: 500 },
  );
  t.end();
});

/** As it goes over the wire. */
async function said(url: string, parts: readonly (string | Uint8Array)[]): Promise<{ status: number; json: Parsed }> {
  const { hostname, port } = new URL(url);
  const socket = connectTo(Number(port), hostname);
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  for (const part of parts) if (!socket.destroyed) socket.write(part);
  await Promise.race([once(socket, 'close'), delay(60_000)]);
  socket.destroy();
  const [head = '', ...body] = answer.split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), json: JSON.parse(body.join('\r\n\r\n') || 'null') };
}

t.test('bodies without a length, packed, or wide are bounded', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(VXLAN)], limits: { bodyBytes: 1 << 20 } });
  const head =
    'POST /api/v1/clusters HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n';
  const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
  const endless = await said(server.url, [
    `${head}Transfer-Encoding: chunked\r\n\r\n`,
    ...Array.from({ length: 40 }, () => chunk),
  ]);
  t.match(endless, { status: 413, json: { type: 'urn:podwire:problem:too-large' } }, 'chunks without end');

  const packed = gzipSync(Buffer.alloc(1 << 24));
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
  t.equal((await ask('POST', '/clusters', new Uint8Array(packed), headers)).status, 400, 'nothing is unpacked');

  const wide = `[${'0,'.repeat(400_000)}0]`;
  t.equal((await ask('PATCH', WEB, wide, JSON_PATCH)).status, 413, 'more operations than there may be');
  const deep = `{"target":"node/node1","command":${'['.repeat(300_000)}${']'.repeat(300_000)}}`;
  t.equal((await ask('POST', `${AT}/exec`, deep, { 'content-type': 'application/json' })).status, 400);
  t.equal((await ask('GET', AT)).json.state, 'ready');
});

t.test('a patch that grows by copying itself ends, and one that reaches for prototypes', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const before = (await ask('GET', WEB)).json;
  const doubling = Array.from({ length: 60 }, (_, i) => ({ op: 'copy', from: '/metadata', path: `/metadata/x${i}` }));
  const grown = await ask('PATCH', WEB, JSON.stringify(doubling), JSON_PATCH);
  t.match(grown.json, { status: 413, detail: /copies more than/ });
  for (const path of ['/__proto__/polluted', '/constructor/prototype/polluted', '/metadata/__proto__/polluted']) {
    const patch = [
      { op: 'test', path: '/kind', value: 'Pod' },
      { op: 'add', path, value: 1 },
    ];
    const answer = await ask('PATCH', WEB, JSON.stringify(patch), JSON_PATCH);
    t.match(answer.json, { status: 422, detail: /prototype/, errors: [{ field: '/1/path' }] }, path);
  }
  t.equal((await ask('PATCH', WEB, '[null, 7]', JSON_PATCH)).status, 400);
  t.equal(({} as Record<string, unknown>)['polluted'], undefined);
  t.strictSame((await ask('GET', WEB)).json, before);
  t.notOk((await ask('GET', AT)).json.restarted, 'and its thread goes on');
});

t.test('fields that are names of prototypes are refused by their places, and change nothing', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const before = [(await ask('GET', AT)).json, (await ask('GET', WEB)).json];
  const JSON_TYPE = { 'content-type': 'application/json' };
  const cases: readonly (readonly [method: string, path: string, body: string, type: object, field: string])[] = [
    ['POST', `${AT}/traces`, '{"from":"a","to":"b","__proto__":{"polluted":1}}', JSON_TYPE, '/__proto__'],
    ['POST', '/clusters', '{"sources":[{"file":"a","__proto__":1}]}', JSON_TYPE, '/sources/0/__proto__'],
    ['POST', `${AT}/faults`, '{"constructor":{"prototype":{"polluted":1}}}', JSON_TYPE, '/constructor'],
    ['PATCH', WEB, '{"metadata":{"a/b":{"__proto__":{"polluted":1}}}}', MERGE, '/metadata/a~1b/__proto__'],
    ['PATCH', WEB, '[{"op":"add","path":"/metadata/x","value":{"__proto__":1}}]', JSON_PATCH, '/0/value/__proto__'],
  ];
  for (const [method, path, body, type, field] of cases) {
    const answer = await ask(method, path, body, type as Record<string, string>);
    t.equal(answer.status, 400, body);
    t.equal(answer.headers.get('content-type'), 'application/problem+json', body);
    t.match(answer.json, { type: 'urn:podwire:problem:bad-request', detail: field, errors: [{ field }] }, body);
  }
  t.equal(({} as Record<string, unknown>)['polluted'], undefined);
  t.strictSame([(await ask('GET', AT)).json, (await ask('GET', WEB)).json], before);
  const label = await ask('PATCH', WEB, '{"metadata":{"labels":{"constructor":"a"}}}', MERGE);
  t.equal(label.status, 200, 'a label may be called constructor');
});

const laughs = [
  'a0: &a0 [x, x, x, x, x, x, x, x, x]',
  ...Array.from(
    { length: 12 },
    (_, i) => `a${i + 1}: &a${i + 1} [${Array.from({ length: 9 }, () => `*a${i}`).join(', ')}]`,
  ),
].join('\n');
const pod = (metadata: string): string => `apiVersion: v1\nkind: Pod\nmetadata: ${metadata}\n`;

const BAD_YAML: readonly (readonly [name: string, text: string])[] = [
  ['a billion laughs', laughs],
  ['laughs within an object', `${pod('{name: a}')}${laughs}\n`],
  ['a list that is in itself', 'a: &a [*a]\n'],
  ['a map that is in itself', 'a: &a {b: *a}\n'],
  ['an object that is in itself', pod('&m {name: x, labels: *m}')],
  ['a merge of itself', 'a: &a\n  <<: *a\n  b: 1\n'],
  ['brackets without end', `a: ${'['.repeat(100_000)}\n`],
  ['braces without end', `a: ${'{a: '.repeat(50_000)}\n`],
  ['lines ever deeper', Array.from({ length: 2000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
  ['dashes without end', `${'- '.repeat(50_000)}a\n`],
  ['an alias of nothing', 'a: *nobody\n'],
  ['aliases without end', `x: &x 1\nl:\n${'- *x\n'.repeat(20_000)}kind: *nobody\n`],
  ['anchors without end', `${Array.from({ length: 20_000 }, (_, i) => `a${i}: &a${i} b`).join('\n')}\nkind: *nobody\n`],
  ['a tag that makes things', 'a: !!js/function "function () { return 1 }"\n'],
  ['control characters', 'a: "\u0000\u0007"\n\u0000'],
];

t.test('YAML that multiplies, refers to itself or goes deep is refused, as objects and as a cluster', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const { generation } = (await ask('GET', AT)).json;
  for (const [name, text] of BAD_YAML) {
    const started = process.cpuUsage();
    for (const [path, headers] of [
      [`${AT}/objects`, YAML],
      ['/clusters?name=bad', YAML],
    ] as const) {
      const answer = await ask('POST', path, text, headers);
      t.equal(answer.status, 400, `${name}: ${answer.text.slice(0, 200)}`);
      t.match(answer.headers.get('content-type'), 'application/problem+json', name);
    }
    // Of all threads; on a busy machine it takes longer.
    const { user, system } = process.cpuUsage(started);
    t.ok(user + system < 20e6, `${name} within ${Math.round((user + system) / 1000)} ms`);
  }
  const { generation: after, restarted } = (await ask('GET', AT)).json;
  t.equal(after, generation);
  t.notOk(restarted, 'the thread of the cluster has not ended over it');
  t.equal((await ask('GET', '/clusters')).json.total, 1);
});

t.test('who asks without reading holds nobody up, and is answered no further', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const { hostname, port } = new URL(server.url);
  const one = `GET /api/v1${AT}/hosts/node1/text HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
  const size = (await ask('GET', `${AT}/hosts/node1/text`)).bytes.length;
  // Far more than the buffers of the system between both take.
  const count = Math.ceil((64 << 20) / size);
  const deaf = connectTo(Number(port), hostname);
  deaf.on('error', () => undefined);
  deaf.pause();
  deaf.write(one.repeat(count));
  const answered = async (): Promise<number> => {
    const { text } = await ask('GET', '//metrics');
    return Number(/seconds_count\{[^}]*hosts\/:name\/text[^}]*\} (\d+)/.exec(text)?.[1]);
  };
  t.ok(await comesTo(async () => (await answered()) > 1), 'it is answered at first');
  for (let before = -1, now = await answered(); now !== before; now = await answered()) {
    before = now;
    await delay(1000);
    t.equal((await ask('GET', '/clusters')).status, 200);
  }
  const sent = await answered();
  t.ok(sent < count / 2, `${sent} of ${count} answers were made`);
  deaf.destroy();
});

t.test('a websocket that asks and does not read is let go', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(VXLAN)], limits: { socketBytes: 1 << 16 } });
  const client = await connect(t, server.url);
  client.say(subscribe(['frames']));
  await client.next(isKind('subscribed'));
  await ask('POST', `${AT}/traces`, { from: 'pod/default/client', to: 'pod/default/web:80' });
  await client.next(isKind('batch'));
  const [{ seq }] = client.messages;
  const reader = await connect(t, server.url);
  client.socket.pause();
  for (let i = 0; i < 40_000; i += 1) client.say({ op: 'dissect', seq });
  reader.say(subscribe(['traces']));
  t.ok(await reader.next(isKind('subscribed')), 'others are answered');
  // What does not read notices when it writes.
  const isClosed = (): boolean => {
    if (client.socket.readyState === WebSocket.OPEN) client.say({ op: 'dissect', seq });
    return client.socket.readyState === WebSocket.CLOSED;
  };
  t.ok(await comesTo(isClosed), 'and it is closed');
});

t.test('a websocket at a path that cannot be decoded is refused', async (t) => {
  const { server } = await running(t);
  for (const [path, status] of [
    ['/api/v1/clusters/%E0%A4%A/stream', 400],
    ['/api/v1/clusters/%2e%2e%2f/stream', 404],
    ['/api/v1/clusters/__proto__/stream', 404],
    ['/api/v1/clusters/x/stream/../../../livez', 404],
  ] as const)
    t.match(await refused(server.url, path), { status, body: { type: /^urn:podwire:problem:/ } }, path);
});
