/** Names of chains (pkg/proxy/iptables/proxier.go). */

import { hash } from 'node:crypto';
import type { ServicePort } from '../tracker/service-port.js';

export const CHAIN = {
  services: 'KUBE-SERVICES',
  externalServices: 'KUBE-EXTERNAL-SERVICES',
  nodePorts: 'KUBE-NODEPORTS',
  postrouting: 'KUBE-POSTROUTING',
  markMasq: 'KUBE-MARK-MASQ',
  forward: 'KUBE-FORWARD',
  proxyFirewall: 'KUBE-PROXY-FIREWALL',
  /** kubelet's too: both see to it. */
  kubeletFirewall: 'KUBE-FIREWALL',
  canary: 'KUBE-PROXY-CANARY',
} as const;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const NAME_LENGTH = 16;

/** The first 16 characters of base32(sha256(text)) (RFC 4648 §6): a chain's name has room for 28. */
function chainHash(text: string): string {
  const digest = hash('sha256', text, 'hex');
  let name = '';
  // 16 characters of 5 bits are 80 bits, 20 hex digits: each 5 digits are 4 characters.
  for (let at = 0; at < (NAME_LENGTH / 4) * 5; at += 5) {
    const bits = Number.parseInt(digest.slice(at, at + 5), 16);
    name +=
      ALPHABET.charAt(bits >>> 15) +
      ALPHABET.charAt((bits >>> 10) & 31) +
      ALPHABET.charAt((bits >>> 5) & 31) +
      ALPHABET.charAt(bits & 31);
  }
  return name;
}

export interface ServiceChains {
  /** Endpoints of the whole cluster, … */
  readonly cluster: string;
  /** … of this node, … */
  readonly local: string;
  /** … traffic from outside, … */
  readonly external: string;
  /** … and where load balancers have source ranges. */
  readonly firewall: string;
}

export function serviceChains({ spn, protocol }: ServicePort): ServiceChains {
  const name = chainHash(spn + protocol);
  return {
    cluster: `KUBE-SVC-${name}`,
    local: `KUBE-SVL-${name}`,
    external: `KUBE-EXT-${name}`,
    firewall: `KUBE-FW-${name}`,
  };
}

export const endpointChain = ({ spn, protocol }: ServicePort, endpoint: string): string =>
  `KUBE-SEP-${chainHash(spn + protocol + endpoint)}`;

const SERVICE_CHAIN = /^KUBE-(SVC|SVL|SEP|FW|EXT)-/;

/** A chain that belongs to one Service port, and goes with it. */
export const isServiceChain = (name: string): boolean => SERVICE_CHAIN.test(name);
