/** Findings of two components about one thing. */

import type { Finding } from '../../kubernetes/index.js';

/** How the finding of IPAM begins; what follows is the reason. */
export const NO_ADDRESS = 'the pod gets no address: ';

/** Where IPAM gives no address the sandbox gets no network, for the same reason, as its node is built: that is told once. */
export function toldOnce(findings: readonly Finding[]): readonly Finding[] {
  const reasons = new Map<string, string>();
  for (const { code, object, message } of findings)
    if (code === 'no-address' && message.startsWith(NO_ADDRESS)) reasons.set(object, message.slice(NO_ADDRESS.length));
  return findings.filter(({ code, object, message }) => {
    const reason = code === 'cni-failed' ? reasons.get(object) : undefined;
    return reason === undefined || !message.endsWith(reason);
  });
}
