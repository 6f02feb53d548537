import t from 'tap';
import type { TcpListener } from '../../../src/kernel/socket/index.js';
import { INADDR_ANY, INADDR_LOOPBACK, type Ipv4Addr } from '../../../src/packet/index.js';
import { A, B, ip, JoinedHosts } from './joined-hosts.js';

interface Bind {
  readonly address: Ipv4Addr;
  readonly reuseAddress?: boolean;
  readonly reusePort?: boolean;
  readonly uid?: number;
  readonly listening?: boolean;
}

/** Whether the second may have the port that the first has; as Linux answers (checked on 6.18). */
const PAIRS: readonly { name: string; first: Bind; second: Bind; tcp: string; udp: string }[] = [
  { name: 'the same address', first: { address: A }, second: { address: A }, tcp: 'EADDRINUSE', udp: 'EADDRINUSE' },
  { name: 'another address', first: { address: A }, second: { address: INADDR_LOOPBACK }, tcp: 'ok', udp: 'ok' },
  { name: 'any address', first: { address: A }, second: { address: INADDR_ANY }, tcp: 'EADDRINUSE', udp: 'EADDRINUSE' },
  {
    name: 'both with SO_REUSEADDR',
    first: { address: A, reuseAddress: true },
    second: { address: A, reuseAddress: true },
    tcp: 'ok',
    udp: 'ok',
  },
  {
    name: 'SO_REUSEADDR on one side',
    first: { address: A },
    second: { address: A, reuseAddress: true },
    tcp: 'EADDRINUSE',
    udp: 'EADDRINUSE',
  },
  {
    name: 'SO_REUSEADDR beside a listener',
    first: { address: A, reuseAddress: true, listening: true },
    second: { address: A, reuseAddress: true },
    tcp: 'EADDRINUSE',
    udp: 'ok',
  },
  {
    name: 'both with SO_REUSEPORT',
    first: { address: A, reusePort: true, listening: true },
    second: { address: A, reusePort: true },
    tcp: 'ok',
    udp: 'ok',
  },
  {
    name: 'SO_REUSEPORT of another user',
    first: { address: A, reusePort: true },
    second: { address: A, reusePort: true, uid: 1000 },
    tcp: 'EADDRINUSE',
    udp: 'EADDRINUSE',
  },
];

const outcome = (bind: () => void): string => {
  try {
    bind();
    return 'ok';
  } catch (error) {
    return error instanceof Error && 'errno' in error ? String(error.errno) : String(error);
  }
};

for (const { name, first, second, tcp, udp } of PAIRS) {
  t.test(`two sockets on one port: ${name}`, async (t) => {
    const { a } = new JoinedHosts();
    const open = ({ listening, address, ...options }: Bind): void => {
      if (listening === true) {
        const reuseAddress = options.reuseAddress ?? false;
        a.sockets.listen({ protocol: 'tcp', address, port: 8080, ...options, reuseAddress, onConnection: () => {} });
      } else a.sockets.tcp(options).bind(address, 8080);
    };
    open(first);
    t.equal(
      outcome(() => open(second)),
      tcp,
    );
    a.sockets.udp(first).bind(first.address, 8080);
    t.equal(
      outcome(() => a.sockets.udp(second).bind(second.address, 8080)),
      udp,
    );
  });
}

t.test('addresses that are not ours, ports that are not for everybody, and ports that are none', async (t) => {
  const { a } = new JoinedHosts();
  const bind = (address: Ipv4Addr, port: number, uid = 0): string =>
    outcome(() => a.sockets.udp({ uid }).bind(address, port));
  t.equal(bind(B, 53), 'EADDRNOTAVAIL');
  a.sysctl.set('net.ipv4.ip_nonlocal_bind', '1');
  t.equal(bind(B, 53), 'ok');
  t.equal(bind(A, 54, 1000), 'EACCES');
  t.equal(bind(A, 1024, 1000), 'ok');
  a.sysctl.set('net.ipv4.ip_unprivileged_port_start', '0');
  t.equal(bind(A, 54, 1000), 'ok');
  t.equal(bind(A, 65_536), 'EINVAL');
  t.equal(bind(A, -1), 'EINVAL');
  t.equal(bind(ip('127.0.0.1'), 0), 'ok');
});

t.test('a server may start again while connections of its predecessor live', async (t) => {
  const hosts = new JoinedHosts();
  const listen = (): TcpListener =>
    hosts.b.sockets.listen({ protocol: 'tcp', address: INADDR_ANY, port: 80, onConnection: () => {} });
  const first = listen();
  hosts.a.sockets.tcp().connect(B, 80);
  hosts.run(1);
  t.equal(
    outcome(() => listen()),
    'EADDRINUSE',
  );
  first.close();
  t.equal(
    outcome(() => listen()),
    'ok',
  );
  t.same(
    hosts.b.sockets.entries().map(({ state }) => state),
    ['LISTEN', 'ESTABLISHED'],
  );
});

t.test('a listener on an address comes before one on all', async (t) => {
  const hosts = new JoinedHosts();
  const got: string[] = [];
  const listen = (name: string, address: Ipv4Addr): TcpListener =>
    hosts.b.sockets.listen({ protocol: 'tcp', address, port: 80, onConnection: () => got.push(name) });
  listen('any', INADDR_ANY);
  t.throws(() => listen('exact', B), /already in use/, 'as Linux refuses it');
  const other = new JoinedHosts();
  other.b.sockets.listen({
    protocol: 'tcp',
    address: B,
    port: 80,
    reusePort: true,
    onConnection: () => got.push('exact'),
  });
  other.b.sockets.listen({
    protocol: 'tcp',
    address: INADDR_ANY,
    port: 80,
    reusePort: true,
    onConnection: () => got.push('any'),
  });
  other.a.sockets.tcp().connect(B, 80);
  other.run(1);
  t.same(got, ['exact']);
});
