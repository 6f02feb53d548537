/** The reference plugins (github.com/containernetworking/plugins), by the names of their binaries. */

import type { PluginBinaries } from './plugin.js';
import { loopback } from './reference/loopback.js';

export const REFERENCE_PLUGINS: PluginBinaries = new Map([['loopback', loopback]]);
