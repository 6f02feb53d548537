/** A failing case made small: what can go without the failure going with it goes. */

import type { KernelCase } from './record.js';

/** Whether a smaller case still shows what the whole one did. One that cannot be built does not. */
export type Fails = (smaller: KernelCase) => Promise<boolean>;

/** Zeller's ddmin: a part of `items` without which `fails` says no. Asks again and again while `more` allows it. */
async function minimize<T>(
  items: readonly T[],
  fails: (kept: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let kept = items;
  let size = Math.ceil(kept.length / 2);
  while (kept.length > 0) {
    let at = 0;
    let shorter = false;
    while (at < kept.length) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (await fails(without)) {
        kept = without;
        shorter = true;
      } else at += size;
    }
    if (size === 1 && !shorter) break;
    size = Math.max(1, Math.ceil(size / 2));
  }
  return kept;
}

interface Document {
  readonly kind: string;
  readonly spec?: Readonly<Record<string, unknown>>;
}

const documentsOf = ({ sources }: KernelCase): readonly Document[] | undefined => {
  const [first, second] = sources;
  if (first === undefined || second !== undefined || !first.file.endsWith('.json')) return undefined;
  return (JSON.parse(first.text) as { readonly items: readonly Document[] }).items;
};

const withDocuments = (case_: KernelCase, items: readonly Document[]): KernelCase => ({
  ...case_,
  sources: [{ file: 'cluster.json', text: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 1) }],
});

/** Fields of a HostConfig that are lines of text. */
const TEXTS = ['ip', 'ipsets', 'iptables'] as const;
/** A line that only makes place for others is kept, and goes with the whole field. */
const isFrame = (line: string): boolean => /^(\*|:|COMMIT|$)/.test(line);

async function minimizeLines(text: string, fails: (text: string) => Promise<boolean>): Promise<string> {
  const lines = text.split('\n');
  const numbers = lines.flatMap((line, i) => (isFrame(line) ? [] : [i]));
  const joined = (kept: readonly number[]): string =>
    lines.filter((line, i) => isFrame(line) || kept.includes(i)).join('\n');
  return joined(await minimize(numbers, (kept) => fails(joined(kept))));
}

/**
 * A case with fewer orders, documents, rules, sets and switches that still fails; the best that `budget` questions of
 * `fails` could find.
 */
export async function shrink(case_: KernelCase, fails: Fails, budget: number): Promise<KernelCase> {
  let best = case_;
  let asked = 0;
  const holds = async (smaller: KernelCase): Promise<boolean> => {
    if (asked >= budget) return false;
    asked += 1;
    const failing = await fails(smaller);
    if (failing) best = smaller;
    return failing;
  };
  await minimize(case_.orders, (orders) => holds({ ...best, orders }));
  const documents = documentsOf(best);
  if (documents === undefined) return best;
  await minimize(documents, (kept) => holds(withDocuments(best, kept)));
  for (let i = 0; i < (documentsOf(best) ?? []).length; i += 1) await shrinkDocument(() => best, i, holds);
  return best;
}

/** The document of that number: each of its fields whole, then line by line. */
async function shrinkDocument(best: () => KernelCase, number: number, holds: Fails): Promise<void> {
  const current = (): Document | undefined => documentsOf(best())?.[number];
  if (current()?.kind !== 'HostConfig') return;
  const withSpec = (spec: Readonly<Record<string, unknown>>): KernelCase =>
    withDocuments(
      best(),
      (documentsOf(best()) ?? []).map((document, i) => (i === number ? { ...document, spec } : document)),
    );
  for (const field of Object.keys(current()?.spec ?? {})) {
    const { [field]: value, ...rest } = current()?.spec ?? {};
    if (field === 'hosts' || (await holds(withSpec(rest)))) continue;
    if (TEXTS.some((text) => text === field) && typeof value === 'string')
      await minimizeLines(value, (text) => holds(withSpec({ ...current()?.spec, [field]: text })));
    else if (field === 'sysctls') {
      const entries = Object.entries(value as Readonly<Record<string, string>>);
      await minimize(entries, (kept) => holds(withSpec({ ...current()?.spec, sysctls: Object.fromEntries(kept) })));
    }
  }
}
