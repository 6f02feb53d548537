/** What routing decides, without a kernel to ask: golden answers, and what the real one keeps to itself. */

import * as fc from 'fast-check';
import t from 'tap';
import {
  type Flow4,
  formatRoute,
  type FibRoute,
  NetlinkError,
  type RouteResult,
} from '../../../src/kernel/fib/index.js';
import { NS_PER_S } from '../../../src/kernel/clock.js';
import { type Ipv4Addr, ipv4, ipv4Network, prefixContains } from '../../../src/packet/index.js';
import { FakeNetns, ip, net, netnsWith } from './fake-netns.js';
import { runIp } from './ip-command.js';

const ANY = ip('0.0.0.0');

const run = (netns: FakeNetns, ...commands: readonly string[]): void => {
  for (const command of commands) {
    const printed = runIp(command, netns);
    if (printed !== '') throw new Error(`${command}: ${printed}`);
  }
};

const route = (outcome: RouteResult | string): RouteResult => {
  if (typeof outcome === 'string') throw new Error(`no route: ${outcome}`);
  return outcome;
};

t.test('a route prints as ip route show prints it', (test) => {
  const netns = netnsWith('10.0.0.1/24', '10.1.0.1/24');
  run(
    netns,
    'ip route add default via 10.0.0.2 proto dhcp metric 100',
    'ip route add 169.254.1.1 dev v1 scope link',
    'ip route add 172.16.0.0/12 via 10.9.9.9 dev v0 onlink proto 80',
    'ip route add blackhole 10.244.0.0/26 proto 80',
    'ip route add 10.244.1.0/26 proto bird nexthop via 10.0.0.3 weight 2 nexthop via 10.1.0.3 weight 1',
  );
  test.same(netns.fib.listRoutes(254), [
    'default via 10.0.0.2 dev v0 proto dhcp metric 100 ',
    '10.0.0.0/24 dev v0 proto kernel scope link src 10.0.0.1 ',
    '10.1.0.0/24 dev v1 proto kernel scope link src 10.1.0.1 ',
    'blackhole 10.244.0.0/26 proto 80 ',
    '10.244.1.0/26 proto bird \n\tnexthop via 10.0.0.3 dev v0 weight 2 \n\tnexthop via 10.1.0.3 dev v1 weight 1 ',
    '169.254.1.1 dev v1 scope link ',
    '172.16.0.0/12 via 10.9.9.9 dev v0 proto 80 onlink ',
  ]);
  test.equal(
    String(netns.fib.routes(254)[4]),
    '10.244.1.0/26 proto bird nexthop via 10.0.0.3 dev v0 weight 2 nexthop via 10.1.0.3 dev v1 weight 1',
  );
  test.end();
});

t.test('a refused request carries errno, the sentence of the kernel and the request', (test) => {
  const netns = netnsWith('10.0.0.1/24');
  const dev = netns.dev('v0');
  const attempt = (): void =>
    netns.fib.addRoute({ destination: net('10.244.0.0/26'), nextHops: [{ via: ip('192.168.0.1'), dev }] });
  test.throws(attempt, {
    errno: 'ENETUNREACH',
    message: 'route add 10.244.0.0/26 via 192.168.0.1 (Nexthop has invalid gateway): network is unreachable',
  });
  test.throws(attempt, NetlinkError);
  const noAddress = 'address del 10.0.0.9/24 dev v0 (ipv4: Address not found): cannot assign requested address';
  test.throws(() => netns.fib.deleteAddress(dev, ip('10.0.0.9'), 24), { errno: 'EADDRNOTAVAIL', message: noAddress });
  test.throws(() => netns.fib.deleteRoute({ destination: net('10.9.0.0/16') }), {
    errno: 'ESRCH',
    message: 'route del 10.9.0.0/16: no such process',
  });
  test.end();
});

t.test('why a route exists is kept with it, for those of addresses too', (test) => {
  const netns = netnsWith('');
  const because = [{ kind: 'Node', name: 'worker-1' }];
  netns.fib.addAddress(netns.dev('v0'), { address: ip('10.0.0.1'), prefixLength: 24, because });
  netns.fib.addRoute({
    destination: net('10.9.0.0/16'),
    nextHops: [{ via: ip('10.0.0.2') }],
    because: [{ kind: 'IPPool', name: 'default' }],
  });
  test.same(
    netns.fib.routes(254).map((each) => each.because[0]?.kind),
    ['Node', 'IPPool'],
  );
  test.same(netns.fib.lookup({ destination: ip('10.0.0.1'), source: ANY })?.route?.because, because);
  test.end();
});

t.test('a pod with a link-local gateway and nothing else on its link sends from its own address', (test) => {
  const netns = netnsWith('10.244.1.5/32');
  run(netns, 'ip route add 169.254.1.1 dev v0 scope link', 'ip route add default via 169.254.1.1 dev v0');
  const decision = route(netns.fib.routeOutput({ destination: ip('10.96.0.10'), source: ANY }));
  test.match(decision, {
    type: 'unicast',
    gateway: ip('169.254.1.1'),
    source: ip('10.244.1.5'),
    mtu: 1500,
    mtuLocked: false,
    redirect: false,
  });
  test.equal(decision.dev, netns.dev('v0'));
  test.end();
});

t.test('a packet without a way is a decision with an error and with what decided', (test) => {
  const netns = netnsWith('10.0.0.1/24', '10.1.0.1/24');
  run(
    netns,
    'ip route add blackhole 20.0.0.0/8',
    'ip route add prohibit 21.0.0.0/8',
    'ip route add unreachable 22.0.0.0/8',
  );
  const iif = netns.dev('v0');
  const input = (to: string): RouteResult =>
    route(netns.fib.routeInput({ destination: ip(to), source: ip('10.0.0.9'), iif }));
  test.match(input('20.0.0.1'), { type: 'unreachable', error: 'EHOSTUNREACH' }, 'not forwarding');
  netns.sysctl.set('net.ipv4.ip_forward', '1');
  test.match(input('20.0.0.1'), { type: 'blackhole', error: 'EINVAL', dev: undefined });
  test.equal(String(input('20.0.0.1').route), 'blackhole 20.0.0.0/8');
  test.match(input('21.0.0.1'), { type: 'prohibit', error: 'EACCES' });
  test.match(input('22.0.0.1'), { type: 'unreachable', error: 'EHOSTUNREACH' });
  test.equal(input('22.0.0.1').route?.type, 'unreachable');
  test.match(input('99.0.0.1'), { type: 'unreachable', error: 'ENETUNREACH', route: undefined });
  test.match(netns.fib.lookup({ destination: ip('21.0.0.1'), source: ANY }), {
    type: 'prohibit',
    error: 'EACCES',
    nextHop: undefined,
    table: 254,
  });
  test.equal(netns.fib.lookup({ destination: ip('99.0.0.1'), source: ANY }), undefined);
  test.end();
});

t.test('each martian is dropped for its own reason', (test) => {
  const netns = netnsWith('10.0.0.1/24', '10.1.0.1/24');
  netns.sysctl.set('net.ipv4.ip_forward', '1');
  netns.sysctl.set('net.ipv4.conf.v1.rp_filter', '1');
  const drop = (to: string, from: string, dev = 'v0'): unknown => {
    const outcome = netns.fib.routeInput({ destination: ip(to), source: ip(from), iif: netns.dev(dev) });
    return typeof outcome === 'string' ? outcome : outcome.type;
  };
  test.equal(drop('10.1.0.9', '10.0.0.9'), 'unicast');
  test.equal(drop('10.1.0.9', '224.0.0.5'), 'ip-invalid-source');
  test.equal(drop('10.1.0.9', '10.0.0.1'), 'ip-local-source');
  test.equal(drop('10.1.0.9', '10.1.0.255', 'v1'), 'ip-invalid-source');
  test.equal(drop('127.0.0.1', '10.0.0.9'), 'ip-localnet');
  test.equal(drop('0.0.0.0', '10.0.0.9'), 'ip-invalid-dest');
  test.equal(drop('10.0.0.9', '10.0.0.9', 'v1'), 'ip-rpfilter');
  test.equal(drop('10.0.0.1', '99.0.0.1', 'v1'), 'ip-rpfilter');
  test.equal(drop('239.0.0.1', '10.0.0.9'), 'not-specified');
  netns.fib.joinGroup(netns.dev('v0'), ip('239.0.0.1'));
  test.equal(drop('239.0.0.1', '10.0.0.9'), 'multicast');
  test.equal(drop('255.255.255.255', '0.0.0.0'), 'broadcast');
  test.end();
});

t.test('the table and rule that decided are told', (test) => {
  const netns = netnsWith('10.0.0.1/24', '10.1.0.1/24');
  run(netns, 'ip route add default via 10.0.0.2', 'ip route add default via 10.1.0.2 table 100');
  test.equal(
    String(route(netns.fib.routeOutput({ destination: ip('8.8.8.8'), source: ANY })).rule),
    '32766: from all lookup main',
  );
  test.equal(
    String(route(netns.fib.routeOutput({ destination: ip('10.0.0.1'), source: ANY })).rule),
    '0: from all lookup local',
  );
  run(netns, 'ip rule add fwmark 0x10 lookup 100');
  const marked = route(netns.fib.routeOutput({ destination: ip('8.8.8.8'), source: ANY, mark: 0x10 }));
  test.equal(String(marked.rule), '32765: from all fwmark 0x10 lookup 100');
  test.equal(marked.route?.table, 100);
  run(netns, 'ip rule add pref 5 to 9.0.0.0/8 prohibit');
  test.match(netns.fib.lookup({ destination: ip('9.0.0.1'), source: ANY }), {
    type: 'prohibit',
    error: 'EACCES',
    route: undefined,
  });
  test.end();
});

t.test('decisions are used again while nothing changed, and made anew when something did', (test) => {
  const netns = netnsWith('10.0.0.1/24', '10.1.0.1/24');
  netns.sysctl.set('net.ipv4.ip_forward', '1');
  run(netns, 'ip route add default via 10.1.0.2');
  const out = (to: string): RouteResult => route(netns.fib.routeOutput({ destination: ip(to), source: ANY }));
  const through = (to: string): RouteResult =>
    route(netns.fib.routeInput({ destination: ip(to), source: ip('10.0.0.9'), iif: netns.dev('v0') }));
  test.equal(out('20.0.0.1'), out('20.0.0.2'));
  test.equal(through('20.0.0.1'), through('20.0.0.2'));
  netns.dev('v1').mtu = 1400;
  test.equal(out('20.0.0.1').mtu, 1400);
  test.equal(through('20.0.0.1').mtu, 1400);
  run(netns, 'ip addr del 10.1.0.1/24 dev v1');
  test.equal(netns.fib.routeOutput({ destination: ip('20.0.0.1'), source: ANY }), 'ENETUNREACH');
  run(netns, 'ip addr add 10.1.0.7/24 dev v1', 'ip route add default via 10.1.0.2');
  test.equal(out('20.0.0.1').source, ip('10.1.0.7'));
  test.end();
});

t.test('flows spread over next hops by weight, each flow keeping to one', (test) => {
  const netns = netnsWith('10.0.0.1/24', '10.1.0.1/24');
  netns.addVeth('v2', 'p2');
  netns.sysctl.set('net.ipv4.ip_forward', '1');
  for (const name of ['v2', 'p2']) netns.setUp(name);
  run(netns, 'ip route add 20.0.0.0/8 nexthop via 10.0.0.2 weight 1 nexthop via 10.1.0.2 weight 3');
  const iif = netns.dev('v2');
  const dev = (destination: Ipv4Addr, more: object = {}): string =>
    route(netns.fib.routeInput({ destination, source: ip('30.0.0.9'), iif, ...more })).dev?.name ?? '';
  const flows = Array.from({ length: 4000 }, (_, i) => ipv4(0x1400_0000 + i * 7));
  const share = flows.filter((to) => dev(to) === 'v0').length / flows.length;
  test.ok(Math.abs(share - 0.25) < 0.03, `a quarter of the flows by the lighter next hop: ${share}`);
  test.same(
    flows.slice(0, 50).map((to) => dev(to)),
    flows.slice(0, 50).map((to) => dev(to)),
  );
  const ports = Array.from({ length: 400 }, (_, i) =>
    dev(ip('20.0.0.1'), { protocol: 6, sourcePort: 1000 + i, destinationPort: 80 }),
  );
  test.equal(new Set(ports).size, 1, 'ports do not matter to hash policy 0');
  netns.sysctl.set('net.ipv4.fib_multipath_hash_policy', '1');
  const spread = Array.from({ length: 400 }, (_, i) =>
    dev(ip('20.0.0.1'), { protocol: 6, sourcePort: 1000 + i, destinationPort: 80 }),
  );
  test.equal(new Set(spread).size, 2, 'they do to policy 1');
  run(netns, 'ip link set v1 down');
  test.same([...new Set(flows.map((to) => dev(to)))], ['v0'], 'a dead next hop carries nothing');
  test.end();
});

t.test('machines hash differently, and each always alike, unless fib_multipath_hash_seed is set', (test) => {
  const choices = (host: string, seed?: string): string => {
    const netns = new FakeNetns(host);
    const commands = ['lo up', 'v0 up', 'p0 up', 'v1 up', 'p1 up'].map((link) => `ip link set ${link}`);
    for (const name of ['0', '1']) netns.addVeth(`v${name}`, `p${name}`);
    run(
      netns,
      ...commands,
      'ip addr add 10.0.0.1/24 dev v0',
      'ip addr add 10.1.0.1/24 dev v1',
      'ip route add 20.0.0.0/8 nexthop via 10.0.0.2 nexthop via 10.1.0.2',
    );
    if (seed !== undefined) netns.sysctl.set('net.ipv4.fib_multipath_hash_seed', seed);
    return Array.from(
      { length: 64 },
      (_, i) => route(netns.fib.routeOutput({ destination: ipv4(0x1400_0000 + i), source: ANY })).dev?.name,
    ).join(' ');
  };
  test.equal(choices('node-1'), choices('node-1'));
  test.not(choices('node-1'), choices('node-2'));
  test.equal(choices('node-1', '42'), choices('node-2', '42'));
  test.end();
});

t.test('with fib_multipath_hash_seed every flow goes where Linux sends it', (test) => {
  // `ip route get` of Linux 6.18 for 20.0.0.1 to 20.0.0.40: the digit of the device.
  const byAddress = '2101211210100002011210111122101022111111';
  const byPorts = '0101211110101122100202221111100221201111';
  const choices = (seed: string, policy: string, flow: Omit<Flow4, 'destination' | 'source'>): string => {
    const netns = netnsWith('10.0.0.1/24', '10.1.0.1/24', '10.2.0.1/24');
    run(netns, 'ip route add 20.0.0.0/8 nexthop via 10.0.0.2 nexthop via 10.1.0.2 weight 2 nexthop via 10.2.0.2');
    netns.sysctl.set('net.ipv4.fib_multipath_hash_seed', seed);
    netns.sysctl.set('net.ipv4.fib_multipath_hash_policy', policy);
    return Array.from({ length: 40 }, (_, i) => {
      const found = route(netns.fib.routeOutput({ destination: ipv4(0x1400_0001 + i), source: ANY, ...flow }));
      return found.dev?.name.slice(1);
    }).join('');
  };
  test.equal(choices('42', '0', {}), byAddress);
  test.equal(choices('7777', '1', { protocol: 17, sourcePort: 5, destinationPort: 53 }), byPorts);
  test.end();
});

t.test('with fib_multipath_use_neigh a gateway that does not answer is passed over', (test) => {
  const netns = netnsWith('10.0.0.1/24', '10.1.0.1/24');
  run(
    netns,
    'ip route add 20.0.0.0/8 nexthop via 10.0.0.2 nexthop via 10.1.0.2',
    'ip neigh replace 10.0.0.2 dev v0 lladdr 02:00:00:00:00:01 nud failed',
  );
  const devs = (): string[] => {
    const answers = Array.from(
      { length: 100 },
      (_, i) => route(netns.fib.routeOutput({ destination: ipv4(0x1400_0000 + i), source: ANY })).dev?.name ?? '',
    );
    return [...new Set(answers)].sort();
  };
  test.same(devs(), ['v0', 'v1']);
  netns.sysctl.set('net.ipv4.fib_multipath_use_neigh', '1');
  test.same(devs(), ['v1']);
  test.end();
});

t.test('a learned path MTU holds for its destination, ten minutes, and for what is made here', (test) => {
  const netns = netnsWith('10.0.0.1/24', '10.1.0.1/24');
  netns.sysctl.set('net.ipv4.ip_forward', '1');
  run(netns, 'ip route add default via 10.0.0.2');
  const mtu = (to: string): number => route(netns.fib.routeOutput({ destination: ip(to), source: ANY })).mtu;
  const forwarded = (to: string): number =>
    route(netns.fib.routeInput({ destination: ip(to), source: ip('10.1.0.9'), iif: netns.dev('v1') })).mtu;
  netns.fib.learnPmtu(ip('20.0.0.1'), 1400);
  test.same([mtu('20.0.0.1'), mtu('20.0.0.2'), forwarded('20.0.0.1')], [1400, 1500, 1500]);
  netns.sysctl.set('net.ipv4.ip_forward_use_pmtu', '1');
  test.equal(forwarded('20.0.0.1'), 1400);
  netns.fib.learnPmtu(ip('20.0.0.1'), 1450);
  test.equal(mtu('20.0.0.1'), 1400, 'a larger one is not believed');
  netns.fib.learnPmtu(ip('20.0.0.3'), 100);
  test.equal(mtu('20.0.0.3'), 552, 'nor one below min_pmtu');
  test.match(netns.fib.routeGet({ destination: ip('20.0.0.3'), source: ANY }), {
    text: /cache expires 600sec mtu lock 552 $/,
  });
  netns.fib.learnPmtu(ip('20.0.0.3'), 400);
  test.equal(mtu('20.0.0.3'), 552, 'and that is locked');
  test.match(netns.fib.routeGet({ destination: ip('20.0.0.1'), source: ANY }), {
    text: /cache expires 600sec mtu 1400 $/,
  });
  netns.emulation.clock.moveTo(599 * NS_PER_S);
  test.equal(mtu('20.0.0.1'), 1400);
  netns.emulation.clock.moveTo(600 * NS_PER_S);
  test.equal(mtu('20.0.0.1'), 1500);
  test.end();
});

t.test('learned path MTUs follow the MTU of the device', (test) => {
  const netns = netnsWith('10.0.0.1/24');
  const mtu = (to: string): number => route(netns.fib.routeOutput({ destination: ip(to), source: ANY })).mtu;
  netns.fib.learnPmtu(ip('10.0.0.2'), 1400);
  const change = (to: number): void => {
    const before = netns.dev('v0').mtu;
    netns.dev('v0').mtu = to;
    netns.fib.linkMtuChanged(netns.dev('v0'), before);
  };
  change(1300);
  test.equal(mtu('10.0.0.2'), 1300);
  change(1450);
  test.equal(mtu('10.0.0.2'), 1450, 'the device had been the limit');
  test.end();
});

t.test('addresses have types, by the whole host or by one device', (test) => {
  const netns = netnsWith('10.0.0.1/24', '10.1.0.1/24');
  const { fib } = netns;
  const types = [
    '10.0.0.1',
    '10.0.0.9',
    '10.0.0.255',
    '127.0.0.5',
    '224.0.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '8.8.8.8',
  ].map((text) => fib.addressType(ip(text)));
  test.same(types, ['local', 'unicast', 'broadcast', 'local', 'multicast', 'broadcast', 'broadcast', 'unicast']);
  test.equal(fib.addressType(ip('10.0.0.1'), netns.dev('v0')), 'local');
  test.equal(fib.addressType(ip('10.0.0.1'), netns.dev('v1')), 'unicast');
  test.ok(fib.isLocal(ip('10.1.0.1')));
  test.equal(fib.deviceWith(ip('10.1.0.1')), netns.dev('v1'));
  test.equal(fib.selectSource(netns.dev('v1'), ip('10.1.0.77'), 'global'), ip('10.1.0.1'));
  test.equal(
    fib.selectSource(netns.dev('p1'), ip('10.1.0.77'), 'global'),
    ip('10.0.0.1'),
    'any other device, in order',
  );
  test.end();
});

t.test('what came to a broadcast is answered from an address on the way back', (test) => {
  const netns = netnsWith('10.0.0.1/24', '10.1.0.1/24');
  const flow = { destination: ip('10.1.0.255'), source: ip('10.1.0.9'), iif: netns.dev('v1') };
  const came = route(netns.fib.routeInput(flow));
  test.equal(came.type, 'broadcast');
  test.equal(netns.fib.answerFrom(flow, came), ip('10.1.0.1'));
  const own = { ...flow, destination: ip('10.1.0.1') };
  test.equal(netns.fib.answerFrom(own, route(netns.fib.routeInput(own))), ip('10.1.0.1'));
  test.end();
});

/** What the tables must say: every route looked at, the best of those that fit. */
function byScan(routes: readonly FibRoute[], to: Ipv4Addr, tos: number): FibRoute | undefined {
  return routes
    .filter((each) => prefixContains(each.destination, to) && (each.tos === 0 || each.tos === (tos & 0x1c)))
    .toSorted((a, b) => b.destination.length - a.destination.length || b.tos - a.tos || a.metric - b.metric)[0];
}

t.test('the tables answer as a scan over all routes does', (test) => {
  const routeArbitrary = fc.record({
    addr: fc.oneof(
      fc.integer({ min: 0x1400_0000, max: 0x1400_3fff }),
      fc.integer({ min: 0x1400_0000, max: 0x15ff_ffff }),
    ),
    length: fc.constantFrom(0, 7, 8, 12, 16, 18, 20, 24, 26, 26, 30, 32),
    tos: fc.constantFrom(0, 0, 0, 0x10, 0x08),
    metric: fc.constantFrom(0, 10, 20),
    remove: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(routeArbitrary, { maxLength: 80 }),
      fc.array(fc.tuple(fc.integer({ min: 0x1400_0000, max: 0x1400_3fff }), fc.constantFrom(0, 0x10, 0xf0)), {
        maxLength: 40,
      }),
      (specs, asked) => {
        const netns = netnsWith('10.0.0.1/24');
        const dev = netns.dev('v0');
        for (const { addr, length, tos, metric, remove } of specs) {
          const destination = { addr: ipv4Network(ipv4(addr), length), length };
          netns.fib.addRoute({ destination, tos, metric, nextHops: [{ dev }] }, 'replace');
          if (remove) netns.fib.deleteRoute({ destination, tos });
        }
        const routes = netns.fib.routes(254);
        for (const [to, tos] of asked) {
          const found = netns.fib.lookup({ destination: ipv4(to), source: ANY, tos })?.route;
          const expected = byScan(routes, ipv4(to), tos);
          test.equal(found && formatRoute(found), expected && formatRoute(expected));
        }
      },
    ),
    { numRuns: 40 },
  );
  test.end();
});
