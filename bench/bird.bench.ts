/** BGP by messages: how long it takes until all neighbours know all blocks, in CPU time and in virtual time. */

import type { BirdDaemon } from '../src/bird/index.js';
import { formatIpv4, ipv4 } from '../src/packet/index.js';
import { Fabric } from '../test/bird/fabric.js';
import { base, cpu, nodeAddress, peer, REFLECTORS, toReflectors } from './calico-bgp.js';

const PODS = 5;

function machines(count: number, config: (index: number) => string): { fabric: Fabric; daemons: BirdDaemon[] } {
  const fabric = new Fabric();
  for (let i = 0; i < count; i++) {
    const name = `n${i}`;
    fabric.plug(name, 'eth0', 'lan', `${formatIpv4(nodeAddress(i))}/16`);
    for (let pod = 0; pod < PODS; pod++) {
      const dev = fabric.device(name, `cali${pod}`);
      const addr = ipv4(0xac10_0000 + i * 64 + pod + 1);
      fabric
        .machine(name)
        .fib.addRoute({ destination: { addr, length: 32 }, metric: 1024, scope: 'link', nextHops: [{ dev }] });
    }
  }
  const daemons = Array.from({ length: count }, (_, i) =>
    fabric.bird(`n${i}`, config(i), { dialect: 'bird-1.6', file: '/etc/calico/bird.cfg' }),
  );
  return { fabric, daemons };
}

/** Until everybody has a route to every block. */
function untilConverged(what: string, count: number, config: (index: number) => string): void {
  const { fabric, daemons } = cpu(`${what}: machines and configurations`, () => machines(count, config));
  const complete = (): boolean =>
    daemons.every((daemon) => daemon.routes().filter(([best]) => best?.origin.kind === 'bgp').length >= count - 1);
  const start = fabric.emulation.clock.nowNs;
  cpu(`${what}: until all know all`, () => {
    for (let second = 0; second < 300; second++) {
      fabric.run(1);
      if (complete()) return;
    }
    throw new Error('not converged');
  });
  console.log(`${''.padEnd(8)}after ${((fabric.emulation.clock.nowNs - start) / 1e9).toFixed(0)} s of virtual time`);
  cpu(`${what}: a minute of keepalives and scans`, () => fabric.run(60));
  fabric.end();
}

const MESH = 50;
untilConverged(`${MESH} nodes, full mesh`, MESH, (i) => {
  const peers = Array.from({ length: MESH }, (_, j) => (i === j ? '' : peer(i, j, i < j ? 'passive on;' : '')));
  return base(i) + peers.join('');
});

const REFLECTED = 500;
untilConverged(`${REFLECTED} nodes, ${REFLECTORS} reflectors, best paths only`, REFLECTED, (i) => {
  if (i >= REFLECTORS) return base(i, false) + toReflectors(i);
  const clients = Array.from({ length: REFLECTED - REFLECTORS }, (_, j) =>
    peer(i, j + REFLECTORS, 'rr client; rr cluster id 1.0.0.1; passive on;'),
  );
  return base(i, false) + toReflectors(i) + clients.join('');
});
