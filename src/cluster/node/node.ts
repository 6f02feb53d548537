/** A node as it is when its kubelet, its CNI and Calico have done their work. */

import { type PluginBinaries, REFERENCE_PLUGINS } from '../../cni/index.js';
import { Emulation, type Host, KernelError, runIpBatch } from '../../kernel/index.js';
import { append, type Finding, finding, isIpv4, isIpv4Cidr, type Pod, type Store } from '../../kubernetes/index.js';
import type { CalicoCluster } from './calico-node.js';
import type { HostConfigObject } from '../input/documents.js';
import type { DnsPods } from './dns-pods.js';
import type { HostLocalRecord } from '../input/host-local-record.js';
import { Kubelet, podsOf } from './kubelet.js';
import { installKubeletRules } from './kubelet-rules.js';
import { formatIpv4, type Ipv4Addr } from '../../packet/index.js';
import { BIRD_CONF, type MachinePlan, Underlay } from '../../underlay/index.js';
import type { KubeletSettings } from '../input/kubelet-settings.js';
import { startServer } from './servers.js';
import type { ClusterServices } from './services.js';

export interface NodeContext {
  readonly store: Store;
  readonly calico: CalicoCluster | undefined;
  readonly hostConfigs: readonly HostConfigObject[];
  readonly services: ClusterServices;
  readonly kubelet: KubeletSettings;
  readonly dns: DnsPods;
  readonly hostLocal: HostLocalRecord;
  /** Whether the pod's sandbox has crashed. */
  readonly isDown: (pod: Pod) => boolean;
}

/** The documents that speak of a machine; without hosts and selector a document speaks of every node. */
export function configsFor(
  context: Pick<NodeContext, 'store' | 'hostConfigs'>,
  name: string,
): readonly HostConfigObject[] {
  const labels = context.store.get('Node', '', name)?.labels;
  return context.hostConfigs.filter(({ body }) => {
    const { hosts, nodeSelector } = body.spec;
    if (hosts.includes(name)) return true;
    if (hosts.length > 0 || labels === undefined) return false;
    return Object.entries(nodeSelector).every(([key, value]) => labels[key] === value);
  });
}

const PROXY_SWITCH = /[./]proxy_arp(_pvlan)?$/;

/**
 * Whether a machine that is not built yet may answer ARP for an address that its plan does not know: it stands in what a
 * document says to `ip`, or a document makes the machine answer for others.
 */
export const mayAnswerFor = (
  context: Pick<NodeContext, 'store' | 'hostConfigs'>,
  machine: string,
  address: Ipv4Addr,
): boolean =>
  context.hostConfigs.length > 0 &&
  configsFor(context, machine).some(
    ({ body: { spec } }) =>
      spec.ip?.split(/[\s/]+/).includes(formatIpv4(address)) === true ||
      Object.entries(spec.sysctls).some(([path, value]) => PROXY_SWITCH.test(path) && value !== '0'),
  );

/** Files, links, addresses, switches, sets, rules, routes and listeners that somebody put on a machine by hand. */
function applyHostConfig(host: Host, config: HostConfigObject, dns: DnsPods): Finding[] {
  const { files, ip, sysctls, iptables, ipsets, routes, listen, corefile } = config.body.spec;
  const because = [{ kind: config.kind, name: config.name }];
  const findings: Finding[] = [];
  const report = (path: readonly (string | number)[], message: string): void => {
    findings.push(finding(config, path, { code: 'unmodelled', severity: 'warning', message }));
  };
  /** Of a text in lines: where its line stands in the file. */
  const reportLine = (path: readonly string[], line: number, message: string): void => {
    const found = finding(config, path, { code: 'unmodelled', severity: 'warning', message: `line ${line}${message}` });
    findings.push({ ...found, ...config.source.lineOf(path, line) });
  };
  for (const [path, content] of Object.entries(files)) host.files.set(path, content);
  for (const { line, command, message } of ip === undefined ? [] : runIpBatch(host.netns, ip, because))
    reportLine(['spec', 'ip'], line, `, ${command}: ${message}`);
  for (const [path, value] of Object.entries(sysctls))
    attempt(
      () => host.netns.sysctl.set(path, value),
      (why) => report(['spec', 'sysctls', path], why),
    );
  if (ipsets !== undefined) {
    for (const { line, message } of host.netns.ipsets.restore(ipsets, { because }))
      reportLine(['spec', 'ipsets'], line, `: ${message}`);
  }
  if (iptables !== undefined) {
    const restored = host.netns.netfilter.iptables.restore(iptables, { noflush: true, causes: () => because });
    for (const { line, message } of restored) reportLine(['spec', 'iptables'], line, `: ${message}`);
  }
  routes.forEach((route, i) => {
    if (!isIpv4Cidr(route.to)) return;
    const destination = route.to;
    const dev = route.dev === undefined ? undefined : host.netns.devices.named(route.dev);
    const via = route.via !== undefined && isIpv4(route.via) ? route.via : undefined;
    attempt(
      () =>
        host.netns.fib.addRoute({ destination, metric: route.metric, nextHops: [{ via, dev }], because }, 'replace'),
      (why) => report(['spec', 'routes', i], why),
    );
  });
  for (const { protocol, port, address } of listen) {
    startServer(host.netns, {
      protocol,
      port,
      address: address !== undefined && isIpv4(address) ? address : undefined,
      process: config.name,
      because,
    });
  }
  if (corefile !== undefined) append(findings, dns.startOn(host, corefile, config));
  return findings;
}

/** Runs a kernel call that a user's document asked for; its error is the user's to know. */
function attempt(run: () => void, failed: (why: string) => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    failed(error.message);
  }
}

/** Makes a Kubernetes node of a machine. */
function equipNode(
  host: Host,
  context: NodeContext,
): { readonly kubelet: Kubelet; readonly findings: readonly Finding[] } {
  const { sysctl } = host.netns;
  // kubeadm's preflight wants both of a node.
  sysctl.set('net.ipv4.ip_forward', '1');
  sysctl.set('net.bridge.bridge-nf-call-iptables', '1');
  const findings = configsFor(context, host.name).flatMap((config) => applyHostConfig(host, config, context.dns));
  const unwritten = installKubeletRules(host.netns);
  context.calico?.install(host);
  const { store, kubelet: settings, dns } = context;
  const plugins: PluginBinaries = context.calico?.binaries() ?? REFERENCE_PLUGINS;
  const binaries = context.hostLocal.restore(host, podsOf(store, host.name), plugins);
  const kubelet = new Kubelet({ host, store, binaries, settings, dns, isDown: context.isDown });
  kubelet.startPods();
  startServer(host.netns, {
    protocol: 'tcp',
    port: 10_250,
    process: 'kubelet',
    because: [{ kind: 'Node', name: host.name, detail: 'kubelet' }],
  });
  // Felix keeps its rules above kube-proxy's: it is the one who looks again.
  context.services.start(host);
  kubelet.startServers();
  append(findings, context.calico?.runFelix(host) ?? []);
  const node = context.store.get('Node', '', host.name);
  if (node !== undefined) {
    for (const message of unwritten)
      findings.push(finding(node, [], { code: 'kube-proxy', severity: 'warning', message: `kubelet: ${message}` }));
  }
  return { kubelet, findings: [...findings, ...kubelet.findings] };
}

/** A machine's own name stands for 127.0.1.1 (Debian Reference, 5.1.1), so that it is known without DNS. */
const hostsFile = (name: string): string => `127.0.0.1\tlocalhost
127.0.1.1\t${name}

# The following lines are desirable for IPv6 capable hosts
::1     localhost ip6-localhost ip6-loopback
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
`;

/** What Debian's installer leaves behind; documents may say otherwise. */
function installFiles({ name, files }: Host): void {
  files.set('/etc/hostname', `${name}\n`);
  files.set('/etc/hosts', hostsFile(name));
}

/** Makes of a machine what it is: a node of the cluster, or what the network's document and HostConfigs say. */
export function equipMachine(
  host: Host,
  plan: MachinePlan,
  context: NodeContext,
): { readonly kubelet: Kubelet | undefined; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  installFiles(host);
  let kubelet: Kubelet | undefined;
  if (plan.role === 'node') {
    append(findings, context.services.prepare());
    const node = equipNode(host, context);
    kubelet = node.kubelet;
    append(findings, node.findings);
  } else
    for (const config of configsFor(context, host.name)) append(findings, applyHostConfig(host, config, context.dns));
  if (plan.bird !== undefined) host.files.set(BIRD_CONF, plan.bird.text);
  for (const { protocol, port, address } of plan.listen)
    startServer(host.netns, { protocol, port, address, process: plan.name, because: plan.because });
  return { kubelet, findings };
}

/** The same machines once more, asleep, in an emulation of their own. What is wrong with one is told where it is built first. */
export function rehearse({ plan, emulation }: Underlay, context: NodeContext): Underlay {
  const equip = (host: Host, machine: MachinePlan): void => {
    equipMachine(host, machine, context);
    context.services.program(host);
  };
  return new Underlay(new Emulation({ seed: emulation.seed }), plan, {
    equip,
    announces: ({ name }, _, address) => mayAnswerFor(context, name, address),
    refused: () => undefined,
  });
}
