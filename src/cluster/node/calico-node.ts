/** Calico on one node in the converged mode: its files, its CNI plugins, Felix. */

import {
  applyFelix,
  applyFelixDevices,
  calicoIpam,
  calicoPlugin,
  computeFelix,
  computeFelixDevices,
  endConnections,
  type FelixCluster,
  type FelixConfig,
  FelixDatastore,
  type FelixHost,
  felixLayers,
  type FelixRoute,
  type HostInterface,
  lacksMarks,
  parseCidr,
  type PluginDatastore,
  readFelixConfig,
  recordedIpam,
  storedBackend,
  usesWireguard,
  workloadInterfaces,
  type WorkloadInterfaces,
  workloadRoutes,
} from '../../calico/index.js';
import { type PluginBinaries, REFERENCE_PLUGINS } from '../../cni/index.js';
import type { Host } from '../../kernel/index.js';
import { calicoNodeSettings, type Finding, finding, type Store } from '../../kubernetes/index.js';
import { formatIpv4 } from '../../packet/index.js';
import type { Allocations } from '../addresses/allocations.js';

/** install-cni's own file, for a cluster whose manifests do not say. */
const DEFAULT_CONFLIST = `{
  "name": "k8s-pod-network",
  "cniVersion": "0.3.1",
  "plugins": [
    {
      "type": "calico",
      "log_level": "info",
      "datastore_type": "kubernetes",
      "nodename": "__KUBERNETES_NODE_NAME__",
      "mtu": __CNI_MTU__,
      "ipam": {"type": "calico-ipam"},
      "policy": {"type": "k8s"},
      "kubernetes": {"kubeconfig": "__KUBECONFIG_FILEPATH__"}
    },
    {"type": "portmap", "snat": true, "capabilities": {"portMappings": true}},
    {"type": "bandwidth", "capabilities": {"bandwidth": true}}
  ]
}
`;

/** Everything about Calico that all nodes share. */
export class CalicoCluster {
  readonly #store: Store;
  readonly #allocations: Allocations;
  /** What all Felixes of the cluster read. */
  readonly #datastore: FelixDatastore;
  /** Of the nodes on which Felix has run. */
  readonly #workloads = new WeakMap<Host, WorkloadInterfaces>();
  readonly #runsOn: (node: string) => boolean;

  /** `runsOn`: whether calico-node has started on a node. */
  constructor(store: Store, allocations: Allocations, runsOn: (node: string) => boolean) {
    this.#runsOn = runsOn;
    this.#store = store;
    this.#allocations = allocations;
    this.#datastore = new FelixDatastore(store, allocations.ipam);
  }

  /** The cluster as every Felix sees it now. */
  get felix(): FelixCluster {
    return this.#datastore.cluster;
  }

  /** Routes to the pods of a node, without all else that its Felix would program. */
  workloadRoutes(node: string): readonly FelixRoute[] {
    const { config } = readFelixConfig(felixLayers(this.#store, node));
    return workloadRoutes({ config, endpoints: this.#datastore.endpointsOf(node) });
  }

  /** The plugins of a node's /opt/cni/bin. Addresses are those on record; a pod without one gets the next. */
  binaries(): PluginBinaries {
    const datastore: PluginDatastore = {
      store: this.#store,
      ipam: this.#allocations.ipam,
      ipamContext: this.#allocations.context,
    };
    return new Map([
      ...REFERENCE_PLUGINS,
      ['calico', calicoPlugin(datastore)] as const,
      ['calico-ipam', recordedIpam(datastore, calicoIpam(datastore))] as const,
    ]);
  }

  /** What install-cni writes before the first pod starts, and calico-node where it comes to run. */
  install(host: Host): void {
    const settings = calicoNodeSettings(this.#store);
    const mtu = settings?.installEnv.get('CNI_MTU');
    const name = settings?.installEnv.get('CNI_CONF_NAME');
    const file = name?.kind === 'text' ? name.text : '10-calico.conflist';
    const template = settings?.cniNetworkConfig ?? DEFAULT_CONFLIST;
    const content = template
      .replaceAll('__KUBERNETES_NODE_NAME__', host.name)
      .replaceAll('__CNI_MTU__', mtu?.kind === 'text' && mtu.text !== '' ? mtu.text : '0')
      .replaceAll('__KUBECONFIG_FILEPATH__', '/etc/cni/net.d/calico-kubeconfig');
    host.files.set(`/etc/cni/net.d/${file}`, content);
    if (!this.#runsOn(host.name)) return;
    host.files.set('/var/lib/calico/nodename', host.name);
    const { mtu: mtus, ipip } = computeFelixDevices(this.felix, this.#host(host));
    host.files.set('/var/lib/calico/mtu', String(mtus.pod));
    // Felix runs before the first pod does: the module is there, and with it tunl0 in every pod's namespace.
    if (ipip !== undefined) host.loadModule('ipip');
  }

  /** What runit starts on the node (node/filesystem/etc/rc.local); nothing where calico-node does not run. */
  daemonsOn(node: string): readonly string[] {
    if (!this.#runsOn(node)) return [];
    const speaksBgp = storedBackend(this.#store, node) === 'bird';
    return ['node-services', 'felix', ...(speaksBgp ? ['bird', 'bird6', 'confd'] : [])];
  }

  /** Felix with everything that is on the node now, its own tunnel devices among it; what the kernel refused. */
  runFelix(host: Host): readonly Finding[] {
    if (!this.#runsOn(host.name)) return [];
    const node = this.#store.get('Node', '', host.name);
    const refused = this.#applyFelix(host);
    if (node === undefined) return [];
    return refused.map((message) =>
      finding(node, [], { code: 'calico-setting', severity: 'warning', message: `Felix: ${message}` }),
    );
  }

  #applyFelix(host: Host): readonly string[] {
    const { config: ownership, fatal } = readFelixConfig(felixLayers(this.#store, host.name));
    const [reason = lacksMarks(ownership.markMask, usesWireguard(ownership))] = fatal;
    if (reason !== undefined) return [`it does not start, and nothing of it is programmed: ${reason}`];
    applyFelixDevices(computeFelixDevices(this.felix, this.#host(host)), host);
    const state = computeFelix(this.felix, this.#host(host));
    const refused = applyFelix(state, host, ownership);
    const before = this.#workloads.get(host);
    const now = workloadInterfaces(state);
    if (before !== undefined) endConnections(host.netns, before, now);
    this.#workloads.set(host, now);
    return refused;
  }

  #config(host: Host): FelixConfig {
    return readFelixConfig(felixLayers(this.#store, host.name)).config;
  }

  #host(host: Host): FelixHost {
    return {
      node: host.name,
      config: this.#config(host),
      interfaces: hostInterfaces(host),
      endpoints: this.#datastore.endpointsOf(host.name),
    };
  }
}

/** The host's interfaces as Felix reads them from the kernel. */
const hostInterfaces = (host: Host): HostInterface[] =>
  [...host.netns.devices].map(({ name, up, mtu, addresses }) => ({
    name,
    up,
    mtu,
    addresses: addresses.flatMap(
      ({ address, prefixLength }) => parseCidr(`${formatIpv4(address)}/${prefixLength}`) ?? [],
    ),
  }));
