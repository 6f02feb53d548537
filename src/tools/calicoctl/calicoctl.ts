/** `calicoctl`: commands of IPAM, of a node and of the datastore, and lists of what there is. */

import { calicoctlDatastore } from './datastore.js';
import { calicoctlGet } from './get.js';
import { calicoctlIpam } from './ipam.js';
import { calicoctlNode } from './node.js';
import { calicoctlVersion } from './version.js';
import { failure, type Tool } from '../tool.js';

/** What objects are changed by, and files read. */
const NOT_OFFERED = new Set(['create', 'replace', 'apply', 'patch', 'delete', 'label', 'validate', 'cluster']);

export const calicoctl: Tool = (place, all) => {
  const isAllowed = all[0] === '--allow-version-mismatch';
  const [command = '', ...args] = isAllowed ? all.slice(1) : all;
  const { store } = place.cluster;
  if (command === 'node') return calicoctlNode(place, args);
  if (command === 'ipam') return calicoctlIpam(place, args);
  if (command === 'datastore') return calicoctlDatastore(store, args);
  if (command === 'get') return calicoctlGet(place, args);
  if (command === 'version') return calicoctlVersion(store, args);
  const offered = 'get, ipam, node, datastore and version';
  if (NOT_OFFERED.has(command)) return failure(1, `calicoctl ${command}: only ${offered} are offered here`);
  if (command === '' || command.startsWith('-')) {
    const said = `Invalid option: '${all.join(' ')}'. Use flag '--help' to read about a specific subcommand.\n`;
    return { exitCode: 1, stdout: said, stderr: '' };
  }
  return failure(1, `unknown command: "${command}"\nOf calicoctl's commands ${offered} are offered here.`);
};
