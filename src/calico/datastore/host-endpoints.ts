/** Host endpoints that kube-controllers make for nodes (kube-controllers/pkg/controllers/node/hostendpoints.go). */

import { isList, isObject, type Json, type JsonObject, type ObjectOf, type Store } from '../../kubernetes/index.js';
import { type Address, addressOf, cidrContains, formatAddress, hostCidr, parseCidr } from '../cidr.js';
import { base64Url, digest } from '../digest.js';
import type { CalicoNode } from '../model.js';
import { parseSelector } from '../policy/selector.js';
import { cidrToStore } from './addresses.js';
import { storedInternalIps, storedNodes } from './resources.js';

type HostEndpointObject = ObjectOf<'HostEndpoint'>;

const CREATED_BY = { 'projectcalico.org/created-by': 'calico-kube-controllers' };
const SUFFIX = 'auto-hep';
const MAX_NAME = 253;
/** resources.DefaultAllowProfileName. */
const DEFAULT_ALLOW = 'projectcalico-default-allow';

const child = (value: Json | undefined, key: string): Json | undefined => (isObject(value) ? value[key] : undefined);

/** hashNameIfTooLong(). */
function nameOf(...parts: readonly string[]): string {
  const name = [...parts, SUFFIX].join('-');
  if (name.length <= MAX_NAME) return name;
  const hash = base64Url(digest('sha256', name)).replace(/[-_.]/g, '');
  return `${hash}-${SUFFIX}`.toLowerCase();
}

/** getExpectedIPs(): in this order, each once. */
function expectedIps(node: CalicoNode, store: Store): readonly Address[] {
  const { ipv4Address, ipv6Address, ipv4IpipTunnelAddress, ipv4VxlanTunnelAddress, ipv6VxlanTunnelAddress } = node;
  const all = [
    ipv4Address && addressOf(ipv4Address),
    ipv6Address && addressOf(ipv6Address),
    ipv4IpipTunnelAddress,
    ipv4VxlanTunnelAddress,
    ipv6VxlanTunnelAddress,
    ...storedInternalIps(store, node.name),
  ].filter((address) => address !== undefined);
  return [...new Map(all.map((address) => [formatAddress(address), address])).values()];
}

interface Made {
  readonly node: CalicoNode;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly interfaceName: string;
  readonly expected: readonly Address[];
}

/** generateAutoHostEndpoint(). */
const hostEndpoint = (
  { node, name, labels, interfaceName, expected }: Made,
  { apiVersion, source }: ObjectOf<'KubeControllersConfiguration'>,
): HostEndpointObject => ({
  apiVersion,
  kind: 'HostEndpoint',
  namespace: '',
  name,
  labels: { ...node.labels, ...labels, ...CREATED_BY },
  annotations: {},
  uid: undefined,
  ownerReferences: [],
  terminating: false,
  source,
  spec: {
    node: node.name,
    interfaceName,
    expectedIPs: expected.map((address) => cidrToStore(hostCidr(address)).addr),
    profiles: [DEFAULT_ALLOW],
    ports: [],
  },
});

const textsOf = (value: Json | undefined): readonly string[] =>
  isList(value) ? value.filter((one) => typeof one === 'string') : [];

const labelsOf = (value: Json | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(isObject(value) ? value : {}).flatMap(([name, text]) =>
      typeof text === 'string' ? [[name, text]] : [],
    ),
  );

/** getExpectedIPsMatchingInterfaceCIDRs(), of a template that asks for addresses and not for interfaces. */
function byTemplate(template: JsonObject, node: CalicoNode, expected: readonly Address[]): Made | undefined {
  const { nodeSelector = '', generateName = '', interfacePattern = '' } = template;
  if (interfacePattern !== '' || typeof nodeSelector !== 'string' || typeof generateName !== 'string') return undefined;
  if (nodeSelector !== '' && !parseSelector(nodeSelector).matches(node.labels)) return undefined;
  const cidrs = textsOf(template['interfaceCIDRs']).flatMap((text) => parseCidr(text) ?? []);
  const matching = expected.filter((address) => cidrs.some((cidr) => cidrContains(cidr, address)));
  if (matching.length === 0) return undefined;
  const name = nameOf(node.name, generateName);
  return { node, name, labels: labelsOf(template['labels']), interfaceName: '', expected: matching };
}

/** What the controller makes of the nodes as they are; nothing where it is not asked to. */
export function autoHostEndpoints(store: Store): readonly HostEndpointObject[] {
  const configuration = store.get('KubeControllersConfiguration', '', 'default');
  const settings = child(child(child(configuration?.spec, 'controllers'), 'node'), 'hostEndpoint');
  if (configuration === undefined || child(settings, 'autoCreate') !== 'Enabled') return [];
  const templates = child(settings, 'templates');
  return storedNodes(store).flatMap((node) => {
    const expected = expectedIps(node, store);
    const usual = { node, name: nameOf(node.name), interfaceName: '*', expected };
    const made = (isList(templates) ? templates : []).flatMap((template) =>
      isObject(template) ? (byTemplate(template, node, expected) ?? []) : [],
    );
    const all = child(settings, 'createDefaultHostEndpoint') === 'Disabled' ? made : [usual, ...made];
    return all.map((each) => hostEndpoint(each, configuration));
  });
}
