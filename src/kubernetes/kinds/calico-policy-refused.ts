/**
 * What libcalico-go/lib/validator/v3/validator.go refuses of policies and host endpoints that Felix could enforce: it is
 * told, and taken.
 */

import { type Cidr, isNetwork } from '../address.js';
import type { Want } from '../schema/schema.js';

/** k8s.io/apimachinery/pkg/util/validation: IsValidPortName(). */
const isPortName = (name: string): boolean =>
  /^[a-z0-9-]{1,15}$/.test(name) && /[a-z]/.test(name) && !/--|^-|-$/.test(name);

const PORT_NAME = 'a name of a port, such as http';

interface Entity {
  readonly ports: readonly object[];
  readonly notPorts: readonly object[];
  readonly nets: readonly Cidr[];
  readonly notNets: readonly Cidr[];
  readonly services: { readonly name: string } | undefined;
}

/** The tag `net`, and validateEntityRule(). */
export function entityRules(rule: { readonly source: Entity; readonly destination: Entity }): readonly Want[] {
  return (['source', 'destination'] as const).flatMap((side) => {
    const { services, ...lists } = rule[side];
    const nets = (['nets', 'notNets'] as const).flatMap((name) =>
      lists[name].flatMap((net, i) =>
        isNetwork(net) ? [] : [{ path: [side, name, i], expected: 'a network, without bits behind its length' }],
      ),
    );
    const ports = (['ports', 'notPorts'] as const).flatMap((name) =>
      lists[name].flatMap((port, i) =>
        'name' in port && !isPortName(String(port.name)) ? [{ path: [side, name, i], expected: PORT_NAME }] : [],
      ),
    );
    const nameless = services?.name === '';
    return [
      ...nets,
      ...ports,
      ...(nameless ? [{ path: [side, 'services', 'name'], expected: 'the name of the Service' }] : []),
    ];
  });
}

interface PolicySpec {
  readonly egress: readonly { readonly http: object | undefined }[];
  readonly performanceHints: readonly string[];
}

const HINT = 'AssumeNeededOnEveryNode';

/** validateNetworkPolicySpec() and validateGlobalNetworkPolicySpec(): requests are looked at where they come in. */
export const policyRules = ({ egress, performanceHints }: PolicySpec): readonly Want[] => [
  ...egress.flatMap(({ http }, i) =>
    http === undefined ? [] : [{ path: ['egress', i, 'http'], expected: 'no http in egress rules' }],
  ),
  ...performanceHints.flatMap((hint, i) =>
    hint === HINT && i === 0 ? [] : [{ path: ['performanceHints', i], expected: `${HINT}, once` }],
  ),
];

interface StagedSpec extends PolicySpec {
  readonly stagedAction: string;
  readonly order: number | undefined;
  readonly selector: string;
  readonly serviceAccountSelector: string;
  readonly namespaceSelector?: string;
  readonly types: readonly string[];
  readonly ingress: readonly object[];
  readonly doNotTrack?: boolean;
  readonly preDNAT?: boolean;
  readonly applyOnForward?: boolean;
}

/** validateStagedNetworkPolicy(): what is to be deleted says its tier and nothing else. */
export function deletionRules(spec: StagedSpec): readonly Want[] {
  if (spec.stagedAction !== 'Delete') return policyRules(spec);
  const { stagedAction: _, ...fields } = spec;
  const given = Object.entries(fields).filter(
    ([name, value]: readonly [string, unknown]) =>
      name !== 'tier' &&
      value !== undefined &&
      value !== '' &&
      value !== false &&
      !(Array.isArray(value) && value.length === 0),
  );
  return given.map(([name]) => ({ path: [name], expected: 'nothing but tier where stagedAction is Delete' }));
}

interface HostPorts {
  readonly interfaceName: string;
  readonly ports: readonly { readonly name: string; readonly protocol: string | number }[];
}

const HAVE_PORTS: ReadonlySet<string | number> = new Set(['TCP', 'UDP', 'SCTP', 6, 17, 132]);

/** validateEndpointPort(), and the tags `portName` and `interface`. */
export const hostPortRules = ({ interfaceName, ports }: HostPorts): readonly Want[] => [
  ...(interfaceName === '' || interfaceName === '*' || /^[\w.-]{1,15}$/.test(interfaceName)
    ? []
    : [{ path: ['interfaceName'], expected: 'the name of an interface, or *' }]),
  ...ports.flatMap(({ name, protocol }, i): Want[] => [
    ...(isPortName(name) ? [] : [{ path: ['ports', i, 'name'], expected: PORT_NAME }]),
    ...(HAVE_PORTS.has(protocol) ? [] : [{ path: ['ports', i, 'protocol'], expected: 'one of TCP, UDP, SCTP' }]),
  ]),
];

/** api/pkg/apis/projectcalico/v3/tier.go: tiers that are there from the start, with one order and one default action each. */
const TIERS: ReadonlyMap<string, { readonly order: number; readonly defaultAction: string }> = new Map([
  ['kube-admin', { order: 1000, defaultAction: 'Pass' }],
  ['kube-baseline', { order: 10_000_000, defaultAction: 'Pass' }],
  ['default', { order: 1_000_000, defaultAction: 'Deny' }],
]);

interface TierFields {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly order: number | undefined; readonly defaultAction: string };
}

/** validateTier(), after DefaultTierFields(); and the XValidations of the type. */
export function tierRules({ metadata: { name }, spec }: TierFields): readonly Want[] {
  const broken: Want[] = [];
  const fixed = TIERS.get(name);
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name))
    broken.push({ path: ['metadata', 'name'], expected: 'up to 63 of a-z, 0-9 and -, for it is a part of labels' });
  if (fixed === undefined) return broken;
  const { order = 1_000_000, defaultAction } = spec;
  if (order !== fixed.order) broken.push({ path: ['spec', 'order'], expected: `${fixed.order} in the tier ${name}` });
  if (defaultAction !== fixed.defaultAction)
    broken.push({ path: ['spec', 'defaultAction'], expected: `${fixed.defaultAction} in the tier ${name}` });
  return broken;
}
