/** Whether a session goes on with another configuration (proto/bgp/bgp.c: bgp_reconfigure()). */

import type { BgpConfig, BgpRangeConfig } from '../config/types.js';

/** Everything but the name of it, filters and limits, which are seen to without a restart. */
export function sameSession<Config extends BgpConfig | BgpRangeConfig>(a: Config, b: Config): boolean {
  const core = ({ channels, position: _position, description: _description, disabled: _disabled, ...rest }: Config) =>
    JSON.stringify({ ...rest, channels: channels.map(({ bgp, family, table }) => ({ bgp, family, table })) });
  return core(a) === core(b);
}
