/** Records of what a name stands for (plugin/backend_lookup.go). Owners are written as the question has them. */

import { isIpv4 } from '../../../kubernetes/index.js';
import type { DnsRecord } from '../../../packet/index.js';
import { canonical, isBelow, join } from '../name.js';
import type { KubernetesBackend, NamedAddress, Question, Target } from './backend.js';

/** Longer chains of CNAMEs are cut. */
const MAX_CHAIN = 10;

const MAX_SOA_TTL = 300;
const SOA_TIMES = { refresh: 7_200, retry: 1_800, expire: 86_400 } as const;

/** What is known here of an address, and the name outside the zone at which it goes on. */
export interface AddressAnswer {
  readonly records: readonly DnsRecord[];
  readonly onward?: string;
}

const addressRecord = (name: string, target: Target, ttl: number): DnsRecord | undefined => {
  if (typeof target.host === 'string') return undefined;
  return isIpv4(target.host)
    ? { name, ttl, type: 'A', address: target.host }
    : { name, ttl, type: 'AAAA', address: target.host };
};

/** Each once. */
function distinct(records: readonly DnsRecord[]): readonly DnsRecord[] {
  const seen = new Set<string>();
  return records.filter((record) => {
    const key = JSON.stringify(record);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/**
 * A() and AAAA(): addresses, or the CNAME of an ExternalName Service and what it leads to while that is in the same zone.
 * A CNAME into the zone that leads to nothing is left out, as CoreDNS does.
 */
export function addressRecords(
  backend: KubernetesBackend,
  question: Question,
  chain: readonly string[] = [],
): AddressAnswer | 'nxdomain' {
  const { name, type, zone } = question;
  const { ttl } = backend.settings;
  const targets = backend.targets(question);
  if (targets === 'nxdomain') return 'nxdomain';
  const alias = targets.find(({ host }) => typeof host === 'string')?.host;
  if (typeof alias !== 'string') {
    const records = targets.map((target) => addressRecord(name, target, ttl));
    return {
      records: distinct(records.filter((record) => record?.type === type).filter((record) => record !== undefined)),
    };
  }
  const loops = chain.includes(alias) || isBelow(canonical(name), alias) || chain.length > MAX_CHAIN;
  if (loops) return { records: [] };
  const cname: DnsRecord = { name, ttl, type: 'CNAME', target: alias };
  if (!isBelow(zone, alias)) return { records: [cname], onward: alias };
  const next = addressRecords(backend, { name: alias, type, zone }, [...chain, alias]);
  if (next === 'nxdomain' || next.records.length === 0) return { records: [] };
  return { ...next, records: [cname, ...next.records] };
}

export interface ServiceAnswer {
  readonly records: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

/** SRV(): every port of every host, with equal weights; a host known by address gets a name of its own. */
export function serviceRecords(backend: KubernetesBackend, question: Question): ServiceAnswer | 'nxdomain' {
  const { name } = question;
  const { ttl } = backend.settings;
  const found = backend.targets(question);
  if (found === 'nxdomain') return 'nxdomain';
  const targets = found.filter(({ host }) => typeof host !== 'string');
  const weight = Math.max(1, Math.floor((100 / (100 * targets.length)) * 100));
  const declared = targets.filter(({ port }) => port !== -1);
  const records = declared.map(
    ({ key, port }): DnsRecord => ({ name, ttl, type: 'SRV', priority: 0, weight, port, target: key }),
  );
  const addresses = declared.map((target) => addressRecord(target.key, target, ttl)).filter((one) => one !== undefined);
  return { records: distinct(records), additionals: distinct(addresses) };
}

/** NS(): the names of the Services that lead to CoreDNS, and their addresses. */
export function nameServerRecords(backend: KubernetesBackend, name: string, zone: string): ServiceAnswer {
  const { ttl } = backend.settings;
  const servers = backend.nameServers(zone);
  const address = ({ name: owner, address: host }: NamedAddress) =>
    addressRecord(owner, { host, port: 0, key: '' }, ttl);
  return {
    records: distinct(servers.map((server): DnsRecord => ({ name, ttl, type: 'NS', target: server.name }))),
    additionals: servers.map(address).filter((one) => one !== undefined),
  };
}

export function startOfAuthority(backend: KubernetesBackend, zone: string): DnsRecord {
  const { ttl } = backend.settings;
  return {
    name: zone,
    ttl: Math.min(ttl, MAX_SOA_TTL),
    type: 'SOA',
    mname: join('ns.dns', zone),
    rname: join('hostmaster', zone),
    serial: backend.serial,
    ...SOA_TIMES,
    minimum: ttl,
  };
}
