/** Matches and targets that iptables 1.8.9 knows for IPv4: it refuses others, where a text that is loaded keeps them. */

const names = (text: string): readonly string[] => text.trim().split(/\s+/);

const MATCHES: ReadonlySet<string> = new Set(
  names(`
addrtype ah bpf cgroup cluster comment connbytes connlabel connlimit connmark conntrack cpu dccp devgroup dscp ecn esp
hashlimit helper icmp ipcomp iprange ipvs length limit mac mark multiport nfacct osf owner physdev pkttype policy quota
rateest realm recent rpfilter sctp set socket state statistic string tcp tcpmss time tos ttl u32 udp
`),
);

/** Of the words of a rule, the first match that cannot be loaded. */
export function missingMatch(words: readonly string[]): string | undefined {
  return words.find((name, i) => /^(?:-m|--match)$/.test(words[i - 1] ?? '') && !MATCHES.has(name));
}

const TARGETS: ReadonlySet<string> = new Set(
  names(`
ACCEPT AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNMARK CONNSECMARK CT DNAT DROP DSCP ECN HMARK IDLETIMER LED LOG MARK MASQUERADE
NETMAP NFLOG NFQUEUE NOTRACK QUEUE RATEEST REDIRECT REJECT RETURN SECMARK SET SNAT SYNPROXY TCPMSS TCPOPTSTRIP TEE TOS TPROXY
TRACE TTL ULOG
`),
);

/** What iptables says of a target, named as targets are, that it cannot load and that is no chain. */
export function missingTarget(words: readonly string[], isChain: (name: string) => boolean): string | undefined {
  const at = words.findIndex((word) => word === '-j' || word === '--jump') + 1;
  const name = at === 0 ? undefined : words[at];
  if (name === undefined || !/^[A-Z]+$/.test(name) || TARGETS.has(name) || isChain(name)) return undefined;
  // What would be an option of the target is one of nothing.
  const option = words[at + 1];
  return option?.startsWith('--') === true ? `unknown option "${option}"` : `Chain '${name}' does not exist`;
}
