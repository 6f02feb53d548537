/** Limits of what is imported, received and exported, and what happens where they are met. */

import t from 'tap';
import type { BirdDaemon } from '../../src/bird/index.js';
import { Fabric } from './fabric.js';

const NEIGHBOR = `router id 2.2.2.2; protocol device { }
protocol static { ipv4; route 10.1.0.0/16 blackhole; route 10.2.0.0/16 blackhole; }
protocol bgp b1 { local 172.18.0.2 as 2; neighbor 172.18.0.1 as 1; connect delay time 1; ipv4 { import all; export all; }; }
`;

const ours = (limit: string): string => `router id 1.1.1.1; protocol device { }
protocol bgp b1 {
  local 172.18.0.1 as 1; neighbor 172.18.0.2 as 2; connect delay time 1; error wait time 20, 40;
  ipv4 { import all; export all; ${limit} };
}
`;

interface Pair {
  readonly fabric: Fabric;
  readonly daemon: BirdDaemon;
}

function pair(limit: string): Pair {
  const fabric = new Fabric();
  fabric.plug('a', 'eth0', 'lan', '172.18.0.1/24');
  fabric.plug('b', 'eth0', 'lan', '172.18.0.2/24');
  const daemon = fabric.bird('a', ours(limit));
  fabric.bird('b', NEIGHBOR);
  return { fabric, daemon };
}

const shown = ({ daemon }: Pair): string => daemon.birdc('show protocols all b1');

for (const which of ['import', 'receive'] as const) {
  t.test(
    `a limit of what is ${which === 'import' ? 'imported' : 'received'} shuts the session, and is shown as met`,
    (t) => {
      const both = pair(`${which} limit 1 action disable;`);
      both.fabric.run(6);
      t.match(shown(both), /b1 +BGP +--- +down .*Automatic shutdown: Route limit exceeded/);
      t.match(shown(both), /(Import|Receive) limit: +1 \[HIT\]\n +Action: +disable/);
      t.strictSame(both.daemon.routes(), []);
      both.fabric.end();
      t.end();
    },
  );
}

t.test('a session that a limit restarts waits as after an error', (t) => {
  const both = pair('import limit 1 action restart;');
  both.fabric.run(6);
  t.match(shown(both), /BGP state: +Idle/);
  t.match(shown(both), /Error wait: +[\d.]+\/20/);
  both.fabric.end();
  t.end();
});

t.test('what is there may be too much for limits of a new configuration', (t) => {
  const both = pair('');
  both.fabric.run(6);
  t.equal(both.daemon.routes().length, 2);
  both.fabric.machine('a').host.files.set('/etc/bird.conf', ours('import limit 1 action disable;'));
  both.daemon.birdc('configure');
  both.fabric.run(1);
  t.match(shown(both), /down .*Automatic shutdown: Route limit exceeded/);
  both.fabric.end();
  t.end();
});
