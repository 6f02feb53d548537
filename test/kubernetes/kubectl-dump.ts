/** Text as `kubectl get pods -A -o yaml` prints it, of as many pods as are asked for: for tests of the loader and its bench. */

const NODES = 50;
const NAMESPACES = 20;

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const uid = (n: number): string => `${hex(n, 8)}-7f3c-4b8e-9d1a-${hex(n * 7919, 12)}`;
/** Letters only: kubectl quotes what would read as a number. */
const hashOf = (n: number): string =>
  hex(Math.imul(n + 1, 0x9e3779b1) >>> 0, 8).replace(/\d/g, (digit) => 'ghjkmnpqrs'.charAt(Number(digit)));

const podAddress = (n: number): string => `10.244.${Math.floor(n / 250) % 256}.${(n % 250) + 1}`;
const nodeName = (n: number): string => `worker-${String(n % NODES).padStart(3, '0')}`;

function container(name: string, port: number, n: number): string {
  return `    - env:
      - name: POD_NAME
        valueFrom:
          fieldRef:
            apiVersion: v1
            fieldPath: metadata.name
      - name: LOG_LEVEL
        value: info
      - name: JAVA_OPTS
        value: -Xms256m -Xmx512m -XX:+UseG1GC -Dserver.port=${port} -Dspring.profiles.active=production
      - name: FEATURE_FLAG
        value: "true"
      image: registry.example.com/team-${n % 7}/${name}:1.${n % 40}.3
      imagePullPolicy: IfNotPresent
      livenessProbe:
        failureThreshold: 3
        httpGet:
          path: /healthz
          port: http
          scheme: HTTP
        initialDelaySeconds: 10
        periodSeconds: 10
        successThreshold: 1
        timeoutSeconds: 1
      name: ${name}
      ports:
      - containerPort: ${port}
        name: http
        protocol: TCP
      - containerPort: 9090
        name: metrics
        protocol: TCP
      readinessProbe:
        failureThreshold: 3
        httpGet:
          path: /ready
          port: http
          scheme: HTTP
        periodSeconds: 5
        successThreshold: 1
        timeoutSeconds: 1
      resources:
        limits:
          cpu: 500m
          memory: 512Mi
        requests:
          cpu: 100m
          memory: 256Mi
      securityContext:
        allowPrivilegeEscalation: false
        capabilities:
          drop:
          - ALL
        runAsNonRoot: true
      terminationMessagePath: /dev/termination-log
      terminationMessagePolicy: File
      volumeMounts:
      - mountPath: /etc/config
        name: config
        readOnly: true
      - mountPath: /var/run/secrets/kubernetes.io/serviceaccount
        name: kube-api-access-${hashOf(n).slice(0, 5)}
        readOnly: true
`;
}

/** One pod as an item of a List. */
export function podItem(n: number): string {
  const app = `app-${n % 40}`;
  const hash = hashOf(n % 40).slice(0, 9);
  const ip = podAddress(n);
  return `- apiVersion: v1
  kind: Pod
  metadata:
    annotations:
      cni.projectcalico.org/containerID: ${hashOf(n).repeat(8)}
      cni.projectcalico.org/podIP: ${ip}/32
      cni.projectcalico.org/podIPs: ${ip}/32
      prometheus.io/scrape: "true"
    creationTimestamp: "2025-11-03T10:${String(n % 60).padStart(2, '0')}:41Z"
    generateName: ${app}-${hash}-
    labels:
      app: ${app}
      app.kubernetes.io/name: ${app}
      pod-template-hash: ${hash}
      tier: backend
    name: ${app}-${hash}-${String(n).padStart(6, '0')}
    namespace: team-${n % NAMESPACES}
    ownerReferences:
    - apiVersion: apps/v1
      blockOwnerDeletion: true
      controller: true
      kind: ReplicaSet
      name: ${app}-${hash}
      uid: ${uid(n % 40)}
    resourceVersion: "${100_000 + n}"
    uid: ${uid(n)}
  spec:
    containers:
${container(app, 8080, n)}    dnsPolicy: ClusterFirst
    enableServiceLinks: true
    nodeName: ${nodeName(n)}
    preemptionPolicy: PreemptLowerPriority
    priority: 0
    restartPolicy: Always
    schedulerName: default-scheduler
    securityContext: {}
    serviceAccount: default
    serviceAccountName: default
    terminationGracePeriodSeconds: 30
    tolerations:
    - effect: NoExecute
      key: node.kubernetes.io/not-ready
      operator: Exists
      tolerationSeconds: 300
    - effect: NoExecute
      key: node.kubernetes.io/unreachable
      operator: Exists
      tolerationSeconds: 300
    volumes:
    - configMap:
        defaultMode: 420
        name: ${app}-config
      name: config
    - name: kube-api-access-${hashOf(n).slice(0, 5)}
      projected:
        defaultMode: 420
        sources:
        - serviceAccountToken:
            expirationSeconds: 3607
            path: token
        - configMap:
            items:
            - key: ca.crt
              path: ca.crt
            name: kube-root-ca.crt
        - downwardAPI:
            items:
            - fieldRef:
                apiVersion: v1
                fieldPath: metadata.namespace
              path: namespace
  status:
    conditions:
${['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled']
  .map(
    (type) => `    - lastProbeTime: null
      lastTransitionTime: "2025-11-03T10:21:45Z"
      status: "True"
      type: ${type}
`,
  )
  .join('')}    containerStatuses:
    - containerID: containerd://${hashOf(n + 1).repeat(8)}
      image: registry.example.com/team-${n % 7}/${app}:1.${n % 40}.3
      imageID: registry.example.com/team-${n % 7}/${app}@sha256:${hashOf(n + 2).repeat(8)}
      lastState: {}
      name: ${app}
      ready: true
      restartCount: 0
      started: true
      state:
        running:
          startedAt: "2025-11-03T10:21:44Z"
    hostIP: 172.18.0.${(n % NODES) + 2}
    hostIPs:
    - ip: 172.18.0.${(n % NODES) + 2}
    phase: Running
    podIP: ${ip}
    podIPs:
    - ip: ${ip}
    qosClass: Burstable
    startTime: "2025-11-03T10:21:41Z"
`;
}

export function podDump(pods: number): string {
  const items = Array.from({ length: pods }, (_, n) => podItem(n)).join('');
  return `apiVersion: v1\nitems:\n${items}kind: List\nmetadata:\n  resourceVersion: ""\n`;
}

export function nodeDocuments(): string {
  return Array.from(
    { length: NODES },
    (_, n) => `apiVersion: v1
kind: Node
metadata:
  name: ${nodeName(n)}
status:
  addresses:
  - address: 172.18.0.${n + 2}
    type: InternalIP
`,
  ).join('---\n');
}
