/** A case of vectors/calico/e2e, loaded as any cluster is; the harness's own notation beside it. */

import { FelixDatastore } from '../../../src/calico/datastore/felix.js';
import type { FelixHost, HostInterface, FelixCluster } from '../../../src/calico/felix/calc/input.js';
import { type ParameterLayer, readFelixConfig } from '../../../src/calico/felix/parameters.js';
import { loadIpam } from '../../../src/calico/ipam/objects.js';
import type { CalicoNode } from '../../../src/calico/model.js';
import { storedNodes } from '../../../src/calico/datastore/resources.js';
import {
  formatConfigError,
  formatFinding,
  type JsonObject,
  field,
  loadCluster,
  registeredKind,
  schema,
} from '../../../src/kubernetes/index.js';
import { parseCidr } from '../../../src/calico/cidr.js';
import { readVector } from './vectors.js';

const { record, rawMap, text } = schema;

const harnessKind = <B>(kind: string, body: schema.Schema<B>) =>
  registeredKind({
    kind,
    groups: ['test'],
    namespaced: false,
    body,
    // They have none.
    nameOf: (document) => JSON.stringify(field(document, 'spec')),
  });

/** The recording harness had these two devices on every node. */
function harnessInterfaces({ ipv4Address, ipv6Address }: CalicoNode): HostInterface[] {
  const loopback = ['127.0.0.1/8', '::1/128'].flatMap((address) => parseCidr(address) ?? []);
  const own = [ipv4Address, ipv6Address].flatMap((address) => address ?? []);
  return [
    { name: 'lo', up: true, mtu: 65536, addresses: loopback },
    { name: 'eth0', up: true, mtu: 1500, addresses: own },
  ];
}

const parameters = (spec: JsonObject): Record<string, string> =>
  Object.fromEntries(Object.entries(spec).map(([name, value]) => [name, typeof value === 'string' ? value : '']));

export interface E2eCase {
  readonly cluster: FelixCluster;
  readonly host: (node: string) => FelixHost;
}

export function loadE2eCase(name: string): E2eCase {
  const blocks = harnessKind('IPAMBlock', record({ spec: record({ cidr: text, affinity: text }) }));
  const params = harnessKind('FelixParams', record({ spec: rawMap }));
  const file = `e2e/${name}/input.yaml`;
  const sources = [{ file, text: readVector(file) }];
  const { store, errors, findings } = loadCluster(sources, { seed: 1, kinds: [blocks, params] });
  const wrong = [...errors.map(formatConfigError), ...findings.map(formatFinding)].filter(
    (message) => !/pods-on-missing|its node \w+ does not exist|namespace/.test(message),
  );
  if (wrong.length > 0) throw new TypeError(wrong.join('\n'));
  const ipam = loadIpam({
    blocks: blocks.objects.list().map(({ body }) => ({
      ...body.spec,
      affinityClaimTime: '',
      allocations: [],
      unallocated: [],
      attributes: [],
      strictAffinity: false,
      sequenceNumber: 0,
      sequenceNumberForAllocation: {},
    })),
    affinities: [],
    handles: [],
  });
  const datastore = new FelixDatastore(store, ipam);
  // Later documents add to earlier ones.
  const layers: ParameterLayer[] = params.objects
    .list()
    .toSorted((a, b) => a.source.line - b.source.line)
    .map(({ body }) => ({ parameters: parameters(body.spec), because: [] }));
  const { config } = readFelixConfig(layers.toReversed());
  const nodes = storedNodes(store);
  return {
    cluster: datastore.cluster,
    host: (wanted) => {
      const node = nodes.find((one) => one.name === wanted);
      if (node === undefined) throw new TypeError(`no node ${wanted}`);
      return {
        node: wanted,
        config,
        interfaces: harnessInterfaces(node),
        endpoints: datastore.endpoints.filter((one) => one.node === wanted),
      };
    },
  };
}
