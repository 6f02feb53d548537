/**
 * VLANs of a bridge with vlan_filtering (IEEE 802.1Q §6.9; net/bridge/br_vlan.c): which of them a port takes and
 * gives, with a tag or without, and which one frames without a tag belong to.
 */

import { encodeVlan, Ethernet, ETHERNET_HEADER_LENGTH, ETHERTYPE, Vlan } from '../../packet/index.js';
import type { SlabAllocator } from '../../packet/index.js';
import { KernelError } from '../errors.js';
import type { Skb } from '../skb.js';

/** VLAN_N_VID less the two that nobody may use. */
const VLAN_MAX = 4094;
const MACS_LENGTH = 12;
const TAG_LENGTH = 4;

export interface BridgeVlan {
  readonly vlan: number;
  /** Frames without a tag belong to it. */
  readonly pvid: boolean;
  /** Frames leave without a tag. */
  readonly untagged: boolean;
}

/** struct net_bridge_vlan_group: of a port, or of the bridge itself. */
export class VlanGroup {
  readonly #untagged = new Map<number, boolean>();
  /** 0: frames without a tag are not taken. */
  pvid = 0;

  /** `bridge vlan add vid N [pvid] [untagged]`. @throws KernelError EINVAL */
  add({ vlan, pvid, untagged }: BridgeVlan): void {
    if (!Number.isInteger(vlan) || vlan < 1 || vlan > VLAN_MAX) throw new KernelError('EINVAL', `vlan add vid ${vlan}`);
    this.#untagged.set(vlan, untagged);
    if (pvid) this.pvid = vlan;
    else if (this.pvid === vlan) this.pvid = 0;
  }

  /** `bridge vlan del`. @throws KernelError ENOENT */
  delete(vlan: number): void {
    if (!this.#untagged.delete(vlan)) throw new KernelError('ENOENT', `vlan del vid ${vlan}`);
    if (this.pvid === vlan) this.pvid = 0;
  }

  has(vlan: number): boolean {
    return this.#untagged.has(vlan);
  }

  isUntagged(vlan: number): boolean {
    return this.#untagged.get(vlan) === true;
  }

  /** By number, as `bridge vlan show` lists them. */
  list(): BridgeVlan[] {
    return [...this.#untagged]
      .map(([vlan, untagged]) => ({ vlan, untagged, pvid: vlan === this.pvid }))
      .sort((a, b) => a.vlan - b.vlan);
  }

  /** br_allowed_ingress(): the VLAN of a frame at its Ethernet header, or undefined where it is not let in. */
  ingress(skb: Skb): number | undefined {
    const tagged = tagOf(skb)?.vlanId ?? 0;
    const vlan = tagged === 0 ? this.pvid : tagged;
    return this.has(vlan) ? vlan : undefined;
  }

  /** br_handle_vlan(): a frame of a VLAN that may leave here gets its tag, or loses it. */
  egress(skb: Skb, vlan: number, slabs: SlabAllocator): void {
    const tag = tagOf(skb);
    if (this.isUntagged(vlan)) {
      if (tag !== undefined) popTag(skb);
    } else if (tag === undefined) pushTag(skb, vlan, slabs);
    else if (tag.vlanId === 0) tag.vlanId = vlan;
  }
}

/** The 802.1Q tag of the frame at `data`. */
export function tagOf(skb: Skb): Vlan | undefined {
  if (skb.length < ETHERNET_HEADER_LENGTH + TAG_LENGTH) return undefined;
  if (new Ethernet(skb.view, skb.data).etherType !== ETHERTYPE.vlan) return undefined;
  return new Vlan(skb.view, skb.data + ETHERNET_HEADER_LENGTH);
}

/** __skb_vlan_pop(): the addresses move up to what followed the tag. */
export function popTag(skb: Skb): void {
  const { bytes } = skb.slab;
  bytes.copyWithin(skb.data + TAG_LENGTH, skb.data, skb.data + MACS_LENGTH);
  skb.pull(TAG_LENGTH);
  if (skb.mac >= 0) skb.mac = skb.data;
}

/** __vlan_insert_tag(). */
function pushTag(skb: Skb, vlanId: number, slabs: SlabAllocator): void {
  const { etherType } = new Ethernet(skb.view, skb.data);
  const at = skb.push(TAG_LENGTH, slabs);
  skb.slab.bytes.copyWithin(at, at + TAG_LENGTH, at + TAG_LENGTH + MACS_LENGTH);
  if (skb.mac >= 0) skb.mac = at;
  skb.view.setUint16(at + MACS_LENGTH, ETHERTYPE.vlan);
  encodeVlan(skb.view, at + ETHERNET_HEADER_LENGTH, { vlanId, etherType });
}
