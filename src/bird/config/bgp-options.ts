/** `protocol bgp { … }` (proto/bgp/config.Y of both dialects). */

import { ADD_PATH } from '../../packet/index.js';
import { parseBfdSession } from './bfd-options.js';
import { parseCeaseMask } from './cease-mask.js';
import {
  CHANNEL_OPTIONS,
  parseChannelBody,
  parseFamily,
  parseTableName,
  skipDebugMask,
  skipRpkiReload,
} from './common-options.js';
import { type BgpChannelDraft, type BgpDraft, type ChannelDraft, newBgpChannel, newChannel } from './draft.js';
import { type OptionHandler, OptionTable } from './options.js';
import type { Parsing } from './parsing.js';
import type { NextHopRule } from './types.js';

const GRACEFUL = { true: 'on', false: 'off' } as const;
const onOff = (value: boolean): 'on' | 'off' => GRACEFUL[`${value}`];

/** SYM_MAX_LEN, less what a number takes. */
const DYNAMIC_NAME_LENGTH = 48;

/** The options of a boolean each, by their words. */
const FLAGS = {
  passive: 'passive',
  'path metric': 'pathMetric',
  'med metric': 'medMetric',
  'igp metric': 'igpMetric',
  'prefer older': 'preferOlder',
  'deterministic med': 'deterministicMed',
  'disable after error': 'disableAfterError',
  'enable route refresh': 'routeRefresh',
  'enable as4': 'as4',
  'enable extended messages': 'extendedMessages',
  capabilities: 'capabilities',
  'interpret communities': 'interpretCommunities',
  'allow bgp_local_pref': 'allowLocalPref',
  'ttl security': 'ttlSecurity',
  'check link': 'checkLink',
} as const satisfies Readonly<Record<string, keyof BgpDraft>>;

/** The options of a number each. */
const NUMBERS = {
  'startup hold time': 'startupHoldTime',
  'connect delay time': 'connectDelayTime',
  'start delay time': 'connectDelayTime',
  'connect retry time': 'connectRetryTime',
  'error forget time': 'errorForgetTime',
  'default bgp_med': 'defaultMed',
  'default bgp_local_pref': 'defaultLocalPref',
  'long lived stale time': 'longLivedStaleTime',
} as const satisfies Readonly<Record<string, keyof BgpDraft>>;

const simple: Record<string, OptionHandler<BgpDraft>> = {};
for (const [words, field] of Object.entries(FLAGS)) {
  simple[words] = (p, draft) => {
    draft[field] = p.bool();
  };
}
for (const [words, field] of Object.entries(NUMBERS)) {
  simple[words] = (p, draft) => {
    draft[field] = p.expr();
  };
}

function parseNeighborOptions(p: Parsing, draft: BgpDraft): void {
  for (;;) {
    if (p.takeKeyword('port')) draft.remotePort = p.ranged(1, 65_535, 'Invalid port number');
    else if (p.takeKeyword('as')) draft.remoteAs = p.expr();
    else if (p.isBird2 && p.takeKeyword('internal')) draft.peerType = 'internal';
    else if (p.isBird2 && p.takeKeyword('external')) draft.peerType = 'external';
    else return;
  }
}

/** `%eth0` behind a link-local address. */
function parseZone(p: Parsing, draft: BgpDraft): void {
  if (p.take('%')) draft.iface = p.name().text;
}

function checkOnlyNeighbor(p: Parsing, { remoteAddress, range }: BgpDraft): void {
  if (remoteAddress !== undefined || range !== undefined) p.fail('Only one neighbor per BGP instance is allowed');
}

function parseNeighbor(p: Parsing, draft: BgpDraft): void {
  if (p.isBird2 && p.takeKeyword('range')) {
    const range = p.net();
    checkOnlyNeighbor(p, draft);
    draft.range = range;
  } else if (p.startsIp || p.is('symbol')) {
    const addr = p.ip();
    checkOnlyNeighbor(p, draft);
    draft.remoteAddress = addr;
    parseZone(p, draft);
  }
  parseNeighborOptions(p, draft);
}

/** 1.6: `local [ADDRESS] as NUMBER`; 2 has a port too, and takes them in any order. */
function parseLocal(p: Parsing, draft: BgpDraft): void {
  if (p.isBird2 && p.isKeyword('role')) p.notModelled('local role');
  if (p.startsIp || (p.is('symbol') && !p.isKeyword('as'))) {
    draft.localAddress = p.ip();
    if (p.isBird2) parseZone(p, draft);
  }
  if (!p.isBird2) {
    p.expectKeyword('as');
    draft.localAs = p.expr();
    return;
  }
  for (;;) {
    if (p.takeKeyword('as')) draft.localAs = p.expr();
    else if (p.takeKeyword('port')) draft.localPort = p.ranged(1, 65_535, 'Invalid port number');
    else return;
  }
}

function parseHoldTime(p: Parsing, draft: BgpDraft): void {
  const time = p.expr();
  if (p.isBird2 && ((time !== 0 && time < 3) || time > 65_535)) {
    p.fail('Hold time must be in range 3-65535 or zero');
  }
  draft.holdTime = time;
}

function parseBfd(p: Parsing): void {
  const at = p.previous;
  const described = p.isBird2 && p.take('{');
  if (described) parseBfdSession(p);
  const on = described || p.takeKeyword('graceful') || p.bool();
  if (on) p.finding('BFD is not modelled: the session lives by its own timers', at);
}

const COMMON: Readonly<Record<string, OptionHandler<BgpDraft>>> = {
  ...simple,
  local: parseLocal,
  neighbor: parseNeighbor,
  interface: (p, draft) => {
    draft.iface = p.expectKind('text').text;
  },
  'rr cluster id': (p, draft) => {
    draft.rrClusterId = p.id();
  },
  'rr client': (p, draft) => {
    draft.rrClient = p.isBird2 ? p.bool() : true;
  },
  'rs client': (p, draft) => {
    draft.rsClient = p.isBird2 ? p.bool() : true;
  },
  'hold time': parseHoldTime,
  'keepalive time': (p, draft) => {
    draft.keepaliveTime = p.isBird2 ? p.ranged(1, 65_535, 'Keepalive time must be in range 1-65535') : p.expr();
  },
  direct: (_, draft) => {
    draft.multihop = 0;
  },
  multihop: (p, draft) => {
    draft.multihop = p.startsExpr ? p.ranged(1, 255, 'Multihop must be in range 1-255') : 64;
  },
  'source address': (p, draft) => {
    draft.localAddress = p.ip();
  },
  'error wait time': (p, draft) => {
    draft.errorWaitMin = p.expr();
    p.expect(',');
    draft.errorWaitMax = p.expr();
  },
  'disable after cease': (p, draft) => {
    draft.disableAfterCease = parseCeaseMask(p);
  },
  password: (p, draft) => {
    draft.password = p.text();
  },
  setkey: (p) => {
    p.bool();
  },
  'allow local as': (p, draft) => {
    draft.allowLocalAs = p.startsExpr ? p.expr() : -1;
  },
  'graceful restart': (p, draft) => {
    draft.gracefulRestart = onOff(p.bool());
  },
  'graceful restart aware': (_, draft) => {
    draft.gracefulRestart = 'aware';
  },
  'graceful restart time': (p, draft) => {
    draft.gracefulRestartTime = p.expr();
  },
  'long lived graceful restart': (p, draft) => {
    const at = p.previous;
    draft.longLived = onOff(p.bool());
    if (draft.longLived === 'on') p.finding('long-lived graceful restart is not modelled', at);
  },
  'long lived graceful restart aware': (_, draft) => {
    draft.longLived = 'aware';
  },
  bfd: parseBfd,
};

// What 1.6 says of the protocol and 2 of a channel.

const nextHopRule = (value: boolean): NextHopRule => (value ? 'on' : 'off');

const CHANNEL_COMMON: Readonly<Record<string, OptionHandler<BgpChannelDraft>>> = {
  'gateway direct': (_, bgp) => {
    bgp.gateway = 'direct';
  },
  'gateway recursive': (_, bgp) => {
    bgp.gateway = 'recursive';
  },
  secondary: (p, bgp) => {
    bgp.secondary = p.bool();
  },
  'add paths': (p, bgp) => {
    bgp.addPath = p.bool() ? ADD_PATH.both : 0;
  },
  'add paths rx': (_, bgp) => {
    bgp.addPath = ADD_PATH.receive;
  },
  'add paths tx': (_, bgp) => {
    bgp.addPath = ADD_PATH.send;
  },
  'igp table': (p, bgp) => {
    bgp.igpTable = parseTableName(p).name;
  },
};

const bgpOf = (channel: ChannelDraft): BgpChannelDraft => {
  channel.bgp ??= newBgpChannel();
  return channel.bgp;
};

/** Channel options as options of a protocol of 1.6. */
const lift =
  (handler: OptionHandler<BgpChannelDraft>): OptionHandler<BgpDraft> =>
  (p, draft) => {
    const [channel] = draft.channels;
    if (channel !== undefined) handler(p, bgpOf(channel));
  };

const liftAll = (
  handlers: Readonly<Record<string, OptionHandler<BgpChannelDraft>>>,
): Record<string, OptionHandler<BgpDraft>> =>
  Object.fromEntries(Object.entries(handlers).map(([words, handler]) => [words, lift(handler)]));

const BGP_16 = new OptionTable<BgpDraft>({
  ...COMMON,
  ...liftAll(CHANNEL_COMMON),
  'next hop self': lift((_, bgp) => {
    bgp.nextHopSelf = 'on';
    bgp.nextHopKeep = 'off';
  }),
  'next hop keep': lift((_, bgp) => {
    bgp.nextHopKeep = 'on';
    bgp.nextHopSelf = 'off';
  }),
  'missing lladdr': (p) => {
    if (!p.takeKeyword('self') && !p.takeKeyword('drop') && !p.takeKeyword('ignore')) p.unexpected();
  },
  'advertise ipv4': (p, draft) => {
    draft.advertiseIpv4 = p.bool();
  },
  'route limit': (p, draft) => {
    const [channel] = draft.channels;
    const limit = p.expr();
    if (channel !== undefined) channel.importLimit = { limit, action: 'restart' };
  },
});

const BGP_2 = new OptionTable<BgpDraft>({
  ...COMMON,
  'strict bind': (p, draft) => {
    draft.strictBind = p.bool();
  },
  'free bind': (p) => {
    p.bool();
  },
  'min hold time': (p) => {
    p.expr();
    p.finding('the least hold time is not modelled: any is taken');
  },
  'min keepalive time': (p) => {
    p.expr();
    p.finding('the least keepalive time is not modelled: any is taken');
  },
  'allow as sets': (p, draft) => {
    draft.allowAsSets = p.bool();
  },
  'enforce first as': (p, draft) => {
    draft.enforceFirstAs = p.bool();
  },
  'advertise hostname': (p) => {
    if (p.bool()) p.finding('the hostname capability is not modelled');
  },
  confederation: (p) => p.notModelled('confederation', p.previous),
  'require roles': (p) => p.notModelled('require roles', p.previous),
  'dynamic name': (p, draft) => {
    draft.dynamicName = p.text();
    if (draft.dynamicName.includes('%')) p.fail("Forbidden character '%' in dynamic name");
    if (draft.dynamicName.length > DYNAMIC_NAME_LENGTH) p.fail('Dynamic name too long');
  },
  'dynamic name digits': (p, draft) => {
    draft.dynamicNameDigits = p.ranged(0, 10, 'Dynamic name digits must be at most 10');
  },
});

function parseNextHopRule(p: Parsing): NextHopRule {
  if (p.takeKeyword('ibgp')) return 'ibgp';
  if (p.takeKeyword('ebgp')) return 'ebgp';
  return nextHopRule(p.bool());
}

const onBgp =
  (handler: OptionHandler<BgpChannelDraft>): OptionHandler<ChannelDraft> =>
  (p, channel) =>
    handler(p, bgpOf(channel));

const CHANNEL_2 = new OptionTable<ChannelDraft>({
  ...CHANNEL_OPTIONS,
  ...Object.fromEntries(Object.entries(CHANNEL_COMMON).map(([words, handler]) => [words, onBgp(handler)])),
  debug: skipDebugMask,
  'rpki reload': skipRpkiReload,
  'next hop self': onBgp((p, bgp) => {
    bgp.nextHopSelf = parseNextHopRule(p);
  }),
  'next hop keep': onBgp((p, bgp) => {
    bgp.nextHopKeep = parseNextHopRule(p);
  }),
  'next hop address': onBgp((p, bgp) => {
    bgp.nextHopAddress = p.ip();
  }),
  'next hop prefer global': () => undefined,
  mandatory: onBgp((p, bgp) => {
    bgp.mandatory = p.bool();
  }),
  'missing lladdr': (p) => {
    p.next();
  },
  'graceful restart': onBgp((p, bgp) => {
    bgp.gracefulRestart = p.bool();
  }),
  'long lived graceful restart': (p) => {
    if (p.bool()) p.finding('long-lived graceful restart is not modelled');
  },
  'long lived stale time': (p) => {
    p.expr();
  },
  'extended next hop': (p) => {
    if (p.bool()) p.finding('the extended next hop of RFC 8950 is not modelled');
  },
  'import table': (p) => {
    p.bool();
  },
  'export table': (p) => {
    p.bool();
  },
  aigp: (p) => {
    if (p.takeKeyword('originate') || p.bool()) p.finding('AIGP (RFC 7311) is not modelled');
  },
  cost: onBgp((p, bgp) => {
    bgp.cost = p.ranged(1, 0xffff_ffff, 'Cost must be positive');
  }),
});

/** A channel of BIRD 2: of a template's it is the same channel, changed. */
function parseChannel(p: Parsing, draft: BgpDraft, seen: Set<ChannelDraft>): boolean {
  const at = p.peek();
  const family = parseFamily(p);
  if (family === undefined) return false;
  let channel = draft.channels.find((each) => each.family === family);
  if (channel !== undefined && seen.has(channel)) p.fail(`Multiple ${family} channels`, at);
  if (channel === undefined) {
    channel = { ...newChannel(family, family === 'ipv4' ? 'master4' : 'master6'), bgp: newBgpChannel() };
    draft.channels.push(channel);
  }
  seen.add(channel);
  parseChannelBody(p, channel, (parsing, each) => CHANNEL_2.parse(parsing, each));
  return true;
}

/** One option; `seen` are the channels of this very definition. */
export function parseBgpOption(p: Parsing, draft: BgpDraft, seen: Set<ChannelDraft>): boolean {
  if (!p.isBird2) return BGP_16.parse(p, draft);
  return parseChannel(p, draft, seen) || BGP_2.parse(p, draft);
}
