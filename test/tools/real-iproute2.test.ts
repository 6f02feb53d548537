/** `ip` against the real one: namespaces with the same devices, addresses and routes must print the same. */

import { spawnSync } from 'node:child_process';
import t from 'tap';
import { runTool } from '../../src/tools/index.js';
import { outputOf, loadTopology } from './run-in.js';

const NODE = `pw-tools-node-${process.pid}`;
const POD = `pw-tools-pod-${process.pid}`;
const PEER = `pw-tools-peer-${process.pid}`;
const NAMESPACES = [NODE, POD, PEER];

const cluster = loadTopology('two-nodes-vxlan');

function real(command: string): string {
  const [program = '', ...args] = command.split(' ');
  const { status, stdout, stderr } = spawnSync(program, args);
  if (status !== 0) throw new Error(`${command}: ${stderr?.toString() ?? 'cannot be run'}`);
  return stdout.toString();
}

const inNode = (command: string): string => real(`ip netns exec ${NODE} ${command}`);
const inPod = (command: string): string => real(`ip netns exec ${POD} ${command}`);

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'namespaces need root';
  try {
    for (const name of NAMESPACES) spawnSync('ip', ['netns', 'delete', name]);
    real(`ip netns add ${NODE}`);
    real(`ip netns delete ${NODE}`);
    return /iproute2-(\S+)/.test(real('ip -V')) ? false : 'this is no iproute2';
  } catch (error) {
    return `no network namespaces here: ${error instanceof Error ? error.message : ''}`;
  }
}

const skip = whyNot();

/** A word behind another in a text. */
const after = (text: string, word: string): string => new RegExp(`${word} (\\S+)`).exec(text)?.[1] ?? '';
const macOf = (place: string, dev: string): string =>
  after(outputOf(cluster, place, `ip link show ${dev}`), 'link/ether');

const NODE_PLACE = 'node/node1';
const POD_PLACE = 'pod/default/client';
const CALI = /\d+: (cali[0-9a-f]+)@/.exec(outputOf(cluster, NODE_PLACE, 'ip link'))?.[1] ?? '';

/** The devices of node1 and of its pod, by the numbers that they have there. */
function build(): void {
  for (const name of NAMESPACES) {
    real(`ip netns add ${name}`);
    for (const which of ['all', 'default'])
      real(`ip netns exec ${name} sysctl -qw net.ipv6.conf.${which}.disable_ipv6=1`);
    real(`ip -n ${name} link set lo up`);
  }
  real(
    `ip -n ${NODE} link add eth0 index 2 address ${macOf(NODE_PLACE, 'eth0')} type veth peer name eth0 index 9 netns ${PEER}`,
  );
  real(
    `ip -n ${NODE} link add ${CALI} index 3 address ee:ee:ee:ee:ee:ee mtu 1450 type veth peer name eth0 index 2 address ${macOf(POD_PLACE, 'eth0')} mtu 1450 netns ${POD}`,
  );
  real(`ip -n ${PEER} link set eth0 up`);
  for (const dev of ['eth0', CALI]) real(`ip -n ${NODE} link set ${dev} up`);
  real(`ip -n ${NODE} addr add 172.18.0.2/24 dev eth0`);
  real(
    `ip -n ${NODE} link add vxlan.calico index 4 address ${macOf(NODE_PLACE, 'vxlan.calico')} mtu 1450 type vxlan id 4096 local 172.18.0.2 dev eth0 dstport 4789 nolearning`,
  );
  real(`ip -n ${NODE} link set vxlan.calico up`);
  real(
    `ip -n ${NODE} addr add ${after(outputOf(cluster, NODE_PLACE, 'ip addr show vxlan.calico'), 'inet')} dev vxlan.calico`,
  );
  real(`ip -n ${POD} link set eth0 up`);
  real(`ip -n ${POD} addr add ${after(outputOf(cluster, POD_PLACE, 'ip addr show eth0'), 'inet')} dev eth0`);
  for (const [namespace, place] of [
    [NODE, NODE_PLACE],
    [POD, POD_PLACE],
  ] as const)
    addRoutes(namespace, place);
  const [neighbour = '', , dev = '', , mac = ''] = outputOf(cluster, NODE_PLACE, 'ip neigh').split(' ');
  real(`ip -n ${NODE} neigh add ${neighbour} dev ${dev} lladdr ${mac} nud permanent`);
}

/** Those that the kernel does not make itself, directly connected ones first. */
function addRoutes(namespace: string, place: string): void {
  const routes = outputOf(cluster, place, 'ip route')
    .trimEnd()
    .split('\n')
    .filter((route) => !route.includes('proto kernel'));
  const direct = (route: string): number => (route.includes(' via ') ? 1 : 0);
  for (const route of routes.sort((a, b) => direct(a) - direct(b)))
    real(`ip -n ${namespace} route add ${route.trim()}`);
}

/**
 * What cannot be alike: node1's eth0 is plugged into a switch, its double is one end of a veth; the other
 * namespaces have names of their own, and a host's own namespace has none here.
 */
const alike = (text: string): string =>
  text
    .replace(/^(2: eth0)@if9(: .* qdisc )noqueue/m, '$1$2pfifo_fast')
    .replace(/^eth0@if9/m, 'eth0    ')
    .replace(new RegExp(` link-netns ${PEER}`), '')
    .replaceAll(`link-netns ${NODE}`, 'link-netnsid 0')
    .replaceAll(/cni-[0-9a-f-]{36}/g, POD);

/** Options, and the lines of standard input. */
const BATCHES: readonly (readonly [option: string, ...rows: readonly string[]])[] = [
  ['-batch -', 'link show lo', '# nothing', '', 'route show table main # all', 'rule'],
  ['-o -b -', 'addr show "lo"', 'link \\', '  show lo', "route show 'dev' eth0"],
  ['-batch -', 'link show lo', 'nothing', 'link show lo'],
  ['-force -b -', 'link show nope', 'nothing', 'link show lo'],
  ['-b /nope'],
];

t.test('ip prints what iproute2 prints', { skip }, (t) => {
  t.teardown(() => {
    for (const name of NAMESPACES) spawnSync('ip', ['netns', 'delete', name]);
  });
  build();
  const commands = [
    'ip addr',
    'ip link',
    'ip link show lo',
    'ip addr show lo',
    'ip route',
    'ip route show table local',
    'ip route show table all',
    'ip route show dev eth0',
    'ip route show dev eth0 table local',
    'ip rule',
    'ip neigh',
    'ip neigh show dev eth0',
    'ip -br addr',
    'ip -br link',
  ];
  for (const command of commands) {
    t.equal(alike(outputOf(cluster, NODE_PLACE, command)), alike(inNode(command)), `${command} on the node`);
    if (command !== 'ip neigh')
      t.equal(alike(outputOf(cluster, POD_PLACE, command)), alike(inPod(command)), `${command} in the pod`);
  }
  for (const [option, ...rows] of BATCHES) {
    const input = rows.join('\n');
    const script = `ip ${option} <<'END'\n${input}\nEND`;
    const ours = runTool(cluster, { kind: 'node', name: 'node1' }, ['sh', '-c', script]);
    const theirs = spawnSync('ip', ['netns', 'exec', NODE, 'ip', ...option.split(' ')], { input, encoding: 'utf8' });
    t.equal(alike(ours.stdout), alike(theirs.stdout), script);
    t.match(ours, { exitCode: theirs.status, stderr: theirs.stderr }, script);
  }
  for (const destination of [
    '192.168.104.9',
    '172.18.0.9',
    '203.0.113.10',
    '192.168.166.129',
    '127.0.0.1',
    '172.18.0.2',
  ]) {
    const command = `ip route get ${destination}`;
    t.equal(outputOf(cluster, NODE_PLACE, command), inNode(command), command);
  }
  const neighbours = 'ip neigh show dev vxlan.calico';
  t.equal(outputOf(cluster, NODE_PLACE, neighbours), inNode(neighbours), neighbours);
  t.equal(outputOf(cluster, POD_PLACE, 'ip route get 8.8.8.8'), inPod('ip route get 8.8.8.8'));
  t.end();
});

/** Fields of `ip -j` whose values are a matter of the double: see alike(). */
function jsonAlike(text: string): unknown {
  const dropped = new Set(['link_netnsid', 'link_netns', 'link_index', 'link', 'qdisc']);
  return JSON.parse(text, (key, value: unknown) => (dropped.has(key) ? undefined : value));
}

t.test('ip -j prints what iproute2 prints', { skip }, (t) => {
  t.teardown(() => {
    for (const name of NAMESPACES) spawnSync('ip', ['netns', 'delete', name]);
  });
  build();
  for (const command of [
    'ip -j addr',
    'ip -j link',
    'ip -j route',
    'ip -j route show dev eth0',
    'ip -j route show table local',
  ]) {
    t.same(jsonAlike(outputOf(cluster, NODE_PLACE, command)), jsonAlike(inNode(command)), `${command} on the node`);
    t.same(jsonAlike(outputOf(cluster, POD_PLACE, command)), jsonAlike(inPod(command)), `${command} in the pod`);
  }
  t.end();
});
