/** Nodes and the small core kinds (k8s.io/api/core/v1). */

import { type IpAddress, parseIp, parseIps } from '../address.js';
import { textMap } from '../schema/kind.js';
import {
  address,
  check,
  cidr,
  flag,
  listOf,
  map,
  oneOf,
  optional,
  orEmpty,
  record,
  type Schema,
  text,
  type Value,
  withDefault,
} from '../schema/schema.js';

const taint = record({
  key: text,
  value: withDefault(text, ''),
  effect: oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute'),
});
export type Taint = Value<typeof taint>;

const nodeSpec = map(
  orEmpty(
    record({
      podCIDR: optional(cidr),
      podCIDRs: listOf(cidr),
      taints: listOf(taint),
      unschedulable: withDefault(flag, false),
      providerID: withDefault(text, ''),
    }),
  ),
  ({ podCIDR, podCIDRs, ...spec }) => ({
    podCIDRs: podCIDRs.length > 0 || podCIDR === undefined ? podCIDRs : [podCIDR],
    ...spec,
  }),
);

const conditionsSchema = listOf(record({ type: text, status: text }));
type Condition = Value<typeof conditionsSchema>[number];

/** pkg/controller/nodelifecycle/node_lifecycle_controller.go:nodeConditionToTaintKeyStatusMap. */
const CONDITION_TAINTS: readonly (readonly [type: string, status: string, key: string])[] = [
  ['Ready', 'False', 'not-ready'],
  ['Ready', 'Unknown', 'unreachable'],
  ['MemoryPressure', 'True', 'memory-pressure'],
  ['DiskPressure', 'True', 'disk-pressure'],
  ['NetworkUnavailable', 'True', 'network-unavailable'],
  ['PIDPressure', 'True', 'pid-pressure'],
];

/** What the controller taints a node with for its conditions: who is not ready keeps nobody either. */
const taintsOf = (conditions: readonly Condition[]): readonly Taint[] =>
  CONDITION_TAINTS.filter(([type, status]) =>
    conditions.some((condition) => condition.type === type && condition.status === status),
  ).flatMap(([type, , name]) => {
    const effects: readonly Taint['effect'][] = type === 'Ready' ? ['NoSchedule', 'NoExecute'] : ['NoSchedule'];
    return effects.map((effect) => ({ key: `node.kubernetes.io/${name}`, value: '', effect }));
  });

/** A quantity that counts things: `110`, "110", "1k". */
const wholeQuantity: Schema<number> = {
  expected: 'a whole quantity such as 110',
  blankIsAbsent: true,
  absent: (at) => at.fail('a whole quantity', undefined),
  read: (value, at) => {
    const match = /^(\d{1,9})(k?)$/.exec(typeof value === 'number' || typeof value === 'string' ? `${value}` : '');
    if (match === null) return at.fail('a whole quantity such as 110', value);
    return Number(match[1]) * (match[2] === '' ? 1 : 1000);
  },
};

/** A quantity of CPU in thousandths: `2`, `1930m`, `0.5`; undefined for forms that nobody writes of CPUs. */
const milliCpu: Schema<number> = {
  expected: 'a quantity of CPU such as 2 or 1930m',
  blankIsAbsent: true,
  absent: (at) => at.fail('a quantity of CPU', undefined),
  read: (value, at) => {
    const match = /^(\d{1,9}(?:\.\d{1,9})?)(m|k)?$/.exec(
      typeof value === 'number' || typeof value === 'string' ? `${value}` : '',
    );
    if (match === null) return at.fail('a quantity of CPU such as 2 or 1930m', value);
    const scale = match[2] === 'm' ? 1 : match[2] === 'k' ? 1_000_000 : 1000;
    return Math.ceil(Number(match[1]) * scale);
  },
};

/** kubelet's --max-pods. */
const DEFAULT_MAX_PODS = 110;

interface NodeAddress {
  readonly type: string;
  readonly address: string;
}

const isIpType = (type: string): boolean => type === 'InternalIP' || type === 'ExternalIP';

const nodeAddress: Schema<NodeAddress> = check(record({ type: text, address: text }), (given) =>
  isIpType(given.type) && parseIp(given.address) === undefined
    ? { path: ['address'], expected: address.expected }
    : undefined,
);

const ofType = (addresses: readonly NodeAddress[], type: string): readonly IpAddress[] =>
  parseIps(addresses.filter((given) => given.type === type).map((given) => given.address));

/** What the kubelet says of the machine; empty where nothing is recorded. */
const nodeInfo = orEmpty(
  record({
    architecture: withDefault(text, ''),
    kernelVersion: withDefault(text, ''),
    machineID: withDefault(text, ''),
    operatingSystem: withDefault(text, ''),
    osImage: withDefault(text, ''),
  }),
);

const nodeStatus = map(
  orEmpty(
    record({
      addresses: listOf(nodeAddress),
      allocatable: orEmpty(record({ pods: withDefault(wholeQuantity, DEFAULT_MAX_PODS), cpu: optional(milliCpu) })),
      capacity: orEmpty(record({ cpu: optional(milliCpu) })),
      conditions: conditionsSchema,
      nodeInfo,
    }),
  ),
  ({ addresses, allocatable, capacity, conditions, nodeInfo: system }) => {
    const ready = conditions.find(({ type }) => type === 'Ready');
    return {
      /** In the order that kubelet or the cloud gave them: the first of a family is the node's own. */
      internalIPs: ofType(addresses, 'InternalIP'),
      externalIPs: ofType(addresses, 'ExternalIP'),
      /** `linux` or `windows`; empty where nothing is recorded. */
      operatingSystem: system.operatingSystem,
      hostname: addresses.find(({ type }) => type === 'Hostname')?.address,
      maxPods: allocatable.pods,
      /** In thousandths of a CPU; undefined where nothing is recorded. */
      allocatableCpu: allocatable.cpu,
      capacityCpu: capacity.cpu,
      system,
      /** Undefined where nothing is recorded. */
      ready: ready === undefined ? undefined : ready.status === 'True',
      /** Nobody hears of its kubelet any more. */
      silent: ready?.status === 'Unknown',
      conditionTaints: taintsOf(conditions),
      networkUnavailable: conditions.some(({ type, status }) => type === 'NetworkUnavailable' && status === 'True'),
    };
  },
);

export const nodeBody = map(
  record({ spec: nodeSpec, status: nodeStatus }),
  ({ spec, status: { conditionTaints, ...status } }) => {
    const isGiven = ({ key, effect }: Taint): boolean =>
      spec.taints.some((taint) => taint.key === key && taint.effect === effect);
    const taints = [...spec.taints, ...conditionTaints.filter((taint) => !isGiven(taint))];
    return { spec: { ...spec, taints }, status };
  },
);

export const namespaceBody = record({});
export const serviceAccountBody = record({});
export const configMapBody = record({ data: textMap });
/** Values as they are written: base64 under `data`. */
export const secretBody = record({ type: withDefault(text, 'Opaque'), data: textMap, stringData: textMap });
