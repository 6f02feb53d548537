import t from 'tap';
import {
  calicoNode,
  calicoNodeSettings,
  calicoNodes,
  type EnvValue,
  formatCidr,
  formatIp,
  giveNodeCidrs,
  kubeadmNetworking,
  type Store,
} from '../../src/kubernetes/index.js';
import { load, node } from './cluster-text.js';

const text = (value: EnvValue | undefined): string | undefined => (value?.kind === 'text' ? value.text : undefined);

const configMap = (name: string, data: object, namespace = 'kube-system') => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});
const fromConfig = (name: string, key: string, rest: object = {}) => ({
  name,
  valueFrom: { configMapKeyRef: { name: 'calico-config', key, ...rest } },
});

/** The DaemonSet of the public calico.yaml, in brief. */
const daemonSet = (env: object[], install: object[] = [], namespace = 'kube-system') => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'calico-node', namespace },
  spec: {
    selector: { matchLabels: { 'k8s-app': 'calico-node' } },
    template: {
      metadata: { labels: { 'k8s-app': 'calico-node' } },
      spec: {
        hostNetwork: true,
        containers: [{ name: 'calico-node', env }],
        initContainers: [{ name: 'upgrade-ipam' }, { name: 'install-cni', env: install }],
      },
    },
  },
});

t.test('the settings of calico-node are resolved from its ConfigMap', (t) => {
  const { store, errors } = load(
    configMap('calico-config', {
      calico_backend: 'bird',
      veth_mtu: '0',
      cni_network_config: '{"name": "k8s-pod-network"}',
    }),
    daemonSet(
      [
        { name: 'IP', value: 'autodetect' },
        { name: 'EMPTY' },
        fromConfig('CALICO_NETWORKING_BACKEND', 'calico_backend'),
        fromConfig('GONE', 'nothing'),
        fromConfig('PERHAPS', 'nothing', { optional: true }),
        { name: 'NODENAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
        { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
        { name: 'IP', value: 'none' },
      ],
      [fromConfig('CNI_NETWORK_CONFIG', 'cni_network_config'), fromConfig('CNI_MTU', 'veth_mtu')],
    ),
  );
  t.same(errors, []);
  const settings = calicoNodeSettings(store);
  t.equal(text(settings?.env.get('IP')), 'none', 'of two with one name the later');
  t.equal(text(settings?.env.get('EMPTY')), '');
  t.equal(text(settings?.env.get('CALICO_NETWORKING_BACKEND')), 'bird');
  t.same(settings?.env.get('GONE'), { kind: 'unresolved', from: 'ConfigMap kube-system/calico-config, key nothing' });
  t.equal(settings?.env.has('PERHAPS'), false);
  t.same(settings?.env.get('NODENAME'), { kind: 'field', fieldPath: 'spec.nodeName' });
  t.same(settings?.env.get('PASSWORD'), { kind: 'unresolved', from: 'Secret kube-system/s, key k' });
  t.equal(text(settings?.installEnv.get('CNI_MTU')), '0');
  t.equal(settings?.cniNetworkConfig, '{"name": "k8s-pod-network"}');
  t.end();
});

t.test('the operator’s installation is found in its namespace', (t) => {
  const { store } = load(
    configMap('cni-config', { config: '{"name": "op"}' }, 'calico-system'),
    daemonSet(
      [],
      [{ name: 'CNI_NETWORK_CONFIG', valueFrom: { configMapKeyRef: { name: 'cni-config', key: 'config' } } }],
      'calico-system',
    ),
  );
  t.equal(calicoNodeSettings(store)?.cniNetworkConfig, '{"name": "op"}');
  t.equal(
    calicoNodeSettings(load(configMap('calico-config', {})).store),
    undefined,
    'without the DaemonSet there are none',
  );
  t.end();
});

t.test('envFrom goes before env', (t) => {
  const set = daemonSet([{ name: 'IP', value: 'none' }]);
  const [container] = set.spec.template.spec.containers;
  Object.assign(container!, {
    envFrom: [{ configMapRef: { name: 'extra' } }, { prefix: 'FELIX_', configMapRef: { name: 'felix' } }],
  });
  const { store } = load(
    set,
    configMap('extra', { IP: 'autodetect', AS: '64513' }),
    configMap('felix', { VXLANMTU: '1400' }),
  );
  const env = calicoNodeSettings(store)?.env;
  t.same(
    ['IP', 'AS', 'FELIX_VXLANMTU'].map((name) => text(env?.get(name))),
    ['none', '64513', '1400'],
  );
  t.end();
});

const view = (store: Store, name: string) => {
  const found = calicoNode(store, name);
  return {
    address: found?.bgp?.ipv4Address && formatCidr(found.bgp.ipv4Address),
    vxlan: found?.ipv4VXLANTunnelAddr === undefined ? undefined : formatIp(found.ipv4VXLANTunnelAddr),
    ipip: found?.bgp?.ipv4IPIPTunnelAddr === undefined ? undefined : formatIp(found.bgp.ipv4IPIPTunnelAddr),
    as: found?.bgp?.asNumber,
  };
};

t.test('a node’s Calico part reads alike from annotations and from Calico’s own Node', (t) => {
  const annotations = {
    'projectcalico.org/IPv4Address': '172.18.0.2/24',
    'projectcalico.org/IPv4VXLANTunnelAddr': '192.168.166.128',
    'projectcalico.org/IPv4IPIPTunnelAddr': '192.168.166.129',
    'projectcalico.org/ASNumber': '65000.1',
  };
  const { store, errors } = load(
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', annotations } },
    {
      apiVersion: 'projectcalico.org/v3',
      kind: 'Node',
      metadata: { name: 'n2' },
      spec: {
        bgp: { ipv4Address: '172.18.0.2/24', ipv4IPIPTunnelAddr: '192.168.166.129', asNumber: '65000.1' },
        ipv4VXLANTunnelAddr: '192.168.166.128',
      },
    },
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n3' } },
  );
  t.same(errors, []);
  t.same(view(store, 'n1'), {
    address: '172.18.0.2/24',
    vxlan: '192.168.166.128',
    ipip: '192.168.166.129',
    as: 65000 * 65536 + 1,
  });
  t.same(view(store, 'n2'), view(store, 'n1'));
  t.equal(calicoNode(store, 'n3')?.bgp, undefined, 'a node without Calico has no BGP section');
  t.equal(calicoNode(store, 'n4'), undefined);
  t.same(
    calicoNodes(store).map(({ name }) => name),
    ['n1', 'n2', 'n3'],
  );
  t.end();
});

t.test('kubeadm’s pod subnets are read from its ConfigMap', (t) => {
  const yaml =
    'apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nnetworking:\n  podSubnet: 10.244.0.0/16,fd00:10:244::/56\n  serviceSubnet: 10.96.0.0/12\n';
  const { store } = load(configMap('kubeadm-config', { ClusterConfiguration: yaml }));
  t.same(kubeadmNetworking(store).podSubnets.map(formatCidr), ['10.244.0.0/16', 'fd00:10:244::/56']);
  t.same(kubeadmNetworking(load().store).podSubnets, []);
  t.end();
});

t.test('kubeadm’s pod subnet gives nodes their ranges, where they have none', (t) => {
  const cidrs = (configuration: string, ...nodes: readonly object[]) => {
    const { store } = load(configMap('kubeadm-config', { ClusterConfiguration: configuration }), ...nodes);
    giveNodeCidrs(store);
    return store.list('Node').map(({ name, spec }) => [name, ...spec.podCIDRs.map(formatCidr)]);
  };
  const networking = (podSubnet: string): string => `networking: {podSubnet: "${podSubnet}"}\n`;
  const [a, b] = [node('a'), node('b', { spec: { podCIDRs: ['10.244.0.0/24'] } })];
  t.same(cidrs(networking('10.244.0.0/16,fd00:10:244::/56'), a, node('c')), [
    ['a', '10.244.0.0/24', 'fd00:10:244::/64'],
    ['c', '10.244.1.0/24', 'fd00:10:244:1::/64'],
  ]);
  t.same(cidrs(networking('10.244.0.0/16'), a, b), [
    ['a', '10.244.1.0/24'],
    ['b', '10.244.0.0/24'],
  ]);
  t.same(cidrs(networking('10.244.0.0/24'), a, b), [['a'], ['b', '10.244.0.0/24']], 'none is left');
  const v1beta4 = 'controllerManager: {extraArgs: [{name: node-cidr-mask-size, value: "26"}]}\n';
  t.same(cidrs(networking('10.244.0.0/16') + v1beta4, a, node('c')), [
    ['a', '10.244.0.0/26'],
    ['c', '10.244.0.64/26'],
  ]);
  const v1beta3 = 'controllerManager: {extraArgs: {node-cidr-mask-size-ipv4: "20"}}\n';
  t.same(cidrs(networking('10.244.0.0/16') + v1beta3, a), [['a', '10.244.0.0/20']]);
  t.same(cidrs('', a), [['a']]);
  t.end();
});

t.test('a pool has its API’s defaults', (t) => {
  const pool = (spec: object) =>
    load({ apiVersion: 'crd.projectcalico.org/v1', kind: 'IPPool', metadata: { name: 'p' }, spec }).store.get(
      'IPPool',
      '',
      'p',
    )?.spec;
  t.match(pool({ cidr: '10.0.0.0/16' }), {
    ipipMode: 'Never',
    vxlanMode: 'Never',
    natOutgoing: false,
    blockSize: 26,
    nodeSelector: 'all()',
    allowedUses: ['Workload', 'Tunnel'],
    assignmentMode: 'Automatic',
  });
  t.equal(pool({ cidr: 'fd00::/64' })?.blockSize, 122);
  t.equal(pool({ cidr: '10.0.0.0/28', blockSize: 28 })?.blockSize, 28);
  t.equal(pool({ cidr: '10.0.0.0/27', blockSize: 26 }), undefined, 'a pool smaller than a block is refused');
  t.end();
});

t.test('IPAM’s records are read as the datastore writes them', (t) => {
  const { store, errors } = load(
    {
      apiVersion: 'crd.projectcalico.org/v1',
      kind: 'IPAMBlock',
      metadata: { name: '192-168-166-128-26' },
      spec: {
        cidr: '192.168.166.128/26',
        affinity: 'host:node1',
        allocations: [0, null, 1],
        unallocated: [1],
        attributes: [
          { handle_id: 'vxlan-tunnel-addr-node1', secondary: { node: 'node1', type: 'vxlanTunnelAddress' } },
          { handle_id: 'k8s-pod-network.abc' },
        ],
        strictAffinity: false,
        deleted: false,
      },
    },
    {
      apiVersion: 'crd.projectcalico.org/v1',
      kind: 'BlockAffinity',
      metadata: { name: 'node1-x' },
      spec: { cidr: '192.168.166.128/26', node: 'node1', state: 'confirmed', deleted: 'false' },
    },
    {
      apiVersion: 'projectcalico.org/v3',
      kind: 'BlockAffinity',
      metadata: { name: 'node2-x' },
      spec: { cidr: '10.0.0.0/26', node: 'node2', state: '', deleted: true },
    },
    {
      apiVersion: 'projectcalico.org/v3',
      kind: 'IPAMConfiguration',
      metadata: { name: 'default' },
      spec: { strictAffinity: true },
    },
  );
  t.same(errors, []);
  const block = store.get('IPAMBlock', '', '192-168-166-128-26')?.spec;
  t.same(block?.allocations, [0, null, 1]);
  t.equal(block?.attributes[0]?.handle_id, 'vxlan-tunnel-addr-node1');
  t.same(
    store.list('BlockAffinity').map(({ spec }) => [spec.node, spec.state, spec.deleted]),
    [
      ['node1', 'confirmed', false],
      ['node2', '', true],
    ],
  );
  t.match(store.get('IPAMConfig', '', 'default')?.spec, { strictAffinity: true, autoAllocateBlocks: true });
  t.end();
});

t.test('Felix’s settings are kept as given, beside those that have a type', (t) => {
  const { store } = load({
    apiVersion: 'crd.projectcalico.org/v1',
    kind: 'FelixConfiguration',
    metadata: { name: 'default' },
    spec: { vxlanMTU: 1400, logSeverityScreen: 'Info' },
  });
  t.match(store.get('FelixConfiguration', '', 'default')?.spec, {
    vxlanMTU: 1400,
    fields: { vxlanMTU: 1400, logSeverityScreen: 'Info' },
  });
  t.end();
});
