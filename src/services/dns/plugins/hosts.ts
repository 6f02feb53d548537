/** The plugin `hosts`: a hosts file and lines of the Corefile's own (plugin/hosts). */

import { formatIp, type IpAddress, isIpv4, parseIp } from '../../../kubernetes/index.js';
import { DNS_FLAG, DNS_RCODE, type DnsRecord } from '../../../packet/index.js';
import { CorefileError, type Directive, type ServerBlock } from '../corefile/parse.js';
import { durationMs, fallthroughZones, integer, originsOf } from '../corefile/values.js';
import { type Handler, type Plugin, questionOf, replyTo } from '../exchange.js';
import { canonical, matchZone } from '../name.js';
import { addressOfReverse } from '../reverse.js';

export interface HostsSettings {
  readonly path: string;
  readonly zones: readonly string[];
  /** Lines in the form of a hosts file. */
  readonly inline: readonly string[];
  readonly fallthrough: readonly string[];
  readonly fallthroughUnsupported: boolean;
  readonly reverse: boolean;
  readonly ttl: number;
}

const DEFAULT_TTL = 3_600;
const MOST_TTL = 65_535;

/** @throws CorefileError */
export function hostsSettings(directive: Directive, block: ServerBlock): HostsSettings {
  const [path = '/etc/hosts', ...zones] = directive.args;
  const inline: string[] = [];
  let fallthrough: readonly string[] = [];
  let fallthroughUnsupported = false;
  let reverse = true;
  let ttl = DEFAULT_TTL;
  for (const line of directive.block) {
    const { name, args } = line;
    if (name === 'fallthrough') fallthrough = fallthroughZones(args);
    else if (name === 'fallthrough_unsupported') fallthroughUnsupported = true;
    else if (name === 'no_reverse') reverse = false;
    else if (name === 'ttl') ttl = integer(args[0], line, [1, MOST_TTL]);
    else if (name === 'reload') durationMs(args[0], line);
    else if (fallthrough.length > 0) throw new CorefileError(line.line, `unknown property '${name}'`);
    else inline.push([name, ...args].join(' '));
  }
  return { path, zones: originsOf(zones, block), inline, fallthrough, fallthroughUnsupported, reverse, ttl };
}

class HostsTable {
  readonly #addresses = new Map<string, IpAddress[]>();
  readonly #names = new Map<string, string[]>();

  constructor(lines: readonly string[], zones: readonly string[]) {
    for (const line of lines) {
      const [text = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
      const address = parseIp(text.replace(/%.*/, ''));
      if (address === undefined) continue;
      for (const name of names.map(canonical)) if (matchZone(zones, name) !== undefined) this.#add(name, address);
    }
  }

  #add(name: string, address: IpAddress): void {
    this.#addresses.set(name, [...(this.#addresses.get(name) ?? []), address]);
    if (name.startsWith('*.')) return;
    const text = formatIp(address);
    this.#names.set(text, [...(this.#names.get(text) ?? []), name]);
  }

  /** The name's own, or those of `*` in place of its first label. */
  addresses(name: string): readonly IpAddress[] {
    return this.#addresses.get(name) ?? this.#addresses.get(name.replace(/^[^.]*/, '*')) ?? [];
  }

  names(address: IpAddress): readonly string[] {
    return this.#names.get(formatIp(address)) ?? [];
  }
}

/** Addresses of a name, as records. */
function addressAnswers(
  name: string,
  type: string,
  { addresses, ttl }: { addresses: readonly IpAddress[]; ttl: number },
): readonly DnsRecord[] {
  const wanted = addresses.filter((address) => type === (isIpv4(address) ? 'A' : 'AAAA'));
  return wanted.map(
    (address): DnsRecord =>
      isIpv4(address) ? { name, ttl, type: 'A', address } : { name, ttl, type: 'AAAA', address },
  );
}

export const hostsPlugin =
  (settings: HostsSettings, readFile: (path: string) => string | undefined): Plugin =>
  (next) => {
    const { zones, inline, reverse } = settings;
    const file = (readFile(settings.path) ?? '').split('\n');
    return hostsHandler(settings, {
      next,
      tables: [new HostsTable(file, zones), new HostsTable(inline, zones)],
      reverse,
    });
  };

interface Parts {
  readonly next: Handler;
  readonly tables: readonly HostsTable[];
  readonly reverse: boolean;
}

const hostsHandler =
  (settings: HostsSettings, { next, tables, reverse }: Parts): Handler =>
  (request, reply) => {
    const { type, name: asked } = questionOf(request);
    const name = canonical(asked);
    const { ttl, fallthrough } = settings;
    const passes = matchZone(fallthrough, name) !== undefined;
    const answer = (answers: readonly DnsRecord[]): void =>
      reply({ message: replyTo(request.message, { flags: DNS_FLAG.authoritative, answers }) });
    if (type === 'PTR') {
      const address = addressOfReverse(name);
      const names = address === undefined || !reverse ? [] : tables.flatMap((table) => table.names(address));
      if (names.length === 0) next(request, reply);
      else answer(names.map((target) => ({ name, ttl, type: 'PTR', target })));
      return;
    }
    if (matchZone(settings.zones, name) === undefined) {
      next(request, reply);
      return;
    }
    if (type !== 'A' && type !== 'AAAA' && settings.fallthroughUnsupported && passes) {
      next(request, reply);
      return;
    }
    const addresses = tables.flatMap((table) => table.addresses(name));
    if (addresses.length > 0) answer(addressAnswers(name, type, { addresses, ttl }));
    else if (passes) next(request, reply);
    // Without an SOA there can be no NXDOMAIN.
    else reply({ rcode: DNS_RCODE.servFail });
  };
