/** `show protocols [all]` (nest/proto.c: proto_cmd_show(); proto/bgp/bgp.c: bgp_show_proto_info()). */

import { BGP_PORT } from '../../packet/index.js';
import { formatIp, formatQuad } from '../address.js';
import { bgpFamily, sameFamily, type PeerCapabilities, readCapabilities, makeOpen } from '../bgp/capabilities.js';
import { channelOptions } from '../bgp/session.js';
import type { BgpRangeConfig, RouteLimit } from '../config/types.js';
import { filterName } from '../filter/syntax.js';
import { BgpProtocol } from '../protocols/bgp.js';
import { BgpRangeProtocol } from '../protocols/bgp-range.js';
import type { Channel, LimitKind } from '../protocols/channel.js';
import { PipeProtocol } from '../protocols/pipe.js';
import { KIND_NAMES, type Protocol } from '../protocols/protocol.js';
import type { Router } from '../router.js';
import { remaining, shortTime, type TimeContext } from './time.js';

export interface ShowProtocolsContext {
  readonly router: Router;
  readonly time: TimeContext;
}

const count = (value: number): string => String(value).padStart(10);
const DASHES = '       ---';

function statsLines(channel: Channel, indent: string): string[] {
  const { stats: s, config } = channel;
  const filtered = config.keepFiltered ? `${s.filteredRoutes} filtered, ` : '';
  return [
    `${indent}Routes:         ${s.importedRoutes} imported, ${filtered}${s.exportedRoutes} exported, ${channel.preferredRoutes} preferred`,
    `${indent}Route change stats:     received   rejected   filtered    ignored   accepted`,
    `${indent}  Import updates:     ${[s.importUpdatesReceived, s.importUpdatesInvalid, s.importUpdatesFiltered, s.importUpdatesIgnored, s.importUpdatesAccepted].map(count).join(' ')}`,
    `${indent}  Import withdraws:   ${count(s.importWithdrawsReceived)} ${count(s.importWithdrawsInvalid)} ${DASHES} ${count(s.importWithdrawsIgnored)} ${count(s.importWithdrawsAccepted)}`,
    `${indent}  Export updates:     ${count(s.exportUpdatesReceived)} ${count(s.exportUpdatesRejected)} ${count(s.exportUpdatesFiltered)} ${DASHES} ${count(s.exportUpdatesAccepted)}`,
    `${indent}  Export withdraws:   ${count(s.exportWithdrawsReceived)} ${DASHES} ${DASHES} ${DASHES} ${count(s.exportWithdrawsAccepted)}`,
  ];
}

/** channel_show_limit(). */
function limitOf(limit: RouteLimit | undefined, text: string, of: { readonly hit: boolean; readonly indent: string }) {
  if (limit === undefined) return [];
  return [
    `${of.indent}${text.padEnd(16)}${limit.limit}${of.hit ? ' [HIT]' : ''}`,
    `${of.indent}  Action:       ${limit.action}`,
  ];
}

function limitLines(channel: Channel, indent: string): string[] {
  const { config } = channel;
  const limits: [LimitKind, string, RouteLimit | undefined][] = [
    ['receive', 'Receive limit:', config.receiveLimit],
    ['import', 'Import limit:', config.importLimit],
    ['export', 'Export limit:', config.exportLimit],
  ];
  return limits.flatMap(([kind, text, limit]) => limitOf(limit, text, { hit: channel.limitState(kind), indent }));
}

// Pipes

/** pipe_show_stats(): a route that goes through is exported from one table, and then imported into the other. */
function pipeCounts({ stats: out }: Channel, { stats: into }: Channel, text: string): string[] {
  const updates = [
    out.exportUpdatesReceived,
    out.exportUpdatesRejected + into.importUpdatesInvalid,
    out.exportUpdatesFiltered,
    into.importUpdatesIgnored,
    into.importUpdatesAccepted,
  ];
  const withdraws = [into.importWithdrawsIgnored, into.importWithdrawsAccepted];
  return [
    `    ${`${text} updates:`.padEnd(20)}${updates.map(count).join(' ')}`,
    `    ${`${text} withdraws:`.padEnd(20)}${count(out.exportWithdrawsReceived)} ${count(into.importWithdrawsInvalid)} ${DASHES} ${withdraws.map(count).join(' ')}`,
  ];
}

function pipeStats(table: Channel, peer: Channel): string[] {
  return [
    `  Routes:         ${table.stats.importedRoutes} imported, ${peer.stats.importedRoutes} exported`,
    '  Route change stats:     received   rejected   filtered    ignored   accepted',
    ...pipeCounts(peer, table, 'Import'),
    ...pipeCounts(table, peer, 'Export'),
  ];
}

/** pipe_show_proto_info(). */
function pipeLines(pipe: PipeProtocol): string[] {
  const [table, peer] = pipe.channels;
  if (table === undefined || peer === undefined) return [];
  const { isBird2 } = pipe.router;
  const state = ({ exporting }: Channel): string => (exporting ? 'up' : 'down');
  const [into, out] = [filterName(peer.config.exportFilter), filterName(table.config.exportFilter)];
  const head = isBird2
    ? [
        '  Channel main',
        `    Table:          ${table.table.name}`,
        `    Peer table:     ${peer.table.name}`,
        `    Import state:   ${state(peer)}`,
        `    Export state:   ${state(table)}`,
        `    Import filter:  ${into}`,
        `    Export filter:  ${out}`,
      ]
    : [`  Preference:     ${pipe.preferenceOf(table)}`, `  Input filter:   ${into}`, `  Output filter:  ${out}`];
  const indent = isBird2 ? '    ' : '  ';
  return [
    ...head,
    ...limitOf(table.config.importLimit, 'Import limit:', { hit: table.limitState('import'), indent }),
    ...limitOf(peer.config.importLimit, 'Export limit:', { hit: peer.limitState('import'), indent }),
    ...(pipe.state === 'down' ? [] : pipeStats(table, peer)),
  ];
}

// 1.6

function basic16(protocol: Protocol): string[] {
  const channel = protocol.mainChannel;
  if (channel === undefined) return [];
  const { config } = channel;
  return [
    `  Preference:     ${protocol.preferenceOf(channel)}`,
    `  Input filter:   ${filterName(config.importFilter)}`,
    `  Output filter:  ${filterName(config.exportFilter)}`,
    ...(protocol.router.recovering ? [`  GR recovery:   ${protocol.exportWaits ? ' waiting' : ''}`] : []),
    ...limitLines(channel, '  '),
    ...(protocol.state === 'down' ? [] : statsLines(channel, '  ')),
  ];
}

const words = (...each: readonly (readonly [boolean, string])[]): string =>
  each.map(([holds, word]) => (holds ? ` ${word}` : '')).join('');

function addPathWords(mode: number): string {
  return words([(mode & 1) !== 0, 'add-path-rx'], [(mode & 2) !== 0, 'add-path-tx']);
}

function upLines16(p: BgpProtocol, time: TimeContext): string[] {
  const { connection, config } = p;
  if (connection === undefined) return [];
  const { peer } = connection;
  const [feed] = p.feeds;
  const family = bgpFamily(p.router.config.family);
  const mode = peer.addPath.find((each) => sameFamily(each, family))?.mode ?? 0;
  const able = peer.gracefulFamilies.some((each) => sameFamily(each, family));
  return [
    `    Neighbor ID:      ${formatQuad(p.remoteId)}`,
    `    Neighbor caps:   ${words(
      [peer.routeRefresh, 'refresh'],
      [peer.enhancedRefresh, 'enhanced-refresh'],
      [able, 'restart-able'],
      [peer.gracefulAware && !able, 'restart-aware'],
      [peer.longLivedAware, 'llgr-aware'],
      [peer.as4 !== undefined, 'AS4'],
    )}${addPathWords(mode)}${words([peer.extendedMessages, 'ext-messages'])}`,
    `    Session:          ${p.isInternal ? 'internal' : 'external'}${words(
      [config.multihop > 0, 'multihop'],
      [config.rrClient, 'route-reflector'],
      [config.rsClient, 'route-server'],
      [p.as4Session, 'AS4'],
      [feed?.addPathRx === true, 'add-path-rx'],
      [feed?.addPathTx === true, 'add-path-tx'],
      [connection.extendedMessages, 'ext-messages'],
    )}`,
    `    Source address:   ${p.sourceAddress === undefined ? '' : formatIp(p.sourceAddress)}`,
    ...(feed?.channel.config.importLimit === undefined
      ? []
      : [`    Route limit:      ${feed.channel.stats.importedRoutes}/${feed.channel.config.importLimit.limit}`]),
    `    Hold timer:       ${remaining(connection.holdLeft, time)}/${connection.holdTime}`,
    `    Keepalive timer:  ${remaining(connection.keepaliveLeft, time)}/${connection.keepaliveTime}`,
  ];
}

/** What waits while the session is not up. */
function startLines(p: BgpProtocol, time: TimeContext): string[] {
  const lines: string[] = [];
  const { errorWaitLeft, outgoing } = p;
  if (p.startState !== 'connect' && errorWaitLeft !== undefined) {
    lines.push(`    Error wait:       ${remaining(errorWaitLeft, time)}/${p.errors.startupDelay}`);
  }
  if (outgoing.state === 'Active' && outgoing.connectLeft !== undefined) {
    lines.push(`    Connect delay:    ${remaining(outgoing.connectLeft, time)}/${p.config.connectDelayTime}`);
  }
  return lines;
}

function bgpLines16(p: BgpProtocol, time: TimeContext): string[] {
  const { config } = p;
  return [
    `  BGP state:          ${p.bgpState}`,
    `    Neighbor address: ${formatIp(config.remoteAddress)}${config.iface === undefined ? '' : `%${config.iface}`}`,
    `    Neighbor AS:      ${config.remoteAs}`,
    ...(p.restart.active ? ['    Neighbor graceful restart active'] : []),
    ...(p.restart.left === undefined ? [] : [`    Restart timer:    ${remaining(p.restart.left, time)}/-`]),
    ...(p.state === 'start' ? startLines(p, time) : []),
    ...(p.state === 'up' ? upLines16(p, time) : []),
    ...(p.reason === '' ? [] : [`    Last error:       ${p.reason}`]),
  ];
}

// 2

const afNames = (families: readonly { readonly afi: number }[]): string =>
  families.map(({ afi }) => (afi === 1 ? ' ipv4' : ' ipv6')).join('');

function capabilityLines(caps: PeerCapabilities): string[] {
  const lines: string[] = [];
  if (caps.multiprotocol.length > 0) {
    lines.push('      Multiprotocol', `        AF announced:${afNames(caps.multiprotocol)}`);
  }
  if (caps.routeRefresh) lines.push('      Route refresh');
  if (caps.extendedMessages) lines.push('      Extended message');
  if (caps.gracefulAware) lines.push('      Graceful restart');
  if (caps.gracefulFamilies.length > 0) {
    lines.push(`        Restart time: ${caps.gracefulTime}`);
    if (caps.restarting) lines.push('        Restart recovery');
    lines.push(`        AF supported:${afNames(caps.gracefulFamilies)}`);
    lines.push(`        AF preserved:${afNames(caps.gracefulFamilies.filter(({ forwarding }) => forwarding))}`);
  }
  if (caps.as4 !== undefined) lines.push('      4-octet AS numbers');
  if (caps.addPath.length > 0) {
    lines.push('      ADD-PATH');
    lines.push(`        RX:${afNames(caps.addPath.filter(({ mode }) => (mode & 1) !== 0))}`);
    lines.push(`        TX:${afNames(caps.addPath.filter(({ mode }) => (mode & 2) !== 0))}`);
  }
  if (caps.enhancedRefresh) lines.push('      Enhanced refresh');
  if (caps.longLivedAware) lines.push('      Long-lived graceful restart');
  // Nothing is all zeros, and zero is a provider.
  if (!caps.any) lines.push('      Role: provider');
  return lines;
}

function upLines2(p: BgpProtocol, time: TimeContext): string[] {
  const { connection, config } = p;
  if (connection === undefined) return [];
  const own = makeOpen(config, {
    dialect: 'bird-2',
    localId: p.localId,
    recovering: false,
    withoutCapabilities: connection.withoutCapabilities,
  });
  return [
    `    Neighbor ID:      ${formatQuad(p.remoteId)}`,
    '    Local capabilities',
    ...capabilityLines(readCapabilities(own)),
    '    Neighbor capabilities',
    ...capabilityLines(connection.peer),
    `    Session:          ${p.isInternal ? 'internal' : 'external'}${words(
      [config.multihop > 0, 'multihop'],
      [config.rrClient, 'route-reflector'],
      [config.rsClient, 'route-server'],
      [p.as4Session, 'AS4'],
    )}`,
    `    Source address:   ${p.sourceAddress === undefined ? '' : formatIp(p.sourceAddress)}`,
    `    Hold timer:       ${remaining(connection.holdLeft, time)}/${connection.holdTime}`,
    `    Keepalive timer:  ${remaining(connection.keepaliveLeft, time)}/${connection.keepaliveTime}`,
  ];
}

function channelState(protocol: Protocol, channel: Channel): string {
  if (protocol.state === 'up') {
    const feed = protocol instanceof BgpProtocol ? protocol.feeds.find((each) => each.channel === channel) : undefined;
    return feed?.active === false ? 'DOWN' : 'UP';
  }
  return protocol.state === 'start' && channel.refreshing ? 'START' : 'DOWN';
}

function channelLines(protocol: Protocol, channel: Channel): string[] {
  const { config } = channel;
  const state = channelState(protocol, channel);
  return [
    `  Channel ${config.family}`,
    `    State:          ${state}`,
    `    Table:          ${config.table}`,
    `    Preference:     ${protocol.preferenceOf(channel)}`,
    `    Input filter:   ${filterName(config.importFilter)}`,
    `    Output filter:  ${filterName(config.exportFilter)}`,
    ...limitLines(channel, '    '),
    ...(state === 'DOWN' ? [] : statsLines(channel, '    ')),
  ];
}

function bgpLines2(p: BgpProtocol, time: TimeContext): string[] {
  const { config, connection } = p;
  const otherPort = connection === p.outgoing && config.remotePort !== BGP_PORT;
  return [
    `  BGP state:          ${p.bgpState}`,
    `    Neighbor address: ${formatIp(config.remoteAddress)}${config.iface === undefined ? '' : `%${config.iface}`}`,
    ...(otherPort ? [`    Neighbor port:    ${config.remotePort}`] : []),
    `    Neighbor AS:      ${p.remoteAs}`,
    `    Local AS:         ${config.localAs}`,
    ...(p.restart.active ? ['    Neighbor graceful restart active'] : []),
    ...(p.state === 'start' ? startLines(p, time) : []),
    ...(p.state === 'start' && p.restart.left !== undefined
      ? [`    Restart timer:    ${remaining(p.restart.left, time)}/-`]
      : []),
    ...(p.state === 'up' ? upLines2(p, time) : []),
    ...(p.reason === '' ? [] : [`    Last error:       ${p.reason}`]),
    ...p.channels.flatMap((channel) => [...channelLines(p, channel), ...bgpChannelLines(p, channel)]),
  ];
}

/** Of a range that waits for neighbours. */
function rangeLines(p: Protocol, config: BgpRangeConfig): string[] {
  return [
    `  BGP state:          ${p.state === 'down' ? 'Down' : 'Passive'}`,
    `    Neighbor range:   ${config.range.toString()}`,
    `    Neighbor AS:      ${config.remoteAs}`,
    `    Local AS:         ${config.localAs}`,
    ...p.channels.flatMap((channel) => [...channelLines(p, channel), ...igpTableLines(channel)]),
  ];
}

function igpTableLines({ config }: Channel): string[] {
  const { gateway, igpTable } = channelOptions(config);
  if (gateway !== 'recursive' && igpTable === undefined) return [];
  return [`    IGP ${config.family === 'ipv4' ? 'IPv4' : 'IPv6'} table: ${igpTable ?? config.table}`];
}

function bgpChannelLines(p: BgpProtocol, channel: Channel): string[] {
  const options = channelOptions(channel.config);
  const own = options.nextHopAddress ?? p.sourceAddress;
  return [
    ...(p.restart.active ? [`    Neighbor GR:    ${channel.refreshing ? 'Active' : 'None'}`] : []),
    ...(channelState(p, channel) === 'UP' && own !== undefined ? [`    BGP Next hop:   ${formatIp(own)}`] : []),
    ...igpTableLines(channel),
  ];
}

// Both

function headerLine({ router }: ShowProtocolsContext): string {
  if (!router.isBird2) return 'name     proto    table    state  since       info';
  return `${'Name'.padEnd(10)} ${'Proto'.padEnd(10)} ${'Table'.padEnd(10)} ${'State'.padEnd(6)} ${'Since'.padEnd(12)}  Info`;
}

function summaryLine(protocol: Protocol, { router, time }: ShowProtocolsContext): string {
  const since = shortTime(protocol.stateChangedNs, time);
  const kind = KIND_NAMES[protocol.kind];
  if (!router.isBird2) {
    const table = protocol.mainChannel?.table.name ?? 'master';
    return `${protocol.name.padEnd(8)} ${kind.padEnd(8)} ${table.padEnd(8)} ${protocol.stateName.padEnd(5)}  ${since.padEnd(10)}  ${protocol.info}`;
  }
  const hasOneTable = protocol.kind === 'kernel' || protocol.kind === 'static';
  const table = (hasOneTable ? protocol.mainChannel?.table.name : undefined) ?? '---';
  return `${protocol.name.padEnd(10)} ${kind.padEnd(10)} ${table.padEnd(10)} ${protocol.stateName.padEnd(6)} ${since.padEnd(12)}  ${protocol.info}`;
}

function detailLines(protocol: Protocol, { router, time }: ShowProtocolsContext): string[] {
  const { config, message } = protocol;
  const head = [
    ...(config.description === undefined ? [] : [`  Description:    ${config.description}`]),
    ...(message === undefined ? [] : [`  Message:        ${message}`]),
    ...(config.routerId === undefined ? [] : [`  Router ID:      ${formatQuad(config.routerId)}`]),
  ];
  if (protocol instanceof PipeProtocol) return [...head, ...pipeLines(protocol), ''];
  if (!router.isBird2) {
    const bgp = protocol instanceof BgpProtocol ? bgpLines16(protocol, time) : [];
    return [...head, ...basic16(protocol), ...bgp, ''];
  }
  return [...head, ...detailLines2(protocol, time), ''];
}

function detailLines2(protocol: Protocol, time: TimeContext): string[] {
  if (protocol instanceof BgpProtocol) return bgpLines2(protocol, time);
  if (protocol instanceof BgpRangeProtocol) return rangeLines(protocol, protocol.config);
  return protocol.channels.flatMap((channel) => channelLines(protocol, channel));
}

export function showProtocols(
  context: ShowProtocolsContext,
  protocols: readonly Protocol[],
  how: 'short' | 'all',
): string[] {
  if (protocols.length === 0) return [];
  return [
    headerLine(context),
    ...protocols.flatMap((protocol) => [
      summaryLine(protocol, context),
      ...(how === 'all' ? detailLines(protocol, context) : []),
    ]),
  ];
}
