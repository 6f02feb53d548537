/** A small cluster that speaks BGP, as text: three nodes, a pool, a block each, a Service. */

import { ConfdDatastore } from '../../src/calico/datastore/confd.js';
import { storedIpam } from '../../src/calico/datastore/ipam.js';
import { type ConfdFile, renderConfd } from '../../src/calico/confd/render.js';
import { loadCluster, type Store } from '../../src/kubernetes/index.js';

export const node = (name: string, address: string, more = ''): string => `
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: ${name}${more}}
spec: {bgp: {ipv4Address: ${address}}}
`;

export const resource = (kind: string, name: string, spec: string): string => `
apiVersion: projectcalico.org/v3
kind: ${kind}
metadata: {name: ${name}}
spec: ${spec}
`;

/** The API server takes no Service without a port. */
const withPort = (spec: string): string => spec.replace(/}$/, `${spec === '{}' ? '' : ', '}ports: [{port: 80}]}`);

export const service = (name: string, spec: string, status = '{}'): string => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: ${withPort(spec)}
status: ${status}
`;

export const slice = (serviceName: string, nodes: readonly string[], type = 'IPv4'): string => `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${serviceName}-${type.toLowerCase()}, namespace: shop, labels: {kubernetes.io/service-name: ${serviceName}}}
addressType: ${type}
endpoints: [${nodes.map((one, i) => `{addresses: ['${type === 'IPv4' ? '10.1.0.' : 'fd00::'}${i + 1}'], nodeName: ${one}}`).join(', ')}]
`;

export const NODES = [node('node1', '10.0.0.9/24'), node('node2', '10.0.0.10/24'), node('node3', '10.0.1.4/24')];

export const POOL = resource('IPPool', 'pods', '{cidr: 10.1.0.0/16, ipipMode: CrossSubnet}');

export function load(documents: readonly string[]): Store {
  const { store, errors } = loadCluster([{ file: 'c.yaml', text: documents.join('---') }], { seed: 1 });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return store;
}

export const datastoreOf = (store: Store): ConfdDatastore => new ConfdDatastore(store, storedIpam(store));

/** A file of one node. */
export function fileOf(documents: readonly string[], name: string, file: ConfdFile, routerId = ''): string {
  const rendered = renderConfd(datastoreOf(load(documents)).cluster, { node: name, routerId });
  if (rendered === undefined) throw new Error(`no files for ${name}`);
  return rendered[file];
}

/** The section of one session. */
export const session = (bird: string, name: string): string | undefined =>
  new RegExp(`^protocol bgp ${name} from bgp_template \\{\\n[^]*?^\\}`, 'm').exec(bird)?.[0];

export const sessions = (bird: string): string[] =>
  [...bird.matchAll(/^protocol bgp (\S+)/gm)].map(([, name = '']) => name);

/** CIDRs that stand under "Static routes." */
export const announced = (aggr: string): string[] => {
  const [, rest = ''] = aggr.split('# Static routes.\n');
  const [section = ''] = rest.split('}');
  return [...section.matchAll(/route (\S+) blackhole/g)].map(([, cidr = '']) => cidr);
};
