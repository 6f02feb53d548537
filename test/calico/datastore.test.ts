import t from 'tap';
import { formatCidr } from '../../src/calico/cidr.js';
import { felixCluster, felixLayers } from '../../src/calico/datastore/felix.js';
import { blockSummaries, ipamContext, storedIpam } from '../../src/calico/datastore/ipam.js';
import {
  storedEndpoints,
  storedNodes,
  storedPools,
  storedProfiles,
  storedReservations,
} from '../../src/calico/datastore/resources.js';
import { computeFelix } from '../../src/calico/felix/felix.js';
import { readFelixConfig } from '../../src/calico/felix/parameters.js';
import { autoAssign } from '../../src/calico/ipam/auto-assign.js';
import { formatCause } from '../../src/trace/index.js';
import { loadCluster, type Store } from '../../src/kubernetes/index.js';
import { host, NOW_NS } from './samples.js';

const CLUSTER = `
apiVersion: v1
kind: Node
metadata:
  name: node1
  labels: {zone: west}
  annotations:
    projectcalico.org/IPv4Address: 172.18.0.2/24
    projectcalico.org/IPv4VXLANTunnelAddr: 10.1.0.0
status: {addresses: [{type: InternalIP, address: 172.18.0.2}]}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: node2}
spec:
  bgp: {ipv4Address: 172.18.0.3/24}
  ipv4VXLANTunnelAddr: 10.1.0.64
---
apiVersion: v1
kind: Node
metadata: {name: node2}
---
apiVersion: crd.projectcalico.org/v1
kind: IPPool
metadata: {name: pods}
spec: {cidr: 10.1.0.0/16, vxlanMode: Always, natOutgoing: true}
---
apiVersion: crd.projectcalico.org/v1
kind: IPReservation
metadata: {name: keep}
spec: {reservedCIDRs: [10.1.0.6, 10.9.0.0/16]}
---
apiVersion: crd.projectcalico.org/v1
kind: BlockAffinity
metadata: {name: node1-10-1-0-0-26}
spec: {cidr: 10.1.0.0/26, node: node1, state: confirmed, deleted: "false"}
---
apiVersion: crd.projectcalico.org/v1
kind: IPAMBlock
metadata: {name: 10-1-0-0-26}
spec:
  cidr: 10.1.0.0/26
  affinity: host:node1
  allocations: [0, null, 1, ${Array.from({ length: 61 }, () => 'null').join(', ')}]
  unallocated: [5, 6, 7, 1]
  attributes:
  - {handle_id: vxlan-tunnel-addr-node1, secondary: {node: node1, type: vxlanTunnelAddress}}
  - {handle_id: k8s-pod-network.x, secondary: {node: node2, namespace: shop, pod: lent}}
  deleted: false
  strictAffinity: false
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: red}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}, annotations: {cni.projectcalico.org/podIPs: 10.1.0.5/32}}
spec: {nodeName: node1, serviceAccountName: seller, containers: [{name: c}]}
status: {phase: Running, podIP: 10.1.0.99}
---
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: shop}
spec: {nodeName: node1, hostNetwork: true, containers: [{name: c}]}
status: {phase: Running, podIP: 172.18.0.2}
---
apiVersion: v1
kind: Pod
metadata: {name: done, namespace: shop}
spec: {nodeName: node1, containers: [{name: c}]}
status: {phase: Succeeded, podIP: 10.1.0.8}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: default}
spec:
  defaultEndpointToHostAction: Return
  vxlanMTU: 1400
  failsafeInboundHostPorts: [{protocol: TCP, port: 22}, {protocol: UDP, port: 68, net: 10.0.0.0/8}]
  failsafeOutboundHostPorts: []
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: node.node1}
spec: {vxlanMTU: 1390}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: western}
spec: {nodeSelector: zone == 'west', vxlanMTU: 1380, logPrefix: west}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: calico-node}}
  template:
    metadata: {labels: {k8s-app: calico-node}}
    spec:
      hostNetwork: true
      containers:
      - name: calico-node
        env:
        - {name: FELIX_DEFAULTENDPOINTTOHOSTACTION, value: ACCEPT}
        - {name: NODENAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
`;

function load(text: string): Store {
  const { store, errors } = loadCluster([{ file: 'cluster.yaml', text }], { seed: 1 });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return store;
}

const store = load(CLUSTER);

t.test('nodes are read from annotations and from resources of their own', async (t) => {
  const nodes = storedNodes(store).map(({ name, ipv4Address, labels }) => [
    name,
    ipv4Address && formatCidr(ipv4Address),
    labels['zone'],
  ]);
  t.same(nodes, [
    ['node1', '172.18.0.2/24', 'west'],
    ['node2', '172.18.0.3/24', undefined],
  ]);
});

t.test('a pool gets what the API fills in', async (t) => {
  t.match(storedPools(store), [
    { name: 'pods', blockSize: 26, nodeSelector: 'all()', allowedUses: ['Workload', 'Tunnel'], natOutgoing: true },
  ]);
});

t.test("endpoints are the pods with an address of their own, the plugin's record first", async (t) => {
  const endpoints = storedEndpoints(store);
  t.same(
    endpoints.map(({ pod, networks }) => [pod, networks.map(formatCidr)]),
    [['web', ['10.1.0.5/32']]],
  );
  t.same(endpoints[0]?.profiles, ['kns.shop', 'ksa.shop.seller']);
  t.equal(endpoints[0]?.labels['projectcalico.org/serviceaccount'], 'seller');
});

t.test('namespaces and service accounts are profiles, those that only a pod names too', async (t) => {
  const profiles = storedProfiles(store);
  t.match(profiles.find(({ name }) => name === 'kns.shop')?.labelsToApply, {
    'pcns.projectcalico.org/name': 'shop',
    'pcns.team': 'red',
  });
  t.ok(profiles.some(({ name }) => name === 'ksa.shop.seller'));
});

t.test('recorded IPAM goes on where it was', async (t) => {
  const ipam = storedIpam(store);
  const context = ipamContext(store, () => NOW_NS);
  const request = { host: 'node1', version: 4, count: 3, use: 'Workload', attributes: {} } as const;
  t.same(
    autoAssign(ipam, request, context).addresses.map(formatCidr),
    ['10.1.0.5/26', '10.1.0.7/26', '10.1.0.1/26'],
    'the reserved one is passed over',
  );
  t.same(storedReservations(store).map(formatCidr), ['10.1.0.6/32', '10.9.0.0/16']);
});

t.test('an address that another node has borrowed is told to Felix', async (t) => {
  const [block] = blockSummaries(storedIpam(store));
  t.equal(block?.host, 'node1');
  t.same(
    block?.borrowed.map(({ address, host: node }) => [Number(address.value & 0xffn), node]),
    [[2, 'node2']],
  );
});

t.test('parameters come from the environment, then from the objects, the most particular first', async (t) => {
  const layers = felixLayers(store, 'node1');
  t.same(
    layers.map(({ because }) => because.map(formatCause).join()),
    [
      'DaemonSet kube-system/calico-node, environment',
      'FelixConfiguration node.node1',
      'FelixConfiguration western',
      'FelixConfiguration default',
    ],
  );
  const { config, problems } = readFelixConfig(layers);
  t.same(problems, []);
  t.equal(config.defaultEndpointToHostAction, 'ACCEPT');
  t.equal(config.vxlanMtu, 1390);
  t.equal(config.logPrefix, 'west');
  t.same(config.failsafeInbound, [
    { protocol: 'tcp', port: 22 },
    { protocol: 'udp', port: 68, net: '10.0.0.0/8' },
  ]);
  t.same(config.failsafeOutbound, []);
  t.equal(readFelixConfig(felixLayers(store, 'node2')).config.vxlanMtu, 1400, 'another node has only the general ones');
});

t.test(
  'of several FelixConfigurations that select a node the oldest counts, with what it is annotated with',
  async (t) => {
    const felix = (name: string, metadata: string, spec: string): string =>
      `apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {name: ${name}, ${metadata}}\nspec: ${spec}\n---\n`;
    const loaded = load(
      [
        'apiVersion: v1\nkind: Node\nmetadata: {name: node1, labels: {zone: west}}\n---\n',
        felix('a-newer', 'creationTimestamp: "2026-02-01T00:00:00Z"', '{nodeSelector: all(), logPrefix: newer}'),
        felix(
          'b-older',
          'creationTimestamp: "2026-01-01T00:00:00Z"',
          "{nodeSelector: zone == 'west', logPrefix: older}",
        ),
        felix(
          'default',
          'annotations: {config.projectcalico.org/IpInIpMtu: "1300"}',
          '{ipipMTU: 1400, logPrefix: all}',
        ),
      ].join(''),
    );
    const { config } = readFelixConfig(felixLayers(loaded, 'node1'));
    t.equal(config.logPrefix, 'older');
    t.equal(config.ipipMtu, 1300);
  },
);

t.test(
  'without the DaemonSet pods reach their node, as all of Calico’s installations have it, unless an object says no',
  async (t) => {
    const toHost = (text: string) =>
      readFelixConfig(felixLayers(load(text), 'node1')).config.defaultEndpointToHostAction;
    const felix = (spec: string): string =>
      `apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {name: default}\nspec: ${spec}\n`;
    t.equal(toHost(felix('{}')), 'ACCEPT');
    t.equal(toHost(felix('{defaultEndpointToHostAction: Drop}')), 'DROP');
    const silent = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: kube-system}
spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: calico-node}]}}}
`;
    t.equal(toHost(silent), 'DROP', 'an installation of somebody’s own that leaves it out');
  },
);

t.test('a node is computed from its objects alone', async (t) => {
  const cluster = felixCluster(store, storedIpam(store));
  const { config } = readFelixConfig(felixLayers(store, 'node1'));
  const state = computeFelix(cluster, { ...host('node1', '172.18.0.2/24'), config, endpoints: storedEndpoints(store) });
  t.equal(state.mtu.pod, 1390);
  const borrowed = state.routes.find(({ destination }) => formatCidr(destination) === '10.1.0.2/32');
  t.match(borrowed, { dev: 'vxlan.calico', mtu: 1390, onlink: true });
  const toHost = state.tables.filter.chains.find(({ name }) => name === 'cali-wl-to-host')?.rules.at(-1);
  t.match(toHost?.text, /Configured DefaultEndpointToHostAction" --jump ACCEPT$/);
  t.ok(toHost?.because.map(formatCause).includes('DaemonSet kube-system/calico-node, environment'));
});
