/** Calls of plugins that take what an earlier one made. */

import type { CniObject } from '../../../src/cni/index.js';
import type { Invocation } from './compare.js';

const CONF: CniObject = {
  cniVersion: '1.0.0',
  name: 'podnet',
  type: 'bridge',
  bridge: 'br0',
  isGateway: true,
  ipam: { type: 'host-local', subnet: '10.244.1.0/24', dataDir: 'DATA_DIR' },
};
export const bridge = (command: string, more: Partial<Invocation> = {}): Invocation => ({
  plugin: 'bridge',
  command,
  conf: CONF,
  ...more,
});

export const chained =
  (plugin: string) =>
  (command: string, fields: CniObject = {}, more: Partial<Invocation> = {}): Invocation => ({
    plugin,
    command,
    conf: { cniVersion: '1.0.0', name: 'podnet', type: plugin, dataDir: 'DATA_DIR', ...fields },
    withPrevResult: true,
    ...more,
  });
