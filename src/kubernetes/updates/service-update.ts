/**
 * Updates of Services (pkg/apis/core/validation/validation.go:ValidateServiceUpdate()). What is left out stays as it is
 * (pkg/registry/core/service/strategy.go:patchAllocatedValues()).
 */

import { isDeepStrictEqual } from 'node:util';
import { formatIp, parseIpSloppy } from '../address.js';
import type { ServiceSpec } from '../kinds/service.js';
import { type FieldPath, field, isList, type Json, type JsonObject } from '../source/json.js';
import { forbidden, IMMUTABLE, invalid, type RefusedUpdate } from './refused-update.js';

const ONCE_SET = 'may not change once set';
const NONE = 'None';
const EXTERNAL_NAME = 'ExternalName';

const textAt = (spec: Json | undefined, name: string): string | undefined => {
  const value = field(spec, name);
  return typeof value === 'string' && value !== '' ? value : undefined;
};

const textsAt = (spec: Json | undefined, name: string): readonly string[] => {
  const value = field(spec, name);
  return isList(value) ? value.filter((one) => typeof one === 'string') : [];
};

/** As the address is compared: its usual form. */
function plain(text: string): string {
  const address = text === NONE ? undefined : parseIpSloppy(text);
  return address === undefined ? text : formatIp(address);
}

const heldIps = ({ headless, clusterIPs }: ServiceSpec): readonly string[] =>
  headless ? [NONE] : clusterIPs.map(formatIp);

/** pkg/api/service/util.go and the strategy's NormalizeClusterIPs(): one of both fields stands for both. */
function wantedIps(spec: Json | undefined, held: readonly string[]): readonly string[] {
  const first = textAt(spec, 'clusterIP');
  const all = textsAt(spec, 'clusterIPs').map(plain);
  if (first === undefined) return all.length === 0 ? held : all;
  const isAsHeld = all.length === 0 || all.join() === held.join();
  return isAsHeld ? [plain(first), ...(plain(first) === held[0] ? held.slice(1) : all.slice(1))] : all;
}

/** validateUpgradeDowngradeClusterIPs(). */
function refusedClusterIps(held: readonly string[], spec: Json | undefined): RefusedUpdate[] {
  const wanted = wantedIps(spec, held);
  const path = (i: number) => ['spec', 'clusterIPs', i];
  const kept = wanted.length === held.length ? held : held.slice(0, 1);
  const refused = kept.flatMap((ip, i) => (ip === wanted[i] ? [] : [invalid(path(i), [...wanted], ONCE_SET)]));
  const released = held.length > 1 && wanted.length === 1;
  if (!released || textAt(spec, 'ipFamilyPolicy') === 'SingleStack') return refused;
  const words = "must be set to 'SingleStack' when releasing the secondary clusterIP";
  return [...refused, invalid(['spec', 'ipFamilyPolicy'], field(spec, 'ipFamilyPolicy'), words)];
}

/** validateUpgradeDowngradeIPFamilies(), of the first, which no update changes. */
function refusedFamilies(held: readonly string[], spec: Json | undefined): RefusedUpdate[] {
  const families = textsAt(spec, 'ipFamilies');
  const [first] = held;
  const [wanted] = families;
  if (first === undefined || first === NONE || wanted === undefined) return [];
  const family = first.includes(':') ? 'IPv6' : 'IPv4';
  return wanted === family ? [] : [invalid(['spec', 'ipFamilies', 0], [...families], ONCE_SET)];
}

/** validateLoadBalancerClassField(). */
function refusedClass({ type, loadBalancerClass }: ServiceSpec, spec: Json | undefined): RefusedUpdate[] {
  if (type !== 'LoadBalancer' || textAt(spec, 'type') !== 'LoadBalancer') return [];
  const wanted = textAt(spec, 'loadBalancerClass');
  return wanted === loadBalancerClass ? [] : [invalid(['spec', 'loadBalancerClass'], wanted, ONCE_SET)];
}

/** pkg/api/service/util.go:NeedsHealthCheck(). */
const needsHealthCheck = (type: string | undefined, policy: string | undefined): boolean =>
  type === 'LoadBalancer' && policy === 'Local';

/** validateServiceExternalTrafficFieldsUpdate(). */
function refusedHealthPort(held: ServiceSpec, spec: Json | undefined): RefusedUpdate[] {
  const wanted = field(spec, 'healthCheckNodePort');
  if (!needsHealthCheck(held.type, held.externalTrafficPolicy)) return [];
  if (!needsHealthCheck(textAt(spec, 'type'), textAt(spec, 'externalTrafficPolicy'))) return [];
  if (typeof wanted !== 'number' || wanted === 0 || wanted === held.healthCheckNodePort) return [];
  return [forbidden(['spec', 'healthCheckNodePort'], IMMUTABLE)];
}

const needsNodePort = (spec: Json | undefined): boolean =>
  ['NodePort', 'LoadBalancer'].includes(textAt(spec, 'type') ?? '');
const isBalanced = (spec: Json | undefined): boolean => textAt(spec, 'type') === 'LoadBalancer';
const needsClusterIp = (spec: Json | undefined): boolean => textAt(spec, 'type') !== EXTERNAL_NAME;
/** pkg/api/service/util.go:ExternallyAccessible(). */
const isAccessible = (spec: Json | undefined): boolean =>
  needsNodePort(spec) || (needsClusterIp(spec) && textsAt(spec, 'externalIPs').length > 0);
const isHealthChecked = (spec: Json | undefined): boolean =>
  needsHealthCheck(textAt(spec, 'type'), textAt(spec, 'externalTrafficPolicy'));

/** Fields of Services of some kinds only. */
const TYPE_DEPENDENT: readonly {
  readonly names: readonly string[];
  readonly belongsTo: (spec: Json | undefined) => boolean;
}[] = [
  { names: ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'], belongsTo: needsClusterIp },
  { names: ['healthCheckNodePort'], belongsTo: isHealthChecked },
  { names: ['allocateLoadBalancerNodePorts', 'loadBalancerClass'], belongsTo: isBalanced },
  { names: ['externalTrafficPolicy'], belongsTo: isAccessible },
];

const nodePortsOf = (spec: Json | undefined): readonly Json[] => {
  const ports = field(spec, 'ports');
  return isList(ports) ? ports.map((port) => field(port, 'nodePort') ?? 0) : [];
};

/**
 * What an update leaves as it was of fields that the Service has no use for any more: the API server takes it away
 * rather than refuse it (pkg/registry/core/service/strategy.go:dropTypeDependentFields()).
 */
export function droppedByType(before: JsonObject, after: JsonObject): readonly FieldPath[] {
  const [old, now] = [field(before, 'spec'), field(after, 'spec')];
  const paths: FieldPath[] = TYPE_DEPENDENT.filter(({ belongsTo }) => belongsTo(old) && !belongsTo(now))
    .flatMap(({ names }) =>
      names.filter((name) => field(now, name) !== undefined && isDeepStrictEqual(field(old, name), field(now, name))),
    )
    .map((name) => ['spec', name]);
  const nodePorts = nodePortsOf(now);
  const same = isDeepStrictEqual(new Set(nodePortsOf(old)), new Set(nodePorts));
  if (!needsNodePort(old) || needsNodePort(now) || !same) return paths;
  return [...paths, ...nodePorts.flatMap((port, i) => (port === 0 ? [] : [['spec', 'ports', i, 'nodePort']]))];
}

/** `held` is what the Service has, whoever gave it. */
export function refusedServiceUpdate(held: ServiceSpec, after: JsonObject): RefusedUpdate[] {
  const spec = field(after, 'spec');
  const type = textAt(spec, 'type') ?? 'ClusterIP';
  if (held.type === EXTERNAL_NAME || type === EXTERNAL_NAME) return [];
  const ips = heldIps(held);
  return [
    ...refusedClusterIps(ips, spec),
    ...refusedFamilies(ips, spec),
    ...refusedClass(held, spec),
    ...refusedHealthPort(held, spec),
  ];
}
