/** TCP MD5 signatures (RFC 2385; net/ipv4/tcp_ipv4.c:tcp_v4_md5_hash_skb(), tcp.c:tcp_inbound_md5_hash()). */

import { createHash } from 'node:crypto';
import {
  bytesOf,
  formatPrefix,
  type Ipv4Addr,
  type Ipv4Prefix,
  IP_PROTOCOL,
  prefixContains,
  TCP_HEADER_LENGTH,
  type TcpOptions,
} from '../../../packet/index.js';
import type { DropReason } from '../../../trace/index.js';
import type { Mib } from '../../mib.js';
import type { Skb } from '../../skb.js';
import type { Segment } from './segment.js';

const DIGEST_LENGTH = 16;
/** Two NOPs, kind and length stand before the digest. */
export const MD5_OPTION_LENGTH = 20;
const DIGEST_OFFSET = TCP_HEADER_LENGTH + MD5_OPTION_LENGTH - DIGEST_LENGTH;
const CHECKSUM = 16;
const PSEUDO_HEADER_LENGTH = 12;

/** What a segment's options are until it is signed. */
export const UNSIGNED: Pick<TcpOptions, 'md5'> = { md5: new Uint8Array(DIGEST_LENGTH) };

interface Signed {
  readonly source: Ipv4Addr;
  readonly destination: Ipv4Addr;
  readonly headerLength: number;
}

/** Pseudo-header, header without options and checksum, data, key (RFC 2385 §2.0). */
function digestOf(skb: Skb, { source, destination, headerLength }: Signed, key: string): Uint8Array {
  const pseudo = new DataView(new ArrayBuffer(PSEUDO_HEADER_LENGTH));
  pseudo.setInt32(0, source);
  pseudo.setInt32(4, destination);
  pseudo.setUint16(8, IP_PROTOCOL.tcp);
  pseudo.setUint16(10, skb.tail - skb.data);
  const header = bytesOf(skb.view, skb.data, skb.data + TCP_HEADER_LENGTH).slice();
  header.fill(0, CHECKSUM, CHECKSUM + 2);
  return createHash('md5')
    .update(new Uint8Array(pseudo.buffer))
    .update(header)
    .update(bytesOf(skb.view, skb.data + headerLength, skb.tail))
    .update(key)
    .digest();
}

/** Keys of peers by network (TCP_MD5SIG_EXT): the longest that holds an address counts (tcp_md5_do_lookup()). */
export class Md5Keys {
  readonly #keys = new Map<string, { readonly prefix: Ipv4Prefix; readonly key: string }>();

  set(prefix: Ipv4Prefix, key: string): void {
    this.#keys.set(formatPrefix(prefix), { prefix, key });
  }

  delete(prefix: Ipv4Prefix): void {
    this.#keys.delete(formatPrefix(prefix));
  }

  of(addr: Ipv4Addr): string | undefined {
    let length = -1;
    let found: string | undefined;
    for (const { prefix, key } of this.#keys.values()) {
      if (prefix.length <= length || !prefixContains(prefix, addr)) continue;
      ({ length } = prefix);
      found = key;
    }
    return found;
  }
}

/** Writes the digest into a segment that is whole but for its checksum. `data` stands at the TCP header. */
export function signSegment(skb: Skb, signed: Signed, key: string): void {
  skb.slab.bytes.set(digestOf(skb, signed, key), skb.data + DIGEST_OFFSET);
}

/** Whether a segment is signed as its socket wants it: with that key, or not at all. */
export function checkSignature(segment: Segment, key: string | undefined, mib: Mib): DropReason | undefined {
  const { md5 } = segment.options;
  if (key === undefined && md5 === undefined) return undefined;
  if (key === undefined) {
    mib.TcpExtTCPMD5Unexpected += 1;
    return 'tcp-md5unexpected';
  }
  if (md5 === undefined) {
    mib.TcpExtTCPMD5NotFound += 1;
    return 'tcp-md5notfound';
  }
  const wanted = digestOf(segment.skb, segment, key);
  if (wanted.some((octet, i) => octet !== md5[i])) {
    mib.TcpExtTCPMD5Failure += 1;
    return 'tcp-md5failure';
  }
  segment.md5Key = key;
  return undefined;
}
