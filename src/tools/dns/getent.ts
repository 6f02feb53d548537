/** `getent hosts|ahosts|ahostsv4` (glibc nss/getent.c): what programs of the C library are told. */

import { awaitLookup, resolverOf } from '../../cluster/index.js';
import { formatIp, type IpAddress, isIpv4, parseIp } from '../../kubernetes/index.js';
import type { Resolution } from '../../services/index.js';
import { failure, lines, ok, type Tool, type ToolPlace, type ToolResult } from '../tool.js';

const NOT_FOUND = 2;

type Found = Extract<Resolution, { kind: 'found' }>;

/** print_hosts(). */
const hostsRow = ({ canonicalName, aliases }: Found, address: IpAddress): string =>
  [formatIp(address).padEnd(15), canonicalName, ...aliases].join(' ');

/** By IPv6 first, then by IPv4, as gethostbyname2() is called. */
function hosts(place: ToolPlace, key: string): readonly string[] | undefined {
  const resolver = resolverOf(place.cluster.asker(place.netns, place.pod, 'getent'));
  const address = parseIp(key);
  if (address !== undefined) {
    const found = awaitLookup(place.netns, (done) => resolver.namesOf(address, done));
    return found.kind === 'found' ? [hostsRow(found, address)] : undefined;
  }
  for (const type of ['AAAA', 'A'] as const) {
    const found = awaitLookup(place.netns, (done) => resolver.hostByName(key, type, done));
    if (found.kind === 'found') return found.addresses.map((one) => hostsRow(found, one));
  }
  return undefined;
}

const KINDS = ['STREAM', 'DGRAM ', 'RAW   '] as const;

/** print_ahosts(): each address three times, the name beside the first. */
function ahosts(place: ToolPlace, key: string, ipv4Only: boolean): readonly string[] | undefined {
  const resolver = resolverOf(place.cluster.asker(place.netns, place.pod, 'getent'));
  const found = awaitLookup(place.netns, (done) =>
    ipv4Only ? resolver.hostByName(key, 'A', done) : resolver.addressesOf(key, done),
  );
  if (found.kind === 'failed') return undefined;
  const addresses = found.addresses.filter((one) => !ipv4Only || isIpv4(one));
  return addresses.flatMap((address, i) =>
    KINDS.map((kind, j) => `${formatIp(address).padEnd(15)} ${kind} ${i === 0 && j === 0 ? found.canonicalName : ''}`),
  );
}

const TRY_HELP = "Try `getent --help' or `getent --usage' for more information.\n";
/** Of root alone, as files have no other owner here; by name and number. */
const ROOT: Readonly<Record<string, string>> = { passwd: 'root:x:0:0:root:/root:/bin/bash', group: 'root:x:0:' };
/** Of glibc's, those that are not offered. */
const OTHERS = new Set(
  'ahostsv6 aliases ethers gshadow initgroups netgroup networks protocols rpc services shadow'.split(' '),
);

const wrongUse = (problem: string): ToolResult => ({ exitCode: 1, stdout: TRY_HELP, stderr: `${problem}\n` });

export const getent: Tool = (place, args) => {
  const [database, ...keys] = args;
  if (database === undefined) return wrongUse('getent: wrong number of arguments');
  const root = Object.hasOwn(ROOT, database) ? ROOT[database] : undefined;
  if (root !== undefined) {
    const isKnown = (key: string): boolean => key === 'root' || key === '0';
    const rows = keys.length === 0 ? [root] : keys.filter(isKnown).map(() => root);
    return { exitCode: keys.every(isKnown) ? 0 : NOT_FOUND, stdout: lines(rows), stderr: '' };
  }
  if (!/^(?:-.*|hosts|ahosts|ahostsv4)$/.test(database) && !OTHERS.has(database))
    return wrongUse(`Unknown database: ${database}`);
  if (database !== 'hosts' && database !== 'ahosts' && database !== 'ahostsv4')
    return failure(
      1,
      `getent: the database ${database} is not offered here; hosts, ahosts, ahostsv4, passwd and group are`,
    );
  const rows: string[] = [];
  for (const key of keys) {
    const found = database === 'hosts' ? hosts(place, key) : ahosts(place, key, database === 'ahostsv4');
    if (found === undefined) return { exitCode: NOT_FOUND, stdout: lines(rows), stderr: '' };
    rows.push(...found);
  }
  return ok(lines(rows));
};
