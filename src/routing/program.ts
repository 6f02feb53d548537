/** What a daemon left in the kernel of a machine that was built twice, put into the one that packets pass. */

import { type Host, KernelError, RT_PROTOCOL } from '../kernel/index.js';
import { startServer } from '../cluster/index.js';
import type { Cause } from '../trace/index.js';
import type { KernelConfig } from '../bird/index.js';

/** The routes that BIRD has programmed there; what the kernel refuses of them here, in words. */
export function copyRoutes(from: Host, to: Host, kernels: readonly KernelConfig[]): readonly string[] {
  const refused: string[] = [];
  for (const table of new Set(kernels.map(({ kernelTable }) => kernelTable))) {
    for (const route of from.netns.fib.routes(table)) {
      if (route.protocol !== RT_PROTOCOL.bird) continue;
      const nextHops = route.nextHops.map(({ dev, via, weight, onlink }) => ({
        dev: dev === undefined ? undefined : to.netns.devices.named(dev.name),
        via,
        weight,
        onlink,
      }));
      try {
        to.netns.fib.addRoute({ ...route, nextHops });
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        refused.push(error.message);
      }
    }
  }
  return refused;
}

/** BIRD listens where it listens there: whoever tries is answered by its socket. */
export function copyListeners(from: Host, to: Host, because: readonly Cause[]): void {
  for (const { protocol, address, port, process } of from.netns.sockets.listeners()) {
    if (process === 'bird' && protocol === 'tcp') startServer(to.netns, { protocol, address, port, process, because });
  }
}
