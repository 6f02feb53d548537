/** The real `dig`, `nslookup`, `host` and `tshark` read what CoreDNS says here; and our `dig`, `nslookup` and `host` print it as they do. */

import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import {
  type DnsMessage,
  encodeUdp,
  encodeIpv4,
  LINKTYPE,
  parseDns,
  parseIpv4,
  PcapngWriter,
} from '../../../src/packet/index.js';
import { EVERYTHING, messageLines } from '../../../src/tools/dns/dig-format.js';
import { hostRows } from '../../../src/tools/dns/host.js';
import { answerRows, serverRows } from '../../../src/tools/dns/nslookup.js';
import { CLUSTER, DnsWorld, service, slice } from '../../services/dns/dns-world.js';
import { type Bridge, bridge } from './bridge.js';

const missing = (program: string): string | false =>
  spawnSync(program, ['-v'], { stdio: 'ignore' }).error === undefined
    ? false
    : `${program} is not installed (Debian bind9-dnsutils, tshark)`;

const run = async (program: string, args: readonly string[]): Promise<string> =>
  await new Promise((resolve) => {
    execFile(program, [...args], (_error, stdout, stderr) => {
      resolve(stdout + stderr);
    });
  });

const ENDPOINTS = Array.from({ length: 40 }, (_, i) => ({ addresses: [`10.244.1.${i + 1}`], hostname: `db-${i}` }));

const world = (): DnsWorld =>
  new DnsWorld(
    CLUSTER.replace(
      'errors',
      'errors\n template IN TXT text.example {\n answer "{{ .Name }} 5 IN TXT \\"a \\\\\\"quoted\\\\\\" text\\" second"\n }\n template IN MX mail.example {\n answer "{{ .Name }} 86400 IN MX 10 mx.mail.example."\n }',
    ),
    [
      service('web', { clusterIP: '10.96.0.20' }),
      service('dual', {
        clusterIP: '10.96.0.21',
        clusterIPs: ['10.96.0.21', 'fd00::21'],
        ipFamilyPolicy: 'RequireDualStack',
      }),
      service('db', { clusterIP: 'None' }),
      slice('db', ENDPOINTS),
      service('alias', { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local', ports: [] }),
      service('kube-dns', { clusterIP: '10.96.0.10' }, 'kube-system'),
      slice('kube-dns', [{ addresses: ['10.244.9.9'] }], { ns: 'kube-system' }),
    ],
  );

const QUESTIONS = [
  'web.shop.svc.cluster.local',
  'WEB.Shop.svc.cluster.local',
  'web.shop.svc.cluster.local AAAA',
  'dual.shop.svc.cluster.local AAAA',
  'missing.shop.svc.cluster.local',
  'alias.shop.svc.cluster.local',
  'db-7.db.shop.svc.cluster.local',
  'db.shop.svc.cluster.local',
  'db.shop.svc.cluster.local +noedns',
  'db.shop.svc.cluster.local +tcp',
  '_http._tcp.db.shop.svc.cluster.local SRV',
  '_http._tcp.db.shop.svc.cluster.local SRV +bufsize=4096',
  '_http._tcp.db.shop.svc.cluster.local SRV +ignore +noedns',
  '_http._tcp.web.shop.svc.cluster.local SRV',
  'cluster.local SOA',
  'cluster.local NS',
  'cluster.local AXFR',
  'dns-version.cluster.local TXT',
  'x.text.example TXT',
  'x.mail.example MX',
  'www.example.com',
  'web.shop.svc.cluster.local HTTPS',
  'web.shop.svc.cluster.local +dnssec +norec',
  'web.shop.svc.cluster.local +nocookie +noadflag',
  '-x 10.96.0.20',
  '-x fd00::1',
] as const;

/** The parts of the real output that are of the message: without its banner, times and place. */
function messagePart(text: string): string {
  const rows = text.split('\n');
  const from = rows.findIndex((row) => row.startsWith(';; Got answer:'));
  const to = rows.findIndex((row) => row.startsWith(';; Query time:'));
  return rows.slice(from, to).join('\n');
}

const lastMessage = ({ sent }: Bridge): DnsMessage => {
  const message = parseDns(sent.at(-1) ?? new Uint8Array(0));
  if (message === undefined) throw new Error('no message was sent');
  return message;
};

t.test('dig prints of the answer what ours prints', { skip: missing('dig') }, async (t) => {
  const served = await bridge(world());
  for (const question of QUESTIONS) {
    if (question.includes('AXFR')) continue;
    const real = await run('dig', ['@127.0.0.1', '-p', String(served.port), '+tries=1', ...question.split(' ')]);
    const cookie = /; COOKIE: ([0-9a-f]{16}) \(echoed\)/.exec(real)?.[1];
    t.equal(messageLines(lastMessage(served), EVERYTHING, cookie).join('\n'), messagePart(real), question);
    t.notMatch(real, /malformed|mismatch|extra|unexpected|WARNING: Message/i, `${question}: nothing to complain about`);
    const size = Number(/MSG SIZE {2}rcvd: (\d+)/.exec(real)?.[1]);
    t.equal(served.sent.at(-1)?.length, size, `${question}: its length`);
  }
  t.match(await run('dig', ['@127.0.0.1', '-p', String(served.port), 'cluster.local', 'AXFR']), 'Transfer failed');
  const cut = await run('dig', ['@127.0.0.1', '-p', String(served.port), '+noedns', 'db.shop.svc.cluster.local']);
  t.match(cut, /Truncated, retrying in TCP mode/, 'what is too long comes by TCP');
  t.match(cut, 'ANSWER: 40,');
  served.close();
  t.end();
});

t.test('nslookup prints of the answer what ours prints', { skip: missing('dig') }, async (t) => {
  const served = await bridge(world());
  const cases: readonly (readonly [string, string])[] = [
    ['web.shop.svc.cluster.local', 'A'],
    ['alias.shop.svc.cluster.local', 'CNAME'],
    ['missing.shop.svc.cluster.local', 'A'],
    ['web.shop.svc.cluster.local', 'AAAA'],
    ['_http._tcp.web.shop.svc.cluster.local', 'SRV'],
    ['cluster.local', 'SOA'],
    ['cluster.local', 'NS'],
    ['dns-version.cluster.local', 'TXT'],
    ['x.mail.example', 'MX'],
  ];
  for (const [name, type] of cases) {
    const real = await run('nslookup', [`-port=${served.port}`, `-type=${type}`, name, '127.0.0.1']);
    const { rows } = answerRows(lastMessage(served), { name, type, first: true });
    const address = parseIpv4('127.0.0.1');
    if (address === undefined) throw new Error('no address');
    const ours = [...serverRows({ text: '127.0.0.1', address }, served.port), ...rows, ''].join('\n');
    t.equal(real.replace(/\n$/, ''), ours, `${name} ${type}`);
  }
  served.close();
  t.end();
});

t.test('host prints of the answer what ours prints', { skip: missing('host') }, async (t) => {
  const served = await bridge(world());
  const cases: readonly (readonly [string, string])[] = [
    ['web.shop.svc.cluster.local', 'A'],
    ['dual.shop.svc.cluster.local', 'AAAA'],
    ['alias.shop.svc.cluster.local', 'CNAME'],
    ['alias.shop.svc.cluster.local', 'A'],
    ['missing.shop.svc.cluster.local', 'A'],
    ['www.example.com', 'A'],
    ['web.shop.svc.cluster.local', 'AAAA'],
    ['web.shop.svc.cluster.local', 'HTTPS'],
    ['_http._tcp.web.shop.svc.cluster.local', 'SRV'],
    ['cluster.local', 'SOA'],
    ['cluster.local', 'NS'],
    ['dns-version.cluster.local', 'TXT'],
    ['x.mail.example', 'MX'],
  ];
  for (const [name, type] of cases) {
    const real = await run('host', ['-p', String(served.port), '-t', type, `${name}.`, '127.0.0.1']);
    // Whom nobody knows it names as it was asked.
    const rows = hostRows(lastMessage(served), { name: name.startsWith('missing') ? `${name}.` : name, type });
    t.equal(
      real.replace(/^Using domain server:[^]*?\n\n/, ''),
      rows.map((row) => `${row}\n`).join(''),
      `${name} ${type}`,
    );
  }
  served.close();
  t.end();
});

/** The message as the payload of a datagram from port 53. */
function datagram(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(28 + message.length);
  const view = new DataView(bytes.buffer);
  const [source, destination] = [parseIpv4('10.96.0.10'), parseIpv4('10.244.1.7')];
  if (source === undefined || destination === undefined) throw new Error('no address');
  encodeIpv4(view, 0, { source, destination, protocol: 17, ttl: 64, payloadLength: 8 + message.length });
  encodeUdp(view, 20, { sourcePort: 53, destinationPort: 40_000, payloadLength: message.length });
  bytes.set(message, 28);
  return bytes;
}

t.test('tshark finds nothing malformed in any answer', { skip: missing('tshark') || missing('dig') }, async (t) => {
  const served = await bridge(world());
  for (const question of QUESTIONS)
    await run('dig', ['@127.0.0.1', '-p', String(served.port), '+tries=1', '+ignore', ...question.split(' ')]);
  served.close();
  const folder = mkdtempSync(join(tmpdir(), 'podwire-dns-'));
  try {
    const writer = new PcapngWriter();
    const id = writer.addInterface({ name: 'any', linkType: LINKTYPE.raw });
    for (const message of served.sent) writer.addPacket({ interfaceId: id, timestamp: 0, bytes: datagram(message) });
    writeFileSync(join(folder, 'dns.pcapng'), writer.take());
    const fields = [
      '-T',
      'fields',
      '-e',
      'dns.id',
      '-e',
      'dns.count.answers',
      '-e',
      '_ws.malformed',
      '-e',
      '_ws.expert.message',
    ];
    const rows = execFileSync('tshark', ['-r', join(folder, 'dns.pcapng'), ...fields], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .trimEnd()
      .split('\n')
      .map((row) => row.split('\t'));
    t.equal(rows.length, served.sent.length);
    for (const [i, [, answers = '', malformed = '', expert = '']] of rows.entries()) {
      const message = parseDns(served.sent[i] ?? new Uint8Array(0));
      t.equal(Number(answers), message?.answers.length ?? 0, `answer ${i}`);
      t.equal(malformed, '', `answer ${i}`);
      t.notMatch(expert, /malformed|illegal|bad/i, `answer ${i}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  t.end();
});
