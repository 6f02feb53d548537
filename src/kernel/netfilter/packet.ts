/**
 * A packet as rules look at it (struct xt_action_param): header fields read once for a walk through a table,
 * the devices, and what the walk has found out. One object a nesting depth, used again for every walk.
 */

import { INADDR_ANY, IP_PROTOCOL, type Ipv4Addr, ipv4 } from '../../packet/index.js';
import type { HookName } from '../../trace/index.js';
import type { Device } from '../device.js';
import type { Netns } from '../netns.js';
import type { Skb } from '../skb.js';
import { interfaceKeys, NO_INTERFACE_KEYS } from './interface-name.js';
import type { Rule } from './rule.js';

const TOTAL_LENGTH = 2;
const FRAGMENT = 6;
const PROTOCOL = 9;
const SOURCE = 12;
const DESTINATION = 16;
const FRAGMENT_OFFSET_MASK = 0x1fff;

const GOLDEN = 0x9e37_79b1;

/** Of murmur3's finalizer, enough to tell flows apart. */
function mix(a: number, b: number): number {
  const hash = Math.imul(a ^ Math.imul(b, 0x85eb_ca6b), 0xc2b2_ae35);
  return hash ^ (hash >>> 15);
}

/** Protocols whose first four octets are two ports. */
const hasPorts = (protocol: number): boolean =>
  protocol === IP_PROTOCOL.tcp ||
  protocol === IP_PROTOCOL.udp ||
  protocol === IP_PROTOCOL.sctp ||
  protocol === IP_PROTOCOL.udplite ||
  protocol === IP_PROTOCOL.dccp;

/** Octets that matches want to see of a transport header. */
function shortest(protocol: number): number {
  switch (protocol) {
    case IP_PROTOCOL.tcp:
      return 20;
    case IP_PROTOCOL.sctp:
      return 12;
    case IP_PROTOCOL.udp:
    case IP_PROTOCOL.udplite:
      return 8;
    default:
      return 4;
  }
}

const keysOf = (dev: Device | undefined): Int32Array =>
  dev === undefined ? NO_INTERFACE_KEYS : (dev.nameKeys ??= interfaceKeys(dev.name));

export class RulePacket {
  readonly netns: Netns;
  skb: Skb;
  hook: HookName = 'prerouting';
  in: Device | undefined = undefined;
  out: Device | undefined = undefined;
  /** Names of both as a chain's columns compare them. */
  inKeys: Int32Array = NO_INTERFACE_KEYS;
  outKeys: Int32Array = NO_INTERFACE_KEYS;
  source: Ipv4Addr = INADDR_ANY;
  destination: Ipv4Addr = INADDR_ANY;
  protocol = 0;
  /** In units of 8 octets. */
  fragmentOffset = 0;
  /** Offset of the transport header in `skb.view`. */
  transport = 0;
  /** Past the last octet of the datagram. */
  end = 0;
  /** -1 where the protocol has none, the packet is a later fragment, or it is too short. */
  sourcePort = -1;
  destinationPort = -1;
  /** A hash of addresses, protocol and the lower port: of two ports the one that is not drawn, most of the time. */
  wayHash = 0;
  /** Shorter than its transport header, or a fragment that overlaps it: matches may drop it at once. */
  odd = false;
  /** A match says: drop this at once (xt_action_param.hotdrop). */
  hotdrop = false;
  /** The rule being asked, for matches that need to say who they are. */
  rule: Rule | undefined = undefined;
  #view: DataView;
  #network = 0;
  #tail = 0;

  constructor(netns: Netns, skb: Skb) {
    this.#view = skb.view;
    this.netns = netns;
    this.skb = skb;
  }

  /** Reads the header; `skb.network` stands at an IPv4 header that ip_rcv_core() has accepted. */
  load(skb: Skb, hook: HookName, inDev: Device | undefined, outDev: Device | undefined): void {
    const { view, network, tail } = skb;
    this.skb = skb;
    this.#view = view;
    this.#network = network;
    this.#tail = tail;
    this.hook = hook;
    this.in = inDev;
    this.out = outDev;
    this.inKeys = keysOf(inDev);
    this.outKeys = keysOf(outDev);
    this.hotdrop = false;
    this.source = ipv4(view.getInt32(network + SOURCE));
    this.destination = ipv4(view.getInt32(network + DESTINATION));
    const protocol = view.getUint8(network + PROTOCOL);
    this.protocol = protocol;
    this.fragmentOffset = view.getUint16(network + FRAGMENT) & FRAGMENT_OFFSET_MASK;
    const transport = network + ((view.getUint8(network) & 0x0f) << 2);
    this.transport = transport;
    this.end = Math.min(tail, network + view.getUint16(network + TOTAL_LENGTH));
    this.sourcePort = -1;
    this.destinationPort = -1;
    this.odd = this.fragmentOffset === 1;
    if (this.fragmentOffset === 0) {
      if (this.end - transport < shortest(protocol)) this.odd = true;
      else if (hasPorts(protocol)) this.#readPorts(transport);
    }
    const port = Math.min(this.sourcePort, this.destinationPort);
    this.wayHash = mix(this.source ^ Math.imul(this.destination, GOLDEN), (port << 8) ^ protocol);
  }

  #readPorts(transport: number): void {
    const ports = this.#view.getInt32(transport);
    this.sourcePort = ports >>> 16;
    this.destinationPort = ports & 0xffff;
  }

  /** False where the bytes of this packet, or another packet, have to be read first. */
  isAsLoaded(skb: Skb): boolean {
    return this.skb === skb && this.#view === skb.view && this.#network === skb.network && this.#tail === skb.tail;
  }

  get view(): DataView {
    return this.skb.view;
  }

  /** What counters add: the packet from its network header on. */
  get length(): number {
    return this.skb.tail - this.skb.network;
  }

  /** Octets of transport header and payload that are there. */
  get transportLength(): number {
    return this.end - this.transport;
  }
}
