/** What is said where nothing would look like an answer: IPv6, and programs that need what the emulation does not have. */

import { isIpv4, parseIp } from '../kubernetes/index.js';
import { failure, type Tool, type ToolResult } from './tool.js';

/** As of what `exec` does not offer. */
const NOT_OFFERED = 2;

export const noIpv6 = (asked: string, exitCode = NOT_OFFERED): ToolResult =>
  failure(exitCode, `${asked}: IPv6 is not modelled: machines and pods have IPv4 alone here`);

export const isIpv6 = (text: string): boolean => {
  const address = parseIp(text);
  return address !== undefined && !isIpv4(address);
};

/** `http://[fd00::1]:80/`. */
const hasIpv6Host = (text: string): boolean => isIpv6(/^(?:\w+:\/\/)?\[([^\]]+)\]/.exec(text)?.[1] ?? '');

const ONLY_IPV6 = new Set(['-6', '--ipv6', '--inet6-only']);
/** What these send goes to an address that stands among their words; `dig` may well ask for one. */
const SENDERS = new Set(['arping', 'curl', 'nc', 'ping', 'tracepath', 'traceroute', 'wget']);

/** Whether a tool is to use IPv6, which it could not. */
export function asksForIpv6(tool: string, args: readonly string[]): boolean {
  if (tool === 'dig') return args.includes('-6') || args.some((word) => word.startsWith('@') && isIpv6(word.slice(1)));
  return SENDERS.has(tool) && args.some((word) => ONLY_IPV6.has(word) || isIpv6(word) || hasIpv6Host(word));
}

/** `ip6tables` and other programs that have no other use. */
export const forIpv6 =
  (name: string): Tool =>
  () =>
    noIpv6(name);

const RUNTIME = '"crictl ps" and "crictl pods" show what the container runtime has, "ip netns" its namespaces';

/** Programs of a node that show or change what is not there, and what shows it here. */
const INSTEAD: Readonly<Record<string, string>> = {
  tcpdump: `each command runs by itself here, from its beginning to its end, so that no packet goes by while tcpdump listens.
"podwire trace -f PATH -o pcapng FROM TO" writes the frames of a packet's way for Wireshark and tcpdump -r, and the terminal
of "podwire serve" has a tcpdump that goes on while packets are sent`,
  ctr: RUNTIME,
  docker: RUNTIME,
  ipvsadm: 'IPVS is not modelled; "iptables -t nat -nvL KUBE-SERVICES" shows what kube-proxy does',
  nft: 'rules are kept as iptables has them; "iptables-save" prints them all',
  kubectl:
    'there is no API server to ask here; "podwire serve" has one, and the files that were loaded are what it would show',
  kill: 'processes are those that the cluster runs, which go on: what a shell has begun with & has ended when the next command begins',
  nerdctl: RUNTIME,
  top: 'what processes take of the machine is not modelled: "ps" lists them, "nstat" and "ip -s link" show what is counted',
  'iptables-restore': 'rules are changed one by one, by "iptables"; "iptables-save" prints them all',
  'iptables-legacy': 'rules are those of iptables-nft; "iptables" and "iptables-save" show them',
  'iptables-legacy-save': 'rules are those of iptables-nft; "iptables-save" prints them all',
};

export const notOffered = (name: string): ToolResult | undefined => {
  const instead = Object.hasOwn(INSTEAD, name) ? INSTEAD[name] : undefined;
  return instead === undefined ? undefined : failure(NOT_OFFERED, `${name}: ${instead}`);
};
