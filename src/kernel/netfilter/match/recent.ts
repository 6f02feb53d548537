/** `-m recent`: addresses seen lately, the affinity of kube-proxy; net/netfilter/xt_recent.c:recent_mt(). */

import { formatIpv4, INADDR_BROADCAST, type Ipv4Addr, ipv4 } from '../../../packet/index.js';
import { NS_PER_S } from '../../clock.js';
import { type Match, type MatchKind, RuleError } from '../extension.js';
import type { Options } from '../options.js';
import type { RulePacket } from '../packet.js';
import type { RecentEntry, RecentList } from '../recent-table.js';
import { quoteWord } from '../text/tokenize.js';

const ACTIONS = ['--set', '--rcheck', '--update', '--remove'] as const;
type Action = (typeof ACTIONS)[number];

/** XT_RECENT_NAME_LEN with its final zero; XT_RECENT_MAX_NSTAMPS. */
const MAX_NAME = 199;
const MAX_HITCOUNT = 255;

const TTL = 8;

interface Check {
  readonly action: Action;
  readonly inverted: boolean;
  readonly seconds: number;
  readonly hitcount: number;
  readonly reap: boolean;
  readonly rttl: boolean;
  readonly side: 'source' | 'destination';
  readonly mask: Ipv4Addr;
  readonly name: string;
}

function parseCheck(options: Options): Check {
  const found = options.oneOf(ACTIONS, "recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'");
  const action = ACTIONS.find((name) => name === found) ?? '--set';
  const name = options.text('--name') ?? 'DEFAULT';
  if (name.length > MAX_NAME) throw new RuleError(`recent: name \`${name}' too long`);
  const seconds = options.number('--seconds') ?? 0;
  if (options.has('--reap') && seconds === 0) throw new RuleError('recent: option "--reap" also requires "--seconds".');
  // recent_mt_check(): what is set or removed is not asked how often it was seen.
  const asks = ['--seconds', '--hitcount', '--rttl'].find((one) => options.has(one));
  if (asks !== undefined && (action === '--set' || action === '--remove'))
    throw new RuleError(`recent: option "${asks}" cannot be used together with "${action}"`);
  if (options.has('--rsource') && options.has('--rdest')) {
    throw new RuleError('recent: option "--rdest" cannot be used together with "--rsource"');
  }
  return {
    action,
    inverted: options.inverted(action),
    seconds,
    hitcount: options.number('--hitcount', MAX_HITCOUNT) ?? 0,
    reap: options.has('--reap'),
    rttl: options.has('--rttl'),
    side: options.has('--rdest') ? 'destination' : 'source',
    mask: options.address('--mask') ?? INADDR_BROADCAST,
    name,
  };
}

/** The TTL as the packet arrived: one more where it has been through forwarding here. */
function ttlSeen({ skb, out, netns }: RulePacket): number {
  const ttl = skb.view.getUint8(skb.network + TTL);
  const own = skb.socket !== undefined && skb.socket.netns === netns;
  return out !== undefined && !own ? ttl + 1 : ttl;
}

/** Whether enough stamps are young enough. */
function recentlySeen({ seconds, hitcount }: Check, { stampsNs }: RecentEntry, nowNs: number): boolean {
  const sinceNs = nowNs - seconds * NS_PER_S;
  let hits = 0;
  for (const stampNs of stampsNs) {
    if (seconds !== 0 && stampNs < sinceNs) continue;
    hits += 1;
    if (hits >= hitcount) return true;
  }
  return false;
}

function ask(check: Check, list: RecentList, packet: RulePacket): boolean {
  const nowNs = packet.netns.emulation.clock.nowNs;
  const addr = ipv4(packet[check.side] & check.mask);
  const ttl = ttlSeen(packet);
  const entry = list.lookup(addr, check.rttl ? ttl : 0);
  if (entry === undefined) {
    if (check.action !== '--set') return check.inverted;
    list.insert(addr, ttl, nowNs);
    return !check.inverted;
  }
  if (check.action === '--set') {
    list.update(entry, ttl, nowNs);
    return !check.inverted;
  }
  if (check.action === '--remove') {
    list.remove(entry);
    return !check.inverted;
  }
  const result = recentlySeen(check, entry, nowNs) !== check.inverted;
  if (check.reap) list.reap(nowNs - check.seconds * NS_PER_S);
  if (check.action === '--update' && result) list.update(entry, ttl, nowNs);
  return result;
}

function format({ action, inverted, seconds, hitcount, reap, rttl, name, mask, side }: Check): string {
  let text = `${inverted ? '! ' : ''}${action}`;
  if (seconds !== 0) text += ` --seconds ${seconds}`;
  if (reap) text += ' --reap';
  if (hitcount !== 0) text += ` --hitcount ${hitcount}`;
  if (rttl) text += ' --rttl';
  return `${text} --name ${quoteWord(name)} --mask ${formatIpv4(mask)} ${side === 'source' ? '--rsource' : '--rdest'}`;
}

export const recent = {
  options: {
    '--set': { arguments: 0, invertible: true },
    '--rcheck': { arguments: 0, invertible: true },
    '--update': { arguments: 0, invertible: true },
    '--remove': { arguments: 0, invertible: true },
    '--seconds': {},
    '--hitcount': {},
    '--reap': { arguments: 0 },
    '--rttl': { arguments: 0 },
    '--name': {},
    '--rsource': { arguments: 0 },
    '--rdest': { arguments: 0 },
    '--mask': {},
  },
  pure: false,
  parse(options): Match {
    const check = parseCheck(options);
    let list: RecentList | undefined;
    return {
      attach(netns) {
        list = netns.netfilter.recent.acquire(check.name, check.hitcount);
      },
      detach(netns) {
        netns.netfilter.recent.release(check.name);
        list = undefined;
      },
      matches(packet) {
        if (list === undefined) return false;
        packet.netns.emulation.journal?.push(list.keep());
        const result = ask(check, list, packet);
        if (result && packet.netns.emulation.tracer !== undefined) {
          const addr = formatIpv4(packet[check.side]);
          packet.netns.trace(packet.skb, {
            kind: 'set',
            field: 'recent',
            value: `${check.action.slice(2)} ${check.name} ${addr}`,
          });
        }
        return result;
      },
      toString: () => format(check),
    };
  },
} satisfies MatchKind;
