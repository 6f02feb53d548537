/** The `calico` plugin for Kubernetes; cni-plugin/pkg/plugin/plugin.go, pkg/k8s/k8s.go. */

import {
  type CniJson,
  type CniObject,
  type CniResult,
  internalError,
  isCniList,
  isCniObject,
  type Plugin,
  type PluginCall,
  type PluginMachine,
} from '../../cni/index.js';
import { formatCidr as formatStoredCidr, isIpv4Cidr, type Pod } from '../../kubernetes/index.js';
import { formatMac, type Ipv4Addr, ipv4, parseIpv4, parseMac } from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import { parseAddress } from '../cidr.js';
import { vethName, vethNameOfContainer } from '../names.js';
import { CALICO_CNI_VERSIONS, CALICO_LIBRARY_VERSION } from './calico-ipam.js';
import { type CalicoNetConf, calicoNetConf, type PodIdentity, podIdentity, requireNodename } from './config.js';
import { annotatePod, type PluginDatastore, requireNamespace, requirePod, requireReady } from './datastore.js';
import { connectPod, disconnectPod } from './networking.js';

const ANNOTATION = 'cni.projectcalico.org/';

export function calicoPlugin(datastore: PluginDatastore): Plugin {
  return {
    versions: CALICO_CNI_VERSIONS,
    libraryVersion: CALICO_LIBRARY_VERSION,
    resultKeys: 'sorted',
    add: (call, machine) => new Add(datastore, call, machine).run(),
    del: (call, machine) => del(datastore, call, machine),
    // Upstream verifies nothing.
    check: () => 'OK\n',
  };
}

/** A JSON list of texts in an annotation. @throws CniError in encoding/json's words */
function listAnnotation(text: string): string[] {
  try {
    const value = JSON.parse(text) as CniJson;
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return [...value];
  } catch {
    const first = text.trimStart()[0];
    throw internalError(
      first === undefined
        ? 'unexpected end of JSON input'
        : `invalid character '${first}' looking for beginning of value`,
    );
  }
  throw internalError('json: cannot unmarshal into Go value of type []string');
}

/** One ADD: it gathers what it needs step by step, in upstream's order, since the first failure is the answer. */
class Add {
  readonly #datastore: PluginDatastore;
  readonly #call: PluginCall;
  readonly #machine: PluginMachine;
  readonly #conf: CalicoNetConf;

  constructor(datastore: PluginDatastore, call: PluginCall, machine: PluginMachine) {
    this.#datastore = datastore;
    this.#call = call;
    this.#machine = machine;
    requireNodename(call, machine.host);
    this.#conf = calicoNetConf(call, machine.host);
  }

  run(): CniResult {
    requireReady(this.#datastore);
    const identity = podIdentity(this.#call);
    if (identity === undefined) return this.#connect(this.#ipam({}), undefined);
    return this.#addKubernetes(identity);
  }

  /** CmdAddK8s(). */
  #addKubernetes(identity: PodIdentity): CniResult {
    const pod = requirePod(this.#datastore, identity.namespace, identity.name);
    const namespace = requireNamespace(this.#datastore, identity.namespace);
    const annotation = (key: string): string | undefined => pod.annotations[ANNOTATION + key];
    const pools = (key: string): string | undefined => annotation(key) ?? namespace?.annotations[ANNOTATION + key];
    const overrides: { [key: string]: CniJson } = {};
    for (const [key, field] of [
      ['ipv4pools', 'ipv4_pools'],
      ['ipv6pools', 'ipv6_pools'],
    ] as const) {
      const text = pools(key);
      if (text !== undefined && text !== '') overrides[field] = listAnnotation(text);
    }
    const assigned = this.#addresses(annotation, overrides);
    const floating = annotation('floatingIPs');
    if (floating !== undefined && floating !== '' && !this.#conf.features.floatingIps) {
      this.#release();
      throw internalError('requested feature is not enabled: floating_ips');
    }
    return this.#connect(assigned, pod);
  }

  /** ipAddrsNoIpam, ipAddrs, or IPAM as configured. */
  #addresses(annotation: (key: string) => string | undefined, overrides: CniObject): CniResult {
    const noIpam = annotation('ipAddrsNoIpam') ?? '';
    const asked = annotation('ipAddrs') ?? '';
    if (noIpam !== '' && asked !== '') {
      throw internalError("can't have both annotations: 'ipAddrs' and 'ipAddrsNoIpam' in use at the same time");
    }
    if (noIpam !== '') {
      if (!this.#conf.features.ipAddrsNoIpam) throw internalError('requested feature is not enabled: ip_addrs_no_ipam');
      return {
        interfaces: [],
        ips: listAnnotation(noIpam).map((address) => ({ address: `${address}/32` })),
        routes: [],
        dns: {},
      };
    }
    if (asked === '') return this.#ipam(overrides);
    const answers = askedAddresses(asked).map((address) => this.#ipamWithAddress(address));
    return { interfaces: [], ips: answers.flatMap(({ ips }) => ips), routes: [], dns: {} };
  }

  #ipam(overrides: CniObject, args: ReadonlyMap<string, string> = this.#call.args): CniResult {
    const { config } = this.#call;
    const ipam: CniObject = { ...this.#conf.ipam, ...this.#podCidr(), ...overrides };
    const call: PluginCall = { ...this.#call, args, config: { ...config, ipam } };
    return this.#machine.delegate(this.#conf.ipamType, call, 'ADD');
  }

  /**
   * Ranges of host-local that are the node's own: utils.go:ReplaceHostLocalIPAMPodCIDRs().
   *
   * @throws CniError where it has none
   */
  #podCidr(): CniObject {
    const { ipam, ipamType } = this.#conf;
    if (ipamType !== 'host-local') return {};
    const { ranges } = ipam;
    const replaced = this.#ownRange(ipam);
    if (!isCniObject(replaced)) return ipam;
    if (!isCniList(ranges)) return replaced;
    const sets = ranges.map((set) => (isCniList(set) ? set.map((range) => this.#ownRange(range)) : set));
    return { ...replaced, ranges: sets };
  }

  #ownRange(range: CniJson): CniJson {
    const subnet = isCniObject(range) ? range['subnet'] : undefined;
    const word = typeof subnet === 'string' ? subnet.toLowerCase() : '';
    if (!isCniObject(range) || (word !== 'usepodcidr' && word !== 'usepodcidripv6')) return range;
    const { nodename } = this.#conf;
    const cidrs = this.#datastore.store.get('Node', '', nodename)?.spec.podCIDRs ?? [];
    if (cidrs.length === 0) throw internalError(`no podCidr for node ${nodename}`);
    const version = word === 'usepodcidr' ? 4 : 6;
    const found = cidrs.find((cidr) => isIpv4Cidr(cidr) === (version === 4));
    if (found === undefined) throw internalError(`${word} found but there is no IPv${version} CIDR configured`);
    return { ...range, subnet: formatStoredCidr(found) };
  }

  #ipamWithAddress(address: string): CniResult {
    try {
      return this.#ipam({}, new Map([...this.#call.args, ['IP', address]]));
    } catch (error) {
      if (error instanceof Error) throw internalError(`error getting IP from IPAM: ${error.message}`);
      throw error;
    }
  }

  /** What was assigned is given back when something later fails. */
  #release(): void {
    try {
      this.#machine.delegate(this.#conf.ipamType, this.#call, 'DEL');
    } catch {
      // The first failure is the one to report.
    }
  }

  #connect(assigned: CniResult, pod: Pod | undefined): CniResult {
    const { netns, netnsPath, ifName, containerId } = this.#call;
    if (netns === undefined) {
      this.#release();
      throw internalError(
        `failed to open netns "${netnsPath}": failed to Statfs "${netnsPath}": no such file or directory`,
      );
    }
    const hostVeth = pod === undefined ? vethNameOfContainer(containerId) : vethName(pod.namespace, pod.name);
    const addresses = assigned.ips.flatMap(({ address }) => addressOf(address) ?? []);
    const wantedMac = pod?.annotations[`${ANNOTATION}hwAddr`];
    try {
      const mac = connectPod({
        host: this.#machine.host,
        netns,
        ifName,
        hostVeth,
        addresses,
        mtu: this.#conf.mtu,
        mac: wantedMac === undefined ? undefined : parseMac(wantedMac),
        allowIpForwarding: this.#conf.allowIpForwarding,
        // Addresses out of annotations get no host route from the plugin; Felix adds it later.
        hostRoutes: pod !== undefined && asksForAddresses(pod) ? 'none' : 'each-address',
        because: podCauses(pod),
      });
      if (pod !== undefined) this.#recordPod(pod, assigned);
      return {
        interfaces: [{ name: hostVeth }, { name: ifName, mac: formatMac(mac), sandbox: netnsPath }],
        ips: assigned.ips.map(({ address }) => ({ interface: 1, address: singleAddress(address) })),
        routes: this.#conf.ipamType === 'calico-ipam' ? assigned.routes : [],
        dns: assigned.dns,
      };
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  /** The patch of the pod's status sub-resource. */
  #recordPod(pod: Pod, { ips }: CniResult): void {
    const [first] = ips;
    annotatePod(this.#datastore, pod, {
      [`${ANNOTATION}containerID`]: this.#call.containerId,
      [`${ANNOTATION}podIP`]: first === undefined ? '' : singleAddress(first.address),
      [`${ANNOTATION}podIPs`]: ips.map(({ address }) => singleAddress(address)).join(','),
    });
  }
}

/**
 * cni-plugin/pkg/k8s/k8s.go:validateAndExtractIPs(): of each family one at most.
 * @throws CniError
 */
function askedAddresses(text: string): string[] {
  const addresses = listAnnotation(text);
  const annotation = `"${ANNOTATION}ipAddrs"`;
  if (addresses.length === 0) throw internalError(`annotation ${annotation} specified but empty`);
  const seen = new Set<number>();
  for (const address of addresses) {
    const parsed = parseAddress(address);
    if (parsed === undefined) throw internalError(`invalid IP format: ${address}`);
    if (seen.has(parsed.version))
      throw internalError(`cannot have more than one IPv${parsed.version} address for ${annotation} annotation`);
    seen.add(parsed.version);
  }
  return addresses;
}

const asksForAddresses = ({ annotations }: Pod): boolean =>
  (annotations[`${ANNOTATION}ipAddrs`] ?? '') !== '' || (annotations[`${ANNOTATION}ipAddrsNoIpam`] ?? '') !== '';

const podCauses = (pod: Pod | undefined): readonly Cause[] =>
  pod === undefined ? [] : [{ kind: 'Pod', namespace: pod.namespace, name: pod.name }];

/** The address without its prefix length, where it is IPv4. */
const addressOf = (text: string): Ipv4Addr | undefined => {
  const addr = parseIpv4(text.split('/')[0] ?? '');
  return addr === undefined ? undefined : ipv4(addr);
};

/** Whatever mask IPAM gave, a pod's address is a single one. */
const singleAddress = (text: string): string => {
  const [address = ''] = text.split('/');
  return `${address}/${address.includes(':') ? 128 : 32}`;
};

/** CmdDelK8s(): a container that is not the pod's current one releases only its own addresses. */
function del(datastore: PluginDatastore, call: PluginCall, machine: PluginMachine): void {
  requireNodename(call, machine.host);
  const conf = calicoNetConf(call, machine.host);
  requireReady(datastore);
  const identity = podIdentity(call);
  const pod = identity && datastore.store.get('Pod', identity.namespace, identity.name);
  const current = pod?.annotations[`${ANNOTATION}containerID`];
  const stale = current !== undefined && current !== '' && current !== call.containerId;
  if (pod !== undefined && !stale && current !== undefined) {
    annotatePod(datastore, pod, { [`${ANNOTATION}podIP`]: '', [`${ANNOTATION}podIPs`]: '' });
  }
  machine.delegate(conf.ipamType, call, 'DEL');
  if (!stale) disconnectPod(call.netns, call.ifName);
}
