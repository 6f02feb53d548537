/**
 * Netfilter of a namespace: what runs at each hook, in Linux's order of priorities (enum nf_ip_hook_priorities).
 *
 *     prerouting    defrag -400  raw -300  conntrack -200  mangle -150  nat(dst) -100
 *     input                                                mangle -150  filter 0  security 50  nat(src) 100  confirm
 *     forward                                              mangle -150  filter 0  security 50
 *     output        defrag -400  raw -300  conntrack -200  mangle -150  nat(dst) -100  filter 0  security 50
 *     postrouting                                          mangle -150  nat(src) 100  confirm
 *
 * Only what exists is in a hook's list: with no rules all five are empty, and a packet pays for one loop over nothing.
 */

import type { HookName, TableName } from '../../trace/index.js';
import type { Device } from '../device.js';
import { assert, type Errno } from '../errors.js';
import type { DefragUser } from '../ipv4/defrag.js';
import type { Netns } from '../netns.js';
import type { Skb } from '../skb.js';
import type { NfVerdict } from './hook.js';
import { Iptables } from './iptables.js';
import { NatHook, type Rules } from './nat-hook.js';
import { NfacctTable } from './nfacct-table.js';
import { RecentTable } from './recent-table.js';
import type { Rule } from './rule.js';
import type { Table } from './table.js';
import { TABLE_KINDS } from './table-kinds.js';
import { Walk } from './walk.js';
import { WalkMemory } from './walk-memo.js';

/** Decides for a rule that matches with a probability. A trace may sample, pin or enumerate. */
export type Chooser = (probability: number, rule: Rule) => boolean;

/** An error is a drop that tells the sender why (NF_DROP_ERR()). */
type HookStep = (skb: Skb, inDev: Device | undefined, outDev: Device | undefined) => NfVerdict | Errno;

/** What runs at a hook, in order. */
type Hook = readonly HookStep[];

const NOTHING: Hook = [];

const FRAGMENT = 6;
/** MF and the offset. */
const FRAGMENT_MASK = 0x3fff;

const TOS = 1;
const SOURCE = 12;
const DESTINATION = 16;

/** What stands before the tables' own priorities decide: tables by hook in order, nat apart. */
const ORDER: Readonly<Record<HookName, readonly (TableName | 'defrag' | 'conntrack' | 'confirm')[]>> = {
  prerouting: ['defrag', 'raw', 'conntrack', 'mangle', 'nat'],
  input: ['mangle', 'filter', 'security', 'nat', 'confirm'],
  forward: ['mangle', 'filter', 'security'],
  output: ['defrag', 'raw', 'conntrack', 'mangle', 'nat', 'filter', 'security'],
  postrouting: ['mangle', 'nat', 'confirm'],
};

export class Netfilter {
  readonly iptables: Iptables;
  /** Lists of `-m recent`. */
  readonly recent = new RecentTable();
  /** Objects of `-m nfacct`. */
  readonly nfacct = new NfacctTable();
  /** By default the emulation's. */
  choose: Chooser;
  readonly #netns: Netns;
  /** Walks that are under way at once: an answer made by a rule has walks of its own. */
  readonly #walks: Walk[] = [];
  #depth = 0;
  /** What `run` had against the last packet that it did not accept: the sender's error (NF_DROP_GETERR()). */
  error: Errno = 'EPERM';
  /** Others than rules that want connections tracked. */
  #conntrackUsers = 0;
  #prerouting: Hook = NOTHING;
  #input: Hook = NOTHING;
  #forward: Hook = NOTHING;
  #output: Hook = NOTHING;
  #postrouting: Hook = NOTHING;
  /** The walk's view of the packet is that of this hook, and nothing has changed the packet since. */
  #loaded = false;

  constructor(netns: Netns) {
    this.#netns = netns;
    netns.ipsets.useClock(netns.emulation.clock);
    const { emulation } = netns;
    this.choose = (probability) => emulation.chance(probability);
    this.iptables = new Iptables(netns, () => this.#rebuild());
  }

  /**
   * nf_hook(): 'accept' where the packet goes on. On 'drop' it has been dropped here, with its reason; 'stolen' means
   * that somebody keeps it.
   */
  run(hook: HookName, skb: Skb, inDev: Device | undefined, outDev: Device | undefined): NfVerdict {
    const steps = this.#stepsOf(hook);
    this.#loaded = false;
    for (let i = 0; i < steps.length; i++) {
      const verdict = steps[i]?.(skb, inDev, outDev) ?? 'accept';
      if (verdict !== 'accept') return this.#refused(verdict);
    }
    return 'accept';
  }

  #refused(verdict: NfVerdict | Errno): NfVerdict {
    const known = verdict === 'drop' || verdict === 'stolen' || verdict === 'accept';
    this.error = known ? 'EPERM' : verdict;
    return known ? verdict : 'drop';
  }

  #stepsOf(hook: HookName): Hook {
    switch (hook) {
      case 'prerouting':
        return this.#prerouting;
      case 'input':
        return this.#input;
      case 'forward':
        return this.#forward;
      case 'output':
        return this.#output;
      case 'postrouting':
        return this.#postrouting;
    }
  }

  /** nf_ct_netns_get(): connections are tracked from now on, whatever the rules ask for; the answer ends that. */
  trackConnections(): () => void {
    this.#conntrackUsers += 1;
    this.#rebuild();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#conntrackUsers -= 1;
      this.#rebuild();
    };
  }

  #rebuild(): void {
    const { tables } = this.iptables;
    this.#netns.conntrack.active = this.#conntrackUsers > 0 || tables.some((table) => table.needsConntrack);
    const steps = (hook: HookName): Hook =>
      ORDER[hook].map((name) => this.#step(hook, name)).filter((step) => step !== undefined);
    this.#prerouting = steps('prerouting');
    this.#input = steps('input');
    this.#forward = steps('forward');
    this.#output = steps('output');
    this.#postrouting = steps('postrouting');
  }

  #step(hook: HookName, name: (typeof ORDER)[HookName][number]): HookStep | undefined {
    const { conntrack } = this.#netns;
    switch (name) {
      case 'defrag':
        return conntrack.active ? (skb) => this.#defrag(hook, skb) : undefined;
      case 'conntrack':
        return conntrack.active ? (skb) => conntrack.track(hook, skb) : undefined;
      case 'confirm':
        return conntrack.active ? (skb) => conntrack.confirm(skb) : undefined;
      default: {
        const table = this.iptables.table(name);
        if (table === undefined || !TABLE_KINDS[name].hooks.includes(hook)) return undefined;
        // nf_nat_register_fn(): the first chain of nat brings translation to all of its hooks, and none without one.
        return name === 'nat' && !table.hooked ? undefined : this.#tableStep(hook, table);
      }
    }
  }

  #tableStep(hook: HookName, table: Table): HookStep {
    const walk = this.#walkStep(hook, table);
    if (table.name === 'nat') {
      const nat = new NatHook(this.#netns, hook, walk);
      return (skb, inDev, outDev) => {
        const verdict = nat.run(skb, inDev, outDev);
        this.#loaded = false;
        return verdict;
      };
    }
    if (table.name === 'mangle' && hook === 'output')
      return (skb, inDev, outDev) => this.#mangleOutput(walk, skb, [inDev, outDev]);
    return walk;
  }

  #walkStep(hook: HookName, table: Table): Rules {
    const base = table.builtin(hook);
    assert(base !== undefined, 'a table is asked at its own hooks');
    // Every change of a table makes the steps anew.
    const memory = new WalkMemory();
    return (skb, inDev, outDev) => {
      const depth = this.#depth;
      const walk = this.#walks[depth] ?? this.#newWalk(depth, skb);
      const { packet } = walk;
      if (!this.#loaded || !packet.isAsLoaded(skb)) {
        packet.load(skb, hook, inDev, outDev);
        this.#loaded = true;
      }
      this.#depth = depth + 1;
      const verdict = walk.run(table, base, memory);
      this.#depth = depth;
      return verdict;
    };
  }

  #newWalk(depth: number, skb: Skb): Walk {
    const walk = new Walk(this.#netns, skb);
    this.#walks[depth] = walk;
    return walk;
  }

  /** net/ipv4/netfilter/iptable_mangle.c:ipt_mangle_out(): what a route hangs on may have changed. */
  #mangleOutput(
    walk: Rules,
    skb: Skb,
    [inDev, outDev]: readonly [Device | undefined, Device | undefined],
  ): NfVerdict | Errno {
    const { view, network } = skb;
    const source = view.getInt32(network + SOURCE);
    const destination = view.getInt32(network + DESTINATION);
    const tos = view.getUint8(network + TOS);
    const { mark } = skb;
    const verdict = walk(skb, inDev, outDev);
    if (verdict !== 'accept') return verdict;
    const same =
      skb.mark === mark &&
      skb.view.getInt32(skb.network + SOURCE) === source &&
      skb.view.getInt32(skb.network + DESTINATION) === destination &&
      skb.view.getUint8(skb.network + TOS) === tos;
    return (same ? undefined : this.#netns.ipv4.reroute(skb)) ?? 'accept';
  }

  /** nf_defrag_ipv4.c:ipv4_conntrack_defrag(): connections are tracked by whole datagrams. */
  #defrag(hook: HookName, skb: Skb): NfVerdict {
    if ((skb.view.getUint16(skb.network + FRAGMENT) & FRAGMENT_MASK) === 0) return 'accept';
    const bridged = skb.physIn === undefined ? 'conntrack-in' : 'conntrack-bridge-in';
    const user: DefragUser = hook === 'prerouting' ? bridged : 'conntrack-out';
    const gathered = this.#netns.ipv4.defrag.gather(skb, user);
    if (gathered === 'complete') return 'accept';
    if (gathered === 'queued') return 'stolen';
    this.#netns.drop(skb, gathered);
    return 'drop';
  }
}
