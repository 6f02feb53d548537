import t from 'tap';
import {
  type Labels,
  meetsRequirement,
  parseFieldSelector,
  parseLabelSelector,
  SelectorError,
} from '../../src/kubernetes/index.js';

const selects = (text: string, labels: Labels): boolean =>
  parseLabelSelector(text).every((requirement) => meetsRequirement(requirement, labels));

/** The place of the mistake, from 1; undefined where there is none. */
function mistakeIn(parse: () => unknown): number | undefined {
  try {
    parse();
  } catch (error) {
    if (error instanceof SelectorError) return error.at + 1;
    throw error;
  }
  return undefined;
}

t.test('label selectors select as in Kubernetes', (t) => {
  const labels = { x: 'a', 'example.org/tier': 'front', in: 'b', n: '5', empty: '' };
  const cases: readonly (readonly [selector: string, selected: boolean])[] = [
    ['', true],
    ['  ', true],
    ['x', true],
    ['y', false],
    ['!y', true],
    ['! x', false],
    ['x=a', true],
    ['x==a', true],
    ['x = a , n', true],
    ['x!=a', false],
    ['y!=a', true],
    ['x in (a,b)', true],
    ['x in(b)', false],
    ['x notin (b)', true],
    ['y notin (b)', true],
    ['y in (b)', false],
    ['x in (,a)', true],
    ['empty in ()', true],
    ['empty=', true],
    ['empty=,x=a', true],
    ['x=', false],
    ['y notin ()', true],
    ['x in (b,,a)', true],
    ['in', true],
    ['in=b', true],
    ['in in (in,b)', true],
    ['in notin (notin)', true],
    ['x=in', false],
    ['example.org/tier=front', true],
    ['n>4', true],
    ['n>5', false],
    ['n<6,n>4', true],
    ['x>1', false],
    ['y<1', false],
    ['toString', false],
    ['x\tin\n(a)', true],
  ];
  for (const [selector, selected] of cases) t.equal(selects(selector, labels), selected, selector);
  t.end();
});

t.test('what is no label selector is told with its place', (t) => {
  const cases: readonly (readonly [selector: string, at: number])[] = [
    [',x', 1],
    ['x,', 3],
    ['x,,y', 3],
    ['x y', 3],
    ['x=a=b', 4],
    ['x=(a)', 3],
    ['x in a', 6],
    ['x in (a', 8],
    ['x in (a b)', 9],
    ['x in (a=b)', 8],
    ['x in (a) y', 10],
    ['!', 2],
    ['!!x', 2],
    ['!x=a', 3],
    ['=a', 1],
    ['x=!a', 3],
    ['x><1', 3],
    ['x>a', 3],
    ['n>-1', 3],
    ['x>', 3],
    ['_x', 1],
    ['a/b/c=d', 1],
    ['UP/x', 1],
    ['/x', 1],
    ['x'.repeat(64), 1],
    ['x=-a', 3],
    [`x=${'a'.repeat(64)}`, 3],
    ['x in (a, b!)', 11],
    ['x=ä', 3],
  ];
  for (const [selector, at] of cases)
    t.equal(
      mistakeIn(() => parseLabelSelector(selector)),
      at,
      selector,
    );
  t.end();
});

t.test('field selectors are read as in Kubernetes', (t) => {
  const terms = (text: string) => parseFieldSelector(text).map(({ field, isEqual, value }) => [field, isEqual, value]);
  t.strictSame(terms(''), []);
  t.strictSame(terms('metadata.name=a'), [['metadata.name', true, 'a']]);
  t.strictSame(terms('a==b,c!=d,,e='), [
    ['a', true, 'b'],
    ['c', false, 'd'],
    ['e', true, ''],
  ]);
  t.strictSame(terms(String.raw`a=x\,y\=z\\,b=c`), [
    ['a', true, String.raw`x,y=z\ `.trim()],
    ['b', true, 'c'],
  ]);
  for (const [text, at] of [
    ['a', 1],
    ['a=b,c', 5],
    ['a=b=c', 4],
    [String.raw`a=b\c`, 4],
    ['a=b\\', 4],
  ] as const)
    t.equal(
      mistakeIn(() => parseFieldSelector(text)),
      at,
      text,
    );
  t.end();
});
