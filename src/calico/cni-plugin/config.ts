/** The network configuration of Calico's plugins; cni-plugin/pkg/types/types.go:NetConf. */

import { type CniJson, type CniObject, internalError, isCniObject, type PluginCall } from '../../cni/index.js';
import type { Host } from '../../kernel/index.js';

export interface CalicoNetConf {
  readonly name: string;
  readonly nodename: string;
  readonly mtu: number;
  readonly ipam: CniObject;
  readonly ipamType: string;
  readonly policyType: string;
  readonly allowIpForwarding: boolean;
  readonly features: { readonly ipAddrsNoIpam: boolean; readonly floatingIps: boolean };
  /** Pools asked for, by name or CIDR. */
  readonly ipv4Pools: readonly string[];
  readonly ipv6Pools: readonly string[];
}

const NODENAME_FILE = '/var/lib/calico/nodename';
const MTU_FILE = '/var/lib/calico/mtu';

const text = (value: CniJson | undefined): string => (typeof value === 'string' ? value : '');
const texts = (value: CniJson | undefined): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
const object = (value: CniJson | undefined): CniObject => (isCniObject(value) ? value : {});

const nodenameFile = (config: CniObject): string => text(config['nodename_file']) || NODENAME_FILE;

/** No ADD and no DEL before calico-node has started once (plugin.go:cmdAdd(), cmdDel()). @throws CniError */
export function requireNodename({ config }: PluginCall, host: Host): void {
  const file = nodenameFile(config);
  if (config['nodename_file_optional'] === true || host.files.has(file)) return;
  throw internalError(
    `stat ${file}: no such file or directory: check that the calico/node container is running and has mounted /var/lib/calico/`,
  );
}

/** conf.nodename, the file that calico-node writes, the deprecated hostname, the host's own name (DetermineNodename()). */
const nodename = (config: CniObject, host: Host): string =>
  text(config['nodename']) ||
  host.files.get(nodenameFile(config)) ||
  text(config['hostname']) ||
  host.name.toLowerCase();

/** mtu of the configuration, else what Felix wrote, else 1500. @throws CniError where the file is required */
function mtu(config: CniObject, host: Host): number {
  const configured = config['mtu'];
  if (typeof configured === 'number' && configured > 0) return configured;
  const written = host.files.get(MTU_FILE);
  if (written !== undefined) return Number(written.trim());
  if (config['require_mtu_file'] === true) throw internalError(`open ${MTU_FILE}: no such file or directory`);
  return 1500;
}

export function calicoNetConf({ config }: PluginCall, host: Host): CalicoNetConf {
  const ipam = object(config['ipam']);
  const features = object(config['feature_control']);
  return {
    name: text(config['name']),
    nodename: nodename(config, host),
    mtu: mtu(config, host),
    ipam,
    ipamType: text(ipam['type']),
    policyType: text(object(config['policy'])['type']),
    allowIpForwarding: object(config['container_settings'])['allow_ip_forwarding'] === true,
    features: { ipAddrsNoIpam: features['ip_addrs_no_ipam'] === true, floatingIps: features['floating_ips'] === true },
    ipv4Pools: texts(ipam['ipv4_pools']),
    ipv6Pools: texts(ipam['ipv6_pools']),
  };
}

/** What CNI_ARGS say of the pod. */
export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
}

export function podIdentity(call: PluginCall): PodIdentity | undefined {
  const namespace = call.args.get('K8S_POD_NAMESPACE');
  const name = call.args.get('K8S_POD_NAME');
  return namespace === undefined || name === undefined || namespace === '' || name === ''
    ? undefined
    : { namespace, name };
}

/** `<network>.<container>`: what all addresses of a container are held by. */
export const handleId = (network: string, containerId: string): string => `${network}.${containerId}`;
