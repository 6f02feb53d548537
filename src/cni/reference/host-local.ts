/** host-local: addresses out of ranges, recorded in files of the host; plugins/ipam/host-local. */

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
import type { Host } from '../../kernel/index.js';
import { internalError } from '../errors.js';
import type { Plugin, PluginCall, PluginMachine } from '../plugin.js';
import { type CniIp, type CniObject, type CniResult, type CniRoute, isCniList } from '../result.js';
import { object, objects, reference, text, texts } from './common.js';

const DEFAULT_DATA_DIR = '/var/lib/cni/networks';
const LINE_BREAK = '\r\n';

interface Range {
  readonly subnet: Ipv4Prefix;
  readonly start: Ipv4Addr;
  readonly end: Ipv4Addr;
  readonly gateway: Ipv4Addr;
}

interface IpamConfig {
  readonly name: string;
  readonly directory: string;
  readonly ranges: readonly (readonly Range[])[];
  readonly routes: readonly CniRoute[];
  readonly wanted: readonly Ipv4Addr[];
}

const offset = (addr: Ipv4Addr, by: number): Ipv4Addr => ipv4(addr + by);
const unsigned = (addr: Ipv4Addr): number => addr >>> 0;

/** Range.Canonicalize(): the first address behind the network's to the last before the broadcast, the gateway first. */
function canonical(entry: CniObject): Range {
  const given = text(entry['subnet']);
  const subnet = parseIpv4Prefix(given);
  if (subnet === undefined) throw internalError(`invalid CIDR address: ${given}`);
  if (subnet.length > 30) throw internalError(`Network ${given} too small to allocate from`);
  if (ipv4Network(subnet.addr, subnet.length) !== subnet.addr) {
    throw internalError(
      `Network has host bits set. For a subnet mask of length ${subnet.length} the network address is ${formatIpv4(ipv4Network(subnet.addr, subnet.length))}`,
    );
  }
  const { first, last } = ipv4Range(subnet);
  const address = (key: string, fallback: Ipv4Addr): Ipv4Addr => {
    const value = text(entry[key]);
    const parsed = value === '' ? fallback : parseIpv4(value);
    if (parsed === undefined) throw internalError(`invalid IP address: ${value}`);
    return parsed;
  };
  const range = {
    subnet,
    start: address('rangeStart', offset(first, 1)),
    end: address('rangeEnd', offset(last, -1)),
    gateway: address('gateway', offset(first, 1)),
  };
  for (const [key, addr] of [
    ['RangeStart', range.start],
    ['RangeEnd', range.end],
  ] as const) {
    if (!prefixContains(subnet, addr))
      throw internalError(`${key} ${formatIpv4(addr)} not in network ${formatPrefix(subnet)}`);
  }
  return range;
}

/** LoadIPAMConfig(). @throws CniError */
function load(call: PluginCall): IpamConfig {
  const ipam = object(call.config['ipam']);
  if (Object.keys(ipam).length === 0) throw internalError("IPAM config missing 'ipam' key");
  const own = text(ipam['subnet']) === '' ? [] : [[canonical(ipam)]];
  const listed = isCniList(ipam['ranges']) ? ipam['ranges'].map((set) => objects(set).map(canonical)) : [];
  const asked = object(call.config['runtimeConfig'])['ipRanges'];
  const dynamic = isCniList(asked) ? asked.map((set) => objects(set).map(canonical)) : [];
  const ranges = [...dynamic, ...own, ...listed];
  if (ranges.length === 0) throw internalError('no IP ranges specified');
  const args = texts(object(object(call.config['args'])['cni'])['ips']);
  const capability = texts(object(call.config['runtimeConfig'])['ips']);
  const environment = call.args.get('IP');
  const wanted = [...(environment === undefined || environment === '' ? [] : [environment]), ...args, ...capability];
  return {
    name: text(call.config['name']),
    directory: `${text(ipam['dataDir']) || DEFAULT_DATA_DIR}/${text(call.config['name'])}`,
    ranges,
    routes: objects(ipam['routes']).map((route) => ({
      dst: text(route['dst']),
      ...(text(route['gw']) === '' ? {} : { gw: text(route['gw']) }),
    })),
    wanted: wanted.map((one) => {
      const addr = parseIpv4(one.split('/')[0] ?? '');
      if (addr === undefined) throw internalError(`invalid CIDR ${one}: invalid IP address`);
      return addr;
    }),
  };
}

const owner = (call: PluginCall): string => `${call.containerId}${LINE_BREAK}${call.ifName}`;

const inRange = (range: Range, addr: Ipv4Addr): boolean =>
  unsigned(addr) >= unsigned(range.start) && unsigned(addr) <= unsigned(range.end);

/** A file a reserved address: who made it first has it. */
class Reservations {
  readonly #files: Host['files'];
  readonly #directory: string;

  constructor(host: Host, directory: string) {
    this.#files = host.files;
    this.#directory = directory;
    if (!this.#files.has(`${directory}/lock`)) this.#files.set(`${directory}/lock`, '');
  }

  reserve(addr: Ipv4Addr, who: string, index: number): boolean {
    const path = `${this.#directory}/${formatIpv4(addr)}`;
    if (this.#files.has(path)) return false;
    this.#files.set(path, who);
    this.#files.set(`${this.#directory}/last_reserved_ip.${index}`, formatIpv4(addr));
    return true;
  }

  last(index: number): Ipv4Addr | undefined {
    return parseIpv4(this.#files.get(`${this.#directory}/last_reserved_ip.${index}`) ?? '');
  }

  *addressesOf(who: string): Generator<string> {
    for (const [path, content] of this.#files)
      if (path.startsWith(`${this.#directory}/`) && content === who) yield path;
  }

  release(who: string): void {
    for (const path of Array.from(this.addressesOf(who))) this.#files.delete(path);
  }
}

/** RangeIter: round robin behind the last reserved address, each once, never a gateway. */
function* candidates(
  set: readonly Range[],
  last: Ipv4Addr | undefined,
): Generator<{ readonly addr: Ipv4Addr; readonly range: Range }> {
  const all: { readonly range: Range; readonly size: number }[] = set.map((range) => ({
    range,
    size: unsigned(range.end) - unsigned(range.start) + 1,
  }));
  const total = all.reduce((sum, { size }) => sum + size, 0);
  const nth = (index: number): { readonly addr: Ipv4Addr; readonly range: Range } | undefined => {
    let left = index;
    for (const { range, size } of all) {
      if (left < size) return { addr: offset(range.start, left), range };
      left -= size;
    }
    return undefined;
  };
  let start = 0;
  if (last !== undefined) {
    let before = 0;
    for (const { range, size } of all) {
      if (inRange(range, last)) start = before + unsigned(last) - unsigned(range.start) + 1;
      before += size;
    }
  }
  for (let i = 0; i < total; i += 1) {
    const candidate = nth((start + i) % total);
    if (candidate !== undefined && candidate.addr !== candidate.range.gateway) yield candidate;
  }
}

const rangeText = (set: readonly Range[]): string =>
  set.map(({ start, end }) => `${formatIpv4(start)}-${formatIpv4(end)}`).join(',');

const ipOf = (addr: Ipv4Addr, range: Range): CniIp => ({
  address: `${formatIpv4(addr)}/${range.subnet.length}`,
  gateway: formatIpv4(range.gateway),
});

/** IPAllocator.Get(). @throws CniError */
function allocate(
  reservations: Reservations,
  set: readonly Range[],
  about: { index: number; wanted: Ipv4Addr | undefined; who: string },
): CniIp {
  const { index, wanted, who } = about;
  if (wanted !== undefined) {
    const range = set.find((one) => inRange(one, wanted));
    if (range === undefined) throw internalError(`${formatIpv4(wanted)} not in range set ${rangeText(set)}`);
    if (wanted === range.gateway) throw internalError(`requested ip ${formatIpv4(wanted)} is subnet's gateway`);
    if (!reservations.reserve(wanted, who, index)) {
      throw internalError(`requested IP address ${formatIpv4(wanted)} is not available in range set ${rangeText(set)}`);
    }
    return ipOf(wanted, range);
  }
  for (const { addr, range } of candidates(set, reservations.last(index))) {
    if (reservations.reserve(addr, who, index)) return ipOf(addr, range);
  }
  throw internalError(`no IP addresses available in range set: ${rangeText(set)}`);
}

function add(call: PluginCall, { host }: PluginMachine): CniResult {
  const config = load(call);
  const reservations = new Reservations(host, config.directory);
  const who = owner(call);
  const left = [...config.wanted];
  try {
    if ([...reservations.addressesOf(who)].length > 0) {
      throw internalError(
        `failed to allocate for range 0: ${[...reservations.addressesOf(who)].map((path) => path.split('/').at(-1)).join(', ')} has been allocated to ${call.containerId}, duplicate allocation is not allowed`,
      );
    }
    const ips = config.ranges.map((set, index) => {
      const at = left.findIndex((addr) => set.some((range) => prefixContains(range.subnet, addr)));
      const [wanted] = at < 0 ? [] : left.splice(at, 1);
      try {
        return allocate(reservations, set, { index, wanted, who });
      } catch (error) {
        throw internalError(`failed to allocate for range ${index}: ${error instanceof Error ? error.message : ''}`);
      }
    });
    const [unmet] = left;
    if (unmet !== undefined)
      throw internalError(`failed to allocate all requested IPs: ${left.map(formatIpv4).join(' ')}`);
    return { interfaces: [], ips, routes: config.routes, dns: {} };
  } catch (error) {
    if (!(error instanceof Error && error.message.includes('duplicate'))) reservations.release(who);
    throw error;
  }
}

export const hostLocal: Plugin = {
  ...reference,
  add,
  del: (call, { host }) => new Reservations(host, load(call).directory).release(owner(call)),
  check: (call, { host }) => {
    const reservations = new Reservations(host, load(call).directory);
    if ([...reservations.addressesOf(owner(call))].length === 0) {
      throw internalError(`host-local: Failed to find address added by container ${call.containerId}`);
    }
    return undefined;
  },
};
