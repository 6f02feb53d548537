/** What a plugin is: an executable of /opt/cni/bin, as a function of its environment and its standard input. */

import type { Host, Netns } from '../kernel/index.js';
import type { CniObject, CniResult } from './result.js';

/** The environment of a call. Absent variables are empty. */
export interface CniEnvironment {
  readonly CNI_COMMAND: string;
  readonly CNI_CONTAINERID: string;
  readonly CNI_NETNS: string;
  readonly CNI_IFNAME: string;
  readonly CNI_ARGS: string;
  readonly CNI_PATH: string;
}

/** What a process leaves behind. */
export interface ProcessExit {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A call after skel.PluginMain has looked at it. */
export interface PluginCall {
  readonly command: string;
  readonly containerId: string;
  /** CNI_NETNS as given; `netns` where it leads to one. */
  readonly netnsPath: string;
  readonly netns: Netns | undefined;
  readonly ifName: string;
  /** CNI_ARGS, parsed: `K8S_POD_NAME` → `web-0`. @throws CniError for a pair without `=` */
  readonly args: ReadonlyMap<string, string>;
  readonly path: string;
  readonly config: CniObject;
  /** `cniVersion`, or what stands for none. */
  readonly version: string;
  /** `cniVersion` as written, '' for none: decides the form of the result. */
  readonly writtenVersion: string;
  readonly prevResult: CniResult | undefined;
}

/** The machine that a plugin runs on. */
export interface PluginMachine {
  readonly host: Host;
  /** Runs another plugin with the same environment (invoke.DelegateAdd and its like). @throws CniError */
  delegate(type: string, call: PluginCall, command?: 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS'): CniResult;
}

/** Each command answers or throws a CniError; other errors of the kernel become code 999 with their text. */
export interface Plugin {
  /** In the order that VERSION lists them. */
  readonly versions: readonly string[];
  /** What VERSION says of the library that the plugin is built with. */
  readonly libraryVersion: string;
  /** What it says of itself where no command is given; an error where it says nothing. */
  readonly about?: string;
  /** Libraries from 1.2 on print results of 1.0.0 and later with sorted keys, and an empty `dns` not at all. */
  readonly resultKeys: 'declared' | 'sorted';
  /** Whether what it makes itself, without a result before it, is printed as of 1.0.0 whatever version is written. */
  readonly resultForm?: 'newest';
  add(call: PluginCall, machine: PluginMachine): CniResult;
  del(call: PluginCall, machine: PluginMachine): void;
  /** Text that a CHECK without objection prints; most print nothing. */
  check(call: PluginCall, machine: PluginMachine): string | undefined;
  gc?(call: PluginCall, machine: PluginMachine): void;
  status?(call: PluginCall, machine: PluginMachine): void;
}

/** The executables of a host's /opt/cni/bin, by name. */
export type PluginBinaries = ReadonlyMap<string, Plugin>;
