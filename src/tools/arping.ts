/** `arping` of iputils 20221126: ARP requests by a packet socket, and who answers. Time is the emulation's. */

import { type Device, type FrameSocket, Loopback, type Netns, NS_PER_S, NS_PER_US } from '../kernel/index.js';
import {
  ARP_LENGTH,
  ARP_OPERATION,
  Arp,
  encodeArp,
  encodeEthernet,
  Ethernet,
  ETHERNET_HEADER_LENGTH,
  ETHERTYPE,
  formatIpv4,
  formatMac,
  INADDR_ANY,
  type Ipv4Addr,
  MAC_BROADCAST,
  type Mac,
  parseIpv4,
} from '../packet/index.js';
import { ARPING_USAGE } from './arping-usage.js';
import { getopt, isBadOption } from './getopt.js';
import { numberOption } from './number-option.js';
import { resolve, resolveFailure } from './resolve.js';
import { failure, lines, ok, type Tool, type ToolPlace, type ToolResult } from './tool.js';

/** Without `-c` and `-w` the real one never ends. */
const DEFAULT_COUNT = 3;

const INT_MAX = 2_147_483_647;
const LIMITS = { c: { min: 1, max: INT_MAX }, w: { min: 0, max: INT_MAX }, i: { min: 0, max: INT_MAX } } as const;

/** `-U` and `-A` tell of an own address, `-D` asks whether somebody else has one. */
type Mode = 'ask' | 'detect' | 'request' | 'reply';

interface Options {
  readonly name: string;
  readonly destination: Ipv4Addr;
  readonly dev: Device;
  readonly source: Ipv4Addr;
  readonly mode: Mode;
  /** Undefined where `-w` alone ends it. */
  readonly count: number | undefined;
  readonly deadlineNs: number | undefined;
  readonly intervalNs: number;
  /** `-f` */
  readonly onlyFirst: boolean;
  /** `-b` */
  readonly broadcast: boolean;
  readonly quiet: boolean;
}

/** What is said on standard output of a device that nobody can be asked by. */
const unusable = (text: string): ToolResult => ({ exitCode: 2, stdout: `${text}\n`, stderr: '' });

/** check_device(): the one that `-I` names, or the one that a route leads to. */
function deviceFor({ netns }: ToolPlace, destination: Ipv4Addr, name: string | undefined): Device | ToolResult {
  const route = name === undefined ? netns.ipv4.route({ destination, source: INADDR_ANY }) : undefined;
  if (typeof route === 'string') return failure(1, 'arping: NETLINK_ROUTE unexpected iov element');
  const dev = name === undefined ? route?.dev : netns.devices.named(name);
  if (dev === undefined) return failure(2, `arping: Device ${name} not available.`);
  if (!dev.up) return unusable(`Interface "${dev.name}" is down`);
  const speaksArp = !dev.noArp && !(dev instanceof Loopback) && dev.kind !== 'ipip';
  return speaksArp ? dev : unusable(`Interface "${dev.name}" is not ARPable`);
}

/** What a datagram to there would have as its source. */
function sourceFor(netns: Netns, destination: Ipv4Addr, dev: Device): Ipv4Addr {
  const route = netns.ipv4.route({ destination, source: INADDR_ANY, oif: dev });
  return typeof route === 'string' ? INADDR_ANY : route.source;
}

function modeOf(flags: ReadonlySet<string>): Mode {
  if (flags.has('D')) return 'detect';
  return flags.has('A') ? 'reply' : flags.has('U') ? 'request' : 'ask';
}

function read(place: ToolPlace, args: readonly string[]): Options | ToolResult {
  const given = getopt(args, 'hfqbDUAc:w:i:I:s:V');
  if (isBadOption(given)) return failure(2, `arping: ${given.problem}\n${ARPING_USAGE}`);
  const { values, flags, rest } = given;
  if (flags.has('V')) return ok('arping from iputils 20221126\n');
  const numbers = new Map<string, number>();
  for (const [letter, limits] of Object.entries(LIMITS)) {
    const value = numberOption('arping', values.get(letter), limits);
    if (typeof value === 'object') return value;
    if (value !== undefined) numbers.set(letter, value);
  }
  const [name] = rest;
  if (name === undefined || rest.length > 1) return failure(2, ARPING_USAGE);
  const resolved = resolve(place, name, 'arping');
  if (resolved.kind === 'failed') return failure(2, `arping: ${name}: ${resolveFailure(resolved.why)}`);
  const { address: destination } = resolved;
  const dev = deviceFor(place, destination, values.get('I'));
  if ('exitCode' in dev) return dev;
  const mode = modeOf(flags);
  const tells = mode === 'request' || mode === 'reply';
  const wanted = values.get('s') ?? (tells ? formatIpv4(destination) : undefined);
  const asked = wanted === undefined ? undefined : parseIpv4(wanted);
  if (wanted !== undefined && asked === undefined) return failure(2, `arping: invalid source ${wanted}`);
  if (asked !== undefined && mode !== 'detect' && !place.netns.fib.isLocal(asked))
    return failure(2, 'arping: bind: Cannot assign requested address');
  const wait = numbers.get('w');
  return {
    name,
    destination,
    dev,
    source: asked ?? (mode === 'detect' ? INADDR_ANY : sourceFor(place.netns, destination, dev)),
    mode,
    count: numbers.get('c') ?? (wait === undefined ? DEFAULT_COUNT : undefined),
    deadlineNs: wait === undefined ? undefined : wait * NS_PER_S,
    intervalNs: (numbers.get('i') ?? 1) * NS_PER_S,
    onlyFirst: flags.has('f'),
    broadcast: flags.has('b'),
    quiet: flags.has('q'),
  };
}

class Arping {
  readonly #netns: Netns;
  readonly #options: Options;
  readonly #rows: string[] = [];
  /** Whom the next request goes to: everybody, until somebody has answered. */
  #peer: Mac = MAC_BROADCAST;
  #sent = 0;
  #sentToAll = 0;
  #sentNs = 0;
  #received = 0;
  #receivedByAll = 0;
  #requests = 0;
  #ended = false;

  constructor(netns: Netns, options: Options) {
    this.#netns = netns;
    this.#options = options;
  }

  run(): ToolResult {
    const { destination, source, dev, mode, quiet } = this.#options;
    if (!quiet) this.#rows.push(`ARPING ${formatIpv4(destination)} from ${formatIpv4(source)} ${dev.name}`);
    if (source === INADDR_ANY && mode !== 'detect')
      return { ...failure(2, 'arping: no source address in not-DAD mode'), stdout: lines(this.#rows) };
    const socket = this.#netns.frames.open({
      dev,
      etherType: ETHERTYPE.arp,
      process: 'arping',
      onFrame: (frame) => this.#take(frame),
    });
    this.#exchange(socket);
    socket.close();
    return this.#result();
  }

  /** event_loop(): a request each interval, and a last interval for the answer to the last one. */
  #exchange(socket: FrameSocket): void {
    const { emulation } = this.#netns;
    const { count = Number.POSITIVE_INFINITY, deadlineNs = Number.POSITIVE_INFINITY, intervalNs } = this.#options;
    const endNs = emulation.clock.nowNs + deadlineNs;
    const isOver = (): boolean => this.#ended;
    while (!this.#ended && this.#sent < count && emulation.clock.nowNs <= endNs) {
      this.#send(socket);
      const nextNs = emulation.clock.nowNs + Math.max(intervalNs, NS_PER_US);
      emulation.run(isOver, nextNs);
      // Where nothing is on its way time stands still.
      if (!this.#ended && emulation.clock.nowNs < nextNs) emulation.advance(nextNs - emulation.clock.nowNs);
    }
  }

  #send(socket: FrameSocket): void {
    const { dev, destination, source, mode, broadcast } = this.#options;
    const frame = new Uint8Array(ETHERNET_HEADER_LENGTH + ARP_LENGTH);
    const view = new DataView(frame.buffer);
    const to = mode === 'ask' && !broadcast ? this.#peer : MAC_BROADCAST;
    encodeEthernet(view, 0, { destination: to, source: dev.mac, etherType: ETHERTYPE.arp });
    encodeArp(view, ETHERNET_HEADER_LENGTH, {
      operation: mode === 'reply' ? ARP_OPERATION.reply : ARP_OPERATION.request,
      senderMac: dev.mac,
      senderIp: source,
      targetMac: mode === 'reply' ? dev.mac : to,
      targetIp: destination,
    });
    this.#sent += 1;
    if (to === MAC_BROADCAST) this.#sentToAll += 1;
    this.#sentNs = this.#netns.emulation.clock.nowNs;
    socket.send(frame);
  }

  /** recv_pack(): packets of the address that is asked for, to who asks. */
  #take(frame: Uint8Array): void {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const arp = Arp.parse(view, ETHERNET_HEADER_LENGTH, frame.length);
    const { dev, destination, source, mode, onlyFirst, count, deadlineNs } = this.#options;
    if (arp === undefined || arp.senderIp !== destination || arp.senderMac === dev.mac) return;
    if (mode !== 'detect' && arp.targetIp !== source) return;
    if (mode === 'detect' && arp.targetIp !== INADDR_ANY && arp.targetIp !== destination) return;
    const toAll = new Ethernet(view, 0).destination !== dev.mac;
    if (!this.#options.quiet) this.#tell(arp, toAll);
    this.#received += 1;
    if (toAll) this.#receivedByAll += 1;
    if (arp.operation === ARP_OPERATION.request) this.#requests += 1;
    this.#peer = arp.senderMac;
    const enough = deadlineNs !== undefined && this.#received === count;
    if (onlyFirst || mode === 'detect' || enough) this.#ended = true;
  }

  #tell(arp: Arp, toAll: boolean): void {
    const us = Math.round((this.#netns.emulation.clock.nowNs - this.#sentNs) / NS_PER_US);
    const { source, dev } = this.#options;
    const what = `${toAll ? 'Broadcast' : 'Unicast'} ${arp.operation === ARP_OPERATION.reply ? 'reply' : 'request'}`;
    const forOther = arp.targetIp === source ? '' : `for ${formatIpv4(arp.targetIp)} `;
    const mac = arp.targetMac === dev.mac ? '' : `${forOther === '' ? 'for ' : ''}[${hexText(arp.targetMac)}]`;
    const time = ` ${Math.floor(us / 1_000)}.${String(us % 1_000).padStart(3, '0')}ms`;
    this.#rows.push(`${what} from ${formatIpv4(arp.senderIp)} [${hexText(arp.senderMac)}] ${forOther}${mac}${time}`);
  }

  /** finish(). */
  #result(): ToolResult {
    const { mode, quiet } = this.#options;
    if (!quiet) {
      const kinds = [
        ...(this.#requests > 0 ? [`${this.#requests} request(s)`] : []),
        ...(this.#receivedByAll > 0 ? [`${this.#receivedByAll} broadcast(s)`] : []),
      ];
      const of = kinds.length > 0 ? ` (${kinds.join(', ')})` : '';
      this.#rows.push(`Sent ${this.#sent} probes (${this.#sentToAll} broadcast(s))`);
      this.#rows.push(`Received ${this.#received} response(s)${of}`);
    }
    const found = this.#received > 0;
    const succeeded = mode === 'ask' ? found : mode === 'detect' ? !found : true;
    return { exitCode: succeeded ? 0 : 1, stdout: lines(this.#rows), stderr: '' };
  }
}

const hexText = (mac: Mac): string => formatMac(mac).toUpperCase();

export const arping: Tool = (place, args) => {
  const options = read(place, args);
  return 'exitCode' in options ? options : new Arping(place.netns, options).run();
};
