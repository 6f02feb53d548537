import * as fc from 'fast-check';
import t from 'tap';
import { NS_PER_S } from '../../../src/kernel/clock.js';
import { Device } from '../../../src/kernel/device.js';
import { Emulation } from '../../../src/kernel/emulation.js';
import type { RouteResult } from '../../../src/kernel/fib/types.js';
import { Defrag, type DefragContext, type DefragUser } from '../../../src/kernel/ipv4/defrag.js';
import { Mib } from '../../../src/kernel/mib.js';
import type { Skb } from '../../../src/kernel/skb.js';
import { type NetnsSysctl, Sysctls } from '../../../src/kernel/sysctl.js';
import { INADDR_ANY, Ipv4, viewOf } from '../../../src/packet/index.js';
import type { DropReason, Step } from '../../../src/trace/index.js';
import { udp } from '../conntrack/packets.js';

const DF = 0x4000;
const MF = 0x2000;

class Wire extends Device {
  readonly kind = 'ethernet';
  startXmit(): void {}
}

/** A host with one device that reassembles, and notes what becomes of packets. */
class Host {
  readonly emulation = new Emulation();
  readonly sysctl = new Sysctls(() => []);
  readonly drops: { readonly id: number; readonly reason: DropReason; readonly note: string | undefined }[] = [];
  readonly errors: { readonly id: number; readonly type: number; readonly code: number }[] = [];
  readonly steps: Step[] = [];
  readonly dev = new Wire({ name: 'eth0' });
  readonly defrag: Defrag;
  routeType: RouteResult['type'] | 'ip-rpfilter' = 'local';

  constructor() {
    this.dev.ifindex = 2;
    const context: DefragContext = {
      emulation: this.emulation,
      sysctl: this.sysctl,
      mib: new Mib(),
      devices: { at: (ifindex) => (ifindex === 2 ? this.dev : undefined) },
      fib: { routeInput: () => (this.routeType === 'ip-rpfilter' ? this.routeType : routeOf(this.routeType)) },
      ipv4: { icmp: { send: (skb, type, code) => this.errors.push({ id: skb.id, type, code }) } },
      trace: (_skb, step) => this.steps.push(step),
      drop: ({ id }, reason, note) => this.drops.push({ id, reason, note }),
    };
    this.defrag = new Defrag(context);
  }

  set(key: NetnsSysctl, value: number): this {
    this.sysctl.set(`net.${key}`, String(value));
    return this;
  }

  skb(bytes: Uint8Array): Skb {
    const skb = this.emulation.skbFrom(bytes);
    skb.network = skb.data;
    skb.dev = this.dev;
    return skb;
  }

  gather(bytes: Uint8Array, user: DefragUser = 'local-deliver'): ReturnType<Defrag['gather']> {
    return this.defrag.gather(this.skb(bytes), user);
  }

  advance(seconds: number): void {
    this.emulation.advance(seconds * NS_PER_S);
  }
}

const routeOf = (type: RouteResult['type']): RouteResult => ({
  type,
  dev: undefined,
  gateway: undefined,
  source: INADDR_ANY,
  mtu: 1500,
  route: undefined,
  mtuLocked: false,
  redirect: false,
});

interface Cut {
  /** Octets of the payload. */
  readonly from: number;
  readonly to: number;
  readonly last?: boolean;
  readonly tos?: number;
  readonly dontFragment?: boolean;
}

/** A part of a datagram; `last` where it ends with the datagram. */
function cut(
  whole: Uint8Array,
  { from, to, last = to === whole.length - 20, tos, dontFragment = false }: Cut,
): Uint8Array {
  const bytes = new Uint8Array(20 + to - from);
  bytes.set(whole.subarray(0, 20));
  bytes.set(whole.subarray(20 + from, 20 + to), 20);
  const header = new Ipv4(viewOf(bytes), 0);
  header.totalLength = bytes.length;
  header.flagsAndOffset = (dontFragment ? DF : 0) | (last ? 0 : MF) | (from >> 3);
  if (tos !== undefined) header.tos = tos;
  header.fillChecksum();
  return bytes;
}

const datagram = (data: number, ipId = 1): Uint8Array =>
  udp({ from: '10.0.0.1:1000', to: '10.0.0.2:2000', data, ipId, flagsAndOffset: 0 });

/** Into parts of `size` octets. */
function slices(whole: Uint8Array, size: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let from = 0; from < whole.length - 20; from += size) {
    parts.push(cut(whole, { from, to: Math.min(from + size, whole.length - 20) }));
  }
  return parts;
}

t.test('fragments in any order become the datagram that they were cut from', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 9, max: 3000 }),
      fc.integer({ min: 1, max: 60 }).map((eighths) => eighths * 8),
      fc.integer(),
      (data, size, seed) => {
        const host = new Host();
        const whole = datagram(data);
        const parts = slices(whole, size).map((bytes) => host.skb(bytes));
        if (parts.length < 2) return;
        const first = parts[0]!;
        const order = parts
          .map((skb, i) => ({ skb, at: Math.imul(seed ^ (i + 1), 0x9e3779b1) }))
          .toSorted((x, y) => x.at - y.at);
        const results = order.map(({ skb }) => host.defrag.gather(skb, 'conntrack-in'));
        t.ok(results.slice(0, -1).every((result) => result === 'queued'));
        t.equal(results.at(-1), 'complete');
        const last = order.at(-1)!.skb;
        t.same(last.toBytes(), whole);
        t.equal(last.id, first.id, 'with the identity of the first');
        t.equal(last.fragMaxSize, size + 20);
        t.match([host.defrag.size, host.defrag.memory, host.drops.length], [0, 0, 0]);
      },
    ),
    { numRuns: 60 },
  );
  t.end();
});

t.test('a datagram that is whole passes as it is', (t) => {
  const host = new Host();
  const whole = datagram(100);
  const skb = host.skb(whole);
  t.equal(host.defrag.gather(skb, 'conntrack-in'), 'complete');
  t.same(skb.toBytes(), whole);
  t.end();
});

t.test('fragments of others are kept apart', (t) => {
  const host = new Host();
  const whole = datagram(40);
  const [first, second] = slices(whole, 24);
  const changed = (change: (header: Ipv4) => void): Uint8Array => {
    const bytes = second!.slice();
    change(new Ipv4(viewOf(bytes), 0));
    return bytes;
  };
  t.equal(host.gather(first!, 'conntrack-in'), 'queued');
  t.equal(host.gather(second!, 'local-deliver'), 'queued', 'another user');
  t.equal(
    host.gather(
      changed((header) => (header.identification = 9)),
      'conntrack-in',
    ),
    'queued',
    'another identification',
  );
  t.equal(
    host.gather(
      changed((header) => (header.protocol = 6)),
      'conntrack-in',
    ),
    'queued',
    'another protocol',
  );
  t.equal(
    host.gather(
      changed((header) => (header.source = header.destination)),
      'conntrack-in',
    ),
    'queued',
    'another sender',
  );
  t.equal(host.defrag.size, 5);
  t.equal(host.gather(second!, 'conntrack-in'), 'complete');
  t.end();
});

t.test('a duplicate is dropped alone, an overlap takes the whole datagram with it', (t) => {
  const whole = datagram(92);
  const duplicate = new Host();
  duplicate.gather(cut(whole, { from: 0, to: 40 }));
  duplicate.gather(cut(whole, { from: 40, to: 80 }));
  t.equal(duplicate.gather(cut(whole, { from: 0, to: 40 })), 'dup-frag');
  t.equal(duplicate.gather(cut(whole, { from: 8, to: 72 })), 'dup-frag', 'within what came in a row');
  t.same(duplicate.drops, [], 'whose fate the caller decides');
  t.equal(duplicate.gather(cut(whole, { from: 80, to: 100 })), 'complete');

  for (const [from, to] of [
    [32, 48],
    [0, 80],
  ] as const) {
    const overlap = new Host();
    overlap.gather(cut(whole, { from: 40, to: 80 }));
    t.equal(overlap.gather(cut(whole, { from, to })), 'dup-frag', `${from} to ${to}`);
    t.match(overlap.drops, [{ reason: 'dup-frag', note: 'fragments overlap' }]);
    t.match([overlap.defrag.size, overlap.defrag.memory], [0, 0]);
  }
  const apart = new Host();
  apart.gather(cut(whole, { from: 40, to: 80 }));
  apart.gather(cut(whole, { from: 0, to: 40 }));
  t.equal(apart.gather(cut(whole, { from: 0, to: 80 })), 'dup-frag', 'over two that did not come in a row');
  t.equal(apart.defrag.size, 0);
  t.end();
});

t.test('fragments that contradict each other are dropped together', (t) => {
  const whole = datagram(92);
  const scripts: readonly (readonly [string, readonly Cut[]])[] = [
    [
      'two ends',
      [
        { from: 80, to: 100 },
        { from: 48, to: 56, last: true },
      ],
    ],
    [
      'octets behind the end',
      [
        { from: 40, to: 48, last: true },
        { from: 48, to: 56 },
      ],
    ],
    [
      'an end before what is there',
      [
        { from: 40, to: 80 },
        { from: 8, to: 16, last: true },
      ],
    ],
    ['an empty fragment', [{ from: 8, to: 8, last: false }]],
    ['less than eight octets in the middle', [{ from: 8, to: 12, last: false }]],
  ];
  for (const [name, cuts] of scripts) {
    const host = new Host();
    const results = cuts.map((part) => host.gather(cut(whole, part)));
    t.equal(results.at(-1), 'not-specified', name);
    t.equal(host.drops.length, cuts.length - 1, `${name}: those that waited`);
    t.equal(host.defrag.size, 0);
  }
  t.end();
});

t.test('a middle fragment is cut to a multiple of eight', (t) => {
  const host = new Host();
  const whole = datagram(32);
  host.gather(cut(whole, { from: 0, to: 28, last: false }));
  const last = host.skb(cut(whole, { from: 24, to: 40 }));
  t.equal(host.defrag.gather(last, 'local-deliver'), 'complete');
  t.same(last.toBytes(), whole);
  t.end();
});

t.test('what does not come together in time is dropped, and a final host says so', (t) => {
  const whole = datagram(92);
  const scripts: readonly {
    readonly name: string;
    readonly user: DefragUser;
    readonly route: Host['routeType'];
    readonly first: boolean;
    readonly answers: boolean;
  }[] = [
    { name: 'the receiver', user: 'local-deliver', route: 'local', first: true, answers: true },
    { name: 'without the first fragment', user: 'local-deliver', route: 'local', first: false, answers: false },
    { name: 'before conntrack, to us', user: 'conntrack-in', route: 'local', first: true, answers: true },
    { name: 'before conntrack, to be forwarded', user: 'conntrack-in', route: 'unicast', first: true, answers: false },
    { name: 'from a local socket', user: 'conntrack-out', route: 'unicast', first: true, answers: true },
    { name: 'no way back', user: 'local-deliver', route: 'ip-rpfilter', first: true, answers: false },
  ];
  for (const { name, user, route, first, answers } of scripts) {
    const host = new Host();
    host.routeType = route;
    const id = host.skb(new Uint8Array(0)).id + 1;
    host.gather(cut(whole, { from: first ? 0 : 8, to: 40 }), user);
    host.advance(15);
    host.gather(cut(whole, { from: 56, to: 80 }), user);
    host.advance(14.9);
    t.same(host.drops, [], `${name}: not yet`);
    host.advance(0.2);
    t.match(host.drops, [{ reason: 'fragment-reasm-timeout' }, { reason: 'fragment-reasm-timeout' }], name);
    t.same(host.errors, answers ? [{ id, type: 11, code: 1 }] : [], `${name}: time exceeded`);
    t.equal(host.defrag.memory, 0);
  }
  t.end();
});

t.test('a datagram cannot be longer than its length field says', (t) => {
  const host = new Host();
  const part = (offset: number, length: number, last: boolean): Uint8Array => {
    const bytes = cut(datagram(length - 8), { from: 0, to: length, last });
    const header = new Ipv4(viewOf(bytes), 0);
    header.flagsAndOffset = (last ? 0 : MF) | (offset >> 3);
    return bytes;
  };
  t.equal(host.gather(part(0, 32_768, false)), 'queued');
  t.equal(host.gather(part(32_768, 32_752, false)), 'queued');
  t.equal(host.gather(part(65_520, 100, true)), 'not-specified');
  t.match(host.drops, [{ note: /65535/ }, { note: /65535/ }]);
  t.end();
});

t.test('fragments that are far apart in the sender’s stream are of different datagrams', (t) => {
  const host = new Host().set('ipv4.ipfrag_max_dist', 4);
  const whole = datagram(92);
  host.gather(cut(whole, { from: 0, to: 40 }));
  for (let ipId = 100; ipId < 105; ipId++) host.gather(slices(datagram(92, ipId), 48)[0]!);
  t.equal(host.gather(cut(whole, { from: 40, to: 80 })), 'queued');
  t.match(host.drops, [{ reason: 'frag-too-far' }]);
  t.equal(host.gather(cut(whole, { from: 0, to: 40 })), 'queued', 'the datagram begins again');
  t.equal(host.gather(cut(whole, { from: 80, to: 100 })), 'complete');
  t.end();
});

t.test('memory for fragments is limited', (t) => {
  const host = new Host().set('ipv4.ipfrag_high_thresh', 4000);
  let ipId = 0;
  while (host.gather(slices(datagram(92, ++ipId), 48)[0]!) === 'queued');
  t.ok(ipId > 2 && ipId < 10);
  t.equal(host.gather(slices(datagram(92, 1), 48)[1]!), 'proto-mem', 'for those that wait already too');
  host.advance(31);
  t.equal(host.gather(slices(datagram(92, 1), 48)[0]!), 'queued');
  t.equal(new Host().set('ipv4.ipfrag_high_thresh', 0).gather(slices(datagram(92), 48)[0]!), 'proto-mem');
  t.end();
});

t.test('congestion in one fragment is congestion of all, and mixed transports are none', (t) => {
  const whole = datagram(92);
  const reassemble = (first: number, second: number): number | string => {
    const host = new Host();
    host.gather(cut(whole, { from: 0, to: 48, tos: first }));
    const last = host.skb(cut(whole, { from: 48, to: 100, tos: second }));
    const result = host.defrag.gather(last, 'local-deliver');
    return result === 'complete' ? last.ipv4.tos : result;
  };
  t.equal(reassemble(0x10, 0x10), 0x10);
  t.equal(reassemble(0x12, 0x13), 0x13, 'ECT(0) and CE');
  t.equal(reassemble(0x12, 0x11), 0x12, 'ECT(0) and ECT(1)');
  t.equal(reassemble(0x10, 0x13), 'not-specified', 'not ECT and CE');
  t.end();
});

t.test('DF survives where the largest fragment had it', (t) => {
  const whole = datagram(92);
  const reassemble = (first: boolean, second: boolean): { df: boolean; max: number } => {
    const host = new Host();
    host.gather(cut(whole, { from: 0, to: 64, dontFragment: first }), 'conntrack-in');
    const last = host.skb(cut(whole, { from: 64, to: 100, dontFragment: second }));
    t.equal(host.defrag.gather(last, 'conntrack-in'), 'complete');
    return { df: last.ipv4.dontFragment, max: last.fragMaxSize };
  };
  t.same(reassemble(true, true), { df: true, max: 84 });
  t.same(reassemble(true, false), { df: true, max: 84 });
  t.same(reassemble(false, true), { df: false, max: 84 });
  t.same(reassemble(false, false), { df: false, max: 84 });
  t.end();
});

t.test('the link-layer header of the first fragment stays before the whole', (t) => {
  const host = new Host();
  const whole = datagram(92);
  const framed = (bytes: Uint8Array, mark: number): Skb => {
    const skb = host.emulation.skbFrom(new Uint8Array([...Array.from({ length: 14 }, () => mark), ...bytes]));
    skb.mac = skb.data;
    skb.pull(14);
    skb.network = skb.data;
    return skb;
  };
  const [first, second] = slices(whole, 56).map((bytes, i) => framed(bytes, 0xa0 + i));
  host.defrag.gather(first!, 'conntrack-bridge-in');
  t.equal(host.defrag.gather(second!, 'conntrack-bridge-in'), 'complete');
  t.equal(second!.network - second!.mac, 14);
  t.equal(second!.view.getUint8(second!.mac), 0xa0);
  t.same(second!.toBytes(), whole);
  t.end();
});

t.test('a trace counts the pieces', (t) => {
  const host = new Host();
  host.emulation.tracer = { step: () => undefined };
  for (const bytes of slices(datagram(92), 40)) host.gather(bytes);
  t.same(host.steps, [
    { kind: 'reassemble', pieces: 1, complete: false },
    { kind: 'reassemble', pieces: 2, complete: false },
    { kind: 'reassemble', pieces: 3, complete: true },
  ]);
  t.end();
});
