/** grep, head, tail, wc, sort, uniq and what a shell puts between them, beside those of Debian. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Cluster } from '../../src/cluster/index.js';
import { Emulation, Host } from '../../src/kernel/index.js';
import type { ToolResult } from '../../src/tools/index.js';
import { TOOLS } from '../../src/tools/index.js';

const RULES = `*nat
:PREROUTING ACCEPT [0:0]
:KUBE-SERVICES - [12:720]
-A PREROUTING -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m udp --dport 53 -j KUBE-SVC-DNS
-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m tcp --dport 443 -j KUBE-SVC-API
-A KUBE-SVC-API -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-1
-A KUBE-SVC-API -j KUBE-SEP-2
COMMIT
`;
const NUMBERS = '10 b 1.10.0\n9 a 1.9.0\n\n100 a 1.2K\n9 a 1.9.0\n-3 c 900\n  20 B 2M\n9 A 1.9.0';

const folder = mkdtempSync(join(tmpdir(), 'podwire-text-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const files = { rules: RULES, numbers: NUMBERS, empty: '' };

const COMMANDS = [
  'cat rules | grep KUBE-SVC',
  'grep -n kube-svc rules',
  'grep -in kube-svc rules',
  'grep -c KUBE rules',
  'grep -vc KUBE rules',
  'grep KUBE rules numbers',
  'grep -c KUBE rules numbers empty',
  'grep -l KUBE rules numbers',
  'grep -L KUBE rules numbers',
  'grep -h KUBE-SEP rules numbers',
  'grep -H COMMIT rules',
  'grep -e nat -e COMMIT rules',
  'grep -E "SEP-[12]$" rules',
  'grep -oE "KUBE-S[A-Z]{2}-[A-Z0-9]+" rules',
  'grep -on "KUBE-SEP-." rules',
  'grep -o "[0-9.]*/32" rules',
  'grep -F ".10" rules',
  'grep "10.96.0.1/" rules',
  'grep -w 10 numbers',
  'grep -x COMMIT rules',
  'grep "^:" rules',
  'grep "^-A KUBE-SVC\\|COMMIT" rules',
  "grep '\\[12:720\\]' rules",
  'grep -E "udp|tcp" rules',
  'grep "a\\+" numbers',
  'grep "a+" numbers',
  'grep "[[:upper:]]$" rules',
  'grep "[[:space:]]-[[:space:]]" rules',
  'grep -P "dport \\d+(?= -j KUBE-SVC-API)" rules',
  'grep "\\<API\\>" rules',
  "grep '*nat' rules",
  "grep 'nat$' rules",
  'grep "(" rules',
  'grep -E "(" rules',
  'grep "[a" rules',
  'grep -A1 PREROUTING rules',
  'grep -B1 -n SEP-2 rules',
  'grep -C1 nat rules',
  'grep -1 "^:" rules',
  'grep -A1 -n "nat\\|dport 53" rules',
  'grep -m2 KUBE rules',
  'grep -q KUBE rules',
  'grep -q nothing rules',
  'grep nothing rules',
  'grep KUBE missing',
  'grep -s KUBE missing rules',
  'grep --color=auto -i api rules',
  'grep --ignore-case api rules',
  'grep -A x KUBE rules',
  'grep -m x KUBE rules',
  'grep --nothing KUBE rules',
  'grep -j KUBE rules',
  'grep',
  'grep "" empty',
  'grep "" rules',
  'egrep "SEP-(1|2)" rules | wc -l',
  'head -2 rules',
  'head -n 2 rules',
  'head -n -7 rules',
  'head -c 7 rules',
  'head -n1 rules numbers',
  'head -q -n1 rules numbers',
  'head -n1 rules missing',
  'head -n x rules',
  'head -j rules',
  'tail -2 rules',
  'tail -n 1 numbers',
  'tail -n +8 rules',
  'tail -c 4 rules',
  'tail missing',
  'cat rules | tail -n1',
  'wc rules',
  'wc -l rules',
  'wc -l rules numbers',
  'wc rules empty missing',
  'cat rules | wc',
  'cat rules | wc -l',
  'cat rules | wc -lc',
  'wc -l </dev/null; cat empty | wc -c',
  'wc -l <rules; grep -c x < missing; echo $?',
  'grep -E "a)" rules',
  'grep "a\\)" rules',
  'sort numbers',
  'sort -r numbers',
  'sort -n numbers',
  'sort -rn numbers',
  'sort -u numbers',
  'sort -nu numbers',
  'sort -k2 numbers',
  'sort -k2,2 numbers',
  'sort -k2,2 -k1,1n numbers',
  'sort -k1,1nr numbers',
  'sort -f -k2,2 numbers',
  'sort -V numbers',
  'sort -k3V numbers',
  'sort -h -k3 numbers',
  'sort -t. -k2,2n numbers',
  'sort missing',
  'sort numbers | uniq',
  'sort numbers | uniq -c',
  'sort numbers | uniq -d',
  'sort numbers | uniq -u',
  'sort -f numbers | uniq -ci',
  'sort numbers | uniq -c | sort -rn | head -1',
  'uniq missing',
  'cut -d " " -f 2 rules',
  'cut -d: -f2- rules',
  'cut -d " " -f1,3-4 numbers',
  'cut -s -d: -f 1 rules',
  'cut -c 2-5 rules',
  'cut -d " " rules',
  'cut -d " " -f1 missing',
  "awk '{print $2}' rules",
  "awk '{print $1, $NF}' numbers",
  'awk \'{print NR":"NF "\\t" $3}\' numbers',
  "awk '/KUBE-SVC/ {print $NF}' rules",
  "awk '!/KUBE/' rules",
  "awk '/SEP-[12]$/' rules",
  "awk 'NR>1 {print $1}' numbers",
  "awk 'NR==2' numbers",
  "awk '$1 > 9 {print $0}' numbers",
  'awk \'$2 == "a" {print $1}\' numbers',
  "awk '$2 ~ /^[ab]$/ {print $2}' numbers",
  "awk '$2 !~ /a/ {print $2}' numbers",
  "awk -F: '{print $2}' rules",
  "awk -F '[ :]' '{print $2}' rules",
  "cat rules | awk '{print $1}' | sort | uniq -c",
  'echo a  b "c  d" \'e\'',
  'echo -n x; echo y',
  'echo "$(echo a; echo b)" $(echo "c   d"; echo e)f',
  'false; echo $?; true; echo $?',
  'false || echo "status $?" && true',
  'cat missing 2>/dev/null; echo $?',
  'cat missing 2>&1 | wc -l',
  'cat rules missing >/dev/null 2>&1; echo $?',
  'cat missing rules 2>&1 >/dev/null | grep -c No',
  'echo to-err >&2',
  'grep nothing rules | cat; echo $?',
  'cat n*rs r?les | head -1',
  'cat [!a-q]ules | head -1',
  'echo nothing*here "*" r*',
  'echo one &&\necho two |\ngrep o\n\necho three;',
  'echo a;; echo b',
  '; echo a',
  '| wc',
  'echo a |',
  'true &&',
  'sleep 0; sleep x',
  'x=1; echo $x ${x} "${x}2" \'$x\'; y=$x$x; echo $y',
  'x="a  b"; echo $x "$x"; for w in $x; do echo "<$w>"; done',
  'x="*"; echo "$x"; y=; echo "[$y]" $y "$unset"',
  'for i in 1 2 3; do echo $i; done | tail -n 1',
  'for i in a b; do for j in 1 2; do echo $i$j; done; done',
  'for i in $(seq 1 3); do echo -n "$i "; done; echo',
  'for i in 1 2 3 4; do [ $i = 2 ] && continue; [ $i -gt 3 ] && break; echo $i; done',
  'for i in 1 2; do for j in 1 2; do [ $j = 2 ] && continue 2; echo $i$j; done; done; break; echo $?',
  'for i in 1 2\ndo\n  echo $i # a comment\ndone',
  'for i in; do echo $i; done; echo $?',
  'i=0; while [ $i -lt 3 ]; do echo $i; i=$((i + 1)); done; echo $?',
  'i=3; until [ $i -eq 0 ]; do i=$((i-1)); done; echo $i',
  'cat rules | while read a b c; do echo "$b-$a"; done',
  'while read -r line; do echo "$line" | wc -w; done < rules',
  'printf_less=1; echo "a b" | { read x y; echo $y $x; }; echo "[$x]"',
  'if true; then echo yes; else echo no; fi',
  'if false; then echo yes; elif [ 1 = 1 ]; then echo elif; else echo no; fi; if false; then :; fi; echo $?',
  'if ! grep -q nope rules; then echo absent; fi; ! true; echo $?',
  '[ -z "" ] && echo empty; [ -n "x" -a 2 -gt 1 ] && echo both; [ ! a = b ] && echo differ; test a; echo $?',
  '[ -f rules ] && echo file; [ -e missing ] || echo none; [ -s empty ] || echo void; [ -d rules ] || echo plain',
  '[ a -eq 1 ]; echo $?; [ a = b; echo $?; [ ]; echo $?; [ \\( a = a \\) -o b = c ]; echo $?',
  'echo $((1 + 2 * 3)) $(( (1+2)*3 )) $((7 / 2)) $((7 % 3)) $((-3)) $((1 < 2 && 2 < 1)) $((1 ? 5 : 6))',
  'x=5; echo $((x * 2)) $(($x + 1)) $((x += 2)) $x $((0x10)) $((010)) $((1 << 4 | 1)) $((~0)) $((!3))',
  'echo $((0 && 1/0)) $((1 || 1/0)); echo $((1/0)); echo not here',
  '{ echo a; echo b; } | wc -l; (x=1; echo $x); echo "[$x]"; (exit 3); echo $?',
  'exit 4; echo not here',
  'x=$(echo a; exit 3); echo $? $x; false; x=1; echo $?',
  'f=/etc/cni/net.d; echo ${f#/} ${f##*/} ${f%/*} ${f%%/n*} ${#f} ${none:-word} ${f:+set} ${none:+set}.',
  'x=10.0.0.1/24; echo ${x%/*} ${x#*/}; : ${y:=7}; echo $y ${y-8} ${z-9}',
  'set -- a "b c" d; echo $# $1 "$2"; for i; do echo "<$i>"; done; for i in "$@"; do echo "<$i>"; done; shift; echo $* $#',
  'echo "a $(echo "b $(echo c)") d" \'e $(f)\' "\\$x \\\\ \\"q\\""',
  'x=1 true; A=1 B=2; echo $A$B; unset A; echo "[$A]"; export C=3; echo $C',
  'seq 3; seq 2 4; seq 5 -2 1; seq -w 8 10; seq -s , 3; seq 3 1; seq; seq x',
  'if true; then echo',
  'for 1 in a; do echo; done',
  'for i in 1 2; echo $i; done',
  'while true; do done',
  'echo "open',
  'done',
  'if true; fi',
  'echo $(echo a',
  'echo ${x',
  '()',
  'true && && true',
];

/** dash says in which line, and is asked by its whole name. */
const alike = ({ exitCode, stdout, stderr }: ToolResult): ToolResult => ({
  exitCode,
  stdout,
  stderr: stderr.replaceAll(/^\S*sh: (?:\d+: )?/gm, 'sh: ').replaceAll(`${folder}/`, ''),
});

/** Names of files are whole ones, since a tool here has no folder to begin with. */
const whole = (command: string): string =>
  command.replaceAll(
    /(?<=\s)(?:rules|numbers|empty|missing|n\*rs|r\?les|\[!a-q\]ules|r\*|nothing\*here)(?=\s|$|;|\))/g,
    `${folder}/$&`,
  );

t.test('a shell and tools for text do what those of Debian do', (t) => {
  const { netns } = new Host(new Emulation(), 'machine');
  for (const [name, text] of Object.entries(files)) {
    netns.host.files.set(join(folder, name), text);
    writeFileSync(join(folder, name), text);
  }
  const place = { cluster: new Cluster([]), netns, pod: undefined };
  for (const one of COMMANDS) {
    const command = whole(one);
    const { status, stdout, stderr } = spawnSync('sh', ['-c', command], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    });
    const ours = TOOLS['sh']?.(place, ['-c', command]);
    if (ours !== undefined) t.same(alike(ours), alike({ exitCode: status ?? -1, stdout, stderr }), one);
  }
  t.end();
});
