/** Objects that can be changed, by their names: read once, and then those that events name. */

import { signal } from '@preact/signals';
import type { ListedObject } from '../api-types.js';
import type { Api } from './api.js';

export const keyOf = ({ group, kind, namespace, name }: ListedObject): string =>
  `${group}/${kind}/${namespace}/${name}`;

/** `NetworkPolicy shop/deny`, as events name it. */
export const titleOf = ({ kind, namespace, name }: Pick<ListedObject, 'kind' | 'namespace' | 'name'>): string =>
  `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`;

/** What an event is about; undefined where that is no object. */
export function objectNamed(subject: string): Pick<ListedObject, 'kind' | 'namespace' | 'name'> | undefined {
  const [, kind, namespace = '', name] = /^([A-Z]\w*) (?:([^\s/]+)\/)?([^\s/]+)$/.exec(subject) ?? [];
  return kind === undefined || name === undefined ? undefined : { kind, namespace, name };
}

/** More than these at once are read with all others. */
const MOST_SINGLY = 20;

type Asks = Pick<Api, 'objectNames'>;

export class ObjectNames {
  readonly rows = signal<readonly ListedObject[]>([]);
  readonly #api: Asks;
  readonly #isWanted: (row: Pick<ListedObject, 'kind'>) => boolean;
  #cluster: string | undefined;
  /** Titles of those that are others now. */
  #changed = new Set<string>();
  #readsAll = false;
  #underWay = false;

  constructor(api: Asks, isWanted: (row: Pick<ListedObject, 'kind'>) => boolean) {
    this.#api = api;
    this.#isWanted = isWanted;
  }

  /** Of another cluster, or of one of which nobody knows what has changed. */
  readAll(cluster: string): Promise<void> {
    if (cluster !== this.#cluster) this.rows.value = [];
    this.#cluster = cluster;
    this.#readsAll = true;
    return this.#read();
  }

  changed(subjects: readonly string[]): Promise<void> {
    for (const subject of subjects) {
      const named = objectNamed(subject);
      if (named !== undefined && this.#isWanted(named)) this.#changed.add(subject);
    }
    return this.#changed.size === 0 ? Promise.resolve() : this.#read();
  }

  /** One question after the other: what is asked for meanwhile is asked for then. */
  async #read(): Promise<void> {
    if (this.#underWay) return;
    this.#underWay = true;
    while (this.#readsAll || this.#changed.size > 0) {
      const isAll = this.#readsAll || this.#changed.size > MOST_SINGLY;
      const titles = new Set(this.#changed);
      this.#readsAll = false;
      this.#changed = new Set();
      await (isAll ? this.#showAll() : this.#show(titles)).catch(() => undefined);
    }
    this.#underWay = false;
  }

  async #showAll(): Promise<void> {
    const cluster = this.#cluster ?? '';
    const rows = await this.#api.objectNames(cluster);
    if (cluster === this.#cluster) this.rows.value = rows.filter(this.#isWanted);
  }

  async #show(titles: ReadonlySet<string>): Promise<void> {
    const cluster = this.#cluster ?? '';
    const found: ListedObject[] = [];
    for (const title of titles) found.push(...(await this.#api.objectNames(cluster, objectNamed(title))));
    if (cluster !== this.#cluster) return;
    this.rows.value = [...this.rows.value.filter((row) => !titles.has(titleOf(row))), ...found.filter(this.#isWanted)];
  }
}
