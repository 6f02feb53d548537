import t from 'tap';
import { autoAssign } from '../../src/calico/ipam/auto-assign.js';
import { recordIpam, storedIpam } from '../../src/calico/datastore/ipam.js';
import { releaseByHandle } from '../../src/calico/ipam/release.js';
import { KINDS, type Kind, loadCluster, Store } from '../../src/kubernetes/index.js';
import { ipamContext, pool } from './samples.js';

const CALICO_GROUPS = ['crd.projectcalico.org/v1', 'projectcalico.org/v3'];

/** A body that each kind takes. */
const BODIES: Readonly<Record<string, string>> = {
  IPPool: '{cidr: 10.0.0.0/16}',
  IPAMBlock:
    '{cidr: 10.0.0.0/30, affinity: "host:node1", allocations: [null, 0, null, null], unallocated: [0, 2, 3], attributes: [{handle_id: h}], sequenceNumber: 1745349312398765432, deleted: false}',
  BlockAffinity: '{cidr: 10.0.0.0/30, node: node1, state: confirmed, deleted: "false"}',
  IPAMHandle: '{handleID: h, block: {10.0.0.0/30: 1}, deleted: false}',
  IPReservation: '{reservedCIDRs: [10.0.0.1, 10.0.0.4/30]}',
  HostEndpoint: '{node: node1, interfaceName: eth0}',
  BGPPeer: '{peerIP: 192.0.2.1, asNumber: 64512}',
};

const CALICO_KINDS = Object.entries(KINDS).filter(([, { groups }]) => groups.includes('projectcalico.org'));

for (const [kind, { kind: written, namespaced }] of CALICO_KINDS) {
  t.test(`${kind} is read in both API forms, and watched`, async (t) => {
    for (const apiVersion of CALICO_GROUPS) {
      const namespace = namespaced ? ', namespace: shop' : '';
      const text = `apiVersion: ${apiVersion}\nkind: ${written}\nmetadata: {name: default${namespace}}\nspec: ${BODIES[kind] ?? '{}'}\n`;
      const { store, errors } = loadCluster([{ file: 'c.yaml', text }], { seed: 1 });
      t.same(errors, [], apiVersion);
      const name = kind as Kind;
      const [object] = store.list(name);
      if (object === undefined) return t.fail('nothing was read');
      const events: string[] = [];
      const other = new Store();
      const stop = other.watch(name, (event) => events.push(event.type));
      other.put(name, object);
      other.put(name, object);
      other.delete(name, object.namespace, object.name);
      stop();
      other.put(name, object);
      t.same(events, ['added', 'modified', 'deleted'], apiVersion);
    }
    return undefined;
  });
}

t.test("IPAM's state is told to who watches: what has changed, and no more", async (t) => {
  const store = new Store();
  const ipam = storedIpam(store);
  const context = ipamContext([pool('10.1.0.0/24')], { node1: {}, node2: {} });
  const events: string[] = [];
  for (const kind of ['IPAMBlock', 'BlockAffinity', 'IPAMHandle'] as const)
    store.watch(kind, ({ type, object }) => events.push(`${type} ${kind} ${object.name}`));
  const take = (host: string, handleId: string) =>
    autoAssign(ipam, { host, version: 4, count: 1, use: 'Workload', handleId, attributes: { node: host } }, context);
  const told = (): string[] => {
    recordIpam(store, ipam);
    return events.splice(0);
  };
  take('node1', 'k8s-pod-network.A');
  const [block] = ipam.blocks();
  const name = `10-1-0-${Number(block?.cidr.value ?? 0n) & 0xff}-26`;
  t.same(told(), [
    `added IPAMBlock ${name}`,
    `added BlockAffinity node1-${name}`,
    'added IPAMHandle k8s-pod-network.a',
  ]);
  t.same(told(), []);
  take('node1', 'k8s-pod-network.b');
  t.same(told(), [`modified IPAMBlock ${name}`, 'added IPAMHandle k8s-pod-network.b']);
  releaseByHandle(ipam, 'k8s-pod-network.b', context);
  t.same(told(), [`modified IPAMBlock ${name}`, 'deleted IPAMHandle k8s-pod-network.b']);
  t.same(
    storedIpam(store)
      .blocks()
      .map(({ allocations, unallocated }) => [allocations, unallocated]),
    ipam.blocks().map(({ allocations, unallocated }) => [allocations, unallocated]),
    'what was recorded reads as it was',
  );
  t.same(store.get('BlockAffinity', '', `node1-${name}`)?.labels['projectcalico.org/affinity-type'], 'host');
});
