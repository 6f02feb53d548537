/** `-m physdev`: the bridge ports of a bridged packet; net/netfilter/xt_physdev.c:physdev_mt(). */

import { type Match, type MatchKind, RuleError } from '../extension.js';
import { formatInterfaceName, interfaceMatches, type InterfaceName, parseInterfaceName } from '../interface-name.js';
import type { Options } from '../options.js';
import type { RulePacket } from '../packet.js';

/** In the order of printing. */
const NAMES = ['--physdev-is-in', '--physdev-in', '--physdev-is-out', '--physdev-out', '--physdev-is-bridged'] as const;
type Name = (typeof NAMES)[number];

function parseName(options: Options, option: Name): InterfaceName | undefined {
  const text = options.text(option);
  return text === undefined ? undefined : parseInterfaceName(text);
}

class Physdev implements Match {
  readonly #options: Options;
  readonly #in: InterfaceName | undefined;
  readonly #out: InterfaceName | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#in = parseName(options, '--physdev-in');
    this.#out = parseName(options, '--physdev-out');
    if (!NAMES.some((name) => options.has(name))) throw new RuleError('PHYSDEV: no physdev option specified');
  }

  matches({ skb: { physIn, physOut } }: RulePacket): boolean {
    const options = this.#options;
    // Not bridged: only options that are all inverted match.
    if (physIn === undefined && physOut === undefined) {
      return NAMES.every((name) => !options.has(name) || options.inverted(name));
    }
    const asked = (name: Name, holds: boolean): boolean => !options.has(name) || holds !== options.inverted(name);
    if (!asked('--physdev-is-bridged', physOut !== undefined)) return false;
    if (!asked('--physdev-is-in', physIn !== undefined)) return false;
    if (!asked('--physdev-is-out', physOut !== undefined)) return false;
    if (this.#in !== undefined && physIn !== undefined && !asked('--physdev-in', interfaceMatches(this.#in, physIn))) {
      return false;
    }
    if (this.#out === undefined) return true;
    return physOut !== undefined && asked('--physdev-out', interfaceMatches(this.#out, physOut));
  }

  toString(): string {
    const options = this.#options;
    const device: Partial<Record<Name, InterfaceName | undefined>> = {
      '--physdev-in': this.#in,
      '--physdev-out': this.#out,
    };
    return NAMES.filter((name) => options.has(name))
      .map((name) => {
        const dev = device[name];
        return options.bang(name) + name + (dev === undefined ? '' : ` ${formatInterfaceName(dev)}`);
      })
      .join(' ');
  }
}

export const physdev = {
  options: {
    '--physdev-in': { invertible: true },
    '--physdev-out': { invertible: true },
    '--physdev-is-in': { arguments: 0, invertible: true },
    '--physdev-is-out': { arguments: 0, invertible: true },
    '--physdev-is-bridged': { arguments: 0, invertible: true },
  },
  pure: true,
  parse: (options) => new Physdev(options),
} satisfies MatchKind;
