/**
 * What tigera/operator gives calico-node by its Installation: its environment and the CNI configuration (pkg/render/node.go).
 * Reference: v1.42, of Calico v3.32.
 */

import { isIpv4Cidr } from './address.js';
import type { Autodetection, InstallationSpec } from './kinds/operator.js';
import { type CalicoInstallation, cniOf, installationPools, OPERATOR_NAMESPACE, runsBgp } from './operator-objects.js';
import type { Store } from './store.js';

function autodetectionMethod(detection: Autodetection | undefined): string {
  if (detection === undefined) return '';
  const { interface: name, skipInterface, canReach, firstFound, cidrs, kubernetes } = detection;
  if (name !== '') return `interface=${name}`;
  if (skipInterface !== '') return `skip-interface=${skipInterface}`;
  if (canReach !== '') return `can-reach=${canReach}`;
  if (firstFound === true) return 'first-found';
  if (cidrs.length > 0) return `cidr=${cidrs.join(',')}`;
  return kubernetes === undefined ? '' : 'kubernetes-internal-ip';
}

/** Asked for, or the platform's default where a pool of IPv4 or eBPF needs an address. */
function ipv4Method(spec: InstallationSpec, hasIpv4Pool: boolean): string {
  const { nodeAddressAutodetectionV4: given, linuxDataplane } = spec.calicoNetwork;
  if (given !== undefined) return autodetectionMethod(given);
  if (!hasIpv4Pool && linuxDataplane !== 'BPF') return '';
  if (spec.kubernetesProvider === 'DockerEnterprise') return 'skip-interface=^br-.*';
  return spec.kubernetesProvider === 'EKS' ? 'can-reach=8.8.8.8' : 'first-found';
}

function backendOf(spec: InstallationSpec): string {
  const { type, ipam } = cniOf(spec);
  if (runsBgp(spec)) return spec.calicoNetwork.linuxDataplane === 'VPP' ? 'none' : 'bird';
  return type === 'Calico' && ipam !== 'HostLocal' ? 'vxlan' : 'none';
}

/** Prefixes of interfaces, and where rules of the platform's own plugin come after Calico's. */
const OF_PLUGINS: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map(
  Object.entries({
    AmazonVPC: { FELIX_INTERFACEPREFIX: 'eni', FELIX_IPTABLESMANGLEALLOWACTION: 'Return' },
    GKE: {
      FELIX_INTERFACEPREFIX: 'gke',
      FELIX_IPTABLESMANGLEALLOWACTION: 'Return',
      FELIX_IPTABLESFILTERALLOWACTION: 'Return',
    },
    AzureVNET: { FELIX_INTERFACEPREFIX: 'azv' },
  }),
);

const hasPoolOfIpv4 = (store: Store): boolean =>
  [...store.list('IPPool'), ...installationPools(store).pools].some(({ spec }) => isIpv4Cidr(spec.cidr));

/** What says something of packets; NODENAME is the node's own. */
export function operatorEnvironment(store: Store, { spec }: CalicoInstallation): Readonly<Record<string, string>> {
  const { type, ipam } = cniOf(spec);
  const { mtu } = spec.calicoNetwork;
  const method = ipv4Method(spec, hasPoolOfIpv4(store));
  return {
    DATASTORE_TYPE: 'kubernetes',
    FELIX_DEFAULTENDPOINTTOHOSTACTION: 'ACCEPT',
    NAMESPACE: OPERATOR_NAMESPACE,
    NO_DEFAULT_POOLS: 'true',
    ...(mtu !== undefined && { FELIX_VXLANMTU: String(mtu), FELIX_WIREGUARDMTU: String(mtu) }),
    ...(mtu !== undefined && runsBgp(spec) && { FELIX_IPINIPMTU: String(mtu) }),
    ...(ipam === 'HostLocal' && { USE_POD_CIDR: 'true' }),
    CALICO_NETWORKING_BACKEND: backendOf(spec),
    ...(method === '' ? { IP: 'none' } : { IP: 'autodetect', IP_AUTODETECTION_METHOD: method }),
    IP6: 'none',
    FELIX_IPV6SUPPORT: 'false',
    ...OF_PLUGINS.get(type),
    ...(type !== 'Calico' && { FELIX_ROUTESOURCE: 'WorkloadIPs' }),
  };
}

/** nodeCNIConfigMap(): undefined where the plugin is not Calico's. */
export function operatorCniConfig(store: Store, { spec }: CalicoInstallation): string | undefined {
  const { type, ipam } = cniOf(spec);
  if (type !== 'Calico') return undefined;
  const { mtu = 0, hostPorts, containerIPForwarding, sysctl, linuxPolicySetupTimeoutSeconds } = spec.calicoNetwork;
  const calico = {
    type: 'calico',
    datastore_type: 'kubernetes',
    mtu,
    nodename_file_optional: spec.kubernetesProvider === 'DockerEnterprise',
    log_file_path: '/var/log/calico/cni/cni.log',
    log_level: 'Info',
    ipam:
      ipam === 'HostLocal'
        ? { type: 'host-local', subnet: 'usePodCidr' }
        : { type: 'calico-ipam', assign_ipv4: String(hasPoolOfIpv4(store)), assign_ipv6: 'false' },
    container_settings: { allow_ip_forwarding: containerIPForwarding === 'Enabled' },
    policy: { type: 'k8s' },
    policy_setup_timeout_seconds: linuxPolicySetupTimeoutSeconds,
    endpoint_status_dir: '/var/run/calico/endpoint-status',
    kubernetes: { kubeconfig: '__KUBECONFIG_FILEPATH__' },
  };
  const portmap = { type: 'portmap', snat: true, capabilities: { portMappings: true } };
  const tuning = { type: 'tuning', sysctl: Object.fromEntries(sysctl.map(({ key, value }) => [key, value])) };
  return JSON.stringify({
    name: 'k8s-pod-network',
    cniVersion: '0.3.1',
    plugins: [calico, ...(hostPorts === 'Disabled' ? [] : [portmap]), ...(sysctl.length === 0 ? [] : [tuning])],
  });
}
