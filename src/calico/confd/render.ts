/** All files that confd writes for a node; confd/etc/calico/confd. A pure function of the settled view. */

import { renderAggrCfg } from './bird-aggr-cfg.js';
import { renderBirdCfg } from './bird-cfg.js';
import { renderIpamCfg } from './bird-ipam-cfg.js';
import type { ConfdCluster, NodeTexts } from './cluster.js';
import type { ConfdHost } from './model.js';
import { type NodeConfig, nodeConfig } from './node-config.js';

export const CONFD_FOLDER = '/etc/calico/confd/config';

export const CONFD_FILES = [
  'bird.cfg',
  'bird_aggr.cfg',
  'bird_ipam.cfg',
  'bird6.cfg',
  'bird6_aggr.cfg',
  'bird6_ipam.cfg',
] as const;

export type ConfdFile = (typeof CONFD_FILES)[number];

/** The texts by name of file; undefined where the datastore does not know the node: then nothing is written. */
export function renderConfd(cluster: ConfdCluster, host: ConfdHost): Readonly<Record<ConfdFile, string>> | undefined {
  const ipv4 = nodeConfig(cluster, host, 4);
  const ipv6 = nodeConfig(cluster, host, 6);
  if (ipv4 === undefined || ipv6 === undefined) return undefined;
  const kubernetesNode = host.kubernetesNode ?? host.node;
  return {
    'bird.cfg': renderBirdCfg(ipv4),
    'bird_aggr.cfg': renderAggrCfg(ipv4, kubernetesNode),
    'bird_ipam.cfg': renderIpamCfg(ipv4, kubernetesNode),
    'bird6.cfg': renderBirdCfg(ipv6),
    'bird6_aggr.cfg': renderAggrCfg(ipv6, kubernetesNode),
    'bird6_ipam.cfg': renderIpamCfg(ipv6, kubernetesNode),
  };
}

/** What `bird` of a node reads, with a session to these nodes of its mesh and to no others. */
export function renderBird(
  config: NodeConfig,
  host: ConfdHost,
  mesh: readonly NodeTexts[],
): ReadonlyMap<string, string> {
  const kubernetesNode = host.kubernetesNode ?? host.node;
  return new Map([
    [`${CONFD_FOLDER}/bird.cfg`, renderBirdCfg(config, mesh)],
    [`${CONFD_FOLDER}/bird_aggr.cfg`, renderAggrCfg(config, kubernetesNode)],
    [`${CONFD_FOLDER}/bird_ipam.cfg`, renderIpamCfg(config, kubernetesNode)],
  ]);
}
