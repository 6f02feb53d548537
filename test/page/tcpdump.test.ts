import t from 'tap';
import { LINKTYPE } from '../../src/packet/index.js';
import { splitWords } from '../../web/src/terminal/commands.js';
import { parseBpf } from '../../web/src/terminal/bpf.js';
import { linkNames, tcpdumpOf, tcpdumpText } from '../../web/src/terminal/tcpdump.js';
import { captureOf, missing, readWith } from '../packet/captures.js';
import { FRAMES, frame } from '../packet/frames.js';

const skip = missing('tcpdump') ?? false;
const none = (): undefined => undefined;

const FILTERS = [
  '',
  'tcp',
  'udp',
  'icmp',
  'arp',
  'ip',
  'ip6',
  'sctp',
  'port 80',
  'tcp port 80',
  'tcp port http',
  'udp port domain',
  'src port 53',
  'udp dst port 4789',
  'tcp src or dst port 179',
  'tcp src and dst port 179',
  'portrange 50-200',
  'tcp portrange 1-1023',
  'dst portrange 4000-5000 or icmp',
  'host 172.18.0.2',
  'src host 172.18.0.2',
  'src 172.18.0.2',
  'dst 172.18.0.3',
  'src or dst host 172.18.0.3',
  'arp host 172.18.0.3',
  'ip host 172.18.0.3',
  'net 172.18.0.0/24',
  'src net 172.18',
  'net 10',
  'dst net 10.0.0.0 mask 255.0.0.0',
  'not tcp',
  '! tcp && ! udp',
  'tcp or udp and port 53',
  'port 80 or 53',
  'port (80 or 53)',
  'not (tcp or udp)',
  'tcp and (port 80 or port 179)',
  'udp and not port 4789',
  'ip proto 1',
  'ip proto \\tcp',
  'proto 17',
  'ether proto 0x0806',
  'ether proto \\ip',
  'ether broadcast',
  'ether multicast',
  'broadcast or arp',
  'ip multicast',
  'less 100',
  'greater 100',
];

t.test('a filter lets through what tcpdump lets through', { skip }, async (t) => {
  const frames = FRAMES.map(({ bytes }) => bytes);
  const capture = captureOf(frames);
  for (const filter of FILTERS) {
    const { stdout, stderr } = readWith('tcpdump', capture, '-nn', '--number', ...(filter === '' ? [] : [filter]));
    t.notMatch(stderr, /error|illegal/, filter);
    // The numbers count what was let through: times say which these are, a microsecond apart.
    const wanted = [...stdout.matchAll(/^\s*\d+\s+\d\d:\d\d:\d\d\.(\d{6})/gm)].map(([, micros]) => Number(micros));
    const passes = parseBpf(filter, none);
    const found = frames.flatMap((bytes, i) => (passes({ bytes, linkType: LINKTYPE.ethernet }) ? [i] : []));
    t.strictSame(found, wanted, filter);
  }
});

const MISTAKES: readonly (readonly [filter: string, at: number, says: RegExp])[] = [
  ['tcp port htp', 9, /a port from 0 to 65535/],
  ['port 70000', 5, /a port/],
  ['portrange 80', 10, /two ports/],
  ['host', 4, /an address or a name/],
  ['hots 10.0.0.1', 0, /unknown host or word "hots"/],
  ['net 10.0.0.1/8', 4, /outside its mask/],
  ['net 10.0.0.0/33', 4, /a network/],
  ['tcp and', 7, /a condition/],
  ['(tcp or udp', 0, /bracket/],
  ['tcp)', 3, /"and", "or" or the end/],
  ['tcp udp', 4, /"and", "or" or the end/],
  ['tcp.port == 80', 0, /unknown host or word "tcp.port"/],
  ['tcp[13] = 2', 0, /octets and comparisons/],
  ['host fe80::1', 5, /IPv6/],
  ['tcp host 10.0.0.1', 9, /no addresses of its own/],
  ['icmp port 1', 10, /has no ports/],
  ['ether host 10.0.0.1', 11, /a MAC address/],
];

t.test('a mistake in a filter is told where it is', async (t) => {
  for (const [filter, at, says] of MISTAKES)
    t.throws(() => parseBpf(filter, none), { at, message: says, name: 'BpfError' }, filter);
});

const read = (line: string) =>
  tcpdumpOf(line, splitWords(line) ?? [], (name) => (name === 'web' ? '10.0.0.1' : undefined));

t.test('options stand together or apart, and the filter may be quoted', async (t) => {
  t.match(read(`tcpdump -nnei eth0 -c5 'tcp port 80 and (host 10.0.0.1)'`), {
    interface: 'eth0',
    count: 5,
    showLink: true,
    verbose: false,
  });
  t.match(read('tcpdump -ivxlan.calico -c 1 -v host web'), { interface: 'vxlan.calico', count: 1, verbose: true });
  t.match(read('tcpdump'), { interface: 'any', count: undefined });
  t.same(read('tcpdump -nX'), {
    problem: `tcpdump: -X is not offered here; -i INTERFACE, -c COUNT, -e, -n, -v, -l, -p, -s LENGTH and a filter are
  tcpdump -nX
            ^`,
  });
  t.same(read(`tcpdump -i eth0 'tcp port htp'`), {
    problem: `tcpdump: expected a port from 0 to 65535, or its name, not "htp"
  tcpdump -i eth0 'tcp port htp'
                            ^`,
  });
  t.match(read('tcpdump -c many'), { problem: /-c wants a number of packets, not "many"/ });
  t.match(read('tcpdump -i'), { problem: /-i wants a value/ });
});

t.test('-e shows the link layer, -v the IP header, before what tcpdump prints of the packet', async (t) => {
  const captured = { bytes: frame('tcp syn'), linkType: LINKTYPE.ethernet };
  const plain = tcpdumpText(captured, { showLink: false, verbose: false });
  t.match(plain, /^IP [\d.]+ > [\d.]+: Flags \[S\]/);
  t.match(tcpdumpText(captured, { showLink: true, verbose: false }), /^(?:[0-9a-f]{2}:?){6} > .*, ethertype IPv4/);
  const verbose = tcpdumpText(captured, { showLink: false, verbose: true });
  t.match(verbose, /^IP \(tos 0x0, ttl \d+, id \d+, offset 0, flags \[DF\], proto TCP \(6\), length \d+\)\n {4}/);
  t.equal(verbose.replace(/\(tos.*\n {4}/, ''), plain);
});

t.test('devices that can be listened on are those of ip -br link', async (t) => {
  const text =
    'lo UNKNOWN 00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> \neth0@if3 UP 86:2c:ec:84:a7:ce <BROADCAST,MULTICAST,UP,LOWER_UP> \n';
  t.strictSame(linkNames(text).slice(0, 2), ['lo', 'eth0']);
});
