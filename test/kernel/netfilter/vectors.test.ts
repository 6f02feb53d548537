/** Rules that Felix and kube-proxy made, loaded into a real kernel or expected by upstream's tests, go through unchanged. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import type { Netns } from '../../../src/kernel/index.js';
import { newNetns } from './hosts.js';
import { needsRealTools, runReal, withoutComments } from './real-iptables.js';

const VECTORS = resolve(process.env['PODWIRE_VECTORS'] ?? '../shared/vectors');
const vectors = existsSync(VECTORS) ? {} : { skip: `no vectors at ${VECTORS}; set PODWIRE_VECTORS` };

/** Paths below the folder that end so, in order. */
function filesIn(folder: string, ending: string): string[] {
  const all = readdirSync(join(VECTORS, folder), { recursive: true, encoding: 'utf8' });
  return all
    .filter((path) => path.endsWith(ending))
    .toSorted()
    .map((path) => join(VECTORS, folder, path));
}

/** Creates first, as ipset restore needs them; the files are sorted. */
function loadSets(netns: Netns, text: string): void {
  const lines = text.split('\n').filter((line) => line !== '');
  const ordered = [
    ...lines.filter((line) => line.startsWith('create')),
    ...lines.filter((line) => !line.startsWith('create')),
  ];
  const problems = netns.ipsets.restore(`${ordered.join('\n')}\n`);
  if (problems.length > 0) throw new Error(problems.map(({ line, message }) => `line ${line}: ${message}`).join('\n'));
}

t.test("Felix' sets and rules, as saved by a real kernel, are read and printed without a change", vectors, (t) => {
  const files = filesIn('calico/e2e', '-iptables-save.txt');
  t.ok(files.length >= 26, `${files.length} files`);
  for (const file of files) {
    const netns = newNetns();
    const sets = file.replace('iptables-save', 'ipset-save');
    if (existsSync(sets)) {
      const text = readFileSync(sets, 'utf8');
      loadSets(netns, text);
      const saved = netns.ipsets
        .save()
        .replace(/ hashsize 1024/g, '')
        .replace(/ bucketsize 12 initval 0x[0-9a-f]{8}/g, '');
      t.equal(saved.split('\n').toSorted().join('\n').trimStart(), text.trim(), sets.slice(VECTORS.length));
    }
    const text = readFileSync(file, 'utf8');
    t.same(netns.netfilter.iptables.restore(text), [], file.slice(VECTORS.length));
    t.equal(netns.netfilter.iptables.save(), text);
  }
  t.end();
});

/** Strings under one key, anywhere in a JSON value. */
function* valuesOf(value: unknown, key: string): Generator {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    if (name === key) yield member;
    else yield* valuesOf(member, key);
  }
}

/** Restore texts of kube-proxy's tests; nfacct objects cannot be made with the tools of this machine. */
function kubeProxyTexts(): { name: string; text: string }[] {
  return filesIn('kube-proxy/iptables', '.json').flatMap((file) => {
    const json: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return [...valuesOf(json, 'expectedIptablesRestore')]
      .filter((text) => typeof text === 'string')
      .map((text) => ({ name: file.slice(VECTORS.length), text }));
  });
}

/** A partial sync refers to chains of an earlier one. */
function withMissingChains(text: string): string {
  let table = '';
  const declared = new Set<string>();
  const missing = new Map<string, Set<string>>();
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line;
    const chain = /^:(\S+)/.exec(line)?.[1];
    if (chain !== undefined) declared.add(`${table} ${chain}`);
  }
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line;
    for (const match of line.matchAll(/(?:-A|-X|-j) (KUBE-\S+)/g)) {
      const chain = match[1] ?? '';
      if (!declared.has(`${table} ${chain}`)) missing.set(table, (missing.get(table) ?? new Set()).add(chain));
    }
  }
  return text.replace(/^\*.*$/gm, (line) =>
    [line, ...[...(missing.get(line) ?? [])].map((chain) => `:${chain} - [0:0]`)].join('\n'),
  );
}

t.test("kube-proxy's restore texts are taken, and what is printed then is stable", vectors, (t) => {
  const texts = kubeProxyTexts();
  t.ok(texts.length >= 10, `${texts.length} texts`);
  for (const { name, text } of texts) {
    const netns = newNetns();
    t.same(netns.netfilter.iptables.restore(withMissingChains(text)), [], name);
    const saved = netns.netfilter.iptables.save();
    const again = newNetns();
    t.same(again.netfilter.iptables.restore(saved), []);
    t.equal(again.netfilter.iptables.save(), saved);
  }
  t.end();
});

t.test('and it is what the real iptables-save prints', { ...vectors, ...needsRealTools() }, (t) => {
  for (const { name, text } of kubeProxyTexts()) {
    const plain = withMissingChains(text).replace(/-m nfacct --nfacct-name \S+ /g, '');
    const netns = newNetns();
    netns.netfilter.iptables.restore(plain);
    const run = runReal('iptables-restore && iptables-save', plain);
    t.equal(run.status, 0, run.stderr);
    t.equal(netns.netfilter.iptables.save(), withoutComments(run.stdout), name);
  }
  t.end();
});
