/**
 * Connection tracking by itself: a packet of a known connection, the same with NAT at both ends of the host, and a new
 * connection. 10,000 connections in the table; 64-octet packets that lie in a slab, as on the packet path.
 */

import { type Conntrack, NAT_RANGE, type NatRange } from '../src/kernel/conntrack/index.js';
import type { Skb } from '../src/kernel/skb.js';
import { Gateway, type NatRules } from '../test/kernel/conntrack/gateway.js';
import { address, tcp, udp } from '../test/kernel/conntrack/packets.js';

const FLOWS = 10_000;
const ROUNDS = 9;
const PACKETS = 500_000;

const client = (i: number): string => `10.${i & 63}.${(i >> 6) & 255}.7:${1024 + (i % 60_000)}`;
const SERVER = '10.96.0.10:53';
const NODE: NatRange = { flags: NAT_RANGE.mapIps, minAddr: address('172.18.0.2') };
const BACKEND: NatRange = {
  flags: NAT_RANGE.mapIps | NAT_RANGE.protoSpecified,
  minAddr: address('10.244.1.7'),
  minPort: 5353,
};

/** Millions a second, the median of several rounds. */
function measure(name: string, round: () => number): void {
  const rates: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const start = process.hrtime.bigint();
    const done = round();
    rates.push((done * 1000) / Number(process.hrtime.bigint() - start));
  }
  const sorted = rates.toSorted((a, b) => a - b);
  const at = (part: number): string => (sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(2);
  console.log(`${name.padEnd(58)} ${at(0.5).padStart(7)} M/s   [${at(0)}..${at(1)}]`);
}

function fresh(skb: Skb): void {
  skb.ct = undefined;
  skb.ctSeen = false;
  skb.ctInfo = 'untracked';
}

/** Packets of connections that have all been answered. */
function established(gateway: Gateway, packet: (i: number, direction: 'original' | 'reply') => Uint8Array): Skb[] {
  const skbs: Skb[] = [];
  for (let i = 0; i < FLOWS; i++) {
    gateway.forward(packet(i, 'original'));
    gateway.forward(packet(i, 'reply'));
    skbs.push(gateway.skb(packet(i, 'original')));
  }
  return skbs;
}

function hits(conntrack: Conntrack, skbs: readonly Skb[]): number {
  for (let i = 0; i < PACKETS; i++) {
    const skb = skbs[i % FLOWS]!;
    fresh(skb);
    conntrack.track('prerouting', skb);
  }
  if (skbs[0]?.ctInfo !== 'established') throw new Error(`not a hit: ${skbs[0]?.ctInfo}`);
  return PACKETS;
}

const udpPacket = (i: number, direction: 'original' | 'reply'): Uint8Array =>
  udp(direction === 'original' ? { from: client(i), to: SERVER, data: 36 } : { from: SERVER, to: client(i), data: 36 });

const tcpPacket = (i: number, direction: 'original' | 'reply'): Uint8Array =>
  direction === 'original'
    ? tcp({ from: client(i), to: SERVER, flags: 'A', seq: 1000, ack: 5000, data: 24 })
    : tcp({ from: SERVER, to: client(i), flags: 'A', seq: 5000, ack: 1024, data: 24 });

{
  const gateway = new Gateway();
  const skbs = established(gateway, udpPacket);
  measure('UDP, known connection, checksum verified', () => hits(gateway.conntrack, skbs));
  gateway.set('netfilter.nf_conntrack_checksum', 0);
  measure('UDP, known connection, nf_conntrack_checksum 0', () => hits(gateway.conntrack, skbs));
}
{
  const gateway = new Gateway();
  const skbs = established(gateway, tcpPacket);
  measure('TCP, known connection, window checked', () => hits(gateway.conntrack, skbs));
}
{
  const rules: NatRules = { dnat: () => BACKEND, snat: () => NODE };
  const gateway = new Gateway(rules);
  const originals = Array.from({ length: FLOWS }, (_, i) => udpPacket(i, 'original'));
  const skbs = originals.map((bytes) => {
    gateway.forward(bytes);
    return gateway.skb(bytes);
  });
  measure('UDP, known connection, DNAT and SNAT', () => {
    for (let i = 0; i < PACKETS; i++) {
      const skb = skbs[i % FLOWS]!;
      skb.slab.bytes.set(originals[i % FLOWS]!, skb.data);
      fresh(skb);
      gateway.receive(skb);
      gateway.send(skb);
    }
    return PACKETS;
  });
}
{
  const gateway = new Gateway();
  const skbs = Array.from({ length: 50_000 }, (_, i) => gateway.skb(udpPacket(i, 'original')));
  measure('UDP, new connection, confirmed', () => {
    gateway.conntrack.flush();
    for (const skb of skbs) {
      fresh(skb);
      gateway.conntrack.track('prerouting', skb);
      gateway.conntrack.confirm(skb);
    }
    return skbs.length;
  });
  const masquerading = new Gateway({ snat: () => NODE });
  const originals = Array.from({ length: 50_000 }, (_, i) => udpPacket(i, 'original'));
  const outgoing = originals.map((bytes) => masquerading.skb(bytes));
  measure('UDP, new connection, SNAT to one address', () => {
    masquerading.conntrack.flush();
    outgoing.forEach((skb, i) => {
      skb.slab.bytes.set(originals[i]!, skb.data);
      fresh(skb);
      masquerading.receive(skb);
      masquerading.send(skb);
    });
    return outgoing.length;
  });
}
