/** The face of the link layer inside the kernel. */
export { type BridgeVlan } from './bridge-vlan.js';
export { Bridge } from './bridge.js';
export { Ethernet } from './ethernet.js';
export { Ipip } from './ipip.js';
export { deviceMac, IFNAME_MAX, type LinkChanges, type LinkOptions } from './links.js';
export { Loopback } from './loopback.js';
export { type SleepingHost, Switch, SwitchPort } from './switch.js';
export { Veth } from './veth.js';
export { Vxlan } from './vxlan.js';
