/** `protocol kernel`, `device`, `direct` and `static` (sysdep/unix/krt.Y, nest/config.Y, proto/static/config.Y). */

import type { Command } from '../filter/syntax.js';
import { parseBfdOption } from './bfd-options.js';
import {
  CHANNEL_ALONE,
  parseChannelBody,
  parseChannelOption,
  parseFamily,
  parseInterfacePatterns,
  parseTableName,
} from './common-options.js';
import {
  type DeviceDraft,
  type DirectDraft,
  type KernelDraft,
  newChannel,
  type PipeDraft,
  type ProtocolDraft,
  type StaticDraft,
} from './draft.js';
import { OptionTable } from './options.js';
import type { Parsing } from './parsing.js';
import { parseCommand } from './statement.js';
import type { StaticRoute, StaticTarget } from './types.js';

/** KRT_DEFAULT_ECMP_LIMIT. */
const ECMP_LIMIT = 16;

const KERNEL = new OptionTable<KernelDraft>({
  persist: (p, draft) => {
    draft.persist = p.bool();
  },
  'scan time': (p, draft) => {
    draft.scanTime = p.expr();
  },
  learn: (p, draft) => {
    draft.learn = p.bool();
  },
  'device routes': (p, draft) => {
    if (p.isBird2) p.unexpected(p.previous);
    draft.deviceRoutes = p.bool();
  },
  'graceful restart': (p, draft) => {
    draft.gracefulRestart = p.bool();
  },
  'merge paths': (p, draft) => {
    const on = p.bool();
    const limit = p.takeKeyword('limit') ? p.ranged(1, 255, 'Merge paths limit must be in range 1-255') : ECMP_LIMIT;
    draft.mergePaths = on ? limit : 0;
  },
  'kernel table': (p, draft) => {
    draft.kernelTable = p.expr();
  },
  metric: (p, draft) => {
    draft.metric = p.expr();
  },
  'netlink rx buffer': (p) => {
    // How much of what the kernel tells waits to be read: here nothing ever waits.
    if (!p.isBird2) p.unexpected();
    p.expr();
  },
});

const DEVICE = new OptionTable<DeviceDraft>({
  'scan time': (p, draft) => {
    draft.scanTime = p.expr();
  },
  primary: (p) => {
    if (p.is('text')) p.next();
    p.netOrIp();
    p.finding('the choice of primary addresses is not modelled: it is the kernel’s first');
  },
  interface: (p) => {
    parseInterfacePatterns(p);
    p.finding('the choice of preferred addresses is not modelled: it is the kernel’s first');
    if (!p.take('{')) return;
    while (!p.take('}')) {
      p.expectKeyword('preferred');
      p.ip();
      p.expect(';');
    }
  },
});

const DIRECT = new OptionTable<DirectDraft>({
  interface: (p, draft) => {
    draft.interfaces = [...draft.interfaces, parseInterfacePatterns(p)];
  },
  'check link': (p, draft) => {
    draft.checkLink = p.bool();
  },
});

const STATIC = new OptionTable<StaticDraft>({
  'check link': (p, draft) => {
    draft.checkLink = p.bool();
  },
  'igp table': (p, draft) => {
    draft.igpTable = parseTableName(p).name;
  },
  route: (p, draft) => {
    draft.routes = [...draft.routes, parseRoute(p, draft)];
  },
});

/** A table of any family; the peer's must be of the same. */
const PIPE = new OptionTable<PipeDraft>({
  'peer table': (p, draft) => {
    draft.peerTable = parseTableName(p, 'Routing table name expected');
  },
  table: (p, draft) => {
    const { name, family } = parseTableName(p);
    draft.channels = draft.channels.map((channel) => ({ ...channel, table: name, family }));
  },
  'mode opaque': (p, draft) => {
    if (p.isBird2) p.unexpected();
    draft.mode = 'opaque';
  },
  'mode transparent': (p, draft) => {
    if (p.isBird2) p.unexpected();
    draft.mode = 'transparent';
  },
});

interface Hop {
  readonly gateway: Extract<StaticTarget, { kind: 'via' }>['gateway'] | undefined;
  readonly iface: string | undefined;
  readonly weight: number;
  readonly onlink: boolean;
}

/** `via ADDRESS[%IFACE] [weight N] [onlink]`, or of BIRD 2 `via "IFACE"`. */
function parseHop(p: Parsing): Hop {
  p.expectKeyword('via');
  const device = p.isBird2 && p.is('text') ? p.next().text : undefined;
  const gateway = device === undefined ? p.ip() : undefined;
  const iface = device ?? (p.take('%') ? p.name().text : undefined);
  let weight = 1;
  let onlink = false;
  for (;;) {
    if (p.takeKeyword('weight')) weight = p.ranged(1, 256, 'Weight must be in range 1-256');
    else if (p.takeKeyword('bfd')) p.bool();
    else if (p.isBird2 && p.takeKeyword('onlink')) onlink = p.bool();
    else if (p.isBird2 && p.isKeyword('mpls')) p.notModelled('mpls');
    else return { gateway, iface, weight, onlink };
  }
}

function parseHops(p: Parsing): readonly Hop[] {
  const hops: Hop[] = [];
  do hops.push(parseHop(p));
  while (p.isKeyword('via'));
  return hops;
}

function hopTarget({ gateway, iface, onlink }: Hop): StaticTarget {
  if (gateway === undefined) return { kind: 'device', iface: iface ?? '' };
  return { kind: 'via', gateway, iface, onlink };
}

/** 1.6 tells one next hop from several by a word, 2 by their number. */
function parseTarget(p: Parsing): StaticTarget {
  if (p.isKeyword('via')) {
    if (!p.isBird2 && p.is('text', undefined, 1)) {
      p.next();
      return { kind: 'device', iface: p.next().text };
    }
    const hops = p.isBird2 ? parseHops(p) : [parseSingle(p)];
    const [first] = hops;
    return hops.length === 1 && first !== undefined ? hopTarget(first) : { kind: 'multipath', hops };
  }
  if (!p.isBird2 && p.takeKeyword('multipath')) {
    const hops = parseHops(p);
    return { kind: 'multipath', hops };
  }
  if (p.takeKeyword('recursive')) return { kind: 'recursive', gateway: p.ip() };
  if (p.takeKeyword('blackhole') || p.takeKeyword('drop')) return { kind: 'blackhole' };
  if (p.takeKeyword('unreachable') || p.takeKeyword('reject')) return { kind: 'unreachable' };
  if (p.takeKeyword('prohibit')) return { kind: 'prohibit' };
  return p.isBird2 ? p.fail('Unexpected or missing nexthop/type') : p.unexpected();
}

/** 1.6: `via ADDRESS[%IFACE]` alone. */
function parseSingle(p: Parsing): Hop {
  p.expectKeyword('via');
  const gateway = p.ip();
  return { gateway, iface: p.take('%') ? p.name().text : undefined, weight: 1, onlink: false };
}

function parseRoute(p: Parsing, draft: StaticDraft): StaticRoute {
  const { line } = p.previous;
  const net = p.net();
  const [channel] = draft.channels;
  if (p.isBird2 && channel !== undefined && channel.family !== net.family) {
    p.fail(`Route ${net.toString()} incompatible with channel type`);
  }
  const target = parseTarget(p);
  const commands: Command[] = [];
  if (p.take('{')) {
    while (!p.take('}')) {
      if (!p.isBird2 && p.takeKeyword('bfd')) {
        p.bool();
        p.expect(';');
      } else commands.push(...parseCommand(p));
    }
  }
  return { net, target, commands, line };
}

/** A channel of kernel, static or direct in BIRD 2. The first two have one, of one family. */
function parseChannel(p: Parsing, draft: ProtocolDraft): boolean {
  const at = p.peek();
  const family = parseFamily(p);
  if (family === undefined) return false;
  let channel = draft.channels.find((each) => each.family === family);
  if (channel === undefined) {
    if (draft.kind !== 'direct' && draft.channels.length > 0) p.fail('Different channel type', at);
    channel = newChannel(family, family === 'ipv4' ? 'master4' : 'master6');
    draft.channels.push(channel);
  }
  parseChannelBody(p, channel, parseChannelOption);
  return true;
}

/** In BIRD 2 options of its one channel stand among those of the protocol, as they all do in 1.6. */
function parsePipeOption(p: Parsing, draft: PipeDraft): boolean {
  const [channel] = draft.channels;
  return PIPE.parse(p, draft) || (channel !== undefined && CHANNEL_ALONE.parse(p, channel));
}

/** One option of a protocol that is not BGP. */
export function parseOtherOption(p: Parsing, draft: Exclude<ProtocolDraft, { kind: 'bgp' }>): boolean {
  const hasChannels = draft.kind !== 'device' && draft.kind !== 'bfd' && draft.kind !== 'pipe';
  if (p.isBird2 && hasChannels && parseChannel(p, draft)) return true;
  switch (draft.kind) {
    case 'kernel':
      return KERNEL.parse(p, draft);
    case 'device':
      return DEVICE.parse(p, draft);
    case 'bfd':
      return parseBfdOption(p, draft);
    case 'direct':
      return DIRECT.parse(p, draft);
    case 'static':
      return STATIC.parse(p, draft);
    case 'pipe':
      return parsePipeOption(p, draft);
  }
}
