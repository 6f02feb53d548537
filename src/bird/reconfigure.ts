/** From one configuration to the next (nest/proto.c: protos_commit(), proto_reconfigure()). */

import type { ReconfigurationType } from './birdc/configure.js';
import type { ChannelConfig, ProtocolConfig } from './config/types.js';
import { filterSignature } from './filter/signature.js';
import type { Protocol } from './protocols/protocol.js';

/** glob_node of 1.6: who goes on keeps the place, who is new comes behind them, and last of all who begins anew. */
export function inOrder16(
  now: readonly Protocol[],
  { before, replaced }: { readonly before: readonly Protocol[]; readonly replaced: readonly Protocol[] },
): Protocol[] {
  const anew = new Set(replaced.map(({ name }) => name));
  const others = now.filter((each) => !before.includes(each));
  return [
    ...before.filter((each) => now.includes(each)),
    ...others.filter(({ name }) => !anew.has(name)),
    ...others.filter(({ name }) => anew.has(name)),
  ];
}

interface Difference {
  /** It cannot go on: it ends, and begins anew. */
  readonly restart: boolean;
  readonly imports: boolean;
  readonly exports: boolean;
}

const sameLimits = (a: ChannelConfig, b: ChannelConfig): boolean =>
  JSON.stringify([a.importLimit, a.exportLimit, a.receiveLimit]) ===
  JSON.stringify([b.importLimit, b.exportLimit, b.receiveLimit]);

function compareChannels(before: readonly ChannelConfig[], after: readonly ChannelConfig[]): Difference {
  let imports = false;
  let exports = false;
  for (const [i, old] of before.entries()) {
    const next = after[i];
    if (next === undefined || next.family !== old.family || next.table !== old.table) {
      return { restart: true, imports: false, exports: false };
    }
    imports ||= filterSignature(old.importFilter) !== filterSignature(next.importFilter);
    imports ||= old.preference !== next.preference || old.keepFiltered !== next.keepFiltered;
    exports ||= filterSignature(old.exportFilter) !== filterSignature(next.exportFilter);
  }
  return { restart: after.length !== before.length, imports, exports };
}

/** proto_reconfigure(): false where the protocol must be restarted with the new configuration. */
export function reconfigureProtocol(protocol: Protocol, config: ProtocolConfig, type: ReconfigurationType): boolean {
  const before = protocol.config;
  if (before.kind !== config.kind || protocol.disabled !== config.disabled) return false;
  const difference = compareChannels(before.channels, config.channels);
  if (difference.restart) return false;
  if (!protocol.reconfigure(config)) return false;
  protocol.config = config;
  for (const [i, channel] of protocol.channels.entries()) {
    const next = config.channels[i];
    if (next === undefined) continue;
    if (!sameLimits(channel.config, next)) channel.forgetLimits();
    channel.config = next;
    channel.verifyLimits();
  }
  if (protocol.state === 'down' || type === 'soft') return true;
  if (difference.imports && !protocol.reloadImports()) return false;
  if (difference.exports) protocol.feedAgain();
  return true;
}
