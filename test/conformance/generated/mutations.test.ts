/** The differential test is worth something: it sees mistakes that are made on purpose. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import t from 'tap';
import { runReal } from '../kernel/duel.js';
import { generateCase } from '../kernel/generate/case.js';
import { whyNotReal } from '../kernel/real.js';
import { topologyCase } from '../kernel/topologies.js';
import { type Mutation, MUTATIONS } from './mutations.js';
import { oddPackets } from './odd-packets.js';
import { formatRecords, type RecordedCase } from './records.js';

const FOLDER = 'build/mutations';
const RECORDS = join(FOLDER, 'records.json');
const TOPOLOGIES = ['two-nodes-vxlan', 'services-iptables'];
const SEEDS = Array.from({ length: 16 }, (_, i) => 7001 + i);

const why = whyNotReal();
const options = why === undefined ? {} : { skip: why };

/** Puts the mistake into the one file. */
const planting = ({ file, find, put }: Mutation): Plugin => ({
  name: 'mutation',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      if (!path.replaceAll('\\', '/').endsWith(`/src/${file}`)) return undefined;
      const text = readFileSync(path, 'utf8');
      if (text.split(find).length !== 2) throw new Error(`${file} does not have once: ${find}`);
      return { contents: text.replace(find, () => put), loader: 'ts' };
    });
  },
});

/** What an emulator with that mistake, or without one, does otherwise than the real kernel did. */
async function difference(name: string, mutation: Mutation | undefined): Promise<string> {
  const outfile = join(FOLDER, `${name}.mjs`);
  await build({
    entryPoints: ['test/conformance/generated/replay.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
    plugins: mutation === undefined ? [] : [planting(mutation)],
  });
  const { status, stdout, stderr } = spawnSync(process.execPath, [outfile, RECORDS], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the emulator with a mistake stopped: ${stderr}`);
  return stdout;
}

t.test('mistakes in the virtual kernel are seen', options, async (t) => {
  const cases = [oddPackets(), ...TOPOLOGIES.map(topologyCase), ...SEEDS.map(generateCase)];
  const records: RecordedCase[] = [];
  for (const case_ of cases) records.push({ case: case_, real: await runReal(case_, `pwm${process.pid}`) });
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(RECORDS, formatRecords(records));
  t.equal(await difference('none', undefined), '', 'without a mistake there is no difference');
  for (const [i, mutation] of MUTATIONS.entries()) {
    const seen = await difference(`mutation-${i}`, mutation);
    t.not(seen, '', mutation.name);
    t.comment(`${mutation.name}: ${seen.split('\n', 1)[0]}`);
  }
});
