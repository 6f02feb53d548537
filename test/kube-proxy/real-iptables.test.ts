/** What kube-proxy writes, taken by this machine's own iptables-restore: it prints what the virtual kernel prints. */

import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { Cluster } from '../../src/cluster/index.js';
import { needsRealTools, runReal, withoutComments } from '../kernel/netfilter/real-iptables.js';

const TOPOLOGY = 'topologies/services-iptables';

const rulesOfKubeProxy = (save: string): string[] =>
  save.split('\n').filter((line) => line !== 'COMMIT' && !/cali/.test(line));

t.test('the rules of a whole node, taken by the real tools', needsRealTools(), (t) => {
  const sources = readdirSync(TOPOLOGY)
    .filter((file) => file.endsWith('.yaml') && file !== 'expectations.yaml')
    .map((file) => ({ file, text: readFileSync(`${TOPOLOGY}/${file}`, 'utf8') }));
  const cluster = new Cluster(sources);
  for (const name of ['control', 'worker1', 'worker2']) {
    const { netns } = cluster.node(name);
    const ours = netns.netfilter.iptables.save();
    // Sets are Calico's, and have a test of their own; counters of nfacct need objects that nobody has made here.
    const text = ours
      .split('\n')
      .filter((line) => !/cali/.test(line))
      .join('\n')
      .replace(/ -m nfacct --nfacct-name {2}\S+/g, '');
    const real = runReal('iptables-restore && iptables-save', text);
    t.equal(real.status, 0, real.stderr);
    const printed = rulesOfKubeProxy(withoutComments(real.stdout)).filter((line) => line.startsWith('-A'));
    t.same(
      printed,
      rulesOfKubeProxy(text).filter((line) => line.startsWith('-A')),
      name,
    );
    t.ok(printed.length > 50, 'there are rules to compare');
  }
  t.end();
});
