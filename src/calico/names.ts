/**
 * Names that Calico derives: interfaces, MAC addresses, chains, IP sets, hashes of rules. Everything here
 * must come out to the letter, since other components and the operator's tools look things up by it.
 * Counterparts: libcalico-go/lib/names, lib/hash, felix/rules, felix/generictables.
 */

import { type Mac, mac } from '../packet/index.js';
import { base32, base64Url, digest } from './digest.js';

const IFNAME_HEX_DIGITS = 11; // with `cali`, the kernel's limit of 15 characters (IFNAMSIZ - 1)

/** Host end of a Kubernetes pod's veth: the pod's name decides, so a new sandbox reuses it. */
export const vethName = (namespace: string, pod: string, prefix = 'cali'): string =>
  prefix + digest('sha1', `${namespace}.${pod}`).toString('hex').slice(0, IFNAME_HEX_DIGITS);

/** Host end of the veth under any other orchestrator. */
export const vethNameOfContainer = (containerId: string, prefix = 'cali'): string =>
  prefix + containerId.slice(0, IFNAME_HEX_DIGITS);

/** WorkloadEndpoint resource name: the parts joined by `-`, each `-` inside one doubled. */
export const workloadEndpointName = (node: string, pod: string, endpoint = 'eth0'): string =>
  [node, 'k8s', pod, endpoint].map((part) => part.replaceAll('-', '--')).join('-');

/** MAC of a node's VXLAN device, which every other node can work out from its name. */
export function vtepMac(node: string, version: 4 | 6 = 4): Mac {
  const hash = digest('sha1', version === 4 ? node : `${node}-v6`);
  return mac(0x66 * 2 ** 40 + hash.readUIntBE(0, 5));
}

/** A name that is cut to a limit: what does not fit becomes `_` and a part of its SHA-256. */
export function lengthLimitedId(prefix: string, suffix: string, max: number): string {
  const wanted = suffix === '' ? '_' : suffix;
  const length = prefix.length + wanted.length;
  // A name that fits exactly and starts with `_` would look like a cut one.
  if (length < max || (length === max && !wanted.startsWith('_'))) return prefix + wanted;
  return `${prefix}_${base64Url(digest('sha256', wanted))}`.slice(0, max);
}

/** Longest chain name of iptables, less the room that `iptables` needs. */
const MAX_CHAIN_NAME = 28;

export const endpointChainName = (prefix: string, interfaceName: string): string =>
  lengthLimitedId(prefix, interfaceName, MAX_CHAIN_NAME);

export const profileChainName = (prefix: 'cali-pri-' | 'cali-pro-', profile: string): string =>
  lengthLimitedId(prefix, profile, MAX_CHAIN_NAME);

/** The short form of a policy's kind that its chain carries. */
export const POLICY_KIND_PREFIX = {
  NetworkPolicy: 'np',
  GlobalNetworkPolicy: 'gnp',
  KubernetesNetworkPolicy: 'knp',
  KubernetesClusterNetworkPolicy: 'kcnp',
  StagedNetworkPolicy: 'snp',
  StagedGlobalNetworkPolicy: 'sgnp',
  StagedKubernetesNetworkPolicy: 'sknp',
} as const;

export type PolicyKind = keyof typeof POLICY_KIND_PREFIX;

export interface PolicyId {
  readonly kind: PolicyKind;
  readonly namespace: string;
  readonly name: string;
}

export const isStaged = ({ kind }: PolicyId): boolean => kind.startsWith('Staged');

/** `knp/<namespace>/<name>`, `gnp/<name>`. */
const policyIdText = ({ kind, namespace, name }: PolicyId): string =>
  [POLICY_KIND_PREFIX[kind], ...(namespace === '' ? [] : [namespace]), name].join('/');

export const policyChainName = (prefix: 'cali-pi-' | 'cali-po-', policy: PolicyId): string =>
  lengthLimitedId(prefix, policyIdText(policy), MAX_CHAIN_NAME);

const MAX_NFLOG_PREFIX = 63; // struct xt_nflog_info, less the closing zero
const NFLOG_PREFIX_KEPT = 10;

/** What a rule tells the collector of flows; what does not fit keeps both its ends; felix/rules/nflogprefix.go:maybeHash(). */
export function nflogPrefix(text: string): string {
  if (text.length < MAX_NFLOG_PREFIX) return text;
  const hash = lengthLimitedId('', text, MAX_NFLOG_PREFIX - 2 * NFLOG_PREFIX_KEPT - 1);
  return `${text.slice(0, NFLOG_PREFIX_KEPT)}${hash}_${text.slice(-NFLOG_PREFIX_KEPT)}`;
}

const GROUP_ID_LENGTH = 20;

/** A group of policies with one selector, named after all that decides what it does. */
export function policyGroupChainName(
  direction: 'inbound' | 'outbound',
  selector: string,
  policies: readonly PolicyId[],
): string {
  const lines = [
    selector,
    direction,
    String(policies.length),
    ...policies.map(({ name, namespace, kind }) => `{Name: ${name}, Namespace: ${namespace}, Kind: ${kind}}`),
  ];
  const id = base64Url(digest('sha3-224', lines.map((line) => `${line}\n`).join('')));
  return (direction === 'inbound' ? 'cali-gi-' : 'cali-go-') + id.slice(0, GROUP_ID_LENGTH);
}

/** Id of what has no name of its own, as `s:` of a selector's canonical text. */
export const uniqueId = (prefix: string, content: string): string =>
  `${prefix}:${base64Url(digest('sha224', `${prefix}:${content}`))}`;

const MAX_IPSET_NAME = 31; // IPSET_MAXNAMELEN - 1

export const ipsetName = (id: string, version: 4 | 6 = 4): string => `cali${version}0${id}`.slice(0, MAX_IPSET_NAME);

const RULE_HASH_LENGTH = 16;

/** What a rule's first comment starts with. */
export const RULE_HASH_PREFIX = 'cali:';

/**
 * The chained hashes of a chain's rules, each text being the rule as appended with `HASH` where its hash
 * comment goes. A change therefore renames every later rule.
 */
export function ruleHashes(chain: string, rules: readonly string[]): string[] {
  let state: Buffer = digest('sha224', chain);
  return rules.map((rule) => {
    state = digest('sha224', Buffer.concat([state, Buffer.from(rule)]));
    return base64Url(state).slice(0, RULE_HASH_LENGTH);
  });
}

/** Value of a BlockAffinity's `hostname-hash` label. */
export const hostnameHash = (host: string): string => base32(digest('sha3-256', host));

/** CALICO_ROUTER_ID=hash: an address made of the node's name, kept below multicast. */
export function routerIdHash(node: string): string {
  const [first = 0, ...rest] = digest('sha256', node).subarray(0, 4);
  return [first > 223 ? first - 32 : first, ...rest].join('.');
}

const FILTER_NAME_KEPT = 28;

/** BIRD's symbols end at 64 characters, and the decorations of a filter's function take some. */
export const bgpFilterName = (name: string, max = 45): string =>
  name.length <= max
    ? name
    : `${name.slice(0, FILTER_NAME_KEPT)}_${digest('sha256', name).toString('hex').slice(0, 16).toUpperCase()}`;
