/** A BGP message as one line, shared by the dissector, traces and test failures. */

import { formatIpv4, formatIpv6, type Ipv4Addr, type Ipv6Addr, ipv4 } from '../ip.js';
import { formatAsPath, parseAsPath } from './as-path.js';
import { BGP_ATTRIBUTE, BGP_MESSAGE, ROUTE_REFRESH } from './constants.js';
import { type BgpFrame, isBgpProblem } from './message.js';
import { bgpErrorText, parseBgpNotification, parseRouteRefresh } from './notification.js';
import { type BgpCapability, parseBgpOpen } from './open.js';
import { decodeMpReach, decodeMpUnreach, decodeWords, type RawBgpAttribute } from './path-attributes.js';
import type { BgpPrefix } from './prefixes.js';
import { type BgpUpdate, parseBgpUpdate } from './update.js';

const formatAddress = (addr: Ipv4Addr | Ipv6Addr): string =>
  typeof addr === 'number' ? formatIpv4(addr) : formatIpv6(addr);

export const formatBgpPrefix = ({ addr, length, pathId }: BgpPrefix): string =>
  `${formatAddress(addr)}/${length}${pathId === undefined ? '' : ` (path ${pathId})`}`;

/** As many prefixes as a line names. */
const NAMED_PREFIXES = 3;

const listPrefixes = (prefixes: readonly BgpPrefix[]): string => {
  const names = prefixes.slice(0, NAMED_PREFIXES).map(formatBgpPrefix).join(' ');
  const more = prefixes.length - NAMED_PREFIXES;
  return more > 0 ? `${names} and ${more} more` : names;
};

export function formatBgpCapability(capability: BgpCapability): string {
  switch (capability.kind) {
    case 'multiprotocol':
      return `multiprotocol ${capability.family.afi}/${capability.family.safi}`;
    case 'routeRefresh':
      return 'route refresh';
    case 'enhancedRouteRefresh':
      return 'enhanced route refresh';
    case 'extendedMessage':
      return 'extended messages';
    case 'gracefulRestart':
      return `graceful restart ${capability.time} s${capability.restarting ? ', restarting' : ''}`;
    case 'fourOctetAs':
      return `AS ${capability.as}`;
    case 'addPath':
      return `add-path ${capability.families.map(({ afi, safi, mode }) => `${afi}/${safi} ${mode}`).join(', ')}`;
    case 'longLivedGracefulRestart':
      return 'long-lived graceful restart';
    case 'other':
      return `capability ${capability.code}`;
  }
}

const attribute = (update: BgpUpdate, code: number): RawBgpAttribute | undefined =>
  update.attributes.find((each) => each.code === code);

/** Four-octet numbers, unless only two-octet ones can be meant. */
function guessAsPath(value: Uint8Array): string | undefined {
  const path = parseAsPath(value, 4) ?? parseAsPath(value, 2);
  return path === undefined ? undefined : formatAsPath(path);
}

function describeReachable(update: BgpUpdate): string[] {
  const mp = attribute(update, BGP_ATTRIBUTE.mpReachNlri);
  const reach = mp === undefined ? undefined : decodeMpReach(mp.value, () => false);
  const words: string[] = [];
  if (update.nlri.length > 0) words.push(listPrefixes(update.nlri));
  if (reach !== undefined && reach.prefixes.length > 0) words.push(listPrefixes(reach.prefixes));
  if (words.length === 0) return [];
  const nextHop = attribute(update, BGP_ATTRIBUTE.nextHop);
  const [hop] = reach?.nextHops ?? (nextHop?.value.length === 4 ? [ipv4(decodeWords(nextHop.value)[0] ?? 0)] : []);
  if (hop !== undefined) words.push(`next hop ${formatAddress(hop)}`);
  const path = attribute(update, BGP_ATTRIBUTE.asPath);
  const text = path === undefined ? undefined : guessAsPath(path.value);
  if (text !== undefined && text !== '') words.push(`path ${text}`);
  return words;
}

function describeUpdate(body: Uint8Array): string {
  const update = parseBgpUpdate(body, false);
  if (isBgpProblem(update)) return `UPDATE (${bgpErrorText(update.code, update.subcode).toLowerCase()})`;
  const mp = attribute(update, BGP_ATTRIBUTE.mpUnreachNlri);
  const unreach = mp === undefined ? undefined : decodeMpUnreach(mp.value, () => false);
  const words = describeReachable(update);
  const gone = [...update.withdrawn, ...(unreach?.prefixes ?? [])];
  if (gone.length > 0) words.push(`withdrawn ${listPrefixes(gone)}`);
  return words.length === 0 ? 'UPDATE, End-of-RIB' : `UPDATE ${words.join(', ')}`;
}

/** `OPEN AS 64512, hold time 240 s, identifier 172.18.0.2`, `UPDATE 10.0.0.0/26, next hop 172.18.0.2`, … */
export function describeBgpMessage({ type, body }: BgpFrame): string {
  switch (type) {
    case BGP_MESSAGE.open: {
      const open = parseBgpOpen(body);
      if (isBgpProblem(open)) return `OPEN (${bgpErrorText(open.code, open.subcode).toLowerCase()})`;
      return `OPEN AS ${open.as}, hold time ${open.holdTime} s, identifier ${formatIpv4(open.identifier)}`;
    }
    case BGP_MESSAGE.update:
      return describeUpdate(body);
    case BGP_MESSAGE.notification: {
      const problem = parseBgpNotification(body);
      return problem === undefined ? 'NOTIFICATION' : `NOTIFICATION ${bgpErrorText(problem.code, problem.subcode)}`;
    }
    case BGP_MESSAGE.keepalive:
      return 'KEEPALIVE';
    case BGP_MESSAGE.routeRefresh: {
      const refresh = parseRouteRefresh(body);
      const subtype = { [ROUTE_REFRESH.begin]: ' begin', [ROUTE_REFRESH.end]: ' end' }[refresh?.subtype ?? 0] ?? '';
      return `ROUTE-REFRESH${subtype}`;
    }
    default:
      return `type ${type}`;
  }
}
