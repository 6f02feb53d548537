/** Ethernet, ARP and VXLAN in tcpdump's words. */

import { ARP_LENGTH, ARP_OPERATION, Arp } from '../arp.js';
import { ETHERNET_HEADER_LENGTH, ETHERTYPE, ETHERTYPE_MINIMUM, Ethernet, VLAN_TAG_LENGTH, Vlan } from '../ethernet.js';
import { formatIpv4 } from '../ip.js';
import { formatMac, MAC_ZERO } from '../mac.js';
import { VXLAN_FLAG_VNI, VXLAN_HEADER_LENGTH, Vxlan } from '../vxlan.js';
import { type Context, lengthOf, type ProtocolName, type Span, truncated } from './printer.js';

const ETHERTYPE_WORDS: Readonly<Record<number, string>> = {
  [ETHERTYPE.ipv4]: 'IPv4',
  [ETHERTYPE.arp]: 'ARP',
  [ETHERTYPE.ipv6]: 'IPv6',
  [ETHERTYPE.vlan]: '802.1Q',
};

const PROTOCOLS: Readonly<Record<number, ProtocolName>> = {
  [ETHERTYPE.ipv4]: 'ipv4',
  [ETHERTYPE.arp]: 'arp',
  [ETHERTYPE.ipv6]: 'ipv6',
};

const hex4 = (value: number): string => `0x${value.toString(16).padStart(4, '0')}`;

const typeText = (etherType: number): string =>
  `ethertype ${ETHERTYPE_WORDS[etherType] ?? 'Unknown'} (${hex4(etherType)})`;

function tagText(vlan: Vlan): string {
  return `vlan ${vlan.vlanId}, p ${vlan.priority}${vlan.dropEligible ? ', DEI' : ''}, `;
}

/** The 802.1Q tags at `offset`, the type and place of what they carry. */
function skipTags(span: Span, first: number): { tags: string; etherType: number; offset: number } | undefined {
  let { offset } = span;
  let etherType = first;
  let tags = '';
  while (etherType === ETHERTYPE.vlan) {
    const vlan = Vlan.parse(span.view, offset, span.end);
    if (vlan === undefined) return undefined;
    etherType = vlan.etherType;
    tags += tagText(vlan) + (etherType === ETHERTYPE.vlan ? `${typeText(etherType)}, ` : '');
    offset += VLAN_TAG_LENGTH;
  }
  return { tags, etherType, offset };
}

export function printEthernet(span: Span, context: Context): string {
  const ethernet = Ethernet.parse(span.view, span.offset, span.end);
  if (ethernet === undefined) return truncated('ether');
  const addresses = `${formatMac(ethernet.source)} > ${formatMac(ethernet.destination)}, `;
  const length = `length ${lengthOf(span)}: `;
  const inner = { ...span, offset: span.offset + ETHERNET_HEADER_LENGTH };
  const found = skipTags(inner, ethernet.etherType);
  if (found === undefined) return truncated('vlan');
  const { tags, etherType, offset } = found;
  const protocol = PROTOCOLS[etherType];
  if (protocol === undefined) {
    const type = etherType < ETHERTYPE_MINIMUM ? '802.3' : typeText(etherType);
    return `${addresses}${type}, ${length}`.trimEnd();
  }
  const payload = context.into(protocol, { ...span, offset }, context);
  if (!context.showLink) return payload;
  const tagged = tags === '' ? '' : `${typeText(ETHERTYPE.vlan)}, ${length}${tags}`;
  return tagged === ''
    ? `${addresses}${typeText(etherType)}, ${length}${payload}`
    : `${addresses}${tagged}${typeText(etherType)}, ${payload}`;
}

function arpText(arp: Arp): string {
  if (arp.operation === ARP_OPERATION.reply) {
    return `Reply ${formatIpv4(arp.senderIp)} is-at ${formatMac(arp.senderMac)}`;
  }
  if (arp.operation !== ARP_OPERATION.request) return `Unknown (${arp.operation})`;
  const known = arp.targetMac === MAC_ZERO ? '' : ` (${formatMac(arp.targetMac)})`;
  return `Request who-has ${formatIpv4(arp.targetIp)}${known} tell ${formatIpv4(arp.senderIp)}`;
}

export function printArp(span: Span, context: Context): string {
  if (lengthOf(span) < ARP_LENGTH) return truncated('arp');
  const arp = Arp.parse(span.view, span.offset, span.end);
  const prefix = context.showLink ? '' : 'ARP, ';
  const text = arp === undefined ? 'not IPv4 over Ethernet' : arpText(arp);
  return `${prefix}${text}, length ${lengthOf(span)}`;
}

export function printVxlan(span: Span, context: Context): string {
  if (lengthOf(span) < VXLAN_HEADER_LENGTH) return `VXLAN${truncated('vxlan')}`;
  const vxlan = new Vxlan(span.view, span.offset);
  const flags = vxlan.flags.toString(16).padStart(2, '0');
  const valid = (vxlan.flags & VXLAN_FLAG_VNI) !== 0;
  const head = `VXLAN, flags [${valid ? 'I' : 'invalid'}] (0x${flags}), ${valid ? `vni ${vxlan.vni}` : 'ERROR: I flag not set'}`;
  return `${head} ${context.into('ethernet', { ...span, offset: vxlan.payloadOffset }, context)}`;
}
