/** loopback: brings lo up; plugins/main/loopback. */

import { formatIpv4 } from '../../packet/index.js';
import type { Netns } from '../../kernel/index.js';
import { internalError } from '../errors.js';
import type { Plugin, PluginCall } from '../plugin.js';
import { reference, requireNetns } from './common.js';

/** ns.WithNetNSPath() says less than ns.GetNS(). @throws CniError */
function requireOpen({ netns, netnsPath }: PluginCall): Netns {
  if (netns === undefined) throw internalError(`failed to Statfs "${netnsPath}": no such file or directory`);
  return netns;
}

export const loopback: Plugin = {
  ...reference('loopback'),
  resultForm: 'newest',
  add: (call) => {
    const netns = requireOpen(call);
    const lo = netns.links.require('lo');
    netns.links.set(lo, { up: true });
    if (call.prevResult !== undefined) return call.prevResult;
    return {
      interfaces: [{ name: lo.name, mac: '00:00:00:00:00:00', sandbox: call.netnsPath }],
      ips: lo.addresses.map(({ address, prefixLength }) => ({
        interface: 0,
        address: `${formatIpv4(address)}/${prefixLength}`,
      })),
      routes: [],
      dns: {},
    };
  },
  del: ({ netns }) => {
    if (netns !== undefined) netns.links.set(netns.links.require('lo'), { up: false });
  },
  check: (call) => {
    if (!requireNetns(call).links.require('lo').up) throw internalError('loopback interface is down');
    return undefined;
  },
};
