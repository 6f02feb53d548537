/** What tigera/operator installs Calico by (operator.tigera.io/v1: api/v1/installation_types.go). */

import {
  cidr,
  count,
  flag,
  listOf,
  oneOf,
  optional,
  orEmpty,
  record,
  text,
  type Value,
  withDefault,
} from '../schema/schema.js';

const enabledOrNot = optional(oneOf('Enabled', 'Disabled'));

const pool = record({
  name: withDefault(text, ''),
  cidr,
  encapsulation: optional(oneOf('IPIPCrossSubnet', 'IPIP', 'VXLAN', 'VXLANCrossSubnet', 'None')),
  natOutgoing: enabledOrNot,
  nodeSelector: withDefault(text, ''),
  blockSize: optional(count),
  disableBGPExport: withDefault(flag, false),
  disableNewAllocations: withDefault(flag, false),
  allowedUses: listOf(oneOf('Workload', 'Tunnel', 'LoadBalancer')),
  assignmentMode: withDefault(oneOf('Automatic', 'Manual'), 'Automatic'),
});
export type InstallationPool = Value<typeof pool>;

const autodetection = record({
  firstFound: optional(flag),
  kubernetes: optional(oneOf('NodeInternalIP')),
  interface: withDefault(text, ''),
  skipInterface: withDefault(text, ''),
  canReach: withDefault(text, ''),
  cidrs: listOf(text),
});
export type Autodetection = Value<typeof autodetection>;

const calicoNetwork = record({
  linuxDataplane: withDefault(oneOf('Iptables', 'BPF', 'VPP', 'Nftables'), 'Iptables'),
  bgp: enabledOrNot,
  clusterRoutingMode: optional(oneOf('BIRD', 'Felix')),
  /** None at all is not the same as an empty list, by which the operator makes no pool. */
  ipPools: optional(listOf(pool)),
  mtu: optional(count),
  nodeAddressAutodetectionV4: optional(autodetection),
  hostPorts: enabledOrNot,
  containerIPForwarding: enabledOrNot,
  sysctl: listOf(record({ key: text, value: text })),
  linuxPolicySetupTimeoutSeconds: withDefault(count, 0),
});

const installationSpec = record({
  variant: withDefault(oneOf('Calico', 'TigeraSecureEnterprise'), 'Calico'),
  kubernetesProvider: withDefault(
    oneOf('', 'EKS', 'GKE', 'AKS', 'OpenShift', 'DockerEnterprise', 'RKE2', 'TKG', 'Kind'),
    '',
  ),
  cni: orEmpty(
    record({
      type: optional(oneOf('Calico', 'GKE', 'AmazonVPC', 'AzureVNET')),
      ipam: orEmpty(record({ type: optional(oneOf('Calico', 'HostLocal', 'AmazonVPC', 'AzureVNET')) })),
    }),
  ),
  calicoNetwork: orEmpty(calicoNetwork),
});
export type InstallationSpec = Value<typeof installationSpec>;

export const installationBody = record({ spec: orEmpty(installationSpec) });
