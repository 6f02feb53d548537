/** kubelet's own chains (pkg/kubelet/kubelet_network_linux.go:initNetworkUtil(), since 1.28). */

import type { Netns } from '../../kernel/index.js';
import type { Cause } from '../../trace/index.js';

/** Packets to 127.0.0.0/8 from elsewhere, which route_localnet would let in (CVE-2020-8558). */
const LOCALNET =
  '-m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP';

const TEXT = `*mangle
-N KUBE-IPTABLES-HINT
-N KUBE-KUBELET-CANARY
COMMIT
*nat
-N KUBE-KUBELET-CANARY
COMMIT
*filter
-N KUBE-FIREWALL
-N KUBE-KUBELET-CANARY
-A KUBE-FIREWALL ${LOCALNET}
-I INPUT 1 -j KUBE-FIREWALL
-I OUTPUT 1 -j KUBE-FIREWALL
COMMIT
`;

/** On a machine that has just booted. What the kernel refused, one sentence each. */
export function installKubeletRules(netns: Netns): readonly string[] {
  const because: readonly Cause[] = [{ kind: 'Node', name: netns.host.name, detail: 'kubelet' }];
  const problems = netns.netfilter.iptables.restore(TEXT, { noflush: true, causes: () => because });
  return problems.map(({ line, message }) => `line ${line}: ${message}`);
}
