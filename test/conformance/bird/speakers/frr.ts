/** FRR's bgpd, without zebra, as one of several speakers. */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REAL_ADDRESS } from '../bridge.js';
import {
  DaemonProcess,
  type HeardRoute,
  type Speaker,
  type SpeakerConfig,
  type SpeakerKind,
  type SpeakerNeighbor,
  type ToldRoute,
  sorted,
  whyNoProgram,
} from './speaker.js';

const BGPD = '/usr/lib/frr/bgpd';

const mapName = (net: string): string => `told-${net.replace('/', '-')}`;

/** `set …` of the route map that a network is announced with. */
function routeMapLines(route: ToldRoute): string[] {
  const set = (what: string, values: readonly (string | number)[] = []): string[] =>
    values.length === 0 ? [] : [`set ${what} ${values.join(' ')}`];
  return [
    `route-map ${mapName(route.net)} permit 10`,
    ...set('metric', route.med === undefined ? [] : [route.med]),
    ...set('local-preference', route.localPref === undefined ? [] : [route.localPref]),
    ...set('as-path prepend', route.path),
    ...set('community', route.communities),
    ...(route.extended ?? []).map((each) => `set extcommunity ${each.replace(':', ' ')}`),
    ...set('large-community', route.large),
    'exit',
  ];
}

const networkLine = ({ net }: Pick<ToldRoute, 'net'>): string => `network ${net} route-map ${mapName(net)}`;

const neighborLines = ({ address, as }: SpeakerNeighbor): string[] => [
  `neighbor ${address} remote-as ${as}`,
  `neighbor ${address} passive`,
  `neighbor ${address} timers 80 240`,
  `neighbor ${address} ebgp-multihop 2`,
  `neighbor ${address} update-source ${REAL_ADDRESS}`,
];

const familyLines = ({ address, client, addPaths }: SpeakerNeighbor): string[] => [
  `neighbor ${address} activate`,
  `neighbor ${address} route-map OUT out`,
  ...(client === true ? [`neighbor ${address} route-reflector-client`] : []),
  ...(addPaths === 'tx' ? [`neighbor ${address} addpath-tx-all-paths`] : []),
];

function configText(config: SpeakerConfig, routes: readonly ToldRoute[]): string {
  return [
    'hostname frr',
    'log stdout',
    ...routes.flatMap(routeMapLines),
    'route-map OUT permit 10',
    ` set ip next-hop ${config.nextHop}`,
    'exit',
    `router bgp ${config.as}`,
    `bgp router-id ${config.routerId}`,
    `bgp cluster-id ${config.clusterId}`,
    'no bgp ebgp-requires-policy',
    'no bgp network import-check',
    'no bgp default ipv4-unicast',
    'bgp graceful-restart',
    'bgp graceful-restart preserve-fw-state',
    // Not all of the neighbours that it waits for may come back.
    'bgp graceful-restart select-defer-time 3',
    ...config.neighbors.flatMap(neighborLines),
    'address-family ipv4 unicast',
    ...routes.map(networkLine),
    ...config.neighbors.flatMap(familyLines),
    'exit-address-family',
    'exit',
    '',
  ].join('\n');
}

interface JsonPath {
  readonly aspath: { readonly string: string };
  readonly origin: string;
  readonly metric?: number;
  readonly locPrf?: number;
  readonly community?: { readonly string: string };
  readonly extendedCommunity?: { readonly string: string };
  readonly largeCommunity?: { readonly string: string };
  readonly originatorId?: string;
  readonly clusterList?: { readonly list: readonly string[] };
  readonly nexthops: readonly { readonly ip: string }[];
  readonly peer: { readonly peerId: string };
}

const words = (text: string | undefined): string[] =>
  (text ?? '')
    .split(' ')
    .filter((word) => word !== '')
    .toSorted();

const extendedOf = (text: string): string => text.replace(/^RT:/, 'rt:').replace(/^SoO:/, 'ro:');

const heardRoute = (net: string, path: JsonPath): HeardRoute => ({
  net,
  nextHop: path.nexthops[0]?.ip ?? '',
  path: path.aspath.string === 'Local' ? '' : path.aspath.string,
  origin: path.origin === 'incomplete' ? 'Incomplete' : path.origin,
  med: path.metric,
  localPref: path.locPrf,
  communities: words(path.community?.string),
  extended: words(path.extendedCommunity?.string).map(extendedOf).toSorted(),
  large: words(path.largeCommunity?.string),
  originator: path.originatorId,
  clusters: path.clusterList?.list ?? [],
});

class Frr implements Speaker {
  readonly #config: SpeakerConfig;
  readonly #process = new DaemonProcess('frr');
  readonly #routes: Map<string, ToldRoute>;

  constructor(config: SpeakerConfig) {
    this.#config = config;
    this.#routes = new Map(config.routes.map((route) => [route.net, route]));
  }

  #vtysh(...commands: readonly string[]): string {
    const args = ['--vty_socket', this.#process.folder, ...commands.flatMap((command) => ['-c', command])];
    return spawnSync('vtysh', args, { encoding: 'utf8' }).stdout;
  }

  async run(): Promise<void> {
    const { folder } = this.#process;
    const file = join(folder, 'bgpd.conf');
    writeFileSync(file, configText(this.#config, [...this.#routes.values()]));
    const places = ['-f', file, '-i', join(folder, 'pid'), '--vty_socket', folder, '-P', '0'];
    const args = ['-Z', '-S', '-n', ...places, '-p', String(this.#config.port), '-l', REAL_ADDRESS];
    await this.#process.run(BGPD, args, () => this.#vtysh('show bgp summary').includes(this.#config.routerId));
  }

  heardNets(neighbor: string): string[] {
    const text = this.#vtysh(`show bgp ipv4 unicast neighbors ${neighbor} routes json`);
    const { routes = {} } = JSON.parse(text) as { routes?: Record<string, readonly unknown[]> };
    return Object.entries(routes).flatMap(([net, paths]) => paths.map(() => net));
  }

  heard(neighbor: string): HeardRoute[] {
    const nets = new Set(this.heardNets(neighbor));
    const routes = [...nets].flatMap((net) => {
      const { paths } = JSON.parse(this.#vtysh(`show bgp ipv4 unicast ${net} json`)) as { paths: JsonPath[] };
      return paths.filter(({ peer }) => peer.peerId === neighbor).map((path) => heardRoute(net, path));
    });
    return sorted(routes);
  }

  #configure(...lines: readonly string[]): void {
    this.#vtysh('configure terminal', ...lines);
  }

  #inFamily(line: string): string[] {
    return [`router bgp ${this.#config.as}`, 'address-family ipv4 unicast', line];
  }

  announce(route: ToldRoute): void {
    this.#routes.set(route.net, route);
    this.#configure(...routeMapLines(route), ...this.#inFamily(networkLine(route)));
  }

  withdraw(net: string): void {
    this.#routes.delete(net);
    this.#configure(...this.#inFamily(`no ${networkLine({ net })}`));
  }

  refresh(neighbor: string): void {
    this.#vtysh(`clear bgp ipv4 unicast ${neighbor} in`);
  }

  async killAndRestart(): Promise<void> {
    await this.#process.kill();
    await this.run();
  }

  stop(): void {
    this.#process.stop();
  }
}

export const FRR: SpeakerKind = {
  name: 'FRR',
  whyNot: () => whyNoProgram(BGPD, '--version'),
  start: async (config) => {
    const frr = new Frr(config);
    await frr.run();
    return frr;
  },
};
