/** tuning: switches, MAC address, MTU and queue length of a container's interface; plugins/meta/tuning. Chained. */

import { KernelError } from '../../kernel/index.js';
import { formatMac, parseMac } from '../../packet/index.js';
import { internalError } from '../errors.js';
import type { Plugin, PluginCall } from '../plugin.js';
import type { CniResult } from '../result.js';
import { number, object, reference, requireNetns, text } from './common.js';

const macOf = ({ config }: PluginCall): string =>
  text(object(config['runtimeConfig'])['mac']) ||
  text(object(object(config['args'])['cni'])['mac']) ||
  text(config['mac']);

const sysctls = ({ config }: PluginCall): readonly (readonly [string, string])[] =>
  Object.entries(object(config['sysctl'])).map(([path, value]) => [path, text(value)] as const);

/** `net/ipv4/conf/IFNAME/…`: IFNAME stands for the interface, `/` and `.` may change places. */
const pathOf = (path: string, ifName: string): string => path.replaceAll('/', '.').replaceAll('IFNAME', ifName);

function add(call: PluginCall): CniResult {
  const { prevResult, ifName } = call;
  if (prevResult === undefined) throw internalError('Required prevResult missing');
  const netns = requireNetns(call);
  for (const [path, value] of sysctls(call)) {
    const wanted = pathOf(path, ifName);
    if (!wanted.startsWith('net.')) throw internalError(`invalid net sysctl key: "${wanted.replaceAll('.', '/')}"`);
    try {
      netns.sysctl.set(wanted, value);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      throw internalError(`open /proc/sys/${wanted.replaceAll('.', '/')}: no such file or directory`);
    }
  }
  const dev = netns.devices.named(ifName);
  const mac = macOf(call);
  const mtu = number(call.config['mtu']);
  const txqlen = number(call.config['txQLen']);
  if (dev === undefined) {
    if (mac === '' && mtu === 0 && txqlen === 0) return prevResult;
    throw internalError(`failed to get "${ifName}": Link not found`);
  }
  const wantedMac = mac === '' ? undefined : parseMac(mac);
  if (mac !== '' && wantedMac === undefined)
    throw internalError(`invalid args ${mac} for MAC addr: address ${mac}: invalid MAC address`);
  netns.links.set(dev, {
    ...(wantedMac === undefined ? {} : { mac: wantedMac }),
    ...(mtu === 0 ? {} : { mtu }),
    ...(txqlen === 0 ? {} : { txqlen }),
  });
  if (wantedMac === undefined) return prevResult;
  const interfaces = prevResult.interfaces.map((nic) =>
    nic.name === ifName && nic.sandbox !== undefined ? { ...nic, mac: formatMac(wantedMac) } : nic,
  );
  return { ...prevResult, interfaces };
}

function check(call: PluginCall): undefined {
  if (call.prevResult === undefined) throw internalError('Required prevResult missing');
  const netns = requireNetns(call);
  for (const [path, value] of sysctls(call)) {
    const current = netns.sysctl.get(pathOf(path, call.ifName));
    if (current !== value)
      throw internalError(`Error: Tuning configured value of ${path} is ${value}, current value is ${current ?? ''}`);
  }
  const dev = netns.devices.named(call.ifName);
  const mac = macOf(call);
  if (dev !== undefined && mac !== '' && mac !== formatMac(dev.mac)) {
    throw internalError(
      `Error: Tuning configured Ethernet of ${call.ifName} is ${mac}, current value is ${formatMac(dev.mac)}`,
    );
  }
  const mtu = number(call.config['mtu']);
  if (dev !== undefined && mtu !== 0 && dev.mtu !== mtu) {
    throw internalError(`Error: Tuning configured MTU of ${call.ifName} is ${mtu}, current value is ${dev.mtu}`);
  }
  return undefined;
}

export const tuning: Plugin = { ...reference, add, del: () => undefined, check };
