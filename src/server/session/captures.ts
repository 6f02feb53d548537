/** Captures: what passes chosen interfaces, as pcapng that can be read while it grows. */

import { type Cluster, isNameProblem, parseEndpointName } from '../../cluster/index.js';
import type { Device, Netns } from '../../kernel/index.js';
import { nearMatches } from '../../kubernetes/index.js';
import { LINKTYPE, PcapngWriter } from '../../packet/index.js';
import { FrameFacts, type NameLookup } from '../filter/facts.js';
import type { Filter } from '../filter/parse.js';
import { Problem } from '../problem.js';
import { filterOf, mending } from './mending.js';
import { type Page, pageInOrder, type PageRequest } from './page.js';
import type { TappedFrame, Taps } from './taps.js';

export interface CapturePoint {
  /** `pod/NS/NAME`, `node/NAME`, `host/NAME`. */
  readonly target: string;
  /** All that are there now where absent. */
  readonly interface?: string;
}

export interface CaptureRequest {
  readonly interfaces: readonly CapturePoint[];
  readonly filter?: string;
  /** Octets of each frame that are kept. */
  readonly snapLength?: number;
  /** Ends after so many frames. */
  readonly maxFrames?: number;
}

export interface CaptureSummary {
  readonly id: string;
  readonly interfaces: readonly { readonly target: string; readonly interface: string }[];
  readonly filter: string;
  readonly running: boolean;
  readonly frames: number;
  readonly bytes: number;
  /** Frames that came when the capture was full. */
  readonly missed: number;
  /** Why it ended, where it did. */
  readonly ended?: string;
}

export interface CaptureChunk {
  readonly bytes: Uint8Array;
  /** Where the next chunk begins. */
  readonly next: number;
  readonly running: boolean;
}

interface Tapped {
  readonly target: string;
  readonly netns: Netns;
  readonly device: Device;
}

const DEFAULT_SNAP = 262_144;
/** As much as is handed out at once. */
const CHUNK_BYTES = 1 << 20;

/** The devices that a request names, each once. Builds their machines. @throws Problem */
function devicesOf(cluster: Cluster, points: readonly CapturePoint[]): Tapped[] {
  const named = points.flatMap(({ target, interface: name }, i) => {
    const field = `/interfaces/${i}`;
    const endpoint = parseEndpointName(target);
    if (isNameProblem(endpoint))
      throw new Problem('bad-request', endpoint.problem, [{ message: endpoint.problem, field: `${field}/target` }]);
    const { netns, label } = mending(() => cluster.locate(endpoint));
    const devices = [...netns.devices];
    if (name === undefined) return devices.map((device) => ({ target: label, netns, device }));
    const device = netns.devices.named(name);
    if (device !== undefined) return [{ target: label, netns, device }];
    const near = nearMatches(
      name,
      devices.map((one) => one.name),
    );
    const detail = `${label} has no interface "${name}": there ${devices.length === 1 ? 'is' : 'are'} ${devices.map((one) => one.name).join(', ')}`;
    throw new Problem('not-found', detail, [{ message: detail, field: `${field}/interface`, near }]);
  });
  return [...new Map(named.map((one) => [one.device, one])).values()];
}

class Capture {
  readonly id: string;
  /** Of all captures of its cluster, those that are gone too. */
  readonly order: number;
  readonly request: CaptureRequest;
  readonly #filter: Filter;
  readonly #limit: number;
  readonly #writer = new PcapngWriter({ userApplication: 'podwire' });
  readonly #ids = new Map<string, number>();
  readonly #chunks: Uint8Array[] = [];
  #stops: readonly (() => void)[] = [];
  #points: readonly Tapped[] = [];
  #bytes = 0;
  #frames = 0;
  #missed = 0;
  #ended: string | undefined = undefined;

  constructor(
    { id, order }: { readonly id: string; readonly order: number },
    request: CaptureRequest,
    { filter, limit }: { readonly filter: Filter; readonly limit: number },
  ) {
    this.id = id;
    this.order = order;
    this.request = request;
    this.#filter = filter;
    this.#limit = limit;
  }

  get running(): boolean {
    return this.#ended === undefined;
  }

  /** Listens on these devices, and on no others any more. */
  attach(points: readonly Tapped[], taps: Taps, lookup: NameLookup): void {
    for (const stop of this.#stops) stop();
    this.#points = points;
    for (const { target, device } of points) this.#interfaceId(target, device);
    this.#store(this.#writer.take());
    this.#stops = points.map(({ target, device }) => taps.add(device, (frame) => this.#take(target, frame, lookup)));
  }

  #interfaceId(target: string, device: Device): number {
    const name = `${target} ${device.name}`;
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const linkType = device.hardHeaderLength > 0 ? LINKTYPE.ethernet : LINKTYPE.raw;
    const id = this.#writer.addInterface({ name, linkType, snapLength: this.request.snapLength ?? DEFAULT_SNAP });
    this.#ids.set(name, id);
    return id;
  }

  #take(target: string, frame: TappedFrame, lookup: NameLookup): void {
    const { device, direction, timeNs, bytes, hasLinkHeader } = frame;
    const { host, netns } = device.netns.place;
    const seen = { timeNs, place: target, host, netns, interface: device.name, direction };
    if (!this.#filter(new FrameFacts(bytes, hasLinkHeader, { seen, lookup }))) return;
    if (this.#bytes >= this.#limit) {
      this.#missed += 1;
      return;
    }
    const snap = this.request.snapLength ?? DEFAULT_SNAP;
    this.#writer.addPacket({
      interfaceId: this.#interfaceId(target, device),
      timestamp: timeNs,
      bytes: bytes.length > snap ? bytes.subarray(0, snap) : bytes,
      originalLength: bytes.length,
      direction: direction === 'in' ? 'inbound' : 'outbound',
    });
    this.#store(this.#writer.take());
    this.#frames += 1;
    if (this.request.maxFrames !== undefined && this.#frames >= this.request.maxFrames) this.stop('maxFrames reached');
  }

  #store(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
  }

  stop(why: string): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#ended ??= why;
  }

  get summary(): CaptureSummary {
    return {
      id: this.id,
      interfaces: this.#points.map(({ target, device }) => ({ target, interface: device.name })),
      filter: this.request.filter ?? '',
      running: this.running,
      frames: this.#frames,
      bytes: this.#bytes,
      missed: this.#missed,
      ...(this.#ended === undefined ? {} : { ended: this.#ended }),
    };
  }

  /** Whole blocks from the `from`-th on. */
  read(from: number): CaptureChunk {
    const parts: Uint8Array[] = [];
    let size = 0;
    let next = Math.min(from, this.#chunks.length);
    for (let part = this.#chunks[next]; part !== undefined && size < CHUNK_BYTES; part = this.#chunks[next]) {
      parts.push(part);
      size += part.length;
      next += 1;
    }
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return { bytes, next, running: this.running };
  }
}

export class Captures {
  readonly #captures = new Map<string, Capture>();
  readonly #limits: { readonly captures: number; readonly captureBytes: number };
  #taps: Taps;
  #cluster: Cluster;
  #lookup: NameLookup;
  #started = 0;

  constructor(
    at: { readonly cluster: Cluster; readonly taps: Taps; readonly lookup: NameLookup },
    limits: { readonly captures: number; readonly captureBytes: number },
  ) {
    this.#cluster = at.cluster;
    this.#taps = at.taps;
    this.#lookup = at.lookup;
    this.#limits = limits;
  }

  /** @throws Problem */
  start(id: string, request: CaptureRequest): CaptureSummary {
    if (this.#captures.size >= this.#limits.captures)
      throw new Problem('limit-reached', `a cluster has at most ${this.#limits.captures} captures: delete one`);
    const filter = filterOf(request.filter, '/filter', ['frames']);
    const points = devicesOf(this.#cluster, request.interfaces);
    const limit = this.#limits.captureBytes;
    const capture = new Capture({ id, order: this.#started++ }, request, { filter, limit });
    capture.attach(points, this.#taps, this.#lookup);
    this.#captures.set(id, capture);
    return capture.summary;
  }

  list(request: PageRequest): Page<CaptureSummary> {
    return pageInOrder(this.#captures.values(), ({ summary }) => summary, request);
  }

  /** @throws Problem */
  #get(id: string): Capture {
    const capture = this.#captures.get(id);
    if (capture === undefined) throw new Problem('not-found', `there is no capture "${id}"`);
    return capture;
  }

  /** @throws Problem */
  summary(id: string): CaptureSummary {
    return this.#get(id).summary;
  }

  /** @throws Problem */
  read(id: string, from: number): CaptureChunk {
    return this.#get(id).read(from);
  }

  /** @throws Problem */
  stop(id: string): CaptureSummary {
    const capture = this.#get(id);
    capture.stop('stopped');
    return capture.summary;
  }

  /** @throws Problem */
  remove(id: string): void {
    this.#get(id).stop('deleted');
    this.#captures.delete(id);
  }

  /** Goes on in a cluster that was built anew; a capture of interfaces that are gone ends. */
  carryTo(at: { readonly cluster: Cluster; readonly taps: Taps; readonly lookup: NameLookup }): void {
    this.#cluster = at.cluster;
    this.#taps = at.taps;
    this.#lookup = at.lookup;
    for (const capture of this.#captures.values()) if (capture.running) this.#carry(capture);
  }

  #carry(capture: Capture): void {
    try {
      capture.attach(devicesOf(this.#cluster, capture.request.interfaces), this.#taps, this.#lookup);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      capture.stop(`the cluster has changed: ${error.message}`);
    }
  }
}
