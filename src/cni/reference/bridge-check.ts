/** CHECK of bridge: the bridge, both ends of the veth, and what is on them; plugins/main/bridge: cmdCheck(). */

import { Bridge, type Device, type Netns, Veth } from '../../kernel/index.js';
import { formatMac } from '../../packet/index.js';
import { internalError } from '../errors.js';
import type { PluginCall } from '../plugin.js';
import type { CniInterface } from '../result.js';
import { requireNetns } from './common.js';
import { checkAddresses } from './interface.js';

const NO_INTERFACE: CniInterface = { name: '' };

/** validateInterface(). @throws CniError */
function requireInterface(netns: Netns, { name, sandbox }: CniInterface, expected: 'sandbox' | 'host'): Device {
  if (name === '') throw internalError('Interface name missing ');
  const dev = netns.devices.named(name);
  if (dev === undefined) throw internalError(`Interface name ${name} not found`);
  if (expected === 'sandbox' && sandbox === undefined)
    throw internalError(`Interface ${name} is expected to be in a sandbox`);
  if (expected === 'host' && sandbox !== undefined) throw internalError(`Interface ${name} should not be in sandbox`);
  return dev;
}

const macDiffers = ({ mac }: CniInterface, dev: Device): boolean => mac !== undefined && mac !== formatMac(dev.mac);

/** @throws CniError */
function requireBridge(host: Netns, nic: CniInterface): Bridge {
  const dev = requireInterface(host, nic, 'host');
  if (!(dev instanceof Bridge)) throw internalError(`Interface ${nic.name} does not have link type of bridge`);
  if (macDiffers(nic, dev)) throw internalError(`Bridge interface ${nic.name} Mac doesn't match: ${nic.mac}`);
  return dev;
}

/** @throws CniError */
function requireContainerVeth(netns: Netns, nic: CniInterface): Veth {
  const dev = requireInterface(netns, nic, 'sandbox');
  if (!(dev instanceof Veth)) throw internalError(`Error: Container interface ${nic.name} not of type veth`);
  if (macDiffers(nic, dev)) {
    throw internalError(`Interface ${nic.name} Mac ${nic.mac} doesn't match container Mac: ${formatMac(dev.mac)}`);
  }
  return dev;
}

/** Whether that interface is the other end of the container's, and a port of the bridge. @throws CniError */
function isPortOf(host: Netns, nic: CniInterface, { bridge, inside }: { bridge: Bridge; inside: Veth }): boolean {
  const dev = requireInterface(host, nic, 'host');
  if (!(dev instanceof Veth) || dev !== inside.peer || dev.port?.bridge !== bridge) return false;
  if (macDiffers(nic, dev)) throw internalError(`Interface ${nic.name} Mac doesn't match: ${nic.mac}`);
  return true;
}

/** @throws CniError what is broken */
export function checkBridge(call: PluginCall, host: Netns, bridgeName: string): void {
  const { prevResult, ifName, netnsPath } = call;
  if (prevResult === undefined) throw internalError('Required prevResult missing');
  const { interfaces } = prevResult;
  const ownBridge = interfaces.findLast(({ name }) => name === bridgeName) ?? NO_INTERFACE;
  const own =
    interfaces.findLast(({ name, sandbox }) => name === ifName && name !== bridgeName && sandbox === netnsPath) ??
    NO_INTERFACE;
  const bridge = requireBridge(host, ownBridge);
  if (own.sandbox !== netnsPath) {
    throw internalError(`Sandbox in prevResult ${own.sandbox ?? ''} doesn't match configured netns: ${netnsPath}`);
  }
  const netns = requireNetns(call);
  const inside = requireContainerVeth(netns, own);
  const others = interfaces.filter(({ name }) => name !== ownBridge.name && name !== own.name);
  if (!others.some((nic) => isPortOf(host, nic, { bridge, inside }))) {
    throw internalError(`CNI veth created for bridge ${bridgeName} was not found`);
  }
  checkAddresses(call, netns, prevResult);
}
