/** What net-tools 2.10 read of the kernel: lines of /proc/net. */

import { type Ipv4Addr, ipv4 } from '../../packet/index.js';
import { procNetFiles } from '../proc-net/proc-net.js';
import { failure, type ToolPlace, type ToolResult } from '../tool.js';

/** Words of each line behind the first. */
export function procRows({ netns }: ToolPlace, name: 'arp' | 'route'): readonly (readonly string[])[] {
  const text = new Map(procNetFiles(netns)).get(`/proc/net/${name}`) ?? '';
  return text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
}

/** `0100A8C0`: as the octets lie in memory. */
export const addressOfHex = (text: string): Ipv4Addr =>
  ipv4((text.match(/../g) ?? []).reverse().reduce((sum, octet) => sum * 256 + Number.parseInt(octet, 16), 0) | 0);

export const onlyShows = (tool: string, what: string): ToolResult =>
  failure(2, `${tool}: ${what}: only what shows is offered here`);
