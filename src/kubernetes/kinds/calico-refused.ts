/**
 * What libcalico-go/lib/validator/v3/validator.go refuses of single fields, and of fields beside each other, where an object
 * that is there all the same does something: it is told, and taken.
 */

import { isIpv4, isIpv4Cidr, isNetwork, parseCidr, parseIp } from '../address.js';
import type { Want } from '../schema/schema.js';

/** validateIPNetwork(): no bits are set behind the length. */
function isStrict(text: string): boolean {
  const cidr = parseCidr(text);
  return cidr === undefined || isNetwork(cidr);
}

const NETWORK = 'a network, without bits behind its length';

const networks = (path: (index: number) => Want['path'], texts: readonly (string | undefined)[]): Want[] =>
  texts.flatMap((text, i) => (text === undefined || isStrict(text) ? [] : [{ path: path(i), expected: NETWORK }]));

/** validateCommunityValue(): two numbers of 16 bits, or three of 32. */
function communityProblem(value: string): string | undefined {
  if (!/^\d+(:\d+){1,2}$/.test(value)) return undefined;
  const numbers = value.split(':').map(Number);
  const most = numbers.length === 2 ? 0xffff : 0xffffffff;
  return numbers.every((one) => one <= most) ? undefined : `a community of numbers up to ${most}`;
}

const community = (path: Want['path'], value: string): Want[] => {
  const expected = communityProblem(value);
  return expected === undefined ? [] : [{ path, expected }];
};

const LOG_LEVELS = ['Trace', 'Debug', 'Info', 'Warning', 'Error', 'Fatal'];

interface Block {
  readonly cidr: string | undefined;
}

interface BgpConfigurationFields {
  readonly logSeverityScreen: string;
  readonly nodeToNodeMeshEnabled: boolean;
  readonly serviceLoadBalancerIPs: readonly Block[];
  readonly serviceExternalIPs: readonly Block[];
  readonly serviceClusterIPs: readonly Block[];
  readonly communities: readonly { readonly value: string }[];
  readonly prefixAdvertisements: readonly { readonly cidr: string; readonly communities: readonly string[] }[];
  readonly nodeMeshMaxRestartTime: string | undefined;
  readonly ignoredInterfaces: readonly string[];
  readonly localWorkloadPeeringIPV4: string | undefined;
  readonly localWorkloadPeeringIPV6: string | undefined;
}

function communityRules({ communities, prefixAdvertisements }: BgpConfigurationFields): Want[] {
  const unused = communities.length > 0 && prefixAdvertisements.length === 0;
  return [
    ...communities.flatMap(({ value }, i) => community(['communities', i, 'value'], value)),
    ...(unused ? [{ path: ['communities'], expected: 'nothing where there are no prefixAdvertisements' }] : []),
    ...prefixAdvertisements.flatMap((advertised, i) =>
      advertised.communities.flatMap((value, j) => community(['prefixAdvertisements', i, 'communities', j], value)),
    ),
  ];
}

const family = (text: string | undefined): 4 | 6 | undefined => {
  const address = text === undefined ? undefined : parseIp(text);
  return address === undefined ? undefined : isIpv4(address) ? 4 : 6;
};

/** validateBGPConfigurationSpec(), and the tags of its fields. */
export function bgpConfigurationRules(spec: BgpConfigurationFields): readonly Want[] {
  const blocks = ['serviceLoadBalancerIPs', 'serviceExternalIPs', 'serviceClusterIPs'] as const;
  const broken: Want[] = [
    ...communityRules(spec),
    ...networks(
      (i) => ['prefixAdvertisements', i, 'cidr'],
      spec.prefixAdvertisements.map(({ cidr }) => cidr),
    ),
    ...blocks.flatMap((name) =>
      networks(
        (i) => [name, i, 'cidr'],
        spec[name].map(({ cidr }) => cidr),
      ),
    ),
    ...spec.ignoredInterfaces.flatMap((name, i) =>
      name !== '*' && /^[\w.*-]{1,15}$/.test(name)
        ? []
        : [{ path: ['ignoredInterfaces', i], expected: 'the name of an interface, or a part of it with *' }],
    ),
  ];
  const need = (holds: boolean, name: string, expected: string): void => {
    if (!holds) broken.push({ path: [name], expected });
  };
  need(LOG_LEVELS.includes(spec.logSeverityScreen), 'logSeverityScreen', `one of ${LOG_LEVELS.join(', ')}`);
  const restarts = spec.nodeMeshMaxRestartTime === undefined || spec.nodeToNodeMeshEnabled;
  need(restarts, 'nodeMeshMaxRestartTime', 'nothing where nodeToNodeMeshEnabled is false');
  need(family(spec.localWorkloadPeeringIPV4) !== 6, 'localWorkloadPeeringIPV4', 'an IPv4 address');
  need(family(spec.localWorkloadPeeringIPV6) !== 4, 'localWorkloadPeeringIPV6', 'an IPv6 address');
  return broken;
}

interface FilterRuleFields {
  readonly cidr: string | undefined;
  readonly matchOperator: string | undefined;
  readonly prefixLength: { readonly min: number | undefined; readonly max: number | undefined } | undefined;
  readonly interface: string;
  readonly communities: { readonly values: readonly string[] } | undefined;
  readonly operations: readonly FilterOperation[];
}

interface FilterOperation {
  readonly addCommunity: { readonly value: string } | undefined;
  readonly prependASPath: object | undefined;
  readonly setPriority: object | undefined;
}

const operationRules = (operations: readonly FilterOperation[]): Want[] =>
  operations.flatMap(({ addCommunity, prependASPath, setPriority }, i) =>
    [addCommunity, prependASPath, setPriority].filter((one) => one !== undefined).length === 1
      ? []
      : [{ path: ['operations', i], expected: 'one of addCommunity, prependASPath and setPriority' }],
  );

function cidrRules({ cidr, matchOperator, prefixLength }: FilterRuleFields, version: 4 | 6): Want[] {
  if (cidr === undefined)
    return [
      ...(matchOperator === undefined ? [] : [{ path: ['matchOperator'], expected: 'nothing where there is no cidr' }]),
      ...(prefixLength === undefined ? [] : [{ path: ['prefixLength'], expected: 'nothing where there is no cidr' }]),
    ];
  const parsed = parseCidr(cidr);
  const right = parsed === undefined || isIpv4Cidr(parsed) === (version === 4);
  if (!right) return [{ path: ['cidr'], expected: `an IPv${version} CIDR` }];
  return isStrict(cidr) ? [] : [{ path: ['cidr'], expected: NETWORK }];
}

/** validateBGPFilterRule(), validateBGPFilterOperation(), and the tags of their fields. */
export const filterRuleRules =
  (version: 4 | 6) =>
  (rule: FilterRuleFields): readonly Want[] => {
    const most = version === 4 ? 32 : 128;
    const lengths = (['min', 'max'] as const).flatMap((end) =>
      (rule.prefixLength?.[end] ?? 0) > most
        ? [{ path: ['prefixLength', end], expected: `a length from 0 to ${most}` }]
        : [],
    );
    const named = rule.interface === '' || /^[\w.*-]{1,15}$/.test(rule.interface);
    return [
      ...cidrRules(rule, version),
      ...lengths,
      ...(named ? [] : [{ path: ['interface'], expected: 'the name of an interface, or a part of it with *' }]),
      ...operationRules(rule.operations),
    ];
  };
