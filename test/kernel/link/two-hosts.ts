/** Two machines with a wire between them, and tunnels as a test wants them. */

import assert from 'node:assert';
import { Emulation, Host, type Netns, NS_PER_MS, runIpBatch, type Skb } from '../../../src/kernel/index.js';
import {
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE,
  encodeIpv4,
  Ipv4,
  IPV4_HEADER_LENGTH,
  parseIpv4,
  type Ipv4Addr,
  viewOf,
} from '../../../src/packet/index.js';
import type { Step } from '../../../src/trace/index.js';

export const ip = (text: string): Ipv4Addr => {
  const address = parseIpv4(text);
  assert(address !== undefined, text);
  return address;
};

/** Lines of `ip`, which all must be carried out. */
export function run(netns: Netns, ...lines: readonly string[]): void {
  assert.deepEqual(runIpBatch(netns, lines.join('\n'), []), []);
}

/** What `ip` says to a line. */
export const told = (netns: Netns, line: string): string | undefined => runIpBatch(netns, line, [])[0]?.message;

export class TwoHosts {
  readonly emulation = new Emulation({ seed: 11 });
  readonly a = new Host(this.emulation, 'a');
  readonly b = new Host(this.emulation, 'b');
  /** IPv4 packets on the wire, in order. */
  readonly wire: Ipv4[] = [];
  readonly steps: Step[] = [];

  /** 10.0.0.1 and 10.0.0.2 on one wire; behind them 10.1.0.0/16 and 10.2.0.0/16. */
  constructor(mtu = 1500) {
    this.a.netns.links.addVeth({ name: 'eth0', mtu }, { name: 'eth0', mtu, netns: this.b.netns });
    for (const [host, number] of [
      [this.a, 1],
      [this.b, 2],
    ] as const) {
      run(
        host.netns,
        'link set lo up',
        'link set eth0 up',
        `addr add 10.0.0.${number}/24 dev eth0`,
        'link add pods type dummy',
        'link set pods up',
        `addr add 10.${number}.0.5/32 dev pods`,
        `route add 10.${number}.0.0/16 dev pods`,
      );
      host.netns.sysctl.set('net.ipv4.ip_forward', '1');
    }
    this.a.netns.links.require('eth0').tap = (_, skb) => {
      const frame = skb.toBytes();
      if (viewOf(frame).getUint16(12) === ETHERTYPE.ipv4)
        this.wire.push(new Ipv4(viewOf(frame), ETHERNET_HEADER_LENGTH));
    };
    this.emulation.tracer = { step: (_place, _packet, step) => this.steps.push(step) };
  }

  /** Calico's way: the module's tunnel, and a route whose gateway is the other end. */
  calico(mtu = 1480): this {
    run(
      this.a.netns,
      `link set tunl0 mtu ${mtu} up`,
      'addr add 10.1.0.0/32 dev tunl0',
      'route add 10.2.0.0/16 via 10.0.0.2 dev tunl0 onlink',
    );
    run(
      this.b.netns,
      `link set tunl0 mtu ${mtu} up`,
      'addr add 10.2.0.0/32 dev tunl0',
      'route add 10.1.0.0/16 via 10.0.0.1 dev tunl0 onlink',
    );
    return this;
  }

  /** Time for ARP, not for timers. */
  settle(): void {
    this.emulation.advance(5 * NS_PER_MS);
  }

  /** Sends a packet of protocol 200 that a host makes itself. */
  send(host: Host, packet: PacketSpec): void {
    const { netns } = host;
    const bytes = encodePacket(packet);
    const skb = netns.emulation.skbFrom(bytes);
    skb.network = skb.data;
    netns.ipv4.sendRaw(skb);
    this.settle();
  }

  /** A packet comes in by a device. */
  arrive(host: Host, dev: string, bytes: Uint8Array): Skb {
    const { netns } = host;
    const skb = netns.emulation.skbFrom(bytes);
    skb.network = skb.data;
    skb.protocol = ETHERTYPE.ipv4;
    skb.dev = netns.links.require(dev);
    skb.iif = skb.dev.ifindex;
    netns.ipv4.receive(skb.dev, skb);
    this.settle();
    return skb;
  }

  drops(): string[] {
    return this.steps.flatMap((step) => (step.kind === 'drop' ? [`${step.reason}: ${step.note ?? ''}`] : []));
  }

  /** ICMP errors that were made, `type/code to ADDRESS`. */
  errors(): string[] {
    return this.steps.flatMap((step) => (step.kind === 'icmp' && step.sent ? [`${step.type}/${step.code}`] : []));
  }
}

export interface PacketSpec {
  readonly from: string;
  readonly to: string;
  readonly length?: number;
  readonly ttl?: number;
  readonly tos?: number;
  readonly dontFragment?: boolean;
  readonly protocol?: number;
  /** In place of zeros. */
  readonly payload?: Uint8Array;
}

export function encodePacket(spec: PacketSpec): Uint8Array {
  const length = spec.payload === undefined ? (spec.length ?? 100) : IPV4_HEADER_LENGTH + spec.payload.length;
  const bytes = new Uint8Array(length);
  encodeIpv4(viewOf(bytes), 0, {
    source: ip(spec.from),
    destination: ip(spec.to),
    protocol: spec.protocol ?? 200,
    payloadLength: length - IPV4_HEADER_LENGTH,
    ttl: spec.ttl ?? 64,
    tos: spec.tos ?? 0,
    flagsAndOffset: spec.dontFragment === false ? 0 : 0x4000,
    identification: 7,
  });
  bytes.set(spec.payload ?? new Uint8Array(0), IPV4_HEADER_LENGTH);
  return bytes;
}

/** The packet inside. */
export const inside = (outer: Ipv4 | undefined): Ipv4 => {
  assert(outer !== undefined && outer.protocol === 4, 'IP-in-IP');
  return new Ipv4(outer.view, outer.payloadOffset);
};
