/**
 * Every rule and route says which objects it was made from. The proof: without the object it is not there.
 */

import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { Cluster } from '../../src/cluster/index.js';
import { formatRoute, type Host } from '../../src/kernel/index.js';
import { formatConfigError } from '../../src/kubernetes/index.js';
import { type Cause, formatCause } from '../../src/trace/index.js';

type Document = Readonly<Record<string, unknown>>;

const node = (name: string, address: string): Document => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  status: { addresses: [{ type: 'InternalIP', address }] },
});

const pool = (name: string, cidr: string): Document => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'IPPool',
  metadata: { name },
  spec: { cidr, vxlanMode: 'Always', natOutgoing: true },
});

const pod = (name: string, nodeName: string, address: string): Document => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', annotations: { 'cni.projectcalico.org/podIPs': `${address}/32` } },
  spec: { nodeName, containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }] }] },
});

const own = (kind: string, name: string, spec: unknown): Document => ({
  apiVersion: 'podwire.dev/v1alpha1',
  kind,
  metadata: { name },
  spec,
});

const HAND_WRITTEN = '*filter\n-A FORWARD -s 10.9.0.0/24 -j DROP\nCOMMIT\n';

/** By the name of the object, as a cause names it. */
const OBJECTS: Readonly<Record<string, Document>> = {
  'Node n1': node('n1', '172.18.0.2'),
  'Node n2': node('n2', '172.18.0.3'),
  'IPPool apples': pool('apples', '10.1.0.0/16'),
  'IPPool pears': pool('pears', '10.2.0.0/16'),
  'Pod shop/here': pod('here', 'n1', '10.1.0.5'),
  'Pod shop/beside': pod('beside', 'n1', '10.1.0.6'),
  'Pod shop/there': pod('there', 'n2', '10.1.0.70'),
  'Pod shop/far': pod('far', 'n2', '10.2.0.5'),
  'PhysicalNetwork rack': own('PhysicalNetwork', 'rack', {
    subnets: [{ name: 'rack', cidr: '172.18.0.0/24', gateway: '172.18.0.200' }],
    routers: [{ name: 'router', interfaces: [{ subnet: 'rack', address: '172.18.0.200' }] }],
  }),
  'HostConfig by-hand': own('HostConfig', 'by-hand', {
    hosts: ['n1'],
    routes: [{ to: '10.99.0.0/16', via: '172.18.0.77' }],
    iptables: HAND_WRITTEN,
  }),
};

function load(t: Test, without?: string): Host {
  const documents = Object.entries(OBJECTS).flatMap(([name, document]) => (name === without ? [] : [document]));
  const text = documents.map((document) => stringify(document)).join('---\n');
  const cluster = new Cluster([{ file: 'cluster.yaml', text }]);
  t.same(cluster.errors.map(formatConfigError), []);
  return cluster.node('n1');
}

interface Programmed {
  readonly text: string;
  readonly because: readonly Cause[];
}

/** Everything that a host's kernel was told to do: routes, and rules with their place. */
function programmed({ netns }: Host): Programmed[] {
  const routes = [...netns.fib.routes()].map((route) => ({
    text: formatRoute(route, { showTable: true }),
    because: route.because,
  }));
  const rules = netns.netfilter.iptables.tables.flatMap((table) =>
    [...table.chains.values()].flatMap((chain) =>
      chain.rules.map((rule) => ({ text: `${table.name} ${chain.name} ${rule.toString()}`, because: rule.because })),
    ),
  );
  return [...routes, ...rules];
}

const names = ({ because }: Programmed): string[] =>
  because.map(({ kind, namespace, name }) =>
    formatCause({ kind, name, ...(namespace === undefined ? {} : { namespace }) }),
  );

/** Names of what must be found, so that a change which loses a cause is seen. */
const AT_LEAST: Readonly<Record<string, number>> = {
  'Node n2': 1,
  'IPPool pears': 1,
  'Pod shop/here': 10,
  'Pod shop/beside': 10,
  'PhysicalNetwork rack': 2,
  'HostConfig by-hand': 2,
};

t.test('every route and rule of a node names an object that is there', (t) => {
  for (const one of programmed(load(t))) {
    // The kernel makes those of an address by itself.
    if (one.because.length === 0) t.match(one.text, /^(local|broadcast|127\.)/);
    for (const name of names(one))
      t.ok(Object.hasOwn(OBJECTS, name) || name.startsWith('Namespace ') || name.startsWith('ServiceAccount '), name);
  }
  t.end();
});

for (const [name, least] of Object.entries(AT_LEAST)) {
  t.test(`without ${name} its routes and rules are gone`, (t) => {
    const kind = `${name.split(' ')[0]} `;
    const before = programmed(load(t)).filter((one) => names(one).includes(name));
    t.ok(before.length >= least, `${before.length} were made from it`);
    const after = new Map(programmed(load(t, name)).map((one) => [one.text, names(one)]));
    for (const { text } of before) {
      // What two pools share stays for the other; an assumed network has connected routes too, and names itself.
      const causes = after.get(text);
      if (causes !== undefined) t.ok(!causes.includes(name) && causes.some((one) => one.startsWith(kind)), text);
    }
    const gone = before.filter(({ text }) => !after.has(text));
    t.ok(gone.length > 0, `${gone.length} are gone`);
    t.end();
  });
}
