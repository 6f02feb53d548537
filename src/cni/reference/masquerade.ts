/** ipMasq: one chain a container, that leaves its own subnet alone (pkg/ip/ipmasq_linux.go). */

import type { Netns } from '../../kernel/index.js';
import { formatIpv4, formatPrefix, type Ipv4Prefix, ipv4Network } from '../../packet/index.js';
import { chainName, comment, NatTable } from './nat-chains.js';

export interface MasqueradeOf {
  readonly network: string;
  readonly containerId: string;
}

const MULTICAST = '224.0.0.0/4';

export function setupMasquerade(netns: Netns, address: Ipv4Prefix, { network, containerId }: MasqueradeOf): void {
  const nat = new NatTable(netns);
  const chain = chainName(network, containerId);
  const note = `-m comment --comment "${comment(network, containerId)}"`;
  const subnet = formatPrefix({ addr: ipv4Network(address.addr, address.length), length: address.length });
  nat.ensureChain(chain);
  nat.addUnique(chain, `-d ${subnet} ${note} -j ACCEPT`);
  nat.addUnique(chain, `! -d ${MULTICAST} ${note} -j MASQUERADE`);
  nat.addUnique('POSTROUTING', `-s ${formatIpv4(address.addr)}/32 ${note} -j ${chain}`);
  nat.commit();
}

export function teardownMasquerade(netns: Netns, { network, containerId }: MasqueradeOf): void {
  const chain = chainName(network, containerId);
  const nat = new NatTable(netns);
  if (nat.rules(chain) === undefined) return;
  nat.deleteChain(chain);
  nat.commit();
}
