import t from 'tap';
import { PolicyCluster, policy } from './policy-cluster.js';

t.test(
  'of networks in a set that lie in each other only the widest are members, unless nftables is out of the question',
  (t) => {
    const objects = [
      {
        ...policy(
          'nets',
          { nets: ['10.1.0.0/31', '10.1.0.0/30', '10.1.0.3', '10.1.0.4/32', '192.0.2.9/24'] },
          'NetworkSet',
        ),
        apiVersion: 'projectcalico.org/v3',
        metadata: { name: 'nets', namespace: 'shop', labels: { net: 'yes' } },
      },
      policy(
        'p',
        {
          selector: "app == 'client'",
          types: ['Egress'],
          egress: [{ action: 'Allow', destination: { selector: "has(net) || app == 'web'" } }],
        },
        'GlobalNetworkPolicy',
      ),
    ];
    // Upstream's Felix v3.32.1 says the same of the same objects. The pod web has 10.1.0.1.
    t.same(new PolicyCluster(objects).members('s:'), ['10.1.0.0/30', '10.1.0.4', '192.0.2.0/24']);
    t.same(new PolicyCluster(objects, { NFTablesMode: 'Disabled' }).members('s:'), [
      '10.1.0.0/30',
      '10.1.0.0/31',
      '10.1.0.1',
      '10.1.0.3',
      '10.1.0.4',
      '192.0.2.0/24',
    ]);
    t.end();
  },
);
