/** A case in the emulator. */

import { type Cluster, startServer } from '../../../src/cluster/index.js';
import { RoutedCluster } from '../../../src/routing/index.js';
import {
  Bridge,
  type Device,
  type Host,
  type ListenerState,
  type Netns,
  type Rule,
  NS_PER_MS,
  NS_PER_S,
  type SctpSocket,
  type Skb,
  type TcpSocket,
} from '../../../src/kernel/index.js';
import { formatConfigError } from '../../../src/kubernetes/index.js';
import { fromHex, INADDR_ANY, type Ipv4Addr, parseIpv4, toHex } from '../../../src/packet/index.js';
import { clusterExport, exportNetns, netnsFileName } from '../../../src/tools/index.js';
import type { Place, Step, TracedPacket } from '../../../src/trace/index.js';
import { countedBetween, countersText } from './counters.js';
import { describeNetns } from './describe.js';
import { injectedIds } from './injected.js';
import {
  type ConnectionOrder,
  ECHO_S,
  type Frame,
  type KernelCase,
  type Order,
  PATIENT_MS,
  type PlaceSpec,
  QUIET_MS,
  type Round,
  type RuleRow,
  type RunRecord,
} from './record.js';
import { Tally } from './tally.js';

/** A frame with the packet that it is in the emulator: an identity that survives NAT and encapsulation. */
export interface EmulatedFrame extends Frame {
  readonly packet: number;
  /** Without a link-layer header: on a tunnel. */
  readonly bare: boolean;
}

/** Timers that a test would have to wait for are short, limits by the clock are off. */
const SWITCHES: Readonly<Record<string, string>> = {
  'net.ipv4.icmp_ratelimit': '0',
  'net.ipv4.icmp_msgs_per_sec': '1000000',
  'net.ipv4.icmp_msgs_burst': '100000',
};
const DEVICE_SWITCHES: Readonly<Record<string, string>> = {
  retrans_time_ms: '15',
  delay_first_probe_time: '60',
  // A random part of it would pass before a proxy answers.
  proxy_delay: '0',
};

/** What an emulator takes over from a real kernel that has run the same orders. */
export interface RealKernel {
  readonly decide: Decide;
  /** How long it took for an order. */
  readonly tookMs: (order: number) => number;
  /** The port that it has drawn where NAT draws for the n-th time, where that is known. */
  readonly drawnPort: (n: number) => number | undefined;
  /** How long the machine had been running when the first order was run. */
  readonly uptimeS: number | undefined;
}

/** Decides whether a rule that matches by chance does: what the real kernel did there. `next` counts rows of the round. */
export type Decide = (at: {
  readonly order: number;
  readonly place: string;
  readonly next: number;
  readonly rule: Pick<RuleRow, 'table' | 'chain' | 'position'>;
  /** It answers what it drops, and its answer's own rules are told before it. */
  readonly answers: boolean;
}) => boolean;

const loaded = ({ sources }: KernelCase): Cluster => {
  // What probes leave behind, connections and neighbours, is no part of an export.
  const cluster = new RoutedCluster(sources, { probes: false });
  if (cluster.errors.length > 0) throw new Error(cluster.errors.map(formatConfigError).join('\n'));
  return cluster;
};

function quieten(netns: Netns): void {
  for (const [path, value] of Object.entries(SWITCHES)) netns.sysctl.set(path, value);
  for (const { name } of netns.devices) {
    for (const [key, value] of Object.entries(DEVICE_SWITCHES))
      netns.sysctl.set(`net.ipv4.neigh.${name}.${key}`, value);
  }
}

/** As in the exported namespaces, every port has a server that echoes: kernels are compared here, and not programs. */
function replacePrograms(netns: Netns): void {
  const listeners = netns.sockets.listeners();
  netns.sockets.destroy();
  for (const { protocol, ...listener } of listeners) {
    if (protocol === 'tcp') listenAndEcho(netns, listener);
    else startServer(netns, { protocol, ...listener });
  }
}

function listenAndEcho(netns: Netns, listener: Omit<ListenerState, 'protocol'>): void {
  netns.sockets.listen({
    ...listener,
    protocol: 'tcp',
    onConnection: (connection) => {
      connection.onData = (bytes) => connection.send(bytes);
      connection.onEnd = () => connection.end();
    },
  });
}

const BUILTIN: Readonly<Record<string, string>> = {
  prerouting: 'PREROUTING',
  input: 'INPUT',
  forward: 'FORWARD',
  output: 'OUTPUT',
  postrouting: 'POSTROUTING',
};

/** A step as the kernel's own trace tells it; undefined for what it does not tell. */
function ruleRow(step: Step): RuleRow | undefined {
  if (step.kind === 'table') {
    return { table: step.table, chain: BUILTIN[step.hook] ?? '', position: 0, verdict: 'accept', target: '' };
  }
  if (step.kind !== 'rule') return undefined;
  const { table, chain, position, outcome, target } = step;
  if (position === 0 && outcome === 'return') return undefined;
  const leads = outcome === 'jump' || outcome === 'goto';
  return { table, chain, position, verdict: outcome, target: leads ? (target ?? '') : '' };
}

/** Where a rule stands, as the trace names it. */
function placeOf(netns: Netns, rule: Rule): Pick<RuleRow, 'table' | 'chain' | 'position'> {
  for (const table of netns.netfilter.iptables.tables) {
    for (const { name, rules } of table.chains.values()) {
      const at = rules.indexOf(rule);
      if (at >= 0) return { table: table.name, chain: name, position: at + 1 };
    }
  }
  throw new Error('the rule is in no chain');
}

export class EmulatedRun {
  readonly cluster: Cluster;
  readonly places: readonly PlaceSpec[];
  readonly #netns = new Map<string, Netns>();
  #frames = new Map<string, EmulatedFrame[]>();
  #rules = new Map<string, RuleRow[]>();
  readonly #buildMs: number;
  #order = -1;
  /** Rules that are about to answer, by the packet that they answer. */
  readonly #rejecting = new Map<number, RuleRow>();
  readonly #drawn = new Set<number>();
  readonly #draws: number[] = [];
  readonly #drawnIds = new Set<number>();
  readonly #drawnSequences = new Set<number>();
  /** What its packets met. */
  readonly tally = new Tally();
  /** Rounds after which somebody still waited for something. */
  readonly patient = new Set<number>();

  constructor(case_: KernelCase) {
    const started = performance.now();
    this.cluster = loaded(case_);
    const hosts = [...this.cluster.underlay.plan.machines.keys()].map((name) => this.cluster.host(name));
    for (const netns of hosts.flatMap((host: Host) => host.namespaces)) {
      quieten(netns);
      this.#netns.set(this.cluster.nameOf(netns.place), netns);
    }
    // What was sent while the hosts were made (announcements of addresses) is over before a case begins.
    this.#settle();
    for (const netns of this.#netns.values()) {
      replacePrograms(netns);
      // Where bridges heard those announcements from is no part of an export either.
      for (const dev of netns.devices) if (dev instanceof Bridge) dev.flush();
    }
    // The exported namespaces are of one machine: a module that one of them needs is there in all.
    const listens = [...this.#netns.values()].flatMap(({ sockets }) => sockets.listeners());
    if (listens.some(({ protocol }) => protocol === 'sctp')) for (const host of hosts) host.loadModule('sctp');
    this.places = [...this.#netns].map(([name, netns]) => ({
      name,
      devices: [...netns.devices].filter(({ up }) => up).map((dev) => dev.name),
    }));
    this.#buildMs = performance.now() - started;
  }

  /** The script that makes the same namespaces of the real kernel. */
  script(prefix: string): string {
    return exportNetns(clusterExport(this.cluster, { prefix }));
  }

  /** What the script calls a place. */
  static fileName = (prefix: string, place: string): string => netnsFileName(prefix, place);

  netns(place: string): Netns {
    const netns = this.#netns.get(place);
    if (netns === undefined) throw new Error(`there is no place ${place}`);
    return netns;
  }

  /** Runs all orders. */
  run(orders: readonly Order[], real?: RealKernel): RunRecord {
    const started = performance.now();
    const { emulation } = this.cluster;
    emulation.tracer = { step: (place, packet: TracedPacket, step) => this.#note(place, packet, step) };
    if (real?.uptimeS !== undefined) emulation.upBeforeNs = real.uptimeS * NS_PER_S - emulation.clock.nowNs;
    const taken = injectedIds(orders);
    const before = new Map([...this.#netns].map(([name, netns]) => [name, countersText(netns)]));
    for (const [name, netns] of this.#netns) {
      this.#watchIds(netns, taken);
      this.#drawPorts(netns, real?.drawnPort);
      if (real !== undefined) this.#pin(name, netns, real.decide);
      for (const dev of netns.devices) dev.tap = (tapped, skb, direction) => this.#tap(name, tapped, skb, direction);
    }
    const rounds = orders.map((order, i) => {
      this.#order = i;
      return this.#round(order, real?.tookMs(i) ?? 0);
    });
    emulation.tracer = undefined;
    const states = new Map(
      [...this.#netns].map(([name, netns]) => {
        const counters = countedBetween(before.get(name) ?? '', countersText(netns));
        return [name, { ...describeNetns(netns), counters }];
      }),
    );
    return {
      rounds,
      states,
      drawn: this.#drawn,
      draws: this.#draws,
      drawnIds: this.#drawnIds,
      drawnSequences: this.#drawnSequences,
      took: { build: this.#buildMs, run: performance.now() - started },
    };
  }

  /** Notes the identifications that a namespace draws, and has it draw another where one was injected. */
  #watchIds({ ipv4: { output } }: Netns, taken: ReadonlySet<number>): void {
    const select = output.selectIdent.bind(output);
    output.selectIdent = (source, destination, protocol) => {
      let id = select(source, destination, protocol);
      while (taken.has(id)) id = select(source, destination, protocol);
      this.#drawnIds.add(id);
      return id;
    };
    // A connected socket counts by itself.
    const send = output.send.bind(output);
    output.send = (skb, request) => {
      if (request.identification === undefined) return send(skb, request);
      let identification = request.identification;
      while (taken.has(identification)) identification = (identification + 1) & 0xffff;
      this.#drawnIds.add(identification);
      return send(skb, { ...request, identification });
    };
  }

  /** Notes what NAT draws: a port of the real kernel's, where there is one. */
  #drawPorts({ conntrack: { nat } }: Netns, drawnPort: RealKernel['drawnPort'] = () => undefined): void {
    const draw = nat.drawOffset;
    nat.drawOffset = (ports) => {
      const { first, count } = ports;
      const wanted = (drawnPort(this.#draws.length) ?? -1) - first;
      const offset = wanted >= 0 && wanted < count ? wanted : draw(ports);
      this.#draws.push(first + (offset % count));
      return offset;
    };
  }

  /** Random choices of a namespace's rules are `decide`'s from now on. */
  #pin(place: string, netns: Netns, decide: Decide): void {
    netns.netfilter.choose = (_, rule) => {
      const next = this.#rules.get(place)?.length ?? 0;
      const answers = rule.toString().includes('-j REJECT');
      const matches = decide({ order: this.#order, place, next, rule: placeOf(netns, rule), answers });
      return rule.toString().includes('! --probability') ? !matches : matches;
    };
  }

  #note(place: Place, packet: TracedPacket, step: Step): void {
    this.tally.note(this.#order, step);
    const name = this.cluster.nameOf(place);
    const late = this.#rejecting.get(packet.id);
    if (late !== undefined && step.kind === 'drop') {
      this.#rejecting.delete(packet.id);
      this.#add(name, late);
    }
    if (step.kind === 'nat' && step.before.sourcePort !== step.after.sourcePort)
      this.#drawn.add(step.after.sourcePort).add(step.before.sourcePort);
    if (step.kind === 'drop' && step.by !== undefined) this.#corrected(name, String(step.by));
    const row = ruleRow(step);
    if (row === undefined || (row.position === 0 && !this.#exists(name, row))) return;
    // A policy of DROP that nothing came before is told twice.
    if (step.kind === 'table' && this.#policyDrops(name, row)) return;
    // The kernel tells of a rule when all of it has been done: REJECT after its answer has gone out.
    if (step.kind === 'rule' && row.verdict === 'drop' && String(step.rule).includes('-j REJECT'))
      this.#rejecting.set(packet.id, row);
    else this.#add(name, row);
  }

  /** A translation that could not be made: the rule is told before, as what it mostly does. */
  #corrected(name: string, rule: string): void {
    const rows = this.#rules.get(name);
    const last = rows?.at(-1);
    if (rows !== undefined && last?.verdict === 'accept' && last.position > 0 && /(?:^| )-j /.test(rule))
      rows[rows.length - 1] = { ...last, verdict: 'drop' };
  }

  #add(name: string, row: RuleRow): void {
    const rows = this.#rules.get(name);
    if (rows === undefined) this.#rules.set(name, [row]);
    else rows.push(row);
  }

  /** A built-in chain that nobody has declared, and that has no rules, is not there in nf_tables. */
  #exists(place: string, { table, chain }: RuleRow): boolean {
    const found = this.netns(place)
      .netfilter.iptables.tables.find(({ name }) => name === table)
      ?.chains.get(chain);
    return found !== undefined && (found.counting || found.rules.length > 0);
  }

  #policyDrops(place: string, { table, chain }: RuleRow): boolean {
    const found = this.netns(place)
      .netfilter.iptables.tables.find(({ name }) => name === table)
      ?.chains.get(chain);
    return found?.policy === 'DROP';
  }

  #tap(place: string, dev: Device, skb: Skb, direction: 'in' | 'out'): void {
    const key = `${place} ${dev.name}`;
    const frame = { direction, hex: toHex(skb.toBytes()), packet: skb.id, bare: dev.hardHeaderLength === 0 };
    const frames = this.#frames.get(key);
    if (frames === undefined) this.#frames.set(key, [frame]);
    else frames.push(frame);
  }

  /** Takes at least as long as the real kernel took: what is allowed again after a time must be so on both sides. */
  #round(order: Order, atLeastMs: number): Round {
    this.#frames = new Map();
    this.#rules = new Map();
    const { emulation } = this.cluster;
    const startedNs = emulation.clock.nowNs;
    const outcome = this.#execute(order);
    if (order.kind !== 'tcp' && order.kind !== 'sctp') emulation.advance((order.waitMs ?? 0) * NS_PER_MS);
    const restNs = startedNs + atLeastMs * NS_PER_MS - emulation.clock.nowNs;
    if (restNs > 0) emulation.advance(Math.round(restNs));
    return {
      frames: this.#frames,
      rules: this.#rules,
      outcome,
      tookMs: (emulation.clock.nowNs - startedNs) / NS_PER_MS,
    };
  }

  #execute(order: Order): string {
    const netns = this.netns(order.place);
    const bytes = fromHex(order.hex) ?? new Uint8Array();
    switch (order.kind) {
      case 'frame':
        return this.#frame(netns.links.require(order.dev), bytes);
      case 'udp': {
        const socket = netns.sockets.udp();
        socket.bind(INADDR_ANY, order.sourcePort);
        const errno = socket.connect(address(order.destination), order.port) ?? socket.send(bytes);
        this.#settle();
        return errno ?? '';
      }
      case 'ping': {
        const socket = netns.sockets.ping();
        socket.bind(INADDR_ANY, order.id);
        const { sequence } = order;
        const errno = socket.send({ destination: address(order.destination), sequence, payload: bytes });
        this.#settle();
        return errno ?? '';
      }
      case 'sctp':
        return this.#sctp(netns.sockets.sctp.open(), order, bytes);
      default:
        return this.#tcp(netns.sockets.tcp(), order, bytes);
    }
  }

  #frame(dev: Device, bytes: Uint8Array): string {
    const skb = this.cluster.emulation.skbFrom(bytes);
    skb.mac = skb.data;
    dev.transmit(skb);
    this.#settle();
    return '';
  }

  #tcp(socket: TcpSocket, order: ConnectionOrder, bytes: Uint8Array): string {
    return this.#connection(socket, order, bytes, {
      hear: (take) => {
        socket.onData = take;
      },
      begun: () => this.#drawnSequences.add(socket.tcb.iss),
      late: () => undefined,
    });
  }

  #sctp(socket: SctpSocket, order: ConnectionOrder, bytes: Uint8Array): string {
    return this.#connection(socket, order, bytes, {
      hear: (take) => {
        socket.onMessage = take;
      },
      begun: () => {},
      late: () => socket.takeError(),
    });
  }

  /** Connects, sends, waits for the echo, closes. */
  #connection(
    socket: TcpSocket | SctpSocket,
    order: ConnectionOrder,
    bytes: Uint8Array,
    own: {
      readonly hear: (take: (echoed: Uint8Array) => void) => void;
      /** connect(2) is back. */
      readonly begun: () => void;
      /** What the socket knows of a silence. */
      readonly late: () => string | undefined;
    },
  ): string {
    let connected = false;
    let refused: string | undefined;
    let echoed = 0;
    let ended = false;
    socket.onEnd = () => {
      ended = true;
    };
    socket.onConnect = () => {
      connected = true;
    };
    socket.onError = (errno) => {
      refused = errno;
    };
    own.hear((data) => {
      echoed += data.length;
    });
    socket.bind(INADDR_ANY, order.sourcePort);
    const errno = socket.connect(address(order.destination), order.port);
    own.begun();
    this.#settle();
    this.cluster.emulation.advance((order.waitMs ?? 0) * NS_PER_MS);
    if (!connected) {
      const told = errno ?? refused ?? own.late() ?? 'silence';
      socket.close();
      this.#settle();
      return told;
    }
    if (bytes.length > 0) {
      socket.send(bytes);
      this.#awaitEcho(() => echoed > 0 || ended || refused !== undefined);
      this.#settle();
    }
    socket.close();
    this.#settle();
    return echoed === bytes.length ? 'connected' : 'no echo';
  }

  /** As long as the referee waits for it. */
  #awaitEcho(come: () => boolean): void {
    const { emulation } = this.cluster;
    emulation.run(come, emulation.clock.nowNs + ECHO_S * NS_PER_S);
  }

  /** Whatever is due soon; then as long as the referee waits on a quiet wire. */
  #settle(): void {
    const { emulation } = this.cluster;
    const { clock } = emulation;
    emulation.drain();
    for (;;) {
      const due = clock.nextDueNs;
      if (due === undefined || due - clock.nowNs > PATIENT_MS * NS_PER_MS) break;
      if (due > clock.nowNs) this.patient.add(this.#order);
      emulation.run(() => false, due);
    }
    emulation.advance(QUIET_MS * NS_PER_MS);
  }
}

function address(text: string): Ipv4Addr {
  const parsed = parseIpv4(text);
  if (parsed === undefined) throw new Error(`no address: ${text}`);
  return parsed;
}
