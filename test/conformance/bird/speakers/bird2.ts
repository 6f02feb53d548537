/** BIRD 2 as one of several speakers, and its language, which the emulated daemon shares. */

import { REAL_ADDRESS } from '../bridge.js';
import { RealBird, whyNoBird2 } from '../real-bird2.js';
import {
  type HeardRoute,
  type Speaker,
  type SpeakerConfig,
  type SpeakerKind,
  type ToldRoute,
  sorted,
} from './speaker.js';

const commas = (text: string): string => text.replaceAll(':', ', ');

/** What a filter says to give a route its attributes, in either dialect. */
const statements = (route: ToldRoute): string =>
  [
    ...(route.med === undefined ? [] : [`bgp_med = ${route.med};`]),
    ...(route.localPref === undefined ? [] : [`bgp_local_pref = ${route.localPref};`]),
    ...(route.path ?? []).toReversed().map((as) => `bgp_path.prepend(${as});`),
    ...(route.communities ?? []).map((each) => `bgp_community.add((${commas(each)}));`),
    ...(route.extended ?? []).map((each) => `bgp_ext_community.add((${commas(each)}));`),
    ...(route.large ?? []).map((each) => `bgp_large_community.add((${commas(each)}));`),
  ].join(' ');

/**
 * The filter by which routes leave. Attributes are set there: after a static protocol's own filters BIRD 1.6 sets some
 * of them anew, and BIRD 2 keeps a MED from external neighbours.
 */
export const exportFilter = (routes: readonly ToldRoute[], last = ''): string => `export filter {
    ${routes.map((route) => `if net = ${route.net} then { ${statements(route)} }`).join('\n    ')}
    ${last}
    if source = RTS_STATIC || source = RTS_BGP then accept;
    reject;
  };`;

const tuples = (text: string | undefined): string[] =>
  [...(text ?? '').matchAll(/\(([^)]*)\)/g)].map(([, inside = '']) => inside.replace(/, ?/g, ':')).toSorted();

const numberOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));

function heardRoute(net: string, attributes: ReadonlyMap<string, string>): HeardRoute {
  return {
    net,
    nextHop: attributes.get('next_hop') ?? '',
    path: attributes.get('as_path') ?? '',
    origin: attributes.get('origin') ?? '',
    med: numberOf(attributes.get('med')),
    localPref: numberOf(attributes.get('local_pref')),
    communities: tuples(attributes.get('community')),
    extended: tuples(attributes.get('ext_community')),
    large: tuples(attributes.get('large_community')),
    originator: attributes.get('originator_id'),
    clusters: attributes.get('cluster_list')?.split(' ') ?? [],
  };
}

/** The routes in `show route all`, of either dialect. */
export function routesIn(text: string): HeardRoute[] {
  const found: { readonly net: string; readonly attributes: Map<string, string> }[] = [];
  let net = '';
  for (const line of text.split('\n')) {
    const [, fresh] = /^(\d\S+\/\d+)? +(?:via|unicast|blackhole|unreachable)\b.*\[/.exec(line) ?? [
      undefined,
      undefined,
    ];
    if (/^(\S+)? +.*\[\S+ .*\]/.test(line)) {
      net = fresh ?? net;
      found.push({ net, attributes: new Map() });
    }
    const [, name, value = ''] = /^\s+BGP\.(\S+):(.*)$/.exec(line) ?? [];
    if (name !== undefined) found.at(-1)?.attributes.set(name, value.trim());
  }
  return sorted(found.map((each) => heardRoute(each.net, each.attributes)));
}

const protocolOf = (address: string): string => `n${address.replaceAll('.', '_')}`;

function configText(config: SpeakerConfig, routes: readonly ToldRoute[]): string {
  const neighbors = config.neighbors.map(
    ({ address, as, client, addPaths }) => `
protocol bgp ${protocolOf(address)} {
  local ${REAL_ADDRESS} port ${config.port} as ${config.as}; strict bind yes;
  neighbor ${address} as ${as};
  passive on; multihop 2; graceful restart on;
  ${client === true ? `rr client; rr cluster id ${config.clusterId};` : ''}
  ipv4 {
    import all;
    ${exportFilter(routes, `if source = RTS_STATIC then bgp_next_hop = ${config.nextHop};`)}
    ${addPaths === undefined ? '' : `add paths ${addPaths};`}
  };
}`,
  );
  return `
log stderr { error, fatal, bug };
router id ${config.routerId};
protocol device { }
protocol static told {
  ipv4;
${routes.map(({ net }) => `  route ${net} blackhole;`).join('\n')}
}
${neighbors.join('\n')}
`;
}

async function start(config: SpeakerConfig): Promise<Speaker> {
  let routes = config.routes;
  const bird = await RealBird.start(config.port, configText(config, routes));
  const change = (changed: readonly ToldRoute[]): void => {
    routes = changed;
    bird.configure(configText(config, routes));
  };
  const heard = (neighbor: string) => routesIn(bird.birdc(`show route all protocol ${protocolOf(neighbor)}`));
  return {
    heard,
    heardNets: (neighbor) => heard(neighbor).map(({ net }) => net),
    announce: (route) => change([...routes.filter(({ net }) => net !== route.net), route]),
    withdraw: (net) => change(routes.filter((each) => each.net !== net)),
    refresh: (neighbor) => void bird.birdc(`reload in ${protocolOf(neighbor)}`),
    killAndRestart: () => bird.killAndRecover(),
    stop: () => bird.stop(),
  };
}

export const BIRD2: SpeakerKind = { name: 'BIRD 2', whyNot: whyNoBird2, start };
