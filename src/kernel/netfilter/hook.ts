/** What a hook answers (include/uapi/linux/netfilter.h). */

/** `stolen`: the hook has the packet now (queued for defragmentation, or answered and freed). */
export type NfVerdict = 'accept' | 'drop' | 'stolen';
