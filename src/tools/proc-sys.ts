/** /proc/sys of a namespace: what is set, and what the kernel itself counts there. */

import { type Netns, sysctlFile } from '../kernel/index.js';

/** By the names of files below /proc/sys. */
export const sysctlFiles = ({ sysctl, conntrack }: Netns): readonly (readonly [file: string, value: string])[] => [
  ...sysctl.list().map(([path, value]) => [sysctlFile(path), value] as const),
  // Nobody can set it.
  ['net/netfilter/nf_conntrack_count', String(conntrack.count)],
];
