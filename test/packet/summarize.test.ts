import t from 'tap';
import { encodeIpv4, Ipv4, LINKTYPE, summarize, viewOf } from '../../src/packet/index.js';
import { captureOf, missingTcpdump, readWith } from './captures.js';
import { addr, bytesFrom, FRAMES, frame } from './frames.js';

const skip = missingTcpdump() ?? false;

/** tcpdump's lines, one a frame: what it continues on another line is joined with a space, hex dumps are dropped. */
function tcpdump(frames: readonly Uint8Array[], ...options: string[]): string[] {
  const { stdout } = readWith('tcpdump', captureOf(frames), '-nn', '-S', '-tt', ...options);
  const lines: string[] = [];
  for (const line of stdout.split('\n')) {
    if (/^\d+\.\d{6,9} /.test(line)) lines.push(line.replace(/^\S+ /, ''));
    else if (line !== '' && !line.startsWith('\t')) lines.push(`${lines.pop()} ${line}`);
  }
  return lines.map((line) => line.trimEnd());
}

t.test('a summary is the line that tcpdump prints', { skip }, (t) => {
  const printed = tcpdump(FRAMES.map(({ bytes }) => bytes));
  t.equal(printed.length, FRAMES.length);
  FRAMES.forEach(({ name, bytes }, i) => t.equal(summarize(bytes), printed[i], name));
  t.end();
});

t.test('with the link layer, a summary is the line of tcpdump -e', { skip }, (t) => {
  const frames = FRAMES.map(({ bytes }) => bytes);
  const printed = tcpdump(frames, '-e');
  t.equal(printed.length, FRAMES.length);
  FRAMES.forEach(({ name, bytes }, i) => t.equal(summarize(bytes, { showLink: true }), printed[i], name));
  t.end();
});

t.test('TCP options of unknown kinds and wrong lengths are summarized as tcpdump does', { skip }, (t) => {
  // The SYN's options: MSS at 54, SACK-permitted and timestamps at 58, NOP and window scale at 70.
  const bent = [
    { at: 54, hex: '6304abcd' }, // a kind without a name
    { at: 54, hex: '6302' }, // the same without data: what was its data is read as options
    { at: 54, hex: '02ff' }, // past the header
    { at: 54, hex: '0200' }, // no room for its own length
    { at: 60, hex: '08ff' },
    { at: 58, hex: '00' }, // the list ends here
    { at: 70, hex: '0101' }, // window scale cut in two
  ];
  const frames = bent.map(({ at, hex }) => {
    const bytes = frame('tcp syn').slice();
    bytes.set(bytesFrom(hex), at);
    return bytes;
  });
  const printed = tcpdump(frames);
  frames.forEach((bytes, i) => t.equal(summarize(bytes), printed[i], `${bent[i]?.at} ${bent[i]?.hex}`));
  t.end();
});

t.test('a summary needs no link layer', (t) => {
  const withLink = frame('tcp syn');
  t.equal(summarize(withLink.slice(14), { linkType: LINKTYPE.raw }), summarize(withLink));
  t.equal(summarize(frame('ipv6 udp').slice(14), { linkType: LINKTYPE.raw }), summarize(frame('ipv6 udp')));
  t.end();
});

t.test('a summary says what a VXLAN frame carries', (t) => {
  t.equal(
    summarize(frame('vxlan')),
    'IP 172.18.0.2.54321 > 172.18.0.3.4789: VXLAN, flags [I] (0x08), vni 4096 IP 10.244.1.5.40000 > 10.244.2.7.80: ' +
      'Flags [S], seq 1000, win 64240, options [mss 1460,sackOK,TS val 1000000 ecr 0,nop,wscale 7], length 0',
  );
  t.end();
});

t.test('packets in packets without end are summarized up to a limit', (t) => {
  const bytes = new Uint8Array(20 * 200);
  const view = viewOf(bytes);
  const fields = { source: addr('10.0.0.1'), destination: addr('10.0.0.2'), protocol: 4 };
  for (let at = 0; at < bytes.length; at += 20)
    encodeIpv4(view, at, { ...fields, payloadLength: bytes.length - at - 20 });
  t.ok(new Ipv4(view, 3980).checksumValid());
  t.match(summarize(bytes, { linkType: LINKTYPE.raw }), /^(IP 10\.0\.0\.1 > 10\.0\.0\.2: ){32}\.\.\.$/);
  t.end();
});
