/** Upstream's own inputs load: Calico resources and Kubernetes objects as other people wrote them. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  calicoNodeSettings,
  formatConfigError,
  formatFinding,
  isObject,
  type Json,
  loadCluster,
} from '../../src/kubernetes/index.js';
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
  t.ok(objects > 250, `${objects} objects`);
  t.end();
});

/** What manifests.json says of a variable: its text, or where it is from. */
function toEnv(name: string, value: Json): object {
  if (typeof value === 'string') return { name, value };
  const from = field(value, 'from');
  const fieldPath = field(from, 'fieldPath');
  return { name, valueFrom: fieldPath === undefined ? { configMapKeyRef: from } : { fieldRef: { fieldPath } } };
}

const entries = (value: Json | undefined): [string, Json][] => (isObject(value) ? Object.entries(value) : []);

t.test('the settings of upstream’s manifests are resolved', { skip }, (t) => {
  for (const [name, manifest] of entries(parse(join(CALICO, 'manifest/manifests.json')))) {
    const containers = field(manifest, 'containers');
    const ofNode = (isList(containers) ? containers : []).filter(
      (entry) => field(entry, 'workload') === 'DaemonSet/calico-node',
    );
    const list = (init: boolean): object[] =>
      ofNode
        .filter((entry) => field(entry, 'init') === init)
        .map((entry) => ({
          name: field(entry, 'name'),
          env: entries(field(entry, 'env')).map(([key, value]) => toEnv(key, value)),
        }));
    if (ofNode.length === 0) continue;
    const template = field(manifest, 'cniNetworkConfigTemplate') ?? '';
    const data = Object.fromEntries([...entries(field(manifest, 'configMap')), ['cni_network_config', template]]);
    const objects = [
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'calico-config', namespace: 'kube-system' }, data },
      {
        apiVersion: 'apps/v1',
        kind: 'DaemonSet',
        metadata: { name: 'calico-node', namespace: 'kube-system' },
        spec: { selector: {}, template: { spec: { containers: list(false), initContainers: list(true) } } },
      },
    ];
    const { store, errors } = loadCluster(
      [{ file: name, text: objects.map((object) => JSON.stringify(object)).join('\n') }],
      { seed: 1 },
    );
    t.same(errors.map(formatConfigError), [], name);
    const settings = calicoNodeSettings(store);
    for (const [key, value] of entries(
      field(
        ofNode.find((entry) => field(entry, 'name') === 'calico-node'),
        'env',
      ),
    )) {
      const from = field(value, 'from');
      const mapKey = field(from, 'key');
      const expected =
        typeof value === 'string'
          ? { kind: 'text', text: value }
          : typeof mapKey === 'string'
            ? { kind: 'text', text: field(data, mapKey) }
            : { kind: 'field' };
      t.match(settings?.env.get(key), expected, `${name} ${key}`);
    }
    t.equal(settings?.cniNetworkConfig, field(manifest, 'cniNetworkConfigTemplate'), name);
  }
  t.end();
});
