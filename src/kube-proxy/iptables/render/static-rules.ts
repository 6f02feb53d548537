/** Rules that are there whatever Services there are (pkg/proxy/iptables/proxier.go). */

import { CHAIN } from '../names.js';
import { INVALID_COUNTER, type IptablesSettings } from '../settings.js';

/** What comes for 127.0.0.0/8 from elsewhere was let in by route_localnet alone (CVE-2020-8558). */
export const LOCALNET_RULE =
  '-m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP';

export function forwardRules({
  masqueradeMark: mark,
  conntrackTcpBeLiberal,
  counters,
  features,
}: IptablesSettings): string[] {
  const counter =
    features.invalidCounter && counters.has(INVALID_COUNTER) ? `-m nfacct --nfacct-name ${INVALID_COUNTER} ` : '';
  return [
    // A segment that conntrack does not understand would leave untranslated, and be reset by its receiver.
    ...(conntrackTcpBeLiberal ? [] : [`-m conntrack --ctstate INVALID ${counter}-j DROP`]),
    `-m comment --comment "kubernetes forwarding rules" -m mark --mark ${mark}/${mark} -j ACCEPT`,
    '-m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  ];
}

/** The mark is taken off again, so that a packet that comes by once more (a tunnel) is not masqueraded twice. */
export const postroutingRules = ({ masqueradeMark: mark, randomFully }: IptablesSettings): string[] => [
  `-m mark ! --mark ${mark}/${mark} -j RETURN`,
  `-j MARK --xor-mark ${mark}`,
  `-m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE${randomFully ? ' --random-fully' : ''}`,
];

export const markMasqRules = ({ masqueradeMark: mark }: IptablesSettings): string[] => [`-j MARK --or-mark ${mark}`];

const TAIL = '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"';

/** The end of KUBE-SERVICES: node ports on this node's addresses. `addresses` are those that the node has now. */
export function nodePortTail(
  { family, localhostNodePorts, nodePortAddresses }: IptablesSettings,
  addresses: readonly { readonly text: string; readonly loopback: boolean }[],
): string[] {
  if (nodePortAddresses.matchesAll) {
    const notLocalhost = family === 'IPv6' ? ' ! -d ::1/128' : localhostNodePorts ? '' : ' ! -d 127.0.0.0/8';
    return [`${TAIL} -m addrtype --dst-type LOCAL${notLocalhost} -j ${CHAIN.nodePorts}`];
  }
  return addresses
    .filter(({ loopback }) => !loopback || (family === 'IPv4' && localhostNodePorts))
    .map(({ text }) => `${TAIL} -d ${text} -j ${CHAIN.nodePorts}`);
}
