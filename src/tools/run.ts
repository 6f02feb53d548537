/** Finds the tool and runs it in a namespace of the cluster. */

import type { Cluster, EndpointName } from '../cluster/index.js';
import { calicoctl } from './calicoctl.js';
import { curl } from './curl.js';
import { dig } from './dns/dig.js';
import { getent } from './dns/getent.js';
import { nslookup } from './dns/nslookup.js';
import { cat, hostname, ls } from './files.js';
import { bridge, conntrack, ipset, iptablesSave, sysctl } from './firewall.js';
import { ip } from './ip.js';
import { nc, ping, traceroute } from './probe.js';
import { failure, type Tool, type ToolResult } from './tool.js';

/** Every command that `exec` offers. */
export const TOOLS: Readonly<Record<string, Tool>> = {
  bridge,
  calicoctl,
  cat,
  conntrack,
  curl,
  dig,
  getent,
  hostname,
  ip,
  ipset,
  'iptables-save': iptablesSave,
  ls,
  nc,
  nslookup,
  ping,
  sysctl,
  traceroute,
};

/** Runs a command as it would run there. An unknown one ends with 127, as in a shell. */
export function runTool(cluster: Cluster, endpoint: EndpointName, command: readonly string[]): ToolResult {
  const { netns, pod } = cluster.locate(endpoint);
  const [name = '', ...args] = command;
  const tool = Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined;
  if (tool === undefined)
    return failure(127, `${name}: command not found; podwire offers ${Object.keys(TOOLS).join(', ')}`);
  return tool({ cluster, netns, pod }, args);
}
