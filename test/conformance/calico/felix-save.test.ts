/**
 * What `iptables-save` prints once Felix' rules are loaded, against what it printed for upstream's. Each
 * printer takes the rules and gives the canonical text; another one is a line in PRINTERS.
 */

import { execFileSync } from 'node:child_process';
import t from 'tap';
import { applyFelix } from '../../../src/calico/felix/dataplane/index.js';
import { computeFelix } from '../../../src/calico/felix/felix.js';
import { formatIpsets, formatTables } from '../../../src/calico/felix/format.js';
import type { FelixState } from '../../../src/calico/felix/state.js';
import { Emulation, Host, type Netns } from '../../../src/kernel/index.js';
import { e2eNodes } from './e2e-cases.js';
import { loadE2eCase } from './e2e-input.js';
import { NEEDS_VECTORS, readVector } from './vectors.js';

interface Printer {
  readonly print: (state: FelixState) => string;
  /** Why it cannot be used here; undefined where it can. */
  readonly unavailable: () => string | undefined;
}

/** In a network namespace of its own, which goes away with the shell. */
const inNamespace = (script: string, input: string): string =>
  execFileSync('unshare', ['--net', 'sh', '-e', '-c', script], {
    input,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
  });

/** The recorded texts are of this version, whose spelling others do not share in all points. */
const IPTABLES = 'iptables v1.8.9 (nf_tables)';

const REAL_KERNEL: Printer = {
  print: (state) => {
    const script = `ipset restore <<'SETS'\n${formatIpsets(state.ipsets)}SETS\niptables-nft-restore\niptables-nft-save`;
    return inNamespace(script, formatTables(state));
  },
  unavailable: () => {
    try {
      const version = inNamespace(
        'ipset create podwire-probe hash:ip\niptables-nft -w -n -L > /dev/null\niptables-nft --version',
        '',
      ).trim();
      return version === IPTABLES ? undefined : `needs ${IPTABLES}, here is ${version}`;
    } catch {
      return 'needs root, network namespaces, iptables-nft and ipset';
    }
  },
};

/** Felix's whole state applied to an emulated host, as a node has it. */
function programmedNetns(state: FelixState): Netns {
  const host = new Host(new Emulation(), 'node');
  const { netns } = host;
  netns.links.set(netns.links.addEthernet({ name: 'eth0' }), { up: true });
  applyFelix(state, host);
  return netns;
}

const VIRTUAL_KERNEL: Printer = {
  print: (state) => programmedNetns(state).netfilter.iptables.save(),
  unavailable: () => undefined,
};

const PRINTERS: Readonly<Record<string, Printer>> = {
  'the real kernel': REAL_KERNEL,
  'the virtual kernel': VIRTUAL_KERNEL,
};

/** By table, without counters and the comments of the tool. */
function tablesOf(text: string): Record<string, string[]> {
  const tables: Record<string, string[]> = {};
  let lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      lines = [];
      tables[line] = lines;
    } else if (line !== '' && !line.startsWith('#')) lines.push(line.replace(/\[\d+:\d+\]$/, '[0:0]'));
  }
  return tables;
}

for (const [who, { print, unavailable }] of Object.entries(PRINTERS)) {
  const missing = NEEDS_VECTORS.skip ?? unavailable();
  t.test(
    `${who} prints the rules as it prints upstream's`,
    missing === undefined ? {} : { skip: missing },
    async (t) => {
      for (const { name, node } of e2eNodes()) {
        const { cluster, host } = loadE2eCase(name);
        const expected = tablesOf(readVector(`e2e/${name}/expected-${node}-iptables-save.txt`));
        t.same(tablesOf(print(computeFelix(cluster, host(node)))), expected, `${name} on ${node}`);
      }
    },
  );
}

/** What was recorded leaves out how the kernel keeps a set. */
const setLines = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/ (?:hashsize|bucketsize|initval) \S+/g, ''))
    .toSorted();

t.test('the virtual kernel’s sets are those of the real one', NEEDS_VECTORS, async (t) => {
  for (const { name, node } of e2eNodes()) {
    const { cluster, host } = loadE2eCase(name);
    const expected = setLines(readVector(`e2e/${name}/expected-${node}-ipset-save.txt`));
    const found = setLines(programmedNetns(computeFelix(cluster, host(node))).ipsets.save());
    t.same(found, expected, `${name} on ${node}`);
  }
});
