/** portmap: hostPorts as DNAT rules, iptables backend; plugins/meta/portmap. Chained, after an interface plugin. */

import { formatPrefix, type Ipv4Addr, ipv4Network, parseIpv4Prefix } from '../../packet/index.js';
import { internalError } from '../errors.js';
import type { Plugin, PluginCall, PluginMachine } from '../plugin.js';
import type { CniObject, CniResult } from '../result.js';
import { flag, number, object, objects, reference, text } from './common.js';
import { chainName, comment, NatTable } from './nat-chains.js';

const DNAT_CHAIN = 'CNI-HOSTPORT-DNAT';
const SETMARK_CHAIN = 'CNI-HOSTPORT-SETMARK';
const MASQ_CHAIN = 'CNI-HOSTPORT-MASQ';
const DEFAULT_MARK_BIT = 13;

interface Mapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: string;
  readonly hostIp: string;
}

interface PortmapConfig {
  readonly name: string;
  readonly snat: boolean;
  readonly mark: number;
  readonly externalSetMarkChain: string;
  readonly conditions: string;
  readonly mappings: readonly Mapping[];
}

const mapping = (entry: CniObject): Mapping => ({
  hostPort: number(entry['hostPort']),
  containerPort: number(entry['containerPort']),
  protocol: text(entry['protocol']).toLowerCase(),
  hostIp: text(entry['hostIP']),
});

/** parseConfig(). @throws CniError */
function parse({ config }: PluginCall): PortmapConfig {
  const bit = config['markMasqBit'] === undefined ? DEFAULT_MARK_BIT : number(config['markMasqBit']);
  const external = text(config['externalSetMarkChain']);
  if (external !== '' && config['markMasqBit'] !== undefined) {
    throw internalError('cannot specify both externalSetMarkChain and markMasqBit');
  }
  if (bit < 0 || bit > 31) throw internalError('MasqMarkBit must be between 0 and 31');
  const mappings = objects(object(config['runtimeConfig'])['portMappings']).map(mapping);
  for (const { hostPort, containerPort } of mappings) {
    if (containerPort <= 0) throw internalError(`Invalid container port number: ${containerPort}`);
    if (hostPort <= 0) throw internalError(`Invalid host port number: ${hostPort}`);
  }
  const conditions = Array.isArray(config['conditionsV4']) ? config['conditionsV4'].map(text).join(' ') : '';
  return {
    name: text(config['name']),
    snat: config['snat'] === undefined || flag(config['snat']),
    mark: 2 ** bit,
    externalSetMarkChain: external,
    conditions,
    mappings,
  };
}

/** The container's first IPv4 address, with the prefix length of the result. */
function containerAddress(result: CniResult): { readonly addr: Ipv4Addr; readonly length: number } | undefined {
  return result.ips.map(({ address }) => parseIpv4Prefix(address)).find((prefix) => prefix !== undefined);
}

/** The rules of one container's chain: marks for hairpin and localhost, then the translation. */
function mappingRules(
  conf: PortmapConfig,
  one: Mapping,
  container: { readonly addr: Ipv4Addr; readonly length: number },
): string[] {
  const onlyTo = one.hostIp === '' || one.hostIp === '0.0.0.0' ? '' : `-d ${one.hostIp}/32 `;
  const port = `-p ${one.protocol} -m ${one.protocol} --dport ${one.hostPort}`;
  const setMark = conf.externalSetMarkChain === '' ? SETMARK_CHAIN : conf.externalSetMarkChain;
  const subnet = formatPrefix({ addr: ipv4Network(container.addr, container.length), length: container.length });
  const marks = conf.snat
    ? [subnet, '127.0.0.1/32'].map((source) => `-s ${source} ${onlyTo}${port} -j ${setMark}`)
    : [];
  const target = formatPrefix({ addr: container.addr, length: 32 }).replace('/32', '');
  return [...marks, `${onlyTo}${port} -j DNAT --to-destination ${target}:${one.containerPort}`];
}

function protocols(mappings: readonly Mapping[]): readonly (readonly [string, readonly Mapping[]])[] {
  const order = ['tcp', 'udp', 'sctp'];
  return order.flatMap((protocol) => {
    const found = mappings.filter((one) => one.protocol === protocol);
    return found.length === 0 ? [] : [[protocol, found] as const];
  });
}

function add(call: PluginCall, { host }: PluginMachine): CniResult {
  const conf = parse(call);
  const { prevResult } = call;
  if (prevResult === undefined) throw internalError('must be called as chained plugin');
  const container = containerAddress(prevResult);
  if (conf.mappings.length === 0 || container === undefined) return prevResult;
  const nat = new NatTable(host.netns);
  if (conf.snat) addMasquerade(nat, conf);
  nat.ensureChain(DNAT_CHAIN);
  for (const chain of ['PREROUTING', 'OUTPUT']) nat.addUnique(chain, `-m addrtype --dst-type LOCAL -j ${DNAT_CHAIN}`);
  const own = chainName(conf.name, call.containerId, 'DN-');
  nat.deleteChain(own);
  nat.ensureChain(own);
  for (const one of conf.mappings) for (const rule of mappingRules(conf, one, container)) nat.addUnique(own, rule);
  const conditions = conf.conditions === '' ? '' : `${conf.conditions} `;
  for (const [protocol, list] of protocols(conf.mappings)) {
    const ports = list.map(({ hostPort }) => hostPort).join(',');
    const note = `-m comment --comment "dnat ${comment(conf.name, call.containerId)}"`;
    nat.addUnique(DNAT_CHAIN, `-p ${protocol} ${conditions}${note} -m multiport --dports ${ports} -j ${own}`);
  }
  nat.commit();
  allowLocalnet(host.netns, container.addr, conf.snat);
  return prevResult;
}

function addMasquerade(nat: NatTable, { mark, externalSetMarkChain }: PortmapConfig): void {
  const bits = `0x${mark.toString(16)}`;
  if (externalSetMarkChain === '') {
    nat.ensureChain(SETMARK_CHAIN);
    nat.addUnique(
      SETMARK_CHAIN,
      `-m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark ${bits}/${bits}`,
    );
  }
  nat.ensureChain(MASQ_CHAIN);
  nat.addUnique('POSTROUTING', `-m comment --comment "CNI portfwd requiring masquerade" -j ${MASQ_CHAIN}`, 'insert');
  nat.addUnique(MASQ_CHAIN, `-m mark --mark ${bits}/${bits} -j MASQUERADE`);
}

/** Connections from 127.0.0.1 leave by the interface that leads to the container. */
function allowLocalnet(netns: PluginMachine['host']['netns'], address: Ipv4Addr, snat: boolean): void {
  if (!snat) return;
  const route = netns.fib.lookup({ destination: address, source: address });
  const dev = route?.nextHop?.dev;
  if (dev !== undefined) netns.sysctl.set(`net.ipv4.conf.${dev.name}.route_localnet`, '1');
}

/** DEL knows the chain by its name: it needs no prevResult. */
function del(call: PluginCall, { host }: PluginMachine): void {
  const own = chainName(text(call.config['name']), call.containerId, 'DN-');
  const nat = new NatTable(host.netns);
  if (nat.rules(own) === undefined) return;
  nat.deleteChain(own);
  nat.commit();
}

function check(call: PluginCall, { host }: PluginMachine): undefined {
  const conf = parse(call);
  if (call.prevResult === undefined) throw internalError('Required prevResult missing');
  if (conf.mappings.length === 0) return undefined;
  const own = chainName(conf.name, call.containerId, 'DN-');
  if (new NatTable(host.netns).rules(own) === undefined)
    throw internalError(`could not check ipv4 dnat: chain ${own} does not exist`);
  return undefined;
}

export const portmap: Plugin = { ...reference, add, del, check };
