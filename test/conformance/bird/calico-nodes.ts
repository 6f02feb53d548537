/** The nodes of vectors/calico/bird-fib: their machines, and what real daemons printed on them. */

import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { BirdDaemon } from '../../../src/bird/index.js';
import { Fabric, network } from '../../bird/fabric.js';

const FOLDER = join(resolve(process.env['PODWIRE_VECTORS'] ?? '../shared/vectors'), 'calico');
const read = (path: string): string => readFileSync(join(FOLDER, path), 'utf8');

export interface RecordedNode {
  readonly scenario: string;
  readonly name: string;
  readonly ipRoutes: readonly string[];
  readonly protocols: readonly string[];
  readonly birdRoutes: readonly string[];
}

const lines = (path: string): string[] =>
  read(path)
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');

export const scenarios = (): string[] => readdirSync(join(FOLDER, 'bird-fib')).toSorted();

function recordedNodes(scenario: string): RecordedNode[] {
  const files = readdirSync(join(FOLDER, 'bird-fib', scenario));
  const names = files.filter((file) => file.endsWith('.ip-route.txt')).map((file) => file.slice(0, 5));
  return names.toSorted().map((name) => ({
    scenario,
    name,
    ipRoutes: lines(`bird-fib/${scenario}/${name}.ip-route.txt`),
    protocols: lines(`bird-fib/${scenario}/${name}.protocols.txt`),
    birdRoutes: lines(`bird-fib/${scenario}/${name}.bird-routes.txt`),
  }));
}

/** node1 and node2 share a segment, node3 and node4 another; a router joins them. */
const ADDRESSES: Readonly<Record<string, readonly [segment: string, address: string, gateway: string]>> = {
  node1: ['rack1', '172.18.0.2/24', '172.18.0.1'],
  node2: ['rack1', '172.18.0.3/24', '172.18.0.1'],
  node3: ['rack2', '172.18.1.4/24', '172.18.1.1'],
  node4: ['rack2', '172.18.1.5/24', '172.18.1.1'],
};

/** Workloads are the `cali*` routes of the node's own table, as Felix programs them. */
function addWorkloads(fabric: Fabric, node: RecordedNode): void {
  for (const line of node.ipRoutes) {
    const match = /^(\S+) dev (cali\S+) scope link metric (\d+)$/.exec(line);
    if (match === null) continue;
    const [, address = '', name = '', metric = ''] = match;
    const dev = fabric.device(node.name, name);
    fabric.machine(node.name).fib.addRoute({
      destination: network(`${address}/32`),
      metric: Number(metric),
      scope: 'link',
      nextHops: [{ dev }],
    });
  }
}

/** The tunnel's device and its address, which Calico's IPAM gave it. */
function addTunnel(fabric: Fabric, node: RecordedNode): void {
  fabric.device(node.name, 'tunl0');
  for (const line of node.birdRoutes) {
    const match = /^(\S+\/32)\s+dev tunl0 \[direct1/.exec(line);
    if (match?.[1] !== undefined) fabric.address(node.name, 'tunl0', match[1]);
  }
}

export interface RunningNode {
  readonly recorded: RecordedNode;
  readonly daemon: BirdDaemon;
}

/** All nodes of a scenario with their daemons, and the router between them. */
export function startScenario(scenario: string): { readonly fabric: Fabric; readonly nodes: readonly RunningNode[] } {
  const fabric = new Fabric();
  fabric.plug('router', 'eth0', 'rack1', '172.18.0.1/24');
  fabric.plug('router', 'eth1', 'rack2', '172.18.1.1/24');
  fabric.forward('router');
  const nodes = recordedNodes(scenario).map((recorded) => {
    const [segment, address, gateway] = ADDRESSES[recorded.name] ?? ['rack1', '', ''];
    fabric.plug(recorded.name, 'eth0', segment, address);
    fabric.forward(recorded.name);
    fabric.defaultRoute(recorded.name, gateway);
    addTunnel(fabric, recorded);
    addWorkloads(fabric, recorded);
    return recorded;
  });
  const started = nodes.map((recorded) => {
    const folder = `confd-generated/${scenario}/${recorded.name}/expected`;
    const { files } = fabric.machine(recorded.name).host;
    for (const file of ['bird_aggr.cfg', 'bird_ipam.cfg']) files.set(`/etc/calico/${file}`, read(`${folder}/${file}`));
    const daemon = fabric.bird(recorded.name, read(`${folder}/bird.cfg`), {
      dialect: 'bird-1.6',
      file: '/etc/calico/bird.cfg',
    });
    return { recorded, daemon };
  });
  return { fabric, nodes: started };
}
