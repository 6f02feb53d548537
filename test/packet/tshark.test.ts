import t from 'tap';
import { type DissectedNode, dissect } from '../../src/packet/index.js';
import { captureOf, missing, readWith } from './captures.js';
import { FRAMES, frame } from './frames.js';

const skip = missing('tshark') ?? false;

/** Every checksum is verified, nothing is put together from several frames. */
const PREFERENCES = [
  'ip.check_checksum:TRUE',
  'tcp.check_checksum:TRUE',
  'udp.check_checksum:TRUE',
  'sctp.checksum:TRUE',
  'ip.defragment:FALSE',
  'ipv6.defragment:FALSE',
  'tcp.desegment_tcp_streams:FALSE',
  'tcp.analyze_sequence_numbers:FALSE',
].flatMap((preference) => ['-o', preference]);

const CHECKSUMS = ['ip', 'udp', 'tcp', 'icmp', 'icmpv6', 'sctp'];

t.test('tshark finds no malformed frame and no bad checksum', { skip }, (t) => {
  const bad = ['_ws.malformed', '_ws.short', ...CHECKSUMS.map((protocol) => `${protocol}.checksum.status == "Bad"`)];
  const capture = captureOf(FRAMES.map(({ bytes }) => bytes));
  const all = readWith('tshark', capture, ...PREFERENCES, '-n', '-T', 'fields', '-e', 'frame.number');
  t.equal(all.stdout.trim().split('\n').length, FRAMES.length, 'it reads every frame');
  const found = readWith('tshark', capture, ...PREFERENCES, '-n', '-Y', bad.join(' || '));
  t.equal(found.status, 0, found.stderr);
  t.equal(found.stdout, '');

  const wrong = frame('udp').slice();
  wrong[41] = (wrong[41] ?? 0) ^ 0xff;
  const seen = readWith('tshark', captureOf([wrong]), ...PREFERENCES, '-n', '-Y', bad.join(' || '));
  t.not(seen.stdout, '', 'and would say so');
  t.end();
});

/** Our fields, by layer and name, and what tshark calls them. */
const FIELDS: Readonly<Record<string, string>> = {
  'ethernet.destination': 'eth.dst',
  'ethernet.source': 'eth.src',
  'ethernet.etherType': 'eth.type',
  'vlan.vlanId': 'vlan.id',
  'vlan.etherType': 'vlan.etype',
  'arp.hardwareType': 'arp.hw.type',
  'arp.protocolType': 'arp.proto.type',
  'arp.hardwareLength': 'arp.hw.size',
  'arp.operation': 'arp.opcode',
  'arp.senderMac': 'arp.src.hw_mac',
  'arp.senderIp': 'arp.src.proto_ipv4',
  'arp.targetMac': 'arp.dst.hw_mac',
  'arp.targetIp': 'arp.dst.proto_ipv4',
  'ipv4.totalLength': 'ip.len',
  'ipv4.identification': 'ip.id',
  'ipv4.fragmentOffset': 'ip.frag_offset',
  'ipv4.ttl': 'ip.ttl',
  'ipv4.protocol': 'ip.proto',
  'ipv4.checksum': 'ip.checksum',
  'ipv4.source': 'ip.src',
  'ipv4.destination': 'ip.dst',
  'ipv6.payloadLength': 'ipv6.plen',
  'ipv6.nextHeader': 'ipv6.nxt',
  'ipv6.hopLimit': 'ipv6.hlim',
  'ipv6.source': 'ipv6.src',
  'ipv6.destination': 'ipv6.dst',
  'udp.sourcePort': 'udp.srcport',
  'udp.destinationPort': 'udp.dstport',
  'udp.length': 'udp.length',
  'udp.checksum': 'udp.checksum',
  'tcp.sourcePort': 'tcp.srcport',
  'tcp.destinationPort': 'tcp.dstport',
  'tcp.sequence': 'tcp.seq',
  'tcp.acknowledgment': 'tcp.ack',
  'tcp.window': 'tcp.window_size_value',
  'tcp.checksum': 'tcp.checksum',
  'tcp.urgentPointer': 'tcp.urgent_pointer',
  'icmp.type': 'icmp.type',
  'icmp.code': 'icmp.code',
  'icmp.checksum': 'icmp.checksum',
  'icmp.sequence': 'icmp.seq',
  'icmp.mtu': 'icmp.mtu',
  'icmpv6.type': 'icmpv6.type',
  'icmpv6.code': 'icmpv6.code',
  'icmpv6.checksum': 'icmpv6.checksum',
  'sctp.sourcePort': 'sctp.srcport',
  'sctp.destinationPort': 'sctp.dstport',
  'sctp.verificationTag': 'sctp.verification_tag',
  'sctp.checksum': 'sctp.checksum',
  'vxlan.vni': 'vxlan.vni',
  'dns.id': 'dns.id',
  'dns.flags': 'dns.flags',
  'dns.answers': 'dns.count.answers',
};

/** `offset+length` of each field of tshark's, by name, for each frame. */
function tsharkRanges(frames: readonly Uint8Array[]): ReadonlyMap<string, string[]>[] {
  const { stdout } = readWith('tshark', captureOf(frames), ...PREFERENCES, '-n', '-T', 'pdml');
  return stdout
    .split('<packet>')
    .slice(1)
    .map((packet) => {
      const ranges = new Map<string, string[]>();
      for (const [field] of packet.matchAll(/<field [^>]*>/g)) {
        const attribute = (name: string): string => new RegExp(` ${name}="([^"]*)"`).exec(field)?.[1] ?? '';
        if (attribute('hide') === 'yes') continue;
        const list = ranges.get(attribute('name')) ?? [];
        ranges.set(attribute('name'), [...list, `${attribute('pos')}+${attribute('size')}`]);
      }
      return ranges;
    });
}

/** The same of our own nodes, under tshark's names. */
function ourRanges(node: DissectedNode, ranges = new Map<string, string[]>()): ReadonlyMap<string, string[]> {
  for (const child of node.children) {
    const name = FIELDS[`${node.name}.${child.name}`];
    if (name !== undefined) ranges.set(name, [...(ranges.get(name) ?? []), `${child.offset}+${child.length}`]);
    ourRanges(child, ranges);
  }
  return ranges;
}

t.test('fields lie where tshark finds them', { skip }, (t) => {
  const theirs = tsharkRanges(FRAMES.map(({ bytes }) => bytes));
  const compared = new Set<string>();
  FRAMES.forEach(({ name, bytes }, i) => {
    for (const [field, ranges] of ourRanges(dissect(bytes))) {
      compared.add(field);
      t.strictSame(ranges, theirs[i]?.get(field), `${name}: ${field}`);
    }
  });
  t.strictSame(
    Object.values(FIELDS).filter((field) => !compared.has(field)),
    [],
    'every field of the table was compared',
  );
  t.end();
});
