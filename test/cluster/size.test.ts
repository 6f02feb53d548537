/** Traces that send as much data as is asked for: where it was too much for a link, and who was told. */

import { readFileSync } from 'node:fs';
import t from 'tap';
import { Cluster, isNameProblem, parseDestination, parseEndpointName } from '../../src/cluster/index.js';
import type { ConnectionTrace, TraceProtocol } from '../../src/trace/index.js';

const [CLUSTER, NETWORK] = ['cluster', 'network'].map((name) => ({
  file: `${name}.yaml`,
  text: readFileSync(`topologies/path-mtu/${name}.yaml`, 'utf8'),
}));

const load = (edit: (network: string) => string, more = ''): Cluster => {
  if (CLUSTER === undefined || NETWORK === undefined) throw new Error('no topology');
  return new Cluster([CLUSTER, { ...NETWORK, text: edit(NETWORK.text) }, { file: 'more.yaml', text: more }]);
};

interface Flow {
  readonly from?: string;
  readonly to: string;
  readonly protocol?: TraceProtocol;
  readonly size: number;
}

function trace(cluster: Cluster, flow: Flow): ConnectionTrace {
  const { from = 'pod/shop/client', to, protocol = 'tcp', size } = flow;
  const [source, destination] = [parseEndpointName(from), parseDestination(to)];
  if (isNameProblem(source) || isNameProblem(destination)) throw new Error('bad names');
  return cluster.trace({ from: source, to: destination, protocol, size });
}

/** `tunnel` on a switch that takes no more than its two interfaces were meant for, which are larger now. */
const overSwitch = (network: string): string =>
  network
    .replace('  subnets:', '  switches: [{name: metro, mtu: 1400}]\n  subnets:')
    .replace(
      '{name: tunnel, cidr: 198.51.100.64/26, mtu: 1400, delay: 1ms}',
      '{name: tunnel, cidr: 198.51.100.64/26, switch: metro}',
    );

t.test('a switch that carries less tells nobody, whoever is asked by whatever protocol', (t) => {
  for (const protocol of ['tcp', 'udp', 'icmp'] as const) {
    const { verdict, explanation } = trace(load(overSwitch), { to: 'host/backup:873', protocol, size: 1400 });
    t.equal(verdict, 'too-big', protocol);
    t.match(explanation.join('\n'), /host\/quiet dropped it: .*longer than the MTU 1400 of metro/);
    t.match(explanation.join('\n'), 'Nobody told its sender: what is lost on a link makes no ICMP error.');
  }
  t.equal(trace(load(overSwitch), { to: 'host/backup:873', size: 1300 }).verdict, 'answered');
  t.end();
});

t.test('what is too long for the way back alone is lost there', (t) => {
  const narrowBack = `
apiVersion: podwire.dev/v1alpha1
kind: HostConfig
metadata: {name: narrow}
spec:
  hosts: [backup-router]
  ip: route replace 172.18.0.0/24 via 198.51.100.65 mtu 1300
  iptables: |
    *filter
    -A OUTPUT -p icmp -j DROP
    COMMIT
`;
  const cluster = load((text) => text.replace('hosts: [node1, backup]', 'hosts: [node1]'), narrowBack);
  const { verdict, explanation } = trace(cluster, { to: 'host/backup:873', size: 1340 });
  t.equal(verdict, 'too-big');
  t.match(explanation.slice(0, 2), [
    'host/backup-router dropped it: larger than the MTU and not allowed to be fragmented (1392 octets, MTU 1300, not to be fragmented).',
    /^The ICMP error that was to tell its sender did not arrive: host\/backup-router dropped it in output/,
  ]);
  t.end();
});

t.test('a datagram that was too long goes in pieces when it is sent again', (t) => {
  const { verdict, explanation } = trace(
    load((text) => text),
    { to: 'host/bank:514', protocol: 'udp', size: 1400 },
  );
  t.equal(verdict, 'answered');
  t.match(explanation, [
    /answers on udp port 514/,
    '1400 octets of data went there, in pieces, and an answer to all of them came back.',
    /^A packet of 1428 octets was too long for the way: host\/edge dropped it/,
    'Its sender was told by ICMP, and went on with smaller ones.',
  ]);
  t.end();
});

t.test('MSS clamping keeps segments from being too long', (t) => {
  const clamp =
    'apiVersion: podwire.dev/v1alpha1\nkind: HostConfig\nmetadata: {name: clamp}\nspec:\n  hosts: [quiet]\n  iptables: |\n    *mangle\n    -A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu\n    COMMIT\n';
  const { verdict, explanation } = trace(
    load((text) => text, clamp),
    { to: 'host/backup:873', size: 9000 },
  );
  t.equal(verdict, 'answered');
  t.match(explanation[1], '9000 octets of data went there, in packets of at most 1400 octets');
  t.notMatch(explanation.join('\n'), /dropped/);
  t.end();
});

t.test('a server that keeps its own counsel has taken the data all the same', (t) => {
  const { verdict, explanation } = trace(
    load((text) => text),
    { from: 'pod/shop/client', to: 'node/node1:10256', size: 3000 },
  );
  t.equal(verdict, 'answered');
  t.match(explanation.join('\n'), /3000 octets of data/);
  t.end();
});
