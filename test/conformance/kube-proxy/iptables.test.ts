/**
 * What upstream's proxier writes for the same objects, text by text, and its packet flows: each flow is a real packet
 * through the virtual kernel that the text was restored into.
 */

import t, { type Test } from 'tap';
import { IptablesProxier, type Sync } from '../../../src/kube-proxy/index.js';
import { parseCidr } from '../../../src/kubernetes/index.js';
import type { Json } from '../calico/vectors.js';
import { localAddresses, NEEDS_VECTORS, loadVector, settingsOf, storeOf, vectorNames } from './vectors.js';
import { type Flow, FlowNode, type FlowResult } from './flow-node.js';
import { TextTracer } from './text-tracer.js';
import { FollowingTracker } from './follow-store.js';

const SECOND_NS = 1_000_000_000;

interface Case {
  readonly proxier: IptablesProxier;
  readonly sync: Sync;
  readonly node: FlowNode;
  /** What iptables-restore said of the last text. */
  readonly problems: readonly string[];
  /** The text before was refused: everything is written again. */
  readonly failedBefore: boolean;
}

interface Step {
  readonly services: Json;
  readonly endpointSlices: Json;
  readonly events: Json;
  readonly forceFullSync: boolean;
}

const stepOf = (json: Json): Step => ({
  services: json.get('services'),
  endpointSlices: json.get('endpointSlices'),
  events: json.get('events'),
  forceFullSync: json.get('forceFullSync').flag(),
});

/** All syncs of a test up to this case's, each text restored into the virtual kernel. */
function replay(vector: Json): Case {
  const config = vector.get('kubeProxy');
  const settings = settingsOf(config);
  const proxier = new IptablesProxier(settings);
  const node = new FlowNode(settings, localAddresses(config));
  const steps = [...vector.get('history').list(), vector].map(stepOf);
  const tracked = new FollowingTracker(settings.family);
  const syncPeriodNs = config.get('syncPeriodSeconds').numberOr(30) * SECOND_NS;
  const aged = config.get('lastIPTablesCleanup').textOr('') !== '';
  let last: Pick<Case, 'sync' | 'problems' | 'failedBefore'> | undefined;
  steps.forEach((step, i) => {
    tracked.become(storeOf(step.services, step.endpointSlices));
    for (const event of step.events.list())
      if (event.get('op').text() === 'append-foreign-rule') node.appendForeign(event);
    if (step.forceFullSync) proxier.forceFullSync();
    // A case may say that the last clean-up was long ago.
    const nowNs = aged && i === steps.length - 1 ? 2 * syncPeriodNs : 0;
    const nodeAddresses = localAddresses(config)
      .flatMap(([, texts]) => texts)
      .map((text) => parseCidr(text)?.addr)
      .filter((address) => address !== undefined);
    const sync = proxier.next({
      tracked: tracked.current(),
      natChains: node.natChains,
      nodeAddresses,
      nowNs,
      syncPeriodNs,
    });
    const problems = node.restore(sync.text);
    if (problems.length > 0) proxier.failed();
    last = { sync, problems, failedBefore: (last?.problems.length ?? 0) > 0 };
  });
  if (last === undefined) throw new Error('a case has a sync');
  return { proxier, node, ...last };
}

/** Rules of one chain in their order, as a text names them. */
const rulesOf = (text: string, table: string, chain: string): string[] => {
  const own = text.split(`*${table}\n`)[1]?.split('COMMIT')[0] ?? '';
  return own.split('\n').filter((line) => line.startsWith(`-A ${chain} `));
};

const DNAT_RULE = /^-A KUBE-SEP-\S+ .*-j DNAT /gm;

function checkText(t: Test, vector: Json, { sync, problems, failedBefore }: Case): void {
  const expected = vector.get('expectedIptablesRestore');
  if (!expected.absent) {
    t.equal(sync.text, expected.text(), 'the text of the sync');
    t.equal(sync.full, vector.get('expectedIsFullState').flag() || failedBefore, 'is a full or a partial one');
  }
  for (const chain of vector.get('expectedChains').list()) {
    const name = chain.get('chain').text();
    t.same(rulesOf(sync.text, chain.get('table').text(), name), chain.get('rules').texts(), `the rules of ${name}`);
  }
  for (const line of vector.get('expectedRestoreContains').texts()) t.ok(sync.text.includes(line), line);
  const dnat = sync.text.match(DNAT_RULE) ?? [];
  const count = vector.get('expectedDnatRules');
  if (!count.absent) t.equal(dnat.length, count.number(), 'DNAT rules in the text');
  const commented = vector.get('expectedDnatRulesWithComment');
  if (!commented.absent)
    t.equal(dnat.filter((rule) => rule.includes('--comment')).length, commented.number(), 'those with a comment');
  const fails = vector.get('expectPartialSyncFailure').flag();
  t.equal(problems.length > 0, fails, `iptables-restore ${fails ? 'refuses' : 'takes'} it: ${problems.join('; ')}`);
}

interface FlowSender {
  run(flow: Flow): FlowResult;
}

interface Tally {
  passed: number;
  total: number;
}

function checkFlows(t: Test, flows: Json, node: FlowSender, tally: Tally): void {
  for (const flow of flows.list()) {
    const name = flow.get('name').text();
    const expected = { output: flow.get('output').textOr(''), masq: flow.get('masq').flag() };
    const result = node.run({
      sourceIP: flow.get('sourceIP').text(),
      protocol: flow.get('protocol').textOr('tcp'),
      destIP: flow.get('destIP').text(),
      destPort: flow.get('destPort').number(),
    });
    // Upstream's tracer marks on its way to a rule that drops; what is dropped is not masqueraded.
    tally.total += 1;
    if (t.same(result, expected, name)) tally.passed += 1;
  }
}

/** A ruleset that upstream wrote by hand, whose comments lack their quotes. */
function staticNode(vector: Json): FlowNode {
  const settings = settingsOf(loadVector('iptables/TestOverallIPTablesRules.json').get('kubeProxy'));
  const node = new FlowNode({ ...settings, localhostNodePorts: false }, [
    [
      'eth0',
      vector
        .get('kubeProxy')
        .get('tracerLocalIPs')
        .texts()
        .map((text) => `${text}/24`),
    ],
  ]);
  const text = vector.get('rules').text();
  const quoted = text.replace(/--comment (kubernetes [a-z -]*?) -j/g, '--comment "$1" -j');
  const problems = node.restore(quoted);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return node;
}

t.test('upstream’s iptables cases', NEEDS_VECTORS, (t) => {
  const flows: Tally = { passed: 0, total: 0 };
  const files: Tally = { passed: 0, total: 0 };
  for (const name of vectorNames('iptables')) {
    const vector = loadVector(`iptables/${name}.json`);
    files.total += 1;
    t.test(name, (t) => {
      if (vector.get('kind').textOr('') === 'static-ruleset') {
        checkFlows(t, vector.get('packetFlows'), staticNode(vector), flows);
      } else {
        const result = replay(vector);
        checkText(t, vector, result);
        const config = vector.get('kubeProxy');
        const ipv6 = config.get('ipFamily').text() === 'IPv6';
        const sender = ipv6 ? new TextTracer(result.sync.text, config.get('tracerLocalIPs').texts()) : result.node;
        checkFlows(t, vector.get('packetFlows'), sender, flows);
      }
      if (t.passing()) files.passed += 1;
      t.end();
    });
  }
  t.comment(`iptables: ${files.passed}/${files.total} cases, ${flows.passed}/${flows.total} packet flows`);
  t.end();
});
