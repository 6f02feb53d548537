/** Numbers of BGP-4 (RFC 4271) and of what was built on it, as IANA lists them. */

export const BGP_PORT = 179;
/** Marker, length, type: RFC 4271 §4.1. */
export const BGP_HEADER_LENGTH = 19;
export const BGP_MARKER_LENGTH = 16;
export const BGP_MAX_MESSAGE_LENGTH = 4096;
/** RFC 8654. */
export const BGP_MAX_EXTENDED_MESSAGE_LENGTH = 65_535;
export const BGP_VERSION = 4;
/** Stands for an AS number above 65535 where only two octets are there (RFC 6793 §9). */
export const AS_TRANS = 23_456;

export const BGP_MESSAGE = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const;

/** RFC 4760 §8. */
export const AFI = { ipv4: 1, ipv6: 2 } as const;
export const SAFI = { unicast: 1, multicast: 2 } as const;

export const BGP_CAPABILITY = {
  multiprotocol: 1,
  routeRefresh: 2,
  extendedMessage: 6,
  gracefulRestart: 64,
  fourOctetAs: 65,
  addPath: 69,
  enhancedRouteRefresh: 70,
  longLivedGracefulRestart: 71,
  hostname: 73,
} as const;

/** RFC 4271 §5, RFC 1997, 4456, 4760, 4360, 6793, 8092. */
export const BGP_ATTRIBUTE = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  multiExitDisc: 4,
  localPref: 5,
  atomicAggregate: 6,
  aggregator: 7,
  community: 8,
  originatorId: 9,
  clusterList: 10,
  mpReachNlri: 14,
  mpUnreachNlri: 15,
  extendedCommunity: 16,
  as4Path: 17,
  as4Aggregator: 18,
  largeCommunity: 32,
} as const;

/** RFC 4271 §4.3: the high bits of an attribute's flags. */
export const BGP_ATTRIBUTE_FLAG = { optional: 0x80, transitive: 0x40, partial: 0x20, extendedLength: 0x10 } as const;

export const BGP_ORIGIN = { igp: 0, egp: 1, incomplete: 2 } as const;

/** RFC 4271 §4.5. */
export const BGP_ERROR = {
  messageHeader: 1,
  openMessage: 2,
  updateMessage: 3,
  holdTimerExpired: 4,
  finiteStateMachine: 5,
  cease: 6,
  routeRefresh: 7,
} as const;

/** RFC 7313 §3.2: what a ROUTE-REFRESH says. */
export const ROUTE_REFRESH = { request: 0, begin: 1, end: 2 } as const;

/** RFC 7911 §4. */
export const ADD_PATH = { receive: 1, send: 2, both: 3 } as const;

/** RFC 1997, 3765 and the long-lived graceful restart of RFC 9494. */
export const WELL_KNOWN_COMMUNITY = {
  noExport: 0xffff_ff01,
  noAdvertise: 0xffff_ff02,
  noExportSubconfed: 0xffff_ff03,
  llgrStale: 0xffff_0006,
  noLlgr: 0xffff_0007,
} as const;
