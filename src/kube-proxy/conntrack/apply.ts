/** Takes UDP entries out of the kernel's table that lead to where traffic no longer goes. TCP and SCTP are left alone. */

import type { CtFilter, Netns } from '../../kernel/index.js';
import { formatIpv4, parseIpv4 } from '../../packet/index.js';
import type { Deletion } from './by-service.js';
import type { StaleFlows } from './by-table.js';

const UDP = 17;

const address = (key: 'destination' | 'replySource', text: string | undefined): CtFilter => {
  const value = text === undefined ? undefined : parseIpv4(text);
  return value === undefined ? {} : { [key]: value };
};

function filterOf({ origDst, destinationPort, dstNat }: Deletion): CtFilter {
  return {
    protocol: UDP,
    ...address('destination', origDst),
    ...address('replySource', dstNat),
    ...(destinationPort === undefined ? {} : { destinationPort }),
  };
}

/** How many went. */
export function deleteByService(netns: Netns, deletions: readonly Deletion[]): number {
  return deletions.reduce((count, deletion) => count + netns.conntrack.delete(filterOf(deletion)).length, 0);
}

export function deleteByTable(netns: Netns, stale: StaleFlows): number {
  let count = 0;
  for (const { original, reply } of netns.conntrack.entries({ protocol: UDP })) {
    const { source, destination, sourcePort, destinationPort } = original;
    const flow = {
      destination: formatIpv4(destination),
      destinationPort,
      replySource: formatIpv4(reply.source),
      replySourcePort: reply.sourcePort,
    };
    if (!stale.has(flow)) continue;
    count += netns.conntrack.delete({ protocol: UDP, source, destination, sourcePort, destinationPort }).length;
  }
  return count;
}
