/**
 * BIRD in a cluster of 5,000 nodes: reading it, the routes of the first node that somebody asks for (which pays for what
 * all share), of others, and a trace between nodes that nobody has built. CPU time of this process.
 */

import { isNameProblem, parseDestination, parseEndpointName } from '../src/cluster/index.js';
import { RoutedCluster } from '../src/routing/index.js';
import { manyNodes } from '../test/routing/many-nodes.js';
import { cpu } from './calico-bgp.js';

const NODES = Number(process.env['NODES'] ?? 5000);

const sources = manyNodes({ nodes: NODES, flat: true, podsPerNode: 2 });
const cluster = cpu(`${NODES} nodes, ${2 * NODES} pods: reading`, () => new RoutedCluster(sources));
if (cluster.errors.length > 0) throw new Error(JSON.stringify(cluster.errors[0]));

for (const name of ['node0', `node${NODES / 2}`, 'node1', 'node2', 'node3']) {
  const host = cpu(`a node and its routes: ${name}`, () => cluster.node(name));
  const { length } = host.netns.fib.routes(254);
  if (length < NODES) throw new Error(`${length} routes`);
}

const from = parseEndpointName(`pod/shop/web-${NODES - 100}-0`);
const to = parseDestination(`pod/shop/web-${NODES - 1}-1:80`);
if (isNameProblem(from) || isNameProblem(to)) throw new Error('no names');
const { verdict, explanation } = cpu('a trace between two nodes that are built for it', () =>
  cluster.trace({ from, to, protocol: 'tcp' }),
);
if (verdict !== 'answered') throw new Error(`${verdict}: ${explanation.join(' ')}`);
cpu('the same again', () => cluster.trace({ from, to, protocol: 'tcp' }));
