/**
 * A line that is like one before it in its text is read when somebody wants its rule. Nobody may notice: each text is held
 * to the same lines restored one by one, of which every one is read at once.
 */

import t from 'tap';
import fc from 'fast-check';
import {
  type ChainBlock,
  type Netns,
  RestoreBlock,
  RestoreChains,
  type RestorePart,
} from '../../../src/kernel/index.js';
import { UnreadRule } from '../../../src/kernel/netfilter/rule-entry.js';
import { shapeOf } from '../../../src/kernel/netfilter/text/line-shape.js';
import { newNetns } from './hosts.js';

const CHAINS = ['A', 'B', 'KUBE-SEP-2', 'PREROUTING'];

const address = fc.constantFrom('10.0.0.1', '10.255.1.9/32', '10.0.0.0/8', '192.168.7.1/24', '255.255.255.255');
const oddAddress = fc.constantFrom(
  '0.0.0.0/0',
  '10/8',
  '1.2.3.4,5.6.7.8',
  '10.0.0.256',
  '01.2.3.4',
  '1.2.3.4/33',
  'x',
  '!',
);
const port = fc.constantFrom('1', '80', '65535');
const oddPort = fc.constantFrom('0', '65536', '80:90', 'http', '080', '-1');
const comment = fc.constantFrom('a/b:c', '"a b"', 'x', '"x"', '""');
const oddComment = fc.constantFrom('"a\\"b"', `"${'y'.repeat(256)}"`, 'a"b c"', '"a', `"${'y'.repeat(255)}"`, '"a\tb"');
const to = fc.constantFrom('A', 'B', 'ACCEPT', 'RETURN', 'KUBE-SEP-2');
const oddTo = fc.constantFrom('NOWHERE', 'INPUT', 'DROP', 'REJECT', 'FOO', '-x', 'MARK --set-mark 1', 'A --foo');
const chance = fc.constantFrom('0.5', '0.00000000001', '0.0333333333');
const oddChance = fc.constantFrom('1', '1.5', '0', '.5', '0.3333333333333', '1e-3');
const socket = fc.constantFrom('10.0.0.1:80', '10.2.3.4:65535');
const oddSocket = fc.constantFrom(
  '10.0.0.1',
  '10.0.0.1:0',
  '10.0.0.1:65536',
  '10.0.0.1-10.0.0.9:80',
  ':80',
  '10.0.0.1:80-90',
);

/** One in so many values is odd: most lines are to be like others. */
const mostly = (usual: fc.Arbitrary<string>, odd: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof({ weight: 14, arbitrary: usual }, { weight: 1, arbitrary: odd });

/** Lines of those forms; what stands between braces is put in. */
const lineOf = (...forms: readonly string[]): fc.Arbitrary<string> =>
  fc
    .record({
      chain: fc.constantFrom(...CHAINS),
      form: fc.constantFrom(...forms),
      address: mostly(address, oddAddress),
      comment: mostly(comment, oddComment),
      port: mostly(port, oddPort),
      chance: mostly(chance, oddChance),
      socket: mostly(socket, oddSocket),
      to: mostly(to, oddTo),
    })
    .map(
      ({ chain, form, ...values }) =>
        `-A ${chain} ${form.replace(/\{(\w+)\}/g, (_, name: keyof typeof values) => values[name])}`,
    );

const line = lineOf(
  '-s {address} -j {to}',
  '! -s {address} -d {address} -j {to}',
  '-m comment --comment {comment} -j {to}',
  '-m comment --comment {comment} -m statistic --mode random --probability {chance} -j {to}',
  '-m comment --comment {comment} -m tcp -p tcp -j DNAT --to-destination {socket}',
  '-p tcp -m tcp -d {address} --dport {port} -g {to}',
  '-p udp --dport {port} -j {to}',
  '-m statistic --mode nth --every 3 --packet 0 -j {to}',
  '-m limit --limit 1/second -s {address} -j {to}',
  '-m recent --name {port} --set -j {to}',
  '-j MASQUERADE -d {address}',
  '-j MARK --or-mark 0x4000 -s {address}',
);

/** They can wait. */
const usualLine = lineOf(
  '-s {address} -j {to}',
  '-m comment --comment {comment} -j {to}',
  '-p udp --dport {port} -j {to}',
);

/** Commands that look at what is there. */
const command = fc.constantFrom(
  '-D A 1',
  '-D B -s 10.0.0.1 -j A',
  '-I A 1 -s 10.0.0.1 -j ACCEPT',
  '-R B 1 -j RETURN',
  '-F KUBE-SEP-2',
  ':B - [0:0]',
  '-Z A',
  '-Z A 1',
  '-E A C',
  '-X B',
  '-C A -s 10.0.0.1 -j ACCEPT',
);

const LENGTH = { minLength: 20, maxLength: 60, size: 'max' } as const;
const appends = fc.array(line, LENGTH);
const lines = fc.array(fc.oneof({ weight: 20, arbitrary: line }, { weight: 1, arbitrary: command }), LENGTH);

const DECLARED = '*nat\n:A - [0:0]\n:B - [0:0]\n:KUBE-SEP-2 - [0:0]\n';
const text = (...rows: readonly string[]): string => `${DECLARED}${rows.join('\n')}\nCOMMIT\n`;
const FIRST_LINE = text().split('\n').length - 2;

/** Lines that are refused, from 0, and why; what is restored is kept. */
function oneByOne(netns: Netns, rows: readonly string[], more: readonly string[] = []): Map<number, string> {
  const { iptables } = netns.netfilter;
  iptables.restore(`${DECLARED}${more.map((name) => `:${name} - [0:0]\n`).join('')}COMMIT\n`);
  const refused = new Map<number, string>();
  for (const [i, row] of rows.entries()) {
    for (const { severity, message } of iptables.restore(`*nat\n${row}\nCOMMIT\n`, { noflush: true }))
      if (severity === 'error') refused.set(i, message);
  }
  return refused;
}

function atOnce(netns: Netns, rows: readonly string[]): Map<number, string> {
  const problems = netns.netfilter.iptables.restore(text(...rows));
  return new Map(
    problems
      .filter(({ severity }) => severity === 'error')
      .map(({ line: number, message }) => [number - FIRST_LINE, message]),
  );
}

const unread = (netns: Netns): number =>
  [...(netns.netfilter.iptables.table('nat')?.chains.values() ?? [])]
    .flatMap(({ entries }) => entries)
    .filter((entry) => entry instanceof UnreadRule).length;

t.test('what is put by is what would have been read', (t) => {
  let putBy = 0;
  let restored = 0;
  fc.assert(
    fc.property(lines, (rows) => {
      const apart = newNetns();
      const refused = oneByOne(apart, rows);
      const good = rows.filter((_, i) => !refused.has(i));
      const together = newNetns();
      const problems = atOnce(together, good);
      // What goes by one by one may not at once: a loop that a later line cuts.
      if (problems.size > 0) return;
      restored += 1;
      putBy += unread(together);
      t.equal(together.netfilter.iptables.save(), apart.netfilter.iptables.save(), good.join('\n'));
      t.same(together.netfilter.iptables.state(), apart.netfilter.iptables.state(), good.join('\n'));
    }),
    { numRuns: 300, seed: 4711 },
  );
  t.ok(restored > 200, `${restored} texts`);
  t.ok(putBy > 1000, `${putBy} lines put by`);
  t.end();
});

t.test('what is refused is refused in its line, in the same words', (t) => {
  let met = 0;
  fc.assert(
    fc.property(appends, (rows) => {
      const refused = oneByOne(newNetns(), rows);
      // Loops and hooks are asked of the table as a whole: there it hangs on the lines before.
      const [bad] = [...refused].find(([, message]) => !message.startsWith('RULE_APPEND')) ?? [];
      if (bad === undefined) return;
      const good = rows.filter((_, i) => !refused.has(i));
      // Behind its like, which have been read by then.
      const together = atOnce(newNetns(), [...good, rows[bad] ?? '']);
      const [where, message] = [...together].at(0) ?? [];
      if (where !== good.length) return; // chains of the others are in its way
      met += 1;
      t.equal(message, refused.get(bad), `${rows[bad]}`);
    }),
    { numRuns: 300, seed: 4712 },
  );
  t.ok(met > 100, `${met} lines`);
  t.end();
});

/** Rows cut into blocks, at those places. */
function blocksOf(rows: readonly string[], cuts: ReadonlySet<number>): RestoreBlock[] {
  const blocks: string[][] = [];
  for (const [i, row] of rows.entries()) {
    if (i === 0 || cuts.has(i)) blocks.push([]);
    blocks.at(-1)?.push(row);
  }
  return blocks.map((of) => new RestoreBlock(`${of.join('\n')}\n`, of.length));
}

const block = (...rows: readonly string[]): RestoreBlock[] => blocksOf(rows, new Set());

t.test('blocks are what their text is, in every namespace that they are given to', (t) => {
  /** Chains of which some get one block alone. */
  const OWN = Array.from({ length: 12 }, (_, i) => `OWN-${i}`);
  const runs = fc
    .array(
      fc
        .tuple(
          fc.constantFrom(...CHAINS, ...OWN),
          fc.array(fc.oneof({ weight: 9, arbitrary: usualLine }, { weight: 1, arbitrary: line }), {
            minLength: 1,
            maxLength: 5,
          }),
        )
        .map(([chain, rows]) => rows.map((row) => row.replace(/^-A \S+/, `-A ${chain}`))),
      { minLength: 8, maxLength: 24, size: 'max' },
    )
    .map((all) => ({ rows: all.flat(), cuts: all.map((run) => run.length) }));
  let shared = 0;
  let good = 0;
  fc.assert(
    fc.property(runs, fc.array(command, { maxLength: 2 }), fc.boolean(), ({ rows, cuts }, commands, onlyGood) => {
      const refused = onlyGood ? oneByOne(newNetns(), rows, OWN) : new Map<number, string>();
      const starts = new Set<number>();
      let at = 0;
      for (const count of cuts) starts.add((at += count));
      const kept = rows.map((row, i) => (refused.has(i) ? '# nothing' : row));
      const blocks = [
        ...block('*nat', ...[...CHAINS.slice(0, 3), ...OWN].map((name) => `:${name} - [0:0]`)),
        ...blocksOf(kept, starts),
        ...block(...commands, 'COMMIT'),
      ];
      const whole = blocks.map((one) => one.text).join('');
      const again = [...block('*nat', ':B - [0:0]'), ...blocks.slice(1, -1), ...block('COMMIT')];
      const wholeAgain = again.map((one) => one.text).join('');
      const asText = newNetns().netfilter.iptables;
      const problems = asText.restore(whole);
      if (problems.length === 0) good += 1;
      for (let namespace = 0; namespace < 2; namespace += 1) {
        const netns = newNetns();
        const { iptables } = netns.netfilter;
        t.same(iptables.restore(blocks), problems, whole);
        t.equal(netns.netfilter.iptables.save(), asText.save(), whole);
      }
      const twice = newNetns().netfilter.iptables;
      twice.restore(blocks);
      t.same(twice.restore(again, { noflush: true }), asText.restore(wholeAgain, { noflush: true }), wholeAgain);
      t.same(twice.state(), asText.state(), wholeAgain);
      const third = newNetns();
      third.netfilter.iptables.restore(blocks);
      const chains = [...(third.netfilter.iptables.table('nat')?.chains.values() ?? [])];
      const entries = new Set(chains.map((one) => one.entries));
      const fourth = newNetns();
      fourth.netfilter.iptables.restore(blocks);
      for (const { entries: own } of fourth.netfilter.iptables.table('nat')?.chains.values() ?? [])
        if (own.length > 0 && entries.has(own)) shared += 1;
    }),
    { numRuns: 300, seed: 4713 },
  );
  t.ok(good > 100, `${good} without a problem`);
  t.ok(shared > 50, `${shared} chains that two namespaces share`);
  t.end();
});

/** A text with whole chains among others of the nat table. */
function partsWith(
  whole: RestoreChains,
  others: ReadonlyMap<string, readonly string[]>,
  commands: readonly string[],
): RestorePart[] {
  const names = [...others.keys()].sort();
  const parts: RestorePart[] = block('*nat');
  for (const part of whole.among('declarations', names))
    parts.push(...('name' in part ? block(`:${part.name} - [0:0]`) : [part]));
  for (const part of whole.among('rules', names)) {
    if (!('name' in part)) parts.push(part);
    else for (const row of others.get(part.name) ?? []) parts.push(...block(row));
  }
  return [...parts, ...block(...commands, 'COMMIT')];
}

t.test('whole chains are what their text is, in every namespace that they are given to', (t) => {
  const OWN = Array.from({ length: 9 }, (_, i) => `OWN-${i}`);
  const rowsOf = (chain: string, rows: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string[]> =>
    fc.array(
      rows.map((row) => row.replace(/^-A \S+/, `-A ${chain}`)),
      { maxLength },
    );
  // To chains behind it, and now and then anywhere.
  const own = fc.tuple(
    ...OWN.map((name, i) => {
      const to = fc.constantFrom('ACCEPT', 'KUBE-SEP-2', ...OWN.slice(i + 1));
      const usual = fc.tuple(usualLine, to).map(([row, target]) => row.replace(/(?<=-j )\S+$/, target));
      return rowsOf(name, fc.oneof({ weight: 60, arbitrary: usual }, { weight: 1, arbitrary: line }), 4);
    }),
  );
  const plain = lineOf('-s {address} -j ACCEPT', '-j MARK --or-mark 0x4000 -s {address}');
  const others = fc.tuple(
    ...['A', 'B', 'OWN-4x', 'KUBE-SEP-2'].map((name) =>
      rowsOf(name, fc.oneof({ weight: 9, arbitrary: plain }, { weight: 1, arbitrary: line }), 2),
    ),
  );
  const odd = fc.constantFrom(
    '-F OWN-3',
    '-X OWN-5',
    '-E OWN-2 OWN-Z',
    '-A OWN-1 -j A',
    '-Z',
    '-X',
    '-F',
    '-D OWN-0 1',
    '-Z OWN-0',
  );
  const commands = fc.array(fc.oneof(command, odd), { maxLength: 2 });
  /** What a later text does to a table that has shared chains. */
  const later = fc.array(
    fc.oneof(odd, command, line, fc.constantFrom(':OWN-6 - [0:0]', '-A PREROUTING -j OWN-0', '-A OWN-7 -j OWN-8')),
    { minLength: 1, maxLength: 4 },
  );
  let good = 0;
  let waiting = 0;
  fc.assert(
    fc.property(own, others, commands, later, fc.boolean(), (ownRows, otherRows, last, more, tidy) => {
      const rows = new Map(['A', 'B', 'OWN-4x', 'KUBE-SEP-2'].map((name, i) => [name, otherRows[i] ?? []]));
      const entry = ['-A PREROUTING -j OWN-0', '-A PREROUTING -j OWN-8'];
      const tail = tidy ? entry : [...entry, ...last];
      const chains = OWN.map((name, i): ChainBlock => {
        const all = ownRows[i] ?? [];
        return {
          name,
          block: all.length === 0 ? new RestoreBlock('', 0) : new RestoreBlock(`${all.join('\n')}\n`, all.length),
        };
      });
      const parts = partsWith(new RestoreChains(chains.toReversed()), rows, tail);
      const whole = parts.map((part) => part.text).join('');
      const asText = newNetns().netfilter.iptables;
      const problems = asText.restore(whole);
      if (problems.length === 0) good += 1;
      const change = `*nat\n${more.join('\n')}\nCOMMIT\n`;
      const changed = newNetns().netfilter.iptables;
      changed.restore(whole);
      const changeProblems = changed.restore(change, { noflush: true });
      const again = changed.restore(whole, { noflush: true });
      for (let namespace = 0; namespace < 2; namespace += 1) {
        const netns = newNetns();
        const { iptables } = netns.netfilter;
        t.same(iptables.restore(parts), problems, whole);
        const { shared } = iptables.table('nat')?.chains ?? {};
        waiting += [...(shared?.names ?? [])].length;
        if (namespace === 0) t.equal(iptables.save(), asText.save(), whole);
        t.same(iptables.restore(change, { noflush: true }), changeProblems, `${whole}${change}`);
        t.same(iptables.restore(parts, { noflush: true }), again, `${whole}${change}`);
        t.equal(iptables.save(), changed.save(), `${whole}${change}`);
        t.same(iptables.state(), changed.state(), whole);
        for (const [, chain] of iptables.table('nat')?.chains ?? [])
          for (const { jumpsTo } of chain.rules)
            t.ok(jumpsTo === undefined || jumpsTo === iptables.table('nat')?.chains.get(jumpsTo.name));
      }
    }),
    { numRuns: 400, seed: 4714 },
  );
  t.ok(good > 40, `${good} without a problem`);
  t.ok(waiting > 1000, `${waiting} chains that waited`);
  t.end();
});

t.test('namespaces that share lines count apart', (t) => {
  const blocks = [
    ...block('*filter', ':A - [0:0]', '-A INPUT -j A', '-A OUTPUT -s 10.0.0.1 -j A'),
    ...block('-A A -s 10.0.0.1 -j RETURN', '-A A -s 10.0.0.2 -j RETURN'),
    ...block('COMMIT'),
  ];
  const [one, two] = [newNetns(), newNetns()];
  for (const { netfilter } of [one, two]) t.same(netfilter.iptables.restore(blocks), []);
  const rulesOf = (netns: Netns) => netns.netfilter.iptables.table('filter')?.chains.get('A')?.rules ?? [];
  for (const rule of rulesOf(one)) rule.packets = 7;
  t.same(
    rulesOf(two).map(({ packets }) => packets),
    [0, 0],
  );
  t.end();
});

t.test('the shape of a line leaves out only what lines may differ in', (t) => {
  const shape = (row: string): string | undefined => shapeOf(row)?.shape;
  t.equal(
    shape('-A X -m comment --comment "a b" -s 10.0.0.1 -j Y'),
    shape('-A Z -m comment --comment c -s 10.0.0.0/8 -j W'),
  );
  t.not(shape('-A X -s 10.0.0.1 -j Y'), shape('-A INPUT -s 10.0.0.1 -j Y'), 'chains of hooks are no others');
  t.not(shape('-A X -s 10.0.0.1 -j Y'), shape('-A X -s 10.0.0.1 -g Y'));
  t.not(shape('-A X -s 10.0.0.1 -j Y'), shape('-A X -s 10.0.0.1 -j DROP'));
  t.equal(shape('-A X  -j Y'), undefined, 'two blanks');
  t.equal(shape('-A X -s 0.0.0.0/0 -j Y'), undefined, 'any address is no condition');
  t.same(shapeOf('-A X -p tcp -j Y'), { shape: ' -p tcp -j *', chain: 'X', leadsTo: 'Y' });
  t.end();
});

t.test('a rule that is read late leads where the table leads', (t) => {
  const netns = newNetns();
  t.same(atOnce(netns, ['-A A -s 10.0.0.1 -j B', '-A A -s 10.0.0.2 -j B']).size, 0);
  t.equal(unread(netns), 1);
  const rules = netns.netfilter.iptables.table('nat')?.chains.get('A')?.rules ?? [];
  t.equal(unread(netns), 0);
  t.equal(rules[1]?.jumpsTo, netns.netfilter.iptables.table('nat')?.chains.get('B'));
  t.end();
});
