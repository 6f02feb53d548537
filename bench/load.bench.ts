/**
 * Loading a `kubectl get pods -A -o yaml` dump: text to objects, CPU time of this process. Beside it, in the
 * same run: the fast YAML parser alone, the `yaml` package that it stands in for, and JSON.parse of the same.
 */

import { parse } from 'yaml';
import { loadCluster } from '../src/kubernetes/index.js';
import { parseBlock } from '../src/kubernetes/source/yaml-block.js';
import { parseQuoted } from '../src/kubernetes/source/yaml-full.js';
import { nodeDocuments, podDump } from '../test/kubernetes/kubectl-dump.js';

const ROUNDS = 7;

/** The median of several rounds: the first one pays for compilation and is told apart. */
function cpuMs(run: () => unknown, rounds = ROUNDS): { first: number; median: number } {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(start);
    times.push((user + system) / 1000);
  }
  const [first = 0] = times;
  const sorted = times.toSorted((a, b) => a - b);
  return { first, median: sorted[Math.floor(sorted.length / 2)] ?? 0 };
}

const line = (name: string, { first, median }: { first: number; median: number }): void =>
  console.log(
    `${name.padEnd(44)} first ${first.toFixed(0).padStart(6)} ms   median ${median.toFixed(0).padStart(6)} ms`,
  );

const nodes = { file: 'nodes.yaml', text: nodeDocuments() };
for (const pods of [1_000, 10_000]) {
  const text = podDump(pods);
  console.log(`${pods} pods, ${(text.length / 2 ** 20).toFixed(1)} MiB of YAML`);
  line(
    '  loadCluster',
    cpuMs(() => loadCluster([nodes, { file: 'pods.yaml', text }], { seed: 1 })),
  );
  line(
    '  fast YAML parser alone',
    cpuMs(() => parseBlock(text, { quoted: parseQuoted })),
  );
  const duplicate = text.replace('team-3\n    ownerReferences', 'team-3\n    annotations: {}\n    ownerReferences');
  if (pods === 1_000) {
    line(
      '  `yaml` package',
      cpuMs(() => parse(text), 1),
    );
    line(
      '  loadCluster, one repeated key (by `yaml`)',
      cpuMs(() => loadCluster([nodes, { file: 'pods.yaml', text: duplicate }], { seed: 1 }), 1),
    );
  }
  const json = JSON.stringify(parseBlock(text, { quoted: parseQuoted })?.value, undefined, 4);
  line(
    '  loadCluster, the same as `-o json`',
    cpuMs(() => loadCluster([nodes, { file: 'pods.json', text: json }], { seed: 1 })),
  );
  const broken = text.replace('containerPort: 8080', 'containerPort: none');
  line(
    '  loadCluster, with a mistake to be placed',
    cpuMs(() => loadCluster([nodes, { file: 'pods.yaml', text: broken }], { seed: 1 }).errors),
  );
}
