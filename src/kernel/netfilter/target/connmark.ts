/** `-j CONNMARK`: the mark of the connection, and its way to and from packets; net/netfilter/xt_connmark.c. */

import type { CtEntry } from '../../conntrack/entry.js';
import { type Target, type TargetKind, RuleError } from '../extension.js';
import { hex, type Options, U32_MAX } from '../options.js';
import type { RulePacket } from '../packet.js';
import { formatXmark, parseXmark, XMARK_OPTIONS } from './mark.js';

interface Transfer {
  readonly nfmask: number;
  readonly ctmask: number;
}

/** `--mask` sets both, `--nfmask` and `--ctmask` one each. */
const NOTHING_ASKED = 'CONNMARK target: No operation specified';

function parseMasks(options: Options): Transfer {
  const mask = options.number('--mask');
  if (mask !== undefined && (options.has('--nfmask') || options.has('--ctmask'))) {
    throw new RuleError('CONNMARK: --mask cannot be used with --nfmask or --ctmask');
  }
  return {
    nfmask: options.number('--nfmask') ?? mask ?? U32_MAX,
    ctmask: options.number('--ctmask') ?? mask ?? U32_MAX,
  };
}

function traced(packet: RulePacket, field: 'mark' | 'connmark', value: number): void {
  const { netns, skb } = packet;
  if (netns.emulation.tracer !== undefined) netns.trace(skb, { kind: 'set', field, value: hex(value) });
}

/** The target for what `change` does to the two marks. */
const connmarkTarget = (change: (packet: RulePacket, ct: CtEntry) => void, text: string): Target => ({
  outcome: 'continue',
  apply(packet) {
    const { ct } = packet.skb;
    if (ct !== undefined) change(packet, ct);
    return 'continue';
  },
  toString: () => text,
});

function setMark(options: Options): Target {
  const { value, mask: own } = parseXmark(options, NOTHING_ASKED);
  const mask = options.number('--mask') ?? own;
  return connmarkTarget((packet, ct) => {
    ct.mark = ((ct.mark & ~mask) ^ value) >>> 0;
    traced(packet, 'connmark', ct.mark);
  }, formatXmark({ value, mask }));
}

export const connmark = {
  options: {
    ...XMARK_OPTIONS,
    '--save-mark': { arguments: 0 },
    '--restore-mark': { arguments: 0 },
    '--mask': {},
    '--nfmask': {},
    '--ctmask': {},
  },
  needsConntrack: true,
  parse(options) {
    const saves = options.has('--save-mark');
    if (!saves && !options.has('--restore-mark')) return setMark(options);
    options.oneOf(['--save-mark', '--restore-mark', ...Object.keys(XMARK_OPTIONS)]);
    const { nfmask, ctmask } = parseMasks(options);
    const masks = `--nfmask ${hex(nfmask)} --ctmask ${hex(ctmask)}`;
    if (saves) {
      return connmarkTarget((packet, ct) => {
        ct.mark = ((ct.mark & ~ctmask) ^ (packet.skb.mark & nfmask)) >>> 0;
        traced(packet, 'connmark', ct.mark);
      }, `--save-mark ${masks}`);
    }
    return connmarkTarget((packet, ct) => {
      const { skb } = packet;
      skb.mark = ((skb.mark & ~nfmask) ^ (ct.mark & ctmask)) >>> 0;
      traced(packet, 'mark', skb.mark);
    }, `--restore-mark ${masks}`);
  },
} satisfies TargetKind;
