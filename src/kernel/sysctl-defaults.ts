/** What a fresh namespace has: the numbers behind its switches. */

/** net.ipv4.conf.<dev>.<key>, with the defaults of net/ipv4/devinet.c:ipv4_devconf. */
export interface Ipv4DevConf {
  forwarding: number;
  accept_local: number;
  accept_redirects: number;
  accept_source_route: number;
  arp_accept: number;
  arp_announce: number;
  arp_filter: number;
  arp_ignore: number;
  arp_notify: number;
  disable_policy: number;
  disable_xfrm: number;
  drop_gratuitous_arp: number;
  drop_unicast_in_l2_multicast: number;
  log_martians: number;
  promote_secondaries: number;
  proxy_arp: number;
  proxy_arp_pvlan: number;
  route_localnet: number;
  rp_filter: number;
  secure_redirects: number;
  send_redirects: number;
  shared_media: number;
  src_valid_mark: number;
}

export const ipv4DevConfDefaults = (): Ipv4DevConf => ({
  forwarding: 0,
  accept_local: 0,
  accept_redirects: 1,
  accept_source_route: 1,
  arp_accept: 0,
  arp_announce: 0,
  arp_filter: 0,
  arp_ignore: 0,
  arp_notify: 0,
  disable_policy: 0,
  disable_xfrm: 0,
  drop_gratuitous_arp: 0,
  drop_unicast_in_l2_multicast: 0,
  log_martians: 0,
  promote_secondaries: 0,
  proxy_arp: 0,
  proxy_arp_pvlan: 0,
  route_localnet: 0,
  rp_filter: 0,
  secure_redirects: 1,
  send_redirects: 1,
  shared_media: 1,
  src_valid_mark: 0,
});

/** net.ipv4.conf.all: ipv4_devconf differs from ipv4_devconf_dflt in this. */
export const ipv4AllDefaults = (): Ipv4DevConf => ({ ...ipv4DevConfDefaults(), accept_source_route: 0 });

/** net.ipv4.neigh.<dev>.<key>, net/ipv4/arp.c:arp_tbl.parms. Times in the sysctl's own unit. */
export interface Ipv4NeighConf {
  base_reachable_time_ms: number;
  delay_first_probe_time: number;
  gc_stale_time: number;
  locktime: number;
  mcast_solicit: number;
  proxy_delay: number;
  retrans_time_ms: number;
  ucast_solicit: number;
  app_solicit: number;
  unres_qlen: number;
}

export const ipv4NeighConfDefaults = (): Ipv4NeighConf => ({
  base_reachable_time_ms: 30_000,
  delay_first_probe_time: 5,
  gc_stale_time: 60,
  locktime: 100,
  mcast_solicit: 3,
  proxy_delay: 80,
  retrans_time_ms: 1_000,
  ucast_solicit: 3,
  app_solicit: 0,
  unres_qlen: 101,
});

/** Namespace-wide numbers that the packet path reads. Keys are the sysctl's path below `net.`. */
export const NETNS_DEFAULTS = {
  'ipv4.ip_forward': 0,
  'ipv4.ip_default_ttl': 64,
  'ipv4.ip_forward_use_pmtu': 0,
  'ipv4.ip_no_pmtu_disc': 0,
  'ipv4.ip_nonlocal_bind': 0,
  'ipv4.icmp_echo_ignore_all': 0,
  'ipv4.icmp_echo_ignore_broadcasts': 1,
  'ipv4.icmp_errors_use_inbound_ifaddr': 0,
  'ipv4.icmp_ratelimit': 1_000,
  'ipv4.icmp_ratemask': 6_168,
  'ipv4.icmp_msgs_per_sec': 1_000,
  'ipv4.icmp_msgs_burst': 50,
  'ipv4.icmp_ignore_bogus_error_responses': 1,
  'ipv4.fib_multipath_hash_policy': 0,
  'ipv4.fib_multipath_use_neigh': 0,
  'ipv4.fwmark_reflect': 0,
  'ipv4.ipfrag_high_thresh': 4_194_304,
  'ipv4.ipfrag_time': 30,
  'ipv4.ipfrag_max_dist': 64,
  'ipv4.route.min_pmtu': 552,
  'ipv4.tcp_syn_retries': 6,
  'ipv4.tcp_synack_retries': 5,
  'ipv4.tcp_retries1': 3,
  'ipv4.tcp_retries2': 15,
  'ipv4.tcp_fin_timeout': 60,
  'ipv4.tcp_orphan_retries': 0,
  'ipv4.tcp_timestamps': 1,
  'ipv4.tcp_window_scaling': 1,
  'ipv4.tcp_sack': 1,
  'ipv4.tcp_ecn': 2,
  'ipv4.tcp_base_mss': 1_024,
  'ipv4.tcp_min_snd_mss': 48,
  'ipv4.tcp_mtu_probe_floor': 48,
  'ipv4.tcp_mtu_probing': 0,
  'netfilter.nf_conntrack_max': 262_144,
  'netfilter.nf_conntrack_checksum': 1,
  'netfilter.nf_conntrack_acct': 0,
  'netfilter.nf_conntrack_tcp_be_liberal': 0,
  'netfilter.nf_conntrack_tcp_ignore_invalid_rst': 0,
  'netfilter.nf_conntrack_tcp_loose': 1,
  'netfilter.nf_conntrack_tcp_max_retrans': 3,
  'netfilter.nf_conntrack_generic_timeout': 600,
  'netfilter.nf_conntrack_icmp_timeout': 30,
  'netfilter.nf_conntrack_udp_timeout': 30,
  'netfilter.nf_conntrack_udp_timeout_stream': 120,
  'netfilter.nf_conntrack_tcp_timeout_syn_sent': 120,
  'netfilter.nf_conntrack_tcp_timeout_syn_recv': 60,
  'netfilter.nf_conntrack_tcp_timeout_established': 432_000,
  'netfilter.nf_conntrack_tcp_timeout_fin_wait': 120,
  'netfilter.nf_conntrack_tcp_timeout_close_wait': 60,
  'netfilter.nf_conntrack_tcp_timeout_last_ack': 30,
  'netfilter.nf_conntrack_tcp_timeout_time_wait': 120,
  'netfilter.nf_conntrack_tcp_timeout_close': 10,
  'netfilter.nf_conntrack_tcp_timeout_max_retrans': 300,
  'netfilter.nf_conntrack_tcp_timeout_unacknowledged': 300,
  'netfilter.nf_conntrack_sctp_timeout_closed': 10,
  'netfilter.nf_conntrack_sctp_timeout_cookie_wait': 3,
  'netfilter.nf_conntrack_sctp_timeout_cookie_echoed': 3,
  'netfilter.nf_conntrack_sctp_timeout_established': 210,
  'netfilter.nf_conntrack_sctp_timeout_shutdown_sent': 3,
  'netfilter.nf_conntrack_sctp_timeout_shutdown_recd': 3,
  'netfilter.nf_conntrack_sctp_timeout_shutdown_ack_sent': 3,
  'netfilter.nf_conntrack_sctp_timeout_heartbeat_sent': 30,
  'bridge.bridge-nf-call-iptables': 0,
  'sctp.association_max_retrans': 10,
  'sctp.max_init_retransmits': 8,
  'sctp.rto_initial': 3_000,
  'sctp.rto_max': 60_000,
  'sctp.rto_min': 1_000,
  'sctp.sack_timeout': 200,
  'sctp.valid_cookie_life': 60_000,
} as const satisfies Record<string, number>;

/**
 * What a fresh namespace has for all devices, in an order in which it can be set. A real machine hands its own values
 * on to new namespaces (devinet_init_net()), an emulated one these. `neigh.default` is there only in the namespace
 * that the machine booted with.
 */
export const freshSwitches = (): (readonly [path: string, value: string])[] => [
  ...(
    [
      ['conf.all', ipv4AllDefaults()],
      ['conf.default', ipv4DevConfDefaults()],
    ] as const
  ).flatMap(([where, record]) =>
    Object.entries(record).map(([key, value]) => [`net.ipv4.${where}.${key}`, String(value)] as const),
  ),
  // What TCP here takes for given, and newer kernels start otherwise.
  ['net.ipv4.tcp_rmem', '4096\t131072\t6291456'],
  ['net.ipv4.tcp_syn_linear_timeouts', '0'],
  // A namespace begins as if br_netfilter had not been loaded.
  ['net.bridge.bridge-nf-call-iptables', '0'],
];
