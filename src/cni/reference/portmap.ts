/** portmap: hostPorts as DNAT rules, iptables backend; plugins/meta/portmap. Chained, after an interface plugin. */

import { type Ipv4Addr, type Ipv4Prefix, parseIpv4Prefix } from '../../packet/index.js';
import type { Netns } from '../../kernel/index.js';
import { internalError } from '../errors.js';
import type { Plugin, PluginCall, PluginMachine } from '../plugin.js';
import type { CniObject, CniResult } from '../result.js';
import { checkEntry, checkFields, flag, number, object, objects, reference, text, texts } from './common.js';
import { chainName, comment, NatTable } from './nat-chains.js';
import {
  type DnatChain,
  DNAT_CHAIN,
  dnatChain,
  ENTRY_RULE,
  MASQ_CHAIN,
  type Mapping,
  type Rule,
  SETMARK_CHAIN,
} from './portmap-rules.js';

const DEFAULT_MARK_BIT = 13;
const ENTRY_CHAINS = ['PREROUTING', 'OUTPUT'] as const;
const ENTRY_FIELDS = { hostPort: 'int', containerPort: 'int', protocol: 'string', hostIP: 'string' } as const;
const FIELDS = { snat: 'bool', markMasqBit: 'int', externalSetMarkChain: 'string' } as const;

interface PortmapConfig {
  readonly name: string;
  readonly snat: boolean;
  readonly mark: number;
  readonly externalSetMarkChain: string | undefined;
  readonly conditions: readonly string[];
  readonly mappings: readonly Mapping[];
}

const mapping = (entry: CniObject): Mapping => ({
  hostPort: number(entry['hostPort']),
  containerPort: number(entry['containerPort']),
  protocol: text(entry['protocol']).toLowerCase(),
  hostIp: text(entry['hostIP']),
});

/** parseConfig(); ADD and DEL say that it is the configuration, CHECK does not. @throws CniError */
function parse(call: PluginCall): PortmapConfig {
  const { config } = call;
  const prefix = call.command === 'CHECK' ? '' : 'failed to parse config: ';
  checkFields(call, FIELDS, `${prefix}failed to parse network configuration`);
  const { markMasqBit, externalSetMarkChain: external } = config;
  if (external !== undefined && markMasqBit !== undefined)
    throw internalError(`${prefix}Cannot specify externalSetMarkChain and markMasqBit`);
  const bit = markMasqBit === undefined ? DEFAULT_MARK_BIT : number(markMasqBit);
  if (bit < 0 || bit > 31) throw internalError(`${prefix}MasqMarkBit must be between 0 and 31`);
  const entries = objects(object(config['runtimeConfig'])['portMappings']);
  for (const entry of entries)
    checkEntry(entry, ENTRY_FIELDS, {
      field: 'PortMapEntry.runtimeConfig.portMappings',
      prefix: `${prefix}failed to parse network configuration`,
    });
  const mappings = entries.map(mapping);
  for (const { hostPort, containerPort } of mappings) {
    if (containerPort <= 0) throw internalError(`${prefix}Invalid container port number: ${containerPort}`);
    if (hostPort <= 0) throw internalError(`${prefix}Invalid host port number: ${hostPort}`);
  }
  return {
    name: text(config['name']),
    snat: config['snat'] === undefined || flag(config['snat']),
    mark: 2 ** bit,
    externalSetMarkChain: external === undefined ? undefined : text(external),
    conditions: texts(config['conditionsV4']),
    mappings,
  };
}

/** The container's first IPv4 address, with the prefix length of the result. */
const containerAddress = ({ ips }: CniResult): Ipv4Prefix | undefined =>
  ips.map(({ address }) => parseIpv4Prefix(address)).find((prefix) => prefix !== undefined);

function chainOf(call: PluginCall, conf: PortmapConfig, container: Ipv4Prefix): DnatChain {
  return dnatChain({
    name: ownChain(call),
    mappings: conf.mappings,
    container,
    setMark: conf.snat ? (conf.externalSetMarkChain ?? SETMARK_CHAIN) : undefined,
    conditions: conf.conditions,
    note: comment(conf.name, call.containerId),
    plainNote: `name: "${conf.name}" id: "${call.containerId}"`,
  });
}

const ownChain = ({ config, containerId }: PluginCall): string => chainName(text(config['name']), containerId, 'DN-');

/** forwardPorts(). */
function add(call: PluginCall, { host }: PluginMachine): CniResult {
  const conf = parse(call);
  const { prevResult } = call;
  if (prevResult === undefined) throw internalError('must be called as chained plugin');
  const container = containerAddress(prevResult);
  if (conf.mappings.length === 0 || container === undefined) return prevResult;
  const nat = new NatTable(host.netns);
  if (conf.snat && conf.externalSetMarkChain === undefined) addMasquerade(nat, conf.mark);
  nat.ensureChain(DNAT_CHAIN);
  for (const chain of ENTRY_CHAINS) nat.addUnique(chain, ENTRY_RULE);
  const own = chainOf(call, conf, container);
  nat.deleteChain(own.name);
  nat.ensureChain(own.name);
  if (conf.snat) allowLocalnet(host.netns, container.addr);
  const wrong =
    addRules(nat, own.name, own.rules) ??
    addRules(
      nat,
      DNAT_CHAIN,
      own.entryRules.map((rule) => ({ ...rule, args: [...rule.args, '-j', own.name] })),
    );
  nat.commit();
  if (wrong !== undefined) throw internalError(wrong);
  return prevResult;
}

/** What has been added before one that iptables refuses stays. */
function addRules(nat: NatTable, chain: string, rules: readonly Rule[]): string | undefined {
  for (const { text: rule, args, refused } of rules) {
    if (refused !== undefined)
      return `unable to setup DNAT: running [/usr/sbin/iptables -t nat -C ${chain} ${args.join(' ')} --wait]: exit status 2: iptables v1.8.9 (nf_tables): ${refused}\nTry \`iptables -h' or 'iptables --help' for more information.\n`;
    nat.addUnique(chain, rule);
  }
  return undefined;
}

function addMasquerade(nat: NatTable, mark: number): void {
  const bits = `0x${mark.toString(16)}`;
  nat.ensureChain(SETMARK_CHAIN);
  nat.addUnique(
    SETMARK_CHAIN,
    `-m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark ${bits}/${bits}`,
  );
  nat.ensureChain(MASQ_CHAIN);
  nat.addUnique('POSTROUTING', `-m comment --comment "CNI portfwd requiring masquerade" -j ${MASQ_CHAIN}`, 'insert');
  nat.addUnique(MASQ_CHAIN, `-m mark --mark ${bits}/${bits} -j MASQUERADE`);
}

/** Connections from 127.0.0.1 leave by the interface that leads to the container. */
function allowLocalnet({ fib, sysctl }: Netns, address: Ipv4Addr): void {
  const dev = fib.lookup({ destination: address, source: address })?.nextHop?.dev;
  if (dev !== undefined) sysctl.set(`net.ipv4.conf.${dev.name}.route_localnet`, '1');
}

/** unforwardPorts(): DEL knows the chain by its name and needs no prevResult. */
function del(call: PluginCall, { host }: PluginMachine): void {
  parse(call);
  const nat = new NatTable(host.netns);
  if (nat.rules(ownChain(call)) === undefined) return;
  nat.deleteChain(ownChain(call));
  nat.commit();
}

/** checkPorts(): rules from the last to the first. @throws CniError what is missing */
function check(call: PluginCall, { host }: PluginMachine): undefined {
  const conf = parse(call);
  if (call.prevResult === undefined) throw internalError('Required prevResult missing');
  const container = containerAddress(call.prevResult);
  if (conf.mappings.length === 0 || container === undefined) return undefined;
  const nat = new NatTable(host.netns);
  const own = chainOf(call, conf, container);
  const missing = (said: string, table = 'table nat'): never => {
    throw internalError(`could not check ipv4 dnat: ${said} not found in ${table}`);
  };
  const rules = nat.rules(own.name) ?? missing(`chain ${own.name}`, 'iptables table nat');
  const whole = (list: DnatChain['rules']): string => `[${list.map(({ args }) => `[${args.join(' ')}]`).join(' ')}]`;
  for (const { text } of own.rules)
    if (!rules.some((rule) => rule.text === text)) missing(`rule ${whole(own.rules)} in chain ${own.name}`);
  for (const { text } of own.entryRules)
    if (nat.rules(DNAT_CHAIN)?.some((rule) => rule.text === text) !== true)
      missing(`rule ${whole(own.entryRules)} in chain ${DNAT_CHAIN}`);
  return undefined;
}

export const portmap: Plugin = { ...reference('portmap'), add, del, check };
