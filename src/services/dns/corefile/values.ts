/** What plugins read of their arguments. */

import { canonical } from '../name.js';
import { reverseZones } from '../reverse.js';
import { CorefileError, type CorefileLine, type Directive, type ServerBlock } from './parse.js';

const DNS_SERVER_PORT = 53;

/** A key of a server block (core/dnsserver/address.go:normalizeZone()). */
export interface ServerKey {
  readonly transport: string;
  readonly zones: readonly string[];
  readonly port: number;
}

const TRANSPORT = /^(dns|tls|grpc|https|https3|quic):\/\/(.*)$/;
const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  dns: 53,
  tls: 853,
  grpc: 443,
  https: 443,
  https3: 443,
  quic: 853,
};

export function parseKey(key: string, line: number): ServerKey {
  const [, transport = 'dns', rest = key] = TRANSPORT.exec(key) ?? [];
  const [, host = rest, portText] = /^(.*):(\d+)$/.exec(rest) ?? [];
  if (host === '' && portText === undefined) throw new CorefileError(line, `expecting data after last colon: "${key}"`);
  const port = portText === undefined ? (DEFAULT_PORTS[transport] ?? DNS_SERVER_PORT) : Number(portText);
  if (port > 65_535) throw new CorefileError(line, `invalid port in "${key}"`);
  return { transport, zones: zonesOf(host), port };
}

/** A zone, or the reverse zones of an address range. */
const zonesOf = (text: string): readonly string[] => reverseZones(text) ?? [canonical(text)];

/** A zone as an argument: a port or a transport before or behind it is nothing. */
export const argumentZones = (args: readonly string[]): readonly string[] =>
  args.flatMap((text) => {
    const [, , bare = text] = TRANSPORT.exec(text) ?? [];
    return zonesOf(bare.replace(/:\d+$/, ''));
  });

/** The zones that a directive names, or those of its server block (plugin/normalize.go:OriginsFromArgsOrServerBlock()). */
export const originsOf = (args: readonly string[], block: ServerBlock): readonly string[] =>
  args.length > 0 ? argumentZones(args) : block.keys.flatMap((key) => parseKey(key, block.line).zones);

/** `fallthrough [ZONES…]` (plugin/pkg/fall). */
export const fallthroughZones = (args: readonly string[]): readonly string[] =>
  args.length === 0 ? ['.'] : argumentZones(args);

export const wrongArguments = ({ name, line }: CorefileLine | Directive): CorefileError =>
  new CorefileError(line, `wrong argument count or unexpected line ending after '${name}'`);

export const unknownProperty = ({ name, line }: CorefileLine): CorefileError =>
  new CorefileError(line, `unknown property '${name}'`);

/** A whole number within bounds. */
export function integer(text: string | undefined, at: CorefileLine, [least, most]: readonly [number, number]): number {
  if (text === undefined) throw wrongArguments(at);
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text)) throw new CorefileError(at.line, `${at.name}: invalid number "${text}"`);
  if (value < least || value > most)
    throw new CorefileError(at.line, `${at.name} must be in range [${least}, ${most}]: ${value}`);
  return value;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** time.ParseDuration(): `1h30m`, `500ms`, `0`; in milliseconds. */
export function durationMs(text: string | undefined, at: CorefileLine): number {
  if (text === undefined) throw wrongArguments(at);
  if (text === '0') return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text)
    throw new CorefileError(at.line, `${at.name}: invalid duration "${text}"`);
  return parts.reduce((sum, [, number, unit = 's']) => sum + Number(number) * (UNIT_MS[unit] ?? 0), 0);
}

/** RE2's syntax is nearly JavaScript's: named groups and inline flags differ. */
export function regularExpression(text: string, line: number): RegExp {
  const [, flags = '', rest = text] = /^\(\?([ims]+)\)(.*)$/s.exec(text) ?? [];
  try {
    return new RegExp(rest.replace(/\(\?P</g, '(?<'), flags);
  } catch {
    throw new CorefileError(line, `invalid regex matching pattern: ${text}`);
  }
}
