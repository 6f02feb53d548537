/**
 * `calico-ipam` in the converged mode: a pod that has addresses on record gets those, whoever assigned them,
 * so that building a node again gives what it had. Others go to the real plugin.
 */

import type { CniResult, Plugin, PluginCall, PluginMachine } from '../../cni/index.js';
import { formatIp, type Pod } from '../../kubernetes/index.js';
import { type Cidr, formatCidr, parseCidrOrAddress } from '../cidr.js';
import { blockCidrFor, poolContaining } from '../ipam/pools.js';
import { podIdentity } from './config.js';
import { type PluginDatastore, requireReady } from './datastore.js';

const POD_IPS = 'cni.projectcalico.org/podIPs';
const ASKED = 'cni.projectcalico.org/ipAddrs';

export function recordedIpam(datastore: PluginDatastore, plugin: Plugin): Plugin {
  return {
    ...plugin,
    add: (call, machine) => recorded(datastore, call) ?? plugin.add(withoutRequest(datastore, call), machine),
    // What is on record stays on record.
    del: (call, machine) => deleteUnlessRecorded(datastore, plugin, { call, machine }),
  };
}

const podOf = (datastore: PluginDatastore, call: PluginCall): Pod | undefined => {
  const identity = podIdentity(call);
  return identity && datastore.store.get('Pod', identity.namespace, identity.name);
};

/** The pod itself asks for an address, and gets it by the plugin or not at all. */
const asks = (pod: Pod | undefined): boolean => (pod?.annotations[ASKED] ?? '') !== '';

/** The kubelet names the recorded address for plugins that know no record; here it would be asked for twice. */
const withoutRequest = (datastore: PluginDatastore, call: PluginCall): PluginCall =>
  asks(podOf(datastore, call)) ? call : { ...call, args: new Map([...call.args].filter(([key]) => key !== 'IP')) };

function addressesOf(datastore: PluginDatastore, call: PluginCall): Cidr[] {
  const pod = podOf(datastore, call);
  if (pod === undefined) return [];
  const written = pod.annotations[POD_IPS] ?? '';
  const named = call.args.get('IP') ?? '';
  const held = !asks(pod) || pod.status.podIPs.some((ip) => formatIp(ip) === named) ? [named] : [];
  const texts = written === '' ? held : written.split(',');
  return texts.flatMap((text) => parseCidrOrAddress(text.trim()) ?? []);
}

/** The addresses with their blocks' prefix lengths, as the plugin prints them. */
function recorded(datastore: PluginDatastore, call: PluginCall): CniResult | undefined {
  requireReady(datastore);
  const addresses = addressesOf(datastore, call);
  if (addresses.length === 0) return undefined;
  const { pools } = datastore.ipamContext();
  const blocks = addresses.map((address) => {
    const pool = poolContaining(pools, address);
    return formatCidr({ ...address, length: pool === undefined ? address.length : blockCidrFor(pool, address).length });
  });
  return {
    interfaces: [],
    ips: blocks.map((address) => ({ address })),
    routes: blocks.map((dst) => ({ dst })),
    dns: {},
  };
}

function deleteUnlessRecorded(
  datastore: PluginDatastore,
  plugin: Plugin,
  { call, machine }: { readonly call: PluginCall; readonly machine: PluginMachine },
): void {
  if (addressesOf(datastore, call).length === 0) plugin.del(call, machine);
}
