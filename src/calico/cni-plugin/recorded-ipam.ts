/**
 * `calico-ipam` in the converged mode: a pod that has addresses on record gets those, whoever assigned them,
 * so that building a node again gives what it had. Others go to the real plugin.
 */

import type { CniResult, Plugin, PluginCall, PluginMachine } from '../../cni/index.js';
import { type Cidr, formatCidr, parseCidrOrAddress } from '../cidr.js';
import { blockCidrFor, poolContaining } from '../ipam/pools.js';
import { podIdentity } from './config.js';
import { type PluginDatastore, requireReady } from './datastore.js';

const POD_IPS = 'cni.projectcalico.org/podIPs';

export function recordedIpam(datastore: PluginDatastore, plugin: Plugin): Plugin {
  return {
    ...plugin,
    add: (call, machine) => recorded(datastore, call) ?? plugin.add(withoutRequest(call), machine),
    // What is on record stays on record.
    del: (call, machine) => deleteUnlessRecorded(datastore, plugin, { call, machine }),
  };
}

/** The kubelet names the recorded address for plugins that know no record; here it would be asked for twice. */
const withoutRequest = (call: PluginCall): PluginCall => ({
  ...call,
  args: new Map([...call.args].filter(([key]) => key !== 'IP')),
});

function addressesOf(datastore: PluginDatastore, call: PluginCall): Cidr[] {
  const identity = podIdentity(call);
  const pod = identity && datastore.store.get('Pod', identity.namespace, identity.name);
  if (pod === undefined) return [];
  const written = pod.annotations[POD_IPS] ?? '';
  const texts = written === '' ? [call.args.get('IP') ?? ''] : written.split(',');
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
