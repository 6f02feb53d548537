/** `calicoctl`: commands of IPAM, of a node and of the datastore, and lists of what there is. */

import { calicoctlDatastore } from './calicoctl-datastore.js';
import { calicoctlGet } from './calicoctl-get.js';
import { calicoctlIpam } from './calicoctl-ipam.js';
import { calicoctlNode } from './calicoctl-node.js';
import { failure, type Tool } from './tool.js';

export const calicoctl: Tool = (place, [command = '', ...args]) => {
  const { cluster } = place;
  if (command === 'node') return calicoctlNode(place, args);
  if (command === 'ipam') return calicoctlIpam(place, args);
  if (command === 'datastore') return calicoctlDatastore(cluster.store, args);
  if (command === 'get') return calicoctlGet(place, args);
  return failure(1, `calicoctl ${command}: only node, ipam, datastore and get are offered here`);
};
