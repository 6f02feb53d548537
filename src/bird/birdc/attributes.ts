/** Attributes of `show route all` (nest/rt-attr.c: rta_show(), ea_show()). */

import { BGP_ATTRIBUTE, formatAsPath, toHex } from '../../packet/index.js';
import { formatIp, formatQuad, type IpAddr } from '../address.js';
import { type Dialect, SCOPES } from '../config/keywords.js';
import { formatCommunity, formatExtendedCommunity, formatLargeCommunity } from '../filter/value.js';
import { type Attributes, KERNEL_FEATURES, KERNEL_LOCKS } from '../rib/attributes.js';
import type { Route } from '../rib/route.js';

const SOURCE_NAMES = [
  'dummy',
  'static',
  'inherit',
  'device',
  'static-device',
  'redirect',
  'RIP',
  'OSPF',
  'OSPF-IA',
  'OSPF-E1',
  'OSPF-E2',
  'BGP',
  'pipe',
  'babel',
];
const CASTS = ['unicast', 'broadcast', 'multicast', 'anycast'];
/** lib/ip.c: ip_scope_text(). */
const SCOPE_TEXTS: Readonly<Record<(typeof SCOPES)[number], string>> = {
  HOST: 'host',
  LINK: 'link',
  SITE: 'site',
  ORGANIZATION: 'org',
  UNIVERSE: 'univ',
  UNDEFINED: 'undef',
};

const ORIGIN_NAMES = ['IGP', 'EGP', 'Incomplete'];

/** As much of a list as one line takes; the rest goes on the next, indented once more (CLI_MSG_SIZE). */
const LINE_LIMIT = 500;

function listLines(name: string, items: readonly string[]): string[] {
  const lines: string[] = [];
  let line = `\t${name}: `;
  for (const item of items) {
    if (line.length + item.length > LINE_LIMIT) {
      lines.push(line.trimEnd());
      line = '\t\t';
    }
    line += `${item} `;
  }
  lines.push(items.length === 0 ? line : line.replace(/ $/, ''));
  return lines;
}

const hops = (first: IpAddr, second: IpAddr | undefined): string =>
  second === undefined ? formatIp(first) : `${formatIp(first)} ${formatIp(second)}`;

/** In the order of their codes. */
function bgpLines(attributes: Attributes): string[] {
  const lines: string[] = [];
  const { origin, asPath, nextHop, med, localPref, aggregator } = attributes;
  if (origin !== undefined) lines.push(`\tBGP.origin: ${ORIGIN_NAMES[origin] ?? origin}`);
  if (asPath !== undefined) lines.push(`\tBGP.as_path: ${formatAsPath(asPath)}`);
  if (nextHop !== undefined) lines.push(`\tBGP.next_hop: ${hops(nextHop, attributes.linkLocalNextHop)}`);
  if (med !== undefined) lines.push(`\tBGP.med: ${med >>> 0}`);
  if (localPref !== undefined) lines.push(`\tBGP.local_pref: ${localPref >>> 0}`);
  if (attributes.atomicAggregate) lines.push('\tBGP.atomic_aggr: ');
  if (aggregator !== undefined) lines.push(`\tBGP.aggregator: ${formatIp(aggregator.address)} AS${aggregator.as}`);
  const { community, originatorId, clusterList, extendedCommunity, largeCommunity, unknown = [] } = attributes;
  if (community !== undefined) lines.push(...listLines('BGP.community', community.map(formatCommunity)));
  if (originatorId !== undefined) lines.push(`\tBGP.originator_id: ${formatQuad(originatorId)}`);
  if (clusterList !== undefined) lines.push(`\tBGP.cluster_list: ${clusterList.map(formatQuad).join(' ')}`);
  if (extendedCommunity !== undefined) {
    lines.push(...listLines('BGP.ext_community', extendedCommunity.map(formatExtendedCommunity)));
  }
  const late: [number, string[]][] = unknown.map(({ code, flags, value }) => [
    code,
    [`\tBGP.${code.toString(16).padStart(2, '0')}${(flags & 0x40) === 0 ? '' : ' [t]'}: ${spaced(value)}`],
  ]);
  if (largeCommunity !== undefined) {
    late.push([
      BGP_ATTRIBUTE.largeCommunity,
      listLines('BGP.large_community', largeCommunity.map(formatLargeCommunity)),
    ]);
  }
  late.sort(([a], [b]) => a - b);
  return [...lines, ...late.flatMap(([, text]) => text)];
}

const spaced = (value: Uint8Array): string => toHex(value).replace(/(..)(?=.)/g, '$1 ');

const METRICS: readonly (readonly [keyof Attributes, string])[] = [
  ['krtMtu', 'mtu'],
  ['krtWindow', 'window'],
  ['krtRtt', 'rtt'],
  ['krtRttvar', 'rttvar'],
  ['krtSstresh', 'sstresh'],
  ['krtCwnd', 'cwnd'],
  ['krtAdvmss', 'advmss'],
  ['krtReordering', 'reordering'],
  ['krtHoplimit', 'hoplimit'],
  ['krtInitcwnd', 'initcwnd'],
  ['krtRtoMin', 'rto_min'],
  ['krtInitrwnd', 'initrwnd'],
  ['krtQuickack', 'quickack'],
];

/** ea_format_bitfield(). */
function bitLines(name: string, bits: number | undefined, names: readonly (readonly [name: string, mask: number])[]) {
  const set = names.filter(([, mask]) => ((bits ?? 0) & mask) !== 0).map(([bit]) => ` ${bit}`);
  return bits === undefined ? [] : [`\tKernel.${name}:${set.join('')}`];
}

function kernelLines(attributes: Attributes): string[] {
  const lines: string[] = [];
  const { krtSource, krtMetric, krtPrefsrc, krtRealm, krtScope, krtTunnel, krtLock, krtFeatures } = attributes;
  if (krtSource !== undefined) lines.push(`\tKernel.source: ${krtSource}`);
  if (krtMetric !== undefined) lines.push(`\tKernel.metric: ${krtMetric}`);
  if (krtPrefsrc !== undefined) lines.push(`\tKernel.prefsrc: ${formatIp(krtPrefsrc)}`);
  if (krtRealm !== undefined) lines.push(`\tKernel.realm: ${krtRealm}`);
  if (krtScope !== undefined) lines.push(`\tKernel.scope: ${krtScope}`);
  if (krtTunnel !== undefined) lines.push(`\tKernel.tunnel: ${krtTunnel}`);
  lines.push(...bitLines('lock', krtLock, KERNEL_LOCKS));
  for (const [id, name] of METRICS) {
    if (id === 'krtRtoMin') lines.push(...bitLines('features', krtFeatures, KERNEL_FEATURES));
    const value = attributes[id];
    if (typeof value === 'number') lines.push(`\tKernel.${name}: ${value}`);
  }
  return lines;
}

export function attributeLines(route: Route, dialect: Dialect): string[] {
  const { attributes } = route;
  const scope = SCOPE_TEXTS[SCOPES[route.scope] ?? 'UNIVERSE'];
  const source = SOURCE_NAMES[route.source] ?? '???';
  const type = dialect === 'bird-1.6' ? `${source} ${CASTS[route.cast] ?? 'unicast'} ${scope}` : `${source} ${scope}`;
  return [
    `\tType: ${type}`,
    ...(attributes.igpMetric === undefined ? [] : [`\tigp_metric: ${attributes.igpMetric}`]),
    ...bgpLines(attributes),
    ...kernelLines(attributes),
  ];
}
