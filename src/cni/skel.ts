/**
 * skel.PluginMain (github.com/containernetworking/cni/pkg/skel): what every plugin does before and after
 * its own work. The order of the checks is the reference library's, since callers see the first that fails.
 */

import { ERRNO_TEXT, type Host, KernelError } from '../kernel/index.js';
import { CNI_ERROR, CniError, internalError } from './errors.js';
import type { CniEnvironment, Plugin, PluginBinaries, PluginCall, PluginMachine, ProcessExit } from './plugin.js';
import {
  type CniJson,
  type CniObject,
  type CniResult,
  EMPTY_RESULT,
  isCniObject,
  parseResult,
  printJson,
  resultJson,
  sortedResult,
} from './result.js';
import { CNI_VERSION_MISSING, requireSupported, versionAtLeast } from './version.js';

type Command = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS';

/** Which variables which commands cannot do without. */
const REQUIRED: readonly (readonly [keyof CniEnvironment, readonly string[]])[] = [
  ['CNI_CONTAINERID', ['ADD', 'CHECK', 'DEL']],
  ['CNI_NETNS', ['ADD', 'CHECK']],
  ['CNI_IFNAME', ['ADD', 'CHECK', 'DEL']],
  ['CNI_PATH', ['ADD', 'CHECK', 'DEL', 'GC', 'STATUS']],
];

/** Runs a plugin as a process: environment and stdin in, exit code and stdout out. */
export function execPlugin(
  plugin: Plugin,
  input: { readonly env: CniEnvironment; readonly stdin: string },
  machine: PluginMachine,
): ProcessExit {
  // Without a command there is a person at the terminal.
  if (input.env.CNI_COMMAND === '' && plugin.about !== undefined) {
    const stderr = `${plugin.about}\nCNI protocol versions supported: ${plugin.versions.join(', ')}\n`;
    return { exitCode: 0, stdout: '', stderr };
  }
  try {
    return { exitCode: 0, stdout: run(plugin, input, machine), stderr: '' };
  } catch (error) {
    if (error instanceof CniError) return { exitCode: 1, stdout: printJson(error.toJson()), stderr: '' };
    if (error instanceof KernelError) {
      const { message } = error;
      return { exitCode: 1, stdout: printJson(internalError(message).toJson()), stderr: '' };
    }
    throw error;
  }
}

function run(plugin: Plugin, { env, stdin }: { env: CniEnvironment; stdin: string }, machine: PluginMachine): string {
  const missing = REQUIRED.filter(([name, commands]) => commands.includes(env.CNI_COMMAND) && env[name] === '').map(
    ([name]) => name,
  );
  if (env.CNI_COMMAND === '') missing.unshift('CNI_COMMAND');
  if (missing.length > 0) {
    throw new CniError(CNI_ERROR.invalidEnvironment, `required env variables [${missing.join(',')}] missing`);
  }
  if (env.CNI_COMMAND === 'VERSION') {
    return `${JSON.stringify({ cniVersion: plugin.libraryVersion, supportedVersions: plugin.versions })}\n`;
  }
  const config = validConfig(stdin);
  checkContainerId(env);
  checkIfName(env);
  return dispatch(plugin, makeCall(env, config, machine.host), machine);
}

function dispatch(plugin: Plugin, call: PluginCall, machine: PluginMachine): string {
  switch (call.command) {
    case 'ADD':
      requireSupported(call.version, plugin.versions);
      return printResult(plugin, plugin.add(call, machine), call);
    case 'DEL':
      requireSupported(call.version, plugin.versions);
      plugin.del(call, machine);
      return '';
    case 'CHECK':
      requireCommand(plugin, call, '0.4.0');
      return plugin.check(call, machine) ?? '';
    case 'GC':
      requireCommand(plugin, call, '1.1.0');
      plugin.gc?.(call, machine);
      return '';
    case 'STATUS':
      requireCommand(plugin, call, '1.1.0');
      plugin.status?.(call, machine);
      return '';
    default:
      throw new CniError(CNI_ERROR.invalidEnvironment, `unknown CNI_COMMAND: ${call.command}`);
  }
}

/** Since then results look alike. */
const NEWEST_FORM = '1.0.0';

/** As the library that the plugin is built with prints it; the older takes no version for the first. */
function printResult(plugin: Plugin, result: CniResult, call: PluginCall): string {
  const { version, writtenVersion, prevResult } = call;
  const asToday = plugin.resultForm === 'newest' && prevResult === undefined && writtenVersion !== '';
  if (asToday && !versionAtLeast(version, NEWEST_FORM))
    return printJson({ ...resultJson(result, NEWEST_FORM), cniVersion: version });
  const sorted = plugin.resultKeys === 'sorted';
  const json = resultJson(result, sorted ? writtenVersion : version);
  const sorts = sorted && writtenVersion !== '' && versionAtLeast(writtenVersion, '1.0.0');
  return printJson(sorts ? sortedResult(json) : json);
}

/** Commands that came later need a configuration, and a plugin, of a version that has them. */
function requireCommand(plugin: Plugin, call: PluginCall, since: string): void {
  const { incompatibleVersion } = CNI_ERROR;
  if (!versionAtLeast(call.version, since)) {
    throw new CniError(incompatibleVersion, `config version does not allow ${call.command}`);
  }
  if (!plugin.versions.some((version) => versionAtLeast(version, call.version))) {
    throw new CniError(incompatibleVersion, `plugin version does not allow ${call.command}`);
  }
  requireSupported(call.version, plugin.versions);
}

/** What encoding/json says of a text that is cut off or wrong. */
function goSyntaxError(text: string): string {
  if (text.trim() === '') return 'unexpected end of JSON input';
  const start = text.trimStart()[0] ?? '';
  if (!/[[{"\-0-9tfn]/.test(start)) return `invalid character '${start}' looking for beginning of value`;
  return 'unexpected end of JSON input';
}

function parseJson(stdin: string): CniJson {
  try {
    return JSON.parse(stdin) as CniJson;
  } catch {
    throw new CniError(CNI_ERROR.decoding, `error unmarshall network config: ${goSyntaxError(stdin)}`);
  }
}

const NETWORK_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** validateConfig(). */
function validConfig(stdin: string): CniObject {
  const config = parseJson(stdin);
  if (!isCniObject(config)) {
    const kind = Array.isArray(config) ? 'array' : typeof config === 'boolean' ? 'bool' : typeof config;
    throw config === null
      ? new CniError(CNI_ERROR.invalidNetworkConfig, 'missing network name')
      : new CniError(
          CNI_ERROR.decoding,
          `error unmarshall network config: json: cannot unmarshal ${kind} into Go value of type struct { Name string "json:\\"name\\"" }`,
        );
  }
  const name = config['name'];
  if (name === undefined || name === '') throw new CniError(CNI_ERROR.invalidNetworkConfig, 'missing network name');
  if (typeof name !== 'string' || !NETWORK_NAME.test(name)) {
    throw new CniError(
      CNI_ERROR.invalidNetworkConfig,
      'invalid characters found in network name',
      typeof name === 'string' ? name : JSON.stringify(name),
    );
  }
  return config;
}

/** utils.ValidateContainerID(). GC and STATUS have none. */
function checkContainerId({ CNI_COMMAND: command, CNI_CONTAINERID: id }: CniEnvironment): void {
  if (id === '' && (command === 'GC' || command === 'STATUS')) return;
  if (id === '') throw new CniError(CNI_ERROR.unknownContainer, 'missing containerID');
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(id))
    throw new CniError(CNI_ERROR.invalidEnvironment, 'invalid characters in containerID', id);
}

/** utils.ValidateInterfaceName(). */
function checkIfName({ CNI_COMMAND: command, CNI_IFNAME: name }: CniEnvironment): void {
  const fail = (message: string, details = ''): never => {
    throw new CniError(CNI_ERROR.invalidEnvironment, message, details);
  };
  if (name === '') {
    if (command !== 'GC' && command !== 'STATUS') fail('interface name is empty');
    return;
  }
  if (name.length > 15) fail('interface name is too long', 'interface name should be less than 16 characters');
  if (name === '.' || name === '..') fail('interface name is . or ..');
  if (/[/:\s]/.test(name)) fail('interface name contains / or : or whitespace characters');
}

function makeCall(env: CniEnvironment, config: CniObject, host: Host): PluginCall {
  const writtenVersion = typeof config['cniVersion'] === 'string' ? config['cniVersion'] : '';
  const previous = config['prevResult'];
  return {
    command: env.CNI_COMMAND,
    containerId: env.CNI_CONTAINERID,
    netnsPath: env.CNI_NETNS,
    netns: host.netnsAt(env.CNI_NETNS),
    ifName: env.CNI_IFNAME,
    // Read by the plugins that want something of it, not before.
    get args() {
      return parseArgs(env.CNI_ARGS);
    },
    path: env.CNI_PATH,
    config,
    version: writtenVersion === '' ? CNI_VERSION_MISSING : writtenVersion,
    writtenVersion,
    prevResult: isCniObject(previous) ? parseResult(previous) : undefined,
  };
}

/** `KEY=VALUE;KEY=VALUE`. @throws CniError for a pair without `=` */
export function parseArgs(text: string): ReadonlyMap<string, string> {
  const args = new Map<string, string>();
  for (const pair of text.split(';')) {
    if (pair === '') continue;
    const at = pair.indexOf('=');
    if (at < 0) throw internalError(`ARGS: invalid pair "${pair}"`);
    args.set(pair.slice(0, at), pair.slice(at + 1));
  }
  return args;
}

/** The machine as plugins see it: its host, and the other plugins by name. */
export function pluginMachine(host: Host, binaries: PluginBinaries): PluginMachine {
  const machine: PluginMachine = {
    host,
    delegate: (type, call, command) =>
      delegate(binaries, machine, { type, call, command: command ?? (call.command as Command) }),
  };
  return machine;
}

/** pkg/invoke: finds the binary in CNI_PATH, runs it, reads its answer. */
function delegate(
  binaries: PluginBinaries,
  machine: PluginMachine,
  { type, call, command }: { readonly type: string; readonly call: PluginCall; readonly command: Command },
): CniResult {
  if (type === '') throw internalError('no plugin name provided');
  const plugin = binaries.get(type);
  if (plugin === undefined) throw internalError(`failed to find plugin "${type}" in path [${call.path}]`);
  const env: CniEnvironment = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: call.containerId,
    CNI_NETNS: call.netnsPath,
    CNI_IFNAME: call.ifName,
    CNI_ARGS: [...call.args].map(([key, value]) => `${key}=${value}`).join(';'),
    CNI_PATH: call.path,
  };
  const exit = execPlugin(plugin, { env, stdin: JSON.stringify(call.config) }, machine);
  if (exit.exitCode !== 0) throw parseErrorJson(exit.stdout);
  if (command !== 'ADD') return EMPTY_RESULT;
  const answer = parseJson(exit.stdout);
  return isCniObject(answer) ? parseResult(answer) : EMPTY_RESULT;
}

/** The error that a plugin printed. */
export function parseErrorJson(stdout: string): CniError {
  const answer = parseJson(stdout);
  if (!isCniObject(answer)) return internalError(stdout);
  const { code, msg, details } = answer;
  return new CniError(
    typeof code === 'number' ? code : CNI_ERROR.internal,
    typeof msg === 'string' ? msg : '',
    typeof details === 'string' ? details : '',
  );
}

/** strerror in lower case, as Go's syscall.Errno prints it. */
export const goErrno = (errno: keyof typeof ERRNO_TEXT): string => ERRNO_TEXT[errno].toLowerCase();
