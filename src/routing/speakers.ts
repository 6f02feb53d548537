/** Which machines of a cluster run a BIRD: nodes whose Calico does, and machines that have a configuration of their own. */

import type { Dialect } from '../bird/index.js';
import { CONFD_FOLDER } from '../calico/confd/index.js';
import { storedNodes } from '../calico/index.js';
import { type RoutingSite, runsBird } from '../cluster/index.js';
import type { Cause } from '../trace/index.js';
import { BIRD_CONF } from '../underlay/index.js';

export interface Speaker {
  /** Of its machine; a machine's second daemon has a name of its own. */
  readonly name: string;
  readonly machine: string;
  readonly dialect: Dialect;
  /** Path of its configuration. */
  readonly file: string;
  /** Its text, where it stands in no file of the machine. */
  readonly text?: () => string;
  readonly because: readonly Cause[];
}

/** The daemon of MetalLB's speaker on a node: another may run there. */
export const metalLbName = (node: string): string => `${node}/speaker`;

/** By name, in the order of the plan; MetalLB's last. */
export function speakersOf({
  store,
  plan,
  ipam,
  calicoRunsOn,
  speakerConfig,
}: RoutingSite): ReadonlyMap<string, Speaker> {
  const nodes = new Set(ipam === undefined ? [] : storedNodes(store).map(({ name }) => name));
  const speakers = new Map<string, Speaker>();
  for (const { name, role, bird, because } of plan.machines.values()) {
    if (bird !== undefined) speakers.set(name, { name, machine: name, dialect: 'bird-2', file: BIRD_CONF, because });
    else if (role === 'node' && nodes.has(name) && calicoRunsOn(name) && runsBird(store, name)) {
      const file = `${CONFD_FOLDER}/bird.cfg`;
      speakers.set(name, {
        name,
        machine: name,
        dialect: 'bird-1.6',
        file,
        because: [{ kind: 'Node', name, detail: 'bird' }],
      });
    }
  }
  for (const { name, role } of plan.machines.values())
    if (role === 'node' && speakerConfig(name) !== undefined)
      speakers.set(metalLbName(name), {
        name: metalLbName(name),
        machine: name,
        dialect: 'bird-2',
        file: '/etc/frr_reloader/frr.conf',
        text: () => speakerConfig(name) ?? '',
        because: [{ kind: 'Node', name, detail: 'MetalLB speaker' }],
      });
  return speakers;
}
