/** Calico's two CNI plugins. */
export { calicoPlugin } from './calico.js';
export { calicoIpam } from './calico-ipam.js';
export type { PluginDatastore } from './datastore.js';
export { recordedIpam } from './recorded-ipam.js';
export { connectPod, disconnectPod, HOST_VETH_MAC, POD_GATEWAY } from './networking.js';
