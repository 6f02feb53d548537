/** A bridge with vlan_filtering: which frames go where, and with what tag (IEEE 802.1Q, net/bridge/br_vlan.c). */

import t from 'tap';
import { type Device, Emulation, Host, type Netns, runIpCommand } from '../../src/kernel/index.js';
import {
  encodeEthernet,
  encodeVlan,
  Ethernet,
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE,
  MAC_BROADCAST,
  parseMac,
  Vlan,
} from '../../src/packet/index.js';

const mac = (text: string): NonNullable<ReturnType<typeof parseMac>> => {
  const parsed = parseMac(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

/** A bridge with ports p1 to p4, whose other ends e1 to e4 are the stations. */
class Bench {
  readonly netns: Netns;
  readonly seen: string[] = [];

  constructor(...commands: readonly string[]) {
    this.netns = new Host(new Emulation(), 'host').netns;
    this.run('ip link add br0 address 02:00:00:00:00:10 type bridge', 'ip link set br0 up');
    for (const i of [1, 2, 3, 4]) {
      this.run(
        `ip link add p${i} type veth peer name e${i} address 02:00:00:00:00:0${i}`,
        `ip link set p${i} master br0`,
        `ip link set p${i} up`,
        `ip link set e${i} up`,
      );
      this.dev(`e${i}`).tap = (dev, skb, direction) => {
        if (direction === 'in') this.seen.push(`${dev.name} ${tagText(skb.view, skb.data)}`);
      };
    }
    this.run(...commands);
  }

  run(...commands: readonly string[]): void {
    for (const command of commands) {
      const problem = runIpCommand(this.netns, command, []);
      if (problem !== undefined) throw new Error(`${command}: ${problem}`);
    }
  }

  dev(name: string): Device {
    return this.netns.links.require(name);
  }

  /** Who gets a frame from a station, and with which tag. */
  send(from: number, to: number | 'all', vlan?: number): string[] {
    const { emulation } = this.netns;
    const tag = vlan === undefined ? 0 : 4;
    const skb = emulation.allocSkb(ETHERNET_HEADER_LENGTH + tag + 46);
    const { view, data } = skb;
    skb.tail = data + ETHERNET_HEADER_LENGTH + tag + 46;
    encodeEthernet(view, data, {
      destination: to === 'all' ? MAC_BROADCAST : mac(`02:00:00:00:00:0${to}`),
      source: mac(`02:00:00:00:00:0${from}`),
      etherType: vlan === undefined ? 0x88b5 : ETHERTYPE.vlan,
    });
    if (vlan !== undefined) encodeVlan(view, data + ETHERNET_HEADER_LENGTH, { vlanId: vlan, etherType: 0x88b5 });
    this.seen.length = 0;
    this.dev(`e${from}`).transmit(skb);
    emulation.drain();
    return this.seen.toSorted();
  }
}

function tagText(view: DataView, at: number): string {
  const { etherType } = new Ethernet(view, at);
  if (etherType !== ETHERTYPE.vlan) return etherType === 0x88b5 ? 'untagged' : `type ${etherType}`;
  const tag = new Vlan(view, at + ETHERNET_HEADER_LENGTH);
  return tag.etherType === 0x88b5 ? `vlan ${tag.vlanId}` : `vlan ${tag.vlanId}, type ${tag.etherType}`;
}

/** p1 and p2 are of VLAN 10, p3 of VLAN 20, p4 carries both with tags. */
const FILTERING = [
  'ip link set br0 type bridge vlan_filtering 1',
  ...[1, 2].flatMap((i) => [`bridge vlan del dev p${i} vid 1`, `bridge vlan add dev p${i} vid 10 pvid untagged`]),
  'bridge vlan del dev p3 vid 1',
  'bridge vlan add dev p3 vid 20 pvid untagged',
  'bridge vlan del dev p4 vid 1',
  'bridge vlan add dev p4 vid 10',
  'bridge vlan add dev p4 vid 20',
];

t.test('without filtering a tag is payload', (t) => {
  const bench = new Bench();
  t.same(bench.send(1, 'all', 10), ['e2 vlan 10', 'e3 vlan 10', 'e4 vlan 10']);
  t.same(bench.send(2, 1), ['e1 untagged'], 'learned whatever the tag was');
  t.end();
});

t.test('frames stay in their VLAN, tagged where the port wants tags', (t) => {
  const bench = new Bench(...FILTERING);
  t.same(bench.send(1, 'all'), ['e2 untagged', 'e4 vlan 10']);
  t.same(bench.send(3, 'all'), ['e4 vlan 20']);
  t.same(bench.send(4, 'all', 20), ['e3 untagged']);
  t.same(bench.send(4, 'all', 10), ['e1 untagged', 'e2 untagged']);
  t.end();
});

t.test('a port takes only what is of its VLANs', (t) => {
  const bench = new Bench(...FILTERING);
  t.same(bench.send(4, 'all'), [], 'no tag, and no VLAN for such frames');
  t.same(bench.send(4, 'all', 30), []);
  t.same(bench.send(1, 'all', 20), []);
  t.same(bench.send(1, 'all', 10), ['e2 untagged', 'e4 vlan 10'], 'a tag of its own VLAN is taken');
  t.same(bench.send(1, 'all', 0), ['e2 untagged', 'e4 vlan 10'], 'a priority alone is no VLAN');
  t.end();
});

t.test('addresses are learned in each VLAN apart', (t) => {
  const bench = new Bench(...FILTERING);
  bench.send(2, 'all');
  t.same(bench.send(1, 2), ['e2 untagged'], 'known in VLAN 10');
  t.same(bench.send(3, 2), ['e4 vlan 20'], 'unknown in VLAN 20: flooded there');
  t.same(
    [
      ...new Set(
        [...(bench.dev('p2').port?.bridge.entries() ?? [])].map(({ vlan, port }) => `${port.dev.name} ${vlan}`),
      ),
    ],
    ['p2 10', 'p1 10', 'p3 20'],
  );
  t.end();
});

t.test('the bridge itself hears only its own VLANs', (t) => {
  const bench = new Bench(...FILTERING);
  const { counters } = bench.dev('br0');
  bench.send(1, 'all');
  t.equal(counters.rxPackets, 0);
  bench.run('bridge vlan add dev br0 vid 10 pvid untagged self');
  bench.send(1, 'all');
  t.equal(counters.rxPackets, 1);
  t.end();
});

t.test('a promiscuous bridge sees what it forwards, as somebody else’s', (t) => {
  const bench = new Bench();
  bench.send(2, 'all');
  const { counters } = bench.dev('br0');
  const before = counters.rxPackets;
  bench.send(1, 2);
  t.equal(counters.rxPackets, before);
  bench.run('ip link set br0 promisc on');
  t.same(bench.send(1, 2), ['e2 untagged']);
  t.equal(counters.rxPackets, before + 1);
  t.end();
});

t.test('a station takes no frame with the tag of a VLAN, and one with a priority as any other', (t) => {
  const bench = new Bench();
  const { drops } = bench.netns;
  const unhandled = (): number => drops.get('unhandled-proto') ?? 0;
  const others = (): number => drops.get('otherhost') ?? 0;
  const [before, beforeOthers] = [unhandled(), others()];
  bench.send(1, 2, 5);
  t.ok(others() > beforeOthers);
  t.equal(unhandled(), before);
  bench.send(1, 2, 0);
  t.equal(unhandled(), before + 1, 'the type behind the tag is asked for');
  t.end();
});

t.test('VLANs that cannot be are refused', (t) => {
  const bench = new Bench();
  t.throws(() => bench.run('bridge vlan del dev p1 vid 7'), /no such file or directory/);
  t.throws(() => bench.run('bridge vlan add dev p1 vid 0'), /required/);
  t.throws(() => bench.run('bridge vlan add dev e1 vid 2'), /no port/);
  t.end();
});

t.test('a flushed bridge has forgotten what it learned, and floods', (t) => {
  const bench = new Bench();
  bench.send(2, 1);
  t.same(bench.send(1, 2), ['e2 untagged']);
  bench.run('ip link set br0 type bridge fdb_flush');
  bench.send(1, 2);
  t.same(bench.seen, ['e4 untagged', 'e3 untagged', 'e2 untagged'], 'to the newest port first');
  t.end();
});

t.test('what a route says may stand before its destination', (t) => {
  const bench = new Bench('ip addr add 10.0.0.1/24 dev br0', 'ip route add table 100 metric 5 default via 10.0.0.2');
  const route = bench.netns.fib.routes().find(({ table }) => table === 100);
  t.match(route, { metric: 5, destination: { length: 0 }, nextHops: [{ dev: { name: 'br0' } }] });
  t.throws(() => bench.run('ip route add table 100 metric 5'), 'a destination is needed');
  t.end();
});
