/**
 * The few fields that a kernel draws at random, brought from the real kernel's value to the emulator's, so that
 * frames can be compared octet by octet. Everything else must be equal. The list:
 *
 * | field | why |
 * |---|---|
 * | identification of IPv4 packets that hosts make themselves | ip_select_ident(): hashed with a key of each boot, steps with time |
 * | source port of VXLAN, and with it the checksum of UDP | udp_flow_src_port(): a hash with a key of each boot |
 * | initial sequence numbers of TCP | secure_tcp_seq(): a hash with a key of each boot, and the time |
 * | TCP timestamps | milliseconds since boot, with a random offset for each connection |
 * | ports and ICMP identifiers that NAT draws, and SCTP's sum with them | nf_nat_l4proto_unique_tuple(), get_random_u16() |
 * | tags and initial TSNs of SCTP | sctp_generate_tag(), sctp_generate_tsn(): get_random_bytes() |
 * | of SCTP's state cookie: signature, expiry, SCTP-AUTH's random number | a key of each socket, the time of day, get_random_bytes() |
 * | receive and transmit times of ICMP timestamp replies | milliseconds since midnight |
 * | times that hosts write into IPv4's timestamp option | milliseconds since midnight |
 * | checksums of TCP, UDP and SCTP on lo, and of what ICMP quotes of packets that went over lo | lo says that it fills them in, and never does |
 *
 * A value is not simply masked: the same packet of the emulator must have the same value of the real kernel at each
 * hop, a connection's sequence numbers must differ by one and the same number, and a drawn port stands for one port.
 * What was injected is never renamed, and the emulator draws nothing that was.
 */

import {
  finishChecksum,
  Ipv4,
  pseudoHeaderSum,
  Sctp,
  SCTP_CHUNK,
  type SctpChunk,
  updateChecksum16,
  updateChecksum32,
} from '../../../src/packet/index.js';
import { cookieAt, COOKIE_FIELDS, tsnsOf } from './sctp-fields.js';

const ETHERNET = 14;
const IPV4 = 0x0800;
const VLAN = 0x8100;
const UDP = 17;
const TCP = 6;
const ICMP = 1;
const SCTP = 132;
const IPIP = 4;
const VXLAN_PORT = 4789;
const ICMP_ERRORS: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);
const ICMP_TIMESTAMP_REPLY = 14;
const IP_TIMESTAMP = 68;
/** The low nibble of the option's fourth octet: times without addresses. */
const TIME_ONLY = 0;
const TCP_TIMESTAMP = 8;
/** Where it lies in a segment: at the beginning of a fragment, where the one before has sixteen octets. */
const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;
const TCP_RST = 4;

/** A checksum that covers a field, and those that cover it in turn, innermost first. `udp`: zero means none. */
interface Cover {
  readonly at: number;
  readonly udp: boolean;
}

/** `quoted`: what an ICMP error says of another packet, whose end may be missing. */
type Form = 'whole' | 'quoted';

/** Where a field lies, in the emulator's frame and in the real one alike. */
interface Field {
  readonly at: number;
  readonly covers: readonly Cover[];
}

export class Renaming {
  /** Real values by what they stand for. */
  readonly #names = new Map<string, number>();
  /** Differences of sequence numbers, real less emulated. */
  readonly #sequenceDeltas = new Set<number>();
  readonly #drawnIds: ReadonlySet<number>;
  readonly #drawnSequences: ReadonlySet<number>;
  readonly #injectedStamps: ReadonlySet<number>;
  readonly #drawnTags: ReadonlySet<number>;
  /** Differences of TSNs, real less emulated. */
  readonly #tsnDeltas = new Set<number>();
  readonly #drawnPorts: ReadonlySet<number>;
  readonly ports = new Map<number, number>();
  /** `EMULATED REAL`: ports that outer packets of VXLAN came from. */
  readonly #vxlanPorts = new Set<string>();

  constructor(known: {
    /** Identifications that the emulator's hosts have drawn. */
    readonly drawnIds: ReadonlySet<number>;
    /** Initial sequence numbers that the emulator's sockets have drawn. */
    readonly drawnSequences: ReadonlySet<number>;
    readonly injectedStamps: ReadonlySet<number>;
    /** Tags and initial TSNs of INITs that the emulator has made. */
    readonly drawnTags: ReadonlySet<number>;
    /** Ports and identifiers that the emulator's NAT has drawn. */
    readonly drawnPorts: ReadonlySet<number>;
  }) {
    this.#drawnIds = known.drawnIds;
    this.#drawnSequences = known.drawnSequences;
    this.#injectedStamps = known.injectedStamps;
    this.#drawnTags = known.drawnTags;
    this.#drawnPorts = known.drawnPorts;
  }

  /** A VXLAN source port: one for a packet at every hop. */
  mayRenameVxlanPort(packet: number, emulated: number, real: number): boolean {
    if (!this.sameName(`vxlan port ${packet} ${emulated}`, real)) return false;
    this.#vxlanPorts.add(`${emulated} ${real}`);
    return true;
  }

  /** The real frame with the emulator's names. `packet` is the packet's identity in the emulator. */
  apply(
    real: Uint8Array,
    emulated: Uint8Array,
    at: { readonly packet: number; readonly loopback: boolean; readonly bare: boolean },
  ): Uint8Array {
    const renamed = real.slice();
    if (real.length !== emulated.length) return renamed;
    const walk = new FrameWalk(this, renamed, emulated, at);
    if (at.bare) walk.bare();
    else walk.ethernet(0, [], 'whole');
    return renamed;
  }

  /** Whether `real` may stand where the emulator has `emulated`: always the same for one key. */
  sameName(key: string, real: number): boolean {
    const there = this.#names.get(key);
    if (there !== undefined) return there === real;
    this.#names.set(key, real);
    return true;
  }

  mayRenameId(emulated: number): boolean {
    return this.#drawnIds.has(emulated);
  }

  mayRenameStamp(emulated: number): boolean {
    return !this.#injectedStamps.has(emulated) && emulated !== 0;
  }

  mayRenameTag(emulated: number, real: number): boolean {
    return this.#drawnTags.has(emulated) && real !== 0 && this.sameName(`tag ${emulated}`, real);
  }

  /** An INIT says what an association's TSNs differ by; later ones must differ by something known. */
  mayRenameTsn(emulated: number, real: number): boolean {
    const delta = (real - emulated) >>> 0;
    if (this.#drawnTags.has(emulated) && this.sameName(`tsn ${emulated}`, real)) this.#tsnDeltas.add(delta);
    return this.#tsnDeltas.has(delta);
  }

  isVxlanPort(emulated: number, real: number): boolean {
    return this.#vxlanPorts.has(`${emulated} ${real}`);
  }

  /** The source port of an outer packet that no interface has shown: what was lost behind POSTROUTING. */
  mayBeUnseenVxlanPort(emulated: number): boolean {
    return ![...this.#vxlanPorts].some((pair) => pair.startsWith(`${emulated} `));
  }

  /** Whether two sums of one segment differ by a drawn port in a part of it that lies elsewhere. */
  differByPort(emulated: number, real: number): boolean {
    return [...this.ports].some(([ours, theirs]) => updateChecksum16(real, theirs, ours) === emulated);
  }

  couldRenamePort(emulated: number, real: number): boolean {
    return this.#drawnPorts.has(emulated) && (this.ports.get(emulated) ?? real) === real;
  }

  mayRenamePort(emulated: number, real: number): boolean {
    if (!this.couldRenamePort(emulated, real)) return false;
    this.ports.set(emulated, real);
    return true;
  }

  /** A SYN says what a connection's numbers differ by; later numbers must differ by something known. */
  mayRenameSequence(real: number, emulated: number, isSyn: boolean): boolean {
    const delta = (real - emulated) >>> 0;
    if (isSyn) this.#sequenceDeltas.add(delta);
    return this.#sequenceDeltas.has(delta);
  }

  /** What REJECT acknowledges of a SYN that it lets nobody see. */
  mayRenameAcknowledged(real: number, emulated: number): boolean {
    if (this.mayRenameSequence(real, emulated, false)) return true;
    if (!this.#drawnSequences.has((emulated - 1) >>> 0)) return false;
    return this.sameName(`acknowledged ${emulated}`, real);
  }
}

/** Words of 32 bits that stood for one another. */
interface Renamed {
  readonly real: number;
  readonly emulated: number;
}

/** Whether two sums differ by the first of these words, and not by the others, which came later. */
function leadsTo(real: number, emulated: number, words: readonly Renamed[]): boolean {
  let sum = real;
  return words.some((word) => {
    sum = updateChecksum32(sum, word.real, word.emulated);
    return sum === emulated;
  });
}

/** Goes through two frames of the same form side by side, and writes the emulator's values into the real one. */
class FrameWalk {
  readonly #renaming: Renaming;
  readonly #real: DataView;
  readonly #emulated: DataView;
  readonly #packet: number;
  readonly #loopback: boolean;

  constructor(
    renaming: Renaming,
    real: Uint8Array,
    emulated: Uint8Array,
    at: { readonly packet: number; readonly loopback: boolean },
  ) {
    this.#renaming = renaming;
    this.#real = new DataView(real.buffer, real.byteOffset, real.byteLength);
    this.#emulated = new DataView(emulated.buffer, emulated.byteOffset, emulated.byteLength);
    this.#packet = at.packet;
    this.#loopback = at.loopback;
  }

  /** A frame without a link-layer header. */
  bare(): void {
    this.#ipv4(0, [], 'whole');
  }

  ethernet(at: number, covers: readonly Cover[], form: Form): void {
    if (at + ETHERNET > this.#real.byteLength) return;
    const type = this.#emulated.getUint16(at + 12);
    if (type === VLAN && at + ETHERNET + 4 <= this.#real.byteLength && this.#emulated.getUint16(at + 16) === IPV4)
      this.#ipv4(at + ETHERNET + 4, covers, form);
    else if (type === IPV4) this.#ipv4(at + ETHERNET, covers, form);
  }

  #ipv4(at: number, covers: readonly Cover[], form: Form): void {
    if (at + 20 > this.#real.byteLength) return;
    const headerLength = (this.#emulated.getUint8(at) & 15) * 4;
    const own = [{ at: at + 10, udp: false }, ...covers];
    // Fragments of one packet are wrapped one by one, each with an identification of its own.
    const key = (emulated: number): string => `id ${this.#packet} ${form} ${this.#innerDepth(at)} ${emulated}`;
    this.#rename16({ at: at + 4, covers: own }, (emulated, real) => {
      return this.#renaming.mayRenameId(emulated) && this.#renaming.sameName(key(emulated), real);
    });
    // Where an error quotes the packet, the header's sum may be from before the last times were written.
    const summed = at + headerLength <= this.#real.byteLength && new Ipv4(this.#real, at).checksumValid();
    const times = this.#optionTimes(at, headerLength, summed ? own : covers);
    if (!summed) this.#rename16({ at: at + 10, covers }, (emulated, real) => leadsTo(real, emulated, times));
    const protocol = this.#emulated.getUint8(at + 9);
    const next = at + headerLength;
    const fragmentOffset = (this.#emulated.getUint16(at + 6) & 0x1fff) * 8;
    if (fragmentOffset !== 0) {
      if (protocol === TCP && fragmentOffset === TCP_CHECKSUM && next + 2 <= this.#real.byteLength)
        this.#rename16({ at: next, covers }, (emulated, real) => this.#renaming.differByPort(emulated, real));
      return;
    }
    if (form === 'quoted') this.#unfilled(at, next, covers);
    if (protocol === UDP) this.#udp(next, covers, form);
    else if (protocol === TCP) this.#tcp(next, covers);
    else if (protocol === SCTP) this.#sctp(next, at + this.#emulated.getUint16(at + 2), covers);
    else if (protocol === ICMP) this.#icmp(next, covers);
    else if (protocol === IPIP) this.#ipv4(next, covers, form);
  }

  /** What went over lo has in place of its sum that of its pseudo header (CHECKSUM_PARTIAL), and errors quote it so. */
  #unfilled(at: number, next: number, covers: readonly Cover[]): void {
    const protocol = this.#real.getUint8(at + 9);
    const sumAt = next + (protocol === UDP ? UDP_CHECKSUM : TCP_CHECKSUM);
    if ((protocol !== UDP && protocol !== TCP) || sumAt + 2 > this.#real.byteLength) return;
    const { source, destination, end, payloadOffset } = new Ipv4(this.#real, at);
    const pseudo = ~finishChecksum(pseudoHeaderSum(source, destination, protocol, end - payloadOffset)) & 0xffff;
    this.#rename16({ at: sumAt, covers }, (_, real) => real === pseudo);
  }

  /** Renames times in the header at `at`: each is one of the real kernel's, wherever the packet comes. The answer is which. */
  #optionTimes(at: number, headerLength: number, covers: readonly Cover[]): readonly Renamed[] {
    const renamed: Renamed[] = [];
    const end = Math.min(at + headerLength, this.#emulated.byteLength);
    for (const { at: option, kind, length } of this.#options(at + 20, end)) {
      if (kind !== IP_TIMESTAMP || length < 4) continue;
      const pointer = this.#emulated.getUint8(option + 2);
      const [step, time] = (this.#emulated.getUint8(option + 3) & 15) === TIME_ONLY ? [4, 0] : [8, 4];
      for (let entry = 4; entry + step <= Math.min(pointer - 1, length); entry += step) {
        const key = (emulated: number): string => `time ${this.#packet} ${entry} ${emulated}`;
        this.#rename32({ at: option + entry + time, covers }, (emulated, real) => {
          const may = this.#renaming.mayRenameStamp(emulated) && this.#renaming.sameName(key(emulated), real);
          if (may) renamed.push({ real, emulated });
          return may;
        });
      }
    }
    return renamed;
  }

  /** The options between two offsets, as IPv4 and TCP have them: up to the end's mark, or to one that cannot be. */
  *#options(
    from: number,
    end: number,
  ): Generator<{ readonly at: number; readonly kind: number; readonly length: number }> {
    for (let at = from; at < end; ) {
      const kind = this.#emulated.getUint8(at);
      if (kind === 0) return;
      if (kind === 1) {
        at += 1;
        continue;
      }
      const length = at + 1 < end ? this.#emulated.getUint8(at + 1) : 0;
      if (length < 2 || at + length > end) return;
      yield { at, kind, length };
      at += length;
    }
  }

  /** Headers that are still to come: the innermost has 0 at every hop, however often it is wrapped. */
  #innerDepth(at: number): number {
    const udp = at + (this.#emulated.getUint8(at) & 15) * 4;
    if (this.#emulated.getUint8(at + 9) === IPIP && udp + 20 <= this.#emulated.byteLength)
      return 1 + this.#innerDepth(udp);
    const wraps =
      this.#emulated.getUint8(at + 9) === UDP &&
      udp + 4 <= this.#emulated.byteLength &&
      this.#emulated.getUint16(udp + 2) === VXLAN_PORT;
    return wraps ? 1 : 0;
  }

  #udp(at: number, covers: readonly Cover[], form: Form): void {
    if (at + 8 > this.#real.byteLength) return;
    const own = [{ at: at + 6, udp: true }, ...covers];
    // DNAT may have led it to another port since it was made.
    const wasVxlan = this.#renaming.isVxlanPort(this.#emulated.getUint16(at), this.#real.getUint16(at));
    if (this.#emulated.getUint16(at + 2) === VXLAN_PORT || wasVxlan) {
      // NAT may have drawn another since.
      this.#rename16(
        { at, covers: own },
        (emulated, real) =>
          this.#renaming.mayRenamePort(emulated, real) ||
          this.#renaming.mayRenameVxlanPort(this.#packet, emulated, real),
      );
      this.ethernet(at + 16, own, form);
    } else this.#ports(at, own);
    if (this.#loopback) this.#rename16({ at: at + 6, covers }, () => true);
  }

  /** Its sum is no ones' complement: where it is right on both sides, one stands for the other. */
  #sctp(at: number, datagramEnd: number, covers: readonly Cover[]): void {
    const end = Math.min(datagramEnd, this.#emulated.byteLength);
    // lo says that it fills the sum in.
    const seen = this.#loopback ? [this.#emulated] : [this.#real, this.#emulated];
    const right = seen.every((view) => Sctp.parse(view, at, end)?.checksumValid(end) === true);
    this.#ports(at, covers);
    const sctp = Sctp.parse(this.#emulated, at, end);
    if (right && sctp !== undefined) {
      this.#tag(at + 4, covers);
      for (const chunk of sctp.chunks(end)) this.#chunk(chunk, covers);
    }
    if (right) this.#rename32({ at: at + 8, covers }, () => true);
  }

  #chunk(chunk: SctpChunk, covers: readonly Cover[]): void {
    const { type, offset } = chunk;
    if (type === SCTP_CHUNK.init || type === SCTP_CHUNK.initAck) this.#tag(offset + 4, covers);
    for (const at of tsnsOf(chunk))
      this.#rename32({ at, covers }, (emulated, real) => this.#renaming.mayRenameTsn(emulated, real));
    const cookie = cookieAt(this.#emulated, chunk);
    if (cookie === undefined) return;
    for (const [from, to] of COOKIE_FIELDS.drawn)
      for (let at = from; at < to; at += 4) this.#rename32({ at: cookie + at, covers }, () => true);
    for (const field of COOKIE_FIELDS.tags)
      this.#rename32Little(cookie + field, covers, (e, r) => this.#renaming.mayRenameTag(e, r));
    this.#rename32Little(cookie + COOKIE_FIELDS.tsn, covers, (e, r) => this.#renaming.mayRenameTsn(e, r));
    this.#tag(cookie + COOKIE_FIELDS.initTag, covers);
    this.#rename32({ at: cookie + COOKIE_FIELDS.initTsn, covers }, (e, r) => this.#renaming.mayRenameTsn(e, r));
    this.#rename16({ at: cookie + COOKIE_FIELDS.peerPort, covers }, (e, r) => this.#renaming.mayRenamePort(e, r));
  }

  #tag(at: number, covers: readonly Cover[]): void {
    this.#rename32({ at, covers }, (emulated, real) => this.#renaming.mayRenameTag(emulated, real));
  }

  /** A number that lies least significant octet first. */
  #rename32Little(at: number, covers: readonly Cover[], may: (emulated: number, real: number) => boolean): void {
    if (at + 4 > this.#real.byteLength) return;
    if (may(this.#emulated.getUint32(at, true), this.#real.getUint32(at, true)))
      this.#rename32({ at, covers }, () => true);
  }

  #ports(at: number, covers: readonly Cover[]): void {
    for (const field of [at, at + 2])
      this.#rename16({ at: field, covers }, (emulated, real) => this.#renaming.mayRenamePort(emulated, real));
  }

  #tcp(at: number, covers: readonly Cover[]): void {
    if (at + 8 > this.#real.byteLength) return;
    const whole = at + 20 <= this.#real.byteLength;
    const own = whole ? [{ at: at + 16, udp: false }, ...covers] : covers;
    this.#ports(at, own);
    const flags = whole ? this.#emulated.getUint8(at + 13) : 0;
    this.#rename32({ at: at + 4, covers: own }, (emulated, real) =>
      this.#renaming.mayRenameSequence(real, emulated, (flags & 2) !== 0),
    );
    if (!whole) return;
    this.#rename32({ at: at + 8, covers: own }, (emulated, real) =>
      (flags & TCP_RST) === 0
        ? this.#renaming.mayRenameSequence(real, emulated, false)
        : this.#renaming.mayRenameAcknowledged(real, emulated),
    );
    this.#timestamps(at, own);
    if (this.#loopback) this.#rename16({ at: at + 16, covers }, () => true);
  }

  #timestamps(at: number, covers: readonly Cover[]): void {
    const end = Math.min(at + (this.#emulated.getUint8(at + 12) >> 4) * 4, this.#emulated.byteLength);
    for (const { at: option, kind, length } of this.#options(at + 20, end)) {
      if (kind !== TCP_TIMESTAMP || length !== 10) continue;
      for (const field of [option + 2, option + 6])
        this.#rename32({ at: field, covers }, (emulated) => this.#renaming.mayRenameStamp(emulated));
    }
  }

  #icmp(at: number, covers: readonly Cover[]): void {
    if (at + 8 > this.#real.byteLength) return;
    const own = [{ at: at + 2, udp: false }, ...covers];
    const type = this.#emulated.getUint8(at);
    if (ICMP_ERRORS.has(type)) this.#ipv4(at + 8, own, 'quoted');
    else this.#rename16({ at: at + 4, covers: own }, (emulated, real) => this.#renaming.mayRenamePort(emulated, real));
    if (type !== ICMP_TIMESTAMP_REPLY) return;
    for (const field of [at + 12, at + 16]) this.#rename32({ at: field, covers: own }, () => true);
  }

  #rename16({ at, covers }: Field, may: (emulated: number, real: number) => boolean): void {
    if (at + 2 > this.#real.byteLength) return;
    const real = this.#real.getUint16(at);
    const emulated = this.#emulated.getUint16(at);
    if (real !== emulated && may(emulated, real)) this.#write16(at, emulated, covers);
  }

  #rename32({ at, covers }: Field, may: (emulated: number, real: number) => boolean): void {
    if (at + 4 > this.#real.byteLength) return;
    const real = this.#real.getUint32(at);
    const emulated = this.#emulated.getUint32(at);
    if (real === emulated || !may(emulated, real)) return;
    // An option may stand at an odd offset; checksums take octets in pairs, so write the pairs that it touches.
    this.#writeOctets(at, [emulated >>> 24, (emulated >>> 16) & 255, (emulated >>> 8) & 255, emulated & 255], covers);
  }

  #writeOctets(at: number, octets: readonly number[], covers: readonly Cover[]): void {
    const base = covers[0] === undefined ? 0 : covers[0].at & 1;
    octets.forEach((octet, i) => {
      const where = at + i;
      const pair = where - ((where - base) & 1);
      const shift = where === pair ? 8 : 0;
      const before = this.#real.getUint16(pair);
      this.#write16(pair, (before & ~(0xff << shift)) | (octet << shift), covers);
    });
  }

  /** Changes a field, the checksum over it, and the checksums over that (RFC 1624). */
  #write16(at: number, value: number, covers: readonly Cover[]): void {
    const before = this.#real.getUint16(at);
    this.#real.setUint16(at, value);
    const [cover, ...outer] = covers;
    if (cover === undefined || cover.at + 2 > this.#real.byteLength) return;
    const sum = this.#real.getUint16(cover.at);
    // The change of the field itself is also under the outer checksums.
    if (!(cover.udp && sum === 0)) {
      const after = updateChecksum16(sum, before, value);
      this.#write16(cover.at, cover.udp && after === 0 ? 0xffff : after, outer);
    }
    this.#adjust(before, value, outer);
  }

  #adjust(before: number, after: number, covers: readonly Cover[]): void {
    const [cover, ...outer] = covers;
    if (cover === undefined) return;
    const sum = this.#real.getUint16(cover.at);
    if (!(cover.udp && sum === 0)) {
      const changed = updateChecksum16(sum, before, after);
      this.#real.setUint16(cover.at, cover.udp && changed === 0 ? 0xffff : changed);
      this.#adjust(sum, changed, outer);
    }
    this.#adjust(before, after, outer);
  }
}
