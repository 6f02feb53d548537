/** ICMP errors about an association's packets (net/sctp/input.c:sctp_v4_err(), sctp_err_lookup()). */

import {
  ICMP_TYPE,
  ICMP_UNREACHABLE_CODE,
  SCTP_CHUNK,
  SCTP_CHUNK_HEADER_LENGTH,
  SCTP_HEADER_LENGTH,
  Sctp,
} from '../../../packet/index.js';
import type { IcmpError } from '../../ipv4/quoting-error.js';
import { classifyIcmp, isFragmentationNeeded, quotedPacket } from '../icmp-error.js';
import type { Association } from './association.js';
import { retransmit } from './output.js';

/** ICMP_EXC_FRAGTIME. */
const FRAGMENTS_TIMED_OUT = 1;

/** Its tag is the peer's, or it is our INIT (RFC 9260 §10, ICMP6). */
function isOurs(asoc: Association, { view, end }: IcmpError, transport: number): boolean {
  const { verificationTag } = new Sctp(view, transport);
  if (verificationTag !== 0) return verificationTag === asoc.remoteTag;
  const chunk = transport + SCTP_HEADER_LENGTH;
  if (chunk + SCTP_CHUNK_HEADER_LENGTH + 4 > end || view.getUint8(chunk) !== SCTP_CHUNK.init) return false;
  return view.getUint32(chunk + SCTP_CHUNK_HEADER_LENGTH) === asoc.localTag;
}

/**
 * sctp_v4_err_handle(): a host without SCTP refuses an INIT, a narrower path has DATA sent once more. All else is kept for
 * the day when it times out by itself: an INIT that a firewall rejects is repeated.
 */
export function handleIcmp(asoc: Association, error: IcmpError): void {
  const packet = quotedPacket(error);
  if (packet === undefined || asoc.state === 'CLOSED') return;
  if (!isOurs(asoc, error, packet.transport)) {
    asoc.socket.netns.mib.IcmpInErrors += 1;
    return;
  }
  error.learn({ oif: asoc.socket.device, mark: asoc.socket.mark });
  if (isFragmentationNeeded(error)) {
    retransmit(asoc, 'too-long');
    return;
  }
  if (error.type === ICMP_TYPE.destinationUnreachable && error.code === ICMP_UNREACHABLE_CODE.protocol) {
    if (asoc.state === 'COOKIE_WAIT') asoc.socket.fail('ENOPROTOOPT');
    return;
  }
  if (error.type === ICMP_TYPE.timeExceeded && error.code === FRAGMENTS_TIMED_OUT) return;
  asoc.softError = classifyIcmp(error.type, error.code)?.errno ?? asoc.softError;
}
