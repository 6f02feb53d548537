/** Requests that cannot be understood, down to those that are no HTTP: each gets a problem document. */

import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { cluster, type Parsed, running } from './running.js';

/** Status and body of what a server answers to these octets. */
async function said(url: string, request: string): Promise<{ status: number; type: string; json: Parsed }> {
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(request);
  const answer = await text(socket);
  const [head = '', ...body] = answer.split('\r\n\r\n');
  const json = JSON.parse(body.join('\r\n\r\n'));
  return { status: Number(head.split(' ')[1]), type: /content-type: (\S+)/i.exec(head)?.[1] ?? '', json };
}

const rest = 'Host: 127.0.0.1\r\nConnection: close\r\n\r\n';
const REFUSED: readonly (readonly [name: string, request: string, status: number])[] = [
  ['a URL that cannot be decoded', `GET /assets/% HTTP/1.1\r\n${rest}`, 400],
  ['a URL without end', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${rest}`, 431],
  ['headers without end', `GET / HTTP/1.1\r\nX: ${'a'.repeat(20_000)}\r\n${rest}`, 431],
  ['no request line', 'hello\r\n\r\n', 400],
  ['a length that is no number', `POST /api/v1/clusters HTTP/1.1\r\nContent-Length: many\r\n${rest}`, 400],
  ['no host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
  ['two hosts', `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n${rest}`, 400],
  ['an expectation', `GET / HTTP/1.1\r\nExpect: tea\r\n${rest}`, 417],
];

t.test('what is no request of HTTP gets a problem document', async (t) => {
  const { server } = await running(t);
  for (const [name, request, status] of REFUSED) {
    const answer = await said(server.url, request);
    t.equal(answer.status, status, name);
    t.match(answer.type, 'application/problem+json', name);
    t.match(answer.json, { type: /^urn:podwire:problem:/, status, title: String, detail: String }, name);
  }
});

t.test('a body that is nested without end is refused', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`;
  const merge = { 'content-type': 'application/merge-patch+json' };
  const answer = await ask('PATCH', '/clusters/vx/objects/core/Pod/default/web', deep, merge);
  t.equal(answer.status, 400);
  t.match(answer.json.detail, /256 levels/);
});

t.test('requests whose fields all have defaults need no body', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  t.equal((await ask('POST', '/clusters/vx/clock/step')).status, 200);
  t.match((await ask('POST', '/clusters/vx/clock/run')).json, { running: true, pace: 1 });
  t.equal((await ask('POST', '/clusters/vx/clock/pause')).status, 200);
  t.match((await ask('POST', '/scenarios/same-node/run')).json, { cluster: 'same-node', failed: 0 });
});

t.test('runs of scenarios that replace the same cluster are done one after the other', async (t) => {
  const { ask } = await running(t);
  const run = async (name: string) => ask('POST', `/scenarios/${name}/run`, { cluster: 'x', replace: true });
  const runs = await Promise.all(['same-node', 'two-nodes-vxlan', 'same-node'].map(run));
  for (const { status, json } of runs) t.match({ status, json }, { status: 201, json: { cluster: 'x', failed: 0 } });
  t.ok(runs.every(({ json }) => json.passed > 0));
  t.equal((await ask('GET', '/clusters')).json.total, 1);
  t.match((await ask('POST', '/scenarios/same-node/run', { cluster: 'x' })).json, { status: 409 });
  t.equal((await run('same-node')).status, 201, 'one that was refused keeps nobody waiting');
});

t.test('a type of a body that is not there says nothing', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  for (const type of ['application/json', 'text/html']) {
    const headers = { 'content-type': type };
    for (const path of ['clock/step', 'clock/run', 'clock/pause'])
      t.equal((await ask('POST', `/clusters/vx/${path}`, undefined, headers)).status, 200, `${type} ${path}`);
    t.equal(
      (await ask('DELETE', '/clusters/vx/faults/none', undefined, headers)).status,
      404,
      'there is no such fault',
    );
    t.match((await ask('POST', '/clusters/vx/clock/jump', undefined, headers)).json, {
      status: 400,
      detail: 'a body is wanted: JSON',
    });
    const policy = '/clusters/vx/objects/networking.k8s.io/NetworkPolicy/default/none';
    t.match((await ask('PATCH', policy, undefined, headers)).json, { status: 400, detail: /^a body is wanted/ });
  }
  const chunked = `Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n${rest}0\r\n\r\n`;
  const { status } = await said(server.url, `POST /api/v1/clusters/vx/clock/step HTTP/1.1\r\n${chunked}`);
  t.equal(status, 200, 'nor does an empty one whose length was not known');
});

const PATCHES =
  'application/merge-patch+json, application/json-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml';

t.test('a body of a type that is not taken is told which are', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  const pod = '/clusters/vx/objects/core/Pod/default/web';
  const patch = JSON.stringify({ metadata: { labels: { a: 'b' } } });
  for (const type of ['application/apply-patch+cbor', 'application/json', 'application/xml']) {
    const refused = await ask('PATCH', pod, patch, { 'content-type': type });
    t.equal(refused.status, 415, type);
    t.match(refused.json, { errors: [{ field: 'content-type', got: type }] });
    t.equal(refused.headers.get('accept-patch'), PATCHES);
  }
  const exec = await ask('POST', '/clusters/vx/exec', 'x', { 'content-type': 'text/plain' });
  t.equal(exec.status, 415);
  t.equal(exec.headers.get('accept'), 'application/json');
  for (const type of ['application/merge-patch+json; charset=utf-8', 'Application/Merge-Patch+JSON'])
    t.equal((await ask('PATCH', pod, patch, { 'content-type': type })).status, 200, type);
});

t.test('what excludes one another is not given together', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  const jump = await ask('POST', '/clusters/vx/clock/jump', { toNs: 5, byNs: 5 });
  t.match(jump.json, { status: 400, errors: [{ field: '/byNs' }] });
  const flow = { from: 'pod/default/client', to: 'pod/default/web:80', port: 81 };
  const whatIf = await ask('POST', '/clusters/vx/what-if', { changes: [], flows: [flow] });
  t.match(whatIf.json, { status: 400, errors: [{ field: '/flows/0/port' }] });
});
