/** The five hooks and what they answer (include/uapi/linux/netfilter.h). */

import type { Device } from '../device.js';
import type { Netns } from '../netns.js';
import type { HookName } from '../../trace/index.js';

/** `stolen`: the hook has the packet now (queued for defragmentation, or answered and freed). */
export type NfVerdict = 'accept' | 'drop' | 'stolen';

/** struct nf_hook_state. */
export interface HookState {
  readonly netns: Netns;
  readonly hook: HookName;
  readonly in: Device | undefined;
  readonly out: Device | undefined;
}
