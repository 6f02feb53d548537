/** Mistakes that somebody could make in the virtual kernel. Each must be seen by the differential test. */

export interface Mutation {
  readonly name: string;
  /** Below src/. */
  readonly file: string;
  /** Stands there once. */
  readonly find: string;
  readonly put: string;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a forwarded packet keeps its TTL',
    file: 'kernel/ipv4/stack.ts',
    find: '    header.decrementTtl();\n',
    put: '',
  },
  {
    name: 'a TTL of 1 is forwarded once more',
    file: 'kernel/ipv4/stack.ts',
    find: 'if (header.ttl <= 1) {',
    put: 'if (header.ttl < 1) {',
  },
  {
    name: 'DF is ignored where the MTU is too small',
    file: 'kernel/ipv4/stack.ts',
    find: 'if (length > mtu && header.dontFragment) {',
    put: 'if (length > 65_535 && header.dontFragment) {',
  },
  {
    name: 'an unreachable network is told as an unreachable host',
    file: 'kernel/ipv4/stack.ts',
    find: 'ENETUNREACH: ICMP_UNREACHABLE_CODE.network',
    put: 'ENETUNREACH: ICMP_UNREACHABLE_CODE.host',
  },
  {
    name: 'ICMP errors quote eight octets less',
    file: 'kernel/ipv4/icmp.ts',
    find: 'const ERROR_LENGTH_MAX = 576;',
    put: 'const ERROR_LENGTH_MAX = 568;',
  },
  {
    name: 'a reverse path that leads elsewhere is taken by the strict filter',
    file: 'kernel/fib/input.ts',
    find: "if (by.filter === 1) return 'ip-rpfilter';",
    put: "if (by.filter === 3) return 'ip-rpfilter';",
  },
  {
    name: 'a reply does not confirm a connection',
    file: 'kernel/conntrack/conntrack.ts',
    find: "if (info === 'established-reply') entry.status |= IPS.seenReply;",
    put: '',
  },
  {
    name: 'MASQUERADE takes no account of the way out',
    file: 'kernel/netfilter/target/masquerade.ts',
    find: "netns.fib.selectSource(out, nextHop, 'global')",
    put: "netns.fib.selectSource([...netns.devices].find((dev) => dev.addresses.length > 0) ?? out, nextHop, 'global')",
  },
  {
    name: 'the n-th packet is counted from the wrong one',
    file: 'kernel/netfilter/match/statistic.ts',
    find: 'let count = every - 1 - packet;',
    put: 'let count = every - packet;',
  },
  {
    name: 'MARK leaves the bits outside of its mask at zero',
    file: 'kernel/netfilter/walk.ts',
    find: 'skb.mark = ((skb.mark & ~(actions[at + 1] ?? 0)) ^ (actions[at + 2] ?? 0)) >>> 0;',
    put: 'skb.mark = (actions[at + 2] ?? 0) >>> 0;',
  },
  {
    name: 'RETURN from a chain goes on behind the caller’s next rule',
    file: 'kernel/netfilter/walk.ts',
    find: 'next = this.#backNext[depth] ?? 0;',
    put: 'next = Math.min((this.#backNext[depth] ?? 0) + 1, chain.rules.length);',
  },
  {
    name: 'a proxy for ARP answers without a route',
    file: 'kernel/neigh/arp.ts',
    find: "if (route.type !== 'unicast' || dev.ipv4Conf.forwarding === 0) {",
    put: 'if (dev.ipv4Conf.forwarding === 0) {',
  },
  {
    name: 'VXLAN forgets the type of service of what is inside',
    file: 'kernel/link/vxlan.ts',
    find: 'const tos = encapsulateEcn(0, innerTos);',
    put: 'const tos = encapsulateEcn(0, 0 * innerTos);',
  },
  {
    name: 'fragments are cut a unit too short',
    file: 'kernel/ipv4/fragment.ts',
    find: 'const unit = room & ~7;',
    put: 'const unit = (room & ~7) - 8;',
  },
];
