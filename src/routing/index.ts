/** The face of `routing`: BIRD on the machines of a cluster, its files, its sessions and the routes that it programs. */
export { birdRouting, birdRoutingUpTo } from './bird-routing.js';
export { RoutedCluster } from './routed-cluster.js';
