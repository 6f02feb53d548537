import fc from 'fast-check';
import t from 'tap';
import { formatIpv4, ipv4, parseIpv4 } from '../../src/packet/index.js';
import { type AddressNames, FrameFacts } from '../../src/server/filter/facts.js';
import { FIELDS, PROTOCOLS } from '../../src/server/filter/fields.js';
import { FilterError } from '../../src/server/filter/lexer.js';
import { parseFilter } from '../../src/server/filter/parse.js';
import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../src/cluster/index.js';
import { nameLookup } from '../../src/server/session/names.js';

/** Frames of a real connection through a tunnel, as they were sent and received. */
function frames(): FrameFacts[] {
  const cluster = Cluster.load(['topologies/two-nodes-vxlan']);
  const [from, to] = [parseEndpointName('pod/default/client'), parseDestination('pod/default/web:80')];
  if (isNameProblem(from) || isNameProblem(to)) throw new Error('bad names');
  const trace = cluster.trace({ from, to, protocol: 'tcp' });
  const lookup = nameLookup(cluster);
  return trace.packets.flatMap(({ story }) =>
    story.hops.flatMap(({ place, steps }) =>
      steps.flatMap(({ step, bytes, hasLinkHeader, timeNs }) => {
        if (bytes === undefined || (step.kind !== 'receive' && step.kind !== 'transmit')) return [];
        const direction = step.kind === 'receive' ? ('in' as const) : ('out' as const);
        const seen = {
          timeNs,
          place: trace.nameOf(place),
          host: place.host,
          netns: place.netns,
          interface: step.dev,
          direction,
        };
        return [new FrameFacts(bytes, hasLinkHeader, { seen, lookup })];
      }),
    ),
  );
}

const FRAMES = frames();
const count = (filter: string): number => FRAMES.filter(parseFilter(filter)).length;
const all = FRAMES.length;

const NOBODY = (): AddressNames | undefined => undefined;
const seen = { timeNs: 0, place: 'node/a', host: 'a', netns: '', interface: 'eth0', direction: 'in' } as const;

t.test('filters let through what they say', (t) => {
  t.ok(all > 20);
  const cases: readonly (readonly [filter: string, same: string])[] = [
    ['', 'frame.len > 0'],
    ['tcp or udp', 'ip'],
    ['tcp && vxlan', 'vxlan.vni == 4096'],
    ['arp', 'arp.opcode in {1, 2} '],
    ['arp.opcode in {1..2}', 'not ip'],
    ['tcp.port == 80', 'tcp.srcport == 80 || tcp.dstport == 80'],
    ['tcp.port in {80, 81..90}', 'tcp'],
    ['ip.addr == 192.168.104.1', 'pod == default/web and ip'],
    ['ip.src == 192.168.0.0/16', 'ip.src >= 192.168.0.0 && ip.src <= 192.168.255.255'],
    ['pod == default/web', 'pod == DEFAULT/W*B'],
    ['pod contains client and ip', 'ip.addr == 192.168.166.129'],
    ['node == node1 && vxlan', 'vxlan'],
    ['host == node1', 'host == "node1"'],
    ['host == node1 and not interface == cali*', 'host == node1 && interface != cali*'],
    ['tcp.flags.syn && !tcp.flags.ack', 'tcp.flags.syn == 1 and tcp.flags.ack == 0'],
    ['direction == in || direction == out', 'host'],
    ['(place == pod/default/client)', 'place == pod/default/client'],
    ['tcp.dstport eq 80', 'tcp.dstport == 80'],
    ['ip.ttl lt 64 and ip.ttl ge 62', 'ip.ttl in {62..63}'],
    ['eth.type == 0x0800', 'ip && eth'],
    ['frame.time >= 0', 'frame.len'],
    ['not (tcp || udp)', '!tcp && !udp'],
    ['ip.src != 1.2.3.4', 'ip'],
    ['tcp.dstport == 0120', 'tcp.dstport == 0x50 && tcp.dstport == 0b1010000'],
    ['not tcp.port in {80}', 'tcp.port not in {80}'],
    ['tcp.port !== 80', 'tcp.port any_ne 80 and tcp.port ~= 80'],
    ['tcp.port !== 80', 'tcp and !(tcp.port === 80)'],
    ['ip.flags.df === 1', 'ip and not ip.flags.df any_ne True'],
  ];
  for (const [filter, same] of cases) {
    const found = count(filter);
    t.equal(found, count(same), `${filter} is ${same}`);
    t.ok(found > 0, `${filter} finds something`);
  }
  for (const filter of [
    'bgp',
    'tcp.port == 81',
    'ip.src == 8.8.8.8',
    'namespace == shop',
    'drop',
    'ip.ttl > 64',
    'verdict == answered',
  ])
    t.equal(count(filter), 0, filter);
  t.ok(count('tcp') < all && count('host == node1') < all, 'and not everything');
  t.end();
});

t.test('an outer and an inner header both count', (t) => {
  const both = 'vxlan && ip.src == 172.18.0.2 && ip.src == 192.168.166.129';
  t.ok(count(both) > 0);
  t.equal(
    count('vxlan && udp.dstport == 4789 && tcp.dstport == 80 && ip.src != 172.18.0.2'),
    0,
    '!= is true of none of them',
  );
  t.end();
});

t.test('an ICMP error is about the packet that it quotes', (t) => {
  // Time exceeded from 10.0.0.1 to 10.0.0.2, about a SYN of which eight octets are there.
  const hex =
    '4500003800000000400100000a0000010a000002 0b00000000000000 ' +
    '4500003c0000400001060000 0a000002 0a000009 01bb0050deadbeef';
  const facts = new FrameFacts(Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex')), false, {
    seen,
    lookup: NOBODY,
  });
  for (const filter of [
    'icmp.type == 11',
    'ip.dst == 10.0.0.9',
    'ip.ttl == 1',
    'tcp.dstport == 80',
    'tcp.srcport == 443',
  ])
    t.ok(parseFilter(filter)(facts), filter);
  t.notOk(parseFilter('tcp.flags.syn')(facts), 'flags are not there');
  t.end();
});

t.test('mistakes are told with their place', (t) => {
  const cases: readonly (readonly [filter: string, words: RegExp])[] = [
    ['tcp.prt == 80', /no field "tcp\.prt" \(near: tcp\.port.*at character 1$/],
    ['tcp.port == eighty', /tcp\.port wants a number, not "eighty", at character 13$/],
    ['ip.src == 10.0.0.256', /ip\.src wants an IPv4 address or prefix, not "10\.0\.0\.256", at character 11$/],
    ['eth.src == 10.0.0.1', /wants a MAC address/],
    ['tcp == 80', /tcp is a protocol: it is there or not/],
    ['host > node1', /host has no order/],
    ['tcp.flags.syn == 2', /wants 0 or 1/],
    ['tcp.flags.syn == constructor', /wants 0 or 1/],
    ['tcp.port == 99999', /^"99999" is too big for tcp\.port, maximum 65535, at character 13$/],
    ['ip.ttl == 300', /"300" is too big for ip\.ttl, maximum 255, at character 11$/],
    ['ip.ttl in {60..0x100}', /"0x100" is too big for ip\.ttl, maximum 255, at character 16$/],
    ['vlan.id > 5000', /"5000" is too big for vlan\.id, maximum 4095/],
    ['vxlan.vni == 16777216', /"16777216" is too big for vxlan\.vni, maximum 16777215/],
    ['frame.len < 4294967296', /"4294967296" is too big for frame\.len, maximum 4294967295/],
    ['tcp.port == -1', /"-1" is too small for tcp\.port, minimum 0, at character 13$/],
    ['tcp.port == 80.5', /tcp\.port wants a number, not "80\.5"/],
    ['tcp.port == 080', /tcp\.port wants a number, not "080"/],
    ['frame.time > soon', /frame\.time wants seconds, not "soon"/],
    ['pod matches "web.*"', /"matches" is not known here: "\*" stands for any characters of a name, at character 5$/],
    ['tcp === 1', /tcp is a protocol/],
    ['(tcp', /a bracket that nobody closes, at character 1$/],
    ['tcp)', /expected "and", "or" or the end, not "\)", at character 4$/],
    ['tcp udp', /expected "and", "or" or the end, not "udp", at character 5$/],
    ['tcp &&', /expected a field, at character 7$/],
    ['&& tcp', /expected a field, not "&&", at character 1$/],
    ['tcp.port ==', /tcp\.port is compared with nothing, at character 12$/],
    ['tcp.port in 80', /expected "\{"/],
    ['tcp.port in {}', /tcp\.port wants a number, not "\}"/],
    ['tcp.port in {90..80}', /the range 90\.\.80 is empty/],
    ['tcp.port in {80', /expected "," or "\}"/],
    ['host == "node1', /a quotation mark without its other, at character 9$/],
    ['tcp.port contains 80', /is no text/],
    ['host in {a..b}', /has no ranges/],
    ['tcp # comment', /"#" is not understood, at character 5$/],
    ['tcp.port = 80', /"=" is not understood: did you mean "=="\?, at character 10$/],
    ['tcp & udp', /"&" is not understood: did you mean "&&"\?, at character 5$/],
    ['🙂', /"🙂" is not understood/],
    [`${'('.repeat(100)}tcp${')'.repeat(100)}`, /nested deeper than/],
    ['!'.repeat(5000), /longer than 4096/],
  ];
  for (const [filter, words] of cases) {
    try {
      parseFilter(filter);
      t.fail(`${filter} is refused`);
    } catch (error) {
      t.type(error, FilterError, filter);
      t.match(String(error instanceof Error ? error.message : error), words, filter);
    }
  }
  t.end();
});

/** An expression and what it must answer, by the rules of the language and not by its parser. */
interface Said {
  readonly text: string;
  readonly holds: (values: Values) => boolean;
}

type Values = ReadonlyMap<string, readonly number[]>;

const numeric = fc.constantFrom('ip.ttl', 'ip.len', 'tcp.srcport', 'tcp.dstport');
const value = fc.integer({ min: 0, max: 255 });
const valuesOf = (all: ReadonlyMap<string, readonly number[]>, name: string): readonly number[] => all.get(name) ?? [];

const comparison: fc.Arbitrary<Said> = fc
  .tuple(numeric, fc.constantFrom('==', '!=', '<', '>', '<=', '>='), value)
  .map(([name, op, wanted]) => ({
    text: `${name} ${op} ${wanted}`,
    holds: (all) => {
      const given = valuesOf(all, name);
      switch (op) {
        case '==':
          return given.includes(wanted);
        case '!=':
          return given.length > 0 && !given.includes(wanted);
        case '<':
          return given.some((one) => one < wanted);
        case '>':
          return given.some((one) => one > wanted);
        case '<=':
          return given.some((one) => one <= wanted);
        default:
          return given.some((one) => one >= wanted);
      }
    },
  }));
const membership: fc.Arbitrary<Said> = fc.tuple(numeric, value, value, value).map(([name, one, low, more]) => ({
  text: `${name} in {${one},${low} .. ${Math.max(low, more)}}`,
  holds: (all) => valuesOf(all, name).some((given) => given === one || (given >= low && given <= Math.max(low, more))),
}));
const presence: fc.Arbitrary<Said> = fc.constantFrom('ip', 'tcp', 'udp', 'ip.ttl', 'udp.port').map((text) => ({
  text,
  holds: (all) => (text === 'udp.port' ? all.has('udp') : all.has(text)),
}));

const { expression } = fc.letrec<{ expression: Said }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(comparison, membership, presence),
    tie('expression').map(({ text, holds }) => ({ text: `!(${text})`, holds: (all: Values) => !holds(all) })),
    fc
      .tuple(tie('expression'), tie('expression'))
      .map(([a, b]) => ({ text: `(${a.text}) and (${b.text})`, holds: (all: Values) => a.holds(all) && b.holds(all) })),
    fc
      .tuple(tie('expression'), tie('expression'))
      .map(([a, b]) => ({ text: `(${a.text}) || (${b.text})`, holds: (all: Values) => a.holds(all) || b.holds(all) })),
  ),
}));

/** An IPv4 packet with a TCP header, or with something else behind. */
const packet = fc
  .record({
    ttl: value,
    length: fc.integer({ min: 40, max: 255 }),
    source: value,
    destination: value,
    tcp: fc.boolean(),
  })
  .map(({ ttl, length, source, destination, tcp }) => {
    const bytes = new Uint8Array(length);
    const view = new DataView(bytes.buffer);
    bytes[0] = 0x45;
    view.setUint16(2, length);
    bytes[8] = ttl;
    bytes[9] = tcp ? 6 : 253;
    view.setUint16(20, source);
    view.setUint16(22, destination);
    bytes[32] = 0x50;
    const values = new Map<string, readonly number[]>([
      ['ip', [1]],
      ['ip.ttl', [ttl]],
      ['ip.len', [length]],
    ]);
    if (tcp)
      for (const [name, given] of [
        ['tcp', 1],
        ['tcp.srcport', source],
        ['tcp.dstport', destination],
      ] as const)
        values.set(name, [given]);
    return { bytes, values };
  });

t.test('any expression answers as its rules say, of any packet', (t) => {
  fc.assert(
    fc.property(expression, packet, ({ text, holds }, { bytes, values }) => {
      const facts = new FrameFacts(bytes, false, { seen, lookup: NOBODY });
      return parseFilter(text)(facts) === holds(values);
    }),
    { numRuns: 3000 },
  );
  t.end();
});

t.test('any text is a filter or a FilterError with a place in it, and any frame can be asked', (t) => {
  const word = fc.oneof(
    fc.constantFrom(...FIELDS.keys(), ...Object.keys(PROTOCOLS)),
    fc.constantFrom(
      '==',
      '!=',
      '<',
      '&&',
      'or',
      'not',
      '!',
      '(',
      ')',
      '{',
      '}',
      ',',
      '..',
      'in',
      'contains',
      '"a b"',
      '10.0.0.0/8',
      '80',
      'shop/*',
      'aa:bb:cc:dd:ee:ff',
    ),
    fc.string({ unit: 'binary', maxLength: 5 }),
  );
  const text = fc.array(word, { maxLength: 12 }).map((words) => words.join(' '));
  fc.assert(
    fc.property(text, fc.uint8Array({ maxLength: 120 }), fc.boolean(), (filter, bytes, link) => {
      try {
        const answer = parseFilter(filter)(new FrameFacts(bytes, link, { seen, lookup: NOBODY }));
        return typeof answer === 'boolean';
      } catch (error) {
        return error instanceof FilterError && error.at >= 0 && error.at <= filter.length;
      }
    }),
    { numRuns: 5000 },
  );
  t.end();
});

t.test('a prefix holds what lies between its first and last address', (t) => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: 32 }), fc.integer(), (network, length, other) => {
      const mask = length === 0 ? 0 : -1 << (32 - length);
      const [first, last] = [ipv4(network & mask), ipv4(network | ~mask)];
      const bytes = new Uint8Array(20);
      bytes.set([0x45, 0, 0, 20]);
      new DataView(bytes.buffer).setInt32(12, other);
      const facts = new FrameFacts(bytes, false, { seen, lookup: NOBODY });
      const byPrefix = parseFilter(`ip.src == ${formatIpv4(first)}/${length}`)(facts);
      const byRange = parseFilter(`ip.src in {${formatIpv4(first)}..${formatIpv4(last)}}`)(facts);
      const inside = other >>> 0 >= first >>> 0 && other >>> 0 <= last >>> 0;
      return byPrefix === inside && byRange === inside && parseIpv4(formatIpv4(first)) === first;
    }),
    { numRuns: 2000 },
  );
  t.end();
});
