/**
 * What a cloud's load balancer stands in front of: one Service's address, its ports, and the nodes behind it
 * (cloud-provider/controllers/service/controller.go). A pure function of objects.
 */

import { type Cidr, isIpv4, isIpv4Cidr, type KubeNode, labelOf, type Service } from '../../../kubernetes/index.js';
import type { Ipv4Addr } from '../../../packet/index.js';
import type { Cause } from '../../../trace/index.js';

const EXCLUDED = 'node.kubernetes.io/exclude-from-external-load-balancers';
const TO_BE_DELETED = 'ToBeDeletedByClusterAutoscaler';
/** kube-proxy's health server. */
const PROXY_HEALTH_PORT = 10_256;

export interface Target {
  readonly node: string;
  readonly address: Ipv4Addr;
}

/** How a node is asked whether it is well. */
export type Check =
  | { readonly kind: 'tcp'; readonly port: number }
  | { readonly kind: 'http'; readonly port: number; readonly path: string };

export interface FrontPort {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly nodePort: number;
}

export interface Front {
  /** `shop/web`. */
  readonly name: string;
  readonly address: Ipv4Addr;
  readonly ipMode: 'VIP' | 'Proxy';
  readonly ports: readonly FrontPort[];
  /** None: everybody. */
  readonly sourceRanges: readonly Cidr[];
  readonly check: Check;
  readonly because: readonly Cause[];
}

/** stableNodeSetPredicates: nodes that are not ready stay, their checks fail. */
export function targetsOf(nodes: readonly KubeNode[]): readonly Target[] {
  return nodes
    .filter(({ labels, spec }) => {
      const leaving = spec.taints.some(({ key }) => key === TO_BE_DELETED);
      return labelOf(labels, EXCLUDED) === undefined && !leaving;
    })
    .flatMap(({ name, status }) => {
      const address = status.internalIPs.find(isIpv4);
      return address === undefined ? [] : [{ node: name, address }];
    });
}

/** The policy Local has a port of its own that says where pods are; else a node is well when its node port, or its kube-proxy, answers. */
function checkOf({ spec }: Service, target: 'nodePort' | 'kubeProxy'): Check {
  if (spec.externalTrafficPolicy === 'Local' && spec.healthCheckNodePort !== 0)
    return { kind: 'http', port: spec.healthCheckNodePort, path: '/healthz' };
  const tcp = spec.ports.find(({ protocol, nodePort }) => protocol === 'TCP' && nodePort !== 0);
  return target === 'nodePort' && tcp !== undefined
    ? { kind: 'tcp', port: tcp.nodePort }
    : { kind: 'http', port: PROXY_HEALTH_PORT, path: '/healthz' };
}

/** SCTP is left out: no balancer here knows it. */
export function frontOf(
  service: Service,
  given: { readonly address: Ipv4Addr; readonly ipMode: 'VIP' | 'Proxy'; readonly target: 'nodePort' | 'kubeProxy' },
): Front {
  const { namespace, name, spec } = service;
  const ports = spec.ports.flatMap(({ protocol, port, nodePort }): FrontPort[] =>
    protocol === 'SCTP' ? [] : [{ protocol: protocol === 'TCP' ? 'tcp' : 'udp', port, nodePort }],
  );
  return {
    name: `${namespace}/${name}`,
    address: given.address,
    ipMode: given.ipMode,
    ports,
    sourceRanges: spec.loadBalancerSourceRanges.filter(isIpv4Cidr),
    check: checkOf(service, given.target),
    because: [{ kind: 'Service', namespace, name, detail: 'its load balancer' }],
  };
}
