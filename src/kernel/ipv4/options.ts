/**
 * IPv4 options on the way (RFC 791 §3.1; net/ipv4/ip_options.c). A host that receives a packet writes its address and
 * time into record route and timestamp at once, and gives record route the address that the packet leaves by when it forwards.
 * Source routes are refused, as `accept_source_route` of `all` is 0.
 */

import { type Ipv4, IPV4_HEADER_LENGTH, type Ipv4Addr, optionSpans } from '../../packet/index.js';
import { type Clock, timeOfDayMs } from '../clock.js';

const END = 0;
const NOOP = 1;
const RECORD_ROUTE = 7;
const TIMESTAMP = 68;
const LOOSE_SOURCE_ROUTE = 131;
const STRICT_SOURCE_ROUTE = 137;
const ROUTER_ALERT = 148;

/** The copied flag: this option goes into every fragment. */
const COPIED = 0x80;

/** Low nibble of a timestamp option's fourth octet: time alone, address and time, time for addresses that are given. */
const TIME_ONLY = 0;
const TIME_AND_ADDRESS = 1;
const TIME_PRESPECIFIED = 3;
const OVERFLOW_MAXIMUM = 15;

/** struct ip_options of a packet that was received. Offsets are from the start of the header, 0 where absent. */
export interface ReceivedOptions {
  recordRoute: number;
  /** There was room, and this host is in it. */
  recordNeedsAddress: boolean;
  timestamp: number;
  timeNeedsAddress: boolean;
  needsTime: boolean;
  sourceRoute: number;
  changed: boolean;
}

/** What the host knows that reads the options. */
export interface OptionsHost {
  /** fib_compute_spec_dst(): our address as the sender sees it. Asked only where it is written. */
  readonly ownAddress: () => Ipv4Addr;
  readonly isUnicast: (address: Ipv4Addr) => boolean;
  readonly clock: Clock;
}

/** Offset of the octet that cannot be, for ICMP parameter problem, and what was read before it. */
export interface MalformedOptions {
  readonly pointer: number;
  readonly before: ReceivedOptions;
}

interface Option {
  /** Offset from the start of the header. */
  readonly at: number;
  readonly length: number;
}

/** __ip_options_compile() of a packet that came in: reads, and writes what is ours to write. */
export function receiveOptions(header: Ipv4, host: OptionsHost): ReceivedOptions | MalformedOptions {
  return new OptionsReader(header, host).read();
}

class OptionsReader {
  readonly #header: Ipv4;
  readonly #host: OptionsHost;
  readonly #found: ReceivedOptions = {
    recordRoute: 0,
    recordNeedsAddress: false,
    timestamp: 0,
    timeNeedsAddress: false,
    needsTime: false,
    sourceRoute: 0,
    changed: false,
  };

  constructor(header: Ipv4, host: OptionsHost) {
    this.#header = header;
    this.#host = host;
  }

  #octet(at: number): number {
    return this.#header.view.getUint8(this.#header.offset + at);
  }

  #setOctet(at: number, value: number): void {
    this.#header.view.setUint8(this.#header.offset + at, value);
  }

  #setWord(at: number, value: number): void {
    this.#header.view.setInt32(this.#header.offset + at, value);
    this.#found.changed = true;
  }

  read(): ReceivedOptions | MalformedOptions {
    const end = this.#header.headerLength;
    for (let at = IPV4_HEADER_LENGTH; at < end; ) {
      const type = this.#octet(at);
      if (type === END) {
        this.#clean(at + 1, end);
        break;
      }
      if (type === NOOP) {
        at += 1;
        continue;
      }
      const length = at + 1 < end ? this.#octet(at + 1) : 0;
      if (length < 2 || at + length > end) return { pointer: at, before: this.#found };
      const bad = this.#option(type, { at, length });
      if (bad !== undefined) return { pointer: bad, before: this.#found };
      at += length;
    }
    return this.#found;
  }

  /** Behind the end there is nothing but ends. */
  #clean(from: number, end: number): void {
    for (let at = from; at < end; at += 1) {
      if (this.#octet(at) === END) continue;
      this.#setOctet(at, END);
      this.#found.changed = true;
    }
  }

  /** Offset of what is wrong, or undefined. */
  #option(type: number, option: Option): number | undefined {
    switch (type) {
      case LOOSE_SOURCE_ROUTE:
      case STRICT_SOURCE_ROUTE:
        return this.#sourceRoute(option);
      case RECORD_ROUTE:
        return this.#recordRoute(option);
      case TIMESTAMP:
        return this.#timestamp(option);
      case ROUTER_ALERT:
        return option.length < 4 ? option.at + 1 : undefined;
      default:
        return undefined;
    }
  }

  #sourceRoute({ at, length }: Option): number | undefined {
    if (length < 3) return at + 1;
    if (this.#octet(at + 2) < 4) return at + 2;
    if (this.#found.sourceRoute !== 0) return at;
    this.#found.sourceRoute = at;
    return undefined;
  }

  #recordRoute({ at, length }: Option): number | undefined {
    const found = this.#found;
    if (found.recordRoute !== 0) return at;
    if (length < 3) return at + 1;
    const pointer = this.#octet(at + 2);
    if (pointer < 4) return at + 2;
    if (pointer <= length) {
      if (pointer + 3 > length) return at + 2;
      this.#setWord(at + pointer - 1, this.#host.ownAddress());
      this.#setOctet(at + 2, pointer + 4);
      found.recordNeedsAddress = true;
    }
    found.recordRoute = at;
    return undefined;
  }

  #timestamp(option: Option): number | undefined {
    const { at, length } = option;
    if (this.#found.timestamp !== 0) return at;
    if (length < 4) return at + 1;
    const pointer = this.#octet(at + 2);
    if (pointer < 5) return at + 2;
    const bad = pointer <= length ? this.#stamp(option, pointer) : this.#overflow(at);
    if (bad !== undefined) return bad;
    this.#found.timestamp = at;
    return undefined;
  }

  #stamp({ at, length }: Option, pointer: number): number | undefined {
    const found = this.#found;
    const slot = at + pointer - 1;
    const kind = this.#octet(at + 3) & 15;
    if (pointer + 3 > length) return at + 2;
    if (kind === TIME_ONLY) {
      this.#setWord(slot, timeOfDayMs(this.#host.clock));
      found.needsTime = true;
      this.#setOctet(at + 2, pointer + 4);
      return undefined;
    }
    if (kind !== TIME_AND_ADDRESS && kind !== TIME_PRESPECIFIED) return undefined;
    if (pointer + 7 > length) return at + 2;
    if (kind === TIME_AND_ADDRESS) {
      this.#setWord(slot, this.#host.ownAddress());
      found.timeNeedsAddress = true;
    } else if (this.#host.isUnicast(this.#header.view.getInt32(this.#header.offset + slot) as Ipv4Addr)) {
      // Somebody else's to fill in.
      return undefined;
    }
    this.#setWord(slot + 4, timeOfDayMs(this.#host.clock));
    found.needsTime = true;
    this.#setOctet(at + 2, pointer + 8);
    return undefined;
  }

  /** No room: the hosts that found none are counted. */
  #overflow(at: number): number | undefined {
    const flags = this.#octet(at + 3);
    if ((flags & 15) === TIME_PRESPECIFIED) return undefined;
    if (flags >> 4 === OVERFLOW_MAXIMUM) return at + 3;
    this.#setOctet(at + 3, (flags & 15) | ((flags & 0xf0) + 0x10));
    this.#found.changed = true;
    return undefined;
  }
}

/**
 * ip_forward_options(): in record route stands, in place of the address that the packet came in by, that which it leaves by. A
 * timestamp keeps the other: Linux looks after it where a source route is followed, and only there.
 */
export function forwardOptions(header: Ipv4, options: ReceivedOptions, leavesBy: () => Ipv4Addr): void {
  const { view, offset } = header;
  if (options.recordNeedsAddress) {
    const option = offset + options.recordRoute;
    view.setInt32(option + view.getUint8(option + 2) - 5, leavesBy());
  }
  if (options.changed || options.recordNeedsAddress) header.fillChecksum();
}

/** What goes back with an answer: the options of the packet, with a place of our own behind what is there. */
export interface EchoedOptions {
  /** As they go on the wire, but for `stamp`. */
  readonly octets: Uint8Array;
  /** ip_options_build(): writes our address, and the time, where there is room for them. */
  stamp(source: Ipv4Addr): void;
}

/**
 * __ip_options_echo(): undefined where the packet has none to be echoed, 'invalid' where there is room for half an
 * entry, so that no answer can be sent.
 */
export function echoOptions(
  header: Ipv4,
  options: ReceivedOptions | undefined,
  host: Omit<OptionsHost, 'ownAddress'>,
): EchoedOptions | 'invalid' | undefined {
  if (options === undefined || (options.recordRoute === 0 && options.timestamp === 0)) return undefined;
  const lengthAt = (option: number): number => header.view.getUint8(header.offset + option + 1);
  const record = options.recordRoute === 0 ? 0 : lengthAt(options.recordRoute);
  const time = options.timestamp === 0 ? 0 : lengthAt(options.timestamp);
  const octets = new Uint8Array((record + time + 3) & ~3);
  const from = new Uint8Array(header.view.buffer, header.view.byteOffset + header.offset, header.headerLength);
  octets.set(from.subarray(options.recordRoute, options.recordRoute + record));
  octets.set(from.subarray(options.timestamp, options.timestamp + time), record);
  const view = new DataView(octets.buffer);
  const stamps: ((source: Ipv4Addr) => void)[] = [];
  if (record > 0 && !roomForRecord(view, { length: record, options, stamps })) return 'invalid';
  if (time > 0 && !roomForTime(view, { at: record, length: time, options, host, stamps })) return 'invalid';
  return { octets, stamp: (source) => stamps.forEach((stamp) => stamp(source)) };
}

function roomForRecord(
  view: DataView,
  { length, options, stamps }: { length: number; options: ReceivedOptions; stamps: ((source: Ipv4Addr) => void)[] },
): boolean {
  const pointer = view.getUint8(2);
  if (!options.recordNeedsAddress || pointer > length) return true;
  if (pointer + 3 > length) return false;
  view.setUint8(2, pointer + 4);
  stamps.push((source) => view.setInt32(pointer - 1, source));
  return true;
}

function roomForTime(
  view: DataView,
  about: {
    readonly at: number;
    readonly length: number;
    readonly options: ReceivedOptions;
    readonly host: Omit<OptionsHost, 'ownAddress'>;
    readonly stamps: ((source: Ipv4Addr) => void)[];
  },
): boolean {
  const { at, length, options, host, stamps } = about;
  let pointer = view.getUint8(at + 2);
  if (pointer > length) return true;
  const slot = at + pointer - 1;
  if (options.timeNeedsAddress) {
    if (pointer + 3 > length) return false;
    stamps.push((source) => view.setInt32(slot, source));
    pointer += 4;
  }
  if (options.needsTime) {
    if (pointer + 3 > length) return false;
    const now = (where: number) => (): void => view.setInt32(where, timeOfDayMs(host.clock));
    if ((view.getUint8(at + 3) & 15) !== TIME_PRESPECIFIED) {
      stamps.push(now(at + pointer - 1));
      pointer += 4;
    } else if (pointer + 7 <= length && !host.isUnicast(view.getInt32(slot) as Ipv4Addr)) {
      stamps.push(now(at + pointer + 3));
      pointer += 8;
    }
  }
  view.setUint8(at + 2, pointer);
  return true;
}

/**
 * __ip_options_compile() and ip_options_build() of what a socket has set (IP_OPTIONS): as it goes on the wire, with the sender in the
 * first place that there is.
 */
export function sentOptions(written: Uint8Array, source: Ipv4Addr, host: Omit<OptionsHost, 'ownAddress'>): Uint8Array {
  const octets = written.slice();
  const view = new DataView(octets.buffer);
  for (const { kind, offset, length } of optionSpans(view, 0, octets.length)) {
    if (kind === RECORD_ROUTE) recordSender(view, { at: offset, length }, source);
    else if (kind === TIMESTAMP) stampSender(view, { at: offset, length }, { source, host });
  }
  return octets;
}

function recordSender(view: DataView, { at, length }: Option, source: Ipv4Addr): void {
  const pointer = view.getUint8(at + 2);
  if (pointer + 3 > length) return;
  view.setInt32(at + pointer - 1, source);
  view.setUint8(at + 2, pointer + 4);
}

function stampSender(
  view: DataView,
  { at, length }: Option,
  { source, host }: { readonly source: Ipv4Addr; readonly host: Omit<OptionsHost, 'ownAddress'> },
): void {
  const pointer = view.getUint8(at + 2);
  const slot = at + pointer - 1;
  const kind = view.getUint8(at + 3) & 15;
  const entry = kind === TIME_ONLY ? 4 : 8;
  if (pointer + entry - 1 > length) return;
  if (kind === TIME_PRESPECIFIED && host.isUnicast(view.getInt32(slot) as Ipv4Addr)) return;
  if (kind === TIME_AND_ADDRESS) view.setInt32(slot, source);
  view.setInt32(slot + entry - 4, timeOfDayMs(host.clock));
  view.setUint8(at + 2, pointer + entry);
}

/** ip_options_fragment(): in later fragments what is not copied becomes padding. */
export function stripUncopied(view: DataView, offset: number, headerLength: number): void {
  for (let at = IPV4_HEADER_LENGTH; at < headerLength; ) {
    const type = view.getUint8(offset + at);
    if (type === END) return;
    const length = type === NOOP ? 1 : view.getUint8(offset + at + 1);
    if (length < 1) return;
    if ((type & COPIED) === 0) for (let i = 0; i < length; i += 1) view.setUint8(offset + at + i, NOOP);
    at += length;
  }
}
