/** What is broken on purpose, and what the cluster makes of it as time passes. */

import t from 'tap';
import { cluster, type Parsed, running } from './running.js';

const RACK = '/clusters/rack';
const JUMP_NS = 300e9;

t.test('daemons notice a fault as time passes, whether or not a packet was sent before', async (t) => {
  for (const earlier of [false, true]) {
    const { ask } = await running(t, { clusters: [cluster('bgp-top-of-rack', 'rack')] });
    const sessions = async (): Promise<string> =>
      (await ask('POST', `${RACK}/exec`, { target: 'host/tor-a', command: ['birdc', 'show', 'protocols'] })).json
        .stdout;
    if (earlier) await ask('POST', `${RACK}/traces`, { from: 'pod/shop/client', to: 'pod/shop/near:5432' });
    await ask('POST', `${RACK}/faults`, { kind: 'link', host: 'node1', interface: 'eth0' });
    for (let i = 0; i < 2; i += 1) await ask('POST', `${RACK}/clock/jump`, { byNs: JUMP_NS });
    const text = await sessions();
    t.match(text, /^node1 +BGP .*(Active|Connect|Idle)/m, `earlier: ${earlier}`);
    t.match(text, /^node2 +BGP .*Established/m);
  }
});

t.test('time that a command takes is time for daemons too', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('bgp-top-of-rack', 'rack')] });
  const exec = async (command: readonly string[]): Promise<Parsed> =>
    (await ask('POST', `${RACK}/exec`, { target: 'host/tor-a', command })).json;
  await ask('POST', `${RACK}/faults`, { kind: 'link', host: 'node1', interface: 'eth0' });
  t.equal((await exec(['ping', '-q', '-c', '300', '127.0.0.1'])).exitCode, 0);
  t.match((await exec(['birdc', 'show', 'protocols'])).stdout, /^node1 +BGP .*(Active|Connect|Idle)/m);
});

t.test('a session that is disabled ends with a cease, and comes back when it is mended', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('bgp-top-of-rack', 'rack')] });
  const sessions = async (host: string): Promise<string> =>
    (await ask('POST', `${RACK}/exec`, { target: `host/${host}`, command: ['birdc', 'show', 'protocols'] })).json
      .stdout;
  const verdict = async (): Promise<string> =>
    (await ask('POST', `${RACK}/traces`, { from: 'pod/shop/client', to: 'pod/shop/far:5432' })).json.verdict;
  t.equal(await verdict(), 'answered');
  const added = await ask('POST', `${RACK}/faults`, { kind: 'session', host: 'tor-a', peer: 'node1' });
  t.equal(added.status, 201, added.text);
  t.match(await sessions('tor-a'), /^node1 +BGP .* down /m);
  const onNode = await ask('POST', `${RACK}/exec`, { target: 'node/node1', command: ['birdc', 'show', 'protocols'] });
  t.match(onNode.json.stdout, /BGP .*Received: Administrative shutdown/);
  t.not(await verdict(), 'answered', 'nobody has the route to its pods');
  t.equal((await ask('DELETE', `${RACK}/faults/${added.json.id}`)).status, 204);
  await ask('POST', `${RACK}/clock/jump`, { byNs: JUMP_NS });
  t.match(await sessions('tor-a'), /^node1 +BGP .*Established/m);
  t.equal(await verdict(), 'answered');

  const unknown = await ask('POST', `${RACK}/faults`, { kind: 'session', host: 'tor-a', peer: 'node7' });
  t.equal(unknown.status, 404);
  t.match(unknown.json.errors[0].near, ['node1']);
  t.equal((await ask('POST', `${RACK}/faults`, { kind: 'session', host: 'nobody', peer: 'x' })).status, 404);
});

t.test('a pod that is down leaves its Service, and answers again when it is mended', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('services-iptables', 'shop')] });
  const at = '/clusters/shop';
  const reached = async (): Promise<Set<string>> => {
    const request = { from: 'pod/shop/client', to: 'svc/shop/web:80', branches: 'all' };
    const { branches } = (await ask('POST', `${at}/traces`, request)).json;
    return new Set(branches.map((one: Parsed) => one.reached));
  };
  t.strictSame(await reached(), new Set(['pod/shop/web-1', 'pod/shop/web-2']));
  const added = await ask('POST', `${at}/faults`, { kind: 'pod', namespace: 'shop', name: 'web-2' });
  t.equal(added.status, 201, added.text);
  t.strictSame(await reached(), new Set(['pod/shop/web-1']));
  const direct = { from: 'pod/shop/client', to: 'pod/shop/web-2', protocol: 'icmp' };
  t.not((await ask('POST', `${at}/traces`, direct)).json.verdict, 'answered');
  const inside = { target: 'pod/shop/web-2', command: ['ip', 'address'] };
  t.equal((await ask('POST', `${at}/exec`, inside)).status, 409);

  const labelled = JSON.stringify({ metadata: { labels: { app: 'web', tier: 'front' } } });
  const merge = { 'content-type': 'application/merge-patch+json' };
  t.equal((await ask('PATCH', `${at}/objects/core/Pod/shop/web-1`, labelled, merge)).status, 200);
  t.strictSame(await reached(), new Set(['pod/shop/web-1']), 'a change of objects does not raise it');

  t.equal((await ask('DELETE', `${at}/faults/${added.json.id}`)).status, 204);
  t.equal((await ask('POST', `${at}/traces`, direct)).json.verdict, 'answered');
  t.strictSame(await reached(), new Set(['pod/shop/web-1', 'pod/shop/web-2']));
});

t.test('a fault that is none is told which there are', async (t) => {
  const { ask } = await running(t, { clusters: [cluster('two-nodes-vxlan', 'vx')] });
  const refused = async (body: object): Promise<Parsed> => {
    const answer = await ask('POST', '/clusters/vx/faults', body);
    t.equal(answer.status, 400);
    return answer.json;
  };
  t.match(await refused({ kind: 'linc', host: 'node1' }), {
    errors: [{ field: '/kind', message: 'is one of link, switch, node, pod, session' }],
  });
  t.match(await refused({ kind: 'link', host: 'node1' }), { errors: [{ field: '/interface', message: /is missing/ }] });
  t.match(await refused({}), { errors: [{ field: '/kind' }] });
});
