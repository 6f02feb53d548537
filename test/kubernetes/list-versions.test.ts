/** What is followed through a list's versions is what would be made of the list anew. */

import t from 'tap';
import fc from 'fast-check';
import { byParts, GroupedList, replacedSince, Store, Table } from '../../src/kubernetes/index.js';

interface Thing {
  readonly namespace: string;
  readonly name: string;
  readonly group: string;
  readonly note: number;
}

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const GROUPS = ['x', 'y', ''];

const change = fc.record({
  name: fc.constantFrom(...NAMES),
  group: fc.constantFrom(...GROUPS),
  note: fc.nat(3),
  kind: fc.constantFrom('put', 'put', 'put', 'delete', 'look', 'look', 'look at one'),
});

t.test('replaced objects are followed', (t) => {
  let followed = 0;
  fc.assert(
    fc.property(fc.array(change, { minLength: 10, maxLength: 60, size: 'max' }), (changes) => {
      const table = new Table<Thing>();
      for (const name of NAMES) table.put({ namespace: '', name, group: 'x', note: 0 });
      const grouped = new GroupedList<Thing>(({ group }) => (group === '' ? undefined : group));
      const late = new GroupedList<Thing>(({ group }) => group);
      let made = 0;
      const names = byParts<Thing, string>(
        ({ group }) => [group],
        (list) => {
          made += 1;
          return list.map(({ name, group }) => `${name}${group}`).join();
        },
      );
      let before = table.list();
      for (const { kind, name, group, note } of changes) {
        const held = table.get('', name);
        if (kind === 'put') table.put({ namespace: '', name, group: note > 1 ? (held?.group ?? group) : group, note });
        else if (kind === 'delete' && note === 0) table.delete('', name);
        else if (kind === 'look at one') late.of(table.list(), group);
        else {
          const list = table.list();
          for (const one of GROUPS) {
            const wanted = list.filter((thing) => thing.group === one);
            t.strictSame(grouped.of(list, one), one === '' ? [] : wanted);
            if (note === 3) t.strictSame(late.of(list, one), wanted);
          }
          t.equal(names(list), list.map((thing) => `${thing.name}${thing.group}`).join());
          const places = replacedSince(list, before);
          if (places !== undefined) {
            followed += 1;
            t.equal(list.length, before.length);
            list.forEach((thing, i) => t.ok(thing === before[i] || places.includes(i)));
          }
          before = list;
        }
      }
      t.ok(made > 0 || changes.every(({ kind }) => kind !== 'look'));
    }),
    { numRuns: 200, seed: 815 },
  );
  t.ok(followed > 300, `${followed} lists followed`);
  t.end();
});

t.test('groups that nothing has changed in stay the same arrays', (t) => {
  const table = new Table<Thing>();
  for (const [i, name] of NAMES.entries()) table.put({ namespace: '', name, group: i < 4 ? 'x' : 'y', note: 0 });
  const grouped = new GroupedList<Thing>(({ group }) => group);
  const [x, y] = ['x', 'y'].map((key) => grouped.of(table.list(), key));
  table.put({ namespace: '', name: 'b', group: 'x', note: 1 });
  t.not(grouped.of(table.list(), 'x'), x);
  t.equal(grouped.of(table.list(), 'y'), y);
  t.end();
});

t.test('a list of many versions ago is not followed', (t) => {
  const store = new Store();
  const list = store.list('Pod');
  t.strictSame(replacedSince(list, list), []);
  const table = new Table<Thing>();
  table.put({ namespace: '', name: 'a', group: '', note: 0 });
  const first = table.list();
  for (let note = 1; note < 100; note += 1) {
    table.put({ namespace: '', name: 'a', group: '', note });
    const places = replacedSince(table.list(), first);
    t.ok(places === undefined || places.join() === '0');
  }
  t.equal(replacedSince(table.list(), first), undefined);
  t.end();
});
