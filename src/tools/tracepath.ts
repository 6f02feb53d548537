/** `tracepath` of iputils 20221126: where a packet that may not be cut comes to, and how long it may be on the way there. */

import { NS_PER_MS, NS_PER_S, type UdpSocket } from '../kernel/index.js';
import { formatIpv4, INADDR_ANY, type Ipv4Addr } from '../packet/index.js';
import { getopt, isBadOption } from './getopt.js';
import { HostNames } from './host-names.js';
import { resolve, resolveFailure } from './resolve.js';
import { failure, ok, type Tool, type ToolPlace, type ToolResult } from './tool.js';

type IcmpReport = Parameters<NonNullable<UdpSocket['onIcmpError']>>[0];

const BASE_PORT = 44_444;
/** IPv4 and UDP. */
const HEADERS = 28;
const LONGEST = 65_535;
const WAIT_NS = NS_PER_S;
const PROBES = 3;
const HOST_WIDTH = 52;
const LOCAL_WIDTH = 32;

const USAGE = `
Usage
  tracepath [options] <destination>

Options:
  -4             use IPv4
  -6             use IPv6
  -b             print both name and ip
  -l <length>    use packet <length>
  -m <hops>      use maximum <hops>
  -n             no dns name resolution
  -p <port>      use destination <port>
  -V             print version and exit
  <destination>  dns name or ip address

For more details see tracepath(8).`;

const VERSION =
  'tracepath from iputils 20221126\nlibcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes\n';

interface Options {
  readonly destination: Ipv4Addr;
  readonly length: number;
  readonly maxHops: number;
  readonly port: number;
  readonly textOf: (address: Ipv4Addr) => string;
}

/** Numbers with what they may be; `tracepath` says what they are not. */
const NUMBERS = {
  l: { min: HEADERS + 1, max: 0x7fffffff, fallback: LONGEST },
  m: { min: 0, max: 255, fallback: 30 },
  p: { min: 0, max: 65_535, fallback: BASE_PORT },
} as const;

function read(place: ToolPlace, args: readonly string[]): Options | ToolResult {
  const given = getopt(args, '46nbh?l:m:p:V');
  if (isBadOption(given)) return failure(255, `tracepath: ${given.problem}\n${USAGE}`);
  const { values, flags, rest } = given;
  if (flags.has('V')) return ok(VERSION);
  const [name] = rest;
  if (name === undefined || rest.length > 1) return failure(255, USAGE);
  const numbers = new Map<string, number>();
  for (const letter of ['l', 'm', 'p'] as const) {
    const { min, max, fallback } = NUMBERS[letter];
    const text = values.get(letter) ?? String(fallback);
    if (!/^\d+$/.test(text)) return failure(1, `tracepath: invalid argument: '${text}'`);
    if (letter === 'l' && (Number(text) < min || Number(text) > max))
      return failure(1, `tracepath: pktlen must be within: ${min - 1} < value <= ${max}`);
    if (Number(text) < min || Number(text) > max)
      return failure(1, `tracepath: invalid argument: '${text}': out of range: ${min} <= value <= ${max}`);
    numbers.set(letter, Number(text));
  }
  const resolved = resolve(place, name, 'tracepath');
  if (resolved.kind === 'failed') return failure(1, `tracepath: ${name}: ${resolveFailure(resolved.why)}`);
  const names = flags.has('n') ? undefined : new HostNames(place, 'tracepath');
  const textOf = (address: Ipv4Addr): string => {
    if (names === undefined) return formatIpv4(address);
    const known = names.nameOf(address) ?? '???';
    return flags.has('b') ? `${formatIpv4(address)} (${known})` : known;
  };
  return {
    destination: resolved.address,
    length: numbers.get('l') ?? LONGEST,
    maxHops: numbers.get('m') ?? 30,
    port: numbers.get('p') ?? BASE_PORT,
    textOf,
  };
}

/** What has come of a probe: the way ends here, goes on, or nobody has said anything. */
type Outcome = 'over' | 'on' | 'silence';

class Tracepath {
  readonly #options: Options;
  readonly #place: ToolPlace;
  readonly #socket: UdpSocket;
  readonly #reports: { readonly report: IcmpReport; readonly atNs: number }[] = [];
  /** By the ports that they went to: with what TTL, and when. */
  readonly #sent = new Map<number, { readonly ttl: number; readonly atNs: number }>();
  #text = '';
  #mtu: number;
  #probes = 0;
  #hopsTo = -1;
  #hopsBack = -1;

  constructor(place: ToolPlace, options: Options) {
    this.#options = options;
    this.#place = place;
    this.#mtu = options.length;
    this.#socket = place.netns.sockets.udp({ pathMtuDiscovery: 'do' });
    this.#socket.onIcmpError = (report) => this.#reports.push({ report, atNs: place.netns.emulation.clock.nowNs });
  }

  run(): string {
    const over = this.#hops();
    this.#socket.close();
    if (!over) this.#text += `     Too many hops: pmtu ${this.#mtu}\n`;
    const to = this.#hopsTo >= 0 ? `hops ${this.#hopsTo} ` : '';
    const back = this.#hopsBack >= 0 ? `back ${this.#hopsBack} ` : '';
    return `${this.#text}     Resume: pmtu ${this.#mtu} ${to}${back}\n`;
  }

  /** Whether the way has come to an end. */
  #hops(): boolean {
    for (let ttl = 1; ttl <= this.#options.maxHops; ttl++) {
      const outcome = this.#hop(ttl);
      if (outcome === 'over') return true;
      if (outcome === 'silence') this.#text += `${String(ttl).padStart(2)}:  no reply\n`;
    }
    return false;
  }

  #hop(ttl: number): Outcome {
    let outcome: Outcome = 'silence';
    for (let left = PROBES; left > 0 && outcome === 'silence'; left -= 1) {
      const before = this.#mtu;
      outcome = this.#probe(ttl);
      // Who has heard of another length begins anew with it.
      if (this.#mtu !== before) {
        outcome = 'silence';
        left = PROBES + 1;
      }
    }
    return outcome;
  }

  #probe(ttl: number): Outcome {
    const { emulation } = this.#place.netns;
    const port = this.#options.port + (this.#probes % 64);
    this.#probes += 1;
    this.#sent.set(port, { ttl, atNs: emulation.clock.nowNs });
    if (!this.#send(port, ttl)) {
      this.#text += `${String(ttl).padStart(2)}:  send failed\n`;
      return 'over';
    }
    emulation.run(() => this.#reports.length > 0, emulation.clock.nowNs + WAIT_NS);
    let outcome: Outcome = 'silence';
    for (let one = this.#reports.shift(); one !== undefined; one = this.#reports.shift())
      if (this.#tell(one.report, one.atNs, ttl)) outcome = 'over';
      else if (outcome === 'silence') outcome = 'on';
    return outcome;
  }

  /** Where it is too long to leave, the machine itself says how long it may be. */
  #send(port: number, ttl: number): boolean {
    const { destination } = this.#options;
    if (this.#mtu > LONGEST) return false;
    for (let left = 10; left > 0; left -= 1) {
      const errno = this.#socket.sendTo(new Uint8Array(this.#mtu - HEADERS), destination, port, { ttl });
      if (errno === undefined) return true;
      const route = this.#place.netns.ipv4.route({ destination, source: INADDR_ANY });
      if (errno !== 'EMSGSIZE' || typeof route === 'string') continue;
      this.#mtu = route.mtu;
      this.#text += `${String(ttl).padStart(2)}?: ${'[LOCALHOST]'.padEnd(LOCAL_WIDTH)} pmtu ${route.mtu}\n`;
    }
    return false;
  }

  /** recverr(): whether this is the end of the way. */
  #tell(report: IcmpReport, atNs: number, ttl: number): boolean {
    const probe = this.#sent.get(report.port);
    this.#sent.delete(report.port);
    const hops = probe?.ttl ?? ttl;
    const took = probe === undefined ? '' : `${((atNs - probe.atNs) / NS_PER_MS).toFixed(3).padStart(7)}ms `;
    this.#text += `${String(hops).padStart(2)}:  ${this.#options.textOf(report.from).padEnd(HOST_WIDTH)}${took}`;
    // Senders begin with one of these.
    const back = [64, 128].find((first) => report.ttl <= first) ?? 255;
    const hopsBack = back + 1 - report.ttl;
    const end = (mark: string): boolean => {
      this.#text += `${mark}\n`;
      return true;
    };
    switch (report.errno) {
      case 'EMSGSIZE':
        this.#mtu = report.mtu;
        this.#text += `pmtu ${report.mtu}\n`;
        return false;
      case 'ECONNREFUSED':
        this.#hopsTo = hops;
        this.#hopsBack = hopsBack;
        return end('reached');
      case 'EHOSTUNREACH':
        if (report.type !== 11) return end('!H');
        this.#text += hopsBack === hops ? '\n' : `asymm ${String(hopsBack).padStart(2)} \n`;
        return false;
      case 'ENETUNREACH':
        return end('!N');
      case 'EPROTONOSUPPORT':
        return end('!P');
      default:
        return end('');
    }
  }
}

export const tracepath: Tool = (place, args) => {
  const options = read(place, args);
  return 'exitCode' in options ? options : ok(new Tracepath(place, options).run());
};
