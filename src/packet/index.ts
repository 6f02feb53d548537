/** Bytes and fields: the codecs, addresses, checksums, captures and the dissector. Pure, and safe for browsers. */

export * from './address-text.js';
export * from './arp.js';
export * from './bgp/as-path.js';
export { ByteWriter } from './bgp/byte-writer.js';
export * from './bgp/constants.js';
export { describeBgpMessage, formatBgpCapability, formatBgpPrefix } from './bgp/describe.js';
export * from './bgp/message.js';
export * from './bgp/notification.js';
export * from './bgp/open.js';
export * from './bgp/path-attributes.js';
export * from './bgp/prefixes.js';
export * from './bgp/update.js';
export * from './bytes.js';
export * from './checksum.js';
export { type DissectedNode, dissect, dissectedProblems, MAX_LAYERS } from './dissect.js';
export * from './dns.js';
export * from './dns-encode.js';
export * from './ethernet.js';
export * from './icmp.js';
export * from './icmpv6.js';
export * from './ip.js';
export * from './ipv4.js';
export * from './ipv6.js';
export * from './mac.js';
export * from './option-span.js';
export {
  type CaptureDirection,
  type CapturedPacket,
  type CaptureInterface,
  type CaptureSection,
  LINKTYPE,
} from './pcapng.js';
export * from './pcapng-reader.js';
export * from './pcapng-writer.js';
export * from './sctp.js';
export * from './slab.js';
export { type SummaryOptions, summarize } from './summarize.js';
export * from './tcp.js';
export * from './tcp-options.js';
export * from './udp.js';
export * from './vxlan.js';
