/**
 * BGP: how long it takes until all neighbours know all blocks by messages, in CPU time and in virtual time, and
 * what one router's routes cost where nobody sends messages at all.
 */

import {
  type BgpConfig,
  type BirdDaemon,
  type BirdConfig,
  ConvergedNetwork,
  type Iface,
  Interfaces,
  type KernelRoute,
  Net,
  parseConfig,
  sessionLike,
  type Speaker,
} from '../src/bird/index.js';
import { formatIpv4, type Ipv4Addr, ipv4 } from '../src/packet/index.js';
import { Fabric } from '../test/bird/fabric.js';

function cpu<T>(what: string, run: () => T, note = ''): T {
  const start = process.cpuUsage();
  const result = run();
  const { user, system } = process.cpuUsage(start);
  console.log(`${what.padEnd(64)} ${((user + system) / 1000).toFixed(0).padStart(7)} ms ${note}`);
  return result;
}

const nodeAddress = (index: number): Ipv4Addr => ipv4(0x0a00_0000 + index + 1);
const block = (index: number): string => `${formatIpv4(ipv4(0xac10_0000 + index * 64))}/26`;

/** What Calico renders for a node, without its sessions. */
const base = (index: number, addPaths = true): string => `
function calico_aggr () {
  if ( net = ${block(index)} ) then { accept; }
  if ( net ~ ${block(index)} && krt_metric < 1024 ) then { accept; }
  if ( net ~ ${block(index)} ) then { reject; }
}
function calico_export_to_bgp_peers(bool internal_peer) {
  if (internal_peer) then { if (defined(ifname)) then { if ((ifname ~ "*.cali") || (ifname ~ "*.calico")) then { reject; } } }
  calico_aggr();
  if (net ~ 172.16.0.0/12) then { accept; }
}
filter calico_kernel_programming {
  if (net ~ 172.16.0.0/12) then { krt_tunnel = "tunl0"; accept; }
  accept;
}
router id ${formatIpv4(nodeAddress(index))};
protocol kernel { learn; persist; scan time 2; import all; export filter calico_kernel_programming; graceful restart; merge paths on; }
protocol device { scan time 2; }
protocol direct { interface -"cali*", -"kube-ipvs*", "*"; }
protocol static { route ${block(index)} blackhole; }
template bgp bgp_template {
  local as 64512;
  multihop; gateway recursive; ${addPaths ? 'add paths on;' : ''} graceful restart;
  connect delay time 2; connect retry time 5; error wait time 5,30;
}
`;

const peer = (own: number, other: number, more = ''): string => `
protocol bgp peer_${other} from bgp_template {
  neighbor ${formatIpv4(nodeAddress(other))} as 64512;
  source address ${formatIpv4(nodeAddress(own))};
  import all;
  export filter { calico_export_to_bgp_peers(true); reject; };
  ${more}
}
`;

// By messages.

const PODS = 5;

function machines(count: number, config: (index: number) => string): { fabric: Fabric; daemons: BirdDaemon[] } {
  const fabric = new Fabric();
  for (let i = 0; i < count; i++) {
    const name = `n${i}`;
    fabric.plug(name, 'eth0', 'lan', `${formatIpv4(nodeAddress(i))}/16`);
    for (let pod = 0; pod < PODS; pod++) {
      const dev = fabric.device(name, `cali${pod}`);
      const addr = ipv4(0xac10_0000 + i * 64 + pod + 1);
      fabric
        .machine(name)
        .fib.addRoute({ destination: { addr, length: 32 }, metric: 1024, scope: 'link', nextHops: [{ dev }] });
    }
  }
  const daemons = Array.from({ length: count }, (_, i) =>
    fabric.bird(`n${i}`, config(i), { dialect: 'bird-1.6', file: '/etc/calico/bird.cfg' }),
  );
  return { fabric, daemons };
}

/** Until everybody has a route to every block. */
function untilConverged(what: string, count: number, config: (index: number) => string): void {
  const { fabric, daemons } = cpu(`${what}: machines and configurations`, () => machines(count, config));
  const complete = (): boolean =>
    daemons.every((daemon) => daemon.routes().filter(([best]) => best?.origin.kind === 'bgp').length >= count - 1);
  const start = fabric.emulation.clock.nowNs;
  cpu(`${what}: until all know all`, () => {
    for (let second = 0; second < 300; second++) {
      fabric.run(1);
      if (complete()) return;
    }
    throw new Error('not converged');
  });
  console.log(`${''.padEnd(8)}after ${((fabric.emulation.clock.nowNs - start) / 1e9).toFixed(0)} s of virtual time`);
  cpu(`${what}: a minute of keepalives and scans`, () => fabric.run(60));
  fabric.end();
}

const MESH = 50;
untilConverged(`${MESH} nodes, full mesh`, MESH, (i) => {
  const peers = Array.from({ length: MESH }, (_, j) => (i === j ? '' : peer(i, j, i < j ? 'passive on;' : '')));
  return base(i) + peers.join('');
});

const REFLECTED = 500;
const REFLECTORS = 3;
const toReflectors = (i: number): string =>
  Array.from({ length: REFLECTORS }, (_, j) => (i === j ? '' : peer(i, j))).join('');
untilConverged(`${REFLECTED} nodes, ${REFLECTORS} reflectors, best paths only`, REFLECTED, (i) => {
  if (i >= REFLECTORS) return base(i, false) + toReflectors(i);
  const clients = Array.from({ length: REFLECTED - REFLECTORS }, (_, j) =>
    peer(i, j + REFLECTORS, 'rr client; rr cluster id 1.0.0.1; passive on;'),
  );
  return base(i, false) + toReflectors(i) + clients.join('');
});

// Without messages.

const LARGE = 5000;
const LARGE_PODS = 30;

const eth0 = (index: number): Iface => {
  const net = new Net(ipv4(0x0a00_0000), 16);
  const address = { ip: nodeAddress(index), net, opposite: undefined, broadcast: undefined, secondary: false };
  const up = { up: true, adminUp: true, linkUp: true };
  return { name: 'eth0', index: 2, ...up, mtu: 1500, loopback: false, pointToPoint: false, addresses: [address] };
};

const podRoute = (index: number, pod: number): KernelRoute => ({
  destination: { addr: ipv4(0xac10_0000 + index * 64 + pod + 1), length: 32 },
  type: 'unicast',
  tos: 0,
  metric: 1024,
  scope: 'link',
  protocol: 3,
  prefSrc: undefined,
  mtu: undefined,
  nextHops: [{ dev: { name: `cali${pod}` }, via: undefined, weight: 1, onlink: false }],
});

function parsed(text: string): BirdConfig {
  const { config, errors } = parseConfig(text, { dialect: 'bird-1.6' });
  if (config === undefined) throw new Error(JSON.stringify(errors));
  return config;
}

const isBgp = (config: BirdConfig['protocols'][number]): config is BgpConfig => config.kind === 'bgp';

function speaker(index: number, text: string, mesh: (like: BgpConfig) => NonNullable<Speaker['mesh']>): Speaker {
  const all = parsed(text);
  const like = all.protocols.find(isBgp);
  if (like === undefined) throw new Error('no session');
  const config = { ...all, protocols: all.protocols.filter((each) => each !== like) };
  const interfaces = new Interfaces();
  interfaces.replace(new Map([['eth0', eth0(index)]]));
  const kernelRoutes = (): KernelRoute[] => Array.from({ length: LARGE_PODS }, (_, pod) => podRoute(index, pod));
  return { name: `n${index}`, config, interfaces, kernelRoutes, mesh: mesh(like) };
}

const indexOf = (addr: unknown): number => Number(addr) - 0x0a00_0001;

function sessions(
  like: BgpConfig,
  of: { readonly own: number; readonly from: number; readonly to: number },
): NonNullable<Speaker['mesh']> {
  const to = (index: number): BgpConfig | undefined =>
    index === of.own || index < of.from || index >= of.to
      ? undefined
      : sessionLike(like, { name: `peer_${index}`, remoteAddress: nodeAddress(index) });
  return {
    like,
    *sessions() {
      for (let i = of.from; i < of.to; i++) {
        const config = to(i);
        if (config !== undefined) yield config;
      }
    },
    to: (remote) => to(indexOf(remote)),
  };
}

function ask(what: string, speakers: Speaker[], asked: readonly number[]): void {
  const network = cpu(`${what}: network`, () => {
    const byAddress = new Map(speakers.map((each, i) => [nodeAddress(i) as unknown, each]));
    return new ConvergedNetwork({ speakers, speakerAt: (addr) => byAddress.get(addr) });
  });
  for (const host of asked) {
    const kernels = cpu(`${what}: what node ${host} programs`, () => network.kernels(`n${host}`));
    const count = kernels.flatMap(({ routes }) => routes).length;
    if (count < LARGE) throw new Error(`${count} routes`);
  }
}

const large = `${LARGE} nodes, full mesh`;
ask(
  large,
  cpu(`${large}: configurations`, () =>
    Array.from({ length: LARGE }, (_, i) =>
      speaker(i, base(i) + peer(i, LARGE), (like) => sessions(like, { own: i, from: 0, to: LARGE })),
    ),
  ),
  [0, 2500, 1, 2],
);

const reflected = `${LARGE} nodes, ${REFLECTORS} reflectors`;
ask(
  reflected,
  cpu(`${reflected}: configurations`, () =>
    Array.from({ length: LARGE }, (_, i) => {
      const reflector = i < REFLECTORS;
      const text =
        base(i) +
        (reflector ? toReflectors(i) : '') +
        peer(i, LARGE, reflector ? 'rr client; rr cluster id 1.0.0.1;' : '');
      if (!reflector) return speaker(i, text, (like) => sessions(like, { own: i, from: 0, to: REFLECTORS }));
      const all = parsed(text);
      const client = all.protocols.filter(isBgp).find(({ rrClient }) => rrClient);
      if (client === undefined) throw new Error('no client');
      const made = speaker(i, text, () => sessions(client, { own: i, from: REFLECTORS, to: LARGE }));
      return { ...made, config: { ...all, protocols: all.protocols.filter(({ name }) => name !== client.name) } };
    }),
  ),
  [10, 2500, 11, 12],
);
