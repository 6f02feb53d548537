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

/** An interface of a node, as calico-node has written it down. */
export interface InterfaceAddresses {
  readonly name: string;
  readonly addresses: readonly Address[];
}

const once = (addresses: readonly Address[]): readonly Address[] => [
  ...new Map(addresses.map((address) => [formatAddress(address), address])).values(),
];

/** getExpectedIPs(): in this order, each once. */
function expectedIps(node: CalicoNode, store: Store, interfaces: readonly InterfaceAddresses[]): readonly Address[] {
  const { ipv4Address, ipv6Address, ipv4IpipTunnelAddress, ipv4VxlanTunnelAddress, ipv6VxlanTunnelAddress } = node;
  const all = [
    ipv4Address && addressOf(ipv4Address),
    ipv6Address && addressOf(ipv6Address),
    ipv4IpipTunnelAddress,
    ipv4VxlanTunnelAddress,
    ipv6VxlanTunnelAddress,
    ...storedInternalIps(store, node.name),
    ...interfaces.flatMap(({ addresses }) => addresses),
  ].filter((address) => address !== undefined);
  return once(all);
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

/** The controller does not start with a pattern that is none. */
function patternOf(text: string): RegExp | undefined {
  try {
    return new RegExp(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

interface Templated {
  readonly node: CalicoNode;
  readonly expected: readonly Address[];
  readonly interfaces: readonly InterfaceAddresses[];
}

/** By addresses one for the node, by a pattern one for each interface, with those addresses and its own. */
function byTemplate(template: JsonObject, { node, expected, interfaces }: Templated): readonly Made[] {
  const { nodeSelector = '', generateName = '', interfacePattern = '' } = template;
  if (typeof interfacePattern !== 'string' || typeof nodeSelector !== 'string' || typeof generateName !== 'string')
    return [];
  if (nodeSelector !== '' && !parseSelector(nodeSelector).matches(node.labels)) return [];
  const cidrs = textsOf(template['interfaceCIDRs']).flatMap((text) => parseCidr(text) ?? []);
  const matching = expected.filter((address) => cidrs.some((cidr) => cidrContains(cidr, address)));
  const labels = labelsOf(template['labels']);
  if (interfacePattern === '') {
    const one = { node, name: nameOf(node.name, generateName), labels, interfaceName: '', expected: matching };
    return matching.length === 0 ? [] : [one];
  }
  const pattern = patternOf(interfacePattern);
  return interfaces
    .filter(({ name }) => pattern?.test(name) ?? false)
    .map(({ name, addresses }) => ({
      node,
      name: nameOf(node.name, generateName, name),
      labels,
      interfaceName: name,
      expected: once([...matching, ...addresses]),
    }));
}

/** What the controller makes of the nodes as they are, and of their interfaces; nothing where it is not asked to. */
export function autoHostEndpoints(
  store: Store,
  interfacesOf: (node: string) => readonly InterfaceAddresses[],
): readonly HostEndpointObject[] {
  const configuration = store.get('KubeControllersConfiguration', '', 'default');
  const settings = child(child(child(configuration?.spec, 'controllers'), 'node'), 'hostEndpoint');
  if (configuration === undefined || child(settings, 'autoCreate') !== 'Enabled') return [];
  const templates = child(settings, 'templates');
  return storedNodes(store).flatMap((node) => {
    const interfaces = interfacesOf(node.name);
    const expected = expectedIps(node, store, interfaces);
    const usual = { node, name: nameOf(node.name), interfaceName: '*', expected };
    const made = (isList(templates) ? templates : []).flatMap((template) =>
      isObject(template) ? byTemplate(template, { node, expected, interfaces }) : [],
    );
    const all = child(settings, 'createDefaultHostEndpoint') === 'Disabled' ? made : [usual, ...made];
    return all.map((each) => hostEndpoint(each, configuration));
  });
}
