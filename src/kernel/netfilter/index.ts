/** Netfilter: hooks, iptables, ipset. */

export type { Chain } from './chain.js';
export type { StateProblem } from './iptables.js';
export { ipsetCommandNamed } from './ipset/commands.js';
export { IpsetError } from './ipset/errors.js';
export type { SetSlot } from './ipset/set.js';
export { formatListing, IpsetTable } from './ipset/table.js';
export { Netfilter } from './netfilter.js';
export type { Rule, RuleParts } from './rule.js';
export type { Table } from './table.js';
export { RestoreBlock } from './text/lines-alike.js';
export { type ChainBlock, RestoreChains } from './text/restore-chains.js';
export type { RestorePart, RestoreProblem } from './text/restore.js';
export { formatIcmpType } from './text/icmp-names.js';
export { formatProtocol, parseProtocol } from './text/protocol-names.js';
export { portOfService, serviceOfPort } from './text/services.js';
export { splitWords } from './text/tokenize.js';
