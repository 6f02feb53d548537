/** The configuration of host-local; plugins/ipam/host-local/backend/allocator: LoadIPAMConfig(), Canonicalize(). */

import {
  formatIpv4,
  formatPrefix,
  type Ipv4Addr,
  type Ipv4Prefix,
  ipv4,
  ipv4Network,
  ipv4Range,
  parseIpv4,
  parseIpv4Prefix,
  prefixContains,
} from '../../packet/index.js';
import { internalError } from '../errors.js';
import type { PluginCall } from '../plugin.js';
import { type CniJson, type CniObject, type CniRoute, isCniList, isCniObject } from '../result.js';
import { versionAtLeast } from '../version.js';
import { checkArgs, object, objects, text, texts } from './common.js';

const DEFAULT_DATA_DIR = '/var/lib/cni/networks';

export interface Range {
  readonly subnet: Ipv4Prefix;
  readonly start: Ipv4Addr;
  readonly end: Ipv4Addr;
  readonly gateway: Ipv4Addr;
}

/** Ranges of which a container gets one address. */
export type RangeSet = readonly Range[];

export interface IpamConfig {
  readonly name: string;
  readonly directory: string;
  readonly resolvConf: string;
  readonly ranges: readonly RangeSet[];
  readonly routes: readonly CniRoute[];
  readonly wanted: readonly Ipv4Addr[];
}

/** A range as written: the texts are addresses, what they mean together is not yet known. */
interface WrittenRange {
  readonly subnet: Ipv4Prefix | undefined;
  readonly start: Ipv4Addr | undefined;
  readonly end: Ipv4Addr | undefined;
  readonly gateway: Ipv4Addr | undefined;
}

const offset = (addr: Ipv4Addr, by: number): Ipv4Addr => ipv4(addr + by);
const unsigned = (addr: Ipv4Addr): number => addr >>> 0;

export const inRange = ({ subnet, start, end }: Range, addr: Ipv4Addr): boolean =>
  prefixContains(subnet, addr) && unsigned(addr) >= unsigned(start) && unsigned(addr) <= unsigned(end);

const rangeText = ({ start, end }: Range): string => `${formatIpv4(start)}-${formatIpv4(end)}`;
export const setText = (set: RangeSet): string => set.map(rangeText).join(',');

/** net.IP.UnmarshalText(). @throws CniError */
function address(value: CniJson | undefined): Ipv4Addr | undefined {
  const written = text(value);
  if (written === '') return undefined;
  const parsed = parseIpv4(written);
  if (parsed === undefined) throw internalError(`invalid IP address: ${written}`);
  return parsed;
}

/** types.IPNet: host bits stay. @throws CniError */
function network(value: CniJson | undefined): Ipv4Prefix | undefined {
  if (value === undefined) return undefined;
  const parsed = parseIpv4Prefix(text(value));
  if (parsed === undefined || !text(value).includes('/')) throw internalError(`invalid CIDR address: ${text(value)}`);
  return parsed;
}

/** Of several mistakes the one that is written first is told. @throws CniError */
function written(entry: CniObject): WrittenRange {
  const found: { -readonly [K in keyof WrittenRange]: WrittenRange[K] } = {
    subnet: undefined,
    start: undefined,
    end: undefined,
    gateway: undefined,
  };
  for (const [key, value] of Object.entries(entry)) {
    if (key === 'subnet') found.subnet = network(value);
    else if (key === 'rangeStart') found.start = address(value);
    else if (key === 'rangeEnd') found.end = address(value);
    else if (key === 'gateway') found.gateway = address(value);
  }
  return found;
}

const writtenSets = (value: CniJson | undefined): WrittenRange[][] =>
  isCniList(value) ? value.map((set) => objects(set).map(written)) : [];

/** Range.Canonicalize(): from the first address behind the network's to the last before the broadcast. @throws CniError */
function canonical({ subnet, start, end, gateway }: WrittenRange): Range {
  if (subnet === undefined) throw internalError('IP <nil> not v4 nor v6');
  const { addr, length } = subnet;
  if (length > 30) throw internalError(`Network ${formatPrefix(subnet)} too small to allocate from`);
  const networkAddress = ipv4Network(addr, length);
  if (networkAddress !== addr) {
    throw internalError(
      `Network has host bits set. For a subnet mask of length ${length} the network address is ${formatIpv4(networkAddress)}`,
    );
  }
  const { last } = ipv4Range(subnet);
  const range: Range = {
    subnet,
    start: start ?? offset(addr, 1),
    end: end ?? offset(last, -1),
    gateway: gateway ?? offset(addr, 1),
  };
  // What was not given is not looked at; an end that was counts already when the start is.
  const limits = end === undefined ? { ...range, end: last } : range;
  if (start !== undefined && !inRange(limits, start))
    throw internalError(`RangeStart ${formatIpv4(start)} not in network ${formatPrefix(subnet)}`);
  if (end !== undefined && !inRange(range, end))
    throw internalError(`RangeEnd ${formatIpv4(end)} not in network ${formatPrefix(subnet)}`);
  return range;
}

const overlap = (a: Range, b: Range): boolean =>
  inRange(a, b.start) || inRange(a, b.end) || inRange(b, a.start) || inRange(b, a.end);

/** Each pair once, in order. */
function* pairs<T>(list: readonly T[]): Generator<readonly [T, T, number, number]> {
  for (const [i, a] of list.entries())
    for (const [j, b] of list.slice(i + 1).entries()) yield [a, b, i, i + j + 1] as const;
}

/** RangeSet.Canonicalize(). @throws CniError */
function canonicalSet(set: readonly WrittenRange[]): RangeSet {
  if (set.length === 0) throw internalError('empty range set');
  const ranges = set.map(canonical);
  for (const [a, b] of pairs(ranges))
    if (overlap(a, b)) throw internalError(`subnets ${rangeText(a)} and ${rangeText(b)} overlap`);
  return ranges;
}

/** @throws CniError */
function canonicalSets(sets: readonly (readonly WrittenRange[])[], version: string): readonly RangeSet[] {
  if (sets.length === 0) throw internalError('no IP ranges specified');
  const ranges = sets.map((set, i) => {
    try {
      return canonicalSet(set);
    } catch (error) {
      throw internalError(`invalid range set ${i}: ${error instanceof Error ? error.message : ''}`);
    }
  });
  if (ranges.length > 1 && (version === '' || !versionAtLeast(version, '0.3.0'))) {
    throw internalError(`CNI version ${version} does not support more than 1 address per family`);
  }
  for (const [a, b, i, j] of pairs(ranges)) {
    if (a.some((one) => b.some((other) => overlap(one, other))))
      throw internalError(`range set ${i} overlaps with ${j}`);
  }
  return ranges;
}

/** ip.IP of a configuration: with or without a prefix length. @throws CniError */
function askedAddress(one: string): Ipv4Addr {
  const addr = parseIpv4(one.split('/')[0] ?? '');
  if (addr === undefined) throw internalError(`invalid IP address ${one}`);
  return addr;
}

/** CNI_ARGS `IP=`. @throws CniError */
function addressOfArgs(call: PluginCall): Ipv4Addr[] {
  const asked = call.args.get('IP') ?? '';
  if (asked !== '' && parseIpv4(asked.split('/')[0] ?? '') === undefined)
    throw internalError(`ARGS: error parsing value of pair "IP=${asked}": invalid IP address ${asked}`);
  checkArgs(call, ['IP']);
  return asked === '' ? [] : [askedAddress(asked)];
}

const routeOf = (route: CniObject): CniRoute => {
  const dst = network(route['dst'] ?? '');
  const gw = address(route['gw']);
  return {
    dst: dst === undefined ? '' : formatPrefix(dst),
    ...(gw === undefined ? {} : { gw: formatIpv4(gw) }),
  };
};

/** LoadIPAMConfig(): the JSON as a whole comes first, then what it says. @throws CniError */
export function loadIpamConfig(call: PluginCall): IpamConfig {
  const { config, writtenVersion } = call;
  const runtime = object(config['runtimeConfig']);
  const ipam = object(config['ipam']);
  const own = isCniObject(config['ipam']) ? written(ipam) : undefined;
  const listed = writtenSets(ipam['ranges']);
  const routes = objects(ipam['routes']).map(routeOf);
  const dynamic = writtenSets(runtime['ipRanges']);
  const configured = [...texts(object(object(config['args'])['cni'])['ips']), ...texts(runtime['ips'])].map(
    askedAddress,
  );
  if (own === undefined) throw internalError("IPAM config missing 'ipam' key");
  const wanted = [...addressOfArgs(call), ...configured];
  const name = text(config['name']);
  return {
    name,
    directory: `${text(ipam['dataDir']) || DEFAULT_DATA_DIR}/${name}`,
    resolvConf: text(ipam['resolvConf']),
    ranges: canonicalSets([...dynamic, ...(own.subnet === undefined ? [] : [[own]]), ...listed], writtenVersion),
    routes,
    wanted,
  };
}
