/** `-p icmp -m icmp --icmp-type`, and its ICMPv6 sister; net/netfilter/xt_tcpudp.c:icmp_match(). */

import { type Match, type MatchKind, RuleError } from '../extension.js';
import type { Options } from '../options.js';
import { type IcmpName, parseIcmpType, parseIcmpv6Type } from '../text/icmp-names.js';
import { readable } from './ports.js';

const ICMP_HEADER_MINIMUM = 4;
/** `any`. */
const ANY_TYPE = 255;

interface IcmpFamily {
  readonly option: '--icmp-type' | '--icmpv6-type';
  readonly protocol: number;
  readonly needs: string;
  /** ICMPv6 types are numbers to the last. */
  readonly any: number | undefined;
  readonly parse: (text: string) => IcmpName | undefined;
}

const V4: IcmpFamily = {
  option: '--icmp-type',
  protocol: 1,
  needs: "ICMP match requires '-p icmp'",
  any: ANY_TYPE,
  parse: parseIcmpType,
};
const V6: IcmpFamily = {
  option: '--icmpv6-type',
  protocol: 58,
  needs: "ICMPv6 match requires '-p icmpv6'",
  any: undefined,
  parse: parseIcmpv6Type,
};

const formatType = ({ type, code }: IcmpName, any: number | undefined): string =>
  type === any ? 'any' : code === undefined ? String(type) : `${type}/${code}`;

function parseIcmp(family: IcmpFamily, options: Options, protocol: number): Match {
  const { option, any } = family;
  if (protocol !== family.protocol) throw new RuleError(family.needs);
  const text = options.require(option);
  const wanted = family.parse(text);
  if (wanted === undefined) throw new RuleError(`Unknown ICMP type \`${text}'`);
  const inverted = options.inverted(option);
  return {
    matches(packet) {
      if (!readable(packet, ICMP_HEADER_MINIMUM)) return false;
      const type = packet.view.getUint8(packet.transport);
      const code = packet.view.getUint8(packet.transport + 1);
      const hit = wanted.type === any || (wanted.type === type && (wanted.code === undefined || wanted.code === code));
      return hit !== inverted;
    },
    toString: () => `${options.bang(option)}${option} ${formatType(wanted, any)}`,
  };
}

export const icmp = {
  options: { '--icmp-type': { invertible: true } },
  pure: true,
  parse: (options, { protocol }) => parseIcmp(V4, options, protocol),
} satisfies MatchKind;

export const icmp6 = {
  options: { '--icmpv6-type': { invertible: true } },
  pure: true,
  parse: (options, { protocol }) => parseIcmp(V6, options, protocol),
} satisfies MatchKind;
