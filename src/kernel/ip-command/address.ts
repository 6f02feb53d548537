/** `ip addr add|replace|del` (iproute2's ip/ipaddress.c) and `ip neigh add|replace|del` (ip/ipneigh.c). */

import type { Ipv4Addr, Mac } from '../../packet/index.js';
import type { Cause, NeighbourState } from '../../trace/index.js';
import type { Device } from '../device.js';
import { KernelError } from '../errors.js';
import type { AddressSpec } from '../fib/index.js';
import type { Netns } from '../netns.js';
import { parseNumberWord } from './address-text.js';
import { CommandError, type Option, readOptions, type Words, wrongArgument } from './words.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function address(netns: Netns, words: Words, because: readonly Cause[]): void {
  const verb = words.verb('ip addr', ['add', 'change', 'chg', 'replace', 'delete']);
  words.skip('local');
  const local = words.addressPrefix();
  const spec: Mutable<AddressSpec> = { address: local.addr, prefixLength: local.length, because };
  let dev: Device | undefined;
  const broadcast: Option = (rest) => {
    if (rest.skip('+')) spec.broadcast = (local.addr | (~0 >>> local.length)) as Ipv4Addr;
    else spec.broadcast = rest.address();
  };
  readOptions(
    words,
    {
      dev: (rest) => {
        dev = rest.device();
      },
      peer: (rest) => {
        const peer = rest.addressPrefix();
        spec.peer = peer.addr;
        spec.prefixLength = peer.length;
      },
      brd: broadcast,
      'broadcast*': broadcast,
      scope: (rest) => {
        spec.scope = rest.scope();
      },
      label: (rest) => {
        spec.label = rest.take('a label');
      },
      noprefixroute: () => {
        spec.noPrefixRoute = true;
      },
    },
    'addr',
  );
  if (dev === undefined) throw new CommandError('"dev" argument is required.');
  if (verb === 'delete') netns.fib.deleteAddress(dev, spec.address, spec.prefixLength);
  else {
    try {
      netns.fib.addAddress(dev, spec);
    } catch (error) {
      if (!(verb !== 'add' && error instanceof KernelError && error.errno === 'EEXIST')) throw error;
    }
  }
}

/** NUD_*, include/uapi/linux/neighbour.h. */
const STATES: readonly (readonly [name: NeighbourState, bit: number])[] = [
  ['permanent', 0x80],
  ['reachable', 0x02],
  ['noarp', 0x40],
  ['none', 0],
  ['stale', 0x04],
  ['incomplete', 0x01],
  ['delay', 0x08],
  ['probe', 0x10],
  ['failed', 0x20],
];

/** nud_state_a2n(): two may be cut short, and each is a number too. */
export function parseNeighbourState(word: string): NeighbourState | undefined {
  const begun = word === '' ? undefined : (['permanent', 'reachable'] as const).find((name) => name.startsWith(word));
  const number = parseNumberWord(word);
  return begun ?? STATES.find(([name, bit]) => name === word || bit === number)?.[0];
}

function neighbourState(words: Words): NeighbourState {
  const word = words.take('a state');
  const state = parseNeighbourState(word);
  if (state === undefined) throw wrongArgument(word, 'nud state is bad');
  return state;
}

export function neighbour(netns: Netns, words: Words, because: readonly Cause[]): void {
  const verb = words.verb('ip neigh', ['add', 'change', 'chg', 'replace', 'delete']);
  const proxy = words.skip('proxy');
  words.skip('to');
  const address = words.address();
  let dev: Device | undefined;
  let mac: Mac | undefined;
  let state: NeighbourState = 'permanent';
  readOptions(
    words,
    {
      dev: (rest) => {
        dev = rest.device();
      },
      'lladdr*': (rest) => {
        mac = rest.mac();
      },
      nud: (rest) => {
        state = neighbourState(rest);
      },
      proxy: (rest) => {
        throw new CommandError(`neigh: "proxy" goes before the address, not before "${rest.peek() ?? ''}"`);
      },
    },
    'neigh',
  );
  if (dev === undefined) throw new CommandError('Device and destination are required arguments.');
  if (verb === 'delete') {
    if (proxy) netns.neighbours.deleteProxy(dev, address);
    else netns.neighbours.delete(dev, address);
    return;
  }
  const entry = { dev: dev.name, address, state, proxy, because, ...(mac === undefined ? {} : { mac }) };
  netns.neighbours.set(entry, verb === 'chg' ? 'change' : verb);
}
