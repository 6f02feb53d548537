/** The stub resolver against servers that a test decides: what is asked, of whom, when, and what comes of it. */

import t from 'tap';
import {
  type DnsMessage,
  DNS_FLAG,
  type DnsRecord,
  encodeDns,
  formatIpv4,
  ipv4,
  parseDns,
  parseIpv4,
  parseIpv6,
} from '../../../src/packet/index.js';
import { Emulation, Host, NS_PER_S } from '../../../src/kernel/index.js';
import { formatIp } from '../../../src/kubernetes/index.js';
import { parseResolvConf, type Resolution, StubResolver } from '../../../src/services/index.js';

const ip = (text: string) => parseIpv4(text) ?? ipv4(0);

/** What a server says to a question; `silent` says nothing, and a name that it does not list does not exist. */
type Zone = Readonly<Record<string, readonly string[] | 'servfail' | 'refused' | 'silent' | 'cut'>>;

interface Served {
  readonly queries: string[];
  /** Ports that datagrams came from. */
  readonly ports: Set<number>;
}

/** A server on an address of the loopback. */
function serve(host: Host, address: string, zone: Zone): Served {
  const served: Served = { queries: [], ports: new Set() };
  const answer = (bytes: Uint8Array, protocol: 'udp' | 'tcp'): Uint8Array | undefined => {
    const query = parseDns(bytes);
    const [question] = query?.questions ?? [];
    if (query === undefined || question === undefined) return undefined;
    const seconds = host.emulation.clock.nowNs / NS_PER_S;
    served.queries.push(`${seconds.toFixed(0)}s ${protocol} ${question.type} ${question.name}`);
    const found = zone[`${question.name} ${question.type}`] ?? zone[question.name];
    if (found === 'silent') return undefined;
    const base: DnsMessage = { ...query, flags: DNS_FLAG.response | DNS_FLAG.recursionAvailable, additionals: [] };
    if (found === undefined) return encodeDns({ ...base, rcode: 3 });
    if (found === 'servfail') return encodeDns({ ...base, rcode: 2 });
    if (found === 'refused') return encodeDns({ ...base, rcode: 5 });
    if (found === 'cut' && protocol === 'udp') return encodeDns({ ...base, flags: base.flags | DNS_FLAG.truncated });
    const texts = found === 'cut' ? ['192.0.2.99'] : found;
    const answers = texts.flatMap((text): DnsRecord[] => {
      const parsed = parseIpv4(text);
      if (parsed !== undefined)
        return question.type === 'A' ? [{ name: question.name, ttl: 1, type: 'A', address: parsed }] : [];
      const six = parseIpv6(text);
      if (six !== undefined)
        return question.type === 'AAAA' ? [{ name: question.name, ttl: 1, type: 'AAAA', address: six }] : [];
      return [{ name: question.name, ttl: 1, type: 'CNAME', target: text }];
    });
    return encodeDns({ ...base, answers });
  };
  const { sockets } = host.netns;
  const udp = sockets.listen({
    protocol: 'udp',
    address: ip(address),
    port: 53,
    onMessage: (bytes, from) => {
      served.ports.add(from.port);
      const reply = answer(bytes, 'udp');
      if (reply !== undefined) udp.sendTo(reply, from.source, from.port);
    },
  });
  sockets.listen({
    protocol: 'tcp',
    address: ip(address),
    port: 53,
    onConnection: (connection) => {
      connection.onData = (bytes) => {
        const reply = answer(bytes.subarray(2), 'tcp');
        if (reply !== undefined) connection.send(Uint8Array.of(reply.length >> 8, reply.length & 255, ...reply));
      };
      connection.onEnd = () => connection.end();
    },
  });
  return served;
}

function setUp(conf: string, zones: Readonly<Record<string, Zone>>, hosts = '127.0.0.1 localhost\n') {
  const host = new Host(new Emulation(), 'h');
  const { links } = host.netns;
  links.set(links.require('lo'), { up: true });
  const servers = Object.fromEntries(
    Object.entries(zones).map(([address, zone]) => [address, serve(host, address, zone)]),
  );
  const files: Readonly<Record<string, string>> = { '/etc/resolv.conf': conf, '/etc/hosts': hosts };
  const resolver = new StubResolver({
    netns: host.netns,
    readFile: (path) => files[path],
    hostname: 'h',
    process: 'test',
  });
  const wait = (start: (done: (given: Resolution) => void) => void): string => {
    let found: Resolution | undefined;
    start((given) => {
      found = given;
    });
    host.emulation.run(() => found !== undefined, 1_000 * NS_PER_S);
    const seconds = Math.round(host.emulation.clock.nowNs / NS_PER_S);
    if (found === undefined) return 'nothing';
    return found.kind === 'failed'
      ? `${found.why} after ${seconds}s`
      : `${found.canonicalName} ${found.addresses.map(formatIp).join(' ')}`;
  };
  return { host, resolver, servers, wait, find: (name: string) => wait((done) => resolver.addressesOf(name, done)) };
}

const SERVER = '127.0.0.53';
const CONF = `search a.example b.example\nnameserver ${SERVER}\noptions ndots:2\n`;
const both = (name: string): string[] => [`0s udp A ${name}`, `0s udp AAAA ${name}`];

t.test('resolv.conf: the last search, three servers, bounded options, the domain of the host', (t) => {
  const conf = parseResolvConf(
    '# nameserver 1.1.1.1\n nameserver 9.9.9.9\nnameserver 10.0.0.1\nnameserver fd00::1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nsearch x y\ndomain z.\noptions ndots:99 timeout:2 attempts:9\noptions rotate use-vc\n',
  );
  t.same(conf.servers.map(formatIpv4), ['10.0.0.1', '10.0.0.2']);
  t.match(conf, {
    search: ['z'],
    ndots: 15,
    timeoutSeconds: 2,
    attempts: 5,
    rotate: true,
    useTcp: true,
    singleRequest: false,
  });
  t.match(parseResolvConf('', 'web.shop.example'), {
    search: ['shop.example'],
    ndots: 1,
    timeoutSeconds: 5,
    attempts: 2,
  });
  t.same(parseResolvConf('').servers.map(formatIpv4), ['127.0.0.1']);
  t.end();
});

t.test('a name with few dots goes through the search list first, one with many is asked for as it is first', (t) => {
  const few = setUp(CONF, { [SERVER]: { 'web.b.example': ['192.0.2.1'] } });
  t.equal(few.find('web'), 'web.b.example 192.0.2.1');
  t.same(few.servers[SERVER]?.queries, [...both('web.a.example'), ...both('web.b.example')]);
  t.equal(few.servers[SERVER]?.ports.size, 2, 'A and AAAA of a name leave from one port');
  const many = setUp(CONF, { [SERVER]: { 'www.x.example': ['192.0.2.2'] } });
  t.equal(many.find('www.x.example'), 'www.x.example 192.0.2.2');
  t.same(many.servers[SERVER]?.queries, both('www.x.example'));
  const listed = setUp(CONF, { [SERVER]: { 'www.x.y.a.example': ['192.0.2.3'] } });
  t.equal(listed.find('www.x.y'), 'www.x.y.a.example 192.0.2.3');
  t.same(listed.servers[SERVER]?.queries, [...both('www.x.y'), ...both('www.x.y.a.example')]);
  const last = setUp(CONF, { [SERVER]: { plain: ['192.0.2.4'] } });
  t.equal(last.find('plain'), 'plain 192.0.2.4');
  t.same(last.servers[SERVER]?.queries, [...both('plain.a.example'), ...both('plain.b.example'), ...both('plain')]);
  const absolute = setUp(CONF, { [SERVER]: {} });
  t.equal(absolute.find('plain.'), 'HOST_NOT_FOUND after 0s');
  t.same(absolute.servers[SERVER]?.queries, both('plain'));
  t.end();
});

t.test('a name that exists and has no addresses says so', (t) => {
  const { find } = setUp(CONF, { [SERVER]: { 'web.a.example': [] } });
  t.equal(find('web'), 'NO_DATA after 0s');
  t.end();
});

t.test('silence: two attempts of five seconds each, and then the name as it is', (t) => {
  const { find, servers } = setUp(CONF, { [SERVER]: { 'web.a.example': 'silent', web: 'silent' } });
  t.equal(find('web'), 'TRY_AGAIN after 20s');
  t.same(servers[SERVER]?.queries, [
    ...both('web.a.example'),
    '5s udp A web.a.example',
    '5s udp AAAA web.a.example',
    '10s udp A web',
    '10s udp AAAA web',
    '15s udp A web',
    '15s udp AAAA web',
  ]);
  t.end();
});

t.test('options timeout and attempts; the second server has the longer time, shared', (t) => {
  const conf = 'nameserver 127.0.0.53\nnameserver 127.0.0.54\noptions timeout:2 attempts:1\n';
  const { find, servers } = setUp(conf, { '127.0.0.53': { web: 'silent' }, '127.0.0.54': { web: 'silent' } });
  t.equal(find('web'), 'TRY_AGAIN after 4s');
  t.same(servers['127.0.0.54']?.queries, ['2s udp A web', '2s udp AAAA web']);
  t.end();
});

t.test('a server that refuses, fails or is not there leads to the next', (t) => {
  const conf = 'nameserver 127.0.0.52\nnameserver 127.0.0.53\nnameserver 127.0.0.54\n';
  const { find, servers } = setUp(conf, { '127.0.0.53': { web: 'servfail' }, '127.0.0.54': { web: ['192.0.2.5'] } });
  t.equal(find('web'), 'web 192.0.2.5');
  t.same(servers['127.0.0.53']?.queries[0], '0s udp A web');
  const alone = setUp('nameserver 127.0.0.53\n', { '127.0.0.53': { web: 'refused' } });
  t.equal(alone.find('web'), 'TRY_AGAIN after 0s');
  const nobody = setUp('search a.example\nnameserver 127.0.0.99\noptions ndots:2', {});
  t.equal(nobody.find('web'), 'TRY_AGAIN after 0s');
  t.equal(nobody.resolver.queries.filter(({ name }) => name === 'web').length, 0, 'with nobody there the search ends');
  t.end();
});

const [FOUR, SIX] = ['192.0.2.1', '2001:db8::1'];
const NEXT = 'web 192.0.2.2';
type Says = Zone[string] | undefined;

/** A, AAAA, what comes of them where the server is the only one, and what where another knows the name: as glibc 2.36 does. */
const HALVES: readonly (readonly [a: Says, aaaa: Says, alone: string, withNext: string])[] = [
  ['servfail', 'servfail', 'TRY_AGAIN after 0s', NEXT],
  ['servfail', 'refused', 'TRY_AGAIN after 0s', NEXT],
  [[FOUR], 'servfail', `web ${FOUR}`, `web ${FOUR}`],
  ['servfail', [SIX], `web ${SIX}`, `web ${SIX}`],
  ['servfail', [], 'NO_DATA after 0s', 'NO_DATA after 0s'],
  [[], 'servfail', 'NO_DATA after 0s', 'NO_DATA after 0s'],
  ['refused', [], 'NO_DATA after 0s', 'NO_DATA after 0s'],
  ['servfail', undefined, 'HOST_NOT_FOUND after 0s', 'HOST_NOT_FOUND after 0s'],
  ['servfail', 'silent', 'TRY_AGAIN after 2s', NEXT],
  ['silent', 'servfail', 'TRY_AGAIN after 2s', NEXT],
];

t.test('of A and AAAA one answer is enough; only where both are of no use the next server is asked', (t) => {
  const options = 'options timeout:1 attempts:2\n';
  for (const [a, aaaa, alone, withNext] of HALVES) {
    const says = JSON.stringify([a, aaaa]);
    const zone: Zone = { ...(a && { 'web A': a }), ...(aaaa && { 'web AAAA': aaaa }) };
    const one = setUp(`nameserver 127.0.0.53\n${options}`, { '127.0.0.53': zone });
    t.equal(one.find('web'), alone, says);
    t.equal(one.servers['127.0.0.53']?.queries.length, alone.startsWith('TRY_AGAIN') ? 4 : 2, says);
    const two = setUp(`nameserver 127.0.0.53\nnameserver 127.0.0.54\n${options}`, {
      '127.0.0.53': zone,
      '127.0.0.54': { web: ['192.0.2.2'] },
    });
    t.equal(two.find('web'), withNext, says);
  }
  const single = setUp(`nameserver 127.0.0.53\noptions single-request ${options.slice(8)}`, {
    '127.0.0.53': { 'web A': 'servfail', 'web AAAA': [SIX] },
  });
  t.equal(single.find('web'), 'TRY_AGAIN after 0s', 'AAAA is not asked for at all');
  t.same(single.servers['127.0.0.53']?.queries, ['0s udp A web', '0s udp A web']);
  t.end();
});

t.test('half a SERVFAIL is no end of the search list, and at its end the emptiness counts', (t) => {
  const halves: Zone = { 'web.a.example A': 'servfail', 'web.a.example AAAA': [] };
  const goesOn = setUp(CONF, { [SERVER]: { ...halves, 'web.b.example': [FOUR] } });
  t.equal(goesOn.find('web'), `web.b.example ${FOUR}`);
  t.equal(setUp(CONF, { [SERVER]: halves }).find('web'), 'NO_DATA after 0s');
  t.equal(setUp(CONF, { [SERVER]: { 'web.a.example': 'servfail' } }).find('web'), 'TRY_AGAIN after 0s');
  t.end();
});

t.test('SERVFAIL goes on with the search list', (t) => {
  const { find, servers } = setUp(CONF, { [SERVER]: { 'web.a.example': 'servfail', 'web.b.example': ['192.0.2.6'] } });
  t.equal(find('web'), 'web.b.example 192.0.2.6');
  t.equal(servers[SERVER]?.queries.filter((query) => query.endsWith('web.b.example')).length, 2);
  t.end();
});

t.test('half an answer: one question at a time from then on', (t) => {
  const { find, servers } = setUp('nameserver 127.0.0.53\noptions timeout:1\n', {
    [SERVER]: { 'web A': ['192.0.2.7'], 'web AAAA': 'silent' },
  });
  t.equal(find('web'), 'web 192.0.2.7');
  t.same(servers[SERVER]?.queries, [
    '0s udp A web',
    '0s udp AAAA web',
    '1s udp A web',
    '1s udp AAAA web',
    '2s udp A web',
    '2s udp AAAA web',
  ]);
  t.end();
});

t.test('what is cut is asked for by TCP; use-vc begins there', (t) => {
  const cut = setUp('nameserver 127.0.0.53\n', { [SERVER]: { web: 'cut' } });
  t.equal(cut.find('web'), 'web 192.0.2.99');
  t.ok(cut.servers[SERVER]?.queries.includes('0s tcp A web'));
  const tcp = setUp('nameserver 127.0.0.53\noptions use-vc\n', { [SERVER]: { web: ['192.0.2.8'] } });
  t.equal(tcp.find('web'), 'web 192.0.2.8');
  t.same(tcp.servers[SERVER]?.queries, ['0s tcp A web', '0s tcp AAAA web']);
  t.end();
});

t.test('/etc/hosts comes first, addresses need nobody, and a pointer leads back', (t) => {
  const { find, servers, wait, resolver } = setUp(
    CONF,
    { [SERVER]: {} },
    '192.0.2.10 db.example db # told\n2001:db8::1 db\n',
  );
  t.equal(find('DB'), 'db.example 192.0.2.10 2001:db8::1');
  t.equal(find('192.0.2.77'), '192.0.2.77 192.0.2.77');
  t.same(servers[SERVER]?.queries, []);
  t.equal(
    wait((done) => resolver.namesOf(ip('192.0.2.10'), done)),
    'db.example 192.0.2.10',
  );
  t.equal(
    wait((done) => resolver.namesOf(ip('192.0.2.11'), done)),
    'HOST_NOT_FOUND after 0s',
  );
  t.same(servers[SERVER]?.queries, ['0s udp PTR 11.2.0.192.in-addr.arpa']);
  t.end();
});

t.test('single-request waits for A before it asks for AAAA; no-aaaa never does', (t) => {
  const one = setUp('nameserver 127.0.0.53\noptions single-request\n', { [SERVER]: { 'web A': 'silent' } });
  t.equal(one.find('web'), 'TRY_AGAIN after 10s');
  t.same(one.servers[SERVER]?.queries, ['0s udp A web', '5s udp A web']);
  const four = setUp('nameserver 127.0.0.53\noptions no-aaaa\n', { [SERVER]: { web: ['192.0.2.8'] } });
  t.equal(four.find('web'), 'web 192.0.2.8');
  t.same(four.servers[SERVER]?.queries, ['0s udp A web']);
  t.end();
});
