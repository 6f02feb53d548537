/** `bridge fdb add|append|replace|del` and `bridge link set` (iproute2's bridge/fdb.c, bridge/link.c). */

import type { Ipv4Addr } from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import type { Device } from '../device.js';
import type { BridgePortState } from '../host-state.js';
import { Bridge, Vxlan } from '../link/index.js';
import type { Netns } from '../netns.js';
import { portOptions } from './link.js';
import { CommandError, readOptions, type Words } from './words.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function fdb(_netns: Netns, words: Words, because: readonly Cause[]): void {
  const verb = words.verb('bridge fdb', ['add', 'append', 'replace', 'delete']);
  const mac = words.mac();
  let dev: Device | undefined;
  let remote: Ipv4Addr | undefined;
  let master = false;
  const said = (): void => {};
  readOptions(
    words,
    {
      dev: (rest) => {
        dev = rest.device();
      },
      dst: (rest) => {
        remote = rest.address();
      },
      'master*': () => {
        master = true;
      },
      'self*': said,
      'permanent*': said,
      'local*': said,
      'static*': said,
    },
    'fdb',
  );
  if (dev === undefined) throw new CommandError('Device and address are required arguments.');
  const remove = verb === 'delete';
  if (master) {
    const { port } = dev;
    if (port === undefined) throw new CommandError(`"${dev.name}" is no port of a bridge`);
    if (remove) port.bridge.deleteEntry(mac);
    else port.bridge.addEntry(mac, port, because);
    return;
  }
  if (!(dev instanceof Vxlan)) throw new CommandError(`"${dev.name}" has no forwarding table of its own here`);
  if (remove) dev.deleteEntry(mac);
  else if (remote === undefined) throw new CommandError('fdb: "dst" is required for a vxlan device');
  else if (verb === 'add') dev.addEntry(mac, remote, because);
  else dev.replaceEntry(mac, remote, because);
}

export function bridgeLink(netns: Netns, words: Words): void {
  words.verb('bridge link', ['set', 'change']);
  words.skip('dev');
  const dev = words.device();
  const bridgePort: Partial<Mutable<BridgePortState>> = {};
  readOptions(words, portOptions(bridgePort), 'bridge link set');
  if (dev.port === undefined) throw new CommandError(`"${dev.name}" is no port of a bridge`);
  netns.links.set(dev, { bridgePort });
}

/** `bridge vlan add|del dev PORT vid N [pvid] [untagged] [self]`. */
export function bridgeVlan(_netns: Netns, words: Words): void {
  const verb = words.verb('bridge vlan', ['add', 'delete']);
  let dev: Device | undefined;
  let vlan = 0;
  const flags = { pvid: false, untagged: false };
  const said = (): void => {};
  readOptions(
    words,
    {
      dev: (rest) => {
        dev = rest.device();
      },
      vid: (rest) => {
        vlan = rest.number('a VLAN', 4094);
      },
      pvid: () => {
        flags.pvid = true;
      },
      untagged: () => {
        flags.untagged = true;
      },
      self: said,
      master: said,
    },
    'vlan',
  );
  const group = dev instanceof Bridge ? dev.vlans : dev?.port?.vlans;
  if (dev === undefined || vlan === 0) throw new CommandError('Device and VLAN ID are required arguments.');
  if (group === undefined) throw new CommandError(`"${dev.name}" is no bridge and no port of one`);
  if (verb === 'add') group.add({ vlan, ...flags });
  else group.delete(vlan);
}
