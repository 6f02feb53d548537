/** Matches that iptables 1.8.9 knows for IPv4: it refuses others, where a text that is loaded keeps them. */

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
