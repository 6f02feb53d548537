import t from 'tap';
import {
  type Attachment,
  CNI_CACHE_DIR,
  CNI_CONF_DIR,
  CniError,
  type CniObject,
  CniRuntime,
  internalError,
  type NetworkList,
  parseNetworkList,
  type Plugin,
} from '../../src/cni/index.js';
import { formatIpv4 } from '../../src/packet/index.js';
import { Bed, type Seen, spy } from './machine.js';

const network = (plugins: readonly CniObject[], cniVersion = '1.1.0'): NetworkList =>
  parseNetworkList('/etc/cni/net.d/10-net.conflist', JSON.stringify({ cniVersion, name: 'net', plugins }));

const ATTACHMENT: Attachment = {
  containerId: 'c1',
  netnsPath: '/run/netns/pod',
  ifName: 'eth0',
  args: { IgnoreUnknown: '1', K8S_POD_NAME: 'web' },
  capabilities: {},
};

/** A runtime over spies `first`, `second`, `third`. */
function spied(fails: Readonly<Record<string, Readonly<Record<string, CniError>>>> = {}): {
  readonly bed: Bed;
  readonly runtime: CniRuntime;
  readonly seen: Seen[];
  readonly said: () => string[];
} {
  const seen: Seen[] = [];
  const plugins: Record<string, Plugin> = {};
  for (const name of ['first', 'second', 'third']) plugins[name] = spy(name, seen, fails[name]);
  const bed = new Bed(plugins);
  const said = (): string[] => seen.splice(0).map(({ plugin, command }) => `${command} ${plugin}`);
  return { bed, seen, said, runtime: new CniRuntime(bed.host, bed.binaries) };
}

const CHAIN = network([{ type: 'first' }, { type: 'second' }, { type: 'third' }]);

t.test('ADD goes through the chain in order, each with the result before', (t) => {
  const { runtime, seen } = spied();
  const result = runtime.add(CHAIN, ATTACHMENT);
  t.same(
    seen.map(({ plugin, call }) => [plugin, call.prevResult?.interfaces.map(({ name }) => name)]),
    [
      ['first', undefined],
      ['second', ['first']],
      ['third', ['first', 'second']],
    ],
  );
  t.same(
    result.interfaces.map(({ name }) => name),
    ['first', 'second', 'third'],
  );
  t.end();
});

t.test('DEL goes the other way, with the result of ADD; from 0.4.0 on', (t) => {
  const { runtime, seen, said } = spied();
  runtime.add(CHAIN, ATTACHMENT);
  said();
  runtime.del(CHAIN, ATTACHMENT);
  t.same(
    seen.map(({ call }) => call.prevResult?.interfaces.length),
    [3, 3, 3],
  );
  t.same(said(), ['DEL third', 'DEL second', 'DEL first']);
  const old = network([{ type: 'first' }], '0.3.1');
  runtime.add(old, ATTACHMENT);
  said();
  runtime.del(old, ATTACHMENT);
  t.equal(seen[0]?.call.prevResult, undefined);
  t.end();
});

t.test('an ADD that fails is undone through the whole chain, and its own error is the answer', (t) => {
  const { bed, runtime, said } = spied({
    second: { ADD: new CniError(11, 'try again'), DEL: internalError('worse') },
  });
  t.throws(() => runtime.add(CHAIN, ATTACHMENT), { code: 11, message: 'try again' });
  t.same(said(), ['ADD first', 'ADD second', 'DEL third', 'DEL second', 'DEL first']);
  t.same([...bed.host.files.keys()], [], 'no result is kept');
  t.end();
});

t.test('a plugin that is not there is an error of the chain', (t) => {
  const { runtime } = spied();
  t.throws(() => runtime.add(network([{ type: 'nosuch' }]), ATTACHMENT), {
    message: 'failed to find plugin "nosuch" in path [/opt/cni/bin]',
  });
  t.end();
});

t.test('capabilities reach the plugins that declare them', (t) => {
  const { runtime, seen } = spied();
  const list = network([
    { type: 'first', capabilities: { portMappings: true, ips: false } },
    { type: 'second', runtimeConfig: {} },
  ]);
  const portMappings = [{ hostPort: 80, containerPort: 80, protocol: 'tcp' }];
  runtime.add(list, { ...ATTACHMENT, capabilities: { portMappings, ips: ['10.0.0.9'] } });
  t.same(seen[0]?.call.config['runtimeConfig'], { portMappings });
  t.equal(seen[0]?.call.config['capabilities'], undefined);
  t.same(seen[1]?.call.config['runtimeConfig'], {});
  t.end();
});

t.test('CHECK goes in order of ADD and stops at what is broken', (t) => {
  const { runtime, said } = spied({ second: { CHECK: internalError('broken') } });
  runtime.add(CHAIN, ATTACHMENT);
  said();
  t.throws(() => runtime.check(CHAIN, ATTACHMENT), { message: 'broken' });
  t.same(said(), ['CHECK first', 'CHECK second']);
  runtime.check({ ...CHAIN, disableCheck: true }, ATTACHMENT);
  t.same(said(), [], 'unless it is disabled');
  t.throws(() => runtime.check(network([{ type: 'first' }], '0.3.1'), ATTACHMENT), { code: 1 });
  t.end();
});

t.test('GC deletes what is no longer wanted and tells the plugins what is', (t) => {
  const { bed, runtime, seen, said } = spied();
  runtime.add(CHAIN, ATTACHMENT);
  runtime.add(CHAIN, { ...ATTACHMENT, containerId: 'c2' });
  runtime.add({ ...CHAIN, name: 'other' }, { ...ATTACHMENT, containerId: 'c3' });
  said();
  runtime.gc(CHAIN, [{ containerId: 'c2', ifName: 'eth0' }]);
  t.same(
    seen.map(({ command, plugin, call }) => `${command} ${plugin} ${call.containerId}`.trim()),
    ['DEL third c1', 'DEL second c1', 'DEL first c1', 'GC first', 'GC second', 'GC third'],
  );
  t.same(seen.at(-1)?.call.config['cni.dev/valid-attachments'], [{ containerID: 'c2', ifname: 'eth0' }]);
  t.same([...bed.host.files.keys()], [`${CNI_CACHE_DIR}/net-c2-eth0`, `${CNI_CACHE_DIR}/other-c3-eth0`]);
  t.end();
});

t.test('STATUS asks every plugin, and none below 1.1.0', (t) => {
  const { runtime, said } = spied({ third: { STATUS: new CniError(51, 'limited connectivity') } });
  t.throws(() => runtime.status(CHAIN), { code: 51 });
  t.same(said(), ['STATUS first', 'STATUS second', 'STATUS third']);
  runtime.status(network([{ type: 'third' }], '1.0.0'));
  t.same(said(), []);
  t.end();
});

t.test('the first file of the configuration folder is the network', (t) => {
  const { bed, runtime } = spied();
  t.throws(() => runtime.network(), { code: 7, message: `no networks found in ${CNI_CONF_DIR}` });
  bed.host.files.set(`${CNI_CONF_DIR}/20-b.conflist`, '{"name":"b","plugins":[{"type":"first"}]}');
  bed.host.files.set(`${CNI_CONF_DIR}/10-a.conf`, '{"name":"a","type":"second","cniVersion":"0.4.0"}');
  bed.host.files.set(`${CNI_CONF_DIR}/00-README`, 'no network');
  const { name, cniVersion, plugins } = runtime.network();
  t.same([name, cniVersion, plugins.map(({ type }) => type)], ['a', '0.4.0', ['second']]);
  t.end();
});

for (const [name, file, content, message] of [
  ['no JSON', 'a.conf', '{', /error parsing configuration a\.conf/],
  ['no object', 'a.conf', '[]', /not a JSON object/],
  ['no name', 'a.conflist', '{"plugins":[{"type":"x"}]}', /no name/],
  ['no plugins', 'a.conflist', '{"name":"x","plugins":[]}', /no plugins in list/],
  ['no type', 'a.conflist', '{"name":"x","plugins":[{}]}', /a plugin without a type/],
] as const) {
  t.test(`a network is refused for ${name}`, (t) => {
    t.throws(() => parseNetworkList(file, content), { code: 7, message });
    t.end();
  });
}

const POD_NETWORK = network(
  [
    {
      type: 'bridge',
      isGateway: true,
      ipMasq: true,
      ipam: { type: 'host-local', subnet: '10.244.1.0/24', routes: [{ dst: '0.0.0.0/0' }] },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
    { type: 'bandwidth', ingressRate: 1000, ingressBurst: 1000 },
    { type: 'tuning', mtu: 1400 },
  ],
  '1.0.0',
);
const WITH_PORT: Attachment = {
  ...ATTACHMENT,
  capabilities: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] },
};

t.test('the reference plugins as a chain: added, checked, deleted twice, nothing left', (t) => {
  const bed = new Bed();
  const runtime = new CniRuntime(bed.host, bed.binaries);
  const result = runtime.add(POD_NETWORK, WITH_PORT);
  t.match(result, { ips: [{ interface: 2, address: '10.244.1.2/24', gateway: '10.244.1.1' }] });
  t.equal(bed.pod.links.require('eth0').mtu, 1400);
  t.match(bed.host.netns.netfilter.iptables.save(), /-j DNAT --to-destination 10\.244\.1\.2:80\n/);
  t.doesNotThrow(() => runtime.check(POD_NETWORK, WITH_PORT));
  runtime.del(POD_NETWORK, WITH_PORT);
  t.equal(bed.pod.devices.named('eth0'), undefined);
  t.notMatch(bed.host.netns.netfilter.iptables.save(), /10\.244\.1\.2/);
  t.notOk([...bed.host.files.keys()].some((path) => path.includes('10.244.1.2')));
  t.doesNotThrow(() => runtime.del(POD_NETWORK, WITH_PORT), 'DEL is idempotent');
  t.end();
});

t.test('where the last plugin fails, the address and the port of the first are given back', (t) => {
  const bed = new Bed({ broken: spy('broken', [], { ADD: internalError('no') }) });
  const runtime = new CniRuntime(bed.host, bed.binaries);
  const list = { ...POD_NETWORK, plugins: [...POD_NETWORK.plugins, { type: 'broken' }] };
  t.throws(() => runtime.add(list, WITH_PORT), { message: 'no' });
  t.equal(bed.pod.devices.named('eth0'), undefined);
  t.notOk(bed.host.files.has('/var/lib/cni/networks/net/10.244.1.2'));
  t.notMatch(bed.host.netns.netfilter.iptables.save(), /10\.244\.1\.2/);
  t.end();
});

const BREAKAGES: readonly (readonly [string, (bed: Bed) => void, RegExp])[] = [
  [
    'an address',
    ({ pod }) => {
      const dev = pod.links.require('eth0');
      for (const { address, prefixLength } of dev.addresses.slice()) pod.fib.deleteAddress(dev, address, prefixLength);
    },
    /^Failed to match addr 10\.244\.1\.2\/24 on interface eth0$/,
  ],
  [
    'a route',
    ({ pod }) => {
      const route = [...pod.fib.routes()].find(({ destination }) => destination.length === 0);
      if (route !== undefined) pod.fib.deleteRoute({ destination: route.destination });
    },
    /^Expected Route \{Dst:\{IP:0\.0\.0\.0 Mask:00000000\} GW:<nil>\} not found in routing table$/,
  ],
  ['a link', ({ pod }) => pod.links.remove(pod.links.require('eth0')), /^Interface name eth0 not found$/],
  [
    'the bridge',
    ({ host }) => host.netns.links.remove(host.netns.links.require('cni0')),
    /^Interface name cni0 not found$/,
  ],
  [
    'the reservation of the address',
    ({ host }) => host.files.delete('/var/lib/cni/networks/net/10.244.1.2'),
    /^host-local: Failed to find address added by container c1$/,
  ],
  ['all rules', ({ host }) => host.netns.netfilter.iptables.apply([]), /^could not check ipv4 dnat: chain CNI-DN-/],
  [
    'the MTU',
    ({ pod }) => pod.links.set(pod.links.require('eth0'), { mtu: 1300 }),
    /^Error: Tuning configured MTU of eth0 is 1400, current value is 1300$/,
  ],
];
for (const [name, breakIt, message] of BREAKAGES) {
  t.test(`CHECK finds that somebody took ${name} away`, (t) => {
    const bed = new Bed();
    const runtime = new CniRuntime(bed.host, bed.binaries);
    runtime.add(POD_NETWORK, WITH_PORT);
    breakIt(bed);
    t.throws(() => runtime.check(POD_NETWORK, WITH_PORT), { message });
    t.end();
  });
}

t.test('a new container is announced on the bridge once, and its queue is as tuned', (t) => {
  const bed = new Bed();
  const runtime = new CniRuntime(bed.host, bed.binaries);
  const heard: string[] = [];
  runtime.add(POD_NETWORK, ATTACHMENT);
  bed.host.emulation.drain();
  const second = bed.host.addNetns('second');
  bed.host.netns.links.require('cni0').tap = (_dev, skb, direction) => {
    if (skb.protocol !== 0x0806 && skb.view.getUint16(skb.data + 12) !== 0x0806) return;
    heard.push(direction);
  };
  const list = { ...POD_NETWORK, plugins: [...POD_NETWORK.plugins, { type: 'tuning', txQLen: 77 }] };
  const result = runtime.add(list, { ...ATTACHMENT, containerId: 'c2', netnsPath: '/run/netns/second' });
  bed.host.emulation.drain();
  t.same(heard, ['in']);
  t.equal(second.links.require('eth0').txqlen, 77);
  t.same(
    result.ips.map(({ address }) => address),
    ['10.244.1.3/24'],
  );
  t.same(
    second.links.require('eth0').addresses.map(({ address }) => formatIpv4(address)),
    ['10.244.1.3'],
  );
  t.end();
});
