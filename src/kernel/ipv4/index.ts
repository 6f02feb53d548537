/** The face of IPv4 inside the kernel. */
export { Ipv4Stack, type UdpTunnel } from './stack.js';
