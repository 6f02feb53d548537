/**
 * A port of a Service as a proxier of one family sees it (pkg/proxy/serviceport.go:BaseServicePortInfo).
 * Kubernetes objects end here: behind this there are texts and numbers.
 */

import {
  type Cidr,
  type EndpointSlice,
  formatCidr,
  formatIp,
  type IpAddress,
  labelOf,
  networkOf,
  type Service,
  type ServicePort as ServicePortSpec,
} from '../../kubernetes/index.js';
import { cidrFamily, familyOf, type IpFamily } from '../family.js';
import type { Features } from '../config/features.js';

export type ProxyProtocol = 'tcp' | 'udp' | 'sctp';

export interface ServicePort {
  readonly namespace: string;
  readonly name: string;
  readonly portName: string;
  readonly protocol: ProxyProtocol;
  /** `ns/name`, `ns/name:port`: ServicePortName.String(), which comments and hashes are made of. */
  readonly spn: string;
  readonly clusterIp: string;
  readonly port: number;
  /** 0 for none. */
  readonly nodePort: number;
  readonly externalIps: readonly string[];
  /** Addresses of load balancers that nodes answer for themselves. */
  readonly loadBalancerVips: readonly string[];
  /** Empty: from everywhere. */
  readonly sourceRanges: readonly Cidr[];
  /** 0 without affinity. */
  readonly affinitySeconds: number;
  readonly internalPolicyLocal: boolean;
  readonly externalPolicyLocal: boolean;
  /** 0 for none. */
  readonly healthCheckNodePort: number;
  /** The annotation that versions before 1.33 want before they look at hints. */
  readonly wantsHints: boolean;
}

/** From outside the cluster, by whatever address (ExternallyAccessible()). */
export const externallyAccessible = ({ nodePort, loadBalancerVips, externalIps }: ServicePort): boolean =>
  nodePort !== 0 || loadBalancerVips.length > 0 || externalIps.length > 0;

/** Even with both policies Local, traffic from pods and from the node itself may go anywhere. */
export const usesClusterEndpoints = (port: ServicePort): boolean =>
  !port.internalPolicyLocal || externallyAccessible(port);

export const usesLocalEndpoints = (port: ServicePort): boolean =>
  port.internalPolicyLocal || (port.externalPolicyLocal && externallyAccessible(port));

/** `kubernetes.io/service-name` of EndpointSlices leads to this. */
export const serviceKey = (namespace: string, name: string): string => `${namespace}/${name}`;

/** A Service port's identity: ServicePortName with its protocol. */
export const portKey = ({ spn, protocol }: Pick<ServicePort, 'spn' | 'protocol'>): string => `${spn}/${protocol}`;

export const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name';
const HEADLESS_LABEL = 'service.kubernetes.io/headless';

/** The label for which kube-proxy does not watch a Service or an EndpointSlice (cmd/kube-proxy/app/server.go), or undefined. */
export const unwatchedFor = ({ labels }: Pick<Service | EndpointSlice, 'labels'>): string | undefined =>
  [PROXY_NAME_LABEL, HEADLESS_LABEL].find((label) => labelOf(labels, label) !== undefined);

const HINT_ANNOTATIONS = ['service.kubernetes.io/topology-aware-hints', 'service.kubernetes.io/topology-mode'] as const;

const ofFamily = (addresses: readonly IpAddress[], family: IpFamily): string[] =>
  addresses.filter((address) => familyOf(address) === family).map(formatIp);

/** A range that holds every address makes the whole list say nothing. */
function sourceRangesOf({ spec }: Service, family: IpFamily): readonly Cidr[] {
  const ranges = spec.loadBalancerSourceRanges.filter((range) => cidrFamily(range) === family).map(networkOf);
  return ranges.some(({ length }) => length === 0) ? [] : ranges;
}

function vipsOf({ status }: Service, family: IpFamily, { loadBalancerIpMode }: Features): string[] {
  const captured = status.loadBalancer.ingress.filter(({ ipMode }) => !loadBalancerIpMode || ipMode !== 'Proxy');
  const addresses = captured.map(({ ip }) => ip).filter((ip) => ip !== undefined);
  return ofFamily(addresses, family);
}

/** pkg/api/v1/service/util.go:ExternalPolicyLocal(). */
function externalPolicyLocal({ spec }: Service): boolean {
  if (spec.externalTrafficPolicy !== 'Local') return false;
  return (
    spec.type === 'LoadBalancer' ||
    spec.type === 'NodePort' ||
    (spec.type === 'ClusterIP' && spec.externalIPs.length > 0)
  );
}

function wantsHints({ annotations }: Service): boolean {
  const given = HINT_ANNOTATIONS.map((key) => labelOf(annotations, key)).find((value) => value !== undefined);
  return given === 'Auto' || given === 'auto';
}

const PROTOCOLS = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;

/**
 * What a proxier of that family makes of a Service; empty for one that it passes over
 * (pkg/proxy/util/utils.go:ShouldSkipService()).
 */
export function servicePorts(service: Service, family: IpFamily, features: Features): readonly ServicePort[] {
  const { namespace, name, spec } = service;
  if (spec.headless || spec.type === 'ExternalName' || unwatchedFor(service) !== undefined) return [];
  const clusterIp = ofFamily(spec.clusterIPs, family)[0];
  if (clusterIp === undefined) return [];
  const policyLocal = externalPolicyLocal(service);
  const shared = {
    namespace,
    name,
    clusterIp,
    externalIps: ofFamily(spec.externalIPs, family),
    loadBalancerVips: vipsOf(service, family, features),
    sourceRanges: sourceRangesOf(service, family),
    affinitySeconds: spec.sessionAffinity === 'ClientIP' ? spec.sessionAffinityTimeoutSeconds : 0,
    internalPolicyLocal: spec.internalTrafficPolicy === 'Local',
    externalPolicyLocal: policyLocal,
    healthCheckNodePort: spec.type === 'LoadBalancer' && policyLocal ? spec.healthCheckNodePort : 0,
    wantsHints: wantsHints(service),
  };
  return spec.ports.map(({ name: portName, protocol, port, nodePort }: ServicePortSpec) => ({
    portName,
    protocol: PROTOCOLS[protocol],
    spn: portName === '' ? `${namespace}/${name}` : `${namespace}/${name}:${portName}`,
    port,
    nodePort,
    ...shared,
  }));
}

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, i) => text === b[i]);

/** Whether rules made of them are the same. */
export const sameServicePort = (a: ServicePort, b: ServicePort): boolean =>
  a === b ||
  (portKey(a) === portKey(b) &&
    a.clusterIp === b.clusterIp &&
    a.port === b.port &&
    a.nodePort === b.nodePort &&
    a.affinitySeconds === b.affinitySeconds &&
    a.internalPolicyLocal === b.internalPolicyLocal &&
    a.externalPolicyLocal === b.externalPolicyLocal &&
    a.healthCheckNodePort === b.healthCheckNodePort &&
    a.wantsHints === b.wantsHints &&
    sameTexts(a.externalIps, b.externalIps) &&
    sameTexts(a.loadBalancerVips, b.loadBalancerVips) &&
    sameTexts(a.sourceRanges.map(formatCidr), b.sourceRanges.map(formatCidr)));
