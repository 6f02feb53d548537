/** `protocol bfd`: there, and idle. Differs: neighbours' silence is found by hold times alone. */

import type { ProtocolConfig } from '../config/types.js';
import { Protocol, type ProtocolState } from './protocol.js';

export class BfdProtocol extends Protocol {
  protected begin(): ProtocolState {
    return 'up';
  }

  protected end(): ProtocolState {
    return 'down';
  }

  reconfigure(config: ProtocolConfig): boolean {
    return config.kind === 'bfd';
  }
}
