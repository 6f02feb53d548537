/** Timeouts, counters, comments and marks of elements (include/linux/netfilter/ipset/ip_set.h: extensions). */

import { NS_PER_S } from '../../clock.js';
import type { SetOptions } from './create-options.js';
import { fail, IpsetError } from './errors.js';
import type { Extensions } from './member.js';
import type { CounterBound, SetLookup } from './set.js';
import type { SetType } from './types.js';

/** What an element carries, in a hash or in a list. */
export interface Extended {
  expiresNs: number;
  packets: number;
  bytes: number;
  comment: string;
  nomatch: boolean;
  skbinfo: string;
}

/** Refuses what the set was not created for. @throws IpsetError */
export function checkExtensions(given: Extensions, options: SetOptions, type: SetType): void {
  if (given.timeoutS !== undefined && options.timeout === undefined) fail('noTimeout');
  if ((given.packets !== undefined || given.bytes !== undefined) && !options.counters) fail('noCounters');
  if (given.comment !== undefined && !options.comment) fail('noComment');
  if (given.skbinfo !== undefined && !options.skbinfo) fail('noSkbinfo');
  if (given.nomatch === true && !type.nomatch) throw new IpsetError("Unknown argument: `nomatch'");
}

/** What an `add` gives, or the set's defaults: on an element that is there already too (mtype_add() with -exist). */
export function applyExtensions(
  element: Extended,
  given: Extensions,
  context: { options: SetOptions; nowNs: number },
): void {
  const timeout = given.timeoutS ?? context.options.timeout ?? 0;
  element.expiresNs = timeout === 0 ? Number.POSITIVE_INFINITY : context.nowNs + timeout * NS_PER_S;
  element.packets = given.packets ?? 0;
  element.bytes = given.bytes ?? 0;
  element.comment = given.comment ?? '';
  element.skbinfo = given.skbinfo ?? '';
  element.nomatch = given.nomatch ?? false;
}

/** ip_set_timeout_get(): whole seconds, at least 1 while it lives, 0 where it stays. */
const secondsLeft = (expiresNs: number, nowNs: number): number =>
  expiresNs === Number.POSITIVE_INFINITY ? 0 : Math.max(1, Math.floor((expiresNs - nowNs) / NS_PER_S));

/** ` timeout 99 nomatch packets 0 bytes 0 comment "x"`, as far as the set has them. */
export function formatExtensions(element: Extended, options: SetOptions, nowNs: number): string {
  let text = '';
  if (options.timeout !== undefined) text += ` timeout ${secondsLeft(element.expiresNs, nowNs)}`;
  if (element.nomatch) text += ' nomatch';
  if (options.counters) text += ` packets ${element.packets} bytes ${element.bytes}`;
  if (element.comment !== '') text += ` comment "${element.comment}"`;
  if (element.skbinfo !== '') text += ` ${element.skbinfo}`;
  return text;
}

const holds = ({ operator, value }: CounterBound, counter: number): boolean => {
  switch (operator) {
    case 'eq':
      return counter === value;
    case 'ne':
      return counter !== value;
    case 'lt':
      return counter < value;
    case 'gt':
      return counter > value;
  }
};

/** ip_set_match_extensions(): counts the packet, then asks the rule's bounds. */
export function countPacket(element: Extended, length: number, lookup: SetLookup): boolean {
  if (lookup.updateCounters) {
    element.packets += 1;
    element.bytes += length;
  }
  const { counterBounds } = lookup;
  if (counterBounds.length === 0) return true;
  return counterBounds.every((bound) => holds(bound, bound.field === 'packets' ? element.packets : element.bytes));
}
