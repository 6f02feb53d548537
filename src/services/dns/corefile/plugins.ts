/**
 * Which directives there are (plugin.cfg of CoreDNS, whose order decides which plugin meets a question first), and how
 * those that are modelled are made.
 */

import type { Netns } from '../../../kernel/index.js';
import { formatIp, type IpAddress, isIpv4 } from '../../../kubernetes/index.js';
import type { Ipv4Addr } from '../../../packet/index.js';
import type { Handler, Plugin } from '../exchange.js';
import { KubernetesBackend } from '../kubernetes/backend.js';
import type { Directory } from '../kubernetes/directory.js';
import { kubernetesPlugin } from '../kubernetes/handler.js';
import { kubernetesSettings } from '../kubernetes/settings.js';
import { cachePlugin, cacheSettings } from '../plugins/cache.js';
import { Forwarder, forwardPlugin, type ForwardSettings, forwardSettings } from '../plugins/forward.js';
import { hostsPlugin, hostsSettings } from '../plugins/hosts.js';
import { loadBalancePlugin } from '../plugins/load-balance.js';
import { rewritePlugin, rewriteRule } from '../plugins/rewrite.js';
import { templatePlugin, templateSettings } from '../plugins/template.js';
import { CorefileError, type CorefileLine, type Directive, type ServerBlock } from './parse.js';

/** What there is to say about a Corefile beside that it is wrong. */
export interface CorefileNote {
  readonly line: number;
  readonly kind: 'unmodelled' | 'no-servers';
  readonly message: string;
}

export interface PluginContext {
  readonly netns: Netns;
  readonly directory: Directory;
  /** The files of CoreDNS's container. */
  readonly readFile: (path: string) => string | undefined;
  readonly localAddresses: readonly IpAddress[];
  /** Where questions to the cluster's DNS go: to CoreDNS again. */
  readonly clusterDns: readonly IpAddress[];
  /** This server itself, for plugins that look something else up. */
  readonly self: Handler;
  readonly note: (note: CorefileNote) => void;
}

type Make = (directives: readonly Directive[], block: ServerBlock, context: PluginContext) => Plugin;

const unmodelledIn =
  ({ note }: PluginContext) =>
  ({ name, line }: CorefileLine): void =>
    note({ line, kind: 'unmodelled', message: `'${name}' is not modelled: answers may differ` });

const once = (directives: readonly Directive[]): Directive => {
  const [first, second] = directives;
  if (second !== undefined)
    throw new CorefileError(second.line, `plugin/${second.name}: this plugin can only be used once per Server Block`);
  if (first === undefined) throw new CorefileError(0, 'a directive without words');
  return first;
};

const loadBalance: Make = (directives, _block, context) => {
  const unmodelled = unmodelledIn(context);
  const directive = directives.at(-1);
  const policy = directive?.args[0];
  if (policy !== undefined && policy !== 'round_robin' && policy !== 'weighted')
    throw new CorefileError(directive?.line ?? 0, `unknown policy: ${policy}`);
  if (policy === 'weighted' && directive !== undefined) unmodelled({ ...directive, name: 'loadbalance weighted' });
  for (const line of directive?.block ?? []) unmodelled(line);
  return loadBalancePlugin(context.netns.emulation.random);
};

const rewrite: Make = (directives, _block, context) => {
  const rules = directives.map((directive) => rewriteRule(directive, unmodelledIn(context)));
  return rewritePlugin(rules.filter((rule) => rule !== undefined));
};

const cache: Make = (directives, block, context) => {
  const { clock } = context.netns.emulation;
  return cachePlugin(cacheSettings(once(directives), block, unmodelledIn(context)), () => clock.nowNs);
};

const template: Make = (directives, block, context) =>
  templatePlugin(
    directives.map((directive) => templateSettings(directive, block, unmodelledIn(context))),
    context.self,
  );

const hosts: Make = (directives, block, { readFile }) => hostsPlugin(hostsSettings(once(directives), block), readFile);

const kubernetes: Make = (directives, block, context) => {
  const settings = kubernetesSettings(once(directives), block, unmodelledIn(context));
  const backend = new KubernetesBackend(settings, context.directory, context.localAddresses);
  return kubernetesPlugin({ backend, lookup: context.self });
};

const forward: Make = (directives, _block, context) => {
  const { readFile, note } = context;
  const withoutServers = (path: string, line: number): void =>
    note({
      line,
      kind: 'no-servers',
      message: `${path} names no server: names that are not the cluster's have no answer`,
    });
  const all = directives.map((directive) => {
    const settings = forwardSettings(directive, { readFile, unmodelled: unmodelledIn(context), withoutServers });
    refuseLoop(settings, directive, context);
    return new Forwarder(settings, context.netns);
  });
  return forwardPlugin(all);
};

const isLoopback = (address: Ipv4Addr): boolean => address >>> 24 === 127;

/**
 * What `loop` finds by sending a question: it comes back, and CoreDNS ends itself. Without `loop` it would ask itself
 * until its memory is full. Differs: it is seen when CoreDNS starts, without the question.
 */
function refuseLoop(
  settings: ForwardSettings,
  { line }: Directive,
  { localAddresses, clusterDns }: PluginContext,
): void {
  const own = [...localAddresses, ...clusterDns];
  const back = settings.upstreams.find(
    ({ address }) => isLoopback(address) || own.some((one) => isIpv4(one) && one === address),
  );
  if (back === undefined) return;
  const zone = settings.from === '.' ? '.' : `${settings.from}.`;
  throw new CorefileError(
    line,
    `Loop detected for zone "${zone}": questions to ${formatIp(back.address)} come back to CoreDNS itself`,
  );
}

/** In the order of plugin.cfg. */
const PLUGINS: readonly (readonly [string, Make])[] = [
  ['loadbalance', loadBalance],
  ['rewrite', rewrite],
  ['cache', cache],
  ['template', template],
  ['hosts', hosts],
  ['kubernetes', kubernetes],
  ['forward', forward],
];

/** They answer no question and change no answer. `loop` is looked at by `forward`. */
const WITHOUT_EFFECT = new Set([
  'cancel',
  'debug',
  'dnstap',
  'errors',
  'health',
  'log',
  'loop',
  'metadata',
  'multisocket',
  'pprof',
  'prometheus',
  'ready',
  'reload',
  'root',
  'timeouts',
  'trace',
]);

const NOT_MODELLED = new Set([
  'acl',
  'any',
  'auto',
  'autopath',
  'azure',
  'bind',
  'bufsize',
  'chaos',
  'clouddns',
  'dns64',
  'dnssec',
  'erratic',
  'etcd',
  'file',
  'geoip',
  'grpc',
  'grpc_server',
  'header',
  'https',
  'https3',
  'k8s_external',
  'local',
  'minimal',
  'nomad',
  'nsid',
  'on',
  'proxyproto',
  'quic',
  'route53',
  'secondary',
  'shed',
  'sign',
  'tls',
  'transfer',
  'tsig',
  'view',
  'whoami',
]);

function checkNames({ directives }: ServerBlock, { note }: PluginContext): void {
  const known = new Set(PLUGINS.map(([name]) => name));
  for (const { name, line } of directives) {
    if (known.has(name) || WITHOUT_EFFECT.has(name)) continue;
    if (!NOT_MODELLED.has(name)) throw new CorefileError(line, `Unknown directive '${name}'`);
    note({ line, kind: 'unmodelled', message: `the plugin '${name}' is not modelled: answers may differ` });
  }
}

/** The plugins of a server block around one another. @throws CorefileError */
export function pluginsOf(block: ServerBlock, context: PluginContext): readonly Plugin[] {
  checkNames(block, context);
  return PLUGINS.flatMap(([name, make]) => {
    const directives = block.directives.filter((directive) => directive.name === name);
    return directives.length === 0 ? [] : [make(directives, block, context)];
  });
}
