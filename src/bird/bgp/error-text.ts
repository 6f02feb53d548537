/** What `show protocols` says of a session that is not up (proto/bgp/bgp.c: bgp_last_errmsg()). */

import { bgpErrorText } from '../../packet/index.js';
import { ERRNO_TEXT, type Errno } from '../../kernel/index.js';

export type MiscError = 'neighbor-lost' | 'invalid-next-hop' | 'no-socket' | 'link-down' | 'graceful-restart';

export type LastError =
  | { readonly kind: 'none' }
  | { readonly kind: 'misc'; readonly error: MiscError }
  /** Undefined: the other end closed it. */
  | { readonly kind: 'socket'; readonly errno: Errno | undefined }
  /** A NOTIFICATION that came, or that was sent. */
  | { readonly kind: 'received' | 'sent'; readonly code: number; readonly subcode: number }
  | { readonly kind: 'automatic' }
  | { readonly kind: 'manual' };

const MISC: Readonly<Record<MiscError, string>> = {
  'neighbor-lost': 'Neighbor lost',
  'invalid-next-hop': 'Invalid next hop',
  'no-socket': 'No listening socket',
  'link-down': 'Link down',
  'graceful-restart': 'Graceful restart',
};

/** `BGP Error: Bad peer AS`, `Socket: Connection refused`; empty where there is nothing to say. */
export function formatLastError(error: LastError): string {
  switch (error.kind) {
    case 'none':
    case 'manual':
      return '';
    case 'misc':
      return `Error: ${MISC[error.error]}`;
    case 'socket':
      return `Socket: ${error.errno === undefined ? 'Connection closed' : ERRNO_TEXT[error.errno]}`;
    case 'received':
      return `Received: ${bgpErrorText(error.code, error.subcode)}`;
    case 'sent':
      return `BGP Error: ${bgpErrorText(error.code, error.subcode)}`;
    case 'automatic':
      return 'Automatic shutdown: Route limit exceeded';
  }
}
