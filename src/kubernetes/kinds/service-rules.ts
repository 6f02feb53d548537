/**
 * What the API server refuses of a Service though each of its fields can be read (pkg/apis/core/validation/validation.go:
 * ValidateService() and what it calls), and what it asks of names and addresses of endpoints.
 */

import { cidrContains, formatIp, type IpAddress, isIpv4, parseCidr } from '../address.js';
import type { Want } from '../schema/schema.js';
import type { FieldPath } from '../source/json.js';

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LONGEST_SUBDOMAIN = 253;

/** IsDNS1123Label(). */
export const isPortName = (name: string): boolean => name === '' || LABEL.test(name);
export const PORT_NAME_WANT = 'a name of at most 63 lower case letters, digits and "-"';

/** IsDNS1123Subdomain(). */
const isSubdomain = (name: string): boolean => name.length <= LONGEST_SUBDOMAIN && SUBDOMAIN.test(name);

/** IsValidPortName(), IANA_SVC_NAME of RFC 6335. */
export const isServiceName = (name: string): boolean =>
  name.length <= 15 && /^[a-z0-9](-?[a-z0-9])*$/.test(name) && /[a-z]/.test(name);

export const SERVICE_NAME_WANT =
  'a port number, or a name of at most 15 lower case letters, digits and single "-" with a letter in it';

const SPECIAL = (
  [
    ['127.0.0.0/8', 'loopback'],
    ['::1/128', 'loopback'],
    ['169.254.0.0/16', 'link-local'],
    ['fe80::/10', 'link-local'],
    ['224.0.0.0/24', 'link-local multicast'],
    ['ff02::/16', 'link-local multicast'],
    ['0.0.0.0/32', 'unspecified'],
    ['::/128', 'unspecified'],
  ] as const
).flatMap(([text, what]) => {
  const cidr = parseCidr(text);
  return cidr === undefined ? [] : [{ cidr, what }];
});

/** ValidateNonSpecialIP(): what is wanted in place of such an address, or undefined for one that may be an endpoint's. */
export function endpointAddressWant(address: IpAddress): string | undefined {
  const special = SPECIAL.find(({ cidr }) => cidrContains(cidr, address));
  return special && `an address that is not ${special.what}`;
}

/** The fields that the rules read, as they were given. */
interface GivenPort {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
  readonly targetPort?: number | string | undefined;
  readonly nodePort: number;
}

type ServiceType = 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';

export interface GivenService {
  readonly type: ServiceType;
  readonly clusterIP?: IpAddress | 'None' | undefined;
  readonly clusterIPs: readonly (IpAddress | 'None')[];
  readonly ipFamilies: readonly ('IPv4' | 'IPv6')[];
  readonly ipFamilyPolicy?: string | undefined;
  readonly ports: readonly GivenPort[];
  readonly externalIPs: readonly IpAddress[];
  readonly externalName: string;
  readonly loadBalancerClass?: string | undefined;
  readonly loadBalancerSourceRanges: readonly unknown[];
  readonly allocateLoadBalancerNodePorts?: boolean | undefined;
  readonly externalTrafficPolicy?: string | undefined;
  readonly healthCheckNodePort: number;
  readonly sessionAffinity: string;
  readonly sessionAffinityConfig?: unknown;
}

const want = (expected: string, ...path: FieldPath): Want => ({ path, expected });
const wantIf = (broken: boolean, expected: string, ...path: FieldPath): readonly Want[] =>
  broken ? [want(expected, ...path)] : [];

const text = (ip: IpAddress | 'None'): string => (ip === 'None' ? ip : formatIp(ip));
const familyOf = (ip: IpAddress): 'IPv4' | 'IPv6' => (isIpv4(ip) ? 'IPv4' : 'IPv6');
const isHeadless = ({ clusterIP, clusterIPs }: GivenService): boolean => (clusterIPs[0] ?? clusterIP) === 'None';

/** kubelet's own port: clouds that open too much would expose it. */
const KUBELET_PORT = 10_250;

function typeRules(spec: GivenService): readonly Want[] {
  const { type, ports, clusterIP } = spec;
  const balanced = type === 'LoadBalancer';
  if (type === 'ExternalName') return externalNameRules(spec);
  return [
    ...wantIf(ports.length === 0 && !isHeadless(spec), 'a port, since it has a cluster IP', 'ports'),
    ...wantIf(
      (balanced || type === 'NodePort') && isHeadless(spec),
      `a cluster IP, which type ${type} cannot do without`,
      clusterIP === undefined ? 'clusterIPs' : 'clusterIP',
      ...(clusterIP === undefined ? [0] : []),
    ),
    ...ports.flatMap(({ port }, i) =>
      wantIf(balanced && port === KUBELET_PORT, "a port that is not kubelet's", 'ports', i, 'port'),
    ),
  ];
}

function externalNameRules({ clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy, externalName }: GivenService) {
  const none = 'nothing, since its type is ExternalName';
  return [
    ...wantIf(clusterIP !== undefined, none, 'clusterIP'),
    ...wantIf(clusterIP === undefined && clusterIPs.length > 0, none, 'clusterIPs'),
    ...wantIf(ipFamilies.length > 0, none, 'ipFamilies'),
    ...wantIf(ipFamilyPolicy !== undefined, none, 'ipFamilyPolicy'),
    ...wantIf(!isSubdomain(externalName.replace(/\.$/, '')), 'a DNS name, such as db.example.com', 'externalName'),
  ];
}

/** validateServicePort(), and what ports may not share. */
function portRules({ type, ports }: GivenService): readonly Want[] {
  const [numbers, names, nodePorts] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const isTaken = (taken: Set<string>, key: string): boolean => taken.size === taken.add(key).size;
  return ports.flatMap(({ name, protocol, port, targetPort, nodePort }, i) => [
    ...wantIf(name === '' && ports.length > 1, 'a name, since there are several ports', 'ports', i, 'name'),
    ...wantIf(!isPortName(name), PORT_NAME_WANT, 'ports', i, 'name'),
    ...wantIf(name !== '' && isTaken(names, name), 'a name that no other port has', 'ports', i, 'name'),
    ...wantIf(
      isTaken(numbers, `${protocol}/${port}`),
      `a port that is not there twice for ${protocol}`,
      'ports',
      i,
      'port',
    ),
    ...wantIf(
      typeof targetPort === 'string' && !isServiceName(targetPort),
      SERVICE_NAME_WANT,
      'ports',
      i,
      'targetPort',
    ),
    ...wantIf(
      type === 'ClusterIP' && nodePort !== 0,
      'no node port, since its type is ClusterIP',
      'ports',
      i,
      'nodePort',
    ),
    ...wantIf(
      nodePort !== 0 && isTaken(nodePorts, `${protocol}/${nodePort}`),
      `a node port that is not there twice for ${protocol}`,
      'ports',
      i,
      'nodePort',
    ),
  ]);
}

/** ValidateServiceClusterIPsRelatedFields(). */
function addressRules(spec: GivenService): readonly Want[] {
  const { type, clusterIP, clusterIPs, ipFamilies } = spec;
  const [first] = clusterIPs;
  if (type === 'ExternalName') return [];
  const families = clusterIPs.filter((ip) => ip !== 'None').map(familyOf);
  return [
    ...wantIf(first !== undefined && clusterIP === undefined, 'nothing where clusterIP is not given', 'clusterIPs'),
    ...wantIf(
      first !== undefined && clusterIP !== undefined && text(first) !== text(clusterIP),
      'the address of clusterIP as the first',
      'clusterIPs',
    ),
    ...wantIf(clusterIPs.includes('None') && clusterIPs.length > 1, '"None" alone, or addresses', 'clusterIPs'),
    ...wantIf(
      clusterIPs.length > 2 || new Set(families).size < families.length,
      'at most one address of each family',
      'clusterIPs',
    ),
    ...wantIf(new Set(ipFamilies).size < ipFamilies.length, 'each family once', 'ipFamilies'),
    ...families.flatMap((family, i) => {
      const wanted = ipFamilies[i];
      return wantIf(
        wanted !== undefined && wanted !== family,
        `an ${wanted} address, as ipFamilies says`,
        'clusterIPs',
        i,
      );
    }),
  ];
}

/** validateServiceExternalTrafficFieldsValue(), ValidateLoadBalancerSourceRanges() and the fields of one type only. */
function externalRules(spec: GivenService): readonly Want[] {
  const { type, externalIPs, externalTrafficPolicy, healthCheckNodePort } = spec;
  const balanced = type === 'LoadBalancer';
  const accessible = balanced || type === 'NodePort' || (type === 'ClusterIP' && externalIPs.length > 0);
  const onlyBalanced = 'nothing, since its type is not LoadBalancer';
  return [
    ...externalIPs.flatMap((ip, i) => {
      const expected = endpointAddressWant(ip);
      return expected === undefined ? [] : [want(expected, 'externalIPs', i)];
    }),
    ...wantIf(
      externalTrafficPolicy !== undefined && !accessible,
      'nothing, since it cannot be reached from outside',
      'externalTrafficPolicy',
    ),
    ...wantIf(
      healthCheckNodePort !== 0 && !(balanced && externalTrafficPolicy === 'Local'),
      'nothing, since it is not of type LoadBalancer with externalTrafficPolicy Local',
      'healthCheckNodePort',
    ),
    ...wantIf(!balanced && spec.loadBalancerSourceRanges.length > 0, onlyBalanced, 'loadBalancerSourceRanges'),
    ...wantIf(
      !balanced && spec.allocateLoadBalancerNodePorts !== undefined,
      onlyBalanced,
      'allocateLoadBalancerNodePorts',
    ),
    ...wantIf(!balanced && spec.loadBalancerClass !== undefined, onlyBalanced, 'loadBalancerClass'),
  ];
}

const affinityRules = ({ sessionAffinity, sessionAffinityConfig }: GivenService): readonly Want[] =>
  wantIf(
    sessionAffinity === 'None' && sessionAffinityConfig !== undefined,
    'nothing, since sessionAffinity is None',
    'sessionAffinityConfig',
  );

export const serviceRules = (spec: GivenService): readonly Want[] => [
  ...typeRules(spec),
  ...portRules(spec),
  ...addressRules(spec),
  ...affinityRules(spec),
  ...externalRules(spec),
];
