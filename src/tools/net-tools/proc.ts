/** What net-tools 2.10 read of the kernel: lines of /proc/net, and names for addresses. */

import { awaitLookup, resolverOf } from '../../cluster/index.js';
import { formatIpv4, INADDR_ANY, type Ipv4Addr, ipv4 } from '../../packet/index.js';
import { procNetFiles } from '../proc-net.js';
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

/** Names of hosts by their addresses; each is asked for once. */
export class HostNames {
  readonly #place: ToolPlace;
  readonly #program: string;
  readonly #known = new Map<Ipv4Addr, string | undefined>();

  constructor(place: ToolPlace, program: string) {
    this.#place = place;
    this.#program = program;
  }

  nameOf(address: Ipv4Addr): string | undefined {
    if (address === INADDR_ANY) return undefined;
    if (!this.#known.has(address)) {
      const { cluster, netns, pod } = this.#place;
      const resolver = resolverOf(cluster.asker(netns, pod, this.#program));
      const found = awaitLookup(netns, (done) => resolver.namesOf(address, done));
      this.#known.set(address, found.kind === 'found' ? found.canonicalName : undefined);
    }
    return this.#known.get(address);
  }

  /** The name, or the address where it has none. */
  textOf = (address: Ipv4Addr): string => this.nameOf(address) ?? formatIpv4(address);
}

export const onlyShows = (tool: string, what: string): ToolResult =>
  failure(2, `${tool}: ${what}: only what shows is offered here`);
