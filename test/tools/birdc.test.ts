/** `birdc`, `birdcl` and `calicoctl node status` where BIRD runs, and where it does not. */

import t from 'tap';
import { loadTopology, outputOf, toolIn } from './run-in.js';

t.test('calicoctl node status asks BIRD', async (t) => {
  const cluster = loadTopology('ipip-crosssubnet');
  t.equal(
    outputOf(cluster, 'node/node1', 'calicoctl node status').replaceAll(/\d\d:\d\d:\d\d/g, 'hh:mm:ss'),
    `Calico process is running.

IPv4 BGP status
+--------------+-------------------+-------+----------+-------------+
| PEER ADDRESS |     PEER TYPE     | STATE |  SINCE   |    INFO     |
+--------------+-------------------+-------+----------+-------------+
| 172.18.0.3   | node-to-node mesh | up    | hh:mm:ss | Established |
| 172.18.1.4   | node-to-node mesh | up    | hh:mm:ss | Established |
+--------------+-------------------+-------+----------+-------------+

IPv6 BGP status
No IPv6 peers found.

`,
  );
  t.match(
    outputOf(loadTopology('bgp-services'), 'node/node1', 'calicoctl node status'),
    /\| 172\.18\.0\.1 +\| global /,
  );
  t.match(
    outputOf(loadTopology('bgp-route-reflectors'), 'node/node1', 'calicoctl node status'),
    /\| 172\.18\.0\.11 +\| node specific /,
  );
});

t.test('without BIRD there is nobody to ask', async (t) => {
  const vxlan = loadTopology('two-nodes-vxlan');
  t.equal(
    outputOf(vxlan, 'node/node1', 'calicoctl node status'),
    'Calico process is running.\n\nThe BGP backend process (BIRD) is not running.\n\n',
  );
  t.match(toolIn(vxlan, 'node/node1', 'birdc show protocols'), { exitCode: 1, stderr: /control socket/ });
  t.match(toolIn(loadTopology('bgp-silent-gateway'), 'host/spine', 'birdc show route'), { exitCode: 1 });
  t.match(toolIn(loadTopology('bgp-one-subnet'), 'pod/shop/client', 'birdc show route'), { exitCode: 1 });
  t.match(toolIn(loadTopology('bgp-one-subnet'), 'pod/shop/client', 'calicoctl node status'), { exitCode: 1 });
});

t.test('birdcl takes the socket that Calico’s image has', async (t) => {
  const cluster = loadTopology('bgp-one-subnet');
  const plain = outputOf(cluster, 'node/node1', 'birdc show route');
  t.equal(outputOf(cluster, 'node/node1', 'birdcl -s /var/run/calico/bird.ctl show route'), plain);
  t.match(plain, /^192\.168\.104\.0\/26 +via 172\.18\.0\.3 on eth0 \[Mesh_172_18_0_3 \S+\] \* \(100\/0\) \[i\]$/m);
  t.match(toolIn(cluster, 'node/node1', 'birdcl -s /var/run/calico/bird6.ctl show route'), {
    exitCode: 1,
    stderr: /IPv6/,
  });
  t.match(outputOf(cluster, 'node/node1', 'birdc show protocols all Mesh_172_18_0_3'), /^ {4}Neighbor AS: +64512$/m);
});

t.test('a router of the physical network answers as BIRD 2', async (t) => {
  const cluster = loadTopology('bgp-top-of-rack');
  const printed = outputOf(cluster, 'host/spine', 'birdc show route for 192.168.104.1');
  t.match(printed, /^BIRD 2\.0\.12 ready\.$/m);
  t.match(printed, /\[AS65001i\]/);
  t.match(outputOf(cluster, 'host/spine', 'cat /etc/bird/bird.conf'), /^router id 10\.9\.0\.1;$/m);
});
