/** When nodes that are not heard are given up: rates of zones, as the node lifecycle controller has them. */

import t from 'tap';
import type { KubeNode } from '../../src/kubernetes/index.js';
import { givenUpTimes, type HeardNode } from '../../src/server/session/given-up.js';

/** Of a zone, `silentFrom` in seconds where it is not heard. */
const node = (name: string, zone: string, silentFrom?: number): HeardNode => ({
  node: {
    name,
    labels: { 'topology.kubernetes.io/zone': zone },
    status: { ready: true, silent: false },
  } as unknown as KubeNode,
  silentFromNs: silentFrom === undefined ? undefined : silentFrom * 1e9,
});

/** `count` nodes of a zone, of which the first are not heard from these times on. */
const zone = (name: string, count: number, silentFrom: readonly number[]): readonly HeardNode[] =>
  Array.from({ length: count }, (_, i) => node(`${name}${String(i).padStart(3, '0')}`, name, silentFrom[i]));

const seconds = (nodes: readonly HeardNode[]): readonly (readonly [string, number])[] =>
  [...givenUpTimes(nodes)].map(([name, ns]) => [name, ns / 1e9]);

const CASES: readonly (readonly [
  name: string,
  nodes: readonly HeardNode[],
  times: readonly (readonly [string, number])[],
])[] = [
  ['one node at once', zone('a', 3, [50]), [['a000', 50]]],
  [
    'of several one in ten seconds',
    zone('a', 9, [50, 50, 55]),
    [
      ['a000', 50],
      ['a001', 60],
      ['a002', 70],
    ],
  ],
  [
    'who comes later than that waits for nobody',
    zone('a', 9, [50, 90]),
    [
      ['a000', 50],
      ['a001', 90],
    ],
  ],
  ['none of a small zone most of whose nodes are silent', zone('a', 5, [50, 50, 50]), []],
  [
    'one in a hundred seconds of a large zone',
    zone(
      'a',
      60,
      Array.from({ length: 33 }, () => 50),
    ).slice(0, 60),
    Array.from({ length: 33 }, (_, i) => [`a${String(i).padStart(3, '0')}`, 50 + 100 * i] as const),
  ],
  [
    'two of three are no disruption',
    zone('a', 3, [50, 50]),
    [
      ['a000', 50],
      ['a001', 60],
    ],
  ],
  [
    'each zone has a rate of its own',
    [...zone('a', 4, [50, 50]), ...zone('b', 4, [50, 50])],
    [
      ['a000', 50],
      ['a001', 60],
      ['b000', 50],
      ['b001', 60],
    ],
  ],
  [
    'a zone that is lost as a whole is given up where another is there',
    [...zone('a', 3, [50, 50, 50]), ...zone('b', 3, [])],
    [
      ['a000', 50],
      ['a001', 60],
      ['a002', 70],
    ],
  ],
  ['none where no zone is heard', [...zone('a', 2, [50, 50]), ...zone('b', 1, [50])], []],
  ['and those that were before are not any more', [...zone('a', 2, [50, 50]), ...zone('b', 1, [80])], []],
  ['a zone that comes to be disrupted holds back those that wait', zone('a', 5, [50, 50, 55]), [['a000', 50]]],
];

for (const [name, nodes, times] of CASES)
  t.test(`nodes are given up: ${name}`, async (t) => {
    t.strictSame(seconds(nodes), times);
  });
