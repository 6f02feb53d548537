/** A websocket client for tests: all that has come, and waiting for what is to come. */

import { once } from 'node:events';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { decodeCbor, encodeCbor } from '../../src/server/session/cbor.js';
import type { Parsed } from './running.js';

const VXLAN = 'two-nodes-vxlan';

export interface Client {
  readonly socket: WebSocket;
  /** All that has come, parsed. */
  readonly got: Parsed[];
  say(message: object): void;
  /** The first message that is so, of those that have come or will. */
  next(wanted: (message: Parsed) => boolean): Promise<Parsed>;
  /** Messages of all batches. */
  readonly messages: Parsed[];
}

/** The machine may be busy. */
const WAIT_MS = 60_000;

export async function connect(
  t: Test,
  url: string,
  {
    protocol = 'podwire.cbor',
    headers = {},
    path = `/api/v1/clusters/${VXLAN}/stream`,
  }: { protocol?: string; headers?: Record<string, string>; path?: string } = {},
): Promise<Client> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, protocol.split(','), { headers });
  t.teardown(() => socket.terminate());
  const got: Parsed[] = [];
  const waiting = new Set<() => void>();
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    got.push(isBinary ? decodeCbor(new Uint8Array(data)) : JSON.parse(data.toString()));
    for (const look of waiting) look();
  });
  await once(socket, 'open');
  return {
    socket,
    got,
    say: (message) => socket.send(protocol.startsWith('podwire.json') ? JSON.stringify(message) : encodeCbor(message)),
    next: (wanted) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`nothing of the kind in ${got.length} messages`)), WAIT_MS);
        const look = (): void => {
          const found = got.find(wanted);
          if (found === undefined) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    get messages() {
      return got.filter(({ type }) => type === 'batch').flatMap(({ messages }) => messages);
    },
  };
}

/** Why an upgrade was refused. */
export async function refused(
  url: string,
  path: string,
  headers: Record<string, string> = {},
  protocols: string[] = [],
): Promise<{ status: number; body: Parsed }> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, protocols, { headers });
  socket.on('error', () => undefined);
  const [, response] = await once(socket, 'unexpected-response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, body: JSON.parse(text) };
}

export const subscribe = (kinds: readonly string[], more: object = {}) => ({
  op: 'subscribe',
  subscription: 'a',
  kinds,
  ...more,
});
export const isKind = (kind: string) => (message: Parsed) => message.type === kind;
