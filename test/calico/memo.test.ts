import t from 'tap';
import fc from 'fast-check';
import { followedList } from '../../src/calico/memo.js';

interface Element {
  readonly id: number;
}

const element = (id: number): Element => ({ id });

t.test('a list that is followed has the value of each element, whatever has come and gone', async (t) => {
  const pool = Array.from({ length: 12 }, (_, id) => element(id));
  const lists = fc.array(fc.array(fc.constantFrom(...pool), { maxLength: 12 }), { minLength: 2, maxLength: 8 });
  fc.assert(
    fc.property(lists, (all) => {
      const follow = followedList(({ id }: Element) => `of ${id}`);
      for (const list of all)
        t.strictSame(
          follow(list),
          list.map(({ id }) => `of ${id}`),
        );
    }),
    { numRuns: 200, seed: 4720 },
  );
});

t.test('few are made anew where few are different', async (t) => {
  const list = Array.from({ length: 100 }, (_, id) => element(id));
  let made = 0;
  const follow = followedList((one: Element) => {
    made += 1;
    return one.id;
  });
  const madeFor = (next: readonly Element[]): number => {
    made = 0;
    follow(next);
    return made;
  };
  t.equal(madeFor(list), 100);
  t.equal(madeFor([...list]), 0);
  const replaced = list.with(40, element(140)).with(41, element(141));
  t.equal(madeFor(replaced), 2, 'two others in their places');
  t.equal(madeFor(replaced.toSpliced(10, 1)), 0, 'one has gone');
  t.equal(madeFor(replaced), 1, 'it has come again');
  t.equal(madeFor(replaced.slice(1)), 0, 'the first has gone');
  t.equal(madeFor(replaced.slice(1, 50)), 0, 'and the last');
});
