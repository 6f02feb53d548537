/** `iptables-save`, `ipset`, `conntrack`, `bridge`, `sysctl`. */

import { Bridge, Vxlan } from '../kernel/index.js';
import { formatIpv4, formatMac, IP_PROTOCOL } from '../packet/index.js';
import type { TableName } from '../trace/index.js';
import { failure, lines, ok, type Tool } from './tool.js';
import { devicesOf } from './ip-link.js';

const TABLES: readonly TableName[] = ['raw', 'mangle', 'nat', 'filter', 'security'];

export const iptablesSave: Tool = ({ netns }, args) => {
  const at = args.findIndex((word) => word === '-t' || word === '--table');
  const wanted = at < 0 ? undefined : args[at + 1];
  const table = TABLES.find((name) => name === wanted);
  if (at >= 0 && table === undefined) return failure(1, `iptables-save: table "${wanted ?? ''}" does not exist`);
  const counters = args.includes('-c') || args.includes('--counters');
  return ok(netns.netfilter.iptables.save({ counters, ...(table === undefined ? {} : { table }) }));
};

export const ipset: Tool = ({ netns }, args) => {
  const [command = '', name] = args.filter((word) => !word.startsWith('-') || word === '-n' || word === '-t');
  const sets = netns.ipsets;
  if (name !== undefined && sets.get(name) === undefined) {
    return failure(1, 'ipset v7.17: The set with the given name does not exist');
  }
  if (command === 'save') return ok(sets.save(name));
  if (command === 'list')
    return ok(sets.list(name, args.includes('-n') ? 'names' : args.includes('-t') ? 'terse' : 'full'));
  return failure(2, `ipset v7.17: only save and list are offered here, not "${command}"`);
};

export const conntrack: Tool = ({ netns }, args) => {
  const command = args[0] ?? '';
  if (command === '-S') return failure(1, 'conntrack: -S is not modelled');
  if (command !== '-L' && command !== '--dump')
    return failure(2, `conntrack v1.4.7 (conntrack-tools): only -L is offered here, not "${command}"`);
  const at = args.findIndex((word) => word === '-p' || word === '--proto');
  const name = at < 0 ? undefined : args[at + 1];
  const protocol = Object.entries(IP_PROTOCOL).find(([key]) => key === name)?.[1];
  if (name !== undefined && protocol === undefined)
    return failure(2, `conntrack v1.4.7 (conntrack-tools): \`${name}' unsupported protocol`);
  const entries = netns.conntrack
    .entries()
    .filter((entry) => protocol === undefined || entry.original.protocol === protocol);
  return {
    exitCode: 0,
    stdout: lines(entries.map((entry) => netns.conntrack.format(entry))),
    stderr: `conntrack v1.4.7 (conntrack-tools): ${entries.length} flow entries have been shown.\n`,
  };
};

/** `bridge fdb [show] [dev D]`. Entries that every device has for multicast are left out. */
export const bridge: Tool = ({ netns }, args) => {
  const [object = '', ...rest] = args;
  if (object === '' || !'fdb'.startsWith(object))
    return failure(1, `Object "${object}" is not modelled, try "bridge fdb".`);
  const at = rest.indexOf('dev');
  const only = at < 0 ? undefined : rest[at + 1];
  const rows: string[] = [];
  for (const dev of devicesOf(netns)) {
    if (dev instanceof Vxlan && (only === undefined || only === dev.name)) {
      for (const { mac, remote, permanent } of dev.entries()) {
        rows.push(`${formatMac(mac)} dev ${dev.name} dst ${formatIpv4(remote)} self${permanent ? ' permanent' : ''}`);
      }
    }
    if (!(dev instanceof Bridge)) continue;
    for (const { dev: port } of dev.ports) {
      if (only === undefined || only === port.name)
        rows.push(`${formatMac(port.mac)} dev ${port.name} master ${dev.name} permanent`);
    }
    for (const { mac, port, permanent } of dev.entries()) {
      const name = port?.dev.name ?? dev.name;
      if (only === undefined || only === name)
        rows.push(`${formatMac(mac)} dev ${name} master ${dev.name}${permanent ? ' permanent' : ''}`);
    }
  }
  return ok(lines(rows));
};

export const sysctl: Tool = ({ netns }, args) => {
  const keys = args.filter((word) => !word.startsWith('-'));
  const bare = args.includes('-n');
  if (args.includes('-a')) return ok(lines(netns.sysctl.list().map(([path, value]) => `${path} = ${value}`)));
  const rows: string[] = [];
  const missing: string[] = [];
  for (const key of keys) {
    const path = key.replaceAll('/', '.');
    const value = netns.sysctl.get(path);
    if (value === undefined)
      missing.push(`sysctl: cannot stat /proc/sys/${path.replaceAll('.', '/')}: No such file or directory\n`);
    else rows.push(bare ? value : `${path} = ${value}`);
  }
  return { exitCode: missing.length > 0 ? 255 : 0, stdout: lines(rows), stderr: missing.join('') };
};
