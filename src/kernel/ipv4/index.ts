/** The face of IPv4 inside the kernel. */
export { Defrag } from './defrag.js';
export type { IcmpError } from './quoting-error.js';
export { Icmp } from './icmp.js';
export { Ipv4Output, type SendRequest } from './output.js';
export { Ipv4Stack, type TunnelReceiver, type UdpTunnel } from './stack.js';
