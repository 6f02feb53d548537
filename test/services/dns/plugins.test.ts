/** Plugins of CoreDNS beside `kubernetes`, one after another and together. */

import t from 'tap';
import { DNS_FLAG, encodeDns, parseDns } from '../../../src/packet/index.js';
import { CLUSTER, DnsWorld, linesOf, service } from './dns-world.js';

const block = (...lines: readonly string[]): string => `.:53 {\n${lines.map((line) => `  ${line}\n`).join('')}}\n`;

const WEB = service('web', { clusterIP: '10.96.0.20' });
const KUBERNETES = 'kubernetes cluster.local { \n ttl 30 \n }';

t.test('hosts: lines of the Corefile, a file, wildcards, reverse names', (t) => {
  const corefile = block(
    'hosts /etc/more example.org in-addr.arpa {',
    '192.0.2.10 www.example.org other.example.org',
    '2001:db8::1 www.example.org',
    '192.0.2.11 *.apps.example.org',
    '192.0.2.12 not.example.com',
    'ttl 60',
    'fallthrough in-addr.arpa',
    '}',
  );
  const dns = new DnsWorld(corefile, [], { files: { '/etc/more': '192.0.2.20 filed.example.org # told\n' } });
  t.same(dns.lines('www.example.org', 'A'), ['NOERROR', 'www.example.org. 60 IN A 192.0.2.10']);
  t.same(dns.lines('WWW.example.org', 'AAAA'), ['NOERROR', 'www.example.org. 60 IN AAAA 2001:db8::1']);
  t.same(dns.lines('filed.example.org', 'A'), ['NOERROR', 'filed.example.org. 60 IN A 192.0.2.20']);
  t.same(dns.lines('shop.apps.example.org', 'A'), ['NOERROR', 'shop.apps.example.org. 60 IN A 192.0.2.11']);
  t.same(dns.lines('deep.shop.apps.example.org', 'A'), ['SERVFAIL'], 'a star is one label');
  t.same(dns.lines('other.example.org', 'AAAA'), ['NOERROR'], 'the name exists');
  t.same(dns.lines('missing.example.org', 'A'), ['SERVFAIL'], 'there is no SOA to deny it with');
  t.same(dns.lines('not.example.com', 'A'), ['SERVFAIL'], 'outside its zones');
  t.same(dns.lines('10.2.0.192.in-addr.arpa', 'PTR').slice(0, 2), [
    'NOERROR',
    '10.2.0.192.in-addr.arpa. 60 IN PTR www.example.org.',
  ]);
  t.end();
});

const REWRITES: readonly (readonly [string, string, string])[] = [
  ['name exact old.example web.shop.svc.cluster.local', 'old.example', 'old.example. 30 IN A 10.96.0.20'],
  ['name old.example web.shop.svc.cluster.local', 'OLD.example', 'old.example. 30 IN A 10.96.0.20'],
  [
    'stop name suffix .shop.internal .shop.svc.cluster.local answer auto',
    'web.shop.internal',
    'web.shop.internal. 30 IN A 10.96.0.20',
  ],
  [
    'name suffix .shop.internal .shop.svc.cluster.local',
    'web.shop.internal',
    'web.shop.svc.cluster.local. 30 IN A 10.96.0.20',
  ],
  ['name prefix old web answer auto', 'old.shop.svc.cluster.local', 'old.shop.svc.cluster.local. 30 IN A 10.96.0.20'],
  [
    'name substring store.svc. shop.svc. answer auto',
    'web.store.svc.cluster.local',
    'web.store.svc.cluster.local. 30 IN A 10.96.0.20',
  ],
  [
    'name regex (.*)-([a-z]+)\\.internal\\.$ {1}.{2}.svc.cluster.local answer auto',
    'web-shop.internal',
    'web-shop.internal. 30 IN A 10.96.0.20',
  ],
  [
    'name regex (.*)\\.internal\\. {1}.shop.svc.cluster.local answer name (.*)\\.shop\\.svc\\.cluster\\.local\\. {1}.seen',
    'web.internal',
    'web.seen. 30 IN A 10.96.0.20',
  ],
  ['type TXT A', 'web.shop.svc.cluster.local TXT', 'web.shop.svc.cluster.local. 30 IN A 10.96.0.20'],
  ['ttl web.shop.svc.cluster.local 7', 'web.shop.svc.cluster.local', 'web.shop.svc.cluster.local. 7 IN A 10.96.0.20'],
  ['ttl suffix cluster.local 100-200', 'web.shop.svc.cluster.local', 'web.shop.svc.cluster.local. 100 IN A 10.96.0.20'],
  ['ttl regex .* -10', 'web.shop.svc.cluster.local', 'web.shop.svc.cluster.local. 10 IN A 10.96.0.20'],
];

for (const [rule, asked, answer] of REWRITES) {
  t.test(`rewrite ${rule}`, (t) => {
    const [name = '', type = 'A'] = asked.split(' ');
    const message = new DnsWorld(block(`rewrite ${rule}`, KUBERNETES), [WEB]).ask(name, type);
    t.same(linesOf(message), ['NOERROR', answer]);
    t.same(message.questions, [{ name, type }], 'the question is what was asked');
    t.end();
  });
}

t.test('rewrite: a CNAME in the answer is turned back; later rules see what `continue` left', (t) => {
  const alias = service('alias', { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local', ports: [] });
  const dns = new DnsWorld(block('rewrite name suffix .old. .cluster.local. answer auto', KUBERNETES), [WEB, alias]);
  t.same(dns.lines('alias.shop.svc.old', 'A').slice(1), [
    'alias.shop.svc.old. 30 IN CNAME web.shop.svc.old.',
    'web.shop.svc.old. 30 IN A 10.96.0.20',
  ]);
  const twice = new DnsWorld(
    block(
      'rewrite continue name one.example two.example',
      'rewrite name two.example web.shop.svc.cluster.local',
      KUBERNETES,
    ),
    [WEB],
  );
  t.same(twice.lines('one.example', 'A').slice(1), ['one.example. 30 IN A 10.96.0.20']);
  const once = new DnsWorld(
    block(
      'rewrite stop name one.example two.example',
      'rewrite name two.example web.shop.svc.cluster.local',
      KUBERNETES,
    ),
    [WEB],
  );
  t.same(once.lines('one.example', 'A'), ['SERVFAIL']);
  const coded = new DnsWorld(block('rewrite rcode regex .* SERVFAIL NXDOMAIN', KUBERNETES), []);
  t.same(coded.lines('www.example.com', 'A'), ['NXDOMAIN']);
  t.end();
});

t.test('template: records of the question’s own words', (t) => {
  const corefile = block(
    'template IN A node.example {',
    'match ^ip-(?P<a>[0-9]*)-(?P<b>[0-9]*)\\.node\\.example\\.$',
    'answer "{{ .Name }} 60 IN A 192.0.{{ .Group.a }}.{{ .Group.b }}"',
    'authority "node.example. 60 IN NS ns.node.example."',
    'additional "ns.node.example. 60 IN A 192.0.2.53"',
    'fallthrough',
    '}',
    'template ANY ANY gone.example {',
    'rcode NXDOMAIN',
    'authority "{{ .Zone }} 60 IN SOA ns.gone.example. host.gone.example. 1 2 3 4 5"',
    '}',
    'template IN A alias.example {',
    'answer "{{ index .Match 0 }} 30 IN CNAME ip-1-2.node.example."',
    '}',
  );
  const dns = new DnsWorld(corefile, []);
  t.same(dns.lines('ip-2-33.node.example', 'A'), [
    'NOERROR',
    'ip-2-33.node.example. 60 IN A 192.0.2.33',
    'authority node.example. 60 IN NS ns.node.example.',
    'additional ns.node.example. 60 IN A 192.0.2.53',
  ]);
  t.same(dns.lines('ip-2-999.node.example', 'A'), ['SERVFAIL'], 'no address comes of it');
  t.same(dns.lines('www.node.example', 'A'), ['SERVFAIL'], 'falls through to nothing');
  t.same(dns.lines('any.gone.example', 'TXT'), [
    'NXDOMAIN',
    'authority gone.example. 60 IN SOA ns.gone.example. host.gone.example. 1 2 3 4 5',
  ]);
  t.same(dns.lines('x.alias.example', 'A'), [
    'NOERROR',
    'x.alias.example. 30 IN CNAME ip-1-2.node.example.',
    'ip-1-2.node.example. 60 IN A 192.0.1.2',
  ]);
  t.end();
});

t.test('cache: TTLs go down, denials and answers have limits of their own, and zones may be left out', (t) => {
  const dns = new DnsWorld(block('cache 20 {', 'denial 100 8 2', '}', KUBERNETES), [WEB]);
  t.match(dns.lines('web.shop.svc.cluster.local', 'A')[1], ' 20 IN A ', 'no more than the cache keeps');
  dns.store.delete('Service', 'shop', 'web');
  dns.emulation.advance(13e9);
  t.same(dns.lines('WEB.shop.svc.cluster.local', 'A'), ['NOERROR', 'web.shop.svc.cluster.local. 7 IN A 10.96.0.20']);
  dns.emulation.advance(7e9);
  t.match(dns.lines('web.shop.svc.cluster.local', 'A'), ['NXDOMAIN', / 8 IN SOA /]);
  t.end();
});

t.test('cache: a hit is authoritative and of the asker’s id; `disable` keeps a zone out; `keepttl` keeps TTLs', (t) => {
  const kept = new DnsWorld(block('cache {', 'keepttl', '}', KUBERNETES), [WEB]);
  kept.ask('web.shop.svc.cluster.local', 'A');
  kept.emulation.advance(10e9);
  const hit = kept.ask('web.shop.svc.cluster.local', 'A', { change: (message) => ({ ...message, id: 99 }) });
  t.equal(hit.id, 99);
  t.equal(hit.flags & DNS_FLAG.authoritative, DNS_FLAG.authoritative);
  t.match(linesOf(hit)[1], ' 30 IN A ');
  const off = new DnsWorld(block('cache 30 {', 'disable success cluster.local', '}', KUBERNETES), [WEB]);
  off.ask('web.shop.svc.cluster.local', 'A');
  off.store.delete('Service', 'shop', 'web');
  t.equal(off.lines('web.shop.svc.cluster.local', 'A')[0], 'NXDOMAIN');
  t.end();
});

t.test('loadbalance: the same records in every order', (t) => {
  const addresses = Array.from({ length: 3 }, (_, i) => `192.0.2.${i} many.example`);
  const dns = new DnsWorld(block('loadbalance', 'hosts {', ...addresses, '}'), []);
  const orders = new Set(Array.from({ length: 60 }, () => dns.lines('many.example', 'A').join()));
  t.equal(orders.size, 6);
  t.end();
});

t.test('the closest zone answers; a server block without it refuses; ports are servers of their own', (t) => {
  const dns = new DnsWorld(
    'example.org {\n hosts {\n 192.0.2.1 a.example.org a.sub.example.org\n }\n}\nsub.example.org, 2.0.192.in-addr.arpa {\n hosts {\n 192.0.2.2 a.sub.example.org\n }\n}\n.:5353 {\n hosts {\n 192.0.2.3 a.example.org\n }\n}\n',
    [],
  );
  t.match(dns.lines('a.example.org', 'A')[1], '192.0.2.1');
  t.match(dns.lines('a.sub.example.org', 'A')[1], '192.0.2.2');
  t.same(dns.lines('a.example.com', 'A'), ['REFUSED']);
  t.same([...dns.coreDns.servers.keys()], [53, 5353]);
  t.end();
});

t.test('EDNS: the size and cookie of the question come back, another version is refused', (t) => {
  const dns = new DnsWorld(CLUSTER, [WEB]);
  const cookie = Uint8Array.of(0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8);
  const subnet = Uint8Array.of(0, 8, 0, 4, 0, 1, 0, 0);
  const opt = {
    name: '.',
    ttl: 0,
    type: 'OPT',
    udpPayloadSize: 1232,
    dnssecOk: true,
    options: Uint8Array.of(...cookie, ...subnet),
  } as const;
  const answer = dns.ask('web.shop.svc.cluster.local', 'A', {
    change: (message) => ({ ...message, additionals: [opt] }),
  });
  t.same(answer.additionals, [{ ...opt, options: cookie }]);
  const later = dns.ask('web.shop.svc.cluster.local', 'A', {
    change: (message) => ({ ...message, additionals: [{ ...opt, version: 1 }] }),
  });
  t.equal(later.rcode, 0);
  t.match(later.additionals, [{ type: 'OPT', extendedRcode: 1 }]);
  t.same(dns.ask('web.shop.svc.cluster.local', 'A').additionals, [], 'no EDNS without being asked');
  t.end();
});

t.test('what is no question is refused, or not answered at all', (t) => {
  const dns = new DnsWorld(CLUSTER, [WEB]);
  const query = {
    id: 9,
    flags: 0x0100,
    opcode: 0,
    rcode: 0,
    questions: [{ name: 'a.example', type: 'A' }],
    answers: [],
    authorities: [],
    additionals: [],
  };
  const code = (message: typeof query): number | undefined => {
    const bytes = dns.bytes(encodeDns(message));
    return bytes && parseDns(bytes)?.rcode;
  };
  t.equal(code({ ...query, opcode: 5 }), 4);
  t.equal(code({ ...query, questions: [] }), 1);
  t.equal(code({ ...query, questions: [...query.questions, ...query.questions] }), 1);
  t.equal(code({ ...query, flags: 0x8000 }), undefined);
  t.equal(dns.bytes(new Uint8Array(5)), undefined);
  t.equal(
    dns.ask('version.bind', 'TXT', {
      change: (m) => ({ ...m, questions: [{ name: 'version.bind', type: 'TXT', class: 3 }] }),
    }).rcode,
    5,
  );
  t.end();
});

t.test('an answer that is too long is cut over UDP, fits with EDNS, and is whole over TCP', (t) => {
  const addresses = Array.from({ length: 100 }, (_, i) => `192.0.2.${i} many.example.org`);
  const dns = new DnsWorld(block('hosts {', ...addresses, '}'), []);
  const sizes = (edns: number | undefined, protocol: 'udp' | 'tcp') => {
    const additionals = edns === undefined ? [] : [{ name: '.', ttl: 0, type: 'OPT', udpPayloadSize: edns } as const];
    const query = {
      id: 9,
      flags: 0x0100,
      opcode: 0,
      rcode: 0,
      questions: [{ name: 'many.example.org', type: 'A' }],
      answers: [],
      authorities: [],
      additionals,
    };
    const bytes = dns.bytes(encodeDns(query), protocol) ?? new Uint8Array(0);
    const message = parseDns(bytes);
    return {
      octets: bytes.length,
      answers: message?.answers.length,
      cut: ((message?.flags ?? 0) & DNS_FLAG.truncated) !== 0,
    };
  };
  // The header has 12 octets, the question 22, a compressed record 16.
  t.same(sizes(undefined, 'udp'), { octets: 12 + 22 + 29 * 16, answers: 29, cut: true });
  t.same(sizes(1232, 'udp'), { octets: 12 + 22 + 74 * 16 + 11, answers: 74, cut: true });
  t.same(sizes(4096, 'udp'), { octets: 12 + 22 + 100 * 16 + 11, answers: 100, cut: false }, 'compressed above 1480');
  t.same(sizes(undefined, 'tcp'), { octets: 12 + 22 + 100 * 32, answers: 100, cut: false }, 'plain over TCP');
  t.end();
});
