/** What rtnetlink answers: an errno and, often, a sentence (struct netlink_ext_ack). */

import { ERRNO_TEXT, type Errno, KernelError } from '../errors.js';

/** Why a request was refused, as a value: requests that the kernel makes of itself ignore it. */
export interface Refusal {
  readonly errno: Errno;
  /** The sentence that `ip` prints after `Error: `, where the kernel gives one. */
  readonly extack: string | undefined;
}

export const refuse = (errno: Errno, extack?: string): Refusal => ({ errno, extack });

export class NetlinkError extends KernelError {
  readonly extack: string | undefined;

  constructor(refusal: Refusal, request: string) {
    super(refusal.errno, refusal.extack === undefined ? request : `${request} (${refusal.extack})`);
    this.name = 'NetlinkError';
    this.extack = refusal.extack;
  }

  /** The line that `ip` writes to stderr (lib/libnetlink.c:rtnl_talk()). */
  toIproute2(): string {
    if (this.extack === undefined) return `RTNETLINK answers: ${ERRNO_TEXT[this.errno]}`;
    return `Error: ${this.extack}${this.extack.endsWith('.') ? '' : '.'}`;
  }
}
