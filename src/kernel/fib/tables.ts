/**
 * The routing tables and how a flow finds its route in them (net/ipv4/fib_trie.c, fib_frontend.c, fib_rules.c).
 *
 * As long as nobody touched the policy rules the kernel keeps table local inside table main's trie, and one
 * longest prefix match looks at both: a longer prefix in main wins over a local one. The first change of a
 * rule parts them for good (fib_unmerge()), and local is asked first from then on.
 */

import { INADDR_ANY, type Ipv4Addr, isLimitedBroadcast, isMulticast } from '../../packet/index.js';
import type { RouteType } from '../../trace/index.js';
import type { Device } from '../device.js';
import type { Errno } from '../errors.js';
import { RT_TABLE } from '../host-state.js';
import type { Sysctls } from '../sysctl.js';
import { FlowKey, LookupResult, ROUTE_TOS_MASK } from './flow-key.js';
import { type PrefixNode, PrefixTree } from './prefix-tree.js';
import { type Refusal, refuse } from './netlink-error.js';
import type { Route, RouteNextHop } from './route.js';
import { type FibRule, RuleList } from './rules.js';
import type { NextHopSpec, RouteMode, RouteSelector } from './spec.js';

/** One table: a number and the tree that its routes are in, which local and main may share. */
export interface FibTable {
  readonly id: number;
  tree: PrefixTree;
  /** tb_num_default. */
  defaults: number;
}

/** ip_ignore_linkdown(). The switch is read only for next hops without carrier. */
const ignoresLinkdown = (dev: Device | undefined, sysctl: Sysctls): boolean =>
  dev !== undefined && sysctl.get(`net.ipv4.conf.${dev.name}.ignore_routes_with_linkdown`) === '1';

/** True where a packet may take this next hop now. */
const usable = (nextHop: RouteNextHop, sysctl: Sysctls): boolean =>
  !nextHop.dead && (!nextHop.linkdown || !ignoresLinkdown(nextHop.dev, sysctl));

/** Both upper bounds and hashes are fractions of this. */
const HASH_RANGE = 2 ** 31;

/** Order within a prefix (fib_find_alias()): table and TOS down, then metric up. */
const precedes = (a: Route, b: Route): number => b.table - a.table || b.tos - a.tos || a.metric - b.metric;

/** rtmsg_fib(): a route has come, or gone. */
type RouteTold = (kind: 'route' | 'route-gone', route: Route) => void;

export class Tables {
  readonly rules = new RuleList();
  readonly #sysctl: Sysctls;
  readonly #told: RouteTold;
  /** In order of creation. */
  readonly #tables = new Map<number, FibTable>();
  /** Those that every packet asks for, without looking them up. */
  #main: FibTable | undefined = undefined;
  #local: FibTable | undefined = undefined;
  #default: FibTable | undefined = undefined;
  /** Routes with several next hops: only they can have some dead and some alive. */
  multipathRoutes = 0;
  readonly #typeKey = new FlowKey();
  readonly #typeResult = new LookupResult();

  constructor(sysctl: Sysctls, told: RouteTold) {
    this.#sysctl = sysctl;
    this.#told = told;
  }

  get(id: number): FibTable | undefined {
    return this.#tables.get(id);
  }

  /** fib_new_table(). */
  require(id: number): FibTable {
    const present = this.#tables.get(id);
    if (present !== undefined) return present;
    const merged = id === RT_TABLE.local && !this.rules.custom;
    const table = { id, tree: merged ? this.require(RT_TABLE.main).tree : new PrefixTree(), defaults: 0 };
    this.#tables.set(id, table);
    if (id === RT_TABLE.main) this.#main = table;
    else if (id === RT_TABLE.local) this.#local = table;
    else if (id === RT_TABLE.default) this.#default = table;
    return table;
  }

  /** Tables in the order of a dump: by the low octet of their number, the newest of equals first. */
  dumpOrder(): FibTable[] {
    return [...this.#tables.values()].toReversed().sort((a, b) => (a.id & 0xff) - (b.id & 0xff));
  }

  /** By table the routes of its tree, which it may share, by prefix as they came. */
  trees(): readonly { readonly table: number; readonly routes: readonly Route[] }[] {
    return this.dumpOrder().map(({ id, tree }) => ({
      table: id,
      routes: tree.inOrder().flatMap(({ routes }) => routes),
    }));
  }

  /** The routes of a table as `ip route show` lists them. */
  list(id: number): Route[] {
    const table = this.#tables.get(id);
    return table === undefined
      ? []
      : table.tree.sorted().flatMap((node) => node.routes.filter((route) => route.table === id));
  }

  /** Every route there is, in no order. */
  *routes(): IterableIterator<Route> {
    for (const tree of new Set([...this.#tables.values()].map((table) => table.tree))) yield* tree.routes();
  }

  /** The table that a lookup says it found a route in: while local and main share a tree it is always main. */
  foundIn(table: number): number {
    const merged = this.#tables.get(RT_TABLE.local)?.tree === this.#tables.get(RT_TABLE.main)?.tree;
    return merged && table === RT_TABLE.local ? RT_TABLE.main : table;
  }

  /** fib_unmerge(): gives table local a tree of its own. */
  unmerge(): void {
    const local = this.#tables.get(RT_TABLE.local);
    const main = this.#tables.get(RT_TABLE.main);
    if (local === undefined || main === undefined || local.tree !== main.tree) return;
    const shared = main.tree;
    local.tree = new PrefixTree();
    for (const node of shared.sorted()) {
      const locals = node.routes.filter((route) => route.table === RT_TABLE.local);
      if (locals.length === 0) continue;
      local.tree.require(node.addr, node.length).routes.push(...locals);
      node.routes.splice(0, node.routes.length, ...node.routes.filter((route) => route.table !== RT_TABLE.local));
      if (node.routes.length === 0) shared.remove(node);
    }
  }

  /** fib_table_insert(). */
  insert(route: Route, mode: RouteMode): Refusal | undefined {
    const table = this.require(route.table);
    const { addr, length } = route.destination;
    const present = table.tree.get(addr, length)?.routes ?? [];
    const first = present.findIndex((other) => precedes(other, route) >= 0);
    const equals = present.filter((other) => precedes(other, route) === 0);
    if (equals.length > 0 && mode === 'exclusive-create') return refuse('EEXIST');
    const twin = equals.find((other) => other.sameInfo(route));
    if (equals.length > 0 && (mode === 'replace' || mode === 'change')) {
      if (twin === present[first]) return undefined;
      const replaced = present[first];
      if (twin !== undefined || replaced === undefined) return refuse('EEXIST');
      present[first] = route;
      this.rebalance(route);
      this.multipathRoutes += Number(route.nextHops.length > 1) - Number(replaced.nextHops.length > 1);
      this.#told('route', route);
      return undefined;
    }
    if (twin !== undefined) return refuse('EEXIST');
    if (mode === 'change') return refuse('ENOENT');
    const node = table.tree.require(addr, length);
    const at = first < 0 ? present.length : first + (mode === 'append' ? equals.length : 0);
    node.routes.splice(at, 0, route);
    this.rebalance(route);
    if (length === 0) table.defaults += 1;
    if (route.nextHops.length > 1) this.multipathRoutes += 1;
    this.#told('route', route);
    return undefined;
  }

  /**
   * fib_rebalance(): shares the range of hashes out among the next hops, by weight. What is ignored without a carrier is
   * so from now on: the switch is read here, and not when a packet comes.
   */
  rebalance({ nextHops }: Route): void {
    if (nextHops.length < 2) return;
    const sharing = nextHops.filter((nextHop) => usable(nextHop, this.#sysctl));
    const total = sharing.reduce((sum, { weight }) => sum + weight, 0);
    let upTo = 0;
    for (const nextHop of nextHops) {
      nextHop.wasLinkdown = nextHop.linkdown;
      nextHop.upperBound = -1;
      if (!sharing.includes(nextHop)) continue;
      upTo += nextHop.weight;
      nextHop.upperBound = Math.round((upTo * HASH_RANGE) / total) - 1;
    }
  }

  /** fib_netdev_event(NETDEV_CHANGE), when it is next asked for: a carrier that came or went has bounds drawn anew. */
  noticeCarriers(route: Route): void {
    if (route.nextHops.some(({ linkdown, wasLinkdown }) => linkdown !== wasLinkdown)) this.rebalance(route);
  }

  /** The same of all routes: before what that reads is changed. */
  noticeAllCarriers(): void {
    if (this.multipathRoutes === 0) return;
    for (const route of this.routes()) this.noticeCarriers(route);
  }

  /** fib_table_delete(). */
  delete(id: number, selector: RouteSelector, scope = selector.scope): Refusal | undefined {
    const table = this.#tables.get(id);
    const node = table?.tree.get(selector.destination.addr, selector.destination.length);
    const found = node?.routes.find((route) => route.table === id && selects(selector, scope, route));
    if (table === undefined) return refuse('ESRCH', 'FIB table does not exist');
    if (node === undefined || found === undefined) return refuse('ESRCH');
    this.#remove(table, node, found);
    this.#told('route-gone', found);
    return undefined;
  }

  /** fib_flush(): takes out what is marked dead. Nobody is told, but of routes whose preferred source has gone (since 6.7). */
  flushDead(why: 'next-hops' | 'source'): void {
    for (const table of this.#tables.values()) {
      for (const node of table.tree.sorted()) {
        for (const route of node.routes.filter((other) => other.dead && other.table === table.id)) {
          this.#remove(table, node, route);
          if (why === 'source') this.#told('route-gone', route);
        }
      }
    }
  }

  #remove(table: FibTable, node: PrefixNode, route: Route): void {
    node.routes.splice(node.routes.indexOf(route), 1);
    if (node.routes.length === 0) table.tree.remove(node);
    if (node.length === 0) table.defaults -= 1;
    if (route.nextHops.length > 1) this.multipathRoutes -= 1;
  }

  /**
   * fib_lookup(): the route for a flow, by policy rules. True where there is one; else `result.error` says why
   * not, and `result.route` or `result.rule` what decided so.
   */
  lookup(key: FlowKey, result: LookupResult): boolean {
    result.clear();
    const found = this.rules.custom ? this.#lookupByRules(key, result) : this.#lookupByDefault(key, result);
    if (result.error === 'EAGAIN') {
      result.clear();
      result.error = 'ENETUNREACH';
    }
    return found;
  }

  /** The three rules of a fresh namespace without walking them (include/net/ip_fib.h:fib_lookup()). */
  #lookupByDefault(key: FlowKey, result: LookupResult): boolean {
    const main = this.#main;
    let found = main !== undefined && this.#lookupTree(main.tree, key, result);
    if (!found && result.error === 'EAGAIN') {
      const fallback = this.#default;
      if (fallback !== undefined) found = this.#lookupTree(fallback.tree, key, result);
    }
    const table = result.route?.table;
    if (table !== undefined)
      result.rule = this.rules.all[table === RT_TABLE.local ? 0 : table === RT_TABLE.main ? 1 : 2];
    return found;
  }

  /** net/core/fib_rules.c:fib_rules_lookup(). */
  #lookupByRules(key: FlowKey, result: LookupResult): boolean {
    const rules = this.rules.all;
    for (let i = 0; i < rules.length; i++) {
      let rule = rules[i];
      // A goto leads forward only, so this ends.
      while (rule?.action === 'goto' && rule.matches(key)) {
        const target: number = rule.goto;
        const at = rules.findIndex((other) => other.priority === target);
        if (at < 0) break;
        i = at;
        rule = rules[at];
      }
      if (rule === undefined || rule.action === 'goto' || rule.action === 'nop' || !rule.matches(key)) continue;
      const error = this.#act(rule, key, result);
      if (error === 'EAGAIN') continue;
      if (error === undefined && suppresses(rule, result.route)) continue;
      result.rule = rule;
      result.error = error;
      return error === undefined;
    }
    result.clear();
    return false;
  }

  /** fib4_rule_action(). */
  #act(rule: FibRule, key: FlowKey, result: LookupResult): Errno | undefined {
    result.clear();
    switch (rule.action) {
      case 'unreachable':
        return 'ENETUNREACH';
      case 'prohibit':
        return 'EACCES';
      case 'lookup': {
        const table = this.#tables.get(rule.table);
        if (table === undefined || this.#lookupTree(table.tree, key, result))
          return table === undefined ? 'EAGAIN' : undefined;
        return result.error;
      }
      default:
        return 'EINVAL';
    }
  }

  /** fib_table_lookup() for one table, whatever the rules say. */
  lookupIn(id: number, key: FlowKey, result: LookupResult): boolean {
    result.clear();
    const table = id === RT_TABLE.local ? this.#local : this.#tables.get(id);
    return table !== undefined && this.#lookupTree(table.tree, key, result);
  }

  #lookupTree(tree: PrefixTree, key: FlowKey, result: LookupResult): boolean {
    for (let node = tree.find(key.destination); node !== undefined; node = tree.shorter(node)) {
      const { routes } = node;
      for (let i = 0; i < routes.length; i++) {
        const route = routes[i];
        if (route === undefined || (route.tos !== 0 && route.tos !== (key.tos & ROUTE_TOS_MASK))) continue;
        if (route.scopeNumber < key.scope || route.dead) continue;
        if (route.error !== undefined) {
          result.route = route;
          result.error = route.error;
          return false;
        }
        const nextHop = this.#firstUsable(route, key);
        if (nextHop === undefined) continue;
        result.route = route;
        result.nextHop = nextHop;
        result.node = node;
        result.error = undefined;
        return true;
      }
    }
    return false;
  }

  #firstUsable(route: Route, key: FlowKey): RouteNextHop | undefined {
    const { nextHops } = route;
    for (let i = 0; i < nextHops.length; i++) {
      const nextHop = nextHops[i];
      if (nextHop === undefined || nextHop.dead) continue;
      if (key.oif !== undefined && key.oif !== nextHop.dev) continue;
      if (!key.ignoreLinkState && !usable(nextHop, this.#sysctl)) continue;
      return nextHop;
    }
    return undefined;
  }

  /** __inet_dev_addr_type(): what kind of address that is, by table local unless another is named. */
  addressType(addr: Ipv4Addr, dev?: Device, table: number = RT_TABLE.local): RouteType {
    if (addr === INADDR_ANY || isLimitedBroadcast(addr)) return 'broadcast';
    if (isMulticast(addr)) return 'multicast';
    if (table === RT_TABLE.local ? this.#local === undefined : !this.#tables.has(table)) return 'broadcast';
    const result = this.#typeResult;
    this.#typeKey.setAddress(addr);
    if (!this.lookupIn(table, this.#typeKey, result) || result.route === undefined) return 'unicast';
    return dev === undefined || result.route.nextHops[0]?.dev === dev ? result.route.type : 'unicast';
  }

  /** The device of the local route to that address: for addresses of a local prefix that no device has itself. */
  localDevice(addr: Ipv4Addr): Device | undefined {
    this.#typeKey.setAddress(addr);
    const found = this.lookupIn(RT_TABLE.local, this.#typeKey, this.#typeResult);
    return found && this.#typeResult.route?.type === 'local' ? this.#typeResult.nextHop?.dev : undefined;
  }
}

/** fib4_rule_suppress(). */
const suppresses = (rule: FibRule, route: Route | undefined): boolean =>
  rule.suppressPrefixLength !== undefined &&
  route !== undefined &&
  route.destination.length <= rule.suppressPrefixLength;

/** What a deletion says, a route must have; fib_nh_match() looks at the next hops. */
function selects(selector: RouteSelector, scope: RouteSelector['scope'], route: Route): boolean {
  if (route.tos !== (selector.tos ?? 0)) return false;
  if (selector.type !== undefined && selector.type !== route.type) return false;
  if (scope !== undefined && scope !== route.scope) return false;
  if (selector.prefSrc !== undefined && selector.prefSrc !== route.prefSrc) return false;
  if (selector.protocol !== undefined && selector.protocol !== route.protocol) return false;
  if (selector.metric !== undefined && selector.metric !== 0 && selector.metric !== route.metric) return false;
  if (selector.mtu !== undefined && selector.mtu !== route.mtu) return false;
  return selectsNextHops(selector, route.nextHops);
}

/** fib_nh_match(): a gateway and a device are those of the first; of `nexthop`s each must have one, weights aside. */
function selectsNextHops(
  { nextHops: wanted = [], multipath = wanted.length > 1 }: RouteSelector,
  given: readonly RouteNextHop[],
): boolean {
  const [first] = wanted;
  if (first === undefined) return true;
  if (!multipath) return agrees(first, given[0]);
  return given.length > 0 && given.every((nextHop, i) => wanted[i] !== undefined && agrees(wanted[i], nextHop));
}

function agrees({ dev, via }: NextHopSpec, nextHop: RouteNextHop | undefined): boolean {
  if (dev === undefined && via === undefined) return true;
  if (nextHop === undefined) return false;
  return (dev === undefined || dev === nextHop.dev) && (via === undefined || via === nextHop.via);
}
