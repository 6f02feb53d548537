/** Upstream's answers for kube-proxy, read from the vectors folder; where it is absent the suites skip and say so. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  detectByCidr,
  featuresOf,
  type IptablesSettings,
  NodePortAddresses,
  type IpFamily,
} from '../../../src/kube-proxy/index.js';
import { loadCluster, parseCidr, parseIp, type Store } from '../../../src/kubernetes/index.js';
import { Json } from '../calico/vectors.js';

const FOLDER = join(resolve(process.env['PODWIRE_VECTORS'] ?? '../shared/vectors'), 'kube-proxy');

/** Options for a tap test: skipped with the reason where there is nothing to compare with. */
export const NEEDS_VECTORS: { readonly skip?: string } = existsSync(FOLDER)
  ? {}
  : { skip: `no vectors at ${FOLDER}; set PODWIRE_VECTORS` };

export const loadVector = (path: string): Json => new Json(JSON.parse(readFileSync(join(FOLDER, path), 'utf8')), path);

/** The files of a folder, without their endings; none where the vectors are absent. */
export const vectorNames = (folder: string): readonly string[] =>
  NEEDS_VECTORS.skip === undefined
    ? readdirSync(join(FOLDER, folder))
        .filter((name) => name.endsWith('.json'))
        .map((name) => name.slice(0, -'.json'.length))
        .toSorted()
    : [];

/** Objects as they are in a vector, through the loader that users' files go through. @throws for one that it refuses */
export function storeOf(...lists: readonly Json[]): Store {
  const text = lists.flatMap((list) => list.list().map(({ value }) => JSON.stringify(value))).join('\n');
  const { store, errors } = loadCluster([{ file: 'vector.json', text }], { seed: 1 });
  if (errors.length > 0) throw new Error(`the loader refuses the objects of a vector: ${JSON.stringify(errors)}`);
  return store;
}

const required = <T>(value: T | undefined, what: string): T => {
  if (value === undefined) throw new TypeError(`expected ${what}`);
  return value;
};

const familyNamed = (name: string): IpFamily => (name === 'IPv6' ? 'IPv6' : 'IPv4');

/** A case's `kubeProxy`. */
export function settingsOf(config: Json): IptablesSettings {
  const family = familyNamed(config.get('ipFamily').text());
  const cidrs = config.get('nodePortAddresses').texts();
  const nodePortAddresses = new NodePortAddresses(
    cidrs.map((text) => required(parseCidr(text), 'a CIDR')),
    family,
  );
  const detect = config.get('detectLocal');
  return {
    family,
    node: { name: config.get('nodeName').text(), zone: '' },
    nodeIp: parseIp(config.get('nodeIP').text()),
    features: featuresOf(),
    masqueradeMark: config.get('masqueradeMark').text(),
    masqueradeAll: config.get('masqueradeAll').flag(),
    localDetector:
      detect.get('mode').text() === 'ClusterCIDR'
        ? detectByCidr(required(parseCidr(detect.get('clusterCIDR').text()), 'a CIDR'))
        : undefined,
    nodePortAddresses,
    localhostNodePorts:
      config.get('localhostNodePorts').flag() && family === 'IPv4' && nodePortAddresses.containsIpv4Loopback,
    conntrackTcpBeLiberal: config.get('conntrackTCPBeLiberal').flag(),
    counters: new Set(config.get('nfacctCounters').texts()),
    randomFully: config.get('randomFully').flag(),
  };
}

/** The addresses of a case's node, by interface, with their prefix lengths. */
export const localAddresses = (config: Json): readonly (readonly [device: string, addresses: readonly string[]])[] =>
  config
    .get('localAddresses')
    .entries()
    .map(([device, addresses]) => [device, addresses.texts()]);
