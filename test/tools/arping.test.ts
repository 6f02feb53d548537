/** arping, in the words of that of iputils 20221126 between two namespaces. */

import t from 'tap';
import { loadTopology, outputOf, toolIn } from './run-in.js';

const NODE = 'node/node1';
const CLIENT = 'pod/default/client';
const OTHER_NODE = '172.18.0.3';

const fresh = () => loadTopology('two-nodes-vxlan');

const replies = (mac: string, times: number): string =>
  `Unicast reply from ${OTHER_NODE} [${mac}]  0.080ms\n`.repeat(times);

t.test('arping asks everybody first, and then who has answered', (t) => {
  const mac = '72:3B:01:4D:5B:56';
  const head = `ARPING ${OTHER_NODE} from 172.18.0.2 eth0\n`;
  const all: readonly (readonly [string, string])[] = [
    [`-I eth0 -c 2 ${OTHER_NODE}`, `${head}${replies(mac, 2)}Sent 2 probes (1 broadcast(s))\nReceived 2 response(s)\n`],
    [`-c 1 ${OTHER_NODE}`, `${head}${replies(mac, 1)}Sent 1 probes (1 broadcast(s))\nReceived 1 response(s)\n`],
    [
      `-b -I eth0 -c 2 ${OTHER_NODE}`,
      `${head}${replies(mac, 2)}Sent 2 probes (2 broadcast(s))\nReceived 2 response(s)\n`,
    ],
    [
      `-f -I eth0 -c 5 ${OTHER_NODE}`,
      `${head}${replies(mac, 1)}Sent 1 probes (1 broadcast(s))\nReceived 1 response(s)\n`,
    ],
    [
      `-w 3 -I eth0 -c 2 ${OTHER_NODE}`,
      `${head}${replies(mac, 2)}Sent 2 probes (1 broadcast(s))\nReceived 2 response(s)\n`,
    ],
    [`-q -I eth0 -c 1 ${OTHER_NODE}`, ''],
  ];
  for (const [args, expected] of all) t.equal(outputOf(fresh(), NODE, `arping ${args}`), expected, args);
  t.end();
});

t.test('arping says of whom nobody has heard, of an address that is taken, and of an own one', (t) => {
  const cluster = fresh();
  t.same(toolIn(cluster, NODE, 'arping -I eth0 -w 2 172.18.0.99'), {
    exitCode: 1,
    stdout: 'ARPING 172.18.0.99 from 172.18.0.2 eth0\nSent 3 probes (3 broadcast(s))\nReceived 0 response(s)\n',
    stderr: '',
  });
  t.match(toolIn(cluster, NODE, `arping -D -I eth0 -c 2 ${OTHER_NODE}`), {
    exitCode: 1,
    stdout: /from 0\.0\.0\.0 eth0\nUnicast reply .*\nSent 1 probes \(1 broadcast\(s\)\)\nReceived 1 response\(s\)\n$/,
  });
  t.match(toolIn(cluster, NODE, 'arping -D -I eth0 -c 2 172.18.0.99'), { exitCode: 0, stdout: /Received 0 response/ });
  for (const option of ['-U', '-A'])
    t.match(toolIn(cluster, NODE, `arping ${option} -I eth0 -c 1 172.18.0.2`), {
      exitCode: 0,
      stdout: /from 172\.18\.0\.2 eth0\nSent 1 probes \(1 broadcast\(s\)\)\nReceived 0 response\(s\)\n$/,
    });
  t.match(
    outputOf(cluster, CLIENT, 'arping -I eth0 -c 1 169.254.1.1'),
    /^Unicast reply from 169\.254\.1\.1 \[EE:EE:EE:EE:EE:EE\] /m,
    'a node answers its pods for everybody',
  );
  t.end();
});

t.test('requests of arping are heard: a neighbour learns who has sent them', (t) => {
  const cluster = fresh();
  t.equal(outputOf(cluster, 'node/node2', 'ip neigh show 172.18.0.2'), '');
  toolIn(cluster, NODE, `arping -I eth0 -c 1 ${OTHER_NODE}`);
  t.match(outputOf(cluster, 'node/node2', 'ip neigh show 172.18.0.2'), /^172\.18\.0\.2 dev eth0 lladdr .* STALE $/m);
  t.end();
});

const refused: readonly (readonly [args: string, exitCode: number, said: string])[] = [
  ['-I nope -c 1 172.18.0.3', 2, 'arping: Device nope not available.\n'],
  ['-I lo -c 1 172.18.0.3', 2, 'Interface "lo" is not ARPable\n'],
  ['-I eth0 -s 172.18.0.7 -c 1 172.18.0.3', 2, 'arping: bind: Cannot assign requested address\n'],
  ['-I eth0 -U -c 1 172.18.0.9', 2, 'arping: bind: Cannot assign requested address\n'],
  ['-I eth0 -c x 172.18.0.3', 1, "arping: invalid argument: 'x'\n"],
  ['-I eth0 -c 0 172.18.0.3', 1, "arping: invalid argument: '0': out of range: 1 <= value <= 2147483647\n"],
  ['-I eth0 -c 1 nohost', 2, 'arping: nohost: Temporary failure in name resolution\n'],
];

t.test('arping refuses in the words of the real one', (t) => {
  const cluster = fresh();
  for (const [args, exitCode, said] of refused) {
    const { exitCode: status, stdout, stderr } = toolIn(cluster, NODE, `arping ${args}`);
    t.same([status, stdout + stderr], [exitCode, said], args);
  }
  t.match(toolIn(cluster, NODE, 'arping -z'), { exitCode: 2, stderr: /^arping: invalid option -- 'z'\n\nUsage:\n/ });
  t.end();
});
