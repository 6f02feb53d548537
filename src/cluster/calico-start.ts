/** What calico-node does when the first node starts: the default pool, where there is none. */

import {
  addressOfIpv4,
  cidrFromStore,
  defaultPools,
  type Environment,
  formatCidr,
  type IpPool,
  ipv4Of,
  nodeAddress,
  nodeEnvironment,
  StartupError,
  storedInternalIps,
  storedPools,
} from '../calico/index.js';
import {
  calicoNode,
  calicoNodeSettings,
  type Finding,
  finding,
  kubeadmPodSubnets,
  NODE_ANNOTATIONS,
  type ObjectOf,
  type Store,
  unwritten,
} from '../kubernetes/index.js';
import type { NetworkPlan } from '../underlay/index.js';

export interface CalicoStart {
  /** False where nothing in the input speaks of Calico and another CNI is configured. */
  readonly used: boolean;
  readonly findings: readonly Finding[];
}

const CALICO_KINDS = [
  'IPPool',
  'FelixConfiguration',
  'ClusterInformation',
  'CalicoNode',
  'BGPConfiguration',
  'IPAMBlock',
] as const;

/** Whether anything in the input is Calico's. */
export const speaksOfCalico = (store: Store): boolean =>
  calicoNodeSettings(store) !== undefined || CALICO_KINDS.some((kind) => store.list(kind).length > 0);

/** What is assumed for a cluster that says nothing of its network. */
const ASSUMED: Environment = { CALICO_IPV4POOL_VXLAN: 'Always', CALICO_IPV4POOL_IPIP: 'Never' };

function poolObject(pool: IpPool, from: string): ObjectOf<'IPPool'> {
  const { name, blockSize, ipipMode, vxlanMode, natOutgoing, nodeSelector, allowedUses, assignmentMode } = pool;
  return {
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
    namespace: '',
    name,
    labels: {},
    annotations: {},
    uid: undefined,
    ownerReferences: [],
    terminating: false,
    source: unwritten(from),
    spec: {
      cidr: { addr: ipv4Of(pool.cidr), length: pool.cidr.length },
      blockSize,
      ipipMode,
      vxlanMode,
      natOutgoing,
      disabled: pool.disabled,
      disableBGPExport: pool.disableBgpExport,
      nodeSelector,
      namespaceSelector: pool.namespaceSelector,
      allowedUses: [...allowedUses],
      ipip: undefined,
      'nat-outgoing': undefined,
      assignmentMode,
    },
  };
}

/** Makes the default pool in the store. `otherCni`: a HostConfig brings a network configuration of its own. */
export function startCalico(store: Store, plan: NetworkPlan, otherCni: boolean): CalicoStart {
  const spoken = speaksOfCalico(store);
  if (!spoken && otherCni) return { used: false, findings: [] };
  const settings = calicoNodeSettings(store);
  const [firstNode] = store.list('Node');
  if (firstNode === undefined) return { used: spoken, findings: [] };
  const environment = settings === undefined ? ASSUMED : nodeEnvironment(settings, firstNode.name);
  const hostAddresses = (plan.machines.get(firstNode.name)?.interfaces ?? []).flatMap(({ address }) =>
    address === undefined ? [] : [addressOfIpv4(address)],
  );
  const findings: Finding[] = [];
  try {
    const pools = defaultPools(environment, {
      existing: storedPools(store),
      kubeadmPodSubnets: kubeadmPodSubnets(store).map(cidrFromStore),
      hostAddresses,
      ipv6Supported: false,
      uniqueLocalPrefix: () => ({ version: 6, value: 0xfdn << 120n, length: 48 }),
    });
    for (const pool of pools) {
      store.put('IPPool', poolObject(pool, settings?.daemonSet.source.file ?? '<assumed>'));
      if (settings === undefined) findings.push(assumed(store, pool));
    }
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    const subject = settings?.daemonSet ?? firstNode;
    findings.push(
      finding(subject, [], {
        code: 'calico-setting',
        severity: 'warning',
        message: `calico-node does not start: ${error.message}`,
      }),
    );
  }
  findings.push(...recordNodeAddresses(store, plan, environment));
  return { used: true, findings };
}

/** calico-node's address detection, for nodes that have no address on record yet. */
function recordNodeAddresses(store: Store, plan: NetworkPlan, environment: Environment): Finding[] {
  return store.list('Node').flatMap((node) => {
    if (calicoNode(store, node.name)?.bgp?.ipv4Address !== undefined) return [];
    const interfaces = (plan.machines.get(node.name)?.interfaces ?? []).map(({ name, address, prefixLength }) => ({
      name,
      addresses: address === undefined ? [] : [{ ...addressOfIpv4(address), length: prefixLength }],
    }));
    const host = { interfaces, internalIps: storedInternalIps(store, node.name), sourceFor: () => undefined };
    try {
      const found = nodeAddress(environment, 4, host);
      if (found !== undefined) {
        const annotations = { ...node.annotations, [NODE_ANNOTATIONS.ipv4Address]: formatCidr(found) };
        store.put('Node', { ...node, annotations });
        return [];
      }
      return [
        finding(node, [], {
          code: 'calico-setting',
          severity: 'warning',
          message: 'calico-node finds no address of this node',
        }),
      ];
    } catch (error) {
      if (!(error instanceof StartupError)) throw error;
      return [
        finding(node, [], {
          code: 'calico-setting',
          severity: 'warning',
          message: `calico-node does not start: ${error.message}`,
        }),
      ];
    }
  });
}

function assumed(store: Store, pool: IpPool): Finding {
  const [subject] = store.list('Node');
  if (subject === undefined) throw new Error('assertion failed: there is a node');
  const message = `no CNI configuration and no IPPool in the input: Calico with VXLAN and the pool ${formatCidr(pool.cidr)} is assumed`;
  return finding(subject, [], { code: 'cni-assumed', severity: 'notice', message });
}
