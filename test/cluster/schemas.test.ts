/** schemas/ says to editors what the loader says of podwire's own documents. */

import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { Cluster } from '../../src/cluster/index.js';
import { mistakes, schemaOf } from './schema-files.js';

const SCHEMAS = {
  PhysicalNetwork: schemaOf('physical-network'),
  HostConfig: schemaOf('host-config'),
  Expectations: schemaOf('expectations'),
};
const isOwnKind = (kind: unknown): kind is keyof typeof SCHEMAS =>
  typeof kind === 'string' && Object.hasOwn(SCHEMAS, kind);

const kindOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;

for (const name of readdirSync('topologies')) {
  t.test(`the documents of the topology ${name} are valid by their schemas`, (t) => {
    const seen = new Set<string>();
    for (const file of readdirSync(`topologies/${name}`).filter((file) => file.endsWith('.yaml'))) {
      for (const document of parseAllDocuments(readFileSync(`topologies/${name}/${file}`, 'utf8'))) {
        const value: unknown = document.toJS();
        const kind = kindOf(value);
        if (!isOwnKind(kind)) continue;
        seen.add(kind);
        t.same(mistakes(SCHEMAS[kind], value), [], `${file}: ${kind}`);
      }
    }
    t.ok(seen.has('PhysicalNetwork') && seen.has('Expectations'));
    t.end();
  });
}

interface Case {
  readonly what: string;
  readonly kind: keyof typeof SCHEMAS;
  readonly spec: string;
  /** Field path as the loader tells it. */
  readonly path: string;
}

const CASES: readonly Case[] = [
  {
    what: 'a misspelt field of a subnet',
    kind: 'PhysicalNetwork',
    spec: '{subnets: [{name: a, cidr: 10.0.0.0/24, gatway: 10.0.0.1}]}',
    path: 'spec.subnets[0].gatway',
  },
  {
    what: 'a misspelt list',
    kind: 'PhysicalNetwork',
    spec: '{subnets: [], router: []}',
    path: 'spec.router',
  },
  {
    what: 'an interface on a subnet without a name',
    kind: 'PhysicalNetwork',
    spec: '{subnets: [{name: a, cidr: 10.0.0.0/24}], hosts: [{name: h, interfaces: [{subnet: ""}]}]}',
    path: 'spec.hosts[0].interfaces[0].subnet',
  },
  {
    what: 'a delay without its unit',
    kind: 'PhysicalNetwork',
    spec: '{subnets: [{name: a, cidr: 10.0.0.0/24, delay: 5}]}',
    path: 'spec.subnets[0].delay',
  },
  {
    what: 'a provider of load balancers that nobody knows',
    kind: 'PhysicalNetwork',
    spec: '{loadBalancer: {provider: f5}}',
    path: 'spec.loadBalancer.provider',
  },
  {
    what: 'a load balancer without addresses',
    kind: 'PhysicalNetwork',
    spec: '{subnets: [{name: a, cidr: 10.0.0.0/24}], loadBalancer: {provider: cloud, interfaces: [{subnet: a}]}}',
    path: 'spec.loadBalancer.addresses',
  },
  {
    what: 'addresses for MetalLB outside of its pools',
    kind: 'PhysicalNetwork',
    spec: '{loadBalancer: {provider: metallb, addresses: [10.0.0.0/24]}}',
    path: 'spec.loadBalancer.addresses',
  },
  {
    what: 'a check that is never made',
    kind: 'PhysicalNetwork',
    spec: '{loadBalancer: {provider: none, healthCheck: {intervalSeconds: 0}}}',
    path: 'spec.loadBalancer.healthCheck.intervalSeconds',
  },
  {
    what: 'an MTU that no link has',
    kind: 'PhysicalNetwork',
    spec: '{switches: [{name: a, mtu: 67}]}',
    path: 'spec.switches[0].mtu',
  },
  {
    what: 'a chance above one',
    kind: 'PhysicalNetwork',
    spec: '{links: [{from: a, to: b, loss: 1.5}]}',
    path: 'spec.links[0].loss',
  },
  {
    what: 'a route without a destination',
    kind: 'HostConfig',
    spec: '{routes: [{via: 10.0.0.1}]}',
    path: 'spec.routes[0].to',
  },
  { what: 'a misspelt field', kind: 'HostConfig', spec: '{iptable: ""}', path: 'spec.iptable' },
  {
    what: 'a listener on port 0',
    kind: 'HostConfig',
    spec: '{listen: [{port: 0}]}',
    path: 'spec.listen[0].port',
  },
  {
    what: 'a sysctl that is no text',
    kind: 'HostConfig',
    spec: '{sysctls: {net.ipv4.ip_forward: 1}}',
    path: 'spec.sysctls["net.ipv4.ip_forward"]',
  },
  {
    what: 'a verdict that there is not',
    kind: 'Expectations',
    spec: '{traces: [{name: a, from: b, to: c, verdict: fine}]}',
    path: 'spec.traces[0].verdict',
  },
  {
    what: 'a misspelt expectation',
    kind: 'Expectations',
    spec: '{traces: [{name: a, from: b, to: c, verdict: answered, pases: []}]}',
    path: 'spec.traces[0].pases',
  },
  {
    what: 'a change that nobody knows',
    kind: 'Expectations',
    spec: '{traces: [], changes: [{name: a, remove: [Pod/default/web]}]}',
    path: 'spec.changes[0].remove',
  },
  {
    what: 'a change without a name',
    kind: 'Expectations',
    spec: '{changes: [{delete: [Pod/default/web]}]}',
    path: 'spec.changes[0].name',
  },
  {
    what: 'a fault of a kind that there is not',
    kind: 'Expectations',
    spec: '{changes: [{name: a, faults: [{kind: cable, host: worker1}]}]}',
    path: 'spec.changes[0].faults[0].kind',
  },
  {
    what: 'a fault that does not say what is broken',
    kind: 'Expectations',
    spec: '{changes: [{name: a, faults: [{kind: link, host: worker1}]}]}',
    path: 'spec.changes[0].faults[0].interface',
  },
  {
    what: 'a fault with a field of another kind',
    kind: 'Expectations',
    spec: '{changes: [{name: a, faults: [{kind: node, name: worker1, interface: eth0}]}]}',
    path: 'spec.changes[0].faults[0].interface',
  },
  {
    what: 'time without its unit',
    kind: 'Expectations',
    spec: '{changes: [{name: a, wait: "90"}]}',
    path: 'spec.changes[0].wait',
  },
];

for (const { what, kind, spec, path } of CASES) {
  t.test(`${kind}: ${what} is told by the loader and by the schema`, (t) => {
    const text = `apiVersion: podwire.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: x}\nspec: ${spec}\n`;
    const cluster = new Cluster([{ file: 'x.yaml', text }]);
    const told = [...cluster.errors, ...cluster.findings].filter((message) => message.path === path);
    t.match(told, [{ file: 'x.yaml', line: 4 }], 'the loader');
    const value: unknown = parseAllDocuments(text)[0]?.toJS();
    t.not(mistakes(SCHEMAS[kind], value).length, 0, 'the schema');
    t.end();
  });
}
