/** Where kube-proxy's configuration is found, what becomes of it on a node, and where kube-proxy runs. */

import t from 'tap';
import { featuresOf, findInstallation, minorOfImage } from '../../src/kube-proxy/index.js';
import { formatCidr } from '../../src/kubernetes/index.js';
import { load, node } from '../kubernetes/cluster-text.js';

const configMap = (text: string, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'kube-proxy', namespace: 'kube-system', ...metadata },
  data: { 'config.conf': `apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n${text}` },
});

const daemonSet = (container: object, spec: object = {}, name = 'kube-proxy') => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name, namespace: 'kube-system' },
  spec: {
    selector: { matchLabels: { 'k8s-app': name } },
    template: {
      metadata: { labels: { 'k8s-app': name } },
      spec: { hostNetwork: true, containers: [{ name, ...container }], ...spec },
    },
  },
});

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's' },
  spec: { clusterIP: '10.96.0.1', ports: [{ port: 80 }] },
};

const installation = (...objects: readonly object[]) => findInstallation(load(...objects).store);

t.test('a configuration is read from the ConfigMap', (t) => {
  const { configuration, refused, findings } = installation(
    configMap(
      'mode: ""\nclusterCIDR: 10.244.0.0/16,fd00::/64\niptables: {masqueradeAll: true, masqueradeBit: 13, syncPeriod: 1m30s}\nconntrack: {min: 0}\n',
    ),
  );
  t.same([refused, ...findings], [false]);
  t.equal(configuration.mode, 'iptables');
  t.same(configuration.clusterCIDR.map(formatCidr), ['10.244.0.0/16', 'fd00::/64']);
  t.match(configuration.iptables, {
    masqueradeAll: true,
    masqueradeBit: 13,
    localhostNodePorts: true,
    syncPeriod: 90e9,
  });
  t.equal(configuration.conntrack.min, 0);
  t.same(configuration.healthzBindAddress, { address: '0.0.0.0', port: 10256 });
  t.end();
});

t.test('a configuration that kube-proxy refuses is told with its place, and none runs', (t) => {
  const wrong = installation(
    node('a'),
    configMap('mode: userspace\nclusterCIDR: 10.244.0.0\nmasqueradeAll: true\niptables: {masqueradeBit: 40}\n'),
  );
  t.match(wrong.findings, [
    {
      code: 'kube-proxy',
      severity: 'warning',
      object: 'ConfigMap kube-system/kube-proxy',
      path: 'data["config.conf"]',
      message: /^expected mode to be one of iptables.*got "userspace": kube-proxy does not start with it/,
    },
    { message: /^expected iptables\.masqueradeBit to be a whole number from 0 to 31, got 40/ },
    { message: /^expected clusterCIDR to be a CIDR/ },
    { code: 'unknown-field', message: /no field masqueradeAll/ },
  ]);
  t.same([wrong.refused, wrong.runsOn('a')], [true, false]);
  const refused = (text: string): string[] => installation(configMap(text)).findings.map(({ message }) => message);
  t.match(refused('detectLocalMode: Foo\n'), [/^expected detectLocalMode to be one of ClusterCIDR.*got "Foo"/]);
  t.match(refused('detectLocalMode: BridgeInterface\n'), [/^expected detectLocal\.bridgeInterface to be the name/]);
  t.match(refused('nodePortAddresses: [10.0.0.0/8, foo]\n'), [/^expected nodePortAddresses\[1\] to be a CIDR.*"foo"/]);
  t.match(refused('nodePortAddresses: [primary, 10.0.0.0/8]\n'), [/^expected nodePortAddresses\[0\] to be CIDRs, or/]);
  t.match(refused('bindAddress: node1\n'), [/^expected bindAddress to be an address, got "node1"/]);
  t.match(refused('x: ['), [/^expected a KubeProxyConfiguration, got/], 'text that is no YAML');
  t.end();
});

t.test('flags count where no file is named', (t) => {
  const flags = daemonSet({
    command: ['kube-proxy'],
    args: [
      '--cluster-cidr=10.1.0.0/16',
      '--masquerade-all',
      '--nodeport-addresses',
      '10.0.0.0/8,192.168.0.0/16',
      '--feature-gates=A=true',
    ],
  });
  const { configuration } = installation(node('a'), flags);
  t.same(configuration.clusterCIDR.map(formatCidr), ['10.1.0.0/16']);
  t.equal(configuration.iptables.masqueradeAll, true);
  t.same(configuration.nodePortAddresses, ['10.0.0.0/8', '192.168.0.0/16']);
  const both = installation(
    node('a'),
    daemonSet({ command: ['kube-proxy', '--config=/x', '--masquerade-all'] }),
    configMap('mode: iptables\n'),
  );
  t.equal(both.configuration.iptables.masqueradeAll, false, 'a file goes before flags');
  t.end();
});

t.test('without a word kubeadm’s defaults are assumed, and told of the first node once there are Services', (t) => {
  const pool = {
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
    metadata: { name: 'default-ipv4-ippool' },
    spec: { cidr: '10.7.0.0/16' },
  };
  const assumed = installation(SERVICE, pool, node('a'), node('b'));
  t.same(assumed.configuration.clusterCIDR.map(formatCidr), ['10.7.0.0/16']);
  t.match(assumed.findings, [
    {
      code: 'kube-proxy-assumed',
      severity: 'notice',
      object: 'Node a',
      message: /10\.7\.0\.0\/16 of IPPool default-ipv4-ippool/,
    },
  ]);
  t.ok(assumed.runsOn('anywhere'));
  const kubeadm = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kubeadm-config', namespace: 'kube-system' },
    data: { ClusterConfiguration: 'networking: {podSubnet: 10.8.0.0/16}' },
  };
  t.same(installation(SERVICE, pool, kubeadm).configuration.clusterCIDR.map(formatCidr), ['10.8.0.0/16']);
  t.same(installation(node('a'), pool).findings, []);
  t.same(installation(SERVICE, pool).findings, [], 'nor of a cluster without nodes');
  t.end();
});

t.test('it runs where its DaemonSet puts it', (t) => {
  const nodes = [node('a', { labels: { proxy: 'yes' } }), node('b')];
  const everywhere = installation(...nodes, daemonSet({ image: 'registry.k8s.io/kube-proxy:v1.31.4' }));
  t.same([everywhere.runsOn('a'), everywhere.runsOn('b'), everywhere.minor], [true, true, 31]);
  const some = installation(...nodes, daemonSet({}, { nodeSelector: { proxy: 'yes' } }));
  t.same([some.runsOn('a'), some.runsOn('b')], [true, false]);
  const off = installation(...nodes, daemonSet({}, { nodeSelector: { 'non-calico': 'true' } }));
  t.same([off.runsOn('a'), off.runsOn('b')], [false, false], 'as it is switched off');
  t.end();
});

t.test('others do its work', (t) => {
  const felix = {
    apiVersion: 'projectcalico.org/v3',
    kind: 'FelixConfiguration',
    metadata: { name: 'default' },
    spec: { bpfEnabled: true },
  };
  t.equal(installation(felix).replacedBy, 'the eBPF dataplane of Felix');
  t.equal(installation(felix).runsOn('a'), false);
  const cilium = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'cilium-config', namespace: 'kube-system' },
    data: { 'kube-proxy-replacement': 'true' },
  };
  t.equal(installation(cilium).replacedBy, 'Cilium');
  const router = daemonSet({ args: ['--run-router=true', '--run-service-proxy=true'] }, {}, 'kube-router');
  t.equal(installation(node('a'), router).replacedBy, 'kube-router');
  t.equal(installation(cilium, configMap('mode: iptables\n')).replacedBy, undefined, 'a kube-proxy that is there runs');
  t.end();
});

t.test('a mode that is not modelled is told', (t) => {
  t.match(installation(configMap('mode: ipvs\n')).findings, [
    { code: 'unmodelled', message: /mode ipvs is not modelled/ },
  ]);
  t.end();
});

t.test('versions', (t) => {
  t.equal(minorOfImage('registry.k8s.io/kube-proxy:v1.34.2'), 34);
  t.equal(minorOfImage('kube-proxy:v1.29.0-eksbuild.1'), 29);
  t.equal(minorOfImage('kube-proxy:1.30'), 30);
  t.equal(minorOfImage('kube-proxy@sha256:abc'), undefined);
  t.equal(minorOfImage('kube-proxy:latest'), undefined);
  t.match(featuresOf(), {
    loadBalancerIpMode: true,
    hintsWantAnnotation: false,
    nodeHints: true,
    conntrackByTable: true,
  });
  t.match(featuresOf(31), {
    loadBalancerIpMode: true,
    hintsWantAnnotation: true,
    nodeHints: false,
    invalidCounter: false,
    conntrackByTable: false,
  });
  t.match(featuresOf(33), { nodeHints: false, hintsWantAnnotation: false, localhostCounter: true });
  t.equal(featuresOf(34, { PreferSameTrafficDistribution: false }).nodeHints, false, 'a gate that is switched off');
  t.equal(featuresOf(32, { LoadBalancerIPMode: false }).loadBalancerIpMode, true, 'a gate that is no gate any more');
  t.match(installation(node('a'), daemonSet({ image: 'kube-proxy:v1.20.0' })), {
    minor: 28,
    findings: [{ message: /1\.20 is older/ }],
  });
  t.end();
});
