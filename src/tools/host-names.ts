/** Names of hosts by their addresses, as tools show them without `-n`. */

import { awaitLookup, resolverOf } from '../cluster/index.js';
import { formatIpv4, INADDR_ANY, type Ipv4Addr } from '../packet/index.js';
import type { ToolPlace } from './tool.js';

/** Each is asked for once. */
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
