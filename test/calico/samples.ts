/** Small clusters for the tests of calico. */

import { type Cidr, parseCidr } from '../../src/calico/cidr.js';
import { namespaceProfile, podEndpoint, serviceAccountProfile } from '../../src/calico/conversion.js';
import {
  type ClusterResources,
  FelixCluster,
  type FelixHost,
  NO_RESOURCES,
} from '../../src/calico/felix/calc/input.js';
import { readFelixConfig } from '../../src/calico/felix/parameters.js';
import type { IpamContext } from '../../src/calico/ipam/model.js';
import {
  type CalicoNode,
  defaultPool,
  type FelixParameters,
  type IpPool,
  type WorkloadEndpoint,
} from '../../src/calico/model.js';
import type { Labels } from '../../src/calico/policy/selector.js';

export function cidr(text: string): Cidr {
  const parsed = parseCidr(text.includes('/') ? text : `${text}/32`);
  if (parsed === undefined) throw new TypeError(`no CIDR: ${text}`);
  return parsed;
}

export const pool = (text: string, changes: Partial<IpPool> = {}): IpPool => ({
  ...defaultPool('pool', cidr(text)),
  ...changes,
});

export const NOW_NS = 1_700_000_000_000_000_000n;

export const ipamContext = (pools: readonly IpPool[], nodes: Readonly<Record<string, Labels>>): IpamContext => ({
  pools,
  reservations: [],
  nodeLabels: (name) => nodes[name],
  nowNs: () => NOW_NS,
});

export const node = (name: string, address: string, changes: Partial<CalicoNode> = {}): CalicoNode => ({
  name,
  labels: {},
  ipv4Address: cidr(address),
  ...changes,
});

export const pod = (name: string, nodeName: string, address: string): WorkloadEndpoint =>
  podEndpoint({
    namespace: 'shop',
    name,
    node: nodeName,
    labels: {},
    serviceAccount: 'default',
    addresses: [cidr(address)],
  });

/** node1 and node2 on one subnet, node3 behind a router, a VXLAN pool; each has a block and a tunnel address. */
export const vxlanResources = (changes: Partial<ClusterResources> = {}): ClusterResources => ({
  ...NO_RESOURCES,
  nodes: [
    node('node1', '172.18.0.2/24', { ipv4VxlanTunnelAddress: cidr('10.1.0.0') }),
    node('node2', '172.18.0.3/24', { ipv4VxlanTunnelAddress: cidr('10.1.0.64') }),
    node('node3', '172.18.1.4/24', { ipv4VxlanTunnelAddress: cidr('10.1.0.128') }),
  ],
  pools: [pool('10.1.0.0/16', { vxlanMode: 'CrossSubnet', natOutgoing: true })],
  blocks: [
    { cidr: cidr('10.1.0.0/26'), host: 'node1', borrowed: [] },
    { cidr: cidr('10.1.0.64/26'), host: 'node2', borrowed: [] },
    { cidr: cidr('10.1.0.128/26'), host: 'node3', borrowed: [] },
  ],
  profiles: [namespaceProfile('shop', {}), serviceAccountProfile('shop', 'default', {})],
  serviceCidrs: [],
  ...changes,
});

export const cluster = (changes: Partial<ClusterResources> = {}): FelixCluster =>
  new FelixCluster(vxlanResources(changes));

export function host(name: string, address: string, parameters: FelixParameters = {}): FelixHost {
  const layers = [{ parameters, because: [{ kind: 'FelixConfiguration', name: 'default' }] }];
  return {
    node: name,
    config: readFelixConfig(layers).config,
    interfaces: [
      { name: 'lo', up: true, mtu: 65536, addresses: [cidr('127.0.0.1/8')] },
      { name: 'eth0', up: true, mtu: 1500, addresses: [cidr(address)] },
    ],
    endpoints: [],
  };
}
