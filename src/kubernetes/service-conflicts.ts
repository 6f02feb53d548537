/**
 * Services that the API server would refuse for what others have already, or for an address that it does not give
 * (pkg/registry/core/service: ipallocator, portallocator). Who came first has it.
 */

import { type Cidr, cidrContains, formatCidr, formatIp, isIpv4, isIpv4Cidr } from './address.js';
import { type ConfigError, configError, formatObject } from './messages.js';
import { knownServiceCidrs } from './service-cidrs.js';
import type { FieldPath } from './source/json.js';
import type { Store } from './store.js';
import type { Service } from './types.js';

/** What only one Service can have, and who was first. */
class Taken {
  readonly #holders = new Map<string, Service>();

  /** The other one that has it. */
  by(key: string, service: Service): Service | undefined {
    const holder = this.#holders.get(key);
    return holder === service ? undefined : holder;
  }

  take(keys: readonly string[], service: Service): void {
    for (const key of keys) this.#holders.set(key, service);
  }
}

interface Claim {
  /** `port 30080`, `address 10.96.0.10`. */
  readonly key: string;
  readonly path: FieldPath;
  readonly got: string;
}

/** Node ports are given by number, whatever the protocol. */
function claims({ spec }: Service): readonly Claim[] {
  const { clusterIPs, ports, healthCheckNodePort } = spec;
  const nodePorts = ports.map(({ nodePort }, i) => ({ nodePort, path: ['spec', 'ports', i, 'nodePort'] }));
  const all = [...nodePorts, { nodePort: healthCheckNodePort, path: ['spec', 'healthCheckNodePort'] }];
  return [
    ...clusterIPs.map((ip, i) => ({ key: `address ${formatIp(ip)}`, path: clusterIpPath(i), got: formatIp(ip) })),
    ...all
      .filter(({ nodePort }) => nodePort !== 0)
      .map(({ nodePort, path }) => ({ key: `port ${nodePort}`, path, got: `${nodePort}` })),
  ];
}

export const clusterIpPath = (i: number): FieldPath => (i === 0 ? ['spec', 'clusterIP'] : ['spec', 'clusterIPs', i]);

function sharedWithOthers(service: Service, taken: Taken): readonly ConfigError[] {
  return claims(service).flatMap(({ key, path, got }) => {
    const holder = taken.by(key, service);
    if (holder === undefined) return [];
    const what = key.startsWith('port') ? 'a node port' : 'an address';
    return [configError(service, path, { expected: `${what} that ${formatObject(holder)} does not have`, got })];
  });
}

/** healthCheckNodePort is given on top of the node ports. */
function healthCheckTwice(service: Service): readonly ConfigError[] {
  const { ports, healthCheckNodePort } = service.spec;
  if (healthCheckNodePort === 0 || !ports.some(({ nodePort }) => nodePort === healthCheckNodePort)) return [];
  const expected = 'another port than those of spec.ports';
  return [configError(service, ['spec', 'healthCheckNodePort'], { expected, got: `${healthCheckNodePort}` })];
}

/** Outside of the ranges that the cluster's own objects tell of; of a family that none is of nobody knows. */
function outsideRanges(service: Service, store: Store): readonly ConfigError[] {
  const ranges = knownServiceCidrs(store);
  return service.spec.clusterIPs.flatMap((ip, i) => {
    const own = ranges.filter(({ addr }) => isIpv4(addr) === isIpv4(ip));
    if (own.length === 0 || own.some((range) => cidrContains(range, ip))) return [];
    const expected = `an address of the cluster's ${own.map(formatCidr).join(', ')}`;
    return [configError(service, clusterIpPath(i), { expected, got: formatIp(ip) })];
  });
}

const hasIpv6 = (cidrs: readonly Cidr[]): boolean => cidrs.some((cidr) => !isIpv4Cidr(cidr));

/** alloc.go:initIPFamilyFields(), where it is known that the cluster has addresses of IPv4 alone. */
function familyMissing({ spec, ...service }: Service, store: Store): readonly ConfigError[] {
  const ranges = knownServiceCidrs(store);
  const isAny = spec.headless && Object.keys(spec.selector).length === 0;
  if (ranges.length === 0 || hasIpv6(ranges) || spec.type === 'ExternalName' || isAny) return [];
  const families = spec.ipFamilies.flatMap((family, i) =>
    family === 'IPv6'
      ? [
          configError(service, ['spec', 'ipFamilies', i], {
            expected: 'a family that the cluster has: IPv4',
            got: family,
          }),
        ]
      : [],
  );
  if (spec.ipFamilyPolicy !== 'RequireDualStack') return families;
  const expected = 'SingleStack or PreferDualStack, since the cluster has IPv4 alone';
  const refused = configError(service, ['spec', 'ipFamilyPolicy'], { expected, got: spec.ipFamilyPolicy });
  return [...families, refused];
}

/** What the API server would refuse, and yet is there for kube-proxy to make of what it does; `services` in the order in which they came. */
export function refuseConflicts(store: Store, services: readonly Service[]): readonly ConfigError[] {
  const taken = new Taken();
  return services.flatMap((service) => {
    const errors = [
      ...outsideRanges(service, store),
      ...sharedWithOthers(service, taken),
      ...healthCheckTwice(service),
      ...familyMissing(service, store),
    ];
    const free = claims(service).filter(({ key }) => taken.by(key, service) === undefined);
    taken.take(
      free.map(({ key }) => key),
      service,
    );
    return errors.map((error) => ({ ...error, taken: true as const }));
  });
}
