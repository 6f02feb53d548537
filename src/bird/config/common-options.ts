/** Options that all protocols and channels share (nest/config.Y). */

import type { Family } from '../address.js';
import type { ChannelDraft, ProtocolDraft } from './draft.js';
import { type OptionHandler, OptionTable } from './options.js';
import type { Parsing } from './parsing.js';
import { parseImexport } from './statement.js';
import type { InterfacePattern, LimitAction, RouteLimit, TableConfig } from './types.js';

/** `all`, `off`, `{ states, … }`: what is logged. Nothing here depends on it. */
function skipMask(p: Parsing, known: readonly string[]): void {
  if (p.takeKeyword('all') || p.takeKeyword('off')) return;
  p.expect('{');
  do {
    const flag = p.expectKind('keyword');
    if (!known.includes(flag.text)) p.unexpected(flag);
  } while (p.take(','));
  p.expect('}');
}

export const skipDebugMask = (p: Parsing): void =>
  skipMask(p, ['states', 'routes', 'filters', 'interfaces', 'events', 'packets']);
export const skipMrtdumpMask = (p: Parsing): void => skipMask(p, ['states', 'messages']);

const LIMIT_ACTIONS: readonly LimitAction[] = ['warn', 'block', 'restart', 'disable'];

function parseLimit(p: Parsing): RouteLimit | undefined {
  if (p.takeKeyword('off')) return undefined;
  const limit = p.expr();
  if (!p.takeKeyword('action')) return { limit, action: 'disable' };
  const action = LIMIT_ACTIONS.find((each) => p.isKeyword(each));
  if (action === undefined) return p.unexpected();
  p.next();
  return { limit, action };
}

export const parseTableName = (p: Parsing, expected = 'Table name expected'): TableConfig => {
  const name = p.name();
  const symbol = p.scope.lookup(name.text);
  if (symbol === undefined && p.isBird2) p.unexpected(name, 'CF_SYM_KNOWN');
  return symbol?.kind === 'table' ? symbol.table : p.fail(expected, name);
};

/** Filters, limits, table and preference of a channel. `import` and `export` mean three things each. */
export const CHANNEL_OPTIONS: Readonly<Record<string, OptionHandler<ChannelDraft>>> = {
  import: (p, channel) => {
    channel.importFilter = parseImexport(p);
    channel.importSet = true;
  },
  export: (p, channel) => {
    channel.exportFilter = parseImexport(p);
    channel.exportSet = true;
  },
  'import limit': (p, channel) => {
    channel.importLimit = parseLimit(p);
  },
  'export limit': (p, channel) => {
    channel.exportLimit = parseLimit(p);
  },
  'receive limit': (p, channel) => {
    channel.receiveLimit = parseLimit(p);
  },
  'import keep filtered': (p, channel) => {
    channel.keepFiltered = p.bool();
  },
  preference: (p, channel) => {
    channel.preference = p.ranged(0, 0xffff, 'Invalid preference');
  },
  table: (p, channel) => {
    const { name, family } = parseTableName(p);
    if (p.isBird2 && family !== channel.family) p.fail('Incompatible table type');
    channel.table = name;
  },
};

export const skipRpkiReload = (p: Parsing): void => {
  if (p.bool()) p.finding('RPKI is not modelled: nothing is reloaded by it', p.previous);
};

/** Those of a protocol's one channel, where it has no braces of its own. */
export const CHANNEL_ALONE = new OptionTable<ChannelDraft>({ ...CHANNEL_OPTIONS, 'rpki reload': skipRpkiReload });

const CHANNEL_OPTIONS_2 = new OptionTable<ChannelDraft>({
  ...CHANNEL_OPTIONS,
  debug: skipDebugMask,
  'rpki reload': skipRpkiReload,
});

const PROTOCOL_OPTIONS = new OptionTable<ProtocolDraft>({
  disabled: (p, draft) => {
    draft.disabled = p.bool();
  },
  debug: skipDebugMask,
  mrtdump: skipMrtdumpMask,
  'router id': (p, draft) => {
    draft.routerId = p.id();
  },
  description: (p, draft) => {
    draft.description = p.text();
  },
  vrf: (p) => {
    const at = p.peek();
    if (!p.takeKeyword('default')) p.text();
    p.finding('VRFs are not modelled: the protocol runs in the main one', at);
  },
});

/** 1.6 has the options of its one channel among those of the protocol. */
const CHANNEL_OF_PROTOCOL = new OptionTable<ChannelDraft>(CHANNEL_OPTIONS);

export function parseCommonOption(p: Parsing, draft: ProtocolDraft): boolean {
  if (p.isPunctuation(';')) return true;
  if (PROTOCOL_OPTIONS.parse(p, draft)) return true;
  const [channel] = draft.channels;
  return !p.isBird2 && channel !== undefined && CHANNEL_OF_PROTOCOL.parse(p, channel);
}

/** `ipv4`, `ipv6`: the family of a channel of BIRD 2. Others are not modelled. */
export function parseFamily(p: Parsing): Family | undefined {
  const word = ['ipv4', 'ipv6'].find((each) => p.isKeyword(each));
  if (word !== undefined) {
    p.next();
    if (['sadr', 'multicast', 'mpls'].some((each) => p.isKeyword(each))) p.notModelled(`${word} ${p.peek().text}`);
    return word === 'ipv4' ? 'ipv4' : 'ipv6';
  }
  for (const other of ['vpn4', 'vpn6', 'roa4', 'roa6', 'flow4', 'flow6', 'mpls']) {
    if (p.isKeyword(other)) p.notModelled(`channel ${other}`);
  }
  return undefined;
}

/** `{ OPTION; … }` of a channel; nothing where there are no braces. */
export function parseChannelBody<D>(p: Parsing, channel: D, parseOption: (p: Parsing, channel: D) => boolean): void {
  if (!p.take('{')) return;
  while (!p.take('}')) {
    if (!parseOption(p, channel)) p.unexpected();
    p.expect(';');
  }
}

export const parseChannelOption = (p: Parsing, channel: ChannelDraft): boolean => CHANNEL_OPTIONS_2.parse(p, channel);

/** `"eth*"`, `-"cali*"`, `10.0.0.0/8`, `"eth*" 10.0.0.0/8`, separated by commas. */
export function parseInterfacePatterns(p: Parsing): readonly InterfacePattern[] {
  const patterns: InterfacePattern[] = [];
  do {
    const positive = !p.take('-');
    const pattern = p.is('text') ? p.next().text : undefined;
    const hasPrefix = p.startsIp || (pattern === undefined && p.is('symbol'));
    const prefix = hasPrefix ? p.netOrIp() : undefined;
    if (pattern === undefined && prefix === undefined) p.unexpected();
    patterns.push({ positive, pattern, prefix });
  } while (p.take(','));
  return patterns;
}
