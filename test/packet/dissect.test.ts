import fc from 'fast-check';
import t from 'tap';
import {
  type DissectedNode,
  dissect,
  dissectedProblems,
  LINKTYPE,
  MAX_LAYERS,
  summarize,
  viewOf,
} from '../../src/packet/index.js';
import { addr, bytesFrom, ethernet, FRAMES, frame, icmp, ip4, text } from './frames.js';

const children = (node: DissectedNode, name: string): DissectedNode[] =>
  node.children.filter((child) => child.name === name);

/** The value at a path of names, the first of each. */
function valueAt(root: DissectedNode, path: string): string | undefined {
  let node: DissectedNode | undefined = root;
  for (const name of path.split('.')) node = node && children(node, name)[0];
  return node?.value;
}

function* everyNode(node: DissectedNode): Generator<DissectedNode, void> {
  yield node;
  for (const child of node.children) yield* everyNode(child);
}

const layers = (bytes: Uint8Array, linkType?: number): string[] =>
  dissect(bytes, linkType).children.map(({ name }) => name);

const problems = (bytes: Uint8Array): string[] =>
  [...dissectedProblems(dissect(bytes))].map(({ name, problem }) => `${name}: ${problem}`);

/** Frames whose own bytes were changed at an offset. */
function bent(name: string, offset: number, hex: string): Uint8Array {
  const bytes = frame(name).slice();
  bytes.set(bytesFrom(hex), offset);
  return bytes;
}

/** The checksum at `offset` of the plain UDP frame, as it is after a covered word fell by `fallen`. */
const checksumPlus = (offset: number, fallen: number): string =>
  `0x${(viewOf(frame('udp')).getUint16(offset) + fallen).toString(16).padStart(4, '0')}`;

t.test('valid frames have no problem, and their checksums are right', (t) => {
  for (const { name, bytes } of FRAMES) {
    t.strictSame(problems(bytes), [], name);
    for (const node of everyNode(dissect(bytes))) {
      if (node.name === 'checksum') t.match(node.value, /\((correct|not verified: .*)\)$/, `${name}: ${node.value}`);
    }
  }
  t.end();
});

t.test('layers follow one another from the outside in', (t) => {
  t.strictSame(layers(frame('vxlan')), ['ethernet', 'ipv4', 'udp', 'vxlan', 'ethernet', 'ipv4', 'tcp']);
  t.strictSame(layers(frame('ip in ip')), ['ethernet', 'ipv4', 'ipv4', 'tcp']);
  t.strictSame(layers(frame('tagged udp')), ['ethernet', 'vlan', 'ipv4', 'udp', 'data']);
  t.strictSame(layers(frame('dns answer')), ['ethernet', 'ipv4', 'udp', 'dns']);
  t.strictSame(layers(frame('arp reply, padded')), ['ethernet', 'arp', 'trailer']);
  t.strictSame(layers(frame('last fragment')), ['ethernet', 'ipv4', 'fragment']);
  t.strictSame(layers(frame('neighbour solicitation')), ['ethernet', 'ipv6', 'icmpv6']);
  t.strictSame(layers(frame('unknown protocol')), ['ethernet', 'ipv4', 'data']);
  t.strictSame(layers(frame('tcp syn').slice(14), LINKTYPE.raw), ['ipv4', 'tcp']);
  t.strictSame(layers(frame('ipv6 tcp').slice(14), LINKTYPE.raw), ['ipv6', 'tcp']);
  t.end();
});

t.test('an ICMP error shows the packet that it quotes', (t) => {
  const tree = dissect(frame('unreachable tcp port'));
  const [error] = children(tree, 'icmp');
  t.equal(error?.value, 'destination unreachable: port');
  t.strictSame(
    error?.children.map(({ name }) => name),
    ['type', 'code', 'checksum', 'rest', 'ipv4', 'tcp'],
  );
  t.equal(valueAt(tree, 'icmp.tcp.destinationPort'), '80');
  t.equal((error?.offset ?? 0) + (error?.length ?? 0), tree.length);

  const short = dissect(frame('unreachable port, short quotation'));
  t.equal(valueAt(short, 'icmp.tcp.destinationPort'), '80');
  t.equal(valueAt(short, 'icmp.tcp.sequence'), '1000');
  t.end();
});

t.test('every TCP option is a node of its own', (t) => {
  const [tcp] = children(dissect(frame('tcp syn')), 'tcp');
  t.strictSame(
    children(tcp!, 'option').map(({ label, value, offset, length }) => [label, value, offset, length]),
    [
      ['mss', '1460', 54, 4],
      ['sack permitted', '', 58, 2],
      ['timestamps', 'value 1000000, echo 0', 60, 10],
      ['nop', '', 70, 1],
      ['window scale', '7 (multiply by 128)', 71, 3],
    ],
  );
  t.end();
});

t.test('every IPv4 option is a node of its own', (t) => {
  const [ip] = children(dissect(frame('ipv4 options')), 'ipv4');
  t.strictSame(
    children(ip!, 'option').map(({ label, value, length }) => [label, value, length]),
    [
      ['router alert', '', 4],
      ['no operation', '', 1],
      ['record route', '0.0.1.0', 7],
    ],
  );
  t.end();
});

t.test('a DNS answer shows questions and records', (t) => {
  const [dns] = children(dissect(frame('dns answer')), 'dns');
  t.equal(dns?.value, 'response A web.default.svc.cluster.local');
  t.equal(children(dns!, 'question')[0]?.value, 'web.default.svc.cluster.local A');
  t.equal(children(dns!, 'answer')[0]?.value, 'web.default.svc.cluster.local 5 A 10.96.0.10');
  t.equal(children(dns!, 'answer')[2]?.value, '_http._tcp.web 5 SRV 0 100 80 web.default.svc.cluster.local');
  t.equal(children(dns!, 'additional')[0]?.value, '. 0 OPT UDP payload size 1232');
  t.end();
});

t.test('what is wrong is said where it is', (t) => {
  const cases: readonly (readonly [name: string, bytes: Uint8Array, expected: readonly string[]])[] = [
    ['an empty frame', new Uint8Array(0), ['frame: empty']],
    ['half an Ethernet header', frame('udp').slice(0, 9), ['ethernet: needs 14 octets, 9 are here']],
    ['half an IPv4 header', frame('udp').slice(0, 24), ['ipv4: needs 20 octets, 10 are here']],
    ['IP version 5', bent('udp', 14, '55'), ['ipv4: version 5, not 4']],
    ['a header length of 16', bent('udp', 14, '44'), ['ipv4: a header of 16 octets, 20 at least']],
    ['a header longer than the frame', bent('udp', 14, '4f'), ['ipv4: a header of 60 octets does not fit']],
    [
      'a wrong TTL under an old checksum',
      bent('udp', 22, '3f'),
      [`checksum: wrong checksum: ${checksumPlus(24, 0x0100)} expected`],
    ],
    ['a changed payload', bent('udp', 42, '48'), [`checksum: wrong checksum: ${checksumPlus(40, 0x2000)} expected`]],
    ['a UDP length of 7', bent('udp without checksum', 38, '0007'), ['length: shorter than the header']],
    ['a UDP length past the packet', bent('udp without checksum', 38, '0010'), ['length: 16 octets, 13 are here']],
    ['a TCP data offset of 16', bent('tcp rst', 46, '40'), ['tcp: a header of 16 octets, 20 at least']],
    ['a TCP data offset past the packet', bent('tcp rst', 46, '70'), ['tcp: a header of 28 octets does not fit']],
  ];
  for (const [name, bytes, expected] of cases) t.strictSame(problems(bytes), expected, name);
  t.end();
});

t.test('a TCP option that runs past the header is the last, and said to be wrong', (t) => {
  const found = problems(bent('tcp syn', 54, '02ff'));
  t.ok(found.includes('option: its length is wrong: it and what follows cannot be read'), found.join('; '));
  t.end();
});

t.test('an IPv4 length that is not true is said, and the rest is still read', (t) => {
  const found = problems(bent('udp', 16, 'ffff'));
  t.ok(found.includes('totalLength: 65535 octets, 33 are here'), found.join('; '));
  t.strictSame(layers(bent('udp', 16, 'ffff')), ['ethernet', 'ipv4', 'udp', 'data']);
  t.end();
});

t.test('ARP for other hardware or protocols is shown as far as it is known', (t) => {
  t.strictSame(problems(bent('arp request', 14, '0006')), ['arp: not IPv4 over Ethernet']);
  t.strictSame(problems(frame('arp request').slice(0, 30)), ['arp: needs 28 octets']);
  t.end();
});

t.test('VXLAN without the I flag carries nothing that can be believed', (t) => {
  t.ok(problems(bent('vxlan', 42, '00')).includes('flags: the I flag is not set: the VNI says nothing'));
  t.strictSame(layers(bent('vxlan', 42, '00')), ['ethernet', 'ipv4', 'udp', 'vxlan', 'data']);
  t.end();
});

t.test('an unknown link type is data', (t) => {
  const tree = dissect(text('some bytes'), 147);
  t.equal(tree.problem, 'link type 147 is not known');
  t.strictSame(
    tree.children.map(({ name }) => name),
    ['data'],
  );
  t.end();
});

t.test('packets in packets without end are dissected up to a limit', (t) => {
  const addresses = { source: addr('10.0.0.1'), destination: addr('10.0.0.2') };
  let packet = text('x');
  for (let i = 0; i < 100; i++) packet = ip4({ ...addresses, protocol: 4 }, packet);
  t.equal(layers(ethernet(0x0800, packet)).length, MAX_LAYERS + 1);

  let quoted = text('x');
  for (let i = 0; i < 100; i++) quoted = ip4({ ...addresses, protocol: 1 }, icmp({ type: 3, code: 1 }, quoted));
  t.ok([...everyNode(dissect(ethernet(0x0800, quoted)))].length < MAX_LAYERS * 30);
  t.end();
});

/** A valid frame, some octets changed, cut somewhere. */
const mutated = fc
  .record({
    base: fc.constantFrom(...FRAMES),
    changes: fc.array(fc.tuple(fc.nat(200), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff))), {
      maxLength: 6,
    }),
    cut: fc.option(fc.nat(120)),
  })
  .map(({ base, changes, cut }) => {
    const bytes = base.bytes.slice(0, cut ?? base.bytes.length);
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return bytes;
  });

t.test('chunks of SCTP have their fields', (t) => {
  const init = dissect(frame('sctp init'));
  t.equal(valueAt(init, 'sctp.chunk.initiateTag'), '0x00000001');
  t.equal(valueAt(init, 'sctp.chunk.inboundStreams'), '65535');
  const nodes = everyNode(dissect(frame('sctp data and sack')));
  const names = new Set(Array.from(nodes, ({ name, value }) => `${name} ${value}`));
  for (const field of ['tsn 100', 'stream 1', 'streamSequence 2', 'cumulativeTsn 100', 'gaps 0'])
    t.ok(names.has(field), field);
  t.end();
});

t.test('any bytes are dissected and summarized without a throw, inside their bounds', (t) => {
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: mutated }, fc.uint8Array({ maxLength: 120 })), (bytes) => {
      for (const linkType of [LINKTYPE.ethernet, LINKTYPE.raw]) {
        const tree = dissect(bytes, linkType);
        for (const node of everyNode(tree)) {
          if (node.offset < 0 || node.length < 0 || node.offset + node.length > bytes.length) {
            throw new Error(`${node.name} at ${node.offset}+${node.length} of ${bytes.length}`);
          }
        }
        let at = 0;
        for (const layer of tree.children) {
          if (layer.offset !== at) throw new Error(`${layer.name} at ${layer.offset}, ${at} expected`);
          at += layer.length;
        }
        if (at !== bytes.length) throw new Error(`layers end at ${at} of ${bytes.length}`);
        if (summarize(bytes, { linkType }).includes('\n')) throw new Error('more than one line');
      }
    }),
    { numRuns: 20_000, seed: 1 },
  );
  t.end();
});
