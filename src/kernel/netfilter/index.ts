/** Netfilter: hooks, iptables, ipset. */

export type { Chain, Policy } from './chain.js';
export type { HookState, NfVerdict } from './hook.js';
export type { Iptables, SaveOptions, StateProblem } from './iptables.js';
export { ipsetCommandNamed } from './ipset/commands.js';
export { IpsetError } from './ipset/errors.js';
export type { Ipset, SetSlot } from './ipset/set.js';
export { formatListing, type IpsetProblem, type IpsetRestoreOptions, IpsetTable } from './ipset/table.js';
export { type Chooser, Netfilter } from './netfilter.js';
export type { NfacctObject, NfacctTable } from './nfacct-table.js';
export type { RecentEntry, RecentList, RecentTable } from './recent-table.js';
export type { Rule } from './rule.js';
export type { Table } from './table.js';
export { RestoreBlock } from './text/lines-alike.js';
export { type ChainBlock, RestoreChains } from './text/restore-chains.js';
export type { RestoreOptions, RestorePart, RestoreProblem } from './text/restore.js';
export { formatIcmpType } from './text/icmp-names.js';
export { formatProtocol, parseProtocol } from './text/protocol-names.js';
export { portOfService, serviceOfPort } from './text/services.js';
export { splitWords } from './text/tokenize.js';
