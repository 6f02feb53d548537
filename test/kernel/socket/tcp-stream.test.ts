/** Whatever the wire does, a stream arrives whole and in order, or the ends are told; and it always ends. */

import fc from 'fast-check';
import t from 'tap';
import { NS_PER_S } from '../../../src/kernel/clock.js';
import { Random } from '../../../src/kernel/random.js';
import type { TcpSocket } from '../../../src/kernel/socket/index.js';
import { bytesEqual, concatBytes, INADDR_ANY } from '../../../src/packet/index.js';
import { B, JoinedHosts, type Wire } from './joined-hosts.js';

interface Weather {
  /** Out of 100. */
  readonly loss: number;
  readonly duplicates: number;
  /** Milliseconds: each packet takes from `delay` to `delay + jitter`, so that they overtake one another. */
  readonly delay: number;
  readonly jitter: number;
  /** Out of 100: an octet is changed on the way. */
  readonly damage: number;
  readonly seed: number;
}

const WEATHER: fc.Arbitrary<Weather> = fc.record({
  loss: fc.integer({ min: 0, max: 30 }),
  duplicates: fc.integer({ min: 0, max: 20 }),
  delay: fc.integer({ min: 0, max: 60 }),
  jitter: fc.integer({ min: 0, max: 80 }),
  damage: fc.integer({ min: 0, max: 10 }),
  seed: fc.nat(),
});

function weatherWire({ loss, duplicates, delay, jitter, damage, seed }: Weather): Wire {
  const random = new Random(seed);
  const hits = (percent: number): boolean => random.below(100) < percent;
  return ({ bytes }) => {
    if (hits(loss)) return [];
    if (hits(damage)) {
      const at = 20 + random.below(bytes.length - 20);
      bytes[at] = bytes[at]! ^ (1 << random.below(8));
    }
    const arrival = (): number => delay + random.below(jitter + 1);
    return hits(duplicates) ? [arrival(), arrival()] : [arrival()];
  };
}

/** Writes `bytes` in pieces as the buffer has room, then ends. */
class Sender {
  readonly bytes: Uint8Array;
  written = 0;

  constructor(socket: TcpSocket, size: number, seed: number) {
    const random = new Random(seed);
    this.bytes = Uint8Array.from({ length: size }, () => random.below(256));
    const piece = (): void => {
      while (this.written < size) {
        const taken = socket.send(this.bytes.subarray(this.written, this.written + 1 + random.below(5_000)));
        if (typeof taken === 'string') return;
        this.written += taken;
      }
      socket.end();
    };
    socket.onWritable = piece;
    this.start = piece;
  }

  readonly start: () => void;
}

interface Side {
  readonly got: Uint8Array[];
  ended: boolean;
  error: string | undefined;
}

/** Reads everything, sometimes only after a while. */
function reader(socket: TcpSocket, hosts: JoinedHosts, random: Random): Side {
  const side: Side = { got: [], ended: false, error: undefined };
  socket.onData = (bytes) => {
    side.got.push(bytes);
    if (random.below(10) !== 0) return;
    socket.pause();
    hosts.emulation.clock.schedule(random.below(3 * NS_PER_S), () => socket.resume());
  };
  socket.onEnd = () => {
    side.ended = true;
  };
  socket.onError = (errno) => {
    side.error = errno;
  };
  return side;
}

const isPrefix = (part: Uint8Array, whole: Uint8Array): boolean => bytesEqual(part, whole.subarray(0, part.length));

t.test('through loss, repetition, reordering and damage', async () => {
  fc.assert(
    fc.property(
      WEATHER,
      fc.nat({ max: 60_000 }),
      fc.nat({ max: 20_000 }),
      fc.record({ mtu: fc.integer({ min: 576, max: 9_000 }), buffer: fc.integer({ min: 2_000, max: 100_000 }) }),
      (weather, there, back, { mtu, buffer }) => {
        const hosts = new JoinedHosts(weather.seed);
        hosts.a.mtu = mtu;
        hosts.wire = weatherWire(weather);
        const random = new Random(weather.seed ^ 1);
        const sides: { server: Side | undefined; sender: Sender | undefined } = {
          server: undefined,
          sender: undefined,
        };
        hosts.b.sockets.listen({
          protocol: 'tcp',
          address: INADDR_ANY,
          port: 80,
          receiveBuffer: buffer,
          onConnection: (socket) => {
            sides.server = reader(socket, hosts, random);
            sides.sender = new Sender(socket, back, 2);
            sides.sender.start();
          },
        });
        const client = hosts.a.sockets.tcp({ sendBuffer: 30_000 });
        const clientSide = reader(client, hosts, random);
        const sender = new Sender(client, there, 1);
        client.onConnect = sender.start;
        client.connect(B, 80);
        hosts.run();

        const states = [...hosts.a.sockets.entries(), ...hosts.b.sockets.entries()].map(({ state }) => state);
        // Nothing is left but the listener, and an end that waits for a peer which gave up without a word.
        if (states.some((state) => state !== 'LISTEN' && state !== 'FIN_WAIT2' && state !== 'ESTABLISHED'))
          return false;
        const serverGot = concatBytes(sides.server?.got ?? []);
        const clientGot = concatBytes(clientSide.got);
        if (!isPrefix(serverGot, sender.bytes)) return false;
        if (sides.sender !== undefined && !isPrefix(clientGot, sides.sender.bytes)) return false;
        if (clientSide.error !== undefined || sides.server?.error !== undefined)
          return weather.loss > 0 || weather.damage > 0;
        return (
          sides.server !== undefined &&
          serverGot.length === there &&
          clientGot.length === back &&
          clientSide.ended &&
          sides.server.ended
        );
      },
    ),
    { numRuns: 60, seed: 7 },
  );
});

t.test('on a wire that only reorders and repeats, nobody ever sees an error', async () => {
  fc.assert(
    fc.property(WEATHER, fc.nat({ max: 100_000 }), (weather, size) => {
      const hosts = new JoinedHosts(weather.seed);
      hosts.wire = weatherWire({ ...weather, loss: 0, damage: 0 });
      const got: Uint8Array[] = [];
      let errors = 0;
      hosts.b.sockets.listen({
        protocol: 'tcp',
        address: INADDR_ANY,
        port: 80,
        onConnection: (socket) => {
          socket.onData = (bytes) => got.push(bytes);
          socket.onError = () => {
            errors += 1;
          };
          socket.onEnd = () => socket.close();
        },
      });
      const client = hosts.a.sockets.tcp();
      client.onError = () => {
        errors += 1;
      };
      const sender = new Sender(client, size, 1);
      client.onConnect = sender.start;
      client.onEnd = () => client.close();
      client.connect(B, 80);
      hosts.run();
      return errors === 0 && bytesEqual(concatBytes(got), sender.bytes);
    }),
    { numRuns: 40, seed: 11 },
  );
});

t.test('any octets given to the sockets end in a drop or a socket, never in an exception', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 80 }), fc.constantFrom(6, 17, 1), (payload, protocol) => {
      const hosts = new JoinedHosts();
      hosts.b.sockets.listen({ protocol: 'tcp', address: INADDR_ANY, port: 80, onConnection: () => {} });
      hosts.b.sockets.listen({ protocol: 'udp', address: INADDR_ANY, port: 53, onMessage: () => {} });
      const skb = hosts.emulation.allocSkb(payload.length + 20);
      skb.network = skb.data;
      skb.data += 20;
      skb.tail = skb.data + payload.length;
      skb.slab.bytes.set(payload, skb.data);
      const reason = hosts.b.sockets.deliver(skb, protocol);
      hosts.b.sockets.icmpError({
        type: payload[0] ?? 3,
        code: payload[1] ?? 3,
        mtu: 0,
        from: B,
        view: skb.view,
        quoted: skb.data,
        end: skb.tail,
        skb,
        learn: () => {},
      });
      return reason !== undefined;
    }),
    { numRuns: 500, seed: 3 },
  );
});
