/** `ip link … type ipip …` and `ip tunnel add|change|del` (iproute2's ip/link_iptnl.c, iptunnel.c). */

import { INADDR_ANY } from '../../packet/index.js';
import { type Cause } from '../../trace/index.js';
import { KernelError } from '../errors.js';
import type { IpipState } from '../host-state.js';
import { Ipip, type LinkOptions } from '../link/index.js';
import type { Netns } from '../netns.js';
import { CommandError, dsfield, type Option, type Options, readOptions, type Words } from './words.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What both commands say where nothing is said. */
const UNSAID: IpipState = {
  local: INADDR_ANY,
  remote: INADDR_ANY,
  ttl: 0,
  tos: 0,
  pmtudisc: true,
  fwmark: 0,
  mode: 'any',
  fallback: false,
};

const TOS_INHERIT = 1;

/** `inherit`, `auto`, or a number. */
const ttl = (words: Words): number => (words.skip('inherit') || words.skip('auto') ? 0 : words.number('a TTL', 255));

/** `inherit`, or a value. */
const tos = (words: Words): number => (words.skip('inherit') ? TOS_INHERIT : dsfield(words.take('a type of service')));

/** In `ip tunnel` also both: `inherit/VALUE` for what is not IP inside. */
function tosOrBoth(words: Words): number {
  const [first = '', second] = words.take('a type of service').split('/');
  if (first !== 'inherit') return dsfield(first);
  return second === undefined ? TOS_INHERIT : TOS_INHERIT | dsfield(second);
}

const notModelled =
  (what: string): Option =>
  () => {
    throw new CommandError(`ipip: "${what}" is not modelled`);
  };

function tunnelOptions(config: Mutable<IpipState>, parseTos: (words: Words) => number): Options {
  const readTos: Option = (words) => {
    config.tos = parseTos(words);
  };
  const readTtl: Option = (words) => {
    config.ttl = ttl(words);
  };
  return {
    local: (words) => {
      config.local = words.addressOrAny();
    },
    remote: (words) => {
      config.remote = words.addressOrAny();
    },
    dev: (words) => {
      config.dev = words.device().name;
    },
    ttl: readTtl,
    hoplimit: readTtl,
    hlim: readTtl,
    tos: readTos,
    tclass: readTos,
    dsfield: readTos,
    pmtudisc: () => {
      config.pmtudisc = true;
    },
    nopmtudisc: () => {
      config.pmtudisc = false;
    },
  };
}

/** ip_tunnel_netlink_parms(): a TTL of its own, and the sender may be told of what does not fit. */
function checked(config: Mutable<IpipState>): IpipState {
  if (config.ttl !== 0 && !config.pmtudisc) throw new CommandError('ttl != 0 and nopmtudisc are incompatible');
  return config;
}

const MODES: Readonly<Record<string, IpipState['mode']>> = {
  ipip: 'ipip',
  'ip/ip': 'ipip',
  'ipv4/ipv4': 'ipip',
  any: 'any',
  'any/ipv4': 'any',
  'any/ip': 'any',
};

function mode(words: Words): IpipState['mode'] {
  const word = words.take('a mode');
  const found = Object.hasOwn(MODES, word) ? MODES[word] : undefined;
  if (found === undefined) throw new CommandError(`tunnel mode "${word}" is not modelled`);
  return found;
}

/** The words behind `type ipip`. `from` is what the tunnel is already; what is not said becomes as unsaid. */
export function ipipOptions(words: Words): IpipState {
  const config: Mutable<IpipState> = { ...UNSAID };
  readOptions(
    words,
    {
      ...tunnelOptions(config, tos),
      mode: (rest) => {
        config.mode = mode(rest);
      },
      fwmark: (rest) => {
        config.fwmark = rest.number('a mark');
      },
      external: notModelled('external'),
      encap: (rest) => {
        if (!rest.skip('none')) notModelled(`encap ${rest.peek() ?? ''}`)(rest);
      },
    },
    'link type ipip',
  );
  return checked(config);
}

export function addIpip(netns: Netns, link: LinkOptions, words: Words): void {
  netns.links.addIpip(link, ipipOptions(words));
}

/** `ip link set NAME type ipip …`: the module's own device is not to be changed this way. */
export function changeIpip(netns: Netns, name: string, config: IpipState): void {
  const dev = netns.links.require(name);
  if (!(dev instanceof Ipip)) throw new CommandError(`"${name}" is no ipip tunnel`);
  if (dev.config.fallback) throw new KernelError('EINVAL', `link set ${name} type ipip`);
  netns.links.changeIpip(dev, config);
}

/** Name and words of `ip tunnel`. */
function parseTunnel(words: Words): { readonly name: string; readonly config: IpipState } {
  const config: Mutable<IpipState> = { ...UNSAID, mode: 'ipip' };
  let name = '';
  const options: Options = {
    ...tunnelOptions(config, tosOrBoth),
    name: (rest) => {
      name = rest.take('a name');
    },
    mode: (rest) => {
      config.mode = mode(rest);
    },
  };
  const first = words.peek();
  if (first !== undefined && !Object.hasOwn(options, first)) name = words.take('a name');
  readOptions(words, options, 'tunnel');
  if (name === '') throw new CommandError('tunnel: a name is expected');
  return { name, config: checked(config) };
}

/** `ip tunnel`: an ioctl on a device, which loads the module that is known by its name. */
export function tunnel(netns: Netns, words: Words, because: readonly Cause[]): void {
  const verb = words.verb('ip tunnel', ['add', 'change', 'chg', 'set', 'delete']);
  const { name, config } = parseTunnel(words);
  if (verb === 'add') {
    netns.links.autoload(name);
    netns.links.addIpip({ name, because }, config);
    return;
  }
  const dev = netns.devices.named(name) ?? netns.links.autoload(name);
  if (!(dev instanceof Ipip)) throw new CommandError(`tunnel "${name}" does not exist`);
  if (verb !== 'delete') netns.links.changeIpip(dev, config);
  else if (dev.config.fallback) throw new CommandError(`delete tunnel "${name}" failed: Operation not permitted`);
  else netns.links.remove(dev);
}
