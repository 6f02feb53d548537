import t from 'tap';
import { PolicyCluster, policy } from './policy-cluster.js';

const POLICIES = ['a', 'b'].map((name) =>
  policy(
    name,
    {
      selector: 'has(app)',
      types: ['Ingress'],
      applyOnForward: true,
      doNotTrack: true,
      ingress: [{ action: 'Deny', protocol: 'TCP' }],
    },
    'GlobalNetworkPolicy',
  ),
);

const hostEndpoint = (interfaceName: string) => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'HostEndpoint',
  metadata: { name: 'hep', labels: { app: 'host' } },
  spec: { node: 'node1', interfaceName },
});

/** Chains of groups, programmed or not. */
function groupsOf(cluster: PolicyCluster): string[] {
  const { chains, unreferenced } = cluster.state().tables.raw;
  return [...chains, ...unreferenced].map(({ name }) => name).filter((name) => name.startsWith('cali-gi-'));
}

t.test(
  'policies that are not for pods have a group on interfaces of the host alone, and if untracked not on all of them',
  async (t) => {
    t.same(groupsOf(new PolicyCluster(POLICIES)), []);
    t.same(groupsOf(new PolicyCluster([...POLICIES, hostEndpoint('*')])), []);
    const cluster = new PolicyCluster([...POLICIES, hostEndpoint('eth0')]);
    t.equal(groupsOf(cluster).length, 1);
    t.match(cluster.rules(groupsOf(cluster)[0] ?? '', 'raw')?.[0], /--jump cali-pi-gnp\/a/);
  },
);
