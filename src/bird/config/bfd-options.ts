/**
 * `protocol bfd { … }` and `bfd { … }` of BGP (proto/bfd/config.Y, nest/config.Y: bfd_opts). They are read, so that what is
 * wrong is refused where BIRD refuses it; nobody looks after neighbours by BFD here, and a finding says so.
 */

import { parseInterfacePatterns } from './common-options.js';
import type { BfdDraft } from './draft.js';
import { type OptionHandler, OptionTable } from './options.js';
import type { Parsing } from './parsing.js';

/** `expr_us`. */
function parseDuration(p: Parsing): void {
  p.expr();
  if (!['s', 'ms', 'us'].some((unit) => p.takeKeyword(unit))) p.unexpected();
}

const TIMERS: Readonly<Record<string, OptionHandler<unknown>>> = {
  interval: parseDuration,
  'min rx interval': parseDuration,
  'min tx interval': parseDuration,
  'idle tx interval': parseDuration,
  multiplier: (p) => {
    p.expr();
  },
  passive: (p) => {
    p.bool();
  },
};

const OF_SESSION = new OptionTable<unknown>({ ...TIMERS, graceful: () => undefined });

const OF_INTERFACE = new OptionTable<unknown>({
  ...TIMERS,
  'authentication none': () => undefined,
  'authentication simple': () => undefined,
  'authentication keyed md5': () => undefined,
  'authentication keyed sha1': () => undefined,
  'authentication meticulous keyed md5': () => undefined,
  'authentication meticulous keyed sha1': () => undefined,
  password: (p) => {
    p.text();
  },
});

function parseBlock(p: Parsing, options: OptionTable<unknown>): void {
  while (!p.take('}')) {
    if (!options.parse(p, undefined)) p.unexpected();
    p.expect(';');
  }
}

/** What stands behind `bfd {` of a session. */
export const parseBfdSession = (p: Parsing): void => parseBlock(p, OF_SESSION);

function parseInterfaceBlock(p: Parsing): void {
  if (p.take('{')) parseBlock(p, OF_INTERFACE);
}

function parseNeighbor(p: Parsing): void {
  p.ip();
  const onInterface = p.take('%') ? p.name() : p.takeKeyword('dev') ? p.text() : undefined;
  const local = p.takeKeyword('local') ? p.ip() : undefined;
  const multihop = p.takeKeyword('multihop') && p.bool();
  if (multihop && onInterface !== undefined) p.fail('Neighbor cannot set both interface and multihop');
  if (multihop && local === undefined) p.fail('Multihop neighbor requires specified local address');
}

const BFD = new OptionTable<BfdDraft>({
  accept: (p) => {
    while (['ipv4', 'ipv6', 'direct', 'multihop'].some((each) => p.takeKeyword(each)));
  },
  interface: (p) => {
    parseInterfacePatterns(p);
    parseInterfaceBlock(p);
  },
  multihop: parseInterfaceBlock,
  neighbor: parseNeighbor,
  'strict bind': (p) => {
    p.bool();
  },
});

export const parseBfdOption = (p: Parsing, draft: BfdDraft): boolean => BFD.parse(p, draft);
