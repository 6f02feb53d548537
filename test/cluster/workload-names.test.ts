/** Workloads named in the place of their pods, as `kubectl exec deployment/web` takes them. */

import t from 'tap';
import {
  Cluster,
  isNameProblem,
  parseDestination,
  parseEndpointName,
  type TraceRequest,
} from '../../src/cluster/index.js';

const TEMPLATE = (app: string): string =>
  `{metadata: {labels: {app: ${app}}}, spec: {containers: [{name: c, image: x, ports: [{name: http, containerPort: 8080}]}]}}`;

const CLUSTER = `
apiVersion: v1
kind: Node
metadata: {name: a}
status: {addresses: [{type: InternalIP, address: 10.0.0.1}]}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: pool}
spec: {cidr: 10.244.0.0/16, ipipMode: Never, vxlanMode: Always, natOutgoing: true}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {replicas: 2, selector: {matchLabels: {app: web}}, template: ${TEMPLATE('web')}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec: {replicas: 2, serviceName: db, selector: {matchLabels: {app: db}}, template: ${TEMPLATE('db')}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: shop}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: x}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside, namespace: shop}
spec: {ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: nowhere}
spec:
  selector: {matchLabels: {app: nowhere}}
  template: {metadata: {labels: {app: nowhere}}, spec: {nodeSelector: {no: such}, containers: [{name: c, image: x}]}}
`;

const cluster = new Cluster([{ file: 'in.yaml', text: CLUSTER }]);

const located = (name: string): string => {
  const endpoint = parseEndpointName(name);
  if (isNameProblem(endpoint)) return endpoint.problem;
  try {
    return cluster.locate(endpoint).label;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

t.test('a workload is one of its pods, in whatever of kubectl’s words', async (t) => {
  t.strictSame(cluster.errors, []);
  const first = cluster.store.list('Pod', 'shop').find(({ labels }) => labels['app'] === 'web');
  for (const word of ['deploy', 'deployment', 'deployments'])
    t.equal(located(`${word}/shop/web`), `pod/shop/${first?.name}`);
  t.equal(located('sts/db'), 'pod/default/db-0', 'without a namespace it is in default');
  t.match(located('job/shop/once'), /^pod\/shop\/once-/);
  const set = cluster.store.list('ReplicaSet', 'shop')[0]?.name;
  if (set !== undefined) t.equal(located(`rs/shop/${set}`), `pod/shop/${first?.name}`);
});

t.test('programs of a Service run in one of its pods', async (t) => {
  t.equal(located('svc/shop/web'), located('deploy/shop/web'));
  t.equal(located('svc/shop/outside'), 'Service "shop/outside" has no selector: name a pod, a node or a host');
  t.equal(located('svc/shop/wob'), 'there is no Service "shop/wob"; did you mean shop/web?');
});

t.test('what there is none of', async (t) => {
  t.equal(located('deploy/web'), 'there is no Deployment "default/web"; did you mean shop/web?');
  t.equal(located('ds/nowhere'), 'DaemonSet "default/nowhere" has no pod');
  t.match(located('cronjob/shop/x'), /^"cronjob\/shop\/x" is none of pod\/NAMESPACE\/NAME/);
});

t.test('traces go from and to it; ports have their names', async (t) => {
  const from = parseEndpointName('deploy/shop/web');
  const to = parseDestination('statefulset/default/db:http');
  if (isNameProblem(from) || isNameProblem(to)) throw new Error('no names');
  const request: TraceRequest = { from, to, protocol: 'tcp' };
  const trace = cluster.trace(request);
  t.equal(trace.verdict, 'answered');
  t.equal(trace.to.label, 'pod/default/db-0');
  t.equal(trace.to.port, 8080);
});

t.test('a pod that is ready goes before one that is not', async (t) => {
  const pod = (name: string, ready: string): string => `---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: shop, labels: {app: api}}
spec: {nodeName: a, containers: [{name: c, image: x}]}
status: {phase: Running, conditions: [{type: Ready, status: "${ready}"}]}
`;
  const more = `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {replicas: 2, selector: {matchLabels: {app: api}}, template: ${TEMPLATE('api')}}
`;
  const other = new Cluster([{ file: 'in.yaml', text: CLUSTER + more + pod('api-1', 'False') + pod('api-2', 'True') }]);
  const endpoint = parseEndpointName('deploy/shop/api');
  if (isNameProblem(endpoint)) throw new Error(endpoint.problem);
  t.equal(other.locate(endpoint).label, 'pod/shop/api-2');
});
