/** What kube-proxy up to 1.31 had the tool `conntrack` delete (pkg/proxy/conntrack/cleanup.go of those versions). */

import type { IpFamily } from '../family.js';
import type { ServicePort } from '../tracker/service-port.js';
import type { StaleUdp } from './stale.js';

/** Entries of UDP, by what is given. */
export interface Deletion {
  readonly origDst?: string;
  readonly destinationPort?: number;
  readonly dstNat?: string;
}

const addressesOf = ({ clusterIp, externalIps, loadBalancerVips }: ServicePort): readonly string[] => [
  clusterIp,
  ...externalIps,
  ...loadBalancerVips,
];

/** `removed`: UDP ports of Services that are gone. */
export function deletionsByService(
  { deleted, newlyActive }: StaleUdp,
  ports: ReadonlyMap<string, ServicePort>,
  removed: readonly ServicePort[],
): readonly Deletion[] {
  const active = newlyActive.flatMap((key) => ports.get(key) ?? []);
  const addresses = new Set([...removed.map(({ clusterIp }) => clusterIp), ...active.flatMap(addressesOf)]);
  const nodePorts = new Set(active.map(({ nodePort }) => nodePort).filter((port) => port !== 0));
  const ofEndpoints = deleted.flatMap(({ key, endpoint }): Deletion[] => {
    const port = ports.get(key);
    if (port === undefined) return [];
    const dstNat = endpoint.ip;
    const byPort = port.nodePort === 0 ? [] : [{ destinationPort: port.nodePort, dstNat }];
    return [...byPort, ...addressesOf(port).map((origDst) => ({ origDst, dstNat }))];
  });
  return [
    ...[...addresses].map((origDst) => ({ origDst })),
    ...[...nodePorts].map((destinationPort) => ({ destinationPort })),
    ...ofEndpoints,
  ];
}

/** As it was typed. */
export function formatDeletion({ origDst, destinationPort, dstNat }: Deletion, family: IpFamily): string {
  const nat = dstNat === undefined ? '' : ` --dst-nat ${dstNat}`;
  const ipv6 = family === 'IPv6' ? ' -f ipv6' : '';
  return destinationPort === undefined
    ? `conntrack -D --orig-dst ${origDst ?? ''}${nat} -p udp${ipv6}`
    : `conntrack -D -p udp --dport ${destinationPort}${nat}${ipv6}`;
}
