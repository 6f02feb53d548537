/** What a PhysicalNetwork says of IPv6. The kernel here speaks IPv4 alone: such fields are left out, and told. */

import { type FieldPath, type IpAddress, isIpv4, isIpv4Cidr } from '../kubernetes/index.js';
import type { MachineSpec, PhysicalNetworkSpec } from './document.js';

const isIpv6 = (address: IpAddress | undefined): boolean => address !== undefined && !isIpv4(address);

const ofMachine = ({ interfaces, routes }: Pick<MachineSpec, 'interfaces' | 'routes'>): FieldPath[] => [
  ...interfaces.flatMap(({ address }, i) => (isIpv6(address) ? [['interfaces', i, 'address']] : [])),
  ...routes.flatMap(({ to, via }, i) => (!isIpv4Cidr(to) || isIpv6(via) ? [['routes', i]] : [])),
];

/** Every field that holds an address or network of IPv6. */
export function ipv6Fields({
  subnets,
  routers,
  nodes,
  hosts,
  loadBalancer,
}: PhysicalNetworkSpec): readonly FieldPath[] {
  const inList = (list: string, machines: readonly MachineSpec[]): FieldPath[] =>
    machines.flatMap((machine, i) => ofMachine(machine).map((path) => ['spec', list, i, ...path]));
  return [
    ...subnets.flatMap(({ cidr, gateway }, i) => [
      ...(isIpv4Cidr(cidr) ? [] : [['spec', 'subnets', i, 'cidr']]),
      ...(isIpv6(gateway) ? [['spec', 'subnets', i, 'gateway']] : []),
    ]),
    ...inList('routers', routers),
    ...inList('nodes', nodes),
    ...inList('hosts', hosts),
    ...hosts.flatMap(({ listen }, i) =>
      listen.flatMap(({ address }, j) => (isIpv6(address) ? [['spec', 'hosts', i, 'listen', j, 'address']] : [])),
    ),
    ...(loadBalancer === undefined ? [] : ofMachine(loadBalancer).map((path) => ['spec', 'loadBalancer', ...path])),
  ];
}
