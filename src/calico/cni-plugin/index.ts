/** Calico's two CNI plugins. */
export { calicoPlugin } from './calico.js';
export { calicoIpam } from './calico-ipam.js';
export type { PluginDatastore } from './datastore.js';
export { recordedIpam } from './recorded-ipam.js';
