/** Which machines of a cluster run a BIRD: nodes whose Calico does, and machines that have a configuration of their own. */

import type { Dialect } from '../bird/index.js';
import { CONFD_FOLDER } from '../calico/confd/index.js';
import { storedNodes } from '../calico/index.js';
import { type RoutingSite, runsBird } from '../cluster/index.js';
import type { Cause } from '../trace/index.js';
import { BIRD_CONF } from '../underlay/index.js';

export interface Speaker {
  readonly name: string;
  readonly dialect: Dialect;
  /** Path of its configuration. */
  readonly file: string;
  readonly because: readonly Cause[];
}

/** By the machine's name, in the order of the plan. */
export function speakersOf({ store, plan, ipam }: RoutingSite): ReadonlyMap<string, Speaker> {
  const nodes = new Set(ipam === undefined ? [] : storedNodes(store).map(({ name }) => name));
  const speakers = new Map<string, Speaker>();
  for (const { name, role, bird, because } of plan.machines.values()) {
    if (bird !== undefined) speakers.set(name, { name, dialect: 'bird-2', file: BIRD_CONF, because });
    else if (role === 'node' && nodes.has(name) && runsBird(store, name)) {
      const file = `${CONFD_FOLDER}/bird.cfg`;
      speakers.set(name, { name, dialect: 'bird-1.6', file, because: [{ kind: 'Node', name, detail: 'bird' }] });
    }
  }
  return speakers;
}
