/** A CoreDNS of the emulation behind real sockets on the loopback: bytes in, bytes out. */

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { DnsWorld } from '../../services/dns/dns-world.js';

export interface Bridge {
  readonly port: number;
  /** Every message that went out, in order. */
  readonly sent: Uint8Array[];
  readonly close: () => void;
}

/** One port, for UDP and TCP. */
export async function bridge(world: DnsWorld): Promise<Bridge> {
  const sent: Uint8Array[] = [];
  const answer = (query: Uint8Array, protocol: 'udp' | 'tcp'): Uint8Array | undefined => {
    const bytes = world.bytes(query, protocol);
    if (bytes !== undefined) sent.push(bytes);
    return bytes;
  };
  const udp = createSocket('udp4');
  udp.on('message', (query, from) => {
    const bytes = answer(query, 'udp');
    if (bytes !== undefined) udp.send(bytes, from.port, from.address);
  });
  await new Promise<void>((resolve) => {
    udp.bind(0, '127.0.0.1', resolve);
  });
  const { port } = udp.address();
  const tcp = createServer((socket) => {
    let waiting = Buffer.alloc(0);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
      while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
        const length = waiting.readUInt16BE(0);
        const bytes = answer(Uint8Array.from(waiting.subarray(2, 2 + length)), 'tcp');
        waiting = waiting.subarray(2 + length);
        if (bytes === undefined) continue;
        const head = Buffer.alloc(2);
        head.writeUInt16BE(bytes.length);
        socket.write(Buffer.concat([head, bytes]));
      }
    });
  });
  await new Promise<void>((resolve) => {
    tcp.listen(port, '127.0.0.1', resolve);
  });
  return {
    port,
    sent,
    close: () => {
      udp.close();
      tcp.close();
    },
  };
}
