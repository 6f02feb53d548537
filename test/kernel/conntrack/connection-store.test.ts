import * as fc from 'fast-check';
import t from 'tap';
import { ConnectionStore } from '../../../src/kernel/conntrack/connection-store.js';
import { CtEntry, type CtTuple, IPS } from '../../../src/kernel/conntrack/entry.js';
import { hashTuple, inverted, tuplesEqual } from '../../../src/kernel/conntrack/tuple.js';
import { ipv4 } from '../../../src/packet/index.js';

/** Few values, so that tuples meet. */
const anyTuple = fc.record({
  source: fc.integer({ min: 1, max: 4 }).map(ipv4),
  destination: fc.integer({ min: -4, max: -1 }).map(ipv4),
  protocol: fc.constantFrom(6, 17, 47),
  sourcePort: fc.nat(3),
  destinationPort: fc.nat(2),
});

const key = (tuple: CtTuple): string =>
  [tuple.source, tuple.destination, tuple.protocol, tuple.sourcePort, tuple.destinationPort].join(' ');

const entryOf = (id: number, original: CtTuple): CtEntry => {
  const entry = new CtEntry(id, { original, reply: inverted(original)! }, { state: '' });
  entry.status |= IPS.confirmed | IPS.srcNatDone;
  return entry;
};

t.test('the table finds by either tuple what a map would, whatever was inserted, removed and expired', (t) => {
  const anyAction = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        what: fc.constant('insert' as const),
        tuple: anyTuple,
        seconds: fc.integer({ min: 1, max: 9 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ what: fc.constant('kill' as const), tuple: anyTuple, seconds: fc.constant(0) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        what: fc.constant('wait' as const),
        tuple: anyTuple,
        seconds: fc.integer({ min: 1, max: 3 }),
      }),
    },
  );
  fc.assert(
    fc.property(fc.array(anyAction, { maxLength: 120 }), (actions) => {
      const clock = { nowNs: 0 };
      const store = new ConnectionStore(clock);
      const model = new Map<string, CtEntry>();
      const living = (tuple: CtTuple): CtEntry | undefined => {
        const entry = model.get(key(tuple));
        return entry !== undefined && entry.expiresNs > clock.nowNs ? entry : undefined;
      };
      actions.forEach(({ what, tuple, seconds }, i) => {
        if (what === 'wait') clock.nowNs += seconds;
        else if (what === 'kill') {
          const entry = living(tuple);
          if (entry !== undefined) {
            store.kill(entry);
            model.delete(key(entry.original));
            model.delete(key(entry.reply));
          }
        } else if (living(tuple) === undefined && living(inverted(tuple)!) === undefined) {
          const entry = entryOf(i, tuple);
          entry.expiresNs = clock.nowNs + seconds;
          // As confirmation does: look, so that what has expired goes, then insert.
          store.find(entry.original);
          store.find(entry.reply);
          store.insert(entry);
          model.set(key(entry.original), entry);
          model.set(key(entry.reply), entry);
        }
        t.equal(store.find(tuple)?.entry, living(tuple));
        t.equal(store.find(inverted(tuple)!)?.entry, living(inverted(tuple)!));
      });
      const alive = new Set([...model.values()].filter((entry) => entry.expiresNs > clock.nowNs));
      t.same(new Set(store.entries().map((entry) => entry.id)), new Set([...alive].map((entry) => entry.id)));
      for (const entry of alive) {
        const fromSource = [...store.fromSource(entry.original)];
        t.ok(fromSource.includes(entry), 'found by its source');
        t.ok(fromSource.every((other) => other.original.source === entry.original.source));
      }
    }),
    { numRuns: 60 },
  );
  t.end();
});

t.test('many connections stay findable while the table grows, and what has expired is swept', (t) => {
  const clock = { nowNs: 0 };
  const store = new ConnectionStore(clock);
  const tuple = (i: number): CtTuple => ({
    source: ipv4(i),
    destination: ipv4(-1),
    protocol: 17,
    sourcePort: 1,
    destinationPort: 2,
  });
  for (let i = 0; i < 5000; i++) {
    const entry = entryOf(i, tuple(i));
    entry.expiresNs = i < 2500 ? 10 : 1000;
    store.insert(entry);
  }
  t.equal(store.size, 5000);
  t.ok(Array.from({ length: 5000 }, (_, i) => store.find(tuple(i))?.entry.id === i).every(Boolean));
  t.ok(Array.from({ length: 5000 }, (_, i) => store.find(inverted(tuple(i))!)?.direction === 'reply').every(Boolean));
  clock.nowNs = 10;
  for (let i = 5000; i < 9000; i++) {
    const entry = entryOf(i, tuple(i));
    entry.expiresNs = 1000;
    store.insert(entry);
  }
  t.ok(store.size < 9000, 'without anybody having met them');
  t.equal(store.entries().length, 6500);
  store.clear();
  t.equal(store.find(tuple(8000)), undefined);
  t.end();
});

t.test('a tuple turned around twice is itself, and hashes well', (t) => {
  fc.assert(
    fc.property(anyTuple, (tuple) => {
      const back = inverted(inverted(tuple)!)!;
      return tuplesEqual(back, tuple) && hashTuple(back) === hashTuple(tuple);
    }),
  );
  const buckets = new Uint32Array(256);
  for (let i = 0; i < 25_600; i++) {
    const hash = hashTuple({
      source: ipv4(0x0a000001 + (i >> 6)),
      destination: ipv4(0x0a600001),
      protocol: 6,
      sourcePort: 32_768 + (i & 63),
      destinationPort: 443,
    });
    buckets[hash >>> 24] = (buckets[hash >>> 24] ?? 0) + 1;
  }
  t.ok(Math.max(...buckets) < 160, 'neighbouring clients spread over the buckets, 100 each');
  t.ok(Math.min(...buckets) > 50);
  t.end();
});
