/** GoBGP as one of several speakers. */

import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
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

const neighborText = (neighbor: SpeakerNeighbor, { clusterId }: SpeakerConfig): string => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${neighbor.address}"
    peer-as = ${neighbor.as}
  [neighbors.transport.config]
    passive-mode = true
    local-address = "${REAL_ADDRESS}"
  [neighbors.timers.config]
    hold-time = 240
  [neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 2
  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 120
  ${
    neighbor.client === true
      ? `[neighbors.route-reflector.config]
    route-reflector-client = true
    route-reflector-cluster-id = "${clusterId}"`
      : ''
  }
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
    ${
      neighbor.addPaths === undefined
        ? ''
        : `[neighbors.afi-safis.add-paths.config]
      ${neighbor.addPaths === 'rx' ? 'receive = true' : 'send-max = 8'}`
    }
`;

const configText = (config: SpeakerConfig): string => `
[global.config]
  as = ${config.as}
  router-id = "${config.routerId}"
  port = ${config.port}
  local-address-list = ["${REAL_ADDRESS}"]
${config.neighbors.map((each) => neighborText(each, config)).join('')}
`;

/** An attribute in the words of `gobgp -j`. */
interface JsonAttribute {
  readonly type: number;
  readonly value?: unknown;
  readonly nexthop?: string;
  readonly metric?: number;
  readonly as_paths?: readonly { readonly segment_type: number; readonly asns: readonly number[] }[];
  readonly communities?: readonly number[];
}

interface JsonPath {
  readonly nlri: { readonly prefix: string };
  readonly attrs: readonly JsonAttribute[];
}

interface JsonExtended {
  readonly subtype: number;
  readonly value: string;
}

interface JsonLarge {
  readonly ASN: number;
  readonly LocalData1: number;
  readonly LocalData2: number;
}

const ORIGINS = ['IGP', 'EGP', 'Incomplete'];
const EXTENDED_SUBTYPES: Readonly<Record<number, string>> = { 2: 'rt', 3: 'ro' };

function heardRoute({ nlri, attrs }: JsonPath): HeardRoute {
  const of = (type: number): JsonAttribute | undefined => attrs.find((each) => each.type === type);
  const extended = (of(16)?.value ?? []) as readonly JsonExtended[];
  const large = (of(32)?.value ?? []) as readonly JsonLarge[];
  const segments = of(2)?.as_paths ?? [];
  return {
    net: nlri.prefix,
    nextHop: of(3)?.nexthop ?? '',
    path: segments.map(({ asns }) => asns.join(' ')).join(' '),
    origin: ORIGINS[Number(of(1)?.value)] ?? '',
    med: of(4)?.metric,
    localPref: of(5)?.value as number | undefined,
    communities: (of(8)?.communities ?? []).map((each) => `${each >>> 16}:${each & 0xffff}`).toSorted(),
    extended: extended.map(({ subtype, value }) => `${EXTENDED_SUBTYPES[subtype] ?? subtype}:${value}`).toSorted(),
    large: large.map((each) => `${each.ASN}:${each.LocalData1}:${each.LocalData2}`).toSorted(),
    originator: of(9)?.value as string | undefined,
    clusters: (of(10)?.value ?? []) as readonly string[],
  };
}

/** The words behind `gobgp global rib add`. */
function routeWords(route: ToldRoute, nextHop: string): string[] {
  const option = (name: string, values: readonly (string | number)[] = []): string[] =>
    values.length === 0 ? [] : [name, values.join(',')];
  return [
    route.net,
    'origin',
    'igp',
    'nexthop',
    nextHop,
    ...option('aspath', route.path),
    ...option('med', route.med === undefined ? [] : [route.med]),
    ...option('local-pref', route.localPref === undefined ? [] : [route.localPref]),
    ...option('community', route.communities),
    ...(route.extended ?? []).flatMap((each) => ['rt', each.replace('rt:', '')]),
    ...option('large-community', route.large),
  ];
}

class Gobgp implements Speaker {
  readonly refresh = undefined;
  readonly #config: SpeakerConfig;
  readonly #process = new DaemonProcess('gobgp');
  readonly #routes = new Map<string, ToldRoute>();

  constructor(config: SpeakerConfig) {
    this.#config = config;
    writeFileSync(join(this.#process.folder, 'gobgpd.toml'), configText(config));
  }

  get #target(): string {
    return `unix://${join(this.#process.folder, 'api')}`;
  }

  #gobgp(...words: readonly string[]): string {
    return spawnSync('gobgp', ['--target', this.#target, ...words], { encoding: 'utf8' }).stdout;
  }

  /** A change; it says nothing where it succeeds. */
  #change(...words: readonly string[]): void {
    const answer = this.#gobgp(...words);
    if (answer !== '') throw new Error(`gobgp ${words.join(' ')}: ${answer}`);
  }

  async run(...flags: readonly string[]): Promise<void> {
    const file = join(this.#process.folder, 'gobgpd.toml');
    const args = ['-f', file, '--api-hosts', this.#target, '--pprof-disable', '-p', ...flags];
    await this.#process.run('gobgpd', args, () => this.#gobgp('global').includes(`AS:        ${this.#config.as}`));
    for (const route of [...this.#config.routes, ...this.#routes.values()]) this.announce(route);
  }

  heard(neighbor: string): HeardRoute[] {
    const text = this.#gobgp('-j', 'neighbor', neighbor, 'adj-in');
    const nets = JSON.parse(text === '' ? '{}' : text) as Record<string, readonly JsonPath[] | string>;
    const paths = Object.values(nets).flatMap((each) => (typeof each === 'string' ? [] : each));
    return sorted(paths.map(heardRoute));
  }

  heardNets(neighbor: string): string[] {
    return this.heard(neighbor).map(({ net }) => net);
  }

  announce(route: ToldRoute): void {
    this.#routes.set(route.net, route);
    this.#change('global', 'rib', 'add', ...routeWords(route, this.#config.nextHop));
  }

  withdraw(net: string): void {
    this.#routes.delete(net);
    this.#change('global', 'rib', 'del', net);
  }

  async killAndRestart(): Promise<void> {
    await this.#process.kill();
    rmSync(join(this.#process.folder, 'api'));
    await this.run('-r');
  }

  stop(): void {
    this.#process.stop();
  }
}

export const GOBGP: SpeakerKind = {
  name: 'GoBGP',
  whyNot: () => whyNoProgram('gobgpd', '--version'),
  start: async (config) => {
    const gobgp = new Gobgp(config);
    await gobgp.run();
    return gobgp;
  },
};
