import fc from 'fast-check';
import t from 'tap';
import { stringify } from 'yaml';
import { type Marks, parseBlock } from '../../src/kubernetes/source/yaml-block.js';
import { formatYaml, MAX_ALIAS_NODES, parseQuoted, parseYaml } from '../../src/kubernetes/source/yaml-full.js';
import { resolvePlain } from '../../src/kubernetes/source/yaml-scalar.js';
import { podDump } from './kubectl-dump.js';

const block = (text: string) => parseBlock(text, { quoted: parseQuoted });

t.test('a plain scalar means what it means to kubectl', (t) => {
  const table: readonly [string, unknown][] = [
    ['yes', true],
    ['On', true],
    ['FALSE', false],
    ['n', false],
    ['~', null],
    ['', null],
    ['Null', null],
    ['tRue', 'tRue'],
    ['0', 0],
    ['-12', -12],
    ['+3', 3],
    ['0644', 420],
    ['0o644', 420],
    ['08', 8],
    ['0x1F', 31],
    ['-0b101', -5],
    ['1_000', 1000],
    ['1e3', 1000],
    ['.5', 0.5],
    ['5.', 5],
    ['.inf', Infinity],
    ['-.inf', -Infinity],
    ['10.0.0.1', '10.0.0.1'],
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['5663:12', '5663:12'],
    ['2001-12-14', '2001-12-14'],
    ['-', '-'],
    ['.', '.'],
    ['e3', 'e3'],
    ['1.2.3', '1.2.3'],
    ['0x', '0x'],
  ];
  for (const [text, value] of table) t.same(resolvePlain(text), value, JSON.stringify(text));
  t.ok(Number.isNaN(resolvePlain('.nan')));
  t.end();
});

/** Text, and whether the fast parser takes it on. */
const LAYOUTS: readonly [string, 'fast' | 'full', string][] = [
  ['maps in maps', 'fast', 'a:\n  b:\n    c: 1\n  d: x\n'],
  ['a list at its key’s depth', 'fast', 'a:\n- 1\n- b: 2\n  c: 3\nd: 4\n'],
  ['a list below its key', 'fast', 'a:\n  - 1\n  -   b: 2\n      c: 3\n'],
  ['lists in lists', 'fast', '- - 1\n  - 2\n- - 3\n'],
  ['a dash alone', 'fast', 'a:\n-\n  b: 1\n-\n- 2\n'],
  ['quoted scalars', 'fast', 'a: "x: y # z"\nb: \'it\'\'s\'\nc: "tab\\tquote\\" \\u00e9"\n"d e": 1\n'],
  ['a quoted scalar over lines', 'fast', 'a: "one\n  two\\\n  \\ three"\nb: 1\n'],
  ['a plain scalar over lines', 'fast', 'a: one\n  two\n\n  three\nb: 1\n'],
  ['comments', 'fast', '# top\na: 1 # one\n# between\nb: "#"  # two\nc: x#y\n'],
  ['no newline at the end', 'fast', 'a: 1\nb: x'],
  ['empty values', 'fast', 'a:\nb: {}\nc: []\nd: ""\ne: null\n'],
  ['literal text', 'fast', 'a: |\n  one\n    two\n\n  three\n\nb: 1\n'],
  ['literal text, stripped', 'fast', 'a: |-\n  one\n\nb: 1\n'],
  ['literal text, kept', 'fast', 'a: |+\n  one\n\nb: 1\n'],
  ['literal text with an indent given', 'fast', 'a: |2\n    one\n   two\nb: 1\n'],
  ['literal text in a list', 'fast', '- |\n one\n- b: |\n    two\n'],
  ['literal text with # and ---', 'fast', 'a: |\n  # no comment\n  --- x\nb: 1\n'],
  ['literal text at the end', 'fast', 'a: |\n  one'],
  ['empty literal text', 'fast', 'a: |\nb: 1\n'],
  ['keys with colons', 'fast', 'f:metadata:\n  k:{"ip":"10.0.0.1"}: 1\n  .: {}\n'],
  ['words as keys', 'fast', 'on: 1\n8080: x\n0755: y\n'],
  ['values that begin with signs', 'fast', 'a: -1\nb: -x\nc: :80\nd: ?x\n'],
  ['a value with a colon inside', 'fast', 'a: http://x:80/\n- b'.slice(0, 15)],
  ['flow collections', 'fast', 'a: {b: 1, c: [x, "y"]}\nd: [{e: f}, [], {}, [1, -2]]  # three\n'],
  [
    'flow collections in lists',
    'fast',
    '- {type: InternalIP, address: 10.0.0.1}\n- [a:b, http://x:80/y, "c d", \'e: f\']\n',
  ],
  ['words in flow collections', 'fast', 'a: [yes, off, 0644, 1e3, 10.0.0.0/8, -1]\nb: {on: null, 8080: No}\n'],
  ['blanks inside scalars of a flow collection', 'fast', 'a: [one two, {b c: 1}]\n'],
  ['quoted keys in flow collections', 'fast', 'a: {"b c": 1, \'d\': 2}\n'],
  ['flow collections over lines', 'full', 'a: {b: 1,\n  c: 2}\n'],
  ['a key without a value in a flow collection', 'full', 'a: {b, c: , d: 1}\n'],
  ['a pair in a flow list', 'full', 'a: [b: 1]\n'],
  ['a comma at the end', 'full', 'a: [1, 2,]\n'],
  ['escapes in flow collections', 'full', "a: [\"x\\ty\", 'it''s']\n"],
  ['an alias in a flow collection', 'full', 'x: &x 1\na: [*x]\n'],
  ['folded text', 'full', 'a: >\n  one\n  two\n'],
  ['anchors and aliases', 'full', 'a: &x {b: 1}\nc: *x\n'],
  ['tags', 'full', 'a: !!str 1\nb: !!int "7"\n'],
  ['carriage returns', 'full', 'a: 1\r\nb: 2\r\n'],
  ['keys with blanks', 'full', 'a b: 1\n'],
  ['explicit keys', 'full', '? a\n: 1\n'],
];

for (const [name, how, text] of LAYOUTS) {
  t.test(`layout: ${name}`, (t) => {
    const fast = block(text);
    const full = parseYaml(text);
    t.equal(fast === undefined ? 'full' : 'fast', how);
    t.ok('value' in full, 'the full parser reads it');
    if (fast !== undefined && 'value' in full) t.same(fast.value, full.value);
    t.end();
  });
}

t.test('whatever stands in brackets, the fast parser reads it as the full one does, or leaves it', (t) => {
  const signs = '{ } [ ] , : " \' - . / # ~ % @ | > ? \\ ( ) = + $ &x *x !t << a 1'.split(' ');
  const words = ['yes', 'null', '0x1F', '10.0.0.0/8', '"q"', "'s'", '__proto__', 'b c', ' ', ', ', ': ', '- ', ' #'];
  const piece = fc.constantFrom(...signs, ...words);
  const brackets = fc
    .tuple(fc.constantFrom('{', '[', ''), fc.array(piece, { maxLength: 12 }), fc.constantFrom('}', ']', ''))
    .map(([open, inner, close]) => `a: ${open}${inner.join('')}${close}\n`);
  let taken = 0;
  fc.assert(
    fc.property(brackets, (text) => {
      const fast = block(text);
      if (fast === undefined) return true;
      taken += 1;
      const full = parseYaml(text);
      return 'value' in full && fc.stringify(full.value) === fc.stringify(fast.value);
    }),
    { numRuns: 20_000 },
  );
  t.ok(taken > 500, `${taken} were taken on`);
  t.end();
});

const WRONG: readonly [string, string][] = [
  ['a tab as indentation', 'a:\n\tb: 1\n'],
  ['a repeated key', 'a: 1\na: 2\n'],
  ['a map inside a plain value', 'a: b: c\n'],
  ['a key deeper than its siblings', 'a: 1\n  b: 2\n'],
  ['a key less deep than its siblings', 'a:\n    b: 1\n  c: 2\n'],
  ['an open quote', 'a: "x\nb: 1\n'],
  ['an open bracket', 'a: [1, 2\nb: 1\n'],
  ['a bracket that closes another', 'a: [1, 2}\n'],
  ['a repeated key in a flow collection', 'a: {b: 1, b: 2}\n'],
  ['a text behind a flow collection', 'a: [1] x\n'],
  ['a text behind a quote', 'a: "x" y\n'],
  ['an alias of nothing', 'a: *x\n'],
];

for (const [name, text] of WRONG) {
  t.test(`mistake: ${name}`, (t) => {
    t.equal(block(text), undefined, 'the fast parser gives up');
    const full = parseYaml(text);
    t.ok('flaws' in full && full.flaws.length > 0, 'the full parser says what is wrong');
    t.end();
  });
}

t.test('aliases are expanded within a bound', (t) => {
  const laughs = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
  for (const [i, name] of Array.from('bcdefgh').entries()) {
    const inner = 'abcdefg'.charAt(i);
    laughs.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${inner}`).join(', ')}]`);
  }
  const result = parseYaml(laughs.join('\n'));
  t.match(result, { flaws: [{ expected: `aliases for at most ${MAX_ALIAS_NODES} values` }] });
  t.match(parseYaml('a: &a\n  b: *a\n'), { flaws: [{ got: 'a circle' }] });
  t.end();
});

t.test('merge keys give way to what the map says itself', (t) => {
  const result = parseYaml('base: &b {x: 1, z: 2}\nd:\n  <<: *b\n  z: 3\n');
  t.match(result, { value: { d: { x: 1, z: 3 } } });
  t.equal('value' in result && JSON.stringify(result.value), '{"base":{"x":1,"z":2},"d":{"z":3,"x":1}}');
  t.end();
});

t.test('deep nesting is an answer, not a crash', (t) => {
  const tooDeep = { expected: 'at most 200 levels of nesting', got: 'deeper nesting' };
  const brackets = 'a: ['.length + 199;
  t.same(parseYaml(`a: ${'['.repeat(50_000)}`), { flaws: [{ offset: brackets, ...tooDeep }] });
  t.same(parseYaml(`a:\n  ${'- '.repeat(50_000)}b\n`), { flaws: [{ offset: 'a:\n  '.length + 400, ...tooDeep }] });
  t.match(parseYaml(`${'['.repeat(300)}${']'.repeat(300)}`), { flaws: [tooDeep] });
  t.equal(block(`${'- '.repeat(5_000)}x`), undefined);
  t.end();
});

t.test('a key __proto__ is a key', (t) => {
  const result = parseYaml('{__proto__: {x: 1}, y: 2}');
  t.ok('value' in result && Object.hasOwn(Object(result.value), '__proto__'));
  t.end();
});

const scalars = fc.oneof(
  fc.constantFrom(
    'x',
    'yes',
    '10.0.0.1',
    '',
    ' x',
    '- a',
    'a: b',
    '#',
    "it's",
    '"q"',
    '1e5',
    '0644',
    'a\nb',
    '\n',
    'x\n',
    '~',
    '\\',
  ),
  fc.string({ maxLength: 12 }),
  fc.integer({ min: -1000, max: 1_000_000 }),
  fc.boolean(),
  fc.constant(null),
);
const keys = fc.oneof(
  fc.constantFrom('a', 'name', 'k8s.io/x', 'on', '1', 'a b', 'x:y'),
  fc.string({ minLength: 1, maxLength: 6 }),
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    scalars,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(keys, tie('tree'), { maxKeys: 4 }),
  ),
}));
const STYLES = [
  {},
  { indentSeq: false },
  { lineWidth: 20 },
  { defaultStringType: 'QUOTE_DOUBLE' },
  { indent: 4 },
] as const;

t.test('whatever the fast parser reads, the full parser reads alike', (t) => {
  fc.assert(
    fc.property(tree, fc.constantFrom(...STYLES), (value, style) => {
      const text = stringify({ top: value }, style);
      const fast = block(text);
      if (fast === undefined) return;
      const full = parseYaml(text);
      t.same(fast.value, 'value' in full ? full.value : full, JSON.stringify(text));
    }),
    { seed: 7, numRuns: 1500 },
  );
  t.end();
});

const SAMPLE = podDump(1)
  .split('\n')
  .filter((_, i) => i < 70)
  .join('\n');

t.test('a mutated text that the fast parser still reads means the same to the full parser', (t) => {
  const pieces = [
    ' ',
    '  ',
    '\n',
    ':',
    ': ',
    '- ',
    '#',
    ' #',
    '"',
    "'",
    '|',
    '{}',
    '[',
    'x',
    '\t',
    '&a ',
    '*a',
    '|-\n',
  ];
  fc.assert(
    fc.property(fc.nat(SAMPLE.length - 1), fc.nat(6), fc.constantFrom('', ...pieces), (at, removed, piece) => {
      const text = SAMPLE.slice(0, at) + piece + SAMPLE.slice(at + removed);
      const fast = block(text);
      if (fast === undefined) return;
      const full = parseYaml(text);
      if (!('value' in full)) t.fail(`only the fast parser reads ${JSON.stringify(text.slice(at - 80, at + 80))}`);
      else if (JSON.stringify(fast.value) !== JSON.stringify(full.value))
        t.same(fast.value, full.value, JSON.stringify({ at, removed, piece }));
    }),
    { seed: 11, numRuns: 1500 },
  );
  t.pass();
  t.end();
});

t.test('marks stand where the full parser puts the same fields', (t) => {
  const text = 'a: 1\nb:\n  c: "x"\n  d:\n  - e: 2\n    f: g\n  - h\nlong: |\n  text\n';
  const marks: Marks = new Map();
  const value = parseBlock(text, { quoted: parseQuoted, marks })?.value;
  const full = parseYaml(text);
  const paths = [
    ['a'],
    ['b'],
    ['b', 'c'],
    ['b', 'd'],
    ['b', 'd', 0],
    ['b', 'd', 0, 'f'],
    ['b', 'd', 1],
    ['long'],
  ] as const;
  for (const path of paths) {
    let node: unknown = value;
    let offset = -1;
    for (const step of path) {
      offset = marks.get(Object(node))?.get(step) ?? -1;
      node = Reflect.get(Object(node), step);
    }
    t.equal('value' in full && full.offsetOf(path), offset, path.join('.'));
  }
  t.end();
});

t.test(
  'a document is written with its fields in order, and texts that would be read otherwise in quotes',
  async (t) => {
    t.equal(
      formatYaml({
        b: ['x', { z: 1, a: null }],
        a: ['yes', '12', '1:30', '2026-01-02T03:04:05Z', '', "it's: so", 'all()', '8000:8080'],
        c: {},
        d: [],
      }),
      `a:
- "yes"
- "12"
- "1:30"
- "2026-01-02T03:04:05Z"
- ""
- 'it''s: so'
- all()
- 8000:8080
b:
- x
- a: null
  z: 1
c: {}
d: []
`,
    );
  },
);
