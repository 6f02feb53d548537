/** The operator's Installation: the pools, settings and environment that tigera/operator v1.42 makes of it. */

import t from 'tap';
import { calicoNodeSettings, formatCidr, installationPools } from '../../src/kubernetes/index.js';
import { load } from './cluster-text.js';

const installation = (spec: object, name = 'default') => ({
  apiVersion: 'operator.tigera.io/v1',
  kind: 'Installation',
  metadata: { name },
  spec,
});

const kubeadm = (podSubnet: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'kubeadm-config', namespace: 'kube-system' },
  data: { ClusterConfiguration: `kind: ClusterConfiguration\nnetworking: {podSubnet: "${podSubnet}"}\n` },
});

const pools = (...objects: readonly object[]) => {
  const made = installationPools(load(...objects).store);
  return {
    pools: made.pools.map(({ name, spec }) => [
      name,
      formatCidr(spec.cidr),
      spec.ipipMode,
      spec.vxlanMode,
      spec.blockSize,
      spec.natOutgoing,
    ]),
    problems: made.findings.map(({ message }) =>
      message.replace('the operator refuses this pool, and makes none: ', ''),
    ),
  };
};

const network = (calicoNetwork: object, rest: object = {}) => installation({ calicoNetwork, ...rest });
const none = (problem: string) => ({ pools: [], problems: [problem] });
const some = (...made: readonly unknown[]) => ({ pools: made, problems: [] });
const USUAL = ['default-ipv4-ippool', '192.168.0.0/16', 'Always', 'Never', 26, true];

t.test('pools are those that are written, kubeadm’s, or the usual one', (t) => {
  t.same(pools(installation({})), some(USUAL));
  t.same(pools(installation({}), kubeadm('10.244.0.0/16')), some([USUAL[0], '10.244.0.0/16', ...USUAL.slice(2)]));
  t.same(pools(network({ ipPools: [] })), some());
  t.same(
    pools(
      network({
        ipPools: [{ cidr: '10.1.0.0/16', encapsulation: 'VXLANCrossSubnet', natOutgoing: 'Disabled', blockSize: 24 }],
      }),
    ),
    some(['default-ipv4-ippool', '10.1.0.0/16', 'Never', 'CrossSubnet', 24, false]),
  );
  t.same(
    pools(
      network({
        ipPools: [{ cidr: '10.1.0.0/16' }, { cidr: '10.2.0.0/16', encapsulation: 'None' }, { cidr: 'fd00::/48' }],
      }),
    ),
    some(
      ['10.1.0.0-16', '10.1.0.0/16', 'Always', 'Never', 26, true],
      ['10.2.0.0-16', '10.2.0.0/16', 'Never', 'Never', 26, true],
      ['fd00.0000.0000.0000.0000.0000.0000.0000-48', 'fd00::/48', 'Never', 'Never', 122, false],
    ),
  );
  t.same(
    pools(installation({ kubernetesProvider: 'EKS', cni: { type: 'Calico' } })),
    some(['default-ipv4-ippool', '172.16.0.0/16', 'Never', 'Always', 26, true]),
  );
  t.same(pools(installation({ kubernetesProvider: 'EKS' })), some(), 'the addresses are Amazon’s');
  t.same(pools(installation({}, 'other')), some());
  t.end();
});

t.test('a pool that the operator refuses keeps it from making any', (t) => {
  const one = (pool: object, rest: object = {}) => network({ ipPools: [{ cidr: '10.1.0.0/16', ...pool }], ...rest });
  t.same(pools(one({}), kubeadm('10.244.0.0/16')), none("10.1.0.0/16 is not within kubeadm's podSubnet 10.244.0.0/16"));
  t.same(pools(one({ blockSize: 18 })), none('blockSize is to be from 20 to 32, not 18'));
  t.same(pools(one({ cidr: '10.1.0.0/28' })), none('10.1.0.0/28 is smaller than one block (/26)'));
  t.same(pools(one({}, { bgp: 'Disabled' })), none('a pool without VXLAN needs BGP, which is disabled'));
  t.same(pools(one({}, { bgp: 'Disabled', clusterRoutingMode: 'Felix' })).problems, []);
  t.same(
    pools(
      network(
        { ipPools: [{ cidr: '10.1.0.0/16', encapsulation: 'VXLAN' }] },
        { cni: { type: 'Calico', ipam: { type: 'HostLocal' } } },
      ),
    ),
    none('VXLAN does not go with HostLocal IPAM'),
  );
  t.end();
});

const settings = (...objects: readonly object[]) => {
  const found = calicoNodeSettings(load(...objects).store);
  const env = [...(found?.env ?? [])].flatMap(([name, value]) => (value.kind === 'text' ? [[name, value.text]] : []));
  return {
    object: found?.object.kind,
    env: Object.fromEntries(env),
    config: JSON.parse(found?.cniNetworkConfig ?? '{}'),
  };
};

t.test('calico-node’s environment and CNI configuration are rendered where its DaemonSet is left out', (t) => {
  const usual = settings(installation({}));
  t.match(usual, {
    object: 'Installation',
    env: {
      FELIX_DEFAULTENDPOINTTOHOSTACTION: 'ACCEPT',
      CALICO_NETWORKING_BACKEND: 'bird',
      NO_DEFAULT_POOLS: 'true',
      NAMESPACE: 'calico-system',
      IP: 'autodetect',
      IP_AUTODETECTION_METHOD: 'first-found',
    },
    config: {
      plugins: [
        { type: 'calico', mtu: 0, ipam: { type: 'calico-ipam' }, container_settings: { allow_ip_forwarding: false } },
        { type: 'portmap' },
      ],
    },
  });
  const other = settings(
    network({
      bgp: 'Disabled',
      mtu: 1400,
      hostPorts: 'Disabled',
      containerIPForwarding: 'Enabled',
      nodeAddressAutodetectionV4: { cidrs: ['10.0.0.0/8', '172.16.0.0/12'] },
      ipPools: [{ cidr: '10.1.0.0/16', encapsulation: 'VXLAN' }],
    }),
  );
  t.match(other.env, {
    CALICO_NETWORKING_BACKEND: 'vxlan',
    FELIX_VXLANMTU: '1400',
    IP_AUTODETECTION_METHOD: 'cidr=10.0.0.0/8,172.16.0.0/12',
  });
  t.notOk(Object.hasOwn(other.env, 'FELIX_IPINIPMTU'));
  t.match(other.config.plugins, [{ mtu: 1400, container_settings: { allow_ip_forwarding: true } }]);
  t.equal(other.config.plugins.length, 1);
  const hostLocal = settings(installation({ cni: { type: 'Calico', ipam: { type: 'HostLocal' } } }));
  t.match(hostLocal.env, { USE_POD_CIDR: 'true', CALICO_NETWORKING_BACKEND: 'bird', IP: 'none' });
  t.match(hostLocal.config.plugins[0].ipam, { type: 'host-local', subnet: 'usePodCidr' });
  t.end();
});

t.test('a DaemonSet goes before it, and takes from it what the input leaves out', (t) => {
  const daemonSet = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'calico-node', namespace: 'calico-system' },
    spec: {
      selector: { matchLabels: { 'k8s-app': 'calico-node' } },
      template: {
        metadata: { labels: { 'k8s-app': 'calico-node' } },
        spec: { containers: [{ name: 'calico-node', env: [{ name: 'CALICO_NETWORKING_BACKEND', value: 'none' }] }] },
      },
    },
  };
  const { object, env, config } = settings(daemonSet, network({ mtu: 1300 }));
  t.same([object, env], ['DaemonSet', { CALICO_NETWORKING_BACKEND: 'none' }]);
  t.equal(config.plugins[0].mtu, 1300);
  t.end();
});
