/** DNS messages: written and read, plain and compressed. */

import fc from 'fast-check';
import t from 'tap';
import {
  type DnsMessage,
  type DnsRecord,
  dnsTypeNumber,
  encodeDns,
  isDnsName,
  parseDns,
  parseIpv4,
  parseIpv6,
} from '../../src/packet/index.js';
import { bytesFrom } from './frames.js';

const address = parseIpv4('192.0.2.1');
const address6 = parseIpv6('2001:db8::1');
if (address === undefined || address6 === undefined) throw new Error('no address');

const EMPTY: DnsMessage = {
  id: 0x1234,
  flags: 0x8180,
  opcode: 0,
  rcode: 0,
  questions: [],
  answers: [],
  authorities: [],
  additionals: [],
};

const RECORDS: readonly DnsRecord[] = [
  { name: 'www.example.org', ttl: 300, type: 'A', address },
  { name: 'www.example.org', ttl: 300, type: 'AAAA', address: address6 },
  { name: 'alias.example.org', ttl: 1, type: 'CNAME', target: 'www.example.org' },
  { name: 'example.org', ttl: 1, type: 'NS', target: 'ns.example.org' },
  { name: '1.2.0.192.in-addr.arpa', ttl: 1, type: 'PTR', target: 'www.example.org' },
  { name: 'old.example.org', ttl: 1, type: 'DNAME', target: 'example.org' },
  { name: '_http._tcp.example.org', ttl: 1, type: 'SRV', priority: 1, weight: 2, port: 80, target: 'www.example.org' },
  { name: 'example.org', ttl: 1, type: 'MX', preference: 10, exchange: 'mx.example.org' },
  { name: 'example.org', ttl: 1, type: 'TXT', texts: ['one', 'two words'] },
  {
    name: 'example.org',
    ttl: 60,
    type: 'SOA',
    mname: 'ns.example.org',
    rname: 'host.example.org',
    serial: 7,
    refresh: 1,
    retry: 2,
    expire: 3,
    minimum: 4,
  },
  {
    name: '.',
    ttl: 0,
    type: 'OPT',
    udpPayloadSize: 1232,
    version: 1,
    extendedRcode: 1,
    dnssecOk: true,
    options: bytesFrom('000a0002abcd'),
  },
  { name: 'example.org', ttl: 9, type: 'other', typeName: 'UNKNOWN_65280', bytes: bytesFrom('c0ffee') },
];

for (const form of ['plain', 'compressed'] as const) {
  t.test(`what is written ${form} is read again`, (t) => {
    for (const record of RECORDS) {
      const message = { ...EMPTY, questions: [{ name: 'www.example.org', type: 'A' }], answers: [record] };
      t.same(parseDns(encodeDns(message, form)), message, record.type);
    }
    const all = { ...EMPTY, answers: RECORDS, authorities: RECORDS, additionals: RECORDS };
    t.same(parseDns(encodeDns(all, form)), all);
    t.end();
  });
}

t.test('names of owners and of old types are compressed, that of SRV is not', (t) => {
  const [, , cname, , , , srv] = RECORDS;
  if (cname === undefined || srv === undefined) throw new Error('no record');
  const question = { name: 'alias.example.org', type: 'CNAME' };
  const bytes = encodeDns({ ...EMPTY, questions: [question], answers: [cname, srv] }, 'compressed');
  t.same(
    bytes,
    bytesFrom(
      '12348180 0001 0002 0000 0000' +
        '05616c696173 076578616d706c65 036f7267 00 0005 0001' +
        'c00c 0005 0001 00000001 0006 03777777 c012' +
        '055f68747470 045f746370 c012 0021 0001 00000001 0017 0001 0002 0050 03777777 076578616d706c65 036f7267 00',
    ),
  );
  t.end();
});

t.test('letters are kept, and two spellings are two names', (t) => {
  const question = { name: 'WwW.Example.org', type: 'A' };
  const message = {
    ...EMPTY,
    questions: [question],
    answers: [{ name: 'www.example.org', ttl: 1, type: 'A', address } as const],
  };
  const bytes = encodeDns(message, 'compressed');
  t.same(parseDns(bytes), message);
  t.equal(bytes.length, 12 + 17 + 4 + 4 + 8 + 2 + 14, 'of both, org is one');
  t.end();
});

t.test('a class that is not IN is kept', (t) => {
  const message = { ...EMPTY, questions: [{ name: 'version.bind', type: 'TXT', class: 3 }] };
  t.same(parseDns(encodeDns(message)), message);
  t.end();
});

t.test('names and types', (t) => {
  for (const name of ['.', 'a', 'a.b.', '_http._tcp.x', 'x'.repeat(63)]) t.ok(isDnsName(name), name);
  for (const name of ['..', 'a..b', '.a', 'x'.repeat(64), Array.from({ length: 50 }, () => 'label').join('.')])
    t.notOk(isDnsName(name), name);
  t.equal(dnsTypeNumber('HTTPS'), 65);
  t.equal(dnsTypeNumber('UNKNOWN_65280'), 65_280);
  t.equal(dnsTypeNumber('NOTHING'), 0);
  t.end();
});

const label = fc.string({ minLength: 1, maxLength: 20, unit: fc.constantFrom(...Array.from('abcXYZ019-_')) });
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));

t.test('any names survive, compressed or not, and compression makes nothing longer', (t) => {
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 12 }), (names) => {
      const answers = names.map((one, i): DnsRecord => ({ name: one, ttl: i, type: 'CNAME', target: names[0] ?? '' }));
      const message = { ...EMPTY, answers };
      const [plain, compressed] = [encodeDns(message), encodeDns(message, 'compressed')];
      t.strictSame(parseDns(plain), message);
      t.strictSame(parseDns(compressed), message);
      return compressed.length <= plain.length;
    }),
    { numRuns: 100 },
  );
  t.end();
});
