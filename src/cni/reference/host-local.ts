/** host-local: addresses out of ranges, recorded in files of the host; plugins/ipam/host-local. */

import type { Host } from '../../kernel/index.js';
import { formatIpv4, type Ipv4Addr, ipv4, parseIpv4 } from '../../packet/index.js';
import { internalError } from '../errors.js';
import type { Plugin, PluginCall, PluginMachine } from '../plugin.js';
import type { CniDns, CniIp, CniResult } from '../result.js';
import { reference } from './common.js';
import { inRange, loadIpamConfig, type Range, type RangeSet, setText } from './host-local-config.js';

const LINE_BREAK = '\r\n';

const LAST_ADDRESS = 0xffff_ffff;
const unsigned = (addr: Ipv4Addr): number => addr >>> 0;

const owner = (call: PluginCall): string => `${call.containerId}${LINE_BREAK}${call.ifName}`;

const LAST_RESERVED = 'last_reserved_ip.';

/** The container that a file of host-local's holds an address for; undefined where it is no address's. */
export function hostLocalOwner(path: string, content: string): string | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return parseIpv4(name) === undefined ? undefined : content.trim().split(LINE_BREAK)[0];
}

/** All of its files on a host, whatever its networks are called and wherever they keep them. */
export function hostLocalFiles({ files }: Host): ReadonlyMap<string, string> {
  const directories = [...files.keys()].flatMap((path) => {
    const at = path.lastIndexOf('/') + 1;
    return path.startsWith(LAST_RESERVED, at) ? [path.slice(0, at)] : [];
  });
  return new Map([...files].filter(([path]) => directories.some((directory) => path.startsWith(directory))));
}

/** A file a reserved address (backend/disk): who made it first has it. */
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
    this.#files.set(`${this.#directory}/${LAST_RESERVED}${index}`, formatIpv4(addr));
    return true;
  }

  last(index: number): Ipv4Addr | undefined {
    return parseIpv4(this.#files.get(`${this.#directory}/${LAST_RESERVED}${index}`) ?? '');
  }

  /** Before interfaces were recorded there was the container alone. */
  addressesOf(call: PluginCall): Ipv4Addr[] {
    const own = this.#addressesWith(owner(call));
    return own.length > 0 ? own : this.#addressesWith(call.containerId);
  }

  #addressesWith(content: string): Ipv4Addr[] {
    const found: Ipv4Addr[] = [];
    const prefix = `${this.#directory}/`;
    for (const [path, text] of this.#files) {
      if (!path.startsWith(prefix) || text.trim() !== content) continue;
      const addr = parseIpv4(path.slice(prefix.length));
      if (addr !== undefined) found.push(addr);
    }
    return found;
  }

  release(call: PluginCall): void {
    for (const addr of this.addressesOf(call)) this.#files.delete(`${this.#directory}/${formatIpv4(addr)}`);
  }
}

interface Candidate {
  readonly addr: Ipv4Addr;
  readonly range: Range;
}

/**
 * RangeIter: round robin behind the last reserved address, each once, never a gateway. A range that begins behind its end
 * goes on to whatever comes next.
 */
function* candidates(set: RangeSet, last: Ipv4Addr | undefined): Generator<Candidate> {
  const found = last === undefined ? -1 : set.findIndex((range) => inRange(range, last));
  let index = Math.max(found, 0);
  let current = found < 0 || last === undefined ? undefined : unsigned(last);
  for (let first: number | undefined; ; first ??= current) {
    if (current !== undefined && current === unsigned(set[index]?.end ?? ipv4(0))) {
      index = (index + 1) % set.length;
      current = undefined;
    }
    const range = set[index];
    if (range === undefined) return;
    current = current === undefined ? unsigned(range.start) : current + 1;
    if (current === first || current > LAST_ADDRESS) return;
    if (ipv4(current) !== range.gateway) yield { addr: ipv4(current), range };
  }
}

const ipOf = (addr: Ipv4Addr, { subnet, gateway }: Range): CniIp => ({
  address: `${formatIpv4(addr)}/${subnet.length}`,
  gateway: formatIpv4(gateway),
});

/** IPAllocator.Get() for an address that was asked for. @throws CniError */
function allocateWanted(
  reservations: Reservations,
  set: RangeSet,
  { index, wanted, who }: { readonly index: number; readonly wanted: Ipv4Addr; readonly who: string },
): CniIp {
  const range = set.find((one) => inRange(one, wanted));
  if (range === undefined) throw internalError(`${formatIpv4(wanted)} not in range set ${setText(set)}`);
  if (wanted === range.gateway) throw internalError(`requested ip ${formatIpv4(wanted)} is subnet's gateway`);
  if (!reservations.reserve(wanted, who, index)) {
    throw internalError(`requested IP address ${formatIpv4(wanted)} is not available in range set ${setText(set)}`);
  }
  return ipOf(wanted, range);
}

/** IPAllocator.Get() for any address. @throws CniError */
function allocateAny(
  reservations: Reservations,
  set: RangeSet,
  { index, call }: { readonly index: number; readonly call: PluginCall },
): CniIp {
  const has = reservations.addressesOf(call).find((addr) => set.some((range) => inRange(range, addr)));
  if (has !== undefined) {
    throw internalError(
      `${formatIpv4(has)} has been allocated to ${call.containerId}, duplicate allocation is not allowed`,
    );
  }
  for (const { addr, range } of candidates(set, reservations.last(index))) {
    if (reservations.reserve(addr, owner(call), index)) return ipOf(addr, range);
  }
  throw internalError(`no IP addresses available in range set: ${setText(set)}`);
}

/** One address a set; when a later one fails, the earlier are given back. @throws CniError */
function allocate(
  reservations: Reservations,
  call: PluginCall,
  { ranges, wanted }: { readonly ranges: readonly RangeSet[]; readonly wanted: readonly Ipv4Addr[] },
): CniIp[] {
  const left = [...new Set(wanted)];
  const ips: CniIp[] = [];
  try {
    for (const [index, set] of ranges.entries()) {
      const at = left.findIndex((addr) => set.some((range) => inRange(range, addr)));
      const [asked] = at < 0 ? [] : left.splice(at, 1);
      ips.push(
        asked === undefined
          ? allocateAny(reservations, set, { index, call })
          : allocateWanted(reservations, set, { index, wanted: asked, who: owner(call) }),
      );
    }
  } catch (error) {
    if (ips.length > 0) reservations.release(call);
    throw internalError(`failed to allocate for range ${ips.length}: ${error instanceof Error ? error.message : ''}`);
  }
  if (left.length === 0) return ips;
  reservations.release(call);
  throw internalError(`failed to allocate all requested IPs: ${left.map(formatIpv4).join(' ')}`);
}

/** parseResolvConf(). @throws CniError */
function readResolvConf(host: Host, path: string): CniDns {
  if (path === '') return {};
  const content = host.files.get(path);
  if (content === undefined) throw internalError(`open ${path}: no such file or directory`);
  const rows = content
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith(';'))
    .map((line) => line.split(/\s+/))
    .filter((words) => words.length > 1);
  const all = (keyword: string): string[] => rows.filter(([first]) => first === keyword).flatMap(([, ...rest]) => rest);
  const nameservers = rows.filter(([first]) => first === 'nameserver').map(([, server = '']) => server);
  const domain = rows.findLast(([first]) => first === 'domain')?.[1];
  return { nameservers, ...(domain === undefined ? {} : { domain }), search: all('search'), options: all('options') };
}

function add(call: PluginCall, { host }: PluginMachine): CniResult {
  const config = loadIpamConfig(call);
  const dns = readResolvConf(host, config.resolvConf);
  const ips = allocate(new Reservations(host, config.directory), call, config);
  return { interfaces: [], ips, routes: config.routes, dns };
}

/** The addresses that a container holds already, if there is one of each set. @throws CniError */
function held(call: PluginCall, host: Host): CniResult | undefined {
  const config = loadIpamConfig(call);
  const reservations = new Reservations(host, config.directory);
  const addresses = reservations.addressesOf(call);
  const ips = config.ranges.flatMap((set) => {
    for (const addr of addresses) {
      const range = set.find((one) => inRange(one, addr));
      if (range !== undefined) return [ipOf(addr, range)];
    }
    return [];
  });
  if (ips.length < config.ranges.length) {
    reservations.release(call);
    return undefined;
  }
  return { interfaces: [], ips, routes: config.routes, dns: readResolvConf(host, config.resolvConf) };
}

/**
 * host-local on a host that is built anew with the files that it had: a container that holds an address in them has it when
 * it is added for the first time, where the real plugin would call that a duplicate.
 */
export function rememberingHostLocal({ files }: Host, kept: ReadonlyMap<string, string>): Plugin {
  const waiting = new Set<string>();
  for (const [path, content] of kept) {
    files.set(path, content);
    if (hostLocalOwner(path, content) !== undefined) waiting.add(content.trim());
  }
  return {
    ...hostLocal,
    add: (call, machine) => (waiting.delete(owner(call)) ? held(call, machine.host) : undefined) ?? add(call, machine),
  };
}

export const hostLocal: Plugin = {
  ...reference('host-local'),
  add,
  del: (call, { host }) => new Reservations(host, loadIpamConfig(call).directory).release(call),
  check: (call, { host }) => {
    const reservations = new Reservations(host, loadIpamConfig(call).directory);
    if (reservations.addressesOf(call).length === 0) {
      throw internalError(`host-local: Failed to find address added by container ${call.containerId}`);
    }
    return undefined;
  },
};
