/** What a neighbour is told when a session ends by our own will: Cease, with a subcode (RFC 4486) and words (RFC 8203). */

import { BGP_ERROR, type BgpProblem, bgpProblem, encodeShutdownMessage } from '../../packet/index.js';
import type { BgpConfig } from '../config/types.js';
import type { DownReason } from '../protocols/protocol.js';

const CEASE: Readonly<Record<DownReason, number>> = {
  remove: 3,
  disable: 3,
  restart: 6,
  'command-disable': 2,
  shutdown: 2,
  'graceful-restart': 2,
  'command-restart': 4,
  'import-limit': 1,
  'export-limit': 2,
  'export-limit-restart': 4,
};

/** `silent` where the neighbour keeps our routes if it sees no more than the end of the connection. */
export function ceaseFor(
  reason: DownReason,
  message: string | undefined,
  gracefulRestart: BgpConfig['gracefulRestart'],
): BgpProblem | 'silent' {
  if (reason === 'graceful-restart' && gracefulRestart === 'on') return 'silent';
  const said =
    reason === 'command-disable' ||
    reason === 'command-restart' ||
    reason === 'shutdown' ||
    reason === 'graceful-restart';
  const data = said && message !== undefined ? encodeShutdownMessage(message) : undefined;
  return bgpProblem(BGP_ERROR.cease, CEASE[reason], data);
}
