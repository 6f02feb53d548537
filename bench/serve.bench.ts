/**
 * The server over real sockets: traces a second as a client asks for them one after the other and eight at once, and frames a
 * second to websocket clients. The server, its threads and the clients share the machine; who asks for traces is a process of
 * its own, so that the CPU time of a trace is the server's.
 */

import { fork } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { WebSocket } from 'ws';
import { serve } from '../src/server/index.js';

const TOPOLOGY = 'topologies/two-nodes-vxlan';
const WORKER = 'dist/server/worker.js';
const SECONDS = 5;
const PINGS = 3000;

const sources = readdirSync(TOPOLOGY)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => ({ file, text: readFileSync(`${TOPOLOGY}/${file}`, 'utf8') }));
const server = await serve({
  port: 0,
  logLevel: 'silent',
  workerUrl: pathToFileURL(WORKER),
  clusters: [{ name: 'demo', sources }],
  // A hundred viewers on a busy machine take longer than a command may elsewhere.
  limits: { requestMs: 200_000, execMs: 200_000 },
});
const api = `${server.url}/api/v1/clusters/demo`;

async function post(path: string, body: object): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${api}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  const { length } = new Uint8Array(await response.arrayBuffer());
  if (response.status >= 300) throw new Error(`${path}: ${response.status}`);
  return length;
}

const report = (what: string, value: number, unit: string): void => {
  console.log(`${what.padEnd(58)} ${Math.round(value).toLocaleString('en')} ${unit}`);
};

const TRACE = { from: 'pod/default/client', to: 'pod/default/web:80' };

interface Load {
  readonly answers: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** Asks for traces for a while, so many under way at a time. */
function load(path: string, connections: number): Promise<Load> {
  const body = JSON.stringify(TRACE);
  return new Promise((resolve, reject) => {
    const client = fork('build/bench/http-load.process.js', [server.url, `/api/v1/clusters/demo${path}`, body], {
      env: { ...process.env, CONNECTIONS: String(connections), SECONDS: String(SECONDS) },
    });
    client.once('message', (answered) => resolve(answered as Load));
    client.once('exit', (code) => {
      if (code !== 0) reject(new Error(`the client ended with ${code}`));
    });
  });
}

/** Requests a second with so many under way at a time, how long they took, and what they cost the server. */
async function requests(what: string, path: string, connections: number): Promise<void> {
  const before = process.cpuUsage();
  const { answers, medianMs, p99Ms } = await load(path, connections);
  const { user, system } = process.cpuUsage(before);
  const times = `median ${medianMs.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
  const cost = `${Math.round((user + system) / answers)} µs of CPU each`;
  report(`${what}, ${connections} at once`, answers / SECONDS, `requests/s, ${times}, ${cost}`);
}

// Code that is compiled while it is measured would be measured too.
await load('/traces', 8);
for (const connections of [1, 8]) {
  await requests('traces, summary', '/traces', connections);
  await requests('traces, whole as JSON', '/traces?format=json', connections);
}

/** A policy that is put in and taken out again while the cluster runs. */
async function changes(): Promise<void> {
  const policy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'bench', namespace: 'default' },
    spec: { podSelector: { matchLabels: { app: 'nobody' } }, policyTypes: ['Ingress'] },
  };
  const tookMs: number[] = [];
  for (let i = 0; i < 40; i += 1) {
    const spec = { ...policy.spec, podSelector: { matchLabels: { app: i % 2 === 0 ? 'web' : 'nobody' } } };
    const started = performance.now();
    await post('/objects?apply=true', { ...policy, spec });
    tookMs.push(performance.now() - started);
  }
  tookMs.sort((a, b) => a - b);
  report('a change of a policy, while the cluster runs, median', tookMs[20] ?? 0, 'ms');
}
await changes();

interface Viewer {
  readonly socket: WebSocket;
  octets: number;
}

/** Frames a second while pings run, to so many clients. */
async function frames(viewers: number): Promise<void> {
  const connected = await Promise.all(
    Array.from({ length: viewers }, () => {
      const viewer: Viewer = {
        socket: new WebSocket(`${api.replace('http', 'ws')}/stream`, 'podwire.cbor'),
        octets: 0,
      };
      viewer.socket.on('message', (data: Buffer) => (viewer.octets += data.length));
      return new Promise<Viewer>((resolve, reject) => {
        viewer.socket.on('error', reject);
        viewer.socket.once('open', () => {
          viewer.socket.send(JSON.stringify({ op: 'subscribe', subscription: 'a', kinds: ['frames'], filter: 'icmp' }));
          viewer.socket.once('message', () => resolve(viewer));
        });
      });
    }),
  );
  const before = await metrics();
  const started = performance.now();
  await post('/exec', {
    target: 'pod/default/client',
    command: ['ping', '-i', '0.2', '-c', String(PINGS), 'pod/default/web'],
  });
  await new Promise<void>((resolve) => {
    setTimeout(resolve, 500);
  });
  const seconds = (performance.now() - started - 500) / 1000;
  const after = await metrics();
  const [sent, missed] = [after.sent - before.sent, after.missed - before.missed];
  report(
    `frames to each of ${viewers} viewers`,
    sent / viewers / seconds,
    `frames/s, ${((100 * missed) / (sent + missed)).toFixed(1)} % left out`,
  );
  for (const { socket } of connected) socket.terminate();
}

async function metrics(): Promise<{ sent: number; missed: number }> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const value = (name: string): number => Number(new RegExp(`^${name}(?:{[^}]*})? (\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { sent: value('podwire_stream_messages_total'), missed: value('podwire_stream_missed_total') };
}

for (const viewers of [1, 10, 100]) await frames(viewers);
await server.close();
