/** A host with plugins, and short ways to call them. */

import {
  type CniEnvironment,
  type CniError,
  type CniJson,
  type CniObject,
  EMPTY_RESULT,
  execPlugin,
  isCniObject,
  type Plugin,
  type PluginBinaries,
  type PluginCall,
  pluginMachine,
  type ProcessExit,
  REFERENCE_PLUGINS,
} from '../../src/cni/index.js';
import { Emulation, Host, type Netns } from '../../src/kernel/index.js';

export class Bed {
  readonly host = new Host(new Emulation(), 'node1');
  readonly pod: Netns;
  readonly binaries: PluginBinaries;

  constructor(more: Readonly<Record<string, Plugin>> = {}) {
    this.binaries = new Map([...REFERENCE_PLUGINS, ...Object.entries(more)]);
    this.pod = this.host.addNetns('pod');
  }

  exec(plugin: string, command: string, conf: CniObject | string, env: Partial<CniEnvironment> = {}): ProcessExit {
    const binary = this.binaries.get(plugin);
    if (binary === undefined) throw new Error(`no plugin ${plugin}`);
    const whole: CniEnvironment = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: 'c1',
      CNI_NETNS: '/run/netns/pod',
      CNI_IFNAME: 'eth0',
      CNI_ARGS: '',
      CNI_PATH: '/opt/cni/bin',
      ...env,
    };
    const stdin = typeof conf === 'string' ? conf : JSON.stringify(conf);
    return execPlugin(binary, { env: whole, stdin }, pluginMachine(this.host, this.binaries));
  }

  /** The object that a call prints. */
  answer(plugin: string, command: string, conf: CniObject | string, env: Partial<CniEnvironment> = {}): CniObject {
    return jsonObject(this.exec(plugin, command, conf, env).stdout);
  }
}

export function jsonObject(text: string): CniObject {
  const value = JSON.parse(text) as CniJson;
  if (!isCniObject(value)) throw new Error(`no object: ${text}`);
  return value;
}

/** What a plugin was called with. */
export interface Seen {
  readonly plugin: string;
  readonly command: string;
  readonly call: PluginCall;
}

/** A plugin that writes down its calls, and fails those that `fails` has an error for. */
export function spy(name: string, seen: Seen[], fails: Readonly<Record<string, CniError>> = {}): Plugin {
  const note = (command: string, call: PluginCall): void => {
    seen.push({ plugin: name, command, call });
    const error = fails[command];
    if (error !== undefined) throw error;
  };
  return {
    versions: ['0.3.1', '0.4.0', '1.0.0', '1.1.0'],
    libraryVersion: '1.1.0',
    resultKeys: 'declared',
    add: (call) => {
      note('ADD', call);
      const before = call.prevResult ?? EMPTY_RESULT;
      return { ...before, interfaces: [...before.interfaces, { name: name }] };
    },
    del: (call) => note('DEL', call),
    check: (call) => {
      note('CHECK', call);
      return undefined;
    },
    gc: (call) => note('GC', call),
    status: (call) => note('STATUS', call),
  };
}
