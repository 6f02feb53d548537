/** ipMasq: one chain a container, that leaves its own subnet alone (pkg/ip/ipmasq_linux.go). */

import type { Netns } from '../../kernel/index.js';
import { formatIpv4, formatPrefix, type Ipv4Addr, type Ipv4Prefix, ipv4Network } from '../../packet/index.js';
import { type CniError, internalError } from '../errors.js';
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

/**
 * TeardownIPMasq() for an address that the container's interface had: its rule, and the chain, which cannot go
 * while another address's rule leads to it. Returns what iptables says, undefined where all went well.
 */
export function teardownError(
  netns: Netns,
  address: Ipv4Addr,
  { network, containerId }: MasqueradeOf,
): CniError | undefined {
  const chain = chainName(network, containerId);
  const nat = new NatTable(netns);
  const source = formatIpv4(address);
  if (nat.rules(chain) === undefined) {
    return iptablesError(
      `-D POSTROUTING -s ${source} -j ${chain} -m comment --comment name: "${network}" id: "${containerId}"`,
      `exit status 2: iptables v1.8.9 (nf_tables): Chain '${chain}' does not exist\nTry \`iptables -h' or 'iptables --help' for more information.\n`,
    );
  }
  const note = `-m comment --comment "${comment(network, containerId)}"`;
  nat.deleteRule('POSTROUTING', `-s ${source}/32 ${note} -j ${chain}`);
  nat.clearChain(chain);
  const busy = nat.leadsTo(chain);
  if (!busy) nat.deleteChain(chain);
  nat.commit();
  return busy
    ? iptablesError(
        `-X ${chain}`,
        `exit status 4: iptables v1.8.9 (nf_tables):  CHAIN_DEL failed (Device or resource busy): chain ${chain}\n`,
      )
    : undefined;
}

const iptablesError = (args: string, said: string): CniError =>
  internalError(`running [/usr/sbin/iptables -t nat ${args} --wait]: ${said}`);
