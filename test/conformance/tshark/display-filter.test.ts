/**
 * tshark is asked the same as the display filter, of the frames of traces: random expressions over the fields that both
 * know let the same frames through, and what Wireshark takes for a mistake is one here. What is different on purpose is
 * in docs/design/server.md: a flag alone asks whether it is set, names here know no difference of small and capital letters.
 */

import fc from 'fast-check';
import t from 'tap';
import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../../src/cluster/index.js';
import { formatIpv4, formatMac, ipv4, mac, PcapngWriter } from '../../../src/packet/index.js';
import { FrameFacts } from '../../../src/server/filter/facts.js';
import { headersOf } from '../../../src/server/filter/headers.js';
import { parseFilter } from '../../../src/server/filter/parse.js';
import { missing, readWith } from '../../packet/captures.js';
import { topologyNames } from '../kernel/topologies.js';
import { tellCompared } from '../report.js';

const skip = missing('tshark') ?? false;
const EXPRESSIONS = 1500;
const AT_ONCE = 100;
/** Frames with the same headers differ in their values alone. */
const OF_A_SHAPE = 8;

/** Each frame stands for itself: nothing is put together, counted from the start of a stream, or taken for a repetition. */
const PREFERENCES = [
  'ip.defragment:FALSE',
  'tcp.desegment_tcp_streams:FALSE',
  'tcp.relative_sequence_numbers:FALSE',
  'tcp.analyze_sequence_numbers:FALSE',
].flatMap((preference) => ['-o', preference]);

/** Fields by our names and Wireshark's. */
const FIELDS: Readonly<Record<string, string>> = {
  'frame.len': 'frame.len',
  'eth.src': 'eth.src',
  'eth.dst': 'eth.dst',
  'eth.addr': 'eth.addr',
  'eth.type': 'eth.type',
  'arp.opcode': 'arp.opcode',
  'arp.src': 'arp.src.proto_ipv4',
  'arp.dst': 'arp.dst.proto_ipv4',
  'ip.src': 'ip.src',
  'ip.dst': 'ip.dst',
  'ip.addr': 'ip.addr',
  'ip.ttl': 'ip.ttl',
  'ip.proto': 'ip.proto',
  'ip.id': 'ip.id',
  'ip.len': 'ip.len',
  'ip.tos': 'ip.dsfield',
  'ip.flags.df': 'ip.flags.df',
  'ip.flags.mf': 'ip.flags.mf',
  'ip.frag_offset': 'ip.frag_offset',
  'tcp.srcport': 'tcp.srcport',
  'tcp.dstport': 'tcp.dstport',
  'tcp.port': 'tcp.port',
  'tcp.seq': 'tcp.seq',
  'tcp.ack': 'tcp.ack',
  'tcp.window': 'tcp.window_size_value',
  'tcp.flags.syn': 'tcp.flags.syn',
  'tcp.flags.ack': 'tcp.flags.ack',
  'tcp.flags.fin': 'tcp.flags.fin',
  'tcp.flags.rst': 'tcp.flags.reset',
  'tcp.flags.psh': 'tcp.flags.push',
  'udp.srcport': 'udp.srcport',
  'udp.dstport': 'udp.dstport',
  'udp.port': 'udp.port',
  'sctp.srcport': 'sctp.srcport',
  'sctp.dstport': 'sctp.dstport',
  'sctp.port': 'sctp.port',
  'icmp.type': 'icmp.type',
  'icmp.code': 'icmp.code',
  'vxlan.vni': 'vxlan.vni',
};
const PROTOCOLS = ['eth', 'arp', 'ip', 'tcp', 'udp', 'sctp', 'icmp', 'vxlan', 'dns'];

/** Frames of every trace that a topology expects, of each kind a few. */
function framesOfTraces(): Uint8Array[] {
  const kept = new Map<string, Uint8Array[]>();
  for (const name of topologyNames()) {
    const cluster = Cluster.load([`topologies/${name}`]);
    for (const { from: fromText, to: toText, protocol, size } of cluster.expectations) {
      const [from, to] = [parseEndpointName(fromText), parseDestination(toText)];
      if (isNameProblem(from) || isNameProblem(to)) throw new Error(`bad names in ${name}`);
      const { packets } = cluster.trace({ from, to, protocol, ...(size === undefined ? {} : { size }) });
      const steps = packets.flatMap(({ story }) => story.hops.flatMap((hop) => hop.steps));
      for (const { step, bytes, hasLinkHeader } of steps) {
        if (step.kind !== 'transmit' || bytes === undefined || !hasLinkHeader) continue;
        const shape = [...headersOf(bytes, true)].map(([field, values]) => `${field} ${values.length}`).join();
        const alike = kept.get(shape) ?? [];
        kept.set(shape, alike);
        if (alike.length < OF_A_SHAPE) alike.push(bytes);
      }
    }
  }
  return [...kept.values()].flat();
}

/** A second apart, so that statistics of each second are those of one frame. Those of the last second are not printed. */
function captureOf(frames: readonly Uint8Array[]): Uint8Array {
  const writer = new PcapngWriter({ userApplication: 'podwire' });
  const interfaceId = writer.addInterface({ name: 'eth0' });
  [...frames, new Uint8Array(14)].forEach((bytes, i) =>
    writer.addPacket({ interfaceId, timestamp: 1_000_000_000n * BigInt(i + 1_000_000), bytes }),
  );
  return writer.take();
}

/** The same in both languages. */
interface Both {
  readonly ours: string;
  readonly theirs: string;
}

const literal = (field: string, value: number): string => {
  if (/^eth\.(?:src|dst|addr)$/.test(field)) return formatMac(mac(value));
  return /^(?:ip|arp)\.(?:src|dst|addr)$/.test(field) ? formatIpv4(ipv4(value)) : `${value}`;
};

const isMac = (field: string): boolean => /^eth\.(?:src|dst|addr)$/.test(field);
const isAddress = (field: string): boolean => /^(?:ip|arp)\.(?:src|dst|addr)$/.test(field);
const isFlag = (field: string): boolean => field.includes('.flags.');

/** Values that some frame has, mostly. */
function valuesOf(facts: readonly FrameFacts[]): (field: string) => fc.Arbitrary<string> {
  const seen = new Map<string, Set<number>>();
  const add = (field: string, value: number): void => {
    const values = seen.get(field) ?? new Set([value]);
    seen.set(field, values.add(value));
  };
  for (const { headers, bytes } of facts) {
    add('frame.len', bytes.length);
    for (const [field, values] of headers)
      for (const value of values) {
        add(field, value);
        add(field.replace(/(?:src|dst)$/, 'addr').replace(/(?:src|dst)port$/, 'port'), value);
      }
  }
  return (field) => {
    if (isFlag(field)) return fc.constantFrom('0', '1');
    const values = [...(seen.get(field) ?? [])];
    const known = fc.constantFrom(...(values.length === 0 ? [1] : values));
    if (isMac(field) || isAddress(field)) return known.map((value) => literal(field, value));
    return fc.tuple(known, fc.constantFrom(0, 0, 0, 1, -1), fc.constantFrom(10, 10, 16)).map(([value, off, radix]) => {
      const near = Math.max(0, value + off);
      const held = near > 255 || !/ttl|tos|icmp|proto/.test(field) ? near : Math.min(near, 255);
      return radix === 16 ? `0x${held.toString(16)}` : `${held}`;
    });
  };
}

function expressions(facts: readonly FrameFacts[]): fc.Arbitrary<Both> {
  const valueOf = valuesOf(facts);
  const fields = fc.constantFrom(...Object.entries(FIELDS));
  const said = (ours: string, theirs: string, rest: string): Both => ({ ours: ours + rest, theirs: theirs + rest });
  const comparison = fields.chain(([ours, theirs]) => {
    const equalities = ['==', '!=', 'eq', 'ne', '===', '!==', '~=', 'all_eq', 'any_ne'];
    const ordered = isMac(ours) || isFlag(ours) ? [] : ['<', '>', '<=', '>=', 'lt', 'gt', 'le', 'ge'];
    return fc
      .tuple(fc.constantFrom(...equalities, ...ordered), valueOf(ours))
      .map(([operator, value]) => said(ours, theirs, ` ${operator} ${value}`));
  });
  const prefix = fc
    .tuple(
      fields.filter(([ours]) => isAddress(ours)),
      fc.integer({ min: 1, max: 32 }),
      fc.constantFrom('==', '!='),
    )
    .chain(([[ours, theirs], length, operator]) =>
      valueOf(ours).map((value) => said(ours, theirs, ` ${operator} ${value}/${length}`)),
    );
  const range = fields
    .filter(([ours]) => !isMac(ours) && !isFlag(ours) && !isAddress(ours))
    .chain(([ours, theirs]) =>
      fc.tuple(valueOf(ours), valueOf(ours), fc.constantFrom('in', 'not in')).map(([one, other, is]) => {
        const [low, high] = Number(one) <= Number(other) ? [one, other] : [other, one];
        return said(ours, theirs, ` ${is} {${low} .. ${high}}`);
      }),
    );
  const presence = fc.oneof(
    fc.constantFrom(...PROTOCOLS).map((name) => said(name, name, '')),
    fields.filter(([ours]) => !isFlag(ours)).map(([ours, theirs]) => said(ours, theirs, '')),
  );
  const { expression } = fc.letrec<{ expression: Both }>((tie) => ({
    expression: fc.oneof(
      { maxDepth: 4 },
      fc.oneof(comparison, comparison, prefix, range, presence),
      fc
        .tuple(fc.constantFrom('!', 'not '), tie('expression'))
        .map(([not, { ours, theirs }]) => ({ ours: `${not}(${ours})`, theirs: `${not}(${theirs})` })),
      // Without brackets, so that precedence counts too.
      fc
        .tuple(tie('expression'), fc.constantFrom('&&', '||', 'and', 'or'), tie('expression'))
        .map(([a, operator, b]) => ({
          ours: `${a.ours} ${operator} ${b.ours}`,
          theirs: `${a.theirs} ${operator} ${b.theirs}`,
        })),
      fc.tuple(tie('expression'), fc.constantFrom('&&', '||'), tie('expression')).map(([a, operator, b]) => ({
        ours: `(${a.ours}) ${operator} (${b.ours})`,
        theirs: `(${a.theirs}) ${operator} (${b.theirs})`,
      })),
    ),
  }));
  return expression;
}

/** For each filter the frames that it lets through. A comma parts filters of statistics. */
function askTshark(capture: Uint8Array, filters: readonly string[]): number[][] {
  const { stdout, stderr, status } = readWith(
    'tshark',
    capture,
    ...PREFERENCES,
    '-n',
    '-q',
    '-z',
    `io,stat,1,${filters.join(',')}`,
  );
  if (status !== 0) throw new Error(`tshark: ${stderr}`);
  const found: number[][] = filters.map(() => []);
  for (const line of stdout.split('\n')) {
    const second = /^\|\s*(\d+) <> /.exec(line)?.[1];
    if (second === undefined) continue;
    const cells = line.split('|').slice(2, -1);
    filters.forEach((_, i) => {
      if (Number(cells[2 * i]) > 0) found[i]?.push(Number(second));
    });
  }
  return found;
}

const seen = { timeNs: 0, place: 'node/a', host: 'a', netns: '' } as const;

const isTaken = (capture: Uint8Array, filter: string): boolean =>
  readWith('tshark', capture, ...PREFERENCES, '-n', '-c', '1', '-Y', filter).status === 0;

/** What both take for a mistake. */
const MISTAKES: readonly string[] = [
  'tcp.port == 99999',
  'ip.ttl == 300',
  'ip.ttl in {60..300}',
  'ip.proto > 0x100',
  'vxlan.vni == 0x1000000',
  'ip.frag_offset > 65536',
  'tcp.seq == 4294967296',
  'frame.len >= 4294967296',
  'tcp.port == 80.5',
  'tcp.port == 080',
  'tcp.port == 1e2',
  'tcp.port == http',
  'tcp.port in {80-90}',
  'tcp.port in {}',
  'tcp.port = 80',
  'tcp.port contains 80',
  'tcp.port matches "80"',
  'tcp.flags.syn == -1',
  'ip.src == 10.0.0.256',
  'ip.src == 10.0.0.0/33',
  '80 == tcp.port',
  'tcp xor',
  'tcp and not',
  'ip.ttl ==',
];

if (skip !== false) t.test('tshark lets the same frames through', { skip }, (t) => t.end());
else {
  const frames = framesOfTraces();
  const capture = captureOf(frames);
  const facts = frames.map((bytes) => new FrameFacts(bytes, true, { seen, lookup: () => undefined }));

  t.test('random expressions let the same frames through', (t) => {
    const all = fc.sample(expressions(facts), EXPRESSIONS);
    let differences = 0;
    for (let from = 0; from < all.length; from += AT_ONCE) {
      const some = all.slice(from, from + AT_ONCE);
      const theirs = askTshark(
        capture,
        some.map((one) => one.theirs),
      );
      for (const [i, { ours }] of some.entries()) {
        const passes = parseFilter(ours);
        const found = facts.flatMap((one, frame) => (passes(one) ? [frame] : []));
        if (JSON.stringify(found) === JSON.stringify(theirs[i])) continue;
        differences += 1;
        t.same(found, theirs[i], ours);
      }
    }
    tellCompared(t, {
      what: 'display filters',
      cases: all.length,
      packets: frames.length,
      octets: capture.length,
      rules: 0,
      differences,
    });
    t.equal(differences, 0, `${all.length} expressions, ${frames.length} frames`);
    t.end();
  });

  t.test('both take the same for mistakes', (t) => {
    for (const filter of MISTAKES) {
      t.throws(() => parseFilter(filter), { name: 'FilterError' }, filter);
      t.notOk(isTaken(capture, filter), `tshark: ${filter}`);
    }
    t.end();
  });
}
