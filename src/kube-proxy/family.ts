/** The address family that a proxier works for: one proxier for each, as in kube-proxy's dual-stack mode. */

import { type Cidr, type IpAddress, isIpv4 } from '../kubernetes/index.js';

export type IpFamily = 'IPv4' | 'IPv6';

export const familyOf = (address: IpAddress): IpFamily => (isIpv4(address) ? 'IPv4' : 'IPv6');
export const cidrFamily = ({ addr }: Cidr): IpFamily => familyOf(addr);

/** `10.0.0.1:80`, `[fd00::1]:80` (net.JoinHostPort()). */
export const joinHostPort = (ip: string, port: number): string =>
  ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
