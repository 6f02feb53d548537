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

t.test('the report of calicoctl ipam check names handles that hold nothing, and they are deleted by it', async (t) => {
  const cluster = trouble();
  outputOf(cluster, NODE, 'calicoctl ipam check -o /report.json');
  t.match(cluster.node('node1').files.get('/report.json'), /"leakedHandles": \[\s+\{\s+"ID": "stale",/);
  t.match(
    toolIn(cluster, NODE, 'calicoctl ipam release --from-report=/report.json --force').stdout,
    /^Deleting 1 handles\.\.\.\n.*\n\.\nReleased 1 handles; 0 skipped; 0 errors\.\n/m,
  );
  t.match(outputOf(cluster, NODE, 'calicoctl ipam check'), /Found 0 handles with no matching IPs/);
});

t.test('calicoctl ipam check counts the Services that kube-controllers are told to give addresses to', async (t) => {
  const service = (name: string, metadata: string, spec = ''): string => `
---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop${metadata}}
spec: {type: LoadBalancer, ports: [{port: 80}]${spec}}
status: {loadBalancer: {ingress: [{ip: 10.1.0.7}]}}
`;
  const controllers = (text: string): string => `
---
apiVersion: crd.projectcalico.org/v1
kind: KubeControllersConfiguration
metadata: {name: default}
spec: {controllers: ${text}}
`;
  const services =
    service('any', '') +
    service('asked', ', annotations: {projectcalico.org/loadBalancerIPs: \'["10.1.0.7"]\'}') +
    service('other', '', ', loadBalancerClass: other');
  const FOUND = 'Found 2 service load balancer(s).\n';
  for (const [configuration, line, owners] of [
    ['', FOUND, 2],
    [controllers('{loadBalancer: {assignIPs: AllServices}}'), FOUND, 2],
    [controllers('{loadBalancer: {assignIPs: RequestedServicesOnly}}'), 'Found 1 service load balancer(s).\n', 1],
    [controllers('{}'), 'No configuration for LoadBalancer kubecontroller found, skipping service check\n', 0],
  ] as const) {
    const cluster = new RoutedCluster([{ file: 'c.yaml', text: TROUBLE + services + configuration }], { seed: 1 });
    const report = outputOf(cluster, NODE, 'calicoctl ipam check --show-all-ips');
    t.match(report, line);
    t.equal(report.match(/ {2}10\.1\.0\.7 belongs to (any|asked|other)\n/g)?.length ?? 0, owners);
  }
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
    stderr: 'resource does not exist: IPPool(other) with error: ippools.crd.projectcalico.org "other" not found\n',
  });
});

t.test('calicoctl get lists policies, tiers, sets and endpoints in their columns', async (t) => {
  const gallery = loadTopology('policy-gallery');
  const get = (words: string): string => outputOf(gallery, NODE, `calicoctl get ${words}`);
  t.equal(
    get('gnp -o wide'),
    `NAME            TIER       ORDER   SELECTOR             
block-threats   security   10                           
node-exporter   default    <nil>   role == 'exporter'   

`,
  );
  t.equal(
    get('gnp node-exporter -o custom-columns=SELECTOR,NAME'),
    "SELECTOR             NAME            \nrole == 'exporter'   node-exporter   \n\n",
  );
  t.equal(
    get('np -n order'),
    'NAMESPACE   NAME        TIER      \norder       allow-all   default   \norder       deny-db     default   \n\n',
  );
  t.equal(get('policies'), 'NAME   TIER   \n\n', 'of the namespace default');
  t.match(get('tier'), /^NAME +ORDER +\nsecurity +500 +\n[^]*kube-admin +1000 +\n[^]*default +1e\+06 +\n/);
  t.match(get('hep -o wide'), /^node3-eth0 +node3 +eth0 +172\.18\.0\.4 +\n/m);
  t.match(get('gnetsets -o wide'), /^botnet +203\.0\.113\.66/m);
  t.match(get('wep -A'), /^order +db +node2 +10\.244\.104\.4\/32 +calic4ca2d7c2f6 +\n/m);
  t.match(
    get('wep -o wide --namespace=order'),
    /^order +node2-k8s-db-eth0 +db +node2 .* kns\.order,ksa\.order\.default +\n/m,
  );
  t.match(toolIn(gallery, NODE, 'calicoctl get np nope -n order'), {
    exitCode: 1,
    stderr: /NetworkPolicy\(order\/nope\)/,
  });
  t.match(toolIn(gallery, NODE, 'calicoctl get tier -o custom-columns=FOO'), {
    exitCode: 1,
    stderr: 'unknown heading FOO, valid values are: NAME, ORDER\n',
  });
});

t.test('calicoctl get -o yaml and json print objects as Calico has them', async (t) => {
  const get = (words: string): string => outputOf(trouble(), NODE, `calicoctl get ${words}`);
  t.equal(
    get('ippool pods -o yaml'),
    `apiVersion: projectcalico.org/v3
kind: IPPool
metadata:
  name: pods
spec:
  allowedUses:
  - Workload
  - Tunnel
  assignmentMode: Automatic
  blockSize: 30
  cidr: 10.1.0.0/24
  ipipMode: Never
  nodeSelector: all()
  vxlanMode: Never
`,
  );
  t.match(
    get('node node1 -o yaml'),
    /\nspec:\n {2}addresses:\n {2}- address: 172\.18\.0\.2\/24\n {4}type: CalicoNodeIP\n {2}bgp:\n {4}ipv4Address: /,
  );
  t.match(JSON.parse(get('wep -n shop -o json')).items[0], {
    kind: 'WorkloadEndpoint',
    apiVersion: 'projectcalico.org/v3',
    metadata: {
      name: 'node2-k8s-lent-eth0',
      namespace: 'shop',
      labels: {
        'projectcalico.org/namespace': 'shop',
        'projectcalico.org/orchestrator': 'k8s',
        'projectcalico.org/serviceaccount': 'default',
      },
    },
    spec: {
      orchestrator: 'k8s',
      node: 'node2',
      pod: 'lent',
      endpoint: 'eth0',
      serviceAccountName: 'default',
      ipNetworks: ['10.1.0.1/32'],
      profiles: ['kns.shop', 'ksa.shop.default'],
      interfaceName: 'calicedf05abd0b',
    },
  });
  t.equal(JSON.parse(get('tier kube-admin default -o json')).length, 2, 'several are a list');
  t.match(get('tier -o json'), /^\{\n {2}"kind": "TierList",\n {2}"apiVersion": "projectcalico\.org\/v3",\n/);
});

const STORED = `
apiVersion: crd.projectcalico.org/v1
kind: GlobalNetworkPolicy
metadata:
  name: default.web
  uid: 4f8e37c2-9d3a-4b60-8f21-0a1b2c3d4e5f
  resourceVersion: "88"
  annotations:
    projectcalico.org/metadata: '{"name":"web","labels":{"team":"a","on":"yes"},"creationTimestamp":"2026-01-02T03:04:05Z"}'
spec:
  order: 10
  tier: default
  selector: app == 'web'
  ingress: [{action: Allow, protocol: TCP, destination: {ports: [80, "8000:8080", http]}}]
`;

t.test(
  'calicoctl get gives an object back the name and labels that its author gave it, and a uid of its own',
  async (t) => {
    const cluster = new RoutedCluster([{ file: 'c.yaml', text: `${TROUBLE}---${STORED}` }], { seed: 1 });
    t.equal(
      outputOf(cluster, NODE, 'calicoctl get gnp web -o yaml'),
      `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  creationTimestamp: "2026-01-02T03:04:05Z"
  labels:
    "on": "yes"
    projectcalico.org/tier: default
    team: a
  name: web
  resourceVersion: "88"
  uid: f271ec43-b95c-4b06-8f84-50d834bc72fa
spec:
  ingress:
  - action: Allow
    destination:
      ports:
      - 80
      - 8000:8080
      - http
    protocol: TCP
  order: 10
  selector: app == 'web'
  tier: default
`,
    );
    t.notMatch(
      outputOf(cluster, NODE, 'calicoctl get gnp web -o yaml --export'),
      /uid|resourceVersion|creationTimestamp/,
    );
  },
);

t.test('calicoctl get says what upstream says of what it cannot get', async (t) => {
  const [cluster, gallery] = [trouble(), loadTopology('policy-gallery')];
  for (const [words, stderr, stdout] of [
    ['foo', "failed to get resources: resource type 'foo' is not supported\n", ''],
    ['node -o name', "unrecognized output format 'name'\n", ''],
    ['node -o custom-columns=', 'need to specify at least one column\n', ''],
    ['node -o go-template=', 'need to specify a template\n', ''],
    ['node -n shop', 'Node is not namespaced\n', ''],
    ['np -A -n shop', 'cannot use both --namespace and --all-namespaces flags at the same time\n', ''],
    ['np x -A', 'cannot use --all-namespace flag for getting a single resource\n', ''],
    [
      'node node9 node1',
      'resource does not exist: Node(node9) with error: nodes "node9" not found\n',
      'NAME    \nnode1   \n\n',
    ],
    [
      'wep node1-k8s-my--pod-eth0',
      'resource does not exist: WorkloadEndpoint(default/node1-k8s-my--pod-eth0) with error: pods "my-pod" not found\n',
      '',
    ],
    ['node node9 -o yaml', 'resource does not exist: Node(node9) with error: nodes "node9" not found\n', 'null\n'],
    ['profile kns', 'Invalid name kns\n', ''],
  ] as const)
    t.same(toolIn(cluster, NODE, `calicoctl get ${words}`), { exitCode: 1, stderr, stdout }, words);
  for (const words of [
    '--bad',
    'node --export --export',
    'node -o yaml -o json',
    'node -R',
    'node --skip-empty',
    '--all',
  ])
    t.match(toolIn(cluster, NODE, `calicoctl get ${words}`), { exitCode: 1, stderr: /^Usage:\n {2}calicoctl get \( / });
  t.equal(
    outputOf(cluster, NODE, 'calicoctl get node --out=wide'),
    outputOf(cluster, NODE, 'calicoctl get node -owide'),
    'names of options may be cut short',
  );
  t.equal(
    outputOf(gallery, NODE, 'calicoctl get tier default security'),
    'NAME      ORDER   \ndefault   1e+06   \n\nNAME       ORDER   \nsecurity   500     \n\n',
    'each that is named has a table of its own',
  );
  t.equal(
    outputOf(gallery, NODE, 'calicoctl get np deny-db -n order -o custom-columns=NAME'),
    'NAME      \ndeny-db   \n\n',
    'columns that are asked for stand alone',
  );
});

t.test('calicoctl get prints what Go prints of fields that are empty, and leaves out others', async (t) => {
  const text = `${TROUBLE}---
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: sec, labels: {b: x, a: z}}
spec: {order: 10.5}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: default}
spec: {logSeverityScreen: Info, externalNodesList: []}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: shop, resourceVersion: "106"}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, resourceVersion: "104"}
`;
  const cluster = new RoutedCluster([{ file: 'c.yaml', text }], { seed: 1 });
  const spec = (words: string): unknown => JSON.parse(outputOf(cluster, NODE, `calicoctl get ${words} -o json`));
  t.match(spec('tier sec'), { spec: { order: 10.5, defaultAction: 'Deny' }, status: {} });
  t.match(outputOf(cluster, NODE, 'calicoctl get tier sec -o json'), /"a": "z",\n +"b": "x"/);
  t.same((spec('felixconfig default') as { spec: unknown }).spec, { bpfLogLevel: '', logSeverityScreen: 'Info' });
  t.match(spec('profile kns.shop'), {
    metadata: { resourceVersion: '104/' },
    spec: { ingress: [{ action: 'Allow' }], egress: [{ action: 'Allow' }] },
  });
  t.match(spec('profile ksa.shop.robot'), { metadata: { resourceVersion: '/106' } });
  t.notMatch(outputOf(cluster, NODE, 'calicoctl get profile kns.shop -o yaml'), /^ *(?:source|destination):/m);
});

t.test('calicoctl version tells its own and that of the cluster', async (t) => {
  const text = `${TROUBLE}---
apiVersion: crd.projectcalico.org/v1
kind: ClusterInformation
metadata: {name: default}
spec: {calicoVersion: v3.31.0, clusterGUID: x}
`;
  const cluster = new RoutedCluster([{ file: 'c.yaml', text }], { seed: 1 });
  t.match(
    outputOf(cluster, NODE, 'calicoctl version'),
    /^Client Version: {4}v3\.32\.1\nGit commit: {8}\w{40}\nCluster Version: {3}v3\.31\.0\nCluster Type: {6}unknown\n$/,
  );
  t.match(outputOf(cluster, NODE, 'calicoctl version --client'), /^Client Version: {4}v3\.32\.1\nGit commit: .*\n$/);
  t.match(toolIn(trouble(), NODE, 'calicoctl version'), {
    exitCode: 1,
    stderr: /^unable to retrieve Cluster Version or Type: resource does not exist: ClusterInformation\(default\)/,
  });
});

t.test('a handle that holds something else than in the report is left alone', async (t) => {
  const cluster = trouble();
  outputOf(cluster, NODE, 'calicoctl ipam check -o /report.json');
  const { files } = cluster.node('node1');
  files.set('/report.json', (files.get('/report.json') ?? '').replace('10.1.0.0/30=1', '10.1.0.0/30=2'));
  t.match(
    toolIn(cluster, NODE, 'calicoctl ipam release --from-report=/report.json --force').stdout,
    /^Deleting 1 handles\.\.\.\n.*\nx\nReleased 0 handles; 1 skipped; 0 errors\.\n/m,
  );
});

t.test('what calicoctl does not offer here it says', async (t) => {
  t.match(toolIn(demo(), NODE, 'calicoctl patch'), {
    exitCode: 1,
    stderr: /only get, ipam, node, datastore and version/,
  });
  t.match(toolIn(demo(), NODE, 'calicoctl node diags'), { exitCode: 1, stderr: /not modelled/ });
  t.match(toolIn(demo(), NODE, 'calicoctl node status --bad'), {
    exitCode: 1,
    stderr: /^Usage:\n {2}calicoctl node status \[/,
  });
  t.match(toolIn(demo(), NODE, 'calicoctl bla'), { exitCode: 1, stderr: /^unknown command: "bla"\n/ });
  t.match(toolIn(demo(), NODE, 'calicoctl ipam clean'), {
    exitCode: 1,
    stderr: /only show, check, release, split, configure are there/,
  });
  t.match(toolIn(demo(), NODE, 'calicoctl ipam show --all'), {
    exitCode: 1,
    stderr: /^Usage:\n {2}calicoctl ipam show \[/,
  });
});

t.test("confd's files are those of the node, where BIRD runs", async (t) => {
  t.match(outputOf(trouble(), 'node/node2', 'cat /etc/calico/confd/config/bird.cfg'), /router id 172\.18\.0\.3;/);
  t.match(outputOf(trouble(), 'node/node2', 'ls /etc/calico/confd/config'), /^bird\.cfg\nbird6\.cfg\n/);
  t.match(toolIn(demo(), NODE, 'cat /etc/calico/confd/config/bird.cfg'), { exitCode: 1 });
});

// What changes IPAM.

const POD = '192.168.166.129';

t.test('calicoctl ipam release gives an address back once', async (t) => {
  const cluster = demo();
  t.equal(outputOf(cluster, NODE, `calicoctl ipam release --ip=${POD}`), `Successfully released IP address ${POD}\n`);
  t.equal(outputOf(cluster, NODE, `calicoctl ipam show --ip=${POD}`), `${POD} is not assigned\n`);
  t.match(toolIn(cluster, NODE, `calicoctl ipam release --ip ${POD}`), {
    exitCode: 1,
    stdout: '',
    stderr: `IP address ${POD} is not assigned\n`,
  });
  const block = cluster.store.get('IPAMBlock', '', '192-168-166-128-26');
  t.equal(block?.spec.allocations[1], null, 'the datastore has it');
  t.match(toolIn(cluster, NODE, 'calicoctl ipam release --ip=nowhere'), {
    exitCode: 1,
    stdout: 'Error executing command: invalid IP address specified: nowhere\n',
  });
  t.match(toolIn(cluster, NODE, 'calicoctl ipam release --bad').stderr, /^Usage:\n {2}calicoctl ipam release \[/);
});

t.test('calicoctl ipam release --from-report releases what the report calls leaked, and nothing else', async (t) => {
  const cluster = demo();
  const pod = cluster.store.list('Pod').find(({ name }) => name === 'client');
  if (pod === undefined) throw new Error('no pod');
  cluster.store.delete('Pod', pod.namespace, pod.name);
  const check = (): string => outputOf(cluster, NODE, 'calicoctl ipam check -o /report.json');
  t.match(check(), /found 1 problems/);
  const run = (options: string) => toolIn(cluster, NODE, `calicoctl ipam release --from-report=/report.json${options}`);
  t.match(run(''), {
    exitCode: 1,
    stderr: 'data store is not locked. Either lock the data store, or re-run with --force\n',
  });
  t.equal(outputOf(cluster, NODE, 'calicoctl datastore migrate lock'), 'Datastore locked.\n');
  t.match(run(' --force'), { exitCode: 1, stdout: '', stderr: /^the provided reports are all stale/ });
  check();
  t.equal(
    run('').stdout,
    `Releasing 1 old IPs...
Released 1 IPs successfully
Report didn't contain any handles to clean up.
You may now unlock the data store.
`,
  );
  t.equal(outputOf(cluster, NODE, 'calicoctl datastore migrate unlock'), 'Datastore unlocked.\n');
  t.match(outputOf(cluster, NODE, 'calicoctl ipam check'), /found 0 problems/);
  t.match(run(' --force').stderr, /^the provided reports are all stale/, 'unlocking has changed ClusterInformation');
  const { files } = cluster.node('node1');
  const ofToday = (report: string): string =>
    report.replace(/"clusterInformationRevision": "1"/, '"clusterInformationRevision": "2"');
  files.set('/report.json', ofToday(files.get('/report.json') ?? ''));
  t.equal(
    run(' --force').stdout,
    `WARNING: Data store is not locked. Ignoring due to --force option
Releasing 1 old IPs...
An error occurred while releasing some IPs: update conflict: ${POD}.  Problems are often caused by an out-of-date IPAM report.  Try regenerating the IPAM report and retry.
Report didn't contain any handles to clean up.
You may now unlock the data store.
`,
    'who is not assigned has no sequence number',
  );
  files.set('/report.json', (files.get('/report.json') ?? '').replaceAll(/"sequenceNumber": \d+,/g, ''));
  t.match(
    run(' --force').stdout,
    `Released 0 IPs successfully
1 addresses marked as leaked in the report had already been cleaned up.
`,
  );
  t.match(toolIn(cluster, NODE, 'calicoctl ipam release --from-report=/none').stderr, /open \/none: no such file/);
});

t.test('calicoctl ipam release --from-report wants its own cluster, and an address that is as it was', async (t) => {
  const cluster = demo();
  const pod = cluster.store.list('Pod').find(({ name }) => name === 'client');
  if (pod === undefined) throw new Error('no pod');
  cluster.store.delete('Pod', pod.namespace, pod.name);
  outputOf(cluster, NODE, 'calicoctl ipam check --output=/report.json');
  const { files } = cluster.node('node1');
  const report = files.get('/report.json') ?? '';
  files.set('/other.json', report.replace('"clusterGUID": ""', '"clusterGUID": "x"'));
  t.match(
    toolIn(cluster, NODE, 'calicoctl ipam release --from-report=/other.json --force').stderr,
    /mismatched cluster GUID. Refusing to release/,
  );
  files.set('/new.json', report.replaceAll(/"sequenceNumber": \d+/g, '"sequenceNumber": 77'));
  t.match(
    toolIn(cluster, NODE, 'calicoctl ipam release --from-report=/new.json --force').stdout,
    /An error occurred while releasing some IPs: update conflict: [\d.]+\.  Problems/,
  );
  t.match(outputOf(cluster, NODE, `calicoctl ipam show --ip=${POD}`), /is in use/);
});

t.test('calicoctl ipam configure changes what the next allocation goes by', async (t) => {
  const cluster = demo();
  t.equal(
    outputOf(cluster, NODE, 'calicoctl ipam configure --strictaffinity=true --max-blocks-per-host 4'),
    'Successfully set StrictAffinity to: true\nSuccessfully set MaxBlocksPerHost to: 4\n',
  );
  t.match(
    outputOf(cluster, NODE, 'calicoctl ipam show --show-configuration'),
    /StrictAffinity +\| true[\s\S]*MaxBlocksPerHost +\| +4/,
  );
  t.equal(cluster.store.get('IPAMConfig', '', 'default')?.spec.strictAffinity, true);
  for (const [options, problem] of [
    ['', 'at least one configuration option must be specified'],
    [' --strictaffinity=maybe', 'invalid value. Use true or false to set strictaffinity'],
    [' --max-blocks-per-host=many', 'invalid value for maxblockhost. Use a valid number'],
    [' --max-blocks-per-host=-1', 'greater than or equal to 0'],
    [' --kubevirt-ip-persistence=on', 'invalid value for --kubevirt-ip-persistence. Use Enabled or Disabled'],
  ] as const) {
    const result = toolIn(cluster, NODE, `calicoctl ipam configure${options}`);
    t.equal(result.exitCode, 1, options);
    t.ok(result.stderr.includes(problem), result.stderr);
  }
});

t.test('calicoctl ipam split makes pools of a power of two', async (t) => {
  const cluster = loadTopology('bgp-one-subnet');
  const [pool] = cluster.store.list('IPPool');
  if (pool === undefined) throw new Error('no pool');
  const split = (rest: string) => toolIn(cluster, NODE, `calicoctl ipam split ${rest}`);
  t.match(split(`2 --name=${pool.name}`).stderr, /^datastore is not locked/);
  outputOf(cluster, NODE, 'calicoctl datastore migrate lock');
  t.match(split('2').stderr, /^no name or CIDR provided/);
  t.match(split(`two --name=${pool.name}`).stderr, /two is not a valid number: strconv\.Atoi/);
  t.match(split('2 --name=none').stderr, /unable to find IP pool with name none/);
  t.match(split('2 --cidr=10.99.0.0/16').stderr, /covering the specified CIDR 10\.99\.0\.0\/16/);
  const routes = cluster.node('node1').netns.fib.listRoutes(254);
  t.equal(
    split('2 --cidr=192.168.0.0/16').stdout,
    `IP Pool ${pool.name} was successfully split into 2 smaller pools.Created split-${pool.name}-0 with CIDR 192.168.0.0/17.
Created split-${pool.name}-1 with CIDR 192.168.128.0/17.
Please refer to the documentation for final steps.`,
  );
  t.same(
    cluster.store.list('IPPool').map(({ name }) => name),
    [`split-${pool.name}-0`, `split-${pool.name}-1`],
  );
  t.same(cluster.node('node1').netns.fib.listRoutes(254), routes, 'routes are those of the same blocks');
  t.match(
    split(`3 --name=split-${pool.name}-0`).stderr,
    /into 3 CIDRs: number to split CIDR into is not a valid power of 2: 3/,
  );
  t.equal(cluster.store.get('IPPool', '', `split-${pool.name}-0`)?.spec.disabled, true, 'disabled before it is tried');
});
