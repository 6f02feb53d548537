/**
 * Felix' parameters: where a value comes from, and what it is taken to be; felix/config/config_params.go.
 * Names are compared without case, as Felix does. A value that cannot be read leaves the built-in default
 * and is reported.
 */

import type { Cause } from '../../trace/index.js';
import { type Address, type Cidr, formatCidr, networkOf, parseAddress, parseCidrOrAddress } from '../cidr.js';
import type { FelixParameters } from '../model.js';
import type { OpenStack, ProtoPort } from './rules/config.js';

/** One source of values: the environment, or a FelixConfiguration object. */
export interface ParameterLayer {
  readonly parameters: FelixParameters;
  readonly because: readonly Cause[];
}

type Allow = 'ACCEPT' | 'RETURN';
type Deny = 'DROP' | 'REJECT';

export interface WireguardConfig {
  readonly enabled: boolean;
  readonly device: string;
  readonly port: number;
  /** 0: worked out of the host's. */
  readonly mtu: number;
}

export interface FelixConfig {
  readonly interfacePrefixes: readonly string[];
  /** Interfaces whose addresses Felix does not look at. */
  readonly interfaceExcludes: readonly RegExp[];
  readonly ipv6Support: boolean;
  readonly defaultEndpointToHostAction: Allow | Deny;
  readonly filterAllowAction: Allow;
  readonly mangleAllowAction: Allow;
  readonly filterDenyAction: Deny;
  readonly markMask: number;
  readonly chainInsertMode: 'insert' | 'append';
  readonly disableConntrackInvalidCheck: boolean;
  readonly failsafeInbound: readonly ProtoPort[];
  readonly failsafeOutbound: readonly ProtoPort[];
  readonly allowVxlanPacketsFromWorkloads: boolean;
  readonly allowIpipPacketsFromWorkloads: boolean;
  /** Undefined: as the pools say. */
  readonly vxlanEnabled: boolean | undefined;
  readonly ipipEnabled: boolean | undefined;
  readonly vxlanPort: number;
  readonly vxlanVni: number;
  /** 0: worked out of the host's. */
  readonly vxlanMtu: number;
  readonly vxlanMtuV6: number;
  readonly ipipMtu: number;
  readonly natOutgoingAddress: Address | undefined;
  readonly natPortRange: { readonly min: number; readonly max: number } | undefined;
  readonly natOutgoingExclusions: 'IPPoolsOnly' | 'IPPoolsAndHostIPs';
  readonly natOutgoingInterfaceFilter: string;
  readonly serviceLoopPrevention: 'Drop' | 'Reject' | 'Disabled';
  readonly programClusterRoutes: boolean;
  /** What tells where addresses are: IPAM's blocks, or the workloads themselves. */
  readonly routeSource: 'CalicoIPAM' | 'WorkloadIPs';
  /** Whether Felix keeps its hands off routes. */
  readonly routeSyncDisabled: boolean;
  readonly ipForwarding: boolean;
  readonly deviceRouteProtocol: number;
  readonly deviceRouteSourceAddress: Address | undefined;
  readonly removeExternalRoutes: boolean;
  readonly normalRoutePriority: number;
  readonly elevatedRoutePriority: number;
  readonly externalNodeCidrs: readonly Cidr[];
  readonly mtuInterfacePattern: string;
  readonly maxIpsetSize: number;
  readonly logPrefix: string;
  /** `10/second`; '' for all. */
  readonly logRateLimit: string;
  readonly logRateLimitBurst: number;
  /** Whether flows are reported, be it to Goldmane or on the node. */
  readonly flowLogs: boolean;
  readonly floatingIpsEnabled: boolean;
  /** Whether pods may ask for sources that are not theirs; one that asks in vain is treated as missing. */
  readonly sourceSpoofing: boolean;
  readonly wireguard: {
    readonly v4: WireguardConfig;
    readonly v6: WireguardConfig;
    readonly encryptsHosts: boolean;
  };
  /** Undefined: nothing tells of OpenStack. */
  readonly openStack: OpenStack | undefined;
  readonly nftablesMode: 'Auto' | 'Enabled' | 'Disabled';
  readonly bpfEnabled: boolean;
  /** What set a parameter, by its upstream name; nothing where it has its default. */
  readonly sourceOf: (parameter: string) => readonly Cause[];
}

/** Upstream names that FelixConfiguration spells otherwise than by case. */
const YAML_NAMES: Readonly<Record<string, string>> = {
  ipipenabled: 'ipinipenabled',
  ipipmtu: 'ipinipmtu',
  externalnodeslist: 'externalnodescidrlist',
};

/** One name for all ways to write it. */
export const canonicalParameter = (name: string): string => {
  const lower = name.toLowerCase();
  return YAML_NAMES[lower] ?? lower;
};

type Parse<T> = (text: string) => T | undefined;

const TRUE = new Set(['true', '1', 'yes', 'y', 't']);
const FALSE = new Set(['false', '0', 'no', 'n', 'f']);

const flag: Parse<boolean> = (text) => {
  const lower = text.toLowerCase();
  if (TRUE.has(lower)) return true;
  return FALSE.has(lower) ? false : undefined;
};

const integer: Parse<number> = (text) => (/^[+-]?(\d+|0x[0-9a-f]+)$/i.test(text) ? Number(text) : undefined);
const text: Parse<string> = (value) => value;
const textOrNone: Parse<string> = (value) => (value.toLowerCase() === 'none' ? '' : value);
const rateLimit: Parse<string> = (value) =>
  /^[1-9]\d{0,3}\/(?:second|minute|hour|day)$/.test(value) ? value : undefined;

const oneOf =
  <T extends string>(...values: readonly T[]): Parse<T> =>
  (value) =>
    values.find((known) => known.toLowerCase() === value.toLowerCase());

/** A list, of which all must be readable; `none` is the empty one. */
const listOf =
  <T>(parse: Parse<T>): Parse<readonly T[]> =>
  (value) => {
    if (value === '' || value.toLowerCase() === 'none') return [];
    const parsed = value.split(',').map((one) => parse(one.trim()));
    return parsed.every((one) => one !== undefined) ? parsed.flatMap((one) => one ?? []) : undefined;
  };

const PROTO_PORT = /^(?:(tcp|udp):(?:(.+):)?)?(\d{1,5})$/i;

/** `tcp:10.0.0.0/8:22`, `tcp:22`, `22`; an IPv6 net stands in brackets. */
const protoPort: Parse<ProtoPort> = (value) => {
  const [, protocol = 'tcp', net, port = ''] = PROTO_PORT.exec(value) ?? [];
  if (port === '' || Number(port) > 65535) return undefined;
  const peer = net === undefined ? undefined : parseCidrOrAddress(net.replace(/^\[(.*)\]$/, '$1'));
  if (net !== undefined && peer === undefined) return undefined;
  return {
    protocol: protocol.toLowerCase(),
    port: Number(port),
    ...(peer !== undefined && { net: formatCidr(networkOf(peer)) }),
  };
};

/** `docker0`, or a pattern between slashes. */
const interfaceName: Parse<RegExp> = (value) => {
  if (/^[\w-]{1,15}$/.test(value)) return new RegExp(`^${value}$`);
  const [, pattern] = /^\/(\S+)\/$/.exec(value) ?? [];
  try {
    return pattern === undefined ? undefined : new RegExp(pattern);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
};

const interfacePrefixes: Parse<readonly string[]> = (value) =>
  value !== 'none' && /^[\w-]{1,15}(,[\w-]{1,15})*$/.test(value) ? value.split(',') : undefined;

const portRange: Parse<{ min: number; max: number } | 'none'> = (value) => {
  const [, first = '', last = first] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(value) ?? [];
  const [min, max] = [Number(first), Number(last)];
  if (first === '' || max > 65535 || min > max) return undefined;
  return max === 0 ? 'none' : { min, max };
};

const DEFAULT_INBOUND = 'tcp:22,udp:68,tcp:179,tcp:2379,tcp:2380,tcp:5473,tcp:6443,tcp:6666,tcp:6667';
const DEFAULT_OUTBOUND = 'udp:53,udp:67,tcp:179,tcp:2379,tcp:2380,tcp:5473,tcp:6443,tcp:6666,tcp:6667';
const DEFAULT_MTU_PATTERN = '^((en|wl|ww|sl|ib)[Pcopsvx].*|(eth|wlan|wwan).*)';

class ParameterReader {
  readonly problems: string[] = [];
  readonly fatal: string[] = [];
  readonly #values = new Map<string, { readonly value: string; readonly because: readonly Cause[] }>();

  /** The strongest layer first. */
  constructor(layers: readonly ParameterLayer[]) {
    for (const { parameters, because } of layers.toReversed()) {
      for (const [name, value] of Object.entries(parameters))
        this.#values.set(canonicalParameter(name), { value, because });
    }
  }

  sourceOf(parameter: string): readonly Cause[] {
    return this.#values.get(canonicalParameter(parameter))?.because ?? [];
  }

  optional<T>(name: string, parse: Parse<T>): T | undefined {
    const value = this.#values.get(canonicalParameter(name))?.value;
    if (value === undefined || value === '') return undefined;
    const parsed = parse(value);
    if (parsed === undefined) this.problems.push(`${name}: "${value}" cannot be read, the default applies`);
    return parsed;
  }

  read<T>(name: string, fallback: T, parse: Parse<T>): T {
    return this.optional(name, parse) ?? fallback;
  }

  /** Felix does not start with a value that it cannot read. */
  required<T>(name: string, fallback: T, parse: Parse<T>): T {
    const value = this.#values.get(canonicalParameter(name))?.value;
    if (value === undefined || value === '') return fallback;
    const parsed = parse(value);
    if (parsed === undefined) this.fatal.push(`${name}: "${value}" cannot be read`);
    return parsed ?? fallback;
  }

  /** A list whose default is written as text. */
  requiredPorts(name: string, fallback: string): readonly ProtoPort[] {
    const ports = listOf(protoPort);
    return this.required(name, ports(fallback) ?? [], ports);
  }
}

export interface ParsedParameters {
  readonly config: FelixConfig;
  /** What could not be read, one sentence each. */
  readonly problems: readonly string[];
  /** As problems; but Felix does not start with these. */
  readonly fatal: readonly string[];
}

type Tables = Pick<
  FelixConfig,
  | 'defaultEndpointToHostAction'
  | 'filterAllowAction'
  | 'mangleAllowAction'
  | 'filterDenyAction'
  | 'markMask'
  | 'chainInsertMode'
  | 'disableConntrackInvalidCheck'
  | 'failsafeInbound'
  | 'failsafeOutbound'
  | 'serviceLoopPrevention'
  | 'logPrefix'
  | 'logRateLimit'
  | 'logRateLimitBurst'
  | 'flowLogs'
  | 'floatingIpsEnabled'
  | 'sourceSpoofing'
  | 'nftablesMode'
  | 'bpfEnabled'
>;

function readTables(reader: ParameterReader): Tables {
  const allow = oneOf('ACCEPT', 'RETURN');
  return {
    defaultEndpointToHostAction: reader.required(
      'DefaultEndpointToHostAction',
      'DROP',
      oneOf('ACCEPT', 'DROP', 'RETURN'),
    ),
    filterAllowAction: reader.required('IptablesFilterAllowAction', 'ACCEPT', allow),
    mangleAllowAction: reader.required('IptablesMangleAllowAction', 'ACCEPT', allow),
    filterDenyAction: reader.required('IptablesFilterDenyAction', 'DROP', oneOf('DROP', 'REJECT')),
    markMask: reader.required('IptablesMarkMask', 0xffff0000, integer),
    chainInsertMode: reader.required('ChainInsertMode', 'insert', oneOf('insert', 'append')),
    disableConntrackInvalidCheck: reader.read('DisableConntrackInvalidCheck', false, flag),
    failsafeInbound: reader.requiredPorts('FailsafeInboundHostPorts', DEFAULT_INBOUND),
    failsafeOutbound: reader.requiredPorts('FailsafeOutboundHostPorts', DEFAULT_OUTBOUND),
    serviceLoopPrevention: reader.read('ServiceLoopPrevention', 'Drop', oneOf('Drop', 'Reject', 'Disabled')),
    logPrefix: reader.read('LogPrefix', 'calico-packet', text),
    logRateLimit: reader.read('LogActionRateLimit', '', rateLimit),
    logRateLimitBurst: reader.read('LogActionRateLimitBurst', 5, integer),
    flowLogs:
      reader.read('FlowLogsGoldmaneServer', '', textOrNone) !== '' ||
      reader.read('FlowLogsLocalReporter', 'Disabled', oneOf('Enabled', 'Disabled')) === 'Enabled',
    sourceSpoofing: reader.read('WorkloadSourceSpoofing', 'Disabled', oneOf('Any', 'Disabled')) === 'Any',
    floatingIpsEnabled: reader.read('FloatingIPs', 'Disabled', oneOf('Enabled', 'Disabled')) === 'Enabled',
    nftablesMode: reader.read('NFTablesMode', 'Auto', oneOf('Auto', 'Enabled', 'Disabled')),
    bpfEnabled: reader.read('BPFEnabled', false, flag),
  };
}

type Encapsulations = Pick<
  FelixConfig,
  | 'allowVxlanPacketsFromWorkloads'
  | 'allowIpipPacketsFromWorkloads'
  | 'vxlanEnabled'
  | 'ipipEnabled'
  | 'vxlanPort'
  | 'vxlanVni'
  | 'vxlanMtu'
  | 'vxlanMtuV6'
  | 'ipipMtu'
  | 'externalNodeCidrs'
  | 'mtuInterfacePattern'
  | 'wireguard'
>;

function readWireguard(reader: ParameterReader, suffix: '' | 'V6'): WireguardConfig {
  return {
    enabled: reader.read(`WireguardEnabled${suffix}`, false, flag),
    device: reader.read(`WireguardInterfaceName${suffix}`, suffix === '' ? 'wireguard.cali' : 'wg-v6.cali', text),
    port: reader.read(`WireguardListeningPort${suffix}`, suffix === '' ? 51820 : 51821, integer),
    mtu: reader.read(`WireguardMTU${suffix}`, 0, integer),
  };
}

function readEncapsulations(reader: ParameterReader): Encapsulations {
  return {
    allowVxlanPacketsFromWorkloads: reader.read('AllowVXLANPacketsFromWorkloads', false, flag),
    allowIpipPacketsFromWorkloads: reader.read('AllowIPIPPacketsFromWorkloads', false, flag),
    vxlanEnabled: reader.optional('VXLANEnabled', flag),
    ipipEnabled: reader.optional('IpInIpEnabled', flag),
    vxlanPort: reader.read('VXLANPort', 4789, integer),
    vxlanVni: reader.read('VXLANVNI', 4096, integer),
    vxlanMtu: reader.read('VXLANMTU', 0, integer),
    vxlanMtuV6: reader.read('VXLANMTUV6', 0, integer),
    ipipMtu: reader.read('IpInIpMtu', 0, integer),
    externalNodeCidrs: reader.required('ExternalNodesCIDRList', [], listOf(parseCidrOrAddress)),
    mtuInterfacePattern: reader.read('MTUIfacePattern', DEFAULT_MTU_PATTERN, text),
    wireguard: {
      v4: readWireguard(reader, ''),
      v6: readWireguard(reader, 'V6'),
      encryptsHosts: reader.read('WireguardHostEncryptionEnabled', false, flag),
    },
  };
}

export const usesWireguard = ({ wireguard: { v4, v6 } }: Pick<FelixConfig, 'wireguard'>): boolean =>
  v4.enabled || v6.enabled;

const USUAL_METADATA = { address: '127.0.0.1', port: 8775 };

/** config_params.go:OpenstackActive(): the cluster says so, or a setting that is of use to OpenStack alone. */
function readOpenStack(reader: ParameterReader, interfacePrefixes: readonly string[]): OpenStack | undefined {
  const address = reader.read('MetadataAddr', USUAL_METADATA.address, text);
  const port = reader.read('MetadataPort', USUAL_METADATA.port, integer);
  const active =
    reader.read('ClusterType', '', text).toLowerCase().includes('openstack') ||
    (address.toLowerCase() !== 'none' && address !== USUAL_METADATA.address) ||
    (port !== 0 && port !== USUAL_METADATA.port) ||
    interfacePrefixes.includes('tap');
  if (!active) return undefined;
  return parseAddress(address) === undefined ? {} : { metadata: { address, port } };
}

/** Values by precedence: the environment, FelixConfiguration `node.<name>`, `default`, built-in. */
export function readFelixConfig(layers: readonly ParameterLayer[]): ParsedParameters {
  const reader = new ParameterReader(layers);
  const ports = reader.optional('NATPortRange', portRange);
  const prefixes = reader.required('InterfacePrefix', ['cali'], interfacePrefixes);
  const config: FelixConfig = {
    interfacePrefixes: prefixes,
    ...readTables(reader),
    ...readEncapsulations(reader),
    openStack: readOpenStack(reader, prefixes),
    interfaceExcludes: reader.read('InterfaceExclude', [/^kube-ipvs0$/], listOf(interfaceName)),
    ipv6Support: reader.read('Ipv6Support', true, flag),
    natOutgoingAddress: reader.optional('NATOutgoingAddress', parseAddress),
    natPortRange: ports === 'none' ? undefined : ports,
    natOutgoingExclusions: reader.read(
      'NATOutgoingExclusions',
      'IPPoolsOnly',
      oneOf('IPPoolsOnly', 'IPPoolsAndHostIPs'),
    ),
    natOutgoingInterfaceFilter: reader.read('IptablesNATOutgoingInterfaceFilter', '', text),
    programClusterRoutes: reader.read('ProgramClusterRoutes', 'Disabled', oneOf('Enabled', 'Disabled')) === 'Enabled',
    routeSource: reader.read('RouteSource', 'CalicoIPAM', oneOf('WorkloadIPs', 'CalicoIPAM')),
    routeSyncDisabled: reader.read('RouteSyncDisabled', false, flag),
    ipForwarding: reader.read('IPForwarding', 'Enabled', oneOf('Enabled', 'Disabled')) === 'Enabled',
    deviceRouteProtocol: reader.read('DeviceRouteProtocol', 3, integer),
    deviceRouteSourceAddress: reader.optional('DeviceRouteSourceAddress', parseAddress),
    removeExternalRoutes: reader.read('RemoveExternalRoutes', true, flag),
    normalRoutePriority: reader.read('IPv4NormalRoutePriority', 1024, integer),
    elevatedRoutePriority: reader.read('IPv4ElevatedRoutePriority', 512, integer),
    maxIpsetSize: reader.read('MaxIpsetSize', 1_048_576, integer),
    sourceOf: (parameter) => reader.sourceOf(parameter),
  };
  return { config, problems: reader.problems, fatal: reader.fatal };
}

export const ENVIRONMENT_PREFIX = 'felix_';

/** The FELIX_* variables of an environment, without the prefix. */
export const felixEnvironment = (environment: Readonly<Record<string, string>>): FelixParameters =>
  Object.fromEntries(
    Object.entries(environment)
      .filter(([name]) => name.toLowerCase().startsWith(ENVIRONMENT_PREFIX))
      .map(([name, value]) => [name.slice(ENVIRONMENT_PREFIX.length), value]),
  );
