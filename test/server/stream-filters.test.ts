/** The display filter on every stream: traces, events, steps and counters beside frames. */

import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { cluster, comesTo, DENY_WEB, type Parsed, running, YAML } from './running.js';
import { type Client, connect, isKind } from './stream-client.js';

const SHOP = 'services-iptables';
const AT = `/clusters/${SHOP}`;
const PATH = { path: `/api/v1/clusters/${SHOP}/stream` };

/** Messages of one subscription. */
const messagesOf = (client: Client, name: string): Parsed[] =>
  client.got.filter((one) => one.type === 'batch' && one.subscription === name).flatMap(({ messages }) => messages);

/** A subscription for each filter, named like it: more than one websocket takes are on several. */
async function subscribeAll(
  open: () => Promise<Client>,
  kind: string,
  filters: readonly string[],
): Promise<(filter: string) => Parsed[]> {
  const clients: Client[] = [];
  for (let i = 0; i < filters.length; i += 16) {
    const client = await open();
    clients.push(client);
    for (const [j, filter] of filters.slice(i, i + 16).entries()) {
      client.say({ op: 'subscribe', subscription: `${i + j}`, kinds: [kind], filter });
      await client.next(
        (one) => ['subscribed', 'error'].includes(one.type) && [one.subscription, one.about].includes(`${i + j}`),
      );
    }
  }
  return (filter) => {
    const i = filters.indexOf(filter);
    const client = clients[Math.floor(i / 16)];
    return client === undefined ? [] : messagesOf(client, `${i}`);
  };
}

const QUIET_MS = 1500;

/** Until what is waited for is there, and nothing more has come for longer than counters take. */
async function settled(read: () => readonly Parsed[], there: (all: readonly Parsed[]) => boolean): Promise<void> {
  await comesTo(() => there(read()));
  for (let count = -1; count !== read().length; ) {
    count = read().length;
    await delay(QUIET_MS);
  }
}

const TRACES = {
  web: { from: 'pod/shop/client', to: 'svc/shop/web:80', branches: 'all' },
  far: { from: 'pod/shop/client', to: 'svc/shop/far:80' },
  udp: { from: 'pod/shop/client', to: 'svc/shop/dns:53', protocol: 'udp' },
  ping: { from: 'node/worker1', to: 'node/worker2', protocol: 'icmp' },
  dropped: { from: 'pod/shop/client', to: 'svc/shop/elsewhere:80' },
} as const;
type Sent = keyof typeof TRACES;

const OF_TRACES: readonly (readonly [filter: string, those: readonly Sent[]])[] = [
  ['', ['web', 'far', 'udp', 'ping', 'dropped']],
  ['verdict == answered', ['web', 'far', 'udp', 'ping']],
  ['verdict != answered', ['dropped']],
  ['drop', ['dropped']],
  ['drop.reason == netfilter-drop', ['dropped']],
  ['service == shop/web', ['web']],
  ['service == shop/*', ['web', 'far', 'udp', 'dropped']],
  ['pod == shop/web-2', ['web', 'far']],
  ['pod == shop/web-1', ['web']],
  ['namespace == shop', ['web', 'far', 'udp', 'dropped']],
  ['node == worker2', ['web', 'far', 'udp', 'ping']],
  ['host == worker2', ['web', 'far', 'udp', 'ping']],
  ['not host == worker2', ['dropped']],
  ['host == router', []],
  ['place == pod/shop/web-1', ['web']],
  ['interface == vxlan.calico', ['web', 'far', 'udp']],
  ['ip.dst == 10.96.0.20', ['web']],
  ['ip.addr == 10.96.0.0/16', ['web', 'far', 'udp', 'dropped']],
  ['ip.addr == 172.18.0.0/24', ['ping']],
  ['tcp', ['web', 'far', 'dropped']],
  ['udp.dstport == 53', ['udp']],
  ['udp.port == 5353', ['udp']],
  ['tcp.dstport == 8081', ['web', 'far']],
  ['tcp.dstport == 8080', ['web']],
  ['icmp', ['ping']],
  ['ip.proto == 17', ['udp']],
  ['tcp.port == 80 && verdict == answered && not service == shop/web', ['far']],
];

t.test('traces are filtered by their ends, their way, what they were translated into and their verdict', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(SHOP)] });
  const of = await subscribeAll(
    () => connect(t, server.url, PATH),
    'traces',
    OF_TRACES.map(([filter]) => filter),
  );
  const ids = new Map<string, Sent>();
  for (const [name, request] of Object.entries(TRACES) as [Sent, object][]) {
    const { json } = await ask('POST', `${AT}/traces`, request);
    t.equal(json.verdict, name === 'dropped' ? 'dropped' : 'answered', name);
    ids.set(json.id, name);
  }
  await settled(
    () => of(''),
    (all) => all.length >= ids.size,
  );
  for (const [filter, those] of OF_TRACES)
    t.strictSame(
      of(filter).map(({ id }) => ids.get(id)),
      those,
      filter === '' ? 'all' : filter,
    );
});

/** By what each says: every event that the filter lets through has it, and no other. */
const OF_EVENTS: readonly (readonly [filter: string, wanted: (event: Parsed) => boolean])[] = [
  ['', () => true],
  ['event == rules-rewritten', ({ event }) => event === 'rules-rewritten'],
  ['event == object-*', ({ event }) => event.startsWith('object-')],
  [
    'host == worker2 && event in {rules-rewritten, ipset-changed, route-learned, route-withdrawn}',
    ({ subject }) => subject === 'node/worker2',
  ],
  ['place == node/worker1', ({ subject }) => subject === 'node/worker1'],
  ['object == "NetworkPolicy shop/deny-web"', (one) => `${one.subject} ${one.because ?? ''}`.includes('deny-web')],
  [
    'event == pod-deleted && pod == shop/web-1',
    ({ event, subject }) => event === 'pod-deleted' && subject === 'Pod shop/web-1',
  ],
  [
    'service == shop/web && event == endpoint-*',
    ({ event, subject }) => event.startsWith('endpoint-') && subject === 'Service shop/web',
  ],
  ['event == fault-* && host == worker1', ({ event, subject }) => event.startsWith('fault') && /worker1/.test(subject)],
  ['event == clock', ({ event }) => event === 'clock'],
];

t.test('events are filtered by machine, object, pod, Service, namespace and address', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(SHOP)] });
  await ask('POST', `${AT}/traces`, TRACES.web);
  const address = (await ask('GET', `${AT}/pods?namespace=shop`)).json.items.find(
    ({ name }: Parsed) => name === 'web-1',
  ).addresses[0];
  const others = [
    'namespace == shop',
    'namespace == nobody',
    `ip.addr == ${address}`,
    'ip.addr == 203.0.113.250',
    'node == worker1',
  ];
  const of = await subscribeAll(() => connect(t, server.url, PATH), 'events', [
    ...OF_EVENTS.map(([filter]) => filter),
    ...others,
  ]);
  await ask('POST', `${AT}/objects`, DENY_WEB.replace('namespace: default', 'namespace: shop'), YAML);
  await ask('DELETE', `${AT}/objects/core/Pod/shop/web-1`);
  const fault = await ask('POST', `${AT}/faults`, { kind: 'link', host: 'worker1', interface: 'eth0' });
  t.equal(fault.status, 201, fault.text);
  await ask('POST', `${AT}/clock/step`);
  await settled(
    () => of(''),
    (all) => all.some(({ event }) => event === 'clock'),
  );
  const all = of('');
  t.ok(all.length > 10);
  for (const [filter, wanted] of OF_EVENTS) {
    const expected = all.filter(wanted);
    t.ok(expected.length > 0, `${filter} is about something`);
    t.strictSame(
      of(filter).map(({ seq }) => seq),
      expected.map(({ seq }) => seq),
      filter,
    );
  }
  const names = (filter: string) => new Set(of(filter).map(({ event }) => event));
  t.ok(
    ['object-added', 'rules-rewritten', 'pod-deleted', 'endpoint-removed'].every((one) =>
      names('namespace == shop').has(one),
    ),
  );
  t.notOk(names('namespace == shop').has('clock'));
  t.ok(
    ['pod-deleted', 'endpoint-removed'].every((one) => names(`ip.addr == ${address}`).has(one)),
    [...names(`ip.addr == ${address}`)].join(),
  );
  t.notOk(names(`ip.addr == ${address}`).has('fault-added'));
  t.ok(['pod-deleted', 'rules-rewritten'].every((one) => names('node == worker1').has(one)));
  for (const filter of ['namespace == nobody', 'ip.addr == 203.0.113.250']) t.strictSame(of(filter), [], filter);
});

t.test('steps are filtered by what a rule did, and counters by where they are', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(SHOP)] });
  const open = () => connect(t, server.url, PATH);
  const steps = await subscribeAll(open, 'steps', ['', 'verdict == drop', 'step == nat && host == worker1']);
  const counters = await subscribeAll(open, 'counters', [
    '',
    'host == worker1',
    'pod == shop/client',
    'interface == vxlan.calico && node == worker2',
    'namespace == nobody',
  ]);
  await ask('POST', `${AT}/traces`, TRACES.far);
  await ask('POST', `${AT}/traces`, TRACES.dropped);
  await settled(
    () => counters(''),
    (all) => all.length > 0,
  );

  t.ok(steps('').length > 50);
  const drops = steps('verdict == drop');
  t.ok(
    drops.length > 0 && drops.every(({ step, text }) => step === 'rule' && /DROP/.test(text)),
    JSON.stringify(drops),
  );
  const nat = steps('step == nat && host == worker1');
  t.ok(nat.length > 0 && nat.every(({ step, host }) => step === 'nat' && host === 'worker1'));

  const places = (filter: string): Set<string> =>
    new Set(
      counters(filter).flatMap(({ interfaces }) => interfaces.map((one: Parsed) => `${one.place} ${one.interface}`)),
    );
  const all = places('');
  t.ok(all.size > 5);
  t.strictSame(places('pod == shop/client'), new Set(['pod/shop/client eth0']));
  t.strictSame(places('interface == vxlan.calico && node == worker2'), new Set(['node/worker2 vxlan.calico']));
  t.ok([...places('host == worker1')].some((one) => one.startsWith('node/worker1 ')));
  t.notOk([...places('host == worker1')].some((one) => one.startsWith('node/worker2 ')));
  t.strictSame(counters('namespace == nobody'), [], 'and no message where nothing is left');
});

t.test('a field that none of the streams has is a mistake that names those that have it', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(SHOP)] });
  const client = await connect(t, server.url, PATH);
  const cases: readonly (readonly [kinds: readonly string[], filter: string, words: string, column: number])[] = [
    [['traces'], 'eth.src == 02:00:00:00:00:01', 'traces have no field "eth.src": frames and steps have', 1],
    [['events'], 'host == a && tcp.port == 80', 'events have no field "tcp.port": frames, steps and traces have', 14],
    [['traces', 'events'], 'arp', 'traces and events have no field "arp": frames and steps have', 1],
    [['frames'], 'verdict == answered', 'frames have no field "verdict": steps and traces have', 1],
    [['counters'], 'not tcp', 'counters have no field "tcp": frames, steps and traces have', 5],
    [['counters'], 'hots == a', 'there is no field "hots" (near: host)', 1],
  ];
  for (const [i, [kinds, filter, words, column]] of cases.entries()) {
    client.say({ op: 'subscribe', subscription: `${i}`, kinds, filter });
    const { problem } = await client.next((one) => one.about === `${i}`);
    t.match(
      problem,
      { type: 'urn:podwire:problem:bad-filter', status: 400, errors: [{ field: '/filter', column }] },
      filter,
    );
    t.match(problem.detail, `${words}, at character ${column}`, filter);
  }
  client.say({ op: 'subscribe', subscription: 'both', kinds: ['frames', 'traces'], filter: 'arp || verdict' });
  t.match(await client.next(isKind('subscribed')), { subscription: 'both' }, 'one that any of them has is none');
  const capture = await ask('POST', `${AT}/captures`, {
    interfaces: [{ target: 'node/worker1' }],
    filter: 'verdict == answered',
  });
  t.match(capture.json, { status: 400, detail: /frames have no field "verdict"/ });
});
