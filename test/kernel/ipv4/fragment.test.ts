/** Where datagrams are cut: RFC 791 §3.2, and net/ipv4/ip_output.c:ip_frag_next(). */

import fc from 'fast-check';
import t from 'tap';
import { boundaries } from '../../../src/kernel/ipv4/fragment.js';

t.test('all but the last are of units of eight octets, and the last may fill what the MTU leaves', (t) => {
  t.same(boundaries(1480, 1480), [1480]);
  t.same(boundaries(1481, 1480), [1480, 1]);
  // An MTU of 1450 leaves 1430, of which 1424 can be used before the end.
  t.same(boundaries(1424 + 1430, 1430), [1424, 1430]);
  t.same(boundaries(1424 + 1431, 1430), [1424, 1424, 7]);
  t.end();
});

t.test('whatever the MTU, nothing is lost and every piece fits', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 65_515 }), fc.integer({ min: 8, max: 1480 }), (payload, room) => {
      const lengths = boundaries(payload, room);
      const sum = lengths.reduce((all, length) => all + length, 0);
      const allFit = lengths.every((length, i) => length <= room && (length % 8 === 0 || i === lengths.length - 1));
      // With one piece less the last would not fit.
      const asFew = lengths.length === 1 || (lengths.length - 2) * (room & ~7) + room < payload;
      return sum === payload && allFit && asFew;
    }),
    { seed: 11 },
  );
  t.end();
});
