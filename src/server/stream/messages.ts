/** What goes over the websocket, as plain data: bytes are byte strings in CBOR and hexadecimal digits in JSON. */

import type { DissectedNode } from '../../packet/index.js';

export const STREAM_KINDS = ['frames', 'steps', 'traces', 'events', 'counters'] as const;
export type StreamKind = (typeof STREAM_KINDS)[number];

/** Common to all that is numbered. Numbers go up by one; a filter leaves some out. */
interface Numbered {
  readonly seq: number;
  /** Virtual time. */
  readonly timeNs: number;
}

/** A frame on an interface. */
export interface FrameMessage extends Numbered {
  readonly type: 'frame';
  /** `pod/NS/NAME`, `node/NAME`. */
  readonly place: string;
  readonly host: string;
  readonly netns: string;
  readonly interface: string;
  readonly direction: 'in' | 'out';
  /** The same on every interface that the packet passes, and that of the packet that caused it (0 for none). */
  readonly packet: number;
  readonly parent: number;
  /** A `LINKTYPE`: 1 Ethernet, 101 raw IP. */
  readonly linkType: number;
  readonly bytes: Uint8Array;
  /** As tcpdump would print it. */
  readonly info: string;
  readonly dissection?: DissectedNode;
}

/** A decision about a packet. */
export interface StepMessage extends Numbered {
  readonly type: 'step';
  readonly place: string;
  readonly host: string;
  readonly netns: string;
  readonly packet: number;
  readonly parent: number;
  readonly step: string;
  readonly text: string;
  /** Objects behind it. */
  readonly because: readonly string[];
  readonly dropReason?: string;
}

/** A trace has ended. */
export interface TraceMessage extends Numbered {
  readonly type: 'trace';
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly verdict: string;
  readonly explanation: readonly string[];
}

export const EVENT_NAMES = [
  'object-added',
  'object-changed',
  'object-deleted',
  'pod-added',
  'pod-deleted',
  'pod-started',
  'pod-stopped',
  'rules-rewritten',
  'ipset-changed',
  'route-learned',
  'route-withdrawn',
  'endpoint-ready',
  'endpoint-not-ready',
  'endpoint-removed',
  'rebuilt',
  'fault-added',
  'fault-mended',
  'clock',
] as const;
export type EventName = (typeof EVENT_NAMES)[number];

/** Something has changed. */
export interface EventMessage extends Numbered {
  readonly type: 'event';
  readonly event: EventName;
  /** `NetworkPolicy shop/deny`, `link node1 eth0`, `node/node1`, `Service shop/web`. */
  readonly subject: string;
  readonly detail?: string;
  /** Objects that it happened for. */
  readonly because?: readonly string[];
}

export interface InterfaceCounters {
  readonly place: string;
  readonly interface: string;
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly rxDropped: number;
  readonly txPackets: number;
  readonly txBytes: number;
  readonly txDropped: number;
}

/** Interfaces whose counters have changed since the last message. Not kept for those who come back. */
export interface CountersMessage {
  readonly type: 'counters';
  readonly timeNs: number;
  readonly interfaces: readonly InterfaceCounters[];
}

export type StreamMessage = FrameMessage | StepMessage | TraceMessage | EventMessage | CountersMessage;

/** Several messages of one subscription at once. */
export interface BatchMessage {
  readonly type: 'batch';
  readonly subscription: string;
  /** Messages that the filter let through and that were left out since the last batch, since the client is slow. */
  readonly missed: number;
  /** Number of the last message that was looked at for this batch: where to resume. */
  readonly last: number;
  readonly messages: readonly StreamMessage[];
}

/** Answers to what a client says. */
export type ControlMessage =
  | {
      readonly type: 'subscribed';
      readonly subscription: string;
      /** Numbers of other epochs mean something else. */
      readonly epoch: string;
      readonly last: number;
      /** Numbers that were asked for again and are no longer kept. */
      readonly gap?: { readonly from: number; readonly to: number };
    }
  | { readonly type: 'unsubscribed'; readonly subscription: string }
  | { readonly type: 'dissection'; readonly seq: number; readonly dissection: DissectedNode }
  /** The cluster was built anew without being asked; the subscriptions go on in a new epoch. */
  | { readonly type: 'restarted'; readonly why: string }
  /** `about` is the subscription, `seq` the frame that was asked for. */
  | { readonly type: 'error'; readonly problem: object; readonly about?: string; readonly seq?: number };
