/** The face of the link layer inside the kernel. */
export { type BridgeVlan, VlanGroup } from './bridge-vlan.js';
export { Bridge, type BridgeFdbEntry, BridgePort, DEFAULT_PORT } from './bridge.js';
export { Dummy } from './dummy.js';
export { type Cable, Ethernet } from './ethernet.js';
export { FALLBACK_TUNNEL, Ipip } from './ipip.js';
export { deviceMac, IFNAME_MAX, type LinkChanges, type LinkOptions, Links, VXLAN_OVERHEAD } from './links.js';
export { Loopback } from './loopback.js';
export { type CableOptions, type SleepingHost, Switch, SwitchPort } from './switch.js';
export { Veth } from './veth.js';
export { Vxlan, type VxlanFdbEntry } from './vxlan.js';
