import fc from 'fast-check';
import t from 'tap';
import {
  AFI,
  type AsPath,
  BGP_ATTRIBUTE,
  BGP_MESSAGE,
  type BgpCapability,
  type BgpOpen,
  type BgpPrefix,
  ByteWriter,
  bgpErrorText,
  decodeMpReach,
  decodeMpUnreach,
  decodeShutdownMessage,
  describeBgpMessage,
  dissect,
  type DissectedNode,
  encodeAsPath,
  encodeBgpKeepalive,
  encodeBgpNotification,
  encodeBgpOpen,
  encodeBgpUpdate,
  encodeEndOfRib,
  encodeMpReach,
  encodeMpUnreach,
  encodeRouteRefresh,
  encodeShutdownMessage,
  encodeU8,
  encodeU32,
  encodeWords,
  isBgpProblem,
  ipv4,
  ipv4Mask,
  nextBgpFrame,
  parseAsPath,
  parseBgpNotification,
  parseBgpOpen,
  parseBgpUpdate,
  parseRouteRefresh,
  SAFI,
  writeAttribute,
} from '../../src/packet/index.js';
import { bgpFrame, bytesFrom } from './frames.js';

/** Without the null prototypes of generated records. */
const plain = <T>(value: T): T => structuredClone(value);

const RUNS = { numRuns: 300 };
const u32 = fc.nat(0xffff_ffff);

function bodyOf(message: Uint8Array): Uint8Array {
  const frame = nextBgpFrame(message, 0, 0xffff);
  if (frame === undefined || isBgpProblem(frame)) throw new Error('no message');
  return frame.body;
}

const family = fc.record({ afi: fc.constantFrom(AFI.ipv4, AFI.ipv6), safi: fc.constant(SAFI.unicast) });

const capability: fc.Arbitrary<BgpCapability> = fc.oneof(
  fc.record({ kind: fc.constant('multiprotocol' as const), family }),
  fc.record({
    kind: fc.constantFrom('routeRefresh' as const, 'enhancedRouteRefresh' as const, 'extendedMessage' as const),
  }),
  fc.record({ kind: fc.constant('fourOctetAs' as const), as: u32 }),
  fc.record({
    kind: fc.constant('gracefulRestart' as const),
    restarting: fc.boolean(),
    time: fc.nat(4095),
    families: fc.array(fc.record({ afi: fc.constantFrom(1, 2), safi: fc.constant(1), forwarding: fc.boolean() }), {
      maxLength: 2,
    }),
  }),
  fc.record({
    kind: fc.constant('addPath' as const),
    families: fc.array(
      fc.record({ afi: fc.constantFrom(1, 2), safi: fc.constant(1), mode: fc.integer({ min: 1, max: 3 }) }),
      {
        minLength: 1,
        maxLength: 2,
      },
    ),
  }),
  fc.record({
    kind: fc.constant('other' as const),
    code: fc.integer({ min: 128, max: 180 }),
    value: fc.uint8Array({ maxLength: 5 }),
  }),
);

const open: fc.Arbitrary<BgpOpen> = fc.record({
  version: fc.constant(4),
  as: fc.nat(0xffff),
  holdTime: fc.nat(0xffff),
  identifier: u32.map(ipv4),
  capabilities: fc.array(capability, { maxLength: 8 }),
});

t.test('an OPEN reads as it was written', (t) => {
  fc.assert(
    fc.property(open, (of) => {
      t.strictSame(parseBgpOpen(bodyOf(encodeBgpOpen(of))), plain(of));
      return t.passing();
    }),
    { ...RUNS, endOnFailure: true },
  );
  t.end();
});

const prefix4 = (addPath: boolean): fc.Arbitrary<BgpPrefix> =>
  fc.tuple(u32, fc.nat(32), u32).map(([addr, length, pathId]) => ({
    addr: ipv4(addr & ipv4Mask(length)),
    length,
    ...(addPath ? { pathId } : {}),
  }));

const asPath: fc.Arbitrary<AsPath> = fc.array(
  fc.record({
    kind: fc.constantFrom('set' as const, 'sequence' as const, 'confed-sequence' as const, 'confed-set' as const),
    asns: fc.array(u32, { minLength: 1, maxLength: 5 }),
  }),
  { maxLength: 4 },
);

t.test('an UPDATE reads as it was written, with and without path identifiers', (t) => {
  const update = fc.boolean().chain((addPath) =>
    fc.record({
      addPath: fc.constant(addPath),
      withdrawn: fc.array(prefix4(addPath), { maxLength: 5 }),
      nlri: fc.array(prefix4(addPath), { maxLength: 5 }),
      path: asPath,
    }),
  );
  fc.assert(
    fc.property(update, (of) => {
      const { addPath, withdrawn, nlri, path } = plain(of);
      const writer = new ByteWriter();
      writeAttribute(writer, BGP_ATTRIBUTE.origin, encodeU8(0));
      writeAttribute(writer, BGP_ATTRIBUTE.asPath, encodeAsPath(path, 4));
      const message = encodeBgpUpdate({ withdrawn, nlri, addPath, attributes: writer.bytes });
      const read = parseBgpUpdate(bodyOf(message), addPath);
      if (isBgpProblem(read)) return t.fail(JSON.stringify(read));
      t.strictSame(read.withdrawn, withdrawn);
      t.strictSame(read.nlri, nlri);
      const [, second] = read.attributes;
      t.strictSame(second && parseAsPath(second.value, 4), path);
      return t.passing();
    }),
    { ...RUNS, endOnFailure: true },
  );
  t.end();
});

t.test('multiprotocol attributes read as they were written', (t) => {
  const address6 = fc
    .tuple(u32, u32, u32, u32)
    .map(([a, b, c, d]): [number, number, number, number] => [a | 0, b | 0, c | 0, d | 0]);
  const prefix6 = fc.tuple(address6, fc.constantFrom(0, 32, 64, 128)).map(([addr, length]): BgpPrefix => {
    const words = addr.map((word, i) => (32 * i < length ? word : 0));
    return { addr: [words[0] ?? 0, words[1] ?? 0, words[2] ?? 0, words[3] ?? 0], length };
  });
  const reach = fc.record({
    family: fc.constant({ afi: AFI.ipv6, safi: SAFI.unicast }),
    nextHops: fc.array(address6, { minLength: 1, maxLength: 2 }),
    prefixes: fc.array(prefix6, { maxLength: 4 }),
  });
  fc.assert(
    fc.property(reach, (made) => {
      const of = plain(made);
      t.strictSame(
        decodeMpReach(encodeMpReach(of, false), () => false),
        of,
      );
      const { family: withdrawnOf, prefixes } = of;
      const unreach = { family: withdrawnOf, prefixes };
      t.strictSame(
        decodeMpUnreach(encodeMpUnreach(unreach, false), () => false),
        unreach,
      );
      return t.passing();
    }),
    { ...RUNS, endOnFailure: true },
  );
  t.end();
});

t.test('NOTIFICATION, ROUTE-REFRESH, KEEPALIVE', (t) => {
  const problem = { code: 6, subcode: 2, data: encodeShutdownMessage('Wartung') };
  t.strictSame(parseBgpNotification(bodyOf(encodeBgpNotification(problem))), problem);
  t.equal(decodeShutdownMessage(problem.data), 'Wartung');
  t.equal(bgpErrorText(2, 2), 'Bad peer AS');
  t.equal(bgpErrorText(4, 0), 'Hold timer expired');
  const refresh = { family: { afi: AFI.ipv4, safi: SAFI.unicast }, subtype: 1 };
  t.strictSame(parseRouteRefresh(bodyOf(encodeRouteRefresh(refresh))), refresh);
  t.equal(encodeBgpKeepalive().length, 19);
  t.end();
});

t.test('what is no message says what is wrong with it', (t) => {
  const marker = 'ff'.repeat(16);
  const at = (hex: string): unknown => nextBgpFrame(bytesFrom(hex), 0, 4096);
  t.equal(at(`${marker}00`), undefined, 'not all there yet');
  t.equal(at(`${marker}001d02`), undefined);
  t.match(at(`${'fe'.repeat(16)}001304`), { code: 1, subcode: 1 });
  t.match(at(`${marker}001204`), { code: 1, subcode: 2, data: bytesFrom('0012') });
  t.match(at(`${marker}ffff02`), { code: 1, subcode: 2 });
  t.end();
});

t.test('no octets make the readers fail', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, addPath) => {
      nextBgpFrame(bytes, 0, 4096);
      parseBgpOpen(bytes);
      parseBgpUpdate(bytes, addPath);
      parseBgpNotification(bytes);
      parseRouteRefresh(bytes);
      parseAsPath(bytes, 4);
      decodeMpReach(bytes, () => addPath);
      decodeMpUnreach(bytes, () => addPath);
      for (const type of [1, 2, 3, 4, 5, 6]) describeBgpMessage({ type, body: bytes, bytes });
      dissect(bgpFrame(bytes));
      return true;
    }),
    { numRuns: 2000 },
  );
  t.end();
});

const find = (node: DissectedNode, name: string): DissectedNode[] =>
  node.children.flatMap((child) => [...(child.name === name ? [child] : []), ...find(child, name)]);

t.test('segments of port 179 are dissected into messages', (t) => {
  const writer = new ByteWriter();
  writeAttribute(writer, BGP_ATTRIBUTE.origin, encodeU8(0));
  writeAttribute(writer, BGP_ATTRIBUTE.asPath, encodeAsPath([{ kind: 'sequence', asns: [64_512, 65_001] }], 4));
  writeAttribute(writer, BGP_ATTRIBUTE.nextHop, encodeU32(0xac12_0002));
  writeAttribute(writer, BGP_ATTRIBUTE.community, encodeWords([0xfc00_0007]));
  const update = encodeBgpUpdate({
    attributes: writer.bytes,
    nlri: [{ addr: ipv4(0xc0a8_a680), length: 26 }],
    withdrawn: [{ addr: ipv4(0x0a00_0000), length: 8 }],
  });
  const root = dissect(bgpFrame(new Uint8Array([...update, ...encodeBgpKeepalive(), ...encodeEndOfRib()])));
  const [bgp] = find(root, 'bgp');
  t.equal(bgp?.children.length, 3, 'three messages');
  const text = JSON.stringify(bgp, (key, value: unknown) => (key === 'bytes' ? undefined : value));
  for (const part of ['192.168.166.128/26', '10.0.0.0/8', '64512 65001', '172.18.0.2', '64512:7']) {
    t.ok(text.includes(part), part);
  }
  t.equal(
    describeBgpMessage({ type: BGP_MESSAGE.keepalive, body: new Uint8Array(), bytes: encodeBgpKeepalive() }),
    'KEEPALIVE',
  );
  t.end();
});
