/**
 * A program that answers ARP for addresses that its host does not have, by packet sockets (MetalLB
 * internal/layer2/arp.go:arpResponder; keepalived and clouds do alike). The host's own kernel knows nothing of it.
 */

import { type Device, type FrameSocket, NS_PER_MS, type Netns } from '../../kernel/index.js';
import {
  ARP_LENGTH,
  ARP_OPERATION,
  Arp,
  encodeArp,
  encodeEthernet,
  Ethernet,
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE,
  type Ipv4Addr,
  MAC_BROADCAST,
  type Mac,
} from '../../packet/index.js';

/** announcer.go:spamLoop(): for five seconds, each 1.1 seconds. */
const SPAM_INTERVAL_NS = 1_100 * NS_PER_MS;
const SPAM_TIMES = 5;

export interface ArpResponderOptions {
  readonly netns: Netns;
  readonly process: string;
  /** Whether to answer for that address on that device now. */
  readonly answersFor: (address: Ipv4Addr, dev: Device) => boolean;
}

interface Reply {
  readonly operation: number;
  readonly address: Ipv4Addr;
  readonly to: Mac;
  readonly target: { readonly mac: Mac; readonly ip: Ipv4Addr };
}

function frameOf(own: Mac, { operation, address, to, target }: Reply): Uint8Array {
  const frame = new Uint8Array(ETHERNET_HEADER_LENGTH + ARP_LENGTH);
  const view = new DataView(frame.buffer);
  encodeEthernet(view, 0, { destination: to, source: own, etherType: ETHERTYPE.arp });
  encodeArp(view, ETHERNET_HEADER_LENGTH, {
    operation,
    senderMac: own,
    senderIp: address,
    targetMac: target.mac,
    targetIp: target.ip,
  });
  return frame;
}

export class ArpResponder {
  readonly #options: ArpResponderOptions;
  readonly #sockets: readonly FrameSocket[];

  /** Listens on every interface of the host that speaks ARP and is a physical one. */
  constructor(options: ArpResponderOptions) {
    this.#options = options;
    const { netns, process } = options;
    this.#sockets = [...netns.devices]
      .filter((dev) => dev.kind === 'ethernet')
      .map((dev) =>
        netns.frames.open({
          dev,
          etherType: ETHERTYPE.arp,
          process,
          onFrame: (frame, packet) => {
            const answer = this.#answer(dev, frame);
            if (answer === undefined) return;
            if (netns.emulation.tracer !== undefined)
              netns.emulation.tracer.step(netns.place, packet, {
                kind: 'arp',
                dev: dev.name,
                action: 'reply',
                address: answer.address,
                note: process,
              });
            netns.emulation.wake(() => this.#socketOf(dev)?.send(frameOf(dev.mac, answer), packet.id));
          },
        }),
      );
  }

  #socketOf(dev: Device): FrameSocket | undefined {
    return this.#sockets.find((socket) => socket.dev === dev);
  }

  /** processRequest(): requests, broadcast or to this host's own address. */
  #answer(dev: Device, frame: Uint8Array): Reply | undefined {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const arp = Arp.parse(view, ETHERNET_HEADER_LENGTH, frame.length);
    const { destination } = new Ethernet(view, 0);
    if (arp?.operation !== ARP_OPERATION.request || (destination !== MAC_BROADCAST && destination !== dev.mac))
      return undefined;
    const { targetIp, senderIp, senderMac } = arp;
    if (!this.#options.answersFor(targetIp, dev)) return undefined;
    return {
      operation: ARP_OPERATION.reply,
      address: targetIp,
      to: senderMac,
      target: { mac: senderMac, ip: senderIp },
    };
  }

  /** Gratuitous(): tells everybody that the address is here now, as a request and as a reply, again and again. */
  announce(address: Ipv4Addr): void {
    const { emulation } = this.#options.netns;
    for (let i = 0; i < SPAM_TIMES; i += 1) {
      emulation.clock.schedule(i * SPAM_INTERVAL_NS, () => {
        for (const { dev } of this.#sockets) if (this.#options.answersFor(address, dev)) this.#tell(dev, address);
      });
    }
  }

  #tell(dev: Device, address: Ipv4Addr): void {
    for (const operation of [ARP_OPERATION.request, ARP_OPERATION.reply]) {
      const target = { mac: MAC_BROADCAST, ip: address };
      this.#socketOf(dev)?.send(frameOf(dev.mac, { operation, address, to: MAC_BROADCAST, target }));
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}
