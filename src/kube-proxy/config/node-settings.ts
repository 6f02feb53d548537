/** The configuration as it comes out on one node (cmd/kube-proxy/app/server_linux.go, pkg/proxy/iptables:NewProxier()). */

import {
  type Cidr,
  type Finding,
  finding,
  type IpAddress,
  type KubeNode,
  labelOf,
  parseCidrSloppy,
  parseIp,
} from '../../kubernetes/index.js';
import { cidrFamily, familyOf, type IpFamily } from '../family.js';
import { formatMark, type IptablesSettings } from '../iptables/settings.js';
import { PRIMARY } from './configuration.js';
import type { Installation } from './installation.js';
import { detectByBridge, detectByCidr, detectByInterfacePrefix, type LocalDetector } from './local-detector.js';
import { NodePortAddresses } from './node-port-addresses.js';

export interface NodeSettings {
  readonly settings: IptablesSettings;
  readonly findings: readonly Finding[];
}

/** What kube-proxy finds out about its host. */
export interface HostFacts {
  readonly node: KubeNode | undefined;
  readonly name: string;
  readonly conntrackTcpBeLiberal: boolean;
  readonly counters: ReadonlySet<string>;
}

const ZONE_LABEL = 'topology.kubernetes.io/zone';
type Detected = { readonly detector: LocalDetector | undefined; readonly problem?: string };

function ofFamily(cidrs: readonly Cidr[], family: IpFamily, what: string): Detected {
  const cidr = cidrs.find((one) => cidrFamily(one) === family);
  if (cidr !== undefined) return { detector: detectByCidr(cidr) };
  return {
    detector: undefined,
    problem: `no ${what} of ${family}: traffic of pods is not told from other traffic, and nothing is masqueraded on its way to a cluster IP`,
  };
}

/** server_linux.go:getLocalDetectors(). */
function detect({ configuration }: Installation, { node }: HostFacts, family: IpFamily): Detected {
  const { detectLocalMode, detectLocal, clusterCIDR } = configuration;
  switch (detectLocalMode) {
    case 'NodeCIDR':
      return ofFamily(node?.spec.podCIDRs ?? [], family, 'podCIDR of the node');
    case 'BridgeInterface':
      return { detector: detectByBridge(detectLocal.bridgeInterface) };
    case 'InterfaceNamePrefix':
      return { detector: detectByInterfacePrefix(detectLocal.interfaceNamePrefix) };
    default:
      return ofFamily(clusterCIDR.length > 0 ? clusterCIDR : detectLocal.clusterCIDRs, family, 'clusterCIDR');
  }
}

/** server.go:getNodeIPs(): the address that it is bound to, else the node's own. */
function nodeIpOf({ configuration }: Installation, { node }: HostFacts, family: IpFamily): IpAddress | undefined {
  const bound = parseIp(configuration.bindAddress);
  const unspecified = configuration.bindAddress === '0.0.0.0' || configuration.bindAddress === '::';
  if (bound !== undefined && !unspecified && familyOf(bound) === family) return bound;
  return node?.status.internalIPs.find((address) => familyOf(address) === family);
}

const hostCidr = (addr: IpAddress): Cidr => (typeof addr === 'number' ? { addr, length: 32 } : { addr, length: 128 });

const nodePortCidrs = (texts: readonly string[], nodeIp: IpAddress | undefined): readonly Cidr[] =>
  texts.flatMap((text) => {
    if (text === PRIMARY) return nodeIp === undefined ? [] : [hostCidr(nodeIp)];
    return parseCidrSloppy(text) ?? [];
  });

export function nodeSettings(installation: Installation, facts: HostFacts, family: IpFamily): NodeSettings {
  const { configuration, features, subject } = installation;
  const { iptables } = configuration;
  const nodeIp = nodeIpOf(installation, facts, family);
  const { detector, problem } = detect(installation, facts, family);
  const nodePortAddresses = new NodePortAddresses(nodePortCidrs(configuration.nodePortAddresses, nodeIp), family);
  const wantsLocalhost = iptables.localhostNodePorts && family === 'IPv4';
  const localhostNodePorts = wantsLocalhost && nodePortAddresses.containsIpv4Loopback;
  const settings: IptablesSettings = {
    family,
    node: { name: facts.name, zone: labelOf(facts.node?.labels ?? {}, ZONE_LABEL) ?? '' },
    nodeIp,
    features,
    masqueradeMark: formatMark(iptables.masqueradeBit),
    masqueradeAll: iptables.masqueradeAll,
    localDetector: detector,
    nodePortAddresses,
    localhostNodePorts,
    conntrackTcpBeLiberal: facts.conntrackTcpBeLiberal,
    counters: facts.counters,
    randomFully: true,
  };
  const told = subject !== undefined && problem !== undefined && family === 'IPv4';
  const findings = told ? [finding(subject, [], { code: 'kube-proxy', severity: 'warning', message: problem })] : [];
  return { settings, findings };
}
