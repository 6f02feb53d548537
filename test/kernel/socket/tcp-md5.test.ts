/** TCP MD5 signatures, RFC 2385; what Linux signs, we take. */

import t from 'tap';
import { Emulation } from '../../../src/kernel/emulation.js';
import { Mib } from '../../../src/kernel/mib.js';
import { checkSignature, Md5Keys } from '../../../src/kernel/socket/tcp/md5.js';
import { parseSegment, type Segment } from '../../../src/kernel/socket/tcp/segment.js';
import type { TcpSocket } from '../../../src/kernel/socket/index.js';
import { hostPrefix, INADDR_ANY, Ipv4, ipv4Network } from '../../../src/packet/index.js';
import { A, B, JoinedHosts, octets, text } from './joined-hosts.js';

/** From 127.0.0.1:40000 to 127.0.0.2:179 with the key `secret`, captured on lo of a Linux 6.18: SYN, SYN-ACK, `hello`. */
const CAPTURED = [
  '4500004835334000 4006077a7f000001 7f0000029c4000b3 8ed1ccf800000000 d002ffd7fe3d0000 01011312a1785730 6329e079ebb38121 c3655fc60204ffd7 0101040201030 30a',
  '4500004800004000 40063cad7f000002 7f00000100b39c40 b4d230e88ed1ccf9 d012ffd7fe3d0000 01011312499d12cc 4789ff69d44f4c1e 60c080560204ffd7 010104020103030a',
  '4500004135354000 4006077f7f000001 7f0000029c4000b3 8ed1ccf9b4d230e9 a0180040fe360000 010113121ebf8929 e39b96ed10264a90 d434600b68656c6c 6f',
].map((hex) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex')));

const mib = new Mib();

/** Its checksum was left to a device; the signature leaves it out. */
function captured(bytes: Uint8Array): Segment {
  const skb = new Emulation().skbFrom(bytes);
  skb.network = skb.data;
  skb.data += new Ipv4(skb.view, skb.network).headerLength;
  const csum = parseSegment(skb, mib);
  if (typeof csum !== 'string') return csum;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let checksum = 0; checksum < 0x10000; checksum += 1) {
    view.setUint16(36, checksum);
    const again = new Emulation().skbFrom(bytes);
    again.network = again.data;
    again.data += 20;
    const segment = parseSegment(again, mib);
    if (typeof segment !== 'string') return segment;
  }
  throw new Error('no checksum fits');
}

t.test('what Linux has signed is taken with its key, and with no other', async (t) => {
  for (const bytes of CAPTURED) {
    t.equal(checkSignature(captured(bytes), 'secret', mib), undefined);
    t.equal(checkSignature(captured(bytes), 'Secret', mib), 'tcp-md5failure');
    t.equal(checkSignature(captured(bytes), undefined, mib), 'tcp-md5unexpected');
  }
});

function connected(keys: { readonly a?: string; readonly b?: string }) {
  const hosts = new JoinedHosts();
  const accepted: TcpSocket[] = [];
  const listener = hosts.b.sockets.listen({
    protocol: 'tcp',
    address: INADDR_ANY,
    port: 179,
    onConnection: (socket) => accepted.push(socket),
  });
  if (keys.b !== undefined) listener.md5Keys.set(hostPrefix(A), keys.b);
  const client = hosts.a.sockets.tcp();
  client.md5Key = keys.a;
  let up = false;
  client.onConnect = () => {
    up = true;
  };
  client.connect(B, 179);
  hosts.run(500);
  return { hosts, client, accepted, up: () => up };
}

t.test('both ends with one key talk, and every segment is signed', async (t) => {
  const { hosts, client, accepted, up } = connected({ a: 'secret', b: 'secret' });
  t.ok(up());
  const heard: string[] = [];
  accepted[0]!.onData = (bytes) => heard.push(text(bytes));
  client.send(octets('hello'));
  hosts.run(500);
  t.same(heard, ['hello']);
  t.ok(hosts.sent.every(({ tcp }) => tcp.parseOptions().md5?.length === 16));
  const [syn] = hosts.sent;
  t.equal(syn?.tcp.headerLength, 52);
  t.equal(syn?.tcp.parseOptions().timestamps, undefined, 'there is no room for timestamps beside it');
  t.same([hosts.a.drops, hosts.b.drops], [[], []]);
});

t.test('of the keys of networks the longest that holds an address counts', async (t) => {
  const keys = new Md5Keys();
  const network = { addr: ipv4Network(A, 24), length: 24 };
  keys.set(hostPrefix(A), 'one');
  keys.set(network, 'all');
  t.same([keys.of(A), keys.of(B)], ['one', 'all']);
  keys.delete(hostPrefix(A));
  t.same([keys.of(A), keys.of(INADDR_ANY)], ['all', undefined]);
});

t.test('a long stream fits its segments beside the signature', async (t) => {
  const { hosts, client, accepted } = connected({ a: 'k', b: 'k' });
  let length = 0;
  accepted[0]!.onData = (bytes) => {
    length += bytes.length;
  };
  client.send(new Uint8Array(20_000));
  hosts.run(2_000);
  t.equal(length, 20_000);
  t.ok(hosts.sent.every(({ bytes }) => bytes.length <= 1500));
});

for (const { what, keys, reason } of [
  { what: 'a key at the caller alone', keys: { a: 'secret' }, reason: 'tcp-md5unexpected' },
  { what: 'a key at the called alone', keys: { b: 'secret' }, reason: 'tcp-md5notfound' },
  { what: 'two keys', keys: { a: 'secret', b: 'other' }, reason: 'tcp-md5failure' },
] as const) {
  t.test(`${what} keeps the connection from being made, and nobody says why`, async (t) => {
    const { hosts, up } = connected(keys);
    t.notOk(up());
    t.same(hosts.b.drops, [reason]);
    t.same(
      hosts.sent.map(({ flags }) => flags),
      ['S'],
    );
  });
}

t.test('a signed segment to a port where nobody listens is not answered', async (t) => {
  const hosts = new JoinedHosts();
  const client = hosts.a.sockets.tcp();
  client.md5Key = 'secret';
  client.connect(B, 81);
  hosts.run(500);
  t.same(
    hosts.sent.map(({ flags }) => flags),
    ['S'],
  );
  t.same(hosts.b.drops, ['no-socket']);
});
