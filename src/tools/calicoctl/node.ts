/** `calicoctl node status`: calicoctl/calicoctl/commands/node/status.go, which asks BIRD and prints what it says. */

import { storedNodes } from '../../calico/index.js';
import { misused } from './usage.js';
import { docopt } from './docopt.js';
import { ruledTable } from '../table.js';
import { failure, ok, type Tool } from '../tool.js';

/** status.go:bgpTypeMap. */
const PEER_TYPES: Readonly<Record<string, string>> = {
  Global: 'global',
  Mesh: 'node-to-node mesh',
  Node: 'node specific',
};
/** status.go:bgpPeerRegex. */
const PEER = /^(?<type>Global|Node|Mesh)_(?<address>.+)$/;

const HEADER = ['PEER ADDRESS', 'PEER TYPE', 'STATE', 'SINCE', 'INFO'];

/** status.go:unmarshalBIRD(): a line of `show protocols`; undefined for what is no peer of Calico's. */
function peerRow(line: string): readonly string[] | undefined {
  const [name = '', protocol, , state = '', since = '', ...info] = line.trim().split(/ +/);
  const found = PEER.exec(name)?.groups;
  if (protocol !== 'BGP' || found === undefined || info.length === 0) return undefined;
  const address = (found['address'] ?? '').replaceAll('_', '.');
  return [address, PEER_TYPES[found['type'] ?? ''] ?? '', state, since, info.join(' ')];
}

const NO_IPV6 = '\nIPv6 BGP status\nNo IPv6 peers found.\n';

/** Of `node diags`: it runs these and packs what they say into an archive, which is not modelled. */
const DIAGNOSTICS = 'ip route, ip addr, iptables-save -c, ipset list and ss -a -n';

export const calicoctlNode: Tool = ({ cluster, netns }, [command = '', ...args]) => {
  if (command === 'diags')
    return failure(1, `calicoctl node diags: the archive is not modelled; ${DIAGNOSTICS} show what it would hold`);
  if (command !== 'status') return failure(1, `calicoctl node ${command}: only status is offered here`);
  if (docopt(args, { values: [], flags: [], words: 0 }) === undefined) return misused('node status');
  if (netns.name !== '' || !storedNodes(cluster.store).some(({ name }) => name === netns.host.name))
    return failure(1, 'Calico process is not running.');
  const protocols = cluster.routing?.birdc(netns.host, 'show protocols');
  const head = 'Calico process is running.\n';
  if (protocols === undefined) return ok(`${head}\nThe BGP backend process (BIRD) is not running.\n\n`);
  const rows = protocols.split('\n').flatMap((line) => {
    const row = peerRow(line);
    return row === undefined ? [] : [row];
  });
  const table = rows.length === 0 ? 'No IPv4 peers found.\n' : ruledTable(HEADER, rows);
  return ok(`${head}\nIPv4 BGP status\n${table}${NO_IPV6}\n`);
};
