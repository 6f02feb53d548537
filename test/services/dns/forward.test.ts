/** The plugin `forward`, by packets over the loopback: which upstream is asked, when, and what comes back. */

import t from 'tap';
import { NS_PER_S } from '../../../src/kernel/index.js';
import { DNS_FLAG, type DnsMessage, encodeDns, ipv4, parseDns, parseIpv4 } from '../../../src/packet/index.js';
import { DnsWorld, service } from './dns-world.js';

const ip = (text: string) => parseIpv4(text) ?? ipv4(0);

type Say = (query: DnsMessage) => DnsMessage | undefined;

/** A world whose upstreams are on 192.0.2.x, addresses of its own loopback device. */
function world(
  lines: readonly string[],
  upstreams: Readonly<Record<string, Say>>,
  objects: readonly object[] = [],
  files: Readonly<Record<string, string>> = {},
) {
  const dns = new DnsWorld(`. {\n${lines.join('\n')}\n}\n`, objects, { files });
  const { links, fib, sockets } = dns.host.netns;
  const lo = links.require('lo');
  links.set(lo, { up: true });
  const asked: string[] = [];
  for (const last of ['1', '2', '3', '9']) fib.addAddress(lo, { address: ip(`192.0.2.${last}`), prefixLength: 32 });
  for (const [address, say] of Object.entries(upstreams)) {
    const socket = sockets.listen({
      protocol: 'udp',
      address: ip(address),
      port: 53,
      onMessage: (bytes, from) => {
        const query = parseDns(bytes);
        if (query === undefined) return;
        asked.push(
          `${(dns.emulation.clock.nowNs / NS_PER_S).toFixed(1)} ${address} ${query.questions[0]?.type} ${query.questions[0]?.name}`,
        );
        const reply = say(query);
        if (reply !== undefined) socket.sendTo(encodeDns(reply), from.source, from.port);
      },
    });
  }
  return { dns, asked };
}

const answer =
  (text: string): Say =>
  (query) => ({
    ...query,
    flags: DNS_FLAG.response | DNS_FLAG.recursionDesired | DNS_FLAG.recursionAvailable,
    answers: [{ name: query.questions[0]?.name ?? '', ttl: 77, type: 'A', address: ip(text) }],
  });
const code =
  (rcode: number): Say =>
  (query) => ({ ...query, flags: DNS_FLAG.response, rcode });
const silence: Say = () => undefined;

t.test('a question goes out under another id and comes back under its own, as the upstream says it', (t) => {
  const { dns } = world(['forward . 192.0.2.1'], { '192.0.2.1': answer('203.0.113.1') });
  const message = dns.ask('www.example.com', 'A');
  t.equal(message.id, 7);
  t.equal(message.flags, DNS_FLAG.response | DNS_FLAG.recursionDesired | DNS_FLAG.recursionAvailable);
  t.same(dns.lines('www.example.com', 'A'), ['NOERROR', 'www.example.com. 77 IN A 203.0.113.1']);
  t.end();
});

t.test('a file of name servers; names that are not for it', (t) => {
  const { dns, asked } = world(
    ['forward example.com /etc/up.conf {', 'except inside.example.com', '}'],
    { '192.0.2.1': answer('203.0.113.1') },
    [],
    { '/etc/up.conf': '# servers\nsearch x\nnameserver 192.0.2.1\n' },
  );
  t.equal(dns.lines('www.example.com', 'A')[0], 'NOERROR');
  t.same(dns.lines('a.inside.example.com', 'A'), ['SERVFAIL']);
  t.same(dns.lines('www.example.org', 'A'), ['SERVFAIL']);
  t.equal(asked.length, 1);
  t.end();
});

t.test('a silent upstream is waited for two seconds, twice, and looked after', (t) => {
  const { dns, asked } = world(['forward . 192.0.2.1'], { '192.0.2.1': silence });
  t.same(dns.lines('www.example.com', 'A'), ['SERVFAIL']);
  t.equal(dns.emulation.clock.nowNs / NS_PER_S, 4);
  t.same(asked, [
    '0.0 192.0.2.1 A www.example.com',
    '2.0 192.0.2.1 NS .',
    '2.0 192.0.2.1 A www.example.com',
    '4.0 192.0.2.1 NS .',
  ]);
  t.end();
});

t.test('policy sequential asks the first that is up; the second where it is silent', (t) => {
  const { dns, asked } = world(['forward . 192.0.2.1 192.0.2.2 {', 'policy sequential', 'max_fails 1', '}'], {
    '192.0.2.1': silence,
    '192.0.2.2': answer('203.0.113.2'),
  });
  t.match(dns.lines('www.example.com', 'A')[1], '203.0.113.2');
  t.equal(dns.emulation.clock.nowNs / NS_PER_S, 2);
  dns.emulation.advance(NS_PER_S);
  asked.length = 0;
  dns.ask('again.example.com', 'A');
  t.equal(asked.at(-1), '3.0 192.0.2.2 A again.example.com', 'one that is down is not asked');
  t.end();
});

t.test('nobody on the port is known at once', (t) => {
  const { dns } = world(['forward . 192.0.2.9 192.0.2.2 {', 'policy sequential', '}'], {
    '192.0.2.2': answer('203.0.113.2'),
  });
  t.match(dns.lines('www.example.com', 'A')[1], '203.0.113.2');
  t.ok(dns.emulation.clock.nowNs < NS_PER_S);
  t.end();
});

t.test('round_robin begins with the next each time; failover goes on by code', (t) => {
  const robin = world(['forward . 192.0.2.1 192.0.2.2 {', 'policy round_robin', '}'], {
    '192.0.2.1': answer('203.0.113.1'),
    '192.0.2.2': answer('203.0.113.2'),
  });
  for (let i = 0; i < 4; i += 1) robin.dns.ask('www.example.com', 'A');
  t.same(
    robin.asked.map((one) => one.split(' ')[1]),
    ['192.0.2.2', '192.0.2.1', '192.0.2.2', '192.0.2.1'],
  );
  const failover = world(['forward . 192.0.2.1 192.0.2.2 {', 'policy sequential', 'failover servfail refused', '}'], {
    '192.0.2.1': code(5),
    '192.0.2.2': answer('203.0.113.2'),
  });
  t.match(failover.dns.lines('www.example.com', 'A')[1], '203.0.113.2');
  t.end();
});

t.test('`next` leads to the next forward of the block', (t) => {
  const { dns } = world(['forward . 192.0.2.1 {', 'next NXDOMAIN', '}', 'forward . 192.0.2.2'], {
    '192.0.2.1': code(3),
    '192.0.2.2': answer('203.0.113.2'),
  });
  t.match(dns.lines('www.example.com', 'A')[1], '203.0.113.2');
  t.end();
});

t.test('an answer to something else is a format error', (t) => {
  const { dns } = world(['forward . 192.0.2.1'], {
    '192.0.2.1': (query) => ({ ...query, flags: DNS_FLAG.response, questions: [{ name: 'evil.example', type: 'A' }] }),
  });
  t.same(dns.lines('www.example.com', 'A'), ['FORMERR']);
  t.end();
});

t.test('max_concurrent refuses what is too much', (t) => {
  const { dns } = world(['forward . 192.0.2.1 {', 'max_concurrent 1', '}'], { '192.0.2.1': silence });
  const query = {
    id: 1,
    flags: 0x0100,
    opcode: 0,
    rcode: 0,
    questions: [{ name: 'a.example', type: 'A' }],
    answers: [],
    authorities: [],
    additionals: [],
  };
  const codes: (number | undefined)[] = [];
  for (let i = 0; i < 2; i += 1)
    dns.coreDns.servers
      .get(53)
      ?.serve(encodeDns(query), { address: ip('192.0.2.9'), protocol: 'udp' }, (bytes) =>
        codes.push(parseDns(bytes)?.rcode),
      );
  dns.emulation.run(() => codes.length === 2, 60 * NS_PER_S);
  t.same(codes, [5, 2]);
  t.end();
});

t.test('ExternalName and reverse names fall through to it; the cache spares it', (t) => {
  const alias = service('api', { type: 'ExternalName', externalName: 'www.example.com', ports: [] });
  const { dns, asked } = world(
    ['kubernetes cluster.local in-addr.arpa {', 'fallthrough in-addr.arpa', '}', 'forward . 192.0.2.1', 'cache 30'],
    { '192.0.2.1': answer('203.0.113.1') },
    [alias],
  );
  t.same(dns.lines('api.shop.svc.cluster.local', 'A'), [
    'NOERROR',
    'api.shop.svc.cluster.local. 5 IN CNAME www.example.com.',
    'www.example.com. 5 IN A 203.0.113.1',
  ]);
  t.match(dns.lines('www.example.com', 'A')[1], ' 30 IN A ', 'as long as the cache keeps it');
  dns.ask('1.2.0.192.in-addr.arpa', 'PTR');
  t.same(
    asked.map((one) => one.slice(4)),
    ['192.0.2.1 A www.example.com', '192.0.2.1 PTR 1.2.0.192.in-addr.arpa'],
  );
  t.end();
});
