/**
 * `kind: PhysicalNetwork`, `apiVersion: podwire.dev/v1alpha1`: what Kubernetes does not describe. Switches
 * and the cables between them, subnets, routers, where the nodes are plugged in, and hosts outside.
 */

import { type KindDefinition, schema, type Value } from '../kubernetes/index.js';
import { referenceProblems } from './references.js';

const {
  address,
  check,
  cidr,
  count,
  integer,
  listOf,
  matching,
  number,
  oneOf,
  optional,
  orEmpty,
  port,
  record,
  text,
  withDefault,
} = schema;

/** `250us`, `2ms`, `1.5s`: a delay with its unit. */
const DURATION = /^(\d+(?:\.\d+)?)(ns|us|ms|s)$/;
const UNIT_NS: Readonly<Record<string, number>> = { ns: 1, us: 1_000, ms: 1_000_000, s: 1_000_000_000 };

/** Nanoseconds of a duration that the schema let pass. */
export function durationNs(given: string): number {
  const [, value = '0', unit = 'ns'] = DURATION.exec(given) ?? [];
  return Math.round(Number(value) * (UNIT_NS[unit] ?? 1));
}

const duration = matching(DURATION, 'a duration such as 250us or 2ms');
const mtu = check(count, (value) =>
  value >= 68 && value <= 65_535 ? undefined : { path: [], expected: 'an MTU from 68 to 65535' },
);
const loss = check(number, (value) =>
  value >= 0 && value <= 1 ? undefined : { path: [], expected: 'a chance from 0 to 1' },
);
/** Of a machine, a subnet or a switch. */
const name = matching(/\S/, 'a name');
const ifname = matching(/^[^\s/:]{1,15}$/, 'an interface name of at most 15 characters');

const link = { mtu: optional(mtu), delay: optional(duration), loss: optional(loss) };

const route = record(
  { to: cidr, via: optional(address), dev: optional(ifname), metric: optional(count) },
  { closed: true },
);

const listen = record(
  { protocol: withDefault(oneOf('tcp', 'udp', 'sctp'), 'tcp'), port, address: optional(address) },
  { closed: true },
);

const networkInterface = record(
  {
    name: optional(ifname),
    /** Subnet that the interface is plugged into; its switch is that subnet's. */
    subnet: name,
    address: optional(address),
    ...link,
  },
  { closed: true },
);

const machine = {
  name,
  interfaces: listOf(networkInterface),
  routes: listOf(route),
};

const addressRange = matching(
  /^[\d.]+(?:\/\d{1,2}|\s*-\s*[\d.]+)?$/,
  'an address, a CIDR or a range such as 192.0.2.1-192.0.2.9',
);

/** Who leads packets to Services of the type LoadBalancer. */
const loadBalancer = check(
  record(
    {
      provider: oneOf('none', 'cloud', 'metallb'),
      /** What follows is the cloud's: a machine of its own, the addresses that it gives, and how it knows who is well. */
      name: withDefault(name, 'load-balancer'),
      interfaces: listOf(networkInterface),
      routes: listOf(route),
      addresses: listOf(addressRange),
      ipMode: withDefault(oneOf('VIP', 'Proxy'), 'VIP'),
      healthCheck: orEmpty(
        record(
          {
            target: withDefault(oneOf('nodePort', 'kubeProxy'), 'nodePort'),
            intervalSeconds: withDefault(integer(1, 3600), 8),
            timeoutSeconds: withDefault(integer(1, 3600), 1),
            healthyThreshold: withDefault(integer(1, 100), 1),
            unhealthyThreshold: withDefault(integer(1, 100), 3),
          },
          { closed: true },
        ),
      ),
    },
    { closed: true },
  ),
  ({ provider, interfaces, routes, addresses }) => {
    const given = Object.entries({ interfaces, addresses, routes });
    if (provider !== 'cloud') {
      const own = given.find(([, list]) => list.length > 0);
      return own && { path: [own[0]], expected: `nothing: the provider ${provider} has no machine of its own` };
    }
    const lacking = given.find(([name, list]) => name !== 'routes' && list.length === 0);
    return lacking && { path: [lacking[0]], expected: `one or more ${lacking[0]}` };
  },
);
export type LoadBalancerSpec = Value<typeof loadBalancer>;
/** Text of /etc/bird/bird.conf, in the language of BIRD 2: the machine runs one. */
const bird = optional(text);

export const physicalNetworkBody = record({
  spec: record(
    {
      switches: listOf(record({ name, mtu: optional(mtu) }, { closed: true })),
      /** Trunks between switches. */
      links: listOf(record({ from: name, to: name, ...link }, { closed: true })),
      subnets: listOf(
        record(
          {
            name,
            cidr,
            switch: optional(name),
            gateway: optional(address),
            mtu: optional(mtu),
            delay: optional(duration),
            loss: optional(loss),
          },
          { closed: true },
        ),
      ),
      routers: listOf(record({ ...machine, bird }, { closed: true })),
      nodes: listOf(record(machine, { closed: true })),
      hosts: listOf(record({ ...machine, bird, listen: listOf(listen) }, { closed: true })),
      loadBalancer: optional(loadBalancer),
    },
    { closed: true },
  ),
});

export type PhysicalNetworkSpec = Value<typeof physicalNetworkBody>['spec'];
export type InterfaceSpec = PhysicalNetworkSpec['routers'][number]['interfaces'][number];
export type MachineSpec = PhysicalNetworkSpec['nodes'][number];
export type RouterSpec = PhysicalNetworkSpec['routers'][number];
export type HostSpec = PhysicalNetworkSpec['hosts'][number];

export const PODWIRE_GROUP = 'podwire.dev';

export const physicalNetworkKind: KindDefinition<Value<typeof physicalNetworkBody>> = {
  kind: 'PhysicalNetwork',
  groups: [PODWIRE_GROUP],
  namespaced: false,
  body: physicalNetworkBody,
  check: referenceProblems,
};
