/** A router of a converged network: its own routes, and what its sessions are. */

import { hostKey, type IpAddr, ipEquals, type Net, netContainsIp } from '../address.js';
import { isInternal } from '../bgp/session.js';
import type { BgpConfig, BgpRangeConfig, BirdConfig } from '../config/types.js';
import type { FilterEnvironment } from '../filter/run.js';
import type { Command, FilterChoice } from '../filter/syntax.js';
import { nameInRange, sessionOfRange } from '../protocols/bgp-range.js';
import { PREFERENCES } from '../protocols/protocol.js';
import type { HostEntry } from '../rib/next-hop.js';
import type { Route } from '../rib/route.js';
import { localNets, type LocalNets } from './local.js';
import { type Peering, peeringOf, type Speaker } from './speaker.js';

const isBgp = (config: BirdConfig['protocols'][number]): config is BgpConfig => config.kind === 'bgp';
const isRange = (config: BirdConfig['protocols'][number]): config is BgpRangeConfig => config.kind === 'bgp-range';

/** Whether what one session told may be told by another at all. */
function passesOn(sessions: readonly BgpConfig[]): boolean {
  if (sessions.length < 2) return false;
  const [first] = sessions;
  return sessions.some((each) => each.rrClient || !isInternal(each) || each.localAs !== first?.localAs);
}

/** What one table has, another may have for it, with whatever preference. */
const isPipe = ({ kind, disabled }: BirdConfig['protocols'][number]): boolean => kind === 'pipe' && !disabled;

/** A static route whose next hop a neighbour may tell. */
const isRecursive = (config: BirdConfig['protocols'][number]): boolean =>
  config.kind === 'static' && config.routes.some(({ target }) => target.kind === 'recursive');

const SETS_PREFERENCE = new WeakMap<readonly Command[], boolean>();

/** Whether a filter gives routes a preference of its own. */
function setsPreference(filter: FilterChoice): boolean {
  if (typeof filter === 'string') return false;
  const known = SETS_PREFERENCE.get(filter.body);
  if (known !== undefined) return known;
  let found = false;
  const seen = new Set<unknown>();
  JSON.stringify(filter.body, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    if (seen.has(value)) return undefined;
    seen.add(value);
    if ('kind' in value && value.kind === 'set-preference') found = true;
    return value;
  });
  SETS_PREFERENCE.set(filter.body, found);
  return found;
}

const preferenceOf = (config: BgpConfig): number =>
  Math.max(
    0,
    ...config.channels.map(({ preference, importFilter }) =>
      setsPreference(importFilter) ? Number.POSITIVE_INFINITY : (preference ?? PREFERENCES.bgp),
    ),
  );

/** The session with somebody who calls. Whether it would call itself, once it is there, makes no difference then. */
const callerOf = (range: BgpRangeConfig, remoteAddress: IpAddr): BgpConfig => ({
  ...sessionOfRange(range, { name: range.name, remoteAddress }),
  passive: true,
});

const speaksFrom = ({ config: { localAddress } }: Peering, local: IpAddr): boolean =>
  localAddress === undefined || ipEquals(localAddress, local);

export interface NodeContext {
  readonly hostEntry: (node: ConvergedNode, table: string, addr: IpAddr) => HostEntry;
}

export class ConvergedNode {
  readonly speaker: Speaker;
  /** Its number among those of its network. */
  readonly index: number;
  readonly routerId: number;
  readonly environment: FilterEnvironment;
  /** Whether what it tells depends on what it was told. */
  readonly isTransit: boolean;
  /** The most that a route of a neighbour can be preferred. */
  readonly highestPreference: number;
  /** Ranges of neighbours who have sessions when they call. */
  readonly ranges: readonly BgpRangeConfig[];
  /** Who of a range has called; undefined where nobody has. */
  #called: Map<Net['key'], Peering> | undefined = undefined;
  readonly #context: NodeContext;
  readonly #own: readonly Peering[];
  /** By the neighbour's address; undefined where all sessions are of the mesh. */
  readonly #configured: ReadonlyMap<Net['key'], readonly Peering[]> | undefined;
  #local: ReadonlyMap<string, LocalNets> | undefined = undefined;
  readonly #sourceIds = new Map<string, number>();

  constructor(speaker: Speaker, context: NodeContext, index: number) {
    const { config, interfaces, mesh } = speaker;
    this.speaker = speaker;
    this.index = index;
    this.#context = context;
    this.routerId = (config.routerId ?? interfaces.routerId(config.routerIdFrom) ?? 0) >>> 0;
    this.environment = {
      dialect: config.dialect,
      neighbor: (addr) => {
        const neighbor = interfaces.neighbor(addr);
        if (neighbor === undefined) return undefined;
        return neighbor.self ? 'self' : { iface: neighbor.iface.name };
      },
      ifindex: (name) => interfaces.named(name)?.index,
      log: () => undefined,
    };
    const bgp = config.protocols.filter(isBgp);
    const enabled = bgp.filter(({ disabled }) => !disabled);
    this.ranges = config.protocols.filter(isRange).filter(({ disabled }) => !disabled);
    // Of what may be many, two.
    const many = [...this.ranges.map((range) => callerOf(range, range.range.addr)), ...(mesh ? [mesh.like] : [])];
    const known = [...enabled, ...many, ...many];
    const piped = config.protocols.some(isPipe);
    this.isTransit = passesOn(known) || piped || config.protocols.some(isRecursive);
    this.highestPreference = piped ? Number.POSITIVE_INFINITY : Math.max(0, ...known.map(preferenceOf));
    this.#own = bgp.map(peeringOf);
    const configured = new Map<Net['key'], Peering[]>();
    for (const each of this.#own) {
      const key = hostKey(each.remoteAddress);
      configured.set(key, [...(configured.get(key) ?? []), each]);
    }
    this.#configured = configured.size === 0 ? undefined : configured;
  }

  get name(): string {
    return this.speaker.name;
  }

  /** Whether anything listens for neighbours. */
  get hasBgp(): boolean {
    return this.#configured !== undefined || this.ranges.length > 0 || this.speaker.mesh !== undefined;
  }

  /** All sessions, in the order of the configuration. */
  *sessions(): Iterable<Peering> {
    yield* this.#own;
    if (this.speaker.mesh !== undefined) yield* this.speaker.mesh.sessions();
    if (this.#called !== undefined) yield* this.#called.values();
  }

  /** A neighbour calls: he has a session from then on, if he is of a range and of no other session. */
  call(from: IpAddr): void {
    const range = this.ranges.findLast((each) => netContainsIp(each.range, from));
    if (range === undefined || this.sessionsTo(from).length > 0) return;
    this.#called ??= new Map<Net['key'], Peering>();
    const before = [...this.#called.values()].filter(({ config }) => config.parent === range.name).length;
    const caller = peeringOf(callerOf(range, from));
    this.#called.set(hostKey(from), { ...caller, name: nameInRange(range, before + 1) });
  }

  /** Sessions with a neighbour of that address. */
  sessionsTo(remote: IpAddr): readonly Peering[] {
    const configured = this.#configured?.get(hostKey(remote));
    if (configured !== undefined) return configured;
    const made = this.#called?.get(hostKey(remote)) ?? this.speaker.mesh?.to(remote);
    return made === undefined ? [] : [made];
  }

  /** The session of that address of ours with that neighbour. */
  sessionBetween(local: IpAddr, remote: IpAddr): Peering | undefined {
    const configured = this.#configured?.get(hostKey(remote));
    if (configured !== undefined) return configured.find((each) => speaksFrom(each, local));
    const made = this.#called?.get(hostKey(remote)) ?? this.speaker.mesh?.to(remote);
    return made !== undefined && speaksFrom(made, local) ? made : undefined;
  }

  local(table: string): LocalNets | undefined {
    this.#local ??= this.#localNets();
    return this.#local.get(table);
  }

  #localNets(): ReadonlyMap<string, LocalNets> {
    return localNets({
      speaker: this.speaker,
      environment: this.environment,
      hostEntry: (of, addr) => this.#context.hostEntry(this, of, addr),
    });
  }

  /** The number by which a source of routes is told to others. */
  sourceId({ origin, pathId }: Pick<Route, 'origin' | 'pathId'>): number {
    const key = `${origin.name}|${pathId}`;
    const known = this.#sourceIds.get(key);
    if (known !== undefined) return known;
    const id = this.#sourceIds.size + 1;
    this.#sourceIds.set(key, id);
    return id;
  }
}
