/** iptables-restore as a sequence of changes: what each leaves behind, here and in the real tool. */

import t from 'tap';
import fc from 'fast-check';
import { UnreadRule } from '../../../src/kernel/netfilter/rule-entry.js';
import { newNetns } from './hosts.js';
import { needsRealTools, runReal, withoutComments } from './real-iptables.js';

interface RestoreStep {
  readonly flags: readonly ('--noflush' | '--counters')[];
  readonly text: string;
}

const step = (flags: string, lines: string): RestoreStep => ({
  flags: flags === '' ? [] : flags.split(' ').map((flag) => (flag === '-n' ? '--noflush' : '--counters')),
  text: `${lines
    .trim()
    .split('\n')
    .map((line) => line.trim())
    .join('\n')}\n`,
});

/** Each begins with nothing. */
const STORIES: Readonly<Record<string, readonly RestoreStep[]>> = {
  'rules are appended, inserted, replaced and deleted': [
    step(
      '',
      '*filter\n:U - [0:0]\n:V - [0:0]\n-A U -j DROP\n-I U 2 -s 1.1.1.1\n-I U -s 2.2.2.2\n-A V -j U\n-P OUTPUT DROP\nCOMMIT',
    ),
    step('-n', '*filter\n-R U 1 -s 3.3.3.3\nCOMMIT'),
    step('-n', '*filter\n-D U -j DROP\n-D U 2\nCOMMIT'),
    step('-n', '*filter\n-E U W\nCOMMIT'),
    step('-n -c', '*filter\n[5:10] -I FORWARD -s 1.2.3.4 -j V\n[1:1] -A FORWARD -s 1.2.3.5 -j V\nCOMMIT'),
    step('-n', '*filter\n-Z FORWARD 1\nCOMMIT'),
    step('-n', '*filter\n-Z\n-F V\n:INPUT DROP [0:0]\nCOMMIT'),
    step('-n', '*filter\n:INPUT - [0:0]\nCOMMIT'),
    step('', '*filter\n:INPUT - [0:0]\nCOMMIT'),
  ],
  'counters are taken over only where asked for': [
    step(
      '',
      '*filter\n:U - [0:0]\n:FORWARD DROP [7:8]\n[3:4] -A U -j ACCEPT\n-A U -c 5 6\n-A U -c 7,8 -j DROP\nCOMMIT',
    ),
    step('-c', '*filter\n:U - [5:6]\n:FORWARD DROP [7:8]\n[3:4] -A U -j ACCEPT\nCOMMIT'),
    step('-n -c', '*filter\n:FORWARD ACCEPT [9:9]\nCOMMIT'),
  ],
  'without --noflush only the tables in the text are replaced': [
    step('', '*filter\n:U - [0:0]\n:FORWARD DROP [0:0]\n-A U -j ACCEPT\nCOMMIT\n*mangle\n-A INPUT -j ACCEPT\nCOMMIT'),
    step('', '*mangle\n-A FORWARD -j ACCEPT\nCOMMIT'),
    step('', '*filter\nCOMMIT\n*raw\n:X - [0:0]\nCOMMIT\n*nat\nCOMMIT\n*security\n-P INPUT ACCEPT\nCOMMIT'),
    step('-n', '*filter\nCOMMIT\n*nat\n-F\n-X\n-Z\nCOMMIT'),
  ],
  'with --noflush a declared user chain is emptied, others stay': [
    step('', '*filter\n:A - [0:0]\n:B - [0:0]\n-A A -s 1.1.1.1\n-A B -s 1.1.1.1\nCOMMIT'),
    step('-n', '*filter\n:A - [0:0]\n:C - [0:0]\n-A A -s 2.2.2.2\n-A B -s 2.2.2.2\n-A C -j A\nCOMMIT'),
    step('-n', '*filter\n:C - [0:0]\n-X C\nCOMMIT'),
    step('-n', '*filter\n-N D\n-A D -j B\n-F D\n-X D\nCOMMIT'),
    step('-n', '*filter\n-F\n-X\nCOMMIT'),
  ],
  'an error leaves the table as it was': [
    step('', '*filter\n:A - [0:0]\n-A A -s 1.1.1.1\nCOMMIT'),
    step('-n', '*filter\n-A A -s 2.2.2.2\n-A A -j NOWHERE\nCOMMIT'),
    step('-n', '*filter\n-A FORWARD -j A\n-X A\nCOMMIT'),
    step('', '*filter\n-A INPUT -j ACCEPT\n-A NOCHAIN -j ACCEPT\nCOMMIT'),
    step('-n', '*mangle\n-A INPUT -j ACCEPT\nCOMMIT\n*filter\n-A A -m mark --mark x\nCOMMIT'),
    step('-n', '*filter\n-A A -s 3.3.3.3'),
    step('-n', '*filter\n-A A -s 3.3.3.3\n*nat\nCOMMIT'),
    step('-n', '*nosuch\nCOMMIT'),
  ],
  'chains lead sixteen deep at most, and never in a circle': [
    step('', deepChains(15)),
    step('', deepChains(16)),
    step('', '*filter\n:A - [0:0]\n:B - [0:0]\n-A A -j B\n-A B -j A\nCOMMIT'),
    step('-n', '*filter\n-A FORWARD -j A\nCOMMIT'),
    step('', '*filter\n:A - [0:0]\n:B - [0:0]\n-A A -g B\n-A B -g A\n-A INPUT -j A\nCOMMIT'),
    step('', '*filter\n:A - [0:0]\n-A A -j A\n-A OUTPUT -j A\nCOMMIT'),
  ],
  'a list of addresses makes a rule for each': [
    step('', '*filter\n:U - [0:0]\n-A U -s 1.1.1.1,2.2.2.2 -d 3.3.3.3,4.4.4.4\n-I U -s 5.5.5.5,6.6.6.6\nCOMMIT'),
    step('-n', '*filter\n-D U -s 1.1.1.1,2.2.2.2 -d 3.3.3.3\nCOMMIT'),
  ],
  'long and short spellings mean the same': [
    step(
      '',
      `*filter
       :W2 - [0:0]
       :W - [0:0]
       # a comment

       -A W --src 1.1.1.1 --dst 2.2.2.2 --protocol tcp --match mark --mark 5 --goto W2
       -A W --source 10/8 --destination 10.0.0.0/255.0.0.0 --in-interface a --out-interface b -p 6 --fragment
       -A W -4 --jump W2 -m mark --mark=5
       -A	W	-j	DROP
       --append W -p tcp -m comment --comment a -m tcp --dport 5 -g W2
       -A W -j W2 -p tcp --dport 80
       -A W -j ACCEPT -s 1.1.1.1 -m comment --comment "after the target"
       COMMIT`,
    ),
  ],
};

function deepChains(count: number): string {
  const lines = ['*filter'];
  for (let i = 1; i <= count; i++) lines.push(`:C${i} - [0:0]`);
  for (let i = 1; i < count; i++) lines.push(`-A C${i} -j C${i + 1}`);
  return [...lines, '-A FORWARD -j C1', 'COMMIT'].join('\n');
}

/** Status and iptables-save after every step. */
function realStory(steps: readonly RestoreStep[]): string[] {
  const script = steps.map(
    ({ flags, text }) =>
      `iptables-restore ${flags.join(' ')} 2>/dev/null <<'END'\n${text}END\n` +
      `[ $? = 0 ] && echo done || echo refused; iptables-save -c; echo @@`,
  );
  return withoutComments(runReal('bash', script.join('\n')).stdout)
    .split('@@\n')
    .slice(0, steps.length);
}

function ourStory(steps: readonly RestoreStep[]): string[] {
  const { iptables } = newNetns().netfilter;
  return steps.map(({ flags, text }) => {
    const problems = iptables.restore(text, {
      noflush: flags.includes('--noflush'),
      counters: flags.includes('--counters'),
    });
    return `${problems.length === 0 ? 'done' : 'refused'}\n${iptables.save({ counters: true })}`;
  });
}

t.test('restores leave what the real tool leaves', needsRealTools(), (t) => {
  for (const [name, steps] of Object.entries(STORIES)) {
    t.test(name, (t) => {
      const real = realStory(steps);
      ourStory(steps).forEach((ours, i) => t.equal(ours, real[i], steps[i]?.text ?? ''));
      t.end();
    });
  }
  t.end();
});

t.test('every mistake of a text is reported, each with its line', (t) => {
  const { iptables } = newNetns().netfilter;
  const problems = iptables.restore(
    '*filter\n-A FORWARD -m nosuch -j ACCEPT\n-A FORWARD --bad\n# fine\n-A NOWHERE -j DROP\nCOMMIT\n*nat\n-A PREROUTING -j DROP\nCOMMIT\n',
  );
  t.same(
    problems.map(({ line, severity, table }) => [line, severity, table]),
    [
      [2, 'unmodelled', 'filter'],
      [3, 'error', 'filter'],
      [5, 'error', 'filter'],
      [8, 'error', 'nat'],
    ],
  );
  t.equal(iptables.save(), '', 'nothing was applied');
  t.end();
});

t.test('rules know why they exist, from the line that made them', (t) => {
  const { iptables } = newNetns().netfilter;
  const because = { kind: 'Service', namespace: 'default', name: 'web' };
  iptables.restore('*filter\n-A FORWARD -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n', {
    causes: (line) => (line === 3 ? [because] : []),
  });
  const [chain] = iptables.state()[0]?.chains.filter(({ name }) => name === 'FORWARD') ?? [];
  t.same(chain?.rules, [
    { text: '-j ACCEPT', because: [] },
    { text: '-j DROP', because: [because] },
  ]);
  t.end();
});

t.test('a state makes the rules it came from, and rules that stay keep their counters', (t) => {
  const { iptables } = newNetns().netfilter;
  iptables.restore(
    '*filter\n:U - [0:0]\n:INPUT DROP [3:3]\n[5:6] -A U -s 1.1.1.1/32 -j ACCEPT\n[1:1] -A U -j DROP\n-A INPUT -j U\nCOMMIT\n*raw\n-P OUTPUT ACCEPT\nCOMMIT\n',
    { counters: true },
  );
  const text = iptables.save({ counters: true });
  const state = iptables.state();

  const other = newNetns().netfilter.iptables;
  t.same(other.apply(state), []);
  t.equal(other.save().replace('DROP [0:0]', 'DROP [3:3]'), iptables.save());

  t.same(iptables.apply(state), []);
  t.equal(iptables.save({ counters: true }), text, 'the same state changes nothing');

  const withoutFirst = state
    .filter(({ name }) => name === 'filter')
    .map((table) => ({
      ...table,
      chains: table.chains.map((chain) => ({
        ...chain,
        rules: chain.name === 'U' ? chain.rules.slice(1) : chain.rules,
      })),
    }));
  t.same(iptables.apply(withoutFirst), []);
  t.equal(iptables.save({ counters: true }), text.replace(/\*raw[^]*?COMMIT\n/, '').replace(/\[5:6\].*\n/, ''));
  t.end();
});

t.test('some chains change, and all others stay as they are, unread lines among them', (t) => {
  const { iptables } = newNetns().netfilter;
  const lines = Array.from({ length: 20 }, (_, i) => `-A OTHER -s 10.0.0.${i} -j RETURN`).join('\n');
  iptables.restore(
    `*filter\n:OLD - [0:0]\n:OWN - [0:0]\n:OTHER - [0:0]\n[3:4] -A INPUT -j OWN\n[5:6] -A OWN -j OLD\n-A OWN -j RETURN\n-A OLD -j DROP\n${lines}\nCOMMIT\n`,
    { counters: true },
  );
  const unread = (): number =>
    [...(iptables.table('filter')?.chains.get('OTHER')?.entries ?? [])].filter((entry) => entry instanceof UnreadRule)
      .length;
  const waiting = unread();
  t.ok(waiting > 10, `${waiting} lines`);
  const before = iptables.state((chain) => ['INPUT', 'OLD', 'OWN'].includes(chain));
  t.strictSame(
    before.flatMap(({ chains }) => chains.map(({ name }) => name)),
    ['INPUT', 'OLD', 'OWN'],
  );
  const after = before.map((table) => ({
    ...table,
    chains: table.chains
      .filter(({ name }) => name !== 'OLD')
      .map((chain) => (chain.name === 'OWN' ? { ...chain, rules: chain.rules.slice(1) } : chain)),
  }));
  t.strictSame(iptables.change(before, before), []);
  t.equal(unread(), waiting, 'nobody has read them');
  const text = iptables.save({ counters: true });
  t.match(text, /\[3:4\] -A INPUT -j OWN[^]*\[5:6\] -A OWN -j OLD/, 'what was counted is kept');
  t.strictSame(iptables.change(before, after), []);
  t.equal(
    iptables.save({ counters: true }),
    text
      .replace(':OLD - [0:0]\n', '')
      .replace('[5:6] -A OWN -j OLD\n', '')
      .replace(/.*-A OLD .*\n/, ''),
  );
  const kept = iptables.save({ counters: true });
  const onlyInput = after.map((table) => ({ ...table, chains: table.chains.filter(({ name }) => name === 'INPUT') }));
  t.match(
    iptables.change(after, onlyInput),
    [{ chain: 'OWN', severity: 'error', message: /busy/ }],
    'INPUT leads there',
  );
  t.equal(iptables.save({ counters: true }), kept);
  t.end();
});

t.test('a state with a rule that cannot be read leaves its table and names the rule', (t) => {
  const { iptables } = newNetns().netfilter;
  iptables.restore('*filter\n-A INPUT -j ACCEPT\nCOMMIT\n');
  const before = iptables.save();
  const rules = ['-j ACCEPT', '-m mark --mark zzz', '-m hashlimit --hashlimit-name x -j DROP'];
  const problems = iptables.apply([
    {
      name: 'filter',
      chains: [{ name: 'INPUT', policy: 'ACCEPT', rules: rules.map((text) => ({ text, because: [] })) }],
    },
  ]);
  t.same(
    problems.map(({ chain, position, severity }) => [chain, position, severity]),
    [
      ['INPUT', 2, 'error'],
      ['INPUT', 3, 'unmodelled'],
    ],
  );
  t.equal(iptables.save(), before);
  t.end();
});

t.test('a name with a blank is printed so that it can be read again', (t) => {
  const { iptables } = newNetns().netfilter;
  const rule = '-A U -j "a b" -A';
  iptables.restore(`*filter\n:U - [0:0]\n${rule}\nCOMMIT\n`);
  t.match(iptables.save(), `${rule}\n`);
  t.end();
});

t.test('no text makes restore throw, and what it accepts prints the same when read again', (t) => {
  const word = fc.constantFrom(
    '-A',
    '-I',
    '-D',
    '-R',
    'U',
    'FORWARD',
    '-s',
    '1.2.3.4',
    '10.0.0.0/8',
    '-p',
    'tcp',
    '17',
    '-m',
    'mark',
    '--mark',
    '0x1/0xff',
    '!',
    '-j',
    'ACCEPT',
    'MARK',
    '--set-mark',
    'DROP',
    'U',
    '-i',
    'cali+',
    '--dport',
    '80:90',
    'comment',
    '--comment',
    '"a b"',
    '"',
    '\\',
    '1',
    '-g',
    'RETURN',
    'limit',
    '--limit',
    '3/min',
    'hashlimit',
    '--hashlimit-name',
    'LOG',
    '--log-prefix',
    'x',
    'conntrack',
    '--ctstate',
    'NEW',
    'multiport',
    '--dports',
    '1,2',
    'set',
    '-c',
    '5',
    '[1:2]',
  );
  const line = fc.oneof(
    fc.array(word, { maxLength: 12 }).map((words) => words.join(' ')),
    fc.array(word, { maxLength: 9 }).map((words) => `-A U ${words.join(' ')}`),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.boolean(), (lines, counters) => {
      const { iptables } = newNetns().netfilter;
      iptables.restore('*filter\n:U - [0:0]\nCOMMIT\n');
      for (const each of lines) iptables.restore(`*filter\n${each}\nCOMMIT\n`, { noflush: true, counters });
      const text = iptables.save({ counters: true });
      const again = newNetns().netfilter.iptables;
      const problems = again.restore(text, { counters: true });
      return problems.every(({ severity }) => severity === 'unmodelled') && again.save({ counters: true }) === text;
    }),
    { numRuns: 400 },
  );
  t.end();
});
