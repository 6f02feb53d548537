/**
 * The same `ip` commands, to this machine's kernel in a network namespace of its own and to our tables: what is
 * printed must be the same, errors included. Needs root, `unshare` and iproute2; skipped where they are missing.
 */

import { spawnSync } from 'node:child_process';
import t, { type Test } from 'tap';
import { Random } from '../../../src/kernel/random.js';
import { FakeNetns } from './fake-netns.js';
import { runIp } from './ip-command.js';
import { SCENARIOS } from './scenarios.js';

const MARK = '@@';

/** Why the real kernel cannot be asked here, or undefined. */
function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root to make a network namespace';
  const probe = spawnSync('unshare', ['-n', 'ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'p0'], {
    encoding: 'utf8',
  });
  if (probe.error !== undefined) return `cannot run unshare: ${probe.error.message}`;
  return probe.status === 0 ? undefined : `cannot make a veth in a namespace: ${probe.stderr.trim()}`;
}

/** The kernel notices a carrier that comes or goes within a second (net/core/link_watch.c). */
const SETTLE = 'settle';

/** Runs all commands in one fresh namespace and returns what each printed. */
function runReal(commands: readonly string[]): string[] {
  const script = commands.map((command) => {
    if (command === SETTLE) return `sleep 1.1; echo ${MARK}`;
    const line = command.startsWith('sysctl')
      ? command.replace('sysctl', 'sysctl -qw')
      : command.replace('ip ', 'ip -4 ');
    return `${line} 2>&1; echo ${MARK}`;
  });
  const run = spawnSync('unshare', ['-n', 'bash'], { encoding: 'utf8', input: script.join('\n') });
  return run.stdout
    .split(`${MARK}\n`)
    .slice(0, commands.length)
    .map((text) => text.replace(/\n$/, ''));
}

/** Compares command by command; the report shows what led to a difference. */
function compare(test: Test, commands: readonly string[]): void {
  const real = runReal(commands);
  const netns = new FakeNetns();
  for (const [i, command] of commands.entries()) {
    const ours = command === SETTLE ? '' : runIp(command, netns);
    if (ours === real[i]) continue;
    test.equal(ours, real[i], command, { after: commands.slice(0, i) });
    return;
  }
  test.equal(real.length, commands.length, `${commands.length} commands print the same`);
}

const SETUP = [
  'ip link set lo up',
  'ip link add v0 type veth peer name p0',
  'ip link add v1 type veth peer name p1',
  'ip link add v2 type veth peer name p2',
  ...['p0', 'p1', 'p2', 'v0', 'v1', 'v2'].map((name) => `ip link set ${name} up`),
];

class Generator {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  of<T>(choices: readonly T[]): T {
    const choice = choices[this.#random.below(choices.length)];
    if (choice === undefined) throw new Error('nothing to choose from');
    return choice;
  }

  sometimes(oneIn: number, text: () => string): string {
    return this.#random.below(oneIn) === 0 ? text() : '';
  }

  dev(): string {
    return this.of(['v0', 'v1', 'v2']);
  }

  address(): string {
    return `10.${this.of([0, 0, 1, 2])}.${this.of([0, 0, 1, 128])}.${this.of([1, 2, 3, 129, 255, 0])}`;
  }

  anyAddress(): string {
    return this.of([
      this.address(),
      this.address(),
      '127.0.0.5',
      '10.255.255.255',
      '172.16.0.9',
      '192.168.3.4',
      '224.0.0.1',
      '239.1.1.1',
      '255.255.255.255',
      '0.0.0.0',
    ]);
  }

  prefix(): string {
    return this.of([
      'default',
      '10.0.0.0/8',
      '10.0.0.0/16',
      '10.1.0.0/16',
      '10.0.1.0/24',
      '10.0.1.128/25',
      '10.0.0.0/9',
      '10.2.0.0/15',
      '10.0.0.2',
      '10.0.1.2',
      '172.16.0.0/12',
      '10.0.0.1/24',
      '0.0.0.0/8',
    ]);
  }

  table(): string {
    return this.sometimes(4, () => ` table ${this.of(['100', 'default', 'main', '700', 'local'])}`);
  }

  route(): string {
    const verb = this.of(['add', 'add', 'add', 'append', 'prepend', 'replace', 'change', 'del']);
    const type = this.sometimes(
      6,
      () => `${this.of(['blackhole', 'unreachable', 'prohibit', 'throw', 'local', 'broadcast'])} `,
    );
    const rejects = /blackhole|unreachable|prohibit|throw/.test(type);
    // Several default routes of one metric take turns; that has a scenario of its own.
    const prefix = verb === 'append' || verb === 'prepend' ? this.of(['10.0.0.0/8', '10.1.0.0/16']) : this.prefix();
    const via = rejects ? '' : this.sometimes(2, () => ` via ${this.address()}`);
    const dev = rejects ? '' : via === '' ? ` dev ${this.dev()}` : this.sometimes(2, () => ` dev ${this.dev()}`);
    const onlink = via !== '' && dev !== '' ? this.sometimes(6, () => ' onlink') : '';
    const tail = [
      this.sometimes(6, () => ` src ${this.address()}`),
      this.sometimes(5, () => ` metric ${this.of([5, 10, 100])}`),
      this.sometimes(6, () => ` tos ${this.of(['0x10', '0x08', '0xe0', '0x11'])}`),
      this.sometimes(8, () => ` mtu ${this.of([1300, 1400])}`),
      this.sometimes(8, () => ` proto ${this.of(['bird', 'static', '80', 'dhcp', 'kernel'])}`),
      this.sometimes(8, () => ` scope ${this.of(['link', 'host', 'global', 'site'])}`),
      this.table(),
    ];
    return `ip route ${verb} ${type}${prefix}${via}${dev}${onlink}${tail.join('')}`;
  }

  /** To a destination that is never asked for: which next hop a flow takes is the kernel's secret. */
  multipath(): string {
    const hop = (): string =>
      ` nexthop via ${this.address()}${this.sometimes(2, () => ` dev ${this.dev()}`)} weight ${this.of([1, 2, 7])}`;
    return `ip route ${this.of(['add', 'replace', 'append', 'del'])} ${this.of(['203.0.113.0/24', '203.0.113.0/25'])}${hop()}${hop()}`;
  }

  addressChange(): string {
    const length = this.of([8, 16, 24, 24, 25, 31, 32]);
    const verb = this.of(['add', 'add', 'add', 'del']);
    const extra =
      verb === 'add'
        ? this.sometimes(5, () => this.of([' brd 10.0.0.255', ' noprefixroute', ' scope link', ' peer 10.2.0.3/32']))
        : '';
    if (extra.includes('peer')) return `ip addr ${verb} ${this.address()}${extra} dev ${this.dev()}`;
    return `ip addr ${verb} ${this.address()}/${length}${extra} dev ${this.dev()}`;
  }

  rule(): string {
    const selectors = [
      this.sometimes(4, () => ' not'),
      this.sometimes(2, () => ` from ${this.of(['10.0.0.0/8', '10.1.0.0/16', '10.0.0.1', '0.0.0.0/0'])}`),
      this.sometimes(3, () => ` to ${this.of(['10.0.0.0/8', '10.2.0.0/16', '172.16.0.9'])}`),
      this.sometimes(3, () => ` fwmark ${this.of(['0x10', '0x10/0xf0', '0/0x1', '0x1/0x1'])}`),
      this.sometimes(4, () => ` iif ${this.of(['v0', 'lo', 'v9'])}`),
      this.sometimes(6, () => ` oif ${this.dev()}`),
      this.sometimes(6, () => ` tos ${this.of(['0x10', '0x08', '0x20'])}`),
      this.sometimes(6, () => ` ipproto ${this.of(['6', '17', '132', '200'])}`),
      this.sometimes(6, () => ` dport ${this.of(['80', '80-90'])}`),
      this.sometimes(9, () => ' sport 5000'),
    ];
    const pref = this.of(['', '', ' pref 5', ' pref 100', ' pref 32766', ' pref 0']);
    const action = this.of([
      ' lookup 100',
      ' lookup main',
      ' lookup local',
      ' table 700',
      ' blackhole',
      ' unreachable',
      ' prohibit',
      ' nop',
      ' goto 32766',
      ' lookup main suppress_prefixlength 0',
      ' lookup 100 suppress_prefixlength 16',
    ]);
    const verb = this.of(['add', 'add', 'add', 'del']);
    return `ip rule ${verb}${selectors.join('')}${pref}${action}`;
  }

  get(): string {
    const input = this.#random.below(2) === 0;
    const from = input
      ? ` from ${this.of([this.address(), this.address(), '172.16.0.9', '127.0.0.1', '224.0.0.9'])}`
      : this.sometimes(4, () => ` from ${this.address()}`);
    const where = input ? ` iif ${this.dev()}` : this.sometimes(5, () => ` oif ${this.dev()}`);
    const rest = [
      this.sometimes(5, () => ` mark ${this.of(['0x10', '0x1'])}`),
      this.sometimes(6, () => ` tos ${this.of(['0x10', '0x18', '0xf0'])}`),
      input ? '' : this.sometimes(6, () => ` ipproto ${this.of(['6', '17'])} dport 85`),
    ];
    return `ip route get ${this.anyAddress()}${from}${where}${rest.join('')}`;
  }

  sysctl(): string {
    const dev = this.of(['all', 'v0', 'v1']);
    const key = this.of([
      'rp_filter=0',
      'rp_filter=1',
      'rp_filter=2',
      'accept_local=1',
      'accept_local=0',
      'forwarding=1',
      'forwarding=1',
      'route_localnet=1',
      'src_valid_mark=1',
      'send_redirects=0',
      'promote_secondaries=1',
    ]);
    return `sysctl net.ipv4.conf.${dev}.${key}`;
  }

  command(): string {
    const kind = this.#random.below(100);
    if (kind < 25) return this.route();
    if (kind < 33) return this.addressChange();
    if (kind < 36) return this.sysctl();
    if (kind < 39) return `ip link set ${this.dev()} ${this.of(['up', 'up', 'down'])}`;
    if (kind < 40) return this.multipath();
    if (kind < 44) return 'ip route show table all';
    return this.get();
  }
}

const reason = whyNot();

t.test('routing answers as the real kernel does', { skip: reason ?? false }, (suite) => {
  for (const { name, commands } of SCENARIOS) {
    suite.test(name, (test) => {
      compare(test, [...SETUP, ...commands]);
      test.end();
    });
  }
  for (let seed = 1; seed <= Number(process.env['PODWIRE_FIB_SEEDS'] ?? 6); seed++) {
    suite.test(`generated commands, seed ${seed}`, (test) => {
      const generator = new Generator(seed);
      const commands = [
        'ip addr add 10.0.0.1/24 dev v0',
        'ip addr add 10.1.0.1/16 dev v1',
        'ip addr add 10.2.0.1/24 dev v2',
        'sysctl net.ipv4.ip_forward=1',
      ];
      while (commands.length < 120) commands.push(generator.command());
      compare(test, [...SETUP, ...commands, 'ip route show table all']);
      test.end();
    });
    suite.test(`generated commands with policy rules, seed ${seed}`, (test) => {
      const generator = new Generator(1000 + seed);
      const commands = [
        'ip addr add 10.0.0.1/24 dev v0',
        'ip addr add 10.1.0.1/16 dev v1',
        'sysctl net.ipv4.ip_forward=1',
      ];
      while (commands.length < 120) commands.push(commands.length % 4 === 0 ? generator.rule() : generator.command());
      compare(test, [...SETUP, ...commands, 'ip rule', 'ip route show table all']);
      test.end();
    });
  }
  suite.end();
});
