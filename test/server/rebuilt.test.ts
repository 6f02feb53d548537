/** Changes that a running cluster cannot take: another is built in its place, and what users have going on goes on. */

import t from 'tap';
import { readPcapng } from '../../src/packet/index.js';
import { cluster, type Parsed, running, YAML } from './running.js';
import { connect, isKind, subscribe } from './stream-client.js';

const L2 = 'load-balancer-metallb-l2';
const AT = `/clusters/${L2}`;
const OBJECTS = `${AT}/objects`;
const TO_FRONT = { from: 'pod/shop/client', to: 'svc/shop/front:80' };
const POOL = `${OBJECTS}/projectcalico.org/IPPool/-/default-ipv4-ippool`;
const NETWORK = `${OBJECTS}/podwire.dev/PhysicalNetwork/-/rack`;
const ADDRESSES = `${OBJECTS}/metallb.io/IPAddressPool/metallb-system/public`;
const HOST = `${OBJECTS}/podwire.dev/HostConfig/-/quiet`;

const HOST_CONFIG = `apiVersion: podwire.dev/v1alpha1
kind: HostConfig
metadata: {name: quiet}
spec: {hosts: [worker1], files: {/etc/motd: hello}}
`;
const OTHER_POOL = `apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: other}
spec: {cidr: 10.250.0.0/16, vxlanMode: Always}
`;
const MORE_ADDRESSES = `apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: more, namespace: metallb-system}
spec: {addresses: [172.18.0.210/31]}
`;

type Change = readonly [
  what: string,
  method: string,
  path: string,
  /** A text, or what becomes of the object that is read. */
  body: string | ((spec: Parsed) => void),
  why: string,
];

const CHANGES: readonly Change[] = [
  ['an IPPool comes', 'POST', OBJECTS, OTHER_POOL, 'IPPool other has changed'],
  ['an IPPool changes', 'PUT', POOL, (spec) => (spec.natOutgoing = false), 'IPPool default-ipv4-ippool has changed'],
  [
    'the PhysicalNetwork changes',
    'PUT',
    NETWORK,
    (spec) => (spec.subnets[0].delay = '30us'),
    'the PhysicalNetwork has changed',
  ],
  ['a HostConfig comes', 'POST', OBJECTS, HOST_CONFIG, 'a HostConfig has changed'],
  ['a HostConfig changes', 'PUT', HOST, (spec) => (spec.files['/etc/motd'] = 'good day'), 'a HostConfig has changed'],
  ['addresses of MetalLB come', 'POST', OBJECTS, MORE_ADDRESSES, 'IPAddressPool metallb-system/more has changed'],
  [
    'addresses of MetalLB change',
    'PUT',
    ADDRESSES,
    (spec) => spec.addresses.push('172.18.0.120/31'),
    'IPAddressPool metallb-system/public has changed',
  ],
];

t.test(
  'what users have going on goes on in a cluster that is built anew, and the answer says that it is',
  async (t) => {
    const { ask, server } = await running(t, { clusters: [cluster(L2)] });
    const get = async (path: string): Promise<Parsed> => (await ask('GET', path)).json;
    const client = await connect(t, server.url, { path: `/api/v1${AT}/stream` });
    client.say(subscribe(['events', 'frames']));
    const { epoch } = await client.next(isKind('subscribed'));
    const { id } = await get(AT);
    const trace = (await ask('POST', `${AT}/traces`, TO_FRONT)).json;
    const text = (await ask('GET', `${AT}/traces/${trace.id}?format=text`)).text;
    const fault = (await ask('POST', `${AT}/faults`, { kind: 'link', host: 'office', interface: 'eth0' })).json;
    const capture = (await ask('POST', `${AT}/captures`, { interfaces: [{ target: 'pod/shop/client' }] })).json;
    const at = `${AT}/captures/${capture.id}`;
    let frames = 0;

    for (const [i, [what, method, path, body, why]] of CHANGES.entries()) {
      const { object } = typeof body === 'string' ? { object: undefined } : await get(path);
      if (typeof body !== 'string') body(object.spec);
      const before = { summary: await get(AT), clock: await get(`${AT}/clock`) };
      const answer = typeof body === 'string' ? await ask(method, path, body, YAML) : await ask(method, path, object);
      t.equal(answer.status, method === 'POST' ? 201 : 200, `${what}: ${answer.text}`);
      t.strictSame(answer.json.change, { rebuilt: true, why }, what);

      const after = await get(AT);
      t.match(after, { id, name: L2, state: 'ready', generation: before.summary.generation + 1 }, what);
      t.notOk('restarted' in after, what);
      t.equal((await get(`${AT}/clock`)).nowNs, before.clock.nowNs, `${what}: the clock stands where it was`);
      t.equal((await ask('GET', `${AT}/traces/${trace.id}?format=text`)).text, text, `${what}: traces can be read`);
      t.strictSame(await get(`${AT}/faults`), { items: [fault], total: 1 }, `${what}: what is broken is broken`);
      t.match(await get(at), { id: capture.id, running: true, frames, interfaces: capture.interfaces }, what);

      const sent = (await ask('POST', `${AT}/traces`, TO_FRONT)).json;
      t.equal(sent.verdict, 'answered', what);
      const more = (await get(at)).frames;
      t.ok(more > frames, `${what}: a capture goes on`);
      frames = more;
      const rebuilt = () => client.messages.filter(({ event }) => event === 'rebuilt');
      await client.next(() => rebuilt().length > i);
      t.match(rebuilt().at(-1), { subject: L2, detail: why }, what);
    }

    const { items } = await get(`${AT}/traces`);
    t.equal(new Set(items.map((one: Parsed) => one.id)).size, CHANGES.length + 1, 'traces have names of their own');
    const read = readPcapng((await ask('GET', `${at}/pcapng`)).bytes);
    if ('error' in read) throw new Error(read.error.message);
    t.equal(read.capture.interfaces.length, capture.interfaces.length, 'a capture describes its interfaces once');
    const times = read.capture.packets.map(({ timestamp }) => timestamp);
    t.strictSame(
      times,
      times.toSorted((a, b) => Number(a - b)),
      'and its time does not run backwards',
    );

    const seen = client.messages.filter(({ type }) => type === 'frame');
    const places = new Map<number, Set<string>>();
    for (const { packet, bytes, place, direction, interface: dev } of seen) {
      const key = `${place} ${dev} ${direction} ${Buffer.from(bytes).toString('hex').slice(0, 24)}`;
      const held = places.get(packet) ?? new Set();
      t.notOk(held.has(key), `packet ${packet} passes ${key} once`);
      places.set(packet, held.add(key));
    }
    client.say(subscribe(['events'], { subscription: 'b', resume: { epoch, seq: 0 } }));
    t.match(await client.next((one) => one.type === 'subscribed' && one.subscription === 'b'), { epoch });
    t.notOk(client.got.some(isKind('restarted')));
  },
);

t.test('an object that is put back as it was read builds nothing anew', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(L2)] });
  for (const path of [POOL, NETWORK, ADDRESSES]) {
    const { object } = (await ask('GET', path)).json;
    t.strictSame((await ask('PUT', path, object)).json.change, { rebuilt: false }, path);
  }
});

t.test('time that runs goes on running', async (t) => {
  const { ask } = await running(t, { clusters: [cluster(L2)] });
  await ask('POST', `${AT}/clock/run`, { pace: 100 });
  t.match((await ask('POST', OBJECTS, HOST_CONFIG, YAML)).json, { change: { rebuilt: true } });
  const clock = async (): Promise<Parsed> => (await ask('GET', `${AT}/clock`)).json;
  const first = await clock();
  t.match(first, { running: true, pace: 100 });
  let { nowNs } = first;
  for (let tries = 0; tries < 200 && nowNs <= first.nowNs; tries += 1) ({ nowNs } = await clock());
  t.ok(nowNs > first.nowNs);
});

t.test('a change that is refused leaves the cluster, and who listens to it, as they were', async (t) => {
  const { ask, server } = await running(t, { clusters: [cluster(L2)] });
  const client = await connect(t, server.url, { path: `/api/v1${AT}/stream` });
  client.say(subscribe(['events']));
  await client.next(isKind('subscribed'));
  t.equal((await ask('POST', `${AT}/traces`, TO_FRONT)).json.verdict, 'answered');
  const before = [(await ask('GET', AT)).json, (await ask('GET', `${AT}/clock`)).json];
  const broken =
    'apiVersion: podwire.dev/v1alpha1\nkind: PhysicalNetwork\nmetadata: {name: b}\nspec: {subnets: [{name: x}]}\n';
  const refused = await ask('POST', OBJECTS, broken, YAML);
  t.equal(refused.status, 400, refused.text);
  t.equal(refused.headers.get('content-type'), 'application/problem+json');
  t.strictSame([(await ask('GET', AT)).json, (await ask('GET', `${AT}/clock`)).json], before);
  await ask('POST', `${AT}/faults`, { kind: 'pod', namespace: 'shop', name: 'web' });
  t.ok(
    await client.next(() =>
      client.messages.some(({ event }) => event === 'endpoint-removed' || event === 'endpoint-not-ready'),
    ),
  );
});

t.test("speakers of MetalLB follow their peers, the peers' passwords and communities", async (t) => {
  const BGP = 'load-balancer-metallb-bgp';
  const { ask } = await running(t, { clusters: [cluster(BGP)] });
  const objects = `/clusters/${BGP}/objects`;
  const PEER = `${objects}/metallb.io/BGPPeer/metallb-system/tor`;
  const NAMES = `${objects}/metallb.io/Community/metallb-system/names`;
  const merge = async (path: string, spec: object): Promise<Parsed> =>
    (await ask('PATCH', path, JSON.stringify({ spec }), { 'content-type': 'application/merge-patch+json' })).json
      .change;
  const verdict = async (): Promise<string> =>
    (await ask('POST', `/clusters/${BGP}/traces`, { from: 'host/office', to: 'lb/shop/front:80' })).json.verdict;
  const command = ['birdc', 'show', 'route', 'all', '192.0.2.2/32'];
  const routes = async (): Promise<string> =>
    (await ask('POST', `/clusters/${BGP}/exec`, { target: 'host/tor', command })).json.stdout;
  t.match(await routes(), '(65535,65281)');

  const communities = [{ name: 'no-export', value: '64512:7' }];
  const why = 'has changed';
  t.strictSame(await merge(NAMES, { communities }), { rebuilt: true, why: `Community metallb-system/names ${why}` });
  t.match(await routes(), '(64512,7)');
  t.strictSame(await merge(PEER, { peerASN: 64_999 }), { rebuilt: true, why: `BGPPeer metallb-system/tor ${why}` });
  t.equal(await verdict(), 'unreachable');
  await merge(PEER, { peerASN: 64_512, passwordSecret: { name: 'tor' } });
  t.equal(await verdict(), 'answered');

  const secret =
    'apiVersion: v1\nkind: Secret\nmetadata: {name: tor, namespace: metallb-system}\nstringData: {password: secret}\n';
  const { change } = (await ask('POST', objects, secret, YAML)).json;
  t.strictSame(change, { rebuilt: true, why: "a password of MetalLB's peers has changed" });
  t.equal(await verdict(), 'unreachable', 'the router has none');
  t.equal((await ask('DELETE', PEER)).json.change.rebuilt, true);
  t.equal(await verdict(), 'unreachable');
});
