/** Changing how IPAM works; libcalico-go/lib/ipam/ipam.go:SetIPAMConfig(). */

import { IpamError } from './errors.js';
import type { IpamConfig } from './model.js';
import type { IpamStore } from './store.js';

/** Throws IpamError where the two together would leave nobody an address, or the API server refuses the number. */
export function configureIpam(store: IpamStore, changes: Partial<IpamConfig>): void {
  const config = { ...store.config(), ...changes };
  if (!config.strictAffinity && !config.autoAllocateBlocks)
    throw new IpamError('invalid', "Cannot disable 'StrictAffinity' and 'AutoAllocateBlocks' at the same time");
  if (config.maxBlocksPerHost < 0) {
    const got = `Invalid value: ${config.maxBlocksPerHost}: spec.maxBlocksPerHost in body should be greater than or equal to 0`;
    throw new IpamError(
      'invalid',
      `IPAMConfig.crd.projectcalico.org "default" is invalid: spec.maxBlocksPerHost: ${got}`,
    );
  }
  store.storedConfig = config;
}
