/** Every topology in topologies/ loads without an error, and every trace that it expects comes out as it says. */

import { readdirSync } from 'node:fs';
import t from 'tap';
import { isNameProblem, parseDestination, parseEndpointName } from '../../src/cluster/index.js';
import { RoutedCluster } from '../../src/routing/index.js';
import { formatConfigError, formatFinding } from '../../src/kubernetes/index.js';
import { Ipv4, formatIpv4 } from '../../src/packet/index.js';
import { type ConnectionTrace, formatMinimal, type PacketStory, stepsOf } from '../../src/trace/index.js';

const FOLDER = 'topologies';

/** Places of a packet in order, each once where it stays there. */
const places = (trace: ConnectionTrace, story: PacketStory): string[] =>
  story.hops.map(({ place }) => trace.nameOf(place)).filter((name, i, all) => name !== all[i - 1]);

const encapsulation = (story: PacketStory): string => {
  for (const { step } of stepsOf(story)) if (step.kind === 'encapsulate') return step.protocol;
  return 'none';
};

/** Source address in the last bytes that were seen of a packet. */
function lastSource(story: PacketStory): string | undefined {
  let source: string | undefined;
  for (const { bytes, hasLinkHeader } of stepsOf(story)) {
    if (bytes === undefined) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    source = formatIpv4(new Ipv4(view, hasLinkHeader ? 14 : 0).source);
  }
  return source;
}

for (const name of readdirSync(FOLDER)) {
  t.test(`the topology ${name}`, (t) => {
    const cluster = RoutedCluster.load([`${FOLDER}/${name}`]);
    t.same(cluster.errors.map(formatConfigError), [], 'loads without an error');
    t.ok(cluster.expectations.length > 0, 'expects something');
    for (const expected of cluster.expectations) {
      t.test(expected.name, (t) => {
        const from = parseEndpointName(expected.from);
        const to = parseDestination(expected.to);
        if (isNameProblem(from) || isNameProblem(to)) throw new Error(`bad names in ${name}: ${expected.name}`);
        const trace = cluster.trace({ from, to, protocol: expected.protocol });
        const told = `\n${formatMinimal(trace)}\n${trace.explanation.join('\n')}`;
        t.equal(trace.verdict, expected.verdict, told);
        if (expected.says !== undefined)
          t.ok(trace.explanation.join('\n').includes(expected.says), `says ${expected.says}${told}`);
        const request = trace.packets.find(({ role }) => role === 'request')?.story;
        if (request === undefined) {
          t.equal(expected.passes, undefined, 'a packet was sent');
        } else {
          if (expected.passes !== undefined) t.same(places(trace, request), expected.passes, told);
          if (expected.encapsulation !== undefined) t.equal(encapsulation(request), expected.encapsulation, told);
          if (expected.sourceSeen !== undefined) t.equal(lastSource(request), expected.sourceSeen, told);
        }
        t.end();
      });
    }
    const warnings = cluster.findings.filter(({ severity }) => severity === 'warning');
    t.same(warnings.map(formatFinding), [], 'has nothing that a real cluster would suffer from');
    t.end();
  });
}
