/** `ip addr add|replace|del` (iproute2's ip/ipaddress.c) and `ip neigh add|replace|del` (ip/ipneigh.c). */

import type { Ipv4Addr, Mac } from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import type { Device } from '../device.js';
import { KernelError } from '../errors.js';
import type { AddressSpec } from '../fib/index.js';
import type { NeighbourEntryState } from '../host-state.js';
import type { Netns } from '../netns.js';
import { CommandError, type Option, readOptions, type Words } from './words.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function address(netns: Netns, words: Words, because: readonly Cause[]): void {
  const verb = words.oneOf('what to do with an address', ['add', 'replace', 'del', 'delete']);
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
      broadcast,
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
  if (verb === 'del' || verb === 'delete') netns.fib.deleteAddress(dev, spec.address, spec.prefixLength);
  else {
    try {
      netns.fib.addAddress(dev, spec);
    } catch (error) {
      if (!(verb === 'replace' && error instanceof KernelError && error.errno === 'EEXIST')) throw error;
    }
  }
}

const STATES = ['permanent', 'noarp', 'reachable', 'stale'] as const satisfies readonly NeighbourEntryState['state'][];

export function neighbour(netns: Netns, words: Words, because: readonly Cause[]): void {
  const verb = words.oneOf('what to do with a neighbour', ['add', 'replace', 'change', 'del', 'delete']);
  const proxy = words.skip('proxy');
  words.skip('to');
  const address = words.address();
  let dev: Device | undefined;
  let mac: Mac | undefined;
  let state: NeighbourEntryState['state'] = 'permanent';
  readOptions(
    words,
    {
      dev: (rest) => {
        dev = rest.device();
      },
      lladdr: (rest) => {
        mac = rest.mac();
      },
      nud: (rest) => {
        state = rest.oneOf('a state', STATES);
      },
      proxy: (rest) => {
        throw new CommandError(`neigh: "proxy" goes before the address, not before "${rest.peek() ?? ''}"`);
      },
    },
    'neigh',
  );
  if (dev === undefined) throw new CommandError('Device and destination are required arguments.');
  if (verb === 'del' || verb === 'delete') {
    if (proxy) netns.neighbours.deleteProxy(dev, address);
    else netns.neighbours.delete(dev, address);
    return;
  }
  const entry = { dev: dev.name, address, state, proxy, because, ...(mac === undefined ? {} : { mac }) };
  netns.neighbours.set(entry, verb);
}
