/** `show interfaces`: links and addresses as a daemon knows them. */

import { classifyIp, compareIp, formatIp, type IpAddr } from '../address.js';
import type { Iface, IfaceAddress } from '../interfaces.js';
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

const isNarrow = (ip: IpAddr): boolean => ['loopback', 'link'].includes(classifyIp(ip));

/** kif_choose_primary(): 1.6 has the lowest address of a wide scope first. */
function addressesOf({ addresses }: Iface, isBird2: boolean): readonly IfaceAddress[] {
  if (isBird2) return addresses;
  const candidates = addresses.filter(({ secondary }) => !secondary);
  const [primary] = candidates.toSorted(
    (a, b) => Number(isNarrow(a.ip)) - Number(isNarrow(b.ip)) || compareIp(a.ip, b.ip),
  );
  return primary === undefined ? addresses : [primary, ...addresses.filter((each) => each !== primary)];
}

/** For 1.6 an interface without an address is down, and it says so aloud. */
function stateText({ up, addresses }: Iface, isBird2: boolean): string {
  if (isBird2) return up ? 'up' : 'down';
  return up && addresses.length > 0 ? 'up' : 'DOWN';
}

function interfaceLines(iface: Iface, isBird2: boolean): string[] {
  const flags = [
    iface.pointToPoint ? 'PtP' : 'MultiAccess',
    ...(iface.pointToPoint || iface.loopback ? [] : ['Broadcast', 'Multicast']),
    `Admin${iface.adminUp ? 'Up' : 'Down'}`,
    `Link${iface.linkUp ? 'Up' : 'Down'}`,
    ...(iface.loopback ? ['Loopback', 'Ignored'] : []),
    `MTU=${iface.mtu}`,
  ];
  const master = iface.master === undefined ? '' : ` master=${iface.master}`;
  return [
    `${iface.name} ${stateText(iface, isBird2)} (index=${iface.index}${master})`,
    `\t${flags.join(' ')}`,
    ...addressesOf(iface, isBird2).map(({ ip, net, secondary, opposite }, i) => {
      const others = isBird2 ? '' : 'Unselected, ';
      const first = i === 0 ? (isBird2 ? 'Preferred, ' : 'Primary, ') : secondary ? 'Secondary, ' : others;
      const other = opposite === undefined ? '' : `opposite ${formatIp(opposite)}, `;
      return `\t${formatIp(ip)}/${net.length} (${first}${other}scope ${scopeText(ip)})`;
    }),
  ];
}

/** `show interfaces summary` (nest/iface.c: if_show_summary()). */
export function interfacesSummary({ interfaces, isBird2 }: Router): string[] {
  const head = isBird2
    ? `${'Interface'.padEnd(10)} ${'State'.padEnd(6)} ${'IPv4 address'.padEnd(18)} IPv6 address`
    : 'interface state address';
  const rows = Array.from(interfaces, (iface) => {
    const [first] = addressesOf(iface, isBird2);
    const address = first === undefined ? '' : `${formatIp(first.ip)}/${first.net.length}`;
    const state = stateText(iface, isBird2);
    return isBird2
      ? `${iface.name.padEnd(10)} ${state.padEnd(6)} ${address}`
      : `${iface.name.padEnd(9)} ${state.padEnd(5)} ${address}`;
  });
  return [head, ...rows];
}
