/** tuning: switches, MAC address, MTU and queue length of a container's interface; plugins/meta/tuning. Chained. */

import { type Device, type Host, KernelError, type LinkChanges } from '../../kernel/index.js';
import { formatMac, parseMac } from '../../packet/index.js';
import { internalError } from '../errors.js';
import type { Plugin, PluginCall, PluginMachine } from '../plugin.js';
import { type CniJson, type CniObject, type CniResult, isCniObject } from '../result.js';
import { goErrno } from '../skel.js';
import { checkArgs, checkFields, checkTexts, flag, number, object, reference, requireNetns, text } from './common.js';

const DEFAULT_DATA_DIR = '/run/cni/tuning';
const FIELDS = {
  mac: 'string',
  promisc: 'bool',
  mtu: 'int',
  allmulti: 'bool',
  txQLen: 'int',
  dataDir: 'string',
} as const;

interface TuningConfig {
  readonly sysctls: readonly (readonly [key: string, value: string])[];
  readonly mac: string;
  readonly mtu: number;
  /** Differs: plugins have it from 1.2.0 on. */
  readonly txqlen: number;
  readonly promisc: boolean;
  /** Undefined where nothing is said of it. */
  readonly allmulti: boolean | undefined;
  readonly backup: string;
}

/** parseConf(). @throws CniError */
function load(call: PluginCall): TuningConfig {
  const { config } = call;
  checkFields(call, FIELDS, 'failed to load netconf');
  checkTexts(config['sysctl'], { field: 'TuningConf.sysctl', prefix: 'failed to load netconf' });
  checkArgs(call, ['MAC']);
  const mac =
    text(object(object(config['args'])['cni'])['mac']) ||
    text(object(config['runtimeConfig'])['mac']) ||
    (call.args.get('MAC') ?? '') ||
    text(config['mac']);
  return {
    sysctls: Object.entries(object(config['sysctl'])).map(([key, value]) => [key, text(value)] as const),
    mac,
    mtu: number(config['mtu']),
    txqlen: number(config['txQLen']),
    promisc: flag(config['promisc']),
    allmulti: config['allmulti'] === undefined ? undefined : flag(config['allmulti']),
    backup: `${text(config['dataDir']) || DEFAULT_DATA_DIR}/${call.containerId}_${call.ifName}.json`,
  };
}

/** filepath.Join("/proc/sys", key) with every `.` as `/`, so that none is left to lead elsewhere. */
const fileOf = (key: string): string => ['/proc/sys', ...key.split(/[./]/).filter((part) => part !== '')].join('/');

const NET = '/proc/sys/net/';
const pathOf = (file: string): string => file.slice('/proc/sys/'.length).replaceAll('/', '.');

/** What os.OpenFile() says of what is no file to write. */
const REFUSED = {
  folder: 'is a directory',
  'read-only': 'permission denied',
  missing: 'no such file or directory',
} as const;

/** @throws CniError with Go's words for a file that cannot be written */
function setSysctls(call: PluginCall, sysctls: TuningConfig['sysctls']): void {
  const { sysctl } = requireNetns(call);
  for (const [key, value] of sysctls) {
    const file = fileOf(key.replaceAll('IFNAME', call.ifName));
    if (!file.startsWith(NET)) throw internalError(`invalid net sysctl key: "${key}"`);
    const entry = sysctl.entry(pathOf(file)) ?? 'missing';
    if (entry !== 'writable') throw internalError(`open ${file}: ${REFUSED[entry]}`);
    // Nothing is written, and so nothing is refused.
    if (value === '') continue;
    try {
      sysctl.set(pathOf(file), value);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      throw internalError(`${error.errno === 'ENOENT' ? 'open' : 'write'} ${file}: ${goErrno(error.errno)}`);
    }
  }
}

/** createBackup(): what DEL puts back. */
function backUp({ files }: Host, dev: Device, conf: TuningConfig): void {
  const before = {
    ...(conf.mac === '' ? {} : { mac: formatMac(dev.mac) }),
    ...(conf.promisc ? { promisc: dev.promisc } : {}),
    ...(conf.mtu === 0 ? {} : { mtu: dev.mtu }),
    ...(conf.allmulti === undefined ? {} : { allmulti: dev.allmulti }),
  };
  files.set(conf.backup, JSON.stringify(before, null, 1));
}

/** As netlink answers, without saying what was asked. @throws CniError */
function change(dev: Device, changes: LinkChanges): void {
  try {
    dev.netns.links.set(dev, changes);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    throw internalError(goErrno(error.errno));
  }
}

function changeMac(dev: Device, written: string): void {
  const mac = parseMac(written);
  if (mac === undefined)
    throw internalError(`invalid args ${written} for MAC addr: address ${written}: invalid MAC address`);
  change(dev, { mac });
}

function add(call: PluginCall, { host }: PluginMachine): CniResult {
  const conf = load(call);
  const { prevResult, ifName } = call;
  if (prevResult === undefined) throw internalError('Required prevResult missing');
  const { devices } = requireNetns(call);
  setSysctls(call, conf.sysctls);
  const changes = conf.mac !== '' || conf.mtu !== 0 || conf.promisc || conf.allmulti !== undefined;
  if (!changes && conf.txqlen === 0) return prevResult;
  const dev = devices.named(ifName);
  if (dev === undefined) throw internalError(`failed to get "${ifName}": Link not found`);
  if (changes) backUp(host, dev, conf);
  if (conf.mac !== '') changeMac(dev, conf.mac);
  if (conf.promisc) change(dev, { promisc: true });
  if (conf.mtu !== 0) change(dev, { mtu: conf.mtu });
  if (conf.allmulti !== undefined) change(dev, { allmulti: conf.allmulti });
  if (conf.txqlen !== 0) change(dev, { txqlen: conf.txqlen });
  if (conf.mac === '') return prevResult;
  const interfaces = prevResult.interfaces.map((nic) =>
    nic.name === ifName && nic.sandbox !== undefined ? { ...nic, mac: conf.mac } : nic,
  );
  return { ...prevResult, interfaces };
}

/** restoreBackup(): without the namespace there is nothing to put back. */
function del(call: PluginCall, { host }: PluginMachine): void {
  const { backup } = load(call);
  const content = host.files.get(backup);
  if (content === undefined || call.netns === undefined) return;
  const dev = call.netns.devices.named(call.ifName);
  const before = JSON.parse(content) as CniJson;
  // What cannot be put back is kept.
  if (dev === undefined || !isCniObject(before)) return;
  restore(dev, before);
  host.files.delete(backup);
}

function restore(dev: Device, before: CniObject): void {
  if (text(before['mac']) !== '') changeMac(dev, text(before['mac']));
  if (before['promisc'] !== undefined) change(dev, { promisc: flag(before['promisc']) });
  if (number(before['mtu']) !== 0) change(dev, { mtu: number(before['mtu']) });
  if (before['allmulti'] !== undefined) change(dev, { allmulti: flag(before['allmulti']) });
}

function check(call: PluginCall): undefined {
  const conf = load(call);
  if (call.prevResult === undefined) throw internalError('Required prevResult missing');
  const { devices, sysctl } = requireNetns(call);
  for (const [key, value] of conf.sysctls) {
    // IFNAME is not replaced here.
    const file = fileOf(key);
    const entry = sysctl.entry(pathOf(file));
    if (entry === undefined) throw internalError(`open ${file}: ${REFUSED.missing}`);
    if (entry === 'folder' || !file.startsWith(NET)) throw internalError(`read ${file}: ${REFUSED.folder}`);
    // Differs: of what nobody has asked for here the value is not known.
    const current = sysctl.get(pathOf(file)) ?? value;
    if (current !== value)
      throw internalError(`Error: Tuning configured value of ${file} is ${value}, current value is ${current}`);
  }
  const dev = devices.named(call.ifName);
  if (dev === undefined) throw internalError(`Cannot find container link ${call.ifName}`);
  checkDevice(dev, conf);
  return undefined;
}

/** @throws CniError */
function checkDevice(dev: Device, conf: TuningConfig): void {
  const differs = (what: string, configured: string | number, current: string | number): never => {
    throw internalError(
      `Error: Tuning configured ${what} of ${dev.name} is ${configured}, current value is ${current}`,
    );
  };
  if (conf.mac !== '' && conf.mac !== formatMac(dev.mac)) differs('Ethernet', conf.mac, formatMac(dev.mac));
  if (conf.promisc !== dev.promisc) {
    throw internalError(
      `Error: Tuning link ${dev.name} configured promisc is ${conf.promisc}, current value is ${Number(dev.promisc)}`,
    );
  }
  if (conf.allmulti !== undefined && conf.allmulti !== dev.allmulti)
    differs('all-multicast mode', String(conf.allmulti), String(dev.allmulti));
  if (conf.mtu !== 0 && conf.mtu !== dev.mtu) differs('MTU', conf.mtu, dev.mtu);
  if (conf.txqlen !== 0 && conf.txqlen !== dev.txqlen) differs('Transmit Queue Length', conf.txqlen, dev.txqlen);
}

export const tuning: Plugin = { ...reference('tuning'), add, del, check };
