/**
 * What host-local remembers on nodes, its files: which sandbox has which address, and where it looks for the next. A cluster
 * that is built anew takes them over, so that its pods have the addresses that they had.
 */

import { hostLocalFiles, hostLocalOwner, type PluginBinaries, rememberingHostLocal } from '../../cni/index.js';
import type { Host } from '../../kernel/index.js';
import type { Pod } from '../../kubernetes/index.js';
import { containerId } from './sandbox.js';

export interface RecordedHostLocal {
  readonly node: string;
  /** By path, in the order in which they were written. */
  readonly files: Readonly<Record<string, string>>;
}

export class HostLocalRecord {
  /** Of nodes that nobody has built yet, or that were built with it. */
  readonly #kept: Map<string, Readonly<Record<string, string>>>;

  constructor(recorded: readonly RecordedHostLocal[] = []) {
    this.#kept = new Map(recorded.map(({ node, files }) => [node, files]));
  }

  /** The node's plugins, with what host-local knew of these pods; others are gone, and their addresses are free. */
  restore(host: Host, pods: readonly Pod[], binaries: PluginBinaries): PluginBinaries {
    const kept = this.#kept.get(host.name);
    if (kept === undefined) return binaries;
    const sandboxes = new Set(pods.map(containerId));
    const files = Object.entries(kept).filter(([path, content]) => {
      const owner = hostLocalOwner(path, content);
      return owner === undefined || sandboxes.has(owner);
    });
    return new Map([...binaries, ['host-local', rememberingHostLocal(host, new Map(files))]]);
  }

  /** As it is now. */
  of(built: Iterable<Host>): readonly RecordedHostLocal[] {
    const now = new Map(this.#kept);
    for (const host of built) {
      const files = hostLocalFiles(host);
      if (files.size > 0) now.set(host.name, Object.fromEntries(files));
      else now.delete(host.name);
    }
    return [...now].map(([node, files]) => ({ node, files }));
  }

  /** Nodes that are gone: one of the same name is another. */
  forget(isGone: (node: string) => boolean): void {
    for (const node of this.#kept.keys()) if (isGone(node)) this.#kept.delete(node);
  }
}
