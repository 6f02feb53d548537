/** The topologies that come with podwire: what each shows, its files, and what is expected of it. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  field,
  isList,
  isObject,
  type Json,
  loadDocuments,
  nearMatches,
  type SourceText,
} from '../kubernetes/index.js';
import { Problem } from './problem.js';

export interface Scenario {
  readonly name: string;
  /** Heading of its README. */
  readonly title: string;
  /** The first paragraph below it. */
  readonly description: string;
  /** The whole README, Markdown. */
  readonly readme: string;
  readonly sources: readonly SourceText[];
  /** Traces as the topology's Expectations have them. */
  readonly expectations: readonly ExpectedFlow[];
}

export interface ExpectedFlow {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly verdict: string;
}

const FOLDER = 'topologies';

/** The nearest folder of that name above this file: beside src as it is written, beside dist as it is built. */
export function builtInScenarios(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const folder = join(at, FOLDER);
    if (existsSync(folder) || dirname(at) === at) return folder;
  }
}

function textOf(value: Json | undefined, name: string, otherwise = ''): string {
  const given = field(value, name);
  return typeof given === 'string' ? given : otherwise;
}

function listAt(value: Json | undefined, name: string): readonly Json[] {
  const given = field(value, name);
  return isList(given) ? given : [];
}

function expectationsOf(sources: readonly SourceText[]): ExpectedFlow[] {
  const documents = loadDocuments(sources).documents.filter(({ kind }) => kind === 'Expectations');
  return documents.flatMap(({ value }) => {
    const spec = field(value, 'spec');
    const traces = [spec, ...listAt(spec, 'changes')].flatMap((step) => listAt(step, 'traces'));
    return traces.filter(isObject).map((one) => ({
      name: textOf(one, 'name'),
      from: textOf(one, 'from'),
      to: textOf(one, 'to'),
      protocol: textOf(one, 'protocol', 'tcp'),
      verdict: textOf(one, 'verdict'),
    }));
  });
}

function read(folder: string): Scenario {
  const name = basename(folder);
  const files = readdirSync(folder).filter((file) => /\.ya?ml$/.test(file));
  const sources = files.map((file) => ({
    file: `${FOLDER}/${name}/${file}`,
    text: readFileSync(join(folder, file), 'utf8'),
  }));
  const path = join(folder, 'README.md');
  const readme = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const [heading = '', first = ''] = readme.split(/\n\s*\n/);
  const title = heading.replace(/^#+\s*/, '').trim();
  const description = first.replaceAll(/\s*\n\s*/g, ' ').trim();
  return {
    name,
    title: title === '' ? name : title,
    description,
    readme,
    sources,
    expectations: expectationsOf(sources),
  };
}

export class Scenarios {
  readonly #folder: string;
  #all: ReadonlyMap<string, Scenario> | undefined = undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** By name; read when somebody first asks. */
  get #scenarios(): ReadonlyMap<string, Scenario> {
    if (this.#all !== undefined) return this.#all;
    const folders = existsSync(this.#folder) ? readdirSync(this.#folder, { withFileTypes: true }) : [];
    const names = folders.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    this.#all = new Map(names.sort().map((name) => [name, read(join(this.#folder, name))]));
    return this.#all;
  }

  list(): readonly Scenario[] {
    return [...this.#scenarios.values()];
  }

  /** @throws Problem */
  get(name: string): Scenario {
    const found = this.#scenarios.get(name);
    if (found !== undefined) return found;
    const near = nearMatches(name, this.#scenarios.keys());
    const hint = near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`;
    throw new Problem('not-found', `there is no scenario "${name}"${hint}`, [
      { message: `no scenario "${name}"`, near },
    ]);
  }
}
