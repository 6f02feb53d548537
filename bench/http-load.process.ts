/**
 * A client that costs little: posts one body over and over, on connections that are kept, and tells its parent how many
 * answers came and how long they took. `node http-load.js URL PATH BODY`, with CONNECTIONS and SECONDS in the environment.
 */

import { connect } from 'node:net';

const [url = '', path = '', body = ''] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const connections = Number(process.env['CONNECTIONS']);
const end = performance.now() + Number(process.env['SECONDS']) * 1000;
const request = [
  `POST ${path} HTTP/1.1`,
  `host: ${hostname}:${port}`,
  'content-type: application/json',
  `content-length: ${Buffer.byteLength(body)}`,
  '',
  body,
].join('\r\n');
const tookMs: number[] = [];

/** Octets that are still to come of the answer, whose headers are in `head`; undefined until those are whole. */
function restOf(head: Buffer): number | undefined {
  const headers = head.indexOf('\r\n\r\n');
  if (headers < 0) return undefined;
  const text = head.toString('latin1', 0, headers);
  if (!text.startsWith('HTTP/1.1 201')) throw new Error(text);
  return headers + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1]) - head.length;
}

const ask = (): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let head = Buffer.alloc(0);
    let rest: number | undefined;
    let started = 0;
    const send = (): void => {
      head = Buffer.alloc(0);
      rest = undefined;
      started = performance.now();
      socket.write(request);
    };
    socket.setNoDelay();
    socket.once('connect', send);
    socket.once('error', reject);
    socket.on('data', (data: Buffer) => {
      if (rest === undefined) {
        head = Buffer.concat([head, data]);
        rest = restOf(head);
      } else rest -= data.length;
      if (rest !== 0) return;
      tookMs.push(performance.now() - started);
      if (performance.now() < end) send();
      else {
        socket.destroy();
        resolve();
      }
    });
  });

await Promise.all(Array.from({ length: connections }, ask));
tookMs.sort((a, b) => a - b);
const at = (part: number): number => tookMs[Math.floor(tookMs.length * part)] ?? 0;
process.send?.({ answers: tookMs.length, medianMs: at(0.5), p99Ms: at(0.99) });
process.disconnect();
