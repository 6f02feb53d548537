/** What the converged computation is told of each router: its configuration, its interfaces, its kernel's routes. */

import type { Netns } from '../../kernel/index.js';
import type { IpAddr } from '../address.js';
import type { BgpConfig, BirdConfig, SharedBgpConfig } from '../config/types.js';
import { Interfaces } from '../interfaces.js';
import type { KernelRoute } from '../protocols/local-routes.js';

export interface Speaker {
  readonly name: string;
  readonly config: BirdConfig;
  readonly interfaces: Interfaces;
  /** Routes of a table of its kernel, which `learn` reads. */
  readonly kernelRoutes: (table: number) => Iterable<KernelRoute>;
  /** Sessions besides those of the configuration. */
  readonly mesh?: SpeakerMesh;
}

/**
 * Sessions that are too many to be read for every router: of a full mesh of 5,000 each router has 4,999. They are
 * made when somebody asks, and are all alike but for the neighbour.
 */
export interface SpeakerMesh {
  /** One of them: what is said of it holds for all. */
  readonly like: BgpConfig;
  readonly sessions: () => Iterable<Peering>;
  readonly to: (remote: IpAddr) => Peering | undefined;
}

/** A session as a router is configured for it: who the neighbour is, and what all that are alike share. */
export interface Peering {
  readonly name: string;
  readonly remoteAddress: IpAddr;
  readonly passive: boolean;
  readonly config: SharedBgpConfig;
}

export const peeringOf = (config: BgpConfig): Peering => {
  const { name, remoteAddress, passive } = config;
  return { name, remoteAddress, passive, config };
};

/** As if it had been written by itself. */
export const configOf = ({ config, name, remoteAddress, passive }: Peering): BgpConfig => ({
  ...config,
  name,
  remoteAddress,
  passive,
});

/** A router that a namespace is, as it is now. */
export function netnsSpeaker(name: string, netns: Netns, config: BirdConfig): Speaker {
  const interfaces = new Interfaces();
  interfaces.scan(netns.devices);
  return { name, config, interfaces, kernelRoutes: (table) => netns.fib.routes(table) };
}
