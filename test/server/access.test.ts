import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { serve, ServeError } from '../../src/server/index.js';
import { asker, cluster, comesTo, running, UNBOUNDED, WORKER } from './running.js';

const VXLAN = 'two-nodes-vxlan';

/** With headers that fetch() would not let through. */
const raw = (url: string, path: string, headers: Record<string, string>, method = 'GET') =>
  new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
    const sent = request(new URL(path, url), { method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    sent.on('error', reject);
    sent.end();
  });

t.test('a token is asked for where one is set, and other addresses are not taken without one', async (t) => {
  const { server, ask } = await running(t, { token: 'a.long-token', clusters: [cluster('same-node')] });
  const refused = await ask('GET', '/clusters');
  t.equal(refused.status, 401);
  t.match(refused.headers.get('www-authenticate'), /^Bearer/);
  t.equal((await ask('GET', '/clusters', undefined, { authorization: 'Bearer a.long-tokem' })).status, 401);
  t.equal((await ask('GET', '//metrics')).status, 401);
  t.equal((await asker(server, { authorization: 'Bearer a.long-token' })('GET', '/clusters')).status, 200);
  t.equal((await ask('GET', '//livez')).status, 200);
  await t.rejects(serve({ host: '0.0.0.0', port: 0, logLevel: 'silent', workerUrl: WORKER }), ServeError);
  await t.rejects(serve({ host: '::', port: 0, logLevel: 'silent', workerUrl: WORKER }), /^:: is reached by others/);
  await t.rejects(
    serve({ host: '', port: 0, logLevel: 'silent', workerUrl: WORKER }),
    /^an empty host is every address of this machine, and is reached by others/,
  );
  const open = await serve({ host: '0.0.0.0', port: 0, token: 'x', logLevel: 'silent', workerUrl: WORKER });
  await open.close();
});

t.test('pages of others cannot use the server through a browser', async (t) => {
  const { server } = await running(t, { origins: ['https://tools.example'] });
  const { host } = new URL(server.url);
  const cases: readonly (readonly [string, Record<string, string>, number])[] = [
    ['no browser', {}, 200],
    ['its own page', { origin: server.url }, 200],
    ['a page that is allowed', { origin: 'https://tools.example' }, 200],
    ['another page', { origin: 'https://evil.example' }, 403],
    ['another port of this machine', { origin: 'http://127.0.0.1:1' }, 403],
    ['a page without an origin', { origin: 'null' }, 403],
    ['a name that was made to lead here', { host: `evil.example:${new URL(server.url).port}` }, 403],
    ['localhost', { host: `localhost:${new URL(server.url).port}` }, 200],
    ['its address', { host }, 200],
  ];
  for (const [name, headers, status] of cases)
    t.equal((await raw(server.url, '/api/v1/clusters', headers)).status, status, name);
});

t.test('paths are taken as they are', async (t) => {
  const { server } = await running(t, { clusters: [cluster(VXLAN)] });
  for (const path of [
    '/api/v1/clusters/../../etc/passwd',
    '/api/v1/clusters/%2e%2e%2fetc',
    '/api/v1/reference/static/../../../../package.json',
    '/api/v1/reference/static/%2e%2e/%2e%2e/package.json',
    `/api/v1/clusters/${VXLAN}/hosts/__proto__`,
    `/api/v1/clusters/${VXLAN}/hosts/constructor/state`,
    `/api/v1/clusters/${'x'.repeat(3000)}`,
  ]) {
    const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const { hostname, port } = new URL(server.url);
      const sent = request({ hostname, port, path, method: 'GET' }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      sent.on('error', reject);
      sent.end();
    });
    t.ok([400, 403, 404, 414].includes(status), `${path}: ${status}`);
    t.notMatch(text, /"name": ?"podwire"|root:/, path);
  }
});

t.test('metrics count requests, traces and clusters', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('same-node', 'one')] });
  await ask('POST', '/clusters/one/traces', { from: 'node/node1', to: '127.0.0.1', protocol: 'icmp' });
  const { text, headers } = await ask('GET', '//metrics');
  t.match(headers.get('content-type'), /^text\/plain/);
  t.match(text, /^podwire_clusters\{state="ready"\} 1$/m);
  t.match(text, /^podwire_traces_total\{verdict="\w+"\} 1$/m);
  t.match(
    text,
    /^podwire_http_request_seconds_count\{method="POST",route="\/api\/v1\/clusters\/:cluster\/traces",status="201"\} 1$/m,
  );
});

t.test('logs are lines of JSON without secrets', async (t) => {
  const lines: string[] = [];
  const logStream = { write: (line: string) => void lines.push(line) };
  const { server } = await running(t, { token: 'secret-token', logLevel: 'info', logStream });
  await asker(server, { authorization: 'Bearer secret-token' })('GET', '/clusters');
  const entries = lines.map((line) => JSON.parse(line));
  t.ok(entries.some(({ msg, res }) => msg === 'request completed' && res.statusCode === 200));
  t.notMatch(lines.join(''), /secret-token/);
});

t.test('a client that sends its request slowly, or not at all, is let go, and others are served', async (t) => {
  const { server, ask } = await running(t, { limits: { requestMs: 500 } });
  const { hostname, port } = new URL(server.url);
  const { connect } = await import('node:net');
  const idle = Array.from({ length: 200 }, () => connect(Number(port), hostname));
  const slow = connect(Number(port), hostname);
  slow.write(
    'POST /api/v1/clusters HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{',
  );
  const closed = once(slow, 'close');
  slow.resume();
  t.equal((await ask('GET', '/clusters')).status, 200);
  t.ok(await Promise.race([closed.then(() => true), delay(60_000, false)]), 'the slow one is closed');
  for (const socket of idle) socket.destroy();
});

/** Whoever waits for it is late. */
const GRACE_MS = 120_000;

t.test('shutdown finishes what runs, and cuts off what does not end', async (t) => {
  let log = '';
  const server = await serve({
    port: 0,
    logLevel: 'info',
    logStream: { write: (line: string) => void (log += line) },
    workerUrl: WORKER,
    clusters: [cluster(VXLAN)],
    limits: { ...UNBOUNDED, requestMs: 300_000, graceMs: GRACE_MS },
  });
  const ask = asker(server);
  const capture = await ask('POST', `/clusters/${VXLAN}/captures`, { interfaces: [{ target: 'node/node1' }] });
  const following = ask('GET', `/clusters/${VXLAN}/captures/${capture.json.id}/pcapng?follow=true`);
  const working = ask('POST', `/clusters/${VXLAN}/exec`, {
    target: 'pod/default/client',
    command: ['ping', '-c', '500', 'pod/default/web'],
  });
  const hasCome = (url: RegExp): boolean =>
    log.split('\n').some((line) => line.includes('"incoming request"') && url.test(line));
  t.ok(await comesTo(() => hasCome(/follow=true/) && hasCome(/\/exec"/)));
  const started = performance.now();
  await server.close();
  const took = performance.now() - started;
  t.match((await working).json, { exitCode: 0, stdout: /500 received/ });
  t.equal((await following).status, 200, 'a download that follows ends whole');
  t.ok(took < GRACE_MS, `${took} ms`);
  await t.rejects(ask('GET', '/clusters'), 'nothing new is taken');

  const stubborn = await serve({
    port: 0,
    logLevel: 'silent',
    workerUrl: WORKER,
    clusters: [cluster(VXLAN)],
    limits: { graceMs: 300 },
  });
  const lost = asker(stubborn)('POST', `/clusters/${VXLAN}/exec`, {
    target: 'node/node1',
    command: ['ping', '-c', '100000000', '127.0.0.1'],
  });
  const ended = t.rejects(lost);
  await delay(100);
  await stubborn.close();
  await ended;
});

const PROGRAM = 'dist/cli/main.js';
const skip = existsSync(PROGRAM) ? false : `${PROGRAM} is not built: npm run build`;

t.test('podwire serve says where it serves, and ends when it is told', { skip }, async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const args = ['serve', '-f', `topologies/${VXLAN}`, '-f', 'other=topologies/same-node', '--log', 'warn'];
  const run = (more: readonly string[], env = {}) => {
    const child = spawn(process.execPath, [PROGRAM, ...more], { env: { ...process.env, ...env } });
    const said = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
    return { child, said, ended: once(child, 'exit').then(([code]: (number | null)[]) => code) };
  };
  const taken = run([...args, '--listen', `127.0.0.1:${port}`]);
  t.equal(await taken.ended, 2);
  t.match(taken.said.err, /something listens there already/);
  other.close();

  const served = run([...args, '--listen', '127.0.0.1:0']);
  t.ok(await comesTo(() => served.said.out.includes('reference')), served.said.err);
  const [, url] =
    new RegExp(`^podwire serves ${VXLAN}, other at (http://127\\.0\\.0\\.1:\\d+)`).exec(served.said.out) ?? [];
  const answer = await fetch(`${url}/api/v1/clusters`);
  t.equal(((await answer.json()) as { total: number }).total, 2);
  served.child.kill('SIGTERM');
  t.equal(await served.ended, 0);

  const cases: readonly (readonly [string, readonly string[], Record<string, string>, RegExp])[] = [
    ['no such file', ['serve', '-f', '/nowhere'], {}, /expected a file or folder that can be read/],
    ['a mistake in a file', ['serve', '-f', 'package.json'], {}, /package\.json:\d+:\d+: .*expected/],
    ['another address without a token', ['serve', '--listen', '0.0.0.0:0'], {}, /set a token/],
    ['a listen that is none', ['serve', '--listen', '7741'], {}, /HOST:PORT/],
    ['a token that is none', ['serve'], { PODWIRE_TOKEN: 'two words' }, /RFC 6750/],
    ['an unknown option', ['serve', '--lisen', 'x'], {}, /lisen/],
    ['a limit', ['serve', '--time-limit', 'long'], {}, /whole number/],
  ];
  for (const [name, words, env, message] of cases) {
    const { ended, said } = run(words, env);
    t.equal(await ended, 2, name);
    t.match(said.err, message, name);
    t.equal(said.out, '', name);
  }
});
