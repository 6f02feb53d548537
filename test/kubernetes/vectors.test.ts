/** Upstream's own inputs load: Calico resources and Kubernetes objects as other people wrote them. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { formatConfigError, formatFinding, isObject, type Json, loadCluster } from '../../src/kubernetes/index.js';
import { field, isList } from '../../src/kubernetes/source/json.js';
import { parseBlock } from '../../src/kubernetes/source/yaml-block.js';
import { parseQuoted, parseYaml } from '../../src/kubernetes/source/yaml-full.js';

const VECTORS = process.env['PODWIRE_VECTORS'] ?? join(process.cwd(), '../shared/vectors');
const CALICO = join(VECTORS, 'calico');
const skip = existsSync(CALICO) ? false : `upstream's vectors are not at ${CALICO}`;

const filesBelow = (folder: string, wanted: RegExp): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => wanted.test(name))
    .sort()
    .map((name) => join(folder, name));

/** Notation of the vectors' own harness, in group `test`. */
const OF_THE_HARNESS = /in test\/v1 are not modelled/;

t.test('every YAML input loads without an error or a surprise', { skip }, (t) => {
  const files = filesBelow(CALICO, /\.ya?ml$/);
  t.ok(files.length > 300, `${files.length} files`);
  for (const file of files) {
    const { errors, findings } = loadCluster([{ file, text: readFileSync(file, 'utf8') }], { seed: 1 });
    const surprises = findings.map(formatFinding).filter((message) => !OF_THE_HARNESS.test(message));
    const messages = [...errors.map(formatConfigError), ...surprises];
    if (messages.length > 0) t.fail(messages.join('\n'));
  }
  t.end();
});

t.test('the fast parser and the full one agree on all of them', { skip }, (t) => {
  let fast = 0;
  for (const file of filesBelow(CALICO, /\.ya?ml$/)) {
    for (const text of readFileSync(file, 'utf8').split(/^---(?=\s|$)/m)) {
      const block = parseBlock(text, { quoted: parseQuoted });
      if (block === undefined) continue;
      fast++;
      const full = parseYaml(text);
      if (!('value' in full) || JSON.stringify(full.value) !== JSON.stringify(block.value)) t.fail(`${file}: ${text}`);
    }
  }
  t.ok(fast > 2000, `${fast} documents were in its layout`);
  t.end();
});

const parse = (file: string): Json | undefined => {
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const isJson = (given: unknown): given is Json => given !== undefined;
  return isJson(value) ? value : undefined;
};

t.test('the datastores of the CNI calls load', { skip }, (t) => {
  let objects = 0;
  for (const file of filesBelow(join(CALICO, 'cni'), /\.json$/)) {
    const initial = field(parse(file), 'initial');
    if (!isList(initial)) continue;
    objects += initial.length;
    const text = initial.filter((object) => isObject(object)).map((object) => JSON.stringify(object));
    const { errors, store } = loadCluster([{ file, text: text.join('\n') }], { seed: 1 });
    // An unknown pool, or one asked for as no list, is what these two cases are about.
    const wrong = /pool-(unknown|bad-annotation)/.test(file) ? 1 : 0;
    t.equal(errors.length, wrong, [file, ...errors.map(formatConfigError)].join('\n'));
    t.ok(store.list('ClusterInformation').length > 0 || /not-ready/.test(file), file);
  }
  t.ok(objects > 300, `${objects} objects`);
  t.end();
});
