/** `-j DSCP` and `-j TOS`: the type of service field; net/netfilter/xt_DSCP.c. */

import { type Target, type TargetKind, RuleError } from '../extension.js';
import { type Options, parseUnsigned } from '../options.js';
import type { RulePacket } from '../packet.js';

/** RFC 2474 and RFC 2597 names, RFC 3246 EF. */
const CLASSES: ReadonlyMap<string, number> = new Map([
  ['CS0', 0x00],
  ['CS1', 0x08],
  ['CS2', 0x10],
  ['CS3', 0x18],
  ['CS4', 0x20],
  ['CS5', 0x28],
  ['CS6', 0x30],
  ['CS7', 0x38],
  ['BE', 0x00],
  ['AF11', 0x0a],
  ['AF12', 0x0c],
  ['AF13', 0x0e],
  ['AF21', 0x12],
  ['AF22', 0x14],
  ['AF23', 0x16],
  ['AF31', 0x1a],
  ['AF32', 0x1c],
  ['AF33', 0x1e],
  ['AF41', 0x22],
  ['AF42', 0x24],
  ['AF43', 0x26],
  ['EF', 0x2e],
]);

/** RFC 1349 names. */
const TOS_NAMES: ReadonlyMap<string, number> = new Map([
  ['minimize-delay', 0x10],
  ['maximize-throughput', 0x08],
  ['maximize-reliability', 0x04],
  ['minimize-cost', 0x02],
  ['normal-service', 0x00],
]);
/** Names leave the two ECN bits alone. */
const TOS_NAME_MASK = 0x3f;

const octet = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`;

function writeTos(packet: RulePacket, tos: number): void {
  const { skb, netns } = packet;
  const header = skb.ipv4;
  if (header.tos === tos) return;
  header.rewriteTos(tos);
  if (netns.emulation.tracer !== undefined) netns.trace(skb, { kind: 'set', field: 'dscp', value: octet(tos >>> 2) });
}

/** A new field made of the old one by `(tos & ~mask) ^ value`. */
const tosTarget = (value: number, mask: number, text: string): Target => ({
  outcome: 'continue',
  apply(packet) {
    writeTos(packet, ((packet.skb.ipv4.tos & ~mask) ^ value) & 0xff);
    return 'continue';
  },
  toString: () => text,
});

function parseDscp(options: Options): number {
  const name = options.text('--set-dscp-class');
  if (name === undefined) {
    const value = options.number('--set-dscp', 0x3f);
    if (value === undefined) throw new RuleError('DSCP target: Parameter --set-dscp is required');
    return value;
  }
  const value = CLASSES.get(name.toUpperCase());
  if (value === undefined) throw new RuleError(`Invalid DSCP value \`${name}'`);
  return value;
}

export const dscp = {
  options: { '--set-dscp': {}, '--set-dscp-class': {} },
  tables: ['mangle'],
  parse(options) {
    const value = parseDscp(options);
    return tosTarget(value << 2, 0xfc, `--set-dscp ${octet(value)}`);
  },
} satisfies TargetKind;

const FORMS = ['--set-tos', '--and-tos', '--or-tos', '--xor-tos'] as const;

function parseTos(options: Options): { value: number; mask: number } {
  const form = options.oneOf(FORMS, 'TOS: An action is required');
  const text = options.require(form);
  if (form === '--set-tos') {
    const named = TOS_NAMES.get(text.toLowerCase());
    if (named !== undefined) return { value: named, mask: TOS_NAME_MASK };
    return options.valueMask(form, 0xff) ?? { value: 0, mask: 0xff };
  }
  const bits = parseUnsigned(text, 0xff);
  if (bits === undefined) throw new RuleError(`TOS: bad integer value for option "${form}", or out of range.`);
  if (form === '--and-tos') return { value: 0, mask: ~bits & 0xff };
  return form === '--or-tos' ? { value: bits, mask: bits } : { value: bits, mask: 0 };
}

export const tos = {
  options: { '--set-tos': {}, '--and-tos': {}, '--or-tos': {}, '--xor-tos': {} },
  tables: ['mangle'],
  parse(options) {
    const { value, mask } = parseTos(options);
    return tosTarget(value, mask, `--set-tos ${octet(value)}/${octet(mask)}`);
  },
} satisfies TargetKind;
