/**
 * KubeProxyConfiguration (k8s.io/kube-proxy/config/v1alpha1), with the defaults of
 * pkg/proxy/apis/config/v1alpha1/defaults.go for Linux.
 */

import {
  type Cidr,
  parseCidr,
  parseCidrSloppy,
  parseIp,
  type Schema,
  schema,
  type Value,
  type Want,
} from '../../kubernetes/index.js';

const {
  admit,
  check,
  cidr,
  count,
  flag,
  integer,
  listOf,
  map,
  mapOf,
  oneOf,
  optional,
  orEmpty,
  raw,
  record,
  text,
  withDefault,
} = schema;

const UNIT_NS = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 } as const;
const isUnit = (unit: string): unit is keyof typeof UNIT_NS => Object.hasOwn(UNIT_NS, unit);
const DURATION = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$|^0$/;

/** Go's duration text, `1m30s`, in nanoseconds. */
const duration: Schema<number> = {
  expected: 'a duration such as 30s or 1m0s',
  blankIsAbsent: true,
  absent: (at) => at.fail('a duration', undefined),
  read: (value, at) => {
    if (typeof value !== 'string' || !DURATION.test(value)) return at.fail('a duration such as 30s or 1m0s', value);
    let ns = 0;
    for (const [, amount = '', unit = ''] of value.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
      if (isUnit(unit)) ns += Number(amount) * UNIT_NS[unit];
    }
    return ns;
  },
};

const S_NS = 1e9;
/** A duration of which zero means the default, as SetDefaults_KubeProxyConfiguration() has it. */
const durationOr = (ns: number): Schema<number> =>
  map(withDefault(duration, ns), (given) => (given === 0 ? ns : given));
/** Of which zero is a value: leave the kernel's own. */
const durationOrKept = (ns: number): Schema<number> => withDefault(duration, ns);

const cidrs: Schema<readonly Cidr[]> = map(
  check(withDefault(text, ''), (given) =>
    given !== '' && given.split(',').some((part) => parseCidr(part.trim()) === undefined)
      ? { path: [], expected: 'a CIDR, or one of each family with a comma between' }
      : undefined,
  ),
  (given) => given.split(',').flatMap((part) => parseCidr(part.trim()) ?? []),
);

/** `0.0.0.0:10256`, `[::]:10256`, or an address alone. */
const serverAddress = (port: number, anywhere = '0.0.0.0') =>
  map(withDefault(text, ''), (given) => {
    const match = /^(.*?)(?::(\d{1,5}))?$/.exec(given.includes('::') && !given.includes(']') ? `[${given}]` : given);
    const address = (match?.[1] ?? '').replace(/^\[|\]$/g, '');
    return { address: address === '' ? anywhere : address, port: match?.[2] === undefined ? port : Number(match[2]) };
  });

const DEFAULT_MASQUERADE_BIT = 14;

const iptables = orEmpty(
  record({
    masqueradeBit: withDefault(integer(0, 31), DEFAULT_MASQUERADE_BIT),
    masqueradeAll: withDefault(flag, false),
    localhostNodePorts: withDefault(flag, true),
    syncPeriod: durationOr(30 * S_NS),
    minSyncPeriod: durationOr(S_NS),
  }),
);

const conntrack = orEmpty(
  record({
    maxPerCore: withDefault(count, 32_768),
    min: withDefault(count, 131_072),
    tcpEstablishedTimeout: durationOrKept(86_400 * S_NS),
    tcpCloseWaitTimeout: durationOrKept(3600 * S_NS),
    tcpBeLiberal: withDefault(flag, false),
    udpTimeout: durationOrKept(0),
    udpStreamTimeout: durationOrKept(0),
  }),
);

/** Everything that the API has; what reaches no packet is taken as it comes. */
const given = record(
  {
    apiVersion: text,
    kind: oneOf('KubeProxyConfiguration'),
    metadata: optional(raw),
    featureGates: mapOf(flag),
    clientConnection: optional(raw),
    logging: optional(raw),
    hostnameOverride: withDefault(text, ''),
    bindAddress: withDefault(text, ''),
    healthzBindAddress: serverAddress(10_256),
    metricsBindAddress: serverAddress(10_249, '127.0.0.1'),
    bindAddressHardFail: withDefault(flag, false),
    enableProfiling: withDefault(flag, false),
    showHiddenMetricsForVersion: optional(text),
    mode: withDefault(oneOf('iptables', 'ipvs', 'nftables'), 'iptables'),
    iptables,
    ipvs: optional(raw),
    nftables: optional(raw),
    winkernel: optional(raw),
    windowsRunAsService: optional(raw),
    detectLocalMode: withDefault(
      oneOf('ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'),
      'ClusterCIDR',
    ),
    detectLocal: orEmpty(
      record({
        bridgeInterface: withDefault(text, ''),
        interfaceNamePrefix: withDefault(text, ''),
        clusterCIDRs: listOf(cidr),
      }),
    ),
    clusterCIDR: cidrs,
    nodePortAddresses: listOf(text),
    oomScoreAdj: optional(raw),
    conntrack,
    configSyncPeriod: optional(raw),
    portRange: optional(text),
    udpIdleTimeout: optional(raw),
    resourceContainer: optional(raw),
  },
  { closed: true },
);

/** The addresses of the node itself, in nodePortAddresses. */
export const PRIMARY = 'primary';

/** pkg/proxy/apis/config/validation:validateKubeProxyNodePortAddress(). */
const nodePortAddressRules = ({ nodePortAddresses }: Value<typeof given>): readonly Want[] =>
  nodePortAddresses.flatMap((text, i) => {
    const path = ['nodePortAddresses', i];
    if (text === PRIMARY)
      return nodePortAddresses.length === 1 ? [] : [{ path, expected: `CIDRs, or "${PRIMARY}" alone` }];
    return parseCidrSloppy(text) === undefined ? [{ path, expected: 'a CIDR such as 10.0.0.0/16' }] : [];
  });

/** validateDetectLocalConfiguration(): the mode's own setting is there. */
function detectLocalRules({ detectLocalMode, detectLocal }: Value<typeof given>): readonly Want[] {
  const [field, value] =
    detectLocalMode === 'BridgeInterface'
      ? (['bridgeInterface', detectLocal.bridgeInterface] as const)
      : (['interfaceNamePrefix', detectLocal.interfaceNamePrefix] as const);
  const wanted = detectLocalMode === 'BridgeInterface' || detectLocalMode === 'InterfaceNamePrefix';
  const expected = `the name of an interface, or how names begin, for detectLocalMode ${detectLocalMode}`;
  return wanted && value === '' ? [{ path: ['detectLocal', field], expected }] : [];
}

const bindAddressRule = ({ bindAddress }: Value<typeof given>): readonly Want[] =>
  bindAddress === '' || parseIp(bindAddress) !== undefined ? [] : [{ path: ['bindAddress'], expected: 'an address' }];

export const configurationBody = admit(given, (configuration) => [
  ...bindAddressRule(configuration),
  ...nodePortAddressRules(configuration),
  ...detectLocalRules(configuration),
]);

export type Configuration = Value<typeof configurationBody>;
