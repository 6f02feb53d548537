/** What a protocol must have, and what follows from its other options (proto/bgp/bgp.c: bgp_check_config() and its kin). */

import { isLinkLocalIp } from '../address.js';
import type { BgpDraft, ChannelDraft, PipeDraft, ProtocolDraft } from './draft.js';
import { newBgpChannel, NO_TABLE } from './draft.js';
import type { Parsing } from './parsing.js';
import type { BgpConfig, BgpRangeConfig, ChannelConfig, PipeConfig, ProtocolConfig, TableConfig } from './types.js';

const finishChannel = (channel: ChannelDraft): ChannelConfig => {
  const { importSet: _import, exportSet: _export, ...rest } = channel;
  return rest;
};

function checkEnds(p: Parsing, draft: BgpDraft, internal: boolean): void {
  if (draft.localAs === 0) p.fail('Local AS number must be set', p.previous);
  if (draft.remoteAddress === undefined && draft.range === undefined) p.fail('Neighbor must be configured', p.previous);
  if (draft.strictBind && draft.localAddress === undefined) {
    p.fail('Local address must be configured for strict bind', p.previous);
  }
  if (draft.remoteAs === 0 && draft.peerType === undefined) {
    p.fail(p.isBird2 ? 'Remote AS number (or peer type) must be set' : 'Remote AS number must be set', p.previous);
  }
  if (draft.peerType === 'internal' && !internal) p.fail('IBGP cannot have different ASNs', p.previous);
  if (draft.peerType === 'external' && internal) p.fail('EBGP cannot have the same ASNs', p.previous);
  const linkLocal = draft.remoteAddress !== undefined && isLinkLocalIp(draft.remoteAddress);
  if (linkLocal && draft.iface === undefined) {
    p.fail('Link-local neighbor address requires specified interface', p.previous);
  }
  if (!(draft.capabilities && draft.as4) && draft.remoteAs > 0xffff) {
    p.fail('Neighbor AS number out of range (AS4 not available)', p.previous);
  }
  if (!internal && draft.rrClient) p.fail('Only internal neighbor can be RR client', p.previous);
  if (internal && draft.rsClient) p.fail('Only external neighbor can be RS client', p.previous);
}

function checkMultihop(p: Parsing, draft: BgpDraft, multihop: number): void {
  if (multihop === 0) return;
  const linkLocal = [draft.remoteAddress, draft.localAddress].some((addr) => addr !== undefined && isLinkLocalIp(addr));
  if (linkLocal) p.fail('Multihop BGP cannot be used with link-local addresses', p.previous);
  if (draft.iface !== undefined) p.fail('Multihop BGP cannot be bound to interface', p.previous);
  if (draft.checkLink) p.fail('Multihop BGP cannot depend on link state', p.previous);
}

/** Tables by name, to know which are sorted. */
export type Tables = (name: string) => TableConfig | undefined;

function finishBgpChannel(
  p: Parsing,
  channel: ChannelDraft,
  of: { readonly draft: BgpDraft; readonly internal: boolean; readonly multihop: number; readonly tables: Tables },
): ChannelConfig {
  const { draft, internal, multihop } = of;
  if (p.isBird2 && !internal) {
    if (!channel.importSet) p.fail('EBGP requires explicit import policy', p.previous);
    if (!channel.exportSet) p.fail('EBGP requires explicit export policy', p.previous);
  }
  const bgp = { ...(channel.bgp ?? newBgpChannel()) };
  bgp.gateway ??= multihop > 0 ? 'recursive' : 'direct';
  if (multihop > 0 && bgp.gateway === 'direct') p.fail('Multihop BGP cannot use direct gateway mode', p.previous);
  const sorted = of.tables(channel.table)?.sorted ?? false;
  if (bgp.gateway === 'recursive' && sorted) p.fail('BGP in recursive mode prohibits sorted table', p.previous);
  if (draft.deterministicMed && sorted) p.fail('BGP with deterministic MED prohibits sorted table', p.previous);
  if (bgp.secondary && !sorted) p.fail('BGP with secondary option requires sorted table', p.previous);
  if (p.isBird2 && bgp.nextHopKeep === 'off' && draft.rrClient) bgp.nextHopKeep = 'ibgp';
  if (p.isBird2 && bgp.nextHopKeep === 'off' && draft.rsClient) bgp.nextHopKeep = 'on';
  return { ...finishChannel(channel), bgp };
}

function finishBgp(p: Parsing, draft: BgpDraft, tables: Tables): BgpConfig | BgpRangeConfig {
  if (draft.remoteAs === 0 && draft.peerType === 'internal') draft.remoteAs = draft.localAs;
  const internal = draft.localAs === draft.remoteAs;
  const multihop = draft.multihop ?? (internal ? 64 : 0);
  checkEnds(p, draft, internal);
  checkMultihop(p, draft, multihop);
  if (draft.gracefulRestart === 'off' && draft.longLived !== undefined && draft.longLived !== 'off') {
    p.fail('Long-lived graceful restart requires basic graceful restart', p.previous);
  }
  if (p.isBird2 && draft.keepaliveTime > draft.holdTime) {
    p.fail('Keepalive time must be at most hold time', p.previous);
  }
  if (p.isBird2 && internal && draft.enforceFirstAs) {
    p.fail('Enforce first AS check is requires EBGP sessions', p.previous);
  }
  const { peerType: _peerType, remoteAddress, range, dynamicName, dynamicNameDigits, ...rest } = draft;
  const session = {
    ...rest,
    multihop,
    longLived: draft.longLived ?? (draft.gracefulRestart === 'off' ? 'off' : 'aware'),
    channels: draft.channels.map((channel) => finishBgpChannel(p, channel, { draft, internal, multihop, tables })),
  } as const;
  if (range !== undefined) return { ...session, kind: 'bgp-range', range, dynamicName, dynamicNameDigits };
  return remoteAddress === undefined ? p.unexpected() : { remoteAddress, ...session };
}

/** pipe_postconfig(). */
function checkPipe(p: Parsing, { channels, peerTable }: PipeDraft): void {
  const [channel] = channels;
  if (channel?.table === NO_TABLE) p.fail('Primary routing table not specified', p.previous);
  if (peerTable === undefined) {
    return p.fail(
      p.isBird2 ? 'Secondary routing table not specified' : 'Name of peer routing table not specified',
      p.previous,
    );
  }
  if (channel?.table === peerTable.name) p.fail('Primary table and peer table must be different', p.previous);
  if (channel?.family !== peerTable.family) {
    p.fail('Primary table and peer table must have the same type', p.previous);
  }
  const limits = 'Pipe protocol does not support receive limits';
  if (p.isBird2 && channel?.receiveLimit !== undefined) p.fail(limits, p.previous);
  if (channel.keepFiltered) p.fail('Pipe protocol prohibits keeping filtered routes', p.previous);
  if (channel?.receiveLimit !== undefined) p.fail(limits, p.previous);
}

/** pipe_configure_channels(): filters stand where routes leave a table, limits where they come in. */
function finishPipe(p: Parsing, draft: PipeDraft): PipeConfig {
  checkPipe(p, draft);
  const { peerTable, ...rest } = draft;
  const ends = draft.channels.map(finishChannel).flatMap((channel): ChannelConfig[] => {
    const { importFilter, importLimit, exportFilter, exportLimit } = channel;
    const open = { ...channel, importFilter: 'all', exportLimit: undefined } as const;
    return [
      { ...open, exportFilter, importLimit },
      { ...open, exportFilter: importFilter, importLimit: exportLimit, table: peerTable?.name ?? NO_TABLE },
    ];
  });
  return { ...rest, channels: ends };
}

/** The finished protocol; mistakes are reported at its closing brace, as BIRD does. */
export function finishProtocol(p: Parsing, draft: ProtocolDraft, tables: Tables): ProtocolConfig {
  if (draft.kind === 'bgp') return finishBgp(p, draft, tables);
  if (draft.kind === 'pipe') return finishPipe(p, draft);
  if (p.isBird2 && draft.channels.length === 0 && (draft.kind === 'kernel' || draft.kind === 'static')) {
    p.fail('Channel not specified', p.previous);
  }
  return { ...draft, channels: draft.channels.map(finishChannel) };
}
