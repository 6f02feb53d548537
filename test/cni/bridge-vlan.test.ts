/** `vlan` and `promiscMode` of the bridge plugin: containers of one bridge that hear only their own VLAN. */

import t from 'tap';
import { type CniObject, isCniObject } from '../../src/cni/index.js';
import { Bridge, type Netns } from '../../src/kernel/index.js';
import { parseIpv4 } from '../../src/packet/index.js';
import { Bed } from './machine.js';

const conf = (vlan: number, more: CniObject = {}): CniObject => ({
  cniVersion: '1.0.0',
  name: `net${vlan}`,
  type: 'bridge',
  bridge: 'br0',
  isGateway: true,
  vlan,
  ipam: { type: 'host-local', subnet: '10.1.0.0/24', dataDir: `/run/net${vlan}` },
  ...more,
});

/** Whether an echo request is answered. */
function answers(from: Netns, to: string): boolean {
  const destination = parseIpv4(to);
  if (destination === undefined) throw new Error(to);
  const socket = from.sockets.ping();
  let answered = false;
  socket.onReply = () => {
    answered = true;
  };
  socket.send({ destination, sequence: 1, payload: new Uint8Array(8) });
  from.emulation.run(() => answered, from.emulation.clock.nowNs + 5e9);
  return answered;
}

t.test('containers of one VLAN reach each other and their gateway, and no other VLAN', (t) => {
  const bed = new Bed();
  const pods = ['a', 'b', 'c'].map((name) => bed.host.addNetns(name));
  const add = (i: number, vlan: number): CniObject =>
    bed.answer(
      'bridge',
      'ADD',
      conf(vlan, {
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: '10.1.0.0/24', rangeStart: `10.1.0.${i + 10}`, rangeEnd: `10.1.0.${i + 10}` }]],
          dataDir: `/run/net${i}`,
        },
      }),
      {
        CNI_CONTAINERID: `c${i}`,
        CNI_NETNS: `/run/netns/${'abc'[i]}`,
      },
    );
  const results = [add(0, 100), add(1, 100), add(2, 200)];
  const [a, b, c] = pods;
  if (a === undefined || b === undefined || c === undefined) throw new Error('three pods');
  t.ok(answers(a, '10.1.0.11'), 'the same VLAN');
  t.notOk(answers(a, '10.1.0.12'), 'another VLAN');
  t.ok(answers(a, '10.1.0.1'), 'the gateway of VLAN 100');
  t.notOk(answers(c, '10.1.0.10'), 'nor the other way round');
  const names = results.map(({ interfaces }) =>
    Array.isArray(interfaces) ? interfaces.map((one) => (isCniObject(one) ? one['name'] : '')) : [],
  );
  t.same(
    names.map((all) => all.at(-1)),
    ['br0.100', 'br0.100', 'br0.200'],
  );
  const bridge = bed.host.netns.devices.named('br0');
  if (!(bridge instanceof Bridge)) throw new Error('br0 is a bridge');
  t.ok(bridge.vlanFiltering);
  t.same(bridge.addresses, [], 'gateways are on the VLANs, not on the bridge');
  t.same(bridge.ports[0]?.vlans.list(), [
    { vlan: 1, pvid: false, untagged: true },
    { vlan: 100, pvid: true, untagged: true },
  ]);
  t.end();
});

t.test('preserveDefaultVlan false takes a port out of VLAN 1', (t) => {
  const bed = new Bed();
  bed.answer('bridge', 'ADD', conf(100, { preserveDefaultVlan: false }));
  const bridge = bed.host.netns.devices.named('br0');
  if (!(bridge instanceof Bridge)) throw new Error('br0 is a bridge');
  t.same(bridge.ports[0]?.vlans.list(), [{ vlan: 100, pvid: true, untagged: true }]);
  t.end();
});

t.test('a VLAN that cannot be is refused', (t) => {
  for (const vlan of [-1, 4095]) {
    t.match(new Bed().answer('bridge', 'ADD', conf(vlan)), {
      msg: `invalid VLAN ID ${vlan} (must be between 0 and 4094)`,
    });
  }
  t.end();
});

t.test('promiscMode makes the bridge promiscuous, and leaves hairpin mode alone', (t) => {
  const bed = new Bed();
  bed.answer('bridge', 'ADD', conf(0, { promiscMode: true }));
  t.ok(bed.host.netns.devices.named('br0')?.promisc);
  t.match(new Bed().answer('bridge', 'ADD', conf(0, { promiscMode: true, hairpinMode: true })), {
    msg: 'cannot set hairpin mode and promiscuous mode at the same time.',
  });
  t.end();
});
