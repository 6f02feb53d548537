import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { WebSocket } from 'ws';
import { dissect, LINKTYPE, readPcapng, toHex } from '../../src/packet/index.js';
import { cluster, comesTo, DENY_WEB, type Parsed, running, sourcesOf, YAML, UNBOUNDED } from './running.js';
import { type Client, connect, isKind, refused, subscribe } from './stream-client.js';

const VXLAN = 'two-nodes-vxlan';
const TO_WEB = { from: 'pod/default/client', to: 'pod/default/web:80' };

t.test('frames come as they pass, with the bytes that a capture has', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const client = await connect(t, server.url);
  client.say(subscribe(['frames', 'traces'], { filter: 'tcp || verdict' }));
  t.match(await client.next(isKind('subscribed')), { subscription: 'a', epoch: String, last: 0 });
  const { json: trace } = await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB);
  await client.next(
    (message) => message.type === 'batch' && message.messages.some((one: Parsed) => one.type === 'trace'),
  );
  t.match(client.messages.find(isKind('trace')), {
    id: trace.id,
    verdict: 'answered',
    from: 'pod/default/client',
    to: 'pod/default/web:80',
  });

  const frames = client.messages.filter(isKind('frame'));
  const pcapng = readPcapng((await ask('GET', `/clusters/${VXLAN}/traces/${trace.id}?format=pcapng`)).bytes);
  if ('error' in pcapng) throw new Error('no capture');
  const { interfaces, packets } = pcapng.capture;
  const key = (name: string, time: number, bytes: Uint8Array): string => `${name} ${time} ${toHex(bytes)}`;
  const streamed = new Set(
    frames.map(({ place, interface: name, timeNs, bytes }) => key(`${place} ${name}`, timeNs, bytes)),
  );
  const tcp = packets.flatMap(({ interfaceId, timestamp, bytes }) => {
    const seen = interfaces[interfaceId];
    return isTcp(bytes, seen?.linkType) ? [key(seen?.name ?? '', Number(timestamp), bytes)] : [];
  });
  t.ok(tcp.length > 10);
  for (const one of tcp) t.ok(streamed.has(one), one);
  t.ok(
    frames.every(({ info }) => /Flags \[/.test(info)),
    'a line a frame',
  );
  const seqs = client.messages.map(({ seq }) => seq);
  t.strictSame(
    seqs,
    seqs.toSorted((a, b) => a - b),
  );

  client.say({ op: 'dissect', seq: frames[0].seq });
  const { dissection } = await client.next(isKind('dissection'));
  t.strictSame(dissection, JSON.parse(JSON.stringify(dissect(frames[0].bytes, frames[0].linkType))));
  client.say({ op: 'dissect', seq: 999_999 });
  t.match(await client.next(isKind('error')), { problem: { status: 404 } });
});

/** By the dissector, not by the filter. */
function isTcp(bytes: Uint8Array, linkType: number = LINKTYPE.ethernet): boolean {
  const names = (node: ReturnType<typeof dissect>): string[] => [node.name, ...node.children.flatMap(names)];
  return names(dissect(bytes, linkType)).includes('tcp');
}

t.test('JSON on request, several subscriptions, dissection with every frame, steps and drops', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const client = await connect(t, server.url, { protocol: 'podwire.json' });
  client.say({
    op: 'subscribe',
    subscription: 'frames',
    kinds: ['frames'],
    filter: 'interface == vxlan.calico',
    dissection: true,
  });
  client.say({ op: 'subscribe', subscription: 'drops', kinds: ['steps'], filter: 'drop' });
  client.say({ op: 'subscribe', subscription: 'events', kinds: ['events'] });
  for (const name of ['frames', 'drops', 'events'])
    await client.next((one) => one.type === 'subscribed' && one.subscription === name);
  await ask('POST', `/clusters/${VXLAN}/objects`, DENY_WEB, YAML);
  await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB);
  const of = (name: string) =>
    client.got.filter((one) => one.type === 'batch' && one.subscription === name).flatMap(({ messages }) => messages);
  for (const name of ['drops', 'frames']) await client.next((one) => one.type === 'batch' && one.subscription === name);
  t.match(of('drops')[0], { type: 'step', step: 'drop', dropReason: 'netfilter-drop', place: 'node/node2' });
  await client.next(
    (one) =>
      one.type === 'batch' &&
      one.subscription === 'events' &&
      one.messages.some(({ event }: Parsed) => event === 'object-added'),
  );
  t.match(of('events')[0], { type: 'event', event: 'object-added', subject: 'NetworkPolicy default/deny-web' });
  const [frame] = of('frames');
  t.match(frame, { interface: 'vxlan.calico', bytes: /^[0-9a-f]+$/, dissection: { name: 'frame', children: Array } });
  client.say({ op: 'unsubscribe', subscription: 'frames' });
  await client.next(isKind('unsubscribed'));
  const count = of('frames').length;
  await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB);
  await delay(200);
  t.equal(of('frames').length, count, 'what nobody wants any more does not come');
});

t.test('a subscription that is asked for anew takes the place of the one before, and frames come once', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const client = await connect(t, server.url);
  const answered = async (more: object, wanted: string) => {
    const before = client.got.length;
    client.say(subscribe(['frames', 'traces'], more));
    await client.next((message) => message.type === wanted && client.got.indexOf(message) >= before);
  };
  const framesOfTrace = async () => {
    const before = client.messages.length;
    const { id } = (await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB)).json;
    // What is told of the trace follows its frames.
    t.ok(await comesTo(() => client.messages.some((message) => message.type === 'trace' && message.id === id)));
    const seqs = client.messages.slice(before).map(({ seq }) => seq);
    t.ok(seqs.length > 10);
    t.equal(new Set(seqs).size, seqs.length, 'each comes once');
  };
  await answered({}, 'subscribed');
  await framesOfTrace();
  await answered({ filter: 'tcp.prot == 80' }, 'error');
  await framesOfTrace();
  await answered({ filter: 'tcp' }, 'subscribed');
  await framesOfTrace();
  for (const filter of ['tcp.prot', 'tcp', 'tcp.prot == 1', 'tcp || arp'])
    client.say(subscribe(['frames', 'traces'], { filter }));
  await comesTo(() => client.got.filter(({ type }) => type === 'subscribed' || type === 'error').length >= 7);
  await framesOfTrace();
  client.say({ op: 'unsubscribe', subscription: 'a' });
  await client.next(isKind('unsubscribed'));
  const count = client.messages.length;
  await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB);
  await delay(200);
  t.equal(client.messages.length, count, 'none is left behind');
});

t.test('captures of the same interfaces have each frame once, as has whoever reads along', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const client = await connect(t, server.url);
  client.say(subscribe(['frames'], { filter: 'place == pod/default/web && interface == eth0' }));
  await client.next(isKind('subscribed'));
  const target = 'pod/default/web';
  const points = [{ target }, { target, interface: 'eth0' }, { target }];
  const start = async (interfaces: object) => (await ask('POST', `/clusters/${VXLAN}/captures`, { interfaces })).json;
  const captures = [await start(points), await start([{ target, interface: 'eth0' }]), await start([{ target }])];
  t.strictSame(
    captures[0].interfaces.map((one: Parsed) => one.interface),
    ['lo', 'eth0'],
    'an interface that is named twice is one',
  );
  const fault = await ask('POST', `/clusters/${VXLAN}/faults`, { kind: 'switch', name: 'outside' });
  await ask('DELETE', `/clusters/${VXLAN}/faults/${fault.json.id}`);
  await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB);
  const framesIn = async ({ id }: Parsed): Promise<number> =>
    (await ask('GET', `/clusters/${VXLAN}/captures/${id}`)).json.frames;
  const frames = await framesIn(captures[0]);
  t.ok(frames > 3);
  t.ok(await comesTo(() => client.messages.length >= frames));
  t.equal(client.messages.length, frames);
  for (const capture of captures) t.equal(await framesIn(capture), frames, 'also after a fault is mended');
});

t.test('endpoints that were there before anybody asked for them are no news', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster('services-iptables', 'shop')] });
  const client = await connect(t, server.url, { path: '/api/v1/clusters/shop/stream' });
  client.say(subscribe(['events']));
  await client.next(isKind('subscribed'));
  const map = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
  const objects = '/clusters/shop/objects';
  const pool = `${objects}/projectcalico.org/IPPool/-/default-ipv4-ippool`;
  const merge = { 'content-type': 'application/merge-patch+json' };
  await ask('POST', objects, map('first'));
  const rebuilt = await ask('PATCH', pool, '{"spec":{"natOutgoing":false}}', merge);
  t.ok(rebuilt.json.change.rebuilt);
  await ask('POST', objects, map('second'));
  await client.next(({ messages = [] }) =>
    messages.some(({ subject }: Parsed) => subject === 'ConfigMap default/second'),
  );
  t.strictSame(
    client.messages.map(({ event, subject }) => `${event} ${subject}`),
    [
      'object-added ConfigMap default/first',
      'object-changed IPPool default-ipv4-ippool',
      'rebuilt shop',
      'object-added ConfigMap default/second',
    ],
  );
  await ask('PATCH', `${objects}/core/Pod/shop/web-1`, '{"metadata":{"labels":{"app":"other"}}}', merge);
  await client.next(({ messages = [] }) =>
    messages.some(({ event, detail }: Parsed) => event === 'endpoint-removed' && detail.includes('web-1')),
  );
  const ofEndpoints = client.messages.filter(({ event }) => event.startsWith('endpoint-'));
  t.ok(ofEndpoints.length > 0 && ofEndpoints.every(({ detail }) => detail.includes('web-1')), 'what changes is');
});

t.test('pods that come and go, faults and the clock are events; counters are told once a second', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const client = await connect(t, server.url);
  client.say(subscribe(['events', 'counters']));
  await client.next(isKind('subscribed'));
  const seen = (wanted: object) =>
    client.next(
      (batch) =>
        batch.type === 'batch' &&
        batch.messages.some((one: Parsed) => Object.entries(wanted).every(([name, value]) => one[name] === value)),
    );
  const pod =
    'apiVersion: v1\nkind: Pod\nmetadata: {name: new}\nspec: {nodeName: node1, containers: [{name: c, image: c}]}\n';
  await ask('POST', `/clusters/${VXLAN}/objects`, pod, YAML);
  await seen({ event: 'pod-added', subject: 'Pod default/new', detail: 'node1' });
  await ask('DELETE', `/clusters/${VXLAN}/objects/core/Pod/default/new`);
  await seen({ event: 'pod-deleted', subject: 'Pod default/new' });
  const fault = await ask('POST', `/clusters/${VXLAN}/faults`, { kind: 'switch', name: 'outside' });
  await seen({ event: 'fault-added', subject: 'switch outside' });
  await ask('DELETE', `/clusters/${VXLAN}/faults/${fault.json.id}`);
  await seen({ event: 'fault-mended', subject: 'switch outside' });
  await ask('POST', `/clusters/${VXLAN}/clock/run`, { pace: 2 });
  await seen({ event: 'clock', subject: 'runs at 2' });
  await ask('POST', `/clusters/${VXLAN}/clock/pause`);
  await seen({ event: 'clock', subject: 'stands' });
  await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB);
  const isEth0 = (one: Parsed): boolean => one.place === 'pod/default/web' && one.interface === 'eth0';
  const counters = (): Parsed[] => client.messages.filter(isKind('counters')).flatMap(({ interfaces }) => interfaces);
  t.ok(await comesTo(() => counters().some(isEth0)));
  const text = (
    await ask('POST', `/clusters/${VXLAN}/exec`, {
      target: 'pod/default/web',
      command: ['ip', '-s', 'link', 'show', 'eth0'],
    })
  ).json.stdout;
  const eth0 = counters().findLast(isEth0);
  t.match(text, new RegExp(`\\b${eth0.rxBytes} +${eth0.rxPackets} `), 'as `ip -s link` has them');
});

t.test('events tell what components have programmed, where, and for which object', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster('services-iptables')] });
  const at = '/clusters/services-iptables';
  const client = await connect(t, server.url, { path: '/api/v1/clusters/services-iptables/stream' });
  client.say(subscribe(['events']));
  await client.next(isKind('subscribed'));
  await ask('POST', `${at}/traces`, { from: 'pod/shop/client', to: 'svc/shop/web:80' });
  const events = () => client.messages.filter(isKind('event'));
  const until = async (event: string) => {
    await client.next((batch) => batch.type === 'batch' && batch.messages.some((one: Parsed) => one.event === event));
  };
  const policy = DENY_WEB.replace('namespace: default', 'namespace: shop');
  const created = await ask('POST', `${at}/objects`, policy, YAML);
  t.strictSame(created.json.change, { rebuilt: false });
  await until('rules-rewritten');
  t.ok(
    events().some(
      ({ event, subject, detail, because }: Parsed) =>
        event === 'rules-rewritten' &&
        subject.startsWith('node/worker') &&
        /filter \(\+\d+ .*rules\): .*cali-tw-/.test(detail) &&
        because.includes('NetworkPolicy shop/deny-web'),
    ),
    JSON.stringify(events()),
  );
  const [pod] = (await ask('GET', `${at}/objects?kind=Pod&namespace=shop&labels=app%3Dweb`)).json.items;
  t.strictSame((await ask('DELETE', `${at}/objects/core/Pod/shop/${pod.name}`)).json.change, { rebuilt: false });
  await until('endpoint-removed');
  t.ok(events().some(({ event, subject }: Parsed) => event === 'endpoint-removed' && subject === 'Service shop/web'));
  t.ok(events().some(({ event, subject }: Parsed) => event === 'pod-stopped' && subject === `Pod shop/${pod.name}`));
  t.ok(
    events().some(
      ({ event, detail, because }: Parsed) =>
        event === 'route-withdrawn' && /dev cali/.test(detail) && because.includes(`Pod shop/${pod.name}`),
    ),
    'the route to it went with it',
  );
});

t.test('a client that comes back misses nothing that is still kept, and is told of what is not', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(VXLAN)], limits: { replay: 100 } });
  const trace = () => ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB);
  const watcher = await connect(t, server.url);
  watcher.say(subscribe(['traces']));
  await watcher.next(isKind('subscribed'));
  const first = await connect(t, server.url);
  first.say(subscribe(['traces']));
  const { epoch } = await first.next(isKind('subscribed'));
  await trace();
  const { last } = await first.next(isKind('batch'));
  first.socket.terminate();
  for (let i = 0; i < 5; i += 1) await trace();

  const second = await connect(t, server.url);
  second.say(subscribe(['traces'], { resume: { epoch, seq: last } }));
  t.equal((await second.next(isKind('subscribed'))).gap, undefined);
  await second.next(isKind('batch'));
  t.strictSame(
    second.messages.map(({ seq }) => seq),
    [last + 1, last + 2, last + 3, last + 4, last + 5],
  );

  for (let i = 0; i < 210; i += 1) await trace();
  const third = await connect(t, server.url);
  third.say(subscribe(['traces'], { resume: { epoch, seq: last } }));
  const { gap, last: newest } = await third.next(isKind('subscribed'));
  t.equal(gap.from, last + 1);
  await third.next((batch) => batch.type === 'batch' && batch.last === newest);
  t.equal(third.messages[0].seq, gap.to + 1, 'what comes begins where the gap ends');
  t.equal(third.messages.length, newest - gap.to);
  const other = await connect(t, server.url);
  other.say(subscribe(['traces'], { resume: { epoch: 'another', seq: 5 } }));
  t.match(await other.next(isKind('subscribed')), { epoch, gap: { from: 1 } });
  const early = await connect(t, server.url);
  early.say(subscribe(['traces'], { resume: { epoch, seq: newest + 1000 } }));
  const { problem } = await early.next(isKind('error'));
  t.match(problem, {
    status: 400,
    detail: `the newest of this epoch is ${newest}`,
    errors: [{ field: '/resume/seq' }],
  });
});

t.test('a client that does not read gets samples and a count, and keeps nobody waiting', async (t) => {
  const { server, ask } = await running(t, {
    clusters: [cluster(VXLAN)],
    limits: { ...UNBOUNDED, requestMs: 300_000 },
  });
  const slow = await connect(t, server.url);
  const quick = await connect(t, server.url);
  for (const client of [slow, quick]) {
    client.say(subscribe(['frames', 'steps']));
    await client.next(isKind('subscribed'));
  }
  slow.socket.pause();
  let octets = 0;
  slow.socket.on('message', (data: Buffer) => (octets += data.length));
  const ping = {
    target: 'pod/default/client',
    command: ['ping', '-i', '0.2', '-c', '1500', '-s', '1200', 'pod/default/web'],
  };
  t.equal((await ask('POST', `/clusters/${VXLAN}/exec`, ping)).json.exitCode, 0);
  for (let i = 0; i < 5; i += 1) await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB);
  slow.socket.resume();
  const { json } = await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB);
  t.equal(json.verdict, 'answered');
  const total = (client: Client) =>
    client.got.filter(isKind('batch')).reduce((sum, { missed, messages }) => sum + missed + messages.length, 0);
  const ended = (client: Client) => client.next((batch) => batch.type === 'batch' && batch.last >= newest);
  const probe = await connect(t, server.url);
  probe.say(subscribe(['traces']));
  const newest = (await probe.next(isKind('subscribed'))).last;
  await Promise.all([ended(slow), ended(quick)]);
  const missed = slow.got.filter(isKind('batch')).reduce((sum, batch) => sum + batch.missed, 0);
  t.ok(missed > newest / 4, `missed ${missed} of ${newest}`);
  t.ok(octets < 16e6, `what waited for it were no more than ${octets} octets`);
  t.equal(total(slow), newest, 'what it got and what it missed are all');
  t.equal(total(quick), newest);
  const seqs = slow.messages.map(({ seq }) => seq);
  t.equal(new Set(seqs).size, seqs.length, 'nothing twice');
  const spread = seqs.filter((seq) => seq > newest * 0.3 && seq < newest * 0.9).length;
  t.ok(spread > 20, `samples of the whole time: ${spread}`);
  t.match((await ask('GET', '//metrics')).text, /^podwire_stream_missed_total [1-9]/m);
});

t.test('who may not open one is told why in HTTP', async (t) => {
  const { server } = await running(t, { clusters: [cluster(VXLAN)], token: 'tok.en', limits: { sockets: 1 } });
  const path = `/api/v1/clusters/${VXLAN}/stream`;
  const bearer = { authorization: 'Bearer tok.en' };
  t.match(await refused(server.url, path), { status: 401, body: { type: 'urn:podwire:problem:unauthorized' } });
  t.match(await refused(server.url, path, { authorization: 'Bearer other' }), { status: 401 });
  t.match(await refused(server.url, path, { ...bearer, origin: 'https://evil.example' }), { status: 403 });
  t.match(await refused(server.url, '/api/v1/clusters/nobody/stream', bearer), { status: 404 });
  t.match(await refused(server.url, '/elsewhere', bearer), { status: 404 });
  const client = await connect(t, server.url, { protocol: 'podwire.json,bearer.tok.en' });
  t.equal(client.socket.protocol, 'podwire.json', 'a page says its token as a subprotocol, and it is not said back');
  client.say({ op: 'subscribe', subscription: 'a', kinds: ['events'] });
  await client.next((message) => message.type === 'subscribed');
  t.match(await refused(server.url, path, bearer), { status: 429 });
});

t.test('nonsense is told, and too much of it ends the connection; others go on', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const client = await connect(t, server.url);
  const cases: readonly (readonly [string, () => void, object])[] = [
    ['no CBOR', () => client.socket.send(Uint8Array.of(0xff, 0xff)), { problem: { status: 400, detail: /no CBOR/ } }],
    ['no JSON', () => client.socket.send('{'), { problem: { status: 400, detail: /no JSON/ } }],
    ['no operation', () => client.say({ op: 'explode' }), { problem: { errors: [{ field: '/op' }] } }],
    ['prototypes', () => client.say({ op: 'constructor' }), { problem: { errors: [{ field: '/op' }] } }],
    [
      'a kind',
      () => client.say(subscribe(['rumours'])),
      {
        about: 'a',
        problem: {
          detail: /allowed values: frames, steps, traces, events, counters$/,
          errors: [{ field: '/kinds/0' }],
        },
      },
    ],
    [
      'a frame that is not kept',
      () => client.say({ op: 'dissect', seq: 4711 }),
      { seq: 4711, problem: { status: 404 } },
    ],
    [
      'a filter',
      () => client.say(subscribe(['frames'], { filter: 'tcp.prt' })),
      { about: 'a', problem: { type: /bad-filter/, errors: [{ field: '/filter', column: 1 }] } },
    ],
    [
      'a field',
      () => client.say(subscribe(['frames'], { filtre: 'tcp' })),
      { about: 'a', problem: { errors: [{ field: '/filtre', near: ['filter'] }] } },
    ],
    [
      'nobody’s subscription',
      () => client.say({ op: 'unsubscribe', subscription: 'b' }),
      { about: 'b', problem: { status: 404 } },
    ],
  ];
  for (const [name, say, answer] of cases) {
    const before = client.got.length;
    say();
    const told = await client.next((message) => client.got.indexOf(message) >= before);
    t.match(told, { type: 'error', ...answer }, name);
  }
  const closed = once(client.socket, 'close');
  for (let i = 0; i < 20; i += 1) client.say({ op: i });
  t.equal((await closed)[0], 1008);

  const large = await connect(t, server.url);
  const ended = once(large.socket, 'close');
  large.socket.send(new Uint8Array(200_000));
  t.equal((await ended)[0], 1009, 'a message too large');
  t.equal((await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB)).json.verdict, 'answered');
});

t.test('who loses the connection while changes are made hears of each of them once', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(VXLAN)] });
  const merge = { 'content-type': 'application/merge-patch+json' };
  const path = `/clusters/${VXLAN}/objects/core/Pod/default/web`;
  const CHANGES = 40;
  const change = async (): Promise<void> => {
    for (let i = 0; i < CHANGES; i += 1)
      await ask('PATCH', path, JSON.stringify({ metadata: { labels: { turn: `${i}` } } }), merge);
  };
  const heard: Parsed[] = [];
  let client = await connect(t, server.url);
  client.say(subscribe(['events']));
  let { epoch, last: seq } = await client.next(isKind('subscribed'));
  const done = change();
  const isLast = (): boolean => heard.filter(({ event }) => event === 'object-changed').length >= CHANGES;
  while (!isLast()) {
    const batch = await client.next(isKind('batch'));
    // What the connection has brought by the time that it is lost has been heard.
    client.socket.terminate();
    const batches = client.got.filter(isKind('batch'));
    heard.push(...client.messages);
    seq = batches.at(-1)?.last ?? batch.last;
    client = await connect(t, server.url);
    client.say(subscribe(['events'], { resume: { epoch, seq } }));
    ({ epoch } = await client.next(isKind('subscribed')));
  }
  await done;
  const numbers = heard.map((message) => message.seq);
  t.strictSame(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
    'in their order',
  );
  t.equal(heard.filter(({ event }) => event === 'object-changed').length, CHANGES);
});

t.test('subscriptions go on when the cluster starts anew, and end with it and with the server', async (t) => {
  const { server, ask } = await running(t, {
    clusters: [cluster(VXLAN), cluster('same-node')],
    limits: { requestMs: 4000, ...UNBOUNDED },
  });
  const client = await connect(t, server.url);
  client.say(subscribe(['traces']));
  const { epoch } = await client.next(isKind('subscribed'));
  const endless = { target: 'pod/default/client', command: ['ping', '-c', '100000000', '127.0.0.1'] };
  t.equal((await ask('POST', `/clusters/${VXLAN}/exec`, endless)).status, 504);
  t.match(await client.next(isKind('restarted')), { why: /longer than/ });
  await client.next((message) => message.type === 'subscribed' && message.epoch !== epoch);
  await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB);
  await client.next(isKind('batch'));
  const gone = once(client.socket, 'close');
  t.equal((await ask('DELETE', `/clusters/${VXLAN}`)).status, 204);
  t.equal((await gone)[0], 1001);

  const other = await connect(t, server.url, { path: '/api/v1/clusters/same-node/stream' });
  const closed = once(other.socket, 'close');
  await server.close();
  t.equal((await closed)[0], 1001);
});

t.test('a connection that subscribes to nothing is closed', async (t) => {
  const { server } = await running(t, { clusters: [cluster(VXLAN)], limits: { idleSocketMs: 3000 } });
  const [idle, busy] = [await connect(t, server.url), await connect(t, server.url)];
  busy.say({ op: 'subscribe', subscription: 'a', kinds: ['events'] });
  const [code] = await once(idle.socket, 'close');
  t.equal(code, 1013);
  t.equal(busy.socket.readyState, WebSocket.OPEN);
});

t.test('a thousand idle connections keep nobody from being served', async (t) => {
  const { server, ask } = await running(t, { limits: { sockets: 50 } });
  await ask('POST', '/clusters', { name: VXLAN, sources: sourcesOf(VXLAN) });
  const path = `${server.url.replace('http', 'ws')}/api/v1/clusters/${VXLAN}/stream`;
  const sockets = Array.from({ length: 1000 }, () => new WebSocket(path));
  const outcomes = await Promise.all(
    sockets.map((socket) => {
      socket.on('error', () => undefined);
      return Promise.race([
        once(socket, 'open').then(
          () => 'open',
          () => 'refused',
        ),
        once(socket, 'unexpected-response').then(
          () => 'refused',
          () => 'refused',
        ),
      ]);
    }),
  );
  t.ok(outcomes.includes('open'));
  const left = (): number => sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length;
  await comesTo(() => left() <= 38);
  t.ok(left() <= 38, `${left()}: a client has three quarters of the 50`);
  const client = await connect(t, server.url);
  client.say({ op: 'subscribe', subscription: 'a', kinds: ['traces'] });
  t.ok(await client.next((message) => message.type === 'subscribed'), 'the oldest gives way to who asks for something');
  t.equal((await ask('POST', `/clusters/${VXLAN}/traces`, TO_WEB)).json.verdict, 'answered');
  for (const socket of sockets) socket.terminate();
});
