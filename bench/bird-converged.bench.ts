/** BGP without messages: what the routes of one node among 5,000 cost. The first that is asked pays for what all share. */

import {
  type BgpConfig,
  type BirdConfig,
  ConvergedNetwork,
  type Iface,
  Interfaces,
  type KernelRoute,
  Net,
  parseConfig,
  type Peering,
  type Speaker,
} from '../src/bird/index.js';
import { ipv4 } from '../src/packet/index.js';
import { base, cpu, cpuTime, nodeAddress, peer, REFLECTORS, report, toReflectors } from './calico-bgp.js';

const LARGE = 5000;
const LARGE_PODS = 30;
const ASKED = 40;

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
  const { passive } = like;
  const to = (index: number): Peering | undefined =>
    index === of.own || index < of.from || index >= of.to
      ? undefined
      : { name: `peer_${index}`, remoteAddress: nodeAddress(index), passive, config: like };
  return {
    like,
    *sessions() {
      for (let i = of.from; i < of.to; i++) {
        const peering = to(i);
        if (peering !== undefined) yield peering;
      }
    },
    to: (remote) => to(indexOf(remote)),
  };
}

/** One node far from the others, so that what is made for the first is seen, then ASKED of them. */
function ask(what: string, speakers: Speaker[], first: number): void {
  const network = cpu(`${what}: network`, () => {
    const byAddress = new Map(speakers.map((each, i) => [nodeAddress(i) as unknown, each]));
    return new ConvergedNetwork({ speakers, speakerAt: (addr) => byAddress.get(addr) });
  });
  const program = (host: number): void => {
    const count = network.kernels(`n${host}`).flatMap(({ routes }) => routes).length;
    if (count < LARGE) throw new Error(`${count} routes`);
  };
  cpu(`${what}: what node ${first} programs, the first`, () => program(first));
  cpu(`${what}: what node ${LARGE / 2} programs, the second`, () => program(LARGE / 2));
  const times = Array.from({ length: ASKED }, (_, i) => cpuTime(() => program(first + 1 + i)).ms).sort((a, b) => a - b);
  const [least = 0, most = 0] = [times[0], times.at(-1)];
  report(
    `${what}: the median of ${ASKED} others`,
    times[ASKED / 2] ?? 0,
    `(${least.toFixed(0)} to ${most.toFixed(0)})`,
  );
}

const large = `${LARGE} nodes, full mesh`;
ask(
  large,
  cpu(`${large}: configurations`, () =>
    Array.from({ length: LARGE }, (_, i) =>
      speaker(i, base(i) + peer(i, LARGE), (like) => sessions(like, { own: i, from: 0, to: LARGE })),
    ),
  ),
  0,
);

const reflected = `${LARGE} nodes, ${REFLECTORS} reflectors, best paths only`;
ask(
  reflected,
  cpu(`${reflected}: configurations`, () =>
    Array.from({ length: LARGE }, (_, i) => {
      const reflector = i < REFLECTORS;
      const text =
        base(i, false) +
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
  10,
);
