/** The reference plugins (github.com/containernetworking/plugins), by the names of their binaries. */

import type { PluginBinaries } from './plugin.js';
import { bandwidth } from './reference/bandwidth.js';
import { bridge } from './reference/bridge.js';
import { hostLocal } from './reference/host-local.js';
import { loopback } from './reference/loopback.js';
import { portmap } from './reference/portmap.js';
import { ptp } from './reference/ptp.js';
import { tuning } from './reference/tuning.js';

export { hostLocalFiles, hostLocalOwner, rememberingHostLocal } from './reference/host-local.js';

export const REFERENCE_PLUGINS: PluginBinaries = new Map([
  ['bandwidth', bandwidth],
  ['bridge', bridge],
  ['host-local', hostLocal],
  ['loopback', loopback],
  ['portmap', portmap],
  ['ptp', ptp],
  ['tuning', tuning],
]);
