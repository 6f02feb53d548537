/** What Calico renders for nodes of a large cluster, for both benches of BIRD. */

import { formatIpv4, type Ipv4Addr, ipv4 } from '../src/packet/index.js';

/** Milliseconds of the whole process, its collector's threads too. */
export function cpuTime<T>(run: () => T): { readonly result: T; readonly ms: number } {
  const start = process.cpuUsage();
  const result = run();
  const { user, system } = process.cpuUsage(start);
  return { result, ms: (user + system) / 1000 };
}

export const report = (what: string, ms: number, note = ''): void =>
  console.log(`${what.padEnd(64)} ${ms.toFixed(0).padStart(7)} ms ${note}`);

export function cpu<T>(what: string, run: () => T, note = ''): T {
  const { result, ms } = cpuTime(run);
  report(what, ms, note);
  return result;
}

export const nodeAddress = (index: number): Ipv4Addr => ipv4(0x0a00_0000 + index + 1);
const block = (index: number): string => `${formatIpv4(ipv4(0xac10_0000 + index * 64))}/26`;

/** What Calico renders for a node, without its sessions. */
export const base = (index: number, addPaths = true): string => `
function calico_aggr () {
  if ( net = ${block(index)} ) then { accept; }
  if ( net ~ ${block(index)} && krt_metric < 1024 ) then { accept; }
  if ( net ~ ${block(index)} ) then { reject; }
}
function calico_export_to_bgp_peers(bool internal_peer) {
  if (internal_peer) then { if (defined(ifname)) then { if ((ifname ~ "*.cali") || (ifname ~ "*.calico")) then { reject; } } }
  calico_aggr();
  if (net ~ 172.16.0.0/12) then { accept; }
}
filter calico_kernel_programming {
  if (net ~ 172.16.0.0/12) then { krt_tunnel = "tunl0"; accept; }
  accept;
}
router id ${formatIpv4(nodeAddress(index))};
protocol kernel { learn; persist; scan time 2; import all; export filter calico_kernel_programming; graceful restart; merge paths on; }
protocol device { scan time 2; }
protocol direct { interface -"cali*", -"kube-ipvs*", "*"; }
protocol static { route ${block(index)} blackhole; }
template bgp bgp_template {
  local as 64512;
  multihop; gateway recursive; ${addPaths ? 'add paths on;' : ''} graceful restart;
  connect delay time 2; connect retry time 5; error wait time 5,30;
}
`;

export const peer = (own: number, other: number, more = ''): string => `
protocol bgp peer_${other} from bgp_template {
  neighbor ${formatIpv4(nodeAddress(other))} as 64512;
  source address ${formatIpv4(nodeAddress(own))};
  import all;
  export filter { calico_export_to_bgp_peers(true); reject; };
  ${more}
}
`;

export const REFLECTORS = 3;
/** Sessions of a node, or of a reflector, with all reflectors. */
export const toReflectors = (i: number): string =>
  Array.from({ length: REFLECTORS }, (_, j) => (i === j ? '' : peer(i, j))).join('');
