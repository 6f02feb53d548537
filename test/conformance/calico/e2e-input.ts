/** A case of vectors/calico/e2e, its harness notation turned into what Felix is told. */

import { type Cidr, parseAddress, parseCidr } from '../../../src/calico/cidr.js';
import { namespaceProfile, podEndpoint, serviceAccountProfile } from '../../../src/calico/conversion.js';
import { FelixCluster, type FelixHost, type HostInterface } from '../../../src/calico/felix/calc/input.js';
import { type ParameterLayer, readFelixConfig } from '../../../src/calico/felix/parameters.js';
import { parseAffinity } from '../../../src/calico/ipam/model.js';
import {
  type BlockSummary,
  type CalicoNode,
  defaultPool,
  type EncapsulationMode,
  type IpPool,
  type Profile,
  type WorkloadEndpoint,
} from '../../../src/calico/model.js';
import { type Json, loadYamlVector } from './vectors.js';

function cidrOf(text: string): Cidr {
  const cidr = parseCidr(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`);
  if (cidr === undefined) throw new TypeError(`no CIDR: ${text}`);
  return cidr;
}

function mode(value: Json): EncapsulationMode {
  const text = value.textOr('Never');
  if (text === 'Always' || text === 'CrossSubnet' || text === 'Never') return text;
  throw new TypeError(`no mode: ${text}`);
}

function nodeOf(one: Json): CalicoNode {
  const spec = one.get('spec');
  const bgp = spec.get('bgp');
  const ipv4 = bgp.get('ipv4Address');
  const ipv6 = bgp.get('ipv6Address');
  const vxlan = parseAddress(spec.get('ipv4VXLANTunnelAddr').textOr(''));
  const vxlan6 = parseAddress(spec.get('ipv6VXLANTunnelAddr').textOr(''));
  const ipip = parseAddress(bgp.get('ipv4IPIPTunnelAddr').textOr(''));
  return {
    name: one.get('metadata').get('name').text(),
    labels: one.get('metadata').get('labels').labels(),
    ...(!ipv4.absent && { ipv4Address: cidrOf(ipv4.text()) }),
    ...(!ipv6.absent && { ipv6Address: cidrOf(ipv6.text()) }),
    ...(vxlan && { ipv4VxlanTunnelAddress: vxlan }),
    ...(vxlan6 && { ipv6VxlanTunnelAddress: vxlan6 }),
    ...(ipip && { ipv4IpipTunnelAddress: ipip }),
  };
}

function poolOf(one: Json): IpPool {
  const spec = one.get('spec');
  const plain = defaultPool(one.get('metadata').get('name').text(), cidrOf(spec.get('cidr').text()));
  return {
    ...plain,
    blockSize: spec.get('blockSize').numberOr(plain.blockSize),
    ipipMode: mode(spec.get('ipipMode')),
    vxlanMode: mode(spec.get('vxlanMode')),
    natOutgoing: spec.get('natOutgoing').flag(),
    disabled: spec.get('disabled').flag(),
  };
}

function blockOf(one: Json): BlockSummary {
  const owner = parseAffinity(one.get('spec').get('affinity').textOr(''));
  return { cidr: cidrOf(one.get('spec').get('cidr').text()), ...(owner && { host: owner.host }), borrowed: [] };
}

function endpointOf(one: Json): WorkloadEndpoint {
  const [metadata, spec] = [one.get('metadata'), one.get('spec')];
  return podEndpoint({
    namespace: metadata.get('namespace').text(),
    name: metadata.get('name').text(),
    node: spec.get('nodeName').text(),
    labels: metadata.get('labels').labels(),
    serviceAccount: spec.get('serviceAccountName').textOr(''),
    addresses: one
      .get('status')
      .get('podIPs')
      .list()
      .map((ip) => cidrOf(ip.get('ip').text())),
  });
}

function profileOf(one: Json): Profile {
  const metadata = one.get('metadata');
  const [name, labels] = [metadata.get('name').text(), metadata.get('labels').labels()];
  return one.get('kind').text() === 'Namespace'
    ? namespaceProfile(name, labels)
    : serviceAccountProfile(metadata.get('namespace').text(), name, labels);
}

/** The recording harness had these two devices on every node. */
const harnessInterfaces = ({ ipv4Address, ipv6Address }: CalicoNode): HostInterface[] => [
  { name: 'lo', up: true, mtu: 65536, addresses: [cidrOf('127.0.0.1/8'), cidrOf('::1/128')] },
  { name: 'eth0', up: true, mtu: 1500, addresses: [ipv4Address, ipv6Address].flatMap((address) => address ?? []) },
];

export interface E2eCase {
  readonly cluster: FelixCluster;
  readonly host: (node: string) => FelixHost;
}

export function loadE2eCase(name: string): E2eCase {
  const documents = loadYamlVector(`e2e/${name}/input.yaml`);
  const kind = (...kinds: readonly string[]): Json[] =>
    documents.filter((one) => kinds.includes(one.get('kind').text()));
  const nodes = kind('Node').map(nodeOf);
  const cluster = new FelixCluster({
    nodes,
    pools: kind('IPPool').map(poolOf),
    blocks: kind('IPAMBlock').map(blockOf),
    profiles: kind('Namespace', 'ServiceAccount').map(profileOf),
    serviceCidrs: [],
  });
  // Later documents add to earlier ones.
  const layers: ParameterLayer[] = kind('FelixParams').map((one) => ({
    parameters: one.get('spec').labels(),
    because: [],
  }));
  const { config } = readFelixConfig(layers.toReversed());
  const endpoints = kind('Pod').map(endpointOf);
  return {
    cluster,
    host: (name) => {
      const node = nodes.find((one) => one.name === name);
      if (node === undefined) throw new TypeError(`no node ${name}`);
      return {
        node: name,
        config,
        interfaces: harnessInterfaces(node),
        endpoints: endpoints.filter((one) => one.node === name),
      };
    },
  };
}
