/** `show interfaces`: links and addresses as a daemon knows them. */

import { formatIp, type IpAddr } from '../address.js';
import type { Iface } from '../interfaces.js';
import type { Router } from '../router.js';

/** lib/ip.c: the scope of an address. */
function scopeText(ip: IpAddr): string {
  if (typeof ip !== 'number') return 'univ';
  const first = ip >>> 24;
  if (first === 127) return 'host';
  const isPrivate = first === 10 || ip >>> 16 === 0xc0a8 || ip >>> 20 === 0xac1;
  return isPrivate || first >= 240 ? 'site' : 'univ';
}

/** `show interfaces` (nest/iface.c: if_show()). */
export const showInterfaces = ({ interfaces, isBird2 }: Router): string[] =>
  Array.from(interfaces).flatMap((iface) => interfaceLines(iface, isBird2));

function interfaceLines(iface: Iface, isBird2: boolean): string[] {
  const flags = [
    iface.pointToPoint ? 'PtP' : 'MultiAccess',
    ...(iface.pointToPoint || iface.loopback ? [] : ['Broadcast', 'Multicast']),
    `Admin${iface.adminUp ? 'Up' : 'Down'}`,
    `Link${iface.linkUp ? 'Up' : 'Down'}`,
    ...(iface.loopback ? ['Loopback', 'Ignored'] : []),
    `MTU=${iface.mtu}`,
  ];
  // 1.6 takes an interface without an address for down.
  const up = iface.up && (isBird2 || iface.addresses.length > 0);
  return [
    `${iface.name} ${up ? 'up' : 'down'} (index=${iface.index})`,
    `\t${flags.join(' ')}`,
    ...iface.addresses.map(({ ip, net, secondary, opposite }, i) => {
      const first = i === 0 ? (isBird2 ? 'Preferred, ' : 'Primary, ') : secondary ? 'Secondary, ' : '';
      const other = opposite === undefined ? '' : `opposite ${formatIp(opposite)}, `;
      const scope = iface.loopback ? 'host' : scopeText(ip);
      return `\t${formatIp(ip)}/${net.length} (${first}${other}scope ${scope})`;
    }),
  ];
}

/** `show interfaces summary` (nest/iface.c: if_show_summary()). */
export function interfacesSummary({ interfaces, isBird2 }: Router): string[] {
  const head = isBird2
    ? `${'Interface'.padEnd(10)} ${'State'.padEnd(6)} ${'IPv4 address'.padEnd(18)} IPv6 address`
    : 'interface state address';
  const rows = Array.from(interfaces, (iface) => {
    const [first] = iface.addresses;
    const address = first === undefined ? '' : `${formatIp(first.ip)}/${first.net.length}`;
    const state = iface.up ? 'up' : 'down';
    return isBird2
      ? `${iface.name.padEnd(10)} ${state.padEnd(6)} ${address}`
      : `${iface.name.padEnd(9)} ${state.padEnd(5)} ${address}`;
  });
  return [head, ...rows];
}
