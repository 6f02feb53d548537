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
