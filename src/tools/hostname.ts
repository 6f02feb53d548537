/** `hostname` 3.23: the name, and what the resolver and the devices make of it. */

import { awaitLookup, resolverOf } from '../cluster/index.js';
import { formatIp, isIpv4 } from '../kubernetes/index.js';
import { formatIpv4 } from '../packet/index.js';
import type { Resolution } from '../services/index.js';
import { orderedOptions, type LongOption } from './getopt.js';
import { devicesOf } from './ip/device.js';
import { resolveFailure } from './resolve.js';
import { failure, ok, type Tool, type ToolPlace, type ToolResult } from './tool.js';

const SHORT = '-aAdfsiIV';
const LONG: readonly LongOption[] = [
  ['alias', 'a', 'flag'],
  ['all-fqdns', 'A', 'flag'],
  ['domain', 'd', 'flag'],
  ['fqdn', 'f', 'flag'],
  ['long', 'f', 'flag'],
  ['short', 's', 'flag'],
  ['ip-address', 'i', 'flag'],
  ['all-ip-addresses', 'I', 'flag'],
  ['version', 'V', 'flag'],
];

type Found = Extract<Resolution, { kind: 'found' }>;

/** What the resolver knows of the host's own name. */
function lookup(place: ToolPlace, name: string): Resolution {
  const resolver = resolverOf(place.cluster.asker(place.netns, place.pod, 'hostname'));
  return awaitLookup(place.netns, (done) => resolver.addressesOf(name, done));
}

/** `-I`: of all devices but lo, each with a blank behind it. */
const ownAddresses = ({ netns }: ToolPlace): string =>
  devicesOf(netns)
    .filter((dev) => dev.up && dev.kind !== 'loopback')
    .flatMap((dev) => dev.addresses.map(({ address }) => `${formatIpv4(address)} `))
    .join('');

const ASKED: Readonly<Record<string, (found: Found) => string>> = {
  i: ({ addresses }) => addresses.filter(isIpv4).map(formatIp).join(' '),
  f: ({ canonicalName }) => canonicalName,
  A: ({ canonicalName }) => canonicalName,
  a: ({ aliases }) => aliases.join(' '),
};

function answer(place: ToolPlace, name: string, letter: string): ToolResult {
  if (letter === 'I') return ok(`${ownAddresses(place)}\n`);
  if (letter === 's') return ok(`${name.replace(/\..*$/, '')}\n`);
  const found = lookup(place, name);
  if (found.kind === 'failed') return failure(1, `hostname: ${resolveFailure(found.why)}`);
  if (letter !== 'd') return ok(`${ASKED[letter]?.(found) ?? ''}\n`);
  const [, domain] = /^[^.]*\.(.*)$/.exec(found.canonicalName) ?? [];
  return ok(domain === undefined ? '' : `${domain}\n`);
}

export const hostname: Tool = (place, args) => {
  const { options, bad } = orderedOptions(args, { short: SHORT, long: LONG });
  if (bad !== undefined) {
    const isLong = bad.written.startsWith('--');
    const what = isLong ? `unrecognized option '${bad.written}'` : `invalid option -- '${bad.written.at(-1) ?? ''}'`;
    return failure(255, `hostname: ${what}`);
  }
  const name = place.cluster.programs.hostname(place.netns.host, place.pod);
  const letters = options.map(({ letter }) => letter);
  if (letters.includes(undefined)) return failure(1, 'hostname: only what shows is offered here');
  if (letters.includes('V')) return ok('hostname 3.23\n');
  const last = letters.at(-1);
  return last === undefined ? ok(`${name}\n`) : answer(place, name, last);
};
