/** A cluster for tests of policy, as text through the loader, with what Felix makes of it. */

import { FelixDatastore } from '../../src/calico/datastore/felix.js';
import { storedIpam } from '../../src/calico/datastore/ipam.js';
import { computeFelix } from '../../src/calico/felix/felix.js';
import type { ChainText } from '../../src/calico/felix/rules/iptables-text.js';
import type { CalicoTableName, FelixState } from '../../src/calico/felix/state.js';
import type { FelixParameters } from '../../src/calico/model.js';
import { formatConfigError, loadCluster, type Store } from '../../src/kubernetes/index.js';
import { host } from './samples.js';

const pod = (
  name: string,
  address: string,
  rest: { labels?: object; annotations?: object; ports?: object[] } = {},
) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', labels: { app: name, ...rest.labels }, annotations: rest.annotations ?? {} },
  spec: { nodeName: 'node1', containers: [{ name: 'c', ports: rest.ports ?? [] }] },
  status: { podIP: address, podIPs: [{ ip: address }] },
});

const BASE: readonly object[] = [
  {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node1', annotations: { 'projectcalico.org/IPv4Address': '172.18.0.2/24' } },
    status: { addresses: [{ type: 'InternalIP', address: '172.18.0.2' }] },
  },
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'a' } } },
  { apiVersion: 'projectcalico.org/v3', kind: 'IPPool', metadata: { name: 'pool' }, spec: { cidr: '10.1.0.0/16' } },
  pod('web', '10.1.0.1', { ports: [{ name: 'http', containerPort: 8080 }] }),
  pod('client', '10.1.0.2'),
];

export const podWith = pod;

export const policy = (name: string, spec: object, kind = 'NetworkPolicy') => ({
  apiVersion: kind === 'NetworkPolicy' ? 'networking.k8s.io/v1' : 'projectcalico.org/v3',
  kind,
  metadata: { name, ...(kind.startsWith('Global') || kind === 'Tier' ? {} : { namespace: 'shop' }) },
  spec,
});

/** One of Calico's namespaced policies. */
export const calicoPolicy = (name: string, spec: object) => ({
  ...policy(name, spec),
  apiVersion: 'projectcalico.org/v3',
});

export class PolicyCluster {
  readonly store: Store;
  readonly datastore: FelixDatastore;
  readonly #parameters: FelixParameters;

  constructor(objects: readonly object[], parameters: FelixParameters = {}) {
    const text = [...BASE, ...objects].map((object) => JSON.stringify(object)).join('\n---\n');
    const { store, errors } = loadCluster([{ file: 'in.yaml', text }], { seed: 1 });
    if (errors.length > 0) throw new TypeError(errors.map(formatConfigError).join('\n'));
    this.store = store;
    this.datastore = new FelixDatastore(store, storedIpam(store));
    this.#parameters = parameters;
  }

  /** What is wanted of node1 now. */
  state(): FelixState {
    const { cluster } = this.datastore;
    const endpoints = this.datastore.endpointsOf('node1');
    return computeFelix(cluster, { ...host('node1', '172.18.0.2/24', this.#parameters), endpoints });
  }

  /** A chain's rules without comments of hashes; undefined where it is not programmed. */
  rules(name: string, table: CalicoTableName = 'filter'): string[] | undefined {
    return this.chain(name, table)?.rules.map(({ text }) => text.replace(/^-m comment --comment "cali:[^"]*" ?/, ''));
  }

  chain(name: string, table: CalicoTableName = 'filter'): ChainText | undefined {
    return this.state().tables[table].chains.find((chain) => chain.name === name);
  }

  members(id: string): readonly string[] | undefined {
    return this.state().ipsets.find((set) => set.id.startsWith(id))?.members;
  }
}
