/** What rtnetlink tells: the lines of `ip monitor link address route` of Linux 6.18, without the kernel's own routes. */

import t from 'tap';
import { NO_CAUSE } from '../../src/trace/index.js';
import { Emulation, Host, RT_PROTOCOL, runIpCommand } from '../../src/kernel/index.js';
import { formatPrefix } from '../../src/packet/index.js';

const STEPS: readonly (readonly [command: string, told: readonly string[]])[] = [
  ['route add 10.5.0.0/16 via 10.0.0.2', ['route 10.5.0.0/16']],
  ['route add 10.6.0.0/16 via 10.0.0.2 src 10.9.0.1', ['route 10.6.0.0/16']],
  ['route replace 10.5.0.0/16 via 10.0.0.3', ['route 10.5.0.0/16']],
  ['route add 10.5.0.0/16 via 10.0.0.4', []],
  // Its source is gone, and so is the route.
  ['address del 10.9.0.1/24 dev eth0p', ['address eth0p', 'route-gone 10.6.0.0/16']],
  ['link set eth0p down', ['link eth0p', 'link eth0']],
  // Nothing is said of the routes that go with it.
  ['link set eth0 down', ['link eth0']],
  ['link set eth0 mtu 1400', ['link eth0']],
  ['link add br0 type bridge', ['link br0']],
  ['link set eth0 up', ['link eth0']],
  ['link set eth0 master br0', ['link eth0']],
  ['link set br0 up', ['link br0']],
  ['link set eth0p up', ['link eth0p', 'link eth0', 'link br0']],
  ['route add 10.5.0.0/16 via 10.0.0.2', ['route 10.5.0.0/16']],
  ['route del 10.5.0.0/16', ['route-gone 10.5.0.0/16']],
  ['link del eth0', ['link eth0', 'link br0', 'link eth0p', 'address eth0', 'link-gone eth0', 'link-gone eth0p']],
];

t.test('links, addresses and routes are told of', (t) => {
  const { netns } = new Host(new Emulation({ seed: 1 }), 'a');
  const run = (command: string): void => void runIpCommand(netns, command, NO_CAUSE);
  run('link add eth0 type veth peer name eth0p');
  for (const name of ['eth0', 'eth0p']) run(`link set ${name} up`);
  run('address add 10.0.0.1/24 dev eth0');
  run('address add 10.9.0.1/24 dev eth0p');
  const told: string[] = [];
  const stop = netns.rtnetlink.subscribe((event) => {
    if (!('route' in event)) told.push(`${event.kind} ${event.dev.name}`);
    else if (event.route.protocol !== RT_PROTOCOL.kernel)
      told.push(`${event.kind} ${formatPrefix(event.route.destination)}`);
  });
  for (const [command, expected] of STEPS) {
    told.length = 0;
    run(command);
    t.strictSame([...new Set(told)].toSorted(), [...expected].toSorted(), command);
  }
  stop();
  told.length = 0;
  run('link set br0 down');
  t.strictSame(told, [], 'nobody listens any more');
  t.end();
});
