/** A host of tests, and the packets that go through its hooks. */

import { type Device, Emulation, Host, type Netns, type Skb } from '../../../src/kernel/index.js';
import { ETHERTYPE, Ipv4 } from '../../../src/packet/index.js';
import type { Step } from '../../../src/trace/index.js';

export function newNetns(): Netns {
  return new Host(new Emulation({ seed: 7 }), 'node').netns;
}

/** A packet as it stands at a hook: `data` at the network header. */
export function skbOf(netns: Netns, bytes: Uint8Array): Skb {
  const skb = netns.emulation.skbFrom(bytes);
  skb.network = skb.data;
  skb.transport = new Ipv4(skb.view, skb.network).payloadOffset;
  skb.protocol = ETHERTYPE.ipv4;
  return skb;
}

/** A dummy device with that name. */
export function addDevice(netns: Netns, name: string): Device {
  const dev = netns.links.addDummy({ name });
  netns.links.set(dev, { up: true });
  return dev;
}

/** Records the steps of what `run` does. */
export function traced(netns: Netns, run: () => void): Step[] {
  const steps: Step[] = [];
  netns.emulation.tracer = { step: (_place, _packet, step) => steps.push(step) };
  run();
  netns.emulation.tracer = undefined;
  return steps;
}

/** Steps in a few words each: `prerouting nat KUBE-SERVICES:3 jump > KUBE-SVC-X`. */
export function inWords(step: Step): string {
  switch (step.kind) {
    case 'rule': {
      const target = step.target === undefined ? '' : ` > ${step.target}`;
      return `${step.hook} ${step.table} ${step.chain}:${step.position} ${step.outcome}${target}`;
    }
    case 'table':
      return `${step.hook} ${step.table} nothing of ${step.rulesTried}`;
    case 'conntrack':
      return `${step.hook} conntrack ${step.state}`;
    case 'nat':
      return `${step.hook} ${step.type}`;
    case 'set':
      return `set ${step.field} ${step.value}`;
    case 'drop':
      return `drop ${step.reason}${step.note === undefined ? '' : ` (${step.note})`}`;
    default:
      return step.kind;
  }
}
