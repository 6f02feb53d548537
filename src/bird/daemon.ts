/** A BIRD: one process in a namespace, with its configuration, its protocols and its `birdc`. */

import { type Netns, NS_PER_S, type TcpSocket, type Timer } from '../kernel/index.js';
import { type Cause, NO_CAUSE } from '../trace/index.js';
import type { Family } from './address.js';
import { BgpListeners } from './bgp/listeners.js';
import { type BirdcContext, runBirdc } from './birdc/commands.js';
import type { ConfigureOutcome, ConfigureRequest, ReconfigurationType } from './birdc/configure.js';
import { type ParseResult, parseConfig } from './config/config.js';
import type { Dialect } from './config/keywords.js';
import type { ConfigFiles, ConfigProblem } from './config/source.js';
import type { BgpConfig, BirdConfig, ConfigFinding, ProtocolConfig } from './config/types.js';
import { makeProtocol } from './make-protocol.js';
import { BgpProtocol } from './protocols/bgp.js';
import { sessionOfRange } from './protocols/bgp-range.js';
import { KernelProtocol } from './protocols/kernel.js';
import { KIND_NAMES, type Protocol, type ProtocolState } from './protocols/protocol.js';
import { inOrder16, reconfigureProtocol } from './reconfigure.js';
import type { Route } from './rib/route.js';
import { Router } from './router.js';

export interface BirdOptions {
  readonly dialect: Dialect;
  /** Of 1.6: `bird` speaks IPv4, `bird6` IPv6. */
  readonly family?: Family;
  /** Path of the configuration; files of the host are read by it. */
  readonly file: string;
  /** Where the text comes from; the host's files where it is left out. */
  readonly files?: ConfigFiles;
  /** What BIRD would log. */
  readonly log?: (text: string) => void;
  /** Seconds since 1970 at the emulation's zero: times print by it. */
  readonly epochSeconds?: number;
  /** False where it calls its neighbours and is not called. */
  readonly listens?: boolean;
  /** Started with `-R`: neighbours kept our routes while we were gone. */
  readonly recover?: boolean;
  /** Why the daemon runs: listening sockets have it. */
  readonly because?: readonly Cause[];
  /** Which objects a route comes from: programmed routes have it. */
  readonly becauseOf?: (route: Route) => readonly Cause[];
}

/** A line of `show protocols`. */
export interface ProtocolStatus {
  readonly name: string;
  readonly kind: 'Device' | 'BFD' | 'Direct' | 'Kernel' | 'Static' | 'Pipe' | 'BGP';
  readonly table: string | undefined;
  readonly state: string;
  readonly info: string;
  /** Of BGP: the state of the session. */
  readonly bgpState: string | undefined;
  /** Why it is not up, in BIRD's words. */
  readonly reason: string;
  /** Of BGP: what it was configured as, or made as for a neighbour of a range. */
  readonly session: BgpConfig | undefined;
}

const NO_LOG = (): void => undefined;
const UNCHANGED: ConfigureOutcome = { kind: 'unchanged', inProgress: false };

/** A file that is not there. */
const missing = (file: string): ConfigProblem => ({ file, line: 0, column: 0, message: 'No such file or directory' });

export class BirdDaemon {
  readonly netns: Netns;
  readonly options: BirdOptions;
  #router: Router | undefined = undefined;
  #listeners: BgpListeners | undefined = undefined;
  #protocols: Protocol[] = [];
  /** Every text that the configuration is made of. */
  #sources = new Map<string, string | undefined>();
  #findings: readonly ConfigFinding[] = [];
  #startedNs = 0;
  #configuredNs = 0;
  /** The configuration before the last change, as long as it can be taken back. */
  #before: BirdConfig | undefined = undefined;
  #undoTimer: Timer | undefined = undefined;

  constructor(netns: Netns, options: BirdOptions) {
    this.netns = netns;
    this.options = options;
  }

  get running(): boolean {
    return this.#router !== undefined;
  }

  /** What the configuration asks for and podwire does not do. */
  get findings(): readonly ConfigFinding[] {
    return this.#findings;
  }

  get config(): BirdConfig | undefined {
    return this.#router?.config;
  }

  get protocols(): readonly ProtocolStatus[] {
    return this.#protocols.map((protocol) => ({
      name: protocol.name,
      kind: KIND_NAMES[protocol.kind],
      table: protocol.mainChannel?.table.name,
      state: protocol.stateName,
      info: protocol.info.trimEnd(),
      bgpState: protocol instanceof BgpProtocol ? protocol.bgpState : undefined,
      reason: protocol instanceof BgpProtocol ? protocol.reason : '',
      session: protocol instanceof BgpProtocol ? protocol.config : undefined,
    }));
  }

  /** The routes of a table, the best of each network first. */
  routes(table?: string): readonly (readonly Route[])[] {
    const router = this.#router;
    if (router === undefined) return [];
    const name = table ?? router.config.tables[0]?.name ?? '';
    return Array.from(router.table(name).entries(), ({ routes }) => routes);
  }

  // Running.

  /** Reads the configuration and begins. What is wrong with it is returned, and nothing runs then. */
  start(): readonly ConfigProblem[] {
    const { config, errors } = this.#read();
    if (config === undefined) return errors;
    const log = this.options.log ?? NO_LOG;
    const router = new Router({ netns: this.netns, log }, config);
    this.#router = router;
    const { because = NO_CAUSE, listens = true } = this.options;
    this.#listeners = new BgpListeners({ netns: this.netns, log, because, listens });
    this.#startedNs = router.nowNs;
    this.#configuredNs = router.nowNs;
    router.scanInterfaces();
    router.routerId = this.#routerId(router, config);
    this.#protocols = config.protocols.map((each) => this.#make(router, each));
    if (this.options.recover === true) this.#recover(router, config);
    for (const protocol of this.#protocols) protocol.start();
    return [];
  }

  #recover(router: Router, config: BirdConfig): void {
    router.recovering = true;
    router.onRecoveryEnd(() => {
      for (const protocol of this.#protocols) protocol.openExport();
    });
    router.after(config.gracefulRestartWait, () => router.endRecovery());
  }

  #routerId(router: Router, { routerId, routerIdFrom }: BirdConfig): number {
    return routerId ?? router.interfaces.routerId(routerIdFrom) ?? 0;
  }

  #make(router: Router, config: ProtocolConfig): Protocol {
    const { becauseOf, because = NO_CAUSE } = this.options;
    return makeProtocol(router, config, {
      becauseOf: becauseOf ?? (() => because),
      listeners: this.#requireListeners(),
      isNameTaken: (name) => this.#isNameTaken(router, name),
      spawn: (session, socket) => this.#spawn(router, session, socket),
    });
  }

  #isNameTaken(router: Router, name: string): boolean {
    return router.config.scope.lookup(name) !== undefined || this.#protocols.some((each) => each.name === name);
  }

  /** bgp_spawn(), proto_spawn(). */
  #spawn(router: Router, config: BgpConfig, socket: TcpSocket): void {
    const protocol = new BgpProtocol(router, config, this.#requireListeners());
    this.#protocols.push(protocol);
    protocol.start();
    if (!protocol.accept(socket)) socket.close();
  }

  #requireListeners(): BgpListeners {
    if (this.#listeners === undefined) throw new Error('the daemon does not run');
    return this.#listeners;
  }

  /** Ends in order: neighbours are told, the kernel is cleaned unless `persist` says otherwise; or, to restart, neither. */
  stop(reason: 'shutdown' | 'graceful-restart' = 'shutdown'): void {
    const router = this.#router;
    if (router === undefined) return;
    const ended = (): void => {
      if (this.#router !== router || this.#protocols.some(({ state }) => state !== 'down')) return;
      this.#end();
    };
    for (const protocol of this.#protocols) {
      protocol.disabled = true;
      protocol.shutdown(reason);
      protocol.whenDown(() => router.defer(ended));
    }
    router.defer(ended);
  }

  /** Dies at once: its sockets close, everything else stays as it is. */
  kill(): void {
    for (const protocol of this.#protocols) if (protocol instanceof BgpProtocol) protocol.abandon();
    this.#end();
  }

  #end(): void {
    this.#router?.close();
    this.#listeners?.close();
    this.#router = undefined;
    this.#listeners = undefined;
    this.#protocols = [];
  }

  /** Reads interfaces and the kernel's routes now, without waiting for the next scan. */
  scan(): void {
    this.#router?.scanInterfaces();
    for (const protocol of this.#protocols) if (protocol instanceof KernelProtocol) protocol.scan();
  }

  // Configuration.

  #read(file = this.options.file): ParseResult {
    const { dialect, family = 'ipv4' } = this.options;
    const hostFiles: ConfigFiles = { read: (path) => this.netns.host.files.get(path) };
    const files = this.options.files ?? hostFiles;
    const sources = new Map<string, string | undefined>();
    const read = (path: string): string | undefined => {
      const text = files.read(path);
      sources.set(path, text);
      return text;
    };
    const text = read(file);
    if (text === undefined) {
      return { config: undefined, errors: [missing(file)], findings: [] };
    }
    const list = files.list;
    const result = parseConfig(text, { dialect, family, file, files: list === undefined ? { read } : { read, list } });
    if (result.config !== undefined) {
      this.#sources = sources;
      this.#findings = result.findings;
    }
    return result;
  }

  /** Whether a text that the configuration is made of is another now. */
  #changed(): boolean {
    if (this.#sources.size === 0) return true;
    const read = this.options.files?.read ?? ((path: string) => this.netns.host.files.get(path));
    for (const [path, text] of this.#sources) if (read(path) !== text) return true;
    return false;
  }

  /** `birdc configure`: what changed is changed, and nothing else is touched. */
  configure({ file, timeout, type = 'hard' }: ConfigureRequest = {}): ConfigureOutcome {
    const router = this.#router;
    if (router === undefined) {
      const errors = this.start();
      return errors.length === 0 ? { kind: 'reconfigured', inProgress: false } : { kind: 'refused', errors };
    }
    this.#forgetUndo();
    const before = router.config;
    const outcome = file === undefined && !this.#changed() ? UNCHANGED : this.#reread(router, file, type);
    if (outcome.kind === 'refused') return outcome;
    this.#before = before;
    if (timeout !== undefined) this.#undoTimer = router.after(timeout, () => this.#undo());
    return outcome;
  }

  #reread(router: Router, file: string | undefined, type: ReconfigurationType): ConfigureOutcome {
    const { config, errors } = this.#read(file);
    if (config === undefined) return { kind: 'refused', errors };
    return { kind: 'reconfigured', inProgress: this.#commit(router, config, type) };
  }

  /** config_free_old(): there is no way back any more. */
  #forgetUndo(): void {
    this.#undoTimer?.cancel();
    this.#undoTimer = undefined;
    this.#before = undefined;
  }

  /** config_undo(): as before the last change; the files say something else then. */
  #undo(): ConfigureOutcome | undefined {
    const [router, config] = [this.#router, this.#before];
    this.#forgetUndo();
    if (router === undefined || config === undefined) return undefined;
    this.#sources = new Map();
    return { kind: 'reconfigured', inProgress: this.#commit(router, config) };
  }

  #confirm(): boolean {
    const waits = this.#undoTimer?.pending === true;
    this.#undoTimer?.cancel();
    return waits;
  }

  /** protos_commit(); whether a protocol that runs must end for it. */
  #commit(router: Router, config: BirdConfig, type: ReconfigurationType = 'hard'): boolean {
    this.#configuredNs = router.nowNs;
    router.reconfigure(config);
    // global_commit(): once chosen it stays, unless it is to be chosen among interfaces.
    const { routerId, routerIdFrom } = config;
    if (routerId !== undefined) router.routerId = routerId;
    else if (routerIdFrom !== undefined) router.routerId = router.interfaces.routerId(routerIdFrom) ?? router.routerId;
    const replaced: Protocol[] = [];
    const listed = this.#protocols;
    const before = new Map(listed.map((protocol) => [protocol.name, protocol]));
    this.#protocols = config.protocols.map((each) => {
      const old = before.get(each.name);
      before.delete(each.name);
      if (old === undefined) return this.#begin(router, each);
      if (reconfigureProtocol(old, each, type)) return old;
      replaced.push(old);
      return this.#make(router, each);
    });
    if (!router.isBird2) this.#protocols = inOrder16(this.#protocols, { before: listed, replaced });
    for (const [name, old] of before) {
      if (!this.#staysInRange(old, config, type)) continue;
      before.delete(name);
      this.#protocols.push(old);
    }
    const ending = [...replaced, ...before.values()].some(({ state }) => state !== 'down');
    for (const old of replaced) this.#replace(old);
    for (const gone of before.values()) {
      gone.disabled = true;
      gone.shutdown('remove');
    }
    return ending;
  }

  /** protos_commit(): what a range has made goes on where the range does, and is the same. */
  #staysInRange(old: Protocol, { protocols }: BirdConfig, type: ReconfigurationType): boolean {
    if (!(old instanceof BgpProtocol) || old.config.parent === undefined) return false;
    const parent = protocols.find(({ name }) => name === old.config.parent);
    return parent?.kind === 'bgp-range' && reconfigureProtocol(old, sessionOfRange(parent, old.config), type);
  }

  #begin(router: Router, config: ProtocolConfig): Protocol {
    const protocol = this.#make(router, config);
    protocol.start();
    return protocol;
  }

  /** The old one ends, and the new one begins when it has. */
  #replace(old: Protocol): void {
    const fresh = this.#protocols.find(({ name }) => name === old.name);
    old.disabled = true;
    old.shutdown(fresh?.disabled === true ? 'disable' : 'restart');
    old.whenDown(() => fresh?.start());
  }

  // birdc

  /** What `birdc ARGUMENTS` prints: `show protocols`, `show route all`, `configure`. */
  birdc(args: readonly string[] | string): string {
    const words = typeof args === 'string' ? args : args.join(' ');
    const router = this.#router;
    if (router === undefined) return 'Unable to connect to server control socket: Connection refused\n';
    const context: BirdcContext = {
      router,
      protocols: this.#protocols,
      epochSeconds: this.options.epochSeconds ?? 0,
      startedNs: this.#startedNs,
      configuredNs: this.#configuredNs,
      file: this.options.file,
      configurable: {
        configure: (request) => this.configure(request),
        check: (path) => this.#check(path),
        undo: () => this.#undo(),
        confirm: () => this.#confirm(),
        undoLeft: () =>
          this.#undoTimer?.pending === true ? (this.#undoTimer.dueNs - router.nowNs) / NS_PER_S : undefined,
      },
      shutDown: (reason) => this.stop(reason),
    };
    return runBirdc(words, context);
  }

  #check(file = this.options.file): readonly ConfigProblem[] {
    const { dialect, family = 'ipv4' } = this.options;
    const files = this.options.files ?? { read: (path: string) => this.netns.host.files.get(path) };
    const text = files.read(file);
    return text === undefined ? [missing(file)] : parseConfig(text, { dialect, family, file, files }).errors;
  }

  /** The state of a protocol, by name. */
  stateOf(name: string): ProtocolState | undefined {
    return this.#protocols.find((protocol) => protocol.name === name)?.state;
  }
}
