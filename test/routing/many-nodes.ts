/** Clusters of as many nodes as wanted, in two subnets with a router between them, a few pods on each node. */

import type { SourceText } from '../../src/kubernetes/index.js';

export interface ManyNodes {
  readonly nodes: number;
  /** Of the pool: `ipipMode: Always, vxlanMode: Never`. */
  readonly pool?: string;
  /** One more annotation, or label, of the i-th node. */
  readonly annotations?: Readonly<Record<number, string>>;
  readonly labels?: Readonly<Record<number, string>>;
  readonly podsPerNode?: number;
  readonly more?: readonly string[];
  /** Configuration of the router's BIRD, indented by eight. */
  readonly router?: string;
  /** All in one subnet, 172.16.0.0/12. */
  readonly flat?: boolean;
}

const FIRST = 10;

function nodeAddress(i: number, { flat = false }: Pick<ManyNodes, 'flat'>): string {
  if (flat) return `172.${18 + Math.floor(i / 62_500)}.${Math.floor(i / 250) % 250}.${(i % 250) + 2}`;
  return `172.18.${i % 2}.${FIRST + i}`;
}

export function manyNodes(of: ManyNodes): SourceText[] {
  const { nodes, pool = 'ipipMode: Never, vxlanMode: Never', podsPerNode = 2, flat = false } = of;
  const documents: string[] = [];
  for (let i = 0; i < nodes; i += 1) {
    const address = nodeAddress(i, of);
    const annotation = of.annotations?.[i];
    const label = of.labels?.[i];
    documents.push(
      `apiVersion: v1\nkind: Node\nmetadata:\n  name: node${i}\n` +
        `  labels: {kubernetes.io/os: linux${label === undefined ? '' : `, ${label}`}}\n` +
        `  annotations: {projectcalico.org/IPv4Address: ${address}/${flat ? 12 : 24}${annotation === undefined ? '' : `, ${annotation}`}}\n` +
        `status: {addresses: [{type: InternalIP, address: ${address}}]}\n`,
    );
    for (let p = 0; p < podsPerNode; p += 1) {
      documents.push(
        `apiVersion: v1\nkind: Pod\nmetadata: {name: web-${i}-${p}, namespace: shop, labels: {app: web}}\n` +
          `spec: {nodeName: node${i}, containers: [{name: c, ports: [{containerPort: 80}]}]}\n`,
      );
    }
  }
  documents.push(
    `apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: pods}\nspec: {cidr: ${flat ? '10.0.0.0/8' : '192.168.0.0/16'}, ${pool}, natOutgoing: true}\n`,
    ...(of.more ?? []),
  );
  const bird = of.router === undefined ? '' : `      bird: |${of.router}\n`;
  const network = flat
    ? 'spec:\n  subnets: [{name: lan, cidr: 172.16.0.0/12, gateway: 172.16.0.1}]\n  routers: [{name: router, interfaces: [{subnet: lan, address: 172.16.0.1}]}]\n'
    : `spec:
  subnets:
    - {name: a, cidr: 172.18.0.0/24, gateway: 172.18.0.1}
    - {name: b, cidr: 172.18.1.0/24, gateway: 172.18.1.1}
  routers:
    - name: router
      interfaces: [{subnet: a, address: 172.18.0.1}, {subnet: b, address: 172.18.1.1}]
${bird}`;
  return [
    { file: 'cluster.yaml', text: documents.join('---\n') },
    {
      file: 'network.yaml',
      text: `apiVersion: podwire.dev/v1alpha1\nkind: PhysicalNetwork\nmetadata: {name: net}\n${network}`,
    },
  ];
}
