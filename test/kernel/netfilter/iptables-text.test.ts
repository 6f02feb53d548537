/** iptables-save text: ours against the real tool's, and against itself. */

import t from 'tap';
import type { Netns } from '../../../src/kernel/index.js';
import type { TableName } from '../../../src/trace/index.js';
import { newNetns } from './hosts.js';
import { needsRealTools, runReal, withoutComments } from './real-iptables.js';
import { REFUSED, RULES, UNMODELLED } from './rule-lines.js';

const SETS = 'create s1 hash:ip timeout 100 counters\ncreate s2 hash:ip,port\n';
const TABLES: readonly TableName[] = ['mangle', 'raw', 'filter', 'nat'];

/** A restore text of some rules; chain U is there to be jumped to. */
const restoreText = (table: TableName, rules: readonly string[]): string =>
  `*${table}\n:U - [0:0]\n${rules.map((rule) => `${rule}\n`).join('')}COMMIT\n`;

function netnsWithSets(): Netns {
  const netns = newNetns();
  netns.ipsets.restore(SETS);
  return netns;
}

/** What the real iptables-save prints after restoring `text`. */
function realSave(text: string): string {
  const sets = SETS.trim()
    .split('\n')
    .map((line) => `ipset ${line}`)
    .join(' && ');
  const run = runReal(`${sets} && iptables-restore -c 2>&1 && iptables-save -c`, text);
  if (run.status !== 0) throw new Error(run.stdout);
  return withoutComments(run.stdout).replace(/^(warn:|--set option).*\n/gm, '');
}

const real = needsRealTools();

for (const table of TABLES) {
  t.test(`what iptables-save prints of ${table} rules is what the real one prints`, real, (t) => {
    const text = restoreText(table, RULES[table] ?? []);
    const netns = netnsWithSets();
    t.same(netns.netfilter.iptables.restore(text, { counters: true }), []);
    t.equal(netns.netfilter.iptables.save({ counters: true }), realSave(text));
    t.end();
  });
}

t.test('what has been printed is read and printed again without a change', (t) => {
  for (const table of TABLES) {
    const first = netnsWithSets();
    first.netfilter.iptables.restore(restoreText(table, RULES[table] ?? []));
    const text = first.netfilter.iptables.save({ counters: true });
    const second = netnsWithSets();
    t.same(second.netfilter.iptables.restore(text, { counters: true }), []);
    t.equal(second.netfilter.iptables.save({ counters: true }), text);
  }
  t.end();
});

t.test('what the real iptables-restore refuses is refused here, at the same line', (t) => {
  for (const { table, rule, message } of REFUSED) {
    const netns = netnsWithSets();
    const problems = netns.netfilter.iptables.restore(restoreText(table, ['-A U -j ACCEPT', rule]));
    t.same(problems, [{ line: 4, table, severity: 'error', message }], rule);
    t.equal(netns.netfilter.iptables.save(), '', 'and nothing of the table is there');
  }
  t.end();
});

t.test('the refusals are those of the real tool', real, (t) => {
  const sets = SETS.trim()
    .split('\n')
    .map((line) => `ipset ${line}`)
    .join(' && ');
  for (const { table, rule, message, real: asPrinted } of REFUSED) {
    const run = runReal(`${sets} && iptables-restore`, restoreText(table, ['-A U -j ACCEPT', rule]));
    t.not(run.status, 0, rule);
    t.match(run.stderr, asPrinted ?? message, rule);
  }
  t.end();
});

t.test('what is not modelled is kept word for word and reported with its line', (t) => {
  for (const { table, rule, names } of UNMODELLED) {
    const netns = netnsWithSets();
    const problems = netns.netfilter.iptables.restore(restoreText(table, [rule]));
    t.same(
      problems,
      names.map((name) => ({ line: 3, table, severity: 'unmodelled', message: `${name} is not modelled` })),
    );
    t.match(netns.netfilter.iptables.save(), `\n${rule}\n`);
  }
  t.end();
});
