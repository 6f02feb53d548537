/** Ethernet, 802.1Q, ARP and VXLAN as nodes. */

import { ARP_LENGTH, ARP_OPERATION, Arp } from '../arp.js';
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, ETHERTYPE_MINIMUM, Ethernet, VLAN_TAG_LENGTH, Vlan } from '../ethernet.js';
import { formatIpv4 } from '../ip.js';
import { formatMac } from '../mac.js';
import { VXLAN_FLAG_VNI, VXLAN_HEADER_LENGTH, Vxlan } from '../vxlan.js';
import { Fields, hex, type Layer, layerNode, nameIn, named, type Place, tooShort } from './node.js';

/** `0x0800 (ipv4)`, or a length where the number is one (IEEE 802.3 §3.2.6). */
function etherTypeText(etherType: number): string {
  if (etherType < ETHERTYPE_MINIMUM) return `${etherType} (IEEE 802.3 length)`;
  const name = nameIn(ETHERTYPE, etherType);
  return name === undefined ? hex(etherType, 4) : `${hex(etherType, 4)} (${name})`;
}

export function dissectEthernet(place: Place): Layer {
  const text = { name: 'ethernet', label: 'Ethernet II' };
  const ethernet = Ethernet.parse(place.view, place.offset, place.end);
  if (ethernet === undefined) return tooShort(text, place, ETHERNET_HEADER_LENGTH);
  const { destination, source, etherType } = ethernet;
  const fields = new Fields(place.offset)
    .add('destination', 'Destination', [0, 6], formatMac(destination))
    .add('source', 'Source', [6, 6], formatMac(source))
    .add('etherType', 'EtherType', [12, 2], etherTypeText(etherType));
  const value = `${formatMac(source)} > ${formatMac(destination)}`;
  const offset = place.offset + ETHERNET_HEADER_LENGTH;
  return {
    node: layerNode({ ...text, value }, fields, offset),
    next: { table: 'etherType', keys: [etherType], place: { ...place, offset } },
  };
}

export function dissectVlan(place: Place): Layer {
  const text = { name: 'vlan', label: '802.1Q tag' };
  const vlan = Vlan.parse(place.view, place.offset, place.end);
  if (vlan === undefined) return tooShort(text, place, VLAN_TAG_LENGTH);
  const fields = new Fields(place.offset)
    .add('priority', 'Priority', [0, 1], vlan.priority)
    .add('dropEligible', 'Drop eligible', [0, 1], vlan.dropEligible ? 'yes' : 'no')
    .add('vlanId', 'VLAN', [0, 2], vlan.vlanId)
    .add('etherType', 'EtherType', [2, 2], etherTypeText(vlan.etherType));
  const offset = place.offset + VLAN_TAG_LENGTH;
  return {
    node: layerNode({ ...text, value: `vlan ${vlan.vlanId}` }, fields, offset),
    next: { table: 'etherType', keys: [vlan.etherType], place: { ...place, offset } },
  };
}

function arpText(arp: Arp): string {
  if (arp.operation === ARP_OPERATION.request)
    return `who has ${formatIpv4(arp.targetIp)}? tell ${formatIpv4(arp.senderIp)}`;
  if (arp.operation === ARP_OPERATION.reply) return `${formatIpv4(arp.senderIp)} is at ${formatMac(arp.senderMac)}`;
  return `operation ${arp.operation}`;
}

export function dissectArp(place: Place): Layer {
  const text = { name: 'arp', label: 'Address Resolution Protocol' };
  if (place.end - place.offset < 8) return tooShort(text, place, ARP_LENGTH);
  const arp = new Arp(place.view, place.offset);
  const known = Arp.parse(place.view, place.offset, place.end);
  const fields = new Fields(place.offset)
    .add('hardwareType', 'Hardware type', [0, 2], arp.hardwareType)
    .add('protocolType', 'Protocol type', [2, 2], etherTypeText(arp.protocolType))
    .add('hardwareLength', 'Hardware address length', [4, 1], place.view.getUint8(place.offset + 4))
    .add('protocolLength', 'Protocol address length', [5, 1], place.view.getUint8(place.offset + 5))
    .add('operation', 'Operation', [6, 2], named(ARP_OPERATION, arp.operation));
  if (known === undefined) {
    const problem = place.end - place.offset < ARP_LENGTH ? `needs ${ARP_LENGTH} octets` : 'not IPv4 over Ethernet';
    return { node: { ...layerNode({ ...text, value: '' }, fields, place.end), problem } };
  }
  fields
    .add('senderMac', 'Sender hardware address', [8, 6], formatMac(arp.senderMac))
    .add('senderIp', 'Sender protocol address', [14, 4], formatIpv4(arp.senderIp))
    .add('targetMac', 'Target hardware address', [18, 6], formatMac(arp.targetMac))
    .add('targetIp', 'Target protocol address', [24, 4], formatIpv4(arp.targetIp));
  const offset = place.offset + ARP_LENGTH;
  return {
    node: layerNode({ ...text, value: arpText(arp) }, fields, offset),
    next: { table: 'fixed', keys: [], place: { ...place, offset, end: offset } },
  };
}

export function dissectVxlan(place: Place): Layer {
  const text = { name: 'vxlan', label: 'Virtual eXtensible LAN' };
  if (place.end - place.offset < VXLAN_HEADER_LENGTH) return tooShort(text, place, VXLAN_HEADER_LENGTH);
  const vxlan = new Vxlan(place.view, place.offset);
  const valid = (vxlan.flags & VXLAN_FLAG_VNI) !== 0;
  const fields = new Fields(place.offset)
    .add('flags', 'Flags', [0, 1], `${hex(vxlan.flags, 2)}${valid ? ' (VNI is valid)' : ''}`)
    .problem(valid ? undefined : 'the I flag is not set: the VNI says nothing')
    .add('vni', 'VXLAN network identifier', [4, 3], vxlan.vni);
  const offset = place.offset + VXLAN_HEADER_LENGTH;
  const node = layerNode({ ...text, value: `vni ${vxlan.vni}` }, fields, offset);
  return { node, next: { table: 'fixed', keys: valid ? ['ethernet'] : [], place: { ...place, offset } } };
}
