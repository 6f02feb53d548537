/** All clusters of a server, by id and by name. */

import { randomUUID } from 'node:crypto';
import { nearMatches } from '../kubernetes/index.js';
import type { Limits } from './options.js';
import { Problem } from './problem.js';
import type { Origin } from './session/opening.js';
import { ClusterThread } from './thread/cluster-thread.js';

export interface ServedCluster {
  /** Never used again. */
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
  readonly thread: ClusterThread;
}

export interface NewCluster {
  readonly name: string | undefined;
  readonly origin: Origin;
}

export interface ClusterEvents {
  readonly onRestart: (cluster: { readonly id: string; readonly name: string }, why: string) => void;
}

/** A name that reads well in a path. */
const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

export const isClusterName = (name: string): boolean => NAME.test(name);

/** `field` is where it was said. @throws Problem */
export function requireClusterName(name: string, field: string): void {
  if (isClusterName(name)) return;
  const message = `"${name}" is no name of a cluster: lower case letters, digits and "-"`;
  throw new Problem('bad-request', message, [{ message, field }]);
}

export class Clusters {
  readonly #clusters = new Map<string, ServedCluster>();
  readonly #limits: Limits;
  readonly #workerUrl: URL;
  readonly #events: ClusterEvents;
  #closing = false;

  constructor(limits: Limits, workerUrl: URL, events: ClusterEvents) {
    this.#limits = limits;
    this.#workerUrl = workerUrl;
    this.#events = events;
  }

  list(): readonly ServedCluster[] {
    return [...this.#clusters.values()];
  }

  /** By id or name. @throws Problem */
  get(key: string): ServedCluster {
    const found = this.#clusters.get(key) ?? this.list().find(({ name }) => name === key);
    if (found !== undefined) return found;
    const near = nearMatches(
      key,
      this.list().map(({ name }) => name),
    );
    const hint = near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`;
    throw new Problem('not-found', `there is no cluster "${key}"${hint}`, [{ message: `no cluster "${key}"`, near }]);
  }

  /** Loads a cluster; answers when it is there. @throws Problem */
  async add({ name, origin }: NewCluster): Promise<ServedCluster> {
    if (this.#closing) throw new Problem('unavailable', 'the server is shutting down');
    if (this.#clusters.size >= this.#limits.clusters)
      throw new Problem('limit-reached', `this server has at most ${this.#limits.clusters} clusters: delete one`);
    const id = randomUUID();
    const made = name ?? `cluster-${id.slice(0, 8)}`;
    this.#requireFree(made);
    const { onRestart } = this.#events;
    const thread = new ClusterThread({
      // A snapshot has a name of its own, which is known when it has been read.
      name: origin.kind === 'snapshot' ? name : made,
      origin,
      limits: this.#limits,
      workerUrl: this.#workerUrl,
      onRestart: (why) => onRestart({ id, name: this.#clusters.get(id)?.name ?? made }, why),
    });
    const cluster = { id, name: made, createdAt: new Date().toISOString(), thread };
    this.#clusters.set(id, cluster);
    try {
      return this.#called(await thread.ready, cluster);
    } catch (error) {
      this.#clusters.delete(id);
      await thread.close();
      throw error;
    }
  }

  /** @throws Problem */
  #requireFree(name: string, hint = ''): void {
    requireClusterName(name, '/name');
    if (!this.list().some((one) => one.name === name)) return;
    const message = `there is a cluster "${name}" already${hint}`;
    throw new Problem('conflict', message, [{ message, field: '/name' }]);
  }

  /** A cluster that has been loaded, by the name that it turned out to have. @throws Problem */
  #called(name: string, cluster: ServedCluster): ServedCluster {
    if (name === cluster.name) return cluster;
    this.#requireFree(name, ", which is the snapshot's own name: give another with ?name=");
    const called = { ...cluster, name };
    this.#clusters.set(cluster.id, called);
    return called;
  }

  /** @throws Problem */
  async remove(key: string): Promise<void> {
    const { id, thread } = this.get(key);
    this.#clusters.delete(id);
    await thread.close();
  }

  /** No new ones, and those that are there end. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.list().map(({ thread }) => thread.close()));
    this.#clusters.clear();
  }
}
