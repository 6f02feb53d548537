/** What faults have broken. */

import type { Fault } from '../api-types.js';
import { placeOfPod } from '../state/names.js';

export interface Broken {
  /** `node1 eth0`. */
  readonly brokenLinks: ReadonlySet<string>;
  readonly brokenSwitches: ReadonlySet<string>;
  /** By place. */
  readonly brokenPods: ReadonlySet<string>;
}

export function brokenBy(faults: readonly Fault[]): Broken {
  const links = new Set<string>();
  const switches = new Set<string>();
  const pods = new Set<string>();
  for (const { fault } of faults) {
    if (fault.kind === 'link') links.add(`${fault.host} ${fault.interface}`);
    else if (fault.kind === 'switch') switches.add(fault.name);
    else if (fault.kind === 'pod') pods.add(placeOfPod(fault));
  }
  return { brokenLinks: links, brokenSwitches: switches, brokenPods: pods };
}
