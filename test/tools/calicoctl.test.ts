/** calicoctl, as it prints in a terminal: tables with lines and without, and the report of IPAM's check. */

import t from 'tap';
import { type Cluster } from '../../src/cluster/index.js';
import { RoutedCluster } from '../../src/routing/index.js';
import { loadTopology, outputOf, toolIn } from './run-in.js';

const NODE = 'node/node1';
const demo = (): Cluster => loadTopology('two-nodes-vxlan');

t.test('calicoctl ipam show tells how full the pools are', async (t) => {
  t.equal(
    outputOf(demo(), NODE, 'calicoctl ipam show --show-blocks'),
    `+----------+--------------------+-----------+------------+--------------+
| GROUPING |        CIDR        | IPS TOTAL | IPS IN USE |   IPS FREE   |
+----------+--------------------+-----------+------------+--------------+
| IP Pool  | 192.168.0.0/16     |     65536 | 4 (0%)     | 65532 (100%) |
| Block    | 192.168.104.0/26   |        64 | 2 (3%)     | 62 (97%)     |
| Block    | 192.168.166.128/26 |        64 | 2 (3%)     | 62 (97%)     |
+----------+--------------------+-----------+------------+--------------+
`,
  );
  t.notMatch(outputOf(demo(), NODE, 'calicoctl ipam show'), /Block/);
});

t.test('calicoctl ipam show --ip tells whose an address is', async (t) => {
  t.equal(
    outputOf(demo(), NODE, 'calicoctl ipam show --ip=192.168.104.0'),
    `IP 192.168.104.0 is in use
Handle ID: vxlan-tunnel-addr-node2
Active Owner Attributes:
  node: node2
  type: vxlanTunnelAddress
`,
  );
  t.equal(outputOf(demo(), NODE, 'calicoctl ipam show --ip 192.168.104.9'), '192.168.104.9 is not assigned\n');
  t.equal(outputOf(demo(), NODE, 'calicoctl ipam show --ip 203.0.113.9'), '203.0.113.9 is not assigned\n');
  t.same(toolIn(demo(), NODE, 'calicoctl ipam show --ip=x'), {
    exitCode: 1,
    stdout: 'Error executing command: invalid IP address specified: x\n',
    stderr: '',
  });
});

t.test('calicoctl ipam check finds nothing in a cluster that has just started', async (t) => {
  const report = outputOf(demo(), NODE, 'calicoctl ipam check');
  t.match(report, /^Checking IPAM for inconsistencies\.\.\.\n\nLoading all IPAM blocks\.\.\.\nFound 2 IPAM blocks\.\n/);
  t.match(report, /Found 2 node tunnel IPs\.\n/);
  t.match(report, /Workloads and nodes are using 4 IPs\.\n/);
  t.match(
    report,
    / {2}node1 has 2 allocations\n {2}node2 has 2 allocations\nNode with most allocations has 2; median is 2\n/,
  );
  t.match(report, /Check complete; found 0 problems\.\n$/);
  t.notMatch(report, /allocated; attrs/);
  t.match(
    outputOf(demo(), NODE, 'calicoctl ipam check --show-all-ips'),
    / {2}192\.168\.104\.0 belongs to Node\(node2\)\n/,
  );
});

/** A leaked address, a lent one, an unknown handle, a pod outside of the pools. */
const TROUBLE = `
apiVersion: v1
kind: Node
metadata: {name: node1, annotations: {projectcalico.org/IPv4Address: 172.18.0.2/24}}
---
apiVersion: v1
kind: Node
metadata: {name: node2, annotations: {projectcalico.org/IPv4Address: 172.18.0.3/24}}
---
apiVersion: crd.projectcalico.org/v1
kind: IPPool
metadata: {name: pods}
spec: {cidr: 10.1.0.0/24, blockSize: 30, ipipMode: Never}
---
apiVersion: crd.projectcalico.org/v1
kind: IPAMBlock
metadata: {name: 10-1-0-0-30}
spec:
  cidr: 10.1.0.0/30
  affinity: host:node1
  allocations: [0, 1, null, null]
  unallocated: [2, 3]
  attributes:
  - {handle_id: gone, secondary: {node: node1, namespace: shop, pod: gone}}
  - {handle_id: lent, secondary: {node: node2, namespace: shop, pod: lent}}
---
apiVersion: crd.projectcalico.org/v1
kind: IPAMHandle
metadata: {name: lent}
spec: {handleID: lent, block: {10.1.0.0/30: 1}}
---
apiVersion: crd.projectcalico.org/v1
kind: IPAMHandle
metadata: {name: stale}
spec: {handleID: stale, block: {10.1.0.0/30: 1}}
---
apiVersion: v1
kind: Pod
metadata: {name: lent, namespace: shop}
spec: {nodeName: node2, containers: [{name: c}]}
status: {phase: Running, podIP: 10.1.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: outside, namespace: shop}
spec: {nodeName: node2, containers: [{name: c}]}
status: {phase: Running, podIP: 10.9.0.1}
`;

const trouble = (): Cluster => new RoutedCluster([{ file: 'c.yaml', text: TROUBLE }], { seed: 1 });

t.test('calicoctl ipam check finds what leaks and what nobody gave out', async (t) => {
  const report = outputOf(trouble(), NODE, 'calicoctl ipam check --show-problem-ips');
  t.match(report, / {2}10\.1\.0\.0 leaked; attrs Main:gone Extra:namespace=shop,node=node1,pod=gone\n/);
  t.match(report, /Found 1 IPs that are allocated in IPAM but not actually in use\.\n/);
  t.match(
    report,
    / {2}10\.9\.0\.1 in use by Workload\(shop\/node2-k8s-outside-eth0\) is not in any active IP pool\.\n/,
  );
  t.match(report, /Found 1 in-use IPs that are not in active IP pools\.\n/);
  t.match(report, /Found 1 handles with no matching IPs \(and 1 handles with matches\)\.\n/);
  t.match(report, / {2}gone is in use in a block but doesn't exist\.\n/);
  t.match(report, /Check complete; found 3 problems\.\n$/);
});

t.test('calicoctl ipam show --show-borrowed tells who has taken from whose block', async (t) => {
  t.equal(
    outputOf(trouble(), NODE, 'calicoctl ipam show --show-borrowed'),
    `+----------+----------------+-------------+-------------+------+--------------+
|    IP    | BORROWING-NODE |    BLOCK    | BLOCK OWNER | TYPE | ALLOCATED-TO |
+----------+----------------+-------------+-------------+------+--------------+
| 10.1.0.1 | node2          | 10.1.0.0/30 | node1       | pod  | shop/lent    |
+----------+----------------+-------------+-------------+------+--------------+
`,
  );
});

t.test('calicoctl get lists what there is', async (t) => {
  const nodes = `NAME    ASN       IPV4            IPV6   
node1   (64512)   172.18.0.2/24          
node2   (64512)   172.18.0.3/24          

`;
  t.equal(outputOf(trouble(), NODE, 'calicoctl get nodes -o wide'), nodes);
  t.equal(outputOf(trouble(), NODE, 'calicoctl get no --output=wide'), nodes);
  t.equal(
    outputOf(trouble(), NODE, 'calicoctl get ippool pods'),
    'NAME   CIDR          SELECTOR   \npods   10.1.0.0/24   all()      \n\n',
  );
  t.match(toolIn(trouble(), NODE, 'calicoctl get ippool other'), {
    exitCode: 1,
    stderr: 'resource does not exist: IPPool(other) with error: <nil>\n',
  });
});

t.test('what calicoctl does not offer here it says', async (t) => {
  t.match(toolIn(demo(), NODE, 'calicoctl patch'), { exitCode: 1, stderr: /only node, ipam and get/ });
  t.match(toolIn(demo(), NODE, 'calicoctl ipam release'), { exitCode: 1, stderr: /only show and check/ });
  t.match(toolIn(demo(), NODE, 'calicoctl ipam show --all'), {
    exitCode: 1,
    stderr: /^invalid option: 'calicoctl ipam show --all'/,
  });
});

t.test("confd's files are those of the node, where BIRD runs", async (t) => {
  t.match(outputOf(trouble(), 'node/node2', 'cat /etc/calico/confd/config/bird.cfg'), /router id 172\.18\.0\.3;/);
  t.match(outputOf(trouble(), 'node/node2', 'ls /etc/calico/confd/config'), /^bird\.cfg\nbird6\.cfg\n/);
  t.match(toolIn(demo(), NODE, 'cat /etc/calico/confd/config/bird.cfg'), { exitCode: 1 });
});
