/** Switches as lines `PATH VALUE` below /proc/sys. */

import { freshSwitches, type NetnsState } from '../../kernel/index.js';

/** `net.ipv4.conf.vxlan.calico.rp_filter` → `net/ipv4/conf/vxlan.calico/rp_filter`: a device's name may have dots. */
function procPath(path: string): string {
  const device = /^net\.(ipv4|ipv6)\.(conf|neigh)\.(.+)\.([a-z0-9_]+)$/.exec(path);
  if (device === null) return path.replaceAll('.', '/');
  const [, family = '', kind = '', dev = '', key = ''] = device;
  return `net/${family}/${kind}/${dev}/${key}`;
}

const line = ([path, value]: readonly [string, string]): string => `${procPath(path)} ${value}`;

/** What a fresh namespace of the emulator has, said before there are devices: the machine's own values stay outside. */
export const freshSwitchLines = (): string[] => freshSwitches().map(line);

/** What only the namespace that a machine boots with has, and what is IPv6's, which is switched off. */
const LEFT_OUT = /^net\.(?:ipv4\.neigh\.default\.|ipv6\.|netfilter\.nf_conntrack_max$)/;

export const switchLines = (netns: NetnsState): string[] =>
  Object.entries(netns.sysctls)
    .filter(([path]) => !LEFT_OUT.test(path))
    .map(line);
