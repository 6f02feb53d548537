/** `iptables` and `iptables-save` beside the real ones, which are given the same rules. */

import t from 'tap';
import { Cluster } from '../../src/cluster/index.js';
import type { Netns } from '../../src/kernel/index.js';
import { iptables } from '../../src/tools/iptables/iptables.js';
import { iptablesSave } from '../../src/tools/iptables/save.js';
import type { ToolResult } from '../../src/tools/index.js';
import type { TableName } from '../../src/trace/index.js';
import { newNetns } from '../kernel/netfilter/hosts.js';
import { needsRealTools, runReal } from '../kernel/netfilter/real-iptables.js';
import { RULES } from '../kernel/netfilter/rule-lines.js';

const SETS = 'create s1 hash:ip timeout 100 counters\ncreate s2 hash:ip,port\n';
const SET_COMMANDS = 'ipset create s1 hash:ip timeout 100 counters && ipset create s2 hash:ip,port';
const TABLES: readonly TableName[] = ['mangle', 'raw', 'filter', 'nat'];

const restoreText = (table: TableName, wanted: (rule: string) => boolean = () => true): string => {
  const rules = (RULES[table] ?? []).filter((rule) => wanted(rule));
  return `*${table}\n:U - [0:0]\n${rules.map((rule) => `${rule}\n`).join('')}COMMIT\n`;
};

function programmed(text: string): Netns {
  const netns = newNetns();
  netns.ipsets.restore(SETS);
  t.same(netns.netfilter.iptables.restore(text, { counters: true }), []);
  return netns;
}

function run(netns: Netns, command: string): ToolResult {
  const [program, ...args] = command.split(' ');
  const tool = program === 'iptables' ? iptables : iptablesSave;
  return tool({ cluster: new Cluster([]), netns, pod: undefined }, args);
}

/** Standard output and error of the real tool together, behind the rules. */
const realOutput = (text: string, command: string): string =>
  runReal(`${SET_COMMANDS} && iptables-restore -c >/dev/null 2>&1 && { ${command} 2>&1; echo "status $?"; }`, text)
    .stdout;

const ourOutput = (netns: Netns, command: string): string => {
  const { stdout, stderr, exitCode } = run(netns, command);
  return `${stderr}${stdout}status ${exitCode}\n`;
};

/** The time of day is the virtual clock's here. */
const withoutDate = (text: string): string =>
  text.replaceAll(/ on \w{3} \w{3} [\d ]\d \d\d:\d\d:\d\d \d{4}$/gm, ' on DATE');

const real = needsRealTools();

for (const table of TABLES) {
  t.test(`iptables lists ${table} rules as the real one does`, real, (t) => {
    const text = restoreText(table);
    const netns = programmed(text);
    for (const command of [
      `iptables -t ${table} -n -v -L --line-numbers`,
      `iptables -t ${table} -nL`,
      `iptables -t ${table} -nvxL U`,
      `iptables -t ${table} -S`,
      `iptables -t ${table} -v -S`,
      `iptables -t ${table} -S OUTPUT 1`,
      `iptables -t ${table} -n -L OUTPUT 1`,
      `iptables-save -t ${table}`,
      `iptables-save -c -t ${table}`,
    ])
      t.equal(withoutDate(ourOutput(netns, command)), withoutDate(realOutput(text, command)), command);
    t.end();
  });
}

/** Names of users, and of services that nobody writes into rules, are not known here. */
const named = (rule: string): boolean => !/-m owner|--dports 1,2,3/.test(rule);

for (const table of TABLES) {
  t.test(`iptables names what is in ${table} rules as the real one does`, real, (t) => {
    const text = restoreText(table, named);
    const netns = programmed(text);
    for (const command of [`iptables -t ${table} -L`, `iptables -t ${table} -vL --line-numbers`])
      t.equal(ourOutput(netns, command), realOutput(text, command), command);
    t.end();
  });
}

const PORTS = `*filter
-A INPUT -p tcp --dport http -j ACCEPT
-A INPUT -p udp ! --sport ssh:https
-A INPUT -p tcp -m multiport --dports ssh,www:https,0x10 -j ACCEPT
-A INPUT -p tcp --dport 0x50:070000
-A INPUT -p icmp -m icmp ! --icmp-type host-prohibited
-A INPUT -p sctp -m sctp ! --chunk-types only INIT,DATA:I -j LOG --log-level 7 --log-uid --log-prefix "a b"
-A INPUT -m limit --limit 5/s --limit-burst 0
COMMIT
*nat
-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:http
-A PREROUTING -p udp -j REDIRECT --to-ports domain
COMMIT
`;

const CALLS = [
  'iptables -w 5 -nL INPUT',
  'iptables -w5 -nL INPUT 1',
  'iptables --wait=5 -S',
  'iptables -tnat -S',
  'iptables --table=nat -S',
  'iptables --list=INPUT -n',
  'iptables -nLINPUT',
  'iptables -L INPUT --num --line',
  'iptables -L --verb --nume',
  'iptables -L',
  'iptables -vL',
  'iptables --list-r',
  'iptables -S -n',
  'iptables -S -x',
  'iptables -S --line-numbers',
  'iptables -L INPUT 0',
  'iptables -L -S',
  'iptables -L -L',
  'iptables -L INPUT -L OUTPUT',
  'iptables -L foo bar',
  'iptables -L INPUT 1 2',
  'iptables -Sv',
  'iptables -wfoo -S',
  'iptables -- -S',
  'iptables -S --',
  'iptables --v',
  'iptables --foo',
  'iptables -t',
  'iptables -L -p tcp',
  'iptables -c 1 2 -L',
  'iptables -6 -S',
  'iptables -W',
  'iptables -W 5 -L INPUT',
  'iptables -W foo -L INPUT',
  'iptables -w -W 100 -nL INPUT',
  'iptables -W100 -w 1 -S INPUT',
  'iptables -w --wait-interval=5 -S',
  'iptables -S INPUT 1',
  'iptables -S INPUT 9',
  'iptables -S NOPE 1',
  'iptables -L INPUT 2 -v',
  'iptables -nL INPUT 2 --line-numbers',
  'iptables -L INPUT 1x',
  'iptables -L -Z',
  'iptables -nL INPUT -Z -v',
  'iptables -Z -nL -v',
  'iptables -S INPUT 1 -Z',
  'iptables -L INPUT 1 -Z',
  'iptables -Z -S',
  'iptables -Z INPUT -v',
  'iptables -Z INPUT 1',
  'iptables -Z INPUT 1 -v',
  'iptables -Z INPUT 99',
  'iptables -Z INPUT 0',
  'iptables -Z NOPE',
  'iptables -ZL',
  'iptables -vLZ',
  'iptables -Z -n',
  'iptables -Z -Z',
  'iptables -h',
];

t.test('options of iptables are read as getopt_long() does, and services have names', real, (t) => {
  const netns = programmed(PORTS);
  for (const command of CALLS) t.equal(ourOutput(netns, command), realOutput(PORTS, command), command);
  t.end();
});

/** Rules that iptables-restore refuses, and what it says. */
const REFUSED: readonly (readonly [rule: string, why: RegExp])[] = [
  ['-A INPUT -j CONNMARK --save-mark --restore-mark', /--save-mark and --restore-mark/],
  ['-A INPUT -m recent --set --seconds 5', /"--seconds" cannot be used together with "--set"/],
  ['-A INPUT -i "" -j ACCEPT', /Empty interface/],
  ['-A INPUT -p tcp --dport nosuch', /invalid port\/service `nosuch' specified/],
  ['-A INPUT -p udp -m multiport --dports ssh', /invalid port\/service `ssh' specified/],
  ['-A INPUT -j U --dport 5', /unknown option "--dport"/],
  ['-N foo bar', /Bad argument `bar'/],
  ['-N "a b"', /Invalid chain name `a b'/],
];

t.test('rules that iptables refuses are refused', (t) => {
  for (const [rule, why] of REFUSED) {
    const problems = newNetns().netfilter.iptables.restore(`*filter\n:U - [0:0]\n${rule}\nCOMMIT\n`, {
      counters: true,
    });
    const refusal = problems.find(({ severity }) => severity === 'error');
    t.match(refusal?.message ?? 'taken', why, rule);
  }
  t.end();
});

t.test('the real iptables-restore refuses them too', real, (t) => {
  for (const [rule] of REFUSED)
    t.not(runReal('iptables-restore', `*filter\n:U - [0:0]\n${rule}\nCOMMIT\n`).status, 0, rule);
  t.end();
});

t.test('what is asked for wrongly is refused with the words of the real one', real, (t) => {
  const netns = newNetns();
  for (const command of [
    'iptables -V',
    'iptables',
    'iptables -t foo -L',
    'iptables constructor toString',
    'iptables -L -t __proto__',
    'iptables -L NOPE',
    'iptables -S -v A',
    'iptables -n -L',
    'iptables -t nat -S',
    'iptables-save',
    'iptables-save -V',
    'iptables-save -x',
    'iptables-save --foo',
    'iptables-save -t foo',
    'iptables-save -t',
    'iptables-save foo',
  ])
    t.equal(ourOutput(netns, command), realOutput('', command), command);
  t.end();
});

t.test('iptables -Z begins to count anew, after what is listed', (t) => {
  const netns = programmed(
    '*filter\n:INPUT ACCEPT [7:700]\n[5:500] -A INPUT -p tcp\n[6:600] -A INPUT -p udp\nCOMMIT\n',
  );
  const counters = (): (number | undefined)[] =>
    [...(netns.netfilter.iptables.table('filter')?.chains.get('INPUT')?.rules ?? [])].map(({ packets }) => packets);
  run(netns, 'iptables -Z INPUT 1');
  t.same(counters(), [0, 6]);
  t.match(run(netns, 'iptables -vnL INPUT -Z').stdout, /^ +6 +600 /m);
  t.same(counters(), [0, 0]);
  t.match(run(netns, 'iptables -vnL INPUT').stdout, /policy ACCEPT 0 packets, 0 bytes/);
  t.end();
});

t.test('iptables-save stands between lines with the date of the virtual clock', (t) => {
  const netns = programmed('*nat\n-A OUTPUT -j ACCEPT\nCOMMIT\n');
  netns.emulation.advance(3_661e9);
  const lines = run(netns, 'iptables-save -f /dev/stdout').stdout.split('\n');
  t.equal(lines[0], '# Generated by iptables-save v1.8.9 (nf_tables) on Thu Jan  1 01:01:01 1970');
  t.equal(lines.at(-2), '# Completed on Thu Jan  1 01:01:01 1970');
  t.match(run(netns, 'iptables-save -f rules.txt'), { exitCode: 1, stderr: /only what shows/ });
  t.end();
});

/** Each finds what those before it have left behind. */
const CHANGES = [
  'iptables -N OWN',
  'iptables -N -x',
  'iptables -N !x',
  'iptables -E NOPE OWN',
  'iptables -E NOPE ELSE',
  'iptables -P OWN DROP',
  'iptables -D OWN x',
  'iptables -I OWN x -j DROP',
  'iptables -A OWN -p udp --dport 65616 -j DROP',
  'iptables -A OWN -p udp --sport 1:70000 -j DROP',
  'iptables -A OWN -p udp --dport 10:65537 -j DROP',
  'iptables -A OWN -p udp --dport -1 -j DROP',
  'iptables -A OWN -p tcp --dport 65616 -j DROP',
  'iptables -A OWN -c 1',
  'iptables -A OWN -c x 2',
  'iptables -A OWN -c 1 x',
  'iptables -A OWN -c 1,2 -j ACCEPT',
  'iptables -A OWN -m mark',
  'iptables -A OWN -m mark --mark 1/x',
  'iptables -A OWN -m multiport',
  'iptables -A OWN -m owner',
  'iptables -A OWN -m recent',
  'iptables -A OWN -m connlimit',
  'iptables -t mangle -A PREROUTING -j MARK',
  'iptables -t mangle -A PREROUTING -j CONNMARK',
  'iptables -t mangle -A PREROUTING -j TOS',
  'iptables -t nat -A PREROUTING -j DNAT',
  'iptables -S OWN',
  'iptables -F OWN',
  'iptables -X OWN',
  'iptables -A INPUT -s 10.0.0.1 -j DROP',
  'iptables -C INPUT -s 10.0.0.1 -j DROP',
  'iptables -C INPUT -s 10.0.0.2 -j DROP',
  'iptables -C NOPE -s 10.0.0.1 -j DROP',
  'iptables -A NOPE -j DROP',
  'iptables -A INPUT -j NOPE',
  'iptables -N ME',
  'iptables -N ME',
  'iptables -A INPUT -j ME',
  'iptables -X ME',
  'iptables -X NOPE',
  'iptables -D INPUT 7',
  'iptables -D INPUT -s 10.0.0.2 -j DROP',
  'iptables -D INPUT -s 10.0.0.1 -j DROP',
  'iptables -I INPUT 9 -j ACCEPT',
  'iptables -I INPUT -p tcp --dport 80 -j ACCEPT',
  'iptables -R INPUT 1 -p tcp --dport 81 -j ACCEPT',
  'iptables -R INPUT 9 -j ACCEPT',
  'iptables -R INPUT -j ACCEPT',
  'iptables -E ME YOU',
  'iptables -E NOPE YOU',
  'iptables -D NOPE -j DROP',
  'iptables -D NOPE 1',
  'iptables -R NOPE 1 -j DROP',
  'iptables -I NOPE -j DROP',
  'iptables -E YOU INPUT',
  'iptables -N INPUT',
  'iptables -D INPUT 0',
  'iptables -F INPUT extra',
  'iptables -N',
  'iptables -P INPUT DROP',
  'iptables -P INPUT FOO',
  'iptables -P ME DROP',
  'iptables -P NOPE DROP',
  'iptables -F NOPE',
  'iptables -F INPUT',
  'iptables -F',
  'iptables -X',
  'iptables -A INPUT --foo',
  'iptables -A INPUT -p tcp --dport x -j DROP',
  'iptables -A INPUT --dport 80 -j DROP',
  'iptables -A INPUT -s foo.bar.baz -j DROP',
  'iptables -A INPUT -o eth0 -j DROP',
  'iptables -A OUTPUT -i eth0 -j DROP',
  'iptables -t nat -A POSTROUTING -s 10.0.0.0/24 -j MASQUERADE',
  'iptables -t nat -A INPUT -j DNAT --to 1.2.3.4',
  'iptables -t nope -A INPUT -j DROP',
  'iptables -A INPUT',
  'iptables -A',
  'iptables -t nat -A OUTPUT -p tcp -j DNAT --to 1.2.3.4:80',
  'iptables -t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to 8080',
  'iptables -t nat -A POSTROUTING -j SNAT --to 1.2.3.4',
  'iptables -N averyveryverylongchainnamethatistoolong',
  'iptables -A INPUT -s 1.2.3.4,1.2.3.5 -j DROP',
  'iptables -A INPUT -j DROP extra',
  'iptables -A INPUT -I INPUT -j DROP',
  'iptables -A INPUT -m unknown -j ACCEPT',
  'iptables -A INPUT -p tcp --match foo --bar 3 -j ACCEPT',
  'iptables -C INPUT -m nope',
  'iptables -A INPUT -j ACCEPT -m unknown -j UNKNOWN',
  'iptables -A INPUT -j UNKNOWN',
  'iptables -A INPUT -p tcp -j TARPIT',
  'iptables -A INPUT -j TARPIT --tarpit',
  'iptables -D INPUT -j CHAOS',
  'iptables -S',
  'iptables -t nat -S',
  'iptables --append INPUT -p tcp -m tcp --dport 22 -j ACCEPT',
  'iptables -AOUTPUT -j ACCEPT',
  'iptables -tnat -N MINE',
  'iptables --table=nat -A MINE ! -s 10.0.0.0/8 -j RETURN',
  'iptables -w -I INPUT 1 -m comment --comment two_words -j ACCEPT',
  'iptables -w 5 -D INPUT 1',
  'iptables -S',
  'iptables -t nat -S',
  'iptables -nvL',
] as const;

t.test('iptables changes rules as the real one does, and refuses in its words', real, (t) => {
  const netns = newNetns();
  const script = CHANGES.map((command) => `${command} 2>&1; echo "status $?"; echo @@`).join('\n');
  const texts = runReal(script, '').stdout.split('@@\n');
  CHANGES.forEach((command, i) => t.equal(ourOutput(netns, command), texts[i], command));
  t.end();
});
