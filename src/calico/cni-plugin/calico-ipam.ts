/** The `calico-ipam` plugin; cni-plugin/pkg/ipamplugin/ipam_plugin.go. It only talks to the datastore. */

import {
  type CniIp,
  type CniResult,
  internalError,
  type Plugin,
  type PluginCall,
  type PluginMachine,
} from '../../cni/index.js';
import { type Cidr, formatCidr, parseAddress, parseCidr } from '../cidr.js';
import { assignAddress } from '../ipam/assign.js';
import { autoAssign } from '../ipam/auto-assign.js';
import { IpamError } from '../ipam/errors.js';
import { shortfall } from '../ipam/model.js';
import { releaseByHandle } from '../ipam/release.js';
import { formatTimestamp } from '../ipam/timestamp.js';
import { type CalicoNetConf, calicoNetConf, handleId, podIdentity } from './config.js';
import { type PluginDatastore, requireReady } from './datastore.js';

/** What both plugins support, and the library that they are built with. */
export const CALICO_CNI_VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0'] as const;
export const CALICO_LIBRARY_VERSION = '1.1.0';

/** IPAM's errors are printed as they are. */
function withIpamErrors<T>(run: () => T, prefix = ''): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof IpamError) throw internalError(prefix + error.message);
    throw error;
  }
}

function attributes(call: PluginCall, conf: CalicoNetConf, nowNs: bigint): Record<string, string> {
  const pod = podIdentity(call);
  return {
    node: conf.nodename,
    timestamp: formatTimestamp(nowNs),
    ...(pod === undefined ? {} : { pod: pod.name, namespace: pod.namespace }),
  };
}

const versionOf = (cidr: Cidr): 4 | 6 => cidr.version;

/** A name of a pool, or a CIDR. @throws CniError in net.ParseCIDR's words */
function requestedPool(text: string, pools: readonly { readonly name: string; readonly cidr: Cidr }[]): Cidr {
  const cidr = parseCidr(text);
  if (cidr !== undefined) return cidr;
  const named = pools.find(({ name }) => name === text);
  if (named === undefined) throw internalError(`error parsing pool "${text}": invalid CIDR address: ${text}`);
  return named.cidr;
}

/** New routes in 3.32: the address with its block's length, for those who want it. */
const resultOf = (addresses: readonly Cidr[]): CniResult => ({
  interfaces: [],
  ips: addresses.map((cidr): CniIp => ({ address: formatCidr(cidr) })),
  routes: addresses.map((cidr) => ({ dst: formatCidr(cidr) })),
  dns: {},
});

export function calicoIpam(datastore: PluginDatastore): Plugin {
  return {
    versions: CALICO_CNI_VERSIONS,
    libraryVersion: CALICO_LIBRARY_VERSION,
    resultKeys: 'sorted',
    add: (call, machine) => add(datastore, call, machine),
    del: (call, machine) => del(datastore, call, machine),
    check: () => undefined,
  };
}

function add(datastore: PluginDatastore, call: PluginCall, { host }: PluginMachine): CniResult {
  const conf = calicoNetConf(call, host);
  requireReady(datastore);
  const asked = call.args.get('IP');
  return asked === undefined || asked === ''
    ? autoAdd(datastore, call, conf)
    : addAsked(datastore, call, { conf, asked });
}

/** CNI_ARGS `IP=`: that address and no other. */
function addAsked(
  datastore: PluginDatastore,
  call: PluginCall,
  { conf, asked }: { conf: CalicoNetConf; asked: string },
): CniResult {
  const address = parseAddress(asked);
  if (address === undefined) throw internalError(`failed to parse IP '${asked}' provided via CNI_ARGS`);
  const context = datastore.ipamContext();
  withIpamErrors(() =>
    assignAddress(
      datastore.ipam,
      address,
      {
        host: conf.nodename,
        handleId: handleId(conf.name, call.containerId),
        attributes: attributes(call, conf, context.nowNs()),
      },
      context,
    ),
  );
  return resultOf([{ ...address, length: address.version === 4 ? 32 : 128 }]);
}

function autoAdd(datastore: PluginDatastore, call: PluginCall, conf: CalicoNetConf): CniResult {
  const context = datastore.ipamContext();
  if (context.nodeLabels(conf.nodename) === undefined) {
    const { nodename } = conf;
    throw internalError(`resource does not exist: Node(${nodename}) with error: nodes "${nodename}" not found`);
  }
  const wanted: { version: 4 | 6; pools: readonly string[] }[] = [];
  if (conf.ipam['assign_ipv4'] !== 'false') wanted.push({ version: 4, pools: conf.ipv4Pools });
  if (conf.ipam['assign_ipv6'] === 'true') wanted.push({ version: 6, pools: conf.ipv6Pools });
  const requested = wanted.map(({ version, pools }) => ({
    version,
    cidrs: pools.map((pool) => requestedPool(pool, context.pools)),
  }));
  const handle = handleId(conf.name, call.containerId);
  const namespace = podIdentity(call)?.namespace;
  const labels = namespace === undefined ? undefined : datastore.store.get('Namespace', '', namespace)?.labels;
  const assigned: Cidr[] = [];
  for (const { version, cidrs } of requested) {
    const answer = withIpamErrors(() =>
      autoAssign(
        datastore.ipam,
        {
          host: conf.nodename,
          version,
          count: 1,
          use: 'Workload',
          handleId: handle,
          attributes: attributes(call, conf, context.nowNs()),
          ...(cidrs.length === 0 ? {} : { requestedPools: cidrs.filter((cidr) => versionOf(cidr) === version) }),
          ...(labels === undefined ? {} : { namespaceLabels: labels }),
        },
        context,
      ),
    );
    const missing = shortfall(answer);
    if (missing !== undefined) {
      releaseHandle(datastore, handle);
      throw internalError(`failed to request IPv${version} addresses: ${missing}`);
    }
    assigned.push(...answer.addresses);
  }
  return resultOf(assigned);
}

function del(datastore: PluginDatastore, call: PluginCall, { host }: PluginMachine): void {
  const conf = calicoNetConf(call, host);
  requireReady(datastore);
  releaseHandle(datastore, handleId(conf.name, call.containerId));
  const pod = podIdentity(call);
  // The form of handles before 3.0.
  if (pod !== undefined) releaseHandle(datastore, `${pod.namespace}.${pod.name}`);
}

/** A handle that is not there has been released before: DEL may come any number of times. */
function releaseHandle(datastore: PluginDatastore, handle: string): void {
  try {
    releaseByHandle(datastore.ipam, handle, datastore.ipamContext());
  } catch (error) {
    if (!(error instanceof IpamError) || error.code !== 'does-not-exist')
      throw internalError(error instanceof Error ? error.message : String(error));
  }
}
