/** What ADD answers, in the form of each version of the specification. */

import { CNI_ERROR, CniError } from './errors.js';
import { versionAtLeast } from './version.js';

export interface CniInterface {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  /** Path of the namespace; absent for an interface of the host. */
  readonly sandbox?: string;
}

export interface CniIp {
  /** Index into `interfaces`. */
  readonly interface?: number;
  /** With its prefix length: `10.1.0.5/16`. */
  readonly address: string;
  readonly gateway?: string;
}

export interface CniRoute {
  readonly dst: string;
  readonly gw?: string;
  readonly mtu?: number;
  readonly priority?: number;
  readonly scope?: number;
  readonly table?: number;
}

export interface CniDns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

/** The newest form; older ones are made from it and read into it. */
export interface CniResult {
  readonly interfaces: readonly CniInterface[];
  readonly ips: readonly CniIp[];
  readonly routes: readonly CniRoute[];
  readonly dns: CniDns;
}

export const EMPTY_RESULT: CniResult = { interfaces: [], ips: [], routes: [], dns: {} };

export type CniJson = string | number | boolean | null | readonly CniJson[] | CniObject;
export interface CniObject {
  readonly [key: string]: CniJson;
}

export const isCniObject = (value: CniJson | undefined): value is CniObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isCniList = (value: CniJson | undefined): value is readonly CniJson[] => Array.isArray(value);

const given = (key: string, value: CniJson | undefined): CniObject =>
  value === undefined || value === '' || value === 0 || (Array.isArray(value) && value.length === 0)
    ? {}
    : { [key]: value };

const dnsJson = (dns: CniDns): CniObject => ({
  ...given('nameservers', dns.nameservers),
  ...given('domain', dns.domain),
  ...given('search', dns.search),
  ...given('options', dns.options),
});

const routeJson = (route: CniRoute, version: string): CniObject => ({
  dst: route.dst,
  ...given('gw', route.gw),
  ...(versionAtLeast(version, '1.1.0')
    ? {
        ...given('mtu', route.mtu),
        ...given('priority', route.priority),
        ...given('scope', route.scope),
        ...given('table', route.table),
      }
    : {}),
});

const interfaceJson = (nic: CniInterface, version: string): CniObject => ({
  name: nic.name,
  ...given('mac', nic.mac),
  ...(versionAtLeast(version, '1.1.0') ? given('mtu', nic.mtu) : {}),
  ...given('sandbox', nic.sandbox),
});

const isIpv6Text = (address: string): boolean => address.includes(':');

const ipJson = (ip: CniIp, version: string): CniObject => ({
  ...(versionAtLeast(version, '1.0.0') ? {} : { version: isIpv6Text(ip.address) ? '6' : '4' }),
  ...(ip.interface === undefined ? {} : { interface: ip.interface }),
  address: ip.address,
  ...given('gateway', ip.gateway),
});

/** Versions 0.1.0 and 0.2.0 (types/020): one address of each family, no interfaces. */
function oldJson(result: CniResult, version: string): CniObject {
  const family = (ipv6: boolean): CniObject | undefined => {
    const ip = result.ips.find(({ address }) => isIpv6Text(address) === ipv6);
    if (ip === undefined) return undefined;
    const routes = result.routes
      .filter(({ dst }) => isIpv6Text(dst) === ipv6)
      .map(({ dst, gw }) => ({ dst, ...given('gw', gw) }));
    return { ip: ip.address, ...given('gateway', ip.gateway), ...given('routes', routes) };
  };
  const [ip4, ip6] = [family(false), family(true)];
  if (ip4 === undefined && ip6 === undefined) {
    throw new CniError(CNI_ERROR.internal, 'cannot convert: no valid IP addresses');
  }
  return {
    cniVersion: version,
    ...(ip4 === undefined ? {} : { ip4 }),
    ...(ip6 === undefined ? {} : { ip6 }),
    dns: dnsJson(result.dns),
  };
}

/** The result as a plugin prints it for a configuration of that version; '' is a configuration without one. */
export function resultJson(result: CniResult, version: string): CniObject {
  if (version === '') return oldJson(result, '0.2.0');
  if (!versionAtLeast(version, '0.3.0')) return oldJson(result, version);
  return {
    cniVersion: version,
    ...given(
      'interfaces',
      result.interfaces.map((nic) => interfaceJson(nic, version)),
    ),
    ...given(
      'ips',
      result.ips.map((ip) => ipJson(ip, version)),
    ),
    ...given(
      'routes',
      result.routes.map((route) => routeJson(route, version)),
    ),
    dns: dnsJson(result.dns),
  };
}

/** Every object's keys in order, and no `dns` that says nothing. */
export function sortedResult(result: CniObject): CniObject {
  const { dns, ...rest } = result;
  const sort = (value: CniJson): CniJson => {
    if (isCniList(value)) return value.map(sort);
    if (!isCniObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, one]) => [key, sort(one)]),
    );
  };
  const whole: CniObject = isCniObject(dns) && Object.keys(dns).length > 0 ? { ...rest, dns } : rest;
  const sorted = sort(whole);
  return isCniObject(sorted) ? sorted : whole;
}

const list = (value: CniJson | undefined): readonly CniObject[] =>
  Array.isArray(value) ? value.filter(isCniObject) : [];
const text = (value: CniJson | undefined): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
const number = (value: CniJson | undefined): number | undefined => (typeof value === 'number' ? value : undefined);
const texts = (value: CniJson | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];

const defined = <T extends object>(fields: { readonly [K in keyof T]: T[K] | undefined }): T => {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as T;
};

function parseDns(value: CniJson | undefined): CniDns {
  if (!isCniObject(value)) return {};
  return {
    ...(value['nameservers'] === undefined ? {} : { nameservers: texts(value['nameservers']) }),
    ...(text(value['domain']) === undefined ? {} : { domain: text(value['domain']) ?? '' }),
    ...(value['search'] === undefined ? {} : { search: texts(value['search']) }),
    ...(value['options'] === undefined ? {} : { options: texts(value['options']) }),
  };
}

const parseRoute = (route: CniObject): CniRoute =>
  defined<CniRoute>({
    dst: text(route['dst']) ?? '',
    gw: text(route['gw']),
    mtu: number(route['mtu']),
    priority: number(route['priority']),
    scope: number(route['scope']),
    table: number(route['table']),
  });

function parseOld(value: CniObject): CniResult {
  const families = [value['ip4'], value['ip6']].filter(isCniObject);
  return {
    interfaces: [],
    ips: families.map((family) =>
      defined<CniIp>({ interface: undefined, address: text(family['ip']) ?? '', gateway: text(family['gateway']) }),
    ),
    routes: families.flatMap((family) => list(family['routes']).map(parseRoute)),
    dns: parseDns(value['dns']),
  };
}

/** A result of any version: `prevResult`, a cached one, the answer of a delegate. */
export function parseResult(value: CniObject): CniResult {
  if (value['ip4'] !== undefined || value['ip6'] !== undefined) return parseOld(value);
  return {
    interfaces: list(value['interfaces']).map((nic) =>
      defined<CniInterface>({
        name: text(nic['name']) ?? '',
        mac: text(nic['mac']),
        mtu: number(nic['mtu']),
        sandbox: text(nic['sandbox']),
      }),
    ),
    ips: list(value['ips']).map((ip) =>
      defined<CniIp>({
        interface: number(ip['interface']),
        address: text(ip['address']) ?? '',
        gateway: text(ip['gateway']),
      }),
    ),
    routes: list(value['routes']).map(parseRoute),
    dns: parseDns(value['dns']),
  };
}

/** Go's json.MarshalIndent(v, "", "    "), HTML escapes included. */
export const printJson = (value: CniObject): string =>
  JSON.stringify(value, null, 4).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
