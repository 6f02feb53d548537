/** What programs find set in a pod and on a node, and what the kubelet has told of the machine. */

import { spawnSync } from 'node:child_process';
import t from 'tap';
import { Cluster } from '../../src/cluster/index.js';
import { runTool, type ToolResult } from '../../src/tools/index.js';
import { outputOf } from './run-in.js';

/** The Services of pkg/kubelet/envvars/envvars_test.go, and what containers have of their own. */
const CLUSTER = `
apiVersion: v1
kind: Node
metadata: {name: n1}
status:
  addresses: [{type: InternalIP, address: 172.18.0.2}]
  nodeInfo: {kernelVersion: 6.1.0-28-arm64, architecture: arm64, osImage: Debian GNU/Linux 12 (bookworm), machineID: a9ebc5}
---
{apiVersion: v1, kind: Node, metadata: {name: n2}, status: {addresses: [{type: InternalIP, address: 172.18.0.3}]}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Service, metadata: {name: kubernetes, namespace: default}, spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: elsewhere, namespace: default}, spec: {clusterIP: 10.96.0.2, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: foo-bar, namespace: shop}, spec: {clusterIP: 10.96.3.4, ports: [{port: 8080}]}}
---
apiVersion: v1
kind: Service
metadata: {name: abc-123, namespace: shop}
spec: {clusterIP: 10.96.7.8, ports: [{name: u-d-p, port: 8081, protocol: UDP}, {name: t-c-p, port: 8081}]}
---
{apiVersion: v1, kind: Service, metadata: {name: svrc-none, namespace: shop}, spec: {clusterIP: None, ports: [{port: 8082}]}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}, data: {LEVEL: debug, app.name: shop}}
---
{apiVersion: v1, kind: Secret, metadata: {name: db, namespace: shop}, data: {password: czNjcmV0}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, uid: u-1, labels: {app: web}, annotations: {a/b: "it's"}}
spec:
  nodeName: n1
  serviceAccountName: seller
  containers:
  - name: web
    envFrom:
    - configMapRef: {name: settings}
    - {prefix: DB_, secretRef: {name: db}}
    - configMapRef: {name: missing, optional: true}
    env:
    - {name: LEVEL, value: "$(LEVEL)-more"}
    - {name: URL, value: "http://$(FOO_BAR_SERVICE_HOST):$(FOO_BAR_SERVICE_PORT)/$$(X)$(NOBODY)$("}
    - {name: FOO_BAR_PORT, value: "80"}
    - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
    - {name: APP, valueFrom: {fieldRef: {fieldPath: "metadata.labels['app']"}}}
    - {name: NOTE, valueFrom: {fieldRef: {fieldPath: "metadata.annotations['a/b']"}}}
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    - {name: ACCOUNT, valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}}
    - {name: HOST_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}
    - {name: GONE, valueFrom: {configMapKeyRef: {name: settings, key: gone, optional: true}}}
    - {name: TOKEN, valueFrom: {secretKeyRef: {name: token, key: t}}}
---
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: shop, annotations: {kubectl.kubernetes.io/default-container: second}}
spec:
  nodeName: n1
  enableServiceLinks: false
  containers:
  - {name: first, env: [{name: WHO, value: first}]}
  - {name: second, env: [{name: WHO, value: second}, {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]}
`;

const cluster = new Cluster([{ file: 'in.yaml', text: CLUSTER }]);

const inShell = (script: string, name = 'web'): ToolResult =>
  runTool(cluster, { kind: 'pod', namespace: 'shop', name }, ['sh', '-c', script]);

/** TestFromServices() of upstream, but for its addresses. */
const SERVICES = `KUBERNETES_SERVICE_HOST=10.96.0.1
KUBERNETES_SERVICE_PORT=443
KUBERNETES_SERVICE_PORT_HTTPS=443
KUBERNETES_PORT=tcp://10.96.0.1:443
KUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443
KUBERNETES_PORT_443_TCP_PROTO=tcp
KUBERNETES_PORT_443_TCP_PORT=443
KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1
ABC_123_SERVICE_HOST=10.96.7.8
ABC_123_SERVICE_PORT=8081
ABC_123_SERVICE_PORT_U_D_P=8081
ABC_123_SERVICE_PORT_T_C_P=8081
ABC_123_PORT=udp://10.96.7.8:8081
ABC_123_PORT_8081_UDP=udp://10.96.7.8:8081
ABC_123_PORT_8081_UDP_PROTO=udp
ABC_123_PORT_8081_UDP_PORT=8081
ABC_123_PORT_8081_UDP_ADDR=10.96.7.8
ABC_123_PORT_8081_TCP=tcp://10.96.7.8:8081
ABC_123_PORT_8081_TCP_PROTO=tcp
ABC_123_PORT_8081_TCP_PORT=8081
ABC_123_PORT_8081_TCP_ADDR=10.96.7.8
FOO_BAR_SERVICE_HOST=10.96.3.4
FOO_BAR_SERVICE_PORT=8080
FOO_BAR_PORT=80
FOO_BAR_PORT_8080_TCP=tcp://10.96.3.4:8080
FOO_BAR_PORT_8080_TCP_PROTO=tcp
FOO_BAR_PORT_8080_TCP_PORT=8080
FOO_BAR_PORT_8080_TCP_ADDR=10.96.3.4
`;

t.test('a container finds what runtime, Services and its own fields set', (t) => {
  const { exitCode, stdout, stderr } = runTool(cluster, { kind: 'pod', namespace: 'shop', name: 'web' }, ['env']);
  t.equal(exitCode, 0);
  t.equal(
    stdout,
    `PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOSTNAME=web
HOME=/root
${SERVICES}LEVEL=debug-more
app.name=shop
DB_password=s3cret
URL=http://10.96.3.4:8080/$(X)$(NOBODY)$(
POD=web
UID=u-1
APP=web
NOTE=it's
NODE=n1
ACCOUNT=seller
HOST_IP=172.18.0.2
PASSWORD=s3cret
`,
  );
  t.equal(stderr, 'env: TOKEN is not known here: Secret shop/token, key t\n');
  t.end();
});

t.test(
  'Services are left out where a pod says so, but for kubernetes, and the default container is the one that is asked',
  (t) => {
    const bare = outputOf(cluster, 'pod/shop/bare', 'env');
    t.match(bare, /^KUBERNETES_SERVICE_HOST=10\.96\.0\.1$/m);
    t.notMatch(bare, /FOO_BAR|first/);
    const address = outputOf(cluster, 'pod/shop/bare', 'hostname -I').trim();
    t.match(bare, `\nWHO=second\nPOD_IP=${address}\n`);
    t.end();
  },
);

t.test('a shell has the environment, hands on what is exported, and knows what it does not know', (t) => {
  t.equal(
    inShell('echo $KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT $HOSTNAME ${NOPE:-none}').stdout,
    '10.96.0.1:443 web none\n',
  );
  t.equal(inShell('A=1; B=2 printenv A B; export A; printenv A; unset A; printenv A; echo $?').stdout, '2\n1\n1\n');
  t.same(inShell('printenv POD NOPE NODE'), { exitCode: 1, stdout: 'web\nn1\n', stderr: '' });
  t.same(inShell('printenv TOKEN'), {
    exitCode: 1,
    stdout: '',
    stderr: 'printenv: TOKEN is not known here: Secret shop/token, key t\n',
  });
  t.same(inShell('echo one; echo $TOKEN; echo two'), {
    exitCode: 2,
    stdout: 'one\n',
    stderr: 'sh: TOKEN: is not known here: Secret shop/token, key t\n',
  });
  t.same(inShell('TOKEN=x; echo $TOKEN').stdout, 'x\n');
  t.equal(inShell('(export Q=1; POD=2; printenv Q POD); printenv Q POD').stdout, '1\n2\nweb\n');
  t.end();
});

t.test('on a node it is that of who logs in', (t) => {
  t.equal(
    outputOf(cluster, 'node/n1', 'env'),
    'SHELL=/bin/bash\nLOGNAME=root\nHOME=/root\nUSER=root\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n',
  );
  t.end();
});

const SCRIPTS = [
  'env',
  'env -i C=3 D=4',
  'env -u A',
  'env -uA -- E=1 printenv',
  'env - printenv',
  'env --unset=A B=2',
  'env B=x printenv B A',
  'printenv A Z B',
  'printenv -0 A',
  'env -0',
  'env -x',
  'env --nothing',
  'env -0 printenv',
  'env -u',
  'export C=3; D=4; C=5; env',
  'C=3 env',
  'export C; env; C=1; env',
  'unset A; env',
  'export -p',
  'export C="it\'s"; export -p',
  'export 1a; env',
  '(export C=3; env); env',
  'A=9; env',
];

for (const script of SCRIPTS)
  t.test(`${script} is as coreutils and dash have it`, { skip: spawnSync('dash', ['-c', 'env']).status !== 0 }, (t) => {
    // PWD is dash's own.
    const words = ['-i', 'A=1', 'B=2', 'dash', '-c', `unset PWD OLDPWD; ${script}`];
    const real = spawnSync('env', words, { encoding: 'utf8' });
    const ours = runTool(cluster, { kind: 'node', name: 'n1' }, ['env', '-i', 'A=1', 'B=2', 'sh', '-c', script]);
    t.same(
      { ...ours, stdout: ours.stdout.split(/[\n\0]/).sort() },
      {
        exitCode: real.status,
        stdout: real.stdout.split(/[\n\0]/).sort(),
        stderr: real.stderr.replace(/^dash: \d+: /, 'sh: ').replaceAll(/[‘’]/g, "'"),
      },
    );
    t.end();
  });

t.test('a machine is what its kubelet has said', (t) => {
  t.equal(outputOf(cluster, 'node/n1', 'uname -nrm'), 'n1 6.1.0-28-arm64 aarch64\n');
  t.equal(outputOf(cluster, 'pod/shop/web', 'uname -rm'), '6.1.0-28-arm64 aarch64\n');
  t.match(outputOf(cluster, 'node/n2', 'uname -rm'), /^6\.18\S+ x86_64\n$/);
  t.equal(outputOf(cluster, 'node/n1', 'cat /etc/os-release'), 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n');
  t.equal(outputOf(cluster, 'node/n1', 'cat /etc/machine-id'), 'a9ebc5\n');
  t.match(runTool(cluster, { kind: 'pod', namespace: 'shop', name: 'web' }, ['cat', '/etc/os-release']), {
    exitCode: 1,
  });
  t.end();
});
