/**
 * The words that a configuration may not use as names, by dialect: a symbol that is spelt like one is a syntax
 * error in BIRD too. They are the terminals of its grammars (the CF_KEYWORDS of every protocol).
 */

const SHARED = `accept action add address administrative advertise after algorithm all allow always area as as4
attributes auth authentication autonomous aware babel babel_metric base bcast bfd bgp bgp_aggregator bgp_atomic_aggr
bgp_cluster_list bgp_community bgp_ext_community bgp_large_community bgp_local_pref bgp_med bgp_next_hop bgp_origin
bgp_originator_id bgp_path bgpmask bgppath blackhole block bool broadcast buffer bug capabilities case cease change
check class client clist cluster collision commands communities config configuration configure confirm connect
connection contains cost cost2 count cryptographic current dead debug deconfigured default define defined delay delete
description dest deterministic dev device direct disable disabled dnssl domain down drop dscp dump ec echo eclist ecmp eligible
else empty enable entries error eval events export extended external false fatal filename filter filtered filters first
flush for forget from function garbage gateway generate generic global graceful gw hello hidden high hit hmac hold hop
horizon id idle if ifindex ifname ignore igp igp_metric import in infinity info instance int interface interfaces
interpret interval ip ipv4 iso keep keepalive kernel keyed krt_advmss krt_cwnd krt_feature_allfrag krt_feature_ecn
krt_hoplimit krt_initcwnd krt_initrwnd krt_lock_advmss krt_lock_cwnd krt_lock_hoplimit krt_lock_mtu
krt_lock_reordering krt_lock_rto_min krt_lock_rtt krt_lock_rttvar krt_lock_sstresh krt_lock_window krt_metric krt_mtu
krt_prefsrc krt_quickack krt_realm krt_reordering krt_rto_min krt_rtt krt_rttvar krt_scope krt_source krt_sstresh
krt_window large last last_nonaggregated latency lc lclist learn len length lifetime limit linger link lived lladdr
local log long low lsa lsadb lsid managed mask match max md5 med medium memory merge messages meticulous metric min
missing mode mrt mrtdump ms mtu mult multicast multihop multiplier name nbma neighbor neighbors net netmask networks
next no noexport nonbroadcast none normal ns nssa of off older on only ospf ospf_metric1 ospf_metric2
ospf_router_id ospf_tag other out packets pair passive password passwords path paths peer period persist pipe plaintext
pointomultipoint pointopoint poison poll port preexport prefer preference preferred prefix prepend primary print printn
priority prohibit propagate proto protocol protocols ptmp ptp quad ra ra_lifetime ra_preference radv rdnss reachable
real receive recursive refresh reject rejected reload remote reset resources restart restrict retrans retransmit retry
return reverse rfc1583compat rip rip_metric rip_tag ro roa_check route router routes rr rs rt rx rxcost s scan scope
secondary security self sensitive sessions set setkey sha1 sha256 sha384 sha512 short show shutdown simple skip sockets
soft sorted source split stability stale start startup state states static stats status stderr strict string stub
stubnet summary suppression symbols syslog table tag template then tick time timeformat timeout timer to
topology trace translator transmit trigger true ttl tx type undo unknown unreachable unset update us valid
version via virtual vrf wait warn warning watchdog weight where wired wireless yes zero`;

const BIRD_1_6 = 'cast dual listen multipath old onlink opaque quitbird roa transparent v6only';

/** What Calico's fork has beside BIRD 1.6.8's own. */
const CALICO = 'krt_tunnel';

const BIRD_2 = `aigp asn attribute bgp_aigp bgp_otc bind bird blake2b256 blake2b512 blake2s128 blake2s256 bt_assert
bt_check_assign bt_test_same bt_test_suite by channels circuit code confederation customer data data1 data2 demand
digits do dont_fragment dport dst dynamic ebgp enforce exit exp expire exported first_fragment flags flow4 flow6 format
fragment free gc gw_mpls header help hostname ibgp icmp internal ipv4_mc ipv4_mpls ipv6 ipv6_mc ipv6_mpls ipv6_sadr
is_fragment is_v4 is_v6 key label last_fragment mac mandatory maxlen member mpls netlink ng offset onlink originate pe
perf permissive pri private provider public quit randomize range rd repeat require rfc5838 roa4 roa6 role roles rpki
rs_client rs_server sadr sec sets settle solicited sport src ssh tcp threshold transport trie unicast user v2 v3
validate vpn vpn4 vpn4_mc vpn4_mpls vpn6 vpn6_mc vpn6_mpls`;

const words = (text: string): string[] => text.split(/\s+/);

const bird16 = new Set([...words(SHARED), ...words(BIRD_1_6), ...words(CALICO)]);
const bird2 = new Set([...words(SHARED), ...words(BIRD_2)]);

/** Keywords that may be names nevertheless (proto/bgp/config.Y: `symbol`). */
const NAMES_TOO: ReadonlySet<string> = new Set(['role', 'peer', 'provider', 'customer', 'rs_server', 'rs_client']);

export type Dialect = 'bird-1.6' | 'bird-2';

export const keywordsOf = (dialect: Dialect): ReadonlySet<string> => (dialect === 'bird-1.6' ? bird16 : bird2);
export const mayBeName = (dialect: Dialect, keyword: string): boolean => dialect === 'bird-2' && NAMES_TOO.has(keyword);

// Enumerations, in the order of their numbers.

export type EnumKind = 'source' | 'scope' | 'cast' | 'dest' | 'origin' | 'nettype';

/** enum RTS. */
const SOURCES = [
  'DUMMY',
  'STATIC',
  'INHERIT',
  'DEVICE',
  'STATIC_DEVICE',
  'REDIRECT',
  'RIP',
  'OSPF',
  'OSPF_IA',
  'OSPF_EXT1',
  'OSPF_EXT2',
  'BGP',
  'PIPE',
  'BABEL',
] as const;
export const SCOPES = ['HOST', 'LINK', 'SITE', 'ORGANIZATION', 'UNIVERSE', 'UNDEFINED'] as const;
const CASTS = ['UNICAST', 'BROADCAST', 'MULTICAST', 'ANYCAST'] as const;
const ORIGINS = ['IGP', 'EGP', 'INCOMPLETE'] as const;
/** enum RTD of 1.6; 2 has one UNICAST for what is ROUTER, DEVICE or MULTIPATH here. */
const DESTS = ['ROUTER', 'DEVICE', 'BLACKHOLE', 'UNREACHABLE', 'PROHIBIT', 'MULTIPATH'] as const;
const DESTS_2 = ['NONE', 'UNICAST', 'BLACKHOLE', 'UNREACHABLE', 'PROHIBIT'] as const;

/** enum nettype of 2 (lib/net.h: NET_*); zero is none of them. */
const NET_TYPES = ['IP4', 'IP6', 'VPN4', 'VPN6', 'ROA4', 'ROA6', 'FLOW4', 'FLOW6', 'IP6_SADR'] as const;
export const netTypeNumber = (name: (typeof NET_TYPES)[number]): number => NET_TYPES.indexOf(name) + 1;

export interface EnumConstant {
  readonly kind: EnumKind;
  readonly number: number;
}

function constants(dialect: Dialect): Map<string, EnumConstant> {
  const all = new Map<string, EnumConstant>();
  const add = (prefix: string, kind: EnumKind, names: readonly string[]): void => {
    names.forEach((name, number) => all.set(`${prefix}_${name}`, { kind, number }));
  };
  add('RTS', 'source', SOURCES);
  add('SCOPE', 'scope', SCOPES);
  add('ORIGIN', 'origin', ORIGINS);
  if (dialect === 'bird-1.6') {
    add('RTC', 'cast', CASTS);
    add('RTD', 'dest', DESTS);
  } else {
    add('RTD', 'dest', DESTS_2);
    for (const name of NET_TYPES) all.set(`NET_${name}`, { kind: 'nettype', number: netTypeNumber(name) });
    all.delete('RTD_NONE');
    all.delete('RTS_DUMMY');
  }
  return all;
}

const constants16 = constants('bird-1.6');
const constants2 = constants('bird-2');

export const enumConstant = (dialect: Dialect, name: string): EnumConstant | undefined =>
  (dialect === 'bird-1.6' ? constants16 : constants2).get(name);
