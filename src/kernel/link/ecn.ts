/**
 * Explicit congestion notification through tunnels (RFC 6040; include/net/inet_ecn.h): what of it goes out with the
 * outer header, and what comes back in with it.
 */

import type { Ipv4 } from '../../packet/index.js';

const ECN_MASK = 3;
const NOT_ECT = 0;
const ECT_1 = 1;
const ECT_0 = 2;
const CE = 3;

/** INET_ECN_encapsulate(), RFC 6040 §4.1 for old decapsulators: the inner ECN goes out, CE as ECT(0). */
export const encapsulateEcn = (outerTos: number, innerTos: number): number =>
  (outerTos & ~ECN_MASK) | ((innerTos & ECN_MASK) === CE ? ECT_0 : innerTos & ECN_MASK);

/** INET_ECN_decapsulate(), RFC 6040 §4.2: writes into the inner header. False where the packet must be dropped. */
export function decapsulateEcn(inner: Ipv4, outerTos: number): boolean {
  const outer = outerTos & ECN_MASK;
  const { tos, ecn } = inner;
  // A sender that knows no ECN would not hear of congestion in any other way than by the loss.
  if (ecn === NOT_ECT) return outer !== CE;
  if (outer === CE && ecn !== CE) inner.rewriteTos(tos | CE);
  else if (outer === ECT_1 && ecn === ECT_0) inner.rewriteTos((tos & ~ECN_MASK) | ECT_1);
  return true;
}
