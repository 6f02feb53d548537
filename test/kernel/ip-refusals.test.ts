/** Changes that iproute2 or the kernel refuses, with their words; where there is a real one, it is asked too. */

import { spawnSync } from 'node:child_process';
import t from 'tap';
import { Emulation, Host, type Netns, runIpCommand } from '../../src/kernel/index.js';

const NETNS = `pw-refusals-${process.pid}`;

/** Lines in their order, and what is said to each; undefined where it is carried out. */
const LINES: readonly (readonly [line: string, said: string | undefined])[] = [
  ['ip link set lo up', undefined],
  ['ip link add d0 type veth peer name d1', undefined],
  ['ip link set d0 up', undefined],
  ['ip link set d1 up', undefined],
  ['ip addr add 10.0.0.1/24 dev d0', undefined],
  ['ip link del lo', 'RTNETLINK answers: Operation not supported'],
  ['ip rule add', '"ip rule add" requires arguments.'],
  ['ip rule del', '"ip rule del" requires arguments.'],
  ['ip rule add from 1.1.1.1 table 4294967296', 'Error: argument "4294967296" is wrong: invalid table ID'],
  ['ip rule add from 1.1.1.1 table 4294967295', undefined],
  ['ip rule add iif abcdefghijklmno table 5', undefined],
  [
    'ip rule add iif abcdefghijklmnop table 5',
    'Error: argument "abcdefghijklmnop" is wrong: "iif"/"dev" not a valid ifname',
  ],
  ['ip rule add oif a/b table 5', 'Error: argument "a/b" is wrong: "oif" not a valid ifname'],
  ['ip rule add from 10.3.0.1/16 table 5 preference 77', undefined],
  ['ip rule del from 10.3.0.0/16', 'RTNETLINK answers: No such file or directory'],
  ['ip rule del from 10.3.0.1/16', undefined],
  ['ip route add 10.3.0.1/16 via 10.0.0.3', 'Error: Invalid prefix for given prefix length.'],
  ['ip route add 10.3/16 via inet 10.0.0.3 protocol static', undefined],
  ['ip route add blackhole 11/8 preference 7', undefined],
  ['ip route add to blackhole 12.1', undefined],
  ['ip route add 12.2/16 dev d0 dsfield 10', undefined],
  [
    'ip route add 10.4/16 via 10.0.0.3 table 4294967296',
    'Error: argument "4294967296" is wrong: "table" value is invalid',
  ],
  ['ip route add 10.4/16 via 10.0.0.3 protocol 256', 'Error: argument "256" is wrong: "protocol" value is invalid'],
  [
    'ip route add 10.6.0.0/16 nexthop via 10.0.0.3 weight 0 nexthop via 10.0.0.4',
    'Error: argument "0" is wrong: "weight" is invalid',
  ],
  ['ip route add 10.6.0.0/16 nexthop via 10.0.0.3 weight 2 nexthop via 10.0.0.4', undefined],
  ['ip route del 10.6.0.0/16 nexthop via 10.0.0.3', 'RTNETLINK answers: No such process'],
  ['ip route del 10.6.0.0/16 nexthop dev d0', 'RTNETLINK answers: No such process'],
  ['ip route del 10.6.0.0/16 via 10.0.0.4', 'RTNETLINK answers: No such process'],
  ['ip route del 10.6.0.0/16 nexthop via 10.0.0.3 weight 7 nexthop via 10.0.0.4 weight 9', undefined],
  ['ip route add 10.6.0.0/16 via 10.0.0.3', undefined],
  ['ip route del 10.6.0.0/16 nexthop via 10.0.0.4 nexthop via 10.0.0.3', 'RTNETLINK answers: No such process'],
  ['ip route del 10.6.0.0/16 nexthop via 10.0.0.3 nexthop via 10.0.0.4', undefined],
  ['ip neigh add 10.0.0.9 dev d0 nud permanent', 'Error: No link layer address given.'],
  ['ip neigh add 10.0.0.9 dev d0 lladdr 02:00:00:00:00:98', 'RTNETLINK answers: File exists'],
  ['ip neigh replace 10.0.0.9 dev d0 lladdr 02:00:00:00:00:98', undefined],
  ['ip neigh replace 10.0.0.9 dev d0 nud stale', undefined],
  ['ip neigh change 10.0.0.10 dev d0 lladdr 02:00:00:00:00:98', 'RTNETLINK answers: No such file or directory'],
  ['ip neigh add 10.0.0.11 dev d0 nud noarp', 'Error: No link layer address given.'],
];

/** Of a netlink error the emulator also says what was asked for, and in lower case. */
const plain = (said: string | undefined): string | undefined =>
  said?.toLowerCase().replace(/^rtnetlink answers: .*: /, 'rtnetlink answers: ');

const newNetns = (): Netns => new Host(new Emulation(), 'machine').netns;

t.test('ip refuses what the kernel and iproute2 refuse, in their words', (t) => {
  const netns = newNetns();
  for (const [line, said] of LINES) t.equal(plain(runIpCommand(netns, line, [])), plain(said), line);
  const neighbours = [...netns.neighbours.entries()].map(({ state }) => state);
  t.same(neighbours, ['stale', 'none'], 'an entry that was refused its address is there, as one that knows none');
  t.end();
});

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'namespaces need root';
  const added = spawnSync('ip', ['netns', 'add', NETNS]);
  return added.status === 0 ? false : `no network namespaces here: ${added.stderr?.toString() ?? ''}`;
}

t.test('the real ones say the same', { skip: whyNot() }, (t) => {
  t.teardown(() => spawnSync('ip', ['netns', 'delete', NETNS]));
  for (const [line, said] of LINES) {
    const [, ...words] = line.split(' ');
    const { status, stderr } = spawnSync('ip', ['-n', NETNS, ...words]);
    const told = stderr.toString().trim();
    t.equal(status === 0 ? undefined : told, said, line);
  }
  t.end();
});

t.test('labels of addresses follow the name of their device', (t) => {
  const netns = newNetns();
  for (const line of [
    'link add br7 type bridge',
    'addr add 10.7.7.1/24 dev br7',
    'addr add 10.7.7.2/24 dev br7 label br7:x',
    'addr add 10.7.7.3/24 dev br7 label other',
    'addr add 10.7.7.4/24 dev br7 label br7:4567890',
    'link set br7 name br8-long-enough',
  ])
    t.equal(runIpCommand(netns, line, []), undefined, line);
  t.same(
    netns.links.require('br8-long-enough').addresses.map(({ label }) => label),
    ['br8-long-enough', 'br8-long-enou:x', 'br8-long-enou:3', 'br8-lon:4567890'],
  );
  t.end();
});
