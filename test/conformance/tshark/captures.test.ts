/**
 * tshark reads what podwire exports: every trace that a topology expects, and all frames that hosts of generated
 * clusters make. It may find nothing malformed, no bad checksum, and nothing to warn of but what is named here.
 */

import t from 'tap';
import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../../src/cluster/index.js';
import { fromHex, LINKTYPE, PcapngWriter } from '../../../src/packet/index.js';
import { tracePcapng } from '../../../src/trace/index.js';
import { missing, readWith } from '../../packet/captures.js';
import { type EmulatedFrame, EmulatedRun } from '../kernel/emulated.js';
import { generateCase } from '../kernel/generate/case.js';
import { topologyCase, topologyNames } from '../kernel/topologies.js';
import { tellCompared } from '../report.js';

const skip = missing('tshark') ?? false;
const GENERATED = Array.from({ length: 20 }, (_, i) => 8001 + i);

/** A packet is seen at every device that it passes: what takes that for repetition is off. */
const PREFERENCES = [
  'ip.check_checksum:TRUE',
  'tcp.check_checksum:TRUE',
  'udp.check_checksum:TRUE',
  'sctp.checksum:TRUE',
  'tcp.analyze_sequence_numbers:FALSE',
  'ip.defragment:FALSE',
].flatMap((preference) => ['-o', preference]);
const FIELDS = ['_ws.malformed', '_ws.short', '_ws.expert.severity', '_ws.expert.message', '_ws.col.Info'];
/** epan/proto.h: PI_WARN. */
const WARN = 6_291_456;

/** Warnings that are true and belong there. */
const EXPECTED: readonly (readonly [RegExp, string])[] = [
  [/Connection reset/, 'a refusal is one'],
  [/No response seen|no response found/, 'a capture may have the question alone'],
  [/Duplicate IP address configured/, 'arp_solicit() asks with the address of another device'],
  [/DNS (?:query|response) retransmission/, 'the same question at the next device'],
];

interface Judged {
  readonly frames: number;
  readonly wrong: readonly string[];
}

/** Generated sockets talk to each other's servers in no language. */
const NO_LANGUAGE = ['53', '80', '443', '8080'].flatMap((port) => [
  '-d',
  `udp.port==${port},data`,
  '-d',
  `tcp.port==${port},data`,
]);

function judge(capture: Uint8Array, more: readonly string[]): Judged {
  const { stdout, stderr, status } = readWith(
    'tshark',
    capture,
    ...PREFERENCES,
    '-n',
    ...more,
    '-T',
    'fields',
    ...FIELDS.flatMap((field) => ['-e', field]),
  );
  if (status !== 0) throw new Error(`tshark: ${stderr}`);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { frames: lines.length, wrong: lines.filter(isWrong) };
}

/** Messages of a frame are joined by commas, which may stand in them: of several, all have to be expected. */
function isWrong(line: string): boolean {
  const [malformed = '', short = '', severities = '', messages = ''] = line.split('\t');
  if (malformed !== '' || short !== '') return true;
  const loud = severities.split(',').filter((severity) => Number(severity) >= WARN).length;
  const known = EXPECTED.filter(([pattern]) => pattern.test(messages)).length;
  return loud > known;
}

/** pcapng may be sections one after another. */
function joined(captures: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(captures.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const capture of captures) {
    all.set(capture, at);
    at += capture.length;
  }
  return all;
}

function tracesOf(name: string): Uint8Array[] {
  const cluster = Cluster.load([`topologies/${name}`]);
  return cluster.expectations.flatMap(({ from: fromText, to: toText, protocol }) => {
    const from = parseEndpointName(fromText);
    const to = parseDestination(toText);
    if (isNameProblem(from) || isNameProblem(to)) throw new Error(`bad names in ${name}`);
    const trace = cluster.trace({ from, to, protocol });
    return trace.packets.length === 0 ? [] : [tracePcapng(trace)];
  });
}

/** All frames of a run, device by device; those of hosts alone, where a case has injected others. */
function framesOf(case_: Parameters<typeof topologyCase>[0] | number): Uint8Array {
  const whole = typeof case_ === 'number' ? generateCase(case_) : topologyCase(case_);
  // Frames that were made to be odd are not ours to answer for.
  const orders = whole.orders.filter(({ kind }) => kind !== 'frame');
  const { rounds } = new EmulatedRun(whole).run(orders);
  const writer = new PcapngWriter({ userApplication: 'podwire' });
  const interfaces = new Map<string, number>();
  let timestamp = 1_000_000_000n;
  for (const { frames } of rounds) {
    for (const [name, seen] of frames) {
      for (const frame of seen as readonly EmulatedFrame[]) {
        const linkType = frame.bare ? LINKTYPE.raw : LINKTYPE.ethernet;
        const interfaceId = interfaces.get(name) ?? writer.addInterface({ name, linkType });
        interfaces.set(name, interfaceId);
        writer.addPacket({ interfaceId, timestamp, bytes: fromHex(frame.hex) ?? new Uint8Array() });
        timestamp += 1000n;
      }
    }
  }
  return writer.take();
}

let cases = 0;
let packets = 0;
let octets = 0;
let differences = 0;

function check(what: string, capture: Uint8Array, more: readonly string[] = []): void {
  t.test(what, (t) => {
    const { frames, wrong } = judge(capture, more);
    cases += 1;
    packets += frames;
    octets += capture.length;
    differences += wrong.length;
    t.ok(frames > 0, `${frames} frames`);
    t.same(wrong, []);
    t.end();
  });
}

if (skip !== false) t.test('tshark reads all captures', { skip }, (t) => t.end());
else {
  for (const name of topologyNames()) {
    check(`traces of the topology ${name}`, joined(tracesOf(name)));
    check(`traffic between all places of the topology ${name}`, framesOf(name), NO_LANGUAGE);
  }
  check(`what hosts send in ${GENERATED.length} generated cases`, joined(GENERATED.map(framesOf)), NO_LANGUAGE);
  t.teardown(() => tellCompared(t, { what: 'captures', cases, packets, octets, rules: 0, differences }));
}
