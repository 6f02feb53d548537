/**
 * A CNI runtime (libcni, and what a container runtime does around it): reads the network configuration of
 * a host, runs the chain of plugins, keeps results, and undoes what a failed ADD left.
 */

import type { Host } from '../kernel/index.js';
import { CNI_ERROR, CniError } from './errors.js';
import type { CniEnvironment, PluginBinaries, ProcessExit } from './plugin.js';
import {
  type CniJson,
  type CniObject,
  type CniResult,
  EMPTY_RESULT,
  isCniList,
  isCniObject,
  parseResult,
} from './result.js';
import { execPlugin, parseErrorJson, pluginMachine } from './skel.js';
import { CNI_VERSION_MISSING, versionAtLeast } from './version.js';

export const CNI_CONF_DIR = '/etc/cni/net.d';
export const CNI_BIN_DIR = '/opt/cni/bin';
export const CNI_CACHE_DIR = '/var/lib/cni/results';

/** A network: its plugins in the order of ADD. */
export interface NetworkList {
  readonly file: string;
  readonly name: string;
  readonly cniVersion: string;
  readonly disableCheck: boolean;
  readonly plugins: readonly CniObject[];
}

/** A sandbox that wants an interface. */
export interface Attachment {
  readonly containerId: string;
  readonly netnsPath: string;
  readonly ifName: string;
  /** CNI_ARGS: K8S_POD_NAMESPACE and its like. */
  readonly args: Readonly<Record<string, string>>;
  /** runtimeConfig, by capability: `portMappings`, `bandwidth`, `ips`. */
  readonly capabilities: CniObject;
}

const text = (value: CniJson | undefined): string => (typeof value === 'string' ? value : '');

function invalid(file: string, message: string): CniError {
  return new CniError(CNI_ERROR.invalidNetworkConfig, `error parsing configuration ${file}: ${message}`);
}

function parseObject(file: string, content: string): CniObject {
  try {
    const value = JSON.parse(content) as CniJson;
    if (isCniObject(value)) return value;
  } catch (error) {
    throw invalid(file, error instanceof Error ? error.message : 'not JSON');
  }
  throw invalid(file, 'not a JSON object');
}

/** A `.conflist`, or a `.conf` as a list of one. @throws CniError 7 */
export function parseNetworkList(file: string, content: string): NetworkList {
  const value = parseObject(file, content);
  const name = text(value['name']);
  if (name === '') throw invalid(file, 'no name');
  const listed = value['plugins'];
  const plugins = file.endsWith('.conflist') ? (Array.isArray(listed) ? listed.filter(isCniObject) : []) : [value];
  if (plugins.length === 0) throw invalid(file, 'no plugins in list');
  if (plugins.some((plugin) => text(plugin['type']) === '')) throw invalid(file, 'a plugin without a type');
  return {
    file,
    name,
    cniVersion: text(value['cniVersion']) || CNI_VERSION_MISSING,
    disableCheck: value['disableCheck'] === true || value['disableCheck'] === 'true',
    plugins,
  };
}

export class CniRuntime {
  readonly #host: Host;
  readonly #binaries: PluginBinaries;

  constructor(host: Host, binaries: PluginBinaries) {
    this.#host = host;
    this.#binaries = binaries;
  }

  /**
   * The network that a runtime uses: the first file of /etc/cni/net.d by name.
   * @throws CniError 7 where there is none, or it cannot be read
   */
  network(): NetworkList {
    const files = [...this.#host.files.keys()]
      .filter((path) => path.startsWith(`${CNI_CONF_DIR}/`) && /\.(conflist|conf|json)$/.test(path))
      .sort();
    const [first] = files;
    if (first === undefined) throw new CniError(CNI_ERROR.invalidNetworkConfig, `no networks found in ${CNI_CONF_DIR}`);
    return parseNetworkList(first, this.#host.files.get(first) ?? '');
  }

  /** ADD through the whole chain; on failure DEL through the whole chain, and the error. @throws CniError */
  add(network: NetworkList, attachment: Attachment): CniResult {
    let previous: CniObject | undefined;
    try {
      for (const plugin of network.plugins) {
        const exit = this.#call('ADD', attachment, this.#config(network, plugin, { attachment, previous }));
        previous = parseObject(text(plugin['type']), exit.stdout);
      }
    } catch (error) {
      this.#undo(network, attachment);
      throw error;
    }
    if (previous === undefined) return EMPTY_RESULT;
    this.#cache(network, attachment, previous);
    return parseResult(previous);
  }

  /** DEL in reverse order. Errors of one plugin end it, as in libcni. @throws CniError */
  del(network: NetworkList, attachment: Attachment): void {
    const previous = versionAtLeast(network.cniVersion, '0.4.0') ? this.#cached(network, attachment) : undefined;
    for (const plugin of [...network.plugins].reverse()) {
      this.#call('DEL', attachment, this.#config(network, plugin, { attachment, previous }));
    }
    this.#host.files.delete(this.#cachePath(network, attachment));
  }

  /** CHECK in order of ADD, against the cached result. @throws CniError what is broken */
  check(network: NetworkList, attachment: Attachment): void {
    if (network.disableCheck) return;
    if (!versionAtLeast(network.cniVersion, '0.4.0')) {
      throw new CniError(
        CNI_ERROR.incompatibleVersion,
        `configuration version "${network.cniVersion}" does not support CHECK`,
      );
    }
    const previous = this.#cached(network, attachment);
    for (const plugin of network.plugins) {
      this.#call('CHECK', attachment, this.#config(network, plugin, { attachment, previous }));
    }
  }

  /** GC: tells every plugin which attachments are still wanted; others are deleted first. @throws CniError the first */
  gc(network: NetworkList, wanted: readonly { readonly containerId: string; readonly ifName: string }[]): void {
    const keep = new Set(wanted.map(({ containerId, ifName }) => `${containerId}/${ifName}`));
    for (const stale of this.#attachments(network)) {
      if (!keep.has(`${stale.containerId}/${stale.ifName}`)) this.del(network, stale);
    }
    if (!versionAtLeast(network.cniVersion, '1.1.0')) return;
    const valid = wanted.map(({ containerId, ifName }) => ({ containerID: containerId, ifname: ifName }));
    for (const plugin of network.plugins) {
      const config = {
        ...this.#config(network, plugin, {}),
        'cni.dev/valid-attachments': valid,
        'cni.dev/attachments': valid,
      };
      this.#call('GC', undefined, config);
    }
  }

  /** STATUS: whether ADD can be asked for. Networks below 1.1.0 have no opinion. @throws CniError 50, 51 */
  status(network: NetworkList): void {
    if (!versionAtLeast(network.cniVersion, '1.1.0')) return;
    for (const plugin of network.plugins) this.#call('STATUS', undefined, this.#config(network, plugin, {}));
  }

  /** A failed ADD may have been half done; its DEL must not hide why. */
  #undo(network: NetworkList, attachment: Attachment): void {
    for (const plugin of [...network.plugins].reverse()) {
      try {
        this.#call('DEL', attachment, this.#config(network, plugin, { attachment }));
      } catch (error) {
        if (!(error instanceof CniError)) throw error;
      }
    }
  }

  /** injectRuntimeConfig() and buildOneConfig(). */
  #config(
    network: NetworkList,
    plugin: CniObject,
    { attachment, previous }: { readonly attachment?: Attachment; readonly previous?: CniObject | undefined },
  ): CniObject {
    const { capabilities: declared, ...rest } = plugin;
    const wanted = isCniObject(declared) ? Object.keys(declared).filter((key) => declared[key] === true) : [];
    const runtimeConfig = Object.fromEntries(
      wanted.flatMap((key) => {
        const value = attachment?.capabilities[key];
        return value === undefined ? [] : [[key, value] as const];
      }),
    );
    return {
      ...rest,
      name: network.name,
      cniVersion: network.cniVersion,
      ...(Object.keys(runtimeConfig).length === 0 ? {} : { runtimeConfig }),
      ...(previous === undefined ? {} : { prevResult: previous }),
    };
  }

  #call(command: string, attachment: Attachment | undefined, config: CniObject): ProcessExit {
    const type = text(config['type']);
    const plugin = this.#binaries.get(type);
    if (plugin === undefined) {
      throw new CniError(CNI_ERROR.internal, `failed to find plugin "${type}" in path [${CNI_BIN_DIR}]`);
    }
    const env: CniEnvironment = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: attachment?.containerId ?? '',
      CNI_NETNS: attachment?.netnsPath ?? '',
      CNI_IFNAME: attachment?.ifName ?? '',
      CNI_ARGS: Object.entries(attachment?.args ?? {})
        .map(([key, value]) => `${key}=${value}`)
        .join(';'),
      CNI_PATH: CNI_BIN_DIR,
    };
    const exit = execPlugin(plugin, { env, stdin: JSON.stringify(config) }, pluginMachine(this.#host, this.#binaries));
    if (exit.exitCode !== 0) throw parseErrorJson(exit.stdout);
    return exit;
  }

  #cachePath(network: NetworkList, { containerId, ifName }: { containerId: string; ifName: string }): string {
    return `${CNI_CACHE_DIR}/${network.name}-${containerId}-${ifName}`;
  }

  /** libcni's cacheAdd(), as far as DEL, CHECK and GC read it. */
  #cache(network: NetworkList, attachment: Attachment, result: CniObject): void {
    const entry = {
      kind: 'cniCacheV1',
      containerId: attachment.containerId,
      ifName: attachment.ifName,
      networkName: network.name,
      netns: attachment.netnsPath,
      cniArgs: Object.entries(attachment.args),
      capabilityArgs: attachment.capabilities,
      result,
    };
    this.#host.files.set(this.#cachePath(network, attachment), JSON.stringify(entry));
  }

  #cached(network: NetworkList, attachment: Attachment): CniObject | undefined {
    const content = this.#host.files.get(this.#cachePath(network, attachment));
    if (content === undefined) return undefined;
    const { result } = parseObject('cache', content);
    return isCniObject(result) ? result : undefined;
  }

  /** Every attachment of the network that has a cached result. */
  #attachments(network: NetworkList): Attachment[] {
    const found: Attachment[] = [];
    for (const [path, content] of this.#host.files) {
      if (!path.startsWith(`${CNI_CACHE_DIR}/`)) continue;
      const entry = parseObject(path, content);
      if (entry['networkName'] !== network.name) continue;
      const pairs = isCniList(entry['cniArgs']) ? entry['cniArgs'] : [];
      const args = Object.fromEntries(pairs.filter(isCniList).map(([key, value]) => [text(key), text(value)]));
      const capabilities = entry['capabilityArgs'];
      found.push({
        containerId: text(entry['containerId']),
        ifName: text(entry['ifName']),
        netnsPath: text(entry['netns']),
        args,
        capabilities: isCniObject(capabilities) ? capabilities : {},
      });
    }
    return found;
  }
}
