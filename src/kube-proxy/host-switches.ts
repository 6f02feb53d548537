/** Switches that kube-proxy sets on its host when it starts (cmd/kube-proxy/app/server_linux.go:setupConntrack(), pkg/proxy/iptables). */

import { KernelError, type Netns } from '../kernel/index.js';
import type { KubeNode } from '../kubernetes/index.js';
import type { Configuration } from './config/configuration.js';

const NS_PER_S = 1e9;
const MILLI = 1000;

/** getConntrackMax(): so much a CPU, and no less than the minimum. Where nobody knows the CPUs, the minimum. */
function conntrackMax({ maxPerCore, min }: Configuration['conntrack'], node: KubeNode | undefined): number {
  if (maxPerCore === 0) return 0;
  const cpus = Math.floor((node?.status.capacityCpu ?? 0) / MILLI);
  return Math.max(maxPerCore * cpus, min);
}

/** Path and value of each; a zero leaves the kernel's own. */
export function conntrackSwitches(
  { conntrack }: Configuration,
  node: KubeNode | undefined,
): readonly (readonly [path: string, value: number])[] {
  const seconds = (ns: number): number => Math.floor(ns / NS_PER_S);
  const wanted = [
    ['nf_conntrack_max', conntrackMax(conntrack, node)],
    ['nf_conntrack_tcp_timeout_established', seconds(conntrack.tcpEstablishedTimeout)],
    ['nf_conntrack_tcp_timeout_close_wait', seconds(conntrack.tcpCloseWaitTimeout)],
    ['nf_conntrack_tcp_be_liberal', conntrack.tcpBeLiberal ? 1 : 0],
    ['nf_conntrack_udp_timeout', seconds(conntrack.udpTimeout)],
    ['nf_conntrack_udp_timeout_stream', seconds(conntrack.udpStreamTimeout)],
  ] as const;
  return wanted.filter(([, value]) => value > 0).map(([name, value]) => [`net.netfilter.${name}`, value]);
}

/** What the kernel refused, one sentence each. */
export function applySwitches(netns: Netns, switches: readonly (readonly [path: string, value: number])[]): string[] {
  const refused: string[] = [];
  for (const [path, value] of switches) {
    try {
      netns.sysctl.set(path, String(value));
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      refused.push(error.message);
    }
  }
  return refused;
}
